//! Log-mel frames → embeddings: two convolutions, then layers that each see the whole half minute.

use candle_core::Tensor;

use super::{WhisperConfig, joined_linear};
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::mel::Mel;
use crate::nn::{Activation, Conv1d, LayerNorm, Linear, add, attention_both_ways, cut_heads};
use crate::weights::Weights;

/// Added under the roots of norms.
pub(super) const EPS: f64 = 1e-5;

/// The encoder.
pub struct Encoder {
    convs: [Conv1d; 2],
    positions: Tensor,
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
}

struct EncoderLayer {
    attention_norm: LayerNorm,
    qkv: Linear,
    out: Linear,
    mlp_norm: LayerNorm,
    up: Linear,
    down: Linear,
    n_heads: usize,
}

impl EncoderLayer {
    fn new(config: &WhisperConfig, weights: &Weights) -> Result<Self> {
        let d = config.d_model;
        let names = ["attention.q", "attention.k", "attention.v"];
        Ok(Self {
            // First, since its shape tells most when a size is wrong.
            qkv: joined_linear(weights, "attention.qkv", &names, d, d)?,
            attention_norm: LayerNorm::new(d, EPS, &weights.sub("attention_norm"))?,
            out: Linear::new(d, d, &weights.sub("attention.out"))?,
            mlp_norm: LayerNorm::new(d, EPS, &weights.sub("mlp_norm"))?,
            up: Linear::new(d, config.encoder.d_hidden, &weights.sub("mlp.up"))?,
            down: Linear::new(config.encoder.d_hidden, d, &weights.sub("mlp.down"))?,
            n_heads: config.encoder.n_heads,
        })
    }

    /// `[n, d_model]`, which belongs to nobody else → `[n, d_model]`
    fn forward(&self, x: Tensor) -> candle_core::Result<Tensor> {
        let scale = ((x.dim(1)? / self.n_heads) as f64).powf(-0.5);
        let qkv = self.qkv.forward(&self.attention_norm.forward(&x)?)?;
        let heads = cut_heads(&qkv, 3 * self.n_heads)?;
        let part = |i: usize| heads.narrow(0, i * self.n_heads, self.n_heads);
        let mixed = attention_both_ways(&part(0)?, &part(1)?, &part(2)?, scale)?;
        let x = self.out.forward_onto(x, &mixed)?;
        let hidden = self.up.forward_through(Activation::Gelu, &self.mlp_norm.forward(&x)?)?;
        self.down.forward_onto(x, &hidden)
    }
}

impl Encoder {
    /// Takes the weights of the encoder.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub(crate) fn new(config: &WhisperConfig, weights: &Weights) -> Result<Self> {
        let d = config.d_model;
        let conv = |name: &str, d_in, stride| Conv1d::new([d_in, d, 3], stride, &weights.sub(name));
        let layers = (0..config.encoder.n_layers)
            .map(|i| EncoderLayer::new(config, &weights.sub("layers").sub(i)))
            .collect::<Result<_>>()?;
        Ok(Self {
            convs: [conv("conv1", config.n_mels, 1)?, conv("conv2", d, 2)?],
            positions: weights.get("positions", &[config.n_audio_positions, d])?,
            layers,
            norm: LayerNorm::new(d, EPS, &weights.sub("norm"))?,
        })
    }

    /// Embeddings `[n_frames / 2, d_model]`, one each 20 ms; `None` when cancelled on the way.
    /// Whisper was trained on exactly 3,000 frames.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn forward(&self, mel: &Mel, cancel: &Cancel) -> Result<Option<Tensor>> {
        let mut x = self.front(mel).doing("hearing")?;
        for layer in &self.layers {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = layer.forward(x).doing("hearing")?;
        }
        Ok(Some(self.norm.forward(&x).doing("hearing")?))
    }

    /// `[n_frames / 2, d_model]`
    fn front(&self, mel: &Mel) -> candle_core::Result<Tensor> {
        let device = self.positions.device();
        let mut x = Tensor::from_slice(&mel.values, (mel.n_mels, mel.n_frames), device)?.t()?.contiguous()?;
        for conv in &self.convs {
            x = conv.forward_through(Activation::Gelu, &x)?;
        }
        let n = x.dim(0)?;
        add(x, &self.positions.narrow(0, 0, n)?)
    }
}
