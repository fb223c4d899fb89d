//! Lines of text that was read in a picture → paragraphs, so that a sentence is whole.

use std::path::Path;

use super::ocr::TextLine;
use crate::sequence::{Finding, Piece, Place, Rect, Span};

/// Lines closer than this many line heights belong together.
const CLOSE: f32 = 0.9;

/// Lines of one paragraph are of about one size.
const LIKE_SIZE: f32 = 1.6;

/// The narrower line must lie over this share of its width under or above the other.
const BELOW: f32 = 0.5;

/// One span per paragraph; each word, or each line without words, keeps its own box.
pub(super) fn paragraphs(source: &Path, lines: Vec<TextLine>, place: impl Fn(Rect) -> Place) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut around = Rect::WHOLE;
    let mut before: Option<Rect> = None;
    let mut letters = 0.0;
    for line in lines {
        let n = line.text.chars().count() as f32;
        let continues = before.is_some_and(|above| continues(above, line.area));
        match spans.last_mut().filter(|_| continues) {
            Some(span) => {
                around = around.union(line.area);
                span.place = place(around);
                span.text.push(' ');
                if let Finding::PictureText { confidence } = &mut span.finding {
                    *confidence = (*confidence * letters + line.confidence * n) / (letters + n).max(1.0);
                }
                letters += n;
            }
            None => {
                (around, letters) = (line.area, n);
                spans.push(Span {
                    source: source.to_path_buf(),
                    place: place(line.area),
                    finding: Finding::PictureText { confidence: line.confidence },
                    text: String::new(),
                    pieces: Vec::new(),
                });
            }
        }
        before = Some(line.area);
        let Some(span) = spans.last_mut() else { continue };
        let start = span.text.len();
        span.text.push_str(&line.text);
        if line.words.is_empty() {
            span.pieces.push(Piece { bytes: start..span.text.len(), place: place(line.area) });
        }
        span.pieces.extend(line.words.into_iter().map(|(bytes, area)| Piece {
            bytes: start + bytes.start..start + bytes.end,
            place: place(area),
        }));
    }
    spans
}

/// Whether the second line is the next one of the same paragraph.
fn continues(above: Rect, line: Rect) -> bool {
    let (height, other) = (above.y1 - above.y0, line.y1 - line.y0);
    let gap = line.y0 - above.y1;
    let shared = above.x1.min(line.x1) - above.x0.max(line.x0);
    let narrower = (above.x1 - above.x0).min(line.x1 - line.x0);
    line.y0 > above.y0 + 0.4 * height
        && gap < CLOSE * height.min(other)
        && height < LIKE_SIZE * other
        && other < LIKE_SIZE * height
        && shared > BELOW * narrower
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x0: f32, y0: f32, height: f32) -> TextLine {
        let area = Rect { x0, y0, x1: x0 + 0.4, y1: y0 + height };
        TextLine { text: text.into(), area, confidence: 0.9, words: vec![(0..text.len(), area)] }
    }

    #[test]
    fn lines_that_stand_close_under_each_other_are_one_paragraph() {
        let lines = vec![
            line("NOTES", 0.1, 0.05, 0.08),
            line("The key hangs behind", 0.1, 0.20, 0.03),
            line("the blue door.", 0.1, 0.24, 0.03),
            line("Call on Thursdays.", 0.1, 0.34, 0.03),
            line("another column", 0.6, 0.36, 0.03),
        ];
        let spans = paragraphs("a.png".as_ref(), lines, |area| Place::Picture { area });
        let texts: Vec<&str> = spans.iter().map(|span| span.text.as_str()).collect();
        assert_eq!(
            texts,
            ["NOTES", "The key hangs behind the blue door.", "Call on Thursdays.", "another column"]
        );
        let Place::Picture { area } = spans[1].locate(25..29) else { panic!("a picture") };
        assert!((area.y0 - 0.24).abs() < 1e-6, "the line with these words, not the paragraph");
        let Place::Picture { area } = spans[1].place else { panic!("a picture") };
        let want = [(area.x0, 0.1), (area.y0, 0.2), (area.x1, 0.5), (area.y1, 0.27)];
        assert!(want.iter().all(|(got, want): &(f32, f32)| (got - want).abs() < 1e-6), "{area:?}");
    }
}
