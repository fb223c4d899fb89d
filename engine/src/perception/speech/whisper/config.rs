//! The sizes of a Whisper checkpoint, from `config.json` of transformers or from the tensors themselves.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::weights::{Weights, read_text};

/// All checkpoints of OpenAI have heads of this width, and CTranslate2 files do not say it.
const HEAD_DIM: usize = 64;

/// No Whisper checkpoint comes near these.
const MOST_LAYERS: usize = 256;
const LARGEST: usize = 1 << 20;

/// Sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhisperConfig {
    /// Bands of the log-mel frames: 80, or 128.
    pub n_mels: usize,
    /// Width.
    pub d_model: usize,
    /// Layers of the encoder.
    pub encoder: StackConfig,
    /// Layers of the decoder.
    pub decoder: StackConfig,
    /// Positions of the encoder: 1,500, each 20 ms.
    pub n_audio_positions: usize,
    /// Positions of the decoder: 448.
    pub n_text_positions: usize,
    /// Tokens.
    pub n_vocab: usize,
}

/// The layers of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackConfig {
    /// Layers.
    pub n_layers: usize,
    /// Heads of every attention; they divide the width.
    pub n_heads: usize,
    /// Width between the two matrices that follow attention.
    pub d_hidden: usize,
}

/// The fields of `config.json` that are used.
#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    vocab_size: usize,
    num_mel_bins: usize,
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_layers: usize,
    decoder_attention_heads: usize,
    decoder_ffn_dim: usize,
    max_source_positions: usize,
    max_target_positions: usize,
    #[serde(default = "gelu")]
    activation_function: String,
    #[serde(default)]
    scale_embedding: bool,
}

fn gelu() -> String {
    "gelu".to_owned()
}

impl WhisperConfig {
    /// Reads `config.json` as transformers writes it.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::ModelFile`] when it is not valid, [`Error::Config`] for another architecture
    /// or sizes that make no sense.
    pub fn from_file(path: &Path) -> Result<Self> {
        let file: ConfigFile = serde_json::from_str(&read_text(path)?).map_err(|error| {
            let reason = format!("it is not the configuration of a Whisper checkpoint: {error}");
            Error::ModelFile { path: path.to_path_buf(), reason }
        })?;
        let invalid = |field, reason: String| Err(Error::Config { field, reason });
        if file.model_type != "whisper" {
            return invalid("model_type", format!("{:?} is not Whisper", file.model_type));
        }
        if file.activation_function != "gelu" {
            return invalid(
                "activation_function",
                format!("{:?} is not supported", file.activation_function),
            );
        }
        if file.scale_embedding {
            return invalid("scale_embedding", "scaled embeddings are not supported".into());
        }
        let config = Self {
            n_mels: file.num_mel_bins,
            d_model: file.d_model,
            encoder: StackConfig {
                n_layers: file.encoder_layers,
                n_heads: file.encoder_attention_heads,
                d_hidden: file.encoder_ffn_dim,
            },
            decoder: StackConfig {
                n_layers: file.decoder_layers,
                n_heads: file.decoder_attention_heads,
                d_hidden: file.decoder_ffn_dim,
            },
            n_audio_positions: file.max_source_positions,
            n_text_positions: file.max_target_positions,
            n_vocab: file.vocab_size,
        };
        match config.problem() {
            Some((field, reason)) => Err(Error::Config { field, reason }),
            None => Ok(config),
        }
    }

