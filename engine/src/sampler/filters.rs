//! Filters over candidates, best first.

use crate::features::text::TokenId;
use crate::kernels::buffer::Buffer;
use crate::kernels::{exp_from, largest};

/// What is e²⁵ times less likely than the best is never drawn in practice.
const LEAST: f32 = 1.4e-11;

/// How much deeper each look goes.
const DEEPER: f32 = 1.0 / 32.0;

/// A token that may come next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token.
    pub token: TokenId,
    /// How likely it is beside the likeliest one, which has 1.
    pub weight: f32,
}

/// Tokens that may come next, likeliest first. Of a vocabulary few are ever asked for, so only these are sorted.
#[derive(Debug)]
pub struct Candidates {
    /// Of all tokens.
    weights: Buffer,
    /// Those of at least `floor`, and maybe no more of them than are kept.
    sorted: Vec<Candidate>,
    floor: f32,
    /// What all that are kept weigh.
    sum: f32,
    /// How many are kept, once this is decided.
    n_kept: Option<usize>,
}

impl Candidates {
    /// All tokens, with logits divided by `temperature`: above 1 flattens, below 1 sharpens.
    pub fn new(mut logits: Buffer, temperature: f32) -> Self {
        if temperature != 1.0 {
            logits.iter_mut().for_each(|logit| *logit /= temperature);
        }
        let best = largest(&logits);
        let sum = exp_from(&mut logits, best);
        Self { weights: logits, sorted: Vec::new(), floor: 1.0, sum, n_kept: None }
    }

    /// The candidate in this place; none where there are fewer.
    pub fn get(&mut self, place: usize) -> Option<Candidate> {
        if self.n_kept.is_some_and(|n| place >= n) {
            return None;
        }
        while place >= self.sorted.len() && self.floor > LEAST {
            self.floor = (self.floor * DEEPER).max(LEAST);
            let likely = self.weights.iter().enumerate().filter(|(_, weight)| **weight >= self.floor);
            self.sorted.clear();
            self.sorted
                .extend(likely.map(|(i, weight)| Candidate { token: TokenId(i as u32), weight: *weight }));
            self.sorted.sort_unstable_by(|a, b| b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token)));
        }
        self.sorted.get(place).copied()
    }

    /// The weights of all that are kept, added up.
    pub fn sum(&self) -> f32 {
        self.sum
    }

    /// The first place where `reached` says so of the candidate and of what it weighs with all before it.
    pub fn position(&mut self, mut reached: impl FnMut(Candidate, f32) -> bool) -> Option<usize> {
        let mut sum = 0.0;
        (0..).map_while(|place| self.get(place)).position(|candidate| {
            sum += candidate.weight;
            reached(candidate, sum)
        })
    }

    /// Keeps the first `n`, and one at least.
    pub fn truncate(&mut self, n: usize) {
        let n = n.max(1);
        self.get(n - 1);
        let n = n.min(self.n_kept.unwrap_or(n)).min(self.sorted.len());
        self.sum = self.sorted[..n].iter().map(|candidate| candidate.weight).sum();
        self.n_kept = Some(n);
    }
}

/// Drops candidates.
pub trait Filter {
    /// Does so.
    fn apply(&self, candidates: &mut Candidates);
}

/// Keeps the k likeliest.
#[derive(Debug)]
pub struct TopK(pub usize);

impl Filter for TopK {
    fn apply(&self, candidates: &mut Candidates) {
        candidates.truncate(self.0);
    }
}

/// Keeps the fewest that together reach this probability (Holtzman et al., 2020).
#[derive(Debug)]
pub struct TopP(pub f32);

impl Filter for TopP {
    fn apply(&self, candidates: &mut Candidates) {
        let wanted = self.0 * candidates.sum();
        if let Some(last) = candidates.position(|_, sum| sum >= wanted) {
            candidates.truncate(last + 1);
        }
    }
}

/// Drops what is less likely than this share of the likeliest (Nguyen et al., 2024).
#[derive(Debug)]
pub struct MinP(pub f32);

