//! A voice as a vector (GE2E, Wan et al., 2018): frames of a spectrum in, 256 numbers out.
//!
//! Three layers of LSTM read 40 bands of power each 10 ms; what the last one holds after the last frame goes through
//! a linear layer and a ramp and is brought to length 1. Vectors of one voice point the same way.
//! Reference: `resemblyzer/voice_encoder.py` of Resemblyzer. Golden: `tests/golden/ge2e.json`.

use std::path::Path;

use candle_core::{Device, Tensor};

use crate::error::{Doing, Result};
use crate::features::mel::LogMel;
use crate::kernels::lstm_cell;
use crate::models::Store;
use crate::nn::Linear;
use crate::weights::{Weights, same_name};

/// Bands of the spectrum.
pub(super) const N_BANDS: usize = 40;
const N_HIDDEN: usize = 256;
const N_LAYERS: usize = 3;
/// Numbers of an embedding.
pub const N_EMBEDDING: usize = 256;

/// What a voice sounds like: a direction, of length 1, no number below 0.
pub type Embedding = [f32; N_EMBEDDING];

/// Cosine of the angle between two voices, 0 to 1.
pub fn similarity(a: &Embedding, b: &Embedding) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

struct Lstm {
    input: Linear,
    hidden: Linear,
}

impl Lstm {
    fn new(weights: &Weights, layer: usize, n_in: usize) -> Result<Self> {
        const LOADING: &str = "loading speaker embeddings";
        let matrix = |name: &str, n_in| weights.get(&format!("{name}_l{layer}"), &[4 * N_HIDDEN, n_in]);
        let bias = |name: &str| weights.get(&format!("{name}_l{layer}"), &[4 * N_HIDDEN]);
        let bias = bias("bias_ih")?.add(&bias("bias_hh")?).doing(LOADING)?;
        Ok(Self {
            input: Linear::from_tensors(matrix("weight_ih", n_in)?, Some(bias)).doing(LOADING)?,
            hidden: Linear::from_tensors(matrix("weight_hh", N_HIDDEN)?, None).doing(LOADING)?,
        })
    }

    /// # Shapes
    /// - `x`: `[n_frames × n, n_in]`, all first frames first
    /// - returns: `[n_frames × n, n_hidden]`
    fn forward(&self, x: &Tensor, n: usize) -> candle_core::Result<Vec<f32>> {
        let from_input: Vec<f32> = self.input.forward(x)?.flatten_all()?.to_vec1()?;
        let mut out = Vec::with_capacity(from_input.len() / 4);
        let mut cell = vec![0.0; n * N_HIDDEN];
        let mut hidden = vec![0.0; n * N_HIDDEN];
        for from_input in from_input.chunks(n * 4 * N_HIDDEN) {
            let before = Tensor::from_slice(&hidden, (n, N_HIDDEN), &Device::Cpu)?;
            let from_hidden: Vec<f32> = self.hidden.forward(&before)?.flatten_all()?.to_vec1()?;
            let gates = from_input.chunks(4 * N_HIDDEN).zip(from_hidden.chunks(4 * N_HIDDEN));
            let states = cell.chunks_mut(N_HIDDEN).zip(hidden.chunks_mut(N_HIDDEN));
            for ((from_input, from_hidden), (cell, hidden)) in gates.zip(states) {
                lstm_cell(from_input, from_hidden, cell, hidden);
            }
            out.extend_from_slice(&hidden);
        }
        Ok(out)
    }
}

/// The network; read-only, one for all recordings.
pub struct SpeakerEncoder {
    log_mel: LogMel,
    layers: [Lstm; N_LAYERS],
    out: Linear,
}

impl SpeakerEncoder {
    /// Loads `ge2e-speaker`.
    ///
    /// # Errors
    /// [`ModelMissing`](crate::Error::ModelMissing), [`ModelFile`](crate::Error::ModelFile).
    pub fn load(store: &Store) -> Result<Self> {
        Self::from_path(&store.file("ge2e-speaker", "model")?)
    }

