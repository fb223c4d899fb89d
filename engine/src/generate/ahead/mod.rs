//! Tokens that are guessed and read together with the last one, before they are chosen.
//!
//! A step that reads eight tokens takes little more than twice as long as one that reads one. Each row of its logits
//! is kept until it is known that the guess before it was right: then the sampler gets it, as if the token had just
//! been read, so that what is written is the same whatever was guessed, for every way of sampling. At the first wrong
//! guess the rest is forgotten.

mod draft;

mod lookup;

mod policy;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::options::Speculation;
use super::{Conversation, LanguageModel};
use crate::cancel::Cancel;
use crate::decoder::{Decoder, Input, Logits};
use crate::error::Result;
use crate::features::text::TokenId;
use draft::Draft;
use lookup::Lookup;
use policy::{Chances, Costs, best};

/// Most rows of a step: kernels take eight rows at once.
const MOST_ROWS: usize = 8;

/// Share of the way back to [`draft::FIRST_CHANCE`] for each token without a draft: a model that guessed badly is asked
/// again some time.
const FORGET: f64 = 0.01;

/// Who guessed.
#[derive(Clone, Copy, PartialEq)]
enum Guesser {
    Lookup,
    Draft,
}

/// Reads what was written, and ahead of it.
pub(super) struct Ahead {
    /// None where nothing is guessed.
    lookup: Option<Lookup>,
    draft: Option<Draft>,
    chances: Chances,
    /// That a guess of the draft model is right.
    draft_chance: f64,
    costs: Costs,
    /// Seconds that the draft model takes for a token; 0 until it was seen.
    draft_seconds: f64,
    /// Tokens that were read ahead, each with the logits after it.
    rows: VecDeque<(u32, Logits)>,
    guesser: Guesser,
    drafted: usize,
    accepted: usize,
}

impl Ahead {
    /// Nothing is guessed where only one row at a time is read with the same results.
    pub(super) fn new(speculation: Speculation, rows_alike: usize) -> Self {
        let most_rows = MOST_ROWS.min(rows_alike);
        Self {
            lookup: (speculation == Speculation::On && most_rows > 1).then(Lookup::default),
            draft: None,
            chances: Chances::default(),
            draft_chance: draft::FIRST_CHANCE,
            costs: Costs::new(most_rows),
            draft_seconds: 0.0,
            rows: VecDeque::new(),
            guesser: Guesser::Lookup,
            drafted: 0,
            accepted: 0,
        }
    }

    /// Another model guesses too; it has the same vocabulary.
    pub(super) fn use_draft(&mut self, model: Arc<LanguageModel>) {
        self.draft = self.lookup.is_some().then(|| Draft::new(model));
    }

    /// Tokens that were guessed and read.
    pub(super) fn drafted(&self) -> usize {
        self.drafted
    }

    /// Guesses that were chosen.
    pub(super) fn accepted(&self) -> usize {
        self.accepted
    }

    /// Takes note of text that is not in the prompt; before that is noted, which counts more.
    pub(super) fn know(&mut self, text: &[TokenId]) {
        if let Some(lookup) = &mut self.lookup {
            lookup.extend(text.iter().map(|token| token.0));
        }
    }

    /// Takes note of a prompt.
    pub(super) fn begin(&mut self, prompt: &Input) {
        if let Some(lookup) = &mut self.lookup {
            lookup.extend(prompt.ids.iter().copied());
        }
    }

    /// Reads `token`, the last of the answer, and returns the logits after it; `None` when cancelled. `left` tokens can
    /// still be written.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub(super) fn read(
        &mut self,
        token: u32,
        left: usize,
        decoder: &Decoder,
        conversation: &mut Conversation,
        cancel: &Cancel,
    ) -> Result<Option<Logits>> {
        if let Some((matched, is_right)) = self.lookup.as_mut().and_then(|lookup| lookup.push(token)) {
            self.chances.learn(matched, is_right);
        }
        if let Some((guess, logits)) = self.rows.pop_front() {
            self.judge(guess == token);
            if guess == token {
                conversation.input.push_tokens([token]);
                return Ok(Some(logits));
            }
        }
        self.settle(conversation);
        let guesses = self.guess(token, left, decoder, conversation, cancel)?;
        let since = Instant::now();
        let mut input = Input::from([token].as_slice());
        input.push_tokens(guesses.iter().copied());
        let Some(rows) = decoder.forward_all(&input, &mut conversation.state, cancel)? else {
            return Ok(None);
        };
        self.costs.learn(input.len(), since.elapsed().as_secs_f64());
        conversation.input.push_tokens([token]);
        self.drafted += guesses.len();
        let mut rows = rows.into_iter();
        let logits = rows.next();
        self.rows.extend(guesses.into_iter().zip(rows));
        Ok(logits)
    }

    /// Forgets what was read ahead: the state then holds what the conversation does.
    pub(super) fn settle(&mut self, conversation: &mut Conversation) {
        self.rows.clear();
        conversation.state.truncate(conversation.input.len());
    }

    fn judge(&mut self, is_right: bool) {
        self.accepted += usize::from(is_right);
        if self.guesser == Guesser::Draft {
            self.draft_chance += policy::NEW * (f64::from(u8::from(is_right)) - self.draft_chance);
        }
    }

    /// What may come after `token`, which comes after the conversation.
    fn guess(
        &mut self,
        token: u32,
        left: usize,
        decoder: &Decoder,
        conversation: &Conversation,
        cancel: &Cancel,
    ) -> Result<Vec<u32>> {
        let Some(lookup) = &self.lookup else { return Ok(Vec::new()) };
        let read = conversation.input.len() + 1;
        // The last token of an answer is not read.
        let room = left.saturating_sub(1).min(decoder.config().context_tokens.saturating_sub(read));
        let most = room.min(self.costs.most_rows() - 1);
        let step = |n: usize| self.costs.of(n + 1);
        let looked = match lookup.matched() {
            Some(matched) => best(most, |i| self.chances.of(matched + i), step),
            None => (0, 1.0 / step(0)),
        };
        let Some(draft) = &mut self.draft else { return Ok(lookup.guess(looked.0)) };
        let write = if self.draft_seconds > 0.0 { self.draft_seconds } else { draft::FIRST_COST * step(0) };
        let drafted = best(most, |_| self.draft_chance, |n| step(n) + n as f64 * write);
        if drafted.0 == 0 || looked.0 > 0 && looked.1 >= drafted.1 {
            self.draft_chance += FORGET * (draft::FIRST_CHANCE - self.draft_chance);
            self.guesser = Guesser::Lookup;
            return Ok(lookup.guess(looked.0));
        }
        let is_near = draft.is_near(read);
        let since = Instant::now();
        let guesses = draft.guess(&conversation.input.ids, token, drafted.0, cancel)?;
        // Reading a prompt is done once.
        if is_near && !guesses.is_empty() {
            let seconds = since.elapsed().as_secs_f64() / guesses.len() as f64;
            self.draft_seconds +=
                if self.draft_seconds > 0.0 { 0.25 * (seconds - self.draft_seconds) } else { seconds };
        }
        self.guesser = Guesser::Draft;
        Ok(guesses)
    }
}

#[cfg(test)]
mod tests;
