//! A convolution over time as a linear layer over windows.

use candle_core::Tensor;

use super::activation::Activation;
use super::array::Array;
use super::linear::Linear;
use crate::error::{Doing, Result};
use crate::kernels::buffer::Buffer;
use crate::weights::Weights;

/// A convolution along rows, with as many rows of zeros around them as leave one result for each `stride` rows.
pub struct Conv1d {
    /// Of windows of rows one after the other.
    linear: Linear,
    window: usize,
    stride: usize,
}

impl Conv1d {
    /// Takes `weight` of `[n_out, n_in, window]` and `bias` of `[n_out]`; the window is odd.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new([n_in, n_out, window]: [usize; 3], stride: usize, w: &Weights) -> Result<Self> {
        // Windows of rows have all inputs of a row side by side.
        let weight = w.get("weight", &[n_out, n_in, window])?.transpose(1, 2);
        let weight = weight.and_then(|weight| weight.reshape((n_out, window * n_in)));
        let bias = w.get("bias", &[n_out])?;
        let linear = weight.and_then(|weight| Linear::of_windows(w.purpose(), weight, bias));
        Ok(Self { linear: linear.doing("loading a convolution")?, window, stride })
    }

    /// `activation(convolution(x))`.
    ///
    /// # Shapes
    /// - `x`: `[n, n_in]`
    /// - returns: `[n.div_ceil(stride), n_out]`
    pub fn forward_through<X: Array>(&self, activation: Activation, x: &X) -> candle_core::Result<X> {
        let n_in = x.width();
        let n = x.n_numbers().checked_div(n_in).unwrap_or(0);
        let (n_windows, around) = (n.div_ceil(self.stride), self.window / 2);
        let Some(x) = x.on_device() else {
            let mut padded = Buffer::full((n + 2 * around) * n_in, 0.0);
            x.read(|x| padded[around * n_in..][..x.len()].copy_from_slice(x))?;
            return self.linear.forward_windows(activation, &padded, n_windows, self.stride * n_in);
        };
        let x = x.pad_with_zeros(0, around, around)?;
        let first = Tensor::arange_step(0u32, n as u32, self.stride as u32, x.device())?;
        let rows = |i: usize| x.index_select(&(&first + i as f64)?, 0);
        let windows = (0..self.window).map(rows).collect::<candle_core::Result<Vec<_>>>()?;
        self.linear.forward_through(activation, &Tensor::cat(&windows, 1)?).map(X::of_device)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::random::tensor;
    use crate::weights::{Purpose, same_name};

    #[test]
    fn equals_the_convolution_of_the_library() {
        let mut state = 1;
        let mut random = |shape: &[usize]| tensor(&mut state, shape);
        let (weight, bias) = (random(&[5, 4, 3]), random(&[5]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensors = std::collections::HashMap::from([("weight", weight.clone()), ("bias", bias.clone())]);
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let w = Weights::from_safetensors(&path, &Device::Cpu, same_name).unwrap();
        let rounded = w.clone().meant_for(Purpose::RowRoundedEncoder);
        for (stride, w, most) in [(1, &w, 1e-5), (2, &w, 1e-5), (1, &rounded, 0.1), (2, &rounded, 0.1)] {
            let conv = Conv1d::new([4, 5, 3], stride, w).unwrap();
            for n in [1, 2, 15, 32] {
                let x = random(&[n, 4]);
                let want = x.t().unwrap().unsqueeze(0).unwrap().conv1d(&weight, 1, stride, 1, 1).unwrap();
                let want = want.broadcast_add(&bias.reshape((1, 5, 1)).unwrap()).unwrap().gelu_erf().unwrap();
                let want = want.squeeze(0).unwrap().t().unwrap();
                let got = conv.forward_through(Activation::Gelu, &x).unwrap();
                assert_eq!(got.dims(), want.dims());
                let worst = (got - want).unwrap().abs().unwrap().max_all().unwrap();
                assert!(worst.to_scalar::<f32>().unwrap() < most, "{n} rows, every {stride}: {worst}");
            }
        }
    }
}
