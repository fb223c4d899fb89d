//! A step: what its method draws and what it learns from.

use std::collections::BTreeMap;

use super::super::decoder_reasoner::Chain;
use super::super::form::Asked;
use super::super::method::{Estimate, Kept, Method, PROPOSALS, Steps, example_at, imitate};
use super::super::optimiser::AdamW;
use super::super::reasoner::{Reasoner, Wanted};
use super::{TOGETHER, TuneEvent, Tuning};
use crate::error::{Error, Result};

/// Parts of a batch whose estimates are compared.
const GROUPS: usize = 4;

/// Proposals without a right one after which a run gives up.
const IN_VAIN: usize = 512;

/// The same where no chain in memory is right either.
const FEW: usize = 256;

impl Tuning {
    /// What a step of the method gives; `None` when cancelled.
    pub(super) fn estimate(&mut self, step: usize) -> Result<Option<Estimate>> {
        match self.options.method {
            Method::Star => return self.star(step),
            Method::Direct => return self.answers(step),
            Method::Trice | Method::TricePlain | Method::Rejection => {}
        }
        let Self { options, reasoner, train, state, cancel, events, .. } = self;
        let is_measured = options.measure_every > 0 && step.is_multiple_of(options.measure_every);
        let steps = Steps {
            seed: options.seed,
            most_terms: options.most_terms,
            with_control: options.method == Method::Trice,
            measure: is_measured.then_some(GROUPS),
        };
        let batch = |n: usize| -> Vec<usize> {
            (step * n..(step + 1) * n).map(|i| train[example_at(options.seed, train.len(), i)]).collect()
        };
        let estimate = match options.method {
            Method::Trice | Method::TricePlain => {
                let batch = batch(options.batch);
                let estimate = steps.trice(reasoner, &mut state.memory, &batch, step, cancel)?;
                let Some(estimate) = estimate else { return Ok(None) };
                if let Some(example) = estimate.accepted.iter().find(|i| !state.reached.contains(i)) {
                    events.push_back(TuneEvent::Chain {
                        question: reasoner.examples()[*example].question.clone(),
                        chain: state.memory[example].chain.text.trim().to_owned(),
                    });
                    state.reached.insert(*example);
                }
                estimate
            }
            _ => {
                let batch = batch((options.batch / PROPOSALS).max(1));
                let Some(estimate) = steps.rejection(reasoner, &batch, step, cancel)? else {
                    return Ok(None);
                };
                estimate
            }
        };
        state.samples += estimate.proposed;
        state.in_vain = if estimate.right > 0 { 0 } else { state.in_vain + estimate.proposed };
        let is_hopeless = state.in_vain >= IN_VAIN || estimate.loss.is_none() && state.in_vain >= FEW;
        if is_hopeless {
            let reason = format!(
                "none of the last {} proposed chains reached a right answer, so there is nothing to learn from; check the answers, give some lines a \"rationale\", or choose easier questions or a larger model",
                state.in_vain
            );
            return Err(Error::Request { reason });
        }
        Ok(Some(estimate))
    }

    /// A step of direct tuning.
    fn answers(&mut self, step: usize) -> Result<Option<Estimate>> {
        let (seed, n, train) = (self.options.seed, self.options.batch, &self.train);
        let batch: Vec<usize> =
            (step * n..(step + 1) * n).map(|i| train[example_at(seed, train.len(), i)]).collect();
        let answers: Result<Vec<Chain>> = batch.iter().map(|i| self.reasoner.direct(*i)).collect();
        let answers = answers?;
        let chains: Vec<(usize, &Chain)> = batch.into_iter().zip(&answers).collect();
        imitate(&mut self.reasoner, &chains, &self.cancel)
    }

    /// A step of STaR; a round begins with chains for all examples and the model as it was at first.
    fn star(&mut self, step: usize) -> Result<Option<Estimate>> {
        let per_round = self.options.steps.div_ceil(self.options.rounds.max(1));
        if step.is_multiple_of(per_round) {
            let train = self.train.clone();
            let mut kept = BTreeMap::new();
            for asked in [Asked::Steps, Asked::Guided] {
                let left: Vec<usize> = train.iter().copied().filter(|i| !kept.contains_key(i)).collect();
                for some in left.chunks(TOGETHER) {
                    let wanted: Vec<Wanted> =
                        some.iter().map(|example| Wanted { example: *example, asked, seed: None }).collect();
                    let Some(chains) = self.propose(&wanted)? else { return Ok(None) };
                    for (example, chain) in some.iter().zip(chains) {
                        if self.reasoner.is_right(*example, &chain) {
                            kept.insert(*example, Kept { chain, right: true });
                        }
                    }
                }
            }
            let (done, total, right) = (train.len(), train.len(), kept.len());
            self.events.push_back(TuneEvent::Seeking { what: "chains".into(), done, total, right });
            if kept.is_empty() {
                let reason = "no chain reached a right answer, even with the answer told, so there is nothing to learn from; check the answers or choose easier questions".into();
                return Err(Error::Request { reason });
            }
            self.state.memory = kept;
            self.reasoner.set_parameters(self.first.clone())?;
            self.optimiser = AdamW::new(self.first.len());
        }
        let known: Vec<usize> = self.state.memory.keys().copied().collect();
        let n = self.options.batch;
        let batch = (step * n..(step + 1) * n).map(|i| known[example_at(self.options.seed, known.len(), i)]);
        let chains: Vec<(usize, &Chain)> = batch.map(|i| (i, &self.state.memory[&i].chain)).collect();
        imitate(&mut self.reasoner, &chains, &self.cancel)
    }
}
