//! 7: the loop over decoder and sampler.
//!
//! [`Generation`] is an iterator: first it reads the prompt chunk by chunk, then every step writes
//! one token. Dropping it stops the work; [`Generation::into_conversation`] hands back what it
//! read and wrote, so that a later prompt with the same beginning need not read it again. [`Chains`] writes several
//! answers to one prompt side by side.

pub mod event;

pub mod inside;

mod options;

mod begin;

mod keeping;

mod ahead;

mod writer;

mod detokenize;

mod stop;

mod repeats;

mod chains;

use std::sync::Arc;
use std::time::Instant;

use crate::cancel::Cancel;
use crate::decoder::{DecodeState, Decoder, Input, Logits, Routing};
use crate::error::{Error, Result};
use crate::features::text::TokenId;
use crate::kernels::buffer;
use crate::model::LanguageModel;
use crate::prefix_store::ModelPrefixes;
use ahead::Ahead;
use begin::{begin, check_memory};
pub(crate) use begin::{free_bytes, largest_context, shrink_cache};
pub use chains::{Chains, ChainsEvent};
use event::{Event, Stage, StopReason, Usage};
use inside::{Experts, Written};
use keeping::Keeping;
pub use options::{GenerateOptions, Speculation};
use writer::{End, Writer};

/// Prompt tokens per step: large enough to unpack the weights rarely, small enough to show progress.
/// Stop answers sooner, between layers.
pub(crate) const PREFILL_CHUNK: usize = 256;

/// Tokens that a decoder has read, with its memory of them.
pub struct Conversation {
    input: Input,
    state: DecodeState,
}

impl Conversation {
    /// Bytes of its keys and values.
    pub(crate) fn bytes(&self, decoder: &Decoder) -> u64 {
        decoder.config().cache_bytes(self.state.pos(), self.state.format())
    }
}

/// An answer that is being written.
pub struct Generation {
    model: Arc<LanguageModel>,
    conversation: Conversation,
    prompt: Input,
    /// Logits after the last token that was read.
    logits: Option<Logits>,
    writer: Writer,
    ahead: Ahead,
    cancel: Cancel,
    started: Instant,
    prefill: Rate,
    decode: Rate,
    first_token_s: f64,
    /// What the experts had done before, until that of this answer is told; none without experts.
    routing: Option<Routing>,
    /// What the experts had done when the prompt was read, where somebody looks on.
    routing_read: Option<Routing>,
    experts: Option<Experts>,
    inside: bool,
    /// Tokens of the prompt that are not read again.
    cached: usize,
    /// What is stored after the answer.
    keeping: Option<Keeping>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Reading,
    Writing,
    /// The answer went round in a circle, which is to be told.
    Circling,
    /// The last text is out; `Done` comes next.
    Ending(StopReason),
    Ended,
}

impl Phase {
    fn after(end: End) -> Self {
        match end {
            End::Circle => Self::Circling,
            End::Reason(reason) => Self::Ending(reason),
        }
    }
}

/// Tokens and the time they took.
#[derive(Default)]
struct Rate {
    tokens: usize,
    seconds: f64,
}

impl Rate {
    fn add(&mut self, tokens: usize, since: Instant) {
        self.tokens += tokens;
        self.seconds += since.elapsed().as_secs_f64();
    }

    fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens as f64 / self.seconds } else { 0.0 }
    }
}

impl Generation {
    /// `earlier` is reused as far as it begins like `prompt`, or what is stored where that is longer.
    ///
    /// # Errors
    /// [`Error::Request`] when the prompt is empty or leaves no room in the context.
    pub(crate) fn new(
        model: Arc<LanguageModel>,
        prompt: Input,
        options: &GenerateOptions,
        earlier: Option<Conversation>,
        prefixes: Option<ModelPrefixes>,
        cancel: &Cancel,
    ) -> Result<Self> {
        let started = Instant::now();
        let context = model.context_tokens();
        if prompt.is_empty() || prompt.len() >= context {
            let reason = if prompt.is_empty() {
                "the prompt is empty; ask something".to_owned()
            } else {
                format!("the prompt has {} tokens and the model holds {context}; shorten it", prompt.len())
            };
            return Err(Error::Request { reason });
        }
        let decoder = model.decoder();
        check_memory(decoder.config(), prompt.len(), options, free_bytes(decoder, options))?;
        let (mut conversation, keeping) = begin(&model, &prompt, options, earlier, prefixes, cancel)?;
        conversation.state.reserve(prompt.len().saturating_add(options.max_tokens).min(context));
        let (cached, routing) = (conversation.input.len(), conversation.state.routing());
        Ok(Self {
            writer: Writer::new(model.clone(), options, context - prompt.len()),
            ahead: Ahead::new(options.speculation, decoder.rows_alike()),
            routing: (!routing.is_empty()).then(|| routing.clone()),
            routing_read: None,
            experts: None,
            inside: options.inside,
            model,
            conversation,
            prompt,
            logits: None,
            cancel: cancel.clone(),
            started,
            prefill: Rate::default(),
            decode: Rate::default(),
            first_token_s: 0.0,
            cached,
            keeping,
            phase: Phase::Reading,
        })
    }

