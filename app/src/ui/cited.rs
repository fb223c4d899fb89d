//! Marks for evidence inside the text of an answer.
//!
//! The text is Markdown, so a mark must stand where it breaks nothing: behind code and links, never inside them, and not
//! in blocks of code, tables or headings. A mark is written as inline mathematics, which the renderer hands to a function
//! of ours in the middle of a line; every dollar sign of the answer itself is escaped.

use std::ops::Range;

use engine::Evidence;
use engine::tasks::evidence::claims;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

/// What a mark says about the sentence before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The evidence that supports it, by index.
    Evidence(Vec<usize>),
    /// Nothing was found that says this.
    Nothing,
}

/// Begins the text of every mark.
const PREFIX: &str = "medley-evidence-";

/// The rest of a mark without evidence.
const NOTHING: &str = "none";

impl Mark {
    /// From what the renderer hands over; `None` for mathematics of somebody else.
    pub fn from_text(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        if rest == NOTHING {
            return Some(Self::Nothing);
        }
        rest.split(',').map(|index| index.parse().ok()).collect::<Option<_>>().map(Self::Evidence)
    }

    fn to_text(&self) -> String {
        match self {
            Self::Evidence(indices) => {
                let indices: Vec<String> = indices.iter().map(usize::to_string).collect();
                format!("${PREFIX}{}$", indices.join(","))
            }
            Self::Nothing => format!("${PREFIX}{NOTHING}$"),
        }
    }
}

/// The same Markdown with a mark after each sentence that evidence supports, and after each statement that none
/// supports where `tells_missing`.
pub fn with_marks(text: &str, evidence: &[Evidence], tells_missing: bool) -> String {
    let mut walk = Walk { evidence, tells_missing, ..Walk::default() };
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_DEFINITION_LIST;
    for (event, bytes) in Parser::new_ext(text, options).into_offset_iter() {
        walk.take(text, &event, bytes);
    }
    walk.end_block();
    let is_escaped = |at: usize| text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    let is_verbatim = |at: usize| walk.verbatim.iter().any(|range| range.contains(&at));
    let dollars =
        text.match_indices('$').map(|(at, _)| at).filter(|at| !is_escaped(*at) && !is_verbatim(*at));
    let mut inserts: Vec<(usize, String)> = dollars.map(|at| (at, "\\".to_owned())).collect();
    // Where both stand at one place the mark belongs to what is before it.
    let n_escapes = inserts.len();
    inserts.splice(0..0, walk.marks.iter().map(|(at, mark)| (*at, mark.to_text())));
    inserts.sort_by_key(|(at, _)| *at);
    let mut marked = String::with_capacity(text.len() + 24 * walk.marks.len() + n_escapes);
    let mut from = 0;
    for (at, insert) in inserts {
        marked.push_str(&text[from..at]);
        marked.push_str(&insert);
        from = at;
    }
    marked.push_str(&text[from..]);
    marked
}

/// A piece of the visible text of a block.
struct Piece {
    /// Where it ends in the visible text.
    end: usize,
    /// Where it stands in the source.
    source: Range<usize>,
    /// Whether a mark may stand inside it: only where both texts are the same.
    can_be_cut: bool,
}

#[derive(Default)]
struct Walk<'a> {
    evidence: &'a [Evidence],
    tells_missing: bool,
    /// What is read of the block that is open.
    visible: String,
    pieces: Vec<Piece>,
    /// How many blocks are open in which no mark may stand.
    closed: usize,
    /// The outermost link or picture that is open, in the source.
    link: Option<Range<usize>>,
    /// In the source, where a backslash would show.
    verbatim: Vec<Range<usize>>,
    /// Where each one goes, in the source.
    marks: Vec<(usize, Mark)>,
}

impl Walk<'_> {
    fn take(&mut self, text: &str, event: &Event<'_>, bytes: Range<usize>) {
        match event {
            Event::Start(
                tag @ (Tag::CodeBlock(_) | Tag::Table(_) | Tag::Heading { .. } | Tag::HtmlBlock),
            ) => {
                self.end_block();
                self.closed += 1;
                if matches!(tag, Tag::CodeBlock(_) | Tag::HtmlBlock) {
                    self.verbatim.push(bytes);
                }
            }
            Event::End(TagEnd::CodeBlock | TagEnd::Table | TagEnd::Heading(_) | TagEnd::HtmlBlock) => {
                self.closed = self.closed.saturating_sub(1);
            }
            Event::Start(Tag::Link { link_type, .. } | Tag::Image { link_type, .. }) => {
                if matches!(link_type, LinkType::Autolink | LinkType::Email) {
                    self.verbatim.push(bytes.clone());
                }
                self.link.get_or_insert(bytes);
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                self.link.take_if(|link| link.end == bytes.end);
            }
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough)
            | Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {}
            // Of everything else a line or paragraph begins or ends.
            Event::Start(_) | Event::End(_) => self.end_block(),
            Event::Text(piece) => {
                let same = text[bytes.clone()] == **piece;
                self.push(piece, bytes, same);
            }
            Event::Code(piece) => {
                self.verbatim.push(bytes.clone());
                self.push(piece, bytes, false);
            }
            Event::Html(_) | Event::InlineHtml(_) => self.verbatim.push(bytes),
            Event::SoftBreak | Event::HardBreak => self.push(" ", bytes, false),
            _ => {}
        }
    }

    fn push(&mut self, piece: &str, bytes: Range<usize>, can_be_cut: bool) {
        if self.closed > 0 {
            return;
        }
        self.visible.push_str(piece);
        let (source, can_be_cut) = match &self.link {
            Some(link) => (link.clone(), false),
            None => (bytes, can_be_cut),
        };
        self.pieces.push(Piece { end: self.visible.len(), source, can_be_cut });
    }

    /// Finds the claims of the block that ends.
    fn end_block(&mut self) {
        for claim in claims(&self.visible, self.evidence) {
            let Some(at) = self.source_of(claim.bytes.end) else { continue };
            if !claim.evidence.is_empty() {
                self.marks.push((at, Mark::Evidence(claim.evidence)));
            } else if claim.is_statement && self.tells_missing {
                self.marks.push((at, Mark::Nothing));
            }
        }
        self.visible.clear();
        self.pieces.clear();
    }

    /// Where in the source the visible text ends that is `end` bytes long.
    fn source_of(&self, end: usize) -> Option<usize> {
        let piece = self.pieces.iter().find(|piece| piece.end >= end)?;
        Some(if piece.can_be_cut { piece.source.end - (piece.end - end) } else { piece.source.end })
    }
}

