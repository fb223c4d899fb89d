//! Causal attention over a cache.

use candle_core::{CpuStorage, CustomOp3, DType, Device, Layout, Shape, Tensor};

pub use crate::kernels::attention::Rule as AttentionRule;
use crate::kernels::attention::{self, causal};

use super::activation::softcap;

/// Mixes values for `q`, whose first row stands at position `pos`: each query sees the keys up to its own
/// position, weighted by `softmax(q · k · scale)`.
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
    rule: AttentionRule,
) -> candle_core::Result<Tensor> {
    match q.device() {
        Device::Cpu => q.apply_op3_no_bwd(keys, values, &Causal { pos, rule }),
        _ => by_tensors(q, keys, values, pos, rule),
    }
}

struct Causal {
    pos: usize,
    rule: AttentionRule,
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
        let (pos, rule) = (self.pos, self.rule);
        let shape = attention::Shape { n_heads, n_kv_heads, head_dim, n, pos, capacity, rule };
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
fn by_tensors(
    q: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    pos: usize,
    rule: AttentionRule,
) -> candle_core::Result<Tensor> {
    let (n_heads, n, head_dim) = q.dims3()?;
    let (n_kv_heads, n_keys) = (keys.dim(0)?, pos + n);
    let (k, v) = (keys.narrow(1, 0, n_keys)?, values.narrow(1, 0, n_keys)?);
    // The queries that share a key head become rows of one product, so that nothing is repeated.
    let group = n_heads / n_kv_heads;
    let q = q.reshape((n_kv_heads, group * n, head_dim))?;
    let scores = (q.matmul(&k.transpose(1, 2)?)? * f64::from(rule.scale))?;
    let scores = match rule.softcap {
        Some(cap) => softcap(&scores, f64::from(cap))?,
        None => scores,
    };
    let mask = causal_mask(n, pos, rule.window, q.device())?;
    let scores = scores.reshape((n_kv_heads, group, n, n_keys))?.broadcast_add(&mask)?;
    let weights = candle_nn::ops::softmax_last_dim(&scores)?.reshape((n_kv_heads, group * n, n_keys))?;
    let mixed = weights.matmul(&v)?; // [n_kv_heads, group * n, head_dim]
    mixed.reshape((n_heads, n, head_dim))?.transpose(0, 1)?.reshape((n, n_heads * head_dim))
}

/// `[n, pos + n]`: 0 where a query may look, −∞ where the key comes later or lies before its window.
fn causal_mask(n: usize, pos: usize, window: Option<usize>, device: &Device) -> candle_core::Result<Tensor> {
    let mask: Vec<f32> = (0..n)
        .flat_map(|query| {
            let sees = attention::seen_by(pos + query, window);
            (0..pos + n).map(move |key| if sees.contains(&key) { 0.0 } else { f32::NEG_INFINITY })
        })
        .collect();
    Tensor::from_vec(mask, (n, pos + n), device)?.to_dtype(DType::F32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_equals_whole_tensors() {
        let rules =
            [(0.35, None, None), (0.3, Some(2.0), None), (0.4, None, Some(4)), (0.2, Some(1.0), Some(1))];
        for ((n, pos), (scale, softcap, window)) in
            [(1, 0), (1, 9), (5, 0), (30, 7)].into_iter().flat_map(|size| rules.map(|rule| (size, rule)))
        {
            let rule = AttentionRule { scale, softcap, window };
            let random = |shape| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
            let (q, keys, values) = (random((6, n, 8)), random((2, 40, 8)), random((2, 40, 8)));
            let a = causal_attention(&q, &keys, &values, pos, rule).unwrap();
            let b = by_tensors(&q, &keys, &values, pos, rule).unwrap();
            assert_eq!(a.dims(), b.dims());
            let worst = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(worst < 1e-5, "{n} after {pos}, {rule:?}: {worst}");
        }
    }
}
