//! Files → sections that are read one at a time.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::sequence::{Place, ReadFile};
use crate::tasks::evidence::{Passage, passages};

/// A section ends at a heading once it has this share of the tokens that fit.
const FULL_ENOUGH: usize = 2;

/// A run of passages of one file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    /// Index of the file.
    pub(super) file: usize,
    /// Which passages.
    pub(super) passages: Range<usize>,
}

/// Cuts files into sections of at most `most_tokens`, at headings where there are any.
///
/// # Errors
/// Those of `count`, which tells the tokens of a text.
pub(super) fn cut(
    files: &[ReadFile],
    most_tokens: usize,
    count: impl Fn(&str) -> Result<usize>,
) -> Result<(Vec<Passage>, Vec<Section>)> {
    let passages = passages(files);
    let mut sections: Vec<Section> = Vec::new();
    let mut tokens = 0;
    for (i, passage) in passages.iter().enumerate() {
        let own = count(passage.text(files))? + 1;
        let fits = sections.last().is_some_and(|last| {
            last.file == passage.file
                && tokens + own <= most_tokens
                && !(passage.is_heading(files) && tokens * FULL_ENOUGH >= most_tokens)
        });
        match sections.last_mut().filter(|_| fits) {
            Some(last) => {
                last.passages.end = i + 1;
                tokens += own;
            }
            None => {
                sections.push(Section { file: passage.file, passages: i..i + 1 });
                tokens = own;
            }
        }
    }
    Ok((passages, sections))
}

impl Section {
    /// Its words, a line for each span.
    pub(super) fn text(&self, files: &[ReadFile], passages: &[Passage]) -> String {
        let mut text = String::new();
        let mut last = None;
        for passage in &passages[self.passages.clone()] {
            if last.is_some() {
                text.push(if last == Some(passage.span) { ' ' } else { '\n' });
            }
            last = Some(passage.span);
            text.push_str(passage.text(files));
        }
        text
    }

    /// The heading that it stands under, or begins with; empty where there is none.
    pub(super) fn heading<'a>(&self, files: &'a [ReadFile], passages: &[Passage]) -> &'a str {
        let Some(first) = passages.get(self.passages.start) else { return "" };
        let heading = if first.is_heading(files) { first.text(files) } else { first.heading(files) };
        // As Markdown marks it.
        heading.trim_start_matches('#').trim()
    }

    /// The file with nothing but this section.
    pub(super) fn excerpt(&self, files: &[ReadFile], passages: &[Passage]) -> Option<ReadFile> {
        let file = files.get(self.file)?;
        let own = passages.get(self.passages.clone())?;
        let (first, last) = (own.first()?.span, own.last()?.span);
        let spans = file.spans.get(first..=last)?.to_vec();
        Some(ReadFile { spans: Arc::new(spans), notices: Vec::new(), ..file.clone() })
    }

    /// Where it begins and ends.
    pub(super) fn places(&self, files: &[ReadFile], passages: &[Passage]) -> Option<(Place, Place)> {
        let own = passages.get(self.passages.clone())?;
        let place = |passage: &Passage| passage.span(files).map(|span| span.place.clone());
        Some((place(own.first()?)?, place(own.last()?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::evidence::tests::{document, file};

    fn words(text: &str) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }

    #[test]
    fn sections_end_at_headings_and_hold_every_passage_once() {
        let chapter = |page, title: &str| {
            let body = "Ten words stand in this sentence, and no word more. ".repeat(6);
            vec![document(page, title), document(page, &body)]
        };
        let spans = [chapter(1, "One"), chapter(2, "Two"), chapter(3, "Three")].concat();
        let files = [file("a.txt", spans), file("b.txt", vec![document(1, "Something else.")])];
        let (passages, sections) = cut(&files, 100, words).unwrap();
        let headings: Vec<&str> = sections.iter().map(|section| section.heading(&files, &passages)).collect();
        assert_eq!(headings, ["One", "Two", "Three", ""]);
        let all: Vec<usize> = sections.iter().flat_map(|section| section.passages.clone()).collect();
        assert_eq!(all, (0..passages.len()).collect::<Vec<_>>());
        assert!(sections.iter().all(|s| words(&s.text(&files, &passages)).unwrap() <= 100));
        let excerpt = sections[1].excerpt(&files, &passages).unwrap();
        assert_eq!(excerpt.spans.len(), 2);
        assert_eq!(excerpt.spans[0].text, "Two");
        let (from, to) = sections[2].places(&files, &passages).unwrap();
        assert!(matches!((from, to), (Place::Page { page: 3, .. }, Place::Page { page: 3, .. })));
    }

    #[test]
    fn a_passage_larger_than_a_section_is_one_of_its_own() {
        let long = document(1, &"word ".repeat(300));
        let (passages, sections) = cut(&[file("a.txt", vec![long])], 20, words).unwrap();
        assert_eq!(sections.len(), passages.len());
        assert!(cut(&[], 20, words).unwrap().1.is_empty());
    }
}
