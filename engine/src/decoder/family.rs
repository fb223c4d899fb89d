//! What sets the families of decoders apart, for both kinds of files.

use super::config::AttentionSpec;
use crate::error::{Error, Result};
use crate::nn::{Activation, RotarySpec};

/// No known decoder passes this in any of its sizes.
pub(super) const LARGEST: usize = 1 << 24;

/// A family of decoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Llama,
    Gemma,
    Gemma2,
    Gemma3,
    Qwen3,
    Qwen3Moe,
}

impl Family {
    /// The family that a file names in `field`, by its names in files of that kind.
    pub(super) fn named(known: &[(&str, Self)], name: &str, field: &'static str) -> Result<Self> {
        let found = known.iter().find(|(known, _)| *known == name);
        found.map(|(_, family)| *family).ok_or_else(|| {
            let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let known = known.join(", ");
            let reason = format!("the family {name:?} is not supported yet; these are: {known}");
            Error::Config { field, reason }
        })
    }

    pub(super) fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3)
    }

    /// Whether what attention and feed-forward give is normed before it is added.
    pub(super) fn has_post_norms(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// Whether queries and keys are normed per head.
    pub(super) fn has_qk_norm(self) -> bool {
        matches!(self, Self::Gemma3 | Self::Qwen3 | Self::Qwen3Moe)
    }

    /// What the gates go through.
    pub(super) fn activation(self) -> Activation {
        if self.is_gemma() { Activation::GeluTanh } else { Activation::Silu }
    }

    /// Multiplies the rows of the token table.
    pub(super) fn embedding_scale(self, d_model: usize) -> f64 {
        if self.is_gemma() { (d_model as f64).sqrt() } else { 1.0 }
    }

    /// Whether a layer looks back over a window only, where the file does not say it of each: every
    /// second one in Gemma 2, all but every sixth in Gemma 3.
    pub(super) fn is_sliding(self, layer: usize) -> bool {
        match self {
            Self::Gemma2 => layer.is_multiple_of(2),
            Self::Gemma3 => !(layer + 1).is_multiple_of(6),
            _ => false,
        }
    }

    /// Base of the rotary angles of layers with a window, where it differs from the others'.
    pub(super) fn local_rotary_base(self) -> Option<f64> {
        (self == Self::Gemma3).then_some(10_000.0)
    }
}

/// Checks that heads divide among key-value heads and can be rotated, and that angles are numbers.
pub(super) fn check(attention: &AttentionSpec, field: &'static str) -> Result<()> {
    let AttentionSpec { n_heads, n_kv_heads, head_dim, .. } = *attention;
    let RotarySpec { base, factor, .. } = attention.rotary;
    let reason = if n_kv_heads == 0 || n_heads % n_kv_heads != 0 || head_dim == 0 || head_dim % 2 != 0 {
        format!("{n_heads} heads, {n_kv_heads} key-value heads of {head_dim} do not fit together")
    } else if !(base > 1.0 && factor > 0.0 && base.is_finite() && factor.is_finite()) {
        format!("rotary base {base} and factor {factor} make no sense")
    } else {
        return Ok(());
    };
    Err(Error::Config { field, reason })
}
