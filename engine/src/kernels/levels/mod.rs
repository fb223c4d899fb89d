//! Weights of eight bits times rows of eight bits, with one scale for each output and one scale and one zero for each
//! row: nothing but products of bytes from the first input to the last.
//!
//! [`plane`](super::plane) has scales for blocks of 32 on both sides, which are nearer to the floats and take
//! longer.

mod rows;

#[cfg(test)]
mod tests;

pub(super) use self::rows::Factor;
pub use self::rows::LevelRows;
use super::Isa;
use super::isa::Kind as Set;
use super::lanes::ROUND;
use super::layers::{Begin, Matrix, PANEL, Part};
use super::packed::{self, Line, Owned, Tile};
use super::team;

/// Rows of a tile: 28 registers for sums, two for weights, one for numbers.
const ROWS: usize = 14;

/// What sums over inputs may reach without overflow: 255 · 127 each.
const MOST_INPUTS: usize = 1 << 16;

/// Whether kernels of this processor gain from it: those with products of bytes added in fours, 512 bits wide.
pub fn pays(isa: Isa) -> bool {
    match isa.0 {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512Vnni => true,
        _ => false,
    }
}

/// A matrix of `[n_out, n_in]`; cheap to clone. Panels of 32 outputs hold two lines for each four inputs: bytes
/// `4 c..4 c + 4` of line h are those of output `16 h + c`. What fills up the last panel and the last four is 0.
#[derive(Clone)]
pub struct Levels {
    n_out: usize,
    n_in: usize,
    lines: packed::Bytes,
    columns: std::sync::Arc<[Column]>,
}

/// What belongs to 32 outputs.
#[derive(Debug, Clone, Copy)]
struct Column {
    scales: [f32; PANEL],
    /// Of the weights.
    sums: [i32; PANEL],
}

impl Levels {
    /// Rounds floats, `[n_out, n_in]`; `None` when rows are longer than sums can be.
    ///
    /// # Panics
    /// When these are not as many (a bug of the caller).
    pub fn from_floats((n_out, n_in): (usize, usize), rows: &[f32]) -> Option<Self> {
        assert_eq!(rows.len(), n_out * n_in);
        if n_in == 0 || n_in > MOST_INPUTS {
            return None;
        }
        let (n_panels, n_fours) = (n_out.div_ceil(PANEL), n_in.div_ceil(4));
        let mut columns = vec![Column { scales: [0.0; PANEL], sums: [0; PANEL] }; n_panels];
        let panel_bytes = PANEL * 4 * n_fours;
        let lines = Owned::filled(n_panels * panel_bytes, |bytes| {
            let mut panels: Vec<_> = bytes.chunks_mut(panel_bytes).zip(&mut columns).collect();
            team::for_each_chunk(&mut panels, 1, |i, panels| {
                for (panel, column) in panels {
                    let rows = &rows[i * PANEL * n_in..];
                    for (c, row) in rows.chunks(n_in).take(PANEL).enumerate() {
                        let scale = row.iter().fold(0f32, |largest, x| largest.max(x.abs())) / 127.0;
                        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
                        column.scales[c] = scale;
                        for (k, x) in row.iter().enumerate() {
                            let number = (x * inverse + ROUND).to_bits() as u8 as i8;
                            column.sums[c] += i32::from(number);
                            panel[k / 4 * 4 * PANEL + 4 * c + k % 4] = number.cast_unsigned();
                        }
                    }
                }
            });
        });
        Some(Self { n_out, n_in, lines, columns: columns.into() })
    }

    /// One row in floats.
    ///
    /// # Panics
    /// When there is no such row, or `out` is not `[n_in]` (a bug of the caller).
    pub fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.n_out && out.len() == self.n_in);
        let (panel, c) = (row / PANEL, row % PANEL);
        let bytes = self.panel(panel);
        for (k, out) in out.iter_mut().enumerate() {
            let number = bytes[k / 4 * 4 * PANEL + 4 * c + k % 4].cast_signed();
            *out = f32::from(number) * self.columns[panel].scales[c];
        }
    }

    fn panel(&self, panel: usize) -> &[u8] {
        let n = PANEL * 4 * self.n_in.div_ceil(4);
        &(*self.lines).as_ref()[panel * n..(panel + 1) * n]
    }
}

impl Matrix for Levels {
    type Rows = LevelRows;

    fn shape(&self) -> (usize, usize) {
        (self.n_out, self.n_in)
    }

    /// All of them: rows of bytes are short.
    fn near(_: usize) -> usize {
        usize::MAX
    }

    #[allow(unsafe_code)]
    unsafe fn multiply(&self, isa: Isa, x: &LevelRows, part: Part, begin: Begin, out: Tile) {
        let panel = self.panel(part.panel);
        let Column { scales, sums } = &self.columns[part.panel];
        let tile = x.tile(part.tile);
        assert!(tile.fours.len() * PANEL * 4 == panel.len() * tile.factors.len());
        match isa.0 {
            // SAFETY: by contract, the lengths were compared, and the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => unsafe {
                super::arch::x86_64::levels::tile(panel, (scales, sums), tile, begin, out);
            },
            // SAFETY: by contract.
            _ => unsafe { plain_tile(panel, (scales, sums), tile, begin, out) },
        }
    }
}

/// A tile of rows: four numbers g of row r of n are at `g n + r`.
#[derive(Clone, Copy)]
pub(super) struct LevelTile<'a> {
    pub(super) factors: &'a [rows::Factor],
    pub(super) fours: &'a [u32],
}

/// A tile on any processor.
///
/// # Safety
/// `out` and the bias of `begin`, if any, have a place for each row and column.
#[allow(unsafe_code)]
unsafe fn plain_tile(
    panel: &[u8],
    (scales, sums): (&[f32; PANEL], &[i32; PANEL]),
    x: LevelTile,
    begin: Begin,
    out: Tile,
) {
    let n_rows = x.factors.len();
    for (r, factor) in x.factors.iter().enumerate() {
        let mut products = sums.map(|sum| -factor.zero * sum);
        for (fours, weights) in x.fours.chunks_exact(n_rows).zip(panel.chunks_exact(4 * PANEL)) {
            let four = fours[r].to_le_bytes().map(i32::from);
            for (product, weights) in products.iter_mut().zip(weights.as_chunks::<4>().0) {
                for (x, weight) in four.iter().zip(weights) {
                    *product += x * i32::from(weight.cast_signed());
                }
            }
        }
        for c in 0..out.width {
            // SAFETY: by contract.
            unsafe {
                let place = out.at.add(r * out.stride + c);
                let bias = if begin.bias.is_null() { 0.0 } else { *begin.bias.add(c) };
                let before = if begin.onto { *place } else { 0.0 };
                *place = products[c] as f32 * (factor.scale * scales[c]) + (bias + before);
            }
        }
    }
}

/// Lines are what panels are made of.
const _: () = assert!(size_of::<Line>() == 2 * PANEL);
