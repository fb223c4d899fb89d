//! How well and how fast a decoder does: perplexity of a text, tokens per second; how fast an encoder is.

mod encoder;

mod writing;

use std::time::Instant;

use serde::Serialize;

use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, DecodeState, Input, log_probability};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeedOptions {
    /// Prompt tokens; 0 measures no prefill.
    pub prompt: usize,
    /// Tokens to write; 0 measures no decoding.
    pub generate: usize,
    /// Tokens that the conversation holds before, each measured in turn.
    pub depths: Vec<usize>,
    /// How often each is measured.
    pub runs: usize,
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

/// Measured rates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Speed {
    /// The part.
    pub phase: Phase,
    /// Tokens in the conversation before.
    pub depth: usize,
    /// Tokens of the part.
    pub tokens: usize,
    /// Tokens per second of each run.
    pub rates: Vec<f64>,
}

/// Measures prefill and decoding after so many made-up tokens, in one conversation that goes from the least depth to the
/// greatest; a few tokens warm up first. Stops early, with what it has, when cancelled.
///
/// # Errors
/// [`Error::Request`] when the tokens do not fit the model's context; as
/// [`Decoder::forward`](crate::decoder::Decoder::forward).
pub fn speed(model: &LanguageModel, options: &SpeedOptions, cancel: &Cancel) -> Result<Vec<Speed>> {
    let mut depths = options.depths.clone();
    depths.sort_unstable();
    let needed = depths.last().unwrap_or(&0) + options.prompt.max(options.generate);
    let context = model.context_tokens();
    if needed > context {
        let reason = format!("{needed} tokens do not fit: the model holds {context}");
        return Err(Error::Request { reason });
    }
    let n_vocab = model.tokenizer().n_vocab() as u64;
    // Any tokens do; these differ, so that no row of the table stays in a near cache.
    let tokens: Vec<u32> = (0..needed as u64).map(|i| (i * 7919 % n_vocab) as u32).collect();
    let decoder = model.decoder();
    let mut state = decoder.new_state(CacheFormat::default())?;
    state.reserve(needed);
    for warm_up in [&tokens[..needed.min(64)], &tokens[..needed.min(1)]] {
        if !warm_up.is_empty() {
            decoder.forward(&Input::from(warm_up), &mut state, cancel)?;
        }
    }
    state.truncate(0);
    let mut measured = Vec::new();
    for depth in depths {
        for chunk in tokens[state.pos()..depth].chunks(PREFILL_CHUNK) {
            decoder.read(&Input::from(chunk), &mut state, cancel)?;
        }
        state.mark();
        for (phase, n, chunk) in
            [(Phase::Prefill, options.prompt, PREFILL_CHUNK), (Phase::Decode, options.generate, 1)]
        {
            let mut rates = Vec::new();
            for _ in 0..if n == 0 { 0 } else { options.runs } {
                let since = Instant::now();
                follow(model, &tokens[depth..depth + n], chunk, &mut state, cancel)?;
                rates.push(n as f64 / since.elapsed().as_secs_f64());
                state.truncate(depth);
            }
            if cancel.is_cancelled() {
                return Ok(measured);
            }
            if !rates.is_empty() {
                measured.push(Speed { phase, depth, tokens: n, rates });
            }
        }
    }
    Ok(measured)
}

/// Reads tokens, so many in a step; logits are computed where an answer needs them: after the last one of a prompt, and
/// after each one that is written.
fn follow(
    model: &LanguageModel,
    tokens: &[u32],
    chunk: usize,
    state: &mut DecodeState,
    cancel: &Cancel,
) -> Result<()> {
    let mut chunks = tokens.chunks(chunk).peekable();
    while let Some(tokens) = chunks.next() {
        match chunk == 1 || chunks.peek().is_none() {
            true => drop(model.decoder().forward(&Input::from(tokens), state, cancel)?),
            false => drop(model.decoder().read(&Input::from(tokens), state, cancel)?),
        }
    }
    Ok(())
}
