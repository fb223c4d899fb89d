//! The one linear layer, for float and for block-quantised weights.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Module, Tensor};
use rayon::prelude::*;

use crate::error::{Doing, Result};
use crate::kernels::Isa;
use crate::kernels::packed::{Activations, BLOCK, Format, dot_rows};
use crate::weights::Weights;

/// From this many rows on, unpacking the weights once and multiplying in f32 beats multiplying
/// packed ones. Measured with `medley bench` on SmolLM2 Q4_1, 2 threads.
const ROWS_TO_UNPACK: usize = 24;

enum Stored {
    Float(Tensor),
    Packed { matmul: QMatMul, packed: Arc<QTensor> },
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
        let shape = [n_out, n_in];
        let weight = match w.get_quantized("weight", &shape)? {
            None => Stored::Float(w.get("weight", &shape)?),
            Some(packed) => {
                let packed = Arc::new(packed);
                let matmul = QMatMul::from_arc(packed.clone()).doing("preparing a weight matrix")?;
                Stored::Packed { matmul, packed }
            }
        };
        let bias = if w.has("bias") { Some(w.get("bias", &[n_out])?) } else { None };
        Ok(Self { weight, bias })
    }

    /// A layer that shares the table of an [`Embedding`] (tied weights).
    pub fn tied(embedding: &Embedding) -> Result<Self> {
        let weight = match &embedding.0 {
            Stored::Float(weight) => Stored::Float(weight.clone()),
            Stored::Packed { packed, .. } => Stored::Packed {
                matmul: QMatMul::from_arc(packed.clone()).doing("preparing the output matrix")?,
                packed: packed.clone(),
            },
        };
        Ok(Self { weight, bias: None })
    }

    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = match &self.weight {
            Stored::Float(weight) => x.matmul(&weight.t()?)?,
            Stored::Packed { packed, .. } if let Some(format) = own_format(packed) => {
                packed_matmul(format, packed, x)?
            }
            Stored::Packed { packed, .. } if x.dim(0)? >= ROWS_TO_UNPACK => {
                x.matmul(&packed.dequantize(x.device())?.t()?)?
            }
            Stored::Packed { matmul, .. } => matmul.forward(x)?,
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

/// The format in which our kernels multiply this matrix, if they do.
fn own_format(packed: &QTensor) -> Option<Format> {
    let format = match packed.dtype() {
        GgmlDType::Q4_1 => Format::Q4_1,
        GgmlDType::Q8_0 => Format::Q8_0,
        _ => return None,
    };
    let n_in = *packed.shape().dims().last()?;
    (matches!(packed.device(), Device::Cpu) && n_in.is_multiple_of(BLOCK)).then_some(format)
}

/// Rows of weights that one task multiplies: a few microseconds of work for one row of activations.
const ROWS_PER_TASK: usize = 64;

/// `x` of `[n_rows, n_in]` times packed weights of `[n_out, n_in]`.
fn packed_matmul(format: Format, packed: &QTensor, x: &Tensor) -> candle_core::Result<Tensor> {
    let (n_rows, n_in) = x.dims2()?;
    let n_out = packed.shape().dims2()?.0;
    let row_bytes = n_in / BLOCK * format.block_bytes();
    let x = Activations::quantize(&x.flatten_all()?.to_vec1::<f32>()?, n_in);
    let weights = packed.data()?;
    let isa = Isa::detect();
    let mut by_output = vec![0f32; n_out * n_rows]; // [n_out, n_rows]
    by_output
        .par_chunks_mut(ROWS_PER_TASK * n_rows)
        .zip(weights.par_chunks(ROWS_PER_TASK * row_bytes))
        .for_each(|(out, weights)| {
            for (out, row) in out.chunks_mut(n_rows).zip(weights.chunks(row_bytes)) {
                dot_rows(isa, format, row, &x, out);
            }
        });
    let y = Tensor::from_vec(by_output, (n_out, n_rows), &Device::Cpu)?;
    if n_rows == 1 { y.reshape((1, n_out)) } else { y.t()?.contiguous() }
}

/// A table of one row per token; rows are unpacked when they are looked up, never the whole table.
pub struct Embedding(Stored);

impl Embedding {
    /// Takes `weight` of `[n_tokens, width]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_tokens: usize, width: usize, w: &Weights) -> Result<Self> {
        let shape = [n_tokens, width];
        Ok(Self(match w.get_quantized("weight", &shape)? {
            None => Stored::Float(w.get("weight", &shape)?),
            Some(packed) => {
                let packed = Arc::new(packed);
                let matmul = QMatMul::from_arc(packed.clone()).doing("preparing the token table")?;
                Stored::Packed { matmul, packed }
            }
        }))
    }

    /// # Shapes
    /// - `ids`: `[n]` of u32
    /// - returns: `[n, width]`
    pub fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        match &self.0 {
            Stored::Float(table) => table.index_select(ids, 0),
            Stored::Packed { packed, .. } => packed.embedding(ids),
        }
    }
}
