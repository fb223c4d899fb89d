//! Block-quantised weights times rows of activations.
//!
//! Files hold Q4_1 (f16 scale d, f16 minimum m, 32 four-bit q: `d q + m`) or Q8_0 (f16 scale d, 32
//! eight-bit q: `d q`) as ggml lays them out (`ggml-common.h`, `block_q4_1`, `block_q8_0`). At load
//! the blocks of 16 output rows are interleaved into a panel, so that a vector of 16 lanes holds
//! one number of each row: nothing is added up across lanes, and scales apply to 16 rows at once.
//! Activations are quantised to 8 bits per block, so a product of blocks is an integer sum (below
//! 2²⁰, exact) times float factors that are added up in f32.

use half::f16;
use rayon::prelude::*;

use super::activations::{Activations, BLOCK};
use super::{Isa, Kind};

/// Output rows per panel.
pub const PANEL: usize = 16;

/// How weights are stored in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 20 bytes per block.
    Q4_1,
    /// 34 bytes per block.
    Q8_0,
}

impl Format {
    /// Bytes per block in the file.
    const fn block_bytes(self) -> usize {
        match self {
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }

    /// Cache lines that 16 interleaved blocks take: for Q4_1 16 f16 scales, 16 f16 minimums and
    /// 4 lines of quants; for Q8_0 16 f32 scales and 8 lines of quants.
    pub(super) const fn lines(self) -> usize {
        match self {
            Self::Q4_1 => 5,
            Self::Q8_0 => 9,
        }
    }
}

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// A matrix of `[n_out, n_in]` in panels: `[n_panels, n_in / 32, format.lines()]`.
///
/// Within a block, byte `4 r + i` of quant line g belongs to row r. For Q8_0 it holds number
/// `4 g + i`; for Q4_1 its low half holds number `4 g + i` and its high half number `16 + 4 g + i`.
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
    /// When `n_in` is no multiple of 32 (a bug of the caller).
    pub fn zeros(format: Format, n_out: usize, n_in: usize) -> Self {
        assert!(n_in.is_multiple_of(BLOCK));
        let n_lines = n_out.div_ceil(PANEL) * (n_in / BLOCK) * format.lines();
        Self { format, n_in, n_out, lines: vec![Line([0; 64]); n_lines] }
    }

    /// Interleaves rows as the file holds them, from `first` on: the first of a panel.
    ///
    /// # Panics
    /// When `first` is within a panel or `bytes` are not whole rows of the matrix (a bug of the caller).
    pub fn fill(&mut self, first: usize, bytes: &[u8]) {
        let (format, panel_lines) = (self.format, self.panel_lines());
        let row_bytes = self.n_in / BLOCK * format.block_bytes();
        assert!(first.is_multiple_of(PANEL) && bytes.len().is_multiple_of(row_bytes));
        assert!(first + bytes.len() / row_bytes <= self.n_out);
        let panels = self.lines[first / PANEL * panel_lines..].par_chunks_mut(panel_lines);
        panels.zip(bytes.par_chunks(PANEL * row_bytes)).for_each(|(panel, bytes)| {
            for (r, row) in bytes.chunks(row_bytes).enumerate() {
                let blocks = row.chunks(format.block_bytes()).zip(panel.chunks_mut(format.lines()));
                for (block, to) in blocks {
                    interleave(format, r, block, to);
                }
            }
        });
    }

    /// `[n_out, n_in]`
    pub fn shape(&self) -> (usize, usize) {
        (self.n_out, self.n_in)
    }

    fn panel_lines(&self) -> usize {
        self.n_in / BLOCK * self.format.lines()
    }

    /// One row in floats.
    ///
    /// # Panics
    /// When there is no such row, or `out` is not `[n_in]`.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n_out && out.len() == self.n_in);
        let panel = &self.lines[row / PANEL * self.panel_lines()..][..self.panel_lines()];
        for (block, out) in panel.chunks(self.format.lines()).zip(out.as_chunks_mut::<BLOCK>().0) {
            let (scale, minimum) = factors(self.format, block, row % PANEL);
            for (k, out) in out.iter_mut().enumerate() {
                *out = scale * quant(self.format, block, row % PANEL, k) as f32 + minimum;
            }
        }
    }

    /// `x` of `[n_rows, n_in]` times the transposed matrix, on all threads of the pool.
    ///
    /// # Panics
    /// When the width of `x` is not `n_in` (a bug of the caller).
    pub fn times(&self, isa: Isa, x: &Activations) -> Vec<f32> {
        assert_eq!(x.n_blocks * BLOCK, self.n_in, "a row of weights has the width of the activations");
        /// Lines of weights times rows of activations that are worth a task: some five microseconds.
        const TASK: usize = 1024;
        let n_rows = x.n_rows();
        let mut out = vec![0f32; n_rows * self.n_out];
        let n_panels = self.n_out.div_ceil(PANEL);
        let worth = TASK.div_ceil(self.panel_lines() * n_rows.max(1));
        let task_panels = n_panels.div_ceil(4 * rayon::current_num_threads()).max(worth);
        let columns = Columns { start: out.as_mut_ptr(), stride: self.n_out };
        self.lines.par_chunks(task_panels * self.panel_lines()).enumerate().for_each(|(task, panels)| {
            for (i, panel) in panels.chunks(self.panel_lines()).enumerate() {
                let column = (task * task_panels + i) * PANEL;
                let width = PANEL.min(self.n_out - column);
                let mut row = 0;
                while row < n_rows {
                    // SAFETY: rows `row..` and columns `column..column + width` lie inside `out`;
                    // each panel belongs to one task and no two panels share a column.
                    #[allow(unsafe_code)]
                    let tile = unsafe { columns.tile(row, column, width) };
                    row += tile_times(isa, self.format, panel, x, row..n_rows, tile);
                }
            }
        });
        out
    }
}

