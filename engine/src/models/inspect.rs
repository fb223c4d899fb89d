//! What a model file or folder says about itself, and the memory that it needs.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde::Serialize;
use serde_json::Value;

use crate::decoder::{CacheFormat, DecoderConfig, FeedForwardSpec, hugging_face};
use crate::error::{Error, Result};
use crate::plan::Shape;
use crate::plan::here::Reads;
use crate::weights::gguf::{GgufFile, Metadata};
use crate::weights::{Weights, model_type, read_text, same_name};

/// For `medley models info`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    /// The name in the file, or of the folder.
    pub name: Option<String>,
    /// Its family: "llama", "gemma3".
    pub architecture: Option<String>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Those that take part in each token: of a mixture of experts only the chosen ones.
    pub active_parameters: u64,
    /// What a token goes through; known of GGUF files.
    pub step: Option<Step>,
    /// Tokens of context it was trained for.
    pub context_tokens: Option<u64>,
    /// Layers.
    pub n_layers: Option<u64>,
    /// Query heads of a layer, the most where layers differ.
    pub n_heads: Option<u64>,
    /// Key and value heads of a layer, the most where layers differ.
    pub n_kv_heads: Option<u64>,
    /// Layers that look back over a window only.
    pub n_window_layers: Option<u64>,
    /// That window, in tokens.
    pub window_tokens: Option<u64>,
    /// Storage types of its tensors with how many tensors use each, most first.
    pub quantisation: Vec<(String, usize)>,
    /// Size of its files on disk.
    pub file_bytes: u64,
    /// What it takes in: "text", "picture", "video", "sound".
    pub modalities: Vec<&'static str>,
    /// The file with the encoders of pictures and sound that lies beside a GGUF file.
    pub projector: Option<PathBuf>,
    /// What it needs to run.
    pub memory: Memory,
    /// Why it cannot be run as a decoder, when it cannot.
    pub problem: Option<String>,
}

/// What a token goes through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Bytes of weights that writing a token reads: of experts the chosen ones, and of tables with a row for each token
    /// nothing, except that the one of a tied output is read whole as output.
    pub bytes: u64,
    /// Those of them that score the vocabulary: reading a prompt needs them once.
    pub output_bytes: u64,
    /// The bytes of the layers, and of the vocabulary, by how many bits numbers have.
    #[serde(skip)]
    pub reads: [Reads; 2],
    /// Numbers that each token of a prompt is multiplied by: without the vocabulary, which only the last one is.
    pub parameters: u64,
    /// Bytes of the keys and values that a token sees at the end of the context that the cache is reckoned for.
    pub cache_bytes: u64,
    /// Products of that token with them, in floats.
    pub attention_products: u64,
}

/// Memory that a model needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Tokens of context that the cache is reckoned for.
    pub context_tokens: Option<u64>,
    /// Numbers of the weights as they are loaded: block-quantised ones as stored, others in f32.
    pub weights_bytes: u64,
    /// Keys and values of a full context.
    pub cache_bytes: Option<u64>,
    /// What the cache stores its numbers in.
    pub cache_format: CacheFormat,
    /// Both.
    pub total_bytes: u64,
}

/// Parameters of experts that a token does not go through.
fn idle_parameters(config: &DecoderConfig) -> u64 {
    let layer = |layer: &crate::decoder::LayerSpec| match &layer.feed_forward {
        FeedForwardSpec::Gated(_) => 0,
        FeedForwardSpec::Experts(experts) | FeedForwardSpec::Both(_, experts) => {
            let one = 3 * (config.d_model * experts.expert.d_hidden) as u64;
            one * experts.n_experts.saturating_sub(experts.n_chosen) as u64
        }
    };
    config.layers.iter().map(layer).sum()
}

/// Reads the header of a GGUF file, or the `config.json` and the headers of the safetensors of a folder.
/// `context_tokens` is what memory is reckoned for; what the model was trained for unless given.
///
/// # Errors
/// [`Error::ModelFile`], [`Error::ModelFolder`], [`Error::Io`] when it is neither, or damaged.
pub fn inspect(path: &Path, context_tokens: Option<u64>) -> Result<ModelInfo> {
    if path.is_dir() { folder(path, context_tokens) } else { gguf(path, context_tokens) }
}

