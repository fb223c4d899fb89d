//! Gradients of log-probabilities with respect to adapters and soft prompts; the weights stay as they are.
//!
//! Layers are traced by candle one at a time, on the way there and on the way back. As many of the last ones as there is
//! room for keep what they computed; the others only what they read, and are computed once more on the way back (Chen et
//! al., Training Deep Nets with Sublinear Memory Cost, 2016).

use std::time::Instant;

use candle_core::{D, Tensor, Var};

use super::adapter::AdapterLayers;
use super::config::{KeySource, LayerSpec};
use super::input::Input;
use super::model::Decoder;
use super::reading::log_probability;
use super::step::{Step, Traced};
use crate::cancel::Cancel;
use crate::error::{Doing, Error, Result};
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::for_each_row;
use crate::kernels::{softmax, team};
use crate::memory;
use crate::nn::{Array, Rows};
use crate::threads;

/// Rows of logits at a time.
const ROWS: usize = 256;

/// What layers may keep for the way back, in bytes; never more than a quarter of the memory that is free.
const KEPT: u64 = 5 << 28;

const DOING: &str = "computing gradients";

/// A text whose end is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// What follows the beginning that all have.
    pub tokens: Vec<u32>,
    /// The first of them that is scored, at least 1.
    pub first: usize,
    /// What its gradient is multiplied by.
    pub weight: f64,
}

/// What [`Decoder::gradients`] gives.
pub struct Gradients {
    /// Log-probability of what is scored of each text.
    pub log_p: Vec<f64>,
    /// Of `Σ weight · log p`, for each adapter of the decoder, layer by layer: `A` and `B`.
    pub adapters: Vec<[Tensor; 2]>,
    /// The same for what the first layer reads of the common beginning, `[n, d_model]`.
    pub beginning: Option<Tensor>,
}

impl Decoder {
    /// Whether there are gradients for this kind of decoder.
    ///
    /// # Errors
    /// [`Error::Request`] that names what is in the way.
    pub fn expect_gradients(&self) -> Result<()> {
        let config = self.config();
        let is_other = |keys: KeySource| matches!(keys, KeySource::Layer(_));
        if config.per_layer.is_none() && !config.layers.iter().any(|layer| is_other(layer.attention.keys)) {
            return Ok(());
        }
        let reason = "this model has layers that read other layers' keys or embeddings of their own, which cannot be tuned yet; choose another one";
        Err(Error::Request { reason: reason.into() })
    }

    /// Log-probabilities of the ends of some texts that begin alike, and the gradient of their weighted sum with respect
    /// to `adapters`, which are this decoder's; `None` when cancelled. What they have in common is read once, and its
    /// gradient counts all of them.
    ///
    /// # Errors
    /// [`Error::Request`] for texts without tokens to score or longer than the context, and as
    /// [`Decoder::expect_gradients`]; [`Error::Compute`].
    pub fn gradients(
        &self,
        beginning: &Input,
        texts: &[Scored],
        adapters: &AdapterLayers,
        cancel: &Cancel,
    ) -> Result<Option<Gradients>> {
        let how = if self.is_on_processor() { Traced::Apart } else { Traced::Together };
        let n_rows = beginning.len() + texts.iter().map(|text| text.tokens.len()).sum::<usize>();
        self.gradients_traced((how, self.layers_kept(how, n_rows)), beginning, texts, adapters, cancel)
    }

