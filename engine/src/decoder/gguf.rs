//! The metadata of a GGUF file → [`DecoderConfig`]. Keys: ggml `gguf-py/gguf/constants.py`.

use super::config::{
    AttentionSpec, DecoderConfig, ExpertsSpec, FeedForwardSpec, GatedSpec, KeySource, LayerSpec, PerLayerSpec,
};
use super::family::{self, Family, LARGEST, MOST};
use crate::error::{Error, Result};
use crate::nn::{AttentionRule, NormSpec, RotaryScaling, RotarySpec, RotaryStyle};
use crate::weights::gguf::Metadata;

/// Families whose GGUF files can be run, by their names there. A file of Llama's with experts is Mixtral.
const FAMILIES: [(&str, Family); 7] = [
    ("llama", Family::Llama),
    ("gemma", Family::Gemma),
    ("gemma2", Family::Gemma2),
    ("gemma3", Family::Gemma3),
    ("gemma4", Family::Gemma4),
    ("qwen3", Family::Qwen3),
    ("qwen3moe", Family::Qwen3Moe),
];

impl DecoderConfig {
    /// Reads the configuration of a GGUF file.
    ///
    /// # Errors
    /// [`Error::Config`] for a family that is not supported or sizes that make no sense,
    /// [`Error::ModelFile`] for a missing key.
    pub fn from_gguf(meta: &Metadata, n_vocab: usize, tied_output: bool) -> Result<Self> {
        let name = meta.string("general.architecture").ok_or_else(|| meta.missing("general.architecture"))?;
        let family = Family::named(&FAMILIES, name, "general.architecture")?;
        let file = File { meta, name };
        let family = match family {
            Family::Llama if file.optional("expert_count")?.is_some() => Family::Mixtral,
            family => family,
        };
        let d_model = file.size("embedding_length")?;
        let n_layers = file.size("block_count")?;
        if n_layers > MOST {
            return Err(file.wrong("block_count", n_layers));
        }
        let width = file.optional("embedding_length_per_layer_input")?;
        let layers = (0..n_layers).map(|layer| file.layer(family, layer, n_layers, width.is_some()));
        let eps = file.float("attention.layer_norm_rms_epsilon");
        Ok(Self {
            n_vocab,
            d_model,
            context_tokens: file.size("context_length")?,
            norm: NormSpec {
                eps: eps.ok_or_else(|| meta.missing(&file.key("attention.layer_norm_rms_epsilon")))?,
                // Gemma's 1 is added when a GGUF file is written.
                offset: 0.0,
            },
            tied_output,
            embedding_scale: family.embedding_scale(d_model),
            logit_softcap: file.float("final_logit_softcapping"),
            pad_token: meta
                .integer("tokenizer.ggml.padding_token_id")
                .and_then(|id| u32::try_from(id).ok())
                .unwrap_or(0),
            media_tokens: Vec::new(),
            per_layer: width.map(|width| PerLayerSpec { width, n_vocab, activation: family.activation() }),
            layers: layers.collect::<Result<_>>()?,
        })
    }
}

/// The metadata of one architecture.
struct File<'a> {
    meta: &'a Metadata<'a>,
    name: &'a str,
}

