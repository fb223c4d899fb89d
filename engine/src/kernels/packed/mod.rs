//! Block-quantised weights times rows of activations.
//!
//! At load the blocks of 16 output rows are interleaved into a panel (see [`format`](self::format)), so that a
//! vector of 16 lanes holds one number of each row: nothing is added up across lanes, and scales apply to 16
//! rows at once. Activations are whole numbers block by block, so a product of blocks is an integer sum (below
//! 2²⁸, exact) times float factors that are added up in f32.

mod format;

#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;

pub use self::format::Format;
use super::activations::{Activations, BLOCK, UPPER, tiles};
use super::{Isa, Kind, team};

/// Output rows per panel.
pub const PANEL: usize = 16;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

impl Line {
    fn bytes(lines: &[Self]) -> &[u8] {
        // SAFETY: a line is 64 bytes without padding.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(lines.as_ptr().cast(), size_of_val(lines))
        }
    }

    fn bytes_mut(lines: &mut [Self]) -> &mut [u8] {
        // SAFETY: a line is 64 bytes without padding, and any bytes make one.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), size_of_val(lines))
        }
    }
}

/// A matrix of `[n_out, n_in]` in panels.
pub struct Packed {
    format: Format,
    n_in: usize,
    n_out: usize,
    lines: Vec<Line>,
}

impl Packed {
    /// A matrix of zeros.
    ///
    /// # Panics
    /// When `n_in` is not a whole number of blocks (a bug of the caller).
    pub fn zeros(format: Format, n_out: usize, n_in: usize) -> Self {
        assert!(n_in.is_multiple_of(format.block()));
        let n_lines = n_out.div_ceil(PANEL) * format.panel_lines(n_in / BLOCK);
        Self { format, n_in, n_out, lines: vec![Line([0; 64]); n_lines] }
    }

    /// Interleaves rows as the file holds them, from `first` on: the first of a panel. Done once for each row.
    ///
    /// # Panics
    /// When `first` is within a panel or `bytes` are not whole rows of the matrix (a bug of the caller).
    pub fn fill(&mut self, first: usize, bytes: &[u8]) {
        let (format, panel_lines) = (self.format, self.panel_lines());
        let row_bytes = self.n_in / format.block() * format.block_bytes();
        assert!(first.is_multiple_of(PANEL) && bytes.len().is_multiple_of(row_bytes));
        assert!(first + bytes.len() / row_bytes <= self.n_out);
        let panels = self.lines[first / PANEL * panel_lines..].par_chunks_mut(panel_lines);
        panels.zip(bytes.par_chunks(PANEL * row_bytes)).for_each(|(panel, bytes)| {
            let rows: Vec<&[u8]> = bytes.chunks(row_bytes).collect();
            format::interleave(format, &rows, panel);
        });
    }

    /// `[n_out, n_in]`
    pub fn shape(&self) -> (usize, usize) {
        (self.n_out, self.n_in)
    }

    fn n_panels(&self) -> usize {
        self.n_out.div_ceil(PANEL)
    }

    fn panel_lines(&self) -> usize {
        self.format.panel_lines(self.n_in / BLOCK)
    }

    fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.panel_lines()..][..self.panel_lines()]
    }

    /// One row in floats.
    ///
    /// # Panics
    /// When there is no such row, or `out` is not `[n_in]`.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n_out && out.len() == self.n_in);
        let (panel, r) = (self.panel(row / PANEL), row % PANEL);
        for (unit, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let factors = format::factors(self.format, panel, unit, r);
            let quants = format::quants(self.format, panel, unit, r);
            for (k, (out, q)) in out.iter_mut().zip(quants).enumerate() {
                let (scale, offset) = factors[2 * k / BLOCK];
                *out = scale * f32::from(q) + offset;
            }
        }
    }
}

