//! The one linear layer, for float and for block-quantised weights.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{Module, Tensor};

use crate::error::{Doing, Result};
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
