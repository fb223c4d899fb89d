//! Attention in which everything sees everything, with numbers of eight significant bits (bfloat16), two of which a
//! processor multiplies in the time of one float. All sums in f32.
//!
//! Keys, queries, values and weights stand in pairs: of keys and queries the numbers `2 p` and `2 p + 1` of a row, of
//! values and weights those of the keys `2 p` and `2 p + 1`. The first of a pair is in the low half of its word; where
//! the last has no second there is 0.

use super::super::Isa;
use super::super::buffer::Buffer;
use super::super::exponential::weigh_pairs;
use super::super::isa::Kind;
use super::super::layers::PANEL;
use super::super::transpose::transpose_words;

/// Keys whose scores stand in memory at a time, about: 16 KB of them.
const BLOCK: usize = 128;

/// Rows of a tile: 28 registers for sums, two for the panel, one for a pair.
const ROWS: usize = 14;

/// Whether the processor has such products; elsewhere floats are as fast.
pub(super) fn available(isa: Isa) -> bool {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512Vnni => is_x86_feature_detected!("avx512bf16"),
        _ => false,
    }
}

/// Rows of pairs: pair p of row r of a tile of n rows is at `p n + r`. All tiles but the last have 14 rows.
struct Rows {
    n_rows: usize,
    n_pairs: usize,
    pairs: Buffer<u32>,
}

impl Rows {
    /// Some pairs of the tile that begins with row `first`, and how many rows it has.
    fn tile(&self, first: usize, pairs: std::ops::Range<usize>) -> (&[u32], usize) {
        let n = ROWS.min(self.n_rows - first);
        let start = first * self.n_pairs;
        (&self.pairs[start + n * pairs.start..start + n * pairs.end], n)
    }
}

/// Keys and values of a head.
pub(super) struct Head {
    /// A row for each key.
    keys: Rows,
    /// A row for each number of a value.
    values: Rows,
    head_dim: usize,
}

impl Head {
    /// Of `n` rows of each, which begin every so many numbers.
    pub(super) fn new(
        (n, head_dim): (usize, usize),
        (keys, key_row): (&[f32], usize),
        (values, value_row): (&[f32], usize),
    ) -> Self {
        let n_pairs = head_dim.div_ceil(2);
        let mut rounded = Buffer::<u32>::new(ROWS * n_pairs);
        let mut pairs = Buffer::new(n * n_pairs);
        for (tile, to) in pairs.chunks_mut(ROWS * n_pairs).enumerate() {
            let (first, n) = (tile * ROWS, to.len() / n_pairs);
            for (r, to) in rounded.chunks_exact_mut(n_pairs).take(n).enumerate() {
                pair_up(&keys[(first + r) * key_row..][..head_dim], 1.0, to);
            }
            transpose_words((n, n_pairs), &rounded, to, n);
        }
        let keys = Rows { n_rows: n, n_pairs, pairs };
        let n_pairs = n.div_ceil(2);
        let mut pairs = Buffer::new(head_dim * n_pairs);
        for (tile, to) in pairs.chunks_mut(ROWS * n_pairs).enumerate() {
            let (first, width) = (tile * ROWS, to.len() / n_pairs);
            for (p, to) in to.chunks_exact_mut(width).enumerate() {
                let low = &values[2 * p * value_row + first..][..width];
                match 2 * p + 1 < n {
                    true => {
                        let high = &values[(2 * p + 1) * value_row + first..][..width];
                        to.iter_mut().zip(low).zip(high).for_each(|((to, a), b)| *to = pair(*a, *b));
                    }
                    false => to.iter_mut().zip(low).for_each(|(to, a)| *to = pair(*a, 0.0)),
                }
            }
        }
        Self { keys, values: Rows { n_rows: head_dim, n_pairs, pairs }, head_dim }
    }

    /// What a panel of `n` queries sees, `[head_dim][32]`, and what to divide each column by.
    pub(super) fn mix(
        &self,
        isa: Isa,
        queries: &[f32],
        (n, row): (usize, usize),
        scale: f32,
    ) -> (Buffer, [f32; PANEL]) {
        let n_keys = self.keys.n_rows;
        let n_pairs = self.keys.n_pairs;
        let mut rounded = Buffer::<u32>::new(n * n_pairs);
        for (r, to) in rounded.chunks_exact_mut(n_pairs).enumerate() {
            // Powers of two are simpler than those of e.
            pair_up(&queries[r * row..][..self.head_dim], scale * std::f32::consts::LOG2_E, to);
        }
        let mut panel = Buffer::full(n_pairs * PANEL, 0);
        transpose_words((n, n_pairs), &rounded, &mut panel, PANEL);
        let panel = panel.as_chunks().0;

        let mut mixed = Buffer::full(self.head_dim * PANEL, 0.0);
        let (mut largest, mut sums) = ([f32::NEG_INFINITY; PANEL], [0f32; PANEL]);
        // Whole tiles, and whole pairs of keys.
        let step = BLOCK / (2 * ROWS) * 2 * ROWS;
        let (mut scores, mut weights) = (Buffer::new(step * PANEL), Buffer::new(step / 2 * PANEL));
        for start in (0..n_keys).step_by(step) {
            let len = step.min(n_keys - start);
            let scores = &mut scores.as_chunks_mut::<PANEL>().0[..len];
            let weights = &mut weights.as_chunks_mut::<PANEL>().0[..len.div_ceil(2)];
            for (tile, out) in scores.chunks_mut(ROWS).enumerate() {
                let (x, _) = self.keys.tile(start + tile * ROWS, 0..n_pairs);
                times(isa, x, panel, false, out);
            }
            let mixed = mixed.as_chunks_mut::<PANEL>().0;
            weigh_pairs(scores, &mut largest, &mut sums, mixed, weights);
            for (tile, out) in mixed.chunks_mut(ROWS).enumerate() {
                let (x, _) = self.values.tile(tile * ROWS, start / 2..start / 2 + weights.len());
                times(isa, x, weights, true, out);
            }
        }
        (mixed, sums)
    }
}

/// Two numbers with eight significant bits each.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    const HALF: u32 = 1 << 15;
    let (low, high) = (low.to_bits().wrapping_add(HALF), high.to_bits().wrapping_add(HALF));
    low >> 16 | high & 0xffff_0000
}

/// A row times `scale` in pairs.
#[inline]
fn pair_up(row: &[f32], scale: f32, to: &mut [u32]) {
    let (pairs, rest) = row.as_chunks::<2>();
    for (to, [low, high]) in to.iter_mut().zip(pairs) {
        *to = pair(low * scale, high * scale);
    }
    if let ([last], Some(to)) = (rest, to.last_mut()) {
        *to = pair(last * scale, 0.0);
    }
}

/// `out = x · panel`, onto what is there where `onto`: a row of `out` for each of up to 14 rows of `x`.
///
/// # Panics
/// When `x` and `panel` have not as many pairs (a bug of the caller).
fn times(isa: Isa, x: &[u32], panel: &[[u32; PANEL]], onto: bool, out: &mut [[f32; PANEL]]) {
    assert!(x.len() == panel.len() * out.len() && out.len() <= ROWS);
    match isa.0 {
        // SAFETY: `available` says that the processor has the instructions, and the lengths were compared.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx512Vnni => unsafe { super::super::arch::x86_64::pairs::tile(x, panel, onto, out) },
        _ => unreachable!("only where `available`"),
    }
}
