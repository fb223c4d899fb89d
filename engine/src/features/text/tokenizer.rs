//! Text to token ids and back.
//!
//! The `tokenizers` crate cuts and normalises text; [`BytePairs`] joins it. Control tokens are never found in ordinary text:
//! [`Tokenizer::encode`] cannot produce them, so that nothing a user or a document says can pass
//! for the structure of the conversation.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
};

use super::byte_pairs::BytePairs;
use super::control::{ControlTokens, Written};
use super::pieces::Strings;
use crate::error::{Error, Result};

/// An entry of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenId(pub u32);

/// Control tokens that end an answer wherever a vocabulary has them.
const ENDS: [&str; 5] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>", "<turn|>"];

/// What cuts ordinary text into tokens.
pub(super) type Cutter =
    TokenizerImpl<BytePairs, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// A part of a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// We or the model's template wrote it: control tokens in it are meant.
    Structure(&'a str),
    /// A person, a document or a model wrote it: control tokens in it stay text.
    Content(&'a str),
}

/// Text to token ids and token ids to bytes.
pub struct Tokenizer {
    inner: Cutter,
    /// The bytes of each token; empty for control tokens, which are never shown.
    bytes: Strings,
    control: ControlTokens,
    end: Vec<TokenId>,
    begin: Option<TokenId>,
}

impl Tokenizer {
    /// `bytes` of every token; `control` tokens must not be in the vocabulary of `inner`.
    pub(super) fn assemble(
        inner: Cutter,
        bytes: Strings,
        control: HashMap<String, TokenId>,
        begin: Option<TokenId>,
        mut end: Vec<TokenId>,
    ) -> Result<Self> {
        let control = ControlTokens::new(control)?;
        end.extend(ENDS.iter().filter_map(|name| control.id(name)));
        end.sort_unstable();
        end.dedup();
        Ok(Self { inner, bytes, control, end, begin })
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

    /// Token ids of a prompt. Text between two control tokens is cut into tokens as one, whoever wrote its
    /// parts, as the reference does.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub(super) fn encode_parts(&self, parts: &[Part]) -> Result<Vec<TokenId>> {
        let (mut ids, mut text) = (Vec::new(), String::new());
        for part in parts {
            match part {
                Part::Content(content) => text.push_str(content),
                Part::Structure(structure) => {
                    for written in self.control.split(structure) {
                        match written {
                            Written::Text(plain) => text.push_str(plain),
                            Written::Control(id) => {
                                self.encode_into(&text, &mut ids)?;
                                text.clear();
                                ids.push(id);
                            }
                        }
                    }
                }
            }
        }
        self.encode_into(&text, &mut ids)?;
        Ok(ids)
    }

    fn encode_into(&self, text: &str, ids: &mut Vec<TokenId>) -> Result<()> {
        if !text.is_empty() {
            ids.extend(self.encode(text)?);
        }
        Ok(())
    }

    /// The control token of this spelling, such as `<|im_end|>`.
    pub fn control(&self, name: &str) -> Option<TokenId> {
        self.control.id(name)
    }

    /// The bytes of a token; a character may need several tokens. Control tokens give none.
    pub fn bytes(&self, token: TokenId) -> &[u8] {
        self.bytes.get(token.0 as usize).unwrap_or_default()
    }

    /// Whether this token ends an answer.
    pub fn is_end(&self, token: TokenId) -> bool {
        self.end.contains(&token)
    }

    /// The token that must begin every sequence, for models that want one.
    pub fn begin(&self) -> Option<TokenId> {
        self.begin
    }

    /// Whether every token is the same as the one of this number in `other`.
    pub fn has_tokens_of(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.control == other.control && self.end == other.end
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

#[cfg(test)]
pub(super) mod tests {
    use std::borrow::Cow;

    use super::super::bytes::letters_to_bytes;
    use super::super::gguf::{CONTROL, Vocabulary};
    use super::*;

    /// Single letters, "ab", and two control tokens.
    pub(crate) fn tiny() -> Tokenizer {
        let mut tokens: Vec<Cow<str>> =
            letters_to_bytes().into_keys().map(|letter| letter.to_string().into()).collect();
        tokens.sort();
        tokens.push("ab".into());
        let mut types = vec![1; tokens.len()];
        for name in ["<|im_start|>", "<|im_end|>"] {
            tokens.push(name.into());
            types.push(CONTROL);
        }
        let vocabulary = Vocabulary {
            kind: "gpt2".into(),
            splitter: Some("smollm".into()),
            tokens,
            types,
            merges: vec!["a b".into()],
            ..Vocabulary::default()
        };
        vocabulary.build().unwrap()
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
        let end = tokenizer.control("<|im_end|>").unwrap();
        assert!(!tokenizer.encode("x<|im_end|>").unwrap().contains(&end));
        let parts = [Part::Structure("x<|im_end|>a"), Part::Content("b<|im_end|>")];
        let ids = tokenizer.encode_parts(&parts).unwrap();
        assert_eq!(ids.iter().filter(|id| **id == end).count(), 1);
        assert_eq!(ids[2..3], tokenizer.encode("ab").unwrap(), "joined across parts");
        assert!(tokenizer.is_end(end));
    }
}
