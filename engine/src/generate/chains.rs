//! Several answers to one prompt, or to prompts that begin alike: what they have in common is read once and held once.
//!
//! A step reads the weights once for all chains, and the prompt's keys and values too. Each chain has its own sampler,
//! so its tokens are those that it would get alone with its seed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::event::{Event, StopReason, Usage};
use super::options::{GenerateOptions, Speculation};
use super::writer::{self, End, Writer};
use super::{Generation, Rate, check_memory, free_bytes};
use crate::cancel::Cancel;
use crate::decoder::{DecodeState, Input, Logits};
use crate::error::{Error, Result};
use crate::features::text::TokenId;
use crate::kernels::team;
use crate::model::LanguageModel;

/// What is told while answers are written.
#[derive(Debug, Clone, PartialEq)]
pub enum ChainsEvent {
    /// How far the prompt was read.
    Reading(Event),
    /// One answer's: text, notices, and last [`Event::Done`].
    Chain {
        /// Which, counted from 0 in the order of the seeds.
        chain: usize,
        /// What.
        event: Event,
    },
}

/// Answers that are being written: an iterator that ends when all have ended.
pub struct Chains {
    model: Arc<LanguageModel>,
    options: GenerateOptions,
    seeds: Vec<u64>,
    cancel: Cancel,
    /// The prompt, or what all prompts begin with, while it is read.
    prompt: Option<Box<Generation>>,
    /// What follows it for each answer; nothing where all answer the same prompt.
    ends: Vec<Input>,
    /// All tokens of the answers that have ended.
    drawn: Vec<Vec<TokenId>>,
    /// Those that go on, in their order.
    chains: Vec<Chain>,
    events: VecDeque<ChainsEvent>,
    decode: Rate,
}

struct Chain {
    number: usize,
    state: DecodeState,
    /// After the last token that was read.
    logits: Logits,
    writer: Writer,
    /// All but what is still to be measured.
    usage: Usage,
    /// What its last token gave.
    wrote: (String, Option<End>),
}

impl Chains {
    /// One answer for each of `seeds`, which stand for the one of `options`.
    ///
    /// # Errors
    /// [`Error::Request`] when the prompt is empty or leaves no room in the context, when there are no seeds, or when
    /// there is no memory for so many answers.
    pub fn new(
        model: Arc<LanguageModel>,
        prompt: impl Into<Input>,
        options: &GenerateOptions,
        seeds: &[u64],
        cancel: &Cancel,
    ) -> Result<Self> {
        Self::begin(model, prompt.into(), Vec::new(), options, seeds, cancel)
    }

    /// One answer to each of some prompts that begin with `beginning` and end with one of `ends`, with a seed each.
    ///
    /// # Errors
    /// As [`Chains::new`], and when there are not as many seeds as ends or one of these is empty.
    pub fn after(
        model: Arc<LanguageModel>,
        beginning: impl Into<Input>,
        ends: Vec<Input>,
        options: &GenerateOptions,
        seeds: &[u64],
        cancel: &Cancel,
    ) -> Result<Self> {
        if ends.len() != seeds.len() || ends.iter().any(Input::is_empty) {
            return Err(Error::Request {
                reason: "each answer needs a seed and an end of its prompt".into(),
            });
        }
        Self::begin(model, beginning.into(), ends, options, seeds, cancel)
    }

    fn begin(
        model: Arc<LanguageModel>,
        prompt: Input,
        ends: Vec<Input>,
        options: &GenerateOptions,
        seeds: &[u64],
        cancel: &Cancel,
    ) -> Result<Self> {
        if seeds.is_empty() {
            return Err(Error::Request { reason: "there are no seeds; give one for each answer".into() });
        }
        // Chains are guessed nothing for: together they fill a step.
        let options = GenerateOptions { speculation: Speculation::Off, ..options.clone() };
        let own: usize = ends.iter().map(Input::len).sum();
        let max_tokens = options.max_tokens.saturating_mul(seeds.len()).saturating_add(own);
        let all = GenerateOptions { max_tokens, ..options.clone() };
        check_memory(model.decoder().config(), prompt.len(), &all, free_bytes(model.decoder(), &all))?;
        let prompt = Generation::new(model.clone(), prompt, &options, None, None, cancel)?;
        Ok(Self {
            model,
            options,
            seeds: seeds.to_vec(),
            cancel: cancel.clone(),
            prompt: Some(Box::new(prompt)),
            ends,
            drawn: vec![Vec::new(); seeds.len()],
            chains: Vec::new(),
            events: VecDeque::new(),
            decode: Rate::default(),
        })
    }

    /// Tokens per second of all answers together, after the first of each.
    pub fn tokens_per_s(&self) -> f64 {
        self.decode.per_second()
    }

    /// All tokens of an answer that has ended, with the one that ended it where the vocabulary has one for that.
    pub fn drawn(&self, chain: usize) -> &[TokenId] {
        self.drawn.get(chain).map_or(&[], |drawn| drawn)
    }

