//! Samples → log-mel frames, as Whisper's reference computes them.
//!
//! 16 kHz mono, a periodic Hann window of 25 ms every 10 ms, power spectrum, triangular filters
//! that are even in Slaney's mel scale up to 1 kHz and logarithmic above, log10, the quietest
//! 80 dB kept, and a shift into about −1 to 1.
//! <https://github.com/openai/whisper/blob/main/whisper/audio.py>

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::kernels::{log10, team};

/// Samples per second that every speech model here wants.
pub const SAMPLE_RATE_HZ: usize = 16_000;
/// Samples from one frame to the next (10 ms).
pub const HOP: usize = 160;
const N_FFT: usize = 400;
const N_BINS: usize = N_FFT / 2 + 1;

/// Log-mel frames, `[n_mels, n_frames]` row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Mel {
    /// Bands from low to high.
    pub n_mels: usize,
    /// One each 10 ms.
    pub n_frames: usize,
    /// `n_mels × n_frames` values.
    pub values: Vec<f32>,
}

impl Mel {
    /// The frames from `start` on, filled up to `n_frames` with `fill`.
    pub fn window(&self, start: usize, n_frames: usize, fill: f32) -> Self {
        let start = start.min(self.n_frames);
        let n_copied = (self.n_frames - start).min(n_frames);
        let mut values = vec![fill; self.n_mels * n_frames];
        for (to, from) in values.chunks_mut(n_frames).zip(self.values.chunks(self.n_frames)) {
            to[..n_copied].copy_from_slice(&from[start..start + n_copied]);
        }
        Self { n_mels: self.n_mels, n_frames, values }
    }
}

/// One triangular filter: where it starts and its weights.
pub(super) struct Filter {
    first_bin: usize,
    weights: Vec<f32>,
}

impl Filter {
    /// What it lets through, summed in f64.
    pub(super) fn apply(&self, bins: &[f32]) -> f64 {
        let bins = &bins[self.first_bin..self.first_bin + self.weights.len()];
        bins.iter().zip(&self.weights).map(|(bin, w)| f64::from(*bin) * f64::from(*w)).sum()
    }
}

/// A scale of pitch in which filters are even, and how high they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MelScale {
    /// Even up to 1 kHz and logarithmic above; each filter has area 1 in Hz.
    Slaney,
    /// `2595 log10(1 + hz / 700)`; each filter is 1 high.
    Htk,
}

impl MelScale {
    fn mel(self, hz: f64) -> f64 {
        match self {
            // 3 mel per 200 Hz up to 1 kHz, then 27 mel per factor of 6.4.
            Self::Slaney if hz < 1000.0 => hz * 3.0 / 200.0,
            Self::Slaney => 15.0 + (hz / 1000.0).ln() * 27.0 / 6.4_f64.ln(),
            Self::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
        }
    }

    fn hz(self, mel: f64) -> f64 {
        match self {
            Self::Slaney if mel < 15.0 => mel * 200.0 / 3.0,
            Self::Slaney => 1000.0 * (6.4_f64.ln() / 27.0 * (mel - 15.0)).exp(),
            Self::Htk => 700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0),
        }
    }

    fn height(self, low_hz: f64, high_hz: f64) -> f64 {
        match self {
            Self::Slaney => 2.0 / (high_hz - low_hz),
            Self::Htk => 1.0,
        }
    }
}

/// A window of `n` samples that would go on seamlessly.
pub(super) fn periodic_hann(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| {
            let turn = std::f64::consts::TAU * i as f64 / n as f64;
            (0.5 - 0.5 * turn.cos()) as f32
        })
        .collect()
}

