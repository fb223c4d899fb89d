//! Rows of activations of eight bits, with one scale and one zero for each.

use std::ops::Range;

use super::{Isa, LevelTile, ROWS};
use crate::kernels::buffer::Buffer;
use crate::kernels::lanes::{ROUND, across};
use crate::kernels::layers::TiledRows;
use crate::kernels::team::{self, Places};
use crate::kernels::transpose::transpose_words;

/// A number q of a row stands for `scale · (q − zero)`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C)]
pub(in crate::kernels) struct Factor {
    pub(in crate::kernels) scale: f32,
    pub(in crate::kernels) zero: i32,
}

/// Rows of whole numbers of 0 to 255. Of a tile of n rows four number g of row r is at `g n + r`.
pub struct LevelRows {
    n_in: usize,
    factors: Buffer<Factor>,
    fours: Buffer<u32>,
}

impl TiledRows for LevelRows {
    fn new(isa: Isa, x: &[f32], n_in: usize) -> Self {
        assert!(n_in > 0 && x.len().is_multiple_of(n_in));
        Self::strided(isa, x, x.len() / n_in, n_in, n_in)
    }

    fn shape(&self) -> (usize, usize) {
        (self.factors.len(), self.n_in)
    }

    fn most(&self) -> usize {
        ROWS
    }
}

impl LevelRows {
    /// Rounds `n_rows` rows that begin every `stride` numbers.
    ///
    /// # Panics
    /// When `x` has not as many (a bug of the caller).
    pub fn strided(_: Isa, x: &[f32], n_rows: usize, n_in: usize, stride: usize) -> Self {
        let n_fours = n_in.div_ceil(4);
        let (mut factors, mut fours) = (Buffer::new(n_rows), Buffer::new(n_rows * n_fours));
        let places = Places::of(&mut factors);
        team::for_each_chunk(&mut fours, ROWS * n_fours, |tile, fours| {
            let first = tile * ROWS;
            let n = ROWS.min(n_rows - first);
            // SAFETY: each tile has factors of its own.
            #[allow(unsafe_code)]
            let factors = unsafe { places.run(first..first + n) };
            let mut rounded = Buffer::<u32>::new(n * n_fours);
            for ((r, to), factor) in rounded.chunks_exact_mut(n_fours).enumerate().zip(factors) {
                *factor = round_row(&x[(first + r) * stride..][..n_in], to);
            }
            transpose_words((n, n_fours), &rounded, fours, n);
        });
        Self { n_in, factors, fours }
    }

    pub(super) fn tile(&self, tile: Range<usize>) -> LevelTile<'_> {
        let n_fours = self.n_in.div_ceil(4);
        LevelTile {
            factors: &self.factors[tile.clone()],
            fours: &self.fours[tile.start * n_fours..tile.end * n_fours],
        }
    }
}

for_each_isa!(
    /// A row as whole numbers, four in a word; what fills up the last word is 0.
    round_row, round_body, (x: &[f32], to: &mut [u32]) -> Factor
);

/// No branches and no order that matters, so that the compiler computes side by side.
#[inline(always)]
fn round_body(x: &[f32], to: &mut [u32]) -> Factor {
    /// Numbers side by side.
    const LANES: usize = 32;
    // Zero is a level, so that what is 0 stays 0.
    let (mut low, mut high) = ([0f32; LANES], [0f32; LANES]);
    let (whole, rest) = x.as_chunks::<LANES>();
    for x in whole {
        for (low, x) in low.iter_mut().zip(x) {
            *low = if *x < *low { *x } else { *low };
        }
        for (high, x) in high.iter_mut().zip(x) {
            *high = if *x > *high { *x } else { *high };
        }
    }
    let low = rest.iter().fold(across(low, |a, b| if b < a { b } else { a }), |a, b| a.min(*b));
    let high = rest.iter().fold(across(high, |a, b| if b > a { b } else { a }), |a, b| a.max(*b));
    // One step less than there are, because the zero is rounded up: no number leaves its byte.
    let scale = (high - low) * (1.0 / 254.0);
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let zero = (-low * inverse).ceil();
    let shift = ROUND + zero;
    // SAFETY: a word is four bytes, of which any values make one; processors with kernels keep the first in its low end.
    #[allow(unsafe_code)]
    let bytes = unsafe { std::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<u8>(), size_of_val(to)) };
    let (bytes, fill) = bytes.split_at_mut(x.len());
    for (byte, x) in bytes.iter_mut().zip(x) {
        *byte = (x * inverse + shift).to_bits() as u8;
    }
    fill.fill(0);
    Factor { scale, zero: zero as i32 }
}
