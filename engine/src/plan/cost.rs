//! What a layout costs: times of arithmetic, weights, attention and communication, for reading and for writing.
//!
//! Collectives cost as rings (Pope et al., appendix A.1): gathering or scattering D bytes on K chips takes
//! `D / bandwidth · (K − 1) / K`. Weights that travel depend on nothing that is computed and are fetched meanwhile;
//! activations are waited for. What is left out (launches, imbalance, look-ups, parts of a 2-D layout's query
//! projections) only makes the real time longer: the sum is a lower bound.

use serde::Serialize;

use super::layout::{AttentionLayout, FeedForwardLayout, Layout};
use super::machine::{Format, Machine};
use super::memory::{kv_heads_held, padded_heads};
use super::shape::{LayerShape, Shape};
use crate::error::Result;

/// Bytes of an activation.
pub(super) const ACTIVATION_BYTES: f64 = 2.0;

/// What is asked of a decoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// Sequences at a time.
    pub batch: usize,
    /// Tokens of each that are read.
    pub prompt: usize,
    /// Tokens of each that were read before.
    pub cached: usize,
    /// Tokens of each that are written.
    pub generate: usize,
    /// What weights are stored in.
    pub weights: Format,
    /// What products are made in.
    pub arithmetic: Format,
    /// What keys and values are stored in.
    pub cache: Format,
    /// The most seconds that reading and writing may take together.
    pub latency_s: Option<f64>,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            batch: 1,
            prompt: 2048,
            cached: 0,
            generate: 64,
            weights: Format::Bf16,
            arithmetic: Format::Bf16,
            cache: Format::Bf16,
            latency_s: None,
        }
    }
}

impl Workload {
    /// Tokens of a sequence when all is written.
    pub fn context(&self) -> usize {
        self.cached + self.prompt + self.generate
    }
}

/// Which part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// All prompts, to the first token.
    Prefill,
    /// One token of each sequence.
    Decode,
}

/// Times in seconds: of all prompts, or of one token of each sequence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// The lower bound.
    pub seconds: f64,
    /// What it comes to on a machine whose distance from the bound was measured.
    pub expected_s: Option<f64>,
    /// Products with weights.
    pub arithmetic_s: f64,
    /// Reading weights from memory.
    pub weights_s: f64,
    /// Weights that travel, meanwhile.
    pub gather_s: f64,
    /// Products with keys and values, or reading these, whichever is longer.
    pub attention_s: f64,
    /// Activations that travel.
    pub communication_s: f64,
    /// What limits each layer, and attention and the vocabulary: the bound without communication.
    pub roofline_s: f64,
    /// Layers that a token passes, those of all stages.
    pub layers: usize,
    /// Share of the peak that the products of the model would need: `2 N tokens / (chips · peak · seconds)`.
    pub utilisation: f64,
    /// Tokens per second of all sequences together.
    pub tokens_per_s: f64,
}

/// Share of a machine's peak that a model's own products took (Chowdhery et al., 2022): of `parameters`, for `tokens`
/// tokens in `seconds` on `chips` chips of `peak` operations per second.
pub fn utilisation(parameters: f64, tokens: f64, chips: usize, peak: f64, seconds: f64) -> f64 {
    2.0 * parameters * tokens / (chips as f64 * peak * seconds)
}

/// What a step of some sequences is.
#[derive(Clone, Copy)]
struct Step {
    /// Sequences.
    sequences: f64,
    /// Tokens of each.
    tokens: f64,
    /// Keys that a query sees, on average.
    seen: f64,
    /// Keys of a sequence that are read.
    keys: f64,
    /// Tokens of each that the vocabulary is scored for.
    scored: f64,
}

#[derive(Clone, Copy, Default)]
struct Times {
    arithmetic: f64,
    weights: f64,
    gather: f64,
    attention: f64,
    communication: f64,
    roofline: f64,
}

impl Times {
    fn scaled(self, by: f64) -> Self {
        Self {
            arithmetic: self.arithmetic * by,
            weights: self.weights * by,
            gather: self.gather * by,
            attention: self.attention * by,
            communication: self.communication * by,
            roofline: self.roofline * by,
        }
    }

    fn total(&self) -> f64 {
        self.roofline + self.communication
    }
}

