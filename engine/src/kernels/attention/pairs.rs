//! Attention in which everything sees everything, with whole numbers of up to 16 bits, two of which a processor with
//! AVX-512 VNNI multiplies in the time of one float (and of one pair of bfloat16, which Intel's take four times as long
//! for). Each key, each query and each channel of values has a scale of its own, and numbers as large as sums in 32 bits
//! allow; softmax and what is added up block by block are f32.
//!
//! Keys, queries, values and weights stand in pairs: of keys and queries a number of the first half of a row and the one
//! as far on in its second half, of values and weights those of the keys `2 p` and `2 p + 1`. The first of a pair is in
//! the low half of its word; where the last has no second there is 0.

use super::super::Isa;
use super::super::buffer::Buffer;
use super::super::exponential::{LARGEST_WEIGHT, weigh_pairs};
use super::super::isa::Kind;
use super::super::lanes::{ROUND, across};
use super::super::layers::PANEL;
use super::super::transpose::transpose_words;

/// Keys whose scores stand in memory at a time, about: 8 KB of them.
const BLOCK: usize = 64;

/// Rows of a tile: 28 registers for sums, two for the panel, one for a pair.
const ROWS: usize = 14;

/// Keys of a block: whole tiles of keys, and whole pairs.
const STEP: usize = BLOCK / (2 * ROWS) * 2 * ROWS;

/// Values are whole numbers up to this: the sum of a block's, times weights, stays in 32 bits.
const LARGEST_VALUE: f32 = 2300.0;
const _: () = assert!(STEP as u64 * (LARGEST_WEIGHT as u64 + 2) * (LARGEST_VALUE as u64) < 1 << 31);

/// Whether the processor has such products in 512 bits; elsewhere floats are as fast.
pub(super) fn available(isa: Isa) -> bool {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => true,
        _ => false,
    }
}

/// Rows of pairs: pair p of row r of a tile of n rows is at `p n + r`. All tiles but the last have 14 rows.
struct Rows {
    n_pairs: usize,
    pairs: Buffer<u32>,
    /// What to multiply each row by.
    factors: Buffer,
}

impl Rows {
    /// Some pairs of the tile that begins with row `first`, times a panel.
    fn tile<'a>(
        &'a self,
        first: usize,
        pairs: std::ops::Range<usize>,
        panel: &'a [[u32; PANEL]],
        columns: &'a [f32; PANEL],
    ) -> PairTile<'a> {
        let rows = &self.factors[first..self.factors.len().min(first + ROWS)];
        let (n, start) = (rows.len(), first * self.n_pairs);
        PairTile { x: &self.pairs[start + n * pairs.start..start + n * pairs.end], panel, rows, columns }
    }
}

/// What is multiplied at a time: pair p of row r of `x` is at `p n + r`, and each product of a row and a column of the
/// panel counts as often as the factors of both say.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct PairTile<'a> {
    pub(in crate::kernels) x: &'a [u32],
    pub(in crate::kernels) panel: &'a [[u32; PANEL]],
    pub(in crate::kernels) rows: &'a [f32],
    pub(in crate::kernels) columns: &'a [f32; PANEL],
}

/// Keys and values of a head.
pub(super) struct Head {
    /// A row for each key.
    keys: Rows,
    /// A row for each channel of values.
    values: Rows,
    head_dim: usize,
}

/// Up to which number keys and queries are rounded: their products stay in 32 bits.
fn largest_number(n_pairs: usize) -> f32 {
    (f64::from(i32::MAX) / (2 * n_pairs) as f64).sqrt().min(32_767.0) as f32 - 1.0
}

impl Head {
    /// Of `n` rows of each, which begin every so many numbers.
    pub(super) fn new(
        (n, head_dim): (usize, usize),
        (keys, key_row): (&[f32], usize),
        (values, value_row): (&[f32], usize),
    ) -> Self {
        let keys = Self::round_keys((n, head_dim), keys, key_row);
        Self { keys, values: Self::round_values((n, head_dim), values, value_row), head_dim }
    }

    fn round_keys((n, head_dim): (usize, usize), keys: &[f32], row: usize) -> Rows {
        let n_pairs = head_dim.div_ceil(2);
        let level = largest_number(n_pairs);
        let mut rounded = Buffer::<u32>::new(ROWS * n_pairs);
        let (mut pairs, mut factors) = (Buffer::new(n * n_pairs), Buffer::new(n));
        for ((tile, to), factors) in
            pairs.chunks_mut(ROWS * n_pairs).enumerate().zip(factors.chunks_mut(ROWS))
        {
            let n = factors.len();
            for ((r, to), factor) in rounded.chunks_exact_mut(n_pairs).enumerate().zip(factors) {
                *factor = round_pairs(&keys[(tile * ROWS + r) * row..][..head_dim], level, to);
            }
            transpose_words((n, n_pairs), &rounded, to, n);
        }
        Rows { n_pairs, pairs, factors }
    }

    fn round_values((n, head_dim): (usize, usize), values: &[f32], row: usize) -> Rows {
        let n_pairs = n.div_ceil(2);
        let mut factors = Buffer::full(head_dim, 0.0);
        for r in 0..n {
            largest_magnitudes(&values[r * row..][..head_dim], &mut factors);
        }
        let mut inverses = Buffer::new(head_dim);
        for (inverse, factor) in inverses.iter_mut().zip(factors.iter_mut()) {
            *inverse = if *factor > 0.0 { LARGEST_VALUE / *factor } else { 0.0 };
            *factor *= 1.0 / LARGEST_VALUE;
        }
        let mut pairs = Buffer::new(head_dim * n_pairs);
        let (mut both, nothing) = (Buffer::<u32>::new(head_dim), Buffer::full(head_dim, 0.0));
        for p in 0..n_pairs {
            let low = &values[2 * p * row..][..head_dim];
            let high = if 2 * p + 1 < n { &values[(2 * p + 1) * row..][..head_dim] } else { &nothing };
            pair_rows(low, high, &inverses, &mut both);
            for (tile, both) in both.chunks(ROWS).enumerate() {
                pairs[tile * ROWS * n_pairs + p * both.len()..][..both.len()].copy_from_slice(both);
            }
        }
        Rows { n_pairs, pairs, factors }
    }

