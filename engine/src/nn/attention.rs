//! Causal attention over a cache.

use candle_core::{CpuStorage, CustomOp3, DType, Device, Layout, Shape, Tensor};

use crate::kernels::attention::{self, causal};

/// Mixes values for `q`, whose first row stands at position `pos`: each query sees the keys up to its own
/// position, weighted by `softmax(q · k / √head_dim)`.
///
/// # Shapes
/// - `q`: `[n_heads, n, head_dim]`, contiguous
/// - `keys`, `values`: `[n_kv_heads, capacity, head_dim]`, contiguous, valid up to `pos + n`
/// - returns: `[n, n_heads * head_dim]`
pub fn causal_attention(
    q: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    pos: usize,
) -> candle_core::Result<Tensor> {
    match q.device() {
        Device::Cpu => q.apply_op3_no_bwd(keys, values, &Causal { pos }),
        _ => by_tensors(q, keys, values, pos),
    }
}

struct Causal {
    pos: usize,
}

impl CustomOp3 for Causal {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        queries_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (n_heads, n, head_dim) = queries_layout.shape().dims3()?;
        let (n_kv_heads, capacity, _) = keys_layout.shape().dims3()?;
        let shape = attention::Shape { n_heads, n_kv_heads, head_dim, n, pos: self.pos, capacity };
        let mixed = causal(
            shape,
            slice(queries, queries_layout)?,
            slice(keys, keys_layout)?,
            slice(values, values_layout)?,
        );
        Ok((CpuStorage::F32(mixed), (n, n_heads * head_dim).into()))
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("attention expects contiguous numbers"),
    }
}

/// The same by whole tensors, for other devices.
fn by_tensors(q: &Tensor, keys: &Tensor, values: &Tensor, pos: usize) -> candle_core::Result<Tensor> {
    let (n_heads, n, head_dim) = q.dims3()?;
    let (n_kv_heads, n_keys) = (keys.dim(0)?, pos + n);
    let (k, v) = (keys.narrow(1, 0, n_keys)?, values.narrow(1, 0, n_keys)?);
    // The queries that share a key head become rows of one product, so that nothing is repeated.
    let group = n_heads / n_kv_heads;
    let q = q.reshape((n_kv_heads, group * n, head_dim))?;
    let scores = (q.matmul(&k.transpose(1, 2)?)? * (head_dim as f64).powf(-0.5))?;
    let mask = causal_mask(n, pos, q.device())?;
    let scores = scores.reshape((n_kv_heads, group, n, n_keys))?.broadcast_add(&mask)?;
    let weights = candle_nn::ops::softmax_last_dim(&scores)?.reshape((n_kv_heads, group * n, n_keys))?;
    let mixed = weights.matmul(&v)?; // [n_kv_heads, group * n, head_dim]
    mixed.reshape((n_heads, n, head_dim))?.transpose(0, 1)?.reshape((n, n_heads * head_dim))
}

/// `[n, pos + n]`: 0 where a query may look, −∞ where the key comes later.
fn causal_mask(n: usize, pos: usize, device: &Device) -> candle_core::Result<Tensor> {
    let mask: Vec<f32> = (0..n)
        .flat_map(|query| {
            (0..pos + n).map(move |key| if key <= pos + query { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Tensor::from_vec(mask, (n, pos + n), device)?.to_dtype(DType::F32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_equals_whole_tensors() {
        for (n, pos) in [(1, 0), (1, 9), (5, 0), (30, 7)] {
            let random = |shape| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
            let (q, keys, values) = (random((6, n, 8)), random((2, 40, 8)), random((2, 40, 8)));
            let a = causal_attention(&q, &keys, &values, pos).unwrap();
            let b = by_tensors(&q, &keys, &values, pos).unwrap();
            assert_eq!(a.dims(), b.dims());
            let worst = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(worst < 1e-5, "{n} after {pos}: {worst}");
        }
    }
}
