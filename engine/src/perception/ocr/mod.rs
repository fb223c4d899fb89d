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
use detect::Detector;
use recognise::Recogniser;

/// A line of text in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// What it says.
    pub text: String,
    /// Where, in fractions of the picture.
    pub area: Rect,
    /// Mean probability of the characters, 0 to 1.
    pub confidence: f32,
    /// Words as byte ranges of `text`, with their places.
    pub words: Vec<(Range<usize>, Rect)>,
}

/// Lines that are read with less confidence are mostly texture taken for text.
const LEAST_CONFIDENCE: f32 = 0.6;

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

    /// The lines of a picture in reading order; what was read so far when cancelled.
    ///
    /// # Errors
    /// [`Error::Inference`].
    pub fn read(&self, picture: &RgbImage, cancel: &Cancel) -> Result<Vec<TextLine>> {
        let mut lines = Vec::new();
        for quad in self.detector.find(picture)? {
            if cancel.is_cancelled() {
                break;
            }
            let line = self.recogniser.read(picture, &quad)?;
            lines.extend(line.filter(|line| line.confidence >= LEAST_CONFIDENCE));
        }
        Ok(order::reading_order(lines))
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
