//! The store's part in an answer: what was read of its prompt before, and what is kept of it for later.

use super::PREFILL_CHUNK;
use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, DecodeState, Decoder, Input, Mark};
use crate::error::Result;
use crate::prefix_store::{ModelPrefixes, PrefixKey};

/// Fewer tokens are not worth a file. Even for the smallest models reading a step takes forty times as long as
/// loading it (README, "Measured").
const LEAST_TOKENS: usize = PREFILL_CHUNK;

/// The beginnings of a prompt that can be stored.
pub(super) struct Keeping {
    prefixes: ModelPrefixes,
    format: CacheFormat,
    /// Where steps of reading end, with the keys.
    steps: Vec<(usize, PrefixKey)>,
    media_end: usize,
    reached: Vec<(usize, PrefixKey, Mark)>,
}

impl Keeping {
    /// # Errors
    /// When embeddings of media cannot be had.
    pub(super) fn new(
        prefixes: ModelPrefixes,
        prompt: &Input,
        format: CacheFormat,
        device: &str,
    ) -> Result<Self> {
        let mut ends = Vec::new();
        let mut end = prompt.step_end(0, PREFILL_CHUNK);
        // At least one token is read anew: its logits are needed.
        while end < prompt.len() {
            ends.push(end);
            end = prompt.step_end(end, PREFILL_CHUNK);
        }
        let keys = prefixes.keys(prompt, &ends, format, device)?;
        let steps = ends.into_iter().zip(keys).filter(|(end, _)| *end >= LEAST_TOKENS).collect();
        Ok(Self { prefixes, format, steps, media_end: prompt.media_end(), reached: Vec::new() })
    }

    /// Whether there is anything to store.
    pub(super) fn is_worthwhile(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The state after the longest stored beginning, when that is at least a step more than `known` positions.
    pub(super) fn restore(&self, known: usize, decoder: &Decoder, cancel: &Cancel) -> Option<DecodeState> {
        let longer = self.steps.iter().rev().take_while(|(end, _)| *end >= known + PREFILL_CHUNK);
        longer.filter_map(|(end, key)| self.prefixes.load(key, *end, decoder, self.format, cancel)).next()
    }

    /// Remembers the state where media end and where the last whole step ends: follow-ups come back to the one, the
    /// same question to the other.
    pub(super) fn reach(&mut self, state: &DecodeState) {
        let last = self.steps.last().map(|(end, _)| *end);
        let step = self.steps.iter().find(|(end, _)| *end == state.pos());
        if let Some((end, key)) = step
            && (*end == self.media_end || Some(*end) == last)
            && !self.prefixes.has(key)
        {
            self.reached.push((*end, key.clone(), state.here()));
        }
    }

    /// Stores what was reached; `state` has gone on from there.
    pub(super) fn store(self, state: &DecodeState, decoder: &Decoder, cancel: &Cancel) {
        for (end, key, at) in &self.reached {
            let bytes = decoder.config().cache_bytes(*end, self.format);
            self.prefixes.save(key, state, at, bytes, cancel);
        }
    }
}
