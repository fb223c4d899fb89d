//! The decoder: embed, layers, norm, logits.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::block::Block;
use super::config::DecoderConfig;
use super::state::DecodeState;
use crate::cancel::Cancel;
use crate::error::{Doing, Error, Result};
use crate::nn::{Embedding, Linear, RmsNorm, Rotary, RotarySpec, softcap};
use crate::threads;
use crate::weights::Weights;

/// A decoder with its weights; read-only, so many requests can share it.
pub struct Decoder {
    config: DecoderConfig,
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: RmsNorm,
    output: Linear,
    device: Device,
}

impl Decoder {
    /// Takes its tensors from `w` by our names.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(config: &DecoderConfig, w: &Weights) -> Result<Self> {
        let embedding = Embedding::new(config.n_vocab, config.d_model, &w.sub("embedding"))?;
        let output = if config.tied_output {
            Linear::tied(&embedding)
        } else {
            Linear::new(config.d_model, config.n_vocab, &w.sub("output"))?
        };
        let mut blocks = Vec::with_capacity(config.layers.len());
        let mut tables: Vec<((RotarySpec, usize), Arc<Rotary>)> = Vec::new();
        for (i, layer) in config.layers.iter().enumerate() {
            let key = (layer.attention.rotary, layer.attention.head_dim);
            let shared = match tables.iter().find(|(known, _)| *known == key) {
                Some((_, shared)) => shared.clone(),
                None => {
                    let made = Arc::new(Rotary::new(key.0, key.1, config.context_tokens, w.device())?);
                    tables.push((key, made.clone()));
                    made
                }
            };
            blocks.push(Block::new(config, layer, shared, &w.sub("blocks").sub(i))?);
        }
        let norm = RmsNorm::new(config.d_model, config.norm, &w.sub("norm"))?;
        Ok(Self { config: config.clone(), embedding, blocks, norm, output, device: w.device().clone() })
    }

    /// What it looks like.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// A state that holds no tokens.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute) when memory runs out.
    pub fn new_state(&self) -> Result<DecodeState> {
        DecodeState::new(&self.config, &self.device).doing("making room for the conversation")
    }

    /// Reads `tokens` after those in `state`; `None` when cancelled, with the state as it was before.
    ///
    /// # Shapes
    /// - returns: `[n_tokens, d_model]`, before the last norm
    ///
    /// # Errors
    /// [`Error::Compute`](crate::Error::Compute).
    fn run(&self, tokens: &[u32], state: &mut DecodeState, cancel: &Cancel) -> Result<Option<Tensor>> {
        let doing = "running the decoder";
        let ids = Tensor::new(tokens, &self.device).doing(doing)?;
        let mut x = self.embedding.forward(&ids).doing(doing)?; // [n, d_model]
        if self.config.embedding_scale != 1.0 {
            x = (x * self.config.embedding_scale).doing(doing)?;
        }
        for (block, cache) in self.blocks.iter().zip(&mut state.layers) {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = block.forward(&x, state.pos, cache).doing(doing)?;
        }
        state.pos += tokens.len();
        Ok(Some(x))
    }

    /// Logits of some rows of what [`Decoder::run`] returns, `[n, n_vocab]`.
    fn logits(&self, x: &Tensor, first: usize, n: usize) -> Result<Tensor> {
        let rows = x.narrow(0, first, n).and_then(|rows| self.norm.forward(&rows.contiguous()?));
        let logits = rows.and_then(|rows| self.output.forward(&rows));
        let capped = logits.and_then(|logits| match self.config.logit_softcap {
            Some(cap) => softcap(&logits, cap),
            None => Ok(logits),
        });
        capped.doing("computing logits")
    }

    /// Reads `tokens` (at least one) and returns the logits after the last, `[n_vocab]`;
    /// `None` when cancelled, with the state as it was before.
    ///
    /// # Errors
    /// [`Error::Request`] for no tokens or more than the context holds; [`Error::Compute`].
    pub fn forward(
        &self,
        tokens: &[u32],
        state: &mut DecodeState,
        cancel: &Cancel,
    ) -> Result<Option<Vec<f32>>> {
        self.check(tokens, state)?;
        threads::run(|| {
            let Some(x) = self.run(tokens, state, cancel)? else { return Ok(None) };
            let logits = self.logits(&x, tokens.len() - 1, 1)?;
            logits.squeeze(0).and_then(|row| row.to_vec1()).doing("reading logits").map(Some)
        })
    }

    /// Reads `tokens` and returns the logits after each, `[n_tokens][n_vocab]`; `None` when cancelled. For
    /// comparisons: a long text takes much memory.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn forward_all(
        &self,
        tokens: &[u32],
        state: &mut DecodeState,
        cancel: &Cancel,
    ) -> Result<Option<Vec<Vec<f32>>>> {
        self.check(tokens, state)?;
        threads::run(|| {
            let Some(x) = self.run(tokens, state, cancel)? else { return Ok(None) };
            self.logits(&x, 0, tokens.len())?.to_vec2().doing("reading logits").map(Some)
        })
    }

    /// Reads `tokens` and returns the log-probability of each of `tokens[first..]` after those before it;
    /// `None` when cancelled. `first` is at least 1.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    pub fn score(
        &self,
        tokens: &[u32],
        first: usize,
        state: &mut DecodeState,
        cancel: &Cancel,
    ) -> Result<Option<Vec<f64>>> {
        /// Rows of logits at a time: a whole window's would take a hundred megabytes.
        const ROWS: usize = 32;
        self.check(tokens, state)?;
        threads::run(|| {
            let Some(x) = self.run(tokens, state, cancel)? else { return Ok(None) };
            let mut scores = Vec::with_capacity(tokens.len().saturating_sub(first));
            for start in (first.max(1)..tokens.len()).step_by(ROWS) {
                if cancel.is_cancelled() {
                    return Ok(None);
                }
                let next = &tokens[start..(start + ROWS).min(tokens.len())];
                let logits = self.logits(&x, start - 1, next.len())?;
                let rows: Vec<Vec<f32>> = logits.to_vec2().doing("reading logits")?;
                scores.extend(rows.iter().zip(next).map(|(row, next)| log_probability(row, *next)));
            }
            Ok(Some(scores))
        })
    }

    /// Whether `tokens` can follow what `state` holds.
    fn check(&self, tokens: &[u32], state: &DecodeState) -> Result<()> {
        let (held, context) = (state.pos, self.config.context_tokens);
        let reason = if tokens.is_empty() {
            "there are no tokens to read".to_owned()
        } else if held + tokens.len() > context {
            format!("{} tokens after {held} do not fit: the model holds {context}", tokens.len())
        } else if let Some(id) = tokens.iter().find(|id| **id as usize >= self.config.n_vocab) {
            format!("token {id} is not in the vocabulary of {}", self.config.n_vocab)
        } else {
            return Ok(());
        };
        Err(Error::Request { reason })
    }
}

