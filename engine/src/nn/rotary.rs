//! Rotary position embedding (Su et al., RoFormer, 2021, section 3.2).

use candle_core::{Device, Tensor};

use crate::error::{Doing, Result};

/// Which numbers of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryStyle {
    /// Neighbours (0, 1), (2, 3), …: the paper's order; GGUF files of Llama models are permuted to it.
    Interleaved,
    /// One from each half: (0, d/2), (1, d/2 + 1), …
    Halves,
}

/// Which angles a layer uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotarySpec {
    /// Base of the angles.
    pub base: f64,
    /// Order of the pairs.
    pub style: RotaryStyle,
    /// Positions are divided by this, to stretch a trained context (Chen et al., 2023).
    pub factor: f64,
}

/// Tables of cosines and sines for every position.
pub struct Rotary {
    cos: Tensor,
    sin: Tensor,
    style: RotaryStyle,
}

impl Rotary {
    /// Tables for positions below `n_positions`: angle of pair i at position p is
    /// `p / factor · base^(-2i/head_dim)`.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute).
    pub fn new(spec: RotarySpec, head_dim: usize, n_positions: usize, device: &Device) -> Result<Self> {
        let angle = |pos: usize, pair: usize| {
            pos as f64 / spec.factor * spec.base.powf(-2.0 * pair as f64 / head_dim as f64)
        };
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = (0..n_positions)
                .flat_map(|pos| (0..head_dim / 2).map(move |pair| f(angle(pos, pair)) as f32))
                .collect();
            Tensor::from_vec(values, (n_positions, head_dim / 2), device).doing("making rotary tables")
        };
        Ok(Self { cos: table(f64::cos)?, sin: table(f64::sin)?, style: spec.style })
    }

    /// Rotates `x` whose first row stands at position `pos`.
    ///
    /// # Shapes
    /// - `x`: `[1, n_heads, n, head_dim]`, contiguous
    /// - returns: the same
    pub fn forward(&self, x: &Tensor, pos: usize) -> candle_core::Result<Tensor> {
        let n = x.dim(2)?;
        let (cos, sin) = (self.cos.narrow(0, pos, n)?, self.sin.narrow(0, pos, n)?);
        match self.style {
            RotaryStyle::Interleaved => candle_nn::rotary_emb::rope_i(x, &cos, &sin),
            RotaryStyle::Halves => candle_nn::rotary_emb::rope(x, &cos, &sin),
        }
    }
}
