//! Functions of single numbers.

use candle_core::{Device, Tensor};

use super::rows::EachRow;
use crate::kernels;

/// What a gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU by its tanh approximation (Hendrycks and Gimpel, 2016, section 2), as Gemma computes it.
    GeluTanh,
}

impl Activation {
    /// # Shapes
    /// - any; returns the same
    pub fn forward(self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Silu => candle_nn::ops::silu(x),
            Self::GeluTanh if matches!(x.device(), Device::Cpu) => {
                let y = x.force_contiguous()?;
                y.inplace_op1(&EachRow("gelu-tanh", kernels::gelu_tanh))?;
                Ok(y)
            }
            Self::GeluTanh => x.gelu(),
        }
    }
}

/// `cap · tanh(x / cap)`: keeps numbers within ±`cap` (Gemma 2, section 2).
pub fn softcap(x: &Tensor, cap: f64) -> candle_core::Result<Tensor> {
    (x / cap)?.tanh()? * cap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_equals_the_library() {
        let x = Tensor::arange(-900f32, 900.0, &Device::Cpu).unwrap().affine(0.01, 0.0).unwrap();
        let ours = Activation::GeluTanh.forward(&x).unwrap();
        let worst = (ours - x.gelu().unwrap()).unwrap().abs().unwrap().max_all().unwrap();
        assert!(worst.to_scalar::<f32>().unwrap() < 1e-6, "{worst}");
    }
}