    /// Reads on in the prompt; at its end the chains part.
    fn read(&mut self, mut prompt: Box<Generation>) -> Result<()> {
        if !prompt.is_read() {
            match prompt.next().transpose()? {
                // It was cancelled: there are no answers.
                Some(Event::Done { reason, usage }) => self.events.extend(
                    (0..self.seeds.len())
                        .map(|chain| ChainsEvent::Chain { chain, event: Event::Done { reason, usage } }),
                ),
                event => {
                    self.events.extend(event.map(ChainsEvent::Reading));
                    self.prompt = Some(prompt);
                }
            }
            return Ok(());
        }
        let usage = prompt.usage();
        let common = prompt.logits.take().unwrap_or_default();
        let mut states = prompt.into_conversation().state.fork(self.seeds.len())?;
        let logits = if self.ends.is_empty() {
            vec![common; states.len()]
        } else {
            let mut batch: Vec<_> = self.ends.iter().zip(&mut states).collect();
            match self.model.decoder().forward_batch(&mut batch, &self.cancel)? {
                Some(logits) => logits,
                None => {
                    let done = Event::Done { reason: StopReason::Cancelled, usage };
                    let each = |chain| ChainsEvent::Chain { chain, event: done.clone() };
                    self.events.extend((0..self.seeds.len()).map(each));
                    return Ok(());
                }
            }
        };
        let chain = |(number, (state, (seed, logits))): (usize, (DecodeState, (&u64, Logits)))| {
            let options = GenerateOptions { seed: *seed, ..self.options.clone() };
            let prompt_tokens = usage.prompt_tokens + self.ends.get(number).map_or(0, Input::len);
            let usage = Usage { prompt_tokens, ..usage };
            let room = usage.context_tokens.saturating_sub(prompt_tokens);
            let writer = Writer::new(self.model.clone(), &options, room);
            Chain { number, state, logits, writer, usage, wrote: (String::new(), None) }
        };
        let each = states.into_iter().zip(self.seeds.iter().zip(logits));
        self.chains = each.enumerate().map(chain).collect();
        self.write();
        Ok(())
    }

    /// Chooses the next token of each chain; those that end leave.
    fn write(&mut self) {
        team::for_each_chunk(&mut self.chains, 1, |_, chains| {
            for chain in chains {
                let logits = std::mem::take(&mut chain.logits);
                chain.wrote = match chain.writer.left() {
                    0 => chain.ended(StopReason::Length),
                    _ => chain.writer.write(logits),
                };
            }
        });
        self.tell();
    }

    /// Tells what the chains gave.
    fn tell(&mut self) {
        let decode_tokens_per_s = self.decode.per_second();
        let (events, drawn) = (&mut self.events, &mut self.drawn);
        self.chains.retain_mut(|chain| {
            let (text, end) = std::mem::take(&mut chain.wrote);
            let mut tell = |event| events.push_back(ChainsEvent::Chain { chain: chain.number, event });
            if !text.is_empty() {
                tell(Event::Text(text));
            }
            let reason = match end {
                None => return true,
                Some(End::Reason(reason)) => reason,
                Some(End::Circle) => {
                    tell(Event::Notice(writer::CIRCLE.into()));
                    StopReason::Stop
                }
            };
            drawn[chain.number] = chain.writer.drawn().collect();
            let generated_tokens = chain.writer.written().len();
            let usage = Usage { generated_tokens, decode_tokens_per_s, ..chain.usage };
            tell(Event::Done { reason, usage });
            false
        });
    }

    fn step(&mut self) -> Result<()> {
        let since = Instant::now();
        let inputs: Vec<Input> = self
            .chains
            .iter()
            .map(|chain| Input::from(chain.writer.written().last().copied().into_iter().collect::<Vec<_>>()))
            .collect();
        let mut batch: Vec<_> =
            inputs.iter().zip(self.chains.iter_mut().map(|chain| &mut chain.state)).collect();
        let rows = match self.cancel.is_cancelled() {
            true => None,
            false => self.model.decoder().forward_batch(&mut batch, &self.cancel)?,
        };
        let Some(rows) = rows else {
            for chain in &mut self.chains {
                chain.wrote = chain.ended(StopReason::Cancelled);
            }
            self.tell();
            return Ok(());
        };
        for (chain, logits) in self.chains.iter_mut().zip(rows) {
            chain.logits = logits;
        }
        self.decode.add(self.chains.len(), since);
        self.write();
        Ok(())
    }
}

impl Chain {
    fn ended(&mut self, reason: StopReason) -> (String, Option<End>) {
        let (text, end) = self.writer.end(reason);
        (text, Some(end))
    }
}

impl Iterator for Chains {
    type Item = Result<ChainsEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            let done = match self.prompt.take() {
                Some(prompt) => self.read(prompt),
                None if self.chains.is_empty() => return None,
                None => self.step(),
            };
            if let Err(error) = done {
                self.chains.clear();
                return Some(Err(error));
            }
        }
    }
}
