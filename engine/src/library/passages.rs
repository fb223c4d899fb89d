//! Leaves → passages, the unit that is found: a few sentences or lines under one heading.

use std::ops::Range;

use super::leaf::Leaf;
use crate::sequence::{Finding, Span};
use crate::tasks::evidence::{PASSAGE_BYTES, is_heading, is_page_number, parts};

/// A passage this long is ended by a heading; shorter ones take headings in, as lines of a table are.
const ENOUGH_BYTES: usize = 160;

/// A part of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewPassage {
    /// In the text of the leaf.
    pub(super) bytes: Range<usize>,
    /// The heading above it; empty where there is none.
    pub(super) heading: String,
}

/// Cuts leaf after leaf; remembers the heading from one page to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Cutter {
    pub(super) heading: String,
}

impl Cutter {
    /// The passages of a leaf, in order. Short spans under one heading share a passage.
    pub(super) fn cut(&mut self, leaf: &Leaf) -> Vec<NewPassage> {
        let mut found: Vec<NewPassage> = Vec::new();
        let mut open = false;
        for (span, range) in leaf.spans.iter().zip(leaf.ranges()) {
            if span.text.trim().is_empty() || is_page_number(span) {
                continue;
            }
            let alone = is_alone(span);
            if is_heading(span) {
                open &= found.last().is_some_and(|last| last.bytes.len() < ENOUGH_BYTES);
                let heading = self.heading.clone();
                self.heading = span.text.trim().to_owned();
                self.add(&mut found, range, heading, open);
                open = true;
                continue;
            }
            for part in parts(&span.text) {
                let bytes = range.start + part.start..range.start + part.end;
                self.add(&mut found, bytes, self.heading.clone(), open && !alone);
                open = !alone;
            }
        }
        found
    }

    /// Joins what fits to the passage before, when that one is open.
    fn add(&self, found: &mut Vec<NewPassage>, bytes: Range<usize>, heading: String, open: bool) {
        match found.last_mut() {
            Some(last) if open && bytes.end - last.bytes.start <= PASSAGE_BYTES => last.bytes.end = bytes.end,
            _ => found.push(NewPassage { bytes, heading }),
        }
    }
}

/// Things that are seen, and texts in two pictures, do not belong together.
fn is_alone(span: &Span) -> bool {
    matches!(span.finding, Finding::Tag { .. } | Finding::PictureText { .. })
}

/// What is compared by meaning: the words of a passage under their heading.
pub(super) fn meant(heading: &str, text: &str) -> String {
    if heading.is_empty() || text.starts_with(heading) {
        return text.to_owned();
    }
    format!("{heading}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Place;

    fn leaf(texts: &[&str]) -> Leaf {
        let span = |text: &&str| Span {
            source: "a.txt".into(),
            place: Place::Page { page: 1, boxes: Vec::new() },
            finding: Finding::DocumentText,
            text: (*text).to_owned(),
            pieces: Vec::new(),
        };
        Leaf { spans: texts.iter().map(span).collect() }
    }

    #[test]
    fn lines_of_a_table_share_a_passage_and_long_text_does_not() {
        let mut cutter = Cutter::default();
        let rows = leaf(&["Weight", "ten kilograms.", "Height", "two metres."]);
        let found = cutter.cut(&rows);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(&rows.text()[found[0].bytes.clone()], rows.text());
        let long = "This sentence has about fifty characters, or so. ".repeat(30);
        let found = cutter.cut(&leaf(&[&long]));
        assert!(found.len() >= 4 && found.iter().all(|p| p.bytes.len() <= PASSAGE_BYTES), "{found:?}");
        assert!(found.iter().all(|p| p.heading == "Height"), "the heading of the page before holds on");
    }

    #[test]
    fn a_heading_begins_a_passage_after_enough_text() {
        let text = "Enough text stands here to be a passage of its own. ".repeat(4);
        let page = leaf(&[&text, "Warranty", "It lasts two years."]);
        let found = Cutter::default().cut(&page);
        let texts: Vec<&str> = found.iter().map(|p| &page.text()[p.bytes.clone()]).map(|t| t.to_owned()).map(|t| Box::leak(t.into_boxed_str()) as &str).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert_eq!(texts[1], "Warranty\nIt lasts two years.");
        assert_eq!(meant("Warranty", texts[1]), texts[1]);
        assert_eq!(meant("Above", "It lasts."), "Above: It lasts.");
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_twice() {
        let long = "Words without an end ".repeat(120);
        let page = leaf(&["Title", "First one.", &long, "12", " ", "Last one."]);
        let (text, found) = (page.text(), Cutter::default().cut(&page));
        assert!(found.windows(2).all(|w| w[0].bytes.end <= w[1].bytes.start), "{found:?}");
        let kept: String = found.iter().map(|p| &text[p.bytes.clone()]).collect();
        let dense = |t: &str| t.split_whitespace().collect::<String>();
        assert_eq!(dense(&kept), dense(&text).replacen("12", "", 1));
    }
}
