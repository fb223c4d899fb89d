//! One layer: norm, attention, norm, feed-forward, each added to the residual stream; in some families
//! normed once more before it is added, and followed by what the layer's own embedding of the token adds.

use super::adapter::{AdapterLayers, Projection};
use super::attention::Attention;
use super::config::{DecoderConfig, LayerSpec};
use super::feed_forward::FeedForward;
use super::per_layer::PerLayerGate;
use super::routing::Choice;
use super::state::DecodeState;
use super::step::Step;
use crate::error::Result;
use crate::nn::{Linear, RmsNorm, Rows, add};
use crate::weights::Weights;

#[derive(Clone)]
pub(super) struct Block {
    layer: usize,
    attention_norm: RmsNorm,
    attention: Attention,
    post_attention_norm: Option<RmsNorm>,
    feed_forward: FeedForward,
    post_feed_forward_norm: Option<RmsNorm>,
    per_layer: Option<PerLayerGate>,
    output_scale: Option<f32>,
}

impl Block {
    /// `rotary` is the number of its angles among the decoder's.
    pub(super) fn new(config: &DecoderConfig, layer: usize, rotary: usize, w: &Weights) -> Result<Self> {
        let spec = &config.layers[layer];
        let norm = |name: &str| RmsNorm::new(config.d_model, config.norm, &w.sub(name));
        let post = |name: &str| spec.post_norms.then(|| norm(name)).transpose();
        let LayerSpec { attention, output_scale, .. } = spec;
        let per_layer = config.per_layer.map(|per_layer| PerLayerGate::new(config, per_layer, w));
        Ok(Self {
            layer,
            attention_norm: norm("attention_norm")?,
            attention: Attention::new(config, attention, rotary, &w.sub("attention"))?,
            post_attention_norm: post("post_attention_norm")?,
            feed_forward: FeedForward::new(config, &spec.feed_forward, w)?,
            post_feed_forward_norm: post("post_feed_forward_norm")?,
            per_layer: per_layer.transpose()?,
            output_scale: output_scale.then(|| w.sub("output_scale").get_number("weight")).transpose()?,
        })
    }

    /// The same block, which shares its weights with this one, with adapters; layers without one are as they were loaded.
    ///
    /// # Errors
    /// When an adapter has another shape than its layer.
    pub(super) fn adapted(&self, adapter: &AdapterLayers) -> candle_core::Result<Self> {
        let mut block = self.clone();
        for of in Projection::ALL {
            let Some(linear) = block.linear_mut(of) else { continue };
            *linear = linear.adapted(adapter.get(self.layer, of).cloned())?;
        }
        Ok(block)
    }

    /// The layer that a kind of adapter changes, where there is one.
    pub(super) fn linear(&self, of: Projection) -> Option<&Linear> {
        self.attention.linear(of).or_else(|| self.feed_forward.linear(of))
    }

    /// The same, to be changed, where there is one.
    pub(super) fn linear_mut(&mut self, of: Projection) -> Option<&mut Linear> {
        self.attention.linear_mut(of).or_else(|| self.feed_forward.linear_mut(of))
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`, the rows of `step`
    /// - `embeddings`: what each layer adds on its own, `[n, n_layers * width]`
    /// - `states`: one for each part of `step`; none where it keeps nothing
    /// - returns: as `x`
    pub(super) fn forward(
        &self,
        x: &Rows,
        step: &Step,
        embeddings: Option<&Rows>,
        states: &mut [&mut DecodeState],
    ) -> candle_core::Result<Rows> {
        let y = self.attention.forward(self.layer, (&self.attention_norm, x), step, states)?;
        let x = add(through(self.post_attention_norm.as_ref(), y)?, x)?;
        let y = self.feed_forward.forward(&x, |row, expert| {
            let (Some(i), Some(modality)) =
                (step.parts.iter().position(|part| part.rows.contains(&row)), step.modalities.get(row))
            else {
                return;
            };
            let pos = step.parts[i].pos + row - step.parts[i].rows.start;
            if let Some(state) = states.get_mut(i) {
                state.count(Choice { pos, layer: self.layer, modality: *modality, expert });
            }
        })?;
        let mut x = add(through(self.post_feed_forward_norm.as_ref(), y)?, &x)?;
        if let (Some(gate), Some(embeddings)) = (&self.per_layer, embeddings) {
            x = gate.forward(x, &gate.of_layer(embeddings, self.layer)?)?;
        }
        match self.output_scale {
            Some(scale) => x.times(f64::from(scale)),
            None => Ok(x),
        }
    }
}

/// `x` through a norm where there is one.
fn through(norm: Option<&RmsNorm>, x: Rows) -> candle_core::Result<Rows> {
    match norm {
        Some(norm) => norm.forward(&x),
        None => Ok(x),
    }
}
