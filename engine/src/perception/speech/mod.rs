//! Speech → timed text: voice activity, Whisper, and the times of words.
//!
//! Sound of any length is cut into [windows] of speech; each window is heard and decoded on its own.

pub mod vad;

pub mod whisper;

pub mod windows;

mod vocabulary;

mod context;

mod rules;

mod loops;

mod decoding;

mod words;

mod hear;

pub mod onward;

use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use self::vad::SileroVad;
use self::vocabulary::Vocabulary;
use self::whisper::Whisper;
use crate::error::{Error, Result};
use crate::features::mel::LogMel;
use crate::models::Store;
use crate::weights::{Weights, same_name};

pub use context::Context;
pub use hear::HearOptions;

/// A word with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Seconds from the start of the recording.
    pub end_s: f64,
    /// The word with its punctuation, without the space before it.
    pub text: String,
    /// Probability, 0 to 1.
    pub confidence: f32,
}

/// A sentence or a part of one with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Seconds from the start of the recording.
    pub end_s: f64,
    /// What was said.
    pub text: String,
    /// Code of the language: "en".
    pub language: String,
    /// Who said it, when speakers are told apart.
    pub speaker: Option<String>,
    /// Mean probability of the words, 0 to 1.
    pub confidence: f32,
    /// The words, when their times were asked for.
    pub words: Vec<Word>,
}

/// The parts of CTranslate2's `config.json` or transformers' `generation_config.json` that are used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DecodingFile {
    alignment_heads: Option<Vec<(usize, usize)>>,
    #[serde(alias = "suppress_tokens")]
    suppress_ids: Option<Vec<i64>>,
    #[serde(alias = "begin_suppress_tokens")]
    suppress_ids_begin: Option<Vec<i64>>,
}

/// Positions of 20 ms in half a minute, which is what a window takes at most.
const MIN_POSITIONS: usize = 1500;

/// Tokens before a transcript that are no text.
const STEERING: usize = 5;

/// Whisper with its tokens, and voice activity; read-only, one for all recordings.
pub struct SpeechModels {
    vad: SileroVad,
    whisper: Whisper,
    vocabulary: Vocabulary,
    log_mel: LogMel,
    /// Pairs (layer, head) of the decoder that follow the sound.
    alignment: Vec<(usize, usize)>,
    attention_lag_s: f64,
    suppressed: Vec<u32>,
    suppressed_first: Vec<u32>,
}

impl SpeechModels {
    /// Loads a speech model of `assets/models.toml` from the store, or a folder with a Whisper of transformers
    /// or CTranslate2.
    ///
    /// # Errors
    /// When the model is unknown, not on this machine, or damaged.
    pub fn load(store: &Store, whisper: &str) -> Result<Self> {
        let vad = || store.file("silero-vad", "model");
        if store.registry().get(whisper).is_none() && Path::new(whisper).is_dir() {
            return Self::from_folder(Path::new(whisper), &vad()?);
        }
        Self::from_paths(
            &store.file(whisper, "model")?,
            &store.file(whisper, "tokenizer")?,
            &store.file(whisper, "config")?,
            &vad()?,
        )
    }

    /// Loads from a folder of transformers (`config.json`, safetensors, `tokenizer.json` or `vocab.json`,
    /// `generation_config.json`) or of CTranslate2 (`model.bin`, `tokenizer.json`, `config.json`), and
    /// Silero's safetensors.
    ///
    /// # Errors
    /// When a file is missing, damaged, or holds something else.
    pub fn from_folder(folder: &Path, vad: &Path) -> Result<Self> {
        let [ctranslate2, generation, config] =
            ["model.bin", "generation_config.json", "config.json"].map(|name| folder.join(name));
        let vocabulary = Vocabulary::load_folder(folder)?;
        if ctranslate2.exists() {
            return Self::new(&ctranslate2, vocabulary, folder, &config, vad);
        }
        // Older folders have these settings in `config.json`.
        let settings = if generation.exists() { generation } else { config };
        Self::new(folder, vocabulary, folder, &settings, vad)
    }

    /// Loads from files: Whisper as CTranslate2's `model.bin` or as safetensors, its
    /// `tokenizer.json`, the `config.json` of CTranslate2 or `generation_config.json` of
    /// transformers, and Silero's safetensors.
    ///
    /// # Errors
    /// When a file is missing, damaged, or holds something else.
    pub fn from_paths(model: &Path, tokenizer: &Path, config: &Path, vad: &Path) -> Result<Self> {
        Self::new(model, Vocabulary::load(tokenizer)?, tokenizer, config, vad)
    }

    fn new(
        model: &Path,
        vocabulary: Vocabulary,
        tokenizer: &Path,
        config: &Path,
        vad: &Path,
    ) -> Result<Self> {
        let device = Device::Cpu;
        let vad = SileroVad::new(&Weights::from_safetensors(vad, &device, same_name)?)?;
        let whisper = Whisper::load(model, &device)?;
        let text = std::fs::read(config).map_err(|source| Error::io("reading", config, source))?;
        let file: DecodingFile = serde_json::from_slice(&text).map_err(|e| Error::ModelFile {
            path: config.to_path_buf(),
            reason: format!("not a configuration: {e}"),
        })?;
        if vocabulary.largest() as usize >= whisper.config.n_vocab {
            return Err(Error::ModelFile {
                path: tokenizer.to_path_buf(),
                reason: format!("it belongs to another model than {}", model.display()),
            });
        }
        let sizes = whisper.config;
        if sizes.n_audio_positions < MIN_POSITIONS {
            return Err(Error::ModelFile {
                path: model.to_path_buf(),
                reason: format!(
                    "its encoder has {} positions, and half a minute of sound needs {MIN_POSITIONS}",
                    sizes.n_audio_positions
                ),
            });
        }
        let mut alignment = file.alignment_heads.unwrap_or_default();
        alignment.retain(|&(layer, head)| layer < sizes.decoder.n_layers && head < sizes.decoder.n_heads);
        if alignment.is_empty() {
            // The reference's choice where nothing better is known: the upper half.
            let upper = sizes.decoder.n_layers / 2..sizes.decoder.n_layers;
            alignment =
                upper.flat_map(|layer| (0..sizes.decoder.n_heads).map(move |head| (layer, head))).collect();
        }
        let ids = |ids: Option<Vec<i64>>| {
            ids.into_iter().flatten().filter_map(|id| u32::try_from(id).ok()).collect()
        };
        Ok(Self {
            vad,
            log_mel: LogMel::new(sizes.n_mels),
            whisper,
            vocabulary,
            attention_lag_s: words::attention_lag_s(&alignment),
            alignment,
            suppressed: ids(file.suppress_ids),
            suppressed_first: ids(file.suppress_ids_begin),
        })
    }

    /// Voice activity.
    pub fn vad(&self) -> &SileroVad {
        &self.vad
    }

    /// What is known before listening: `text` that came before, in which names are spelled as they are to be, and
    /// phrases that may be said.
    ///
    /// # Errors
    /// When the model's tokenizer cannot cut text into tokens.
    pub fn context(&self, text: &str, phrases: &[String]) -> Result<Context> {
        // Half of the positions are for the transcript, and some for steering.
        let n_most = (self.whisper.config.n_text_positions / 2).saturating_sub(STEERING);
        Context::new(&self.vocabulary, text, phrases, n_most)
    }

    /// Codes of the languages that the checkpoint knows.
    pub fn languages(&self) -> Vec<&str> {
        match self.vocabulary.is_multilingual() {
            true => self.vocabulary.languages().iter().map(|(code, _)| code.as_str()).collect(),
            false => vec!["en"],
        }
    }
}
