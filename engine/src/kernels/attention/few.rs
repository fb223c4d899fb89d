//! Attention of a few queries, as when an answer is written: each key is read once for all queries of its head.
//!
//! Keys are cut into runs, which threads take one by one, and runs into blocks that stay in the nearest cache. Both
//! begin at the same positions whoever asks, so that what a query gets does not depend on the others that are asked
//! with it, nor on the number of threads, nor on which of its keys other sequences read too.

use std::borrow::Cow;
use std::ops::Range;

use super::super::buffer::{Buffer, scratch};
use super::super::rowwise::add_scaled;
use super::super::team::{self, Places};
use super::{Mix, Piece, Shape, seen};

/// Up to this many queries of a key head, sums along rows beat a product of matrices, which first lays both out anew.
pub(super) const MOST: usize = 32;

/// Numbers of keys in a block.
const BLOCK: usize = 4096;

/// Blocks in a run: some three microseconds of work.
const RUN: usize = 4;

/// Keys in a block; a power of two.
const fn block(head_dim: usize) -> usize {
    BLOCK.div_ceil(head_dim).next_power_of_two()
}

/// Keys in a run; a power of two.
pub(super) const fn run(head_dim: usize) -> usize {
    RUN * block(head_dim)
}

/// Queries that look at the same keys together.
struct Group<'a> {
    piece: &'a Piece<'a>,
    queries: Range<usize>,
    /// `[n_kv_heads, group, queries, head_dim]`
    numbers: Cow<'a, [f32]>,
    /// What each row of a key head sees: row r is query `r % n`.
    sees: Vec<Range<usize>>,
}

/// As [`super::attend`], which has compared the lengths.
pub(super) fn attend(shape: Shape, queries: &[f32], pieces: &[Piece], sees: &[Range<usize>]) -> Buffer {
    let Shape { n_heads, head_dim, n, .. } = shape;
    let n_kv_heads = pieces.first().map_or(1, |piece| piece.keys.len());
    let mut scaled = Buffer::new(queries.len());
    scaled.iter_mut().zip(queries).for_each(|(to, x)| *to = x * shape.rule.scale);
    let queries = &scaled[..];
    let group = n_heads / n_kv_heads;
    let together = (MOST / group).max(1);
    let groups: Vec<Group> = pieces
        .iter()
        .flat_map(|piece| {
            let starts = piece.queries.clone().step_by(together);
            starts.map(move |start| (piece, start..(start + together).min(piece.queries.end)))
        })
        .map(|(piece, of)| {
            let numbers = if of.len() == n { Cow::Borrowed(queries) } else { pick(queries, shape, &of) };
            let sees = (0..group).flat_map(|_| sees[of.clone()].iter().cloned()).collect();
            Group { piece, queries: of, numbers, sees }
        })
        .collect();
    let mut tasks = Vec::new();
    for group in &groups {
        let (seen, run) = (seen(&group.sees), run(head_dim));
        let held = &group.piece.positions;
        let all = seen.start.max(held.start)..seen.end.min(held.end);
        for head in 0..n_kv_heads {
            let runs = all.start / run..all.end.div_ceil(run);
            let runs = runs.filter(|_| !all.is_empty());
            tasks.extend(runs.map(|i| (group, head, all.start.max(i * run)..all.end.min(i * run + run))));
        }
    }
    // Where the numbers of each task begin.
    let mut starts = vec![0];
    for (group, ..) in &tasks {
        starts.push(starts[starts.len() - 1] + group.sees.len() * (head_dim + 2));
    }
    let mut parts = Buffer::new(starts[tasks.len()]);
    let places = Places::of(&mut parts);
    team::for_each(tasks.len(), |task| {
        let (group, head, keys) = &tasks[task];
        // SAFETY: the numbers of this task.
        #[allow(unsafe_code)]
        let part = unsafe { places.run(starts[task]..starts[task + 1]) };
        mix_run(shape, group, *head, keys.clone(), Mix::of(part, group.sees.len()));
    });
    let mut all = Buffer::full(n_heads * n * (head_dim + 2), 0.0);
    let mut mix = Mix::of(&mut all, n_heads * n);
    mix.largest.fill(f32::NEG_INFINITY);
    // The parts of a row come in the order of their positions.
    for ((of, head, _), starts) in tasks.into_iter().zip(starts.windows(2)) {
        let part = Mix::of(&mut parts[starts[0]..starts[1]], of.sees.len());
        for row in 0..of.sees.len() {
            let (in_group, query) = (row / of.queries.len(), of.queries.start + row % of.queries.len());
            mix.join((head * group + in_group) * n + query, &part, row);
        }
    }
    let mut out = Buffer::new(n * n_heads * head_dim);
    for (row, (mixed, sum)) in mix.mixed.chunks(head_dim).zip(&*mix.sums).enumerate() {
        let at = (row % n * n_heads + row / n) * head_dim;
        for (out, mixed) in out[at..at + head_dim].iter_mut().zip(mixed) {
            *out = mixed / sum;
        }
    }
    out
}

