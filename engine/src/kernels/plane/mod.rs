//! Weights of eight bits times rows of eight bits: for encoders, which wait for arithmetic and not for memory.
//!
//! Both sides are whole numbers by blocks of 32 (`Q8_0` of ggml); of activations there is one plane, where decoders
//! have two (`activations`), so that there is half as much to multiply. Weights stand in the panels of 16 that
//! [`packed`](super::packed) makes of `Q8_0`, of which two are taken at a time.

mod portable;
mod rows;

#[cfg(test)]
mod tests;

pub(super) use self::rows::Factor;
pub use self::rows::Plane;
use super::Isa;
use super::isa::Kind as Set;
use super::layers::{Begin, Matrix, PANEL, Part};
use super::packed::{self, Format, Line, Packed, Tile};
use super::team;

/// Numbers per block.
pub(super) const BLOCK: usize = 32;

/// Rows of a tile that a kernel multiplies at a time.
fn most_rows(isa: Isa) -> usize {
    match isa.0 {
        // 14 registers for sums of floats, 14 for sums of blocks, two for weights, one for numbers.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512Vnni => 7,
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 | Set::AvxVnni => 4,
        Set::Portable => 4,
        // Plain code is compiled for NEON there.
        #[cfg(target_arch = "aarch64")]
        Set::NeonDotprod | Set::NeonI8mm => 4,
    }
}

/// A matrix of `Q8_0` that is multiplied with rows of one plane; cheap to clone.
#[derive(Clone)]
pub struct Bytes(Packed);

impl Bytes {
    /// `None` for panels of another format.
    pub fn new(packed: Packed) -> Option<Self> {
        (packed.format() == Format::Q8_0).then_some(Self(packed))
    }

    /// Rounds floats, `[n_out, n_in]`; `None` when rows are not whole blocks.
    ///
    /// # Panics
    /// When these are not as many (a bug of the caller).
    pub fn from_floats((n_out, n_in): (usize, usize), rows: &[f32]) -> Option<Self> {
        assert_eq!(rows.len(), n_out * n_in);
        Self::from_rows((n_out, n_in), |first, slab| {
            slab.copy_from_slice(&rows[first * n_in..][..slab.len()])
        })
    }

    /// The same of rows that `read` writes, some from the first of them on.
    pub fn from_rows((n_out, n_in): (usize, usize), mut read: impl FnMut(usize, &mut [f32])) -> Option<Self> {
        /// Rows at a time: never all of them stand here as floats, or as a file holds them.
        const SLAB: usize = 64 * packed::PANEL;
        /// Blocks that are worth a task.
        const TASK: usize = 256;
        if !n_in.is_multiple_of(BLOCK) {
            return None;
        }
        let packed = Packed::in_memory(Format::Q8_0, (n_out, n_in), |panels| {
            for first in (0..n_out).step_by(SLAB) {
                let mut rows = vec![0.0; SLAB.min(n_out - first) * n_in];
                read(first, &mut rows);
                let blocks = rows.as_chunks::<BLOCK>().0;
                let mut bytes = vec![0; blocks.len() * Format::Q8_0.block_bytes()];
                team::for_each_chunk(bytes.as_chunks_mut().0, TASK, |task, bytes| {
                    for (bytes, block) in bytes.iter_mut().zip(&blocks[task * TASK..]) {
                        *bytes = rows::block(block);
                    }
                });
                packed::interleave(Format::Q8_0, n_in, first, &bytes, panels);
            }
        });
        Some(Self(packed))
    }

    /// The panels.
    pub fn packed(&self) -> &Packed {
        &self.0
    }
}

impl Matrix for Bytes {
    type Rows = Plane;

    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    /// All of them: rows of bytes are short.
    fn near(_: usize) -> usize {
        usize::MAX
    }

    #[allow(unsafe_code)]
    unsafe fn multiply(&self, isa: Isa, x: &Plane, part: Part, begin: Begin, out: Tile) {
        const HALVES: usize = PANEL / packed::PANEL;
        let first = HALVES * part.panel;
        let n = out.width.div_ceil(packed::PANEL).min(HALVES);
        let panels = self.0.panels(first..first + n);
        let n_rows = part.tile.len();
        let x = x.tile(part.tile);
        match isa.0 {
            // SAFETY: by contract.
            Set::Portable => unsafe { portable::tile(panels, x, n_rows, begin, out) },
            // SAFETY: by contract, and the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { super::arch::x86_64::plane::tile_avx2(panels, x, n_rows, begin, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::AvxVnni => unsafe {
                use super::arch::x86_64::plane::{tile_vnni, tile_vnni_512};
                match is_x86_feature_detected!("avxvnni") {
                    true => tile_vnni(panels, x, n_rows, begin, out),
                    false => tile_vnni_512(panels, x, n_rows, begin, out),
                }
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => unsafe { super::arch::x86_64::plane::tile_512(panels, x, n_rows, begin, out) },
            // SAFETY: by contract.
            #[cfg(target_arch = "aarch64")]
            Set::NeonDotprod | Set::NeonI8mm => unsafe { portable::tile(panels, x, n_rows, begin, out) },
        }
    }
}

/// A tile of rows: of block b of n rows the factors from `b n` on, and fours of numbers from `8 b n` on, as
/// [`Plane`] says.
#[derive(Clone, Copy)]
pub(super) struct PlaneTile<'a> {
    pub(super) factors: &'a [rows::Factor],
    pub(super) fours: &'a [[i8; 4]],
}

/// The bytes of unit `unit` of a panel: scales of 16 rows in half precision, and eight lines.
fn unit(panel: &[Line], unit: usize) -> (&[u8], &[Line]) {
    let (group, first) = (Format::Q8_0.group_line(unit), Format::Q8_0.unit_line(unit));
    let at = 32 * (unit % Format::Q8_0.group());
    (&panel[group].0[at..at + 32], &panel[first..first + 8])
}
