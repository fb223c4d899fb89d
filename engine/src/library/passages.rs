//! Leaves → passages, the unit that is found: a few sentences or lines under one heading.

use std::ops::Range;

use super::leaf::Leaf;
use crate::sequence::{Finding, Span};
use crate::tasks::evidence::{announces, has_words, is_heading, is_page_number, parts, says_a_fact};

/// Short lines join up to this many bytes, as those of a list do. More in one passage would blur what each says: a fact
/// of one sentence is found by its meaning only where little stands beside it. So a fact joins nothing but what announced
/// it and what goes on with it.
pub(super) const JOINED_BYTES: usize = 160;

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
    /// The passages of a leaf, in order; a heading is none of its own, but begins one.
    pub(super) fn cut(&mut self, leaf: &Leaf) -> Vec<NewPassage> {
        let mut found: Vec<NewPassage> = Vec::new();
        let (mut open, mut is_fact, mut announced) = (false, false, false);
        for (span, range) in leaf.spans.iter().zip(leaf.ranges()) {
            if span.text.trim().is_empty() || is_page_number(span) {
                continue;
            }
            let (alone, is_heading) = (is_alone(span), is_heading(span));
            // What goes on with small letters belongs to a fact, and so does what announced it.
            let after_fact = std::mem::replace(&mut is_fact, says_a_fact(&span.text));
            let goes_on = span.text.trim_start().starts_with(char::is_lowercase);
            open &= (announced || !is_fact) && (goes_on || !after_fact);
            announced = is_heading || announces(&span.text);
            for part in parts(&span.text).into_iter().filter(|part| has_words(&span.text[part.clone()])) {
                let bytes = range.start + part.start..range.start + part.end;
                match found.last_mut() {
                    Some(last) if open && !alone && bytes.end - last.bytes.start <= JOINED_BYTES => {
                        last.bytes.end = bytes.end;
                    }
                    _ => found.push(NewPassage { bytes, heading: self.heading.clone() }),
                }
                open = !alone;
            }
            if is_heading {
                self.heading = span.text.trim().to_owned();
            }
        }
        found
    }
}

/// Things that are seen, and texts in two pictures, do not belong together.
fn is_alone(span: &Span) -> bool {
    matches!(span.finding, Finding::Tag { .. } | Finding::PictureText { .. })
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
    fn lines_of_a_list_share_a_passage_and_long_text_does_not() {
        let mut cutter = Cutter::default();
        let rows = leaf(&["Weight", "ten kilograms.", "Height", "two metres."]);
        let found = cutter.cut(&rows);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(&rows.text()[found[0].bytes.clone()], rows.text());
        let long = "This sentence has about fifty characters, or so. ".repeat(30);
        let found = cutter.cut(&leaf(&[&long]));
        assert!(found.len() >= 4 && found.iter().all(|p| p.bytes.len() <= 400), "{found:?}");
        assert!(found.iter().all(|p| p.heading == "Height"), "the heading of the page before holds on");
    }

    #[test]
    fn a_fact_between_two_paragraphs_stands_alone() {
        let text = "Enough text stands here to be a passage of its own. ".repeat(4);
        let page = leaf(&[&text, "The key is under the flowerpot.", &text]);
        let whole = page.text();
        let texts: Vec<&str> =
            Cutter::default().cut(&page).iter().map(|p| p.bytes.clone()).map(|bytes| &whole[bytes]).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert_eq!(texts[1], "The key is under the flowerpot.");
    }

    #[test]
    fn short_facts_stand_alone_but_for_what_announced_them_or_goes_on() {
        let page = leaf(&[
            "a pointer to an int",
            "The parrot is called Halley.",
            "Please note:",
            "The bird sings in the morning",
            "and at night.",
            "Cages need a dark blanket.",
            "but no lock.",
            "Weight",
            "ten kilograms.",
        ]);
        let whole = page.text();
        let found = Cutter::default().cut(&page);
        let wanted = [
            "a pointer to an int",
            "The parrot is called Halley.",
            "Please note: The bird sings in the morning and at night.",
            "Cages need a dark blanket. but no lock. Weight ten kilograms.",
        ];
        let on_a_line =
            |p: &NewPassage| whole[p.bytes.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(found.iter().map(on_a_line).collect::<Vec<_>>(), wanted);
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