/// The sizes of a decoder for [`crate::plan`]: of a GGUF file, or of a folder, of which only `config.json` is read.
///
/// # Errors
/// [`Error::ModelFile`], [`Error::ModelFolder`], [`Error::Config`], [`Error::Io`] when it is no decoder that the engine
/// knows.
pub fn shape(path: &Path) -> Result<Shape> {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if path.is_dir() {
        let config = path.join("config.json");
        if !config.exists() {
            return Err(no_config(path));
        }
        return Ok(Shape::of(&name, &hugging_face::describe(&config)?.config));
    }
    let file = GgufFile::open(path)?;
    let meta = file.metadata();
    let n_vocab = meta.list("tokenizer.ggml.tokens").map_or(0, |list| list.len());
    let tied = !file.weights(&Device::Cpu, same_name).has("output.weight");
    Ok(Shape::of(&name, &DecoderConfig::from_gguf(&meta, n_vocab, tied)?))
}

fn no_config(folder: &Path) -> Error {
    Error::ModelFolder {
        path: folder.to_path_buf(),
        reason: "there is no config.json in this folder; a model is a GGUF file, or a folder with config.json and safetensors".into(),
    }
}

/// What a token of a GGUF file goes through after `n_before` others.
fn step(weights: &Weights, config: &DecoderConfig, n_before: usize) -> Step {
    let has_output = weights.has("output.weight");
    let chosen = config.layers.iter().find_map(|layer| match &layer.feed_forward {
        FeedForwardSpec::Gated(_) => None,
        FeedForwardSpec::Experts(experts) | FeedForwardSpec::Both(_, experts) => {
            Some((experts.n_chosen as u64, experts.n_experts as u64))
        }
    });
    let (cache_bytes, attention_products) = config.looks_back(n_before, CacheFormat::default());
    let mut step = Step {
        bytes: 0,
        output_bytes: 0,
        reads: [Reads::default(); 2],
        parameters: 0,
        cache_bytes,
        attention_products,
    };
    for (name, numbers, stored) in weights.contents() {
        let (part, whole) = chosen.filter(|_| name.contains("_exps.")).unwrap_or((1, 1));
        let is_table = name == "token_embd.weight";
        if name.starts_with("per_layer_token_embd") || is_table && has_output || config.is_unread(&name) {
            continue;
        }
        let bytes = stored.map_or(4 * numbers, |stored| stored.bytes) * part / whole;
        step.bytes += bytes;
        let is_output = is_table || name == "output.weight";
        step.reads[usize::from(is_output)].add(bytes as f64, (numbers * part / whole) as f64);
        match is_output {
            true => step.output_bytes += bytes,
            false => step.parameters += numbers * part / whole,
        }
    }
    step
}

fn gguf(path: &Path, context_tokens: Option<u64>) -> Result<ModelInfo> {
    let file = GgufFile::open(path)?;
    let meta = file.metadata();
    let weights = file.weights(&Device::Cpu, same_name);
    let architecture = meta.string("general.architecture").map(str::to_owned);
    let n_vocab = meta.list("tokenizer.ggml.tokens").map_or(0, |list| list.len());
    let config = DecoderConfig::from_gguf(&meta, n_vocab, !weights.has("output.weight"));
    let of_architecture = |key: &str| architecture.as_ref().and_then(|a| meta.integer(&format!("{a}.{key}")));
    let (trained_for, n_layers) = (of_architecture("context_length"), of_architecture("block_count"));
    let n_heads = of_architecture("attention.head_count");
    let projector = projector_beside(path);
    let mut modalities = vec!["text"];
    modalities.extend(projector.iter().flat_map(|path| of_projector(path)));
    let n_before = context_tokens.or(trained_for).map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let step = config.as_ref().ok().map(|config| step(&weights, config, n_before));
    Ok(ModelInfo {
        name: meta.string("general.name").map(str::to_owned),
        step,
        context_tokens: trained_for,
        n_layers,
        n_heads,
        n_kv_heads: of_architecture("attention.head_count_kv").or(n_heads),
        file_bytes: size(path)?,
        modalities,
        projector,
        ..described(config, architecture, &weights, context_tokens.or(trained_for))
    })
}

