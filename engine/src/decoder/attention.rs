//! A layer's look back.

use candle_core::Tensor;

use super::config::{AttentionSpec, DecoderConfig, KeySource};
use super::state::DecodeState;
use super::step::Step;
use crate::error::Result;
use crate::nn::{Linear, RmsNorm};
use crate::weights::Weights;

pub(super) struct Attention {
    spec: AttentionSpec,
    q: Linear,
    q_norm: Option<RmsNorm>,
    /// None where another layer's cache is read.
    keys: Option<Keys>,
    output: Linear,
    /// Which of the decoder's rotary angles.
    rotary: usize,
}

/// How keys and values are made.
struct Keys {
    k: Linear,
    /// None where values are the raw keys.
    v: Option<Linear>,
    k_norm: Option<RmsNorm>,
    v_norm: Option<RmsNorm>,
}

impl Attention {
    pub(super) fn new(
        config: &DecoderConfig,
        spec: &AttentionSpec,
        rotary: usize,
        w: &Weights,
    ) -> Result<Self> {
        let AttentionSpec { n_heads, n_kv_heads, head_dim, .. } = *spec;
        let (d_model, d_kv) = (config.d_model, n_kv_heads * head_dim);
        let norm =
            |name: &str| spec.qk_norm.then(|| RmsNorm::new(head_dim, config.norm, &w.sub(name))).transpose();
        let v_norm =
            || spec.v_norm.then(|| RmsNorm::unscaled(head_dim, config.norm.eps, w.device())).transpose();
        let v = match spec.keys {
            KeySource::Own => Some(Linear::new(d_model, d_kv, &w.sub("v"))?),
            KeySource::Shared | KeySource::Layer(_) => None,
        };
        let keys = match spec.keys {
            KeySource::Layer(_) => None,
            KeySource::Own | KeySource::Shared => Some(Keys {
                k: Linear::new(d_model, d_kv, &w.sub("k"))?,
                v,
                k_norm: norm("k_norm")?,
                v_norm: v_norm()?,
            }),
        };
        Ok(Self {
            q: Linear::new(d_model, n_heads * head_dim, &w.sub("q"))?,
            q_norm: norm("q_norm")?,
            keys,
            output: Linear::new(n_heads * head_dim, d_model, &w.sub("output"))?,
            spec: spec.clone(),
            rotary,
        })
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`
    /// - `states`: one for each part of `step`
    /// - returns: as `x`
    pub(super) fn forward(
        &self,
        layer: usize,
        x: &Tensor,
        step: &Step,
        states: &mut [&mut DecodeState],
    ) -> candle_core::Result<Tensor> {
        let AttentionSpec { n_heads, n_kv_heads, rule, .. } = self.spec;
        let angles = &step.angles[self.rotary];
        let q = angles.rotate(&self.heads(&self.q.forward(x)?, n_heads, self.q_norm.as_ref())?)?;
        if let Some(keys) = &self.keys {
            let raw = keys.k.forward(x)?;
            let k = angles.rotate(&self.heads(&raw, n_kv_heads, keys.k_norm.as_ref())?)?;
            let v = match &keys.v {
                Some(v) => v.forward(x)?,
                None => raw,
            };
            let v = self.heads(&v, n_kv_heads, keys.v_norm.as_ref())?;
            for (part, state) in step.parts.iter().zip(states.iter_mut()) {
                let own =
                    |x: &Tensor| x.squeeze(0)?.narrow(1, part.rows.start, part.rows.len())?.contiguous();
                if let Some(cache) = &mut state.caches[layer] {
                    cache.append(part.pos, &own(&k)?, &own(&v)?)?;
                }
            }
        }
        let source = match self.spec.keys {
            KeySource::Layer(earlier) => earlier,
            KeySource::Own | KeySource::Shared => layer,
        };
        let mut mixed = Vec::with_capacity(step.parts.len());
        for (part, state) in step.parts.iter().zip(states.iter()) {
            let Some(cache) = &state.caches[source] else {
                candle_core::bail!("layer {layer} reads the cache of layer {source}, which has none");
            };
            let q = q.squeeze(0)?.narrow(1, part.rows.start, part.rows.len())?.contiguous()?;
            mixed.push(cache.attend(&q, &part.sees(&self.spec), rule)?);
        }
        let mixed = if mixed.len() == 1 { mixed.remove(0) } else { Tensor::cat(&mixed, 0)? };
        self.output.forward(&mixed)
    }

    /// `[n, n_heads * head_dim]` → `[1, n_heads, n, head_dim]`, normed where there is a norm.
    fn heads(&self, x: &Tensor, n_heads: usize, norm: Option<&RmsNorm>) -> candle_core::Result<Tensor> {
        let x = x.reshape((1, x.dim(0)?, n_heads, self.spec.head_dim))?;
        let x = match norm {
            Some(norm) => norm.forward(&x)?,
            None => x,
        };
        x.transpose(1, 2)?.contiguous()
    }
}
