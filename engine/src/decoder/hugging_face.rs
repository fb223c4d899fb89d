//! `config.json` of a Hugging Face folder → [`DecoderConfig`].

use std::path::Path;

use serde::Deserialize;

use super::config::{AttentionSpec, DecoderConfig, ExpertsSpec, FeedForwardSpec, GatedSpec, LayerSpec};
use super::family::{self, Family, LARGEST};
use crate::error::{Error, Result};
use crate::nn::{Activation, AttentionRule, NormSpec, RotarySpec, RotaryStyle};
use crate::weights::names;

/// Families whose checkpoints can be run.
const FAMILIES: [(&str, Family); 6] = [
    ("llama", Family::Llama),
    ("gemma", Family::Gemma),
    ("gemma2", Family::Gemma2),
    ("gemma3_text", Family::Gemma3),
    ("qwen3", Family::Qwen3),
    ("qwen3_moe", Family::Qwen3Moe),
];

/// No known decoder has more layers or experts.
const MOST: usize = 4096;

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
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    #[serde(alias = "hidden_activation")]
    hidden_act: Option<String>,
    tie_word_embeddings: Option<bool>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    sliding_window: Option<usize>,
    layer_types: Option<Vec<String>>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    rope_scaling: Option<RopeFile>,
    rope_parameters: Option<RopesFile>,
    #[serde(alias = "num_local_experts")]
    num_experts: Option<usize>,
    num_experts_per_tok: Option<usize>,
    moe_intermediate_size: Option<usize>,
    norm_topk_prob: Option<bool>,
    decoder_sparse_step: Option<usize>,
    #[serde(default)]
    mlp_only_layers: Vec<usize>,
}

#[derive(Deserialize, Clone)]
struct RopeFile {
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
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
}

/// Reads `config.json`.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`] when it is not valid, [`Error::Config`] for a family that is not
/// supported or sizes that make no sense.
pub(crate) fn describe(path: &Path) -> Result<Described> {
    let text = crate::weights::read_text(path)?;
    let file: ConfigFile = serde_json::from_str(&text).map_err(|error| unreadable(path, &text, &error))?;
    file.described()
}

/// A family that nobody knows is a better reason than the fields it lacks.
fn unreadable(path: &Path, text: &str, error: &serde_json::Error) -> Error {
    #[derive(Deserialize)]
    struct Named {
        model_type: String,
    }
    let bad = || Error::ModelFile { path: path.to_path_buf(), reason: format!("it cannot be read: {error}") };
    match serde_json::from_str::<Named>(text) {
        Ok(Named { model_type }) => match family_of(&model_type) {
            Err(unknown) => unknown,
            Ok(_) => bad(),
        },
        Err(_) => bad(),
    }
}

fn family_of(name: &str) -> Result<Family> {
    Family::named(&FAMILIES, name, "model_type")
}

fn invalid(field: &'static str, reason: impl Into<String>) -> Error {
    Error::Config { field, reason: reason.into() }
}

impl ConfigFile {
    fn described(&self) -> Result<Described> {
        let family = family_of(&self.model_type)?;
        self.check()?;
        let layers = (0..self.num_hidden_layers).map(|i| {
            Ok(LayerSpec {
                attention: self.attention(family, i)?,
                feed_forward: self.feed_forward(family, i)?,
                post_norms: family.has_post_norms(),
            })
        });
        let config = DecoderConfig {
            n_vocab: self.vocab_size,
            d_model: self.hidden_size,
            context_tokens: self.max_position_embeddings,
            norm: NormSpec { eps: self.rms_norm_eps, offset: if family.is_gemma() { 1.0 } else { 0.0 } },
            tied_output: self.tie_word_embeddings.unwrap_or(family.is_gemma()),
            embedding_scale: family.embedding_scale(self.hidden_size),
            logit_softcap: self.final_logit_softcapping,
            layers: layers.collect::<Result<_>>()?,
        };
        let names =
            if family.has_post_norms() { names::hugging_face_four_norms } else { names::hugging_face };
        Ok(Described { config, names })
    }

    fn check(&self) -> Result<()> {
        for (field, size) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.n_kv_heads()),
            ("head_dim", self.head_dim()),
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

    fn attention(&self, family: Family, layer: usize) -> Result<AttentionSpec> {
        let head_dim = self.head_dim();
        let sliding = self.is_sliding(family, layer)?;
        let window = match (sliding, self.sliding_window) {
            (true, None) => return Err(invalid("sliding_window", "it is missing")),
            (true, window) => window,
            (false, _) => None,
        };
        let attention = AttentionSpec {
            n_heads: self.num_attention_heads,
            n_kv_heads: self.n_kv_heads(),
            head_dim,
            rotary: self.rotary(sliding)?,
            rule: AttentionRule {
                scale: self.query_pre_attn_scalar.unwrap_or(head_dim as f64).powf(-0.5) as f32,
                softcap: self.attn_logit_softcapping.map(|cap| cap as f32),
                window,
            },
            qk_norm: family.has_qk_norm(),
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
        let factor = match rope.and_then(|rope| rope.rope_type.as_deref()) {
            None | Some("default") => 1.0,
            Some("linear") => rope.and_then(|rope| rope.factor).unwrap_or(1.0),
            Some(other) => {
                return Err(invalid(
                    "rope_parameters",
                    format!("angles of the kind {other:?} are not supported"),
                ));
            }
        };
        let base = rope.and_then(|rope| rope.rope_theta).or(base).unwrap_or(10_000.0);
        Ok(RotarySpec { base, style: RotaryStyle::Halves, factor })
    }

    fn feed_forward(&self, family: Family, layer: usize) -> Result<FeedForwardSpec> {
        let activation = match self.hidden_act.as_deref() {
            Some("silu") => Activation::Silu,
            Some("gelu_pytorch_tanh") => Activation::GeluTanh,
            // The first Gemma files say "gelu" and mean its tanh approximation.
            Some("gelu") if family == Family::Gemma => Activation::GeluTanh,
            None => family.activation(),
            Some(other) => return Err(invalid("hidden_act", format!("{other:?} is not supported"))),
        };
        let dense = GatedSpec { d_hidden: self.intermediate_size, activation };
        let step = self.decoder_sparse_step.unwrap_or(1).max(1);
        let is_sparse = family == Family::Qwen3Moe
            && !self.mlp_only_layers.contains(&layer)
            && (layer + 1).is_multiple_of(step);
        if !is_sparse {
            return Ok(FeedForwardSpec::Gated(dense));
        }
        let (Some(n_experts), Some(n_chosen), Some(d_hidden)) =
            (self.num_experts, self.num_experts_per_tok, self.moe_intermediate_size)
        else {
            return Err(invalid("num_experts", "the sizes of the mixture of experts are missing"));
        };
        if !(1..=MOST).contains(&n_experts) || !(1..=n_experts).contains(&n_chosen) || d_hidden == 0 {
            let reason = format!("{n_chosen} of {n_experts} experts of width {d_hidden} make no sense");
            return Err(invalid("num_experts", reason));
        }
        Ok(FeedForwardSpec::Experts(ExpertsSpec {
            n_experts,
            n_chosen,
            expert: GatedSpec { d_hidden, activation },
            renormalise: self.norm_topk_prob.unwrap_or(false),
        }))
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
        let rotary = |i: usize| (old.layers[i].attention.rotary.base, old.layers[i].attention.rotary.factor);
        assert_eq!((rotary(4), rotary(5)), ((1e4, 1.0), (1e6, 8.0)));
        assert_eq!(
            (old.layers[4].attention.rule.window, old.layers[5].attention.rule.window),
            (Some(4), None)
        );
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
