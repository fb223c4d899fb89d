//! Gemma 4 without towers: large patches and pieces of the waveform are projected straight into the decoder.
//!
//! Reference: `Gemma4UnifiedVisionEmbedder` and `Gemma4UnifiedMultimodalEmbedder` in
//! `modeling_gemma4_unified.py` of transformers. Golden: `tests/golden/parity/gemma4-unified`.

use candle_core::Tensor;

use super::config::{Layout, PatchesConfig};
use super::projection::{Projection, add_grid_positions};
use crate::error::{Doing, Result};
use crate::features::soft_tokens::Patches;
use crate::nn::{LayerNorm, Linear};
use crate::weights::Weights;

const LOADING: &str = "loading a patch embedder";
/// `torch.nn.LayerNorm`'s own; the configuration has none.
const EPS: f64 = 1e-5;

/// Patches → soft tokens.
pub(super) struct PatchEmbedder {
    patch_norm: LayerNorm,
    patch: Linear,
    embedding_norm: LayerNorm,
    /// `[2, mm_posemb_size, mm_embed_dim]`: by column, by row.
    positions: Tensor,
    position_norm: LayerNorm,
    projection: Projection,
}

impl PatchEmbedder {
    pub(super) fn new(config: &PatchesConfig, layout: Layout, d_model: usize, w: &Weights) -> Result<Self> {
        let (d, side) = (config.mm_embed_dim, config.patch_size * config.pooling_kernel_size);
        let (n_in, n_positions) = (3 * side * side, config.mm_posemb_size);
        let (patch_norm, patch, positions) = match layout {
            Layout::HuggingFace => (
                LayerNorm::new(n_in, EPS, &w.sub("patch_norm"))?,
                Linear::new(n_in, d, &w.sub("patch"))?,
                w.get("positions.weight", &[n_positions, 2, d])?.transpose(0, 1).doing(LOADING)?,
            ),
            // Colour by colour there, colour within pixel here.
            Layout::Mmproj => {
                let reordered = |x: Tensor, n: usize| {
                    let x = x.reshape((n, 3, side, side)).and_then(|x| x.permute((0, 2, 3, 1)));
                    x.and_then(|x| x.reshape((n, n_in))).doing(LOADING)
                };
                let norm = |kind: &str| -> Result<Tensor> {
                    let row = reordered(w.sub("patch_norm").get(kind, &[n_in])?, 1)?;
                    row.squeeze(0).doing(LOADING)
                };
                let weight = reordered(w.sub("patch").get("weight", &[d, n_in])?, d)?;
                (
                    LayerNorm::from_tensors(norm("weight")?, Some(norm("bias")?), EPS).doing(LOADING)?,
                    Linear::from_tensors(weight, Some(w.sub("patch").get("bias", &[d])?)).doing(LOADING)?,
                    w.get("positions.weight", &[2, n_positions, d])?,
                )
            }
        };
        Ok(Self {
            patch_norm,
            patch,
            embedding_norm: LayerNorm::new(d, EPS, &w.sub("embedding_norm"))?,
            positions,
            position_norm: LayerNorm::new(d, EPS, &w.sub("position_norm"))?,
            projection: Projection::new(d, d_model, config.rms_norm_eps, &w.sub("projection"))?,
        })
    }

    /// `[n_soft_tokens, d_model]`, one for each patch.
    pub(super) fn forward(&self, patches: &Patches) -> Result<Tensor> {
        const SEEING: &str = "seeing";
        let (n, width) = (patches.rows * patches.columns, 3 * patches.side_px * patches.side_px);
        let embed = || -> candle_core::Result<Tensor> {
            let pixels = Tensor::from_slice(&patches.values, (n, width), self.positions.device())?;
            let x = self.patch.forward(&self.patch_norm.forward(&pixels)?)?;
            self.embedding_norm.forward(&x)
        };
        let x = embed().doing(SEEING)?;
        let x = add_grid_positions(&x, &self.positions, patches.columns, patches.rows)?;
        let x = self.position_norm.forward(&x).doing(SEEING)?;
        self.projection.forward(&x).doing(SEEING)
    }
}