/// The cost of a phase in a layout. Whether it fits the memory is another question:
/// [`memory_need`](super::memory_need).
///
/// # Errors
/// [`Error::Request`](crate::Error::Request) for arithmetic that the chip does not have.
pub fn cost(
    shape: &Shape,
    machine: &Machine,
    layout: &Layout,
    workload: &Workload,
    phase: Phase,
) -> Result<Cost> {
    let rate = machine.rate(workload.arithmetic)?;
    let (batch, stages) = (workload.batch as f64, layout.stages as f64);
    let before = workload.cached as f64;
    let (times, tokens) = match phase {
        Phase::Prefill => {
            let prompt = workload.prompt as f64;
            let of_batch = |sequences| Step {
                sequences,
                tokens: prompt,
                seen: before + (prompt + 1.0) / 2.0,
                keys: before + prompt,
                scored: 1.0,
            };
            // Prompts follow each other through the stages: more and smaller groups leave fewer chips waiting.
            let groups = (0..usize::BITS).map(|i| 1usize << i).take_while(|n| *n <= workload.batch);
            let groups = groups.take(if layout.stages > 1 { usize::MAX } else { 1 });
            let all = groups.map(|n| {
                let n = n as f64;
                let times = pass(shape, machine, layout, workload, of_batch(batch / n), rate);
                times.scaled((n + stages - 1.0) / stages)
            });
            let best = all.min_by(|a, b| a.total().total_cmp(&b.total())).unwrap_or_default();
            (best, batch * prompt)
        }
        Phase::Decode => {
            // In the middle of what is written.
            let context = before + workload.prompt as f64 + (workload.generate as f64 + 1.0) / 2.0;
            let at_once = batch / batch.min(stages);
            let step = Step { sequences: at_once, tokens: 1.0, seen: context, keys: context, scored: 1.0 };
            (pass(shape, machine, layout, workload, step, rate), batch)
        }
    };
    let seconds = times.total();
    let layers = shape.layers.len();
    let expected_s = machine
        .calibration
        .map(|calibration| calibration.of(phase).expected(times.roofline, times.communication, layers));
    Ok(Cost {
        seconds,
        expected_s,
        arithmetic_s: times.arithmetic,
        weights_s: times.weights,
        gather_s: times.gather,
        attention_s: times.attention,
        communication_s: times.communication,
        roofline_s: times.roofline,
        layers,
        utilisation: utilisation(shape.multiplied_parameters(), tokens, layout.chips(), rate, seconds),
        tokens_per_s: tokens / seconds,
    })
}

/// All layers and the vocabulary, once, for some sequences.
fn pass(
    shape: &Shape,
    machine: &Machine,
    layout: &Layout,
    workload: &Workload,
    step: Step,
    rate: f64,
) -> Times {
    let chips = layout.chips_of_stage() as f64;
    let mut all = Times::default();
    for layer in &shape.layers {
        let of_layer = one_layer(shape, layer, machine, layout, workload, step, rate);
        all.arithmetic += of_layer.arithmetic;
        all.weights += of_layer.weights;
        all.gather += of_layer.gather;
        all.attention += of_layer.attention;
        all.communication += of_layer.communication;
        all.roofline += of_layer.roofline;
    }
    let scored = 2.0 * shape.table() * step.sequences * step.scored / (chips * rate);
    let table = shape.table() * workload.weights.bytes() / (chips * machine.memory_bytes_per_s);
    all.arithmetic += scored;
    all.weights += table;
    all.roofline += scored.max(table);
    if layout.stages > 1 {
        // What a stage hands to the next one, from each of its chips to its counterpart.
        let bytes = step.sequences * step.tokens * shape.d_model as f64 * ACTIVATION_BYTES / chips;
        all.communication += (layout.stages - 1) as f64 * bytes / machine.link(layout.chips(), 1);
    }
    all
}

fn one_layer(
    shape: &Shape,
    layer: &LayerShape,
    machine: &Machine,
    layout: &Layout,
    workload: &Workload,
    step: Step,
    rate: f64,
) -> Times {
    let chips = layout.chips_of_stage() as f64;
    let tokens = step.sequences * step.tokens;
    let heads = padded_heads(layer.n_heads, layout.chips_of_stage());
    let attention = layer.attention_parameters(shape.d_model, heads);
    let dense = layer.dense_parameters(shape.d_model);
    let expert = layer.expert_parameters(shape.d_model);
    let (chosen, n_experts) = layer.chosen_of();
    // Experts that any of the tokens chose, were all equally likely.
    let touched = match n_experts > 0.0 {
        true => n_experts * (1.0 - (1.0 - chosen / n_experts).powf(tokens)),
        false => 0.0,
    };
    let bytes = workload.weights.bytes();
    let arithmetic = 2.0 * tokens * (attention + dense + chosen * expert) / (chips * rate);
    let weights = (attention + dense + touched * expert) * bytes / (chips * machine.memory_bytes_per_s);
    let n = layout.gathered();
    let gather = match n > 1 {
        true => {
            let whole = (attention + dense + n_experts * expert) * bytes * n as f64 / chips;
            whole * of_ring(n) / machine.link(n, layout.chips_of_stage() / n)
        }
        false => 0.0,
    };
    let (looked_back, moved) = look_back(layer, heads, machine, layout, workload, step);
    let looked_back = looked_back.max(0.0);
    Times {
        arithmetic,
        weights,
        gather,
        attention: looked_back,
        communication: moved + activations(shape, layer, heads, machine, layout, tokens),
        roofline: arithmetic.max(weights).max(gather) + looked_back,
    }
}

