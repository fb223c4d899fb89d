//! The metadata of a GGUF file → [`DecoderConfig`].

use super::config::{AttentionSpec, DecoderConfig, FeedForwardSpec, GatedSpec, LayerSpec};
use super::family::{self, Family, LARGEST};
use crate::error::{Error, Result};
use crate::nn::{AttentionRule, NormSpec, RotarySpec, RotaryStyle};
use crate::weights::gguf::Metadata;

/// Families whose GGUF files can be run, by their names there.
const FAMILIES: [(&str, Family); 5] = [
    ("llama", Family::Llama),
    ("gemma", Family::Gemma),
    ("gemma2", Family::Gemma2),
    ("gemma3", Family::Gemma3),
    ("qwen3", Family::Qwen3),
];

impl DecoderConfig {
    /// Reads the configuration of a GGUF file.
    ///
    /// # Errors
    /// [`Error::Config`] for a family that is not supported or sizes that make no sense,
    /// [`Error::ModelFile`] for a missing key.
    pub fn from_gguf(meta: &Metadata, n_vocab: usize, tied_output: bool) -> Result<Self> {
        let architecture =
            meta.string("general.architecture").ok_or_else(|| meta.missing("general.architecture"))?;
        let family = Family::named(&FAMILIES, architecture, "general.architecture")?;
        let key = |name: &str| format!("{architecture}.{name}");
        let size = |name: &str| -> Result<usize> {
            let value = meta.integer(&key(name)).ok_or_else(|| meta.missing(&key(name)))?;
            match usize::try_from(value) {
                Ok(value) if (1..=LARGEST).contains(&value) => Ok(value),
                _ => Err(Error::ModelFile {
                    path: meta.path().to_path_buf(),
                    reason: format!("{} is {value}", key(name)),
                }),
            }
        };
        let d_model = size("embedding_length")?;
        let n_layers = size("block_count")?.min(1024);
        let n_heads = size("attention.head_count")?;
        let n_kv_heads = size("attention.head_count_kv").unwrap_or(n_heads);
        let head_dim = size("attention.key_length").unwrap_or(d_model / n_heads);
        // GGUF has no key for it: the largest models of two families scale by the width of a head without
        // its padding (llama.cpp `llama-model.cpp`, `f_attention_scale`).
        let scaled_by = match (family, n_layers) {
            (Family::Gemma2, 46) | (Family::Gemma3, 62) => d_model / n_heads,
            _ => head_dim,
        };
        // Llama's rows are permuted in GGUF so that neighbours rotate together.
        let style = if family == Family::Llama { RotaryStyle::Interleaved } else { RotaryStyle::Halves };
        let global = RotarySpec {
            base: meta.float(&key("rope.freq_base")).unwrap_or(10_000.0),
            style,
            factor: match meta.string(&key("rope.scaling.type")) {
                Some("linear") => meta.float(&key("rope.scaling.factor")).unwrap_or(1.0),
                _ => 1.0,
            },
        };
        let local = match family.local_rotary_base() {
            Some(base) => RotarySpec { base, style, factor: 1.0 },
            None => global,
        };
        let feed_forward = FeedForwardSpec::Gated(GatedSpec {
            d_hidden: size("feed_forward_length")?,
            activation: family.activation(),
        });
        let layer = |i: usize| {
            let sliding = family.is_sliding(i);
            let attention = AttentionSpec {
                n_heads,
                n_kv_heads,
                head_dim,
                rotary: if sliding { local } else { global },
                rule: AttentionRule {
                    scale: (scaled_by as f32).powf(-0.5),
                    softcap: meta.float(&key("attn_logit_softcapping")).map(|cap| cap as f32),
                    window: if sliding { Some(size("attention.sliding_window")?) } else { None },
                },
                qk_norm: family.has_qk_norm(),
            };
            family::check(&attention, "attention.head_count")?;
            let feed_forward = feed_forward.clone();
            Ok(LayerSpec { attention, feed_forward, post_norms: family.has_post_norms() })
        };
        let norm_eps = meta.float(&key("attention.layer_norm_rms_epsilon"));
        Ok(Self {
            n_vocab,
            d_model,
            context_tokens: size("context_length")?,
            norm: NormSpec {
                eps: norm_eps.ok_or_else(|| meta.missing(&key("attention.layer_norm_rms_epsilon")))?,
                // Gemma's 1 is added when a GGUF file is written.
                offset: 0.0,
            },
            tied_output,
            embedding_scale: family.embedding_scale(d_model),
            logit_softcap: meta.float(&key("final_logit_softcapping")),
            layers: (0..n_layers).map(layer).collect::<Result<_>>()?,
        })
    }
}
