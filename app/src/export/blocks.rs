//! A conversation as paragraphs to be set on pages.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{author, date_text, ending, evidence_text, files_of, other_branches};
use crate::say;
use crate::state::Conversation;
use crate::words::say;

/// Size of letters in points.
const BODY: f32 = 10.5;

/// Some text of one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    /// The words; a line end ends the line.
    pub(super) text: String,
    /// With more weight.
    pub(super) strong: bool,
    /// Leaning.
    pub(super) slanted: bool,
    /// In letters of one width.
    pub(super) code: bool,
    /// Less important.
    pub(super) weak: bool,
    /// In the colour of names.
    pub(super) accent: bool,
}

/// A paragraph.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) pieces: Vec<Piece>,
    /// From the left margin, in points.
    pub(super) indent: f32,
    /// What stands before its first line: a number or a dot.
    pub(super) mark: Option<String>,
    /// Of its letters, in points.
    pub(super) size: f32,
    /// White above it, in points.
    pub(super) space_before: f32,
    /// Whether a light ground lies behind it.
    pub(super) ground: bool,
}

impl Block {
    fn new(pieces: Vec<Piece>, size: f32, space_before: f32) -> Self {
        Self { pieces, indent: 0.0, mark: None, size, space_before, ground: false }
    }

    /// A small remark.
    pub(super) fn note(text: String) -> Self {
        Self::new(vec![Piece { text, weak: true, ..Piece::default() }], 8.5, 4.0)
    }
}

/// The branch that is shown.
pub(super) fn blocks_of(conversation: &Conversation) -> Vec<Block> {
    let strong = |text: String| Piece { text, strong: true, ..Piece::default() };
    let plain = |text: String| Piece { text, ..Piece::default() };
    let mut blocks = vec![Block::new(vec![strong(conversation.title.clone())], 17.0, 0.0)];
    blocks.push(Block::note(date_text(conversation.created_s)));
    if let Some(system) = &conversation.setup.system {
        blocks.push(Block::note(format!("{}: {system}", say("conversations-instructions"))));
    }
    for exchange in &conversation.exchanges {
        let name = |text: String| Piece { text, strong: true, accent: true, ..Piece::default() };
        let when = Piece { text: format!("  {}", date_text(exchange.asked_s)), weak: true, ..Piece::default() };
        blocks.push(Block::new(vec![name(say("conversations-you").to_owned()), when], 9.0, 18.0));
        if let Some(passage) = &exchange.context.passage {
            let text = format!("{}\n{}", passage.passage.text.trim(), passage.source());
            blocks.push(Block { indent: 14.0, ground: true, ..Block::note(text) });
        }
        let question = Block::new(vec![plain(exchange.question.clone())], BODY, 2.0);
        blocks.push(Block { indent: 8.0, ground: true, ..question });
        let files = files_of(conversation, exchange);
        if !files.is_empty() {
            blocks.push(Block::note(say!("conversations-files", names = files.join(", "))));
        }
        let answer = &exchange.answer;
        blocks.push(Block::new(vec![name(author(answer))], 9.0, 9.0));
        markdown(&answer.text, &mut blocks);
        blocks.extend(ending(answer).map(Block::note));
        if !answer.evidence.is_empty() {
            blocks.push(Block::note(say("conversations-evidence").to_owned()));
        }
        for evidence in &answer.evidence {
            let note = Block::note(evidence_text(evidence));
            blocks.push(Block { indent: 14.0, mark: Some("•".into()), space_before: 1.0, ..note });
        }
        blocks.extend(answer.notices.iter().cloned().map(Block::note));
    }
    blocks.extend(other_branches(conversation).map(|text| Block { space_before: 18.0, ..Block::note(text) }));
    blocks
}

/// What is open while Markdown is read.
#[derive(Default)]
struct Reading {
    piece: Piece,
    pieces: Vec<Piece>,
    size: f32,
    /// The number of the next item of each list that is open; none for dots.
    lists: Vec<Option<u64>>,
    mark: Option<String>,
    quotes: usize,
    in_code: bool,
    cells: usize,
}

impl Reading {
    fn text(&mut self, text: &str) {
        self.pieces.push(Piece { text: text.to_owned(), ..self.piece.clone() });
    }

