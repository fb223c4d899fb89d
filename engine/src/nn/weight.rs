//! The numbers of a matrix, as kernels want them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};

use super::stored::{unpack_row, with_slice};
use crate::error::{Doing, Result};
use crate::kernels::Isa;
use crate::kernels::buffer::Buffer;
use crate::kernels::dense::{self, Dense, Kind};
use crate::kernels::layers::Matrix;
use crate::kernels::levels::{self, Levels};
use crate::kernels::packed::{self, Format, Packed, interleave, packed_bytes};
use crate::kernels::plane::Bytes;
use crate::kernels::rowwise::for_each_row;
use crate::weights::{Purpose, StoredMatrix, Weights};

const INTERLEAVING: &str = "interleaving weights";

/// A matrix of `[n_out, n_in]`.
#[derive(Clone)]
pub(super) enum Weight {
    /// On another device.
    Float(Tensor),
    /// Floats, interleaved for our kernels in the type that they are stored in.
    Dense(Dense),
    /// Blocks, interleaved for our kernels.
    Packed(Packed),
    /// Blocks of bytes, which rows of one plane are multiplied with.
    Bytes(Bytes),
    /// Bytes with one scale for each row, which rows of one scale are multiplied with.
    Levels(Levels),
    /// In its mapped file.
    Stored(StoredMatrix),
    /// Block-quantised on another device, or in a file that cannot be used in place.
    Quantized(Arc<QTensor>),
}

impl Weight {
    /// Matrices can be cut into runs of so many rows.
    pub(super) const PANEL: usize = packed::PANEL;

