//! How byte-level vocabularies cut a text before anything is joined: `tokenizer.ggml.pre` of GGUF files.
//! Reference: llama.cpp `src/llama-vocab.cpp` (`llm_tokenizer_bpe`), and the tokenizers of the families in
//! transformers. Golden: `tests/golden/splitters.json`.

use tokenizers::normalizers::{NFC, NormalizerWrapper};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::normalizer::SplitDelimiterBehavior;

use crate::error::{Error, Result};

/// Contractions, words with what stands before them, digits one to three at a time.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The same with single digits.
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// llama.cpp's for files that name no other: each cuts what those before it left.
const DEFAULT: [&str; 4] = [
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
    r"\p{N}+",
    r"[0-9][0-9][0-9]",
];

/// What happens to a text before its bytes are joined.
pub(super) struct Splitter {
    pub(super) normalizer: Option<NormalizerWrapper>,
    pub(super) pre: PreTokenizerWrapper,
    /// A part that is in the vocabulary is taken as it is, whatever the merges make of it.
    pub(super) ignore_merges: bool,
}

/// The splitter of this name.
///
/// # Errors
/// [`Error::Tokenizer`] for one that is not known.
pub(super) fn named(name: &str) -> Result<Splitter> {
    let gpt_2 = ByteLevel::new(false, true, true);
    let plain = |pre: PreTokenizerWrapper| Splitter { normalizer: None, pre, ignore_merges: false };
    Ok(match name {
        "gpt-2" => plain(gpt_2.into()),
        // Single digits are split off before the GPT-2 pattern.
        "smollm" => plain(Sequence::new(vec![Digits::new(true).into(), gpt_2.into()]).into()),
        "default" => plain(cut(&DEFAULT)?),
        "qwen2" => Splitter { normalizer: Some(NFC.into()), ..plain(cut(&[QWEN_2])?) },
        "llama-bpe" | "llama3" | "llama-v3" => Splitter { ignore_merges: true, ..plain(cut(&[LLAMA_3])?) },
        other => {
            return Err(Error::Tokenizer {
                reason: format!(
                    "the text splitter {other:?} is not supported yet; these are: default, gpt-2, llama-bpe, qwen2, smollm"
                ),
            });
        }
    })
}

/// Cuts by patterns, one after the other, into matches and what lies between them.
fn cut(patterns: &[&str]) -> Result<PreTokenizerWrapper> {
    let mut steps: Vec<PreTokenizerWrapper> = Vec::with_capacity(patterns.len() + 1);
    for pattern in patterns {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
        steps.push(split.map_err(|e| Error::Tokenizer { reason: e.to_string() })?.into());
    }
    steps.push(ByteLevel::new(false, true, false).into());
    Ok(Sequence::new(steps).into())
}
