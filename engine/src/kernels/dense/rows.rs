//! Rows of floats, interleaved tile by tile.

use std::ops::Range;

use super::{Isa, most_rows};
use crate::kernels::buffer::Buffer;
use crate::kernels::layers::TiledRows;
use crate::kernels::team;
use crate::kernels::transpose::transpose;

/// Rows of `n_in` floats as kernels want them: number k of row r of a tile of n rows is at `k n + r`. All tiles but the
/// last have as many rows as a kernel takes.
pub struct Rows {
    n_rows: usize,
    n_in: usize,
    most: usize,
    numbers: Buffer,
}

impl TiledRows for Rows {
    fn new(isa: Isa, x: &[f32], n_in: usize) -> Self {
        let n_rows = x.len().checked_div(n_in).unwrap_or(0);
        assert_eq!(x.len(), n_rows * n_in);
        Self::strided(isa, x, n_rows, n_in, n_in)
    }

    fn shape(&self) -> (usize, usize) {
        (self.n_rows, self.n_in)
    }

    fn most(&self) -> usize {
        self.most
    }
}

impl Rows {
    /// Interleaves `n_rows` rows that begin every `stride` numbers.
    ///
    /// # Panics
    /// When `x` has not as many (a bug of the caller).
    pub fn strided(isa: Isa, x: &[f32], n_rows: usize, n_in: usize, stride: usize) -> Self {
        let most = most_rows(isa);
        let mut numbers = Buffer::new(n_rows * n_in);
        team::for_each_chunk(&mut numbers, (most * n_in).max(1), |tile, numbers| {
            let first = tile * most;
            let n = most.min(n_rows - first);
            transpose((n, n_in), &x[first * stride..], stride, numbers, n);
        });
        Self { n_rows, n_in, most, numbers }
    }

    /// Interleaves the columns of a matrix whose rows begin every `stride` numbers: each is a row here.
    ///
    /// # Panics
    /// When `x` has not as many (a bug of the caller).
    pub(in crate::kernels) fn columns(
        isa: Isa,
        x: &[f32],
        n_in: usize,
        n_rows: usize,
        stride: usize,
    ) -> Self {
        let most = most_rows(isa);
        let mut numbers = Buffer::new(n_rows * n_in);
        team::for_each_chunk(&mut numbers, (most * n_in).max(1), |tile, numbers| {
            let first = tile * most;
            let n = most.min(n_rows - first);
            for (k, numbers) in numbers.chunks_exact_mut(n).enumerate() {
                numbers.copy_from_slice(&x[k * stride + first..][..n]);
            }
        });
        Self { n_rows, n_in, most, numbers }
    }

    /// The tiles of a run of rows that begins with one.
    pub(in crate::kernels) fn tiles(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let most = self.most;
        rows.clone().step_by(most).map(move |first| first..(first + most).min(rows.end))
    }

    /// Some inputs of a tile.
    pub(in crate::kernels) fn inputs(&self, tile: Range<usize>, inputs: Range<usize>) -> &[f32] {
        let (n, first) = (tile.len(), tile.start * self.n_in);
        &self.numbers[first + inputs.start * n..first + inputs.end * n]
    }
}
