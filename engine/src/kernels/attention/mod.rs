//! Attention of queries over a cache of keys and values, each query over a run of them.
//!
//! Each task takes a tile of queries of one key head and a run of keys, block after block: scores by one product,
//! exponentials against the largest score so far, the mix of values by a second product (Dao et al.,
//! FlashAttention, 2022, algorithm 1). The scores of a tile and a block stay in a near cache; the whole
//! `[n_heads, n, n_keys]` matrix is never made. All sums in f32. A few queries take another way ([`few`]).

mod apart;
mod both_ways;
mod few;
mod pairs;

use std::ops::Range;

pub use self::apart::{Apart, Sequence};
pub use self::both_ways::{BothWays, Heads, attend_both_ways};
#[cfg(target_arch = "x86_64")]
pub(super) use self::pairs::PairTile;
use super::buffer::{Buffer, scratch};
use super::cache::CacheRows;
use super::exponential::{exp_from, largest};
use super::product::{Matrix, product};
use super::team::{self, Places};

/// Queries per tile: enough to share the keys that are read, few enough for their scores to stay near.
const TILE_ROWS: usize = 96;

/// Numbers of keys in a block: they stay in the nearest cache while they are multiplied.
const BLOCK: usize = 8192;

/// Keys in a block; whole vectors.
const fn block_rows(head_dim: usize) -> usize {
    let rows = BLOCK / head_dim / 16 * 16;
    if rows < 32 { 32 } else { rows }
}

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

/// Up to this many queries of a key head are answered alike, to the last bit, whether they are asked one by one or
/// together.
pub const MOST_ALIKE: usize = few::MOST;

/// Where sequences with the same beginning may part so that they are answered as if each held it alone, to the last
/// bit: at multiples of this.
pub const fn share_step(head_dim: usize) -> usize {
    few::run(head_dim)
}

/// Keys and values that some of the queries look at.
#[derive(Debug, Clone)]
pub struct Piece<'a> {
    /// Rows of `head_dim` for each key head.
    pub keys: &'a [CacheRows],
    /// As `keys`.
    pub values: &'a [CacheRows],
    /// The positions that they stand at: row 0 at the first.
    pub positions: Range<usize>,
    /// The queries.
    pub queries: Range<usize>,
}

/// Attention with scores `softcap(q · k · scale)`: query i sees the positions `sees[i]`, at least one, in those of the
/// pieces that are for it; they lie in the order of their positions.
///
/// # Shapes
/// - `queries`: `[n_heads, n, head_dim]`
/// - returns: `[n, n_heads, head_dim]`
///
/// # Panics
/// When the lengths do not fit the shape (a bug of the caller).
pub fn attend(shape: Shape, queries: &[f32], pieces: &[Piece], sees: &[Range<usize>]) -> Buffer {
    let Shape { n_heads, head_dim, n, .. } = shape;
    assert!(queries.len() == n_heads * n * head_dim && sees.len() == n);
    for Piece { keys, values, positions, queries } in pieces {
        assert!(keys.len() == values.len() && keys.len() == pieces[0].keys.len() && queries.end <= n);
        assert!(!keys.is_empty() && n_heads.is_multiple_of(keys.len()));
        assert!(keys.iter().chain(*values).all(|rows| rows.n_rows() >= positions.len()));
    }
    let held = |query: usize| pieces.iter().filter(move |piece| piece.queries.contains(&query));
    assert!(sees.iter().enumerate().all(|(query, sees)| {
        let start = held(query).map(|piece| piece.positions.start).min();
        let end = held(query).map(|piece| piece.positions.end).max();
        sees.start < sees.end && start.is_some_and(|start| start <= sees.start) && end >= Some(sees.end)
    }));
    let group = n_heads / pieces[0].keys.len();
    let [Piece { keys, values, positions, .. }] = pieces else {
        return few::attend(shape, queries, pieces, sees);
    };
    if group * n <= few::MOST {
        return few::attend(shape, queries, pieces, sees);
    }
    // A tile holds a run of queries, with all heads that share a key head: so all see about the same.
    let run = (TILE_ROWS / group).max(1);
    let n_runs = n.div_ceil(run);
    let mut out = Buffer::new(n * n_heads * head_dim);
    let places = Places::of(&mut out);
    team::for_each(keys.len() * n_runs, |task| {
        let (head, first) = (task / n_runs, task % n_runs * run);
        let of = first..(first + run).min(n);
        let row = |position: usize| position - positions.start;
        let all = seen(&sees[of.clone()]);
        let tile = Tile { shape, group, keys: &keys[head], values: &values[head], sees: &sees[of.clone()] };
        scratch(tile.n_numbers(), |scratch| {
            let mut room = tile.split(scratch);
            // Row r is query r / group.
            for (r, row) in room.queries.chunks_exact_mut(head_dim).enumerate() {
                let at = ((head * group + r % group) * n + of.start + r / group) * head_dim;
                row.iter_mut()
                    .zip(&queries[at..at + head_dim])
                    .for_each(|(to, x)| *to = x * shape.rule.scale);
            }
            tile.mix(&mut room, row(all.start)..row(all.end), positions.start);
            let width = group * head_dim;
            let rows = room.mixed.chunks_exact(width).zip(room.sums.chunks_exact(group));
            for (i, (mixed, sums)) in rows.enumerate() {
                let at = (of.start + i) * n_heads * head_dim + head * width;
                // SAFETY: these heads of these queries belong to this task.
                #[allow(unsafe_code)]
                let out = unsafe { places.run(at..at + width) };
                let heads = out.chunks_exact_mut(head_dim).zip(mixed.chunks_exact(head_dim)).zip(sums);
                for ((out, mixed), sum) in heads {
                    out.iter_mut().zip(mixed).for_each(|(out, x)| *out = x / sum);
                }
            }
        });
    });
    out
}

