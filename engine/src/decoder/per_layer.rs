//! Embeddings that each layer adds on its own: a second, wide table of the tokens, of which a token needs one
//! row, so that the table can stay on disk (Gemma 3n and 4; transformers `modeling_gemma4.py`,
//! `project_per_layer_inputs`).

use candle_core::Device;

use super::config::{DecoderConfig, PerLayerSpec};
use crate::error::Result;
use crate::nn::{Activation, Embedding, Linear, RmsNorm, Rows, add};
use crate::weights::Weights;

/// The table, and a projection of the usual embedding that is added to its rows.
#[derive(Clone)]
pub(super) struct PerLayerEmbedding {
    spec: PerLayerSpec,
    d_model: usize,
    table: Embedding,
    projection: Linear,
    norm: RmsNorm,
}

impl PerLayerEmbedding {
    pub(super) fn new(config: &DecoderConfig, spec: PerLayerSpec, w: &Weights) -> Result<Self> {
        let n_layers = config.layers.len();
        let width = n_layers * spec.width;
        Ok(Self {
            spec,
            d_model: config.d_model,
            table: Embedding::in_place(spec.n_vocab, width, &w.sub("per_layer_embedding"))?,
            projection: Linear::new(config.d_model, width, &w.sub("per_layer_projection"))?,
            norm: RmsNorm::new(spec.width, config.norm, &w.sub("per_layer_norm"))?,
        })
    }

    /// # Shapes
    /// - `ids`: `n`, with the padding token where media stand
    /// - `x`: `[n, d_model]`, what the first layer reads
    /// - returns: `[n, n_layers * width]` on `device`
    pub(super) fn forward(&self, ids: &[u32], x: &Rows, device: &Device) -> candle_core::Result<Rows> {
        let of_token: Rows = self.table.forward(ids, device)?;
        let of_token = of_token.times((self.spec.width as f64).sqrt())?;
        let of_context = self.projection.forward(x)?.times((self.d_model as f64).powf(-0.5))?;
        add(self.norm.forward(&of_context)?, &of_token)?.times(0.5f64.sqrt())
    }
}

/// What a layer does with its embedding.
#[derive(Clone)]
pub(super) struct PerLayerGate {
    width: usize,
    gate: Linear,
    activation: Activation,
    projection: Linear,
    norm: RmsNorm,
}

impl PerLayerGate {
    pub(super) fn new(config: &DecoderConfig, spec: PerLayerSpec, w: &Weights) -> Result<Self> {
        Ok(Self {
            width: spec.width,
            gate: Linear::new(config.d_model, spec.width, &w.sub("per_layer_gate"))?,
            activation: spec.activation,
            projection: Linear::new(spec.width, config.d_model, &w.sub("per_layer_projection"))?,
            norm: RmsNorm::new(config.d_model, config.norm, &w.sub("post_per_layer_norm"))?,
        })
    }

    /// The part of a layer, `[n, width]`, of what [`PerLayerEmbedding::forward`] returns.
    pub(super) fn of_layer(&self, embeddings: &Rows, layer: usize) -> candle_core::Result<Rows> {
        embeddings.columns(layer * self.width, self.width)
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`
    /// - `embedding`: `[n, width]`
    /// - returns: as `x`
    pub(super) fn forward(&self, x: Rows, embedding: &Rows) -> candle_core::Result<Rows> {
        let gate = self.gate.forward(&x)?;
        let y = self.projection.forward_gated(self.activation, gate, embedding)?;
        add(x, &self.norm.forward(&y)?)
    }
}
