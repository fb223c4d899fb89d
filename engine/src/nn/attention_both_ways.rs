//! Attention in which everything sees everything, as encoders need it.

use candle_core::{CpuStorage, Device, Layout, Storage, Tensor};

use super::array::Array;
use crate::kernels::Isa;
use crate::kernels::attention::{BothWays, Heads, attend_both_ways};

/// Cuts rows into heads, without a copy.
///
/// # Shapes
/// - `x`: `[n, n_heads * head_dim]`, contiguous
/// - returns: `[n_heads, n, head_dim]`
pub fn cut_heads(x: &Tensor, n_heads: usize) -> candle_core::Result<Tensor> {
    x.reshape((x.dim(0)?, n_heads, ()))?.transpose(0, 1)
}

/// Mixes values for each query, weighted by `softmax(q · k · scale)` over all keys.
///
/// # Shapes
/// - `q`: `[n_heads, n, head_dim]`, numbers of a head of a row side by side
/// - `k`, `v`: `[n_kv_heads, n_keys, head_dim]`, likewise; `n_kv_heads` divides `n_heads`
/// - returns: `[n, n_heads * head_dim]`
pub fn attention_both_ways(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> candle_core::Result<Tensor> {
    let ((n_heads, n, head_dim), (n_kv_heads, n_keys, _)) = (q.dims3()?, k.dims3()?);
    let fits =
        k.dims() == v.dims() && k.dim(2)? == head_dim && n_kv_heads > 0 && n_heads.is_multiple_of(n_kv_heads);
    if !fits || n * n_keys * head_dim == 0 {
        candle_core::bail!("{:?} cannot look at {:?} and {:?}", q.dims(), k.dims(), v.dims());
    }
    if !matches!(q.device(), Device::Cpu) {
        return on_device(q, k, v, scale);
    }
    let sizes = BothWays { n_heads, n_kv_heads, head_dim, n, n_keys, scale: scale as f32 };
    let [(q, q_layout), (k, k_layout), (v, v_layout)] = [q, k, v].map(Tensor::storage_and_layout);
    let (q, k, v) = (heads(&q, q_layout)?, heads(&k, k_layout)?, heads(&v, v_layout)?);
    let mixed = attend_both_ways(Isa::detect(), sizes, q, k, v);
    Tensor::of(mixed, n_heads * head_dim)
}

/// The numbers of a tensor of three dimensions, the last of which is contiguous.
fn heads<'a>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<Heads<'a>> {
    match (storage, layout.stride()) {
        (Storage::Cpu(CpuStorage::F32(all)), &[head, row, 1]) => {
            Ok(Heads { numbers: &all[layout.start_offset()..], head, row })
        }
        _ => candle_core::bail!("expected heads of contiguous f32 numbers"),
    }
}

fn on_device(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> candle_core::Result<Tensor> {
    /// Queries of one head that are weighed at once: bounds the memory for scores to this many rows.
    const QUERIES: usize = 1024;
    let (n_heads, n, _) = q.dims3()?;
    let group = n_heads / k.dim(0)?;
    let q = (q * scale)?;
    let mut heads = Vec::with_capacity(n_heads);
    for head in 0..n_heads {
        let part = |x: &Tensor, head: usize| x.get(head)?.contiguous();
        let (q, k, v) = (part(&q, head)?, part(k, head / group)?.t()?, part(v, head / group)?);
        let mut mixed = Vec::with_capacity(n.div_ceil(QUERIES));
        for start in (0..n).step_by(QUERIES) {
            let scores = q.narrow(0, start, QUERIES.min(n - start))?.matmul(&k)?; // [queries, n_keys]
            mixed.push(candle_nn::ops::softmax_last_dim(&scores)?.matmul(&v)?); // [queries, head_dim]
        }
        heads.push(Tensor::cat(&mixed, 0)?);
    }
    Tensor::cat(&heads, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_give_what_the_library_computes_and_heads_share_keys() {
        let random = |shape| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
        let n = 1029;
        let (q, kv) = (random((n, 4 * 8)), random((7, 4 * 8)));
        let (q, kv) = (cut_heads(&q, 4).unwrap(), cut_heads(&kv, 4).unwrap());
        let (k, v) = (kv.narrow(0, 0, 2).unwrap(), kv.narrow(0, 2, 2).unwrap());
        let ours = attention_both_ways(&q, &k, &v, 0.3).unwrap();
        let elsewhere = on_device(&q, &k, &v, 0.3).unwrap();
        let repeat = |x: &Tensor| x.unsqueeze(1).unwrap().repeat((1, 2, 1, 1)).unwrap();
        let repeat = |x: &Tensor| repeat(x).reshape((4, 7, 8)).unwrap();
        let q = q.contiguous().unwrap();
        let scores = (q.matmul(&repeat(&k).transpose(1, 2).unwrap()).unwrap() * 0.3).unwrap();
        let want = candle_nn::ops::softmax_last_dim(&scores).unwrap().matmul(&repeat(&v)).unwrap();
        let want = want.transpose(0, 1).unwrap().reshape((n, 32)).unwrap();
        for got in [ours, elsewhere] {
            assert_eq!(got.dims(), want.dims());
            let worst = (got - &want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(worst < 1e-5, "{worst}");
        }
        assert!(attention_both_ways(&q, &q.narrow(0, 0, 3).unwrap(), &q, 1.0).is_err());
    }
}
