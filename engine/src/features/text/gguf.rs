//! The vocabulary of a GGUF file → [`Tokenizer`].

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::AddedToken;

use super::byte_pairs::{BytePairs, Merge, Rules};
use super::bytes::letters_to_bytes;
use super::control::is_structure;
use super::pieces::{Pieces, Strings};
use super::tokenizer::{Cutter, TokenId, Tokenizer, id};
use super::{sentence_pieces, splitters};
use crate::error::{Error, Result};
use crate::weights::gguf::Metadata;

/// `tokenizer.ggml.token_type` of the token for what no other covers.
pub(super) const UNKNOWN: u64 = 2;

/// … of control tokens.
pub(super) const CONTROL: u64 = 3;

/// … of tokens that are found in text before anything is joined.
pub(super) const USER_DEFINED: u64 = 4;

/// … of pieces that stand for a byte: `<0x0A>`.
pub(super) const BYTE: u64 = 6;

/// Whether a token is never made from ordinary text.
pub(super) fn is_control(token: &str, kind: u64) -> bool {
    matches!(kind, UNKNOWN | CONTROL) || (kind == USER_DEFINED && is_structure(token))
}

/// What a GGUF file says about its vocabulary.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Vocabulary<'a> {
    /// `tokenizer.ggml.model`: "gpt2" (bytes), "llama" (pieces with scores), "gemma4" (pieces with merges).
    pub(super) kind: String,
    /// `tokenizer.ggml.pre`, for the vocabularies of bytes.
    pub(super) splitter: Option<String>,
    pub(super) tokens: Vec<Cow<'a, str>>,
    pub(super) types: Vec<u64>,
    pub(super) scores: Vec<f32>,
    /// Pairs with a space between.
    pub(super) merges: Vec<Cow<'a, str>>,
    /// Whether a text begins with a space that was not there.
    pub(super) space_prefix: bool,
    pub(super) begin: Option<u32>,
    pub(super) end: Vec<u32>,
}

impl Tokenizer {
    /// Builds the tokenizer that a GGUF file describes.
    ///
    /// # Errors
    /// [`Error::ModelFile`] for missing lists, [`Error::Tokenizer`] for a kind that is not supported.
    pub fn from_gguf(meta: &Metadata) -> Result<Self> {
        Vocabulary::read(meta)?.build()
    }
}

impl<'a> Vocabulary<'a> {
    fn read(meta: &Metadata<'a>) -> Result<Self> {
        let kind = meta.string("tokenizer.ggml.model").ok_or_else(|| meta.missing("tokenizer.ggml.model"))?;
        let tokens = strings(meta, "tokenizer.ggml.tokens")?;
        let types = match meta.list("tokenizer.ggml.token_type") {
            Some(list) => list.iter().map(|value| value.integer().unwrap_or(0)).collect(),
            None => vec![1; tokens.len()],
        };
        let scores = match kind {
            "llama" => {
                let scores = meta.list("tokenizer.ggml.scores");
                let scores = scores.ok_or_else(|| meta.missing("tokenizer.ggml.scores"))?;
                scores.iter().map(|value| value.float().map_or(f32::MIN, |score| score as f32)).collect()
            }
            _ => Vec::new(),
        };
        let merges = if kind == "llama" { Vec::new() } else { strings(meta, "tokenizer.ggml.merges")? };
        let named = |key: &str| meta.integer(key).and_then(|id| u32::try_from(id).ok());
        // llama.cpp begins every text of a Gemma 4 so, whatever the file says.
        let begins = kind == "gemma4" || meta.bool("tokenizer.ggml.add_bos_token").unwrap_or(false);
        Ok(Self {
            kind: kind.to_owned(),
            splitter: meta.string("tokenizer.ggml.pre").map(str::to_owned),
            tokens,
            types,
            scores,
            merges,
            space_prefix: meta.bool("tokenizer.ggml.add_space_prefix").unwrap_or(kind == "llama"),
            begin: named("tokenizer.ggml.bos_token_id").filter(|_| begins),
            end: ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
                .iter()
                .filter_map(|key| named(key))
                .collect(),
        })
    }

    pub(super) fn build(self) -> Result<Tokenizer> {
        let (begin, end) = (self.begin.map(TokenId), self.end.iter().copied().map(TokenId).collect());
        if self.types.len() != self.tokens.len() {
            let reason = "its lists of tokens and types differ in length".to_owned();
            return Err(Error::Tokenizer { reason });
        }
        match self.kind.as_str() {
            "gpt2" => {
                let splitter = splitters::named(self.splitter.as_deref().unwrap_or("default"))?;
                let made = byte_level(&self.tokens, &self.types, &self.merges, splitter)?;
                Tokenizer::assemble(made.inner, made.bytes, made.control, begin, end)
            }
            "llama" | "gemma4" => {
                let pieces = pieces(&self.tokens, &self.types);
                let merges = match self.kind.as_str() {
                    "llama" => sentence_pieces::merges(&pieces, &self.tokens, &self.types, &self.scores)?,
                    _ => pairs(&pieces, &self.merges)?,
                };
                let made =
                    sentence_pieces::build(pieces, &self.tokens, &self.types, &merges, self.space_prefix)?;
                Tokenizer::assemble(made.inner, made.bytes, made.control, begin, end)
            }
            other => Err(Error::Tokenizer {
                reason: format!(
                    "the vocabulary kind {other:?} is not supported yet; these are: gemma4, gpt2, llama"
                ),
            }),
        }
    }
}

