//! A linear layer between two limits.

use candle_core::{Device, Tensor};

use super::array::Array;
use super::linear::Linear;
use crate::error::Result;
use crate::kernels::rowwise::for_each_row;
use crate::weights::Weights;

/// Keeps numbers between two limits; what is no number stays none.
///
/// # Shapes
/// - `x`: any; returns the same, contiguous
pub fn clamp(x: &Tensor, low: f32, high: f32) -> candle_core::Result<Tensor> {
    if (low, high) == (f32::NEG_INFINITY, f32::INFINITY) {
        return Ok(x.clone());
    }
    /// Numbers that are taken together: any do.
    const WIDTH: usize = 1024;
    if !matches!(x.device(), Device::Cpu) {
        return x.clamp(low, high);
    }
    x.force_contiguous()?.change(|x| {
        for_each_row(x, WIDTH, |_, row| {
            for v in row {
                *v = if *v < low { low } else { *v };
                *v = if *v > high { high } else { *v };
            }
        });
    })
}

/// A [`Linear`] whose input and output are kept within limits from the file, as encoders of Gemma 4 for phones
/// were trained (`Gemma4ClippableLinear` of transformers).
pub struct ClippedLinear {
    linear: Linear,
    input: (f32, f32),
    output: (f32, f32),
}

impl ClippedLinear {
    /// Takes what [`Linear::new`] takes; and `input_min`, `input_max`, `output_min`, `output_max`, each one
    /// number, where the layer is `clipped`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_in: usize, n_out: usize, clipped: bool, w: &Weights) -> Result<Self> {
        let limit = |name: &str, none: f32| if clipped { w.get_number(name) } else { Ok(none) };
        Ok(Self {
            linear: Linear::new(n_in, n_out, w)?,
            input: (limit("input_min", f32::NEG_INFINITY)?, limit("input_max", f32::INFINITY)?),
            output: (limit("output_min", f32::NEG_INFINITY)?, limit("output_max", f32::INFINITY)?),
        })
    }

    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = self.linear.forward(&clamp(x, self.input.0, self.input.1)?)?;
        clamp(&y, self.output.0, self.output.1)
    }

    /// What each of some layers gives for the same rows, which are prepared once where the limits are the same.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]` for each layer; nobody else has them
    pub fn forward_each<const N: usize>(layers: [&Self; N], x: &Tensor) -> candle_core::Result<[Tensor; N]> {
        let limits = layers.first().map_or((f32::NEG_INFINITY, f32::INFINITY), |layer| layer.input);
        if layers.iter().any(|layer| layer.input != limits) {
            let ys =
                layers.map(|layer| layer.forward(x)).into_iter().collect::<candle_core::Result<Vec<_>>>()?;
            return <[Tensor; N]>::try_from(ys).map_err(|_| candle_core::Error::msg("a layer gave nothing"));
        }
        let mut ys = Linear::forward_each(layers.map(|layer| &layer.linear), &clamp(x, limits.0, limits.1)?)?;
        for (y, layer) in ys.iter_mut().zip(layers) {
            *y = clamp(y, layer.output.0, layer.output.1)?;
        }
        Ok(ys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_what_is_no_number_stays_none() {
        let x = Tensor::new(&[[-9f32, -1.0, 0.5, 9.0, f32::NAN]], &Device::Cpu).unwrap();
        let y = clamp(&x, -2.0, 3.0).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y[0][..4], [-2.0, -1.0, 0.5, 3.0]);
        assert!(y[0][4].is_nan());
        let view = x.t().unwrap();
        assert_eq!(clamp(&view, -2.0, 3.0).unwrap().dims(), [5, 1]);
        assert_eq!(x.to_vec2::<f32>().unwrap()[0][0], -9.0, "the input is left alone");
    }
}
