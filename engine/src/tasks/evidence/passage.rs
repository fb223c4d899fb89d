//! Spans → the passages that a search ranks: whole short spans, and parts of long ones.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::words::sentences;
use crate::sequence::{Finding, Place, Span};
use crate::tasks::ask::ReadFile;

/// Passages grow sentence by sentence up to about this many bytes: a few sentences say enough to be
/// understood, and more would blur what they are about.
const PASSAGE_BYTES: usize = 400;

/// Text without a sentence's end is cut here at the latest.
const LONGEST_BYTES: usize = 1_200;

/// A heading is at most this long.
const HEADING_BYTES: usize = 90;

/// A part of a file that can be evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Index of the file in the request.
    pub file: usize,
    /// Index of the span in the file.
    pub span: usize,
    /// Which part of the span's text.
    pub bytes: Range<usize>,
    /// The span that holds the heading above, in documents.
    pub heading: Option<usize>,
}

impl Passage {
    /// Where it was found.
    pub fn span<'a>(&self, files: &'a [ReadFile]) -> Option<&'a Span> {
        files.get(self.file)?.spans.get(self.span)
    }

    /// Its words.
    pub fn text<'a>(&self, files: &'a [ReadFile]) -> &'a str {
        self.span(files).and_then(|span| span.text.get(self.bytes.clone())).unwrap_or_default()
    }

    /// The heading above it, or nothing.
    pub fn heading<'a>(&self, files: &'a [ReadFile]) -> &'a str {
        let span = self.heading.and_then(|heading| files.get(self.file)?.spans.get(heading));
        span.map_or("", |span| span.text.as_str())
    }

    /// Whether it is itself a heading, which says what follows but answers nothing.
    pub fn is_heading(&self, files: &[ReadFile]) -> bool {
        self.span(files).is_some_and(is_heading)
    }
}

/// All passages of the files, in their order.
pub(crate) fn passages(files: &[ReadFile]) -> Vec<Passage> {
    let mut found = Vec::new();
    for (file, read) in files.iter().enumerate() {
        let mut heading = None;
        let running = running_heads(read);
        for (span_index, span) in read.spans.iter().enumerate() {
            if span.text.trim().is_empty() || is_page_number(span) {
                continue;
            }
            let runs = running.contains(&span_index);
            let above = heading;
            if is_heading(span) && !(runs && span.text.contains(|c: char| c.is_ascii_digit())) {
                heading = Some(span_index);
            }
            if runs {
                continue;
            }
            let parts = parts(&span.text).into_iter().filter(|part| has_words(&span.text[part.clone()]));
            found.extend(parts.map(|bytes| Passage { file, span: span_index, bytes, heading: above }));
        }
    }
    found
}

/// A short line of a document with no letter in it.
pub(crate) fn is_page_number(span: &Span) -> bool {
    let text = span.text.trim();
    span.finding == Finding::DocumentText && text.len() <= 6 && !text.contains(char::is_alphabetic)
}

/// Whether a text is more than marks and single letters: a row of dots, or the notes of a score, are none.
pub(crate) fn has_words(text: &str) -> bool {
    let says = |word: &str| word.contains(|c: char| c.is_numeric()) || word.chars().nth(1).is_some();
    text.split(|c: char| !c.is_alphanumeric()).any(says) || text.contains(is_a_word)
}

/// Writing without spaces says something with one sign.
fn is_a_word(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Lines that stand on this many pages are running heads.
const RUNNING_PAGES: usize = 3;

/// A line without its numbers, and by how much one of them differs from its page; or a whole line.
type Line = (String, Option<i64>);

/// The spans of running heads and feet: lines with the number of their page, and lines that stand on page after page,
/// but for the first time.
fn running_heads(file: &ReadFile) -> BTreeSet<usize> {
    let mut lines: BTreeMap<Line, Vec<(u32, usize)>> = BTreeMap::new();
    for (index, span) in file.spans.iter().enumerate() {
        let text = span.text.trim();
        let Place::Page { page, .. } = span.place else { continue };
        let is_sentence = text.ends_with(['.', '!', '?']);
        if span.finding != Finding::DocumentText || text.len() > HEADING_BYTES || is_sentence {
            continue;
        }
        let numbers =
            text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<i64>().ok());
        let numbers: Vec<i64> = numbers.collect();
        let line: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        // The page's number stands at one end of the line, whatever else is counted there.
        let ends: BTreeSet<i64> = numbers.first().into_iter().chain(numbers.last()).copied().collect();
        for number in ends {
            lines.entry((line.clone(), Some(number - i64::from(page)))).or_default().push((page, index));
        }
        lines.entry((text.to_owned(), None)).or_default().push((page, index));
    }
    let mut running = BTreeSet::new();
    for ((_, number), places) in lines {
        let pages: BTreeSet<u32> = places.iter().map(|(page, _)| *page).collect();
        if pages.len() >= RUNNING_PAGES {
            let kept = usize::from(number.is_none());
            running.extend(places.iter().skip(kept).map(|(_, index)| *index));
        }
    }
    running
}

