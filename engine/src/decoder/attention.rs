//! A layer's look back.

use smallvec::SmallVec;

use super::adapter::Projection;
use super::config::{AttentionSpec, DecoderConfig, KeySource};
use super::state::DecodeState;
use super::step::{Step, Traced};
use crate::error::Result;
use crate::kernels::attention::{Apart, Sequence};
use crate::nn::{
    Angles, Append, Array, KvCache, Linear, RmsNorm, Rows, attend_apart, attend_traced, to_heads,
};
use crate::weights::Weights;

#[derive(Clone)]
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
#[derive(Clone)]
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
    /// - `x`: `[n, d_model]`, which `norm` goes over first
    /// - `states`: one for each part of `step`
    /// - returns: as `x`
    pub(super) fn forward(
        &self,
        layer: usize,
        (norm, x): (&RmsNorm, &Rows),
        step: &Step,
        states: &mut [&mut DecodeState],
    ) -> candle_core::Result<Rows> {
        let rule = self.spec.rule;
        let angles = &step.angles[self.rotary];
        let (q, keys_and_values) = self.project(norm, x, angles)?;
        if let Some(how) = step.is_traced() {
            return self.output.forward(&self.look_around(how, step, &q, keys_and_values.as_ref())?);
        }
        if let Some((k, v)) = keys_and_values {
            let parts = step.parts.iter().zip(states.iter_mut());
            let mut appends: SmallVec<[Append; 4]> = parts
                .filter_map(|(part, state)| {
                    let cache = state.caches[layer].as_mut()?;
                    Some(Append { cache, pos: part.pos, rows: part.rows.clone() })
                })
                .collect();
            KvCache::append_each(&mut appends, &k, &v)?;
        }
        let source = match self.spec.keys {
            KeySource::Layer(earlier) => earlier,
            KeySource::Own | KeySource::Shared => layer,
        };
        let mut caches: SmallVec<[_; 4]> = SmallVec::new();
        let mut sees: SmallVec<[_; 8]> = SmallVec::new();
        for (part, state) in step.parts.iter().zip(states.iter()) {
            let Some(cache) = &state.caches[source] else {
                candle_core::bail!("layer {layer} reads the cache of layer {source}, which has none");
            };
            caches.push((cache, part.rows.clone()));
            sees.extend(part.sees(&self.spec));
        }
        let mixed = KvCache::attend(&caches, &q, &sees, rule, &step.masks)?;
        self.output.forward(&mixed)
    }

    /// What the rows of `step` see of each other: those of each part see its own and those before all parts.
    ///
    /// # Shapes
    /// - `q`: `[n_heads, n, head_dim]`; keys and values alike
    /// - returns: `[n, n_heads * head_dim]`
    fn look_around(
        &self,
        how: Traced,
        step: &Step,
        q: &Rows,
        keys: Option<&(Rows, Rows)>,
    ) -> candle_core::Result<Rows> {
        let traced = |rows: &Rows| rows.on_device().cloned().ok_or_else(untraced);
        let (k, v) = keys.ok_or_else(untraced)?;
        let (q, k, v) = (traced(q)?, traced(k)?, traced(v)?);
        let rule = self.spec.rule;
        if how == Traced::Together {
            let visible = step.parts.iter().flat_map(|part| part.visible(&self.spec)).collect();
            return attend_traced([&q, &k, &v], visible, rule, &step.masks);
        }
        let sequences = step.parts.iter().map(|part| Sequence {
            rows: part.rows.clone(),
            before: part.pos,
            sees: part.sees(&self.spec).collect(),
        });
        let AttentionSpec { n_heads, n_kv_heads, head_dim, .. } = self.spec;
        let (n, sequences) = (step.modalities.len(), sequences.collect());
        attend_apart(Apart { n_heads, n_kv_heads, head_dim, n, rule, sequences }, [&q, &k, &v])
    }

    /// The layer that a kind of adapter changes, where there is one.
    pub(super) fn linear(&self, of: Projection) -> Option<&Linear> {
        match of {
            Projection::Query => Some(&self.q),
            Projection::Key => self.keys.as_ref().map(|keys| &keys.k),
            Projection::Value => self.keys.as_ref().and_then(|keys| keys.v.as_ref()),
            Projection::Output => Some(&self.output),
            Projection::Gate | Projection::Up | Projection::Down => None,
        }
    }

    /// The same, to be changed, where there is one.
    pub(super) fn linear_mut(&mut self, of: Projection) -> Option<&mut Linear> {
        match of {
            Projection::Query => Some(&mut self.q),
            Projection::Key => self.keys.as_mut().map(|keys| &mut keys.k),
            Projection::Value => self.keys.as_mut().and_then(|keys| keys.v.as_mut()),
            Projection::Output => Some(&mut self.output),
            Projection::Gate | Projection::Up | Projection::Down => None,
        }
    }

    /// Queries, and keys and values where the layer has its own, `[n_heads, n, head_dim]`.
    fn project(
        &self,
        norm: &RmsNorm,
        x: &Rows,
        angles: &Angles,
    ) -> candle_core::Result<(Rows, Option<(Rows, Rows)>)> {
        let AttentionSpec { n_heads, n_kv_heads, .. } = self.spec;
        let queries = |q: &Rows| to_heads(q, n_heads, self.q_norm.as_ref(), Some(angles));
        let Some(Keys { k, v, k_norm, v_norm }) = &self.keys else {
            let [q] = Linear::forward_each_normed([&self.q], norm, x)?;
            return Ok((queries(&q)?, None));
        };
        let (q, k, v) = match v {
            Some(v) => {
                let [q, k, v] = Linear::forward_each_normed([&self.q, k, v], norm, x)?;
                (q, k, v)
            }
            None => {
                let [q, k] = Linear::forward_each_normed([&self.q, k], norm, x)?;
                (q, k.clone(), k)
            }
        };
        let keys = to_heads(&k, n_kv_heads, k_norm.as_ref(), Some(angles))?;
        let values = to_heads(&v, n_kv_heads, v_norm.as_ref(), None)?;
        Ok((queries(&q)?, Some((keys, values))))
    }
}

fn untraced() -> candle_core::Error {
    candle_core::Error::msg("a layer without keys of its own, or rows that are not traced, have no gradients")
}
