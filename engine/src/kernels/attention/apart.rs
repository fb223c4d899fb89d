//! Attention of sequences of which nothing is kept, and the way back through it. Scores are made whole, sequence by
//! sequence and key head by key head: texts whose gradients are wanted are short.

use std::ops::Range;

use super::Rule;
use crate::kernels::buffer::Buffer;
use crate::kernels::exponential::softmax;
use crate::kernels::rows::{rows_mixed, rows_times};
use crate::kernels::rowwise::add;
use crate::kernels::team;
use crate::kernels::transpose::transpose;

/// Rows of one sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Where they stand among all.
    pub rows: Range<usize>,
    /// So many of the first of all rows stand before them.
    pub before: usize,
    /// What each sees, counted from the first of those before.
    pub sees: Vec<Range<usize>>,
}

/// Sequences side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Apart {
    /// Query heads.
    pub n_heads: usize,
    /// Key heads, which divide them.
    pub n_kv_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// All rows.
    pub n: usize,
    /// How scores are made.
    pub rule: Rule,
    /// Each row belongs to one.
    pub sequences: Vec<Sequence>,
}

/// What a task needs of one sequence and one key head.
struct Task<'a> {
    sequence: &'a Sequence,
    n_keys: usize,
    keys: Buffer,
    values: Buffer,
    /// `[group * rows, head_dim]`
    queries: Buffer,
    /// `[group * rows, n_keys]`
    weights: Buffer,
}

impl Apart {
    /// # Shapes
    /// - `q`: `[n_heads, n, head_dim]`; `k`, `v`: `[n_kv_heads, n, head_dim]`
    /// - returns: `[n, n_heads * head_dim]`
    ///
    /// # Panics
    /// When a length does not fit (a bug of the caller).
    pub fn forward(&self, [q, k, v]: [&[f32]; 3]) -> Buffer {
        let width = self.head_dim;
        let mixed = team::map(self.n_tasks(), |i| {
            let task = self.task(i, [q, k, v]);
            let mut mixed = Buffer::full(task.queries.len(), 0.0);
            rows_mixed(&[], &task.values, width, &task.weights, &mut mixed);
            mixed
        });
        let mut out = Buffer::new(self.n * self.n_heads * width);
        for (i, mixed) in mixed.iter().enumerate() {
            self.for_each_query(i, |query, row, head| {
                out[(row * self.n_heads + head) * width..][..width]
                    .copy_from_slice(&mixed[query * width..][..width]);
            });
        }
        out
    }

    /// What changes at queries, keys and values when what [`Apart::forward`] gives changes by `gradient`.
    ///
    /// # Shapes
    /// - as [`Apart::forward`]; `gradient` is what that returns, and each result is as what it belongs to
    ///
    /// # Panics
    /// As [`Apart::forward`].
    pub fn backward(&self, [q, k, v]: [&[f32]; 3], gradient: &[f32]) -> [Buffer; 3] {
        let width = self.head_dim;
        assert_eq!(gradient.len(), self.n * self.n_heads * width);
        let each = team::map(self.n_tasks(), |i| {
            let task = self.task(i, [q, k, v]);
            let mut upstream = Buffer::new(task.queries.len());
            self.for_each_query(i, |query, row, head| {
                upstream[query * width..][..width]
                    .copy_from_slice(&gradient[(row * self.n_heads + head) * width..][..width]);
            });
            self.task_back(&task, &upstream)
        });
        let mut at = [q, k, v].map(|x| Buffer::full(x.len(), 0.0));
        for (i, [of_queries, of_keys, of_values]) in each.iter().enumerate() {
            self.for_each_query(i, |query, row, head| {
                at[0][(head * self.n + row) * width..][..width]
                    .copy_from_slice(&of_queries[query * width..][..width]);
            });
            let (sequence, kv_head) = self.place(i);
            for (at, of) in at[1..].iter_mut().zip([of_keys, of_values]) {
                let (of_before, of_own) = of.split_at(sequence.before * width);
                let head = &mut at[kv_head * self.n * width..][..self.n * width];
                add(&mut head[..of_before.len()], of_before);
                add(&mut head[sequence.rows.start * width..][..of_own.len()], of_own);
            }
        }
        at
    }

    fn n_tasks(&self) -> usize {
        self.sequences.len() * self.n_kv_heads
    }

    /// Sequence and key head of a task.
    fn place(&self, task: usize) -> (&Sequence, usize) {
        (&self.sequences[task / self.n_kv_heads], task % self.n_kv_heads)
    }

