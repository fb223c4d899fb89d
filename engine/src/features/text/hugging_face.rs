//! `tokenizer.json` of a Hugging Face folder → [`Tokenizer`].
//!
//! The text is cut as the file describes, but for two things: the special tokens are taken out,
//! so that ordinary text cannot give them, and nothing is added around a text.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper};

use super::byte_pairs::{BytePairs, Merge, Rules};
use super::bytes::letters_to_bytes;
use super::control::is_structure;
use super::pieces::{Pieces, Strings};
use super::sentence_pieces::{SPACE, byte};
use super::tokenizer::{Cutter, TokenId, Tokenizer};
use crate::error::{Error, Result};

/// The largest vocabularies have about 262,000 tokens.
const MOST_TOKENS: u64 = 1 << 22;

/// What the other files of the folder say about tokens.
#[derive(Debug, Clone, Default)]
pub struct TokenOptions {
    /// The spelling of the token that begins a sequence.
    pub begin: Option<String>,
    /// Whether texts begin with it; the tokenizer's own rule where nobody says so.
    pub add_begin: Option<bool>,
    /// Tokens that end an answer.
    pub end: Vec<TokenId>,
    /// The spelling of another one.
    pub end_name: Option<String>,
}

/// A token that the file lists beside the vocabulary.
struct Added {
    id: u32,
    content: String,
    is_control: bool,
}

impl Tokenizer {
    /// Builds the tokenizer that a `tokenizer.json` describes.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when it is damaged or not byte-pair encoding.
    pub fn from_hugging_face(json: &str, options: &TokenOptions) -> Result<Self> {
        let bad = |reason: String| Error::Tokenizer { reason };
        let mut file: Value = serde_json::from_str(json).map_err(|e| bad(format!("it is not JSON: {e}")))?;
        if !file["model"].is_object() {
            return Err(bad("it has no model in it".into()));
        }
        let added = added_tokens(&file)?;
        let is_bytes =
            mentions(&file["pre_tokenizer"], "ByteLevel") || mentions(&file["decoder"], "ByteLevel");
        let begins = options.add_begin.map_or_else(
            || first_of_template(&file["post_processor"]),
            |add| options.begin.clone().filter(|_| add),
        );
        let control: HashMap<String, TokenId> =
            added.iter().filter(|t| t.is_control).map(|t| (t.content.clone(), TokenId(t.id))).collect();

        let mut model = file["model"].take();
        let unknown = model["unk_token"].as_str().map(str::to_owned);
        let vocab = vocabulary(&mut model)?;
        let n_entries = size(vocab, &added)?;
        for token in &added {
            if !token.is_control || unknown.as_ref() == Some(&token.content) {
                // In the vocabulary it keeps its number, whatever was taken out before it.
                vocab.insert(token.content.clone(), token.id.into());
            } else {
                vocab.remove(&token.content);
            }
        }
        let bytes = bytes(vocab, &added, n_entries, is_bytes);
        let mut inner = Cutter::new(byte_pairs(&model, n_entries, unknown.as_deref())?);
        let failed = |e: tokenizers::Error| bad(e.to_string());
        inner
            .with_normalizer(described::<Option<NormalizerWrapper>>(&mut file["normalizer"])?)
            .map_err(failed)?;
        inner.with_pre_tokenizer(described::<Option<PreTokenizerWrapper>>(&mut file["pre_tokenizer"])?);
        let found_first = added.iter().zip(file["added_tokens"].as_array_mut().into_iter().flatten());
        let found_first = found_first.filter(|(token, _)| !token.is_control);
        let found_first: Vec<AddedToken> =
            found_first.map(|(_, token)| described(token)).collect::<Result<_>>()?;
        inner.add_tokens(found_first).map_err(failed)?;
        let begin = begins.and_then(|name| control.get(&name).copied());
        let mut end = options.end.clone();
        end.extend(options.end_name.as_ref().and_then(|name| control.get(name)));
        Self::assemble(inner, bytes, control, begin, end)
    }
}

fn added_tokens(file: &Value) -> Result<Vec<Added>> {
    let Some(list) = file["added_tokens"].as_array() else { return Ok(Vec::new()) };
    let token = |token: &Value| {
        let id = token["id"].as_u64().filter(|id| *id < MOST_TOKENS).and_then(|id| u32::try_from(id).ok());
        let (Some(id), Some(content)) = (id, token["content"].as_str()) else {
            return Err(Error::Tokenizer { reason: format!("{token} is no added token") });
        };
        let is_control = token["special"].as_bool().unwrap_or(false) || is_structure(content);
        Ok(Added { id, content: content.to_owned(), is_control })
    };
    list.iter().map(token).collect()
}

