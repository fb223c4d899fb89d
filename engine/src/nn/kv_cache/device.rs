//! Keys and values in the memory of another device, and attention by whole tensors.

use std::io::{Error as IoError, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};

use super::super::activation::softcap;
use super::{AttentionRule, CacheShape};

/// Rows for each head, in f32; room for more doubles where there is too little.
#[derive(Clone)]
pub(super) struct DeviceRows {
    /// `[n_kv_heads, capacity, head_dim]`.
    keys: Tensor,
    /// The same.
    values: Tensor,
    /// Held by each clone: tensors are written in place, so those that others hold are copied first.
    holders: Arc<()>,
}

impl DeviceRows {
    pub(super) fn new(shape: CacheShape, device: &Device) -> candle_core::Result<Self> {
        const FIRST_CAPACITY: usize = 64;
        let empty = || Tensor::zeros((shape.n_kv_heads, FIRST_CAPACITY, shape.head_dim), DType::F32, device);
        Ok(Self { keys: empty()?, values: empty()?, holders: Arc::default() })
    }

    /// Writes some rows of keys and values after those of its own that stay.
    ///
    /// # Shapes
    /// - `new`: `[n_kv_heads, n, head_dim]` each
    pub(super) fn write(
        &mut self,
        new: [&Tensor; 2],
        rows: Range<usize>,
        stay: Range<usize>,
    ) -> candle_core::Result<()> {
        let (n_kv_heads, capacity, head_dim) = self.keys.dims3()?;
        let kept = stay.len();
        let needed = kept + rows.len();
        let larger = if needed > capacity { needed.max(2 * capacity) } else { capacity };
        let moves = stay.start > 0 || larger > capacity || Arc::get_mut(&mut self.holders).is_none();
        for (all, new) in [&mut self.keys, &mut self.values].into_iter().zip(new) {
            if moves {
                let moved = Tensor::zeros((n_kv_heads, larger, head_dim), DType::F32, all.device())?;
                if kept > 0 {
                    moved.slice_set(&all.narrow(1, stay.start, kept)?.contiguous()?, 1, 0)?;
                }
                *all = moved;
            }
            all.slice_set(&new.narrow(1, rows.start, rows.len())?.contiguous()?, 1, kept)?;
        }
        if moves {
            self.holders = Arc::default();
        }
        Ok(())
    }

    /// Mixes values for the queries: query i sees the rows `sees[i]`.
    ///
    /// # Shapes
    /// - `q`: `[n_heads, n, head_dim]`, contiguous
    /// - returns: `[n, n_heads * head_dim]`
    pub(super) fn attend(
        &self,
        q: &Tensor,
        sees: &[Range<usize>],
        rule: AttentionRule,
    ) -> candle_core::Result<Tensor> {
        let start = sees.iter().map(|sees| sees.start).min().unwrap_or(0);
        let end = sees.iter().map(|sees| sees.end).max().unwrap_or(0);
        let (k, v) = (self.keys.narrow(1, start, end - start)?, self.values.narrow(1, start, end - start)?);
        let hides = sees.iter().any(|sees| *sees != (start..end));
        let mask = hides.then(|| mask(sees, start..end, q.device())).transpose()?;
        attend([&k, &v], q, mask.as_ref(), rule)
    }

    /// Of these, `[n_kv_heads, n, head_dim]` each, which nobody else writes.
    pub(super) fn of(keys: Tensor, values: Tensor) -> Self {
        Self { keys, values, holders: Arc::default() }
    }

    /// Copies of the first `n` rows of each head, keys and values.
    pub(super) fn first(&self, n: usize) -> candle_core::Result<[Tensor; 2]> {
        Ok([self.keys.narrow(1, 0, n)?.force_contiguous()?, self.values.narrow(1, 0, n)?.force_contiguous()?])
    }

