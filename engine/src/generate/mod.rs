//! 7: the loop over decoder and sampler.
//!
//! [`Generation`] is an iterator: first it reads the prompt chunk by chunk, then every step writes
//! one token. Dropping it stops the work; [`Generation::into_conversation`] hands back what it
//! read and wrote, so that a later prompt with the same beginning need not read it again.

pub mod event;

mod detokenize;

mod keeping;

mod repeats;

mod stop;

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, DecodeState, DecoderConfig, Input, Routing};
use crate::error::{Error, Result};
use crate::features::text::TokenId;
use crate::memory::{available_bytes, human_bytes};
use crate::model::LanguageModel;
use crate::prefix_store::ModelPrefixes;
use crate::sampler::Sampler;
use detokenize::Detokenizer;
use event::{Event, Stage, StopReason, Usage};
use keeping::Keeping;
use repeats::Repeats;
use stop::StopStrings;

/// Prompt tokens per step: large enough to unpack the weights rarely, small enough to show progress.
/// Stop answers sooner, between layers.
pub(crate) const PREFILL_CHUNK: usize = 256;

/// How an answer is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateOptions {
    /// Most tokens to write.
    pub max_tokens: usize,
    /// 0 takes the likeliest token every time.
    pub temperature: f32,
    /// Keep only the likeliest k tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the likeliest tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest one; 0 keeps all.
    pub min_p: f32,
    /// Divides the logits of tokens that were written lately; 1 leaves them.
    pub repetition_penalty: f32,
    /// The same seed, options and thread count give the same tokens.
    pub seed: u64,
    /// Strings that end the answer; they are not shown.
    pub stop: Vec<String>,
    /// End an answer that repeats itself sentence by sentence.
    #[serde(default)]
    pub end_repeats: bool,
    /// How keys and values are kept: smaller formats hold longer conversations.
    #[serde(default)]
    pub cache: CacheFormat,
    /// Whether the states of long prompts are kept on disk and used again.
    #[serde(default = "yes")]
    pub prefix_cache: bool,
}

fn yes() -> bool {
    true
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: 512,
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.1,
            seed: 0,
            stop: Vec::new(),
            end_repeats: true,
            cache: CacheFormat::default(),
            prefix_cache: true,
        }
    }
}

impl GenerateOptions {
    /// What the model itself likes best, whatever it is: for comparisons and for text without a template.
    pub fn plain() -> Self {
        Self { repetition_penalty: 1.0, end_repeats: false, ..Self::default() }
    }
}

/// Tokens that a decoder has read, with its memory of them.
pub struct Conversation {
    input: Input,
    state: DecodeState,
}

/// An answer that is being written.
pub struct Generation {
    model: Arc<LanguageModel>,
    conversation: Conversation,
    prompt: Input,
    /// Logits after the last token that was read.
    logits: Option<Vec<f32>>,
    written: Vec<TokenId>,
    max_tokens: usize,
    sampler: Sampler,
    detokenizer: Detokenizer,
    stop: StopStrings,
    /// None where repeats are wanted.
    repeats: Option<Repeats>,
    cancel: Cancel,
    started: Instant,
    prefill: Rate,
    decode: Rate,
    first_token_s: f64,
    /// What the experts had done before, until that of this answer is told; none without experts.
    routing: Option<Routing>,
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
        check_memory(model.decoder().config(), prompt.len(), options, available_bytes())?;
        let (conversation, keeping) = begin(&model, &prompt, options, earlier, prefixes, cancel)?;
        let (cached, routing) = (conversation.input.len(), conversation.state.routing());
        Ok(Self {
            max_tokens: options.max_tokens.min(context - prompt.len()),
            sampler: Sampler::new(options),
            stop: StopStrings::new(&options.stop),
            repeats: options.end_repeats.then(Repeats::default),
            detokenizer: Detokenizer::default(),
            routing: (!routing.is_empty()).then(|| routing.clone()),
            model,
            conversation,
            prompt,
            logits: None,
            written: Vec::new(),
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

    /// What was read and written, for the next prompt.
    pub fn into_conversation(self) -> Conversation {
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
            self.phase = Phase::Writing;
        }
        Ok(self.progress(Stage::Prefill, end, self.prompt.len()))
    }

    fn write_token(&mut self) -> Result<Event> {
        let since = Instant::now();
        if self.cancel.is_cancelled() {
            return Ok(self.end(StopReason::Cancelled));
        }
        if self.written.len() >= self.max_tokens {
            return Ok(self.end(StopReason::Length));
        }
        if let Some(last) = self.written.last().copied() {
            if !self.read(&Input::from(vec![last]))? {
                return Ok(self.end(StopReason::Cancelled));
            }
            self.decode.add(1, since);
        }
        let token = self.sampler.sample(self.logits.take().unwrap_or_default(), &self.written);
        if self.written.is_empty() {
            self.first_token_s = self.started.elapsed().as_secs_f64();
        }
        if self.model.tokenizer().is_end(token) {
            return Ok(self.end(StopReason::Stop));
        }
        self.written.push(token);
        let text = self.detokenizer.push(self.model.tokenizer().bytes(token));
        let (text, stopped) = self.stop.push(&text);
        let Some(repeats) = &mut self.repeats else {
            if stopped {
                self.phase = Phase::Ending(StopReason::Stop);
            }
            return Ok(Event::Text(text));
        };
        let (mut shown, mut circle) = repeats.push(&text);
        if stopped && !circle {
            let (rest, last) = repeats.finish();
            shown.push_str(&rest);
            circle = last;
        }
        if circle || repeats::is_circle(&self.written) {
            self.phase = Phase::Circling;
        } else if stopped {
            self.phase = Phase::Ending(StopReason::Stop);
        }
        Ok(Event::Text(shown))
    }

    /// Lets held-back text out; `Done` follows.
    fn end(&mut self, reason: StopReason) -> Event {
        self.phase = Phase::Ending(reason);
        let rest = self.detokenizer.finish();
        let text = self.stop.push(&rest).0 + &self.stop.finish();
        let Some(repeats) = &mut self.repeats else { return Event::Text(text) };
        let (mut shown, mut circle) = repeats.push(&text);
        if !circle {
            let (rest, last) = repeats.finish();
            shown.push_str(&rest);
            circle = last;
        }
        if circle {
            self.phase = Phase::Circling;
        }
        Event::Text(shown)
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt.len(),
            cached_tokens: self.cached,
            generated_tokens: self.written.len(),
            context_tokens: self.model.context_tokens(),
            first_token_s: self.first_token_s,
            prefill_tokens_per_s: self.prefill.per_second(),
            decode_tokens_per_s: self.decode.per_second(),
        }
    }
}

