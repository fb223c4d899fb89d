//! Causal attention of queries over a cache of keys and values.
//!
//! Each task takes a tile of queries of one key head: scores by one matrix product, softmax of
//! each row over the keys it may see, the mix of values by a second product. The scores of a tile
//! stay in a near cache; the whole `[n_heads, n, n_keys]` matrix is never made. All sums in f32.

use std::ops::Range;

use rayon::prelude::*;

use super::exponential::softmax;
use super::rows::rows_times;

/// Queries per tile: enough to share the keys that are read, few enough for their scores to stay near.
const TILE: usize = 64;

/// Sizes of one call.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Query heads.
    pub n_heads: usize,
    /// Key heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// Queries.
    pub n: usize,
    /// Position of the first query: query i sees the keys `0..=pos + i`.
    pub pos: usize,
    /// Rows that the cache has room for, at least `pos + n`.
    pub capacity: usize,
    /// How scores are made.
    pub rule: Rule,
}

/// How scores are made, and who sees whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Multiplies `q · k`; mostly `1 / √head_dim`.
    pub scale: f32,
    /// Soft limit `c` of the scores, `c · tanh(score / c)` (Gemma 2, section 2).
    pub softcap: Option<f32>,
    /// How many positions a query sees, its own included; none sees all before it.
    pub window: Option<usize>,
}

/// The keys that the query at `position` sees.
pub fn seen_by(position: usize, window: Option<usize>) -> Range<usize> {
    window.map_or(0, |window| (position + 1).saturating_sub(window))..position + 1
}

/// Attention with scores `softcap(q · k · scale)`.
///
/// # Shapes
/// - `queries`: `[n_heads, n, head_dim]`
/// - `keys`, `values`: `[n_kv_heads, capacity, head_dim]`
/// - returns: `[n, n_heads, head_dim]`
///
/// # Panics
/// When the lengths do not fit the shape (a bug of the caller).
pub fn causal(shape: Shape, queries: &[f32], keys: &[f32], values: &[f32]) -> Vec<f32> {
    let Shape { n_heads, n_kv_heads, head_dim, n, pos, capacity, rule } = shape;
    assert_eq!(queries.len(), n_heads * n * head_dim);
    assert_eq!(keys.len(), n_kv_heads * capacity * head_dim);
    assert_eq!(values.len(), keys.len());
    assert!(n_heads.is_multiple_of(n_kv_heads) && pos + n <= capacity);
    let group = n_heads / n_kv_heads;
    // Rows of the queries of one key head are `[group, n]`; a tile holds a run of them.
    let tiles_per_head = (group * n).div_ceil(TILE);
    let tiles: Vec<Vec<f32>> = (0..n_kv_heads * tiles_per_head)
        .into_par_iter()
        .map(|tile| {
            let (head, first) = (tile / tiles_per_head, tile % tiles_per_head * TILE);
            let rows = first..(first + TILE).min(group * n);
            let queries = &queries[(head * group * n + rows.start) * head_dim..][..rows.len() * head_dim];
            let cache = head * capacity * head_dim..(head + 1) * capacity * head_dim;
            // Row r of a key head is query r % n.
            let sees: Vec<_> = rows.map(|row| seen_by(pos + row % n, rule.window)).collect();
            mix_tile(shape, queries, &keys[cache.clone()], &values[cache], &sees)
        })
        .collect();
    let mut out = vec![0f32; n * n_heads * head_dim];
    for (tile, mixed) in tiles.iter().enumerate() {
        let (head, first) = (tile / tiles_per_head, tile % tiles_per_head * TILE);
        for (i, mixed) in mixed.chunks(head_dim).enumerate() {
            let row = first + i;
            let at = (row % n) * n_heads + head * group + row / n;
            out[at * head_dim..(at + 1) * head_dim].copy_from_slice(mixed);
        }
    }
    out
}

/// One tile: `queries` of `[rows, head_dim]`, of which row r sees the keys `sees[r]`.
fn mix_tile(shape: Shape, queries: &[f32], keys: &[f32], values: &[f32], sees: &[Range<usize>]) -> Vec<f32> {
    let head_dim = shape.head_dim;
    // Keys that no row of the tile sees are not read.
    let first = sees.iter().map(|sees| sees.start).min().unwrap_or(0);
    let end = sees.iter().map(|sees| sees.end).max().unwrap_or(0);
    let (n_rows, n_keys) = (sees.len(), end - first);
    let cached = first * head_dim..end * head_dim;
    let (keys, values) = (&keys[cached.clone()], &values[cached]);
    let mut scores = vec![0f32; n_rows * n_keys];
    if n_rows <= 4 {
        rows_times(keys, head_dim, queries, &mut scores);
    } else {
        let keys = Matrix { numbers: keys, row: 1, column: head_dim };
        product((n_rows, n_keys, head_dim), Matrix::rows(queries, head_dim), keys, &mut scores);
    }
    for (scores, sees) in scores.chunks_mut(n_keys).zip(sees) {
        let (before, rest) = scores.split_at_mut(sees.start - first);
        let (seen, after) = rest.split_at_mut(sees.len());
        seen.iter_mut().for_each(|score| *score *= shape.rule.scale);
        if let Some(cap) = shape.rule.softcap {
            seen.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
        }
        softmax(seen);
        before.fill(0.0);
        after.fill(0.0);
    }
    let mut mixed = vec![0f32; n_rows * head_dim];
    let size = (n_rows, head_dim, n_keys);
    product(size, Matrix::rows(&scores, n_keys), Matrix::rows(values, head_dim), &mut mixed);
    mixed
}

