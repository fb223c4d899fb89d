//! Sentences → vectors: what means the same points the same way, whatever the words.
//!
//! MiniLM (Wang et al., 2020) as fine-tuned for sentence similarity by sentence-transformers
//! (`all-MiniLM-L6-v2`): BERT, the mean over the tokens, length 1. Golden: `tests/golden/minilm.json`.

mod bert;

use std::path::Path;

use candle_core::Device;
use tokenizers::Tokenizer;

pub use bert::{Bert, BertConfig};

use crate::cancel::Cancel;
use crate::error::{Doing, Error, Result};
use crate::models::Store;
use crate::weights::{Purpose, Weights, names, read_text};

/// Tokens of a sentence that are looked at, as the checkpoint was tuned with; the rest is cut off.
const MAX_TOKENS: usize = 256;

/// Most tokens, padding included, of one batch: keeps memory small and Stop quick.
const BATCH_TOKENS: usize = 1024;

/// A vector of length 1; the dot product of two is their similarity, −1 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning(pub Vec<f32>);

impl Meaning {
    /// Cosine of the angle between both.
    pub fn similarity(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

/// A text, and the heading that it stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Headed<'a> {
    /// Empty where there is none.
    pub heading: &'a str,
    /// The text.
    pub text: &'a str,
}

impl<'a> Headed<'a> {
    /// A heading that the text begins with is left out: it is said once.
    pub fn new(heading: &'a str, text: &'a str) -> Self {
        Self { heading: if text.starts_with(heading) { "" } else { heading }, text }
    }
}

/// The encoder that a `config.json` describes, with all its weights.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`], [`Error::Config`], and as [`Weights::get`].
pub(crate) fn load_bert(config: &Path, weights: &Weights) -> Result<Bert> {
    let parsed: BertConfig = serde_json::from_str(&read_text(config)?).map_err(|error| {
        let reason = format!("not a configuration: {error}");
        Error::ModelFile { path: config.to_path_buf(), reason }
    })?;
    let bert = Bert::new(&parsed, weights)?;
    // The head for next-sentence prediction and the list 0, 1, 2, … are no part of the encoder.
    weights.expect_all_used(|name| name.starts_with("pooler.") || name.ends_with(".position_ids"))?;
    Ok(bert)
}

/// Turns sentences into vectors; read-only, one for all requests.
pub struct SentenceEncoder {
    bert: Bert,
    tokenizer: Tokenizer,
}

impl SentenceEncoder {
    /// Loads `minilm-l6`.
    ///
    /// # Errors
    /// [`Error::ModelMissing`], [`Error::ModelFile`].
    pub fn load(store: &Store) -> Result<Self> {
        Self::of_store(store, Purpose::Encoder)
    }

    /// Loads `minilm-l6` with its weights rounded to eight bits: several times as fast, cosines differ by about 0.01.
    ///
    /// # Errors
    /// [`Error::ModelMissing`], [`Error::ModelFile`].
    pub fn load_rounded(store: &Store) -> Result<Self> {
        Self::of_store(store, Purpose::RoundedEncoder)
    }

    fn of_store(store: &Store, purpose: Purpose) -> Result<Self> {
        let file = |role| store.file("minilm-l6", role);
        Self::from_paths_for(&file("model")?, &file("tokenizer")?, &file("config")?, purpose)
    }

    /// Loads from files: safetensors, `tokenizer.json`, `config.json`.
    ///
    /// # Errors
    /// When a file is missing, damaged, or holds something else.
    pub fn from_paths(model: &Path, tokenizer_path: &Path, config: &Path) -> Result<Self> {
        Self::from_paths_for(model, tokenizer_path, config, Purpose::Encoder)
    }

    fn from_paths_for(model: &Path, tokenizer_path: &Path, config: &Path, purpose: Purpose) -> Result<Self> {
        let bad = |path: &Path, reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let weights =
            Weights::from_safetensors(model, &Device::Cpu, names::bert_transformers)?.meant_for(purpose);
        let bert = load_bert(config, &weights)?;
        let mut tokenizer = Tokenizer::from_file(tokenizer_path)
            .map_err(|e| bad(tokenizer_path, format!("not a tokenizer: {e}")))?;
        if tokenizer.get_vocab_size(true) > bert.config().n_vocab {
            return Err(bad(tokenizer_path, format!("it belongs to another model than {}", model.display())));
        }
        // Batches are padded and cut here, to their own length.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| bad(tokenizer_path, e.to_string()))?;
        Ok(Self { bert, tokenizer })
    }

    /// One vector per sentence, in their order; `None` when cancelled.
    ///
    /// # Errors
    /// [`Error::Tokenizer`], [`Error::Compute`].
    pub fn embed(&self, sentences: &[&str], cancel: &Cancel) -> Result<Option<Vec<Meaning>>> {
        let texts: Vec<Headed<'_>> = sentences.iter().map(|text| Headed { heading: "", text }).collect();
        self.embed_headed(&texts, cancel)
    }

