//! Marks for evidence inside the text of an answer, and quotation marks around what it repeats of a file.
//!
//! The text is Markdown, so a mark must stand where it breaks nothing: behind code and links, never inside them, and not
//! in blocks of code, tables or headings. A mark is written as inline mathematics, which the renderer hands to a function
//! of ours in the middle of a line; every dollar sign of the answer itself is escaped.

use std::borrow::Cow;
use std::ops::Range;

use engine::Evidence;
use engine::tasks::evidence::{claims, quotations};
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

/// What is read of Markdown here.
const READ: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_DEFINITION_LIST);

/// The same Markdown with a mark after each sentence that evidence supports, and after each statement that none
/// supports where `tells_missing`. What stands in the evidence word for word is put between quotation marks, with its
/// mark behind it.
pub fn with_marks(text: &str, evidence: &[Evidence], tells_missing: bool) -> String {
    let mut walk = Walk::new(evidence);
    walk.tells_missing = Some(tells_missing);
    walk.through(text);
    let is_escaped = |at: usize| text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    let is_verbatim = |at: usize| walk.verbatim.iter().any(|range| range.contains(&at));
    let dollars =
        text.match_indices('$').map(|(at, _)| at).filter(|at| !is_escaped(*at) && !is_verbatim(*at));
    let escapes = dollars.map(|at| (at, "\\".to_owned()));
    let marks = walk.marks.iter().map(|(at, mark)| (*at, mark.to_text()));
    // Where several stand at one place, a mark belongs to what is before it.
    with_inserts(text, walk.closings().chain(marks).chain(walk.openings()).chain(escapes).collect())
}

/// The same Markdown with nothing but the quotation marks.
pub fn with_quotes(text: &str, evidence: &[Evidence]) -> String {
    let mut walk = Walk::new(evidence);
    walk.through(text);
    with_inserts(text, walk.closings().chain(walk.openings()).collect())
}

/// The same Markdown with links in the place of pictures: nothing that a model writes is fetched.
pub fn without_pictures(text: &str) -> Cow<'_, str> {
    if !text.contains("![") {
        return Cow::Borrowed(text);
    }
    let pictures = Parser::new_ext(text, READ).into_offset_iter().filter_map(|(event, bytes)| {
        matches!(event, Event::Start(Tag::Image { .. })).then(|| (bytes.start, "\\".to_owned()))
    });
    with_inserts(text, pictures.collect()).into()
}

/// A text with others put in; those at one place in their order.
fn with_inserts(text: &str, mut inserts: Vec<(usize, String)>) -> String {
    inserts.sort_by_key(|(at, _)| *at);
    let more: usize = inserts.iter().map(|(_, insert)| insert.len()).sum();
    let mut whole = String::with_capacity(text.len() + more);
    let mut from = 0;
    for (at, insert) in inserts {
        whole.push_str(&text[from..at]);
        whole.push_str(&insert);
        from = at;
    }
    whole.push_str(&text[from..]);
    whole
}

/// A piece of the visible text of a block.
struct Piece {
    /// Where it ends in the visible text.
    end: usize,
    /// Where it stands in the source.
    source: Range<usize>,
    /// The same with the emphasis that begins and ends right at it.
    around: Range<usize>,
    /// Whether a mark may stand inside it: only where both texts are the same.
    can_be_cut: bool,
}

#[derive(Default)]
struct Walk<'a> {
    evidence: &'a [Evidence],
    /// Whether missing evidence is told; none where no marks are wanted.
    tells_missing: Option<bool>,
    /// What is read of the block that is open.
    visible: String,
    pieces: Vec<Piece>,
    /// How many blocks are open whose words are not read: code.
    closed: usize,
    /// How many blocks are open in which no mark may stand.
    bare: usize,
    /// How many quotations of the answer's own are open.
    block_quotes: usize,
    /// Where emphasis began that has no words yet.
    emphasis: Option<usize>,
    /// The outermost link or picture that is open, in the source.
    link: Option<Range<usize>>,
    /// In the source, where a backslash would show.
    verbatim: Vec<Range<usize>>,
    /// Where each one goes, in the source.
    marks: Vec<(usize, Mark)>,
    /// What is put between quotation marks, in the source.
    quotes: Vec<Range<usize>>,
}

