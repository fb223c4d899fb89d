//! Attention in which every query sees every key, as encoders need it.
//!
//! A task takes 32 queries of a head and goes through the keys block by block, as [`super::attend`] does, but with keys
//! along the rows and queries along the columns: scores are tiles of keys times a panel of queries, all that a softmax
//! does is then the same for 32 queries side by side, and the weights are already the panel that values are multiplied
//! with. All sums in f32.

use super::super::Isa;
use super::super::buffer::Buffer;
use super::super::dense::{Kind, Rows, multiply_tile};
use super::super::exponential::weigh_columns;
use super::super::layers::{Begin, PANEL, TiledRows};
use super::super::packed::Tile;
use super::super::team::{self, Places};
use super::super::transpose::transpose;
use super::pairs;

/// Keys whose scores stand in memory at a time, about: 32 KB of them.
const BLOCK: usize = 256;

/// Sizes of one call.
#[derive(Debug, Clone, Copy)]
pub struct BothWays {
    /// Query heads.
    pub n_heads: usize,
    /// Heads of keys and values; they divide the query heads.
    pub n_kv_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// Queries.
    pub n: usize,
    /// Keys.
    pub n_keys: usize,
    /// Multiplies `q · k`; mostly `1 / √head_dim`.
    pub scale: f32,
    /// Whether what is multiplied may be whole numbers of up to 16 bits, where that is faster.
    pub rounded: bool,
}

/// Heads of rows in a slice: number d of row r of head h is at `h · head + r · row + d`.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a> {
    /// All of them.
    pub numbers: &'a [f32],
    /// From one head to the next.
    pub head: usize,
    /// From one row to the next.
    pub row: usize,
}

impl Heads<'_> {
    /// Whether there are so many.
    fn holds(&self, n_heads: usize, n_rows: usize, head_dim: usize) -> bool {
        (n_heads - 1) * self.head + (n_rows - 1) * self.row + head_dim <= self.numbers.len()
    }
}

/// Mixes values for each query, weighted by `softmax(q · k · scale)` over all keys.
///
/// # Shapes
/// - `queries`: `n_heads` of `[n, head_dim]`; `keys`, `values`: `n_kv_heads` of `[n_keys, head_dim]`
/// - returns: `[n, n_heads * head_dim]`
///
/// # Panics
/// When a size is 0 or a slice is too short (a bug of the caller).
pub fn attend_both_ways(isa: Isa, sizes: BothWays, queries: Heads, keys: Heads, values: Heads) -> Buffer {
    let BothWays { n_heads, n_kv_heads, head_dim, n, n_keys, .. } = sizes;
    assert!([n_heads, n_kv_heads, head_dim, n, n_keys].iter().all(|size| *size > 0));
    assert!(n_heads.is_multiple_of(n_kv_heads) && queries.holds(n_heads, n, head_dim));
    assert!(keys.holds(n_kv_heads, n_keys, head_dim) && values.holds(n_kv_heads, n_keys, head_dim));
    if sizes.rounded && pairs::available(isa) {
        let of_heads = team::map(n_kv_heads, |head| {
            let keys = (&keys.numbers[head * keys.head..], keys.row);
            let values = (&values.numbers[head * values.head..], values.row);
            pairs::Head::new((n_keys, head_dim), keys, values)
        });
        return by_panels(sizes, queries, |head, numbers, n| {
            of_heads[head].mix(isa, numbers, (n, queries.row), sizes.scale)
        });
    }
    let of_heads: Vec<(Rows, Rows)> = team::map(n_kv_heads, |head| {
        let keys = Rows::strided(isa, &keys.numbers[head * keys.head..], n_keys, head_dim, keys.row);
        let values = Rows::columns(isa, &values.numbers[head * values.head..], n_keys, head_dim, values.row);
        (keys, values)
    });
    by_panels(sizes, queries, |head, numbers, n| {
        let (keys, values) = &of_heads[head];
        let panel = panel_of(numbers, n, queries.row, head_dim, sizes.scale);
        mix_panel(isa, &panel, keys, values)
    })
}

