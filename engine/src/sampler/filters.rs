//! Filters over candidates, best first.

use crate::features::text::TokenId;

/// A token that may come next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token.
    pub token: TokenId,
    /// Its logit.
    pub logit: f32,
}

/// Changes or drops candidates. They come sorted by falling logit, and at least one must stay.
pub trait Filter {
    /// Does so.
    fn apply(&self, candidates: &mut Vec<Candidate>);
}

/// Probabilities of the candidates, which add up to 1.
pub fn softmax(candidates: &[Candidate]) -> Vec<f32> {
    let Some(best) = candidates.first() else { return Vec::new() };
    let weights: Vec<f32> = candidates.iter().map(|candidate| (candidate.logit - best.logit).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Divides logits; above 1 flattens, below 1 sharpens.
#[derive(Debug)]
pub struct Temperature(pub f32);

impl Filter for Temperature {
    fn apply(&self, candidates: &mut Vec<Candidate>) {
        for candidate in candidates {
            candidate.logit /= self.0;
        }
    }
}

/// Keeps the k likeliest.
#[derive(Debug)]
pub struct TopK(pub usize);

impl Filter for TopK {
    fn apply(&self, candidates: &mut Vec<Candidate>) {
        candidates.truncate(self.0.max(1));
    }
}

/// Keeps the fewest that together reach this probability (Holtzman et al., 2020).
#[derive(Debug)]
pub struct TopP(pub f32);

impl Filter for TopP {
    fn apply(&self, candidates: &mut Vec<Candidate>) {
        let mut sum = 0.0;
        let reached = softmax(candidates).iter().position(|probability| {
            sum += probability;
            sum >= self.0
        });
        if let Some(last) = reached {
            candidates.truncate(last + 1);
        }
    }
}

/// Drops what is less likely than this share of the likeliest (Nguyen et al., 2024).
#[derive(Debug)]
pub struct MinP(pub f32);

impl Filter for MinP {
    fn apply(&self, candidates: &mut Vec<Candidate>) {
        let probabilities = softmax(candidates);
        let floor = probabilities.first().map_or(0.0, |best| best * self.0);
        let kept = probabilities.iter().take_while(|probability| **probability >= floor).count();
        candidates.truncate(kept.max(1));
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

    fn candidates(logits: &[f32]) -> Vec<Candidate> {
        logits
            .iter()
            .enumerate()
            .map(|(i, logit)| Candidate { token: TokenId(i as u32), logit: *logit })
            .collect()
    }

    #[test]
    fn softmax_sums_to_one_at_every_scale() {
        for scale in [1e-3, 1.0, 1e3] {
            let sum: f32 = softmax(&candidates(&[3.0 * scale, scale, -scale])).iter().sum();
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn no_filter_drops_the_likeliest() {
        let filters: [&dyn Filter; 4] = [&TopK(0), &TopP(0.0), &MinP(1.0), &Temperature(0.5)];
        for filter in filters {
            let mut some = candidates(&[5.0, 4.0, 1.0]);
            filter.apply(&mut some);
            assert_eq!(some[0].token, TokenId(0));
        }
    }

    #[test]
    fn top_p_keeps_the_fewest_that_reach_it() {
        // 0.6, 0.3, 0.1
        let mut some = candidates(&[0.6f32.ln(), 0.3f32.ln(), 0.1f32.ln()]);
        TopP(0.8).apply(&mut some);
        assert_eq!(some.len(), 2);
    }

    #[test]
    fn a_penalty_lowers_positive_and_negative_logits_once() {
        let mut logits = [2.0, -2.0, 1.0];
        RepetitionPenalty { penalty: 2.0, window: 8 }
            .apply(&mut logits, &[TokenId(0), TokenId(0), TokenId(1)]);
        assert_eq!(logits, [1.0, -4.0, 1.0]);
    }
}
