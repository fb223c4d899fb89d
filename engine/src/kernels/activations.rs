//! Rows of activations as whole numbers, block by block.

use std::ops::Range;

use super::buffer::{Buffer, scratch};
#[cfg(target_arch = "x86_64")]
use super::isa::{Isa, Kind};
use super::lanes::ROUND;
use super::team::{self, Places};

/// Numbers per block.
pub const BLOCK: usize = 32;

/// What the upper plane counts.
pub(super) const UPPER: i32 = 128;

/// The largest whole number: 127 in the upper plane and 63 in the lower one.
pub(super) const LARGEST: f32 = 16_319.0;

/// Rows of activations, `scale · (128 · upper + lower)` with eight-bit numbers in two planes: 15 bits, so that
/// what is lost is far below what the weights lost. ggml's reference keeps one plane (`quantize_row_q8_1_ref`);
/// that moves log-probabilities of a small model by 0.05, and changes one likeliest token in forty.
///
/// Rows stand together in [tiles](tiles): of a tile of `n` rows block b of row r is at `first · n_blocks + b n + r`,
/// so that a kernel that takes all rows of a tile walks through memory in order.
pub struct Activations {
    n_rows: usize,
    /// Blocks per row.
    pub(super) n_blocks: usize,
    pub(super) factors: Buffer<Factors>,
    /// Never −128.
    pub(super) planes: Buffer<Planes>,
}

/// Rows that kernels take together: eight, and at the end four, two and one.
pub(super) fn tiles(n_rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n_tiles(n_rows)).map(move |i| tile(n_rows, i))
}

/// How many [tiles] there are.
fn n_tiles(n_rows: usize) -> usize {
    n_rows / 8 + (n_rows % 8).count_ones() as usize
}

/// The rows of one of the [tiles].
fn tile(n_rows: usize, i: usize) -> Range<usize> {
    let whole = n_rows / 8;
    let mut tile = 8 * i.min(whole)..8 * (i + 1).min(whole);
    for _ in whole..=i {
        let left = n_rows - tile.end;
        tile = tile.end..tile.end + (1 << left.ilog2().min(3));
    }
    tile
}

/// The numbers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(64))]
pub(super) struct Planes {
    pub(super) upper: [i8; BLOCK],
    pub(super) lower: [i8; BLOCK],
}

/// What the numbers of a block are multiplied by, and their sums.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(32))]
pub(super) struct Factors {
    pub(super) scale: f32,
    /// Of the whole block, times the scale.
    pub(super) sum: f32,
    /// Of each half, times the scale.
    pub(super) halves: [f32; 2],
    /// Minus the sum of the whole numbers: of the block, then of each half.
    pub(super) minus: [i32; 3],
}

impl Factors {
    #[inline(always)]
    pub(super) fn new(scale: f32, minus: [i32; 3]) -> Self {
        let halves = [scale * -minus[1] as f32, scale * -minus[2] as f32];
        Self { scale, sum: halves[0] + halves[1], halves, minus }
    }
}

impl Activations {
    /// Quantises `x`, `[n_rows, n_in]`.
    ///
    /// # Panics
    /// When `n_in` is no multiple of 32 or `x` has no whole rows (a bug of the caller).
    pub fn quantize(x: &[f32], n_in: usize) -> Self {
        assert!(x.len().is_multiple_of(n_in));
        Self::by_tile(x.len() / n_in, n_in, |rows, blocks, planes, factors| {
            let x = x[rows.start * n_in..rows.end * n_in].as_chunks().0;
            quantize_tile(x, (blocks.start, n_in / BLOCK), planes, factors);
        })
    }

    /// Quantises `[n_rows, n_in]` that stand nowhere: `make(row, first, numbers)` makes those of a row from `first` on
    /// while the tile is in the nearest cache.
    ///
    /// # Panics
    /// When `n_in` is no multiple of 32 (a bug of the caller).
    pub fn of_made(n_rows: usize, n_in: usize, make: impl Fn(usize, usize, &mut [f32]) + Sync) -> Self {
        Self::by_tile(n_rows, n_in, |rows, blocks, planes, factors| {
            let width = blocks.len() * BLOCK;
            scratch(rows.len() * width, |numbers| {
                for (row, numbers) in rows.zip(numbers.chunks_exact_mut(width)) {
                    make(row, blocks.start * BLOCK, numbers);
                }
                quantize_tile(numbers.as_chunks().0, (0, blocks.len()), planes, factors);
            });
        })
    }

