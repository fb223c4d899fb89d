//! A step of each method: what is drawn, what counts, and the gradient that follows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::estimator::{Drawn, Weights, subsample, variance_of_mean, weights};
use super::form::Asked;
use super::reasoner::{Reasoner, Term, Wanted};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::random::next_bits;

/// How a model is tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Chains in memory, accepted proposals, and the control variate.
    Trice,
    /// The same without the control variate.
    TricePlain,
    /// The right ones of several proposals for each example (rejection sampling).
    Rejection,
    /// Rounds of likeliest chains, guided by the answer where they are wrong, each round from the beginning (Zelikman et
    /// al., STaR, 2022).
    Star,
    /// Answers without chains.
    Direct,
}

impl Method {
    /// All.
    pub const ALL: [Self; 5] = [Self::Trice, Self::TricePlain, Self::Rejection, Self::Star, Self::Direct];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trice => "trice",
            Self::TricePlain => "trice-plain",
            Self::Rejection => "rejection",
            Self::Star => "star",
            Self::Direct => "direct",
        }
    }

    /// Whether it keeps a chain for each example.
    pub fn has_memory(self) -> bool {
        matches!(self, Self::Trice | Self::TricePlain)
    }
}

/// Proposals for each example in rejection sampling.
pub const PROPOSALS: usize = 4;

/// A chain in memory.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept<C> {
    pub(super) chain: C,
    pub(super) right: bool,
}

/// What a step gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Estimate {
    pub(super) gradient: Vec<f32>,
    /// Mean of −log p of the chains, or answers, that count.
    pub(super) loss: Option<f64>,
    /// Proposals, and how many of them are right.
    pub(super) proposed: usize,
    pub(super) right: usize,
    /// Examples whose proposals went into memory.
    pub(super) accepted: Vec<usize>,
    /// Variance of the estimate with the control variate and without, and squared length of its mean, where that was
    /// measured.
    pub(super) variance: Option<Variance>,
}

/// How much an estimate of the gradient varies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Variance {
    /// With the control variate, summed over all parameters.
    pub with_control: f64,
    /// Without.
    pub without: f64,
    /// Squared length of the mean gradient.
    pub squared_length: f64,
}

/// What the steps of a run have in common.
pub(super) struct Steps {
    pub(super) seed: u64,
    /// Most chains whose gradients a step of TRICE computes; 0 for all.
    pub(super) most_terms: usize,
    /// Whether TRICE takes the control variate.
    pub(super) with_control: bool,
    /// Parts the batch in so many groups and looks how their estimates differ.
    pub(super) measure: Option<usize>,
}

/// Independent numbers from a seed, a step and a place in it.
pub(super) fn mix(seed: u64, step: u64, place: u64) -> u64 {
    let mut state = seed ^ 0x5EED;
    let mut mixed = next_bits(&mut state);
    for part in [step, place] {
        state = mixed ^ part.wrapping_mul(0x2545_F491_4F6C_DD1D);
        mixed = next_bits(&mut state);
    }
    mixed
}

/// Number `i` of the examples that steps go through: each pass over all `n` in another order.
pub(super) fn example_at(seed: u64, n: usize, i: usize) -> usize {
    let (pass, place) = (i / n, i % n);
    let mut order: Vec<usize> = (0..n).collect();
    let mut state = mix(seed, u64::MAX, pass as u64);
    for last in (1..n).rev() {
        order.swap(last, (next_bits(&mut state) % (last as u64 + 1)) as usize);
    }
    order[place]
}

impl Steps {
    fn draws(&self, step: usize, examples: &[usize]) -> Vec<Wanted> {
        let wanted = |(i, example): (usize, &usize)| Wanted {
            example: *example,
            asked: Asked::Steps,
            seed: Some(mix(self.seed, step as u64, i as u64)),
        };
        examples.iter().enumerate().map(wanted).collect()
    }

    /// A step of TRICE. Right proposals take their places in memory.
    pub(super) fn trice<R: Reasoner>(
        &self,
        reasoner: &mut R,
        memory: &mut BTreeMap<usize, Kept<R::Chain>>,
        batch: &[usize],
        step: usize,
        cancel: &Cancel,
    ) -> Result<Option<Estimate>> {
        let Some(proposals) = reasoner.propose(&self.draws(step, batch), cancel)? else { return Ok(None) };
        let (mut drawn, mut accepted) = (Vec::with_capacity(batch.len()), Vec::new());
        for (example, proposal) in batch.iter().zip(&proposals) {
            let is_right = reasoner.is_right(*example, proposal);
            let before = memory.get(example).is_some_and(|kept| kept.right);
            drawn.push(Drawn { proposal: is_right, memory: before });
            if is_right {
                memory.insert(*example, Kept { chain: proposal.clone(), right: true });
                accepted.push(*example);
            }
        }
        let pairs: Vec<Pair<R::Chain>> = batch
            .iter()
            .zip(&proposals)
            .zip(&drawn)
            .map(|((example, proposal), drawn)| {
                let kept = memory.get(example).filter(|_| !drawn.proposal);
                Pair { example: *example, memory: kept.map_or(proposal, |kept| &kept.chain), proposal }
            })
            .collect();
        let each = weights(&drawn, self.with_control);
        let offset = (mix(self.seed, step as u64, u64::MAX) >> 11) as f64 / (1u64 << 53) as f64;
        let Some((log_p, gradient)) = sum(reasoner, &pairs, &each, self.most_terms, offset, cancel)? else {
            return Ok(None);
        };
        let variance = match self.measure {
            Some(groups) => {
                let Some(variance) = variance(reasoner, &pairs, &drawn, groups, cancel)? else {
                    return Ok(None);
                };
                variance
            }
            None => None,
        };
        let loss = mean(log_p.into_iter().map(|log_p| -log_p));
        Ok(Some(Estimate {
            gradient,
            loss,
            proposed: batch.len(),
            right: accepted.len(),
            accepted,
            variance,
        }))
    }

