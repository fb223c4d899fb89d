//! A part of a recording or video that a question is about.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::sequence::{Piece, Place, ReadFile, Span};

/// Seconds of a file; what was found outside them does not go with the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The recording or video.
    pub path: PathBuf,
    /// From this second on.
    pub from_s: f64,
    /// Up to this second.
    pub to_s: f64,
}

impl Clip {
    /// Whether a time touches it.
    fn touches(&self, start_s: f64, end_s: f64) -> bool {
        start_s < self.to_s && self.from_s < end_s.max(start_s + f64::EPSILON)
    }

    /// Leaves of a file what was found inside; other files stay as they are. Of a sentence that is spoken over an
    /// edge the words inside stay, where their times are known.
    pub(crate) fn cut(&self, mut file: ReadFile) -> ReadFile {
        if file.path != self.path {
            return file;
        }
        let inside = file.spans.iter().filter_map(|span| match span.place {
            Place::Time { start_s, end_s } => {
                self.touches(start_s, end_s).then(|| self.cut_words(span)).flatten()
            }
            Place::Frame { time_s, .. } => {
                (self.from_s - 0.01..=self.to_s).contains(&time_s).then(|| span.clone())
            }
            Place::Page { .. } | Place::Picture { .. } => Some(span.clone()),
        });
        file.spans = Arc::new(inside.collect());
        file.summary = format!("{} to {} of {}", clock(self.from_s), clock(self.to_s), file.summary);
        file
    }

    fn cut_words(&self, span: &Span) -> Option<Span> {
        let inside = |piece: &&Piece| match piece.place {
            // A word belongs where its middle is.
            Place::Time { start_s, end_s } => (self.from_s..self.to_s).contains(&(0.5 * (start_s + end_s))),
            _ => true,
        };
        if span.pieces.is_empty() {
            return Some(span.clone());
        }
        let kept: Vec<&Piece> = span.pieces.iter().filter(inside).collect();
        if kept.len() == span.pieces.len() {
            return Some(span.clone());
        }
        let (first, last) = (kept.first()?, kept.last()?);
        let bytes: Range<usize> = first.bytes.start..last.bytes.end;
        let text = span.text.get(bytes.clone())?.to_owned();
        let moved = |piece: &&Piece| Piece {
            bytes: piece.bytes.start - bytes.start..piece.bytes.end - bytes.start,
            place: piece.place.clone(),
        };
        let pieces = kept.iter().map(moved).collect();
        Some(Span { place: span.locate(bytes.clone()), text, pieces, ..span.clone() })
    }
}

/// "0:12".
fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Kind;
    use crate::sequence::{Finding, Rect};

    fn time(start_s: f64, end_s: f64) -> Place {
        Place::Time { start_s, end_s }
    }

    fn file() -> ReadFile {
        let span = |place, text: &str, pieces| Span {
            source: "a.mp4".into(),
            place,
            finding: Finding::Speech { confidence: 1.0 },
            text: text.into(),
            pieces,
        };
        let word = |bytes, start_s, end_s| Piece { bytes, place: time(start_s, end_s) };
        let words = vec![word(0..3, 4.0, 4.5), word(4..7, 4.8, 5.4), word(8..13, 5.6, 6.0)];
        let spans = vec![
            span(time(0.0, 2.0), "before", Vec::new()),
            span(time(4.0, 6.0), "one two three", words),
            span(time(7.0, 9.0), "inside", Vec::new()),
            span(Place::Frame { time_s: 8.0, area: Rect::WHOLE }, "tree", Vec::new()),
            span(time(20.0, 21.0), "after", Vec::new()),
            span(Place::Frame { time_s: 30.0, area: Rect::WHOLE }, "house", Vec::new()),
        ];
        let summary = "0:40 minutes".to_owned();
        ReadFile {
            path: "a.mp4".into(),
            kind: Kind::Video,
            summary,
            spans: Arc::new(spans),
            notices: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_inside_stays_and_words_are_cut_at_the_edge() {
        let clip = Clip { path: "a.mp4".into(), from_s: 4.7, to_s: 10.0 };
        let cut = clip.cut(file());
        let texts: Vec<&str> = cut.spans.iter().map(|span| span.text.as_str()).collect();
        assert_eq!(texts, ["two three", "inside", "tree"]);
        assert_eq!(cut.spans[0].place, time(4.8, 6.0));
        assert_eq!(cut.spans[0].locate(4..9), time(5.6, 6.0), "words keep their times");
        assert_eq!(cut.summary, "0:04 to 0:10 of 0:40 minutes");
    }

    #[test]
    fn other_files_are_left_alone() {
        let clip = Clip { path: "b.mp4".into(), from_s: 4.7, to_s: 10.0 };
        assert_eq!(clip.cut(file()), file());
        let nothing = Clip { path: "a.mp4".into(), from_s: 12.0, to_s: 13.0 };
        assert!(nothing.cut(file()).spans.is_empty());
    }
}
