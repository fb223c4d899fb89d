//! Heads and attention, there and back.

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Shape, Tensor};

use super::super::array::{Array, Rows};
use super::super::rotary::Angles;
use super::{as_shaped, floats, is_ours};
use crate::kernels::attention::Apart;
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::for_each_row;

/// Cuts rows into heads and rotates each to its position where that is asked for.
///
/// # Shapes
/// - `x`: `[n, n_heads * head_dim]`
/// - returns: `[n_heads, n, head_dim]`
pub(in super::super) fn cut(
    x: &Tensor,
    n_heads: usize,
    angles: Option<&Angles>,
) -> candle_core::Result<Tensor> {
    x.contiguous()?.apply_op1(Cut { n_heads, angles: angles.cloned() })
}

struct Cut {
    n_heads: usize,
    angles: Option<Angles>,
}

impl CustomOp1 for Cut {
    fn name(&self) -> &'static str {
        "heads"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (n, width) = layout.shape().dims2()?;
        let (x, head_dim) = (floats(storage, layout)?, width / self.n_heads);
        let mut heads = Buffer::new(x.len());
        for_each_row(&mut heads, head_dim, |i, row| {
            let (head, position) = (i / n, i % n);
            row.copy_from_slice(&x[position * width + head * head_dim..][..head_dim]);
            if let Some(angles) = &self.angles {
                angles.rotate_row(position, row);
            }
        });
        Ok((CpuStorage::F32(heads.into_vec()), (self.n_heads, n, head_dim).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let (n, width) = x.dims2()?;
        let head_dim = width / self.n_heads;
        let mut at_x = Buffer::new(x.elem_count());
        gradient.read(|gradient| {
            for_each_row(&mut at_x, head_dim, |i, row| {
                let (position, head) = (i / self.n_heads, i % self.n_heads);
                row.copy_from_slice(&gradient[(head * n + position) * head_dim..][..head_dim]);
                if let Some(angles) = &self.angles {
                    angles.rotate_row_back(position, row);
                }
            });
        })?;
        as_shaped(x, at_x)
    }
}

/// Mixes values for the queries of sequences that stand side by side and of which nothing is kept.
///
/// # Shapes
/// - `q`: `[n_heads, n, head_dim]`; `k`, `v`: `[n_kv_heads, n, head_dim]`
/// - returns: `[n, n_heads * head_dim]`
///
/// # Errors
/// When they are not traced in the processor's memory.
pub fn attend_apart(apart: Apart, [q, k, v]: [&Tensor; 3]) -> candle_core::Result<Rows> {
    if !is_ours(q) {
        candle_core::bail!("only rows that are traced in the processor's memory are attended to apart");
    }
    q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, Attend(apart)).map(Rows::Device)
}

struct Attend(Apart);

impl CustomOp3 for Attend {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        of_q: &Layout,
        k: &CpuStorage,
        of_k: &Layout,
        v: &CpuStorage,
        of_v: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let mixed = self.0.forward([floats(q, of_q)?, floats(k, of_k)?, floats(v, of_v)?]);
        Ok((CpuStorage::F32(mixed.into_vec()), (self.0.n, self.0.n_heads * self.0.head_dim).into()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [of_q, of_k, of_v] = q.read(|q| {
            k.read(|k| v.read(|v| gradient.read(|gradient| self.0.backward([q, k, v], gradient))))
        })????;
        Ok((as_shaped(q, of_q)?, as_shaped(k, of_k)?, as_shaped(v, of_v)?))
    }
}
