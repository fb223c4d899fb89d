//! What a decoder looks like, as data.

use crate::nn::{Activation, AttentionRule, CacheFormat, CacheShape, MOST_ALIKE, NormSpec, RotarySpec};
#[cfg(test)]
use crate::nn::{RotaryScaling, RotaryStyle};

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
    /// The token that stands for what has none: media in tables of tokens.
    pub pad_token: u32,
    /// Tokens that stand for media; one without a medium is read as padding.
    pub media_tokens: Vec<u32>,
    /// A second table of the tokens, with a row for each layer (Gemma 3n and 4).
    pub per_layer: Option<PerLayerSpec>,
    /// Bottom to top.
    pub layers: Vec<LayerSpec>,
}

/// Embeddings that each layer adds on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerLayerSpec {
    /// Width of a layer's embedding.
    pub width: usize,
    /// Tokens in its table.
    pub n_vocab: usize,
    /// Of its gate.
    pub activation: Activation,
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
    /// Whether what the layer gives is multiplied by a stored number (Gemma 4).
    pub output_scale: bool,
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
    /// How scores are made.
    pub rule: AttentionRule,
    /// How many positions a query sees, its own included; none sees all before it.
    pub window: Option<usize>,
    /// Whether the tokens of a picture see those of it that follow.
    pub pictures: PictureView,
    /// Whether queries and keys are normed per head before they are rotated (Gemma 3, Qwen 3).
    pub qk_norm: bool,
    /// Whether values are normed per head, without a weight (Gemma 4).
    pub v_norm: bool,
    /// Where keys and values come from.
    pub keys: KeySource,
}

impl AttentionSpec {
    /// What its cache holds; none where it reads another layer's.
    pub fn cache(&self) -> Option<CacheShape> {
        let shape = CacheShape { n_kv_heads: self.n_kv_heads, head_dim: self.head_dim, window: self.window };
        (!matches!(self.keys, KeySource::Layer(_))).then_some(shape)
    }
}

/// What the tokens of a picture or video frame see of their own picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureView {
    /// What comes before them, as text does.
    Causal,
    /// All of it that does not lie before their window (Gemma 3 and 4).
    WithinWindow,
    /// All of it (Gemma 4 unified).
    Whole,
}

/// Where a layer's keys and values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// From two matrices.
    Own,
    /// From one matrix: values are the keys before they are normed and rotated (Gemma 4, global layers).
    Shared,
    /// From an earlier layer's cache (Gemma 3n and 4, upper layers).
    Layer(usize),
}

/// What follows attention in a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedForwardSpec {
    /// `down(activation(gate(x)) · up(x))` (Shazeer, GLU Variants, 2020).
    Gated(GatedSpec),
    /// Some of several such networks for each position, chosen by a router (Shazeer et al., 2017).
    Experts(ExpertsSpec),
    /// A network for all positions and chosen ones beside it, each side with norms of its own (Gemma 4).
    Both(GatedSpec, ExpertsSpec),
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
    /// Whether the router norms and scales what it reads, and scales what each expert counts (Gemma 4).
    pub scaled_router: bool,
}

impl FeedForwardSpec {
    /// Width between for a position: that of all networks it goes through.
    pub fn d_hidden(&self) -> usize {
        let chosen = |experts: &ExpertsSpec| experts.n_chosen * experts.expert.d_hidden;
        match self {
            Self::Gated(dense) => dense.d_hidden,
            Self::Experts(experts) => chosen(experts),
            Self::Both(dense, experts) => dense.d_hidden + chosen(experts),
        }
    }
}

impl DecoderConfig {
    /// Bytes of keys and values for a conversation of `n` tokens.
    pub fn cache_bytes(&self, n: usize, format: CacheFormat) -> u64 {
        let caches = self.layers.iter().filter_map(|layer| layer.attention.cache());
        caches.map(|cache| cache.bytes(n, format)).sum()
    }

    /// Bytes that gradients take for a token, about: what each layer reads, and what the largest keeps on its way.
    pub fn bytes_of_traced_token(&self) -> usize {
        let of_layer = |layer: &LayerSpec| {
            let attention = layer.attention.n_heads * layer.attention.head_dim;
            16 * self.d_model + 8 * attention + 10 * layer.feed_forward.d_hidden()
        };
        let largest = self.layers.iter().map(of_layer).max().unwrap_or(0);
        size_of::<f32>() * (self.layers.len() * self.d_model + largest).max(1)
    }

