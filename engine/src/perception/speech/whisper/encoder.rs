//! Log-mel frames → embeddings: two convolutions, then layers that each see the whole half minute.

use candle_core::Tensor;

use super::{WhisperConfig, joined_linear};
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::mel::Mel;
use crate::nn::{Activation, Array, Conv1d, LayerNorm, Linear, Rows, add, attention_in_rows};
use crate::weights::{Purpose, Weights};

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
    fn forward(&self, x: Rows) -> candle_core::Result<Rows> {
        let width = x.width();
        let qkv = self.qkv.forward(&self.attention_norm.forward(&x)?)?;
        let parts = [(&qkv, 0), (&qkv, width), (&qkv, 2 * width)];
        let mixed = attention_in_rows(parts, self.n_heads, width / self.n_heads, self.qkv.rounds())?;
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
        let conv = |name: &str, d_in, stride, w: &Weights| Conv1d::new([d_in, d, 3], stride, &w.sub(name));
        // What is heard comes in as it is.
        let exact = weights.clone().meant_for(Purpose::Encoder);
        let layers = (0..config.encoder.n_layers)
            .map(|i| EncoderLayer::new(config, &weights.sub("layers").sub(i)))
            .collect::<Result<_>>()?;
        Ok(Self {
            convs: [conv("conv1", config.n_mels, 1, &exact)?, conv("conv2", d, 2, weights)?],
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
        let x = self.norm.forward(&x).and_then(|x| x.to_tensor());
        Ok(Some(x.doing("hearing")?))
    }

    /// `[n_frames / 2, d_model]`
    fn front(&self, mel: &Mel) -> candle_core::Result<Rows> {
        let device = self.positions.device();
        let x = Tensor::from_slice(&mel.values, (mel.n_mels, mel.n_frames), device)?;
        let mut x = Rows::copy(&x.t()?.contiguous()?)?;
        for conv in &self.convs {
            x = conv.forward_through(Activation::Gelu, &x)?;
        }
        let n = x.n();
        add(x, &Rows::copy(&self.positions.narrow(0, 0, n)?)?)
    }
}