    /// Calls `task` with the rows of each tile, or with some of their blocks where these are many, and what these become.
    fn by_tile(
        n_rows: usize,
        n_in: usize,
        task: impl Fn(Range<usize>, Range<usize>, &mut [Planes], &mut [Factors]) + Sync,
    ) -> Self {
        /// Numbers that are worth a task: some microseconds.
        const TASK: usize = 4096;
        assert!(n_in.is_multiple_of(BLOCK));
        let n_blocks = n_in / BLOCK;
        let (mut factors, mut planes) = (Buffer::new(n_rows * n_blocks), Buffer::new(n_rows * n_blocks));
        let step = TASK.div_ceil(BLOCK * n_rows.clamp(1, 8));
        let n_steps = n_blocks.div_ceil(step);
        let places = (Places::of(&mut factors), Places::of(&mut planes));
        team::for_each(n_tiles(n_rows) * n_steps, |i| {
            let (rows, first) = (tile(n_rows, i / n_steps), i % n_steps * step);
            let blocks = first..(first + step).min(n_blocks);
            let at = rows.start * n_blocks + rows.len() * blocks.start;
            let run = at..at + rows.len() * blocks.len();
            // SAFETY: these blocks of these rows belong to this task.
            #[allow(unsafe_code)]
            let (factors, planes) = unsafe { (places.0.run(run.clone()), places.1.run(run)) };
            task(rows, blocks, planes, factors);
        });
        Self { n_rows, n_blocks, factors, planes }
    }

