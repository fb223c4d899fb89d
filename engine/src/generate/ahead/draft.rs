//! Guesses by a smaller model with the same vocabulary (Leviathan et al., "Fast Inference from Transformers via
//! Speculative Decoding", 2023); it always proposes its likeliest token, so that a guess is right or wrong.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, DecodeState, Input, Logits};
use crate::error::Result;
use crate::generate::PREFILL_CHUNK;
use crate::model::LanguageModel;
use crate::sampler::argmax;

/// How often its guesses are right, until that was seen.
pub(super) const FIRST_CHANCE: f64 = 0.7;

/// What it takes to write a token, as a share of what the model itself takes, until that was seen.
pub(super) const FIRST_COST: f64 = 0.3;

/// The smaller model with its own memory of the conversation.
pub(super) struct Draft {
    model: Arc<LanguageModel>,
    state: Option<DecodeState>,
    /// What the state holds.
    read: Vec<u32>,
}

impl Draft {
    pub(super) fn new(model: Arc<LanguageModel>) -> Self {
        Self { model, state: None, read: Vec::new() }
    }

    /// Whether it has read nearly all of a conversation of `n` tokens, so that a guess takes what it mostly takes.
    pub(super) fn is_near(&self, n: usize) -> bool {
        self.read.len() + 2 * super::MOST_ROWS > n
    }

    /// Up to `n` tokens that it would write after those `before` and `token`; none where these do not fit its context or
    /// it was cancelled.
    ///
    /// # Errors
    /// As [`Decoder::forward`](crate::decoder::Decoder::forward).
    pub(super) fn guess(
        &mut self,
        before: &[u32],
        token: u32,
        n: usize,
        cancel: &Cancel,
    ) -> Result<Vec<u32>> {
        let decoder = self.model.decoder();
        if before.len() + 1 + n > decoder.config().context_tokens {
            return Ok(Vec::new());
        }
        let state = match &mut self.state {
            Some(state) => state,
            None => self.state.insert(decoder.new_state(CacheFormat::default())?),
        };
        // The last token is read anew, whatever was read there: its logits are needed.
        let shared = self.read.iter().zip(before).take_while(|(a, b)| a == b).count();
        let known = state.truncate(shared);
        self.read.truncate(known);
        let mut guesses: Vec<u32> = Vec::with_capacity(n);
        let mut next: Vec<u32> = before[known..].to_vec();
        next.push(token);
        while guesses.len() < n {
            let end = next.len().min(PREFILL_CHUNK);
            let (chunk, rest) = next.split_at(end);
            let input = Input::from(chunk);
            let logits = if rest.is_empty() {
                decoder.forward(&input, state, cancel)?
            } else {
                decoder.read(&input, state, cancel)?.then(Logits::default)
            };
            let Some(logits) = logits else { return Ok(Vec::new()) };
            self.read.extend_from_slice(chunk);
            next = rest.to_vec();
            if next.is_empty() {
                let guess = argmax(&logits).0;
                guesses.push(guess);
                next.push(guess);
            }
        }
        Ok(guesses)
    }
}