    /// Loads from a checkpoint of Resemblyzer; always computed on the processor.
    ///
    /// # Errors
    /// When the file is missing, damaged, or holds something else.
    pub fn from_path(path: &Path) -> Result<Self> {
        let weights = Weights::from_pth(path, Some("model_state"), &Device::Cpu, same_name)?;
        let lstm = weights.sub("lstm");
        let layers =
            [Lstm::new(&lstm, 0, N_BANDS)?, Lstm::new(&lstm, 1, N_HIDDEN)?, Lstm::new(&lstm, 2, N_HIDDEN)?];
        let weight = weights.get("linear.weight", &[N_EMBEDDING, N_HIDDEN])?;
        let bias = weights.get("linear.bias", &[N_EMBEDDING])?;
        let out = Linear::from_tensors(weight, Some(bias)).doing("loading speaker embeddings")?;
        // The two numbers of the loss that it was trained with.
        weights.expect_all_used(|name| name.starts_with("similarity_"))?;
        Ok(Self { log_mel: LogMel::new(N_BANDS), layers, out })
    }

    /// The spectrum of 16 kHz samples, `[samples / 160 + 1, 40]` row-major.
    pub fn spectrum(&self, samples: &[f32]) -> Vec<f32> {
        self.log_mel.power(samples)
    }

    /// The voice of each piece of a spectrum, `[n_frames, 40]` row-major with any number of frames; nothing is a vector
    /// of zeros.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn embed(&self, pieces: &[&[f32]]) -> Result<Vec<Embedding>> {
        /// Pieces that are read side by side: more are no faster.
        const BATCH: usize = 32;
        let mut embeddings = vec![[0.0; N_EMBEDDING]; pieces.len()];
        // Pieces of one length are read together.
        let mut order: Vec<usize> = (0..pieces.len()).filter(|&i| pieces[i].len() >= N_BANDS).collect();
        order.sort_by_key(|&i| pieces[i].len() / N_BANDS);
        for alike in order.chunk_by(|&a, &b| pieces[a].len() / N_BANDS == pieces[b].len() / N_BANDS) {
            for batch in alike.chunks(BATCH) {
                let read: Vec<&[f32]> = batch.iter().map(|&i| pieces[i]).collect();
                let found = self.batch(&read).doing("telling speakers apart")?;
                batch.iter().zip(found).for_each(|(&i, found)| embeddings[i] = found);
            }
        }
        Ok(embeddings)
    }

    /// Pieces that have all as many frames as the first.
    fn batch(&self, pieces: &[&[f32]]) -> candle_core::Result<Vec<Embedding>> {
        let n = pieces.len();
        let n_frames = pieces.first().map_or(0, |piece| piece.len() / N_BANDS);
        let mut x = vec![0.0; n_frames * n * N_BANDS];
        for (i, piece) in pieces.iter().enumerate() {
            for (t, frame) in piece.chunks_exact(N_BANDS).enumerate() {
                let at = (t * n + i) * N_BANDS;
                x[at..at + N_BANDS].copy_from_slice(frame);
            }
        }
        let mut width = N_BANDS;
        for layer in &self.layers {
            x = layer.forward(&Tensor::from_vec(x, (n_frames * n, width), &Device::Cpu)?, n)?;
            width = N_HIDDEN;
        }
        let last = x.split_off((n_frames - 1) * n * N_HIDDEN);
        let last = Tensor::from_vec(last, (n, N_HIDDEN), &Device::Cpu)?;
        let out: Vec<f32> = self.out.forward(&last)?.flatten_all()?.to_vec1()?;
        let (rows, _) = out.as_chunks::<N_EMBEDDING>();
        Ok(rows.iter().map(|row| of_length_one(row.map(|x| x.max(0.0)))).collect())
    }
}

/// The same direction; zeros stay zeros.
pub(super) fn of_length_one(mut vector: Embedding) -> Embedding {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|x| *x /= length);
    } else {
        vector.fill(0.0);
    }
    vector
}