/// Attention itself, and what changes places for it.
fn look_back(
    layer: &LayerShape,
    heads: usize,
    machine: &Machine,
    layout: &Layout,
    workload: &Workload,
    step: Step,
) -> (f64, f64) {
    let within = |n: f64| layer.window.map_or(n, |window| n.min(window as f64));
    let (seen, keys) = (within(step.seen), within(step.keys).min(within(step.seen) + step.tokens));
    let chips = layout.chips_of_stage();
    let rest = chips / layout.gathered();
    let head_dim = layer.head_dim as f64;
    let kv_heads = kv_heads_held(layer, heads);
    let row = 2.0 * kv_heads as f64 * head_dim * workload.cache.bytes();
    // Of one chip: sequences, their query heads, and the part of a key that it reads.
    let (sequences, query_heads, part) = match layout.attention {
        AttentionLayout::Heads => (
            step.sequences / layout.gathered() as f64,
            heads as f64 / rest.min(heads) as f64,
            1.0 / rest.min(kv_heads) as f64,
        ),
        AttentionLayout::Batch => {
            (step.sequences / step.sequences.max(1.0).min(chips as f64), heads as f64, 1.0)
        }
    };
    let products = 4.0 * sequences * step.tokens * seen * query_heads * head_dim / machine.ops_per_s.bf16;
    let read = sequences * keys * row * part / machine.memory_bytes_per_s;
    let moved = match layout.attention {
        AttentionLayout::Batch if rest > 1 => {
            let tokens = step.sequences * step.tokens;
            let kv = if layer.n_kv_matrices > 0 { kv_heads } else { 0 };
            let numbers = 2.0 * tokens * (heads + kv) as f64 * head_dim / chips as f64;
            numbers * ACTIVATION_BYTES * of_ring(rest) / machine.link(rest, 1)
        }
        _ => 0.0,
    };
    (products.max(read), moved)
}

/// Activations that travel around the products of a layer.
fn activations(
    shape: &Shape,
    layer: &LayerShape,
    heads: usize,
    machine: &Machine,
    layout: &Layout,
    tokens: f64,
) -> f64 {
    let e = shape.d_model as f64;
    let dense = layer.dense.map_or(0.0, |dense| dense.d_hidden as f64);
    let (chosen, _) = layer.chosen_of();
    let of_experts = layer.experts.map_or(0.0, |experts| chosen * experts.d_hidden as f64);
    let apart = layout.expert_groups > 1 && layer.experts.is_some();
    let hidden = if apart { dense } else { dense + of_experts };
    let attention = (heads * layer.head_dim) as f64;
    let mut seconds = match (hidden > 0.0, shape.parallel) {
        // The projections of attention ride in the collectives of the network beside them.
        (true, true) => collectives(machine, layout, e, hidden, tokens),
        (true, false) => {
            collectives(machine, layout, e, hidden, tokens)
                + collectives(machine, layout, e, attention, tokens)
        }
        (false, _) => collectives(machine, layout, e, attention, tokens),
    };
    if apart {
        // Each token goes to the chips of its experts and comes back, and there its network is divided in one dimension.
        let (chips, groups) = (layout.chips_of_stage(), layout.expert_groups);
        let sent = 2.0 * tokens * chosen * e / chips as f64 * of_ring(groups);
        let within = chips / groups;
        let shared = 2.0 * tokens * chosen / groups as f64 * e * of_ring(within);
        seconds +=
            ACTIVATION_BYTES * (sent / machine.link(groups, within) + shared / machine.link(within, 1));
    }
    seconds
}

/// Gathering before and scattering after a pair of products, E → F → E (section 3.2.1 to 3.2.3).
fn collectives(machine: &Machine, layout: &Layout, e: f64, f: f64, tokens: f64) -> f64 {
    let [x, y, z] = layout.mesh;
    let (yz, chips) = (y * z, x * y * z);
    match layout.feed_forward {
        FeedForwardLayout::WeightStationary1d => {
            2.0 * tokens * e * of_ring(chips) * ACTIVATION_BYTES / machine.link(chips, 1)
        }
        FeedForwardLayout::WeightStationary2d => {
            let over_yz = 2.0 * tokens * e / x as f64 * of_ring(yz) * ACTIVATION_BYTES;
            let over_x = 2.0 * tokens * f / yz as f64 * of_ring(x) * ACTIVATION_BYTES;
            // Either axis may lie within nodes.
            let yz_near = over_yz / machine.link(yz, 1) + over_x / machine.link(x, yz);
            let x_near = over_yz / machine.link(yz, x) + over_x / machine.link(x, 1);
            yz_near.min(x_near)
        }
        _ => {
            let n = layout.gathered();
            let rest = chips / n;
            2.0 * tokens * e / n as f64 * of_ring(rest) * ACTIVATION_BYTES / machine.link(rest, 1)
        }
    }
}

/// The part of the data that a ring of so many chips sends: (K − 1) / K.
fn of_ring(chips: usize) -> f64 {
    (chips - 1) as f64 / chips as f64
}
