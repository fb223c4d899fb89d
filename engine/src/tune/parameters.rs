//! What is tuned, as one list of numbers, and as the parts of a decoder that they are.

use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::decoder::{AdapterLayers, Decoder, Projection};
use crate::error::{Doing, Error, Result};
use crate::nn::LowRank;
use crate::random::next_bits;

/// What is tuned beside weights that stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tuned {
    /// Low-rank adapters of these matrices of each layer, by their names in PEFT.
    LowRank {
        /// Rank of each.
        rank: usize,
        /// They count `alpha / rank`.
        alpha: f64,
        /// `q_proj`, `down_proj`, …
        targets: Vec<String>,
    },
    /// Soft tokens before each prompt (Lester et al., The Power of Scale for Parameter-Efficient Prompt Tuning, 2021).
    Prompt {
        /// How many; 0 for as many as what prompts begin with has, which then is what they begin as.
        tokens: usize,
    },
}

impl Default for Tuned {
    fn default() -> Self {
        let targets = Projection::ALL.map(|of| of.name().to_owned()).to_vec();
        Self::LowRank { rank: 8, alpha: 16.0, targets }
    }
}

/// The matrices that adapters change, with their shapes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Places {
    pub(super) rank: usize,
    pub(super) scale: f64,
    /// Layer, matrix, `[n_out, n_in]`.
    pub(super) each: Vec<(usize, Projection, (usize, usize))>,
}

impl Places {
    /// Those of a decoder that are named.
    pub(super) fn new(decoder: &Decoder, rank: usize, alpha: f64, targets: &[String]) -> Result<Self> {
        let bad = |reason: String| Err(Error::Request { reason });
        if rank == 0 {
            return bad("a low-rank adapter has a rank of at least 1".into());
        }
        if let Some(unknown) = targets.iter().find(|name| Projection::ALL.iter().all(|of| of.name() != *name))
        {
            let all = Projection::ALL.map(Projection::name).join(", ");
            return bad(format!("there is no matrix {unknown:?} to tune; there are {all}"));
        }
        let is_target = |of: Projection| targets.iter().any(|name| name == of.name());
        let each: Vec<_> = decoder
            .matrices()
            .into_iter()
            .filter(|(_, of)| is_target(*of))
            .filter_map(|(layer, of)| Some((layer, of, decoder.matrix_shape(layer, of)?)))
            .collect();
        if each.is_empty() {
            return bad("the model has none of the matrices that are to be tuned".into());
        }
        Ok(Self { rank, scale: alpha / rank as f64, each })
    }

    /// Numbers in all.
    pub(super) fn len(&self) -> usize {
        self.each.iter().map(|(_, _, (n_out, n_in))| self.rank * (n_out + n_in)).sum()
    }

    /// As PEFT begins: A uniform within ±1/√n_in, B zero, so that nothing changes at first.
    pub(super) fn first(&self, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut all = Vec::with_capacity(self.len());
        for (_, _, (n_out, n_in)) in &self.each {
            let bound = (*n_in as f32).powf(-0.5);
            all.extend((0..self.rank * n_in).map(|_| {
                let uniform = (next_bits(&mut state) >> 40) as f32 / (1u64 << 24) as f32;
                bound * (2.0 * uniform - 1.0)
            }));
            all.resize(all.len() + self.rank * n_out, 0.0);
        }
        all
    }

    /// A and B of each place, cut from all numbers.
    pub(super) fn cut<'a>(&self, all: &'a [f32]) -> Vec<[&'a [f32]; 2]> {
        let mut rest = all;
        let mut take = |n: usize| {
            let (part, others) = rest.split_at(n.min(rest.len()));
            rest = others;
            part
        };
        self.each
            .iter()
            .map(|(_, _, (n_out, n_in))| [take(self.rank * n_in), take(self.rank * n_out)])
            .collect()
    }

    /// Adapters of these numbers; `traced` where gradients are wanted.
    pub(super) fn adapters(&self, all: &[f32], device: &Device, traced: bool) -> Result<AdapterLayers> {
        let mut layers = AdapterLayers::default();
        for ((layer, of, (n_out, n_in)), [a, b]) in self.each.iter().zip(self.cut(all)) {
            let tensor = |numbers: &[f32], shape: (usize, usize)| -> candle_core::Result<Tensor> {
                let tensor = Tensor::from_slice(numbers, shape, device)?;
                Ok(if traced { Var::from_tensor(&tensor)?.as_tensor().clone() } else { tensor })
            };
            let adapter = tensor(a, (self.rank, *n_in))
                .and_then(|a| LowRank::new(a, tensor(b, (*n_out, self.rank))?, self.scale));
            layers.insert(*layer, *of, adapter.doing("making an adapter")?);
        }
        Ok(layers)
    }
}
