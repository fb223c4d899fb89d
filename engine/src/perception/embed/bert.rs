//! The BERT encoder (Devlin et al., 2019): token ids in, one vector per token out.
//! Reference: transformers `models/bert/modeling_bert.py`. Golden: `tests/golden/minilm.json`.

use candle_core::{Device, Tensor};
use serde::Deserialize;

use crate::cancel::Cancel;
use crate::error::{Doing, Error, Result};
use crate::nn::{Activation, Embedding, LayerNorm, Linear, attention_both_ways, cut_heads};
use crate::weights::{Purpose, Weights};

/// Sizes, as the checkpoint's `config.json` calls them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BertConfig {
    /// Width of a token's vector.
    #[serde(rename = "hidden_size")]
    pub width: usize,
    /// Layers.
    #[serde(rename = "num_hidden_layers")]
    pub n_layers: usize,
    /// Attention heads; they divide the width.
    #[serde(rename = "num_attention_heads")]
    pub n_heads: usize,
    /// Width between the two layers of the feed-forward part.
    #[serde(rename = "intermediate_size")]
    pub inner: usize,
    /// Tokens that it knows.
    #[serde(rename = "vocab_size")]
    pub n_vocab: usize,
    /// Longest sequence.
    #[serde(rename = "max_position_embeddings")]
    pub n_positions: usize,
    /// Kinds of sequence (first and second of a pair).
    #[serde(rename = "type_vocab_size")]
    pub n_segments: usize,
    /// Keeps the division of the normalisation finite.
    #[serde(rename = "layer_norm_eps")]
    pub norm_eps: f64,
    /// Between the two layers of the feed-forward part; only "gelu" is known.
    #[serde(rename = "hidden_act", default = "gelu")]
    pub activation: String,
}

fn gelu() -> String {
    "gelu".to_owned()
}

impl BertConfig {
    /// Refuses sizes that no such network has.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("hidden_size", self.width, 8192),
            ("num_hidden_layers", self.n_layers, 128),
            ("num_attention_heads", self.n_heads, 256),
            ("intermediate_size", self.inner, 65_536),
            ("vocab_size", self.n_vocab, 2_000_000),
            ("max_position_embeddings", self.n_positions, 65_536),
            ("type_vocab_size", self.n_segments, 64),
        ];
        for (field, size, most) in sizes {
            if !(1..=most).contains(&size) {
                return Err(Error::Config { field, reason: format!("{size} is not between 1 and {most}") });
            }
        }
        if self.activation != "gelu" {
            let reason = format!("{:?} is not supported", self.activation);
            return Err(Error::Config { field: "hidden_act", reason });
        }
        if !self.width.is_multiple_of(self.n_heads) {
            let reason = format!("{} heads do not divide the width {}", self.n_heads, self.width);
            return Err(Error::Config { field: "num_attention_heads", reason });
        }
        Ok(())
    }
}

struct Layer {
    q: Linear,
    k: Linear,
    v: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    mlp_norm: LayerNorm,
}

