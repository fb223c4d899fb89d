//! A decoder with its tokenizer and chat template, from a GGUF file or a Hugging Face folder; read-only once
//! loaded.

pub(crate) mod folder;

mod native;

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use crate::cancel::Cancel;
use crate::decoder::{AdapterLayers, Decoder, DecoderConfig, Input};
use crate::device;
use crate::error::{Error, Result};
use crate::features::text::{ChatMessage, ChatTemplate, MEDIUM, Rendered, Role, TokenId, Tokenizer};
use crate::generate::{Conversation, GenerateOptions, Generation};
use crate::memory::{available_bytes, too_large};
use crate::weights::gguf::GgufFile;
use crate::weights::panels::ModelPanels;
use crate::weights::{PanelStore, Weights, names};
use folder::Checkpoint;
pub(crate) use native::{Medium, Native};

/// Everything that is needed to write an answer; share it in an [`Arc`].
pub struct LanguageModel {
    decoder: Decoder,
    tokenizer: Arc<Tokenizer>,
    template: Option<Arc<ChatTemplate>>,
    native: Option<Arc<Native>>,
    /// What a person should know of how it was loaded.
    notice: Option<String>,
    /// Waits, when it is dropped, until its file is whole.
    _panels: Option<ModelPanels>,
}

impl LanguageModel {
    /// Random weights and an alphabet for a vocabulary: the loop runs in milliseconds without a file.
    #[cfg(test)]
    pub(crate) fn tiny() -> Self {
        let tokenizer = crate::features::text::tiny_tokenizer();
        let config = DecoderConfig { n_vocab: tokenizer.n_vocab(), ..DecoderConfig::tiny() };
        Self {
            decoder: crate::decoder::seeded(&config),
            tokenizer: Arc::new(tokenizer),
            template: None,
            native: None,
            notice: None,
            _panels: None,
        }
    }

