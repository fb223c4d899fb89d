//! Functions of single numbers.

use candle_core::Tensor;

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
            Self::GeluTanh => x.gelu(),
        }
    }
}

/// `cap · tanh(x / cap)`: keeps numbers within ±`cap` (Gemma 2, section 2).
pub fn softcap(x: &Tensor, cap: f64) -> candle_core::Result<Tensor> {
    (x / cap)?.tanh()? * cap
}
