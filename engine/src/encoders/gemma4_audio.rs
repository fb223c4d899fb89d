//! Gemma 4's conformer for sound: log-mel frames in, one soft token for each 40 ms out.
//!
//! Two convolutions take every fourth frame; in each layer a token looks back over the last eleven, with
//! learned embeddings of the distance, between two halves of a feed-forward network and a convolution.
//! Reference: `Gemma4AudioModel` in `modeling_gemma4.py` of transformers; the architecture is that of the
//! Universal Speech Model (Zhang et al., 2023). Golden: `tests/golden/parity/gemma4-e`.

use std::f32::consts::{E, LN_2};

use candle_core::{Device, Tensor};

use super::config::{AudioTowerConfig, Layout};
use super::projection::Projection;
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::gemma_mel::{N_MELS, SoundFrames};
use crate::nn::{Activation, ClippedLinear, LayerNorm, Linear, NormSpec, RmsNorm, clamp, softcap};
use crate::weights::Weights;

const LOADING: &str = "loading an audio tower";
const HEARING: &str = "hearing";
/// `Gemma4RMSNorm`'s own; only some norms take it from the configuration.
const EPS: f64 = 1e-6;
/// What is added where a token must not look.
const HIDDEN: f32 = -1e9;

/// The tower, and what joins it to a decoder.
pub(super) struct AudioTower {
    convs: [(Tensor, LayerNorm); 2],
    input: Linear,
    layers: Vec<Layer>,
    output: Linear,
    projection: Projection,
    config: AudioTowerConfig,
}

/// How many tokens come of so many frames.
pub(super) fn n_tokens(n_frames: usize) -> usize {
    n_frames.div_ceil(2).div_ceil(2)
}

struct Layer {
    before: FeedForward,
    attention_norm: RmsNorm,
    attention: Attention,
    post_attention_norm: RmsNorm,
    conv: Convolution,
    after: FeedForward,
    norm: RmsNorm,
    limit: f32,
}

struct FeedForward {
    norm: RmsNorm,
    up: ClippedLinear,
    down: ClippedLinear,
    post_norm: RmsNorm,
    limit: f32,
    weight: f64,
}

