//! What gradients need and inference does not: the ways back through weights that stay as they are.
//!
//! A pass whose gradients are wanted goes through the same layers with tensors that candle traces ([`Rows::Device`]);
//! where candle's own kernels know no way back, its slower ones are taken.
//!
//! [`Rows::Device`]: super::Rows::Device

use candle_core::{CpuStorage, CustomOp1, D, Layout, Shape, Tensor};

use super::array::{Array, Rows};
use super::linear::product;
use super::weight::Weight;
use crate::kernels::buffer::Buffer;

/// `x Wᵀ` with the same kernels as without gradients.
///
/// # Shapes
/// - `x`: `[n_rows, n_in]`
/// - returns: `[n_rows, n_out]`
pub(super) fn times(weight: &Weight, x: &Tensor) -> candle_core::Result<Tensor> {
    let (n_out, _) = weight.shape()?;
    match x.device() {
        candle_core::Device::Cpu => x.contiguous()?.apply_op1(Frozen(weight.clone())),
        // candle has a way back through its own products of floats.
        _ => x.matmul(&weight.unpacked(0..n_out)?.t()?),
    }
}

/// `y W`.
///
/// # Shapes
/// - `y`: `[n_rows, n_out]`
/// - returns: `[n_rows, n_in]`
pub(super) fn times_transposed(weight: &Weight, y: &Tensor) -> candle_core::Result<Tensor> {
    /// Rows of weights that are unpacked at a time: a table of tokens would take a hundred megabytes.
    const ROWS: usize = 4096;
    let (n_out, _) = weight.shape()?;
    if !matches!(y.device(), candle_core::Device::Cpu) {
        return y.contiguous()?.matmul(&weight.unpacked(0..n_out)?);
    }
    let mut sum: Option<Tensor> = None;
    for start in (0..n_out).step_by(ROWS) {
        let n = ROWS.min(n_out - start);
        let part =
            y.narrow(D::Minus1, start, n)?.contiguous()?.matmul(&weight.unpacked(start..start + n)?)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    sum.ok_or_else(|| candle_core::Error::msg("a layer gives nothing"))
}

/// The product with weights that are not trained.
struct Frozen(Weight);

impl CustomOp1 for Frozen {
    fn name(&self) -> &'static str {
        "frozen product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(all), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            candle_core::bail!("contiguous f32 is needed");
        };
        let (n_out, n_in) = self.0.shape()?;
        let y = product(&self.0, &Rows::of(Buffer::of(&all[start..end]), n_in)?)?;
        let y = y.read(<[f32]>::to_vec)?;
        let n = y.len() / n_out.max(1);
        Ok((CpuStorage::F32(y), (n, n_out).into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        times_transposed(&self.0, gradient).map(Some)
    }
}