    /// Loads a GGUF file, or a Hugging Face folder: `config.json`, safetensors in one file or several, and
    /// `tokenizer.json`; `tokenizer_config.json`, `generation_config.json` and `chat_template.jinja` where they
    /// are there.
    ///
    /// # Errors
    /// [`Error::ModelFile`](crate::Error::ModelFile) or [`Error::ModelFolder`](crate::Error::ModelFolder) when
    /// something is damaged or missing, [`Error::Config`](crate::Error::Config) when the family is not
    /// supported.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_with(path, None)
    }

    /// As [`LanguageModel::load`]; what its file holds is kept as the kernels want it, so that the next start is
    /// quicker.
    ///
    /// # Errors
    /// As [`LanguageModel::load`].
    pub fn load_with(path: &Path, panels: Option<&PanelStore>) -> Result<Self> {
        Self::load_as(path, panels, |weights| weights)
    }

    /// As [`LanguageModel::load`], but computes in f32 throughout: slower and several times as large,
    /// for comparisons with a reference.
    ///
    /// # Errors
    /// As [`LanguageModel::load`].
    pub fn load_in_floats(path: &Path) -> Result<Self> {
        Self::load_as(path, None, Weights::unpacked)
    }

    fn load_as(path: &Path, panels: Option<&PanelStore>, prepare: fn(Weights) -> Weights) -> Result<Self> {
        if path.is_dir() {
            return Self::load_folder(path);
        }
        let is_on_processor = matches!(device::for_decoders()?, Device::Cpu);
        let file = GgufFile::open(path)?;
        // Before its own pages count.
        let notice = too_large(path, file.n_bytes(), available_bytes());
        let meta = file.metadata();
        let tokenizer = Tokenizer::from_gguf(&meta)?;
        // They are for the processor's kernels.
        let panels = panels.filter(|_| is_on_processor).and_then(|store| store.of_model(path));
        let decoder =
            gguf_decoder(&file, tokenizer.n_vocab(), |weights| prepare(weights).with_panels(panels.clone()))?;
        if let Some(panels) = &panels {
            panels.finish();
        }
        let text_of = |key: &str| -> String {
            let id = meta.integer(key).and_then(|id| usize::try_from(id).ok());
            let tokens = meta.list("tokenizer.ggml.tokens");
            let token = id.zip(tokens).and_then(|(id, tokens)| tokens.get(id)?.string());
            token.unwrap_or_default().into_owned()
        };
        let template = meta.string("tokenizer.chat_template").map(|source| {
            Arc::new(ChatTemplate::new(
                source,
                text_of("tokenizer.ggml.bos_token_id"),
                text_of("tokenizer.ggml.eos_token_id"),
            ))
        });
        let native = Native::beside(path, &decoder, &tokenizer)?.map(Arc::new);
        let tokenizer = Arc::new(tokenizer);
        Ok(Self { decoder, tokenizer, template, native, notice, _panels: panels })
    }

    fn load_folder(folder: &Path) -> Result<Self> {
        if !folder.join("config.json").exists() {
            return Err(Error::ModelFolder {
                path: folder.to_path_buf(),
                reason: "there is no config.json in this folder; a model is a GGUF file, or a folder with config.json, safetensors and tokenizer.json".into(),
            });
        }
        let Checkpoint { decoder, encoders, config, .. } = folder::checkpoint(folder)?;
        let (tokenizer, template) = folder::text(folder, decoder.config().n_vocab)?;
        let native = encoders.map(|encoders| Arc::new(Native::new(encoders, &config)));
        let (tokenizer, template) = (Arc::new(tokenizer), template.map(Arc::new));
        Ok(Self { decoder, tokenizer, template, native, notice: None, _panels: None })
    }

    /// The same model with adapters, in the place of those that it has; all else is shared with this one.
    ///
    /// # Errors
    /// As [`Decoder::adapted`].
    pub fn adapted(&self, adapter: &AdapterLayers) -> Result<Self> {
        Ok(Self {
            decoder: self.decoder.adapted(adapter)?,
            tokenizer: self.tokenizer.clone(),
            template: self.template.clone(),
            native: self.native.clone(),
            notice: self.notice.clone(),
            _panels: self._panels.clone(),
        })
    }

    #[cfg(test)]
    pub(crate) fn set_decoder(&mut self, decoder: Decoder) {
        self.decoder = decoder;
    }

    /// What a person should know of how it was loaded: that it is larger than the memory that is free.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Tokens that fit into one conversation.
    pub fn context_tokens(&self) -> usize {
        self.decoder.config().context_tokens
    }

    /// The arithmetic.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Text to tokens and back.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Tokens of ordinary text, with nothing added; control tokens written in it stay text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn encode(&self, text: &str) -> Result<Vec<TokenId>> {
        self.tokenizer.encode(text)
    }

    /// A prompt that is only this text, with no chat template: for base models and `--raw`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`](crate::Error::Tokenizer).
    pub fn raw_prompt(&self, text: &str) -> Result<Vec<TokenId>> {
        let mut prompt: Vec<TokenId> = self.tokenizer.begin().into_iter().collect();
        prompt.extend(self.encode(text)?);
        Ok(prompt)
    }

    /// The prompt for a conversation, up to where the model speaks next.
    ///
    /// A base model has no template: it gets the conversation as a plain text of questions and answers.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>> {
        match &self.template {
            Some(template) => template.render(messages, &self.tokenizer),
            None => self.raw_prompt(&transcript(messages)),
        }
    }

    /// The same with media in the places of [`MEDIUM`] in the contents, in order.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub(crate) fn render_media(&self, messages: &[ChatMessage], media: &[Medium]) -> Result<Input> {
        let parts = match &self.template {
            Some(template) => template.render_media(messages, &self.tokenizer)?,
            None => {
                let text = transcript(messages);
                let mut parts = Vec::new();
                for (i, text) in text.split(MEDIUM).enumerate() {
                    if i > 0 {
                        parts.push(Rendered::Medium);
                    }
                    let tokens = if i == 0 { self.raw_prompt(text)? } else { self.encode(text)? };
                    parts.push(Rendered::Tokens(tokens));
                }
                parts
            }
        };
        let mut media = media.iter();
        let mut input = Input::default();
        for part in parts {
            match part {
                Rendered::Tokens(tokens) => input.append(&Input::from(tokens)),
                Rendered::Medium => media.next().into_iter().for_each(|medium| input.append(&medium.0)),
            }
        }
        Ok(input)
    }

    /// Its own eyes and ears; none for a model that only reads text.
    pub(crate) fn native(&self) -> Option<&Native> {
        self.native.as_deref()
    }

    /// Whether it was trained to answer in conversations.
    pub fn has_chat_template(&self) -> bool {
        self.template.is_some()
    }

    /// Starts to continue `prompt`. What `earlier` read of the same beginning is not read again.
    ///
    /// # Errors
    /// [`Error::Request`](crate::Error::Request) when the prompt is empty or leaves no room in the context.
    pub fn generate(
        self: &Arc<Self>,
        prompt: impl Into<Input>,
        options: &GenerateOptions,
        earlier: Option<Conversation>,
        cancel: &Cancel,
    ) -> Result<Generation> {
        Generation::new(self.clone(), prompt.into(), options, earlier, None, cancel)
    }
}

