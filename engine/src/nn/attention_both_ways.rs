//! Attention in which everything sees everything, as encoders need it.

use candle_core::{Device, Tensor};

use super::rows::EachRow;
use crate::kernels::softmax;

/// Queries of one head that are weighed at once: bounds the memory for scores to this many rows.
const QUERIES: usize = 1024;

/// Mixes values for each query, weighted by `softmax(q · k · scale)` over all keys.
///
/// # Shapes
/// - `q`: `[n_heads, n, head_dim]`, contiguous
/// - `k`, `v`: `[n_kv_heads, n_keys, head_dim]`, contiguous; `n_kv_heads` divides `n_heads`
/// - returns: `[n, n_heads * head_dim]`
pub fn attention_both_ways(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> candle_core::Result<Tensor> {
    let (n_heads, n, _) = q.dims3()?;
    let group = n_heads / k.dim(0)?.max(1);
    let q = if scale == 1.0 { q.clone() } else { (q * scale)? };
    let mut heads = Vec::with_capacity(n_heads);
    for head in 0..n_heads {
        let (q, k, v) = (q.get(head)?, k.get(head / group)?.t()?, v.get(head / group)?);
        let mut mixed = Vec::with_capacity(n.div_ceil(QUERIES));
        for start in (0..n).step_by(QUERIES) {
            let scores = q.narrow(0, start, QUERIES.min(n - start))?.matmul(&k)?; // [queries, n_keys]
            let weights = match scores.device() {
                Device::Cpu => {
                    scores.inplace_op1(&EachRow("softmax", softmax))?;
                    scores
                }
                _ => candle_nn::ops::softmax_last_dim(&scores)?,
            };
            mixed.push(weights.matmul(&v)?); // [queries, head_dim]
        }
        heads.push(Tensor::cat(&mixed, 0)?);
    }
    Tensor::cat(&heads, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_equal_the_whole_and_heads_share_keys() {
        let random = |shape| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
        let n = QUERIES + 5;
        let (q, k, v) = (random((4, n, 8)), random((2, 7, 8)), random((2, 7, 8)));
        let ours = attention_both_ways(&q, &k, &v, 0.3).unwrap();
        let repeat = |x: &Tensor| x.unsqueeze(1).unwrap().repeat((1, 2, 1, 1)).unwrap();
        let repeat = |x: &Tensor| repeat(x).reshape((4, 7, 8)).unwrap();
        let scores = (q.matmul(&repeat(&k).transpose(1, 2).unwrap()).unwrap() * 0.3).unwrap();
        let want = candle_nn::ops::softmax_last_dim(&scores).unwrap().matmul(&repeat(&v)).unwrap();
        let want = want.transpose(0, 1).unwrap().reshape((n, 32)).unwrap();
        assert_eq!(ours.dims(), want.dims());
        let worst = (ours - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(worst < 1e-5, "{worst}");
    }
}
