//! Voice activity: how likely is each 32 ms of sound to be speech (Silero VAD 6, 16 kHz).
//!
//! A learned short-time spectrum, four convolutions, one LSTM cell. Each frame sees itself and the
//! last 4 ms before it; what came earlier lives in the LSTM's state. All but the LSTM is computed
//! for many frames at once.
//! <https://github.com/snakers4/silero-vad>

use candle_core::{Device, Tensor};

use crate::error::{Doing, Result};
use crate::kernels::rows_times;
use crate::weights::Weights;

/// Samples in one frame (32 ms).
pub const FRAME: usize = 512;
/// Samples before a frame that it sees.
const CONTEXT: usize = 64;
const N_FFT: usize = 256;
const STFT_HOP: usize = 128;
const N_BINS: usize = N_FFT / 2 + 1;
/// Places of the spectrum in one frame, its right end mirrored.
const N_PLACES: usize = 4;
const N_HIDDEN: usize = 128;
/// Frames computed together: about two seconds.
const BATCH: usize = 64;
/// A state that one more frame of silence moves less than this has settled.
const SETTLED: f32 = 1e-6;

/// What the network remembers between frames.
#[derive(Debug, Clone)]
pub struct VadState {
    context: [f32; CONTEXT],
    hidden: [f32; N_HIDDEN],
    cell: [f32; N_HIDDEN],
    /// The answer to digital silence, once more of it changes nothing.
    settled: Option<f32>,
}

impl Default for VadState {
    fn default() -> Self {
        Self { context: [0.0; CONTEXT], hidden: [0.0; N_HIDDEN], cell: [0.0; N_HIDDEN], settled: None }
    }
}

/// A convolution of width 3 with one place of padding, then a ramp.
struct Conv {
    /// `[3 × n_in, n_out]`, taps outermost.
    weight: Tensor,
    bias: Vec<f32>,
    n_in: usize,
    stride: usize,
}

impl Conv {
    fn new(weights: &Weights, n_in: usize, n_out: usize, stride: usize) -> Result<Self> {
        let weight = weights.get("weight", &[n_out, n_in, 3])?;
        let bias = weights.get("bias", &[n_out])?.to_vec1().doing("loading voice activity")?;
        let weight = weight.permute((2, 1, 0)).and_then(|w| w.reshape((3 * n_in, n_out)));
        Ok(Self { weight: weight.doing("loading voice activity")?, bias, n_in, stride })
    }

    /// `[n, n_places, n_in]` → `[n, ceil(n_places / stride), n_out]`.
    fn forward(&self, x: &[f32], n_places: usize) -> candle_core::Result<Vec<f32>> {
        let n_out_places = n_places.div_ceil(self.stride);
        let n = x.len() / (n_places * self.n_in);
        let mut columns = vec![0.0; n * n_out_places * 3 * self.n_in];
        for (i, column) in columns.chunks_mut(3 * self.n_in).enumerate() {
            let (frame, place) = (i / n_out_places, i % n_out_places * self.stride);
            for tap in 0..3 {
                let at = place + tap;
                if (1..=n_places).contains(&at) {
                    let from = (frame * n_places + at - 1) * self.n_in;
                    column[tap * self.n_in..(tap + 1) * self.n_in]
                        .copy_from_slice(&x[from..from + self.n_in]);
                }
            }
        }
        let mut out = times(columns, 3 * self.n_in, &self.weight)?;
        for row in out.chunks_mut(self.bias.len()) {
            for (v, b) in row.iter_mut().zip(&self.bias) {
                *v = (*v + b).max(0.0);
            }
        }
        Ok(out)
    }
}

/// `[n, n_cols] × [n_cols, n_out]`.
fn times(x: Vec<f32>, n_cols: usize, weight: &Tensor) -> candle_core::Result<Vec<f32>> {
    let n = x.len() / n_cols;
    Tensor::from_vec(x, (n, n_cols), &Device::Cpu)?.matmul(weight)?.flatten_all()?.to_vec1()
}

/// The network; read-only, one for all recordings.
pub struct SileroVad {
    /// `[256, 258]`: real parts, then imaginary parts.
    stft: Tensor,
    convs: [Conv; 4],
    /// `[128, 512]`.
    lstm_input: Tensor,
    /// `[512, 128]`, row-major.
    lstm_hidden: Vec<f32>,
    lstm_bias: Vec<f32>,
    last: Vec<f32>,
    last_bias: f32,
    /// What the LSTM is given for a frame of zeros.
    silent_gates: Vec<f32>,
}

