//! What sets the families of decoders apart, for both kinds of files.

use super::config::{AttentionSpec, PictureView};
use crate::error::{Error, Result};
use crate::nn::{Activation, RotaryScaling, RotarySpec};

/// No known decoder passes this in any of its sizes.
pub(super) const LARGEST: usize = 1 << 24;

/// No known decoder has more layers or experts.
pub(super) const MOST: usize = 4096;

/// A family of decoders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Llama,
    Gemma,
    Gemma2,
    Gemma3,
    Gemma4,
    /// Gemma 4 without encoders: patches and sound go straight into the decoder.
    Gemma4Unified,
    Qwen3,
    Qwen3Moe,
    Mixtral,
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
        matches!(self, Self::Gemma | Self::Gemma2 | Self::Gemma3) || self.is_gemma4()
    }

    pub(super) fn is_gemma4(self) -> bool {
        matches!(self, Self::Gemma4 | Self::Gemma4Unified)
    }

    /// What Gemma's own files leave out of the weights of norms, up to its third generation.
    pub(super) fn norm_offset(self) -> f64 {
        if self.is_gemma() && !self.is_gemma4() { 1.0 } else { 0.0 }
    }

    /// What the scores of attention are scaled by, where the file does not say it.
    pub(super) fn attention_scale(self, head_dim: usize) -> f32 {
        if self.is_gemma4() { 1.0 } else { (head_dim as f32).powf(-0.5) }
    }

    /// Who of a picture sees whom, in a family that looks at pictures with `both_ways`.
    pub(super) fn pictures(self, sliding: bool, both_ways: bool) -> PictureView {
        match self {
            Self::Gemma3 if sliding => PictureView::WithinWindow,
            Self::Gemma3 => PictureView::Whole,
            Self::Gemma4 if both_ways && sliding => PictureView::WithinWindow,
            Self::Gemma4Unified if both_ways => PictureView::Whole,
            _ => PictureView::Causal,
        }
    }

    /// Whether what attention and feed-forward give is normed before it is added.
    pub(super) fn has_post_norms(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3) || self.is_gemma4()
    }

    /// Whether queries and keys are normed per head.
    pub(super) fn has_qk_norm(self) -> bool {
        matches!(self, Self::Gemma3 | Self::Qwen3 | Self::Qwen3Moe) || self.is_gemma4()
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

/// The layer whose keys and values a layer reads that makes none: the last of its kind before `first_shared`.
pub(super) fn shared_layer(
    first_shared: usize,
    sliding: bool,
    is_sliding: impl Fn(usize) -> Result<bool>,
) -> Result<Option<usize>> {
    for earlier in (0..first_shared).rev() {
        if is_sliding(earlier)? == sliding {
            return Ok(Some(earlier));
        }
    }
    Ok(None)
}

/// Checks that heads divide among key-value heads and can be rotated, and that angles are numbers.
pub(super) fn check(attention: &AttentionSpec, field: &'static str) -> Result<()> {
    let AttentionSpec { n_heads, n_kv_heads, head_dim, .. } = *attention;
    let RotarySpec { base, scaling, .. } = attention.rotary;
    let is_factor = |factor: f64| factor.is_finite() && factor > 0.0;
    let scales = match scaling {
        RotaryScaling::None => true,
        RotaryScaling::Linear { factor } => is_factor(factor),
        RotaryScaling::Partial { share } => (0.0..=1.0).contains(&share),
        RotaryScaling::Llama3 { factor, low, high, context } => {
            is_factor(factor) && is_factor(low) && high > low && is_factor(context)
        }
    };
    let reason = if n_kv_heads == 0 || n_heads % n_kv_heads != 0 || head_dim == 0 || head_dim % 2 != 0 {
        format!("{n_heads} heads, {n_kv_heads} key-value heads of {head_dim} do not fit together")
    } else if !(base > 1.0 && base.is_finite() && scales) {
        format!("rotary base {base} and scaling {scaling:?} make no sense")
    } else {
        return Ok(());
    };
    Err(Error::Config { field, reason })
}