    /// Takes `weight` of `[n_out, n_in]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub(super) fn new(n_out: usize, n_in: usize, w: &Weights) -> Result<Self> {
        let shape = [n_out, n_in];
        let rounded = matches!(w.purpose(), Purpose::RoundedEncoder | Purpose::RowRoundedEncoder);
        if rounded && w.dtype("weight").is_some() {
            return Self::of_floats(w.purpose(), w.get("weight", &shape)?).doing(INTERLEAVING);
        }
        if let Some(stored) = w.get_stored("weight", &shape)? {
            return Self::from_stored(stored, w, true);
        }
        match w.get_quantized("weight", &shape)? {
            Some(weight) => Ok(Self::Quantized(Arc::new(weight))),
            None => Self::of_floats(w.purpose(), w.get("weight", &shape)?).doing(INTERLEAVING),
        }
    }

    /// Interleaved, where the file that keeps that has room; else as the model's file has it. Copied where another device
    /// computes.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) when that has no memory left.
    pub(super) fn kept(stored: StoredMatrix, w: &Weights) -> Result<Self> {
        Self::from_stored(stored, w, false)
    }

    fn from_stored(stored: StoredMatrix, w: &Weights, in_memory: bool) -> Result<Self> {
        if !matches!(w.device(), Device::Cpu) {
            return on_device(&stored, w.device()).doing("copying weights to the device");
        }
        Ok(pack(&stored, w, in_memory).unwrap_or(Self::Stored(stored)))
    }

    /// Of floats that are not stored as they are used, `[n_out, n_in]`; rounded where that is wanted and rows are whole
    /// blocks.
    pub(super) fn of_floats(purpose: Purpose, weight: Tensor) -> candle_core::Result<Self> {
        if !matches!(weight.device(), Device::Cpu) {
            return Ok(Self::Float(weight));
        }
        let shape = weight.dims2()?;
        with_slice(&weight.contiguous()?, |rows| {
            let rounded = match purpose {
                Purpose::Decoder | Purpose::Encoder => None,
                Purpose::RowRoundedEncoder if levels::pays(Isa::detect()) => {
                    Levels::from_floats(shape, rows).map(Self::Levels)
                }
                Purpose::RoundedEncoder | Purpose::RowRoundedEncoder => {
                    Bytes::from_floats(shape, rows).map(Self::Bytes)
                }
            };
            rounded.unwrap_or_else(|| Self::Dense(Dense::from_floats(shape, rows)))
        })
    }

    /// `[n_out, n_in]`
    pub(super) fn shape(&self) -> candle_core::Result<(usize, usize)> {
        match self {
            Self::Float(weight) => weight.dims2(),
            Self::Dense(dense) => Ok(dense.shape()),
            Self::Packed(packed) => Ok(packed.shape()),
            Self::Bytes(bytes) => Ok(bytes.packed().shape()),
            Self::Levels(levels) => Ok(levels.shape()),
            Self::Stored(stored) => Ok(stored.shape()),
            Self::Quantized(weight) => weight.shape().dims2(),
        }
    }

    /// Some rows in floats, where the matrix is.
    pub(super) fn unpacked(&self, rows: Range<usize>) -> candle_core::Result<Tensor> {
        let (_, n_in) = self.shape()?;
        match self {
            Self::Float(weight) => return weight.narrow(0, rows.start, rows.len()),
            Self::Quantized(weight) => {
                return weight.dequantize(&weight.device())?.narrow(0, rows.start, rows.len());
            }
            _ => {}
        }
        let mut floats = Buffer::new(rows.len() * n_in);
        for_each_row(&mut floats, n_in, |i, out| self.row(rows.start + i, out));
        Tensor::from_vec(floats.into_vec(), (rows.len(), n_in), &Device::Cpu)
    }

    /// `out += y W`, on the processor.
    ///
    /// # Shapes
    /// - `y`: `[n_rows, n_out]`
    /// - `out`: `[n_rows, n_in]`
    pub(super) fn add_times_turned(&self, y: &[f32], out: &mut [f32]) -> candle_core::Result<()> {
        let shape = self.shape()?;
        let isa = Isa::detect();
        match self {
            Self::Float(_) | Self::Quantized(_) => {
                let all = self.unpacked(0..shape.0)?;
                with_slice(&all.contiguous()?, |all| {
                    let row = |r: usize, out: &mut [f32]| out.copy_from_slice(&all[r * shape.1..][..shape.1]);
                    dense::add_times_turned(isa, shape, y, row, out);
                })
            }
            _ => {
                dense::add_times_turned(isa, shape, y, |r, out| self.row(r, out), out);
                Ok(())
            }
        }
    }

    /// A row in floats, where the matrix is ours.
    fn row(&self, row: usize, out: &mut [f32]) {
        match self {
            Self::Dense(dense) => dense.row(row, out),
            Self::Packed(packed) => packed.row(row, out),
            Self::Bytes(bytes) => bytes.packed().row(row, out),
            Self::Levels(levels) => levels.row(row, out),
            Self::Stored(stored) => unpack_row(stored, row, out),
            Self::Float(_) | Self::Quantized(_) => {}
        }
    }

    pub(super) fn dense(&self) -> Option<&Dense> {
        if let Self::Dense(dense) = self { Some(dense) } else { None }
    }

    pub(super) fn packed(&self) -> Option<&Packed> {
        if let Self::Packed(packed) = self { Some(packed) } else { None }
    }

    pub(super) fn bytes(&self) -> Option<&Bytes> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn levels(&self) -> Option<&Levels> {
        if let Self::Levels(levels) = self { Some(levels) } else { None }
    }

    /// A run of rows of a whole matrix; panels are cut between panels only.
    pub(super) fn rows(&self, rows: Range<usize>) -> candle_core::Result<Option<Self>> {
        Ok(match self {
            Self::Float(weight) => Some(Self::Float(weight.narrow(0, rows.start, rows.len())?)),
            Self::Packed(packed) => packed.rows(rows).map(Self::Packed),
            Self::Stored(stored) => Some(Self::Stored(stored.rows(rows))),
            Self::Dense(_) | Self::Bytes(_) | Self::Levels(_) | Self::Quantized(_) => None,
        })
    }
}