    /// A step of rejection sampling: the mean over the examples of the mean over their right proposals.
    pub(super) fn rejection<R: Reasoner>(
        &self,
        reasoner: &mut R,
        batch: &[usize],
        step: usize,
        cancel: &Cancel,
    ) -> Result<Option<Estimate>> {
        let all: Vec<usize> = batch.iter().flat_map(|example| [*example; PROPOSALS]).collect();
        let Some(proposals) = reasoner.propose(&self.draws(step, &all), cancel)? else { return Ok(None) };
        let mut terms = Vec::new();
        for (example, proposals) in batch.iter().zip(proposals.chunks(PROPOSALS)) {
            let right: Vec<_> = proposals.iter().filter(|chain| reasoner.is_right(*example, chain)).collect();
            let weight = 1.0 / (right.len() * batch.len()).max(1) as f64;
            terms.extend(right.into_iter().map(|chain| Term { example: *example, chain, weight }));
        }
        let right = terms.len();
        let Some((loss, gradient)) = of_terms(reasoner, &terms, cancel)? else { return Ok(None) };
        Ok(Some(Estimate {
            gradient,
            loss,
            proposed: all.len(),
            right,
            accepted: Vec::new(),
            variance: None,
        }))
    }
}

/// The mean log-likelihood of given chains, and its gradient.
pub(super) fn imitate<R: Reasoner>(
    reasoner: &mut R,
    chains: &[(usize, &R::Chain)],
    cancel: &Cancel,
) -> Result<Option<Estimate>> {
    let weight = 1.0 / chains.len().max(1) as f64;
    let terms: Vec<_> =
        chains.iter().map(|(example, chain)| Term { example: *example, chain: *chain, weight }).collect();
    let Some((loss, gradient)) = of_terms(reasoner, &terms, cancel)? else { return Ok(None) };
    Ok(Some(Estimate { gradient, loss, proposed: 0, right: 0, accepted: Vec::new(), variance: None }))
}

fn of_terms<R: Reasoner>(
    reasoner: &mut R,
    terms: &[Term<R::Chain>],
    cancel: &Cancel,
) -> Result<Option<(Option<f64>, Vec<f32>)>> {
    if terms.is_empty() {
        return Ok(Some((None, vec![0.0; reasoner.parameters().len()])));
    }
    let Some(gradient) = reasoner.gradient(terms, cancel)? else { return Ok(None) };
    Ok(Some((mean(gradient.log_p.into_iter().map(|log_p| -log_p)), gradient.of)))
}

/// An example with the chain in memory after its proposal, and the proposal.
struct Pair<'a, C> {
    example: usize,
    memory: &'a C,
    proposal: &'a C,
}

/// Log-probabilities of the chains in memory that were computed, and the weighted sum of gradients.
fn sum<R: Reasoner>(
    reasoner: &mut R,
    pairs: &[Pair<R::Chain>],
    each: &[Weights],
    most: usize,
    offset: f64,
    cancel: &Cancel,
) -> Result<Option<(Vec<f64>, Vec<f32>)>> {
    let flat: Vec<f64> = each.iter().flat_map(|weights| [weights.memory, weights.proposal]).collect();
    let flat = subsample(&flat, most, offset);
    let mut terms = Vec::new();
    let mut of_memory = Vec::new();
    for (pair, weights) in pairs.iter().zip(flat.chunks_exact(2)) {
        for (chain, weight, is_memory) in
            [(pair.memory, weights[0], true), (pair.proposal, weights[1], false)]
        {
            if weight != 0.0 {
                terms.push(Term { example: pair.example, chain, weight });
                of_memory.push(is_memory);
            }
        }
    }
    if terms.is_empty() {
        return Ok(Some((Vec::new(), vec![0.0; reasoner.parameters().len()])));
    }
    let Some(gradient) = reasoner.gradient(&terms, cancel)? else { return Ok(None) };
    let log_p =
        gradient.log_p.into_iter().zip(of_memory).filter(|(_, memory)| *memory).map(|(log_p, _)| log_p);
    Ok(Some((log_p.collect(), gradient.of)))
}

/// How estimates from parts of a batch differ; `None` inside where the parts are too small to tell.
fn variance<R: Reasoner>(
    reasoner: &mut R,
    pairs: &[Pair<R::Chain>],
    drawn: &[Drawn],
    groups: usize,
    cancel: &Cancel,
) -> Result<Option<Option<Variance>>> {
    let size = pairs.len() / groups.max(1);
    if groups < 2 || size == 0 {
        return Ok(Some(None));
    }
    let mut measured = [(0.0, 0.0); 2];
    for (measured, with_control) in measured.iter_mut().zip([true, false]) {
        let each = weights(drawn, with_control);
        let mut estimates = Vec::new();
        for group in 0..groups {
            let range = group * size..(group + 1) * size;
            // The weights are those of the mean over the whole batch.
            let scaled: Vec<Weights> = each[range.clone()]
                .iter()
                .map(|w| Weights { memory: w.memory * groups as f64, proposal: w.proposal * groups as f64 })
                .collect();
            let Some((_, of)) = sum(reasoner, &pairs[range], &scaled, 0, 0.0, cancel)? else {
                return Ok(None);
            };
            estimates.push(of);
        }
        *measured = variance_of_mean(&estimates);
    }
    let [(with_control, _), (without, squared_length)] = measured;
    Ok(Some(Some(Variance { with_control, without, squared_length })))
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = numbers.fold((0.0, 0usize), |(sum, n), number| (sum + number, n + 1));
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests;