/// Goes through the queries panel by panel: `mix` gets the head of the keys, the first number of some queries and how
/// many these are, and gives `[head_dim][32]`, and what to divide each column by.
fn by_panels(
    sizes: BothWays,
    queries: Heads,
    mix: impl Fn(usize, &[f32], usize) -> (Buffer, [f32; PANEL]) + Sync,
) -> Buffer {
    let BothWays { n_heads, n_kv_heads, head_dim, n, .. } = sizes;
    let (width, panels) = (n_heads * head_dim, n.div_ceil(PANEL));
    let mut out = Buffer::new(n * width);
    let places = Places::of(&mut out);
    team::for_each(n_heads * panels, |task| {
        let (head, first) = (task / panels, task % panels * PANEL);
        let n = PANEL.min(n - first);
        let start = head * queries.head + first * queries.row;
        let (mixed, sums) = mix(head / (n_heads / n_kv_heads), &queries.numbers[start..], n);
        let mut rows = Buffer::new(n * head_dim);
        transpose((head_dim, n), &mixed, PANEL, &mut rows, head_dim);
        for (i, (row, sum)) in rows.chunks(head_dim).zip(sums).enumerate() {
            let (factor, at) = (1.0 / sum, (first + i) * width + head * head_dim);
            // SAFETY: each query of each head has a place of its own, and these belong to this task.
            #[allow(unsafe_code)]
            let place = unsafe { places.run(at..at + head_dim) };
            place.iter_mut().zip(row).for_each(|(to, x)| *to = x * factor);
        }
    });
    out
}

/// Some queries as a panel, `[head_dim][32]`, scaled; what fills it up is 0.
fn panel_of(queries: &[f32], n: usize, row: usize, head_dim: usize, scale: f32) -> Buffer {
    let mut panel = Buffer::full(head_dim * PANEL, 0.0);
    transpose((n, head_dim), queries, row, &mut panel, PANEL);
    panel.iter_mut().for_each(|x| *x *= scale);
    panel
}

/// What a panel of queries sees: `[head_dim][32]`, and what to divide each column by.
fn mix_panel(isa: Isa, panel: &[f32], keys: &Rows, values: &Rows) -> (Buffer, [f32; PANEL]) {
    let (n_keys, head_dim) = keys.shape();
    let mut all = Buffer::full(head_dim * PANEL, 0.0);
    let mixed = all.as_chunks_mut::<PANEL>().0;
    let (mut largest, mut sums) = ([f32::NEG_INFINITY; PANEL], [0f32; PANEL]);
    let step = BLOCK / keys.most() * keys.most();
    let mut scores = Buffer::new(step.min(n_keys) * PANEL);
    for first in (0..n_keys).step_by(step) {
        let block = first..(first + step).min(n_keys);
        let scores = &mut scores.as_chunks_mut::<PANEL>().0[..block.len()];
        for tile in keys.tiles(block.clone()) {
            let x = keys.inputs(tile.clone(), 0..head_dim);
            let place = &mut scores[tile.start - first..tile.end - first];
            tile_times(isa, x, panel, Begin::NOTHING, place);
        }
        weigh_columns(scores, &mut largest, &mut sums, mixed);
        for tile in values.tiles(0..head_dim) {
            let x = values.inputs(tile.clone(), block.clone());
            tile_times(isa, x, scores.as_flattened(), Begin::ONTO, &mut mixed[tile]);
        }
    }
    (all, sums)
}

