//! Attention of a few queries, as when an answer is written: each key is read once for all queries of its head.
//!
//! Keys are cut into runs, which threads take one by one, and runs into blocks that stay in the nearest cache. Both
//! begin at the same positions whoever asks, so that what a query gets does not depend on the others that are asked
//! with it, nor on the number of threads, nor on which of its keys other sequences read too.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

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
    sees: SmallVec<[Range<usize>; 16]>,
    /// The keys that any of them sees.
    seen: Range<usize>,
    /// Which runs these are; each is a task for each key head.
    runs: Range<usize>,
    /// Where the numbers of its first task are.
    first: usize,
}

impl Group<'_> {
    fn n_tasks(&self) -> usize {
        self.piece.keys.len() * self.runs.len()
    }

    /// Numbers of a task, as [`Mix::of`] reads them.
    fn n_numbers(&self, head_dim: usize) -> usize {
        self.sees.len() * (head_dim + 2)
    }

    /// Key head and keys of a task.
    fn task(&self, i: usize, head_dim: usize) -> (usize, Range<usize>) {
        let (head, run, size) = (i / self.runs.len(), self.runs.start + i % self.runs.len(), run(head_dim));
        (head, self.seen.start.max(run * size)..self.seen.end.min((run + 1) * size))
    }
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
    let of_pieces = pieces.iter().flat_map(|piece| {
        let starts = piece.queries.clone().step_by(together);
        starts.map(move |start| (piece, start..(start + together).min(piece.queries.end)))
    });
    let mut groups: SmallVec<[Group; 2]> = SmallVec::new();
    for (piece, of) in of_pieces {
        let numbers = if of.len() == n { Cow::Borrowed(queries) } else { pick(queries, shape, &of) };
        let sees: SmallVec<_> = (0..group).flat_map(|_| sees[of.clone()].iter().cloned()).collect();
        let (any, held, run) = (seen(&sees), &piece.positions, run(head_dim));
        let seen = any.start.max(held.start)..any.end.min(held.end);
        let runs = if seen.is_empty() { 0..0 } else { seen.start / run..seen.end.div_ceil(run) };
        let first = groups.last().map_or(0, |last| last.first + last.n_tasks() * last.n_numbers(head_dim));
        groups.push(Group { piece, queries: of, numbers, sees, seen, runs, first });
    }
    let n_numbers = groups.last().map_or(0, |last| last.first + last.n_tasks() * last.n_numbers(head_dim));
    let mut parts = Buffer::new(n_numbers);
    let places = Places::of(&mut parts);
    team::for_each(groups.iter().map(Group::n_tasks).sum(), |mut task| {
        for group in &groups {
            if task >= group.n_tasks() {
                task -= group.n_tasks();
                continue;
            }
            let (head, keys) = group.task(task, head_dim);
            let at = group.first + task * group.n_numbers(head_dim);
            // SAFETY: the numbers of this task.
            #[allow(unsafe_code)]
            let part = unsafe { places.run(at..at + group.n_numbers(head_dim)) };
            return mix_run(shape, group, head, keys, Mix::of(part, group.sees.len()));
        }
    });
    let mut out = Buffer::new(n * n_heads * head_dim);
    team::for_each_chunk(&mut out, n_heads * head_dim, |query, mixed| {
        scratch(2 * n_heads, |scratch| {
            let (largest, sums) = scratch.split_at_mut(n_heads);
            largest.fill(f32::NEG_INFINITY);
            sums.fill(0.0);
            mixed.fill(0.0);
            let mut mix = Mix { largest, sums, mixed };
            // The parts of a row come in the order of their positions.
            for of in groups.iter().filter(|of| of.queries.contains(&query)) {
                for task in 0..of.n_tasks() {
                    let (head, _) = of.task(task, head_dim);
                    let part = &parts[of.first + task * of.n_numbers(head_dim)..][..of.n_numbers(head_dim)];
                    for in_group in 0..group {
                        let row = in_group * of.queries.len() + query - of.queries.start;
                        mix.join(head * group + in_group, part, row, of.sees.len());
                    }
                }
            }
            for (mixed, sum) in mix.mixed.chunks_mut(head_dim).zip(&*mix.sums) {
                mixed.iter_mut().for_each(|mixed| *mixed /= sum);
            }
        });
    });
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

    /// Adds to a row what its query saw elsewhere: row `of` of the `n_rows` in the numbers of a task.
    fn join(&mut self, row: usize, part: &[f32], of: usize, n_rows: usize) {
        let head_dim = self.head_dim();
        let (mixed, rest) = part.split_at(n_rows * head_dim);
        let (largest, sum) = (rest[of], rest[n_rows + of]);
        // Nothing was seen there.
        if largest == f32::NEG_INFINITY {
            return;
        }
        if largest > self.largest[row] {
            self.shrink(row, largest);
        }
        let factor = (largest - self.largest[row]).exp();
        self.sums[row] += factor * sum;
        let theirs = &mixed[of * head_dim..(of + 1) * head_dim];
        add_scaled(&mut self.mixed[row * head_dim..(row + 1) * head_dim], theirs, factor);
    }
}
