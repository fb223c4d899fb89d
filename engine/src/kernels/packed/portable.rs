//! Products with panels on any processor: plain loops over what stands side by side, which compilers make vectors of.

use std::ops::Range;

use super::format::Format;
use super::{Line, PANEL, Tile};
use crate::kernels::activations::{Activations, BLOCK, UPPER, tiles};

/// Numbers of a unit: number `4 g + i` of column c is `[g][4 c + i]`.
type Numbers = [[i16; 4 * PANEL]; BLOCK / 4];

/// Scales and offsets of 16 columns.
type Factors = ([f32; PANEL], [f32; PANEL]);

/// Panels times all rows of activations.
///
/// # Safety
/// `out` has a place for each panel and each row of `x`.
#[allow(unsafe_code)]
pub(super) unsafe fn panels_times(format: Format, panels: &[Line], x: &Activations, out: Tile) {
    for (i, panel) in panels.chunks(format.panel_lines(x.n_blocks)).enumerate() {
        for rows in tiles(x.n_rows()) {
            let n_rows = rows.len();
            let sums = tile(format, panel, x, rows.clone());
            for (r, sums) in sums[..n_rows].iter().enumerate() {
                // SAFETY: by contract; a tile of a panel is `width` wide, which is 16 at most.
                unsafe {
                    let out = out.of(i, rows.start + r);
                    out.at.copy_from_nonoverlapping(sums.as_ptr(), out.width.min(PANEL));
                }
            }
        }
    }
}

/// Rows of a tile times a panel.
fn tile(format: Format, panel: &[Line], x: &Activations, rows: Range<usize>) -> [[f32; PANEL]; 8] {
    let mut sums = [[0f32; PANEL]; 8];
    let mut numbers = [[0i16; 4 * PANEL]; BLOCK / 4];
    for unit in 0..x.n_blocks {
        unpack(format, &panel[format.unit_line(unit)..][..format.quant_lines()], &mut numbers);
        let factors = factors(format, panel, unit);
        for (r, sums) in sums[..rows.len()].iter_mut().enumerate() {
            let at = rows.start * x.n_blocks + unit * rows.len() + r;
            let (planes, by) = (&x.planes[at], &x.factors[at]);
            let whole = |k: usize| UPPER as i16 * i16::from(planes.upper[k]) + i16::from(planes.lower[k]);
            let x: [i16; BLOCK] = std::array::from_fn(whole);
            let (numbers, x) = (numbers.as_chunks::<4>().0, x.as_chunks::<{ BLOCK / 2 }>().0);
            for half in 0..2 {
                let (scales, offsets) = &factors[half];
                let products = products(&numbers[half], &x[half]);
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum += scales[c] * by.scale * products[c] as f32 + offsets[c] * by.halves[half];
                }
            }
        }
    }
    sums
}

/// Sums of 16 products for each column: below 2²⁷, as `Activations` and eight-bit numbers are.
#[inline(always)]
fn products(numbers: &[[i16; 4 * PANEL]; 4], x: &[i16; BLOCK / 2]) -> [i32; PANEL] {
    // Pairs of products are one instruction on most processors.
    let mut pairs = [0i32; 2 * PANEL];
    for (numbers, x) in numbers.iter().zip(x.as_chunks::<4>().0) {
        let x = [x[0], x[1], x[2], x[3], x[0], x[1], x[2], x[3]];
        for (pairs, numbers) in pairs.as_chunks_mut::<4>().0.iter_mut().zip(numbers.as_chunks::<8>().0) {
            let product = |j: usize| i32::from(numbers[j]) * i32::from(x[j]);
            for (j, pair) in pairs.iter_mut().enumerate() {
                *pair += product(2 * j) + product(2 * j + 1);
            }
        }
    }
    std::array::from_fn(|c| pairs[2 * c] + pairs[2 * c + 1])
}

/// The quants of a unit, unsigned.
#[inline(always)]
fn unpack(format: Format, lines: &[Line], to: &mut Numbers) {
    if format == Format::Q8_0 {
        for (to, line) in to.iter_mut().zip(lines) {
            *to = line.0.map(i16::from);
        }
        return;
    }
    let (low, high) = to.split_at_mut(4);
    for ((low, high), line) in low.iter_mut().zip(high).zip(lines) {
        *low = line.0.map(|byte| i16::from(byte & 15));
        *high = line.0.map(|byte| i16::from(byte >> 4));
    }
    match format {
        Format::Q5_0 | Format::Q5_1 | Format::Q5K => {
            for (to, bits) in to.iter_mut().zip(lines[4].0.as_chunks::<8>().0) {
                for (to, bits) in to.as_chunks_mut::<8>().0.iter_mut().zip(bits) {
                    for (i, to) in to.iter_mut().enumerate() {
                        *to |= i16::from(bits >> i & 1) << 4;
                    }
                }
            }
        }
        Format::Q6K => {
            for (g, to) in to.iter_mut().enumerate() {
                for (to, bits) in to.iter_mut().zip(&lines[4 + g / 4].0) {
                    *to |= i16::from(bits >> (2 * (g % 4)) & 3) << 4;
                }
            }
        }
        _ => {}
    }
}

/// Scales and offsets of the halves of a unit: a number is `scale · q + offset`.
#[inline(always)]
fn factors(format: Format, panel: &[Line], unit: usize) -> [Factors; 2] {
    let group = Line::bytes(&panel[format.group_line(unit)..][..format.factor_lines()]);
    let unit = unit % format.group();
    let halves = |at: usize| -> [f32; PANEL] {
        let bytes = &group[at..at + 2 * PANEL];
        std::array::from_fn(|c| widen(u16::from_le_bytes([bytes[2 * c], bytes[2 * c + 1]])))
    };
    let bytes = |at: usize| -> [u8; PANEL] { std::array::from_fn(|c| group[at + c]) };
    let times = |a: [f32; PANEL], b: [f32; PANEL]| -> [f32; PANEL] { std::array::from_fn(|c| a[c] * b[c]) };
    let shifted = |scales: [f32; PANEL]| (scales, scales.map(|x| x * f32::from(format.shift().unwrap_or(0))));
    match format {
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => [shifted(halves(32 * unit)); 2],
        Format::Q4_1 | Format::Q5_1 => [(halves(0), halves(32)); 2],
        Format::Q4K | Format::Q5K => {
            let scales = times(halves(0), bytes(64 + 32 * unit).map(f32::from));
            let minimums = times(halves(32), bytes(80 + 32 * unit).map(f32::from));
            [(scales, minimums.map(|x| -x)); 2]
        }
        Format::Q6K => [0, 1].map(|half| {
            let signed = bytes(32 + 32 * unit + 16 * half).map(|byte| f32::from(byte.cast_signed()));
            shifted(times(halves(0), signed))
        }),
    }
}

/// A finite half-precision number; the library's way has branches for the others.
#[inline(always)]
fn widen(half: u16) -> f32 {
    /// 2¹¹², by which the exponents of the two types differ.
    const EXPONENT: f32 = 5_192_296_858_534_827_628_530_496_329_220_096.0;
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * EXPONENT;
    f32::from_bits(magnitude.to_bits() | u32::from(half >> 15) << 31)
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_finite_half_is_widened_as_by_the_library() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(widen(bits).to_bits(), half.to_f32().to_bits(), "{half}");
            }
        }
    }
}
