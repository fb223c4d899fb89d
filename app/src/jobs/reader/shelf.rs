//! An open document with what is remembered of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use egui::ColorImage;
use engine::media::{DocumentReader, Line, Opener, Page};
use engine::tasks::ask::ReadFile;
use engine::{Cancel, Place, Rect, Span};

use super::{extent, open};
use crate::state::{
    DocumentInfo, Extent, Folded, Hit, Load, PageBoxes, Passage, Purpose, Query, TextPos, boxes,
    text_between, times, whole_time,
};

/// Pages whose text is remembered.
const REMEMBERED: usize = 64;

/// A quote that is not on its page is looked for so many pages before and after it.
const NEAR: u32 = 3;

/// Characters that can be asked about at once.
const MOST_ASKED: usize = 6_000;

/// An open document.
pub(super) struct Shelf {
    cancel: Cancel,
    document: DocumentReader,
    extent: Extent,
    texts: BTreeMap<u32, (u64, Arc<Page>)>,
    clock: u64,
    /// The words of pages that were searched, in each way they read: without their places they are small.
    words: BTreeMap<u32, Vec<Box<str>>>,
    /// What was read in the pictures of pages that have no text of their own.
    read: Option<Arc<ReadFile>>,
}

impl Shelf {
    pub(super) fn open(opener: &Opener, path: &std::path::Path, cancel: &Cancel) -> Result<Self, String> {
        let document = open(opener, path, cancel)?;
        Ok(Self {
            cancel: cancel.clone(),
            extent: extent(&document, cancel)?,
            document,
            texts: BTreeMap::new(),
            clock: 0,
            words: BTreeMap::new(),
            read: None,
        })
    }

    pub(super) fn info(&self) -> DocumentInfo {
        DocumentInfo {
            title: self.document.title().map(str::to_owned),
            extent: self.extent.clone(),
            // Without its contents a document can still be read.
            outline: self.document.outline(&self.cancel).unwrap_or_default(),
            notices: self.document.notices().to_vec(),
        }
    }

    pub(super) fn n_pages(&self) -> u32 {
        self.document.page_count()
    }

    /// The page of subtitles at a second.
    pub(super) fn page_at(&self, time_s: f64) -> u32 {
        self.document.page_at(time_s)
    }

    /// Uses what was read in the pictures of pages; whether a page may have other text now.
    pub(super) fn take_in(&mut self, read: Arc<ReadFile>) -> bool {
        let before = self.texts.len();
        self.texts.retain(|_, (_, page)| page.has_text);
        self.words.clear();
        self.read = Some(read);
        self.texts.len() < before
    }

    /// The text of a page.
    pub(super) fn page(&mut self, number: u32) -> Result<Arc<Page>, String> {
        self.clock += 1;
        if let Some((used, page)) = self.texts.get_mut(&number) {
            *used = self.clock;
            return Ok(page.clone());
        }
        let mut page = self.document.page(number).map_err(|e| e.to_string())?;
        // Without them it can still be read.
        page.links = self.document.links(number).unwrap_or_default();
        if !page.has_text
            && let Some(read) = &self.read
        {
            let lines = lines_of(&read.spans, number);
            if !lines.is_empty() {
                (page.lines, page.has_text) = (lines, true);
            }
        }
        let page = Arc::new(page);
        self.texts.insert(number, (self.clock, page.clone()));
        if self.texts.len() > REMEMBERED {
            let oldest = self.texts.iter().min_by_key(|(_, (used, _))| *used).map(|(number, _)| *number);
            oldest.and_then(|number| self.texts.remove(&number));
        }
        Ok(page)
    }

    /// Where something that fits stands on a page. A page that was searched before and does not hold it is not read
    /// again.
    pub(super) fn find(&mut self, number: u32, query: &Query) -> Vec<Hit> {
        let known = self.words.get(&number);
        if known.is_some_and(|ways| ways.iter().all(|text| !Folded::holds(text, query))) {
            return Vec::new();
        }
        // A damaged page says so when it is shown.
        let Ok(page) = self.page(number) else { return Vec::new() };
        let words = || Folded::ways(&page).map(|way| way.text.into()).collect();
        self.words.entry(number).or_insert_with(words);
        let places = Folded::find(&page, query).into_iter();
        places.map(|(from, to)| Hit { from, to, boxes: boxes(&page, from, to) }).collect()
    }

    /// A picture of a page; none when the format has no pages to look at.
    pub(super) fn picture(&mut self, number: u32, side: u32) -> Load<Arc<ColorImage>> {
        match self.document.page_picture(number, side) {
            Ok(Some(image)) => {
                let size = [image.width() as usize, image.height() as usize];
                Load::Ready(Arc::new(ColorImage::from_rgb(size, image.as_raw())))
            }
            Ok(None) => Load::None,
            Err(error) => Load::Failed(error.to_string()),
        }
    }

    /// What stands between two places.
    pub(super) fn take(
        &mut self,
        from: TextPos,
        to: TextPos,
        purpose: Purpose,
        cancel: &Cancel,
    ) -> Result<Passage, String> {
        let asked = matches!(purpose, Purpose::Ask | Purpose::Explain | Purpose::Summarise);
        let mut passage = Passage { from, to, text: String::new(), places: Vec::new(), times_s: None };
        let mut before: Option<bool> = None;
        for number in from.page..=to.page.min(self.n_pages()) {
            if cancel.is_cancelled() {
                return Err("it was closed".into());
            }
            let page = self.page(number)?;
            let text = text_between(&page, from, to);
            if text.is_empty() {
                continue;
            }
            // A sentence that goes on over the page stays one.
            match before {
                Some(true) => passage.text.push_str("\n\n"),
                Some(false) => passage.text.push(' '),
                None => {}
            }
            before = Some(text.ends_with(['.', '!', '?', ':', '”', '"']));
            passage.text.push_str(&text);
            passage.times_s = whole_time(times(&page, from, to).into_iter().chain(passage.times_s));
            let boxes = boxes(&page, from, to);
            if !boxes.is_empty() && purpose != Purpose::Copy {
                passage.places.push(PageBoxes { page: number, boxes });
            }
            if asked && passage.text.chars().count() > MOST_ASKED {
                return Err(format!(
                    "Select less: at most {MOST_ASKED} characters can be asked about at once"
                ));
            }
        }
        if passage.text.trim().is_empty() {
            return Err("There are no words in what is selected".into());
        }
        Ok(passage)
    }

