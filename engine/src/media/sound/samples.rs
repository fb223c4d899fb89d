//! Samples of a device → 16 kHz mono, as they come.

use super::mix::Mixer;
use super::resample::Resampler;
use crate::error::{Error, Result};

/// Turns interleaved samples of one rate and number of channels into 16 kHz mono.
pub struct Samples {
    mixer: Mixer,
    resampler: Resampler,
    n_channels: usize,
}

impl Samples {
    /// # Errors
    /// When nothing can be made of such a rate.
    pub fn new(rate_hz: u32, n_channels: usize) -> Result<Self> {
        if !(1_000..=768_000).contains(&rate_hz) || !(1..=256).contains(&n_channels) {
            return Err(request(&format!("sound of {n_channels} channels at {rate_hz} Hz cannot be heard")));
        }
        let resampler = Resampler::new(rate_hz).map_err(|reason| request(&reason))?;
        Ok(Self { mixer: Mixer::default(), resampler, n_channels })
    }

    /// Takes whole frames of interleaved samples, −1 to 1; what can be given now is added to `out`.
    ///
    /// # Errors
    /// When resampling fails.
    pub fn push(&mut self, mut samples: Vec<f32>, out: &mut Vec<f32>) -> Result<()> {
        self.mixer.mix(&mut samples, self.n_channels, self.resampler.rate_hz());
        self.resampler.push(&samples, out).map_err(|reason| request(&reason))
    }

    /// Gives what is left.
    ///
    /// # Errors
    /// When resampling fails.
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<()> {
        self.resampler.finish(out).map_err(|reason| request(&reason))
    }
}

fn request(reason: &str) -> Error {
    Error::Request { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stereo_at_48_khz_becomes_mono_at_16_khz_whatever_the_blocks() {
        let tone = |i: usize| (i as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5;
        let all: Vec<f32> = (0..48_000).flat_map(|i| [tone(i), tone(i)]).collect();
        let mut samples = Samples::new(48_000, 2).unwrap();
        let mut out = Vec::new();
        for block in all.chunks(2 * 441) {
            samples.push(block.to_vec(), &mut out).unwrap();
        }
        samples.finish(&mut out).unwrap();
        assert_eq!(out.len(), 16_000);
        let worst = (1000..15_000).map(|i| (out[i] - tone(3 * i)).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-3, "{worst}");
    }

    #[test]
    fn impossible_sound_is_refused() {
        assert!(Samples::new(0, 1).is_err() && Samples::new(48_000, 0).is_err());
    }
}
