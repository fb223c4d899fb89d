//! Byte-level BPE and SentencePiece from a GGUF vocabulary.
//!
//! The merges run in the `tokenizers` crate. Control tokens are never found in ordinary text:
//! [`Tokenizer::encode`] cannot produce them, so that nothing a user or a document says can pass
//! for the structure of the conversation.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use super::bytes::letters_to_bytes;
use super::sentence_pieces;
use crate::error::{Error, Result};
use crate::weights::gguf::Metadata;

/// An entry of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenId(pub u32);

/// `tokenizer.ggml.token_type` of control tokens.
pub(super) const CONTROL: u64 = 3;

/// Text to token ids and token ids to bytes.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The bytes of each token; empty for control tokens, which are never shown.
    bytes: Vec<Vec<u8>>,
    control: HashMap<String, TokenId>,
    end: Vec<TokenId>,
    begin: Option<TokenId>,
}

impl Tokenizer {
    /// Builds the tokenizer that a GGUF file describes.
    ///
    /// # Errors
    /// [`Error::ModelFile`] for missing lists, [`Error::Tokenizer`] for a kind that is not supported.
    pub fn from_gguf(meta: &Metadata) -> Result<Self> {
        let kind = meta.string("tokenizer.ggml.model").ok_or_else(|| meta.missing("tokenizer.ggml.model"))?;
        let splitter = meta.string("tokenizer.ggml.pre").unwrap_or("default");
        let tokens = strings(meta, "tokenizer.ggml.tokens")?;
        let types: Vec<u64> = match meta.list("tokenizer.ggml.token_type") {
            Some(list) => {
                list.iter().map(|v| v.to_i32().map_or(0, |v| u64::try_from(v).unwrap_or(0))).collect()
            }
            None => vec![1; tokens.len()],
        };
        let named = |key: &str| meta.integer(key).and_then(|id| u32::try_from(id).ok()).map(TokenId);
        let end: Vec<TokenId> = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
            .iter()
            .filter_map(|key| named(key))
            .collect();
        let begin = named("tokenizer.ggml.bos_token_id")
            .filter(|_| meta.bool("tokenizer.ggml.add_bos_token").unwrap_or(false));
        let made = match kind {
            "gpt2" => Self::byte_level(tokens, &types, merges(meta)?, splitter, end)?,
            "llama" => {
                let scores = meta.list("tokenizer.ggml.scores");
                let scores = scores.ok_or_else(|| meta.missing("tokenizer.ggml.scores"))?;
                let scores: Vec<f32> = scores.iter().map(|v| v.to_f32().unwrap_or(f32::MIN)).collect();
                let prefix = meta.bool("tokenizer.ggml.add_space_prefix").unwrap_or(true);
                let pieces = sentence_pieces::build(&tokens, &types, &scores, prefix)?;
                Self::assemble(pieces.inner, pieces.bytes, pieces.control, end)
            }
            other => {
                return Err(Error::Tokenizer {
                    reason: format!("the vocabulary kind {other:?} is not supported yet"),
                });
            }
        };
        Ok(Self { begin, ..made })
    }

    fn assemble(
        inner: tokenizers::Tokenizer,
        bytes: Vec<Vec<u8>>,
        control: HashMap<String, TokenId>,
        mut end: Vec<TokenId>,
    ) -> Self {
        for name in ["<|im_end|>", "<|endoftext|>", "<end_of_turn>"] {
            if let Some(id) = control.get(name)
                && !end.contains(id)
            {
                end.push(*id);
            }
        }
        Self { inner, bytes, control, end, begin: None }
    }

    fn byte_level(
        tokens: Vec<String>,
        types: &[u64],
        merges: Vec<(String, String)>,
        splitter: &str,
        end: Vec<TokenId>,
    ) -> Result<Self> {
        let is_control = |i: usize| types.get(i) == Some(&CONTROL);
        let letters = letters_to_bytes();
        let mut bytes = Vec::with_capacity(tokens.len());
        let mut control = HashMap::new();
        let mut vocab = tokenizers::models::bpe::Vocab::default();
        for (i, token) in tokens.into_iter().enumerate() {
            if is_control(i) {
                bytes.push(Vec::new());
                control.insert(token.clone(), id(i)?);
            } else {
                bytes.push(token.chars().filter_map(|letter| letters.get(&letter).copied()).collect());
            }
            vocab.insert(token, id(i)?.0);
        }
        let failed = |e: tokenizers::Error| Error::Tokenizer { reason: e.to_string() };
        let bpe = BPE::builder().vocab_and_merges(vocab, merges).build().map_err(failed)?;
        let mut inner = tokenizers::Tokenizer::new(bpe);
        let byte_level = ByteLevel::new(false, true, true);
        // llama.cpp `llama-vocab.cpp`: "smollm" splits single digits off before the GPT-2 pattern.
        let pre: PreTokenizerWrapper = match splitter {
            "smollm" => Sequence::new(vec![Digits::new(true).into(), byte_level.into()]).into(),
            "gpt-2" | "default" => byte_level.into(),
            other => {
                return Err(Error::Tokenizer {
                    reason: format!("the text splitter {other:?} is not supported yet"),
                });
            }
        };
        inner.with_pre_tokenizer(Some(pre));
        Ok(Self::assemble(inner, bytes, control, end))
    }

