//! A mixture of experts: a router chooses some of many networks for each position.

use candle_core::{DType, Tensor};

use super::config::{DecoderConfig, ExpertsSpec};
use super::feed_forward::Gated;
use crate::error::{Doing, Result};
use crate::kernels::softmax;
use crate::nn::{Linear, NormSpec, RmsNorm, mix_rows};
use crate::weights::Weights;

/// A position that goes through an expert, and how much its result counts.
#[derive(Clone, Copy)]
pub(super) struct Visit {
    row: u32,
    weight: f32,
}

/// Who goes where: for each expert its positions, in order.
pub(super) type Visits = Vec<Vec<Visit>>;

/// Scores experts by `softmax(W x)` and takes the best.
pub(super) struct Router {
    spec: ExpertsSpec,
    norm: Option<RmsNorm>,
    scores: Linear,
    /// Multiplies what each expert counts, `n_experts`.
    expert_scale: Option<Vec<f32>>,
}

impl Router {
    pub(super) fn new(config: &DecoderConfig, spec: ExpertsSpec, w: &Weights) -> Result<Self> {
        let norm = || {
            // `x / rms(x) · scale / √d_model`: the root is a part of the weight.
            let root = (config.d_model as f64).powf(-0.5);
            let spec = NormSpec { offset: 0.0, ..config.norm };
            RmsNorm::scaled(config.d_model, spec, root, &w.sub("router_norm"))
        };
        let expert_scale = || {
            let scale = w.get("expert_scale.weight", &[spec.n_experts])?;
            scale.to_vec1().doing("reading the scales of experts")
        };
        Ok(Self {
            norm: spec.scaled_router.then(norm).transpose()?,
            scores: Linear::new(config.d_model, spec.n_experts, &w.sub("router"))?,
            expert_scale: spec.scaled_router.then(expert_scale).transpose()?,
            spec,
        })
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`
    pub(super) fn visits(&self, x: &Tensor) -> candle_core::Result<Visits> {
        let scores = match &self.norm {
            Some(norm) => self.scores.forward(&norm.forward(x)?)?,
            None => self.scores.forward(x)?,
        };
        let mut shares = scores.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        shares.iter_mut().for_each(|shares| softmax(shares));
        let mut visits = choose(&shares, self.spec);
        if let Some(scale) = &self.expert_scale {
            for (visits, scale) in visits.iter_mut().zip(scale) {
                visits.iter_mut().for_each(|visit| visit.weight *= scale);
            }
        }
        Ok(visits)
    }
}

/// The positions of each expert. `shares` of `[n, n_experts]` sum to 1 in each row.
fn choose(shares: &[Vec<f32>], spec: ExpertsSpec) -> Visits {
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

/// The networks. Positions are grouped by expert, so that each expert runs once for all its positions and an
/// expert that nobody chose does not run; their weights stay in their mapped file, so that those of experts
/// that are never chosen are never in memory.
pub(super) struct Experts(Vec<Gated>);

impl Experts {
    /// From one tensor for all experts, or from one for each.
    pub(super) fn new(d_model: usize, spec: ExpertsSpec, w: &Weights) -> Result<Self> {
        let ExpertsSpec { n_experts, expert, .. } = spec;
        let d_hidden = expert.d_hidden;
        if !w.sub("experts").sub("down").has("weight") {
            let expert = |i| Gated::in_place(d_model, expert, &w.sub("experts").sub(i));
            return (0..n_experts).map(expert).collect::<Result<_>>().map(Self);
        }
        let w = w.sub("experts");
        let down = Linear::stacked(n_experts, d_hidden, [d_model], &w.sub("down"))?;
        let gate_up = if w.sub("gate_up").has("weight") {
            Linear::stacked(n_experts, d_model, [d_hidden, d_hidden], &w.sub("gate_up"))?
        } else {
            let gates = Linear::stacked(n_experts, d_model, [d_hidden], &w.sub("gate"))?;
            let ups = Linear::stacked(n_experts, d_model, [d_hidden], &w.sub("up"))?;
            gates.into_iter().zip(ups).map(|([gate], [up])| [gate, up]).collect()
        };
        let experts = gate_up.into_iter().zip(down);
        let experts =
            experts.map(|([gate, up], [down])| Gated { gate, up, down, activation: expert.activation });
        Ok(Self(experts.collect()))
    }

    /// # Shapes
    /// - `x`: `[n, d_model]`
    /// - returns: the same
    pub(super) fn forward(
        &self,
        x: &Tensor,
        visits: &Visits,
        mut count: impl FnMut(usize, usize),
    ) -> candle_core::Result<Tensor> {
        // Experts in their order, so that sums do not depend on the order of positions.
        let chosen = || self.0.iter().zip(visits).filter(|(_, visits)| !visits.is_empty());
        let (mut rows, mut weights, mut ends) = (Vec::new(), Vec::new(), vec![0]);
        for (i, visits) in visits.iter().enumerate().filter(|(_, visits)| !visits.is_empty()) {
            visits.iter().for_each(|visit| count(visit.row as usize, i));
            rows.extend(visits.iter().map(|visit| visit.row));
            weights.extend(visits.iter().map(|visit| visit.weight));
            ends.push(rows.len());
        }
        let Some((Gated { activation, .. }, _)) = chosen().next() else { return x.zeros_like() };
        let layers: Vec<_> = chosen().map(|(expert, _)| [&expert.gate, &expert.up]).collect();
        let [gate, up] = Linear::forward_grouped(&layers, x, &groups(&rows, &ends))?;
        let hidden = activation.gated(gate, &up)?;
        let layers: Vec<_> = chosen().map(|(expert, _)| [&expert.down]).collect();
        let in_order: Vec<u32> = (0..rows.len() as u32).collect();
        let [y] = Linear::forward_grouped(&layers, &hidden, &groups(&in_order, &ends))?;
        mix_rows(&y, x.dim(0)?, &rows, &weights)
    }
}

/// Runs of rows that end where `ends` say.
fn groups<'a>(rows: &'a [u32], ends: &[usize]) -> Vec<&'a [u32]> {
    ends.windows(2).map(|ends| &rows[ends[0]..ends[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::GatedSpec;
    use super::*;
    use crate::nn::Activation;

    fn routed(shares: &[Vec<f32>], renormalise: bool) -> Vec<Vec<(u32, f32)>> {
        let expert = GatedSpec { d_hidden: 1, activation: Activation::Silu };
        let spec = ExpertsSpec { n_experts: 3, n_chosen: 2, expert, renormalise, scaled_router: false };
        let pair = |visit: Visit| (visit.row, visit.weight);
        choose(shares, spec).into_iter().map(|of| of.into_iter().map(pair).collect()).collect()
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
