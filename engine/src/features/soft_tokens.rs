//! Pictures → what vision encoders of Gemma read: the size for a budget of tokens, patches, planes.
//!
//! Sources: `image_processing_gemma4.py`, `image_processing_gemma4_unified.py` and
//! `image_processing_gemma3.py` of transformers.

use image::RgbImage;

use super::patches::{Channels, Normalization, planes};
use super::resample::{Filter, resize};

/// How many soft tokens a picture may become; checkpoints were trained on these.
pub const BUDGETS: [usize; 5] = [70, 140, 280, 560, 1120];
/// What a picture gets unless somebody asks for more.
pub const PICTURE_BUDGET: usize = 280;
/// What a frame of a video gets.
pub const FRAME_BUDGET: usize = 70;

/// A picture cut into squares, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    /// Patches side by side; patch `i` stands at column `i % columns` and row `i / columns`.
    pub columns: usize,
    /// Patches one below the other.
    pub rows: usize,
    /// Pixels along an edge of a patch.
    pub side_px: usize,
    /// `[rows * columns, side_px * side_px * 3]`, within a patch by row, column, colour; 0 to 1.
    pub values: Vec<f32>,
}

/// What a vision encoder reads.
#[derive(Debug, Clone, PartialEq)]
pub enum PictureInput {
    /// Squares of a picture that keeps its shape (Gemma 4).
    Patches(Patches),
    /// A square as planes of red, green and blue, −1 to 1 (Gemma 3).
    Planes {
        /// Pixels along an edge.
        side_px: usize,
        /// `[3, side_px, side_px]`.
        values: Vec<f32>,
    },
}

/// Width and height in pixels to which a picture is scaled: about its own shape, multiples of `token_px`,
/// and at most `budget` squares of `token_px`. `None` for an empty picture or a budget of 0.
pub fn target_size(width: u32, height: u32, token_px: usize, budget: usize) -> Option<(u32, u32)> {
    let (wide, high, token) = (f64::from(width), f64::from(height), token_px as f64);
    if wide * high == 0.0 || token_px == 0 || budget == 0 {
        return None;
    }
    let factor = (budget as f64 * token * token / (wide * high)).sqrt();
    let tokens = |side: f64| (factor * side / token).floor() as usize;
    let (columns, rows) = match (tokens(wide), tokens(high)) {
        // By rounding, where the budget is a single token.
        (0, 0) => (1, 1),
        // A strip becomes one token thick, and not longer than its shape asks for.
        (columns, 0) if columns > 0 => (((wide / high).floor() as usize).min(budget), 1),
        (0, rows) if rows > 0 => (1, ((high / wide).floor() as usize).min(budget)),
        both => both,
    };
    let px = |n: usize| u32::try_from(n.max(1) * token_px).ok();
    Some((px(columns)?, px(rows)?))
}

/// Scales a picture and cuts it into patches of `side_px`, `merged × merged` of which become one soft token.
/// `None` for an empty picture.
pub fn patches(picture: &RgbImage, side_px: usize, merged: usize, budget: usize) -> Option<Patches> {
    let (width, height) = target_size(picture.width(), picture.height(), side_px * merged, budget)?;
    Some(cut(&resize(picture, width, height, Filter::Bicubic), side_px))
}

/// Cuts a picture whose sides are multiples of `side_px`.
fn cut(picture: &RgbImage, side_px: usize) -> Patches {
    let (columns, rows) = (picture.width() as usize / side_px, picture.height() as usize / side_px);
    let stretch = 3 * side_px;
    let mut values = Vec::with_capacity(picture.len());
    for row in 0..rows {
        for column in 0..columns {
            for y in 0..side_px {
                let start = (row * side_px + y) * columns * stretch + column * stretch;
                let pixels = &picture.as_raw()[start..start + stretch];
                values.extend(pixels.iter().map(|byte| f32::from(*byte) * (1.0 / 255.0)));
            }
        }
    }
    Patches { columns, rows, side_px, values }
}

/// Squashes a picture to a square, as Gemma 3 was trained: bilinear, −1 to 1. `None` for an empty picture.
pub fn square(picture: &RgbImage, side_px: usize) -> Option<PictureInput> {
    let side = u32::try_from(side_px).ok()?;
    if picture.is_empty() {
        return None;
    }
    let squashed = resize(picture, side, side, Filter::Bilinear);
    let values = planes(&squashed, Normalization::SIGNED, Channels::Rgb);
    Some(PictureInput::Planes { side_px, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_the_shape_within_the_budget() {
        for ((width, height), budget, want) in [
            ((640, 480), 280, (912, 672)),
            ((200, 120), 70, (480, 288)),
            ((1, 1), 70, (384, 384)),
            // Strips: one token thick.
            ((10_000, 1), 280, (280 * 48, 48)),
            ((1, 10_000), 280, (48, 280 * 48)),
            ((1, 10_000), 1120, (48, 1120 * 48)),
            ((1000, 3), 280, (280 * 48, 48)),
        ] {
            let size = target_size(width, height, 48, budget);
            assert_eq!(size, Some(want), "{width}×{height} for {budget}");
            let (width, height) = (want.0 as usize / 48, want.1 as usize / 48);
            assert!(width * height <= budget);
        }
        assert_eq!(target_size(0, 5, 48, 280), None);
        assert_eq!(target_size(5, 5, 48, 0), None);
        assert_eq!(target_size(5, 5, 48, 1), Some((48, 48)));
    }

    #[test]
    fn patches_stand_row_by_row() {
        let picture = RgbImage::from_fn(4, 2, |x, y| image::Rgb([(10 * y + x) as u8, 0, 255]));
        let cut = cut(&picture, 2);
        assert_eq!((cut.columns, cut.rows, cut.values.len()), (2, 1, 24));
        let reds: Vec<f32> = cut.values.iter().step_by(3).map(|v| (v * 255.0).round()).collect();
        assert_eq!(reds, [0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0]);
        assert_eq!(cut.values[2], 1.0);
    }
}