    /// Some of the rows, in this order; a row may come more than once.
    ///
    /// # Panics
    /// When there is no such row (a bug of the caller).
    pub fn gather(&self, rows: &[u32]) -> Self {
        let n_blocks = self.n_blocks;
        let places: Vec<(usize, usize)> = tiles(self.n_rows)
            .flat_map(|tile| tile.clone().map(move |row| (row, tile.clone())))
            .map(
                // Where block 0 of a row is, and how far the next one lies from it.
                |(row, tile)| (tile.start * n_blocks + row - tile.start, tile.len()),
            )
            .collect();
        let (mut planes, mut factors) =
            (Buffer::new(rows.len() * n_blocks), Buffer::new(rows.len() * n_blocks));
        for tile in tiles(rows.len()) {
            let first = tile.start * n_blocks;
            for (r, row) in rows[tile.clone()].iter().enumerate() {
                let (at, step) = places[*row as usize];
                for block in 0..n_blocks {
                    planes[first + block * tile.len() + r] = self.planes[at + block * step];
                    factors[first + block * tile.len() + r] = self.factors[at + block * step];
                }
            }
        }
        Self { n_rows: rows.len(), n_blocks, factors, planes }
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}

/// Blocks of the rows `x` of a tile, from `first` of `n_blocks` on, as whole numbers; those of the rows side by side.
fn quantize_tile(x: &[[f32; BLOCK]], blocks: (usize, usize), planes: &mut [Planes], factors: &mut [Factors]) {
    #[cfg(target_arch = "x86_64")]
    if Isa::detect().0 == Kind::Avx512Vnni {
        // SAFETY: the processor has the instructions.
        #[allow(unsafe_code)]
        return unsafe { super::arch::x86_64::quantize::quantize_tile(x, blocks, planes, factors) };
    }
    quantize_plainly(x, blocks, planes, factors);
}

for_each_isa!(
    /// [`quantize_tile`] without instructions of its own.
    quantize_plainly, quantize_body,
    (x: &[[f32; BLOCK]], blocks: (usize, usize), planes: &mut [Planes], factors: &mut [Factors])
);

/// No branches and no order of addition that matters, so that the compiler computes side by side.
#[inline(always)]
fn quantize_body(
    x: &[[f32; BLOCK]],
    (first, n_blocks): (usize, usize),
    planes: &mut [Planes],
    factors: &mut [Factors],
) {
    let n_rows = x.len() / n_blocks;
    for (i, (planes, factors)) in planes.iter_mut().zip(factors).enumerate() {
        let x = &x[i % n_rows * n_blocks + first + i / n_rows];
        let mut largest = [0f32; 16];
        for part in x.as_chunks::<16>().0 {
            for (largest, v) in largest.iter_mut().zip(part) {
                *largest = if v.abs() > *largest { v.abs() } else { *largest };
            }
        }
        let scale = largest.iter().fold(0f32, |a, b| a.max(*b)) / LARGEST;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let mut sums = [[0i32; 16]; 2];
        for (half, sums) in sums.iter_mut().enumerate() {
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = 16 * half + i;
                let q = (x[at] * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
                *sum = q;
                let upper = (q + UPPER / 2) >> 7;
                planes.upper[at] = upper as i8;
                planes.lower[at] = (q - (upper << 7)) as i8;
            }
        }
        let [first, second] = sums.map(|half| half.iter().sum::<i32>());
        *factors = Factors::new(scale, [-first - second, -first, -second]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_all_rows_in_order() {
        for n_rows in 0..40 {
            let rows: Vec<usize> = tiles(n_rows).flatten().collect();
            assert_eq!(rows, (0..n_rows).collect::<Vec<_>>());
            assert!(tiles(n_rows).all(|tile| [1, 2, 4, 8].contains(&tile.len())));
        }
    }

    type Way = fn(&[[f32; BLOCK]], (usize, usize), &mut [Planes], &mut [Factors]);

    #[test]
    fn all_ways_give_the_same_to_the_last_bit() {
        let mut x: Vec<f32> =
            (0..32 * 3 * 8).map(|i| (i as f32 * 1.7).sin() * (1 << (i / 32)) as f32).collect();
        // Halfway between whole numbers, and what is none.
        x[..32].copy_from_slice(&std::array::from_fn::<f32, 32, _>(|i| i as f32 + 0.5));
        x[31] = LARGEST;
        x[32..64].fill(0.0);
        x[64] = f32::NAN;
        for n_rows in [1, 2, 8] {
            for first in 0..3 {
                let rows = x[..n_rows * 96].as_chunks().0;
                let n = n_rows * (3 - first);
                let quantized = |way: Way| {
                    let (mut planes, mut factors) = (vec![Planes::default(); n], vec![Factors::default(); n]);
                    way(rows, (first, 3), &mut planes, &mut factors);
                    (planes, factors)
                };
                let want = quantized(quantize_body);
                // Of a block with something that is no number nothing is asked but that it does no harm.
                let known = |(planes, factors): (Vec<Planes>, Vec<Factors>)| {
                    let known = |i: &usize| !(i.is_multiple_of(n_rows) && first + i / n_rows == 2);
                    (0..n).filter(known).map(|i| (planes[i], factors[i])).collect::<Vec<_>>()
                };
                let want = known(want);
                assert_eq!(known(quantized(quantize_plainly)), want, "{n_rows} rows from block {first} on");
                assert_eq!(known(quantized(quantize_tile)), want, "{n_rows} rows from block {first} on");
            }
        }
    }

    #[test]
    fn what_is_made_row_by_row_is_quantised_as_what_stands_there() {
        for (n_rows, n_in) in [(1, 32), (1, 4160), (3, 1536), (8, 576), (43, 2048)] {
            let x: Vec<f32> = (0..n_rows * n_in).map(|i| (i as f32 * 0.37).sin() * (i % 97) as f32).collect();
            let made = Activations::of_made(n_rows, n_in, |row, first, numbers| {
                numbers.copy_from_slice(&x[row * n_in + first..][..numbers.len()]);
            });
            let want = Activations::quantize(&x, n_in);
            assert_eq!((made.n_rows, made.n_blocks), (want.n_rows, want.n_blocks));
            assert_eq!(made.planes, want.planes, "{n_rows} rows of {n_in}");
            assert_eq!(made.factors, want.factors, "{n_rows} rows of {n_in}");
        }
    }

    #[test]
    fn quantising_keeps_numbers_within_half_a_step() {
        let x: Vec<f32> = (0..64 * 43).map(|i| (i as f32 * 0.7).sin() * (i / 64) as f32).collect();
        let q = Activations::quantize(&x, 64);
        assert_eq!((q.n_rows(), q.factors.len(), q.planes.len()), (43, 86, 86));
        for rows in tiles(43) {
            for (r, row) in rows.clone().enumerate() {
                for block in 0..2 {
                    let at = rows.start * 2 + block * rows.len() + r;
                    let (planes, factors) = (&q.planes[at], &q.factors[at]);
                    let whole = |k: usize| UPPER * i32::from(planes.upper[k]) + i32::from(planes.lower[k]);
                    for (k, v) in x[row * 64 + block * BLOCK..][..BLOCK].iter().enumerate() {
                        assert!((v - factors.scale * whole(k) as f32).abs() <= 0.501 * factors.scale);
                    }
                    let half = |first| factors.scale * (first..first + 16).map(whole).sum::<i32>() as f32;
                    assert!((factors.halves[0] - half(0)).abs() < 1e-3);
                    assert!((factors.halves[1] - half(16)).abs() < 1e-3);
                    assert!((factors.sum - half(0) - half(16)).abs() < 1e-3);
                }
            }
        }
        assert!(q.planes.iter().all(|p| p.upper.iter().chain(&p.lower).all(|q| *q > i8::MIN)));
        assert_eq!(Activations::quantize(&[0.0; 32], 32).factors[..], [Factors::default()]);
    }
}
