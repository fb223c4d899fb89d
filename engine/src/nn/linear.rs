//! The one linear layer, for float and for block-quantised weights.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{CpuStorage, DType, Device, Module, Storage, Tensor};

use crate::error::{Doing, Result};
use crate::kernels::Isa;
use crate::kernels::activations::{Activations, BLOCK};
use crate::kernels::packed::{Format, Packed};
use crate::weights::Weights;

/// From this many rows on, unpacking the weights once and multiplying in f32 beats candle's packed
/// product, for types that our kernels do not have.
const ROWS_TO_UNPACK: usize = 24;

#[derive(Clone)]
enum Stored {
    Float(Tensor),
    /// In a type that our kernels multiply.
    Packed(Arc<Packed>),
    /// In another type, or on another device.
    Foreign(Arc<QTensor>),
}

impl Stored {
    /// Takes `weight` of `[n_out, n_in]`.
    fn new(n_out: usize, n_in: usize, w: &Weights) -> Result<Self> {
        let Some(weight) = w.get_quantized("weight", &[n_out, n_in])? else {
            return w.get("weight", &[n_out, n_in]).map(Self::Float);
        };
        let format = match weight.dtype() {
            GgmlDType::Q4_1 => Format::Q4_1,
            GgmlDType::Q8_0 => Format::Q8_0,
            _ => return Ok(Self::Foreign(Arc::new(weight))),
        };
        if !matches!(weight.device(), Device::Cpu) || !n_in.is_multiple_of(BLOCK) {
            return Ok(Self::Foreign(Arc::new(weight)));
        }
        let bytes = weight.data().doing("reading a weight matrix")?;
        Ok(Self::Packed(Arc::new(Packed::new(format, &bytes, n_out, n_in))))
    }
}

/// `y = x Wᵀ + b` with `W` of `[n_out, n_in]`.
pub struct Linear {
    weight: Stored,
    bias: Option<Tensor>,
}

impl Linear {
    /// Takes `weight` of `[n_out, n_in]`, and `bias` of `[n_out]` where the file has one.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        let bias = if w.has("bias") { Some(w.get("bias", &[n_out])?) } else { None };
        Ok(Self { weight: Stored::new(n_out, n_in, w)?, bias })
    }

    /// A layer of float weights that are not stored as they are used.
    ///
    /// # Shapes
    /// - `weight`: `[n_out, n_in]`
    /// - `bias`: `[n_out]`
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight: Stored::Float(weight), bias }
    }

    /// A layer that shares the table of an [`Embedding`] (tied weights).
    pub fn tied(embedding: &Embedding) -> Self {
        Self { weight: embedding.0.clone(), bias: None }
    }

    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = match &self.weight {
            Stored::Float(weight) => x.matmul(&weight.t()?)?,
            Stored::Packed(packed) => {
                let (n_out, n_in) = packed.shape();
                let x = x.contiguous()?;
                let n_rows = x.dim(0)?;
                let y = with_slice(&x, |x| packed.times(Isa::detect(), &Activations::quantize(x, n_in)))?;
                Tensor::from_vec(y, (n_rows, n_out), &Device::Cpu)?
            }
            Stored::Foreign(weight) if x.dim(0)? >= ROWS_TO_UNPACK => {
                x.matmul(&weight.dequantize(x.device())?.t()?)?
            }
            Stored::Foreign(weight) => QMatMul::from_arc(weight.clone())?.forward(x)?,
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// Lends the numbers of a contiguous f32 tensor on the processor.
fn with_slice<T>(x: &Tensor, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T> {
    let (storage, layout) = x.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(all)), Some((start, end))) => Ok(f(&all[start..end])),
        _ => candle_core::bail!("expected contiguous f32 numbers on the processor"),
    }
}

/// A table of one row per token; rows are unpacked when they are looked up, never the whole table.
pub struct Embedding(Stored);

impl Embedding {
    /// Takes `weight` of `[n_tokens, width]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_tokens: usize, width: usize, w: &Weights) -> Result<Self> {
        Stored::new(n_tokens, width, w).map(Self)
    }

    /// # Shapes
    /// - `ids`: `[n]` of u32
    /// - returns: `[n, width]`
    pub fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        match &self.0 {
            Stored::Float(table) => table.index_select(ids, 0),
            Stored::Packed(packed) => {
                let (ids, width) = (ids.to_dtype(DType::U32)?.to_vec1::<u32>()?, packed.shape().1);
                if let Some(id) = ids.iter().find(|id| **id as usize >= packed.shape().0) {
                    candle_core::bail!("token {id} is not in the table");
                }
                let mut rows = vec![0f32; ids.len() * width];
                for (id, row) in ids.iter().zip(rows.chunks_mut(width)) {
                    packed.row(*id as usize, row);
                }
                Tensor::from_vec(rows, (ids.len(), width), &Device::Cpu)
            }
            Stored::Foreign(table) => table.embedding(ids),
        }
    }
}
