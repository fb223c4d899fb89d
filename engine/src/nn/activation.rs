//! Functions of single numbers.

use candle_core::{Device, Tensor};

use super::rows::{EachPair, EachRow};
use crate::kernels;

/// What a gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU by its tanh approximation (Hendrycks and Gimpel, 2016, section 2), as Gemma computes it.
    GeluTanh,
    /// GELU as it is defined, with the error function.
    Gelu,
}

impl Activation {
    /// # Shapes
    /// - any; returns the same
    pub fn forward(self, x: &Tensor) -> candle_core::Result<Tensor> {
        if matches!(x.device(), Device::Cpu) {
            let y = x.force_contiguous()?;
            y.inplace_op1(&EachRow("activation", self.kernel()))?;
            return Ok(y);
        }
        match self {
            Self::Silu => candle_nn::ops::silu(x),
            Self::GeluTanh => x.gelu(),
            Self::Gelu => x.gelu_erf(),
        }
    }

    /// The same of many numbers on the processor, in place.
    pub(super) fn kernel(self) -> fn(&mut [f32]) {
        match self {
            Self::Silu => kernels::silu,
            Self::GeluTanh => kernels::gelu_tanh,
            Self::Gelu => kernels::gelu,
        }
    }

    /// `forward(gate) · up`; `gate` belongs to nobody else.
    ///
    /// # Shapes
    /// - `gate`, `up`: the same, contiguous; returns it
    pub fn gated(self, gate: Tensor, up: &Tensor) -> candle_core::Result<Tensor> {
        if !matches!(gate.device(), Device::Cpu) {
            return self.forward(&gate)? * up;
        }
        let kernel = match self {
            Self::Silu => kernels::gated_silu,
            Self::GeluTanh => kernels::gated_gelu_tanh,
            Self::Gelu => return self.forward(&gate)? * up,
        };
        gate.inplace_op2(up, &EachPair("gated", kernel))?;
        Ok(gate)
    }
}

/// `x + y`; `x` belongs to nobody else.
///
/// # Shapes
/// - `x`, `y`: the same, contiguous; returns it
pub fn add(x: Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    if !matches!(x.device(), Device::Cpu) {
        return x + y;
    }
    x.inplace_op2(y, &EachPair("add", kernels::rowwise::add))?;
    Ok(x)
}

/// `cap · tanh(x / cap)`: keeps numbers within ±`cap` (Gemma 2, section 2).
pub fn softcap(x: &Tensor, cap: f64) -> candle_core::Result<Tensor> {
    (x / cap)?.tanh()? * cap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_its_function_times_the_other() {
        let x = Tensor::arange(-9f32, 9.0, &Device::Cpu).unwrap().affine(0.7, 0.01).unwrap();
        let up = x.affine(-0.3, 2.0).unwrap();
        for activation in [Activation::Silu, Activation::GeluTanh, Activation::Gelu] {
            let want = (activation.forward(&x).unwrap() * &up).unwrap();
            let got = activation.gated(x.copy().unwrap(), &up).unwrap();
            let worst = (got - want).unwrap().abs().unwrap().max_all().unwrap();
            assert!(worst.to_scalar::<f32>().unwrap() < 1e-5, "{activation:?}: {worst}");
        }
        let sum = add(x.copy().unwrap(), &up).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(sum, (x + up).unwrap().to_vec1::<f32>().unwrap());
    }

    #[test]
    fn the_kernel_equals_the_library() {
        let x = Tensor::arange(-900f32, 900.0, &Device::Cpu).unwrap().affine(0.01, 0.0).unwrap();
        for (activation, want) in [
            (Activation::Silu, candle_nn::ops::silu(&x)),
            (Activation::GeluTanh, x.gelu()),
            (Activation::Gelu, x.gelu_erf()),
        ] {
            let ours = activation.forward(&x).unwrap();
            let worst = (ours - want.unwrap()).unwrap().abs().unwrap().max_all().unwrap();
            assert!(worst.to_scalar::<f32>().unwrap() < 1e-6, "{activation:?}: {worst}");
        }
    }
}