/// A part of the file in the form of the `tokenizers` crate.
fn described<T: DeserializeOwned>(part: &mut Value) -> Result<T> {
    let bad = |e| Error::Tokenizer { reason: format!("it does not describe a tokenizer: {e}") };
    serde_json::from_value(part.take()).map_err(bad)
}

/// The bytes of each token; none for control tokens, which are never shown.
fn bytes(vocab: &Map<String, Value>, added: &[Added], n_entries: usize, is_bytes: bool) -> Strings {
    let mut spellings = by_id(vocab, n_entries);
    let added: HashMap<u32, &Added> = added.iter().map(|token| (token.id, token)).collect();
    let letters = letters_to_bytes();
    let mut bytes = Strings::default();
    for (id, spelling) in (0..).zip(&mut spellings) {
        match (added.get(&id), spelling.take().unwrap_or_default()) {
            (Some(token), _) if token.is_control => bytes.push(&[]),
            (Some(token), _) => bytes.push(token.content.as_bytes()),
            (None, spelling) if is_bytes => {
                let letters = spelling.chars().filter_map(|letter| letters.get(&letter).copied());
                bytes.push(&letters.collect::<Vec<u8>>());
            }
            (None, spelling) => match byte(spelling) {
                Some(byte) => bytes.push(&[byte]),
                None => bytes.push(spelling.replace(SPACE, " ").as_bytes()),
            },
        }
    }
    bytes
}

/// The spelling of each number.
fn by_id(vocab: &Map<String, Value>, n_entries: usize) -> Vec<Option<&str>> {
    let mut spellings = vec![None; n_entries];
    for (token, id) in vocab {
        let slot = id.as_u64().and_then(|id| spellings.get_mut(usize::try_from(id).ok()?));
        slot.into_iter().for_each(|slot| *slot = Some(token.as_str()));
    }
    spellings
}

/// What the file calls its model.
fn byte_pairs(model: &Value, n_entries: usize, unknown: Option<&str>) -> Result<BytePairs> {
    let bad = |reason: String| Error::Tokenizer { reason };
    for rule in ["continuing_subword_prefix", "end_of_word_suffix", "dropout"] {
        let value = &model[rule];
        if !(value.is_null() || *value == json!("") || value.as_f64() == Some(0.0)) {
            return Err(bad(format!("its {rule} is {value}, which is not supported")));
        }
    }
    let vocab = model["vocab"].as_object().ok_or_else(|| bad("it has no vocabulary".into()))?;
    let pieces = Pieces::new(by_id(vocab, n_entries).into_iter());
    let merges = model["merges"].as_array().ok_or_else(|| bad("it has no merges".into()))?;
    let merge = |pair: &Value| {
        let parts = match (pair.as_str(), pair.as_array().map(Vec::as_slice)) {
            (Some(pair), _) => pair.split_once(' '),
            (None, Some([left, right])) => left.as_str().zip(right.as_str()),
            _ => None,
        };
        let (left, right) = parts.ok_or_else(|| bad(format!("the merge {pair} is not a pair")))?;
        Merge::named(&pieces, left, right)
    };
    let merges = merges.iter().map(merge).collect::<Result<Vec<_>>>()?;
    let is_set = |rule: &str| model[rule].as_bool().unwrap_or(false);
    let lacks = |name: &str| bad(format!("its unk_token {name:?} is not in its vocabulary"));
    let rules = Rules {
        byte_fallback: is_set("byte_fallback"),
        unknown: unknown.map(|name| pieces.id(name).ok_or_else(|| lacks(name))).transpose()?,
        fuse_unknown: is_set("fuse_unk"),
        ignore_merges: is_set("ignore_merges"),
    };
    Ok(BytePairs::new(pieces, &merges, rules))
}

/// The tokens that merges make, by their spelling.
fn vocabulary(model: &mut Value) -> Result<&mut Map<String, Value>> {
    let kind = model["type"].as_str().unwrap_or(if model["merges"].is_array() { "BPE" } else { "unknown" });
    if kind != "BPE" {
        let reason = format!("its kind is {kind:?}, and only byte-pair encoding (\"BPE\") is supported");
        return Err(Error::Tokenizer { reason });
    }
    let missing = || Error::Tokenizer { reason: "it has no vocabulary".into() };
    model["vocab"].as_object_mut().ok_or_else(missing)
}

/// One more than the largest number of a token.
fn size(vocab: &Map<String, Value>, added: &[Added]) -> Result<usize> {
    let mut most = added.iter().map(|token| u64::from(token.id) + 1).max().unwrap_or(0);
    for (token, id) in vocab {
        match id.as_u64() {
            Some(id) if id < MOST_TOKENS => most = most.max(id + 1),
            _ => return Err(Error::Tokenizer { reason: format!("the token {token:?} has the number {id}") }),
        }
    }
    match usize::try_from(most) {
        Ok(0) | Err(_) => Err(Error::Tokenizer { reason: "it has no vocabulary".into() }),
        Ok(most) => Ok(most),
    }
}

