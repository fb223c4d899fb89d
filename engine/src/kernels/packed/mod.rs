//! Block-quantised weights times rows of activations.
//!
//! At load the blocks of 16 output rows are interleaved into a panel (see [`format`](self::format)), so that a
//! vector of 16 lanes holds one number of each row: nothing is added up across lanes, and scales apply to 16
//! rows at once. Activations are whole numbers block by block, so a product of blocks is an integer sum (below
//! 2²⁸, exact) times float factors that are added up in f32.

mod format;
mod portable;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use arrayvec::ArrayVec;
use rayon::prelude::*;

pub use self::format::Format;
use super::Isa;
use super::activations::{Activations, BLOCK};
use super::buffer::Buffer;
use super::isa::Kind;
use super::team::{self, Places};

/// Output rows per panel.
pub const PANEL: usize = 16;

/// Another arrangement of panels has another number: files that keep panels are of no use to it.
pub const LAYOUT: u32 = 1;

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

    /// # Panics
    /// When the bytes are not aligned whole lines (a bug of the caller).
    fn of(bytes: &[u8]) -> &[Self] {
        let lines = bytes.as_ptr().cast::<Self>();
        assert!(lines.is_aligned() && bytes.len().is_multiple_of(size_of::<Self>()));
        // SAFETY: aligned, and as many whole lines as there are; any bytes make one.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(lines, bytes.len() / size_of::<Self>())
        }
    }

    /// # Panics
    /// As [`Line::of`].
    fn of_mut(bytes: &mut [u8]) -> &mut [Self] {
        let lines = bytes.as_mut_ptr().cast::<Self>();
        assert!(lines.is_aligned() && bytes.len().is_multiple_of(size_of::<Self>()));
        // SAFETY: as above, and borrowed by nobody else.
        #[allow(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts_mut(lines, bytes.len() / size_of::<Self>())
        }
    }
}

/// Bytes that panels stand in: memory of our own, or a mapped file.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A matrix of `[n_out, n_in]` in panels; cheap to clone and to cut.
#[derive(Clone)]
pub struct Packed {
    format: Format,
    n_in: usize,
    n_out: usize,
    bytes: Bytes,
    /// Where its first panel stands.
    start: usize,
}

/// Lines that are allocated here.
pub(super) struct Owned(Vec<Line>);

impl Owned {
    /// So many bytes, whole lines, which `fill` gets as zeros.
    pub(super) fn filled(n_bytes: usize, fill: impl FnOnce(&mut [u8])) -> Bytes {
        let mut lines = vec![Line([0; 64]); n_bytes / size_of::<Line>()];
        fill(Line::bytes_mut(&mut lines));
        Arc::new(Self(lines))
    }
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        Line::bytes(&self.0)
    }
}

/// Bytes of a matrix of `[n_out, n_in]` in panels.
///
/// # Panics
/// When `n_in` is not a whole number of blocks (a bug of the caller).
pub const fn packed_bytes(format: Format, n_out: usize, n_in: usize) -> usize {
    assert!(n_in.is_multiple_of(format.block()));
    n_out.div_ceil(PANEL) * format.panel_lines(n_in / BLOCK) * size_of::<Line>()
}

/// Interleaves rows as a file holds them, from `first` on, the first of a panel, into the zeros that `panels` of the
/// whole matrix begin with. Done once for each row.
///
/// # Panics
/// When `first` is within a panel, `rows` are not whole rows, or `panels` are not lines that have a place for them (a
/// bug of the caller).
pub fn interleave(format: Format, n_in: usize, first: usize, rows: &[u8], panels: &mut [u8]) {
    let row_bytes = n_in / format.block() * format.block_bytes();
    let panel_lines = format.panel_lines(n_in / BLOCK);
    assert!(first.is_multiple_of(PANEL) && rows.len().is_multiple_of(row_bytes));
    let panels = &mut Line::of_mut(panels)[first / PANEL * panel_lines..];
    assert!(rows.len().div_ceil(PANEL * row_bytes) * panel_lines <= panels.len());
    let panels = panels.par_chunks_mut(panel_lines);
    panels.zip(rows.par_chunks(PANEL * row_bytes)).for_each(|(panel, bytes)| {
        let rows: Vec<&[u8]> = bytes.chunks(row_bytes).collect();
        format::interleave(format, &rows, panel);
    });
}

impl Packed {
    /// Of panels that [`interleave`] made; `None` when these are not as many bytes as the matrix has, or not lines.
    pub fn new(format: Format, (n_out, n_in): (usize, usize), bytes: Bytes) -> Option<Self> {
        let all = (*bytes).as_ref();
        let is_whole = all.len() == packed_bytes(format, n_out, n_in);
        let is_aligned = all.as_ptr().cast::<Line>().is_aligned();
        (is_whole && is_aligned).then_some(Self { format, n_in, n_out, bytes, start: 0 })
    }

    /// In memory of its own, which `fill` gets as zeros.
    ///
    /// # Panics
    /// When `n_in` is not a whole number of blocks (a bug of the caller).
    pub fn in_memory(format: Format, (n_out, n_in): (usize, usize), fill: impl FnOnce(&mut [u8])) -> Self {
        let bytes = Owned::filled(packed_bytes(format, n_out, n_in), fill);
        Self { format, n_in, n_out, bytes, start: 0 }
    }

