//! 6: logits → token.
//!
//! [`filters`] drop candidates, one small type each, in a fixed order; [`Sampler`] then
//! takes the likeliest one or draws by a seeded generator.

pub mod filters;

use crate::features::text::TokenId;
use crate::generate::GenerateOptions;
use crate::kernels::buffer::Buffer;
use crate::kernels::largest;
use crate::random::next_bits;
use filters::{Candidates, Filter, MinP, RepetitionPenalty, TopK, TopP};

/// How many of the last tokens a repetition penalty looks at.
const REPETITION_WINDOW: usize = 128;

/// Chooses tokens; the same seed and logits give the same choices.
pub struct Sampler {
    penalty: Option<RepetitionPenalty>,
    filters: Vec<Box<dyn Filter + Send>>,
    temperature: f32,
    state: u64,
}

impl Sampler {
    /// The chain that the options describe: penalty, temperature, top-k, top-p, min-p.
    pub fn new(options: &GenerateOptions) -> Self {
        let mut filters: Vec<Box<dyn Filter + Send>> = Vec::new();
        if options.temperature > 0.0 {
            if options.top_k > 0 {
                filters.push(Box::new(TopK(options.top_k)));
            }
            if options.top_p < 1.0 {
                filters.push(Box::new(TopP(options.top_p)));
            }
            if options.min_p > 0.0 {
                filters.push(Box::new(MinP(options.min_p)));
            }
        }
        let penalty = (options.repetition_penalty != 1.0)
            .then_some(RepetitionPenalty { penalty: options.repetition_penalty, window: REPETITION_WINDOW });
        Self {
            penalty,
            filters,
            temperature: options.temperature,
            state: options.seed.wrapping_add(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// The next token.
    ///
    /// # Shapes
    /// - `logits`: `[n_vocab]`
    /// - `written`: the tokens of the answer so far
    pub fn sample(&mut self, mut logits: Buffer, written: &[TokenId]) -> TokenId {
        if let Some(penalty) = &self.penalty {
            penalty.apply(&mut logits, written);
        }
        if self.temperature <= 0.0 || logits.is_empty() {
            return argmax(&logits);
        }
        let mut candidates = Candidates::new(logits, self.temperature);
        for filter in &self.filters {
            filter.apply(&mut candidates);
        }
        let drawn = self.uniform() * candidates.sum();
        let mut last = TokenId(0);
        // Rounding can leave a hair: then it is the last candidate that was kept.
        candidates.position(|candidate, sum| {
            last = candidate.token;
            sum > drawn
        });
        last
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f32 {
        (next_bits(&mut self.state) >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// The first of the largest.
pub(crate) fn argmax(logits: &[f32]) -> TokenId {
    let most = largest(logits);
    TokenId(logits.iter().position(|logit| *logit == most).unwrap_or(0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(options: &GenerateOptions) -> Vec<TokenId> {
        let mut sampler = Sampler::new(options);
        (0..200).map(|_| sampler.sample(vec![1.0, 3.0, 2.0, -5.0].into(), &[])).collect()
    }

    #[test]
    fn temperature_zero_takes_the_likeliest() {
        let options = GenerateOptions { temperature: 0.0, repetition_penalty: 1.0, ..Default::default() };
        assert!(draws(&options).iter().all(|token| *token == TokenId(1)));
    }

    #[test]
    fn the_seed_decides_the_draws() {
        let options =
            |seed| GenerateOptions { temperature: 1.0, repetition_penalty: 1.0, seed, ..Default::default() };
        assert_eq!(draws(&options(7)), draws(&options(7)));
        assert_ne!(draws(&options(7)), draws(&options(8)));
        let ones = draws(&options(7)).iter().filter(|token| **token == TokenId(1)).count();
        assert!((100..170).contains(&ones), "softmax gives 0.665: {ones} of 200");
    }

    #[test]
    fn dropped_tokens_are_never_drawn() {
        let options =
            GenerateOptions { temperature: 2.0, top_k: 2, repetition_penalty: 1.0, ..Default::default() };
        assert!(draws(&options).iter().all(|token| [TokenId(1), TokenId(2)].contains(token)));
    }
}