    /// With so many layers that keep what they compute.
    fn gradients_traced(
        &self,
        (how, n_kept): (Traced, usize),
        beginning: &Input,
        texts: &[Scored],
        adapters: &AdapterLayers,
        cancel: &Cancel,
    ) -> Result<Option<Gradients>> {
        self.expect_gradients()?;
        if texts.is_empty() || texts.iter().any(|text| text.first == 0 || text.first >= text.tokens.len()) {
            return Err(Error::Request { reason: "a text without tokens to score has no gradient".into() });
        }
        threads::run(|| {
            let since = Instant::now();
            let inputs: Vec<Input> = texts.iter().map(|text| Input::from(&text.tokens[..])).collect();
            let before = (!beginning.is_empty()).then_some((beginning, 0));
            let placed: Vec<(&Input, usize)> =
                before.into_iter().chain(inputs.iter().map(|input| (input, beginning.len()))).collect();
            for (input, pos) in &placed {
                self.check(input, *pos)?;
            }
            let step = Step::new(placed.iter().copied(), &self.rotaries).traced(how);
            let Some((mut passes, last)) = self.trace(&placed, &step, n_kept, cancel)? else {
                return Ok(None);
            };
            let read_s = since.elapsed().as_secs_f64();
            let (log_p, mut upstream) = self.score_back(&last, beginning.len(), texts).doing(DOING)?;
            let scored_s = since.elapsed().as_secs_f64();
            let mut gradients = Vec::new();
            while let Some(pass) = passes.pop() {
                if cancel.is_cancelled() {
                    return Ok(None);
                }
                let (next, of_layer) =
                    self.block_back(passes.len(), pass, &step, &upstream, adapters).doing(DOING)?;
                upstream = next;
                gradients.extend(of_layer.into_iter().rev());
            }
            gradients.reverse();
            log::debug!(
                "gradients of {} tokens, {n_kept} layers kept: {read_s:.2} s there, {:.2} at the end, {:.2} back",
                step.modalities.len(),
                scored_s - read_s,
                since.elapsed().as_secs_f64() - scored_s
            );
            let of_beginning = match beginning.len() {
                0 => None,
                n => Some(upstream.narrow(0, 0, n).doing(DOING)?),
            };
            Ok(Some(Gradients { log_p, adapters: gradients, beginning: of_beginning }))
        })
    }

    /// How many layers may keep what they compute of so many rows.
    fn layers_kept(&self, how: Traced, n_rows: usize) -> usize {
        let free = if self.is_on_processor() { memory::available_bytes() } else { None };
        let most = free.map_or(KEPT, |free| KEPT.min(free / 4));
        let largest = self.config.layers.iter().map(|layer| {
            let of_row = numbers_of_row(layer, self.config.d_model);
            let hidden = if how == Traced::Together { 3 * layer.attention.n_heads * n_rows } else { 0 };
            (n_rows * (of_row + hidden) * size_of::<f32>()) as u64
        });
        (most / largest.max().unwrap_or(0).max(1)).min(self.blocks.len() as u64) as usize
    }

    /// Goes through the layers, traced; the last `n_kept` keep what they compute. `None` when cancelled.
    ///
    /// # Shapes
    /// - returns: what each layer read, and what the last one gave, `[n, d_model]`
    fn trace(
        &self,
        placed: &[(&Input, usize)],
        step: &Step,
        n_kept: usize,
        cancel: &Cancel,
    ) -> Result<Option<(Vec<Pass>, Tensor)>> {
        let (rows, _) = self.embed(placed.iter().map(|(input, _)| *input)).doing(DOING)?;
        let mut x = rows.to_tensor().and_then(|x| x.to_device(&self.device)).doing(DOING)?;
        let mut passes = Vec::with_capacity(self.blocks.len());
        for layer in 0..self.blocks.len() {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            let read = Var::from_tensor(&x).doing(DOING)?;
            let y = self.traced(layer, &read, step).doing(DOING)?;
            x = y.detach();
            let gave = (layer + n_kept >= self.blocks.len()).then_some(y);
            passes.push(Pass { read, gave });
        }
        Ok(Some((passes, x)))
    }

    /// What a layer gives, with the way back to what it read, `[n, d_model]`.
    fn traced(&self, layer: usize, read: &Var, step: &Step) -> candle_core::Result<Tensor> {
        let x = Rows::Device(read.as_tensor().clone());
        let y = self.blocks[layer].forward(&x, step, None, &mut [])?;
        y.on_device().cloned().ok_or_else(lost)
    }