    /// A run of its rows; `None` when it does not begin with a panel, or ends within one.
    ///
    /// # Panics
    /// When there are not that many (a bug of the caller).
    pub fn rows(&self, rows: Range<usize>) -> Option<Self> {
        assert!(rows.start <= rows.end && rows.end <= self.n_out);
        let is_whole = rows.end.is_multiple_of(PANEL) || rows.end == self.n_out;
        let start = self.start + rows.start / PANEL * self.panel_lines() * size_of::<Line>();
        let cut = || Self { n_out: rows.len(), start, ..self.clone() };
        (is_whole && rows.start.is_multiple_of(PANEL)).then(cut)
    }

    /// `[n_out, n_in]`
    pub fn shape(&self) -> (usize, usize) {
        (self.n_out, self.n_in)
    }

    /// How its numbers are kept.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    fn n_panels(&self) -> usize {
        self.n_out.div_ceil(PANEL)
    }

    fn panel_lines(&self) -> usize {
        self.format.panel_lines(self.n_in / BLOCK)
    }

    pub(super) fn panels(&self, panels: Range<usize>) -> &[Line] {
        let panel_bytes = self.panel_lines() * size_of::<Line>();
        let bytes = &(*self.bytes).as_ref()[self.start..];
        Line::of(&bytes[panels.start * panel_bytes..panels.end * panel_bytes])
    }

    /// One row in floats.
    ///
    /// # Panics
    /// When there is no such row, or `out` is not `[n_in]`.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n_out && out.len() == self.n_in);
        let (panel, r) = (self.panels(row / PANEL..row / PANEL + 1), row % PANEL);
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
pub fn times<const N: usize>(isa: Isa, matrices: [&Packed; N], x: &Activations) -> [Buffer; N] {
    let mut outs = matrices.map(|matrix| Buffer::new(x.n_rows() * matrix.n_out));
    let products = matrices.into_iter().zip(&mut outs).map(|(matrix, out)| Product::new(matrix, x, out));
    times_each(isa, &products.collect::<ArrayVec<_, N>>());
    outs
}

/// Rows of activations times a transposed matrix.
pub struct Product<'a> {
    matrix: &'a Packed,
    x: &'a Activations,
    out: Places<'a, f32>,
}

impl<'a> Product<'a> {
    /// # Shapes
    /// - `matrix`: `[n_out, n_in]`
    /// - `x`: `[n_rows, n_in]`
    /// - `out`: where `[n_rows, n_out]` go
    ///
    /// # Panics
    /// When a shape does not fit (a bug of the caller).
    pub fn new(matrix: &'a Packed, x: &'a Activations, out: &'a mut [f32]) -> Self {
        assert_eq!(x.n_blocks * BLOCK, matrix.n_in, "a row of weights has the width of the activations");
        assert_eq!(x.n_rows() * matrix.n_out, out.len(), "a result has a place for each product of rows");
        Self { matrix, x, out: Places::of(out) }
    }

    /// What a panel costs: its lines times the rows.
    fn panel_cost(&self) -> usize {
        self.matrix.panel_lines() * self.x.n_rows()
    }

    fn n_panels(&self) -> usize {
        if self.x.n_rows() == 0 { 0 } else { self.matrix.n_panels() }
    }

    /// Panels of a task of this cost.
    fn step(&self, task: usize) -> usize {
        task.div_ceil(self.panel_cost().max(1))
    }
}

/// Several products, on all threads of the pool.
pub fn times_each(isa: Isa, products: &[Product]) {
    /// Lines of weights times rows of activations that are worth a task: some five microseconds.
    const TASK: usize = 1024;
    let all: usize = products.iter().map(|product| product.n_panels() * product.panel_cost()).sum();
    let cost = TASK.max(all / (4 * rayon::current_num_threads()));
    let n_tasks = |product: &Product| product.n_panels().div_ceil(product.step(cost));
    team::for_each(products.iter().map(n_tasks).sum(), |mut task| {
        for product in products {
            let n = n_tasks(product);
            if task >= n {
                task -= n;
                continue;
            }
            let Product { matrix, x, out } = product;
            let step = product.step(cost);
            let panels = task * step..((task + 1) * step).min(product.n_panels());
            let first = panels.start * PANEL;
            // All rows and the columns from `first` on lie inside the matrix's result; each panel belongs to one
            // task and no two panels share a column.
            let out = Tile { at: out.at(first), stride: matrix.n_out, width: matrix.n_out - first };
            return panels_times(isa, matrix.format, matrix.panels(panels), x, out);
        }
    });
}

/// Columns of the result: row r of them starts at `at + r * stride`.
#[derive(Clone, Copy)]
pub struct Tile {
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
        // SAFETY: `out` has a place for each panel and each row of `x`.
        #[allow(unsafe_code)]
        Kind::Portable => unsafe { portable::panels_times(format, panels, x, out) },
        // SAFETY: `Isa::all` makes these kinds only after it found the instructions; panels have
        // `x.n_blocks` units, and `out` a place for each panel and each row of `x`.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx2 => unsafe { super::arch::x86_64::avx2::panels_times(format, panels, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::AvxVnni => unsafe {
            use super::arch::x86_64::avx2::{panels_times_vnni, panels_times_vnni_512};
            match is_x86_feature_detected!("avxvnni") {
                true => panels_times_vnni(format, panels, x, out),
                false => panels_times_vnni_512(format, panels, x, out),
            }
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx512Vnni => unsafe { super::arch::x86_64::vnni::panels_times(format, panels, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        #[allow(unsafe_code)]
        Kind::NeonDotprod => unsafe { super::arch::aarch64::panels::times_dotprod(format, panels, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        #[allow(unsafe_code)]
        Kind::NeonI8mm => unsafe { super::arch::aarch64::panels::times_i8mm(format, panels, x, out) },
    }
}
