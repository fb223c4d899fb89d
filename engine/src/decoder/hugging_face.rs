//! `config.json` of a Hugging Face folder → [`DecoderConfig`].

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{
    AttentionSpec, DecoderConfig, ExpertsSpec, FeedForwardSpec, GatedSpec, KeySource, LayerSpec, PerLayerSpec,
};
use super::family::{self, Family, LARGEST, MOST};
use super::input::Modality;
use crate::error::{Error, Result};
use crate::nn::{Activation, AttentionRule, NormSpec, RotaryScaling, RotarySpec, RotaryStyle};
use crate::weights::names;

/// Families whose checkpoints can be run.
const FAMILIES: [(&str, Family); 9] = [
    ("llama", Family::Llama),
    ("mixtral", Family::Mixtral),
    ("gemma", Family::Gemma),
    ("gemma2", Family::Gemma2),
    ("gemma3_text", Family::Gemma3),
    ("gemma4_text", Family::Gemma4),
    ("gemma4_unified_text", Family::Gemma4Unified),
    ("qwen3", Family::Qwen3),
    ("qwen3_moe", Family::Qwen3Moe),
];

/// Families with encoders, whose decoder is described in `text_config`.
const WRAPPERS: [(&str, &str); 3] =
    [("gemma3", "gemma3_text"), ("gemma4", "gemma4_text"), ("gemma4_unified", "gemma4_unified_text")];

/// The fields that are used; transformers leaves out or renames some from version to version.
#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    global_head_dim: Option<usize>,
    num_global_key_value_heads: Option<usize>,
    #[serde(default)]
    per_layer_config: HashMap<String, LayerFile>,
    #[serde(default)]
    attention_k_eq_v: bool,
    #[serde(default)]
    num_kv_shared_layers: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    hidden_act: Option<String>,
    /// The first Gemma files have both, and mean this one.
    hidden_activation: Option<String>,
    tie_word_embeddings: Option<bool>,
    #[serde(default)]
    hidden_size_per_layer_input: Option<usize>,
    vocab_size_per_layer_input: Option<usize>,
    pad_token_id: Option<u32>,
    #[serde(default)]
    use_double_wide_mlp: bool,
    /// A word in Gemma 4, a truth value in Gemma 3.
    #[serde(default)]
    use_bidirectional_attention: Value,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    sliding_window: Option<usize>,
    layer_types: Option<Vec<String>>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    rope_scaling: Option<RopeFile>,
    rope_parameters: Option<RopesFile>,
    num_experts: Option<usize>,
    num_local_experts: Option<usize>,
    num_experts_per_tok: Option<usize>,
    top_k_experts: Option<usize>,
    moe_intermediate_size: Option<usize>,
    expert_intermediate_size: Option<usize>,
    #[serde(default)]
    enable_moe_block: bool,
    norm_topk_prob: Option<bool>,
    decoder_sparse_step: Option<usize>,
    #[serde(default)]
    mlp_only_layers: Vec<usize>,
}

#[derive(Deserialize, Clone)]
struct RopeFile {
    rope_type: Option<String>,
    /// The name before transformers 4.43.
    r#type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    partial_rotary_factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
}

/// What a layer has of its own.
#[derive(Deserialize, Clone, Default)]
struct LayerFile {
    head_dim: Option<usize>,
    num_key_value_heads: Option<usize>,
}

/// One rule for all layers, or one for each kind of layer.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum RopesFile {
    Each { full_attention: RopeFile, sliding_attention: RopeFile },
    One(RopeFile),
}

/// A configuration, and how the family names its tensors.
pub(crate) struct Described {
    pub(crate) config: DecoderConfig,
    pub(crate) names: fn(&str) -> String,
    /// The whole file, for what else it describes.
    pub(crate) file: Value,
}