/// `weight` of `w` for our kernels, where they have its type: in the file that keeps panels, or else in memory if that
/// is wanted. The pages it stood in are given back.
fn pack(stored: &StoredMatrix, w: &Weights, in_memory: bool) -> Option<Weight> {
    let format = match stored.dtype() {
        GgmlDType::Q4_0 => Format::Q4_0,
        GgmlDType::Q4_1 => Format::Q4_1,
        GgmlDType::Q5_0 => Format::Q5_0,
        GgmlDType::Q5_1 => Format::Q5_1,
        GgmlDType::Q8_0 => Format::Q8_0,
        GgmlDType::Q4K => Format::Q4K,
        GgmlDType::Q5K => Format::Q5K,
        GgmlDType::Q6K => Format::Q6K,
        GgmlDType::F32 => return pack_floats(stored, Kind::F32, w),
        GgmlDType::F16 => return pack_floats(stored, Kind::F16, w),
        GgmlDType::BF16 => return pack_floats(stored, Kind::BF16, w),
        _ => return None,
    };
    let shape @ (n_out, n_in) = stored.shape();
    let fill = |panels: &mut [u8]| {
        in_slabs(stored, |first, rows| interleave(format, n_in, first, rows, panels));
    };
    let layout = format!("{format:?} {n_out}x{n_in}");
    let kept = w.kept_panels("weight", &layout, packed_bytes(format, n_out, n_in), fill);
    let packed = match kept.and_then(|bytes| Packed::new(format, shape, bytes)) {
        None if in_memory => Some(Packed::in_memory(format, shape, fill)),
        kept => kept,
    }?;
    Some(match w.purpose() {
        Purpose::Decoder => Weight::Packed(packed),
        Purpose::Encoder | Purpose::RoundedEncoder | Purpose::RowRoundedEncoder => {
            match Bytes::new(packed.clone()) {
                Some(bytes) => Weight::Bytes(bytes),
                None => Weight::Packed(packed),
            }
        }
    })
}

/// Floats of an encoder, in memory.
fn pack_floats(stored: &StoredMatrix, kind: Kind, w: &Weights) -> Option<Weight> {
    let fill = |panels: &mut [u8]| {
        in_slabs(stored, |first, rows| dense::interleave(kind, stored.shape().1, first, rows, panels));
    };
    (w.purpose() != Purpose::Decoder).then(|| Weight::Dense(Dense::in_memory(kind, stored.shape(), fill)))
}

/// Goes through the rows and gives their pages back slab by slab, so that a large table never stands in memory twice.
fn in_slabs(stored: &StoredMatrix, mut interleave: impl FnMut(usize, &[u8])) {
    const SLAB: usize = 256 * packed::PANEL;
    let (n_out, _) = stored.shape();
    for first in (0..n_out).step_by(SLAB) {
        let rows = stored.rows(first..(first + SLAB).min(n_out));
        interleave(first, rows.bytes());
        rows.release();
    }
}

/// `stored` in the memory of another device: in blocks as it is, or in f32.
pub(super) fn on_device(stored: &StoredMatrix, device: &Device) -> candle_core::Result<Weight> {
    /// Numbers that candle's product of blocks with one row takes at a time; it reads beyond rows that are not whole
    /// multiples.
    const STEP: usize = 64;
    let ((n_out, n_in), bytes) = (stored.shape(), stored.bytes());
    let plain = match stored.dtype() {
        GgmlDType::F32 => Some(DType::F32),
        GgmlDType::F16 => Some(DType::F16),
        GgmlDType::BF16 => Some(DType::BF16),
        _ => None,
    };
    let weight = match plain {
        Some(dtype) => {
            let weight = Tensor::from_raw_buffer(bytes, dtype, &[n_out, n_in], device)?;
            Weight::Float(weight.to_dtype(DType::F32)?)
        }
        None => {
            let storage = QStorage::from_data(Cow::Borrowed(bytes), device, stored.dtype())?;
            let weight = QTensor::new(storage, (n_out, n_in))?;
            match n_in.is_multiple_of(STEP) {
                true => Weight::Quantized(Arc::new(weight)),
                false => Weight::Float(weight.dequantize(device)?),
            }
        }
    };
    stored.release();
    Ok(weight)
}