/// Short lines of a document that do not end like a sentence, nor hold several.
pub(crate) fn is_heading(span: &Span) -> bool {
    let text = span.text.trim();
    // A number may stand before a heading.
    let first_ends = || match sentences(text).as_slice() {
        [first, _, ..] => text[first.clone()].split_whitespace().nth(2).is_some(),
        _ => false,
    };
    span.finding == Finding::DocumentText
        && (2..=HEADING_BYTES).contains(&text.len())
        && text.contains(char::is_alphabetic)
        && !text.ends_with(['.', '!', '?', ';', ',', '…', '"', '”'])
        && !text.contains(": ")
        && !text.contains(" | ")
        && !text.starts_with(['•', '-', '–', '*', '|'])
        && !text.starts_with(char::is_lowercase)
        && !first_ends()
}

/// Runs of whole sentences of about [`PASSAGE_BYTES`].
pub(crate) fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for sentence in sentences(text).into_iter().flat_map(|sentence| cut(text, sentence)) {
        match parts.last_mut() {
            Some(last) if sentence.end - last.start <= PASSAGE_BYTES => last.end = sentence.end,
            _ => parts.push(sentence),
        }
    }
    parts
}

/// Cuts what no sentence ends: between words where there are any, else between characters.
fn cut(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let (mut pieces, mut start) = (Vec::new(), range.start);
    while range.end - start > LONGEST_BYTES {
        let most = text.floor_char_boundary(start + PASSAGE_BYTES);
        let end = text[start..most].rfind(char::is_whitespace).map_or(most, |at| start + at);
        let end = if end == start { most } else { end };
        pieces.push(start..end);
        start = end + text[end..range.end].len() - text[end..range.end].trim_start().len();
    }
    if start < range.end {
        pieces.push(start..range.end);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::tests::{document, file};
    use super::*;

    #[test]
    fn long_paragraphs_become_passages_of_whole_sentences() {
        let paragraph = "Every sentence here has the same forty-odd characters. ".repeat(20);
        let files = [file("a.txt", vec![document(1, &paragraph)])];
        let found = passages(&files);
        assert!(found.len() > 2);
        for passage in &found {
            let text = passage.text(&files);
            assert!(
                text.len() <= PASSAGE_BYTES && text.starts_with("Every") && text.ends_with('.'),
                "{text}"
            );
        }
    }

    #[test]
    fn text_without_ends_is_cut_between_words_and_nothing_is_lost() {
        for text in ["word ".repeat(2_000), "ä".repeat(5_000), " é".repeat(3_000)] {
            let parts = parts(&text);
            assert!(parts.iter().all(|part| part.len() <= LONGEST_BYTES));
            let kept: usize = parts.iter().map(|part| text[part.clone()].replace(' ', "").len()).sum();
            assert_eq!(kept, text.replace(' ', "").len());
        }
    }

    #[test]
    fn running_heads_and_single_letters_are_no_passages() {
        let page = |page| {
            let head = format!("Chapter 1: Music engraving {page}");
            let body = format!("Page {page} says something of its own about plates and ink.");
            [document(page, &head), document(page, "h h h"), document(page, &body)]
        };
        let files = [file("a.txt", (1..=4).flat_map(page).collect())];
        let texts: Vec<&str> = passages(&files).iter().map(|passage| passage.text(&files)).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(texts.iter().all(|text| text.contains("of its own")), "{texts:?}");
        assert!(has_words("7 km") && has_words("猫") && !has_words("a – b . . ."));
        // What is said on every page is said once, unless it counts the pages.
        let total = |page| {
            [document(page, "Total: 45 euros"), document(page, &format!("Weight: {} kg", page * page))]
        };
        let bill = [file("a.txt", (1..=4).flat_map(total).collect())];
        let texts: Vec<&str> = passages(&bill).iter().map(|passage| passage.text(&bill)).collect();
        assert_eq!(
            texts,
            ["Total: 45 euros", "Weight: 1 kg", "Weight: 4 kg", "Weight: 9 kg", "Weight: 16 kg"]
        );
        // What stands on two pages only may be a heading of both.
        let twice = [file("a.txt", (1..=2).flat_map(page).collect())];
        assert_eq!(passages(&twice).len(), 4);
    }

    #[test]
    fn a_line_of_several_sentences_is_no_heading() {
        let is_heading = |text: &str| is_heading(&document(1, text));
        assert!(is_heading("1.6 Writing portable packages") && is_heading("4. Resources for Members"));
        assert!(!is_heading("Nauseative \\Nau\"se*a*tive\\, a. Causing nausea. [1913 Webster]"));
        assert!(!is_heading("It was late. He left"));
    }

    #[test]
    fn a_passage_knows_its_heading() {
        let spans =
            vec![document(1, "Warranty"), document(1, "It lasts two years."), document(1, "Call us.")];
        let files = [file("a.txt", spans)];
        let found = passages(&files);
        assert!(found[0].is_heading(&files) && found[0].heading.is_none());
        assert_eq!(found[1].heading(&files), "Warranty");
        assert_eq!(found[2].heading(&files), "Warranty");
        assert!(!found[2].is_heading(&files));
    }
}
