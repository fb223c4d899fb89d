//! A tile on any processor: plain loops over what stands side by side, which compilers make vectors of.

use super::Kind;
use super::panels::widen;
use crate::kernels::layers::{Begin, PANEL};
use crate::kernels::packed::Tile;

/// Rows of a tile.
pub(super) const MOST_ROWS: usize = 4;

/// Inputs whose weights are widened at a time.
const RUN: usize = 32;

/// # Safety
/// As `multiply_tile`.
#[allow(unsafe_code)]
pub(super) unsafe fn tile(kind: Kind, n_rows: usize, x: &[f32], weights: &[u8], begin: Begin, out: Tile) {
    let width = out.width.min(PANEL);
    let mut sums = [[0f32; PANEL]; MOST_ROWS];
    for (r, sums) in sums[..n_rows].iter_mut().enumerate() {
        // SAFETY: by contract.
        unsafe {
            if !begin.bias.is_null() {
                sums[..width].copy_from_slice(std::slice::from_raw_parts(begin.bias, width));
            }
            if begin.onto {
                let before = std::slice::from_raw_parts(out.at.add(r * out.stride), width);
                sums.iter_mut().zip(before).for_each(|(sum, before)| *sum += before);
            }
        }
    }
    let mut wide = [0f32; PANEL * RUN];
    for (x, weights) in x.chunks(RUN * n_rows).zip(weights.chunks(RUN * PANEL * kind.bytes())) {
        widen(kind, weights, &mut wide);
        for (x, weights) in x.chunks_exact(n_rows).zip(wide.as_chunks::<PANEL>().0) {
            for (x, sums) in x.iter().zip(&mut sums) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += x * weight;
                }
            }
        }
    }
    for (r, sums) in sums[..n_rows].iter().enumerate() {
        // SAFETY: by contract.
        unsafe { out.at.add(r * out.stride).copy_from_nonoverlapping(sums.as_ptr(), width) };
    }
}
