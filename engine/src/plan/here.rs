//! One machine and the kernels of this crate: how fast a decoder reads and writes here, and whether it fits.
//!
//! As on a cluster, time is what arithmetic and memory take; but instead of peaks it counts what the kernels reach on
//! this machine ([`KernelRates`]). What they do besides products is a few parts in a hundred, in two constants.

use serde::{Deserialize, Serialize};

use super::shape::{LayerShape, Shape};
use crate::decoder::CacheFormat;
use crate::kernels::probe::KernelRates;

/// Bytes of weights that are read for a token, by how many bits they have: kernels read those at rates of their own.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Reads {
    /// Of four and five bits.
    pub narrow: f64,
    /// Of six and more.
    pub wide: f64,
}

impl Reads {
    /// Adds so many bytes that so many numbers are stored in.
    pub fn add(&mut self, bytes: f64, numbers: f64) {
        /// Of a number, between blocks of five bits with two factors and those of six.
        const BITS: f64 = 6.2;
        *if 8.0 * bytes > BITS * numbers { &mut self.wide } else { &mut self.narrow } += bytes;
    }

    /// All of them.
    pub fn bytes(self) -> f64 {
        self.narrow + self.wide
    }

    /// What reading them takes. A large matrix on large pages of memory is read faster than many small ones in a mapped
    /// file, which come at the rate of plain loads.
    fn seconds(self, rates: &KernelRates) -> f64 {
        let most = rates.read_bytes_per_s;
        self.narrow / rates.weight_bytes_per_s.min(most) + self.wide / rates.byte_weight_bytes_per_s.min(most)
    }
}

/// What of a model file a token goes through, and what stays in memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stored {
    /// Bytes of weights in memory.
    pub weights_bytes: f64,
    /// Weights of the layers that writing a token reads.
    pub layers: Reads,
    /// Numbers that each token of a prompt is multiplied by.
    pub step_parameters: f64,
    /// The vocabulary's output, of which reading a prompt needs one pass.
    pub output: Reads,
}

/// How fast a decoder is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Tokens per second of a prompt.
    pub prefill_tokens_per_s: f64,
    /// Tokens per second that are written.
    pub decode_tokens_per_s: f64,
    /// Seconds from the question to its first token, with the model loaded.
    pub first_token_s: f64,
}

/// Whether a decoder fits the memory that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fit {
    /// With room to spare.
    #[serde(rename = "fits")]
    Fits,
    /// With little room, or with a short context only.
    #[serde(rename = "tight")]
    Tight,
    /// Weights would be read from the disk again and again.
    #[serde(rename = "does not fit")]
    DoesNotFit,
}

impl Fit {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Tight => "tight",
            Self::DoesNotFit => "does not fit",
        }
    }
}

/// Tokens of a conversation that a model should hold to be of use.
const USUAL_TOKENS: usize = 4096;

/// The share of free memory that may be in use before it is tight.
const ROOMY: f64 = 0.8;

/// Seconds of a layer in a step besides products: norms and rotations.
const LAYER_S: f64 = 4e-6;

/// Seconds of a layer in which a token is written while threads wait for each other after every product: where dense
/// models with 18 and 30 layers stood on two quiet threads.
const MEETING_S: f64 = 26e-6;

/// Seconds of an expert that a token goes through besides: its matrices are small and lie anywhere.
const EXPERT_S: f64 = 10e-6;

/// Products that a number of an activation costs besides its own: norms, gates, sums, roundings. This and what a layer
/// and an expert cost are from the table of limits in `docs/measured.md`.
const PRODUCTS_PER_NUMBER: f64 = 115.0;

/// Tokens of a prompt that are read in one step, as the engine does.
const CHUNK: usize = crate::generate::PREFILL_CHUNK;

/// What is expected, at rates that so many threads reach, of reading `prompt` tokens after `before` others and then writing `generate`.
pub fn speed(
    shape: &Shape,
    stored: &Stored,
    (rates, threads): (&KernelRates, usize),
    cache: CacheFormat,
    (before, prompt, generate): (usize, usize, usize),
) -> Speed {
    let prompt = prompt.max(1);
    let layers = shape.layers.len() as f64;
    let experts: f64 = shape.layers.iter().map(|layer| layer.chosen_of().0).sum();
    let numbers: f64 = shape.layers.iter().map(|layer| activations(shape, layer)).sum();
    let (_, seen) = looked_back(shape, before as f64 + prompt as f64 / 2.0, cache);
    let steps = prompt.div_ceil(CHUNK) as f64;
    // Few tokens do not hide reading the weights: those of a token, and of a mixture with each token more of them.
    let of_token = stored.layers.bytes();
    let read =
        (of_token * prompt.min(CHUNK) as f64).min(stored.weights_bytes - stored.output.bytes()).max(of_token);
    let passes = if of_token > 0.0 { steps * read / of_token } else { 0.0 };
    let products_s = (prompt as f64 * stored.step_parameters / rates.weight_products_per_s)
        .max(passes * stored.layers.seconds(rates));
    let besides_s = prompt as f64 * numbers * PRODUCTS_PER_NUMBER / rates.weight_products_per_s;
    let attention_s = prompt as f64 * seen / rates.many_products_per_s;
    let output_s = stored.output.seconds(rates);
    let prefill_s = products_s + besides_s + attention_s + steps * layers * LAYER_S + output_s;
    let (bytes, products) = looked_back(shape, (before + generate / 2) as f64, cache);
    let decode_s = stored.layers.seconds(rates)
        + output_s
        + (bytes / rates.read_bytes_per_s).max(products / rates.few_products_per_s)
        + layers * if threads > 1 { LAYER_S + MEETING_S } else { LAYER_S }
        + experts * EXPERT_S;
    Speed {
        prefill_tokens_per_s: prompt as f64 / prefill_s,
        decode_tokens_per_s: 1.0 / decode_s,
        first_token_s: prefill_s,
    }
}

