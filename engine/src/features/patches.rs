//! Pictures → normalised planes of numbers: resizing, cropping, channel order.

use image::RgbImage;
use image::imageops::{self, FilterType};

/// How a model wants its numbers: `(value / 255 - mean) / deviation` per channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// Per channel, in the order of the planes.
    pub mean: [f32; 3],
    /// Per channel, in the order of the planes.
    pub deviation: [f32; 3],
}

impl Normalization {
    /// Means and deviations of ImageNet.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
    /// To −1 … 1.
    pub const SIGNED: Self = Self { mean: [0.5; 3], deviation: [0.5; 3] };
}

/// Order of the colour planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV reads pictures.
    Bgr,
}

/// A picture as planes.
///
/// # Shapes
/// - returns: `[3, height, width]`
pub fn planes(picture: &RgbImage, normalization: Normalization, channels: Channels) -> Vec<f32> {
    let n = picture.width() as usize * picture.height() as usize;
    let mut out = vec![0.0; 3 * n];
    for (plane, values) in out.chunks_exact_mut(n.max(1)).enumerate() {
        let channel = match channels {
            Channels::Rgb => plane,
            Channels::Bgr => 2 - plane,
        };
        let factor = 1.0 / (255.0 * normalization.deviation[plane]);
        let shift = normalization.mean[plane] / normalization.deviation[plane];
        for (value, pixel) in values.iter_mut().zip(picture.pixels()) {
            *value = f32::from(pixel.0[channel]) * factor - shift;
        }
    }
    out
}

/// Scales so that the shorter side is `size`, then cuts the middle out.
pub fn center_crop(picture: &RgbImage, size: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let shorter = width.min(height).max(1);
    // Cutting before scaling touches fewer pixels and gives the same square.
    let square = imageops::crop_imm(picture, (width - shorter) / 2, (height - shorter) / 2, shorter, shorter);
    imageops::resize(&square.to_image(), size, size, FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_follow_the_channel_order() {
        let picture = RgbImage::from_pixel(2, 1, image::Rgb([255, 0, 51]));
        let rgb = planes(&picture, Normalization::SIGNED, Channels::Rgb);
        assert_eq!(rgb.len(), 6);
        for (got, want) in rgb.iter().zip([1.0, 1.0, -1.0, -1.0, -0.6, -0.6]) {
            assert!((got - want).abs() < 1e-6, "{rgb:?}");
        }
        let bgr = planes(&picture, Normalization::SIGNED, Channels::Bgr);
        assert!((bgr[0] + 0.6).abs() < 1e-6 && (bgr[4] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_crop_keeps_the_middle() {
        let mut wide = RgbImage::from_pixel(30, 10, image::Rgb([9, 9, 9]));
        for y in 0..10 {
            for x in 10..20 {
                wide.put_pixel(x, y, image::Rgb([200, 200, 200]));
            }
        }
        let square = center_crop(&wide, 8);
        assert_eq!(square.dimensions(), (8, 8));
        assert!(square.pixels().all(|pixel| pixel.0[0] == 200));
    }
}
