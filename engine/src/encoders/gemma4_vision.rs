//! Gemma 4's vision tower: patches in, soft tokens out.
//!
//! Patches keep the shape of their picture; where they stand is told by embeddings of their column and row
//! and by rotary angles, half of each head for each direction. Every `k × k` patches are averaged.
//! Reference: `Gemma4VisionModel` in `modeling_gemma4.py` of transformers.
//! Golden: `tests/golden/parity/gemma4-e`, `gemma4-moe`.

use candle_core::{Device, Tensor};

use super::config::{Layout, VisionTowerConfig};
use super::projection::{Projection, add_grid_positions, add_squares};
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::features::soft_tokens::Patches;
use crate::nn::{Activation, ClippedLinear, Linear, NormSpec, RmsNorm, attention_both_ways};
use crate::weights::Weights;

/// The tower, and what joins it to a decoder.
pub(super) struct VisionTower {
    patch: Linear,
    /// `[2, position_embedding_size, hidden_size]`: by column, by row.
    positions: Tensor,
    layers: Vec<Layer>,
    /// Subtracted from soft tokens, and what they are multiplied by then.
    standard: Option<(Tensor, Tensor)>,
    projection: Projection,
    config: VisionTowerConfig,
}

struct Layer {
    attention_norm: RmsNorm,
    attention: Attention,
    post_attention_norm: RmsNorm,
    feed_forward_norm: RmsNorm,
    gate: ClippedLinear,
    up: ClippedLinear,
    down: ClippedLinear,
    post_feed_forward_norm: RmsNorm,
}

struct Attention {
    q: ClippedLinear,
    k: ClippedLinear,
    v: ClippedLinear,
    output: ClippedLinear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
    v_norm: RmsNorm,
    head_dim: usize,
}

/// Cosines and sines of the angles of every patch, by its column and by its row.
struct Angles {
    /// Each `[n, head_dim / 4]`.
    column: (Tensor, Tensor),
    row: (Tensor, Tensor),
}

impl Angles {
    /// In f32 throughout, as the reference: the table of frequencies is short.
    fn new(
        config: &VisionTowerConfig,
        columns: usize,
        rows: usize,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let (n, half) = (rows * columns, config.head_dim / 2);
        let frequencies: Vec<f32> = (0..half / 2)
            .map(|i| 1.0 / (config.rope_theta as f32).powf((2 * i) as f32 / half as f32))
            .collect();
        let table = |place: &dyn Fn(usize) -> usize, f: fn(f32) -> f32| {
            let angles = (0..n).flat_map(|i| frequencies.iter().map(move |w| (i, w)));
            let values: Vec<f32> = angles.map(|(i, w)| f(place(i) as f32 * w)).collect();
            Tensor::from_vec(values, (n, half / 2), device)
        };
        let both = |place: &dyn Fn(usize) -> usize| Ok((table(place, f32::cos)?, table(place, f32::sin)?));
        let both = |place: &dyn Fn(usize) -> usize| -> candle_core::Result<_> { both(place) };
        Ok(Self { column: both(&|i| i % columns)?, row: both(&|i| i / columns)? })
    }

    /// `[n_heads, n, head_dim]` → the same
    fn rotate(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let half = x.dim(2)? / 2;
        let part = |i: usize, (cos, sin): &(Tensor, Tensor)| {
            let x = x.narrow(2, i * half, half)?.contiguous()?.unsqueeze(0)?;
            candle_nn::rotary_emb::rope(&x, cos, sin)?.squeeze(0)
        };
        Tensor::cat(&[part(0, &self.column)?, part(1, &self.row)?], 2)
    }
}

impl Attention {
    fn new(config: &VisionTowerConfig, w: &Weights) -> Result<Self> {
        let (d, head_dim, norm) = (config.hidden_size, config.head_dim, norm_spec(config));
        let (n_q, n_kv) = (config.n_heads * head_dim, config.n_kv_heads * head_dim);
        let linear = |name: &str, n_in, n_out| ClippedLinear::new(n_in, n_out, config.clipped, &w.sub(name));
        Ok(Self {
            q: linear("q", d, n_q)?,
            k: linear("k", d, n_kv)?,
            v: linear("v", d, n_kv)?,
            output: linear("output", n_q, d)?,
            q_norm: RmsNorm::new(head_dim, norm, &w.sub("q_norm"))?,
            k_norm: RmsNorm::new(head_dim, norm, &w.sub("k_norm"))?,
            v_norm: RmsNorm::unscaled(head_dim, norm.eps, w.device())?,
            head_dim,
        })
    }

    /// `[n, hidden_size]` → `[n, hidden_size]`
    fn forward(&self, x: &Tensor, angles: &Angles) -> candle_core::Result<Tensor> {
        let n = x.dim(0)?;
        let heads = |x: Tensor, norm: &RmsNorm| {
            norm.forward(&x.reshape((n, (), self.head_dim))?)?.transpose(0, 1) // [n_heads, n, head_dim]
        };
        let [q, k, v] = ClippedLinear::forward_each([&self.q, &self.k, &self.v], x)?;
        let q = angles.rotate(&heads(q, &self.q_norm)?.contiguous()?)?;
        let k = angles.rotate(&heads(k, &self.k_norm)?.contiguous()?)?;
        let v = heads(v, &self.v_norm)?;
        self.output.forward(&attention_both_ways(&q, &k, &v, 1.0)?)
    }
}

