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

/// A part of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// At least 1.
    pub width: u32,
    /// At least 1.
    pub height: u32,
}

/// What a network with a square input is shown of a picture: the whole of it, squashed, so that
/// nothing at the edges is missed; of a strip longer than twice its breadth, squares that overlap.
pub fn square_views(width: u32, height: u32) -> Vec<Region> {
    /// A longer strip is looked at in squares that are further apart.
    const MOST: u32 = 6;
    let (longer, shorter) = (width.max(height), width.min(height));
    if longer <= 2 * shorter {
        return vec![Region { x: 0, y: 0, width, height }];
    }
    // Each square overlaps the next by a third or more.
    let n = ((longer - shorter).div_ceil((shorter * 2 / 3).max(1)) + 1).min(MOST);
    let at = |i: u32| (u64::from(longer - shorter) * u64::from(i) / u64::from(n - 1)) as u32;
    (0..n)
        .map(|i| match width > height {
            true => Region { x: at(i), y: 0, width: shorter, height: shorter },
            false => Region { x: 0, y: at(i), width: shorter, height: shorter },
        })
        .collect()
}

/// Scales a part of a picture to a square, bicubic as in training.
pub fn squash(picture: &RgbImage, region: Region, side: u32) -> RgbImage {
    let part = imageops::crop_imm(picture, region.x, region.y, region.width, region.height);
    // Bicubic shrinking of a camera picture costs more than the network; halfway, means do as well.
    if region.width.min(region.height) > 8 * side {
        let halfway = imageops::thumbnail(&*part, 4 * side, 4 * side);
        return imageops::resize(&halfway, side, side, FilterType::CatmullRom);
    }
    imageops::resize(&*part, side, side, FilterType::CatmullRom)
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
    fn a_picture_is_seen_whole_and_a_strip_in_squares() {
        assert_eq!(square_views(640, 400), [Region { x: 0, y: 0, width: 640, height: 400 }]);
        let strip = square_views(300, 100);
        assert_eq!(strip.len(), 5);
        assert_eq!(strip[0], Region { x: 0, y: 0, width: 100, height: 100 });
        assert_eq!(strip[4], Region { x: 200, y: 0, width: 100, height: 100 });
        assert!(strip.windows(2).all(|pair| pair[1].x - pair[0].x <= 67), "{strip:?}");
        assert_eq!(square_views(1, 40_000).len(), 6);
    }

    #[test]
    fn squashing_keeps_left_and_right() {
        let picture =
            RgbImage::from_fn(30, 10, |x, _| image::Rgb(if x < 15 { [200, 0, 0] } else { [0, 0, 200] }));
        let square = squash(&picture, Region { x: 0, y: 0, width: 30, height: 10 }, 8);
        assert_eq!(square.dimensions(), (8, 8));
        assert_eq!((square.get_pixel(0, 4).0, square.get_pixel(7, 4).0), ([200, 0, 0], [0, 0, 200]));
        let right = squash(&picture, Region { x: 20, y: 0, width: 10, height: 10 }, 8);
        assert!(right.pixels().all(|pixel| pixel.0 == [0, 0, 200]));
    }
}
