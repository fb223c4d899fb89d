//! A mixture of experts: a router chooses some of many networks for each position.

use candle_core::{D, DType, Tensor};
use smallvec::{SmallVec, smallvec};

use super::config::{DecoderConfig, ExpertsSpec};
use super::feed_forward::Gated;
use crate::error::{Doing, Result};
use crate::kernels::buffer::scratch;
use crate::kernels::{softmax, team};
use crate::nn::{Array, Linear, NormSpec, RmsNorm, Rows, mix_rows, mix_rows_traced};
use crate::weights::Weights;

/// Which positions go through which experts, and how much each result counts: first all of one expert, in order, then
/// those of the next.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Visits {
    rows: SmallVec<[u32; 16]>,
    weights: SmallVec<[f32; 16]>,
    /// The experts that have visits, and where those of each end.
    ends: SmallVec<[(usize, usize); 16]>,
}

impl Visits {
    /// The expert of each visit.
    fn experts(&self) -> SmallVec<[usize; 16]> {
        let mut first = 0;
        let run = |(expert, end): &(usize, usize)| {
            std::iter::repeat_n(*expert, end - std::mem::replace(&mut first, *end))
        };
        self.ends.iter().flat_map(run).collect()
    }
}

/// Where positions go, and where gradients are wanted also how much each visit counts, `[n_visits]`, traced by candle.
pub(super) struct Routed {
    visits: Visits,
    traced: Option<Tensor>,
}

/// Scores experts by `softmax(W x)` and takes the best.
#[derive(Clone)]
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
    pub(super) fn route(&self, x: &Rows) -> candle_core::Result<Routed> {
        let scores = match &self.norm {
            Some(norm) => self.scores.forward(&norm.forward(x)?)?,
            None => self.scores.forward(x)?,
        };
        let traced = scores.on_device().filter(|scores| scores.track_op()).cloned();
        let scores = scores.to_host()?;
        let visits = scores.read(|scores| choose(scores, self.spec, self.expert_scale.as_deref()))?;
        let traced = traced.map(|scores| self.traced_weights(&scores, &visits)).transpose()?;
        Ok(Routed { visits, traced })
    }

    /// What [`choose`] says that visits count, as a function of the scores; which experts are chosen has no gradient.
    ///
    /// # Shapes
    /// - `scores`: `[n, n_experts]`
    /// - returns: `[n_visits]`
    fn traced_weights(&self, scores: &Tensor, visits: &Visits) -> candle_core::Result<Tensor> {
        let ExpertsSpec { n_experts, renormalise, .. } = self.spec;
        let (n, device) = (scores.dims2()?.0, scores.device());
        let experts = visits.experts();
        let at =
            visits.rows.iter().zip(&experts).map(|(row, expert)| row * n_experts as u32 + *expert as u32);
        let shares = candle_nn::ops::softmax(scores, D::Minus1)?.flatten_all()?;
        let mut weights = shares.index_select(&Tensor::from_iter(at, device)?, 0)?;
        if renormalise {
            let rows = Tensor::new(&visits.rows[..], device)?;
            let sums = Tensor::zeros(n, DType::F32, device)?.index_add(&rows, &weights, 0)?;
            weights = (weights / sums.index_select(&rows, 0)?)?;
        }
        match &self.expert_scale {
            Some(scale) => weights * Tensor::from_iter(experts.iter().map(|expert| scale[*expert]), device)?,
            None => Ok(weights),
        }
    }
}

/// `scores` of `[n, n_experts]`; what an expert counts is multiplied by its `scale`.
fn choose(scores: &[f32], spec: ExpertsSpec, scale: Option<&[f32]>) -> Visits {
    /// Rows that are worth a task: some ten microseconds.
    const TASK: usize = 32;
    let ExpertsSpec { n_experts, n_chosen, renormalise, .. } = spec;
    let k = n_chosen.min(n_experts);
    let n = scores.len() / n_experts.max(1);
    let mut chosen: SmallVec<[(usize, f32); 16]> = smallvec![(0, 0.0); n * k];
    team::for_each_chunk(&mut chosen, (TASK * k).max(1), |task, chosen| {
        for (i, chosen) in chosen.chunks_exact_mut(k).enumerate() {
            let scores = &scores[(task * TASK + i) * n_experts..][..n_experts];
            best_of(scores, renormalise, chosen);
        }
    });
    // A counting sort by expert.
    let mut starts: SmallVec<[usize; 128]> = smallvec![0; n_experts + 1];
    chosen.iter().for_each(|(expert, _)| starts[expert + 1] += 1);
    (0..n_experts).for_each(|expert| starts[expert + 1] += starts[expert]);
    let ends = starts.windows(2).enumerate().filter(|(_, ends)| ends[0] < ends[1]);
    let ends = ends.map(|(expert, ends)| (expert, ends[1])).collect();
    let mut visits = Visits { rows: smallvec![0; n * k], weights: smallvec![0.0; n * k], ends };
    for (i, (expert, weight)) in chosen.into_iter().enumerate() {
        let at = starts[expert];
        starts[expert] += 1;
        visits.rows[at] = (i / k) as u32;
        visits.weights[at] = weight * scale.map_or(1.0, |scale| scale[expert]);
    }
    visits
}

