//! Float weights times rows of floats.
//!
//! The weights of 32 outputs are interleaved into a panel, input by input, and the rows of a tile likewise, so that a
//! kernel walks through both in order: each step multiplies a number of each row with two vectors of weights, and a
//! tile of sums stays in registers from the first input to the last (Goto and van de Geijn, Anatomy of
//! High-Performance Matrix Multiplication, 2008). Half-precision weights are widened on the way; all sums in f32. Each
//! sum is made in the order of the inputs, however many rows there are.

mod panels;
mod portable;
mod rows;
mod turned;
mod unpacked;

#[cfg(test)]
mod tests;

pub use self::panels::{Dense, interleave};
pub use self::rows::Rows;
pub use self::turned::add_times_turned;
pub use self::unpacked::times_unpacked;
use super::Isa;
use super::isa::Kind as Set;
use super::layers::{Begin, Matrix, PANEL, Part};
use super::packed::Tile;
pub use super::rows::Kind;

/// Rows of a tile that a kernel multiplies at a time.
pub(super) fn most_rows(isa: Isa) -> usize {
    match isa.0 {
        // 28 registers for sums, two for weights, one for a number.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512Vnni => 14,
        // 12, two and one, for a half of a panel at a time.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 | Set::AvxVnni => 6,
        Set::Portable => portable::MOST_ROWS,
        // Plain code is compiled for NEON there.
        #[cfg(target_arch = "aarch64")]
        Set::NeonDotprod | Set::NeonI8mm => portable::MOST_ROWS,
    }
}

impl Matrix for Dense {
    type Rows = Rows;

    fn shape(&self) -> (usize, usize) {
        self.shape()
    }

    /// So that the rows stay in the second cache.
    fn near(n_rows: usize) -> usize {
        const NEAR: usize = 160 * 1024;
        (NEAR / n_rows).max(256)
    }

    #[allow(unsafe_code)]
    unsafe fn multiply(&self, isa: Isa, x: &Rows, part: Part, begin: Begin, out: Tile) {
        let Part { tile, panel, inputs } = part;
        let weights = self.inputs(panel, inputs.clone());
        // SAFETY: a tile of `Rows` has no more rows than a kernel takes; the rest is the caller's contract.
        unsafe {
            multiply_tile(isa, self.kind(), tile.len(), x.inputs(tile, inputs), weights, begin, out);
        }
    }
}

/// `out[r][c] = begin + Σ x[k][r] · weights[k][c]` for a tile of `n_rows` rows and a panel.
///
/// # Safety
/// The tile has at most [`most_rows`] rows and `out` a place for each of them and of its columns, 32 at most, as has
/// the bias of `begin`, if any.
///
/// # Panics
/// When `x` and `weights` have not the same number of inputs (a bug of the caller).
#[allow(unsafe_code)]
#[inline]
pub(super) unsafe fn multiply_tile(
    isa: Isa,
    kind: Kind,
    n_rows: usize,
    x: &[f32],
    weights: &[u8],
    begin: Begin,
    out: Tile,
) {
    let n = x.len() / n_rows;
    assert!(x.len() == n * n_rows && weights.len() == n * PANEL * kind.bytes());
    match isa.0 {
        // SAFETY: the slices have as many numbers as just compared; the rest is the caller's contract.
        Set::Portable => unsafe { portable::tile(kind, n_rows, x, weights, begin, out) },
        // SAFETY: as above, and the processor has the instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 | Set::AvxVnni => unsafe {
            super::arch::x86_64::dense::tile_256(kind, n_rows, x, weights, begin, out);
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512Vnni => unsafe {
            super::arch::x86_64::dense::tile_512(kind, n_rows, x, weights, begin, out);
        },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Set::NeonDotprod | Set::NeonI8mm => unsafe {
            portable::tile(kind, n_rows, x, weights, begin, out);
        },
    }
}
