//! Root-mean-square normalisation (Zhang and Sennrich, 2019).

use candle_core::Tensor;

use crate::error::Result;
use crate::weights::Weights;

/// `x / rms(x) · weight` over the last dimension.
pub struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    /// Takes `weight` of `[width]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(width: usize, eps: f64, w: &Weights) -> Result<Self> {
        Ok(Self { weight: w.get("weight", &[width])?, eps: eps as f32 })
    }

    /// # Shapes
    /// - `x`: `[…, width]`, contiguous
    /// - returns: the same
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        candle_nn::ops::rms_norm(x, &self.weight, self.eps)
    }
}