    /// Ends the paragraph.
    fn end(&mut self, blocks: &mut Vec<Block>) {
        if self.pieces.is_empty() {
            return;
        }
        let depth = self.lists.len() as f32 * 16.0 + self.quotes as f32 * 14.0;
        let in_list = !self.lists.is_empty();
        let size = if self.size > 0.0 { self.size } else { BODY };
        let mut block = Block::new(std::mem::take(&mut self.pieces), size, if in_list { 2.0 } else { 5.0 });
        block.indent = depth + if self.in_code { 8.0 } else { 0.0 };
        block.mark = self.mark.take();
        block.ground = self.in_code || self.quotes > 0;
        if self.in_code {
            block.size = 9.0;
        }
        blocks.push(block);
    }
}

/// Adds the paragraphs of a Markdown text.
fn markdown(text: &str, blocks: &mut Vec<Block>) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut reading = Reading::default();
    let r = &mut reading;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                r.end(blocks);
                r.piece.strong = true;
                r.size = match level {
                    HeadingLevel::H1 => 15.0,
                    HeadingLevel::H2 => 13.5,
                    _ => 12.0,
                };
            }
            Event::End(TagEnd::Heading(_)) => {
                r.end(blocks);
                (r.piece.strong, r.size) = (false, 0.0);
            }
            Event::Start(Tag::List(first)) => {
                r.end(blocks);
                r.lists.push(first);
            }
            Event::End(TagEnd::List(_)) => {
                r.end(blocks);
                r.lists.pop();
            }
            Event::Start(Tag::Item) => {
                r.end(blocks);
                r.mark = Some(match r.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => "•".to_owned(),
                });
            }
            Event::Start(Tag::CodeBlock(_)) => {
                r.end(blocks);
                (r.in_code, r.piece.code) = (true, true);
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some(last) = r.pieces.last_mut() {
                    last.text.truncate(last.text.trim_end_matches('\n').len());
                }
                r.end(blocks);
                (r.in_code, r.piece.code) = (false, false);
            }
            Event::Start(Tag::BlockQuote(_)) => {
                r.end(blocks);
                r.quotes += 1;
            }
            Event::End(TagEnd::BlockQuote(_)) => {
                r.end(blocks);
                r.quotes = r.quotes.saturating_sub(1);
            }
            Event::Start(Tag::Strong) => r.piece.strong = true,
            Event::End(TagEnd::Strong) => r.piece.strong = r.size > 0.0,
            Event::Start(Tag::Emphasis) => r.piece.slanted = true,
            Event::End(TagEnd::Emphasis) => r.piece.slanted = false,
            Event::Start(Tag::TableHead) => (r.piece.strong, r.cells) = (true, 0),
            Event::End(TagEnd::TableHead) => {
                r.end(blocks);
                r.piece.strong = false;
            }
            Event::Start(Tag::TableRow) => r.cells = 0,
            Event::Start(Tag::TableCell) => {
                if r.cells > 0 {
                    r.text("   |   ");
                }
                r.cells += 1;
            }
            Event::End(TagEnd::Paragraph | TagEnd::TableRow | TagEnd::Item | TagEnd::HtmlBlock) => r.end(blocks),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => r.text(&text),
            Event::Code(text) => {
                r.piece.code = true;
                r.text(&text);
                r.piece.code = r.in_code;
            }
            Event::SoftBreak => r.text(" "),
            Event::HardBreak => r.text("\n"),
            Event::Rule => r.text("⸻"),
            Event::TaskListMarker(done) => r.text(if done { "[x] " } else { "[ ] " }),
            _ => {}
        }
    }
    r.end(blocks);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_paragraphs_that_keep_their_look() {
        let mut blocks = Vec::new();
        markdown("# A\n\nb **c** `d`\n\n3. e\n4. f\n   - g\n\n| h | i |\n|---|---|\n| j | k |\n\n```\nl\n\nm\n```\n\n> n", &mut blocks);
        let texts: Vec<String> =
            blocks.iter().map(|b| b.pieces.iter().map(|p| p.text.as_str()).collect()).collect();
        assert_eq!(texts, ["A", "b c d", "e", "f", "g", "h   |   i", "j   |   k", "l\n\nm", "n"]);
        let marks: Vec<Option<&str>> = blocks[2..5].iter().map(|b| b.mark.as_deref()).collect();
        assert_eq!(marks, [Some("3."), Some("4."), Some("•")]);
        assert!(blocks[0].size > BODY && blocks[1].pieces[1].strong && blocks[1].pieces[3].code);
        assert!(blocks[4].indent > blocks[3].indent && blocks[7].ground && blocks[8].ground);
    }
}