/// The decoder of a GGUF file with this many tokens.
fn gguf_decoder(
    file: &GgufFile,
    n_vocab: usize,
    prepare: impl FnOnce(Weights) -> Weights,
) -> Result<Decoder> {
    let weights = prepare(file.weights(device::for_decoders()?, names::gguf_decoder));
    let config = DecoderConfig::from_gguf(&file.metadata(), n_vocab, !weights.has("output.weight"))?;
    let decoder = Decoder::new(&config, &weights)?;
    // Some files carry the rotary frequencies as a tensor; they follow from the configuration.
    weights.expect_all_used(|name| name == "rope_freqs.weight" || config.is_unread(name))?;
    Ok(decoder)
}

/// A conversation as plain text that asks for the next answer.
fn transcript(messages: &[ChatMessage]) -> String {
    let mut text = String::new();
    for message in messages {
        let content = message.content.trim();
        text.push_str(&match message.role {
            Role::System => format!("{content}\n\n"),
            Role::User if content.contains("Question: ") => format!("{content}\nAnswer:"),
            Role::User => format!("Question: {content}\nAnswer:"),
            Role::Assistant => format!(" {content}\n\n"),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::CacheFormat;

    /// See tests/reference/parity_gguf.py: stacked experts, permuted rows, layers that share caches.
    #[test]
    fn decoders_as_gguf_compute_what_their_folders_compute() {
        let ids: Vec<u32> = (0..40).map(|i| 3 + i * 31 % 80).collect();
        let input = Input::from(&ids[..]);
        let logits = |decoder: &Decoder, n_first: usize| {
            let mut state = decoder.new_state(CacheFormat::F32).unwrap();
            let mut parts = vec![input.chunk(0, n_first)];
            parts.extend((n_first..ids.len()).map(|at| input.chunk(at, 1)));
            let rows = parts
                .iter()
                .flat_map(|part| decoder.forward_all(part, &mut state, &Cancel::new()).unwrap().unwrap());
            rows.flat_map(|row| row.into_vec()).collect::<Vec<f32>>()
        };
        for family in ["mixtral", "qwen3-moe", "gemma4-e"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/parity").join(family);
            let file = GgufFile::open(&folder.join("model.gguf")).unwrap();
            let n_vocab = file.metadata().list("tokenizer.ggml.tokens").unwrap().len();
            let ours = gguf_decoder(&file, n_vocab, |weights| weights).unwrap();
            let expected = logits(&folder::checkpoint(&folder).unwrap().decoder, ids.len());
            let largest = expected.iter().fold(0.0f32, |most, logit| most.max(logit.abs()));
            for n_first in [ids.len(), 25] {
                let found = logits(&ours, n_first);
                let errors = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                let error = errors.fold(0.0, f32::max) / largest;
                assert!(found.len() == expected.len() && error < 1e-5, "{family} {n_first}: {error}");
            }
        }
    }

    /// Rows that were read ahead leave nothing, neither in keys and values nor in what experts counted.
    #[test]
    fn what_is_taken_back_was_never_read() {
        let ids: Vec<u32> = (0..40).map(|i| 3 + i * 31 % 80).collect();
        for family in ["mixtral", "qwen3-moe", "gemma3-text"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/parity").join(family);
            let decoder = folder::checkpoint(&folder).unwrap().decoder;
            let read = |parts: &[(&[u32], usize)]| {
                let mut state = decoder.new_state(CacheFormat::F16).unwrap();
                let mut last = None;
                for (ids, kept) in parts {
                    last = decoder.forward_all(&Input::from(*ids), &mut state, &Cancel::new()).unwrap();
                    assert_eq!(state.truncate(*kept), *kept);
                }
                (last.unwrap().pop().unwrap(), state.routing().clone())
            };
            let (plain, counted) = read(&[(&ids[..20], 20), (&ids[20..22], 22), (&ids[22..24], 24)]);
            let wrong: Vec<u32> = ids[20..22].iter().copied().chain([7, 9, 11, 13]).collect();
            let (ahead, counted_ahead) = read(&[(&ids[..20], 20), (&wrong, 22), (&ids[22..24], 24)]);
            let error = plain.iter().zip(&ahead[..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error < 1e-4, "{family}: {error}");
            assert_eq!(counted, counted_ahead, "{family}");
        }
    }

    #[test]
    fn a_base_model_is_asked_in_plain_text() {
        let messages = [
            ChatMessage::new(Role::System, "Be short."),
            ChatMessage::new(Role::User, "One?"),
            ChatMessage::new(Role::Assistant, "Two."),
            ChatMessage::new(Role::User, "Notes:\nx\nQuestion: Three?"),
        ];
        let asked = "Be short.\n\nQuestion: One?\nAnswer: Two.\n\nNotes:\nx\nQuestion: Three?\nAnswer:";
        assert_eq!(transcript(&messages), asked);
    }
}
