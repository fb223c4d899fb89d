//! Text in pictures: PP-OCR (detection by differentiable binarisation, recognition by CTC).
//!
//! Detection: Liao et al., Real-time Scene Text Detection with Differentiable Binarization, 2020.
//! The networks run in the `rten` crate; pre- and post-processing follow PaddleOCR's
//! `tools/infer/predict_det.py` and `predict_rec.py`.

mod detect;

mod order;

mod recognise;

use std::ops::Range;

use image::RgbImage;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::models::Store;
use crate::sequence::Rect;
use detect::{Detector, Quad};
use recognise::Recogniser;

/// A line of text in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// What it says.
    pub text: String,
    /// Where, in fractions of the picture.
    pub area: Rect,
    /// Mean probability of the characters, spaces left out, 0 to 1.
    pub confidence: f32,
    /// Words as byte ranges of `text`, with their places.
    pub words: Vec<(Range<usize>, Rect)>,
}

/// Text is looked for at the size that suits the picture.
pub const ANY_SIZE: u32 = u32::MAX;

/// Lines that are read with less confidence are mostly texture taken for text.
const LEAST_CONFIDENCE: f32 = 0.7;

/// A lone character needs more: a plate or an eye reads as 0 or 8.
const LEAST_CONFIDENCE_OF_ONE: f32 = 0.9;

/// A lone character does not fill more than this share of a picture.
const LARGEST_OF_ONE: f32 = 0.15;

/// Below this confidence a line may stand upside down and is read again, turned.
const TURN_BELOW: f32 = 0.8;

/// On a page that stands upside down, lines below this confidence are read again, too.
const SURE: f32 = 0.97;

/// Reads text; read-only, one for all pictures.
pub struct Ocr {
    detector: Detector,
    recogniser: Recogniser,
}

impl Ocr {
    /// Loads `ppocr-v6-small`.
    ///
    /// # Errors
    /// [`Error::ModelMissing`], [`Error::ModelFile`].
    pub fn load(store: &Store) -> Result<Self> {
        let file = |role| store.file("ppocr-v6-small", role);
        Ok(Self {
            detector: Detector::load(&file("detection")?)?,
            recogniser: Recogniser::load(&file("recognition")?, &file("dictionary")?)?,
        })
    }

    /// The lines of a picture in reading order; what was read so far when cancelled. They are looked for at the size that
    /// suits the picture, but with a longest side of at most `most_px`, and read as sharp as they are.
    ///
    /// # Errors
    /// [`Error::Inference`].
    pub fn read(&self, picture: &RgbImage, most_px: u32, cancel: &Cancel) -> Result<Vec<TextLine>> {
        let mut placed = Vec::new();
        if cancel.is_cancelled() {
            return Ok(Vec::new());
        }
        let mut n_turned = 0;
        for quad in self.detector.find(picture, most_px)? {
            if cancel.is_cancelled() {
                break;
            }
            let upright = self.read_at(picture, quad)?;
            let turned = match confidence(&upright) < TURN_BELOW {
                true => self.read_at(picture, half_turn(quad))?,
                false => None,
            };
            if confidence(&turned) > confidence(&upright).max(TURN_BELOW) {
                n_turned += 1;
                placed.extend(turned);
            } else {
                placed.extend(upright);
            }
        }
        let is_upside_down = 2 * n_turned > placed.len();
        for (line, quad) in &mut placed {
            // The odd line that reads as something the wrong way up too.
            if is_upside_down && line.confidence < SURE && !cancel.is_cancelled() {
                let other = self.read_at(picture, half_turn(*quad))?;
                if let Some(other) = other.filter(|(other, _)| other.confidence > line.confidence) {
                    (*line, *quad) = other;
                }
            }
        }
        placed.retain(|(line, _)| is_believable(line));
        Ok(order::reading_order(placed))
    }

    fn read_at(&self, picture: &RgbImage, quad: Quad) -> Result<Option<(TextLine, Quad)>> {
        Ok(self.recogniser.read(picture, &quad)?.map(|line| (line, quad)))
    }
}

fn confidence(read: &Option<(TextLine, Quad)>) -> f32 {
    read.as_ref().map_or(0.0, |(line, _)| line.confidence)
}

/// The same box for text that stands upside down.
fn half_turn([top_left, top_right, bottom_right, bottom_left]: Quad) -> Quad {
    [bottom_right, bottom_left, top_left, top_right]
}

fn is_believable(line: &TextLine) -> bool {
    let share = (line.area.x1 - line.area.x0) * (line.area.y1 - line.area.y0);
    match line.text.trim().chars().count() {
        0 => false,
        1 => line.confidence >= LEAST_CONFIDENCE_OF_ONE && share <= LARGEST_OF_ONE,
        _ => line.confidence >= LEAST_CONFIDENCE,
    }
}

/// Loads a network and names the file when it cannot be read.
fn load_network(path: &std::path::Path) -> Result<rten::Model> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("reading", path, e))?;
    // By content: files of the store have no extension to go by.
    rten::Model::load(bytes).map_err(|e| Error::ModelFile {
        path: path.to_path_buf(),
        reason: format!("not a network that can be run: {e}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plate_that_reads_as_a_character_is_not_text() {
        let line = |text: &str, confidence, area| TextLine {
            text: text.into(),
            area,
            confidence,
            words: Vec::new(),
        };
        let small = Rect { x0: 0.1, y0: 0.1, x1: 0.2, y1: 0.2 };
        assert!(!is_believable(&line("8", 0.92, Rect::WHOLE)));
        assert!(!is_believable(&line("0", 0.73, small)));
        assert!(is_believable(&line("8", 0.95, small)));
        assert!(is_believable(&line("STOP", 0.8, Rect::WHOLE)));
        assert!(!is_believable(&line("sefx-4)", 0.69, small)));
    }
}