/// Where tasks write their columns of the result.
#[derive(Clone, Copy)]
struct Columns {
    start: *mut f32,
    stride: usize,
}

// SAFETY: tasks write different columns; see `Packed::times`.
#[allow(unsafe_code)]
unsafe impl Send for Columns {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Columns {}

impl Columns {
    /// # Safety
    /// The result has the row and the columns, and nobody else uses these columns meanwhile.
    #[allow(unsafe_code)]
    unsafe fn tile(&self, row: usize, column: usize, width: usize) -> Tile {
        // SAFETY: inside the result by contract.
        let at = unsafe { self.start.add(row * self.stride + column) };
        Tile { at, stride: self.stride, width }
    }
}

/// Up to 16 columns of the result from one row on: row r of them starts at `at + r * stride`.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) at: *mut f32,
    pub(super) stride: usize,
    pub(super) width: usize,
}

/// One panel times some of the rows from the start of `rows`; returns how many.
fn tile_times(
    isa: Isa,
    format: Format,
    panel: &[Line],
    x: &Activations,
    rows: std::ops::Range<usize>,
    out: Tile,
) -> usize {
    debug_assert_eq!(panel.len(), x.n_blocks * format.lines());
    debug_assert!(rows.end <= x.n_rows());
    match isa.0 {
        Kind::Portable => {
            let sums = tile_portable(format, panel, x, rows.start);
            for (i, sum) in sums.into_iter().take(out.width).enumerate() {
                // SAFETY: a tile has at least one row of `width` columns.
                #[allow(unsafe_code)]
                unsafe {
                    out.at.add(i).write(sum);
                }
            }
            1
        }
        // SAFETY: `Isa::all` makes these kinds only after it found the instructions; the panel has
        // `x.n_blocks` blocks, `x` the rows, and the tile one place for each.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx2 => unsafe { super::arch::x86_64::tile_avx2(format, panel, x, rows, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        Kind::Avx512Vnni => unsafe { super::arch::x86_64::tile_vnni(format, panel, x, rows, out) },
    }
}

/// Writes one row's block into its places among the 16.
fn interleave(format: Format, r: usize, block: &[u8], to: &mut [Line]) {
    let quants = match format {
        Format::Q4_1 => {
            to[0].0[2 * r..2 * r + 2].copy_from_slice(&block[..2]);
            to[0].0[32 + 2 * r..34 + 2 * r].copy_from_slice(&block[2..4]);
            &block[4..]
        }
        Format::Q8_0 => {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            to[0].0[4 * r..4 * r + 4].copy_from_slice(&scale.to_ne_bytes());
            &block[2..]
        }
    };
    for (line, four) in to[1..].iter_mut().zip(quants.as_chunks::<4>().0) {
        line.0[4 * r..4 * r + 4].copy_from_slice(four);
    }
}

/// Scale and minimum of row r in an interleaved block.
fn factors(format: Format, block: &[Line], r: usize) -> (f32, f32) {
    let line = &block[0].0;
    match format {
        Format::Q4_1 => {
            let half = |at: usize| f16::from_le_bytes([line[at], line[at + 1]]).to_f32();
            (half(2 * r), half(32 + 2 * r))
        }
        Format::Q8_0 => {
            let at = 4 * r;
            (f32::from_ne_bytes([line[at], line[at + 1], line[at + 2], line[at + 3]]), 0.0)
        }
    }
}

/// Quant k of row r in an interleaved block.
fn quant(format: Format, block: &[Line], r: usize, k: usize) -> i32 {
    match format {
        Format::Q4_1 => {
            let byte = block[1 + k % 16 / 4].0[4 * r + k % 4];
            i32::from(if k < 16 { byte & 15 } else { byte >> 4 })
        }
        Format::Q8_0 => i32::from(block[1 + k / 4].0[4 * r + k % 4].cast_signed()),
    }
}

