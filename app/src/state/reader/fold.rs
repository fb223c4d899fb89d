//! A page as one string, in which words are found across its lines.

use std::ops::Range;

use engine::media::Page;

use super::super::transcript::Query;
use super::place::{TextPos, is_cut};

/// What becomes of a word that is cut at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is made whole.
    Whole,
    /// Its hyphen is its own: "well-known".
    Hyphen,
    /// It stays as it stands, as a line and the next one.
    Apart,
}

/// The text of a page with single spaces instead of line breaks, and where each piece of it comes from.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    page: u32,
    /// The text.
    pub text: String,
    /// Byte in `text`, line, byte in the line: one for each run that was copied.
    runs: Vec<(usize, u32, u32)>,
}

impl Folded {
    /// Folds a page.
    pub fn new(page: &Page, cut: Cut) -> Self {
        let mut folded = Self { page: page.number, ..Self::default() };
        for (i, line) in page.lines.iter().enumerate() {
            let next = line.text.trim_start();
            if cut != Cut::Apart && is_cut(&folded.text, next) {
                if cut == Cut::Whole {
                    folded.text.pop();
                }
            } else if !folded.text.is_empty() && !folded.text.ends_with(' ') {
                folded.text.push(' ');
            }
            let mut at = 0;
            for word in line.text.split_whitespace() {
                let from = line.text[at..].find(word).map_or(at, |gap| at + gap);
                if at > 0 {
                    folded.text.push(' ');
                }
                folded.runs.push((folded.text.len(), i as u32, from as u32));
                folded.text.push_str(word);
                at = from + word.len();
            }
        }
        folded
    }

    /// The ways a page reads: two when a word is cut at the end of a line.
    pub fn ways(page: &Page) -> impl Iterator<Item = Self> + '_ {
        let cut =
            page.lines.windows(2).any(|pair| is_cut(pair[0].text.trim_end(), pair[1].text.trim_start()));
        let ways = if cut { [Cut::Whole, Cut::Hyphen].as_slice() } else { &[Cut::Whole] };
        ways.iter().map(|cut| Self::new(page, *cut))
    }

    /// Whether one of the ways a page reads holds something that fits.
    pub fn holds(text: &str, query: &Query) -> bool {
        !spaced(query).ranges(text).is_empty()
    }

    /// Where something that fits stands on a page, in order.
    pub fn find(page: &Page, query: &Query) -> Vec<(TextPos, TextPos)> {
        let query = spaced(query);
        let mut found: Vec<(TextPos, TextPos)> = Vec::new();
        for way in Self::ways(page) {
            found.extend(query.ranges(&way.text).into_iter().filter_map(|range| way.places(&range)));
        }
        found.sort();
        found.dedup_by_key(|(from, _)| *from);
        found
    }

    /// Where a quote stands on a page: all of its words, in order, however they are spaced. Marking the wrong place is
    /// worse than marking none.
    pub fn locate(page: &Page, quote: &str) -> Option<(TextPos, TextPos)> {
        let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
        if quote.is_empty() {
            return None;
        }
        [Cut::Apart, Cut::Whole, Cut::Hyphen].into_iter().find_map(|cut| {
            let folded = Self::new(page, cut);
            let at = folded.text.find(&quote)?;
            folded.places(&(at..at + quote.len()))
        })
    }

    /// Where a part of the text comes from.
    fn places(&self, range: &Range<usize>) -> Option<(TextPos, TextPos)> {
        let from = self.place(range.start)?;
        // The end belongs to the letter before it.
        let last = self.text[..range.end].char_indices().next_back()?;
        let before = self.place(last.0)?;
        Some((from, TextPos { byte: before.byte + (range.end - last.0) as u32, ..before }))
    }

    fn place(&self, byte: usize) -> Option<TextPos> {
        let run = self.runs.partition_point(|(start, _, _)| *start <= byte).checked_sub(1)?;
        let (start, line, from) = self.runs[run];
        Some(TextPos { page: self.page, line, byte: from + (byte - start) as u32 })
    }
}

/// What is looked for, with single spaces as the text has them.
fn spaced(query: &Query) -> Query {
    Query { text: query.text.split_whitespace().collect::<Vec<_>>().join(" "), ..query.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::place::tests::page;
    use super::super::place::text_between;
    use super::*;

    fn query(text: &str) -> Query {
        Query { text: text.into(), ..Query::default() }
    }

    #[test]
    fn words_are_found_across_lines_and_in_both_ways_a_cut_word_reads() {
        let page = page(&["The Größe of a well-", "known para-", "graph here."]);
        for (words, expected) in [
            ("größe OF", "Größe of"),
            ("well-known", "wellknown"),
            ("wellknown paragraph", "wellknown paragraph"),
            ("paragraph  here", "paragraph here"),
            ("a", "a"),
        ] {
            let found = Folded::find(&page, &query(words));
            let (from, to) = *found.first().unwrap_or_else(|| panic!("{words:?} is not found"));
            assert_eq!(text_between(&page, from, to), expected, "{words:?}");
        }
        assert!(Folded::find(&page, &query("paragraf")).is_empty());
        assert!(Folded::find(&page, &query("  ")).is_empty(), "nothing is not everywhere");
        let whole = Query { whole: true, ..query("a") };
        assert_eq!(Folded::find(&page, &whole).len(), 1);
    }

    #[test]
    fn every_hit_is_counted_once_although_the_page_is_read_twice() {
        let page = page(&["one two one-", "two one"]);
        assert_eq!(Folded::find(&page, &query("one")).len(), 3);
        assert_eq!(Folded::find(&page, &query("two")).len(), 2);
    }

    #[test]
    fn a_quote_is_located_only_when_all_of_it_is_there() {
        let page = page(&["The büdget", "is too small.", " The budget is large."]);
        let (from, to) = Folded::locate(&page, "büdget\n is  too small.").unwrap();
        assert_eq!(text_between(&page, from, to), "büdget is too small.");
        assert_eq!(Folded::locate(&page, "The budget is small"), None);
        assert_eq!(Folded::locate(&page, "  "), None);
    }
}