/// The rows that any of some queries sees.
fn seen(sees: &[Range<usize>]) -> Range<usize> {
    let start = sees.iter().map(|sees| sees.start).min().unwrap_or(0);
    start..sees.iter().map(|sees| sees.end).max().unwrap_or(0)
}

/// Rows of a key head that are multiplied together: of each of some queries the heads that share it.
struct Tile<'a> {
    shape: Shape,
    /// Heads of a query.
    group: usize,
    keys: &'a CacheRows,
    values: &'a CacheRows,
    /// The positions that each query sees.
    sees: &'a [Range<usize>],
}

/// What a tile writes to.
struct TileRoom<'a> {
    /// Scaled, `[rows, head_dim]`.
    queries: &'a mut [f32],
    /// `[rows, head_dim]`, still to be divided by the sums.
    mixed: &'a mut [f32],
    largest: &'a mut [f32],
    sums: &'a mut [f32],
    /// `[rows, block]`
    scores: &'a mut [f32],
    /// `[head_dim, block]`
    columns: &'a mut [f32],
    /// `[block, head_dim]`
    unpacked: &'a mut [f32],
}

impl Tile<'_> {
    fn n_rows(&self) -> usize {
        self.sees.len() * self.group
    }

    /// Numbers of its room.
    fn n_numbers(&self) -> usize {
        let (head_dim, block) = (self.shape.head_dim, block_rows(self.shape.head_dim));
        self.n_rows() * (2 * head_dim + 2 + block) + 2 * block * head_dim
    }

    fn split<'a>(&self, room: &'a mut [f32]) -> TileRoom<'a> {
        let (n, head_dim) = (self.n_rows(), self.shape.head_dim);
        let block = block_rows(head_dim);
        let (queries, room) = room.split_at_mut(n * head_dim);
        let (mixed, room) = room.split_at_mut(n * head_dim);
        let (largest, room) = room.split_at_mut(n);
        let (sums, room) = room.split_at_mut(n);
        let (scores, room) = room.split_at_mut(n * block);
        let (columns, unpacked) = room.split_at_mut(block * head_dim);
        TileRoom { queries, mixed, largest, sums, scores, columns, unpacked }
    }

    /// Mixes the values of `seen`, rows of the cache that begins at position `first`; other keys are not read.
    fn mix(&self, room: &mut TileRoom, seen: Range<usize>, first: usize) {
        let TileRoom { queries, mixed, largest, sums, scores, columns, unpacked } = room;
        let (n_rows, head_dim) = (self.n_rows(), self.shape.head_dim);
        mixed.fill(0.0);
        largest.fill(f32::NEG_INFINITY);
        sums.fill(0.0);
        for start in seen.clone().step_by(block_rows(head_dim)) {
            let block = start..(start + block_rows(head_dim)).min(seen.end);
            let stride = self.keys.columns(block.clone(), unpacked, columns);
            let (of_block, scores) = (Matrix::rows(columns, stride), &mut scores[..n_rows * stride]);
            product((n_rows, stride, head_dim), Matrix::rows(queries, head_dim), of_block, false, scores);
            let positions = block.start + first..block.end + first;
            let sees = self.sees.iter().flat_map(|sees| std::iter::repeat_n(sees, self.group));
            let mut mix = Mix { largest, sums, mixed };
            mix.weigh_all(self.shape.rule.softcap, &positions, sees, scores, stride);
            let n = block.len();
            let values = Matrix::rows(self.values.floats(block, unpacked), head_dim);
            product((n_rows, head_dim, n), Matrix::rows(scores, stride), values, true, mixed);
        }
    }
}