impl File<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    fn wrong(&self, name: &str, value: impl std::fmt::Display) -> Error {
        let reason = format!("{} is {value}", self.key(name));
        Error::ModelFile { path: self.meta.path().to_path_buf(), reason }
    }

    fn float(&self, name: &str) -> Option<f64> {
        self.meta.float(&self.key(name))
    }

    /// A size that may be missing or 0.
    fn optional(&self, name: &str) -> Result<Option<usize>> {
        match self.meta.integer(&self.key(name)) {
            None | Some(0) => Ok(None),
            Some(value) => match usize::try_from(value) {
                Ok(value) if value <= LARGEST => Ok(Some(value)),
                _ => Err(self.wrong(name, value)),
            },
        }
    }

    fn size(&self, name: &str) -> Result<usize> {
        let key = self.key(name);
        match (self.optional(name)?, self.meta.value(&key)) {
            (Some(value), _) => Ok(value),
            (None, Some(_)) => Err(self.wrong(name, 0)),
            (None, None) => Err(self.meta.missing(&key)),
        }
    }

    /// A size that may differ from layer to layer.
    fn layer_size(&self, name: &str, layer: usize) -> Result<Option<usize>> {
        let Some(list) = self.meta.list(&self.key(name)) else { return self.optional(name) };
        match list.get(layer).and_then(|value| value.integer()) {
            Some(value @ 1..) if value <= LARGEST as u64 => Ok(Some(value as usize)),
            _ => Err(self.wrong(name, format!("a list without a size for layer {layer}"))),
        }
    }

    /// Whether a layer looks back over a window only.
    fn is_sliding(&self, family: Family, layer: usize) -> Result<bool> {
        const PATTERN: &str = "attention.sliding_window_pattern";
        let Some(list) = self.meta.list(&self.key(PATTERN)) else {
            return match family {
                Family::Gemma4 => Err(self.meta.missing(&self.key(PATTERN))),
                family => Ok(family.is_sliding(layer)),
            };
        };
        let listed = list.get(layer).and_then(|value| value.bool());
        listed.ok_or_else(|| self.wrong(PATTERN, format!("a list without layer {layer}")))
    }

    fn layer(&self, family: Family, layer: usize, n_layers: usize, has_own: bool) -> Result<LayerSpec> {
        let n_shared = self.optional("attention.shared_kv_layers")?.unwrap_or(0);
        if n_shared >= n_layers {
            return Err(self.wrong("attention.shared_kv_layers", n_shared));
        }
        let attention = self.attention(family, layer, n_layers, n_layers - n_shared, has_own)?;
        family::check(&attention, "attention.head_count")?;
        Ok(LayerSpec {
            attention,
            feed_forward: self.feed_forward(family, layer)?,
            post_norms: family.has_post_norms(),
            output_scale: family.is_gemma4(),
        })
    }

    fn attention(
        &self,
        family: Family,
        layer: usize,
        n_layers: usize,
        first_shared: usize,
        has_own: bool,
    ) -> Result<AttentionSpec> {
        let d_model = self.size("embedding_length")?;
        let n_heads = self.layer_size("attention.head_count", layer)?;
        let n_heads = n_heads.ok_or_else(|| self.meta.missing(&self.key("attention.head_count")))?;
        let n_kv_heads = self.layer_size("attention.head_count_kv", layer)?.unwrap_or(n_heads);
        let sliding = self.is_sliding(family, layer)?;
        let local = |name: &str| if sliding { self.optional(name) } else { Ok(None) };
        let head_dim = match local("attention.key_length_swa")? {
            Some(head_dim) => head_dim,
            None => self.optional("attention.key_length")?.unwrap_or(d_model / n_heads),
        };
        // GGUF has no key for it: the largest models of two families scale by the width of a head without
        // its padding (llama.cpp `llama-model.cpp`, `f_attention_scale`).
        let scaled_by = match (family, n_layers) {
            (Family::Gemma2, 46) | (Family::Gemma3, 62) => d_model / n_heads,
            _ => head_dim,
        };
        // Larger Gemma 4 models look at pictures both ways; those with embeddings of each layer do not.
        let pictures = family.pictures(sliding, !has_own);
        Ok(AttentionSpec {
            n_heads,
            n_kv_heads,
            head_dim,
            rotary: self.rotary(family, sliding),
            rule: AttentionRule {
                scale: family.attention_scale(scaled_by),
                softcap: self.float("attn_logit_softcapping").map(|cap| cap as f32),
            },
            window: if sliding { Some(self.size("attention.sliding_window")?) } else { None },
            pictures,
            qk_norm: family.has_qk_norm(),
            v_norm: family.is_gemma4(),
            keys: self.keys(family, layer, first_shared, sliding)?,
        })
    }

    fn keys(&self, family: Family, layer: usize, first_shared: usize, sliding: bool) -> Result<KeySource> {
        if layer < first_shared {
            // Files have no key for it either: where values are the keys, the matrix of values is missing.
            let has_values = self.meta.has_tensor(&format!("blk.{layer}.attn_v.weight"));
            return Ok(if family.is_gemma4() && !has_values { KeySource::Shared } else { KeySource::Own });
        }
        let shared = family::shared_layer(first_shared, sliding, |layer| self.is_sliding(family, layer))?;
        let reason = "more than the layers before have to share";
        shared.map(KeySource::Layer).ok_or_else(|| self.wrong("attention.shared_kv_layers", reason))
    }

    fn rotary(&self, family: Family, sliding: bool) -> RotarySpec {
        // Llama's rows are permuted in GGUF so that neighbours rotate together.
        let style = match family {
            Family::Llama | Family::Mixtral => RotaryStyle::Interleaved,
            _ => RotaryStyle::Halves,
        };
        if sliding && let Some(base) = self.float("rope.freq_base_swa").or(family.local_rotary_base()) {
            return RotarySpec { base, style, scaling: RotaryScaling::None };
        }
        let scaling = match self.meta.string(&self.key("rope.scaling.type")) {
            Some("linear") => {
                RotaryScaling::Linear { factor: self.float("rope.scaling.factor").unwrap_or(1.0) }
            }
            _ => RotaryScaling::None,
        };
        RotarySpec { base: self.float("rope.freq_base").unwrap_or(10_000.0), style, scaling }
    }

    fn feed_forward(&self, family: Family, layer: usize) -> Result<FeedForwardSpec> {
        let activation = family.activation();
        let gated = |d_hidden| GatedSpec { d_hidden, activation };
        let dense = self.layer_size("feed_forward_length", layer)?;
        let missing = |name: &str| self.meta.missing(&self.key(name));
        let dense_or_missing = || dense.map(gated).ok_or_else(|| missing("feed_forward_length"));
        let Some(n_experts) = self.optional("expert_count")? else {
            return Ok(FeedForwardSpec::Gated(dense_or_missing()?));
        };
        let n_chosen = self.size("expert_used_count")?;
        if n_experts > MOST || n_chosen > n_experts {
            return Err(self.wrong("expert_used_count", format!("{n_chosen} of {n_experts}")));
        }
        let d_hidden = match self.optional("expert_feed_forward_length")? {
            Some(d_hidden) => d_hidden,
            None => dense.ok_or_else(|| missing("expert_feed_forward_length"))?,
        };
        let scaled_router = family.is_gemma4();
        let experts =
            ExpertsSpec { n_experts, n_chosen, expert: gated(d_hidden), renormalise: true, scaled_router };
        Ok(match family {
            Family::Gemma4 => FeedForwardSpec::Both(dense_or_missing()?, experts),
            _ => FeedForwardSpec::Experts(experts),
        })
    }
}