/// Works on any processor.
fn tile_portable(format: Format, panel: &[Line], x: &Activations, row: usize) -> [f32; PANEL] {
    let mut sums = [0f32; PANEL];
    for (b, block) in panel.chunks(format.lines()).enumerate() {
        let at = row * x.n_blocks + b;
        let quants = &x.quants[at];
        for (r, sum) in sums.iter_mut().enumerate() {
            let (scale, minimum) = factors(format, block, r);
            let product: i32 = (0..BLOCK).map(|k| quant(format, block, r, k) * i32::from(quants[k])).sum();
            *sum += scale * x.scales[at] * product as f32 + minimum * x.sums[at];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole matrix, filled in two parts where it has more than one panel.
    fn packed(format: Format, bytes: &[u8], n_out: usize, n_in: usize) -> Packed {
        let mut packed = Packed::zeros(format, n_out, n_in);
        let (first, rest) = bytes.split_at(PANEL.min(n_out) * (bytes.len() / n_out));
        packed.fill(0, first);
        if !rest.is_empty() {
            packed.fill(PANEL, rest);
        }
        packed
    }

    struct Seeded(u64);

    impl Seeded {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            self.0 >> 33
        }

        fn float(&mut self) -> f32 {
            self.next() as f32 / (1u64 << 31) as f32 - 0.5
        }
    }

    fn random_matrix(format: Format, n_blocks: usize, seed: &mut Seeded) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..n_blocks {
            bytes.extend(f16::from_f32(seed.float()).to_le_bytes());
            if format == Format::Q4_1 {
                bytes.extend(f16::from_f32(seed.float()).to_le_bytes());
            }
            let quants = if format == Format::Q4_1 { 16 } else { 32 };
            bytes.extend((0..quants).map(|_| seed.next() as u8));
        }
        bytes
    }

    /// Slow and obvious, from the bytes of the file: one weight.
    fn weight(format: Format, bytes: &[u8], n_in: usize, row: usize, k: usize) -> f64 {
        let size = format.block_bytes();
        let block = &bytes[(row * n_in + k) / BLOCK * size..][..size];
        let half = |at: usize| f64::from(f16::from_le_bytes([block[at], block[at + 1]]).to_f32());
        let k = k % BLOCK;
        match format {
            Format::Q4_1 => {
                let byte = block[4 + k % 16];
                half(0) * f64::from(if k < 16 { byte & 15 } else { byte >> 4 }) + half(2)
            }
            Format::Q8_0 => half(0) * f64::from(block[2 + k].cast_signed()),
        }
    }

    #[test]
    fn every_kernel_equals_the_reference_around_every_tile_edge() {
        let mut seed = Seeded(1);
        for format in [Format::Q4_1, Format::Q8_0] {
            for (n_in, n_out) in [(32, 1), (64, 15), (96, 16), (576, 17), (64, 40)] {
                let bytes = random_matrix(format, n_in / BLOCK * n_out, &mut seed);
                let packed = packed(format, &bytes, n_out, n_in);
                for n_rows in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17] {
                    let x: Vec<f32> = (0..n_rows * n_in).map(|_| 4.0 * seed.float()).collect();
                    let x = Activations::quantize(&x, n_in);
                    for isa in Isa::all() {
                        let out = packed.times(isa, &x);
                        assert_eq!(out.len(), n_rows * n_out);
                        for (i, got) in out.iter().enumerate() {
                            let (row, column) = (i / n_out, i % n_out);
                            let want: f64 = (0..n_in)
                                .map(|k| {
                                    let at = row * n_in / BLOCK + k / BLOCK;
                                    let x = f64::from(x.scales[at]) * f64::from(x.quants[at][k % BLOCK]);
                                    weight(format, &bytes, n_in, column, k) * x
                                })
                                .sum();
                            assert!(
                                (f64::from(*got) - want).abs() < 1e-4 * n_in as f64,
                                "{isa:?} {format:?} {n_out}×{n_in}, row {row} of {n_rows}, column {column}: {got} and {want}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        // All weights −128 or 15, all activations at the end of their range.
        for (format, byte) in [(Format::Q4_1, 0xFF), (Format::Q8_0, 0x80)] {
            let mut bytes = f16::ONE.to_le_bytes().to_vec();
            bytes.resize(format.block_bytes(), byte);
            if format == Format::Q4_1 {
                bytes[2..4].copy_from_slice(&[0, 0]);
            }
            let packed = packed(format, &bytes, 1, BLOCK);
            let x = Activations::quantize(&[-1.0; BLOCK], BLOCK);
            let want = -32.0 * weight(format, &bytes, BLOCK, 0, 0);
            for isa in Isa::all() {
                let got = f64::from(packed.times(isa, &x)[0]);
                assert!((got - want).abs() < 1e-2, "{isa:?} {format:?}: {got} and {want}");
            }
        }
    }

    #[test]
    fn a_row_comes_back_as_the_file_holds_it() {
        let mut seed = Seeded(2);
        for format in [Format::Q4_1, Format::Q8_0] {
            let bytes = random_matrix(format, 2 * 19, &mut seed);
            let packed = packed(format, &bytes, 19, 64);
            for row in 0..19 {
                let mut out = [0f32; 64];
                packed.row(row, &mut out);
                for (k, got) in out.iter().enumerate() {
                    assert!((f64::from(*got) - weight(format, &bytes, 64, row, k)).abs() < 1e-5);
                }
            }
        }
    }
}