/// What a [`Tokenizer`] is made of.
pub(super) struct Made {
    pub(super) inner: Cutter,
    /// The bytes of each token; empty for control tokens.
    pub(super) bytes: Strings,
    pub(super) control: HashMap<String, TokenId>,
}

/// The vocabulary of ordinary text, which has no control tokens and therefore cannot give them.
pub(super) fn pieces(tokens: &[Cow<str>], types: &[u64]) -> Pieces {
    Pieces::new(tokens.iter().zip(types).map(|(token, kind)| (!is_control(token, *kind)).then_some(&**token)))
}

/// Byte-level pairs (Radford et al., GPT-2, 2019).
fn byte_level(
    tokens: &[Cow<str>],
    types: &[u64],
    merges: &[Cow<str>],
    splitter: splitters::Splitter,
) -> Result<Made> {
    let failed = |e: tokenizers::Error| Error::Tokenizer { reason: e.to_string() };
    let letters = letters_to_bytes();
    let (mut bytes, mut control, mut found_first) = (Strings::default(), HashMap::new(), Vec::new());
    for (i, (token, kind)) in tokens.iter().zip(types).enumerate() {
        if is_control(token, *kind) {
            bytes.push(&[]);
            control.insert(token.to_string(), id(i)?);
        } else if *kind == USER_DEFINED {
            bytes.push(token.as_bytes());
            found_first.push(AddedToken::from(&**token, false).normalized(false));
        } else {
            let meant: Vec<u8> = token.chars().filter_map(|letter| letters.get(&letter).copied()).collect();
            bytes.push(&meant);
        }
    }
    let pieces = pieces(tokens, types);
    let merges = pairs(&pieces, merges)?;
    let rules = Rules { ignore_merges: splitter.ignore_merges, ..Rules::default() };
    let mut inner = Cutter::new(BytePairs::new(pieces, &merges, rules));
    inner.with_normalizer(splitter.normalizer).map_err(failed)?;
    inner.with_pre_tokenizer(Some(splitter.pre));
    inner.add_tokens(found_first).map_err(failed)?;
    Ok(Made { inner, bytes, control })
}

fn pairs(pieces: &Pieces, merges: &[Cow<str>]) -> Result<Vec<Merge>> {
    let pair = |pair: &Cow<str>| match pair.split_once(' ') {
        Some((left, right)) => Merge::named(pieces, left, right),
        None => Err(Error::Tokenizer { reason: format!("the merge {pair:?} is not a pair") }),
    };
    merges.iter().map(pair).collect()
}

fn strings<'a>(meta: &Metadata<'a>, key: &str) -> Result<Vec<Cow<'a, str>>> {
    let list = meta.list(key).ok_or_else(|| meta.missing(key))?;
    list.iter().map(|value| value.string().ok_or_else(|| meta.missing(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        vocabulary: Vocabulary<'static>,
        texts: Vec<(String, Vec<u32>)>,
        /// Whether a text comes back as it was; composed characters change some.
        lossless: bool,
    }

    #[test]
    fn every_splitter_gives_the_token_ids_of_the_reference() {
        let text = include_str!("../../../../tests/golden/splitters.json");
        let cases: std::collections::BTreeMap<String, Case> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 6);
        let mut wrong = Vec::new();
        for (name, case) in cases {
            let tokenizer = case.vocabulary.build().unwrap();
            assert!(case.texts.len() > 20, "{name}");
            for (text, ids) in case.texts {
                let ours = tokenizer.encode(&text).unwrap();
                if ours.iter().map(|id| id.0).ne(ids.iter().copied()) {
                    wrong.push(format!("{name} {text:?}: {ours:?} and not {ids:?}"));
                }
                let bytes: Vec<u8> = ours.iter().flat_map(|id| tokenizer.bytes(*id)).copied().collect();
                assert!(!case.lossless || bytes == text.as_bytes(), "{name} {text:?}: {bytes:?}");
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn refused(changes: impl Fn(&mut Vocabulary)) -> String {
        let mut vocabulary = Vocabulary {
            kind: "gpt2".into(),
            tokens: vec!["a".into(), "b".into(), "ab".into()],
            types: vec![1; 3],
            merges: vec!["a b".into()],
            ..Vocabulary::default()
        };
        changes(&mut vocabulary);
        vocabulary.build().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn vocabularies_that_are_not_known_or_damaged_are_refused() {
        assert_eq!(refused(|_| ()), "");
        assert!(refused(|v| v.splitter = Some("tekken".into())).contains("\"tekken\" is not supported yet"));
        assert!(refused(|v| v.kind = "rwkv".into()).contains("\"rwkv\" is not supported yet"));
        assert!(refused(|v| v.merges = vec!["ab".into()]).contains("not a pair"));
        assert!(refused(|v| v.merges = vec!["a c".into()]).contains('c'));
        assert!(refused(|v| v.types = vec![1]).contains("differ in length"));
        assert!(refused(|v| v.kind = "llama".into()).contains("differ in length"));
    }
}