    /// Log-probabilities of the texts, and the gradient at what the last layer gave, `[n, d_model]`.
    ///
    /// # Shapes
    /// - `last`: `[n, d_model]`, the rows of the beginning before those of the texts
    fn score_back(
        &self,
        last: &Tensor,
        n_beginning: usize,
        texts: &[Scored],
    ) -> candle_core::Result<(Vec<f64>, Tensor)> {
        // Row, the token after it, its text.
        let mut places = Vec::new();
        let mut start = n_beginning;
        for (i, text) in texts.iter().enumerate() {
            places
                .extend((text.first..text.tokens.len()).map(|t| ((start + t - 1) as u32, text.tokens[t], i)));
            start += text.tokens.len();
        }
        let mut log_p = vec![0.0; texts.len()];
        let mut upstream = last.zeros_like()?;
        for places in places.chunks(ROWS) {
            let rows: Vec<u32> = places.iter().map(|(row, _, _)| *row).collect();
            let rows = Tensor::new(&rows[..], &self.device)?;
            let chosen = Var::from_tensor(&last.index_select(&rows, 0)?)?;
            let normed = self.norm.forward(&Rows::Device(chosen.as_tensor().clone()))?;
            let normed = normed.on_device().ok_or_else(lost)?;
            let logits = self.logits_of_normed(&Rows::copy(&normed.detach())?)?;
            let scored: Vec<(u32, f32)> =
                places.iter().map(|(_, token, text)| (*token, texts[*text].weight as f32)).collect();
            let cap = self.config.logit_softcap.map(|cap| cap as f32);
            let (each, back) = match logits.on_device() {
                Some(logits) => back_at_logits(logits, &scored, cap)?,
                None => back_at_host_logits(logits, &scored, cap)?,
            };
            places.iter().zip(each).for_each(|((_, _, text), each)| log_p[*text] += each);
            let at_normed = self.output.backward(&back)?;
            let gradients = (normed * at_normed)?.sum_all()?.backward()?;
            let at_last = gradients.get(chosen.as_tensor()).ok_or_else(lost)?;
            upstream = upstream.index_add(&rows, at_last, 0)?;
        }
        Ok((log_p, upstream))
    }

    /// The gradient at what a layer read, and those of its adapters.
    ///
    /// # Shapes
    /// - `upstream`: `[n, d_model]`; returns the same
    fn block_back(
        &self,
        layer: usize,
        Pass { read, gave }: Pass,
        step: &Step,
        upstream: &Tensor,
        adapters: &AdapterLayers,
    ) -> candle_core::Result<(Tensor, Vec<[Tensor; 2]>)> {
        let y = gave.map_or_else(|| self.traced(layer, &read, step), Ok)?;
        let mut gradients = (y * upstream)?.sum_all()?.backward()?;
        let mut of_layer = Vec::new();
        for (_, adapter) in adapters.of_layer(layer) {
            let mut of = |part: &Tensor| gradients.remove(part).map_or_else(|| part.zeros_like(), Ok);
            of_layer.push([of(adapter.a())?, of(adapter.b())?]);
        }
        let at_read = gradients.remove(read.as_tensor()).ok_or_else(lost)?;
        Ok((at_read.detach(), of_layer))
    }
}

/// A layer on the way there.
struct Pass {
    /// What it read, `[n, d_model]`.
    read: Var,
    /// What it gave, with the way back, where that is kept.
    gave: Option<Tensor>,
}

/// Numbers that a layer computes of a row, about: what it keeps for the way back.
fn numbers_of_row(layer: &LayerSpec, d_model: usize) -> usize {
    let attention = &layer.attention;
    let (n_queries, n_keys) = (attention.n_heads, attention.n_kv_heads);
    8 * d_model + (3 * n_queries + 4 * n_keys) * attention.head_dim + 4 * layer.feed_forward.d_hidden()
}

