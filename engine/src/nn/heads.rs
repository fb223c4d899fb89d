//! From what a projection gives to the heads of attention.

use super::array::{Array, Rows};
use super::norm::RmsNorm;
use super::rotary::Angles;
use super::traced;
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::for_each_row;

/// Cuts rows into heads, norms each head and rotates it to its position where that is asked for.
///
/// # Shapes
/// - `x`: `[n, n_heads * head_dim]`
/// - returns: `[n_heads, n, head_dim]`
pub fn to_heads(
    x: &Rows,
    n_heads: usize,
    norm: Option<&RmsNorm>,
    angles: Option<&Angles>,
) -> candle_core::Result<Rows> {
    let (n, width) = (x.n(), x.width());
    let head_dim = width / n_heads;
    if let Some(x) = x.on_device() {
        if traced::is_ours(x) {
            let x = match norm {
                Some(norm) => norm.forward(x)?,
                None => x.clone(),
            };
            return traced::cut(&x, n_heads, angles).map(Rows::of_device);
        }
        let x = x.reshape((1, n, n_heads, head_dim))?;
        let x = match norm {
            Some(norm) => norm.forward(&x)?,
            None => x,
        };
        let x = x.transpose(1, 2)?.contiguous()?;
        let x = match angles {
            Some(angles) => angles.rotate(&x)?.squeeze(0),
            None => x.squeeze(0),
        };
        return x.map(Rows::of_device);
    }
    let heads = x.read(|x| {
        let mut heads = Buffer::new(x.len());
        for_each_row(&mut heads, head_dim, |i, row| {
            let (head, position) = (i / n, i % n);
            let x = &x[position * width + head * head_dim..][..head_dim];
            match norm {
                Some(norm) => norm.row(x, row),
                None => row.copy_from_slice(x),
            }
            if let Some(angles) = angles {
                angles.rotate_row(position, row);
            }
        });
        heads
    })?;
    Rows::of(heads, head_dim)
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType, Device, Tensor};

    use super::super::{Rotary, RotaryScaling, RotarySpec, RotaryStyle};
    use super::*;

    #[test]
    fn heads_are_cut_normed_and_rotated_as_the_library_does_it() {
        let (n, n_heads, head_dim) = (5, 3, 8);
        let x = Tensor::randn(0f32, 1.0, (n, n_heads * head_dim), &Device::Cpu).unwrap();
        let norm = RmsNorm::unscaled(head_dim, 1e-6, &Device::Cpu).unwrap();
        let ones = Tensor::ones(head_dim, DType::F32, &Device::Cpu).unwrap();
        for style in [RotaryStyle::Halves, RotaryStyle::Interleaved] {
            let spec = RotarySpec { base: 100.0, style, scaling: RotaryScaling::None };
            let angles = Rotary::new(spec, head_dim).angles(&[0, 1, 5, 6, 70]);
            let cut = x.reshape((1, n, n_heads, head_dim)).unwrap();
            let plain = cut.transpose(1, 2).unwrap().contiguous().unwrap();
            let normed = candle_nn::ops::rms_norm(&cut.contiguous().unwrap(), &ones, 1e-6).unwrap();
            let normed = angles.rotate(&normed.transpose(1, 2).unwrap().contiguous().unwrap()).unwrap();
            let rows = Rows::copy(&x).unwrap();
            let pairs = [
                (to_heads(&rows, n_heads, None, None), plain),
                (to_heads(&rows, n_heads, Some(&norm), Some(&angles)), normed),
            ];
            for (got, want) in pairs {
                let got = got.unwrap().to_tensor().unwrap().reshape(want.shape()).unwrap();
                let difference = (got - want).unwrap().abs().unwrap();
                let worst = difference.flatten_all().unwrap().max(D::Minus1).unwrap();
                assert!(worst.to_scalar::<f32>().unwrap() < 1e-6, "{style:?}: {worst}");
            }
        }
    }
}
