//! What is asked of a decoder: to read after a state, and the logits or scores of what was read.

use super::input::{Input, Soft};
use super::model::{Decoder, Logits, Turn, Wanted};
use super::state::DecodeState;
use crate::cancel::Cancel;
use crate::error::{Doing, Error, Result};
use crate::threads;

impl Decoder {
    /// Reads `input` (at least one position) and returns the logits after the last, `[n_vocab]`;
    /// `None` when cancelled, with the state as it was before.
    ///
    /// # Errors
    /// [`Error::Request`] for no tokens or more than the context holds; [`Error::Compute`].
    pub fn forward(&self, input: &Input, state: &mut DecodeState, cancel: &Cancel) -> Result<Option<Logits>> {
        Ok(self.forward_batch(&mut [(input, state)], cancel)?.map(|mut rows| rows.swap_remove(0)))
    }

    /// Reads several inputs, each after its own state, and returns the logits after the last position of each:
    /// the weights are read once for all.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn forward_batch(
        &self,
        batch: &mut [(&Input, &mut DecodeState)],
        cancel: &Cancel,
    ) -> Result<Option<Vec<Logits>>> {
        let mut turns = Vec::with_capacity(batch.len());
        for (input, state) in batch {
            self.check(input, state.pos)?;
            turns.push(Turn { input, state });
        }
        threads::run(|| {
            let Some(x) = self.run(&mut turns, Wanted::Last, cancel)? else { return Ok(None) };
            self.logits(&x)?.each().doing("reading logits").map(Some)
        })
    }

    /// Reads `input` for what follows it; `false` when cancelled, with the state as it was before.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn read(&self, input: &Input, state: &mut DecodeState, cancel: &Cancel) -> Result<bool> {
        self.check(input, state.pos)?;
        threads::run(|| {
            let read = self.run(&mut [Turn { input, state }], Wanted::Nothing, cancel)?.is_some();
            // Nothing is taken from a GPU, so it may not have begun.
            self.device.synchronize().doing("running the decoder")?;
            Ok(read)
        })
    }

    /// Reads `input` and returns the logits after each position, `[n][n_vocab]`; `None` when cancelled, with the state
    /// as it was before. A long text takes much memory. Up to [`Decoder::rows_alike`] positions get the logits
    /// that they would get one by one.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn forward_all(
        &self,
        input: &Input,
        state: &mut DecodeState,
        cancel: &Cancel,
    ) -> Result<Option<Vec<Logits>>> {
        self.check(input, state.pos)?;
        threads::run(|| {
            let turn = Turn { input, state };
            let Some(x) = self.run(&mut [turn], Wanted::All, cancel)? else { return Ok(None) };
            self.logits(&x)?.each().doing("reading logits").map(Some)
        })
    }

    /// Reads tokens and calls `each` with every one of `tokens[first..]` and the logits before it; `None` when
    /// cancelled. `first` is at least 1.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn score<T>(
        &self,
        tokens: &[u32],
        first: usize,
        state: &mut DecodeState,
        cancel: &Cancel,
        mut each: impl FnMut(&[f32], u32) -> T + Send,
    ) -> Result<Option<Vec<T>>>
    where
        T: Send,
    {
        /// Rows of logits at a time: a whole window's would take a hundred megabytes.
        const ROWS: usize = 32;
        let input = Input::from(tokens);
        self.check(&input, state.pos)?;
        threads::run(|| {
            let turn = Turn { input: &input, state };
            let Some(x) = self.run(&mut [turn], Wanted::All, cancel)? else { return Ok(None) };
            let mut scores = Vec::with_capacity(tokens.len().saturating_sub(first));
            for start in (first.max(1)..tokens.len()).step_by(ROWS) {
                if cancel.is_cancelled() {
                    return Ok(None);
                }
                let next = &tokens[start..(start + ROWS).min(tokens.len())];
                let rows: Vec<u32> = (start - 1..start - 1 + next.len()).map(|row| row as u32).collect();
                let rows = self.logits(&x.select(&rows).doing("computing logits")?)?;
                let rows = rows.each().doing("reading logits")?;
                scores.extend(rows.iter().zip(next).map(|(row, next)| each(row, *next)));
            }
            Ok(Some(scores))
        })
    }

    /// Whether `input` can follow so many tokens.
    pub(super) fn check(&self, input: &Input, held: usize) -> Result<()> {
        let context = self.config.context_tokens;
        let width = |soft: &Soft| soft.embeddings.dims2().is_ok_and(|(_, d)| d == self.config.d_model);
        let is_token = |(i, id): (usize, &u32)| {
            (*id as usize) < self.config.n_vocab || input.soft.iter().any(|soft| soft.range().contains(&i))
        };
        let reason = if input.is_empty() {
            "there are no tokens to read".to_owned()
        } else if held + input.len() > context {
            format!("{} tokens after {held} do not fit: the model holds {context}", input.len())
        } else if let Some((_, id)) = input.ids.iter().enumerate().find(|token| !is_token(*token)) {
            format!("token {id} is not in the vocabulary of {}", self.config.n_vocab)
        } else if !input.soft.iter().all(width) {
            format!("embeddings of media are not as wide as the decoder's {}", self.config.d_model)
        } else {
            return Ok(());
        };
        Err(Error::Request { reason })
    }
}

/// Log-probability of one entry; summed in f64, since the vocabulary is large.
pub fn log_probability(logits: &[f32], token: u32) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).sum();
    f64::from(logits[token as usize]) - largest - sum.ln()
}
