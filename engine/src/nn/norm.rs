//! Root-mean-square normalisation (Zhang and Sennrich, 2019) and layer normalisation (Ba et al., 2016).

use candle_core::{DType, Device, Tensor};

use super::array::Array;
use super::traced;
use crate::error::{Doing, Result};
use crate::kernels::activations::Activations;
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::{inverse_rms, layer_norm, rms_norm, scale_each};
use crate::kernels::team;
use crate::weights::Weights;

/// Rows that are worth a task.
const ROWS: usize = 16;

/// How a norm computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormSpec {
    /// Added under the root.
    pub eps: f64,
    /// Added to the stored weight: 1 in Gemma's own checkpoints, else 0.
    pub offset: f64,
}

/// `x / rms(x) · (weight + offset)` over the last dimension.
#[derive(Clone)]
pub struct RmsNorm {
    weight: Tensor,
    /// The same on the processor.
    each: Vec<f32>,
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
        Self::from_tensor(weight, spec.eps).doing("loading a norm")
    }

    fn from_tensor(weight: Tensor, eps: f64) -> candle_core::Result<Self> {
        Ok(Self { each: weight.to_vec1()?, weight, eps: eps as f32 })
    }

    /// Without a weight: `x / rms(x)`.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute).
    pub fn unscaled(width: usize, eps: f64, device: &Device) -> Result<Self> {
        let weight = Tensor::ones(width, DType::F32, device);
        weight.and_then(|weight| Self::from_tensor(weight, eps)).doing("making a norm")
    }

    /// # Shapes
    /// - `x`: whole rows of `width`
    /// - returns: the same
    pub fn forward<X: Array>(&self, x: &X) -> candle_core::Result<X> {
        let width = self.each.len();
        if let Some(x) = x.on_device() {
            if traced::is_ours(x) {
                return traced::normed(x, &self.each, self.eps).map(X::of_device);
            }
            let rows = x.reshape(((), width))?;
            let normed = match x.track_op() {
                true => candle_nn::ops::rms_norm_slow(&rows, &self.weight, self.eps)?,
                false => candle_nn::ops::rms_norm(&rows.contiguous()?, &self.weight, self.eps)?,
            };
            return normed.reshape(x.shape()).map(X::of_device);
        }
        x.map_rows(width, |x, y| self.row(x, y))
    }

    /// [`forward`](Self::forward) of rows on the processor, as whole numbers; the floats between are not written down.
    ///
    /// # Shapes
    /// - `x`: `[n, width]`
    pub(super) fn quantized(&self, x: &[f32]) -> Activations {
        let (width, eps) = (self.each.len(), self.eps);
        let n = x.len() / width;
        let mut scales = Buffer::new(n);
        team::for_each_chunk(&mut scales, ROWS, |chunk, scales| {
            let rows = x[chunk * ROWS * width..].chunks_exact(width);
            scales.iter_mut().zip(rows).for_each(|(scale, row)| *scale = inverse_rms(row, eps));
        });
        Activations::of_made(n, width, |row, first, numbers| {
            let x = &x[row * width + first..][..numbers.len()];
            scale_each(x, scales[row], &self.each[first..], numbers);
        })
    }

    /// One row on the processor, `[width]`.
    pub(super) fn row(&self, x: &[f32], y: &mut [f32]) {
        rms_norm(x, &self.each, self.eps, y);
    }
}

/// `(x − mean) / √(variance + eps) · weight + bias` over the last dimension.
///
/// The variance is the mean of squared differences. candle's own subtracts the square of the mean from the mean
/// of the squares, which leaves nothing where a row is nearly flat.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    /// The same on the processor.
    each: (Vec<f32>, Vec<f32>),
    eps: f32,
}

impl LayerNorm {
    /// Takes `weight` of `[width]`, and `bias` of `[width]` where the file has one.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(width: usize, eps: f64, w: &Weights) -> Result<Self> {
        let weight = w.get("weight", &[width])?;
        let bias = if w.has("bias") { Some(w.get("bias", &[width])?) } else { None };
        Self::from_tensors(weight, bias, eps).doing("loading a norm")
    }

    /// # Shapes
    /// - `weight`, `bias`: `[width]`
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>, eps: f64) -> candle_core::Result<Self> {
        let bias = bias.map_or_else(|| weight.zeros_like(), Ok)?;
        let each = (weight.to_vec1()?, bias.to_vec1()?);
        Ok(Self { weight, bias, each, eps: eps as f32 })
    }

    /// # Shapes
    /// - `x`: `[…, width]`
    /// - returns: the same, contiguous
    pub fn forward<X: Array>(&self, x: &X) -> candle_core::Result<X> {
        if let Some(x) = x.on_device() {
            let y = candle_nn::ops::layer_norm(&x.contiguous()?, &self.weight, &self.bias, self.eps)?;
            return Ok(X::of_device(y));
        }
        x.map_rows(self.each.0.len(), |x, y| self.row(x, y))
    }

    /// One row on the processor, `[width]`.
    fn row(&self, x: &[f32], y: &mut [f32]) {
        layer_norm(x, (&self.each.0, &self.each.1), self.eps, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_norm_is_exact_where_a_row_is_nearly_flat() {
        for width in [2, 16, 37] {
            let values: Vec<f32> = (0..width).map(|i| 7.0 + ((i * 5) % 7) as f32 * 1e-4).collect();
            let mean = values.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
            let squares = values.iter().map(|x| (f64::from(*x) - mean).powi(2));
            let scale = (squares.sum::<f64>() / width as f64 + 1e-6).sqrt();
            let ones = Tensor::ones(width, DType::F32, &Device::Cpu).unwrap();
            let norm = LayerNorm::from_tensors(ones, None, 1e-6).unwrap();
            let x = Tensor::from_slice(&values, (1, width), &Device::Cpu).unwrap();
            let y = norm.forward(&x).unwrap().to_vec2::<f32>().unwrap();
            for (y, x) in y[0].iter().zip(&values) {
                let want = (f64::from(*x) - mean) / scale;
                assert!((f64::from(*y) - want).abs() < 2e-3, "{width}: {y} is not {want}");
            }
        }
    }
}
