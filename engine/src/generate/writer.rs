//! What becomes of the logits after a chain of tokens: the next token, its text, and sometimes the end.

use std::sync::Arc;

use super::GenerateOptions;
use super::detokenize::Detokenizer;
use super::event::StopReason;
use super::inside::{Watch, Written};
use super::repeats::{self, Repeats};
use super::stop::StopStrings;
use crate::decoder::Logits;
use crate::features::text::TokenId;
use crate::model::LanguageModel;
use crate::sampler::Sampler;

/// What is told where an answer ended with [`End::Circle`].
pub(super) const CIRCLE: &str = "the model began to repeat itself, so its answer was ended there";

/// Writes one answer.
pub(super) struct Writer {
    model: Arc<LanguageModel>,
    written: Vec<TokenId>,
    /// The token of the vocabulary that ended it; it is not among those written.
    ended_by: Option<TokenId>,
    most: usize,
    sampler: Sampler,
    detokenizer: Detokenizer,
    stop: StopStrings,
    /// None where repeats are wanted.
    repeats: Option<Repeats>,
    /// None where nobody looks on.
    watch: Option<Watch>,
}

/// Why an answer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It went round in a circle, which is to be told.
    Circle,
    Reason(StopReason),
}

impl Writer {
    /// At most `room` tokens fit.
    pub(super) fn new(model: Arc<LanguageModel>, options: &GenerateOptions, room: usize) -> Self {
        Self {
            model,
            written: Vec::new(),
            ended_by: None,
            most: options.max_tokens.min(room),
            sampler: Sampler::new(options),
            detokenizer: Detokenizer::default(),
            stop: StopStrings::new(&options.stop),
            repeats: options.end_repeats.then(Repeats::default),
            watch: options.inside.then(Watch::default),
        }
    }

    /// Its tokens.
    pub(super) fn written(&self) -> &[TokenId] {
        &self.written
    }

    /// What was seen of its tokens, where somebody looks on.
    pub(super) fn take_watched(&mut self) -> Vec<Written> {
        self.watch.take().map(|watch| watch.tokens).unwrap_or_default()
    }

    /// All that was drawn: its tokens, and the one that ended it.
    pub(super) fn drawn(&self) -> impl Iterator<Item = TokenId> {
        self.written.iter().copied().chain(self.ended_by)
    }

    /// How many more it may write.
    pub(super) fn left(&self) -> usize {
        self.most - self.written.len()
    }

    /// Chooses the next token; the text that may be shown now, and whether it was the last.
    ///
    /// # Shapes
    /// - `logits`: `[n_vocab]`
    pub(super) fn write(&mut self, logits: Logits) -> (String, Option<End>) {
        if let Some(watch) = &mut self.watch {
            watch.look(&logits);
        }
        let token = self.sampler.sample(logits, &self.written);
        if self.model.tokenizer().is_end(token) {
            self.ended_by = Some(token);
            if let Some(watch) = &mut self.watch {
                watch.chose(token, "", self.model.tokenizer());
            }
            let (text, end) = self.end(StopReason::Stop);
            return (text, Some(end));
        }
        self.written.push(token);
        let text = self.detokenizer.push(self.model.tokenizer().bytes(token));
        if let Some(watch) = &mut self.watch {
            watch.chose(token, &text, self.model.tokenizer());
        }
        let (text, stopped) = self.stop.push(&text);
        let end = stopped.then_some(End::Reason(StopReason::Stop));
        let Some(repeats) = &mut self.repeats else { return (text, end) };
        let (mut shown, mut circle) = repeats.push(&text);
        if stopped && !circle {
            let (rest, last) = repeats.finish();
            shown.push_str(&rest);
            circle = last;
        }
        circle |= repeats::is_circle(&self.written);
        (shown, if circle { Some(End::Circle) } else { end })
    }

    /// Lets held-back text out.
    pub(super) fn end(&mut self, reason: StopReason) -> (String, End) {
        let rest = self.detokenizer.finish();
        let text = self.stop.push(&rest).0 + &self.stop.finish();
        let Some(repeats) = &mut self.repeats else { return (text, End::Reason(reason)) };
        let (mut shown, mut circle) = repeats.push(&text);
        if !circle {
            let (rest, last) = repeats.finish();
            shown.push_str(&rest);
            circle = last;
        }
        (shown, if circle { End::Circle } else { End::Reason(reason) })
    }
}
