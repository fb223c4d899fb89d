//! A leaf: one page of a document, or some minutes of a recording, as the library stores it.
//!
//! What is kept is what was found: the text of every span with the place of its words, boxes to one part in 65,535 of
//! the page. A checksum stands at the end, so that a damaged leaf is read again from its document, never shown.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sequence::{Finding, Piece, Place, Rect, Span};

/// Between two spans in the text of a leaf.
const BETWEEN: char = '\n';

/// Bytes of the checksum.
const CHECKSUM: usize = 4;

/// The spans of one page or of some minutes, in reading order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Leaf {
    pub(super) spans: Vec<Span>,
}

#[derive(Serialize, Deserialize)]
struct StoredSpan {
    place: StoredPlace,
    finding: StoredFinding,
    text: String,
    pieces: Vec<StoredPiece>,
}

#[derive(Serialize, Deserialize)]
struct StoredPiece {
    /// Bytes after the end of the piece before.
    gap: u32,
    len: u32,
    place: StoredPlace,
}

/// Corners in parts of 65,535.
type StoredBox = [u16; 4];

#[derive(Serialize, Deserialize)]
enum StoredPlace {
    Page(u32, Vec<StoredBox>),
    Time(f64, f64),
    Frame(f64, StoredBox),
    Picture(StoredBox),
}

#[derive(Serialize, Deserialize)]
enum StoredFinding {
    DocumentText,
    Speech(f32),
    PictureText(f32),
    Tag(f32),
}

fn store_box(area: &Rect) -> StoredBox {
    [area.x0, area.y0, area.x1, area.y1].map(|x| (x.clamp(0.0, 1.0) * f32::from(u16::MAX)).round() as u16)
}

fn load_box(corners: StoredBox) -> Rect {
    let [x0, y0, x1, y1] = corners.map(|x| f32::from(x) / f32::from(u16::MAX));
    Rect { x0, y0, x1, y1 }
}

impl From<&Place> for StoredPlace {
    fn from(place: &Place) -> Self {
        match place {
            Place::Page { page, boxes } => Self::Page(*page, boxes.iter().map(store_box).collect()),
            Place::Time { start_s, end_s } => Self::Time(*start_s, *end_s),
            Place::Frame { time_s, area } => Self::Frame(*time_s, store_box(area)),
            Place::Picture { area } => Self::Picture(store_box(area)),
        }
    }
}

impl From<StoredPlace> for Place {
    fn from(place: StoredPlace) -> Self {
        match place {
            StoredPlace::Page(page, boxes) => {
                Self::Page { page, boxes: boxes.into_iter().map(load_box).collect() }
            }
            StoredPlace::Time(start_s, end_s) => Self::Time { start_s, end_s },
            StoredPlace::Frame(time_s, area) => Self::Frame { time_s, area: load_box(area) },
            StoredPlace::Picture(area) => Self::Picture { area: load_box(area) },
        }
    }
}

impl From<&Finding> for StoredFinding {
    fn from(finding: &Finding) -> Self {
        match *finding {
            Finding::DocumentText => Self::DocumentText,
            Finding::Speech { confidence } => Self::Speech(confidence),
            Finding::PictureText { confidence } => Self::PictureText(confidence),
            Finding::Tag { probability } => Self::Tag(probability),
        }
    }
}

impl From<StoredFinding> for Finding {
    fn from(finding: StoredFinding) -> Self {
        match finding {
            StoredFinding::DocumentText => Self::DocumentText,
            StoredFinding::Speech(confidence) => Self::Speech { confidence },
            StoredFinding::PictureText(confidence) => Self::PictureText { confidence },
            StoredFinding::Tag(probability) => Self::Tag { probability },
        }
    }
}