    /// Calls `f` with the number of each query of a task, its row among all, and its head.
    fn for_each_query(&self, task: usize, mut f: impl FnMut(usize, usize, usize)) {
        let (sequence, kv_head) = self.place(task);
        let group = self.n_heads / self.n_kv_heads;
        for head in 0..group {
            for (i, row) in sequence.rows.clone().enumerate() {
                f(head * sequence.rows.len() + i, row, kv_head * group + head);
            }
        }
    }

    /// Gathers what a task needs and weighs its keys.
    fn task<'a>(&'a self, i: usize, [q, k, v]: [&[f32]; 3]) -> Task<'a> {
        let (sequence, kv_head) = self.place(i);
        let width = self.head_dim;
        let (n_rows, n_keys) = (sequence.rows.len(), sequence.before + sequence.rows.len());
        let gather = |all: &[f32]| {
            let head = &all[kv_head * self.n * width..][..self.n * width];
            let mut some = Buffer::new(n_keys * width);
            let (before, own) = some.split_at_mut(sequence.before * width);
            before.copy_from_slice(&head[..before.len()]);
            own.copy_from_slice(&head[sequence.rows.start * width..][..own.len()]);
            some
        };
        let (keys, values) = (gather(k), gather(v));
        let group = self.n_heads / self.n_kv_heads;
        let mut queries = Buffer::new(group * n_rows * width);
        self.for_each_query(i, |query, row, head| {
            queries[query * width..][..width].copy_from_slice(&q[(head * self.n + row) * width..][..width]);
        });
        let mut weights = Buffer::new(group * n_rows * n_keys);
        rows_times(&keys, width, &queries, &mut weights);
        for (query, row) in weights.chunks_exact_mut(n_keys.max(1)).enumerate() {
            let sees = sequence.sees[query % n_rows].clone();
            row[..sees.start].fill(0.0);
            row[sees.end..].fill(0.0);
            let seen = &mut row[sees];
            seen.iter_mut().for_each(|score| *score = self.score(*score));
            softmax(seen);
        }
        Task { sequence, n_keys, keys, values, queries, weights }
    }

    /// `q · k` as it counts.
    fn score(&self, product: f32) -> f32 {
        let score = product * self.rule.scale;
        self.rule.softcap.map_or(score, |cap| cap * (score / cap).tanh())
    }

    /// The gradients of a task's queries, keys and values.
    fn task_back(&self, task: &Task, upstream: &[f32]) -> [Buffer; 3] {
        let (width, n_keys, n_queries) = (self.head_dim, task.n_keys, task.queries.len() / self.head_dim);
        let turned = |x: &[f32]| {
            let mut turned = Buffer::new(x.len());
            transpose((n_queries, n_keys), x, n_keys, &mut turned, n_queries);
            turned
        };
        let mixed = |rows: &[f32], weights: &[f32], n: usize| {
            let mut out = Buffer::full(n * width, 0.0);
            rows_mixed(&[], rows, width, weights, &mut out);
            out
        };
        let at_values = mixed(upstream, &turned(&task.weights), n_keys);
        // Of the weights, then of the products of queries and keys.
        let mut back = Buffer::new(task.weights.len());
        rows_times(&task.values, width, upstream, &mut back);
        let products = self.rule.softcap.map(|_| {
            let mut products = Buffer::new(task.weights.len());
            rows_times(&task.keys, width, &task.queries, &mut products);
            products
        });
        for (query, (back, weights)) in
            back.chunks_exact_mut(n_keys.max(1)).zip(task.weights.chunks_exact(n_keys.max(1))).enumerate()
        {
            let sees = task.sequence.sees[query % task.sequence.rows.len()].clone();
            back[..sees.start].fill(0.0);
            back[sees.end..].fill(0.0);
            let (seen, weights) = (&mut back[sees.clone()], &weights[sees.clone()]);
            let along: f32 = seen.iter().zip(weights).map(|(back, weight)| back * weight).sum();
            for (back, weight) in seen.iter_mut().zip(weights) {
                *back = weight * (*back - along) * self.rule.scale;
            }
            if let (Some(cap), Some(products)) = (self.rule.softcap, &products) {
                for (back, product) in seen.iter_mut().zip(&products[query * n_keys + sees.start..]) {
                    *back *= 1.0 - (self.score(*product) / cap).powi(2);
                }
            }
        }
        let at_queries = mixed(&task.keys, &back, n_queries);
        let at_keys = mixed(&task.queries, &turned(&back), n_keys);
        [at_queries, at_keys, at_values]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Isa;
    use crate::random::next_bits;

    fn numbers(n: usize, seed: &mut u64) -> Vec<f32> {
        (0..n).map(|_| (next_bits(seed) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    /// Slow and obvious: one row at a time, in f64.
    fn reference(apart: &Apart, [q, k, v]: [&[f64]; 3]) -> Vec<f64> {
        let Apart { n_heads, n_kv_heads, head_dim, n, rule, sequences } = apart;
        let mut out = vec![0.0; n * n_heads * head_dim];
        for sequence in sequences {
            // The rows that positions of the sequence stand in.
            let at: Vec<usize> = (0..sequence.before).chain(sequence.rows.clone()).collect();
            for (row, sees) in sequence.rows.clone().zip(&sequence.sees) {
                for head in 0..*n_heads {
                    let kv_head = head / (n_heads / n_kv_heads);
                    let number =
                        |of: &[f64], head: usize, row: usize, d: usize| of[(head * n + row) * head_dim + d];
                    let weights: Vec<f64> = sees
                        .clone()
                        .map(|key| {
                            let dot: f64 = (0..*head_dim)
                                .map(|d| number(q, head, row, d) * number(k, kv_head, at[key], d))
                                .sum();
                            let score = dot * f64::from(rule.scale);
                            let limited = rule.softcap.map(f64::from).map(|cap| cap * (score / cap).tanh());
                            limited.unwrap_or(score).exp()
                        })
                        .collect();
                    let sum: f64 = weights.iter().sum();
                    for d in 0..*head_dim {
                        let mixed = sees
                            .clone()
                            .zip(&weights)
                            .map(|(key, weight)| weight / sum * number(v, kv_head, at[key], d));
                        out[(row * n_heads + head) * head_dim + d] = mixed.sum();
                    }
                }
            }
        }
        out
    }

    /// A beginning of `before` rows, and `n_after` sequences of `len` rows that go on after it.
    fn sequences(before: usize, n_after: usize, len: usize) -> Vec<Sequence> {
        let first = Sequence { rows: 0..before, before: 0, sees: (0..before).map(|i| 0..i + 1).collect() };
        let after = (0..n_after).map(|i| Sequence {
            rows: before + i * len..before + (i + 1) * len,
            before,
            // A window of four.
            sees: (0..len).map(|row| (before + row + 1).saturating_sub(4)..before + row + 1).collect(),
        });
        std::iter::once(first).filter(|first| !first.rows.is_empty()).chain(after).collect()
    }

    #[test]
    fn forward_and_backward_equal_the_reference_with_every_set_of_instructions() {
        let mut seed = 1;
        for (n_heads, n_kv_heads, head_dim) in [(1, 1, 16), (4, 2, 5)] {
            for (before, n_after, len) in [(1, 0, 0), (0, 2, 3), (2, 2, 3), (7, 1, 1)] {
                for softcap in [None, Some(0.7)] {
                    let n = before + n_after * len;
                    let rule = Rule { scale: 0.5, softcap };
                    let sequences = sequences(before, n_after, len);
                    let apart = Apart { n_heads, n_kv_heads, head_dim, n, rule, sequences };
                    let sizes = [n_heads, n_kv_heads, n_kv_heads].map(|heads| heads * n * head_dim);
                    let inputs = sizes.map(|size| numbers(size, &mut seed));
                    let gradient = numbers(n * n_heads * head_dim, &mut seed);
                    let exact =
                        inputs.each_ref().map(|x| x.iter().copied().map(f64::from).collect::<Vec<_>>());
                    let forward = |x: &[Vec<f64>; 3]| reference(&apart, x.each_ref().map(|x| &x[..]));
                    let want = forward(&exact);
                    // The slope along each number, from both sides.
                    let along = |x: &[Vec<f64>; 3]| -> f64 {
                        forward(x).iter().zip(&gradient).map(|(x, g)| x * f64::from(*g)).sum()
                    };
                    let slope = |which: usize, i: usize| {
                        const STEP: f64 = 1e-5;
                        let moved = |by: f64| {
                            let mut x = exact.clone();
                            x[which][i] += by;
                            along(&x)
                        };
                        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
                    };
                    let slopes = [0, 1, 2]
                        .map(|which| (0..sizes[which]).map(|i| slope(which, i)).collect::<Vec<f64>>());
                    Isa::for_each(|isa| {
                        let what = format!("{} {n_heads} heads, {before} and {n_after} × {len}", isa.name());
                        let inputs = inputs.each_ref().map(|x| &x[..]);
                        near(&apart.forward(inputs), &want, &what);
                        let back = apart.backward(inputs, &gradient);
                        for (got, want) in back.iter().zip(&slopes) {
                            near(got, want, &what);
                        }
                    });
                }
            }
        }
    }

    fn near(got: &[f32], want: &[f64], what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((f64::from(*got) - want).abs() < 1e-5, "{what} at {i}: {got} and {want}");
        }
    }
}