    /// Token ids of ordinary text; control tokens written in it stay ordinary text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Vec<TokenId>> {
        let encoding =
            self.inner.encode_fast(text, false).map_err(|e| Error::Tokenizer { reason: e.to_string() })?;
        Ok(encoding.get_ids().iter().map(|id| TokenId(*id)).collect())
    }

    /// Token ids of text that we or the model's template wrote: control tokens in it are meant.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn encode_structure(&self, mut text: &str) -> Result<Vec<TokenId>> {
        let mut ids = Vec::new();
        loop {
            // The earliest control token, and of two at one place the longer.
            let next = self
                .control
                .iter()
                .filter_map(|(name, id)| {
                    text.find(name.as_str()).map(|at| (at, std::cmp::Reverse(name.len()), *id))
                })
                .min();
            let Some((at, std::cmp::Reverse(length), id)) = next else {
                ids.extend(self.encode(text)?);
                return Ok(ids);
            };
            ids.extend(self.encode(&text[..at])?);
            ids.push(id);
            text = &text[at + length..];
        }
    }

    /// The bytes of a token; a character may need several tokens. Control tokens give none.
    pub fn bytes(&self, token: TokenId) -> &[u8] {
        self.bytes.get(token.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether this token ends an answer.
    pub fn is_end(&self, token: TokenId) -> bool {
        self.end.contains(&token)
    }

    /// The token that must begin every sequence, for models that want one.
    pub fn begin(&self) -> Option<TokenId> {
        self.begin
    }

    /// Entries of the vocabulary.
    pub fn n_vocab(&self) -> usize {
        self.bytes.len()
    }
}

/// The number of an entry.
pub(super) fn id(i: usize) -> Result<TokenId> {
    let many = |_| Error::Tokenizer { reason: "the vocabulary has more than 2³² entries".into() };
    u32::try_from(i).map(TokenId).map_err(many)
}

fn merges(meta: &Metadata) -> Result<Vec<(String, String)>> {
    let pair = |pair: &String| match pair.split_once(' ') {
        Some((a, b)) => Ok((a.to_owned(), b.to_owned())),
        None => Err(Error::Tokenizer { reason: format!("the merge {pair:?} is not a pair") }),
    };
    strings(meta, "tokenizer.ggml.merges")?.iter().map(pair).collect()
}

fn strings(meta: &Metadata, key: &str) -> Result<Vec<String>> {
    let list = meta.list(key).ok_or_else(|| meta.missing(key))?;
    list.iter().map(|value| value.to_string().cloned().map_err(|_| meta.missing(key))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Single letters, "ab", and one control token.
    pub(crate) fn tiny() -> Tokenizer {
        let mut tokens: Vec<String> = letters_to_bytes().into_keys().map(String::from).collect();
        tokens.sort();
        tokens.push("ab".into());
        let mut types = vec![1; tokens.len()];
        for name in ["<|im_start|>", "<|im_end|>"] {
            tokens.push(name.into());
            types.push(CONTROL);
        }
        Tokenizer::byte_level(tokens, &types, vec![("a".into(), "b".into())], "smollm", Vec::new()).unwrap()
    }

    #[test]
    fn text_survives_the_round_trip() {
        let tokenizer = tiny();
        for text in ["ab", "a b 12 é ✓ 👍🏽\n\tz", "<|im_end|>"] {
            let ids = tokenizer.encode(text).unwrap();
            let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes(*id)).copied().collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
        }
    }

    #[test]
    fn ordinary_text_never_gives_control_tokens() {
        let tokenizer = tiny();
        let end = tokenizer.control["<|im_end|>"];
        assert!(!tokenizer.encode("x<|im_end|>").unwrap().contains(&end));
        assert!(tokenizer.encode_structure("x<|im_end|>").unwrap().contains(&end));
        assert!(tokenizer.is_end(end));
    }
}