    /// Writes the first `n` rows of each head, keys before values.
    pub(super) fn save(&self, n: usize, out: &mut impl Write) -> std::io::Result<()> {
        for all in [&self.keys, &self.values] {
            let numbers = all.narrow(1, 0, n).and_then(|rows| rows.flatten_all()?.to_vec1::<f32>());
            let bytes: Vec<u8> =
                numbers.map_err(IoError::other)?.into_iter().flat_map(f32::to_le_bytes).collect();
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Reads `n` rows of each head that [`DeviceRows::save`] wrote.
    pub(super) fn load(
        shape: CacheShape,
        n: usize,
        device: &Device,
        from: &mut impl Read,
    ) -> std::io::Result<Self> {
        let (n_heads, width) = (shape.n_kv_heads, shape.head_dim);
        let mut rows = || -> std::io::Result<Tensor> {
            let mut bytes = vec![0; n_heads * n * width * size_of::<f32>()];
            from.read_exact(&mut bytes)?;
            Tensor::from_raw_buffer(&bytes, DType::F32, &[n_heads, n, width], device).map_err(IoError::other)
        };
        Ok(Self::of(rows()?, rows()?))
    }
}

/// Mixes values for the queries, which see all rows or those that `mask` leaves.
///
/// # Shapes
/// - `k`, `v`: `[n_kv_heads, n_keys, head_dim]`
/// - `q`: `[n_heads, n, head_dim]`, contiguous
/// - `mask`: `[n, n_keys]`, which is added to scores
/// - returns: `[n, n_heads * head_dim]`
pub(super) fn attend(
    [k, v]: [&Tensor; 2],
    q: &Tensor,
    mask: Option<&Tensor>,
    rule: AttentionRule,
) -> candle_core::Result<Tensor> {
    let (n_heads, n, head_dim) = q.dims3()?;
    let (n_kv_heads, n_keys, _) = k.dims3()?;
    // The queries that share a key head become rows of one product, so that nothing is repeated.
    let group = n_heads / n_kv_heads;
    let q = q.reshape((n_kv_heads, group * n, head_dim))?;
    let scores = (q.matmul(&k.transpose(1, 2)?)? * f64::from(rule.scale))?;
    let mut scores = match rule.softcap {
        Some(cap) => softcap(&scores, f64::from(cap))?,
        None => scores,
    };
    if let Some(mask) = mask {
        let grouped = scores.reshape((n_kv_heads, group, n, n_keys))?;
        scores = grouped.broadcast_add(mask)?.reshape((n_kv_heads, group * n, n_keys))?;
    }
    let weights = match scores.track_op() {
        true => candle_nn::ops::softmax(&scores, D::Minus1)?,
        false => candle_nn::ops::softmax_last_dim(&scores)?,
    };
    let mixed = weights.matmul(v)?; // [n_kv_heads, group * n, head_dim]
    mixed.reshape((n_heads, n, head_dim))?.transpose(0, 1)?.reshape((n, n_heads * head_dim))
}

/// 0 where a query may look, −∞ elsewhere; made on the device, since for a long prompt it is large.
///
/// # Shapes
/// - returns: `[sees.len(), keys.len()]`
fn mask(sees: &[Range<usize>], keys: Range<usize>, device: &Device) -> candle_core::Result<Tensor> {
    let shape = (sees.len(), keys.len());
    let bound = |bound: fn(&Range<usize>) -> usize| {
        let bounds = Tensor::from_iter(sees.iter().map(|sees| bound(sees) as u32), device)?;
        bounds.unsqueeze(1)?.broadcast_as(shape)?.contiguous()
    };
    let keys = Tensor::arange(keys.start as u32, keys.end as u32, device)?;
    let keys = keys.unsqueeze(0)?.broadcast_as(shape)?.contiguous()?;
    let is_seen = (keys.ge(&bound(|sees| sees.start)?)? * keys.lt(&bound(|sees| sees.end)?)?)?;
    let hidden = Tensor::full(f32::NEG_INFINITY, shape, device)?;
    is_seen.where_cond(&Tensor::zeros(shape, DType::F32, device)?, &hidden)
}