    /// Reads the shapes of the tensors of a checkpoint that says nothing else about itself.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when they are not those of a Whisper checkpoint.
    pub(super) fn from_shapes(weights: &Weights, path: &Path) -> Result<Self> {
        let bad = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let dims = |name: &str, rank: usize| match weights.shape(name) {
            Some(dims) if dims.len() == rank => Ok(dims),
            Some(_) | None => {
                Err(bad(format!("it is not a Whisper checkpoint: there is no tensor for {name}")))
            }
        };
        let embedding = dims("decoder.embedding.weight", 2)?;
        let d_model = embedding[1];
        let stack = |side: &str| -> Result<StackConfig> {
            let has = |i: &usize| weights.has(&format!("{side}.layers.{i}.mlp_norm.weight"));
            Ok(StackConfig {
                n_layers: (0..=MOST_LAYERS).take_while(has).count(),
                n_heads: if d_model.is_multiple_of(HEAD_DIM) { d_model / HEAD_DIM } else { 0 },
                d_hidden: dims(&format!("{side}.layers.0.mlp.up.weight"), 2)?[0],
            })
        };
        let config = Self {
            n_mels: dims("encoder.conv1.weight", 3)?[1],
            d_model,
            encoder: stack("encoder")?,
            decoder: stack("decoder")?,
            n_audio_positions: dims("encoder.positions", 2)?[0],
            n_text_positions: dims("decoder.positions", 2)?[0],
            n_vocab: embedding[0],
        };
        match config.problem() {
            Some(_) => Err(bad(format!("these are not sizes of a Whisper checkpoint: {config:?}"))),
            None => Ok(config),
        }
    }

    /// The first size that no checkpoint has, as `config.json` calls it.
    fn problem(&self) -> Option<(&'static str, String)> {
        let sizes = [
            ("num_mel_bins", self.n_mels, 1024),
            ("d_model", self.d_model, LARGEST),
            ("encoder_layers", self.encoder.n_layers, MOST_LAYERS),
            ("encoder_ffn_dim", self.encoder.d_hidden, LARGEST),
            ("decoder_layers", self.decoder.n_layers, MOST_LAYERS),
            ("decoder_ffn_dim", self.decoder.d_hidden, LARGEST),
            ("max_source_positions", self.n_audio_positions, LARGEST),
            ("max_target_positions", self.n_text_positions, LARGEST),
            ("vocab_size", self.n_vocab, LARGEST),
        ];
        for (field, size, most) in sizes {
            if !(1..=most).contains(&size) {
                return Some((field, format!("{size} makes no sense")));
            }
        }
        for (field, n_heads) in [
            ("encoder_attention_heads", self.encoder.n_heads),
            ("decoder_attention_heads", self.decoder.n_heads),
        ] {
            if n_heads == 0 || !self.d_model.is_multiple_of(n_heads) {
                return Some((field, format!("{n_heads} heads do not divide the width {}", self.d_model)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(changes: Value) -> Result<WhisperConfig> {
        let mut all = json!({
            "model_type": "whisper", "vocab_size": 10, "num_mel_bins": 80, "d_model": 16, "encoder_layers": 1,
            "encoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_layers": 2,
            "decoder_attention_heads": 4, "decoder_ffn_dim": 32, "max_source_positions": 1500,
            "max_target_positions": 448, "activation_function": "gelu", "scale_embedding": false,
        });
        for (key, value) in changes.as_object().unwrap() {
            all[key] = value.clone();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, all.to_string()).unwrap();
        WhisperConfig::from_file(&path)
    }

    #[test]
    fn both_sides_have_their_own_sizes() {
        let config = read(json!({})).unwrap();
        assert_eq!(config.encoder, StackConfig { n_layers: 1, n_heads: 2, d_hidden: 24 });
        assert_eq!(config.decoder, StackConfig { n_layers: 2, n_heads: 4, d_hidden: 32 });
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_field() {
        for (changes, words) in [
            (json!({"model_type": "llama"}), "\"llama\" is not Whisper"),
            (json!({"d_model": 0}), "d_model"),
            (json!({"encoder_attention_heads": 3}), "encoder_attention_heads"),
            (json!({"decoder_attention_heads": 0}), "decoder_attention_heads"),
            (json!({"encoder_layers": 100_000}), "encoder_layers"),
            (json!({"activation_function": "relu"}), "relu"),
            (json!({"scale_embedding": true}), "scale_embedding"),
            (json!({"vocab_size": "many"}), "config.json"),
        ] {
            let error = read(changes.clone()).unwrap_err().to_string();
            assert!(error.contains(words), "{changes}: {error}");
        }
    }
}