impl FeedForward {
    fn new(config: &AudioTowerConfig, w: &Weights) -> Result<Self> {
        let d = config.hidden_size;
        Ok(Self {
            norm: norm(d, EPS, &w.sub("norm"))?,
            up: ClippedLinear::new(d, 4 * d, config.clipped, &w.sub("up"))?,
            down: ClippedLinear::new(4 * d, d, config.clipped, &w.sub("down"))?,
            post_norm: norm(d, EPS, &w.sub("post_norm"))?,
            limit: config.gradient_clipping as f32,
            weight: config.residual_weight,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let h = self.up.forward(&self.norm.forward(&self.limited(x)?)?)?;
        let h = self.down.forward(&Activation::Silu.forward(&h)?)?;
        let h = self.post_norm.forward(&self.limited(&h)?)?;
        x + (h * self.weight)?
    }

    fn limited(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        clamp(x, -self.limit, self.limit)
    }
}

fn norm(width: usize, eps: f64, w: &Weights) -> Result<RmsNorm> {
    RmsNorm::new(width, NormSpec { eps, offset: 0.0 }, w)
}

/// A gated convolution over the last few tokens.
struct Convolution {
    norm: RmsNorm,
    start: ClippedLinear,
    /// `[hidden_size]` for each token that it reads, the earliest first.
    taps: Vec<Tensor>,
    after_norm: RmsNorm,
    end: ClippedLinear,
    limit: f32,
}

impl Convolution {
    fn new(config: &AudioTowerConfig, layout: Layout, w: &Weights) -> Result<Self> {
        let (d, n, eps) = (config.hidden_size, config.conv_kernel_size, config.rms_norm_eps);
        let depthwise = w.sub("depthwise");
        let taps = match layout {
            Layout::HuggingFace => depthwise.get("weight", &[d, 1, n])?.reshape((d, n)),
            Layout::Mmproj => Ok(depthwise.get("weight", &[d, n])?),
        };
        let taps = taps.and_then(|taps| taps.t()?.contiguous()).doing(LOADING)?;
        let taps = (0..n).map(|i| taps.get(i)).collect::<candle_core::Result<_>>().doing(LOADING)?;
        Ok(Self {
            norm: norm(d, eps, &w.sub("norm"))?,
            start: ClippedLinear::new(d, 2 * d, config.clipped, &w.sub("start"))?,
            taps,
            after_norm: norm(d, eps, &w.sub("after_norm"))?,
            end: ClippedLinear::new(d, d, config.clipped, &w.sub("end"))?,
            limit: config.gradient_clipping as f32,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let h = self.start.forward(&self.norm.forward(x)?)?;
        let (n, d) = x.dims2()?;
        let gate = candle_nn::ops::sigmoid(&h.narrow(1, d, d)?.contiguous()?)?;
        let h = (h.narrow(1, 0, d)?.contiguous()? * gate)?;
        let h = h.pad_with_zeros(0, self.taps.len() - 1, 0)?;
        let mut sum: Option<Tensor> = None;
        for (i, tap) in self.taps.iter().enumerate() {
            let part = h.narrow(0, i, n)?.broadcast_mul(tap)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        let h = clamp(&sum.unwrap_or(h), -self.limit, self.limit)?;
        let h = self.end.forward(&Activation::Silu.forward(&self.after_norm.forward(&h)?)?)?;
        x + h
    }
}

/// Attention over the last tokens, in chunks.
struct Attention {
    q: ClippedLinear,
    k: ClippedLinear,
    v: ClippedLinear,
    output: ClippedLinear,
    /// `[head_dim]`: what queries are multiplied by.
    q_scale: Tensor,
    /// `[n_heads, head_dim, n_distances]`: keys of distances, the furthest first.
    distances: Tensor,
    n_heads: usize,
    chunk: usize,
    /// Tokens before a chunk that it sees.
    past: usize,
    cap: f64,
}

/// Which keys the chunks of a sound of one length see.
struct Window {
    /// `[n_chunks * seen]`: rows of the padded keys.
    rows: Tensor,
    /// `[n_chunks, chunk, seen]`: 0, or [`HIDDEN`].
    mask: Tensor,
}

impl Window {
    fn new(config: &AudioTowerConfig, n: usize, device: &Device) -> candle_core::Result<Self> {
        let (chunk, past) = (config.attention_chunk_size, config.attention_context_left - 1);
        let (seen, n_chunks) = (chunk + past, n.div_ceil(chunk));
        let rows = (0..n_chunks).flat_map(|c| (0..seen).map(move |s| (c * chunk + s) as u32));
        let rows = Tensor::from_iter(rows, device)?;
        let hidden = |query: usize, key: usize| {
            // Both count from `past` tokens before the sound.
            let sees = key >= past && key < n + past && query >= key && query - key < past;
            if sees { 0.0 } else { HIDDEN }
        };
        let mask: Vec<f32> = (0..n_chunks * chunk)
            .flat_map(|q| (0..seen).map(move |s| hidden(q + past, q / chunk * chunk + s)))
            .collect();
        Ok(Self { rows, mask: Tensor::from_vec(mask, (n_chunks, chunk, seen), device)? })
    }
}

impl Attention {
    fn new(config: &AudioTowerConfig, layout: Layout, w: &Weights) -> Result<Self> {
        let (d, n_heads) = (config.hidden_size, config.n_heads);
        let (head_dim, chunk, past) =
            (d / n_heads, config.attention_chunk_size, config.attention_context_left - 1);
        let linear = |name: &str| ClippedLinear::new(d, d, config.clipped, &w.sub(name));
        let relative_k = Linear::new(d, d, &w.sub("relative_k"))?;
        let distances = || {
            let places = relative_k.forward(&distance_embeddings(d, (chunk + past) / 2, w.device())?)?;
            places.reshape(((), n_heads, head_dim))?.permute((1, 2, 0))?.contiguous()
        };
        let scale = w.get("dim_scale.weight", &[head_dim])?.to_vec1::<f32>().doing(LOADING)?;
        let q_scale = (head_dim as f32).powf(-0.5) / LN_2;
        let scale = scale.into_iter().map(|x| {
            q_scale * if layout == Layout::Mmproj { x } else { softplus(x) } // applied already there
        });
        Ok(Self {
            q: linear("q")?,
            k: linear("k")?,
            v: linear("v")?,
            output: linear("output")?,
            q_scale: Tensor::from_iter(scale, w.device()).doing(LOADING)?,
            distances: distances().doing(LOADING)?,
            n_heads,
            chunk,
            past,
            cap: config.attention_logit_cap,
        })
    }

    /// `[n, hidden_size]` → `[n, hidden_size]`
    fn forward(&self, x: &Tensor, window: &Window) -> candle_core::Result<Tensor> {
        let (n, d) = x.dims2()?;
        let (heads, head_dim, chunk) = (self.n_heads, d / self.n_heads, self.chunk);
        let (seen, n_chunks) = (chunk + self.past, n.div_ceil(chunk));
        let padding = n_chunks * chunk - n;

        let q = self.q.forward(x)?.reshape((n, heads, head_dim))?.broadcast_mul(&self.q_scale)?;
        let q = q.pad_with_zeros(0, 0, padding)?.transpose(0, 1)?.contiguous()?; // [heads, rows, head_dim]
        let context = |x: Tensor| {
            let x = x.pad_with_zeros(0, self.past, padding)?.index_select(&window.rows, 0)?;
            let x = x.reshape((n_chunks, seen, heads, head_dim))?.permute((2, 0, 1, 3))?;
            x.reshape((heads * n_chunks, seen, head_dim))
        };
        let k_scale = f64::from((1.0 + E).ln() / LN_2);
        let k = context((self.k.forward(x)? * k_scale)?)?;
        let v = context(self.v.forward(x)?)?;

        let by_distance = self.shifted(&q.matmul(&self.distances)?, seen)?; // [heads * n_chunks, chunk, seen]
        let q = q.reshape((heads * n_chunks, chunk, head_dim))?;
        let scores = (q.matmul(&k.t()?)? + by_distance)?;
        let scores = softcap(&scores, self.cap)?.reshape((heads, n_chunks, chunk, seen))?;
        let weights = candle_nn::ops::softmax_last_dim(&scores.broadcast_add(&window.mask)?)?;
        let mixed = weights.reshape((heads * n_chunks, chunk, seen))?.matmul(&v)?;
        let mixed = mixed.reshape((heads, n_chunks * chunk, head_dim))?.transpose(0, 1)?;
        self.output.forward(&mixed.reshape((n_chunks * chunk, d))?.narrow(0, 0, n)?.contiguous()?)
    }

    /// Moves the row of each query by its place in the chunk, so that columns mean keys, not distances
    /// (Dai et al., Transformer-XL, 2019, appendix B).
    ///
    /// `[heads, n_chunks * chunk, n_distances]` → `[heads * n_chunks, chunk, seen]`
    fn shifted(&self, x: &Tensor, seen: usize) -> candle_core::Result<Tensor> {
        let (heads, rows, n_distances) = x.dims3()?;
        let n = heads * rows / self.chunk;
        let x = x.pad_with_zeros(2, 0, seen + 1 - n_distances)?.reshape((n, self.chunk * (seen + 1)))?;
        x.narrow(1, 0, self.chunk * seen)?.reshape((n, self.chunk, seen))
    }
}

/// `ln(1 + eˣ)`.
fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

/// `[furthest + 1, width]`: sines, then cosines, of the distances `furthest` down to 0.
fn distance_embeddings(width: usize, furthest: usize, device: &Device) -> candle_core::Result<Tensor> {
    let half = width / 2;
    let step = 10_000f64.ln() / (half.max(2) - 1) as f64;
    let angle = |distance: usize, i: usize| distance as f32 * (i as f32 * -step as f32).exp();
    let values: Vec<f32> = (0..=furthest)
        .rev()
        .flat_map(|distance| {
            let angles = move |i| angle(distance, i);
            (0..half).map(move |i| angles(i).sin()).chain((0..half).map(move |i| angles(i).cos()))
        })
        .collect();
    Tensor::from_vec(values, (furthest + 1, 2 * half), device)
}

impl Layer {
    fn new(config: &AudioTowerConfig, layout: Layout, w: &Weights) -> Result<Self> {
        let d = config.hidden_size;
        Ok(Self {
            before: FeedForward::new(config, &w.sub("before"))?,
            attention_norm: norm(d, EPS, &w.sub("attention_norm"))?,
            attention: Attention::new(config, layout, &w.sub("attention"))?,
            post_attention_norm: norm(d, EPS, &w.sub("post_attention_norm"))?,
            conv: Convolution::new(config, layout, &w.sub("conv"))?,
            after: FeedForward::new(config, &w.sub("after"))?,
            norm: norm(d, EPS, &w.sub("norm"))?,
            limit: config.gradient_clipping as f32,
        })
    }

    fn forward(&self, x: &Tensor, window: &Window) -> candle_core::Result<Tensor> {
        let limited = |x: &Tensor| clamp(x, -self.limit, self.limit);
        let x = self.before.forward(x)?;
        let h = self.attention.forward(&self.attention_norm.forward(&limited(&x)?)?, window)?;
        let x = (x + self.post_attention_norm.forward(&limited(&h)?)?)?;
        let x = self.after.forward(&self.conv.forward(&x)?)?;
        self.norm.forward(&limited(&x)?)
    }
}

impl AudioTower {
    pub(super) fn new(
        config: &AudioTowerConfig,
        layout: Layout,
        d_model: usize,
        w: &Weights,
    ) -> Result<Self> {
        let [first, second] = config.subsampling_conv_channels;
        let conv = |i: usize, n_in: usize, n_out: usize| -> Result<_> {
            let w = w.sub("convs").sub(i);
            let kernel = w.sub("conv").get("weight", &[n_out, n_in, 3, 3])?;
            Ok((kernel, LayerNorm::new(n_out, config.rms_norm_eps, &w.sub("norm"))?))
        };
        let (d, n_out) = (config.hidden_size, config.output_proj_dims);
        let layers = (0..config.n_layers).map(|i| Layer::new(config, layout, &w.sub("blocks").sub(i)));
        Ok(Self {
            convs: [conv(0, 1, first)?, conv(1, first, second)?],
            input: Linear::new(N_MELS / 4 * second, d, &w.sub("input"))?,
            layers: layers.collect::<Result<_>>()?,
            output: Linear::new(d, n_out, &w.sub("output"))?,
            projection: Projection::new(n_out, d_model, config.rms_norm_eps, &w.sub("projection"))?,
            config: config.clone(),
        })
    }

    /// `[n_soft_tokens, d_model]`; `None` when cancelled on the way. At least one frame is needed.
    pub(super) fn forward(&self, frames: &SoundFrames, cancel: &Cancel) -> Result<Option<Tensor>> {
        let mut x = self.subsample(frames).doing(HEARING)?;
        let n = x.dim(0).doing(HEARING)?;
        debug_assert_eq!(n, n_tokens(frames.n_frames()));
        let window = Window::new(&self.config, n, x.device()).doing(HEARING)?;
        for layer in &self.layers {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = layer.forward(&x, &window).doing(HEARING)?;
        }
        let tokens = self.output.forward(&x).and_then(|x| self.projection.forward(&x));
        Ok(Some(tokens.doing(HEARING)?))
    }

    /// `[n_tokens, hidden_size]`
    fn subsample(&self, frames: &SoundFrames) -> candle_core::Result<Tensor> {
        let shape = (1, 1, frames.n_frames(), N_MELS);
        let mut x = Tensor::from_slice(&frames.values, shape, self.projection.device())?;
        for (kernel, norm) in &self.convs {
            x = x.contiguous()?.conv2d(kernel, 1, 2, 1, 1)?; // [1, channels, time / 2, bands / 2]
            x = norm.forward(&x.permute((0, 2, 3, 1))?)?.relu()?;
            x = x.permute((0, 3, 1, 2))?;
        }
        let n = x.dim(2)?;
        self.input.forward(&x.permute((0, 2, 3, 1))?.reshape((n, ()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_sees_itself_and_eleven_before_it() {
        let config = AudioTowerConfig::default();
        for n in [1, 11, 12, 13, 40] {
            let window = Window::new(&config, n, &Device::Cpu).unwrap();
            let rows = window.rows.to_vec1::<u32>().unwrap();
            let mask = window.mask.to_vec3::<f32>().unwrap();
            for query in 0..n {
                let (c, q) = (query / 12, query % 12);
                let seen: Vec<usize> = (0..24)
                    .filter(|s| mask[c][q][*s] == 0.0)
                    .map(|s| rows[c * 24 + s] as usize - 12)
                    .collect();
                let want: Vec<usize> = (query.saturating_sub(11)..=query).collect();
                assert_eq!(seen, want, "token {query} of {n}");
            }
        }
    }

    #[test]
    fn softplus_is_exact_at_both_ends() {
        assert!((softplus(0.0) - LN_2).abs() < 1e-7);
        assert_eq!(softplus(30.0), 30.0);
        assert!(softplus(-30.0) > 0.0);
    }
}