/// Some of the queries of each head.
fn pick(queries: &[f32], shape: Shape, of: &Range<usize>) -> Cow<'static, [f32]> {
    let Shape { head_dim, n, .. } = shape;
    let heads = queries.chunks(n * head_dim);
    heads.flat_map(|head| &head[of.start * head_dim..of.end * head_dim]).copied().collect::<Vec<_>>().into()
}

/// What the queries of a key head see in a run or a part of it.
fn mix_run(shape: Shape, group: &Group, head: usize, keys_of_run: Range<usize>, mut mix: Mix) {
    let (head_dim, n_rows) = (shape.head_dim, group.sees.len());
    let queries = &group.numbers[head * n_rows * head_dim..][..n_rows * head_dim];
    let Piece { keys, values, positions, .. } = group.piece;
    mix.largest.fill(f32::NEG_INFINITY);
    mix.sums.fill(0.0);
    mix.mixed.fill(0.0);
    let block = block(head_dim);
    scratch(block * (head_dim + n_rows), |scratch| {
        let (room, scores) = scratch.split_at_mut(block * head_dim);
        let mut start = keys_of_run.start;
        while start < keys_of_run.end {
            let block = start..((start / block + 1) * block).min(keys_of_run.end);
            start = block.end;
            let rows = block.start - positions.start..block.end - positions.start;
            let scores = &mut scores[..n_rows * block.len()];
            keys[head].times(rows.clone(), queries, room, scores, values[head].bytes(rows.clone()));
            mix.weigh_all(shape.rule.softcap, &block, &group.sees, scores, block.len());
            let end = (rows.end + rows.len()).min(keys_of_run.end - positions.start);
            let next = keys[head].bytes(rows.end..end);
            values[head].mix(rows, scores, room, mix.mixed, next);
        }
    });
}

impl<'a> Mix<'a> {
    /// Numbers of a task as what they are.
    fn of(part: &'a mut [f32], n_rows: usize) -> Self {
        let (mixed, rest) = part.split_at_mut(part.len() - 2 * n_rows);
        let (largest, sums) = rest.split_at_mut(n_rows);
        Self { largest, sums, mixed }
    }

    /// Adds to a row what its query saw elsewhere.
    fn join(&mut self, row: usize, other: &Mix, of: usize) {
        let head_dim = self.head_dim();
        // Nothing was seen there.
        if other.largest[of] == f32::NEG_INFINITY {
            return;
        }
        if other.largest[of] > self.largest[row] {
            self.shrink(row, other.largest[of]);
        }
        let factor = (other.largest[of] - self.largest[row]).exp();
        self.sums[row] += factor * other.sums[of];
        let theirs = &other.mixed[of * head_dim..(of + 1) * head_dim];
        add_scaled(&mut self.mixed[row * head_dim..(row + 1) * head_dim], theirs, factor);
    }
}
