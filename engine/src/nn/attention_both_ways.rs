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

/// [`attention_both_ways`] of as many heads of queries, keys and values, which stand side by side in rows: each in its
/// own from a column on.
///
/// With `rounded`, what is multiplied are whole numbers of up to 16 bits where that is faster: more than the products have
/// that made it, where weights are rounded.
///
/// # Shapes
/// - each part: `[n, start + n_heads * head_dim + …]` and `start`
/// - returns: `[n, n_heads * head_dim]`
pub fn attention_in_rows<X: Array>(
    parts: [(&X, usize); 3],
    n_heads: usize,
    head_dim: usize,
    rounded: bool,
) -> candle_core::Result<X> {
    let (width, scale) = (n_heads * head_dim, (head_dim as f64).powf(-0.5));
    let [q, k, v] = parts;
    if let [Some(q_rows), Some(k_rows), Some(v_rows)] = parts.map(|(x, _)| x.on_device()) {
        let heads = |x: &Tensor, start: usize| cut_heads(&x.narrow(1, start, width)?.contiguous()?, n_heads);
        let (q, k, v) = (heads(q_rows, q.1)?, heads(k_rows, k.1)?, heads(v_rows, v.1)?);
        return attention_both_ways(&q, &k, &v, scale).map(X::of_device);
    }
    let n_rows = |(x, _): (&X, usize)| x.n_numbers().checked_div(x.width()).unwrap_or(0);
    let (n, n_keys) = (n_rows(q), n_rows(k));
    if n * n_keys * width == 0 || n_rows(v) != n_keys || parts.iter().any(|(x, at)| at + width > x.width()) {
        candle_core::bail!("{n} rows cannot look at {n_keys} with {n_heads} heads of {head_dim}");
    }
    let sizes = BothWays { n_heads, n_kv_heads: n_heads, head_dim, n, n_keys, scale: scale as f32, rounded };
    let [q_row, k_row, v_row] = parts.map(|(x, _)| x.width());
    let mixed = q.0.read(|q_numbers| {
        k.0.read(|k_numbers| {
            v.0.read(|v_numbers| {
                let q = Heads { numbers: &q_numbers[q.1..], head: head_dim, row: q_row };
                let k = Heads { numbers: &k_numbers[k.1..], head: head_dim, row: k_row };
                let v = Heads { numbers: &v_numbers[v.1..], head: head_dim, row: v_row };
                attend_both_ways(Isa::detect(), sizes, q, k, v)
            })
        })
    })???;
    X::of(mixed, width)
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
    let sizes = BothWays { n_heads, n_kv_heads, head_dim, n, n_keys, scale: scale as f32, rounded: false };
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
    use crate::nn::Rows;

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

    #[test]
    fn heads_in_rows_give_what_tensors_of_them_give() {
        let x = Tensor::randn(0f32, 1.0, (37, 3 * 4 * 8), &Device::Cpu).unwrap();
        let part = |i: usize| cut_heads(&x.narrow(1, 32 * i, 32).unwrap().contiguous().unwrap(), 4).unwrap();
        let scale = (8f64).powf(-0.5);
        let want = attention_both_ways(&part(0), &part(1), &part(2), scale).unwrap();
        let rows = Rows::copy(&x).unwrap();
        for (rounded, most) in [(false, 1e-5), (true, 2e-3)] {
            let parts = [(&rows, 0), (&rows, 32), (&rows, 64)];
            let got = attention_in_rows(parts, 4, 8, rounded).unwrap().to_tensor().unwrap();
            let worst = (got - &want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(worst < most, "{worst}");
        }
        assert!(attention_in_rows([(&rows, 0), (&rows, 32), (&rows, 65)], 4, 8, false).is_err());
    }
}
