//! What a layer does with each position: one gated network, or some of many.

use candle_core::{DType, Tensor};

use super::config::{ExpertsSpec, FeedForwardSpec, GatedSpec};
use crate::error::Result;
use crate::nn::{Activation, Linear};
use crate::weights::Weights;

pub(super) enum FeedForward {
    Gated(Gated),
    Experts(Experts),
}

impl FeedForward {
    pub(super) fn new(d_model: usize, spec: &FeedForwardSpec, w: &Weights) -> Result<Self> {
        match spec {
            FeedForwardSpec::Gated(spec) => Gated::new(d_model, *spec, w).map(Self::Gated),
            FeedForwardSpec::Experts(spec) => Experts::new(d_model, *spec, w).map(Self::Experts),
        }
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`
    /// - returns: the same
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Gated(gated) => gated.forward(x),
            Self::Experts(experts) => experts.forward(x),
        }
    }
}

/// `down(activation(gate(x)) · up(x))`.
pub(super) struct Gated {
    gate: Linear,
    up: Linear,
    down: Linear,
    activation: Activation,
}

impl Gated {
    fn new(d_model: usize, spec: GatedSpec, w: &Weights) -> Result<Self> {
        Ok(Self {
            gate: Linear::new(d_model, spec.d_hidden, &w.sub("gate"))?,
            up: Linear::new(d_model, spec.d_hidden, &w.sub("up"))?,
            down: Linear::new(spec.d_hidden, d_model, &w.sub("down"))?,
            activation: spec.activation,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let gate = self.activation.forward(&self.gate.forward(x)?)?;
        self.down.forward(&(gate * self.up.forward(x)?)?)
    }
}

/// A router and its experts. Positions are grouped by expert, so that each expert runs once for all its
/// positions and an expert that nobody chose does not run.
pub(super) struct Experts {
    spec: ExpertsSpec,
    router: Linear,
    experts: Vec<Gated>,
}

/// A position that goes through an expert, and how much its result counts.
#[derive(Clone, Copy)]
struct Visit {
    row: u32,
    weight: f32,
}

impl Experts {
    fn new(d_model: usize, spec: ExpertsSpec, w: &Weights) -> Result<Self> {
        let expert = |i| Gated::new(d_model, spec.expert, &w.sub("experts").sub(i));
        Ok(Self {
            router: Linear::new(d_model, spec.n_experts, &w.sub("router"))?,
            experts: (0..spec.n_experts).map(expert).collect::<Result<_>>()?,
            spec,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let scores = self.router.forward(x)?.to_dtype(DType::F32)?;
        let shares = candle_nn::ops::softmax_last_dim(&scores)?.to_vec2::<f32>()?;
        let mut mixed = x.zeros_like()?;
        // Experts in their order, so that sums do not depend on the order of positions.
        for (expert, visits) in self.experts.iter().zip(visits(&shares, self.spec)) {
            if visits.is_empty() {
                continue;
            }
            let rows: Vec<u32> = visits.iter().map(|visit| visit.row).collect();
            let weights: Vec<f32> = visits.iter().map(|visit| visit.weight).collect();
            let rows = Tensor::new(rows, x.device())?;
            let weights = Tensor::new(weights, x.device())?.unsqueeze(1)?;
            let y = expert.forward(&x.index_select(&rows, 0)?)?.broadcast_mul(&weights)?;
            mixed = mixed.index_add(&rows, &y, 0)?;
        }
        Ok(mixed)
    }
}

/// Who goes where: for each expert its positions in order. `shares` of `[n, n_experts]` sum to 1 in each row.
fn visits(shares: &[Vec<f32>], spec: ExpertsSpec) -> Vec<Vec<Visit>> {
    let mut visits = vec![Vec::new(); spec.n_experts];
    for (row, shares) in shares.iter().enumerate() {
        let mut order: Vec<usize> = (0..shares.len()).collect();
        // Of equal experts the first.
        order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
        order.truncate(spec.n_chosen);
        let sum: f32 = if spec.renormalise { order.iter().map(|expert| shares[*expert]).sum() } else { 1.0 };
        for expert in order {
            visits[expert].push(Visit { row: row as u32, weight: shares[expert] / sum });
        }
    }
    visits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(renormalise: bool) -> ExpertsSpec {
        let expert = GatedSpec { d_hidden: 1, activation: Activation::Silu };
        ExpertsSpec { n_experts: 3, n_chosen: 2, expert, renormalise }
    }

    fn routed(shares: &[Vec<f32>], renormalise: bool) -> Vec<Vec<(u32, f32)>> {
        let pair = |visit: Visit| (visit.row, visit.weight);
        visits(shares, spec(renormalise)).into_iter().map(|of| of.into_iter().map(pair).collect()).collect()
    }

    #[test]
    fn the_best_experts_are_chosen_and_their_weights_kept_or_scaled() {
        let shares = [vec![0.5, 0.25, 0.25], vec![0.1, 0.1, 0.8]];
        let kept = [vec![(0, 0.5), (1, 0.1)], vec![(0, 0.25)], vec![(1, 0.8)]];
        assert_eq!(routed(&shares, false), kept);
        let scaled = routed(&shares, true);
        assert!((scaled[0][0].1 - 2.0 / 3.0).abs() < 1e-6 && (scaled[2][0].1 - 8.0 / 9.0).abs() < 1e-6);
    }
}