impl<'a> Walk<'a> {
    fn new(evidence: &'a [Evidence]) -> Self {
        Self { evidence, ..Self::default() }
    }

    fn through(&mut self, text: &str) {
        for (event, bytes) in Parser::new_ext(text, READ).into_offset_iter() {
            self.take(text, &event, bytes);
        }
        self.end_block();
    }

    fn openings(&self) -> impl Iterator<Item = (usize, String)> {
        self.quotes.iter().map(|quote| (quote.start, "“".to_owned()))
    }

    fn closings(&self) -> impl Iterator<Item = (usize, String)> {
        self.quotes.iter().map(|quote| (quote.end, "”".to_owned()))
    }

    fn take(&mut self, text: &str, event: &Event<'_>, bytes: Range<usize>) {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock) => {
                self.end_block();
                self.closed += 1;
                self.verbatim.push(bytes);
            }
            Event::End(TagEnd::CodeBlock | TagEnd::HtmlBlock) => self.closed = self.closed.saturating_sub(1),
            Event::Start(Tag::Table(_) | Tag::Heading { .. }) => {
                self.end_block();
                self.bare += 1;
            }
            Event::End(TagEnd::Table | TagEnd::Heading(_)) => {
                self.end_block();
                self.bare = self.bare.saturating_sub(1);
            }
            Event::Start(Tag::BlockQuote(_)) => {
                self.end_block();
                self.block_quotes += 1;
            }
            Event::End(TagEnd::BlockQuote(_)) => {
                self.end_block();
                self.block_quotes = self.block_quotes.saturating_sub(1);
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
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough) => {
                self.emphasis.get_or_insert(bytes.start);
            }
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {
                self.emphasis = None;
                if let Some(last) = self.pieces.last_mut() {
                    last.around.end = last.around.end.max(bytes.end);
                }
            }
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
        let around = self.emphasis.take().map_or(source.start, |at| at.min(source.start))..source.end;
        self.pieces.push(Piece { end: self.visible.len(), source, around, can_be_cut });
    }

    /// Finds the claims and quotations of the block that ends.
    fn end_block(&mut self) {
        let bare = self.tells_missing.is_none() || self.bare > 0;
        let claims = if bare { Vec::new() } else { claims(&self.visible, self.evidence) };
        for quotation in quotations(&self.visible, self.evidence) {
            let Range { start, end } = quotation.bytes;
            let (Some(from), Some(to)) = (self.source_from(start), self.source_to(end)) else { continue };
            if self.block_quotes == 0 && !is_quoted(&self.visible, start..end) {
                self.quotes.push(from..to);
            }
            // Where its sentence leads there anyway, one mark is enough.
            let sentence = claims.iter().find(|claim| claim.bytes.start < end && end <= claim.bytes.end);
            if !bare && !sentence.is_some_and(|claim| claim.evidence.contains(&quotation.evidence)) {
                self.marks.push((to, Mark::Evidence(vec![quotation.evidence])));
            }
        }
        for claim in claims {
            let Some(at) = self.source_to(claim.bytes.end) else { continue };
            if !claim.evidence.is_empty() {
                self.marks.push((at, Mark::Evidence(claim.evidence)));
            } else if claim.is_statement && self.tells_missing == Some(true) {
                self.marks.push((at, Mark::Nothing));
            }
        }
        self.visible.clear();
        self.pieces.clear();
        self.emphasis = None;
    }

    /// Where in the source the visible text begins from its byte `start` on.
    fn source_from(&self, start: usize) -> Option<usize> {
        let index = self.pieces.iter().position(|piece| piece.end > start)?;
        let begin = index.checked_sub(1).map_or(0, |before| self.pieces[before].end);
        let piece = &self.pieces[index];
        let is_inside = piece.can_be_cut && start > begin;
        Some(if is_inside { piece.source.start + (start - begin) } else { piece.around.start })
    }

    /// Where in the source the visible text ends that is `end` bytes long.
    fn source_to(&self, end: usize) -> Option<usize> {
        let piece = self.pieces.iter().find(|piece| piece.end >= end)?;
        let is_inside = piece.can_be_cut && piece.end > end;
        Some(if is_inside { piece.source.end - (piece.end - end) } else { piece.around.end })
    }
}