    /// What a panel of `n` queries sees, `[head_dim][32]`, and what to divide each column by.
    pub(super) fn mix(
        &self,
        isa: Isa,
        queries: &[f32],
        (n, row): (usize, usize),
        scale: f32,
    ) -> (Buffer, [f32; PANEL]) {
        let n_keys = self.keys.factors.len();
        let n_pairs = self.keys.n_pairs;
        let level = largest_number(n_pairs);
        let mut rounded = Buffer::<u32>::new(n * n_pairs);
        let mut columns = [0f32; PANEL];
        for ((r, to), column) in rounded.chunks_exact_mut(n_pairs).enumerate().zip(&mut columns) {
            // Powers of two are simpler than those of e.
            let factor = round_pairs(&queries[r * row..][..self.head_dim], level, to);
            *column = factor * (scale * std::f32::consts::LOG2_E);
        }
        let mut panel = Buffer::full(n_pairs * PANEL, 0);
        transpose_words((n, n_pairs), &rounded, &mut panel, PANEL);
        let panel = panel.as_chunks().0;

        let mut mixed = Buffer::full(self.head_dim * PANEL, 0.0);
        let (mut largest, mut sums) = ([f32::NEG_INFINITY; PANEL], [0f32; PANEL]);
        let (mut scores, mut weights) = (Buffer::new(STEP * PANEL), Buffer::new(STEP / 2 * PANEL));
        for start in (0..n_keys).step_by(STEP) {
            let len = STEP.min(n_keys - start);
            let scores = &mut scores.as_chunks_mut::<PANEL>().0[..len];
            let weights = &mut weights.as_chunks_mut::<PANEL>().0[..len.div_ceil(2)];
            for (tile, out) in scores.chunks_mut(ROWS).enumerate() {
                times(isa, self.keys.tile(start + tile * ROWS, 0..n_pairs, panel, &columns), false, out);
            }
            let mixed = mixed.as_chunks_mut::<PANEL>().0;
            weigh_pairs(scores, &mut largest, &mut sums, mixed, weights);
            let of_block = start / 2..start / 2 + weights.len();
            for (tile, out) in mixed.chunks_mut(ROWS).enumerate() {
                let values = self.values.tile(tile * ROWS, of_block.clone(), weights, &[1.0; PANEL]);
                times(isa, values, true, out);
            }
        }
        (mixed, sums)
    }
}

/// Two whole numbers in a word, of numbers that are near them.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    (low + ROUND).to_bits() & 0xffff | (high + ROUND).to_bits() << 16
}

for_each_isa!(
    /// A row as pairs of whole numbers up to `level`; returns what to multiply them by.
    round_pairs, round_pairs_body, (row: &[f32], level: f32, to: &mut [u32]) -> f32
);

#[inline(always)]
fn round_pairs_body(row: &[f32], level: f32, to: &mut [u32]) -> f32 {
    /// Numbers side by side.
    const LANES: usize = 16;
    let (whole, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for x in whole {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = if x.abs() > *lane { x.abs() } else { *lane };
        }
    }
    let largest = across(lanes, |a, b| if b > a { b } else { a });
    let largest = rest.iter().fold(largest, |a, b| a.max(b.abs()));
    let inverse = if largest > 0.0 { level / largest } else { 0.0 };
    let (low, high) = row.split_at(to.len());
    let (both, alone) = to.split_at_mut(high.len());
    for ((to, low), high) in both.iter_mut().zip(low).zip(high) {
        *to = pair(low * inverse, high * inverse);
    }
    for (to, low) in alone.iter_mut().zip(&low[high.len()..]) {
        *to = pair(low * inverse, 0.0);
    }
    largest / level
}

for_each_isa!(
    /// Column by column the larger one of what is there and of the magnitude in another row.
    largest_magnitudes, largest_magnitudes_body, (row: &[f32], largest: &mut [f32])
);

#[inline(always)]
fn largest_magnitudes_body(row: &[f32], largest: &mut [f32]) {
    for (largest, x) in largest.iter_mut().zip(row) {
        *largest = if x.abs() > *largest { x.abs() } else { *largest };
    }
}

for_each_isa!(
    /// Two rows as one of pairs, each column multiplied by a number of its own before it is rounded.
    pair_rows, pair_rows_body, (low: &[f32], high: &[f32], by: &[f32], to: &mut [u32])
);

#[inline(always)]
fn pair_rows_body(low: &[f32], high: &[f32], by: &[f32], to: &mut [u32]) {
    for (((to, low), high), by) in to.iter_mut().zip(low).zip(high).zip(by) {
        *to = pair(low * by, high * by);
    }
}

/// What the tile says, onto what is there where `onto`: a row of `out` for each of up to 14 rows.
///
/// # Panics
/// When lengths do not fit (a bug of the caller).
fn times(isa: Isa, tile: PairTile, onto: bool, out: &mut [[f32; PANEL]]) {
    let n = tile.rows.len();
    assert!(tile.x.len() == tile.panel.len() * n && out.len() == n && n <= ROWS);
    match isa.0 {
        // SAFETY: the processor has the instructions, and the lengths were compared.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx512Vnni => unsafe { super::super::arch::x86_64::pairs::tile(tile, onto, out) },
        _ => unreachable!("only where `available`"),
    }
}
