//! What gradients need and inference does not: the ways back through layers and through weights that stay as they are.
//!
//! A pass whose gradients are wanted goes through the same layers with tensors that candle traces ([`Rows::Device`]). In
//! the processor's memory most steps are operations of ours then, with the kernels of inference forward and their own
//! on the way back; on other devices, and for what is left, candle's are taken.
//!
//! [`Rows::Device`]: super::Rows::Device

mod attention;

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Shape, Tensor};

pub use self::attention::attend_apart;
pub(super) use self::attention::cut;
use super::activation::Activation;
use super::array::{Array, Rows};
use super::linear::product;
use super::low_rank::LowRank;
use super::stored::with_slice;
use super::weight::Weight;
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::{for_each_row, rms_norm, rms_norm_back};
use crate::kernels::{gated_gelu_tanh_back, gated_silu_back};

/// Whether operations of ours know the way through such a tensor.
pub(super) fn is_ours(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && x.track_op()
}

/// `x Wᵀ`, and what an adapter adds, with the same kernels as without gradients.
///
/// # Shapes
/// - `x`: `[n_rows, n_in]`
/// - returns: `[n_rows, n_out]`
pub(super) fn times(
    weight: &Weight,
    adapter: Option<&Arc<LowRank>>,
    x: &Tensor,
) -> candle_core::Result<Tensor> {
    if !is_ours(x) {
        // candle has a way back through its own products of floats.
        let (n_out, _) = weight.shape()?;
        let y = x.matmul(&weight.unpacked(0..n_out)?.t()?)?;
        return adapter.map_or(Ok(y.clone()), |adapter| adapter.add_to(y, x));
    }
    let x = x.contiguous()?;
    match adapter {
        None => x.apply_op1(Frozen(weight.clone())),
        Some(adapter) => {
            x.apply_op3(adapter.a(), adapter.b(), Adapted(Frozen(weight.clone()), adapter.clone()))
        }
    }
}

/// `y W`.
///
/// # Shapes
/// - `y`: `[n_rows, n_out]`
/// - returns: `[n_rows, n_in]`
pub(super) fn times_transposed(weight: &Weight, y: &Tensor) -> candle_core::Result<Tensor> {
    let (n_out, n_in) = weight.shape()?;
    if !matches!(y.device(), Device::Cpu) {
        return y.contiguous()?.matmul(&weight.unpacked(0..n_out)?);
    }
    let n = y.dims2()?.0;
    let mut out = Buffer::full(n * n_in, 0.0);
    y.read(|y| weight.add_times_turned(y, &mut out))??;
    Tensor::from_vec(out.into_vec(), (n, n_in), &Device::Cpu)
}

/// The numbers of a contiguous tensor in the processor's memory.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(all), Some((start, end))) => Ok(&all[start..end]),
        _ => candle_core::bail!("contiguous f32 is needed"),
    }
}

/// A tensor of the shape of `x`.
fn as_shaped(x: &Tensor, numbers: Buffer) -> candle_core::Result<Option<Tensor>> {
    Tensor::from_vec(numbers.into_vec(), x.shape(), &Device::Cpu).map(Some)
}

/// The product with weights that are not trained.
struct Frozen(Weight);

impl Frozen {
    fn forward(&self, x: &[f32]) -> candle_core::Result<(Rows, Rows)> {
        let (_, n_in) = self.0.shape()?;
        let x = Rows::of(Buffer::of(x), n_in)?;
        Ok((product(&self.0, &x)?, x))
    }
}

/// What an operation gives, `[n, width]`.
fn given(y: Rows) -> candle_core::Result<(CpuStorage, Shape)> {
    let (n, width) = (y.n(), y.width());
    match y {
        Rows::Host { numbers, .. } => Ok((CpuStorage::F32(numbers.into_vec()), (n, width).into())),
        Rows::Device(_) => candle_core::bail!("rows in the processor's memory are needed"),
    }
}

impl CustomOp1 for Frozen {
    fn name(&self) -> &'static str {
        "frozen product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (y, _) = self.forward(floats(storage, layout)?)?;
        given(y)
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        times_transposed(&self.0, gradient).map(Some)
    }
}

/// The product with weights that are not trained and with an adapter that is: of rows, A and B.
struct Adapted(Frozen, Arc<LowRank>);