    /// One vector per text, in their order; `None` when cancelled. The encoder reads the heading as well, but the vector
    /// is the mean over the text's own tokens (late pooling; Günther et al., Late Chunking, 2024): a heading tells what
    /// the text is about, and does not hide a fact that is about something else.
    ///
    /// # Errors
    /// [`Error::Tokenizer`], [`Error::Compute`].
    pub fn embed_headed(&self, texts: &[Headed<'_>], cancel: &Cancel) -> Result<Option<Vec<Meaning>>> {
        let longest = MAX_TOKENS.min(self.bert.config().n_positions);
        let mut ids = Vec::with_capacity(texts.len());
        // The first token of each that counts.
        let mut first = Vec::with_capacity(texts.len());
        for Headed { heading, text } in texts {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            let (mut tokens, mut start) = (Vec::new(), 0);
            if !heading.is_empty() {
                tokens = self.tokens(&format!("{heading}:"), longest / 4)?;
                // The end of a sentence follows the text alone.
                tokens.pop();
                start = tokens.len();
            }
            let of_text = self.tokens(text, longest - start)?;
            // The beginning stands before the heading.
            tokens.extend_from_slice(&of_text[usize::from(start > 0).min(of_text.len())..]);
            ids.push(tokens);
            first.push(start);
        }
        // Sentences of like length share a batch, so that little is padded.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&i| ids[i].len());
        let mut meanings = vec![Meaning(Vec::new()); ids.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let n = (1..=rest.len())
                .take_while(|&n| n == 1 || n * ids[rest[n - 1]].len() <= BATCH_TOKENS)
                .last()
                .unwrap_or(1);
            let (batch, later) = rest.split_at(n);
            let tokens: Vec<&[u32]> = batch.iter().map(|&i| ids[i].as_slice()).collect();
            let Some(vectors) = self.bert.forward(&tokens, cancel)? else { return Ok(None) };
            let vectors = vectors.to_vec3::<f32>().doing("reading embeddings")?;
            for (&i, vectors) in batch.iter().zip(vectors) {
                meanings[i] = mean(&vectors[first[i]..ids[i].len()]);
            }
            rest = later;
        }
        Ok(Some(meanings))
    }

    /// The tokens of a text between those of beginning and end, at most `most` of them.
    fn tokens(&self, text: &str, most: usize) -> Result<Vec<u32>> {
        // A word has at most a few tokens: no need to split a whole book for its first 256.
        let head: String = text.chars().take(most * 16).collect();
        let encoding =
            self.tokenizer.encode_fast(head, true).map_err(|e| Error::Tokenizer { reason: e.to_string() })?;
        let mut tokens = encoding.get_ids().to_vec();
        if tokens.len() > most {
            let end = tokens.pop();
            tokens.truncate(most.saturating_sub(1));
            tokens.extend(end);
        }
        Ok(tokens)
    }
}

/// The mean of the vectors, scaled to length 1.
fn mean(vectors: &[Vec<f32>]) -> Meaning {
    let mut sum = vec![0f32; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    sum.iter_mut().for_each(|x| *x /= length);
    Meaning(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_length_one() {
        let Meaning(vector) = mean(&[vec![3.0, 0.0], vec![0.0, 3.0]]);
        assert!((vector[0] - 0.5f32.sqrt()).abs() < 1e-6 && vector[0] == vector[1]);
        let similar = Meaning(vec![0.6, 0.8]).similarity(&Meaning(vec![0.8, 0.6]));
        assert!((similar - 0.96).abs() < 1e-6, "{similar}");
    }

    #[test]
    fn a_heading_is_said_once() {
        let heading = |heading, text| Headed::new(heading, text).heading;
        assert_eq!(heading("Warranty", "Warranty\nIt lasts."), "");
        assert_eq!(heading("Above", "It lasts."), "Above");
        assert_eq!(heading("", "It lasts."), "");
    }

    #[test]
    fn sizes_that_no_network_has_are_refused() {
        let good = BertConfig {
            width: 8,
            n_layers: 1,
            n_heads: 2,
            inner: 16,
            n_vocab: 10,
            n_positions: 8,
            n_segments: 2,
            norm_eps: 1e-12,
            activation: "gelu".into(),
        };
        assert!(good.check().is_ok());
        assert!(BertConfig { n_heads: 3, ..good.clone() }.check().is_err());
        assert!(BertConfig { activation: "relu".into(), ..good.clone() }.check().is_err());
        assert!(BertConfig { n_layers: usize::MAX, ..good }.check().is_err());
    }
}
