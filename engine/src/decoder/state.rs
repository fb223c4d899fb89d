//! What a request changes: the keys and values of the tokens so far.

use candle_core::{DType, Device, Tensor};

use super::config::DecoderConfig;

/// Keys and values of one layer, `[n_kv_heads, capacity, head_dim]` each; grows by doubling.
pub(super) struct LayerCache {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl LayerCache {
    /// Writes rows at `pos`.
    ///
    /// # Shapes
    /// - `keys`, `values`: `[n_kv_heads, n, head_dim]`, contiguous
    pub(super) fn append(&mut self, pos: usize, keys: &Tensor, values: &Tensor) -> candle_core::Result<()> {
        let (n_kv_heads, n, head_dim) = keys.dims3()?;
        let capacity = self.keys.dim(1)?;
        let end = pos + n;
        if end > capacity {
            let larger = (n_kv_heads, (2 * capacity).max(end), head_dim);
            for cache in [&mut self.keys, &mut self.values] {
                let grown = Tensor::zeros(larger, DType::F32, cache.device())?;
                grown.slice_set(cache, 1, 0)?;
                *cache = grown;
            }
        }
        self.keys.slice_set(keys, 1, pos)?;
        self.values.slice_set(values, 1, pos)
    }
}

/// The memory of one conversation with one decoder; the caller owns it.
pub struct DecodeState {
    pub(super) layers: Vec<LayerCache>,
    pub(super) pos: usize,
}

impl DecodeState {
    /// An empty state for this decoder.
    pub(super) fn new(config: &DecoderConfig, device: &Device) -> candle_core::Result<Self> {
        const FIRST_CAPACITY: usize = 64;
        let layers = config.layers.iter().map(|layer| {
            let shape = (layer.attention.n_kv_heads, FIRST_CAPACITY, layer.attention.head_dim);
            let empty = || Tensor::zeros(shape, DType::F32, device);
            Ok(LayerCache { keys: empty()?, values: empty()? })
        });
        Ok(Self { layers: layers.collect::<candle_core::Result<_>>()?, pos: 0 })
    }

    /// Tokens that it holds.
    pub fn pos(&self) -> usize {
        self.pos
    }

    /// Forgets all tokens from `pos` on, so that another continuation can follow.
    pub fn truncate(&mut self, pos: usize) {
        self.pos = self.pos.min(pos);
    }
}