/// What the configuration of a decoder and its tensors say.
fn described(
    config: Result<DecoderConfig>,
    architecture: Option<String>,
    weights: &Weights,
    context_tokens: Option<u64>,
) -> ModelInfo {
    let (mut parameters, mut weights_bytes) = (0, 0);
    let mut types = std::collections::BTreeMap::new();
    for (_, numbers, stored) in weights.contents() {
        parameters += numbers;
        weights_bytes += match &stored {
            Some(stored) => stored.bytes,
            None => 4 * numbers,
        };
        *types.entry(stored.map_or_else(|| "unknown".to_owned(), |stored| stored.kind)).or_insert(0) += 1;
    }
    let mut quantisation: Vec<(String, usize)> = types.into_iter().collect();
    quantisation.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let (config, problem) = match config {
        Ok(config) => (Some(config), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let most = |of: fn(&crate::decoder::AttentionSpec) -> usize| {
        let config = config.as_ref()?;
        config.layers.iter().map(|layer| of(&layer.attention) as u64).max()
    };
    let windows = config.as_ref().map(|config| {
        config.layers.iter().filter_map(|layer| layer.attention.window).collect::<Vec<usize>>()
    });
    let context_tokens = context_tokens.or(config.as_ref().map(|config| config.context_tokens as u64));
    let cache = config.as_ref().zip(context_tokens);
    let cache_bytes = cache.map(|(config, n)| {
        config.cache_bytes(usize::try_from(n).unwrap_or(usize::MAX), CacheFormat::default())
    });
    ModelInfo {
        name: None,
        architecture,
        parameters,
        active_parameters: parameters.saturating_sub(config.as_ref().map_or(0, idle_parameters)),
        step: None,
        context_tokens: config.as_ref().map(|config| config.context_tokens as u64),
        n_layers: config.as_ref().map(|config| config.layers.len() as u64),
        n_heads: most(|attention| attention.n_heads),
        n_kv_heads: most(|attention| attention.n_kv_heads),
        n_window_layers: windows.as_ref().map(|windows| windows.len() as u64),
        window_tokens: windows.and_then(|windows| windows.into_iter().max()).map(|window| window as u64),
        quantisation,
        file_bytes: 0,
        modalities: vec!["text"],
        projector: None,
        memory: Memory {
            context_tokens,
            weights_bytes,
            cache_bytes,
            cache_format: CacheFormat::default(),
            total_bytes: weights_bytes + cache_bytes.unwrap_or(0),
        },
        problem,
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(path.metadata().map_err(|source| Error::io("opening", path, source))?.len())
}

/// A GGUF file of encoders in the same folder, by the name that all writers give it.
/// The `mmproj` file in the folder of a GGUF file.
pub(crate) fn projector_beside(path: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|other| {
        let name = other.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        other != path && name.contains("mmproj") && name.ends_with(".gguf")
    });
    found.sort();
    found.into_iter().next()
}

fn of_projector(path: &Path) -> Vec<&'static str> {
    let Ok(file) = GgufFile::open(path) else { return Vec::new() };
    let meta: Metadata = file.metadata();
    let has = |key: &str| meta.bool(key).unwrap_or(false);
    let mut found = Vec::new();
    if has("clip.has_vision_encoder") {
        found.push("picture");
    }
    if has("clip.has_audio_encoder") {
        found.push("sound");
    }
    found
}

fn folder(path: &Path, context_tokens: Option<u64>) -> Result<ModelInfo> {
    let config_path = path.join("config.json");
    if !config_path.exists() {
        return Err(no_config(path));
    }
    let architecture = model_type(&config_path)?;
    let weights = Weights::from_folder(path, &Device::Cpu, same_name)?;
    let config: Value = serde_json::from_str(&read_text(&config_path)?).unwrap_or_default();
    let has = |key: &str| config.get(key).is_some_and(|value| !value.is_null());
    let described_config = hugging_face::describe(&config_path).map(|described| described.config);
    let found = described(described_config, Some(architecture.clone()), &weights, context_tokens);
    let mut modalities = if architecture == "whisper" { vec!["sound"] } else { vec!["text"] };
    if has("vision_config") {
        modalities.push("picture");
    }
    if has("video_token_id") || has("video_token_index") {
        modalities.push("video");
    }
    if has("audio_config") {
        modalities.push("sound");
    }
    // Specialists are no decoders, and that is no problem.
    let is_specialist = matches!(architecture.as_str(), "whisper" | "bert");
    Ok(ModelInfo {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        file_bytes: weights_files(path)?,
        modalities,
        problem: found.problem.filter(|_| !is_specialist),
        ..found
    })
}

/// Size of all safetensors of a folder.
fn weights_files(folder: &Path) -> Result<u64> {
    let entries = std::fs::read_dir(folder).map_err(|source| Error::io("opening", folder, source))?;
    let is_weights = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("model") && name.ends_with(".safetensors")
    };
    entries.flatten().map(|entry| entry.path()).filter(is_weights).map(|path| size(&path)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{ExpertsSpec, GatedSpec};
    use crate::nn::Activation;

    #[test]
    fn only_chosen_experts_are_active() {
        let mut config = DecoderConfig::tiny();
        assert_eq!(idle_parameters(&config), 0);
        config.layers[1].feed_forward = FeedForwardSpec::Experts(ExpertsSpec {
            n_experts: 8,
            n_chosen: 3,
            expert: GatedSpec { d_hidden: 10, activation: Activation::Silu },
            renormalise: true,
            scaled_router: false,
        });
        assert_eq!(idle_parameters(&config), 5 * 3 * 32 * 10);
    }
}