/// Numbers of activations that a token has in a layer: what products read and give.
fn activations(shape: &Shape, layer: &LayerShape) -> f64 {
    let heads = (2 * layer.n_heads + layer.n_kv_matrices * layer.n_kv_heads) * layer.head_dim;
    let dense = layer.dense.map_or(0, |dense| dense.n_matrices * dense.d_hidden + 2 * shape.d_model);
    let experts = layer.experts.map_or(0, |experts| {
        experts.n_chosen * (experts.n_matrices * experts.d_hidden + 2 * shape.d_model) + experts.n_experts
    });
    (heads + dense + experts + 2 * shape.d_model) as f64
}

/// Bytes of keys and values that a token after `n` others sees, and products with them.
fn looked_back(shape: &Shape, n: f64, cache: CacheFormat) -> (f64, f64) {
    let of_layer = |layer: &LayerShape| {
        let seen = layer.window.map_or(n + 1.0, |window| (n + 1.0).min(window as f64));
        let bytes = (2 * layer.n_kv_heads * cache.row_bytes(layer.head_dim)) as f64;
        (seen * bytes, seen * (2 * layer.n_heads * layer.head_dim) as f64)
    };
    shape.layers.iter().map(of_layer).fold((0.0, 0.0), |all, layer| (all.0 + layer.0, all.1 + layer.1))
}

/// Bytes that keys and values of `n` tokens take.
fn cache_bytes(shape: &Shape, n: usize, cache: CacheFormat) -> f64 {
    let of_layer = |layer: &LayerShape| {
        let held = layer.window.map_or(n, |window| n.min(window));
        (2 * layer.n_kv_heads * cache.row_bytes(layer.head_dim)) as f64 * held as f64
    };
    shape.layers.iter().filter(|layer| layer.n_kv_matrices > 0).map(of_layer).sum()
}

/// The most tokens that fit beside the weights into `free_bytes`, at most what the model was trained for; `None` where
/// not even the weights fit.
pub fn largest_context(
    shape: &Shape,
    weights_bytes: f64,
    cache: CacheFormat,
    free_bytes: f64,
) -> Option<usize> {
    let left = free_bytes - weights_bytes;
    if left <= 0.0 {
        return None;
    }
    let trained = shape.context_tokens.unwrap_or(USUAL_TOKENS);
    let fits = |n: usize| cache_bytes(shape, n, cache) <= left;
    if fits(trained) {
        return Some(trained);
    }
    // Bytes grow with tokens: halve what is between.
    let (mut least, mut most) = (0, trained);
    while most - least > 1 {
        let middle = least + (most - least) / 2;
        if fits(middle) { least = middle } else { most = middle }
    }
    Some(least)
}

/// Whether it fits with a usual conversation.
pub fn fit(shape: &Shape, weights_bytes: f64, cache: CacheFormat, free_bytes: f64) -> Fit {
    let usual = shape.context_tokens.unwrap_or(USUAL_TOKENS).min(USUAL_TOKENS);
    match fit_alone(weights_bytes + cache_bytes(shape, usual, cache), free_bytes) {
        // With a shorter conversation.
        Fit::DoesNotFit if weights_bytes < free_bytes => Fit::Tight,
        fit => fit,
    }
}

/// Whether so many bytes fit.
pub fn fit_alone(needed_bytes: f64, free_bytes: f64) -> Fit {
    match () {
        () if needed_bytes <= ROOMY * free_bytes => Fit::Fits,
        () if needed_bytes < free_bytes => Fit::Tight,
        () => Fit::DoesNotFit,
    }
}

/// The most exact way to keep keys and values of all that the model was trained for, f16 at best; the smallest where
/// none has room for that.
pub fn pick_cache(shape: &Shape, weights_bytes: f64, free_bytes: f64) -> CacheFormat {
    let trained = shape.context_tokens.unwrap_or(USUAL_TOKENS);
    let fits =
        |format: &CacheFormat| weights_bytes + cache_bytes(shape, trained, *format) <= ROOMY * free_bytes;
    [CacheFormat::F16, CacheFormat::Q8].into_iter().find(fits).unwrap_or(CacheFormat::Q4)
}

