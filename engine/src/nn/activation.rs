//! Functions of single numbers.

use super::array::Array;
use super::traced;
use crate::kernels;
use crate::kernels::activations::Activations;
use crate::kernels::rowwise::for_each_row;

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
    pub fn forward<X: Array>(self, x: &X) -> candle_core::Result<X> {
        if let Some(x) = x.on_device() {
            let y = match self {
                Self::Silu => candle_nn::ops::silu(x),
                Self::GeluTanh => x.gelu(),
                Self::Gelu => x.gelu_erf(),
            };
            return y.map(X::of_device);
        }
        let kernel = self.kernel();
        x.map_rows(WIDTH, |x, y| {
            y.copy_from_slice(x);
            kernel(y);
        })
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
    pub fn gated<X: Array>(self, gate: X, up: &X) -> candle_core::Result<X> {
        if let (Some(gate), Some(up)) = (gate.on_device(), up.on_device()) {
            let ours = traced::gated(self, gate, up);
            return ours.unwrap_or_else(|| self.forward(gate)? * up).map(X::of_device);
        }
        pairs(gate, up, self.gate_kernel())
    }

    /// The same of many numbers on the processor, in place of the first.
    fn gate_kernel(self) -> fn(&mut [f32], &[f32]) {
        match self {
            Self::Silu => kernels::gated_silu,
            Self::GeluTanh => kernels::gated_gelu_tanh,
            Self::Gelu => |gate: &mut [f32], up: &[f32]| {
                kernels::gelu(gate);
                gate.iter_mut().zip(up).for_each(|(gate, up)| *gate *= up);
            },
        }
    }

    /// [`gated`](Self::gated) of rows on the processor, as whole numbers; the floats between are not written down.
    ///
    /// # Shapes
    /// - `gate`, `up`: `[n, width]`
    pub(super) fn gated_quantized(self, gate: &[f32], up: &[f32], width: usize) -> Activations {
        let kernel = self.gate_kernel();
        Activations::of_made(gate.len() / width, width, |row, first, numbers| {
            let part = row * width + first..row * width + first + numbers.len();
            numbers.copy_from_slice(&gate[part.clone()]);
            kernel(numbers, &up[part]);
        })
    }
}

/// `x + y`; `x` belongs to nobody else.
///
/// # Shapes
/// - `x`, `y`: the same, contiguous; returns it
pub fn add<X: Array>(x: X, y: &X) -> candle_core::Result<X> {
    if let (Some(x), Some(y)) = (x.on_device(), y.on_device()) {
        return (x + y).map(X::of_device);
    }
    pairs(x, y, kernels::rowwise::add)
}

/// `x · y`; `x` belongs to nobody else.
///
/// # Shapes
/// - `x`, `y`: the same, contiguous; returns it
pub fn multiply<X: Array>(x: X, y: &X) -> candle_core::Result<X> {
    if let (Some(x), Some(y)) = (x.on_device(), y.on_device()) {
        return (x * y).map(X::of_device);
    }
    pairs(x, y, |x, y| x.iter_mut().zip(y).for_each(|(x, y)| *x *= y))
}

/// A function of two that changes the first.
fn pairs<X: Array>(x: X, y: &X, f: impl Fn(&mut [f32], &[f32]) + Sync) -> candle_core::Result<X> {
    if x.n_numbers() != y.n_numbers() {
        let (x, y) = (x.n_numbers(), y.n_numbers());
        candle_core::bail!("{x} numbers and {y} are not of the same shape");
    }
    y.read(|y| x.change(|x| for_each_row(x, WIDTH, |i, x| f(x, &y[i * WIDTH..][..x.len()]))))?
}

/// Numbers that are taken together where rows do not matter: any do.
const WIDTH: usize = 1024;

/// `cap · tanh(x / cap)`: keeps numbers within ±`cap` (Gemma 2, section 2).
///
/// # Shapes
/// - any; returns the same
pub fn softcap<X: Array>(x: &X, cap: f64) -> candle_core::Result<X> {
    if let Some(x) = x.on_device() {
        return ((x / cap)?.tanh()? * cap).map(X::of_device);
    }
    let cap = cap as f32;
    x.map_rows(WIDTH, |x, y| y.iter_mut().zip(x).for_each(|(y, x)| *y = cap * (x / cap).tanh()))
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

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
