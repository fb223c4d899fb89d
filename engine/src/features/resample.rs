//! Resizing with a filter that widens when a picture shrinks, in whole numbers.
//!
//! The arithmetic is that of torchvision's `resize(antialias=True)` on bytes, so that a model sees what it
//! saw in training: weights of 16 bits, first along the rows, then along the columns, each rounded to a byte.
//! <https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/cpu/UpSampleKernel.cpp>

use image::RgbImage;
use rayon::prelude::*;

use crate::kernels::pixels::{LANES, weigh_lines, weigh_taps};

/// How pixels are weighed by their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// A triangle over two pixels.
    Bilinear,
    /// Keys' cubic over four pixels, with a = −1/2.
    Bicubic,
}

impl Filter {
    /// Beyond this distance, in pixels of the smaller picture, the weight is 0.
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Bicubic => 0.0,
        }
    }
}

/// Which pixels make up each pixel of a resized line, and how much each counts.
struct Taps {
    /// First pixel and weights, as multiples of 2^-`bits`.
    each: Vec<(usize, Vec<i32>)>,
    bits: u32,
}

impl Taps {
    fn new(n_in: usize, n_out: usize, filter: Filter) -> Self {
        let scale = n_in as f64 / n_out as f64;
        let stretch = scale.max(1.0);
        let radius = filter.radius() * stretch;
        let exact: Vec<(usize, Vec<f64>)> = (0..n_out)
            .map(|i| {
                let centre = scale * (i as f64 + 0.5);
                let first = (centre - radius + 0.5).max(0.0) as usize;
                let end = ((centre + radius + 0.5) as usize).min(n_in);
                let weight = |j: usize| filter.weight((j as f64 - centre + 0.5) / stretch);
                let weights: Vec<f64> = (first..end).map(weight).collect();
                let sum: f64 = weights.iter().sum();
                (first, weights.iter().map(|weight| weight / sum).collect())
            })
            .collect();
        let largest = exact.iter().flat_map(|(_, weights)| weights).copied().fold(0.0, f64::max);
        // As many bits as keep the largest weight within a signed number of 16 bits.
        let fits = |bits: &u32| 0.5 + largest * f64::from(1u32 << (bits + 1)) < f64::from(1 << 15);
        let bits = (0..22).take_while(fits).count() as u32;
        let unit = f64::from(1u32 << bits);
        let round = |weight: &f64| (weight * unit + 0.5_f64.copysign(*weight)) as i32;
        let each = exact.iter().map(|(first, weights)| (*first, weights.iter().map(round).collect()));
        Self { each: each.collect(), bits }
    }
}

/// Scales a picture to `width` × `height` pixels, each at least 1; its shape is not kept.
/// An empty picture stays empty: the result is black.
pub fn resize(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    let mut resized = RgbImage::new(width, height);
    if [picture.width(), picture.height(), width, height].contains(&0) {
        return resized;
    }
    let (row_in, row_out) = (3 * picture.width() as usize, 3 * width as usize);
    let across = Taps::new(picture.width() as usize, width as usize, filter);
    let mut narrowed = vec![0u8; row_out * picture.height() as usize];
    let blocks = narrowed.par_chunks_mut(LANES * row_out).zip(picture.par_chunks(LANES * row_in));
    blocks.for_each(|(out, rows)| narrow(rows, row_in, &across, out, row_out));
    let down = Taps::new(picture.height() as usize, height as usize, filter);
    resized.par_chunks_mut(row_out).zip(&down.each).for_each(|(out, (first, weights))| {
        weigh_lines(&narrowed[first * row_out..], weights, down.bits, out);
    });
    resized
}

/// Makes up to 16 rows shorter, side by side.
fn narrow(rows: &[u8], row_in: usize, across: &Taps, out: &mut [u8], row_out: usize) {
    let mut turned = vec![[0u8; 3 * LANES]; row_in / 3];
    for (r, row) in rows.chunks_exact(row_in).enumerate() {
        for (turned, pixel) in turned.iter_mut().zip(row.as_chunks::<3>().0) {
            for (c, byte) in pixel.iter().enumerate() {
                turned[LANES * c + r] = *byte;
            }
        }
    }
    for (x, (first, weights)) in across.each.iter().enumerate() {
        let mut sums = [0u8; 3 * LANES];
        weigh_taps(&turned[*first..], weights, across.bits, &mut sums);
        for (r, row) in out.chunks_exact_mut(row_out).enumerate() {
            for (c, byte) in row[3 * x..3 * x + 3].iter_mut().enumerate() {
                *byte = sums[LANES * c + r];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What torchvision made of small pictures; see tests/reference/resize.py.
    #[derive(serde::Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        size: [u32; 2],
        to: [u32; 2],
        filter: String,
        bytes: Vec<u8>,
    }

    #[test]
    fn every_byte_equals_the_reference() {
        let golden: Golden = serde_json::from_str(include_str!("../../../tests/golden/resize.json")).unwrap();
        assert!(golden.cases.len() > 10);
        for Case { size, to, filter, bytes } in golden.cases {
            let picture = RgbImage::from_fn(size[0], size[1], |x, y| {
                image::Rgb([1, 2, 3].map(|c| ((37 * x * x + 91 * y * c + 17 * x * y) % 256) as u8))
            });
            let kind = if filter == "bicubic" { Filter::Bicubic } else { Filter::Bilinear };
            let resized = resize(&picture, to[0], to[1], kind);
            assert!(*resized.as_raw() == bytes, "{filter} {size:?} to {to:?}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_at_every_size() {
        let flat = RgbImage::from_pixel(7, 5, image::Rgb([3, 128, 255]));
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            for (width, height) in [(1, 1), (7, 5), (3, 50), (48, 2)] {
                let resized = resize(&flat, width, height, filter);
                assert_eq!(resized.dimensions(), (width, height));
                assert!(resized.pixels().all(|pixel| pixel.0 == [3, 128, 255]), "{width}×{height}");
            }
        }
    }

    #[test]
    fn extreme_shapes_are_resized() {
        let strip = RgbImage::from_fn(10_000, 1, |x, _| image::Rgb([(x / 40) as u8; 3]));
        let resized = resize(&strip, 50, 4, Filter::Bicubic);
        assert!(resized.get_pixel(0, 0).0[0] < 8 && resized.get_pixel(49, 3).0[0] > 240);
        assert_eq!(resize(&RgbImage::new(0, 9), 2, 2, Filter::Bilinear).dimensions(), (2, 2));
    }
}