#[cfg(test)]
mod tests {
    use engine::Place;

    use super::*;

    fn quotes(texts: &[&str]) -> Vec<Evidence> {
        let quote = |text: &&str| Evidence {
            source: "a.pdf".into(),
            place: Place::Page { page: 1, boxes: Vec::new() },
            quote: Some((*text).to_owned()),
            label: None,
            score: 0.9,
        };
        texts.iter().map(quote).collect()
    }

    /// The marked text with short marks.
    fn marked(text: &str, tells_missing: bool) -> String {
        let evidence = quotes(&["The budget is too small.", "Work begins in May, with the north wing."]);
        let text = with_marks(text, &evidence, tells_missing);
        text.replace("$medley-evidence-none$", "[?]")
            .replace("$medley-evidence-0,1$", "[1,2]")
            .replace("$medley-evidence-0$", "[1]")
            .replace("$medley-evidence-1$", "[2]")
    }

    /// What the renderer would hand over, in order.
    fn handed_over(text: &str) -> Vec<String> {
        let parser = Parser::new_ext(text, Options::ENABLE_MATH | Options::ENABLE_TABLES);
        let maths = parser.filter_map(|event| match event {
            Event::InlineMath(text) => Some(text.into_string()),
            Event::DisplayMath(text) => panic!("{text}"),
            _ => None,
        });
        maths.collect()
    }

    #[test]
    fn marks_stand_behind_sentences_and_break_no_markup() {
        assert_eq!(
            marked("The budget is **too small**. Fine.", true),
            "The budget is **too small**.[1] Fine."
        );
        assert_eq!(marked("**The budget is small.** So", true), "**The budget is small.[1]** So");
        assert_eq!(marked("The budget is `too small`", true), "The budget is `too small`[1]");
        assert_eq!(marked("Work begins in [May](a.b)\n", true), "Work begins in [May](a.b)[2]\n");
        assert_eq!(
            marked("- The budget is small\n- Work begins in May\n", true),
            "- The budget is small[1]\n- Work begins in May[2]\n"
        );
        assert_eq!(
            marked("The budget is small and work begins in May.", true),
            "The budget is small and work begins in May.[1,2]"
        );
        let missing = "The committee rejected every proposal.";
        assert_eq!(marked(missing, true), format!("{missing}[?]"));
        assert_eq!(marked(missing, false), missing);
    }

    #[test]
    fn code_tables_and_headings_have_no_marks() {
        for text in [
            "# The budget is small\n",
            "```\nThe budget is small.\nIt costs $5.\n```\n",
            "| The budget is small |\n|---|\n| Work begins in May |\n",
        ] {
            assert_eq!(marked(text, true), text);
        }
    }

    #[test]
    fn marks_are_handed_over_and_the_answers_own_dollars_are_not() {
        let evidence = quotes(&["The budget is 5 dollars."]);
        for text in [
            "It is $5 and $6. The budget is 5 dollars. It costs 7$.",
            "The `$PATH` and $x$ say more. The budget is 5 dollars$ (5$)",
            "See [the budget of 5 dollars](http://a.b/$5) and [$5](c$d).\n\n$$x$$",
            "| $a | b$ |\n|---|---|\n| $c | d$ |\n\nThe budget is 5 dollars.",
            "<b>$</b> The budget is 5 dollars.\\$ The budget: 5 dollars!",
        ] {
            let marked = with_marks(text, &evidence, false);
            let marks = handed_over(&marked);
            assert!(!marks.is_empty(), "{marked}");
            for mark in marks {
                assert_eq!(Mark::from_text(&mark), Some(Mark::Evidence(vec![0])), "{mark} of {marked}");
            }
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for mark in [Mark::Nothing, Mark::Evidence(vec![0]), Mark::Evidence(vec![2, 13])] {
            assert_eq!(Mark::from_text(mark.to_text().trim_matches('$')), Some(mark));
        }
        assert_eq!(Mark::from_text("x^2"), None);
        assert_eq!(Mark::from_text("medley-evidence-x"), None);
    }
}