    /// Lets another model guess what comes next, where that is quicker; nothing without speculation.
    ///
    /// # Errors
    /// [`Error::Request`] when it has another vocabulary.
    pub fn with_draft(mut self, draft: Arc<LanguageModel>) -> Result<Self> {
        if !self.model.tokenizer().has_tokens_of(draft.tokenizer()) {
            let reason = "the draft model has another vocabulary, so it cannot guess what this one writes; choose a smaller model of the same family";
            return Err(Error::Request { reason: reason.into() });
        }
        self.ahead.use_draft(draft);
        Ok(self)
    }

    /// Text that the answer may have words of and that is not in the prompt: what is guessed may come from it, too; nothing
    /// without speculation.
    pub(crate) fn with_text(mut self, text: &[TokenId]) -> Self {
        self.ahead.know(text);
        self
    }

    /// Whether the whole prompt was read and nothing was written yet.
    fn is_read(&self) -> bool {
        self.phase == Phase::Writing && self.writer.written().is_empty()
    }

    /// What was seen of its tokens and experts, where that was asked for.
    pub(crate) fn take_inside(&mut self) -> (Vec<Written>, Option<Experts>) {
        (self.writer.take_watched(), self.experts.take())
    }

    /// Whether the prompt is still being read.
    pub(crate) fn is_reading(&self) -> bool {
        self.phase == Phase::Reading
    }

    /// What was read and written, for the next prompt.
    pub fn into_conversation(mut self) -> Conversation {
        self.ahead.settle(&mut self.conversation);
        self.conversation
    }

    /// Reads what follows and prepares the choice of the next token; `false` when cancelled.
    fn read(&mut self, input: &Input) -> Result<bool> {
        self.logits = self.model.decoder().forward(input, &mut self.conversation.state, &self.cancel)?;
        if self.logits.is_some() {
            self.conversation.input.append(input);
        }
        Ok(self.logits.is_some())
    }

    fn progress(&self, stage: Stage, done: usize, total: usize) -> Event {
        Event::Progress { stage, what: String::new(), done: done as u64, total: total as u64 }
    }

    fn read_chunk(&mut self) -> Result<Event> {
        let since = Instant::now();
        let done = self.conversation.input.len();
        let end = self.prompt.step_end(done, PREFILL_CHUNK);
        let chunk = self.prompt.chunk(done, end - done);
        let read = if end == self.prompt.len() {
            self.read(&chunk)?
        } else {
            let read = self.model.decoder().read(&chunk, &mut self.conversation.state, &self.cancel)?;
            if read {
                self.conversation.input.append(&chunk);
            }
            read
        };
        if !read {
            return Ok(self.end(StopReason::Cancelled));
        }
        if end == self.prompt.media_end() {
            self.conversation.state.mark();
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.reach(&self.conversation.state);
        }
        self.prefill.add(chunk.len(), since);
        if end == self.prompt.len() {
            self.ahead.begin(&self.prompt);
            if self.inside && self.routing.is_some() {
                self.routing_read = Some(self.conversation.state.routing().clone());
            }
            self.phase = Phase::Writing;
        }
        Ok(self.progress(Stage::Prefill, end, self.prompt.len()))
    }

    fn write_token(&mut self) -> Result<Event> {
        let since = Instant::now();
        if self.cancel.is_cancelled() {
            return Ok(self.end(StopReason::Cancelled));
        }
        if self.writer.left() == 0 {
            return Ok(self.end(StopReason::Length));
        }
        if let Some(last) = self.writer.written().last() {
            let (decoder, conversation) = (self.model.decoder(), &mut self.conversation);
            self.logits = self.ahead.read(last.0, self.writer.left(), decoder, conversation, &self.cancel)?;
            if self.logits.is_none() {
                return Ok(self.end(StopReason::Cancelled));
            }
            self.decode.add(1, since);
        }
        let (text, end) = self.writer.write(self.logits.take().unwrap_or_default());
        if self.writer.written().len() <= 1 && self.first_token_s == 0.0 {
            self.first_token_s = self.started.elapsed().as_secs_f64();
        }
        self.phase = end.map_or(Phase::Writing, Phase::after);
        Ok(Event::Text(text))
    }

