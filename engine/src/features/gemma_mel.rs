//! Samples → log-mel frames, as Gemma 4 was trained on them.
//!
//! 16 kHz mono, a periodic Hann window of 20 ms every 10 ms with 10 ms of silence before the first sample,
//! magnitudes (not powers), triangular filters that are even in HTK's mel scale, and a natural logarithm.
//! Source: `feature_extraction_gemma4.py` of transformers.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use super::mel::{Filter, HOP, MelScale, SAMPLE_RATE_HZ, filters, periodic_hann};

/// Bands of a frame.
pub const N_MELS: usize = 128;
/// 20 ms.
const FRAME: usize = 320;
const N_FFT: usize = 512;
const N_BINS: usize = N_FFT / 2 + 1;
/// Added under the logarithm.
const FLOOR: f64 = 1e-3;

/// The longest sound that is heard at once: half a minute of samples.
pub const MOST_SAMPLES: usize = 30 * SAMPLE_RATE_HZ;

/// What an encoder for sound reads.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundFrames {
    /// Numbers of a frame: bands from low to high, or samples.
    pub width: usize,
    /// `[n_frames, width]`
    pub values: Vec<f32>,
}

impl SoundFrames {
    /// How many there are.
    pub fn n_frames(&self) -> usize {
        self.values.len() / self.width.max(1)
    }
}

/// Cuts a waveform into frames of `width` samples for models that read it as it is; the last one ends in
/// silence. Source: `feature_extraction_gemma4_unified.py` of transformers.
pub fn waveform(samples: &[f32], width: usize) -> SoundFrames {
    let mut values = samples.to_vec();
    values.resize(samples.len().div_ceil(width.max(1)) * width, 0.0);
    SoundFrames { width, values }
}

/// How many frames a sound has.
pub fn n_frames(n_samples: usize) -> usize {
    // A frame counts when there is one more sample after it, which the reference reads for pre-emphasis.
    n_samples.saturating_sub(1) / HOP
}

/// The transform, with its tables.
pub struct GemmaMel {
    filters: Vec<Filter>,
    hann: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl Default for GemmaMel {
    fn default() -> Self {
        Self {
            filters: filters(N_MELS, N_BINS, MelScale::Htk),
            hann: periodic_hann(FRAME),
            fft: RealFftPlanner::new().plan_fft_forward(N_FFT),
        }
    }
}

impl GemmaMel {
    /// Every frame of `samples`, one each 10 ms.
    pub fn compute(&self, samples: &[f32]) -> SoundFrames {
        let n_frames = n_frames(samples.len());
        let mut values = Vec::with_capacity(n_frames * N_MELS);
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut magnitudes = [0.0_f32; N_BINS];
        for t in 0..n_frames {
            // The transform leaves its work in the frame, so the silence behind it is written each time.
            frame.fill(0.0);
            for (i, (x, w)) in frame.iter_mut().zip(&self.hann).enumerate() {
                let at = (t * HOP + i).checked_sub(FRAME / 2);
                *x = at.and_then(|at| samples.get(at)).copied().unwrap_or(0.0) * w;
            }
            // The lengths are those that the plan itself made, the only thing that can be wrong.
            let done = self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok());
            for (magnitude, bin) in magnitudes.iter_mut().zip(&spectrum) {
                *magnitude = bin.norm();
            }
            values.extend(self.filters.iter().map(|filter| (filter.apply(&magnitudes) + FLOOR).ln() as f32));
        }
        SoundFrames { width: N_MELS, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_as_the_reference_counts_them() {
        // mask[i * 160 + 320] of the padded sound is true.
        for n in [0, 1, 160, 161, 320, 321, 480, 16_000, 20_800, MOST_SAMPLES] {
            let want = (0..).take_while(|i| i * 160 + 160 < n).count();
            assert_eq!(n_frames(n), want, "{n} samples");
        }
    }

    #[test]
    fn a_waveform_is_filled_up_with_silence() {
        assert_eq!(waveform(&[1.0, 2.0, 3.0], 2).values, [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(waveform(&[], 2).n_frames(), 0);
    }

    #[test]
    fn silence_is_the_floor_and_nothing_has_no_frames() {
        let mel = GemmaMel::default();
        let silence = mel.compute(&[0.0; 1000]);
        assert_eq!(silence.n_frames(), 6);
        assert!(silence.values.iter().all(|v| (v - 1e-3_f32.ln()).abs() < 1e-6));
        for few in [&[][..], &[0.5], &[0.5; 160]] {
            assert_eq!(mel.compute(few).n_frames(), 0);
        }
    }
}
