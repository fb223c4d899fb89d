//! What comes before the first step: exemplars, and the chains that memory begins with.

use super::super::form::{Asked, Exemplar};
use super::super::method::{Kept, Method, mix};
use super::super::optimiser::AdamW;
use super::super::reasoner::{Reasoner, Wanted};
use super::{Phase, TOGETHER, TuneEvent, Tuning};
use crate::error::Result;

impl Tuning {
    /// Where nobody wrote rationales, right chains without exemplars become exemplars.
    pub(super) fn seek_exemplars(&mut self) -> Result<()> {
        /// Draws for each exemplar that is wanted, at most.
        const TRIES: usize = 64;
        let wanted = self.options.exemplars;
        let mut form = self.reasoner.form().clone();
        let mut drawn = 0;
        while form.exemplars.len() < wanted
            && self.options.method != Method::Direct
            && drawn < wanted * TRIES
            && form.exemplars.len() < self.train.len() / 2
        {
            let some: Vec<Wanted> = (drawn..drawn + TOGETHER)
                .map(|i| Wanted {
                    example: self.train[i % self.train.len()],
                    asked: Asked::Steps,
                    seed: Some(mix(self.options.seed, 2, i as u64)),
                })
                .collect();
            drawn += TOGETHER;
            let Some(chains) = self.propose(&some)? else { return Ok(()) };
            for (wanted_chain, chain) in some.iter().zip(chains) {
                let example = &self.reasoner.examples()[wanted_chain.example];
                let is_new = form.exemplars.iter().all(|shown| shown.question != example.question);
                if form.exemplars.len() < wanted
                    && is_new
                    && self.reasoner.is_right(wanted_chain.example, &chain)
                {
                    form.exemplars.push(Exemplar {
                        question: example.question.clone(),
                        chain: chain.text.trim().to_owned(),
                        answer: example.answer.clone(),
                    });
                }
            }
            let (done, total) = (drawn.min(wanted * TRIES), wanted * TRIES);
            let what = "exemplars".to_owned();
            self.events.push_back(TuneEvent::Seeking { what, done, total, right: form.exemplars.len() });
        }
        if drawn > 0 {
            if form.exemplars.is_empty() {
                let text = format!(
                    "none of {drawn} chains without exemplars reached a right answer, so questions are put without exemplars; give some lines a \"rationale\" to have them shown"
                );
                self.events.push_back(TuneEvent::Notice { text });
            }
            self.reasoner.set_form(form, &self.options.tuned)?;
            self.first = self.reasoner.parameters().to_vec();
            self.optimiser = AdamW::new(self.first.len());
            let train = std::mem::take(&mut self.train);
            self.train = train.into_iter().filter(|i| !self.is_exemplar(*i)).collect();
        }
        self.tell_begun();
        self.phase = if self.options.method.has_memory() { Phase::Memory } else { Phase::Check };
        Ok(())
    }

    /// The first chain of each example comes from a guide that sees the answer; it may be wrong.
    pub(super) fn fill_memory(&mut self) -> Result<()> {
        let left: Vec<usize> = self
            .train
            .iter()
            .copied()
            .filter(|i| !self.state.memory.contains_key(i))
            .take(TOGETHER)
            .collect();
        let wanted: Vec<Wanted> = left
            .iter()
            .map(|example| Wanted {
                example: *example,
                asked: Asked::Guided,
                seed: Some(mix(self.options.seed, 3, *example as u64)),
            })
            .collect();
        let Some(chains) = self.propose(&wanted)? else { return Ok(()) };
        for (example, chain) in left.into_iter().zip(chains) {
            let right = self.reasoner.is_right(example, &chain);
            self.state.memory.insert(example, Kept { chain, right });
        }
        let right = self.state.memory.values().filter(|kept| kept.right).count();
        let (done, total) = (self.state.memory.len(), self.train.len());
        self.events.push_back(TuneEvent::Seeking { what: "memory".into(), done, total, right });
        if done >= total {
            self.phase = Phase::Check;
        }
        Ok(())
    }
}