    /// Lets held-back text out; `Done` follows.
    fn end(&mut self, reason: StopReason) -> Event {
        let (text, end) = self.writer.end(reason);
        self.phase = Phase::after(end);
        Event::Text(text)
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt.len(),
            cached_tokens: self.cached,
            generated_tokens: self.writer.written().len(),
            drafted_tokens: self.ahead.drafted(),
            accepted_tokens: self.ahead.accepted(),
            context_tokens: self.model.context_tokens(),
            first_token_s: self.first_token_s,
            prefill_tokens_per_s: self.prefill.per_second(),
            decode_tokens_per_s: self.decode.per_second(),
        }
    }
}

impl Iterator for Generation {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let event = match self.phase {
                Phase::Reading => self.read_chunk(),
                Phase::Writing => self.write_token(),
                Phase::Circling => {
                    self.phase = Phase::Ending(StopReason::Stop);
                    return Some(Ok(Event::Notice(writer::CIRCLE.into())));
                }
                Phase::Ending(reason) => {
                    self.ahead.settle(&mut self.conversation);
                    if let Some(before) = self.routing.take() {
                        if let Some(read) = self.routing_read.take() {
                            let written = self.conversation.state.routing().since(&read);
                            self.experts = Some(Experts { prompt: read.since(&before), written });
                        }
                        let used = self.conversation.state.routing().since(&before);
                        return Some(Ok(Event::Routing(used)));
                    }
                    // Only now: nobody waits for it any more.
                    if let Some(keeping) = self.keeping.take() {
                        keeping.store(&self.conversation.state, self.model.decoder(), &self.cancel);
                    }
                    self.phase = Phase::Ended;
                    buffer::give_back();
                    return Some(Ok(Event::Done { reason, usage: self.usage() }));
                }
                Phase::Ended => return None,
            };
            match event {
                // A token can be a part of a character, or be held back: nothing to show yet.
                Ok(Event::Text(text)) if text.is_empty() => {}
                Err(error) => {
                    self.phase = Phase::Ended;
                    return Some(Err(error));
                }
                shown => return Some(shown),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(max_tokens: usize) -> GenerateOptions {
        GenerateOptions { max_tokens, ..GenerateOptions::default() }
    }

    fn prompt(model: &LanguageModel, text: &str) -> Vec<TokenId> {
        model.encode(text).unwrap()
    }

    fn start(model: &Arc<LanguageModel>, text: &str, options: &GenerateOptions) -> Generation {
        model.generate(prompt(model, text), options, None, &Cancel::new()).unwrap()
    }

    fn collect(events: impl Iterator<Item = Result<Event>>) -> (String, StopReason, Usage) {
        let mut text = String::new();
        for event in events {
            match event.unwrap() {
                Event::Text(piece) => text.push_str(&piece),
                Event::Done { reason, usage } => return (text, reason, usage),
                _ => {}
            }
        }
        panic!("the last event is Done");
    }

    #[test]
    fn a_prompt_with_a_shared_beginning_reads_only_the_rest_and_writes_the_same() {
        let model = Arc::new(LanguageModel::tiny());
        let mut first = start(&model, "hello there", &options(8));
        collect(&mut first);
        let earlier = first.into_conversation();
        assert!(earlier.input.len() > 10);
        let fresh = collect(start(&model, "hello world", &options(20)));
        let second = prompt(&model, "hello world");
        let again = model.generate(second, &options(20), Some(earlier), &Cancel::new()).unwrap();
        assert_eq!(again.conversation.input.len(), "hello ".len());
        let again = collect(again);
        assert_eq!((again.0, again.1), (fresh.0, fresh.1));
        assert_eq!(again.2.prompt_tokens, fresh.2.prompt_tokens);
    }

    #[test]
    fn the_same_prompt_again_still_has_logits_to_write_from() {
        let model = Arc::new(LanguageModel::tiny());
        let mut first = start(&model, "hello", &options(5));
        let text = collect(&mut first).0;
        let earlier = Some(first.into_conversation());
        let again = model.generate(prompt(&model, "hello"), &options(5), earlier, &Cancel::new()).unwrap();
        assert_eq!(collect(again).0, text);
    }

    #[test]
    fn a_long_prompt_in_chunks_reports_its_progress() {
        let mut model = LanguageModel::tiny();
        let mut config = model.decoder().config().clone();
        config.context_tokens = 1000;
        model.set_decoder(crate::decoder::seeded(&config));
        let model = Arc::new(model);
        let mut done = Vec::new();
        for event in start(&model, &"z".repeat(2 * PREFILL_CHUNK + 1), &options(1)) {
            if let Event::Progress { done: n, .. } = event.unwrap() {
                done.push(n as usize);
            }
        }
        assert_eq!(done, [PREFILL_CHUNK, 2 * PREFILL_CHUNK, 2 * PREFILL_CHUNK + 1]);
    }

    #[test]
    fn the_end_of_the_context_ends_the_answer_with_length() {
        let model = Arc::new(LanguageModel::tiny());
        let (_, reason, usage) = collect(start(&model, &"y".repeat(120), &options(500)));
        assert_eq!(reason, StopReason::Length);
        assert_eq!(usage.prompt_tokens + usage.generated_tokens, usage.context_tokens);
    }

    #[test]
    fn a_prompt_without_room_or_without_tokens_is_refused_with_sizes() {
        let model = Arc::new(LanguageModel::tiny());
        for (text, reason) in [("", "empty"), (&"x".repeat(128), "128")] {
            let refused = model.generate(prompt(&model, text), &options(1), None, &Cancel::new());
            assert!(refused.err().unwrap().to_string().contains(reason));
        }
    }

    #[test]
    fn a_stop_string_ends_the_answer_and_is_not_shown() {
        let model = Arc::new(LanguageModel::tiny());
        let (text, _, _) = collect(start(&model, "hello", &options(40)));
        let cut = text.char_indices().nth(5).unwrap().0;
        let word: String = text[cut..].chars().take(3).collect();
        let stop = GenerateOptions { stop: vec![word.clone()], ..options(40) };
        let (stopped, reason, _) = collect(start(&model, "hello", &stop));
        assert_eq!(reason, StopReason::Stop);
        assert_eq!(stopped, text[..text.find(&word).unwrap()]);
    }

    #[test]
    fn a_raised_flag_ends_the_answer_and_the_conversation_goes_on_later() {
        let model = Arc::new(LanguageModel::tiny());
        let cancel = Cancel::new();
        let mut generation = model.generate(prompt(&model, "hello"), &options(50), None, &cancel).unwrap();
        for _ in 0..4 {
            generation.next();
        }
        cancel.cancel();
        let (_, reason, usage) = collect(&mut generation);
        assert_eq!(reason, StopReason::Cancelled);
        assert!(usage.generated_tokens < 50);
        assert!(generation.next().is_none());
        let earlier = Some(generation.into_conversation());
        let again = model.generate(prompt(&model, "hello"), &options(6), earlier, &Cancel::new()).unwrap();
        assert_eq!(collect(again).0, collect(start(&model, "hello", &options(6))).0);
    }

    #[test]
    fn who_looks_on_sees_every_token_and_changes_none() {
        let model = Arc::new(LanguageModel::tiny());
        let options = GenerateOptions { temperature: 0.9, ..options(12) };
        let (plain, _, usage) = collect(start(&model, "hello", &options));
        let mut watched = start(&model, "hello", &GenerateOptions { inside: true, ..options });
        assert_eq!(collect(&mut watched).0, plain);
        let (tokens, experts) = watched.take_inside();
        assert_eq!(tokens.iter().map(|token| token.text.as_str()).collect::<String>(), plain);
        assert_eq!(tokens.iter().filter(|token| !token.is_end).count(), usage.generated_tokens);
        for token in &tokens {
            assert!(token.likeliest.is_sorted_by(|a, b| a.probability >= b.probability), "{token:?}");
            let all: f32 = token.likeliest.iter().map(|likely| likely.probability).sum();
            assert!(token.likeliest.len() == 5 && all > 0.0 && all < 1.001, "{token:?}");
            let same = token.likeliest.iter().find(|likely| likely.id == token.id);
            assert!(same.is_none_or(|likely| likely.probability == token.probability), "{token:?}");
            assert!(same.is_some() || token.probability <= token.likeliest[4].probability, "{token:?}");
        }
        assert_eq!(experts, None, "there are none");
    }

    #[test]
    fn the_seed_decides_the_answer() {
        let model = Arc::new(LanguageModel::tiny());
        let seeded = |seed| GenerateOptions { temperature: 1.0, seed, ..options(20) };
        let text = |seed| collect(start(&model, "hello", &seeded(seed))).0;
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }
}