/// Whether words stand between quotation marks of the text's own.
fn is_quoted(text: &str, bytes: Range<usize>) -> bool {
    const OPENING: [char; 6] = ['"', '“', '„', '«', '‘', '\''];
    const CLOSING: [char; 6] = ['"', '”', '“', '»', '’', '\''];
    text[..bytes.start].ends_with(OPENING) && text[bytes.end..].starts_with(CLOSING)
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
        short(&with_marks(text, &evidence, tells_missing))
    }

    fn short(text: &str) -> String {
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
            marked("The budget is **quite small**. Fine.", true),
            "The budget is **quite small**.[1] Fine."
        );
        assert_eq!(marked("**The budget is small.** So", true), "**The budget is small.**[1] So");
        assert_eq!(marked("The budget is `quite small`", true), "The budget is `quite small`[1]");
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
    fn what_is_repeated_stands_between_quotation_marks() {
        for (text, expected) in [
            ("It is so. The budget is too small.", "It is so. “The budget is too small.”[1]"),
            ("The budget is **too small**. Fine.", "“The budget is **too small**.”[1] Fine."),
            ("**The budget is too small.** So", "“**The budget is too small.**”[1] So"),
            ("**The budget is `too small`**", "“**The budget is `too small`**”[1]"),
            ("[The budget](a.b) is *too small*.", "“[The budget](a.b) is *too small*.”[1]"),
            ("- The budget is too small.\n- $5", "- “The budget is too small.”[1]\n- \\$5"),
            ("> The budget is too small.", "> The budget is too small.[1]"),
            ("# The budget is too small.\n", "# “The budget is too small.”\n"),
            ("| a |\n|---|\n| The budget is too small. |", "| a |\n|---|\n| “The budget is too small.” |"),
            ("`The budget is too small.`", "“`The budget is too small.`”[1]"),
        ] {
            assert_eq!(marked(text, false), expected);
            let only_quotes = expected.replace("[1]", "").replace("\\$", "$");
            assert_eq!(with_quotes(text, &quotes(&["The budget is too small."])), only_quotes);
        }
        let own = "She said: \"Work begins in May, with the north wing.\"";
        assert_eq!(marked(own, false), format!("{own}[2]"), "it has marks of its own");
        // What is not said of it has no share in its mark.
        let evidence =
            quotes(&["Work begins in May with the north wing; then come the tower, the kitchen, the \
                                 garden, the stables and the chapel."]);
        let text = "Some hold that work begins in May with the north wing, while others think of the far older \
                    southern hall, its roof, its windows, its doors and its cellar.";
        let words = "work begins in May with the north wing";
        let expected = format!("{}[?]", text.replace(words, &format!("“{words}”[1]")));
        assert_eq!(short(&with_marks(text, &evidence, true)), expected);
        let block = "```\nThe budget is too small.\n```\n";
        assert_eq!(marked(block, false), block);
    }

    #[test]
    fn pictures_become_links() {
        for (text, expected) in [
            ("See ![a *b*](http://a.b/c.png \"d\") !", "See \\![a *b*](http://a.b/c.png \"d\") !"),
            ("[![a](b)](c) `![a](b)`", "[\\![a](b)](c) `![a](b)`"),
            ("!![a][b]\n\n[b]: http://c", "!\\![a][b]\n\n[b]: http://c"),
            ("a\\![b](c)", "a\\![b](c)"),
        ] {
            let plain = without_pictures(text);
            assert_eq!(plain, expected);
            let is_picture = |event| matches!(event, Event::Start(Tag::Image { .. }));
            assert!(!Parser::new_ext(&plain, READ).any(is_picture), "{plain}");
        }
        assert!(matches!(without_pictures("See [a](b)!"), Cow::Borrowed(_)));
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
