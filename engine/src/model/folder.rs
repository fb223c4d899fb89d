//! A Hugging Face folder: `config.json`, safetensors, `tokenizer.json`, and what says how to talk to the model.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decoder::{Decoder, hugging_face};
use crate::device;
use crate::encoders::{Encoders, EncodersConfig};
use crate::error::{Error, Result};
use crate::features::text::{ChatTemplate, TokenId, TokenOptions, Tokenizer};
use crate::weights::{Weights, names, read_text};

/// What a folder computes with.
pub(crate) struct Checkpoint {
    pub(crate) decoder: Decoder,
    /// Its own, for pictures and sound.
    pub(crate) encoders: Option<Encoders>,
    /// For further questions about them.
    pub(crate) weights: Weights,
    /// The whole `config.json`.
    pub(crate) config: Value,
}

/// Reads a folder. Weights are used in the type that they are stored in, where possible in place; of another device than
/// the processor in f32, in its memory.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`], [`Error::Config`], [`Error::TensorMissing`],
/// [`Error::TensorShape`]: what is wrong with the folder.
pub(crate) fn checkpoint(folder: &Path) -> Result<Checkpoint> {
    let described = hugging_face::describe(&folder.join("config.json"))?;
    let weights = Weights::from_folder(folder, device::for_decoders()?, described.names)?;
    let decoder = Decoder::new(&described.config, &weights)?;
    let encoders = match EncodersConfig::from_json(&described.file)? {
        Some(config) => Encoders::new(&config, described.config.d_model, &weights.on_processor())?,
        None => None,
    };
    // Some writers repeat a tied output, and the keys of layers that read another layer's.
    weights.expect_all_used(|name: &str| {
        (described.config.tied_output && name.ends_with("lm_head.weight"))
            || described.config.is_unread(name)
            || names::encoders::is_unused_by_encoders(name)
    })?;
    Ok(Checkpoint { decoder, encoders, weights, config: described.file })
}

/// A token's spelling, alone or with how it is found.
#[derive(Deserialize)]
#[serde(untagged)]
enum Spelling {
    Plain(String),
    Token { content: String },
}

impl Spelling {
    fn text(self) -> String {
        match self {
            Self::Plain(text) | Self::Token { content: text } => text,
        }
    }
}

/// One template, or several with names.
#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<NamedTemplate>),
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    template: String,
}

impl Templates {
    fn default(self) -> Option<String> {
        match self {
            Self::One(template) => Some(template),
            Self::Named(templates) => {
                templates.into_iter().find(|named| named.name == "default").map(|named| named.template)
            }
        }
    }
}

/// The fields of `tokenizer_config.json` that are used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    bos_token: Option<Spelling>,
    eos_token: Option<Spelling>,
    add_bos_token: Option<bool>,
    chat_template: Option<Templates>,
}

/// The field of `generation_config.json` and `config.json` that says what ends an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ends {
    eos_token_id: Option<Ids>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Several(Vec<u32>),
}

impl Ids {
    fn list(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::Several(ids) => ids,
        }
    }
}

/// The tokenizer of a folder for a decoder with a table of `n_vocab` tokens, and its chat template.
///
/// # Errors
/// [`Error::ModelFolder`] that names the file and says what to do.
pub(super) fn text(folder: &Path, n_vocab: usize) -> Result<(Tokenizer, Option<ChatTemplate>)> {
    let path = folder.join("tokenizer.json");
    let bad = |reason: String| Error::ModelFolder { path: path.clone(), reason };
    if !path.exists() {
        let other = match folder.join("tokenizer.model").exists() {
            true => "a tokenizer.model alone cannot be read",
            false => "the model cannot read text without it",
        };
        return Err(Error::ModelFolder {
            path: folder.to_path_buf(),
            reason: format!(
                "there is no tokenizer.json in this folder, and {other}; fetch it, too, or let transformers write it with `AutoTokenizer.from_pretrained(…).save_pretrained(…)`"
            ),
        });
    }
    let config: TokenizerConfig = optional(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
    let mut end = Vec::new();
    for name in ["generation_config.json", "config.json"] {
        let ends: Ends = optional(&folder.join(name))?.unwrap_or_default();
        end.extend(ends.eos_token_id.map(Ids::list).unwrap_or_default().into_iter().map(TokenId));
    }
    let (begin_name, end_name) = (config.bos_token.map(Spelling::text), config.eos_token.map(Spelling::text));
    let options = TokenOptions {
        begin: begin_name.clone(),
        add_begin: config.add_bos_token,
        end,
        end_name: end_name.clone(),
    };
    let tokenizer = Tokenizer::from_hugging_face(&read_text(&path)?, &options)
        .map_err(|error| bad(format!("it cannot be used ({error}); fetch it again")))?;
    if tokenizer.n_vocab() > n_vocab {
        return Err(bad(format!(
            "it has {} tokens and the model knows {n_vocab}, so they do not belong together; fetch both from one place",
            tokenizer.n_vocab()
        )));
    }
    let template = template(folder, config.chat_template)?;
    let template = template.map(|source| {
        ChatTemplate::new(source, begin_name.unwrap_or_default(), end_name.unwrap_or_default())
    });
    Ok((tokenizer, template))
}

/// The template has a file of its own in newer folders.
fn template(folder: &Path, in_config: Option<Templates>) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct TemplateFile {
        chat_template: Option<Templates>,
    }
    let jinja = folder.join("chat_template.jinja");
    if jinja.exists() {
        return read_text(&jinja).map(Some);
    }
    let file: Option<TemplateFile> = optional(&folder.join("chat_template.json"))?;
    Ok(file.and_then(|file| file.chat_template).or(in_config).and_then(Templates::default))
}

/// A JSON file that need not be there.
fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_str(&read_text(path)?).map(Some).map_err(|error| Error::ModelFolder {
        path: path.to_path_buf(),
        reason: format!("it cannot be read ({error}); fetch it again"),
    })
}
