//! Root-mean-square normalisation (Zhang and Sennrich, 2019).

use candle_core::{DType, Device, Tensor};

use crate::error::{Doing, Result};
use crate::weights::Weights;

/// How a norm computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormSpec {
    /// Added under the root.
    pub eps: f64,
    /// Added to the stored weight: 1 in Gemma's own checkpoints, else 0.
    pub offset: f64,
}

/// `x / rms(x) · (weight + offset)` over the last dimension.
pub struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    /// Takes `weight` of `[width]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(width: usize, spec: NormSpec, w: &Weights) -> Result<Self> {
        Self::scaled(width, spec, 1.0, w)
    }

    /// The same, with all it gives multiplied by `scale`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn scaled(width: usize, spec: NormSpec, scale: f64, w: &Weights) -> Result<Self> {
        let weight = w.get("weight", &[width])?.affine(scale, spec.offset * scale).doing("loading a norm")?;
        Ok(Self { weight, eps: spec.eps as f32 })
    }

    /// Without a weight: `x / rms(x)`.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute).
    pub fn unscaled(width: usize, eps: f64, device: &Device) -> Result<Self> {
        let weight = Tensor::ones(width, DType::F32, device).doing("making a norm")?;
        Ok(Self { weight, eps: eps as f32 })
    }

    /// # Shapes
    /// - `x`: `[…, width]`, contiguous
    /// - returns: the same
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        candle_nn::ops::rms_norm(x, &self.weight, self.eps)
    }
}