    /// Whether a quote still stands where it stood, as far as the words there are known.
    pub(super) fn stands(&mut self, number: u32, quote: &str, boxes: &[Rect]) -> bool {
        if boxes.is_empty() {
            return false;
        }
        let Ok(page) = self.page(number) else { return false };
        let is_inside = |area: &Rect| {
            let (x, y) = ((area.x0 + area.x1) / 2.0, (area.y0 + area.y1) / 2.0);
            boxes.iter().any(|b| (b.x0..=b.x1).contains(&x) && (b.y0..=b.y1).contains(&y))
        };
        let words = page.lines.iter().flat_map(|line| line.words.iter().map(move |word| (line, word)));
        let there: String = words
            .filter(|(_, (_, area))| is_inside(area))
            .filter_map(|(line, (bytes, _))| line.text.get(bytes.clone()))
            .collect();
        // Words of a picture are not known before it was read.
        !page.has_text || says_most_of(&there, quote)
    }

    /// Where a quote stands: on its page, or else near it.
    pub(super) fn locate(&mut self, page: u32, quote: &str) -> Option<Passage> {
        let near = (1..=NEAR).flat_map(|step| [page.checked_sub(step), page.checked_add(step)]).flatten();
        let n_pages = self.n_pages();
        for number in std::iter::once(page).chain(near).filter(|number| (1..=n_pages).contains(number)) {
            let Ok(page) = self.page(number) else { continue };
            if let Some((from, to)) = Folded::locate(&page, quote) {
                let boxes = boxes(&page, from, to);
                let places =
                    if boxes.is_empty() { Vec::new() } else { vec![PageBoxes { page: number, boxes }] };
                let times_s = times(&page, from, to);
                return Some(Passage { from, to, text: quote.to_owned(), places, times_s });
            }
        }
        None
    }
}

/// Whether a text has most letters of a quote, by threes that follow each other: a row of a table has marks between its
/// cells, a word that was cut may be whole, and not every script has spaces.
fn says_most_of(text: &str, quote: &str) -> bool {
    let threes = |text: &str| -> Vec<[char; 3]> {
        let letters = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
        let letters: Vec<char> = letters.collect();
        letters.windows(3).map(|three| [three[0], three[1], three[2]]).collect()
    };
    let there: BTreeSet<_> = threes(text).into_iter().collect();
    let quoted = threes(quote);
    2 * quoted.iter().filter(|three| there.contains(*three)).count() >= quoted.len()
}

/// The lines of a page that were read in its picture: words that stand further left than the one before begin a line.
fn lines_of(spans: &[Span], number: u32) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let on_page = |place: &Place| match place {
        Place::Page { page, boxes } if *page == number => boxes.first().copied(),
        _ => None,
    };
    for (paragraph, span) in spans.iter().filter(|span| on_page(&span.place).is_some()).enumerate() {
        let mut right = f32::INFINITY;
        for piece in &span.pieces {
            let (Some(area), Some(word)) = (on_page(&piece.place), span.text.get(piece.bytes.clone())) else {
                continue;
            };
            if area.x0 < right - 0.01 || lines.is_empty() {
                lines.push(Line { paragraph: paragraph as u32, ..Line::default() });
            }
            right = area.x0;
            let Some(line) = lines.last_mut() else { continue };
            if !line.text.is_empty() {
                line.text.push(' ');
            }
            let start = line.text.len();
            line.text.push_str(word);
            line.words.push((start..line.text.len(), area));
            line.area = Some(line.area.map_or(area, |whole| whole.union(area)));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Finding, Piece};

    #[test]
    fn words_that_were_read_in_a_picture_become_lines_again() {
        let area = |x0: f32, y0: f32| Rect { x0, y0, x1: x0 + 0.1, y1: y0 + 0.05 };
        let page = |area| Place::Page { page: 2, boxes: vec![area] };
        let piece = |bytes, x, y| Piece { bytes, place: page(area(x, y)) };
        let span = Span {
            source: "a.pdf".into(),
            place: page(Rect::WHOLE),
            finding: Finding::PictureText { confidence: 0.9 },
            text: "one two three".into(),
            pieces: vec![piece(0..3, 0.1, 0.1), piece(4..7, 0.3, 0.1), piece(8..13, 0.1, 0.2)],
        };
        let lines = lines_of(std::slice::from_ref(&span), 2);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one two", "three"]);
        assert_eq!(lines[0].words[1], (4..7, area(0.3, 0.1)));
        assert_eq!(lines[0].area.unwrap().x1, 0.4);
        assert!(lines_of(&[span], 1).is_empty());
    }

    #[test]
    fn a_quote_is_known_again_without_its_marks_and_not_taken_for_another() {
        let quote = "Filter | every 3 months | Größe 12";
        assert!(says_most_of("Filter every 3 months Grö-ße 12", quote));
        assert!(says_most_of("予算が足りません", "予算が\n足りません"));
        assert!(!says_most_of("The fan is cleaned each week", quote));
        assert!(!says_most_of("", quote));
    }
}
