//! One layer: norm, attention, norm, feed-forward, each added to the residual stream.

use std::sync::Arc;

use candle_core::Tensor;

use super::config::{AttentionSpec, DecoderConfig, FeedForwardSpec, LayerSpec};
use super::state::LayerCache;
use crate::error::Result;
use crate::nn::{Linear, RmsNorm, Rotary, causal_attention};
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
        cache.append(pos, &k.squeeze(0)?, &v.squeeze(0)?)?;
        let mixed = causal_attention(&q.squeeze(0)?, &cache.keys, &cache.values, pos)?;
        self.output.forward(&mixed)
    }
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
