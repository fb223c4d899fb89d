//! Spans → the passages that a search ranks: whole short spans, and parts of long ones.

use std::ops::Range;

use super::words::sentences;
use crate::sequence::{Finding, Span};
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
        for (span_index, span) in read.spans.iter().enumerate() {
            if span.text.trim().is_empty() || is_page_number(span) {
                continue;
            }
            let above = heading;
            if is_heading(span) {
                heading = Some(span_index);
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

/// Whether a text is more than marks: a row of dots is none.
pub(crate) fn has_words(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// Short lines of a document that do not end like a sentence.
pub(crate) fn is_heading(span: &Span) -> bool {
    let text = span.text.trim();
    span.finding == Finding::DocumentText
        && (2..=HEADING_BYTES).contains(&text.len())
        && text.contains(char::is_alphabetic)
        && !text.ends_with(['.', '!', '?', ';', ',', '…', '"', '”'])
        && !text.contains(": ")
        && !text.contains(" | ")
        && !text.starts_with(['•', '-', '–', '*', '|'])
        && !text.starts_with(char::is_lowercase)
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