    /// What a token after `n` others sees of them and itself: bytes of keys and values, and products with them. A layer that
    /// reads another's cache reads it once more.
    pub fn looks_back(&self, n: usize, format: CacheFormat) -> (u64, u64) {
        let of_layer = |layer: &LayerSpec| {
            let AttentionSpec { n_heads, n_kv_heads, head_dim, window, .. } = layer.attention;
            let seen = n.saturating_add(1).min(window.unwrap_or(usize::MAX)) as u64;
            let bytes = 2 * n_kv_heads * format.row_bytes(head_dim);
            (seen * bytes as u64, seen * (2 * n_heads * head_dim) as u64)
        };
        self.layers.iter().map(of_layer).fold((0, 0), |all, layer| (all.0 + layer.0, all.1 + layer.1))
    }

    /// So many positions may be read in one step with the same results, to the last bit, as one by one (for weights
    /// that our kernels hold).
    pub fn rows_alike(&self) -> usize {
        let of_layer = |layer: &LayerSpec| MOST_ALIKE * layer.attention.n_kv_heads / layer.attention.n_heads;
        self.layers.iter().map(of_layer).min().unwrap_or(1).max(1)
    }

    /// Whether a tensor of a Hugging Face folder or a GGUF file belongs to keys and values of a layer that reads
    /// an earlier layer's: published files still hold them.
    pub(crate) fn is_unread(&self, name: &str) -> bool {
        let layers = name.split_once("layers.").or_else(|| name.split_once("blk."));
        let Some((_, rest)) = layers else { return false };
        let Some((layer, part)) = rest.split_once('.') else { return false };
        let reads = layer.parse().is_ok_and(|layer: usize| {
            self.layers.get(layer).is_some_and(|layer| matches!(layer.attention.keys, KeySource::Layer(_)))
        });
        reads
            && [
                "self_attn.k_proj.",
                "self_attn.v_proj.",
                "self_attn.k_norm.",
                "attn_k.",
                "attn_v.",
                "attn_k_norm.",
            ]
            .iter()
            .any(|p| part.starts_with(p))
    }

    /// The first of the layers at the top that write no cache: a token that needs no logits can stop there.
    pub fn first_reading_layer(&self) -> usize {
        let writes = |layer: &LayerSpec| layer.attention.cache().is_some();
        self.layers.iter().rposition(writes).map_or(0, |last| last + 1)
    }
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
                rotary: RotarySpec {
                    base: 10_000.0,
                    style: RotaryStyle::Interleaved,
                    scaling: RotaryScaling::None,
                },
                rule: AttentionRule { scale: 8f32.powf(-0.5), softcap: None },
                window: None,
                pictures: PictureView::Causal,
                qk_norm: false,
                v_norm: false,
                keys: KeySource::Own,
            },
            feed_forward: FeedForwardSpec::Gated(GatedSpec { d_hidden: 48, activation: Activation::Silu }),
            post_norms: false,
            output_scale: false,
        };
        Self {
            n_vocab: 64,
            d_model: 32,
            context_tokens: 128,
            norm: NormSpec { eps: 1e-5, offset: 0.0 },
            tied_output: true,
            embedding_scale: 1.0,
            logit_softcap: None,
            pad_token: 0,
            media_tokens: Vec::new(),
            per_layer: None,
            layers: vec![layer.clone(), layer],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_with_a_window_keeps_little_more_than_it() {
        // 2 layers with 2 heads of 8 numbers.
        let mut config = DecoderConfig::tiny();
        assert_eq!(config.cache_bytes(100, CacheFormat::F32), 2 * 2 * 100 * 16 * 4);
        config.layers[0].attention.window = Some(10);
        assert_eq!(config.cache_bytes(1000, CacheFormat::F16), 2 * (10 + 256 + 1000) * 16 * 2);
        assert_eq!(config.cache_bytes(4, CacheFormat::F16), 2 * (4 + 4) * 16 * 2);
        config.layers[1].attention.keys = KeySource::Layer(0);
        assert_eq!(config.cache_bytes(4, CacheFormat::F16), 2 * 4 * 16 * 2);
        assert_eq!(config.first_reading_layer(), 1);
        // Ten positions and 1,000, of two heads with keys and values, and of four heads with products of both.
        assert_eq!(config.looks_back(999, CacheFormat::F16), (1010 * 2 * 16 * 2, 1010 * 2 * 32));
        assert_eq!(config.looks_back(3, CacheFormat::F32), (8 * 2 * 16 * 4, 8 * 2 * 32));
    }
}