/// `x` of `[n_rows, n_in]` times each of some transposed matrices, on all threads of the pool.
///
/// # Shapes
/// - returns: for each matrix `[n_rows, n_out]`
///
/// # Panics
/// When the width of `x` is not the `n_in` of all (a bug of the caller).
pub fn times<const N: usize>(isa: Isa, matrices: [&Packed; N], x: &Activations) -> [Vec<f32>; N] {
    /// Lines of weights times rows of activations that are worth a task: some five microseconds.
    const TASK: usize = 1024;
    let n_rows = x.n_rows();
    let mut outs = matrices.map(|matrix| vec![0f32; n_rows * matrix.n_out]);
    let mut tasks = Vec::new();
    let n_all: usize = matrices.iter().map(|matrix| matrix.n_panels()).sum();
    for (matrix, out) in matrices.into_iter().zip(&mut outs) {
        assert_eq!(x.n_blocks * BLOCK, matrix.n_in, "a row of weights has the width of the activations");
        let columns = Columns { start: out.as_mut_ptr(), stride: matrix.n_out };
        let worth = TASK.div_ceil(matrix.panel_lines() * n_rows.max(1));
        let step = n_all.div_ceil(4 * rayon::current_num_threads()).max(worth);
        let starts = (0..matrix.n_panels()).step_by(step);
        tasks.extend(starts.map(|start| (matrix, columns, start..(start + step).min(matrix.n_panels()))));
    }
    let run = |(matrix, columns, panels): &(&Packed, Columns, Range<usize>)| {
        let first = panels.start * PANEL;
        // SAFETY: all rows and the columns from `first` on lie inside the matrix's result; each panel belongs to
        // one task and no two panels share a column.
        #[allow(unsafe_code)]
        let out = unsafe { columns.from(first, matrix.n_out - first) };
        let lines = panels.start * matrix.panel_lines()..panels.end * matrix.panel_lines();
        panels_times(isa, matrix.format, &matrix.lines[lines], x, out);
    };
    team::for_each(tasks.len(), |task| run(&tasks[task]));
    outs
}

/// Where tasks write their columns of a result.
#[derive(Clone, Copy)]
struct Columns {
    start: *mut f32,
    stride: usize,
}

// SAFETY: tasks write different columns; see `times`.
#[allow(unsafe_code)]
unsafe impl Send for Columns {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Columns {}

impl Columns {
    /// # Safety
    /// The result has the columns, and nobody else uses those of them that panels are written to meanwhile.
    #[allow(unsafe_code)]
    unsafe fn from(&self, column: usize, width: usize) -> Tile {
        // SAFETY: inside the result by contract.
        let at = unsafe { self.start.add(column) };
        Tile { at, stride: self.stride, width }
    }
}

/// Columns of the result: row r of them starts at `at + r * stride`.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) at: *mut f32,
    pub(super) stride: usize,
    pub(super) width: usize,
}

impl Tile {
    /// Where some rows of a panel of these columns are written.
    ///
    /// # Safety
    /// There are this panel and this row.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(super) unsafe fn of(&self, panel: usize, row: usize) -> Self {
        let column = panel * PANEL;
        // SAFETY: by contract.
        let at = unsafe { self.at.add(row * self.stride + column) };
        Self { at, stride: self.stride, width: PANEL.min(self.width - column) }
    }
}

/// Panels times all rows of activations.
fn panels_times(isa: Isa, format: Format, panels: &[Line], x: &Activations, out: Tile) {
    debug_assert!(panels.len().is_multiple_of(format.panel_lines(x.n_blocks)));
    match isa.0 {
        Kind::Portable => {
            for (i, panel) in panels.chunks(format.panel_lines(x.n_blocks)).enumerate() {
                for rows in tiles(x.n_rows()) {
                    // SAFETY: the result has a place for each panel and row.
                    #[allow(unsafe_code)]
                    let out = unsafe { out.of(i, rows.start) };
                    tile_portable(format, panel, x, rows, out);
                }
            }
        }
        // SAFETY: `Isa::all` makes these kinds only after it found the instructions; panels have
        // `x.n_blocks` units, and `out` a place for each panel and each row of `x`.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx2 => unsafe { super::arch::x86_64::avx2::panels_times(format, panels, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx512Vnni => unsafe { super::arch::x86_64::vnni::panels_times(format, panels, x, out) },
    }
}

/// Works on any processor.
fn tile_portable(format: Format, panel: &[Line], x: &Activations, rows: Range<usize>, out: Tile) {
    for column in 0..out.width {
        let mut sums = [0.0; 8];
        for unit in 0..x.n_blocks {
            let quants = format::quants(format, panel, unit, column);
            let factors = format::factors(format, panel, unit, column);
            for (r, sum) in sums[..rows.len()].iter_mut().enumerate() {
                let at = rows.start * x.n_blocks + unit * rows.len() + r;
                let (planes, by) = (&x.planes[at], &x.factors[at]);
                for (half, (scale, offset)) in factors.into_iter().enumerate() {
                    let product = |k: usize| {
                        let x = UPPER * i32::from(planes.upper[k]) + i32::from(planes.lower[k]);
                        i32::from(quants[k]) * x
                    };
                    let product: i32 = (BLOCK / 2 * half..BLOCK / 2 * (half + 1)).map(product).sum();
                    *sum += scale * by.scale * product as f32 + offset * by.halves[half];
                }
            }
        }
        for (r, sum) in sums[..rows.len()].iter().enumerate() {
            // SAFETY: the tile has these rows of `width` columns.
            #[allow(unsafe_code)]
            unsafe {
                out.at.add(r * out.stride + column).write(*sum);
            }
        }
    }
}
