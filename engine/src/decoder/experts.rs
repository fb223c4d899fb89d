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
    /// The visits of each row, `[n, n_chosen]`: to its best expert first.
    slots: SmallVec<[u32; 16]>,
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
    let mut visits = Visits {
        rows: smallvec![0; n * k],
        weights: smallvec![0.0; n * k],
        slots: smallvec![0; n * k],
        ends,
    };
    for (i, (expert, weight)) in chosen.into_iter().enumerate() {
        let at = starts[expert];
        starts[expert] += 1;
        visits.rows[at] = (i / k) as u32;
        visits.weights[at] = weight * scale.map_or(1.0, |scale| scale[expert]);
        visits.slots[i] = at as u32;
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
        let Visits { rows, weights, slots, ends } = visits;
        let chosen = || ends.iter().map(|(expert, _)| &self.0[*expert]);
        rows.iter().zip(visits.experts()).for_each(|(row, expert)| count(*row as usize, expert));
        let Some(Gated { activation, .. }) = chosen().next() else { return x.clone().times(0.0) };
        let layers: SmallVec<[_; 16]> = chosen().map(|expert| [&expert.gate, &expert.up]).collect();
        let [gate, up] = Linear::forward_grouped(&layers, x, &groups(rows, ends))?;
        let hidden = activation.gated(gate, &up)?;
        let layers: SmallVec<[_; 16]> = chosen().map(|expert| [&expert.down]).collect();
        let in_order: SmallVec<[u32; 16]> = (0..rows.len() as u32).collect();
        let [y] = Linear::forward_grouped(&layers, &hidden, &groups(&in_order, ends))?;
        // Sums in the order of slots depend neither on the other positions nor on how experts are numbered.
        match traced {
            Some(weights) => mix_rows_traced(&y, x.n(), slots, weights),
            None => mix_rows(&y, x.n(), slots, weights),
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
    use std::borrow::Cow;
    use std::path::Path;

    use candle_core::Device;
    use candle_core::quantized::{GgmlDType, QStorage, QTensor, gguf_file};

    use super::super::config::GatedSpec;
    use super::*;
    use crate::kernels::Isa;
    use crate::nn::Activation;
    use crate::random::{next_bits, tensor};
    use crate::weights::gguf::GgufFile;
    use crate::weights::{PanelStore, same_name};

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
        assert_eq!(kept.slots[..], [0, 2, 3, 1], "the better one first");
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

    const N_EXPERTS: usize = 6;

    /// Nobody chooses these two.
    const IDLE: [usize; 2] = [1, 5];

    fn spec(d_hidden: usize) -> ExpertsSpec {
        let expert = GatedSpec { d_hidden, activation: Activation::Silu };
        ExpertsSpec { n_experts: N_EXPERTS, n_chosen: 3, expert, renormalise: true, scaled_router: false }
    }

    /// `[n_out, n_in]` in blocks; of an idle expert all scales are no numbers, so that all that is computed with it is none.
    fn matrix(dtype: GgmlDType, expert: usize, shape: [usize; 2], seed: &mut u64) -> Vec<u8> {
        let quantized = QTensor::quantize(&tensor(seed, &shape), dtype).unwrap();
        let mut bytes = quantized.data().unwrap().to_vec();
        if IDLE.contains(&expert) {
            // A block begins with its scale.
            bytes.chunks_mut(dtype.type_size()).for_each(|block| {
                block[..2].copy_from_slice(&half::f16::NAN.to_le_bytes());
            });
        }
        bytes
    }

    /// A file of experts, one tensor for all or one for each, whose matrices are kept as kernels want them.
    fn experts(dtype: GgmlDType, [d_model, d_hidden]: [usize; 2], stacked: bool, folder: &Path) -> Experts {
        let (mut tensors, mut seed) = (Vec::new(), 3);
        for (name, n_out, n_in) in
            [("gate", d_hidden, d_model), ("up", d_hidden, d_model), ("down", d_model, d_hidden)]
        {
            let each: Vec<_> =
                (0..N_EXPERTS).map(|expert| matrix(dtype, expert, [n_out, n_in], &mut seed)).collect();
            let mut add = |name: String, bytes: &[u8], shape: &[usize]| {
                let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, dtype).unwrap();
                tensors.push((name, QTensor::new(storage, shape).unwrap()));
            };
            if stacked {
                add(format!("experts.{name}.weight"), &each.concat(), &[N_EXPERTS, n_out, n_in]);
            } else {
                for (expert, bytes) in each.iter().enumerate() {
                    add(format!("experts.{expert}.{name}.weight"), bytes, &[n_out, n_in]);
                }
            }
        }
        let path = folder.join("experts.gguf");
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (&name[..], tensor)).collect();
        gguf_file::write(&mut std::fs::File::create(&path).unwrap(), &[], &tensors).unwrap();
        let store = PanelStore::open(&folder.join("panels"), 1 << 30);
        let panels = store.of_model(&path).unwrap();
        let weights = GgufFile::open(&path).unwrap().weights(&Device::Cpu, same_name);
        let experts =
            Experts::new(d_model, spec(d_hidden), &weights.with_panels(Some(panels.clone()))).unwrap();
        panels.finish();
        experts
    }

    /// Scores of `n` rows, by which idle experts are never among the best.
    fn scores(n: usize, seed: &mut u64) -> Vec<f32> {
        let score = |i: usize| match IDLE.contains(&(i % N_EXPERTS)) {
            true => -9.0,
            false => (next_bits(seed) >> 40) as f32 / (1 << 23) as f32,
        };
        (0..n * N_EXPERTS).map(score).collect()
    }

    /// What a row gets that goes through its experts one by one, the best first.
    fn one_by_one(experts: &Experts, row: &Rows, visits: &Visits) -> Vec<f32> {
        let of_visits = visits.experts();
        let mut sum = vec![0f32; row.width()];
        for visit in visits.slots.iter().map(|visit| *visit as usize) {
            let expert = &experts.0[of_visits[visit]];
            let [gate, up] = Linear::forward_each([&expert.gate, &expert.up], row).unwrap();
            let y = expert.down.forward(&expert.activation.gated(gate, &up).unwrap()).unwrap();
            y.read(|y| sum.iter_mut().zip(y).for_each(|(sum, y)| *sum += visits.weights[visit] * y)).unwrap();
        }
        sum
    }

    /// Quantised experts as real mixtures have them, to the last bit: the rows of an expert go through it together, what
    /// each gets is what it gets alone, and experts that nobody chose are left alone.
    #[test]
    fn a_mixture_gives_each_row_what_its_experts_give_it_alone_and_uses_no_other() {
        for (dtype, sizes) in
            [(GgmlDType::Q4_0, [64, 96]), (GgmlDType::Q8_0, [96, 32]), (GgmlDType::Q4K, [256, 256])]
        {
            for stacked in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let experts = experts(dtype, sizes, stacked, folder.path());
                let [_, d_hidden] = sizes;
                let mut seed = 5;
                for n in [1, 2, 3, 7, 8, 9, 40] {
                    let x = Rows::copy(&tensor(&mut seed, &[n, sizes[0]])).unwrap();
                    let scores = scores(n, &mut seed);
                    Isa::for_each(|isa| {
                        let what = format!("{} {dtype:?} {stacked}, {n} rows", isa.name());
                        let routed = |scores: &[f32]| Routed {
                            visits: choose(scores, spec(d_hidden), None),
                            traced: None,
                        };
                        let mut counts = [0usize; N_EXPERTS];
                        let all =
                            experts.forward(&x, &routed(&scores), |_, expert| counts[expert] += 1).unwrap();
                        let all = all.each().unwrap();
                        assert_eq!((all.len(), counts.iter().sum::<usize>()), (n, 3 * n), "{what}");
                        assert!(IDLE.iter().all(|expert| counts[*expert] == 0), "{what}: {counts:?}");
                        for (i, (got, scores)) in all.iter().zip(scores.chunks(N_EXPERTS)).enumerate() {
                            assert!(got.iter().all(|y| y.is_finite()), "{what}: row {i}");
                            let row = x.select(&[i as u32]).unwrap();
                            let alone = one_by_one(&experts, &row, &routed(scores).visits);
                            assert_eq!(got[..], alone[..], "{what}: row {i}");
                        }
                    });
                }
                // What is kept is used: an idle expert that is chosen spoils its row.
                let row = Rows::copy(&tensor(&mut seed, &[1, sizes[0]])).unwrap();
                let idle = [0.0, 9.0, 0.0, 0.0, 0.0, 0.0];
                let routed = Routed { visits: choose(&idle, spec(d_hidden), None), traced: None };
                let spoiled = experts.forward(&row, &routed, |_, _| ()).unwrap().each().unwrap();
                assert!(spoiled[0].iter().all(|y| y.is_nan()), "{dtype:?} {stacked}");
            }
        }
    }
}