/// The encoder.
pub struct Bert {
    config: BertConfig,
    embedding: Embedding,
    /// `[n_positions, width]`, the vector of the first segment already added.
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Takes all weights of the encoder.
    ///
    /// # Errors
    /// As [`Weights::get`]; [`Error::Config`].
    pub fn new(config: &BertConfig, w: &Weights) -> Result<Self> {
        config.check()?;
        let (width, inner) = (config.width, config.inner);
        let norm = |name: &str, w: &Weights| LayerNorm::new(width, config.norm_eps, &w.sub(name));
        let linear = |name: &str, n_in, n_out, w: &Weights| Linear::new(n_in, n_out, &w.sub(name));
        let of_layers = match w.purpose() {
            Purpose::RoundedEncoder | Purpose::RowRoundedEncoder => w.sub("layers"),
            _ => w.sub("layers").meant_for(Purpose::Encoder),
        };
        let layers = (0..config.n_layers).map(|i| {
            let w = of_layers.sub(i);
            Ok(Layer {
                q: linear("attention.q", width, width, &w)?,
                k: linear("attention.k", width, width, &w)?,
                v: linear("attention.v", width, width, &w)?,
                output: linear("attention.output", width, width, &w)?,
                attention_norm: norm("attention_norm", &w)?,
                up: linear("mlp.up", width, inner, &w)?,
                down: linear("mlp.down", inner, width, &w)?,
                mlp_norm: norm("mlp_norm", &w)?,
            })
        });
        let layers = layers.collect::<Result<_>>()?;
        let positions = w.get("positions.weight", &[config.n_positions, width])?;
        let segments = w.get("segments.weight", &[config.n_segments, width])?;
        let positions = segments.narrow(0, 0, 1).and_then(|first| positions.broadcast_add(&first));
        Ok(Self {
            config: config.clone(),
            embedding: Embedding::new(config.n_vocab, width, &w.sub("embedding"))?,
            positions: positions.doing("preparing the positions")?,
            norm: norm("norm", w)?,
            layers,
        })
    }

    /// The sizes.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Vectors of every token of a batch; `None` when cancelled between two layers.
    ///
    /// # Shapes
    /// - `ids`: `batch` sequences of ids, each with at most `n_positions`; shorter ones are padded here
    /// - returns: `[batch, longest, width]`
    ///
    /// # Errors
    /// [`Error::Compute`].
    pub fn forward(&self, ids: &[&[u32]], cancel: &Cancel) -> Result<Option<Tensor>> {
        self.forward_inner(ids, cancel).doing("embedding text")
    }

    fn forward_inner(&self, ids: &[&[u32]], cancel: &Cancel) -> candle_core::Result<Option<Tensor>> {
        let (batch, width) = (ids.len(), self.config.width);
        let longest = ids.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let padded: Vec<u32> = ids
            .iter()
            .flat_map(|ids| ids.iter().copied().chain(std::iter::repeat(0)).take(longest))
            .collect();
        let x: Tensor = self.embedding.forward(&padded, &Device::Cpu)?;
        let x = x.reshape((batch, longest, width))?;
        let x = x.broadcast_add(&self.positions.narrow(0, 0, longest)?)?;
        let mut x = self.norm.forward(&x)?.reshape((batch * longest, width))?;
        for layer in &self.layers {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = layer.forward(x, ids, self.config.n_heads)?;
        }
        x.reshape((batch, longest, width)).map(Some)
    }
}

impl Layer {
    /// Nobody looks at padding; what padding looks at does not matter.
    ///
    /// # Shapes
    /// - `x`: `[batch * longest, width]`, which belongs to nobody else
    /// - `ids`: those of each sequence
    /// - returns: as `x`
    fn forward(&self, x: Tensor, ids: &[&[u32]], n_heads: usize) -> candle_core::Result<Tensor> {
        let (n, width) = x.dims2()?;
        let (longest, scale) = (n / ids.len().max(1), ((width / n_heads) as f64).powf(-0.5));
        let [q, k, v] = Linear::forward_each([&self.q, &self.k, &self.v], &x)?;
        let attend = |(i, ids): (usize, &&[u32])| {
            let heads = |x: &Tensor, n: usize| cut_heads(&x.narrow(0, i * longest, n)?, n_heads);
            let n = ids.len().max(1);
            attention_both_ways(&heads(&q, longest)?, &heads(&k, n)?, &heads(&v, n)?, scale)
        };
        let attended = ids.iter().enumerate().map(attend).collect::<candle_core::Result<Vec<_>>>()?;
        let x = self.output.forward_onto(x, &Tensor::cat(&attended, 0)?)?;
        let x = self.attention_norm.forward(&x)?;
        let inner = self.up.forward_through(Activation::Gelu, &x)?;
        self.mlp_norm.forward(&self.down.forward_onto(x, &inner)?)
    }
}
