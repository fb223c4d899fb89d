//! Rows of activations in one plane of eight bits.

use std::ops::Range;

use half::f16;

use super::{BLOCK, Isa, PlaneTile, most_rows};
use crate::kernels::buffer::Buffer;
use crate::kernels::lanes::{ROUND, across};
use crate::kernels::layers::TiledRows;
use crate::kernels::team;

/// Numbers side by side.
const LANES: usize = BLOCK / 2;

/// What the numbers of a block are multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C)]
pub(in crate::kernels) struct Factor {
    pub(in crate::kernels) scale: f32,
    /// −128 times their sum: what to add where weights are 128 too large.
    pub(in crate::kernels) shift: i32,
}

/// Rows of whole numbers of −127 to 127, by blocks of 32. Of block b of a tile of n rows four number g of row r is at
/// `(8 b + g) n + r`, and its factor at `b n + r`.
pub struct Plane {
    n_rows: usize,
    n_blocks: usize,
    most: usize,
    factors: Buffer<Factor>,
    fours: Buffer<[i8; 4]>,
}

impl TiledRows for Plane {
    fn new(isa: Isa, x: &[f32], n_in: usize) -> Self {
        assert!(n_in > 0 && n_in.is_multiple_of(BLOCK) && x.len().is_multiple_of(n_in));
        let (n_rows, n_blocks, most) = (x.len() / n_in, n_in / BLOCK, most_rows(isa));
        let mut factors = Buffer::new(n_rows * n_blocks);
        let mut fours = Buffer::new(8 * n_rows * n_blocks);
        let tiles = factors.chunks_mut(most * n_blocks).zip(fours.chunks_mut(8 * most * n_blocks));
        let mut tiles: Vec<_> = tiles.zip(x.chunks(most * n_in)).collect();
        team::for_each_chunk(&mut tiles, 1, |_, tiles| {
            for ((factors, fours), x) in tiles {
                round_tile(x.as_chunks().0, x.len() / n_in, factors, fours);
            }
        });
        Self { n_rows, n_blocks, most, factors, fours }
    }

    fn shape(&self) -> (usize, usize) {
        (self.n_rows, BLOCK * self.n_blocks)
    }

    fn most(&self) -> usize {
        self.most
    }
}

impl Plane {
    pub(super) fn tile(&self, tile: Range<usize>) -> PlaneTile<'_> {
        let (first, n) = (tile.start * self.n_blocks, tile.len() * self.n_blocks);
        PlaneTile { factors: &self.factors[first..first + n], fours: &self.fours[8 * first..8 * (first + n)] }
    }
}

for_each_isa!(
    /// Blocks of `n` rows, row after row, as whole numbers; those of the rows side by side.
    round_tile, round_body, (x: &[[f32; BLOCK]], n: usize, factors: &mut [Factor], fours: &mut [[i8; 4]])
);

/// No branches and no order of addition that matters, so that the compiler computes side by side.
#[inline(always)]
fn round_body(x: &[[f32; BLOCK]], n: usize, factors: &mut [Factor], fours: &mut [[i8; 4]]) {
    let n_blocks = x.len() / n;
    for r in 0..n {
        // First the scales of a row: what waits for them would wait block by block.
        let x = &x[r * n_blocks..(r + 1) * n_blocks];
        for (x, factors) in x.iter().zip(factors.chunks_exact_mut(n)) {
            factors[r].scale = largest(x) * (1.0 / 127.0);
        }
        for ((x, factors), fours) in
            x.iter().zip(factors.chunks_exact_mut(n)).zip(fours.chunks_exact_mut(8 * n))
        {
            let (numbers, sum) = rounded(x, factors[r].scale);
            factors[r].shift = -128 * sum;
            for (fours, four) in fours.chunks_exact_mut(n).zip(numbers.as_chunks::<4>().0) {
                fours[r] = *four;
            }
        }
    }
}

/// The largest magnitude of a block. Loops over places here and below, and not `map`, which is called for each block and
/// hands it over in memory.
#[inline(always)]
fn largest(x: &[f32; BLOCK]) -> f32 {
    let (low, high) = x.split_at(LANES);
    let mut lanes = [0f32; LANES];
    for i in 0..LANES {
        let (low, high) = (low[i].abs(), high[i].abs());
        lanes[i] = if high > low { high } else { low };
    }
    across(lanes, |a, b| if b > a { b } else { a })
}

/// A block as whole numbers of −127 to 127, which `scale` multiplies, and their sum.
#[inline(always)]
fn rounded(x: &[f32; BLOCK], scale: f32) -> ([i8; BLOCK], i32) {
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let (mut numbers, mut lanes) = ([0i8; BLOCK], [0i32; LANES]);
    let whole = |x: f32| (x * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
    for i in 0..LANES {
        let (low, high) = (whole(x[i]), whole(x[LANES + i]));
        numbers[i] = low as i8;
        numbers[LANES + i] = high as i8;
        lanes[i] = low + high;
    }
    (numbers, across(lanes, |a, b| a + b))
}

/// A block of weights as a file holds it (`quantize_row_q8_0_ref` of ggml): a scale in half precision, then numbers.
pub(super) fn block(x: &[f32; BLOCK]) -> [u8; 34] {
    let scale = f16::from_f32(largest(x) / 127.0);
    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    let mut bytes = [0; 34];
    bytes[..2].copy_from_slice(&scale.to_le_bytes());
    // Scales near the smallest of half precision may be far from what they stand for.
    let x = x.map(|v| (v * inverse).clamp(-127.0, 127.0));
    bytes[2..].copy_from_slice(&rounded(&x, 1.0).0.map(i8::cast_unsigned));
    bytes
}
