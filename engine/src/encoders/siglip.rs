//! SigLIP as Gemma 3 uses it: a square picture in, averaged and projected soft tokens out.
//!
//! Reference: `SiglipVisionModel` in `modeling_siglip.py` and `Gemma3MultiModalProjector` in
//! `modeling_gemma3.py` of transformers. Golden: `tests/golden/parity/gemma3-vision`.

use candle_core::{Device, Tensor};

use super::config::{Layout, SiglipConfig};
use super::projection::add_squares;
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::nn::{Activation, Array, LayerNorm, Linear, NormSpec, RmsNorm, Rows, add, attention_in_rows};
use crate::weights::Weights;

const LOADING: &str = "loading SigLIP";
const SEEING: &str = "seeing";

/// The tower, and what joins it to a decoder.
pub(super) struct Siglip {
    patch: Linear,
    /// `[n_patches, hidden_size]`
    positions: Rows,
    layers: Vec<Layer>,
    norm: LayerNorm,
    projection_norm: RmsNorm,
    projection: Linear,
    config: SiglipConfig,
    device: Device,
}

struct Layer {
    attention_norm: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    output: Linear,
    feed_forward_norm: LayerNorm,
    up: Linear,
    down: Linear,
    n_heads: usize,
}

fn layer_norm(config: &SiglipConfig, w: &Weights) -> Result<LayerNorm> {
    LayerNorm::new(config.hidden_size, config.layer_norm_eps, w)
}

impl Layer {
    fn new(config: &SiglipConfig, layout: Layout, w: &Weights) -> Result<Self> {
        let (d, d_inner) = (config.hidden_size, config.intermediate_size);
        let attention = |name: &str| Linear::new(d, d, &w.sub("attention").sub(name));
        // Older converters took one for the other; their shapes tell.
        let network = w.sub("feed_forward");
        let swapped = layout == Layout::Mmproj
            && d != d_inner
            && network.shape("up.weight").is_some_and(|shape| shape == [d, d_inner]);
        let (up, down) = if swapped { ("down", "up") } else { ("up", "down") };
        Ok(Self {
            attention_norm: layer_norm(config, &w.sub("attention_norm"))?,
            q: attention("q")?,
            k: attention("k")?,
            v: attention("v")?,
            output: attention("output")?,
            feed_forward_norm: layer_norm(config, &w.sub("feed_forward_norm"))?,
            up: Linear::new(d, d_inner, &network.sub(up))?,
            down: Linear::new(d_inner, d, &network.sub(down))?,
            n_heads: config.n_heads,
        })
    }

    /// `[n, hidden_size]`, which belongs to nobody else → `[n, hidden_size]`
    fn forward(&self, x: Rows) -> candle_core::Result<Rows> {
        let h = self.attention_norm.forward(&x)?;
        let [q, k, v] = Linear::forward_each([&self.q, &self.k, &self.v], &h)?;
        let head_dim = x.width() / self.n_heads;
        let mixed = attention_in_rows([(&q, 0), (&k, 0), (&v, 0)], self.n_heads, head_dim, self.q.rounds())?;
        let x = self.output.forward_onto(x, &mixed)?;
        let h = self.up.forward_through(Activation::GeluTanh, &self.feed_forward_norm.forward(&x)?)?;
        self.down.forward_onto(x, &h)
    }
}

impl Siglip {
    pub(super) fn new(config: &SiglipConfig, layout: Layout, d_model: usize, w: &Weights) -> Result<Self> {
        let (d, side, n_side) = (config.hidden_size, config.patch_size, config.patches_per_side());
        let patch = w.sub("patch");
        // A convolution whose squares do not overlap is a linear layer of each square.
        let weight = patch.get("weight", &[d, 3, side, side])?.reshape((d, 3 * side * side));
        let bias = patch.get("bias", &[d])?;
        let projection = w.get("projection.weight", &[d, d_model])?;
        let projection = projection.t().and_then(|weight| weight.contiguous());
        // Gemma's own checkpoints store this norm less 1.
        let offset = if layout == Layout::HuggingFace { 1.0 } else { 0.0 };
        let norm = NormSpec { eps: config.layer_norm_eps, offset };
        let layers = (0..config.n_layers).map(|i| Layer::new(config, layout, &w.sub("blocks").sub(i)));
        Ok(Self {
            patch: weight
                .and_then(|weight| Linear::from_tensors_for(w.purpose(), weight, Some(bias)))
                .doing(LOADING)?,
            positions: Rows::copy(&w.get("positions.weight", &[n_side * n_side, d])?).doing(LOADING)?,
            layers: layers.collect::<Result<_>>()?,
            norm: layer_norm(config, &w.sub("norm"))?,
            projection_norm: RmsNorm::new(d, norm, &w.sub("projection_norm"))?,
            projection: projection
                .and_then(|weight| Linear::from_tensors_for(w.purpose(), weight, None))
                .doing(LOADING)?,
            config: config.clone(),
            device: w.device().clone(),
        })
    }

    /// `[n_soft_tokens, d_model]` of planes `[3, image_size, image_size]`; `None` when cancelled on the way.
    pub(super) fn forward(&self, planes: &[f32], cancel: &Cancel) -> Result<Option<Tensor>> {
        let mut x = self.embed(planes).doing(SEEING)?;
        for layer in &self.layers {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = layer.forward(x).doing(SEEING)?;
        }
        let x = x.to_tensor().and_then(|x| self.pool(&x));
        Ok(Some(x.doing(SEEING)?))
    }

    /// `[n_patches, hidden_size]`
    fn embed(&self, planes: &[f32]) -> candle_core::Result<Rows> {
        let (n_side, side) = (self.config.patches_per_side(), self.config.patch_size);
        let planes = Tensor::from_slice(planes, (3, n_side, side, n_side, side), &self.device)?;
        let patches = planes.permute((1, 3, 0, 2, 4))?.reshape((n_side * n_side, 3 * side * side))?;
        add(self.patch.forward(&Rows::copy(&patches)?)?, &self.positions)
    }

    /// `[n_patches, hidden_size]` → `[n_soft_tokens, d_model]`
    fn pool(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (k, columns) = (self.config.pooled(), self.config.patches_per_side());
        let x = add_squares(&self.norm.forward(x)?, columns, k, 1.0 / (k * k) as f32)?;
        self.projection.forward(&self.projection_norm.forward(&x)?)
    }
}
