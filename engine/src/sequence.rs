//! 4: what was found in the media, each piece with the place it came from.
//!
//! A [`Span`] is the unit that the prompt carries, that retrieval ranks and that an answer points
//! back to. Both routes (native encoders, perception) end here; nothing after it knows which was taken.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::media::Kind;

/// An axis-aligned box in fractions of the page or picture, origin top left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge, 0 to 1.
    pub x0: f32,
    /// Top edge, 0 to 1.
    pub y0: f32,
    /// Right edge, 0 to 1.
    pub x1: f32,
    /// Bottom edge, 0 to 1.
    pub y1: f32,
}

impl Rect {
    /// The whole page or picture.
    pub const WHOLE: Self = Self { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };

    /// The smallest box around both.
    pub fn union(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }
}

/// Where in a file something is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Place {
    /// On a page of a document.
    Page {
        /// Counted from 1.
        page: u32,
        /// The lines it covers; empty when the format has no positions (then the whole page).
        boxes: Vec<Rect>,
    },
    /// In the sound of a recording or video.
    Time {
        /// Seconds from the start.
        start_s: f64,
        /// Seconds from the start.
        end_s: f64,
    },
    /// In one frame of a video.
    Frame {
        /// Presentation time in seconds from the start.
        time_s: f64,
        /// Where in the frame.
        area: Rect,
    },
    /// In a still picture.
    Picture {
        /// Where in the picture.
        area: Rect,
    },
}

/// What kind of finding a span holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// Text of a document, as stored in it.
    DocumentText,
    /// Words that were spoken.
    Speech {
        /// Mean probability of the words, 0 to 1.
        confidence: f32,
    },
    /// Text that was read in a picture, frame or scanned page.
    PictureText {
        /// Mean probability of the characters, 0 to 1.
        confidence: f32,
    },
    /// Something that was recognised in a picture or frame; the span's text names it.
    Tag {
        /// Probability, 0 to 1.
        probability: f32,
    },
}

/// A part of a span's text with its own, finer place (a word's time, a line's box).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Byte range in [`Span::text`], on character boundaries.
    pub bytes: Range<usize>,
    /// Where exactly.
    pub place: Place,
}

/// A finding with its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The file it was found in.
    pub source: PathBuf,
    /// Where in the file.
    pub place: Place,
    /// What kind of finding.
    pub finding: Finding,
    /// The words: a sentence that was spoken, a paragraph, a line of text, a tag.
    pub text: String,
    /// Finer places inside the text, in order; may be empty.
    pub pieces: Vec<Piece>,
}

impl Span {
    /// The place of a byte range of the text: the pieces it touches joined, or the whole span's place.
    pub fn locate(&self, bytes: Range<usize>) -> Place {
        let mut touched = self
            .pieces
            .iter()
            .filter(|piece| piece.bytes.start < bytes.end && bytes.start < piece.bytes.end)
            .map(|piece| piece.place.clone());
        let Some(first) = touched.next() else { return self.place.clone() };
        touched.fold(first, Place::join)
    }
}

impl Place {
    /// Joins two places of one file. Places of different kinds or pages do not join: the first stays.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Place::Page { page, mut boxes }, Place::Page { page: other, boxes: more }) => {
                if page == other {
                    boxes.extend(more);
                }
                Place::Page { page, boxes }
            }
            (Place::Time { start_s, end_s }, Place::Time { start_s: s, end_s: e }) => {
                Place::Time { start_s: start_s.min(s), end_s: end_s.max(e) }
            }
            (Place::Frame { time_s, area }, Place::Frame { area: other, .. }) => {
                Place::Frame { time_s, area: area.union(other) }
            }
            (Place::Picture { area }, Place::Picture { area: other }) => {
                Place::Picture { area: area.union(other) }
            }
            (a, _) => a,
        }
    }
}

/// A place that supports an answer, with the words that stand there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The file.
    pub source: PathBuf,
    /// Where in the file.
    pub place: Place,
    /// Words that really stand at that place; `None` for a tag.
    pub quote: Option<String>,
    /// What was recognised there, for a tag.
    pub label: Option<String>,
    /// How well it fits the question, 0 to 1.
    pub score: f32,
}

/// A file and what was found in it; plain data, worth keeping so that a file is read only once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadFile {
    /// The file.
    pub path: PathBuf,
    /// From its content.
    pub kind: Kind,
    /// For people: "640 × 427 pixels", "2:13 minutes", "12 pages".
    pub summary: String,
    /// Everything that was found.
    pub spans: Arc<Vec<Span>>,
    /// What was left out, and why.
    pub notices: Vec<String>,
}

/// What a model was given of a file for a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The file's name.
    pub name: String,
    /// Words of it, a line for each place, as the model reads them.
    pub notes: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locate_joins_the_words_that_the_range_touches() {
        let time = |start_s, end_s| Place::Time { start_s, end_s };
        let span = Span {
            source: "a.wav".into(),
            place: time(0.0, 3.0),
            finding: Finding::Speech { confidence: 1.0 },
            text: "one two three".into(),
            pieces: vec![
                Piece { bytes: 0..3, place: time(0.0, 1.0) },
                Piece { bytes: 4..7, place: time(1.0, 2.0) },
                Piece { bytes: 8..13, place: time(2.0, 3.0) },
            ],
        };
        assert_eq!(span.locate(4..13), time(1.0, 3.0));
        assert_eq!(span.locate(3..4), time(0.0, 3.0), "a gap has no piece: the whole span");
    }
}