impl Filter for MinP {
    fn apply(&self, candidates: &mut Candidates) {
        if let Some(first) = candidates.position(|candidate, _| candidate.weight < self.0) {
            candidates.truncate(first);
        }
    }
}

/// Makes tokens of the last `window` less likely (Keskar et al., CTRL, 2019): positive logits are
/// divided, negative ones multiplied.
#[derive(Debug)]
pub struct RepetitionPenalty {
    /// Above 1 avoids repetition.
    pub penalty: f32,
    /// How many tokens back it looks.
    pub window: usize,
}

impl RepetitionPenalty {
    /// Changes the logits of tokens in `written`, each once.
    pub fn apply(&self, logits: &mut [f32], written: &[TokenId]) {
        let mut recent = written[written.len().saturating_sub(self.window)..].to_vec();
        recent.sort_unstable();
        recent.dedup();
        for token in recent {
            if let Some(logit) = logits.get_mut(token.0 as usize) {
                *logit = if *logit > 0.0 { *logit / self.penalty } else { *logit * self.penalty };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(candidates: &mut Candidates) -> Vec<u32> {
        (0..).map_while(|place| candidates.get(place)).map(|candidate| candidate.token.0).collect()
    }

    #[test]
    fn candidates_come_in_order_however_far_one_looks() {
        let logits: Vec<f32> = (0..5000u32).map(|i| (i * 7919 % 5000) as f32 / 250.0).collect();
        let mut sorted: Vec<u32> = (0..5000).collect();
        sorted.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
        let mut all = Candidates::new(logits.clone().into(), 1.0);
        assert_eq!(all.get(2).map(|candidate| candidate.token.0), Some(sorted[2]));
        assert!(all.sorted.len() < 2000, "few are sorted for few");
        assert_eq!(kept(&mut all), sorted);
        let sum: f32 = sorted.iter().map(|i| (logits[*i as usize] - logits[sorted[0] as usize]).exp()).sum();
        assert!((all.sum() / sum - 1.0).abs() < 1e-4);
        for k in [1, 40, 3000] {
            let mut some = Candidates::new(logits.clone().into(), 0.5);
            TopK(k).apply(&mut some);
            assert_eq!(kept(&mut some), sorted[..k]);
        }
    }

    #[test]
    fn no_filter_drops_the_likeliest() {
        let filters: [&dyn Filter; 3] = [&TopK(0), &TopP(0.0), &MinP(1.0)];
        for filter in filters {
            let mut some = Candidates::new(vec![5.0, 4.0, 1.0].into(), 1.0);
            filter.apply(&mut some);
            assert_eq!(kept(&mut some), [0]);
        }
    }

    #[test]
    fn filters_keep_what_they_say() {
        // 0.6, 0.3, 0.1
        let some = || Candidates::new(vec![0.1f32.ln(), 0.6f32.ln(), 0.3f32.ln()].into(), 1.0);
        let by = |filters: &[&dyn Filter]| {
            let mut some = some();
            filters.iter().for_each(|filter| filter.apply(&mut some));
            kept(&mut some)
        };
        assert_eq!(by(&[]), [1, 2, 0]);
        assert_eq!(by(&[&TopP(0.8)]), [1, 2]);
        assert_eq!(by(&[&TopP(0.95)]), [1, 2, 0]);
        assert_eq!(by(&[&MinP(0.4)]), [1, 2]);
        assert_eq!(by(&[&MinP(0.1)]), [1, 2, 0]);
        // Of the two that are left the first has two thirds.
        assert_eq!(by(&[&TopK(2), &TopP(0.66)]), [1]);
    }

    #[test]
    fn a_penalty_lowers_positive_and_negative_logits_once() {
        let mut logits = [2.0, -2.0, 1.0];
        RepetitionPenalty { penalty: 2.0, window: 8 }
            .apply(&mut logits, &[TokenId(0), TokenId(0), TokenId(1)]);
        assert_eq!(logits, [1.0, -4.0, 1.0]);
    }
}
