//! One layer: norm, attention, norm, feed-forward, each added to the residual stream.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::config::{AttentionSpec, DecoderConfig, FeedForwardSpec, LayerSpec};
use super::state::LayerCache;
use crate::error::Result;
use crate::nn::{Linear, RmsNorm, Rotary};
use crate::weights::Weights;

pub(super) struct Block {
    attention_norm: RmsNorm,
    attention: Attention,
    feed_forward_norm: RmsNorm,
    feed_forward: SwiGlu,
}

impl Block {
    pub(super) fn new(
        config: &DecoderConfig,
        layer: &LayerSpec,
        rotary: Arc<Rotary>,
        w: &Weights,
    ) -> Result<Self> {
        let FeedForwardSpec::SwiGlu { d_hidden } = layer.feed_forward;
        Ok(Self {
            attention_norm: RmsNorm::new(config.d_model, config.norm_eps, &w.sub("attention_norm"))?,
            attention: Attention::new(config.d_model, &layer.attention, rotary, &w.sub("attention"))?,
            feed_forward_norm: RmsNorm::new(config.d_model, config.norm_eps, &w.sub("feed_forward_norm"))?,
            feed_forward: SwiGlu::new(config.d_model, d_hidden, &w.sub("feed_forward"))?,
        })
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`, rows at positions `pos..pos + n`
    /// - returns: the same
    pub(super) fn forward(
        &self,
        x: &Tensor,
        pos: usize,
        cache: &mut LayerCache,
    ) -> candle_core::Result<Tensor> {
        let x = (x + self.attention.forward(&self.attention_norm.forward(x)?, pos, cache)?)?;
        &x + self.feed_forward.forward(&self.feed_forward_norm.forward(&x)?)?
    }
}

struct Attention {
    spec: AttentionSpec,
    q: Linear,
    k: Linear,
    v: Linear,
    output: Linear,
    rotary: Arc<Rotary>,
}

impl Attention {
    fn new(d_model: usize, spec: &AttentionSpec, rotary: Arc<Rotary>, w: &Weights) -> Result<Self> {
        let (d_q, d_kv) = (spec.n_heads * spec.head_dim, spec.n_kv_heads * spec.head_dim);
        Ok(Self {
            q: Linear::new(d_model, d_q, &w.sub("q"))?,
            k: Linear::new(d_model, d_kv, &w.sub("k"))?,
            v: Linear::new(d_model, d_kv, &w.sub("v"))?,
            output: Linear::new(d_q, d_model, &w.sub("output"))?,
            spec: spec.clone(),
            rotary,
        })
    }

    fn forward(&self, x: &Tensor, pos: usize, cache: &mut LayerCache) -> candle_core::Result<Tensor> {
        let AttentionSpec { n_heads, n_kv_heads, head_dim, .. } = self.spec;
        let n = x.dim(0)?;
        let heads = |x: Tensor, n_heads: usize| {
            // [n, n_heads * head_dim] -> [1, n_heads, n, head_dim]
            x.reshape((1, n, n_heads, head_dim))?.transpose(1, 2)?.contiguous()
        };
        let q = self.rotary.forward(&heads(self.q.forward(x)?, n_heads)?, pos)?;
        let k = self.rotary.forward(&heads(self.k.forward(x)?, n_kv_heads)?, pos)?;
        let v = heads(self.v.forward(x)?, n_kv_heads)?;
        let (k, v) = cache.append(pos, &k.squeeze(0)?, &v.squeeze(0)?)?;
        let n_keys = pos + n;
        // The queries that share a key head become rows of one product, so that nothing is repeated.
        let group = n_heads / n_kv_heads;
        let q = q.reshape((n_kv_heads, group * n, head_dim))?;
        let scores = (q.matmul(&k.transpose(1, 2)?)? * (head_dim as f64).powf(-0.5))?;
        let scores = if n == 1 {
            scores
        } else {
            let mask = causal_mask(n, pos, x.device())?;
            scores.reshape((n_kv_heads, group, n, n_keys))?.broadcast_add(&mask)?
        };
        let weights = candle_nn::ops::softmax_last_dim(&scores)?.reshape((n_kv_heads, group * n, n_keys))?;
        let mixed = weights.matmul(&v)?; // [n_kv_heads, group * n, head_dim]
        let mixed =
            mixed.reshape((n_heads, n, head_dim))?.transpose(0, 1)?.reshape((n, n_heads * head_dim))?;
        self.output.forward(&mixed)
    }
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

struct SwiGlu {
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl SwiGlu {
    fn new(d_model: usize, d_hidden: usize, w: &Weights) -> Result<Self> {
        Ok(Self {
            gate: Linear::new(d_model, d_hidden, &w.sub("gate"))?,
            up: Linear::new(d_model, d_hidden, &w.sub("up"))?,
            down: Linear::new(d_hidden, d_model, &w.sub("down"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let gate = candle_nn::ops::silu(&self.gate.forward(x)?)?;
        self.down.forward(&(gate * self.up.forward(x)?)?)
    }
}
