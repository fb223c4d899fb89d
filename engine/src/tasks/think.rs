//! One answer from several chains of thought.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::decoder::Input;
use crate::error::Result;
use crate::generate::event::{Event, StopReason, Usage};
use crate::generate::{Chains, ChainsEvent, GenerateOptions};
use crate::model::LanguageModel;
use crate::tune::form::answer_of;
use crate::tune::vote::routed;

/// What is asked for beside the question, where the model was not tuned to do it.
pub(super) const STEPS: &str =
    "Think step by step. End with one sentence that begins with \"The answer is\" and ends with a full stop.";

/// What chains are drawn with unless another temperature is asked for.
const TEMPERATURE: f32 = 0.7;

/// Chains that are being written: the likeliest one first, then those that vote.
pub(super) struct Thinking {
    model: Arc<LanguageModel>,
    prompt: Input,
    options: GenerateOptions,
    n: usize,
    cancel: Cancel,
    chains: Chains,
    /// What the chains that are written now have so far.
    texts: Vec<String>,
    likeliest: Option<String>,
    usage: Usage,
    events: VecDeque<Event>,
    done: bool,
}

impl Thinking {
    /// `n` chains vote.
    pub(super) fn new(
        model: Arc<LanguageModel>,
        prompt: Input,
        options: &GenerateOptions,
        n: usize,
        cancel: &Cancel,
    ) -> Result<Self> {
        let greedy = GenerateOptions { temperature: 0.0, ..options.clone() };
        let chains = Chains::new(model.clone(), prompt.clone(), &greedy, &[options.seed], cancel)?;
        Ok(Self {
            model,
            prompt,
            options: options.clone(),
            n,
            cancel: cancel.clone(),
            chains,
            texts: vec![String::new()],
            likeliest: None,
            usage: Usage::default(),
            events: VecDeque::new(),
            done: false,
        })
    }

    fn on(&mut self) -> Result<()> {
        match self.chains.next().transpose()? {
            Some(ChainsEvent::Reading(event)) => self.events.push_back(event),
            Some(ChainsEvent::Chain { chain, event: Event::Text(text) }) => self.texts[chain].push_str(&text),
            Some(ChainsEvent::Chain { chain, event: Event::Done { reason, usage } }) => {
                let generated_tokens = self.usage.generated_tokens + usage.generated_tokens;
                self.usage = Usage { generated_tokens, ..usage };
                if reason == StopReason::Cancelled {
                    self.end(StopReason::Cancelled);
                    return Ok(());
                }
                let text = self.texts[chain].trim().to_owned();
                let number = if self.likeliest.is_none() { 0 } else { chain + 1 };
                self.events.push_back(Event::Thought { chain: number, answer: answer_of(&text), text });
            }
            Some(ChainsEvent::Chain { event, .. }) => self.events.push_back(event),
            None if self.likeliest.is_none() => {
                self.likeliest = self.texts.pop();
                let temperature =
                    if self.options.temperature > 0.0 { self.options.temperature } else { TEMPERATURE };
                let options = GenerateOptions { temperature, ..self.options.clone() };
                let seeds: Vec<u64> = (0..self.n as u64).map(|i| self.options.seed.wrapping_add(i)).collect();
                self.texts = vec![String::new(); self.n];
                self.chains =
                    Chains::new(self.model.clone(), self.prompt.clone(), &options, &seeds, &self.cancel)?;
            }
            None => {
                let texts: Vec<&str> = self.texts.iter().map(|text| text.trim()).collect();
                let likeliest = self.likeliest.take().unwrap_or_default();
                match routed(&texts, likeliest.trim()) {
                    Some((answer, by_vote)) => {
                        if !by_vote {
                            let text = "the chains do not agree, so this is the answer of the likeliest one";
                            self.events.push_back(Event::Notice(text.into()));
                        }
                        self.events.push_back(Event::Text(answer));
                    }
                    None => {
                        let text = "no chain ended with an answer, so this is the likeliest one as it is";
                        self.events.push_back(Event::Notice(text.into()));
                        self.events.push_back(Event::Text(likeliest.trim().to_owned()));
                    }
                }
                self.end(StopReason::Stop);
            }
        }
        Ok(())
    }

    fn end(&mut self, reason: StopReason) {
        self.done = true;
        self.events.push_back(Event::Done { reason, usage: self.usage });
    }
}

impl Iterator for Thinking {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.on() {
                self.done = true;
                return Some(Err(error));
            }
        }
    }
}