impl SileroVad {
    /// Takes the tensors of `silero_vad_16k.safetensors`; always computed on the processor.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn new(weights: &Weights) -> Result<Self> {
        const LOADING: &str = "loading voice activity";
        let stft = weights.get("stft_conv.weight", &[2 * N_BINS, 1, N_FFT])?;
        let lstm = weights.sub("lstm_cell");
        let vector = |w: &Weights, name: &str, shape: &[usize]| {
            w.get(name, shape)?.flatten_all().and_then(|t| t.to_vec1::<f32>()).doing(LOADING)
        };
        let input_bias = vector(&lstm, "bias_ih", &[4 * N_HIDDEN])?;
        let hidden_bias = vector(&lstm, "bias_hh", &[4 * N_HIDDEN])?;
        let conv =
            |i: usize, n_in, n_out, stride| Conv::new(&weights.sub(format!("conv{i}")), n_in, n_out, stride);
        let transposed = |t: Tensor| t.t().and_then(|t| t.contiguous()).doing(LOADING);
        let mut vad = Self {
            stft: transposed(stft.squeeze(1).doing(LOADING)?)?,
            convs: [
                conv(1, N_BINS, 128, 1)?,
                conv(2, 128, 64, 2)?,
                conv(3, 64, 64, 2)?,
                conv(4, 64, 128, 1)?,
            ],
            lstm_input: transposed(lstm.get("weight_ih", &[4 * N_HIDDEN, N_HIDDEN])?)?,
            lstm_hidden: vector(&lstm, "weight_hh", &[4 * N_HIDDEN, N_HIDDEN])?,
            lstm_bias: input_bias.iter().zip(&hidden_bias).map(|(a, b)| a + b).collect(),
            last: vector(&weights.sub("final_conv"), "weight", &[1, N_HIDDEN, 1])?,
            last_bias: vector(&weights.sub("final_conv"), "bias", &[1])?[0],
            silent_gates: Vec::new(),
        };
        vad.silent_gates = vad.gates(vec![0.0; CONTEXT + FRAME]).doing(LOADING)?;
        Ok(vad)
    }

    /// The probability of speech in each frame of `samples`; a last part of a frame counts as
    /// followed by silence, so give whole frames until the recording ends.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn probabilities(&self, samples: &[f32], state: &mut VadState) -> Result<Vec<f32>> {
        let mut probabilities = Vec::with_capacity(samples.len().div_ceil(FRAME));
        for batch in samples.chunks(BATCH * FRAME) {
            self.batch(batch, state, &mut probabilities).doing("looking for speech")?;
        }
        Ok(probabilities)
    }

    fn batch(&self, samples: &[f32], state: &mut VadState, out: &mut Vec<f32>) -> candle_core::Result<()> {
        // Frames of digital silence are not computed: what they give is known.
        let mut inputs = Vec::new();
        let mut silent = Vec::with_capacity(BATCH);
        for frame in samples.chunks(FRAME) {
            let is_silent = state.context.iter().chain(frame).all(|&x| x == 0.0);
            silent.push(is_silent);
            if !is_silent {
                inputs.extend_from_slice(&state.context);
                inputs.extend_from_slice(frame);
                inputs.resize(inputs.len().next_multiple_of(CONTEXT + FRAME), 0.0);
            }
            state.context.fill(0.0);
            if frame.len() == FRAME {
                state.context.copy_from_slice(&frame[FRAME - CONTEXT..]);
            }
        }
        let gates = if inputs.is_empty() { Vec::new() } else { self.gates(inputs)? };
        let mut gates = gates.chunks(4 * N_HIDDEN);
        for is_silent in silent {
            match state.settled {
                Some(probability) if is_silent => out.push(probability),
                _ => {
                    let given = if is_silent { None } else { gates.next() };
                    out.push(self.step(given.unwrap_or(&self.silent_gates), is_silent, state));
                }
            }
        }
        Ok(())
    }

    /// `[n, 64 + 512]` samples → `[n, 512]` what each frame adds to the gates of the LSTM.
    fn gates(&self, inputs: Vec<f32>) -> candle_core::Result<Vec<f32>> {
        let mut windows = Vec::with_capacity(inputs.len() / (CONTEXT + FRAME) * N_PLACES * N_FFT);
        let mut padded = [0.0; CONTEXT + FRAME + 64];
        for input in inputs.chunks(CONTEXT + FRAME) {
            padded[..input.len()].copy_from_slice(input);
            for (i, x) in padded[input.len()..].iter_mut().enumerate() {
                *x = input[input.len() - 2 - i];
            }
            for place in 0..N_PLACES {
                windows.extend_from_slice(&padded[place * STFT_HOP..place * STFT_HOP + N_FFT]);
            }
        }
        let spectrum = times(windows, N_FFT, &self.stft)?;
        let mut x = Vec::with_capacity(spectrum.len() / 2);
        for parts in spectrum.chunks(2 * N_BINS) {
            let (real, imaginary) = parts.split_at(N_BINS);
            x.extend(real.iter().zip(imaginary).map(|(a, b)| (a * a + b * b).sqrt()));
        }
        let mut n_places = N_PLACES;
        for conv in &self.convs {
            x = conv.forward(&x, n_places)?;
            n_places = n_places.div_ceil(conv.stride);
        }
        let mut gates = times(x, N_HIDDEN, &self.lstm_input)?;
        for row in gates.chunks_mut(4 * N_HIDDEN) {
            for (g, b) in row.iter_mut().zip(&self.lstm_bias) {
                *g += b;
            }
        }
        Ok(gates)
    }

    /// One step of the LSTM and the last layer.
    fn step(&self, given: &[f32], is_silent: bool, state: &mut VadState) -> f32 {
        let mut gates = [0.0; 4 * N_HIDDEN];
        rows_times(&self.lstm_hidden, N_HIDDEN, &state.hidden, &mut gates);
        let mut moved = 0.0_f32;
        let mut logit = self.last_bias;
        for j in 0..N_HIDDEN {
            let gate = |part: usize| gates[part * N_HIDDEN + j] + given[part * N_HIDDEN + j];
            let cell = sigmoid(gate(1)) * state.cell[j] + sigmoid(gate(0)) * gate(2).tanh();
            let hidden = sigmoid(gate(3)) * cell.tanh();
            moved = moved.max((cell - state.cell[j]).abs()).max((hidden - state.hidden[j]).abs());
            state.cell[j] = cell;
            state.hidden[j] = hidden;
            logit += self.last[j] * hidden.max(0.0);
        }
        let probability = sigmoid(logit);
        state.settled = (is_silent && moved < SETTLED).then_some(probability);
        probability
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
