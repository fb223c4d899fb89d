//! Attention of queries over a cache of keys and values, each query over a run of them.
//!
//! Each task takes a tile of queries of one key head: scores by one matrix product, softmax of
//! each row over the keys it may see, the mix of values by a second product. The scores of a tile
//! stay in a near cache; the whole `[n_heads, n, n_keys]` matrix is never made. All sums in f32.

use std::ops::Range;

use super::cache::CacheRows;
use super::exponential::softmax;
use super::product::{Matrix, product};
use super::rows::rows_times;
use super::team;

/// Queries per tile: enough to share the keys that are read, few enough for their scores to stay near.
const TILE: usize = 64;

/// Keys or values that are unpacked at a time, where a cache does not keep floats.
const UNPACK_ROWS: usize = 128;

/// Sizes of one call.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Query heads; the key heads divide them.
    pub n_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// Queries.
    pub n: usize,
    /// How scores are made.
    pub rule: Rule,
}

/// How scores are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Multiplies `q · k`; mostly `1 / √head_dim`.
    pub scale: f32,
    /// Soft limit `c` of the scores, `c · tanh(score / c)` (Gemma 2, section 2).
    pub softcap: Option<f32>,
}

/// Attention with scores `softcap(q · k · scale)`: query i sees the rows `sees[i]`, at least one, of the cache.
///
/// # Shapes
/// - `queries`: `[n_heads, n, head_dim]`
/// - `keys`, `values`: rows of `head_dim` for each key head
/// - returns: `[n, n_heads, head_dim]`
///
/// # Panics
/// When the lengths do not fit the shape (a bug of the caller).
pub fn attend(
    shape: Shape,
    queries: &[f32],
    keys: &[CacheRows],
    values: &[CacheRows],
    sees: &[Range<usize>],
) -> Vec<f32> {
    let Shape { n_heads, head_dim, n, .. } = shape;
    assert!(queries.len() == n_heads * n * head_dim && sees.len() == n && keys.len() == values.len());
    assert!(!keys.is_empty() && n_heads.is_multiple_of(keys.len()));
    let held = keys.iter().chain(values).map(CacheRows::n_rows).min().unwrap_or(0);
    assert!(sees.iter().all(|sees| sees.start < sees.end && sees.end <= held));
    let group = n_heads / keys.len();
    // Rows of the queries of one key head are `[group, n]`; a tile holds a run of them.
    let tiles_per_head = (group * n).div_ceil(TILE);
    let tiles = team::map(keys.len() * tiles_per_head, |tile| {
        let (head, first) = (tile / tiles_per_head, tile % tiles_per_head * TILE);
        let rows = first..(first + TILE).min(group * n);
        let queries = &queries[(head * group * n + rows.start) * head_dim..][..rows.len() * head_dim];
        // Row r of a key head is query r % n.
        let sees: Vec<_> = rows.map(|row| sees[row % n].clone()).collect();
        mix_tile(shape, queries, &keys[head], &values[head], &sees)
    });
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

/// Calls `f` with runs of rows as floats and where each run begins, counted from the first of `rows`.
fn in_floats(cache: &CacheRows, rows: Range<usize>, head_dim: usize, mut f: impl FnMut(usize, &[f32])) {
    if let Some(floats) = cache.floats(rows.clone()) {
        return f(0, floats);
    }
    let mut floats = vec![0.0; UNPACK_ROWS.min(rows.len()) * head_dim];
    for start in rows.clone().step_by(UNPACK_ROWS) {
        let run = start..(start + UNPACK_ROWS).min(rows.end);
        let floats = &mut floats[..run.len() * head_dim];
        cache.read(run, floats);
        f(start - rows.start, floats);
    }
}

/// One tile: `queries` of `[rows, head_dim]`, of which row r sees the keys `sees[r]`.
fn mix_tile(
    shape: Shape,
    queries: &[f32],
    keys: &CacheRows,
    values: &CacheRows,
    sees: &[Range<usize>],
) -> Vec<f32> {
    let head_dim = shape.head_dim;
    // Keys that no row of the tile sees are not read.
    let first = sees.iter().map(|sees| sees.start).min().unwrap_or(0);
    let end = sees.iter().map(|sees| sees.end).max().unwrap_or(0);
    let (n_rows, n_keys) = (sees.len(), end - first);
    let mut scores = vec![0f32; n_rows * n_keys];
    let mut part = Vec::new();
    in_floats(keys, first..end, head_dim, |start, keys| {
        let n = keys.len() / head_dim;
        part.resize(n_rows * n, 0.0);
        if n_rows <= 4 {
            rows_times(keys, head_dim, queries, &mut part);
        } else {
            let keys = Matrix { numbers: keys, row: 1, column: head_dim };
            product((n_rows, n, head_dim), Matrix::rows(queries, head_dim), keys, 0.0, &mut part);
        }
        for (scores, part) in scores.chunks_mut(n_keys).zip(part.chunks(n)) {
            scores[start..start + n].copy_from_slice(part);
        }
    });
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
    in_floats(values, first..end, head_dim, |start, values| {
        let n = values.len() / head_dim;
        let scores = Matrix { numbers: &scores[start..], row: n_keys, column: 1 };
        product((n_rows, head_dim, n), scores, Matrix::rows(values, head_dim), 1.0, &mut mixed);
    });
    mixed
}

#[cfg(test)]
mod tests {
    use super::super::cache::CacheFormat;
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    fn cache(heads: &[Vec<f32>], format: CacheFormat) -> Vec<CacheRows> {
        let rows = |head: &Vec<f32>| {
            let mut rows = CacheRows::new(format, 16);
            rows.extend(head);
            rows
        };
        heads.iter().map(rows).collect()
    }

    /// Slow and obvious: one query at a time, in f64.
    fn reference(
        shape: Shape,
        queries: &[f32],
        keys: &[Vec<f32>],
        values: &[Vec<f32>],
        sees: &[Range<usize>],
    ) -> Vec<f64> {
        let Shape { n_heads, head_dim, n, rule: Rule { scale, softcap } } = shape;
        let mut out = Vec::new();
        for (query, sees) in sees.iter().enumerate() {
            for head in 0..n_heads {
                let q = &queries[(head * n + query) * head_dim..][..head_dim];
                let row = |all: &[Vec<f32>], key: usize| {
                    let row = &all[head / (n_heads / all.len())][key * head_dim..][..head_dim];
                    row.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()
                };
                let weights: Vec<f64> = sees
                    .clone()
                    .map(|key| {
                        let dot: f64 = row(keys, key).iter().zip(q).map(|(k, q)| k * f64::from(*q)).sum();
                        let score = dot * f64::from(scale);
                        softcap.map(f64::from).map_or(score, |cap| cap * (score / cap).tanh()).exp()
                    })
                    .collect();
                let sum: f64 = weights.iter().sum();
                let mut mixed = vec![0.0; head_dim];
                for (key, weight) in sees.clone().zip(&weights) {
                    for (mixed, v) in mixed.iter_mut().zip(row(values, key)) {
                        *mixed += weight / sum * v;
                    }
                }
                out.extend(mixed);
            }
        }
        out
    }

    /// Who sees whom: all before, a window, or a window and all of a run (pictures).
    fn views(n: usize, pos: usize) -> Vec<Vec<Range<usize>>> {
        let all = (pos..pos + n).map(|p| 0..p + 1).collect();
        let window = (pos..pos + n).map(|p| (p + 1usize).saturating_sub(20)..p + 1).collect();
        let run = (pos..pos + n).map(|p| (p + 1usize).saturating_sub(9)..pos + n).collect();
        vec![all, window, run]
    }

    #[test]
    fn equals_the_reference_around_every_tile_edge() {
        for (n_heads, n_kv_heads) in [(1, 1), (9, 3), (4, 1)] {
            for (n, pos) in [(1, 0), (1, 70), (2, 5), (7, 0), (22, 9), (63, 1), (64, 0), (65, 3), (130, 17)] {
                for (sees, softcap) in views(n, pos).iter().zip([None, Some(0.5), None]) {
                    let shape = Shape { n_heads, head_dim: 16, n, rule: Rule { scale: 0.25, softcap } };
                    let queries = numbers(n_heads * n * 16, 1);
                    // What lies beyond the last key must not matter.
                    let head = |seed| numbers((pos + n + 5) * 16, seed);
                    let (keys, values): (Vec<_>, Vec<_>) =
                        (0..n_kv_heads as u64).map(|h| (head(20 + h), head(30 + h))).unzip();
                    let want = reference(shape, &queries, &keys, &values, sees);
                    for (format, most) in
                        [(CacheFormat::F32, 1e-5), (CacheFormat::F16, 1e-3), (CacheFormat::Q8, 1e-2)]
                    {
                        let (keys, values) = (cache(&keys, format), cache(&values, format));
                        let got = attend(shape, &queries, &keys, &values, sees);
                        assert_eq!(got.len(), want.len());
                        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                            let error = (f64::from(*got) - want).abs();
                            assert!(error < most, "{format:?}, {shape:?} at {i}: {got} and {want}");
                        }
                    }
                }
            }
        }
    }
}
