//! How well and how fast a decoder does: perplexity of a text, tokens per second; how fast an encoder is.

mod encoder;

mod writing;

use std::time::Instant;

use serde::Serialize;

use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, Input, log_probability};
use crate::error::{Error, Result};
use crate::features::text::TokenId;
use crate::generate::PREFILL_CHUNK;
use crate::model::LanguageModel;
pub use encoder::{Agreement, EncoderTrial};
pub use writing::{Quoting, SideBySide, quote, side_by_side};

/// Tokens per window of [`perplexity`], as in llama.cpp's tool of that name.
pub const WINDOW: usize = 512;

/// How surprised a model was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Perplexity {
    /// `exp` of the mean negative log-probability per token.
    pub perplexity: f64,
    /// Tokens that were scored.
    pub tokens: usize,
}

/// Perplexity of `text`: windows of [`WINDOW`] tokens, each read from an empty state and scored on
/// its second half, as llama.cpp does, with keys and values kept as `cache` says. `progress` hears windows done and windows in all. `None` when
/// cancelled.
///
/// # Errors
/// [`Error::Request`] when the text fills no window; as [`Decoder::score`](crate::decoder::Decoder::score).
pub fn perplexity(
    model: &LanguageModel,
    text: &str,
    cache: CacheFormat,
    cancel: &Cancel,
    mut progress: impl FnMut(usize, usize),
) -> Result<Option<Perplexity>> {
    let tokens = model.encode(text)?;
    let windows = tokens.chunks_exact(WINDOW);
    let n_windows = windows.len();
    if n_windows == 0 {
        let reason = format!("the text has {} tokens; perplexity needs at least {WINDOW}", tokens.len());
        return Err(Error::Request { reason });
    }
    let mut state = model.decoder().new_state(cache)?;
    let (mut sum, mut n) = (0.0, 0);
    for (i, window) in windows.enumerate() {
        progress(i, n_windows);
        let mut ids: Vec<u32> = window.iter().map(|token| token.0).collect();
        if let Some(TokenId(begin)) = model.tokenizer().begin() {
            ids[0] = begin;
        }
        state.truncate(0);
        let Some(scores) =
            model.decoder().score(&ids, WINDOW / 2 + 1, &mut state, cancel, log_probability)?
        else {
            return Ok(None);
        };
        sum += scores.iter().sum::<f64>();
        n += scores.len();
    }
    progress(n_windows, n_windows);
    Ok(Some(Perplexity { perplexity: (-sum / n as f64).exp(), tokens: n }))
}

/// What [`speed`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedOptions {
    /// Prompt tokens; 0 measures no prefill.
    pub prompt: usize,
    /// Tokens to write; 0 measures no decoding.
    pub generate: usize,
    /// Tokens that the conversation holds before.
    pub depth: usize,
}

impl Default for SpeedOptions {
    fn default() -> Self {
        Self { prompt: 512, generate: 64, depth: 0 }
    }
}

/// Which part of an answer was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Reading a prompt.
    Prefill,
    /// Writing, token by token.
    Decode,
}

/// A measured rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// The part.
    pub phase: Phase,
    /// Tokens in the conversation before.
    pub depth: usize,
    /// Tokens of the part.
    pub tokens: usize,
    /// The rate.
    pub tokens_per_s: f64,
}

/// Measures prefill and decoding, each once after `depth` made-up tokens; a few tokens warm up
/// first. Stops early, with what it has, when cancelled.
///
/// # Errors
/// [`Error::Request`] when the tokens do not fit the model's context; as
/// [`Decoder::forward`](crate::decoder::Decoder::forward).
pub fn speed(model: &LanguageModel, options: SpeedOptions, cancel: &Cancel) -> Result<Vec<Speed>> {
    let SpeedOptions { prompt, generate, depth } = options;
    let (needed, context) = (depth + prompt.max(generate), model.context_tokens());
    if needed > context {
        let reason = format!("{needed} tokens do not fit: the model holds {context}");
        return Err(Error::Request { reason });
    }
    let n_vocab = model.tokenizer().n_vocab() as u64;
    // Any tokens do; these differ, so that no row of the table stays in a near cache.
    let tokens: Vec<u32> = (0..needed as u64).map(|i| (i * 7919 % n_vocab) as u32).collect();
    let decoder = model.decoder();
    let mut state = decoder.new_state(CacheFormat::default())?;
    let mut measured = Vec::new();
    for warm_up in [&tokens[..needed.min(64)], &tokens[..needed.min(1)]] {
        if !warm_up.is_empty() {
            decoder.forward(&Input::from(warm_up), &mut state, cancel)?;
        }
    }
    for (phase, n, chunk) in [(Phase::Prefill, prompt, PREFILL_CHUNK), (Phase::Decode, generate, 1)] {
        if n == 0 {
            continue;
        }
        state.truncate(0);
        for chunk in tokens[..depth].chunks(PREFILL_CHUNK) {
            decoder.read(&Input::from(chunk), &mut state, cancel)?;
        }
        let since = Instant::now();
        let mut read = 0;
        for chunk in tokens[depth..depth + n].chunks(chunk) {
            let input = Input::from(chunk);
            read += chunk.len();
            // Of a prompt only the end needs logits.
            if phase == Phase::Decode || read == n {
                decoder.forward(&input, &mut state, cancel)?;
            } else {
                decoder.read(&input, &mut state, cancel)?;
            }
        }
        if cancel.is_cancelled() {
            break;
        }
        let tokens_per_s = n as f64 / since.elapsed().as_secs_f64();
        measured.push(Speed { phase, depth, tokens: n, tokens_per_s });
    }
    Ok(measured)
}