/// Log-probabilities of tokens, and the gradient of their weighted sum at the logits: one for the token, less what each
/// token has.
///
/// # Shapes
/// - `logits`: `[n, n_vocab]`, within ± `cap` where there is one
/// - `scored`: for each row its token and its weight
/// - returns: `[n]`, and as `logits`
fn back_at_host_logits(
    logits: Rows,
    scored: &[(u32, f32)],
    cap: Option<f32>,
) -> candle_core::Result<(Vec<f64>, Tensor)> {
    let n_vocab = logits.width();
    let mut log_p = vec![0.0; scored.len()];
    logits.read(|logits| {
        team::for_each_chunk(&mut log_p, 1, |i, log_p| {
            log_p[0] = log_probability(&logits[i * n_vocab..][..n_vocab], scored[i].0);
        });
    })?;
    let back = logits.change(|all| {
        for_each_row(all, n_vocab, |i, row| {
            let (token, weight) = scored[i];
            let before = cap.map(|_| Buffer::of(row));
            softmax(row);
            row.iter_mut().for_each(|share| *share *= -weight);
            row[token as usize] += weight;
            if let (Some(cap), Some(logits)) = (cap, before) {
                let pairs = row.iter_mut().zip(&logits[..]);
                pairs.for_each(|(gradient, logit)| *gradient *= 1.0 - (logit / cap).powi(2));
            }
        });
    })?;
    Ok((log_p, back.to_tensor()?))
}

/// [`back_at_host_logits`] where another device has them.
fn back_at_logits(
    logits: &Tensor,
    scored: &[(u32, f32)],
    cap: Option<f32>,
) -> candle_core::Result<(Vec<f64>, Tensor)> {
    let (n, device) = (scored.len(), logits.device());
    let tokens = Tensor::from_iter(scored.iter().map(|(token, _)| *token), device)?.reshape((n, 1))?;
    let weights = Tensor::from_iter(scored.iter().map(|(_, weight)| *weight), device)?.reshape((n, 1))?;
    let most = logits.max_keepdim(D::Minus1)?;
    let all = (logits.broadcast_sub(&most)?.exp()?.sum_keepdim(D::Minus1)?.log()? + most)?;
    let log_p = (logits.gather(&tokens, D::Minus1)? - &all)?.flatten_all()?.to_vec1::<f32>()?;
    let shares = logits.broadcast_sub(&all)?.exp()?;
    let back = shares.broadcast_mul(&weights.neg()?)?.scatter_add(&tokens, &weights, D::Minus1)?;
    let back = match cap {
        Some(cap) => (back * (1.0 - (logits / f64::from(cap))?.sqr()?)?)?,
        None => back,
    };
    Ok((log_p.into_iter().map(f64::from).collect(), back))
}

