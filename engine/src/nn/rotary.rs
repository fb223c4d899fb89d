//! Rotary position embedding (Su et al., RoFormer, 2021, section 3.2).

use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};

use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::{for_each_row, rotate_halves, rotate_neighbours};

/// Which numbers of a head are rotated together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryStyle {
    /// Neighbours (0, 1), (2, 3), …: the paper's order; GGUF files of Llama models are permuted to it.
    Interleaved,
    /// One from each half: (0, d/2), (1, d/2 + 1), …
    Halves,
}

/// How the angles differ from the paper's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// Positions are divided, to stretch a trained context (Chen et al., 2023).
    Linear {
        /// By this.
        factor: f64,
    },
    /// Only the first pairs turn, that share of all; the others stand still (Gemma 4).
    Partial {
        /// Between 0 and 1.
        share: f64,
    },
    /// Slow pairs turn slower still, fast ones as before (Llama 3.1; transformers
    /// `modeling_rope_utils.py`, `_compute_llama3_parameters`).
    Llama3 {
        /// Divides the frequency of slow pairs.
        factor: f64,
        /// Pairs that turn fewer times than this in the first context are slow.
        low: f64,
        /// Pairs that turn more often than this are fast.
        high: f64,
        /// The context before it was stretched.
        context: f64,
    },
}

/// Which angles a layer uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotarySpec {
    /// Base of the angles.
    pub base: f64,
    /// Order of the pairs.
    pub style: RotaryStyle,
    /// Changes to the frequencies.
    pub scaling: RotaryScaling,
}

impl RotarySpec {
    /// Angle per position of each pair, `[head_dim / 2]`; in f32, as the reference computes it.
    fn frequencies(self, head_dim: usize) -> Vec<f32> {
        let n_pairs = head_dim / 2;
        let turning = match self.scaling {
            RotaryScaling::Partial { share } => (share * head_dim as f64 / 2.0) as usize,
            _ => n_pairs,
        };
        let frequency = |pair: usize| {
            if pair >= turning {
                return 0.0;
            }
            let frequency = 1.0 / (self.base as f32).powf((2 * pair) as f32 / head_dim as f32);
            match self.scaling {
                RotaryScaling::None | RotaryScaling::Partial { .. } => frequency,
                RotaryScaling::Linear { factor } => frequency / factor as f32,
                RotaryScaling::Llama3 { factor, low, high, context } => {
                    let turns = context * f64::from(frequency) / std::f64::consts::TAU;
                    let fast = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (f64::from(frequency) * (fast + (1.0 - fast) / factor)) as f32
                }
            }
        };
        (0..n_pairs).map(frequency).collect()
    }
}

/// The angles of heads of one width.
#[derive(Clone)]
pub struct Rotary {
    frequencies: Vec<f32>,
    style: RotaryStyle,
}

/// Cosines and sines for some positions; a clone shares them.
#[derive(Clone)]
pub struct Angles {
    /// For each position the cosines, then the sines, `[n, 2, head_dim / 2]`.
    each: Arc<Buffer>,
    head_dim: usize,
    style: RotaryStyle,
    /// The same as tensors, `[n, head_dim / 2]` each, once they are asked for.
    tables: OnceLock<[Tensor; 2]>,
}

impl Rotary {
    /// For heads of `head_dim` numbers.
    pub fn new(spec: RotarySpec, head_dim: usize) -> Self {
        Self { frequencies: spec.frequencies(head_dim), style: spec.style }
    }

    /// Divides the frequency of each pair by its factor, as GGUF files list them.
    pub fn divided(mut self, factors: &[f32]) -> Self {
        for (frequency, factor) in self.frequencies.iter_mut().zip(factors) {
            *frequency /= factor;
        }
        self
    }

    /// Angles of these positions, in f32 as the reference computes them: at large positions that is not the same
    /// as rounding exact ones. Made anew for each step, since tables for a context of 128 Ki tokens would
    /// take more memory than a small model.
    ///
    pub fn angles(&self, positions: &[usize]) -> Angles {
        let half = self.frequencies.len();
        let mut each = Buffer::new(positions.len() * 2 * half);
        for_each_row(&mut each, (2 * half).max(1), |i, row| {
            let (cos, sin) = row.split_at_mut(half);
            for ((cos, sin), frequency) in cos.iter_mut().zip(sin).zip(&self.frequencies) {
                (*sin, *cos) = (positions[i] as f32 * frequency).sin_cos();
            }
        });
        Angles { each: Arc::new(each), head_dim: 2 * half, style: self.style, tables: OnceLock::new() }
    }
}