/// Whether a part of the description is, or holds, something of this type.
fn mentions(part: &Value, kind: &str) -> bool {
    match part {
        Value::Object(fields) => {
            fields.get("type") == Some(&json!(kind)) || fields.values().any(|field| mentions(field, kind))
        }
        Value::Array(items) => items.iter().any(|item| mentions(item, kind)),
        _ => false,
    }
}

/// The token that a `TemplateProcessing` puts before a text.
fn first_of_template(part: &Value) -> Option<String> {
    match part {
        Value::Object(fields) if fields.get("type") == Some(&json!("TemplateProcessing")) => {
            Some(fields.get("single")?.get(0)?.get("SpecialToken")?.get("id")?.as_str()?.to_owned())
        }
        Value::Object(fields) => fields.values().find_map(first_of_template),
        Value::Array(items) => items.iter().find_map(first_of_template),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "a", "b", "ab", a special token in the middle, a found one behind it.
    fn file() -> Value {
        json!({
            "added_tokens": [
                {"id": 3, "content": "<s>", "special": true, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false},
                {"id": 5, "content": "<tool>", "special": false, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false},
            ],
            "normalizer": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "post_processor": {"type": "Sequence", "processors": [{"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [], "special_tokens": {}}]},
            "decoder": null,
            "truncation": {"max_length": 1, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3, "Ġ": 4, "<": 6, "s": 7, ">": 8},
                "merges": [["a", "b"]], "ignore_merges": true},
        })
    }

    fn read(file: &Value, options: &TokenOptions) -> Result<Tokenizer> {
        Tokenizer::from_hugging_face(&file.to_string(), options)
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        tokenizer.encode(text).unwrap().iter().map(|id| id.0).collect()
    }

    #[test]
    fn special_tokens_are_out_of_reach_and_the_others_keep_their_numbers() {
        let tokenizer = read(&file(), &TokenOptions::default()).unwrap();
        assert_eq!(ids(&tokenizer, "ab a<tool>b"), [2, 4, 0, 5, 1]);
        assert_eq!(ids(&tokenizer, "<s>"), [6, 7, 8]);
        assert_eq!(tokenizer.control("<s>"), Some(TokenId(3)));
        assert_eq!((tokenizer.bytes(TokenId(3)), tokenizer.bytes(TokenId(5))), (&b""[..], &b"<tool>"[..]));
        assert_eq!((tokenizer.bytes(TokenId(4)), tokenizer.n_vocab()), (&b" "[..], 9));
    }

    #[test]
    fn what_begins_a_text_is_what_the_folder_says() {
        let begin = |add_begin: Option<bool>| {
            let options = TokenOptions { begin: Some("<s>".into()), add_begin, ..TokenOptions::default() };
            read(&file(), &options).unwrap().begin()
        };
        assert_eq!(begin(None), Some(TokenId(3)));
        assert_eq!(begin(Some(true)), Some(TokenId(3)));
        assert_eq!(begin(Some(false)), None);
    }

    #[test]
    fn what_ends_an_answer_comes_from_the_folder() {
        let options =
            TokenOptions { end: vec![TokenId(7)], end_name: Some("<s>".into()), ..TokenOptions::default() };
        let tokenizer = read(&file(), &options).unwrap();
        assert!(
            tokenizer.is_end(TokenId(7)) && tokenizer.is_end(TokenId(3)) && !tokenizer.is_end(TokenId(0))
        );
    }

    #[test]
    fn damaged_files_are_refused() {
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut file = file();
            change(&mut file);
            read(&file, &TokenOptions::default()).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused(&|_| ()), "");
        assert!(refused(&|file| file["model"]["type"] = json!("Unigram")).contains("\"Unigram\""));
        assert!(refused(&|file| file["model"]["vocab"] = json!([])).contains("no vocabulary"));
        assert!(refused(&|file| file["model"]["vocab"]["a"] = json!(1_u64 << 60)).contains("\"a\""));
        assert!(refused(&|file| file["model"]["merges"] = json!([["a", "z"]])).contains('z'));
        assert!(refused(&|file| file["added_tokens"][0]["id"] = json!(-1)).contains("no added token"));
        assert!(refused(&|file| file["pre_tokenizer"] = json!({"type": "None"})).contains("describe"));
        assert!(refused(&|file| *file = json!([])).contains("no model"));
        let error = Tokenizer::from_hugging_face("{", &TokenOptions::default()).err().unwrap();
        assert!(error.to_string().contains("not JSON"), "{error}");
    }
}