/// Answers that can be written side by side before products take longer than reading the weights: from there on more of
/// them gain nothing.
pub fn pick_batch(stored: &Stored, rates: &KernelRates) -> usize {
    let read_s = stored.layers.seconds(rates) + stored.output.seconds(rates);
    let row_s = stored.step_parameters / rates.weight_products_per_s;
    ((read_s / row_s) as usize).clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::shape_named;

    /// A machine of 20 GB/s with 4-bit products at 10 times that.
    fn rates() -> KernelRates {
        KernelRates {
            read_bytes_per_s: 20e9,
            byte_products_per_s: 500e9,
            weight_bytes_per_s: 18e9,
            byte_weight_bytes_per_s: 15e9,
            weight_products_per_s: 180e9,
            few_products_per_s: 50e9,
            many_products_per_s: 80e9,
        }
    }

    fn llama() -> (&'static Shape, Stored) {
        let shape = shape_named("llama-3.1-8b").unwrap();
        let bytes = 0.5625 * shape.parameters();
        let output = 0.5625 * (shape.n_vocab * shape.d_model) as f64;
        let stored = Stored {
            weights_bytes: bytes,
            layers: Reads { narrow: bytes - 2.0 * output, wide: 0.0 },
            step_parameters: shape.parameters() - 2.0 * (shape.n_vocab * shape.d_model) as f64,
            output: Reads { narrow: output, wide: 0.0 },
        };
        (shape, stored)
    }

    #[test]
    fn speed_falls_with_depth_and_small_caches_are_read_faster() {
        let (shape, stored) = llama();
        let at = |before, cache| speed(shape, &stored, (&rates(), 2), cache, (before, 512, 64));
        let (short, long) = (at(0, CacheFormat::F16), at(8192, CacheFormat::F16));
        assert!(short.decode_tokens_per_s > 1.2 * long.decode_tokens_per_s, "{short:?} {long:?}");
        assert!(short.prefill_tokens_per_s > long.prefill_tokens_per_s);
        assert!(at(8192, CacheFormat::Q8).decode_tokens_per_s > long.decode_tokens_per_s);
        // Writing is bound by the weights: 4.2 GB at 18 GB/s.
        assert!((short.decode_tokens_per_s - 4.2).abs() < 0.3, "{short:?}");
        assert!((short.first_token_s - 512.0 / short.prefill_tokens_per_s).abs() < 1e-9);
    }

    #[test]
    fn an_output_of_more_bits_is_read_at_its_own_rate() {
        let (shape, stored) = llama();
        let mut output = Reads::default();
        output.add(34.0 / 18.0 * stored.output.narrow, stored.output.narrow / 0.5625);
        assert_eq!(output.narrow, 0.0);
        let at = |stored: &Stored| speed(shape, stored, (&rates(), 1), CacheFormat::F16, (0, 1, 1));
        let (narrow, wide) = (at(&stored), at(&Stored { output, ..stored }));
        let more = 1.0 / wide.decode_tokens_per_s - 1.0 / narrow.decode_tokens_per_s;
        assert!((more - (output.wide / 15e9 - stored.output.narrow / 18e9)).abs() < 1e-6, "{more}");
    }

    #[test]
    fn few_tokens_are_read_no_faster_than_the_weights() {
        let (shape, stored) = llama();
        let one = speed(shape, &stored, (&rates(), 1), CacheFormat::F16, (0, 1, 1));
        assert!(one.first_token_s >= stored.layers.bytes() / 18e9);
    }

    #[test]
    fn memory_decides_what_fits_and_how_it_is_kept() {
        let (shape, stored) = llama();
        let gb = |free: f64| fit(shape, stored.weights_bytes, CacheFormat::F16, 1e9 * free);
        assert_eq!([16.0, 5.5, 4.6, 4.0].map(gb), [Fit::Fits, Fit::Tight, Fit::Tight, Fit::DoesNotFit]);
        let most = |free: f64| largest_context(shape, stored.weights_bytes, CacheFormat::F16, 1e9 * free);
        assert_eq!((most(64.0), most(4.0)), (Some(131_072), None));
        // 131,072 bytes for each token.
        let some = most(6.0).unwrap();
        assert_eq!(some, ((6e9 - stored.weights_bytes) / 131_072.0) as usize);
        let kept = |free: f64| pick_cache(shape, stored.weights_bytes, 1e9 * free);
        assert_eq!([64.0, 20.0, 8.0].map(kept), [CacheFormat::F16, CacheFormat::Q8, CacheFormat::Q4]);
    }

    #[test]
    fn side_by_side_ends_where_products_take_longer_than_reading() {
        let (_, stored) = llama();
        let n = pick_batch(&stored, &rates());
        assert!((4..=8).contains(&n), "{n}");
    }
}
