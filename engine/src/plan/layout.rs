//! How the work of a decoder is divided among chips.

use std::fmt;

use serde::Serialize;

/// How feed-forward layers are divided (Pope et al., section 3.2): which weights and activations travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FeedForwardLayout {
    /// Weights stay, divided along the hidden width (`E F_xyz`): activations travel, as in Megatron.
    #[serde(rename = "WS 1D")]
    WeightStationary1d,
    /// Weights stay, divided along both widths (`E_x F_yz`).
    #[serde(rename = "WS 2D")]
    WeightStationary2d,
    /// Weights are gathered over one axis, sequences divided along it.
    #[serde(rename = "WG X")]
    WeightGatheredX,
    /// The same over two axes.
    #[serde(rename = "WG XY")]
    WeightGatheredXy,
    /// The same over all: only weights travel.
    #[serde(rename = "WG XYZ")]
    WeightGatheredXyz,
}

/// How attention is divided (section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttentionLayout {
    /// Each chip has some heads of every sequence; keys and values of few heads are held many times.
    Heads,
    /// Each chip has all heads of some sequences; queries, keys and values change places on the way.
    Batch,
}

/// A division of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Runs of layers, one after the other on chips of their own (pipeline); 1 without.
    pub stages: usize,
    /// Chips of a stage along each axis.
    pub mesh: [usize; 3],
    /// Of feed-forward layers.
    pub feed_forward: FeedForwardLayout,
    /// Of attention.
    pub attention: AttentionLayout,
    /// Groups of chips with experts of their own; 1 where every chip has a part of every expert.
    pub expert_groups: usize,
}

impl Layout {
    /// Chips of a stage.
    pub fn chips_of_stage(&self) -> usize {
        self.mesh.iter().product()
    }

    /// Chips in all.
    pub fn chips(&self) -> usize {
        self.stages * self.chips_of_stage()
    }

    /// Chips over which weights are gathered and sequences divided: N; 1 where weights stay.
    pub fn gathered(&self) -> usize {
        let [x, y, z] = self.mesh;
        match self.feed_forward {
            FeedForwardLayout::WeightStationary1d | FeedForwardLayout::WeightStationary2d => 1,
            FeedForwardLayout::WeightGatheredX => x,
            FeedForwardLayout::WeightGatheredXy => x * y,
            FeedForwardLayout::WeightGatheredXyz => x * y * z,
        }
    }
}

impl FeedForwardLayout {
    /// As the paper calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WeightStationary1d => "WS 1D",
            Self::WeightStationary2d => "WS 2D",
            Self::WeightGatheredX => "WG X",
            Self::WeightGatheredXy => "WG XY",
            Self::WeightGatheredXyz => "WG XYZ",
        }
    }
}

impl AttentionLayout {
    /// As the paper calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::Batch => "batch",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, z] = self.mesh;
        if self.chips() == 1 {
            return f.write_str("one chip");
        }
        write!(f, "feed-forward {}, attention by {}", self.feed_forward.name(), self.attention.name())?;
        match self.feed_forward {
            FeedForwardLayout::WeightStationary1d => write!(f, ", {} chips", x * y * z)?,
            FeedForwardLayout::WeightStationary2d => write!(f, ", X {x} · YZ {}", y * z)?,
            _ => write!(f, ", X {x} · Y {y} · Z {z}")?,
        }
        if self.expert_groups > 1 {
            write!(f, ", experts in {} groups", self.expert_groups)?;
        }
        if self.stages > 1 {
            write!(f, ", {} stages", self.stages)?;
        }
        Ok(())
    }
}