impl Angles {
    /// Rotates the heads of position `i` on the processor, `[head_dim]`.
    pub(super) fn rotate_row(&self, i: usize, row: &mut [f32]) {
        let (cos, sin) = self.each[i * self.head_dim..][..self.head_dim].split_at(self.head_dim / 2);
        match self.style {
            RotaryStyle::Interleaved => rotate_neighbours(row, cos, sin),
            RotaryStyle::Halves => rotate_halves(row, cos, sin),
        }
    }

    /// Rotates the gradient of what [`Angles::rotate_row`] gave back.
    pub(super) fn rotate_row_back(&self, i: usize, row: &mut [f32]) {
        let half = self.head_dim / 2;
        let (cos, sin) = self.each[i * self.head_dim..][..self.head_dim].split_at(half);
        let back = |a: &mut f32, b: &mut f32, cos: f32, sin: f32| {
            (*a, *b) = (*a * cos + *b * sin, *b * cos - *a * sin);
        };
        match self.style {
            RotaryStyle::Interleaved => {
                let pairs = row.as_chunks_mut::<2>().0.iter_mut().zip(cos.iter().zip(sin));
                pairs.for_each(|([a, b], (cos, sin))| back(a, b, *cos, *sin));
            }
            RotaryStyle::Halves => {
                let (first, second) = row.split_at_mut(half);
                let pairs = first.iter_mut().zip(second).zip(cos.iter().zip(sin));
                pairs.for_each(|((a, b), (cos, sin))| back(a, b, *cos, *sin));
            }
        }
    }

    /// Cosines and sines where `device` has them.
    fn tables(&self, device: &Device) -> candle_core::Result<&[Tensor; 2]> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables);
        }
        let half = self.head_dim / 2;
        let all =
            Tensor::from_slice(&self.each[..], (self.each.len() / self.head_dim.max(1), 2, half), device)?;
        let table = |i| all.narrow(1, i, 1)?.squeeze(1)?.contiguous();
        let tables = [table(0)?, table(1)?];
        Ok(self.tables.get_or_init(|| tables))
    }

    /// Rotates each row of `x` to its position.
    ///
    /// # Shapes
    /// - `x`: `[1, n_heads, n, head_dim]`, contiguous
    /// - returns: the same
    pub(super) fn rotate(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let [cos, sin] = self.tables(x.device())?;
        match (self.style, x.track_op()) {
            (RotaryStyle::Interleaved, false) => candle_nn::rotary_emb::rope_i(x, cos, sin),
            (RotaryStyle::Halves, false) => candle_nn::rotary_emb::rope(x, cos, sin),
            (RotaryStyle::Interleaved, true) => candle_nn::rotary_emb::rope_i_slow(x, cos, sin),
            (RotaryStyle::Halves, true) => candle_nn::rotary_emb::rope_slow(x, cos, sin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frequencies(scaling: RotaryScaling) -> Vec<f32> {
        RotarySpec { base: 10_000.0, style: RotaryStyle::Halves, scaling }.frequencies(8)
    }

    #[test]
    fn frequencies_follow_their_scaling() {
        let plain = frequencies(RotaryScaling::None);
        assert_eq!(plain.len(), 4);
        assert!((plain[1] - 0.1).abs() < 1e-7 && (plain[3] - 1e-3).abs() < 1e-8);
        assert_eq!(frequencies(RotaryScaling::Linear { factor: 4.0 })[0], 0.25);
        let partial = frequencies(RotaryScaling::Partial { share: 0.5 });
        assert_eq!(partial, [plain[0], plain[1], 0.0, 0.0]);
        let llama3 =
            RotaryScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, context: 628.318_530_717_958_6 };
        // 100, 10, 1 and 0.1 turns in the first context.
        let stretched = frequencies(llama3);
        assert_eq!(&stretched[..2], &plain[..2]);
        assert!((stretched[2] - plain[2] / 8.0).abs() < 1e-7 && (stretched[3] - plain[3] / 8.0).abs() < 1e-7);
    }
}