fn lost() -> candle_core::Error {
    candle_core::Error::msg("a gradient was lost on the way")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use candle_core::Device;

    use super::super::adapter::Projection;
    use super::super::{DecoderConfig, Modality, Routing, seeded};
    use super::*;
    use crate::model::folder;
    use crate::nn::{CacheFormat, LowRank};

    /// Adapters of rank 2 for every matrix of the decoder, from a seed; `toward` adds a direction of its own seed.
    fn adapters(
        decoder: &Decoder,
        toward: Option<(f32, Option<usize>)>,
    ) -> (AdapterLayers, Vec<[Vec<f32>; 2]>) {
        let mut state = 7;
        let mut numbers = |n: usize| -> Vec<f32> {
            let draw = |_| (crate::random::next_bits(&mut state) >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
            (0..n).map(draw).collect()
        };
        let (mut layers, mut directions) = (AdapterLayers::default(), Vec::new());
        for (layer, of) in decoder.matrices() {
            let (n_out, n_in) = decoder.matrix_shape(layer, of).unwrap();
            let at = directions.len();
            let mut part = |rows: usize, columns: usize| {
                let (mut start, direction) = (numbers(rows * columns), numbers(rows * columns));
                if let Some((step, only)) = toward
                    && only.is_none_or(|only| only == at)
                {
                    start.iter_mut().zip(&direction).for_each(|(x, d)| *x += step * d);
                }
                (Tensor::from_vec(start, (rows, columns), decoder.device()).unwrap(), direction)
            };
            let ((a, da), (b, db)) = (part(2, n_in), part(n_out, 2));
            let var = |x: Tensor| Var::from_tensor(&x).unwrap().as_tensor().clone();
            layers.insert(layer, of, LowRank::new(var(a), var(b), 0.3).unwrap());
            directions.push([da, db]);
        }
        (layers, directions)
    }

    fn texts() -> Vec<Scored> {
        let text = |tokens: &[u32], first, weight| Scored { tokens: tokens.to_vec(), first, weight };
        vec![text(&[3, 9, 4, 20, 21, 7], 2, 0.7), text(&[5, 6, 30, 2], 1, -0.4), text(&[8; 9], 4, 1.3)]
    }

    const BEGINNING: [u32; 5] = [1, 12, 40, 33, 12];

    /// `Σ weight · log p` without gradients, each text read by itself, and which experts they went through.
    fn scored(decoder: &Decoder, beginning: &Input) -> (f64, Vec<f64>, Vec<Routing>) {
        let (each, routings): (Vec<f64>, Vec<Routing>) = texts()
            .iter()
            .map(|text| {
                let mut input = beginning.clone();
                input.push_tokens(text.tokens.iter().copied());
                let mut state = decoder.new_state(CacheFormat::F32).unwrap();
                let rows = decoder.forward_all(&input, &mut state, &Cancel::new()).unwrap().unwrap();
                let scored = text.first..text.tokens.len();
                let each = scored.map(|t| log_probability(&rows[beginning.len() + t - 1], text.tokens[t]));
                (each.sum::<f64>(), state.routing().clone())
            })
            .unzip();
        (each.iter().zip(texts()).map(|(log_p, text)| log_p * text.weight).sum(), each, routings)
    }

    fn dot(gradient: &Tensor, direction: &[f32]) -> f64 {
        let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        gradient.iter().zip(direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum()
    }

    fn assert_near(found: f64, expected: f64, what: &str) {
        let most = 0.02 * expected.abs().max(0.05);
        assert!((found - expected).abs() < most, "{what}: {found}, by finite differences {expected}");
    }

    fn check(base: &Decoder, name: &str) {
        const STEP: f32 = 0.02;
        let beginning = Input::from(&BEGINNING[..]);
        let (layers, directions) = adapters(base, None);
        let decoder = base.adapted(&layers).unwrap();
        let found = decoder.gradients(&beginning, &texts(), &layers, &Cancel::new()).unwrap().unwrap();
        for (found, expected) in found.log_p.iter().zip(scored(&decoder, &beginning).1) {
            assert!((found - expected).abs() < 1e-3, "{name}: {found}, alone {expected}");
        }
        let (texts, cancel) = (texts(), Cancel::new());
        let largest_difference = |how| {
            let other = decoder.gradients_traced(how, &beginning, &texts, &layers, &cancel).unwrap().unwrap();
            let pairs = found.adapters.iter().flatten().zip(other.adapters.iter().flatten());
            let apart = pairs.map(|(a, b)| {
                let apart = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
                apart.to_scalar::<f32>().unwrap()
            });
            apart.fold(0.0, f32::max)
        };
        for n_kept in [0, 1] {
            assert_eq!(largest_difference((Traced::Apart, n_kept)), 0.0, "{name}: {n_kept} layers kept");
        }
        assert!(largest_difference((Traced::Together, 1)) < 1e-4, "{name}: together");
        assert_eq!(found.adapters.len(), directions.len());
        // Where a step chooses other experts, the sum jumps: a finite difference says nothing there.
        let along = |only: Option<usize>| {
            let at =
                |step: f32| scored(&base.adapted(&adapters(base, Some((step, only))).0).unwrap(), &beginning);
            let (before, after) = (at(-STEP), at(STEP));
            (before.2 == after.2).then(|| (after.0 - before.0) / (2.0 * f64::from(STEP)))
        };
        let dots: Vec<f64> = found
            .adapters
            .iter()
            .zip(&directions)
            .map(|(of, direction)| dot(&of[0], &direction[0]) + dot(&of[1], &direction[1]))
            .collect();
        if let Some(expected) = along(None) {
            assert_near(dots.iter().sum(), expected, name);
        }
        let mut compared = 0;
        for (i, of) in decoder.matrices().into_iter().enumerate() {
            if let Some(expected) = along(Some(i)) {
                assert_near(dots[i], expected, &format!("{name}, {of:?}"));
                compared += 1;
            }
        }
        let is_dense = base.new_state(CacheFormat::F32).unwrap().routing().is_empty();
        let least = if is_dense { dots.len() } else { dots.len() / 3 };
        assert!(compared >= least, "{name}: {compared} of {} matrices were compared", dots.len());
    }

    #[test]
    fn gradients_of_adapters_are_those_of_finite_differences() {
        check(&seeded(&DecoderConfig::tiny()), "tiny");
        let mut windowed = DecoderConfig::tiny();
        windowed.layers[0].attention.window = Some(4);
        windowed.layers[1].attention.rule.softcap = Some(2.0);
        windowed.logit_softcap = Some(3.0);
        check(&seeded(&windowed), "windows and limits");
    }

    #[test]
    fn gradients_at_logits_are_the_same_on_a_device() {
        let numbers = |n: usize| (0..n).map(|i| ((i * 29 + 3) % 17) as f32 * 0.2 - 1.6).collect::<Vec<_>>();
        let (scored, n_vocab) = ([(3, 0.5), (0, -1.25), (10, 2.0)], 11);
        let logits = Tensor::from_vec(numbers(3 * n_vocab), (3, n_vocab), &Device::Cpu).unwrap();
        for cap in [None, Some(2.5)] {
            let (log_p, back) = back_at_logits(&logits, &scored, cap).unwrap();
            let (host_log_p, host_back) =
                back_at_host_logits(Rows::copy(&logits).unwrap(), &scored, cap).unwrap();
            for (a, b) in log_p.iter().zip(host_log_p) {
                assert!((a - b).abs() < 1e-5, "{a} and {b}");
            }
            let apart = (back - host_back).unwrap().abs().unwrap().flatten_all().unwrap();
            assert!(apart.max(0).unwrap().to_scalar::<f32>().unwrap() < 1e-6);
        }
    }

    #[test]
    fn families_have_gradients_too() {
        for family in [
            "gemma3-text",
            "gemma2",
            "qwen3",
            "llama",
            "mixtral",
            "qwen3-moe",
            "qwen3-moe-mixed",
            "gemma4-moe",
        ] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/parity").join(family);
            check(&folder::checkpoint(&folder).unwrap().decoder, family);
        }
    }

    #[test]
    fn gradients_of_a_soft_prompt_are_those_of_finite_differences() {
        const STEP: f32 = 0.05;
        let decoder = seeded(&DecoderConfig::tiny());
        let numbers = |seed: usize| -> Vec<f32> {
            (0..3 * 32).map(|i| ((i * 37 + seed) % 11) as f32 * 0.1 - 0.5).collect()
        };
        let (at, direction) = (numbers(1), numbers(4));
        let beginning = |step: f32| {
            let rows: Vec<f32> = at.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            let mut input = Input::default();
            let rows = Tensor::from_vec(rows, (3, 32), &Device::Cpu).unwrap();
            input.push_media(0, rows, Modality::Text, 0);
            input.push_tokens([1, 5]);
            input
        };
        let found = decoder.gradients(&beginning(0.0), &texts(), &AdapterLayers::default(), &Cancel::new());
        let of_prompt = found.unwrap().unwrap().beginning.unwrap().narrow(0, 0, 3).unwrap();
        let expected = (scored(&decoder, &beginning(STEP)).0 - scored(&decoder, &beginning(-STEP)).0)
            / f64::from(2.0 * STEP);
        assert_near(dot(&of_prompt, &direction), expected, "soft prompt");
    }

    #[test]
    fn what_has_no_gradient_is_refused() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/parity/gemma4-e");
        let other = folder::checkpoint(&folder).unwrap().decoder;
        assert!(other.expect_gradients().unwrap_err().to_string().contains("other layers' keys"));
        let decoder = seeded(&DecoderConfig::tiny());
        let nothing = [Scored { tokens: vec![1], first: 1, weight: 1.0 }];
        let refused =
            decoder.gradients(&Input::default(), &nothing, &AdapterLayers::default(), &Cancel::new());
        assert!(refused.err().unwrap().to_string().contains("without tokens to score"));
        let mut layers = AdapterLayers::default();
        let zeros = |shape| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        layers.insert(9, Projection::Query, LowRank::new(zeros((2, 32)), zeros((32, 2)), 1.0).unwrap());
        assert!(decoder.adapted(&layers).err().unwrap().to_string().contains("q_proj of layer 9"));
    }
}
