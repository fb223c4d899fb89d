//! Streaming resampling to 16 kHz: no delay at the start, nothing lost at the end.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::SAMPLE_RATE_HZ;

/// Frames of output per step of the resampler; its filter gets sharper with the length.
const STEP: usize = 2048;

/// Takes mono samples at one rate and appends them at 16 kHz.
pub(super) struct Resampler {
    rate_hz: u32,
    /// `None` when the rate is 16 kHz already.
    fft: Option<Fft<f32>>,
    waiting: Vec<f32>,
    output: Vec<f32>,
    /// Frames of the filter's delay that still have to be dropped.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    pub(super) fn new(rate_hz: u32) -> Result<Self, String> {
        let fft = match rate_hz {
            SAMPLE_RATE_HZ => None,
            _ => {
                let (from, to) = (rate_hz as usize, SAMPLE_RATE_HZ as usize);
                // An even number of the smallest blocks: the filter then has an even length, and its delay is
                // a whole number of frames on both sides.
                let block = from / gcd(from, to);
                let blocks = (STEP * from / to).div_ceil(block).next_multiple_of(2);
                let chunk = blocks * block;
                Some(Fft::new_custom(from, to, chunk, 1, 1, WINDOW, FixedSync::Both).map_err(text)?)
            }
        };
        let delay = fft.as_ref().map_or(0, |fft| fft.output_delay());
        let output = vec![0.0; fft.as_ref().map_or(0, |fft| fft.output_frames_max())];
        Ok(Self { rate_hz, fft, waiting: Vec::new(), output, delay, taken: 0, given: 0 })
    }

    pub(super) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Resamples as much as makes whole steps; the rest waits.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), String> {
        self.taken += samples.len() as u64;
        if self.fft.is_none() {
            out.extend_from_slice(samples);
            return Ok(());
        }
        self.waiting.extend_from_slice(samples);
        self.run(u64::MAX, out)
    }

    /// Gives what is left; the whole output is as long as the whole input.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        let Some(fft) = &self.fft else { return Ok(()) };
        let step = fft.input_frames_next();
        let (rate, target) = (u64::from(self.rate_hz), u64::from(SAMPLE_RATE_HZ));
        let wanted = (self.taken * target + rate / 2) / rate;
        while self.given < wanted {
            // Silence pushes the last samples out of the filter.
            self.waiting.resize(step, 0.0);
            self.run(wanted, out)?;
        }
        Ok(())
    }

    /// Runs whole steps; gives no more than `wanted` frames in all.
    fn run(&mut self, wanted: u64, out: &mut Vec<f32>) -> Result<(), String> {
        let Some(fft) = &mut self.fft else { return Ok(()) };
        let mut from = 0;
        loop {
            let step = fft.input_frames_next();
            let Some(input) = self.waiting.get(from..from + step) else { break };
            let input = InterleavedSlice::new(input, 1, step).map_err(text)?;
            let frames = self.output.len();
            let mut output = InterleavedSlice::new_mut(&mut self.output, 1, frames).map_err(text)?;
            let (used, made) = fft.process_into_buffer(&input, &mut output, None).map_err(text)?;
            from += used;
            let dropped = self.delay.min(made);
            self.delay -= dropped;
            let room = usize::try_from(wanted - self.given).unwrap_or(usize::MAX);
            let given = (made - dropped).min(room);
            out.extend_from_slice(&self.output[dropped..dropped + given]);
            self.given += given as u64;
        }
        self.waiting.drain(..from);
        Ok(())
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

const WINDOW: rubato::WindowFunction = rubato::WindowFunction::BlackmanHarris2;

fn text(error: impl std::fmt::Display) -> String {
    format!("resampling failed: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate_hz: u32, seconds: f64, frequency_hz: f64) -> Vec<f32> {
        let n = (f64::from(rate_hz) * seconds).round() as usize;
        let step = std::f64::consts::TAU * frequency_hz / f64::from(rate_hz);
        (0..n).map(|i| (step * i as f64).sin() as f32).collect()
    }

    fn resample(rate_hz: u32, samples: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate_hz).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(piece) {
            resampler.push(piece, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn every_rate_keeps_length_phase_and_amplitude() {
        for rate_hz in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 44_101] {
            let out = resample(rate_hz, &sine(rate_hz, 1.3, 440.0), 1000);
            let expected = sine(16_000, 1.3, 440.0);
            assert!(out.len().abs_diff(expected.len()) <= 1, "{rate_hz}: {}", out.len());
            // Not at the very ends, where the filter sees the silence around the sound.
            let worst = (500..expected.len() - 500).map(|i| (out[i] - expected[i]).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-3, "{rate_hz}: off by {worst}");
        }
    }

    #[test]
    fn the_size_of_the_pieces_changes_nothing() {
        let input = sine(44_100, 0.7, 1234.0);
        let whole = resample(44_100, &input, input.len());
        for piece in [1, 333, 4096] {
            assert_eq!(resample(44_100, &input, piece), whole, "{piece}");
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_filtered_out() {
        let out = resample(48_000, &sine(48_000, 1.0, 12_000.0), 4800);
        let loudest = out[1000..15_000].iter().fold(0.0f32, |m, s| m.max(s.abs()));
        assert!(loudest < 1e-3, "{loudest}");
    }

    #[test]
    fn a_single_sample_comes_out() {
        assert_eq!(resample(48_000, &[1.0, 1.0, 1.0], 1).len(), 1);
        assert!(resample(48_000, &[], 1).is_empty());
    }
}
