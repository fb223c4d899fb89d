//! From what a projection gives to the heads of attention.

use candle_core::{Device, Tensor};

use super::norm::RmsNorm;
use super::rotary::Angles;
use super::stored::with_slice;
use crate::kernels::rowwise::for_each_row;

/// Cuts rows into heads, norms each head and rotates it to its position where that is asked for.
///
/// # Shapes
/// - `x`: `[n, n_heads * head_dim]`, contiguous
/// - returns: `[n_heads, n, head_dim]`, contiguous
pub fn to_heads(
    x: &Tensor,
    n_heads: usize,
    norm: Option<&RmsNorm>,
    angles: Option<&Angles>,
) -> candle_core::Result<Tensor> {
    let (n, width) = x.dims2()?;
    let head_dim = width / n_heads;
    if matches!(x.device(), Device::Cpu) {
        let heads = with_slice(x, |x| {
            let mut heads = vec![0.0; x.len()];
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
        return Tensor::from_vec(heads, (n_heads, n, head_dim), &Device::Cpu);
    }
    let x = x.reshape((1, n, n_heads, head_dim))?;
    let x = match norm {
        Some(norm) => norm.forward(&x)?,
        None => x,
    };
    let x = x.transpose(1, 2)?.contiguous()?;
    match angles {
        Some(angles) => angles.rotate(&x)?.squeeze(0),
        None => x.squeeze(0),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, DType};

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
            let angles = Rotary::new(spec, head_dim).angles(&[0, 1, 5, 6, 70], &Device::Cpu).unwrap();
            let cut = x.reshape((1, n, n_heads, head_dim)).unwrap();
            let plain = cut.transpose(1, 2).unwrap().contiguous().unwrap();
            let normed = candle_nn::ops::rms_norm(&cut.contiguous().unwrap(), &ones, 1e-6).unwrap();
            let normed = angles.rotate(&normed.transpose(1, 2).unwrap().contiguous().unwrap()).unwrap();
            let pairs = [
                (to_heads(&x, n_heads, None, None), plain),
                (to_heads(&x, n_heads, Some(&norm), Some(&angles)), normed),
            ];
            for (got, want) in pairs {
                let difference = (got.unwrap().unsqueeze(0).unwrap() - want).unwrap().abs().unwrap();
                let worst = difference.flatten_all().unwrap().max(D::Minus1).unwrap();
                assert!(worst.to_scalar::<f32>().unwrap() < 1e-6, "{style:?}: {worst}");
            }
        }
    }
}
