//! One layer: norm, attention, norm, feed-forward, each added to the residual stream; in some families
//! normed once more before it is added.

use std::sync::Arc;

use candle_core::Tensor;

use super::config::{AttentionSpec, DecoderConfig, LayerSpec};
use super::feed_forward::FeedForward;
use super::state::LayerCache;
use crate::error::Result;
use crate::nn::{Linear, RmsNorm, Rotary, causal_attention};
use crate::weights::Weights;

pub(super) struct Block {
    attention_norm: RmsNorm,
    attention: Attention,
    post_attention_norm: Option<RmsNorm>,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
    post_feed_forward_norm: Option<RmsNorm>,
}

impl Block {
    pub(super) fn new(
        config: &DecoderConfig,
        layer: &LayerSpec,
        rotary: Arc<Rotary>,
        w: &Weights,
    ) -> Result<Self> {
        let norm = |name: &str| RmsNorm::new(config.d_model, config.norm, &w.sub(name));
        let post = |name: &str| layer.post_norms.then(|| norm(name)).transpose();
        Ok(Self {
            attention_norm: norm("attention_norm")?,
            attention: Attention::new(config, &layer.attention, rotary, &w.sub("attention"))?,
            post_attention_norm: post("post_attention_norm")?,
            feed_forward_norm: norm("feed_forward_norm")?,
            feed_forward: FeedForward::new(config.d_model, &layer.feed_forward, &w.sub("feed_forward"))?,
            post_feed_forward_norm: post("post_feed_forward_norm")?,
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
        let y = self.attention.forward(&self.attention_norm.forward(x)?, pos, cache)?;
        let x = (x + through(self.post_attention_norm.as_ref(), y)?)?;
        let y = self.feed_forward.forward(&self.feed_forward_norm.forward(&x)?)?;
        x + through(self.post_feed_forward_norm.as_ref(), y)?
    }
}

/// `x` through a norm where there is one.
fn through(norm: Option<&RmsNorm>, x: Tensor) -> candle_core::Result<Tensor> {
    match norm {
        Some(norm) => norm.forward(&x),
        None => Ok(x),
    }
}

struct Attention {
    spec: AttentionSpec,
    q: Linear,
    k: Linear,
    v: Linear,
    output: Linear,
    /// Norms of each head of the queries and keys.
    qk_norms: Option<(RmsNorm, RmsNorm)>,
    rotary: Arc<Rotary>,
}

impl Attention {
    fn new(config: &DecoderConfig, spec: &AttentionSpec, rotary: Arc<Rotary>, w: &Weights) -> Result<Self> {
        let d_model = config.d_model;
        let norm = |name: &str| RmsNorm::new(spec.head_dim, config.norm, &w.sub(name));
        let qk_norms = if spec.qk_norm { Some((norm("q_norm")?, norm("k_norm")?)) } else { None };
        let (d_q, d_kv) = (spec.n_heads * spec.head_dim, spec.n_kv_heads * spec.head_dim);
        Ok(Self {
            q: Linear::new(d_model, d_q, &w.sub("q"))?,
            k: Linear::new(d_model, d_kv, &w.sub("k"))?,
            v: Linear::new(d_model, d_kv, &w.sub("v"))?,
            output: Linear::new(d_q, d_model, &w.sub("output"))?,
            spec: spec.clone(),
            qk_norms,
            rotary,
        })
    }

    fn forward(&self, x: &Tensor, pos: usize, cache: &mut LayerCache) -> candle_core::Result<Tensor> {
        let AttentionSpec { n_heads, n_kv_heads, head_dim, rule, .. } = self.spec;
        let n = x.dim(0)?;
        let heads = |x: Tensor, n_heads: usize, norm: Option<&RmsNorm>| {
            // [n, n_heads * head_dim] -> [1, n_heads, n, head_dim]
            let x = through(norm, x.reshape((1, n, n_heads, head_dim))?)?;
            x.transpose(1, 2)?.contiguous()
        };
        let (q_norm, k_norm) = self.qk_norms.as_ref().map(|(q, k)| (q, k)).unzip();
        let q = self.rotary.forward(&heads(self.q.forward(x)?, n_heads, q_norm)?, pos)?;
        let k = self.rotary.forward(&heads(self.k.forward(x)?, n_kv_heads, k_norm)?, pos)?;
        let v = heads(self.v.forward(x)?, n_kv_heads, None)?;
        cache.append(pos, &k.squeeze(0)?, &v.squeeze(0)?)?;
        let mixed = causal_attention(&q.squeeze(0)?, &cache.keys, &cache.values, pos, rule)?;
        self.output.forward(&mixed)
    }
}
