//! What a layout holds on each chip, and the longest context that leaves.

use serde::Serialize;

use super::cost::{ACTIVATION_BYTES, Workload};
use super::layout::{AttentionLayout, Layout};
use super::machine::Machine;
use super::shape::{LayerShape, Shape};

/// Bytes on the fullest chip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MemoryNeed {
    /// Weights at rest.
    pub weights_bytes: f64,
    /// Keys and values when all is written.
    pub cache_bytes: f64,
    /// Activations, and weights that were gathered for a layer.
    pub working_bytes: f64,
}

impl MemoryNeed {
    /// All of it.
    pub fn total_bytes(&self) -> f64 {
        self.weights_bytes + self.cache_bytes + self.working_bytes
    }
}

/// Query heads with those that are added so that chips have equal parts: PaLM 540B has 48, and 64 on 64 chips.
pub(super) fn padded_heads(n_heads: usize, chips: usize) -> usize {
    let fits = |n: &usize| chips.is_multiple_of(*n) || n.is_multiple_of(chips);
    (n_heads..).take(n_heads.max(chips)).find(fits).unwrap_or(n_heads)
}

/// Key and value heads of which some chip has a copy: with one for each query head, as many are added.
pub(super) fn kv_heads_held(layer: &LayerShape, padded_heads: usize) -> usize {
    if layer.n_kv_heads == layer.n_heads { padded_heads } else { layer.n_kv_heads }
}

/// Bytes of keys and values on a chip for each token of context that every sequence of the batch has, in layers
/// without a window; and the bytes that those with one take in all, for contexts longer than it.
pub fn cache_bytes_per_token(shape: &Shape, layout: &Layout, workload: &Workload) -> (f64, f64) {
    let chips = layout.chips_of_stage();
    let rest = chips / layout.gathered();
    let batch = workload.batch as f64;
    let (mut growing, mut fixed) = (0.0, 0.0);
    for layer in shape.layers.iter().filter(|layer| layer.n_kv_matrices > 0) {
        let held = kv_heads_held(layer, padded_heads(layer.n_heads, chips));
        let (sequences, part) = match layout.attention {
            AttentionLayout::Heads => (batch / layout.gathered() as f64, 1.0 / rest.min(held) as f64),
            AttentionLayout::Batch => (batch / batch.min(chips as f64), 1.0),
        };
        let row = 2.0 * (held * layer.head_dim) as f64 * workload.cache.bytes();
        let bytes = sequences * part * row / layout.stages as f64;
        match layer.window {
            Some(window) => fixed += bytes * window as f64,
            None => growing += bytes,
        }
    }
    (growing, fixed)
}

/// The most tokens of context for which keys and values of the batch fit into `budget_bytes` of each chip; as many as
/// anybody asks for where no layer keeps all of them.
pub fn largest_context(shape: &Shape, layout: &Layout, workload: &Workload, budget_bytes: f64) -> usize {
    let (growing, fixed) = cache_bytes_per_token(shape, layout, workload);
    let left = budget_bytes - fixed;
    match () {
        () if left < 0.0 => 0,
        () if growing == 0.0 => usize::MAX,
        () => (left / growing) as usize,
    }
}

/// What reading and writing the workload takes on each chip.
pub fn memory_need(shape: &Shape, layout: &Layout, workload: &Workload, tokens: f64) -> MemoryNeed {
    let chips = layout.chips_of_stage() as f64;
    let bytes = workload.weights.bytes();
    let of_layer = |layer: &LayerShape| {
        let heads = padded_heads(layer.n_heads, layout.chips_of_stage());
        layer.attention_parameters(shape.d_model, heads)
            + layer.dense_parameters(shape.d_model)
            + layer.chosen_of().1 * layer.expert_parameters(shape.d_model)
    };
    let tables = if shape.tied { 1.0 } else { 2.0 } * shape.table();
    let layers: f64 = shape.layers.iter().map(of_layer).sum();
    let widest = shape.layers.iter().map(of_layer).fold(0.0, f64::max);
    let n = layout.gathered();
    let gathered = if n > 1 { widest * bytes * n as f64 / chips } else { 0.0 };
    let hidden = shape.layers.iter().map(|layer| {
        let chosen = layer.experts.map_or(0, |experts| experts.n_chosen * experts.d_hidden);
        layer.dense.map_or(0, |dense| dense.d_hidden) + chosen
    });
    let width = 2 * shape.d_model + hidden.max().unwrap_or(0);
    let (growing, fixed) = cache_bytes_per_token(shape, layout, workload);
    MemoryNeed {
        // Tables lie with the first and the last stage; where there is one, on all of its chips.
        weights_bytes: (layers / layout.stages as f64 + tables) * bytes / chips,
        cache_bytes: growing * workload.context() as f64 + fixed,
        working_bytes: gathered + tokens * width as f64 * ACTIVATION_BYTES / chips,
    }
}

/// Whether a chip holds it.
pub(super) fn fits(machine: &Machine, need: &MemoryNeed) -> bool {
    need.total_bytes() <= machine.memory_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_added_until_chips_have_equal_parts() {
        assert_eq!(
            [(48, 64), (48, 16), (9, 4), (9, 64), (32, 8)].map(|(h, n)| padded_heads(h, n)),
            [64, 48, 12, 16, 32]
        );
    }
}
