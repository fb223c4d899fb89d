//! Which layers adapters change.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::nn::LowRank;

/// A matrix of a decoder's layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Projection {
    Query,
    Key,
    Value,
    /// What attention gives.
    Output,
    Gate,
    Up,
    Down,
}

impl Projection {
    /// All, in the order of a layer.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// As transformers and PEFT name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "q_proj",
            Self::Key => "k_proj",
            Self::Value => "v_proj",
            Self::Output => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }
}

/// Adapters of some layers.
#[derive(Clone, Default)]
pub struct AdapterLayers(BTreeMap<(usize, Projection), Arc<LowRank>>);

impl AdapterLayers {
    /// Adds one, for a matrix of layer `layer`.
    pub fn insert(&mut self, layer: usize, of: Projection, adapter: LowRank) {
        self.0.insert((layer, of), Arc::new(adapter));
    }

    /// That of a matrix.
    pub fn get(&self, layer: usize, of: Projection) -> Option<&Arc<LowRank>> {
        self.0.get(&(layer, of))
    }

    /// Which matrices have one, layer by layer.
    pub fn keys(&self) -> impl Iterator<Item = (usize, Projection)> {
        self.0.keys().copied()
    }

    /// Those of one layer, in the order of [`Projection`].
    pub(super) fn of_layer(&self, layer: usize) -> impl Iterator<Item = (Projection, &LowRank)> {
        self.0
            .range((layer, Projection::Query)..=(layer, Projection::Down))
            .map(|((_, of), adapter)| (*of, &**adapter))
    }
}