/// The transform, with its tables.
pub struct LogMel {
    filters: Vec<Filter>,
    hann: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl LogMel {
    /// Whisper uses 80 bands, its third large version 128.
    pub fn new(n_mels: usize) -> Self {
        Self {
            filters: filters(n_mels, N_BINS, MelScale::Slaney),
            hann: periodic_hann(N_FFT),
            fft: RealFftPlanner::new().plan_fft_forward(N_FFT),
        }
    }

    /// The first `n_frames` frames; where `samples` end, silence follows.
    ///
    /// Frame `t` is centred on sample `160 t`; before the first sample the signal is mirrored.
    pub fn compute(&self, samples: &[f32], n_frames: usize) -> Mel {
        /// Frames per task: some hundred microseconds.
        const RUN: usize = 64;
        let n_mels = self.filters.len();
        // Later frames hear nothing.
        let n_heard = n_frames.min((samples.len() + N_FFT / 2).div_ceil(HOP));
        let mut frames = vec![0.0_f32; n_heard * n_mels];
        team::for_each_chunk(&mut frames, RUN * n_mels, |run, frames| {
            self.energies(samples, run * RUN, frames);
            log10(frames);
        });
        let floor = frames.iter().copied().fold(-10.0, f32::max);
        let floor = (floor - 8.0).max(-10.0);
        let shifted = |log: f32| (log.max(floor) + 4.0) / 4.0;
        let mut values = vec![shifted(-10.0); n_mels * n_frames];
        team::for_each_chunk(&mut values, n_frames.max(1), |m, values| {
            for (value, frame) in values.iter_mut().zip(frames.chunks(n_mels)) {
                *value = shifted(frame[m]);
            }
        });
        Mel { n_mels, n_frames, values }
    }

    /// The power of each band without logarithm, `[n_frames, n_mels]` row-major, as librosa's `melspectrogram` with its
    /// defaults: frame `t` is centred on sample `160 t`, silence lies before and after, and there are
    /// `samples / 160 + 1` frames.
    pub fn power(&self, samples: &[f32]) -> Vec<f32> {
        /// Silence in front, so that no frame reaches before the first sample.
        const FRAMES_BEFORE: usize = (N_FFT / 2).div_ceil(HOP);
        let padded = [&[0.0; FRAMES_BEFORE * HOP], samples].concat();
        let mut power = vec![0.0; (samples.len() / HOP + 1) * self.filters.len()];
        self.energies(&padded, FRAMES_BEFORE, &mut power);
        power
    }

    /// What each filter lets through of the frames from `first` on, `[frames, n_mels]`; at least 1e-10.
    fn energies(&self, samples: &[f32], first: usize, energies: &mut [f32]) {
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = [0.0_f32; N_BINS];
        for (t, energies) in energies.chunks_mut(self.filters.len()).enumerate() {
            let centre = (first + t) * HOP;
            match centre.checked_sub(N_FFT / 2).and_then(|start| samples.get(start..start + N_FFT)) {
                Some(samples) => {
                    for ((x, sample), w) in frame.iter_mut().zip(samples).zip(&self.hann) {
                        *x = sample * w;
                    }
                }
                None => {
                    for (i, (x, w)) in frame.iter_mut().zip(&self.hann).enumerate() {
                        let at = (centre + i).abs_diff(N_FFT / 2);
                        *x = samples.get(at).copied().unwrap_or(0.0) * w;
                    }
                }
            }
            // The lengths are those that the plan itself made, the only thing that can be wrong.
            let done = self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok());
            for (p, c) in power.iter_mut().zip(&spectrum) {
                *p = c.norm_sqr();
            }
            for (energy, filter) in energies.iter_mut().zip(&self.filters) {
                let bins = &power[filter.first_bin..filter.first_bin + filter.weights.len()];
                let sum: f32 = bins.iter().zip(&filter.weights).map(|(p, w)| p * w).sum();
                *energy = sum.max(1e-10);
            }
        }
    }
}

/// Triangles over the bins of a spectrum from 0 Hz to half the sampling rate.
pub(super) fn filters(n_mels: usize, n_bins: usize, scale: MelScale) -> Vec<Filter> {
    let nyquist = SAMPLE_RATE_HZ as f64 / 2.0;
    let top = scale.mel(nyquist);
    let edge = |i: usize| scale.hz(top * i as f64 / (n_mels + 1) as f64);
    (0..n_mels)
        .map(|m| {
            let (low, mid, high) = (edge(m), edge(m + 1), edge(m + 2));
            let weight = |bin: usize| {
                let hz = nyquist * bin as f64 / (n_bins - 1) as f64;
                let rise = (hz - low) / (mid - low);
                let fall = (high - hz) / (high - mid);
                (rise.min(fall).max(0.0) * scale.height(low, high)) as f32
            };
            // A filter between two bins lets nothing through.
            let first_bin = (0..n_bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let weights = (first_bin..n_bins).map(weight).take_while(|&w| w > 0.0).collect();
            Filter { first_bin, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `WhisperFeatureExtractor` of transformers computed; see tests/reference/mel.py.
    #[derive(serde::Deserialize)]
    struct Golden {
        n_mels: usize,
        n_frames: usize,
        /// (band, frame, value)
        values: Vec<(usize, usize, f32)>,
        mean: f64,
    }

    /// The signal of the reference script: two tones that change and a seeded noise.
    fn signal() -> Vec<f32> {
        let mut state = 1_u32;
        (0..24_000)
            .map(|i| {
                let t = f64::from(i) / 16_000.0;
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = f64::from(state >> 8) / f64::from(1 << 24) - 0.5;
                let tone = (std::f64::consts::TAU * (220.0 + 400.0 * t) * t).sin();
                let high = (std::f64::consts::TAU * 3000.0 * t).sin() * (1.0 - t / 1.5);
                (0.3 * tone + 0.1 * high + 0.02 * noise) as f32
            })
            .collect()
    }

    #[test]
    fn equals_the_reference_for_80_and_128_bands() {
        let text = include_str!("../../../tests/golden/mel.json");
        let cases: Vec<Golden> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 2);
        for golden in cases {
            let mel = LogMel::new(golden.n_mels).compute(&signal(), golden.n_frames);
            assert_eq!(mel.values.len(), golden.n_mels * golden.n_frames);
            for (band, frame, value) in golden.values {
                let ours = mel.values[band * golden.n_frames + frame];
                assert!((ours - value).abs() < 1e-3, "band {band} frame {frame}: {ours} is not {value}");
            }
            let mean = mel.values.iter().map(|&v| f64::from(v)).sum::<f64>() / mel.values.len() as f64;
            assert!((mean - golden.mean).abs() < 1e-5, "{mean} {}", golden.mean);
        }
    }

    #[test]
    fn silence_is_flat() {
        let mel = LogMel::new(80).compute(&[], 4);
        assert!(mel.values.iter().all(|&v| v == -1.5));
    }

    #[test]
    fn a_window_past_the_end_is_filled() {
        let mel = Mel { n_mels: 2, n_frames: 3, values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        assert_eq!(mel.window(2, 2, 0.0).values, [3.0, 0.0, 6.0, 0.0]);
        assert_eq!(mel.window(9, 1, 0.5).values, [0.5, 0.5]);
    }
}