impl CustomOp3 for Adapted {
    fn name(&self) -> &'static str {
        "adapted product"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (y, x) = self.0.forward(floats(x, layout)?)?;
        given(self.1.add_to(y, &x)?)
    }

    fn bwd(
        &self,
        x: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let weight = &self.0.0;
        let (_, n_in) = weight.shape()?;
        let mut at_x = Buffer::full(x.elem_count(), 0.0);
        let of_adapter = gradient.read(|gradient| -> candle_core::Result<_> {
            weight.add_times_turned(gradient, &mut at_x)?;
            x.read(|x| self.1.backward(x, gradient, &mut at_x))?
        })??;
        let [at_a, at_b] = of_adapter;
        debug_assert_eq!(x.width(), n_in);
        Ok((as_shaped(x, at_x)?, as_shaped(a, at_a)?, as_shaped(b, at_b)?))
    }
}

/// `x / rms(x) · weight`.
///
/// # Shapes
/// - `x`: whole rows as wide as `weight`
/// - returns: the same
pub(super) fn normed(x: &Tensor, weight: &[f32], eps: f32) -> candle_core::Result<Tensor> {
    x.contiguous()?.apply_op1(Normed { weight: weight.to_vec(), eps })
}

struct Normed {
    weight: Vec<f32>,
    eps: f32,
}

impl CustomOp1 for Normed {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, width) = (floats(storage, layout)?, self.weight.len());
        let mut y = Buffer::new(x.len());
        for_each_row(&mut y, width, |i, y| rms_norm(&x[i * width..][..width], &self.weight, self.eps, y));
        Ok((CpuStorage::F32(y.into_vec()), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let width = self.weight.len();
        let mut at_x = Buffer::new(x.elem_count());
        x.read(|x| {
            gradient.read(|gradient| {
                for_each_row(&mut at_x, width, |i, at_x| {
                    let row = i * width..(i + 1) * width;
                    rms_norm_back(&x[row.clone()], &self.weight, self.eps, &gradient[row], at_x);
                });
            })
        })??;
        as_shaped(x, at_x)
    }
}

/// `activation(gate) · up`; `None` where candle does it.
///
/// # Shapes
/// - `gate`, `up`: the same; returns it
pub(super) fn gated(
    activation: Activation,
    gate: &Tensor,
    up: &Tensor,
) -> Option<candle_core::Result<Tensor>> {
    let back: GatedBack = match activation {
        Activation::Silu => gated_silu_back,
        Activation::GeluTanh => gated_gelu_tanh_back,
        Activation::Gelu => return None,
    };
    let ours = is_ours(gate) && gate.dtype() == DType::F32;
    ours.then(|| gate.contiguous()?.apply_op2(&up.contiguous()?, Gated { activation, back }))
}

/// Gate, up, gradient; where what changes at gate and up goes.
type GatedBack = fn(&[f32], &[f32], &[f32], (&mut [f32], &mut [f32]));

struct Gated {
    activation: Activation,
    back: GatedBack,
}

impl CustomOp2 for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        layout: &Layout,
        up: &CpuStorage,
        of_up: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let rows = |x: &[f32]| Rows::of(Buffer::of(x), layout.shape().dims().last().copied().unwrap_or(1));
        let (gate, up) = (rows(floats(gate, layout)?)?, rows(floats(up, of_up)?)?);
        let (y, _) = given(self.activation.gated(gate, &up)?)?;
        Ok((y, layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        /// Numbers of each of the two that are computed together, side by side in one buffer.
        const WIDTH: usize = 1024;
        let n = gate.elem_count();
        let mut both = Buffer::new(2 * n);
        let back = self.back;
        with_slice(gate, |gate| {
            with_slice(up, |up| {
                gradient.read(|gradient| {
                    for_each_row(&mut both, 2 * WIDTH, |i, both| {
                        let some = i * WIDTH..i * WIDTH + both.len() / 2;
                        let at = both.split_at_mut(some.len());
                        back(&gate[some.clone()], &up[some.clone()], &gradient[some], at);
                    });
                })
            })
        })???;
        let (mut at_gate, mut at_up) = (Buffer::new(n), Buffer::new(n));
        let parts = at_gate.chunks_mut(WIDTH).zip(at_up.chunks_mut(WIDTH));
        for ((at_gate, at_up), both) in parts.zip(both.chunks(2 * WIDTH)) {
            at_gate.copy_from_slice(&both[..at_gate.len()]);
            at_up.copy_from_slice(&both[at_gate.len()..]);
        }
        Ok((as_shaped(gate, at_gate)?, as_shaped(up, at_up)?))
    }
}
