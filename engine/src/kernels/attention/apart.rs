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
