//! What a decoder looks like, as data.

#[cfg(test)]
use crate::nn::RotaryStyle;
use crate::nn::{Activation, AttentionRule, NormSpec, RotarySpec};

/// A whole decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Tokens in the table.
    pub n_vocab: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Positions it was trained for.
    pub context_tokens: usize,
    /// Every norm.
    pub norm: NormSpec,
    /// Whether the output matrix is the token table.
    pub tied_output: bool,
    /// Multiplies the rows of the token table: 1, or `√d_model` in Gemma.
    pub embedding_scale: f64,
    /// Soft limit `c` of the logits, `c · tanh(x / c)` (Gemma 2, section 2).
    pub logit_softcap: Option<f64>,
    /// Bottom to top.
    pub layers: Vec<LayerSpec>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSpec {
    /// How it looks back.
    pub attention: AttentionSpec,
    /// What it does with each position.
    pub feed_forward: FeedForwardSpec,
    /// Whether what attention and feed-forward give is normed, too, before it is added (Gemma 2 on).
    pub post_norms: bool,
}

/// Grouped-query attention (Ainslie et al., 2023): `n_heads / n_kv_heads` queries share keys and values.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionSpec {
    /// Query heads.
    pub n_heads: usize,
    /// Key and value heads; divides `n_heads`.
    pub n_kv_heads: usize,
    /// Numbers per head.
    pub head_dim: usize,
    /// Angles of the positions.
    pub rotary: RotarySpec,
    /// How scores are made, and who sees whom.
    pub rule: AttentionRule,
    /// Whether queries and keys are normed per head before they are rotated (Gemma 3, Qwen 3).
    pub qk_norm: bool,
}

/// What follows attention in a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedForwardSpec {
    /// `down(activation(gate(x)) · up(x))` (Shazeer, GLU Variants, 2020).
    Gated(GatedSpec),
    /// Some of several such networks for each position, chosen by a router (Shazeer et al., 2017).
    Experts(ExpertsSpec),
}

/// A gated feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatedSpec {
    /// Width between.
    pub d_hidden: usize,
    /// Of the gate.
    pub activation: Activation,
}

/// A mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertsSpec {
    /// Networks to choose from.
    pub n_experts: usize,
    /// Networks that each position goes through.
    pub n_chosen: usize,
    /// Each network.
    pub expert: GatedSpec,
    /// Whether the weights of the chosen ones are scaled to sum to 1.
    pub renormalise: bool,
}

#[cfg(test)]
impl DecoderConfig {
    /// Two narrow layers: small enough for a unit test with seeded weights.
    pub fn tiny() -> Self {
        let layer = LayerSpec {
            attention: AttentionSpec {
                n_heads: 4,
                n_kv_heads: 2,
                head_dim: 8,
                rotary: RotarySpec { base: 10_000.0, style: RotaryStyle::Interleaved, factor: 1.0 },
                rule: AttentionRule { scale: 8f32.powf(-0.5), softcap: None, window: None },
                qk_norm: false,
            },
            feed_forward: FeedForwardSpec::Gated(GatedSpec { d_hidden: 48, activation: Activation::Silu }),
            post_norms: false,
        };
        Self {
            n_vocab: 64,
            d_model: 32,
            context_tokens: 128,
            norm: NormSpec { eps: 1e-5, offset: 0.0 },
            tied_output: true,
            embedding_scale: 1.0,
            logit_softcap: None,
            layers: vec![layer.clone(), layer],
        }
    }
}