/// What rows of queries have seen so far.
struct Mix<'a> {
    /// The largest score of each row.
    largest: &'a mut [f32],
    /// Σ exp(score − largest) of each row.
    sums: &'a mut [f32],
    /// Σ exp(score − largest) · value, `[rows, head_dim]`.
    mixed: &'a mut [f32],
}

impl Mix<'_> {
    /// Turns the scores of a block, `[rows, stride]` with one for each key in front, before the soft limit, into weights; 0
    /// for keys that a row does not see.
    fn weigh_all<'s>(
        &mut self,
        softcap: Option<f32>,
        block: &Range<usize>,
        sees: impl IntoIterator<Item = &'s Range<usize>>,
        scores: &mut [f32],
        stride: usize,
    ) {
        for (row, (scores, sees)) in scores.chunks_mut(stride).zip(sees).enumerate() {
            let from = sees.start.clamp(block.start, block.end) - block.start;
            let to = sees.end.clamp(block.start, block.end) - block.start;
            scores[..from].fill(0.0);
            scores[to.max(from)..].fill(0.0);
            if from < to {
                self.weigh(row, softcap, &mut scores[from..to]);
            }
        }
    }

    /// Turns scores of a row into weights against the largest so far; what was added before shrinks to it.
    fn weigh(&mut self, row: usize, softcap: Option<f32>, scores: &mut [f32]) {
        if let Some(cap) = softcap {
            scores.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
        }
        let now = self.largest[row].max(largest(scores));
        if now > self.largest[row] {
            self.shrink(row, now);
        }
        self.sums[row] += exp_from(scores, now);
    }

    fn head_dim(&self) -> usize {
        self.mixed.len() / self.sums.len()
    }

    /// Counts a row against a larger score.
    fn shrink(&mut self, row: usize, to: f32) {
        let (factor, head_dim) = ((self.largest[row] - to).exp(), self.head_dim());
        self.largest[row] = to;
        self.sums[row] *= factor;
        self.mixed[row * head_dim..(row + 1) * head_dim].iter_mut().for_each(|x| *x *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Isa;
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

    fn cache(heads: &[Vec<f32>], head_dim: usize, format: CacheFormat) -> Vec<CacheRows> {
        let rows = |head: &Vec<f32>| {
            let mut rows = CacheRows::new(format, head_dim);
            rows.extend(head);
            rows
        };
        heads.iter().map(rows).collect()
    }

    /// What the rows of a cache stand for.
    fn kept(heads: &[CacheRows], head_dim: usize) -> Vec<Vec<f32>> {
        let read = |rows: &CacheRows| {
            let mut floats = vec![f32::NAN; rows.n_rows() * head_dim];
            rows.read(0..rows.n_rows(), &mut floats);
            floats
        };
        heads.iter().map(read).collect()
    }

    /// All rows for all queries.
    fn piece<'a>(keys: &'a [CacheRows], values: &'a [CacheRows], n: usize) -> Piece<'a> {
        Piece { keys, values, positions: 0..keys[0].n_rows(), queries: 0..n }
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
    fn what_a_query_gets_does_not_depend_on_the_others() {
        let (n_heads, n, pos) = (9, 5, 1500);
        let head = |seed| numbers((pos + n) * 16, seed);
        let keys = cache(&[head(1), head(2), head(3)], 16, CacheFormat::F16);
        let values = cache(&[head(4), head(5), head(6)], 16, CacheFormat::F16);
        let queries = numbers(n_heads * n * 16, 7);
        for sees in views(n, pos) {
            let shape = Shape { n_heads, head_dim: 16, n, rule: Rule { scale: 0.25, softcap: None } };
            Isa::for_each(|isa| {
                let all = attend(shape, &queries, &[piece(&keys, &values, n)], &sees);
                for (i, sees) in sees.iter().enumerate() {
                    let own: Vec<f32> =
                        queries.chunks(n * 16).flat_map(|head| head[i * 16..][..16].to_vec()).collect();
                    let alone = attend(
                        Shape { n: 1, ..shape },
                        &own,
                        &[piece(&keys, &values, 1)],
                        std::slice::from_ref(sees),
                    );
                    let want = &all[i * n_heads * 16..][..n_heads * 16];
                    assert_eq!(alone[..], *want, "{}: query {i} of {sees:?}", isa.name());
                }
            });
        }
    }

    /// Sequences that begin alike, in one call and with their beginning held once, and each alone with its own copy.
    #[test]
    fn a_shared_beginning_gives_to_the_last_bit_what_copies_of_it_give() {
        let (n_heads, n_kv_heads, n, shared) = (9, 3, 13, share_step(16));
        let heads = |seed: u64, n: usize| -> Vec<Vec<f32>> {
            (0..n_kv_heads).map(|head| numbers(n * 16, seed * 100 + head)).collect()
        };
        let check = |format: CacheFormat, isa: Isa| {
            let (begin_k, begin_v) = (heads(1, shared), heads(2, shared));
            let own: Vec<_> = (0..n as u64)
                .map(|i| (heads(3 + i, 5 + 90 * i as usize), heads(50 + i, 5 + 90 * i as usize)))
                .collect();
            let queries = numbers(n_heads * n * 16, 7);
            let end = |i: usize| shared + 5 + 90 * i;
            let sees: Vec<_> = (0..n).map(|i| end(i).saturating_sub(1900)..end(i)).collect();
            let begin = (cache(&begin_k, 16, format), cache(&begin_v, 16, format));
            let tails: Vec<_> =
                own.iter().map(|(k, v)| (cache(k, 16, format), cache(v, 16, format))).collect();
            let mut pieces =
                vec![Piece { positions: 0..shared, queries: 0..n, ..piece(&begin.0, &begin.1, n) }];
            pieces.extend(tails.iter().enumerate().map(|(i, (keys, values))| Piece {
                keys,
                values,
                positions: shared..end(i),
                queries: i..i + 1,
            }));
            let shape = Shape { n_heads, head_dim: 16, n, rule: Rule { scale: 0.25, softcap: None } };
            let together = attend(shape, &queries, &pieces, &sees);
            for (i, (k, v)) in own.iter().enumerate() {
                let whole = |begin: &[Vec<f32>], own: &[Vec<f32>]| {
                    let heads: Vec<Vec<f32>> =
                        begin.iter().zip(own).map(|(a, b)| [&a[..], b].concat()).collect();
                    cache(&heads, 16, format)
                };
                let (keys, values) = (whole(&begin_k, k), whole(&begin_v, v));
                let query: Vec<f32> =
                    queries.chunks(n * 16).flat_map(|head| head[i * 16..][..16].to_vec()).collect();
                let alone =
                    attend(Shape { n: 1, ..shape }, &query, &[piece(&keys, &values, 1)], &sees[i..=i]);
                let want = &together[i * n_heads * 16..][..n_heads * 16];
                assert_eq!(alone[..], *want, "{} {format:?}, sequence {i}", isa.name());
            }
        };
        Isa::for_each(|isa| CacheFormat::ALL.iter().for_each(|format| check(*format, isa)));
    }

    /// The reference sees what the cache kept, so that no rounding of a format hides an error.
    #[test]
    fn every_kernel_equals_the_reference_around_every_tile_edge() {
        for (n_heads, n_kv_heads, head_dim) in [(1, 1, 16), (9, 3, 40), (4, 1, 80)] {
            for (n, pos) in [
                (1, 0),
                (1, 70),
                (2, 5),
                (7, 0),
                (22, 9),
                (63, 1),
                (64, 0),
                (65, 3),
                (130, 17),
                (1, 3000),
                (3, 2100),
            ] {
                for (sees, softcap) in views(n, pos).iter().zip([None, Some(0.5), None]) {
                    let shape = Shape { n_heads, head_dim, n, rule: Rule { scale: 0.25, softcap } };
                    let queries = numbers(n_heads * n * head_dim, 1);
                    // What lies beyond the last key must not matter.
                    let head = |seed| numbers((pos + n + 5) * head_dim, seed);
                    let (keys, values): (Vec<_>, Vec<_>) =
                        (0..n_kv_heads as u64).map(|h| (head(20 + h), head(30 + h))).unzip();
                    for format in CacheFormat::ALL {
                        let keys = cache(&keys, head_dim, format);
                        let values = cache(&values, head_dim, format);
                        let kept = (kept(&keys, head_dim), kept(&values, head_dim));
                        let want = reference(shape, &queries, &kept.0, &kept.1, sees);
                        Isa::for_each(|isa| {
                            let got = attend(shape, &queries, &[piece(&keys, &values, n)], sees);
                            assert_eq!(got.len(), want.len());
                            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                                let (name, error) = (isa.name(), (f64::from(*got) - want).abs());
                                assert!(
                                    error < 1e-5,
                                    "{name} {format:?}, {shape:?} at {i}: {got} and {want}"
                                );
                            }
                        });
                    }
                }
            }
        }
    }
}