impl Leaf {
    /// The text: spans under each other.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.spans.iter().map(|span| span.text.len() + 1).sum());
        for (i, span) in self.spans.iter().enumerate() {
            if i > 0 {
                text.push(BETWEEN);
            }
            text.push_str(&span.text);
        }
        text
    }

    /// Where each span stands in [`Leaf::text`].
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.spans.iter().scan(0, |start, span| {
            let range = *start..*start + span.text.len();
            *start = range.end + BETWEEN.len_utf8();
            Some(range)
        })
    }

    /// Where a byte range of the text is on the page: the places of its words, joined.
    pub(super) fn locate(&self, bytes: &Range<usize>) -> Option<Place> {
        let touched = self.spans.iter().zip(self.ranges());
        let mut touched = touched.filter(|(_, range)| range.start < bytes.end && bytes.start < range.end);
        let place = |(span, range): (&Span, Range<usize>)| {
            let from = bytes.start.saturating_sub(range.start);
            let to = bytes.end.min(range.end) - range.start;
            span.locate(from..to)
        };
        let first = place(touched.next()?);
        Some(touched.map(place).fold(first, Place::join))
    }

    /// As it is stored; the paths of the spans are not.
    pub(super) fn encode(&self) -> Result<Vec<u8>, String> {
        let stored: Vec<StoredSpan> = self.spans.iter().map(stored).collect();
        let mut bytes = postcard::to_stdvec(&stored).map_err(|e| e.to_string())?;
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// From [`Leaf::encode`]; `None` when the bytes are damaged.
    pub(super) fn decode(bytes: &[u8], source: &Path) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
        if crc32fast::hash(body).to_le_bytes() != *sum {
            return None;
        }
        let stored: Vec<StoredSpan> = postcard::from_bytes(body).ok()?;
        let spans = stored.into_iter().map(|span| loaded(span, source)).collect::<Option<_>>()?;
        Some(Self { spans })
    }
}

fn stored(span: &Span) -> StoredSpan {
    let mut end = 0;
    let pieces = span.pieces.iter().map(|piece| {
        let gap = piece.bytes.start.saturating_sub(end) as u32;
        end = piece.bytes.end;
        StoredPiece { gap, len: piece.bytes.len() as u32, place: (&piece.place).into() }
    });
    let pieces = pieces.collect();
    StoredSpan {
        place: (&span.place).into(),
        finding: (&span.finding).into(),
        text: span.text.clone(),
        pieces,
    }
}

fn loaded(span: StoredSpan, source: &Path) -> Option<Span> {
    let mut end = 0usize;
    let mut pieces = Vec::with_capacity(span.pieces.len());
    for piece in span.pieces {
        let start = end.checked_add(piece.gap as usize)?;
        end = start.checked_add(piece.len as usize)?;
        span.text.get(start..end)?;
        pieces.push(Piece { bytes: start..end, place: piece.place.into() });
    }
    Some(Span {
        source: source.to_path_buf(),
        place: span.place.into(),
        finding: span.finding.into(),
        text: span.text,
        pieces,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf() -> Leaf {
        let at = |x: f32| Rect { x0: x, y0: 0.25, x1: x + 0.125, y1: 0.5 };
        let page = |boxes| Place::Page { page: 7, boxes };
        let span = |text: &str, x: f32| Span {
            source: "a.pdf".into(),
            place: page(vec![at(x)]),
            finding: Finding::DocumentText,
            text: text.into(),
            pieces: vec![
                Piece { bytes: 0..3, place: page(vec![at(x)]) },
                Piece { bytes: 4..text.len(), place: page(vec![at(x + 0.25)]) },
            ],
        };
        Leaf { spans: vec![span("one two", 0.0), span("six größe", 0.5)] }
    }

    #[test]
    fn a_leaf_comes_back_as_it_was() {
        let leaf = leaf();
        let back = Leaf::decode(&leaf.encode().unwrap(), "a.pdf".as_ref()).unwrap();
        assert_eq!(back.text(), "one two\nsix größe");
        for (a, b) in leaf.spans.iter().zip(&back.spans) {
            assert_eq!((&a.text, a.finding, &a.source), (&b.text, b.finding, &b.source));
            assert_eq!(
                a.pieces.iter().map(|p| p.bytes.clone()).collect::<Vec<_>>(),
                b.pieces.iter().map(|p| p.bytes.clone()).collect::<Vec<_>>()
            );
            let (Place::Page { boxes, .. }, Place::Page { boxes: back, .. }) = (&a.place, &b.place) else {
                panic!("pages")
            };
            assert!((boxes[0].x0 - back[0].x0).abs() < 1e-5 && (boxes[0].y1 - back[0].y1).abs() < 1e-5);
        }
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let bytes = leaf().encode().unwrap();
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 0x10;
            assert!(Leaf::decode(&bad, "a.pdf".as_ref()).is_none(), "byte {i}");
            assert!(Leaf::decode(&bytes[..i], "a.pdf".as_ref()).is_none(), "cut at {i}");
        }
    }

    #[test]
    fn a_range_over_two_spans_has_the_boxes_of_its_words() {
        let leaf = leaf();
        let Some(Place::Page { page, boxes }) = leaf.locate(&(4..11)) else { panic!("a page") };
        assert_eq!((page, boxes.len()), (7, 2));
        assert!((boxes[0].x0 - 0.25).abs() < 1e-5 && (boxes[1].x0 - 0.5).abs() < 1e-5, "{boxes:?}");
        assert_eq!(leaf.locate(&(100..101)), None);
    }
}
