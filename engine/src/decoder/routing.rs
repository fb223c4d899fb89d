//! Which experts were used, for what.

use serde::{Deserialize, Serialize};

use super::config::{DecoderConfig, ExpertsSpec, FeedForwardSpec};
use super::input::Modality;

/// How often the experts of each sparse layer were chosen; plain data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Routing {
    /// The sparse layers, bottom to top.
    pub layers: Vec<LayerRouting>,
}

/// One sparse layer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRouting {
    /// Which of the decoder's layers, counted from 0.
    pub layer: usize,
    /// Experts that each position goes through.
    pub n_chosen: usize,
    /// For each modality, in the order of [`Modality::ALL`], how many positions chose each expert.
    pub counts: [Vec<u64>; 4],
}

impl Routing {
    /// Nothing was routed yet.
    pub fn new(config: &DecoderConfig) -> Self {
        let layers = config.layers.iter().enumerate().filter_map(|(layer, spec)| {
            let ExpertsSpec { n_experts, n_chosen, .. } = match spec.feed_forward {
                FeedForwardSpec::Gated(_) => return None,
                FeedForwardSpec::Experts(experts) | FeedForwardSpec::Both(_, experts) => experts,
            };
            Some(LayerRouting { layer, n_chosen, counts: [(); 4].map(|()| vec![0; n_experts]) })
        });
        Self { layers: layers.collect() }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut added = self.clone();
        for (layer, earlier) in added.layers.iter_mut().zip(&earlier.layers) {
            for (counts, earlier) in layer.counts.iter_mut().zip(&earlier.counts) {
                counts.iter_mut().zip(earlier).for_each(|(n, before)| *n = n.saturating_sub(*before));
            }
        }
        added
    }

    /// Counts a choice, once more or once less.
    pub(super) fn count(&mut self, choice: Choice, by: i64) {
        let layer = self.layers.iter_mut().find(|routing| routing.layer == choice.layer);
        let counts = layer.map(|layer| &mut layer.counts[choice.modality as usize]);
        if let Some(n) = counts.and_then(|counts| counts.get_mut(choice.expert)) {
            *n = n.saturating_add_signed(by);
        }
    }
}

/// An expert that a position went through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) pos: usize,
    pub(super) layer: usize,
    pub(super) modality: Modality,
    pub(super) expert: usize,
}

impl LayerRouting {
    /// How many positions of a modality went through the layer.
    pub fn positions(&self, modality: Modality) -> u64 {
        self.counts[modality as usize].iter().sum::<u64>() / (self.n_chosen as u64).max(1)
    }
}