/// Reads `config.json`.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`] when it is not valid, [`Error::Config`] for a family that is not
/// supported or sizes that make no sense.
pub(crate) fn describe(path: &Path) -> Result<Described> {
    let bad =
        |error| Error::ModelFile { path: path.to_path_buf(), reason: format!("it cannot be read: {error}") };
    let file: Value = serde_json::from_str(&crate::weights::read_text(path)?).map_err(bad)?;
    let model_type = file["model_type"].as_str().unwrap_or_default();
    let wrapper = WRAPPERS.iter().find(|(wrapper, _)| *wrapper == model_type);
    // A family that nobody knows is a better reason than the fields it lacks.
    family_of(wrapper.map_or(model_type, |(_, text)| text))?;
    let text = match wrapper {
        Some((_, text)) => text_config(&file, text),
        None => file.clone(),
    };
    let text: ConfigFile = serde_json::from_value(text).map_err(bad)?;
    let names = match (model_type, family_of(&text.model_type)?) {
        ("gemma3", _) => names::gemma3,
        ("gemma4" | "gemma4_unified", _) => names::gemma4,
        (_, Family::Gemma4 | Family::Gemma4Unified) => names::gemma4_text,
        (_, Family::Mixtral) => names::mixtral,
        (_, family) if family.has_post_norms() => names::hugging_face_four_norms,
        _ => names::hugging_face,
    };
    let mut config = text.config()?;
    if config.layers.iter().any(|layer| layer.output_scale) {
        let ids = Modality::ALL.into_iter().filter_map(|modality| media_token(&file, modality));
        config.media_tokens = ids.collect();
    }
    Ok(Described { config, names, file })
}

/// The id that stands for a medium in the vocabulary of a checkpoint with encoders.
pub(crate) fn media_token(file: &Value, modality: Modality) -> Option<u32> {
    let names = match modality {
        Modality::Text => return None,
        Modality::Picture => ["image_token_id", "image_token_index"],
        Modality::Video => ["video_token_id", "video_token_index"],
        Modality::Sound => ["audio_token_id", "audio_token_index"],
    };
    token_id(file, &names)
}

/// The id that a checkpoint gives under one of these names.
pub(crate) fn token_id(file: &Value, names: &[&str]) -> Option<u32> {
    names.iter().find_map(|name| file[*name].as_u64()).and_then(|id| u32::try_from(id).ok())
}

/// The ids that end a text.
pub(crate) fn end_tokens(file: &Value) -> Vec<u32> {
    let named = [&file["eos_token_id"], &file["text_config"]["eos_token_id"]];
    let ids = named.into_iter().flat_map(|ids| match ids {
        Value::Array(ids) => ids.iter().filter_map(Value::as_u64).collect(),
        id => id.as_u64().into_iter().collect::<Vec<_>>(),
    });
    ids.filter_map(|id| u32::try_from(id).ok()).collect()
}