/// The experts with the largest shares `softmax(scores)`, of equal ones the first, and what each counts.
fn best_of(scores: &[f32], renormalise: bool, chosen: &mut [(usize, f32)]) {
    scratch(scores.len(), |shares| {
        shares.copy_from_slice(scores);
        softmax(shares);
        for i in 0..chosen.len() {
            let (before, rest) = chosen.split_at_mut(i);
            let free =
                shares.iter().enumerate().filter(|(expert, _)| before.iter().all(|(e, _)| e != expert));
            let best =
                free.reduce(|best, other| if other.1.total_cmp(best.1).is_gt() { other } else { best });
            if let Some((expert, share)) = best {
                rest[0] = (expert, *share);
            }
        }
        if renormalise {
            let sum: f32 = chosen.iter().map(|(_, share)| share).sum();
            chosen.iter_mut().for_each(|(_, share)| *share /= sum);
        }
    });
}

/// The networks. Positions are grouped by expert, so that each expert runs once for all its positions and an
/// expert that nobody chose does not run; their weights stay in their mapped file, so that those of experts
/// that are never chosen are never in memory.
#[derive(Clone)]
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
        x: &Rows,
        Routed { visits, traced }: &Routed,
        mut count: impl FnMut(usize, usize),
    ) -> candle_core::Result<Rows> {
        // Experts in their order, so that sums do not depend on the order of positions.
        let Visits { rows, weights, ends } = visits;
        let chosen = || ends.iter().map(|(expert, _)| &self.0[*expert]);
        rows.iter().zip(visits.experts()).for_each(|(row, expert)| count(*row as usize, expert));
        let Some(Gated { activation, .. }) = chosen().next() else { return x.clone().times(0.0) };
        let layers: SmallVec<[_; 16]> = chosen().map(|expert| [&expert.gate, &expert.up]).collect();
        let [gate, up] = Linear::forward_grouped(&layers, x, &groups(rows, ends))?;
        let hidden = activation.gated(gate, &up)?;
        let layers: SmallVec<[_; 16]> = chosen().map(|expert| [&expert.down]).collect();
        let in_order: SmallVec<[u32; 16]> = (0..rows.len() as u32).collect();
        let [y] = Linear::forward_grouped(&layers, &hidden, &groups(&in_order, ends))?;
        match traced {
            Some(weights) => mix_rows_traced(&y, x.n(), rows, weights),
            None => mix_rows(&y, x.n(), rows, weights),
        }
    }
}

/// Runs of rows that end where `ends` say.
fn groups<'a>(rows: &'a [u32], ends: &[(usize, usize)]) -> SmallVec<[&'a [u32]; 16]> {
    let mut first = 0;
    ends.iter().map(|(_, end)| &rows[std::mem::replace(&mut first, *end)..*end]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::GatedSpec;
    use super::*;
    use crate::nn::Activation;

    fn routed(shares: &[[f32; 3]], renormalise: bool, scale: Option<&[f32]>) -> Visits {
        let expert = GatedSpec { d_hidden: 1, activation: Activation::Silu };
        let spec = ExpertsSpec { n_experts: 3, n_chosen: 2, expert, renormalise, scaled_router: false };
        let scores: Vec<f32> = shares.iter().flatten().map(|share| share.ln()).collect();
        choose(&scores, spec, scale)
    }

    fn near(weights: &[f32], want: &[f32]) {
        assert_eq!(weights.len(), want.len());
        assert!(weights.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{weights:?} and {want:?}");
    }

    #[test]
    fn the_best_experts_are_chosen_and_their_weights_kept_renormalised_or_scaled() {
        let shares = [[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]];
        let kept = routed(&shares, false, None);
        assert_eq!(kept.rows[..], [0, 1, 0, 1]);
        assert_eq!(kept.ends[..], [(0, 2), (1, 3), (2, 4)]);
        near(&kept.weights, &[0.5, 0.125, 0.25, 0.75]);
        near(&routed(&shares, true, None).weights, &[2.0 / 3.0, 1.0 / 7.0, 1.0 / 3.0, 6.0 / 7.0]);
        near(&routed(&shares, false, Some(&[1.0, 2.0, 4.0])).weights, &[0.5, 0.125, 0.5, 3.0]);
        let [first] = &routed(&[[0.2, 0.2, 0.6]; 1], false, None).ends[..1] else { unreachable!() };
        assert_eq!(*first, (0, 1), "of equal experts the first");
        assert_eq!(routed(&[], false, None), Visits::default());
    }

    #[test]
    fn many_rows_are_sorted_as_few() {
        let shares: Vec<[f32; 3]> =
            (0..200).map(|i| [0.2 + (i % 7) as f32 * 0.1, 0.3 + (i % 3) as f32 * 0.1, 0.4]).collect();
        let all = routed(&shares, true, None);
        let mut counts = [0; 3];
        for (row, shares) in shares.iter().enumerate() {
            let one = routed(&[*shares], true, None);
            for ((expert, _), weight) in one.ends.iter().zip(&one.weights) {
                let start = all.ends.iter().find(|(e, _)| e == expert).map(|(e, _)| *e).unwrap();
                let begin =
                    all.ends.iter().take_while(|(e, _)| *e < start).map(|(_, end)| *end).max().unwrap_or(0);
                let at = begin + counts[*expert];
                assert_eq!((all.rows[at] as usize, all.weights[at]), (row, *weight));
                counts[*expert] += 1;
            }
        }
        assert_eq!(counts.iter().sum::<usize>(), all.rows.len());
    }
}
