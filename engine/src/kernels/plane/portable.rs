//! A tile on any processor: plain loops over what stands side by side, which compilers make vectors of.

use half::f16;

use super::{BLOCK, PlaneTile, unit};
use crate::kernels::layers::Begin;
use crate::kernels::packed::{Format, Line, PANEL, Tile};

/// # Safety
/// `out` and the bias of `begin`, if any, have a place for each of `n_rows` rows and column of the panels.
#[allow(unsafe_code)]
pub(super) unsafe fn tile(panels: &[Line], x: PlaneTile, n_rows: usize, begin: Begin, out: Tile) {
    let n_blocks = x.factors.len() / n_rows;
    for (half, panel) in panels.chunks_exact(Format::Q8_0.panel_lines(n_blocks)).enumerate() {
        let column = PANEL * half;
        let width = PANEL.min(out.width - column);
        for r in 0..n_rows {
            let mut sums = [0f32; PANEL];
            for b in 0..n_blocks {
                let factor = x.factors[b * n_rows + r];
                let mut products = [factor.shift; PANEL];
                let (scales, lines) = unit(panel, b);
                for (g, line) in lines.iter().enumerate() {
                    let four = x.fours[(BLOCK / 4 * b + g) * n_rows + r].map(i32::from);
                    for (product, weights) in products.iter_mut().zip(line.0.as_chunks::<4>().0) {
                        for (x, weight) in four.iter().zip(weights) {
                            *product += x * i32::from(*weight);
                        }
                    }
                }
                let scales = scales.as_chunks::<2>().0;
                for ((sum, product), scale) in sums.iter_mut().zip(products).zip(scales) {
                    *sum += product as f32 * (f16::from_le_bytes(*scale).to_f32() * factor.scale);
                }
            }
            // SAFETY: by contract.
            unsafe {
                let place = std::slice::from_raw_parts_mut(out.at.add(r * out.stride + column), width);
                for (c, (place, sum)) in place.iter_mut().zip(sums).enumerate() {
                    let bias = if begin.bias.is_null() { 0.0 } else { *begin.bias.add(column + c) };
                    *place = if begin.onto { *place + bias + sum } else { bias + sum };
                }
            }
        }
    }
}