/// Log-probability of one entry; summed in f64, since the vocabulary is large.
fn log_probability(logits: &[f32], token: u32) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).sum();
    f64::from(logits[token as usize]) - largest - sum.ln()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use candle_core::DType;

    use super::*;
    use crate::weights::{TensorFile, same_name};

    /// Seeded random weights for every tensor that the configuration asks for.
    struct Seeded(HashMap<String, Vec<usize>>);

    impl TensorFile for Seeded {
        fn shapes(&self) -> &HashMap<String, Vec<usize>> {
            &self.0
        }

        fn tensor(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
            let shape = &self.0[name];
            let mut seed = name.bytes().fold(1u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
            let values: Vec<f32> = (0..shape.iter().product::<usize>())
                .map(|_| {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    ((seed >> 40) as f32 / (1 << 24) as f32 - 0.5) * 0.6
                })
                .collect();
            Tensor::from_vec(values, shape.as_slice(), device)?.to_dtype(DType::F32)
        }
    }

    fn tiny() -> Decoder {
        seeded(&DecoderConfig::tiny())
    }

    /// A decoder with random weights, for configurations made from [`DecoderConfig::tiny`].
    pub(crate) fn seeded(config: &DecoderConfig) -> Decoder {
        let mut shapes = HashMap::from([
            ("embedding.weight".to_owned(), vec![config.n_vocab, config.d_model]),
            ("norm.weight".to_owned(), vec![config.d_model]),
        ]);
        for i in 0..config.layers.len() {
            for (name, shape) in [
                ("attention_norm", vec![32]),
                ("attention.q", vec![32, 32]),
                ("attention.k", vec![16, 32]),
                ("attention.v", vec![16, 32]),
                ("attention.output", vec![32, 32]),
                ("feed_forward_norm", vec![32]),
                ("feed_forward.gate", vec![48, 32]),
                ("feed_forward.up", vec![48, 32]),
                ("feed_forward.down", vec![32, 48]),
            ] {
                shapes.insert(format!("blocks.{i}.{name}.weight"), shape);
            }
        }
        let weights = Weights::new(Seeded(shapes), "tiny".as_ref(), &Device::Cpu, same_name);
        let decoder = Decoder::new(config, &weights).unwrap();
        weights.expect_all_used(|_| false).unwrap();
        decoder
    }

    fn logits(decoder: &Decoder, chunks: &[&[u32]]) -> Vec<f32> {
        let mut state = decoder.new_state().unwrap();
        let mut last = Vec::new();
        for chunk in chunks {
            last = decoder.forward(chunk, &mut state, &Cancel::new()).unwrap().unwrap();
        }
        last
    }

    fn assert_close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() < 1e-4, "logit {i}: {a} and {b}");
        }
    }

    #[test]
    fn cached_steps_equal_one_pass() {
        let decoder = tiny();
        let whole = logits(&decoder, &[&[1, 2, 3, 4, 5, 6]]);
        assert_close(&whole, &logits(&decoder, &[&[1], &[2], &[3], &[4], &[5], &[6]]));
        assert_close(&whole, &logits(&decoder, &[&[1, 2, 3], &[4, 5], &[6]]));
    }

    #[test]
    fn the_past_matters_and_the_future_does_not() {
        let decoder = tiny();
        let a = logits(&decoder, &[&[1, 2, 3]]);
        let b = logits(&decoder, &[&[9, 2, 3]]);
        assert!(a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-3));
        let mut state = decoder.new_state().unwrap();
        let scores = decoder.score(&[1, 2, 3, 4], 1, &mut state, &Cancel::new()).unwrap().unwrap();
        let mut other = decoder.new_state().unwrap();
        let changed = decoder.score(&[1, 2, 3, 50], 1, &mut other, &Cancel::new()).unwrap().unwrap();
        assert!((scores[0] - changed[0]).abs() < 1e-5 && (scores[1] - changed[1]).abs() < 1e-5);
        assert!((scores[2] - changed[2]).abs() > 1e-5);
    }

    #[test]
    fn a_truncated_state_continues_as_if_the_rest_had_never_been() {
        let decoder = tiny();
        let mut state = decoder.new_state().unwrap();
        let cancel = Cancel::new();
        decoder.forward(&[1, 2, 3, 40, 41], &mut state, &cancel).unwrap();
        state.truncate(3);
        let again = decoder.forward(&[4], &mut state, &cancel).unwrap().unwrap();
        assert_close(&again, &logits(&decoder, &[&[1, 2, 3, 4]]));
    }

    #[test]
    fn the_cache_grows_past_its_first_size() {
        let decoder = tiny();
        let tokens: Vec<u32> = (0..120).map(|i| i % 64).collect();
        let mut state = decoder.new_state().unwrap();
        for _ in 0..3 {
            state.truncate(0);
            decoder.forward(&tokens, &mut state, &Cancel::new()).unwrap();
        }
        assert_eq!(state.pos(), 120);
    }

    #[test]
    fn tokens_that_do_not_fit_are_refused_before_any_work() {
        let decoder = tiny();
        let mut state = decoder.new_state().unwrap();
        for (tokens, reason) in [(vec![], "no tokens"), (vec![1; 129], "128"), (vec![64], "vocabulary")] {
            let error = decoder.forward(&tokens, &mut state, &Cancel::new()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert_eq!(state.pos(), 0);
        }
    }

    #[test]
    fn cancel_stops_within_a_layer_and_leaves_the_position() {
        let decoder = tiny();
        let mut state = decoder.new_state().unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(decoder.forward(&[1, 2], &mut state, &cancel).unwrap().is_none());
        assert_eq!(state.pos(), 0);
    }
}
