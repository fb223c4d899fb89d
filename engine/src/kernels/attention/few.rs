//! Attention of a few queries, as when an answer is written: each key is read once for all queries of its head.
//!
//! Keys are cut into runs, which threads take one by one, and runs into blocks that stay in the nearest cache. Both
//! begin at the same rows whoever asks, so that what a query gets does not depend on the others that are asked with
//! it, nor on the number of threads.

use std::ops::Range;

use super::super::cache::CacheRows;
use super::super::rowwise::add_scaled;
use super::super::team;
use super::{Mix, Shape, seen};

/// Up to this many queries of a key head, sums along rows beat a product of matrices, which first lays both out anew.
pub(super) const MOST: usize = 32;

/// Numbers of keys in a block.
const BLOCK: usize = 4096;

/// Blocks in a run: some three microseconds of work.
const RUN: usize = 4;

/// As [`super::attend`], which has compared the lengths and multiplied the queries by the scale.
pub(super) fn attend(
    shape: Shape,
    queries: &[f32],
    keys: &[CacheRows],
    values: &[CacheRows],
    sees: &[Range<usize>],
) -> Vec<f32> {
    let Shape { n_heads, head_dim, n, .. } = shape;
    let group = n_heads / keys.len();
    // Row r of a key head is query r % n.
    let n_rows = group * n;
    let sees: Vec<_> = (0..n_rows).map(|row| sees[row % n].clone()).collect();
    let block = BLOCK.div_ceil(head_dim);
    let (run, all) = (RUN * block, seen(&sees));
    let runs = all.start / run..all.end.div_ceil(run);
    // What a task gives: mixed values, then the largest score and the sum of each row.
    let size = n_rows * (head_dim + 2);
    let mut parts = vec![0f32; keys.len() * runs.len() * size];
    team::for_each_chunk(&mut parts, size, |task, part| {
        let (head, run_start) = (task / runs.len(), (runs.start + task % runs.len()) * run);
        let queries = &queries[head * n_rows * head_dim..][..n_rows * head_dim];
        let mut mix = Mix::of(part, n_rows);
        mix.largest.fill(f32::NEG_INFINITY);
        let (mut room, mut scores) = (Vec::new(), vec![0f32; n_rows * block]);
        for start in (run_start..run_start + run).step_by(block) {
            // Rows before the first that is seen may be read: they get no weight.
            let keys_of_block = start..(start + block).min(all.end);
            if keys_of_block.end <= all.start || keys_of_block.is_empty() {
                continue;
            }
            let scores = &mut scores[..n_rows * keys_of_block.len()];
            keys[head].times(keys_of_block.clone(), queries, &mut room, scores);
            mix.weigh_all(shape.rule.softcap, &keys_of_block, &sees, scores);
            values[head].mix(keys_of_block, scores, &mut room, mix.mixed);
        }
    });
    let mut out = vec![0f32; n * n_heads * head_dim];
    for (head, parts) in parts.chunks_mut(runs.len() * size).enumerate() {
        let (first, others) = parts.split_at_mut(size);
        let mut mix = Mix::of(first, n_rows);
        others.chunks_mut(size).for_each(|other| mix.join(&Mix::of(other, n_rows)));
        for (row, (mixed, sum)) in mix.mixed.chunks(head_dim).zip(&*mix.sums).enumerate() {
            let at = ((row % n) * n_heads + head * group + row / n) * head_dim;
            for (out, mixed) in out[at..at + head_dim].iter_mut().zip(mixed) {
                *out = mixed / sum;
            }
        }
    }
    out
}

impl<'a> Mix<'a> {
    /// Numbers of a task as what they are.
    fn of(part: &'a mut [f32], n_rows: usize) -> Self {
        let (mixed, rest) = part.split_at_mut(part.len() - 2 * n_rows);
        let (largest, sums) = rest.split_at_mut(n_rows);
        Self { largest, sums, mixed }
    }

    /// Adds what the same rows saw elsewhere.
    fn join(&mut self, other: &Mix) {
        let head_dim = self.head_dim();
        for (row, theirs) in other.mixed.chunks(head_dim).enumerate() {
            // Nothing was seen there.
            if other.largest[row] == f32::NEG_INFINITY {
                continue;
            }
            if other.largest[row] > self.largest[row] {
                self.shrink(row, other.largest[row]);
            }
            let factor = (other.largest[row] - self.largest[row]).exp();
            self.sums[row] += factor * other.sums[row];
            add_scaled(&mut self.mixed[row * head_dim..(row + 1) * head_dim], theirs, factor);
        }
    }
}