/// A matrix of which element (i, j) is `numbers[i * row + j * column]`.
struct Matrix<'a> {
    numbers: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, `width` columns.
    fn rows(numbers: &'a [f32], width: usize) -> Self {
        Self { numbers, row: width, column: 1 }
    }

    /// Whether all elements of `[rows, columns]` exist.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.row + (columns - 1) * self.column < self.numbers.len()
    }
}

/// `out = a b` for `a` of `[m, k]`, `b` of `[k, n]`, `out` row-major, on this thread.
fn product((m, n, k): (usize, usize, usize), a: Matrix, b: Matrix, out: &mut [f32]) {
    assert!(m > 0 && n > 0 && k > 0 && out.len() == m * n && a.holds(m, k) && b.holds(k, n));
    // Strides of slices fit: no slice is longer than `isize::MAX`.
    let stride = |stride: usize| stride as isize;
    // SAFETY: every element that the sizes and strides name exists, as just checked; `out` is
    // borrowed mutably and so overlaps neither.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(n),
            false,
            a.numbers.as_ptr(),
            stride(a.column),
            stride(a.row),
            b.numbers.as_ptr(),
            stride(b.column),
            stride(b.row),
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    /// Slow and obvious: one query at a time, in f64.
    fn reference(shape: Shape, queries: &[f32], keys: &[f32], values: &[f32]) -> Vec<f64> {
        let Shape { n_heads, n_kv_heads, head_dim, n, pos, capacity, rule } = shape;
        let Rule { scale, softcap, window } = rule;
        let mut out = Vec::new();
        for query in 0..n {
            for head in 0..n_heads {
                let q = &queries[(head * n + query) * head_dim..][..head_dim];
                let cache = head / (n_heads / n_kv_heads) * capacity;
                let row = |all: &[f32], key: usize| {
                    let row = &all[(cache + key) * head_dim..][..head_dim];
                    row.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()
                };
                let position = pos + query;
                let first = window.map_or(0, |window| (position + 1).max(window) - window);
                let weights: Vec<f64> = (first..=position)
                    .map(|key| {
                        let dot: f64 = row(keys, key).iter().zip(q).map(|(k, q)| k * f64::from(*q)).sum();
                        let score = dot * f64::from(scale);
                        softcap.map(f64::from).map_or(score, |cap| cap * (score / cap).tanh()).exp()
                    })
                    .collect();
                let sum: f64 = weights.iter().sum();
                let mut mixed = vec![0.0; head_dim];
                for (key, weight) in weights.iter().enumerate() {
                    for (mixed, v) in mixed.iter_mut().zip(row(values, first + key)) {
                        *mixed += weight / sum * v;
                    }
                }
                out.extend(mixed);
            }
        }
        out
    }

    #[test]
    fn equals_the_reference_around_every_tile_edge() {
        for (n_heads, n_kv_heads) in [(1, 1), (9, 3), (4, 1)] {
            for (n, pos) in [(1, 0), (1, 70), (2, 5), (7, 0), (22, 9), (63, 1), (64, 0), (65, 3), (130, 17)] {
                let capacity = pos + n + 5;
                for (window, softcap) in [(None, None), (Some(1), None), (Some(20), Some(0.5))] {
                    let rule = Rule { scale: 0.25, softcap, window };
                    let shape = Shape { n_heads, n_kv_heads, head_dim: 16, n, pos, capacity, rule };
                    let queries = numbers(n_heads * n * 16, 1);
                    // What lies beyond the last key must not matter.
                    let (keys, values) =
                        [2, 3].map(|seed| numbers(n_kv_heads * shape.capacity * 16, seed)).into();
                    let got = causal(shape, &queries, &keys, &values);
                    let want = reference(shape, &queries, &keys, &values);
                    assert_eq!(got.len(), want.len());
                    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                        assert!((f64::from(*got) - want).abs() < 1e-5, "{shape:?} at {i}: {got} and {want}");
                    }
                }
            }
        }
    }
}