fn norm_spec(config: &VisionTowerConfig) -> NormSpec {
    NormSpec { eps: config.rms_norm_eps, offset: 0.0 }
}

impl Layer {
    fn new(config: &VisionTowerConfig, w: &Weights) -> Result<Self> {
        let (d, d_inner) = (config.hidden_size, config.intermediate_size);
        let norm = |name: &str| RmsNorm::new(d, norm_spec(config), &w.sub(name));
        let linear = |name: &str, n_in, n_out| {
            ClippedLinear::new(n_in, n_out, config.clipped, &w.sub("feed_forward").sub(name))
        };
        Ok(Self {
            attention_norm: norm("attention_norm")?,
            attention: Attention::new(config, &w.sub("attention"))?,
            post_attention_norm: norm("post_attention_norm")?,
            feed_forward_norm: norm("feed_forward_norm")?,
            gate: linear("gate", d, d_inner)?,
            up: linear("up", d, d_inner)?,
            down: linear("down", d_inner, d)?,
            post_feed_forward_norm: norm("post_feed_forward_norm")?,
        })
    }

    fn forward(&self, x: &Tensor, angles: &Angles) -> candle_core::Result<Tensor> {
        let mixed = self.attention.forward(&self.attention_norm.forward(x)?, angles)?;
        let x = (x + self.post_attention_norm.forward(&mixed)?)?;
        let h = self.feed_forward_norm.forward(&x)?;
        let [gate, up] = ClippedLinear::forward_each([&self.gate, &self.up], &h)?;
        let h = self.down.forward(&Activation::GeluTanh.gated(gate, &up)?)?;
        x + self.post_feed_forward_norm.forward(&h)?
    }
}

impl VisionTower {
    pub(super) fn new(
        config: &VisionTowerConfig,
        layout: Layout,
        d_model: usize,
        w: &Weights,
    ) -> Result<Self> {
        const LOADING: &str = "loading a vision tower";
        let (d, side) = (config.hidden_size, config.patch_size);
        let patch = w.sub("patch");
        let patch = match layout {
            Layout::HuggingFace => Linear::new(3 * side * side, d, &patch)?,
            // Colour by colour there, colour within pixel here.
            Layout::Mmproj => {
                let weight = patch.get("weight", &[d, 3, side, side])?;
                let weight = weight.permute((0, 2, 3, 1)).and_then(|t| t.reshape((d, 3 * side * side)));
                weight.and_then(|weight| Linear::from_tensors(weight, None)).doing(LOADING)?
            }
        };
        let standard = match config.standardize {
            true => Some((w.get("standard_bias", &[d])?, w.get("standard_scale", &[d])?)),
            false => None,
        };
        let layers = (0..config.n_layers).map(|i| Layer::new(config, &w.sub("blocks").sub(i)));
        Ok(Self {
            patch,
            positions: w.get("positions.weight", &[2, config.position_embedding_size, d])?,
            layers: layers.collect::<Result<_>>()?,
            standard,
            projection: Projection::new(d, d_model, config.rms_norm_eps, &w.sub("projection"))?,
            config: config.clone(),
        })
    }

    /// `[n_soft_tokens, d_model]`; `None` when cancelled on the way.
    pub(super) fn forward(&self, patches: &Patches, cancel: &Cancel) -> Result<Option<Tensor>> {
        const SEEING: &str = "seeing";
        let (columns, rows) = (patches.columns, patches.rows);
        let mut x = self.embed(patches)?;
        let angles = Angles::new(&self.config, columns, rows, x.device()).doing(SEEING)?;
        for layer in &self.layers {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = layer.forward(&x, &angles).doing(SEEING)?;
        }
        let pooled = self.pool(&x, columns).doing(SEEING)?;
        Ok(Some(self.projection.forward(&pooled).doing(SEEING)?))
    }

    /// `[n_patches, hidden_size]`
    fn embed(&self, patches: &Patches) -> Result<Tensor> {
        let (n, width) = (patches.rows * patches.columns, 3 * patches.side_px * patches.side_px);
        let pixels = Tensor::from_slice(&patches.values, (n, width), self.positions.device());
        let x = pixels.and_then(|pixels| self.patch.forward(&pixels.affine(2.0, -1.0)?)).doing("seeing")?;
        add_grid_positions(&x, &self.positions, patches.columns, patches.rows)
    }

    /// `[n_patches, hidden_size]` → `[n_soft_tokens, hidden_size]`
    fn pool(&self, x: &Tensor, columns: usize) -> candle_core::Result<Tensor> {
        let (k, d) = (self.config.pooling_kernel_size, self.config.hidden_size);
        let x = add_squares(x, columns, k, (d as f32).sqrt() / (k * k) as f32)?;
        match &self.standard {
            Some((bias, scale)) => x.broadcast_sub(bias)?.broadcast_mul(scale),
            None => Ok(x),
        }
    }
}
