//! Log-mel frames → embeddings: two convolutions, then layers that each see the whole half minute.

use candle_core::{Module, Tensor};
use candle_nn::{LayerNorm, Linear};

use super::{WhisperConfig, joined_linear};
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::mel::Mel;
use crate::kernels::{gelu, softmax};
use crate::nn::EachRow;
use crate::weights::Weights;

const LOADING: &str = "loading Whisper";

/// The encoder.
pub struct Encoder {
    convs: [(Tensor, Tensor); 2],
    positions: Tensor,
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
    d_model: usize,
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

fn layer_norm(weights: &Weights, d_model: usize) -> Result<LayerNorm> {
    Ok(LayerNorm::new(weights.get("weight", &[d_model])?, weights.get("bias", &[d_model])?, 1e-5))
}

fn linear(weights: &Weights, d_out: usize, d_in: usize) -> Result<Linear> {
    Ok(Linear::new(weights.get("weight", &[d_out, d_in])?, Some(weights.get("bias", &[d_out])?)))
}

impl EncoderLayer {
    fn new(config: &WhisperConfig, weights: &Weights) -> Result<Self> {
        let d = config.d_model;
        let (weight, bias) =
            joined_linear(weights, "attention.qkv", &["attention.q", "attention.k", "attention.v"], d, d)?;
        Ok(Self {
            attention_norm: layer_norm(&weights.sub("attention_norm"), d)?,
            qkv: Linear::new(weight, Some(bias)),
            out: linear(&weights.sub("attention.out"), d, d)?,
            mlp_norm: layer_norm(&weights.sub("mlp_norm"), d)?,
            up: linear(&weights.sub("mlp.up"), config.encoder.d_hidden, d)?,
            down: linear(&weights.sub("mlp.down"), d, config.encoder.d_hidden)?,
            n_heads: config.encoder.n_heads,
        })
    }

    /// `[n, d_model]` → `[n, d_model]`
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (n, d_model) = x.dims2()?;
        let head_dim = d_model / self.n_heads;
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let mut heads = Vec::with_capacity(self.n_heads);
        for head in 0..self.n_heads {
            // One head at a time: all at once would take n_heads × n × n.
            let part = |i: usize| qkv.narrow(1, i * d_model + head * head_dim, head_dim);
            let q = (part(0)?.contiguous()? * (head_dim as f64).powf(-0.5))?;
            let scores = q.matmul(&part(1)?.t()?)?; // [n, n]
            scores.inplace_op1(&EachRow("softmax", softmax))?;
            heads.push(scores.matmul(&part(2)?)?); // [n, head_dim]
        }
        debug_assert_eq!(heads[0].dims(), [n, head_dim]);
        let x = (x + self.out.forward(&Tensor::cat(&heads, 1)?)?)?;
        let hidden = self.up.forward(&self.mlp_norm.forward(&x)?)?;
        hidden.inplace_op1(&EachRow("gelu", gelu))?;
        x + self.down.forward(&hidden)?
    }
}

impl Encoder {
    pub(super) fn new(config: &WhisperConfig, weights: &Weights) -> Result<Self> {
        let d = config.d_model;
        let conv = |name: &str, d_in: usize| -> Result<_> {
            let weights = weights.sub(name);
            let bias = weights.get("bias", &[d])?.reshape((1, d, 1)).doing(LOADING)?;
            Ok((weights.get("weight", &[d, d_in, 3])?, bias))
        };
        let layers = (0..config.encoder.n_layers)
            .map(|i| EncoderLayer::new(config, &weights.sub("layers").sub(i)))
            .collect::<Result<_>>()?;
        Ok(Self {
            convs: [conv("conv1", config.n_mels)?, conv("conv2", d)?],
            positions: weights.get("positions", &[config.n_audio_positions, d])?,
            layers,
            norm: layer_norm(&weights.sub("norm"), d)?,
            d_model: d,
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
            x = layer.forward(&x).doing("hearing")?;
        }
        Ok(Some(self.norm.forward(&x).doing("hearing")?))
    }

    fn front(&self, mel: &Mel) -> candle_core::Result<Tensor> {
        let device = self.positions.device();
        let mut x = Tensor::from_slice(&mel.values, (1, mel.n_mels, mel.n_frames), device)?;
        for ((weight, bias), stride) in self.convs.iter().zip([1, 2]) {
            x = x.conv1d(weight, 1, stride, 1, 1)?.broadcast_add(bias)?;
            x.inplace_op1(&EachRow("gelu", gelu))?;
        }
        let x = x.squeeze(0)?.t()?; // [n_frames / 2, d_model]
        debug_assert_eq!(x.dim(1)?, self.d_model);
        let n = x.dim(0)?;
        x.contiguous()? + self.positions.narrow(0, 0, n)?
    }
}