/// The part that describes the decoder, with what transformers adds to it.
fn text_config(file: &Value, model_type: &str) -> Value {
    let mut text = match model_type {
        // Published files leave out what is transformers' default (`configuration_gemma3.py`).
        "gemma3_text" => json!({
            "vocab_size": 262_208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "max_position_embeddings": 131_072, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256.0,
        }),
        _ => json!({}),
    };
    if model_type == "gemma3_text" && file["text_config"].get("rope_parameters").is_none() {
        text["rope_theta"] = json!(1e6);
        text["rope_local_base_freq"] = json!(1e4);
    }
    text["model_type"] = json!(model_type);
    if let Some(tied) = file.get("tie_word_embeddings") {
        text["tie_word_embeddings"] = tied.clone();
    }
    if let (Value::Object(all), Value::Object(own)) = (&mut text, &file["text_config"]) {
        all.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    text
}

fn family_of(name: &str) -> Result<Family> {
    Family::named(&FAMILIES, name, "model_type")
}

fn invalid(field: &'static str, reason: impl Into<String>) -> Error {
    Error::Config { field, reason: reason.into() }
}

impl ConfigFile {
    fn config(&self) -> Result<DecoderConfig> {
        let family = family_of(&self.model_type)?;
        self.check()?;
        let layers = (0..self.num_hidden_layers).map(|i| {
            Ok(LayerSpec {
                attention: self.attention(family, i)?,
                feed_forward: self.feed_forward(family, i)?,
                post_norms: family.has_post_norms(),
                output_scale: family.is_gemma4(),
            })
        });
        let width = self.hidden_size_per_layer_input.filter(|width| *width > 0);
        let per_layer = width.map(|width| -> Result<PerLayerSpec> {
            Ok(PerLayerSpec {
                width,
                n_vocab: self.vocab_size_per_layer_input.unwrap_or(self.vocab_size),
                activation: self.activation(family)?,
            })
        });
        Ok(DecoderConfig {
            n_vocab: self.vocab_size,
            d_model: self.hidden_size,
            context_tokens: self.max_position_embeddings,
            norm: NormSpec { eps: self.rms_norm_eps, offset: family.norm_offset() },
            tied_output: self.tie_word_embeddings.unwrap_or(family.is_gemma()),
            embedding_scale: family.embedding_scale(self.hidden_size),
            logit_softcap: self.final_logit_softcapping,
            pad_token: self.pad_token_id.unwrap_or(0),
            media_tokens: Vec::new(),
            per_layer: per_layer.transpose()?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    fn check(&self) -> Result<()> {
        for (field, size) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.n_kv_heads()),
            ("head_dim", self.head_dim()),
            ("hidden_size_per_layer_input", self.hidden_size_per_layer_input.unwrap_or(0).max(1)),
            ("vocab_size_per_layer_input", self.vocab_size_per_layer_input.unwrap_or(1)),
            ("max_position_embeddings", self.max_position_embeddings),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ] {
            if !(1..=LARGEST).contains(&size) {
                return Err(invalid(field, format!("{size} makes no sense")));
            }
        }
        if !(1..=MOST).contains(&self.num_hidden_layers) {
            return Err(invalid("num_hidden_layers", format!("{} makes no sense", self.num_hidden_layers)));
        }
        if self.num_kv_shared_layers >= self.num_hidden_layers {
            let reason = format!("{} of {} layers", self.num_kv_shared_layers, self.num_hidden_layers);
            return Err(invalid("num_kv_shared_layers", reason));
        }
        match &self.layer_types {
            Some(types) if types.len() != self.num_hidden_layers => {
                let reason = format!("{} kinds for {} layers", types.len(), self.num_hidden_layers);
                Err(invalid("layer_types", reason))
            }
            _ => Ok(()),
        }
    }

    fn n_kv_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    /// Whether a layer looks back over a window only. Checkpoints of before `layer_types` follow a pattern.
    fn is_sliding(&self, family: Family, layer: usize) -> Result<bool> {
        if let Some(types) = &self.layer_types {
            return match types[layer].as_str() {
                "sliding_attention" => Ok(true),
                "full_attention" => Ok(false),
                other => Err(invalid("layer_types", format!("{other:?} is not known"))),
            };
        }
        Ok(family.is_sliding(layer))
    }

    /// What the file says of one layer.
    fn of_layer(&self, layer: usize) -> LayerFile {
        let named = self.per_layer_config.iter().find(|(name, _)| name.parse() == Ok(layer));
        named.map(|(_, file)| file.clone()).unwrap_or_default()
    }

    /// The first of the layers that read the cache of an earlier one.
    fn first_shared(&self) -> usize {
        self.num_hidden_layers - self.num_kv_shared_layers
    }

    /// Where keys and values come from: a layer that shares them reads those of the last one of its kind that
    /// makes some.
    fn keys(&self, family: Family, layer: usize) -> Result<KeySource> {
        let sliding = self.is_sliding(family, layer)?;
        if layer < self.first_shared() {
            return Ok(if self.attention_k_eq_v && !sliding { KeySource::Shared } else { KeySource::Own });
        }
        let shared =
            family::shared_layer(self.first_shared(), sliding, |layer| self.is_sliding(family, layer))?;
        let reason = || format!("layer {layer} has none of its kind to share with");
        shared.map(KeySource::Layer).ok_or_else(|| invalid("num_kv_shared_layers", reason()))
    }

    fn attention(&self, family: Family, layer: usize) -> Result<AttentionSpec> {
        let sliding = self.is_sliding(family, layer)?;
        let own = self.of_layer(layer);
        let global = |size: Option<usize>| size.filter(|_| !sliding);
        let head_dim = own.head_dim.or(global(self.global_head_dim)).unwrap_or(self.head_dim());
        let n_kv_heads = global(self.num_global_key_value_heads).filter(|_| self.attention_k_eq_v);
        let window = match (sliding, self.sliding_window) {
            (true, None) => return Err(invalid("sliding_window", "it is missing")),
            (true, window) => window,
            (false, _) => None,
        };
        let scale = match self.query_pre_attn_scalar {
            Some(scaled_by) => scaled_by.powf(-0.5) as f32,
            None => family.attention_scale(head_dim),
        };
        let attention = AttentionSpec {
            n_heads: self.num_attention_heads,
            n_kv_heads: own.num_key_value_heads.or(n_kv_heads).unwrap_or(self.n_kv_heads()),
            head_dim,
            rotary: self.rotary(sliding)?,
            rule: AttentionRule { scale, softcap: self.attn_logit_softcapping.map(|cap| cap as f32) },
            window,
            pictures: family.pictures(sliding, self.use_bidirectional_attention == "vision"),
            qk_norm: family.has_qk_norm(),
            v_norm: family.is_gemma4(),
            keys: self.keys(family, layer)?,
        };
        family::check(&attention, "num_attention_heads")?;
        Ok(attention)
    }

    fn rotary(&self, sliding: bool) -> Result<RotarySpec> {
        let (rope, base) = match &self.rope_parameters {
            Some(RopesFile::Each { full_attention, sliding_attention }) => {
                (Some(if sliding { sliding_attention } else { full_attention }), None)
            }
            Some(RopesFile::One(rope)) => (Some(rope), self.rope_theta),
            // Before transformers 5: local layers have a base of their own and are not stretched.
            None if sliding && self.rope_local_base_freq.is_some() => (None, self.rope_local_base_freq),
            None => (self.rope_scaling.as_ref(), self.rope_theta),
        };
        let scaling = match rope {
            None => RotaryScaling::None,
            Some(rope) => rope.scaling()?,
        };
        let base = rope.and_then(|rope| rope.rope_theta).or(base).unwrap_or(10_000.0);
        Ok(RotarySpec { base, style: RotaryStyle::Halves, scaling })
    }

    fn activation(&self, family: Family) -> Result<Activation> {
        match self.hidden_activation.as_deref().or(self.hidden_act.as_deref()) {
            Some("silu") => Ok(Activation::Silu),
            Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            // The first Gemma files say "gelu" and mean its tanh approximation.
            Some("gelu") if family == Family::Gemma => Ok(Activation::GeluTanh),
            None => Ok(family.activation()),
            Some(other) => Err(invalid("hidden_act", format!("{other:?} is not supported"))),
        }
    }

    fn feed_forward(&self, family: Family, layer: usize) -> Result<FeedForwardSpec> {
        let activation = self.activation(family)?;
        let wide = self.use_double_wide_mlp && layer >= self.first_shared();
        let d_hidden = if wide { 2 * self.intermediate_size } else { self.intermediate_size };
        let dense = GatedSpec { d_hidden, activation };
        let step = self.decoder_sparse_step.unwrap_or(1).max(1);
        match family {
            Family::Qwen3Moe
                if !self.mlp_only_layers.contains(&layer) && (layer + 1).is_multiple_of(step) =>
            {
                let renormalise = self.norm_topk_prob.unwrap_or(false);
                let d_hidden = self.moe_intermediate_size;
                self.experts(d_hidden, activation, renormalise, false).map(FeedForwardSpec::Experts)
            }
            Family::Mixtral => {
                let d_hidden = Some(self.intermediate_size);
                self.experts(d_hidden, activation, true, false).map(FeedForwardSpec::Experts)
            }
            Family::Gemma4 if self.enable_moe_block => {
                let d_hidden = self.moe_intermediate_size.or(self.expert_intermediate_size);
                let experts = self.experts(d_hidden, activation, true, true)?;
                Ok(FeedForwardSpec::Both(dense, experts))
            }
            _ => Ok(FeedForwardSpec::Gated(dense)),
        }
    }

    fn experts(
        &self,
        d_hidden: Option<usize>,
        activation: Activation,
        renormalise: bool,
        scaled_router: bool,
    ) -> Result<ExpertsSpec> {
        let (Some(n_experts), Some(n_chosen), Some(d_hidden)) = (
            self.num_experts.or(self.num_local_experts),
            self.num_experts_per_tok.or(self.top_k_experts),
            d_hidden,
        ) else {
            return Err(invalid("num_experts", "the sizes of the mixture of experts are missing"));
        };
        let sizes = (1..=MOST).contains(&n_experts) && (1..=n_experts).contains(&n_chosen);
        if !sizes || !(1..=LARGEST).contains(&d_hidden) {
            let reason = format!("{n_chosen} of {n_experts} experts of width {d_hidden} make no sense");
            return Err(invalid("num_experts", reason));
        }
        let expert = GatedSpec { d_hidden, activation };
        Ok(ExpertsSpec { n_experts, n_chosen, expert, renormalise, scaled_router })
    }
}

impl RopeFile {
    fn scaling(&self) -> Result<RotaryScaling> {
        let missing = |what: &str| invalid("rope_parameters", format!("{what} is missing"));
        Ok(match self.rope_type.as_deref().or(self.r#type.as_deref()) {
            None | Some("default") => RotaryScaling::None,
            Some("linear") => RotaryScaling::Linear { factor: self.factor.unwrap_or(1.0) },
            Some("proportional") => {
                RotaryScaling::Partial { share: self.partial_rotary_factor.unwrap_or(1.0) }
            }
            Some("llama3") => RotaryScaling::Llama3 {
                factor: self.factor.ok_or_else(|| missing("factor"))?,
                low: self.low_freq_factor.ok_or_else(|| missing("low_freq_factor"))?,
                high: self.high_freq_factor.ok_or_else(|| missing("high_freq_factor"))?,
                context: self
                    .original_max_position_embeddings
                    .ok_or_else(|| missing("original_max_position_embeddings"))?,
            },
            Some(other) => {
                let reason = format!("angles of the kind {other:?} are not supported");
                return Err(invalid("rope_parameters", reason));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(changes: Value) -> Value {
        let mut all = json!({
            "model_type": "llama", "vocab_size": 10, "hidden_size": 8, "intermediate_size": 16,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": 32, "rms_norm_eps": 1e-6,
        });
        for (key, value) in changes.as_object().unwrap() {
            all[key] = value.clone();
        }
        all
    }

    fn described(changes: Value) -> Result<DecoderConfig> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, config(changes).to_string()).unwrap();
        describe(&path).map(|described| described.config)
    }

    #[test]
    fn what_a_file_leaves_out_follows_its_family() {
        let llama = described(json!({})).unwrap();
        assert_eq!((llama.layers[0].attention.head_dim, llama.tied_output), (2, false));
        let old = described(json!({
            "model_type": "gemma3_text", "num_hidden_layers": 6, "sliding_window": 4, "rope_theta": 1e6,
            "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        }));
        let old = old.unwrap();
        let rotary = |i: usize| (old.layers[i].attention.rotary.base, old.layers[i].attention.rotary.scaling);
        assert_eq!(rotary(4), (1e4, RotaryScaling::None));
        assert_eq!(rotary(5), (1e6, RotaryScaling::Linear { factor: 8.0 }));
        assert_eq!((old.layers[4].attention.window, old.layers[5].attention.window), (Some(4), None));
        assert!(old.tied_output && old.layers[0].post_norms);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_field() {
        for (changes, words) in [
            (json!({"model_type": "mamba"}), "\"mamba\""),
            (json!({"hidden_size": 0}), "hidden_size"),
            (json!({"num_hidden_layers": 99_999_999}), "num_hidden_layers"),
            (json!({"num_key_value_heads": 3}), "do not fit"),
            (json!({"head_dim": 3}), "do not fit"),
            (json!({"hidden_act": "swish2"}), "swish2"),
            (json!({"layer_types": ["full_attention"]}), "layer_types"),
            (json!({"layer_types": ["sliding_attention", "full_attention"]}), "sliding_window"),
            (json!({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}), "yarn"),
            (json!({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 0.0}}), "factor"),
            (json!({"model_type": "qwen3_moe"}), "num_experts"),
            (
                json!({"model_type": "qwen3_moe", "num_experts": 2, "num_experts_per_tok": 3, "moe_intermediate_size": 4}),
                "3 of 2",
            ),
            (json!({"vocab_size": "ten"}), "cannot be read"),
        ] {
            let error = described(changes.clone()).unwrap_err().to_string();
            assert!(error.contains(words), "{changes}: {error}");
        }
    }
}