/// What of `prompt` need not be read: the beginning that `earlier` shares with it, or the one that is stored; and what
/// can be stored of the rest.
fn begin(
    model: &LanguageModel,
    prompt: &Input,
    options: &GenerateOptions,
    earlier: Option<Conversation>,
    prefixes: Option<ModelPrefixes>,
    cancel: &Cancel,
) -> Result<(Conversation, Option<Keeping>)> {
    let earlier = earlier.filter(|earlier| earlier.state.format() == options.cache);
    let mut conversation = match earlier {
        Some(earlier) => earlier,
        None => Conversation { input: Input::default(), state: model.decoder().new_state(options.cache)? },
    };
    // At least one token is read anew: its logits are needed.
    let shared = conversation.input.shared_with(prompt).min(prompt.len() - 1);
    let known = conversation.state.truncate(prompt.whole_media(shared));
    conversation.input.truncate(known);
    let Some(prefixes) = prefixes.filter(|_| options.prefix_cache) else { return Ok((conversation, None)) };
    let keeping = Keeping::new(prefixes, prompt, options.cache)?;
    if let Some(mut state) = keeping.restore(known, model.decoder(), cancel) {
        if state.pos() == prompt.media_end() {
            state.mark();
        }
        let mut input = prompt.clone();
        input.truncate(state.pos());
        return Ok((Conversation { input, state }, Some(keeping)));
    }
    // What is stored must be what reading the prompt alone gives, to the last bit. After tokens of another prompt it
    // is read in other steps and rounded otherwise; where these are few, it is read from its beginning instead.
    if keeping.is_worthwhile() && 8 * known <= prompt.len() {
        conversation.state.truncate(0);
        conversation.input.truncate(0);
    }
    let is_alone = conversation.input.is_empty();
    Ok((conversation, Some(keeping).filter(|_| is_alone)))
}

/// Refuses a conversation whose keys and values do not fit into the memory that is free.
fn check_memory(
    config: &DecoderConfig,
    n_prompt: usize,
    options: &GenerateOptions,
    available: Option<u64>,
) -> Result<()> {
    let n = (n_prompt + options.max_tokens).min(config.context_tokens);
    let needed = config.cache_bytes(n, options.cache);
    let Some(available) = available.filter(|available| needed > *available) else { return Ok(()) };
    let smaller = CacheFormat::ALL.into_iter().find(|format| config.cache_bytes(n, *format) <= available);
    let advice = match smaller {
        Some(format) => {
            format!("keep it as {} ({})", format.name(), human_bytes(config.cache_bytes(n, format)))
        }
        None => "shorten it, or choose a smaller model".to_owned(),
    };
    let (needed, available) = (human_bytes(needed), human_bytes(available));
    let format = options.cache.name();
    let reason =
        format!("a conversation of {n} tokens takes {needed} as {format} and {available} are free; {advice}");
    Err(Error::Request { reason })
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
                    let text = "the model began to repeat itself, so its answer was ended there";
                    return Some(Ok(Event::Notice(text.into())));
                }
                Phase::Ending(reason) => {
                    if let Some(before) = self.routing.take() {
                        let used = self.conversation.state.routing().since(&before);
                        return Some(Ok(Event::Routing(used)));
                    }
                    // Only now: nobody waits for it any more.
                    if let Some(keeping) = self.keeping.take() {
                        keeping.store(&self.conversation.state, self.model.decoder(), &self.cancel);
                    }
                    self.phase = Phase::Ended;
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
    fn a_conversation_beyond_the_memory_is_refused_with_sizes_and_a_way_out() {
        let config = crate::decoder::DecoderConfig {
            context_tokens: 1 << 30,
            ..crate::decoder::DecoderConfig::tiny()
        };
        let check = |n, available| check_memory(&config, n, &options(0), Some(available));
        assert!(check(1000, 1 << 30).is_ok());
        assert!(
            check_memory(&config, 1 << 29, &options(0), None).is_ok(),
            "what is not known is not refused"
        );
        // Two layers, two heads of 8 numbers, keys and values, two bytes: 128 bytes per token.
        let refused = check(100_000_000, 10_000_000_000).unwrap_err().to_string();
        assert!(refused.contains("12.80 GB") && refused.contains("10.00 GB are free"), "{refused}");
        let refused = check(100_000_000, 1_000_000).unwrap_err().to_string();
        assert!(refused.contains("shorten it"), "{refused}");
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
    fn the_seed_decides_the_answer() {
        let model = Arc::new(LanguageModel::tiny());
        let seeded = |seed| GenerateOptions { temperature: 1.0, seed, ..options(20) };
        let text = |seed| collect(start(&model, "hello", &seeded(seed))).0;
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }
}