/// `out = begin + x · panel`, a row of `out` for each row of the tile `x`.
fn tile_times(isa: Isa, x: &[f32], weights: &[f32], begin: Begin, out: &mut [[f32; PANEL]]) {
    // SAFETY: floats are plain bytes.
    #[allow(unsafe_code)]
    let weights = unsafe { std::slice::from_raw_parts(weights.as_ptr().cast(), size_of_val(weights)) };
    let tile = Tile { at: out.as_mut_ptr().cast(), stride: PANEL, width: PANEL };
    // SAFETY: a tile of `Rows` has no more rows than a kernel takes, and `out` is as long as it.
    #[allow(unsafe_code)]
    unsafe {
        multiply_tile(isa, Kind::F32, out.len(), x, weights, begin, tile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::next_bits;

    fn numbers(n: usize, seed: &mut u64) -> Vec<f32> {
        (0..n).map(|_| (next_bits(seed) >> 40) as f32 / (1 << 22) as f32 - 2.0).collect()
    }

    /// Slow and obvious: one query at a time, in f64.
    fn reference(sizes: BothWays, q: Heads, k: Heads, v: Heads) -> Vec<f64> {
        let BothWays { n_heads, n_kv_heads, head_dim, n, n_keys, scale, .. } = sizes;
        let at = |of: Heads, head: usize, row: usize, d: usize| {
            f64::from(of.numbers[head * of.head + row * of.row + d])
        };
        let mut out = Vec::new();
        for query in 0..n {
            for head in 0..n_heads {
                let kv = head / (n_heads / n_kv_heads);
                let weights: Vec<f64> = (0..n_keys)
                    .map(|key| {
                        let dot: f64 = (0..head_dim).map(|d| at(q, head, query, d) * at(k, kv, key, d)).sum();
                        (dot * f64::from(scale)).exp()
                    })
                    .collect();
                let sum: f64 = weights.iter().sum();
                out.extend((0..head_dim).map(|d| {
                    let mixed = weights.iter().enumerate().map(|(key, weight)| weight * at(v, kv, key, d));
                    mixed.sum::<f64>() / sum
                }));
            }
        }
        out
    }

    #[test]
    fn every_kernel_equals_the_reference_around_every_edge() {
        let mut seed = 1;
        for (n_heads, n_kv_heads, head_dim) in [(1, 1, 1), (3, 1, 8), (4, 2, 15), (2, 2, 64), (1, 1, 72)] {
            for (n, n_keys) in [(1, 1), (31, 13), (32, 14), (33, 15), (5, 251), (3, 252), (2, 253), (64, 600)]
            {
                let sizes = BothWays { n_heads, n_kv_heads, head_dim, n, n_keys, scale: 0.3, rounded: false };
                let q = numbers(n * n_heads * head_dim, &mut seed);
                // Keys and values side by side in a row, as some projections give them.
                let kv = numbers(2 * n_keys * n_kv_heads * head_dim, &mut seed);
                let q = Heads { numbers: &q, head: n * head_dim, row: head_dim };
                let keys = Heads { numbers: &kv, head: head_dim, row: 2 * n_kv_heads * head_dim };
                let values = Heads { numbers: &kv[n_kv_heads * head_dim..], ..keys };
                let want = reference(sizes, q, keys, values);
                Isa::for_each(|isa| {
                    let got = attend_both_ways(isa, sizes, q, keys, values);
                    assert_eq!(got.len(), want.len());
                    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                        let far = (f64::from(*got) - want).abs();
                        assert!(far < 2e-5, "{} {sizes:?} at {i}: {got} and {want}", isa.name());
                    }
                    let rounded = BothWays { rounded: true, ..sizes };
                    let got = attend_both_ways(isa, rounded, q, keys, values);
                    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                        let far = (f64::from(*got) - want).abs();
                        assert!(far < 0.006, "{} {rounded:?} at {i}: {got} and {want}", isa.name());
                    }
                });
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let q = [100.0; 8];
        let k: Vec<f32> = (0..600 * 8).map(|i| (i / 8) as f32 / 10.0).collect();
        let v: Vec<f32> = (0..600 * 8).map(|i| (i / 8) as f32).collect();
        let heads = |numbers| Heads { numbers, head: 0, row: 8 };
        let sizes = BothWays {
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 8,
            n: 1,
            n_keys: 600,
            scale: 1.0,
            rounded: false,
        };
        Isa::for_each(|isa| {
            let mixed = attend_both_ways(isa, sizes, heads(&q), heads(&k), heads(&v));
            assert!(mixed.iter().all(|x| (x - 599.0).abs() < 1e-3), "{mixed:?}");
            let rounded = BothWays { rounded: true, ..sizes };
            let mixed = attend_both_ways(isa, rounded, heads(&q), heads(&k), heads(&v));
            assert!(mixed.iter().all(|x| (x - 599.0).abs() < 0.5), "{mixed:?}");
        });
    }
}
