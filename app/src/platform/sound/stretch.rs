//! Faster or slower speech at the same pitch, as sound comes in.
//!
//! Waveform-similarity overlap-add (Verhelst and Roelands, ICASSP 1993): pieces of 20 ms are taken from the recording
//! at another pace than they are given, each from where it goes on most like the piece before it, and blended.

use std::f64::consts::PI;

/// Samples that are given at a time: 20 ms at 16 kHz.
const HOP: usize = 320;

/// How far from its place a piece may be taken: a period of the lowest voice, 80 Hz.
const REACH: usize = 200;

/// Changes the pace of 16 kHz mono sound.
pub struct Stretch {
    speed: f64,
    /// Sound from sample `base` on.
    input: Vec<f32>,
    base: usize,
    /// Where the next piece would begin at an even pace.
    even: f64,
    /// What naturally follows the piece that was given last.
    natural: usize,
}

impl Stretch {
    /// Plays `speed` times as fast.
    pub fn new(speed: f64) -> Self {
        Self { speed: speed.clamp(0.25, 4.0), input: Vec::new(), base: 0, even: 0.0, natural: 0 }
    }

    /// Takes sound and appends what can be given.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        if self.speed == 1.0 {
            out.extend_from_slice(samples);
            return;
        }
        self.input.extend_from_slice(samples);
        while self.last_needed() <= self.base + self.input.len() {
            self.give(out);
        }
        let unused = self.natural.min(self.even as usize).saturating_sub(REACH).saturating_sub(self.base);
        let unused = unused.min(self.input.len());
        self.input.drain(..unused);
        self.base += unused;
    }

    /// Gives the rest.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if self.speed == 1.0 {
            return;
        }
        let end = self.base + self.input.len();
        while (self.even as usize) < end {
            let missing = self.last_needed().saturating_sub(self.base + self.input.len());
            self.input.resize(self.input.len() + missing, 0.0);
            self.give(out);
        }
    }

    /// The sample behind all that the next piece may need.
    fn last_needed(&self) -> usize {
        (self.even as usize + REACH).max(self.natural) + HOP
    }

    fn piece(&self, at: usize) -> &[f32] {
        let from = at - self.base;
        &self.input[from..from + HOP]
    }

    fn give(&mut self, out: &mut Vec<f32>) {
        let at = self.most_alike();
        let (before, after) = (self.piece(self.natural), self.piece(at));
        for (i, (before, after)) in before.iter().zip(after).enumerate() {
            let share = 0.5 - 0.5 * (PI * (i as f64 + 0.5) / HOP as f64).cos();
            out.push(before + (after - before) * share as f32);
        }
        self.natural = at + HOP;
        self.even += HOP as f64 * self.speed;
    }

    /// Where, near the even place, the sound is most like what naturally follows.
    fn most_alike(&self) -> usize {
        let even = self.even as usize;
        let natural = self.piece(self.natural);
        let likeness = |at: &usize| {
            let piece = self.piece(*at);
            let product: f32 = piece.iter().zip(natural).map(|(a, b)| a * b).sum();
            let energy: f32 = piece.iter().map(|a| a * a).sum();
            product / (energy + 1e-6).sqrt()
        };
        let places = even.saturating_sub(REACH).max(self.base)..=even + REACH;
        places.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or(even)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 16_000.0;

    fn stretched(sound: &[f32], speed: f64, block: usize) -> Vec<f32> {
        let (mut stretch, mut out) = (Stretch::new(speed), Vec::new());
        for block in sound.chunks(block) {
            stretch.push(block, &mut out);
        }
        stretch.finish(&mut out);
        out
    }

    /// Periods per second, from where the wave rises through zero.
    fn pitch_hz(sound: &[f32]) -> f64 {
        let rises: Vec<f64> = sound
            .windows(2)
            .enumerate()
            .filter(|(_, w)| w[0] < 0.0 && w[1] >= 0.0)
            .map(|(i, w)| i as f64 + f64::from(w[0] / (w[0] - w[1])))
            .collect();
        let (first, last) = (rises[0], rises[rises.len() - 1]);
        (rises.len() - 1) as f64 * RATE / (last - first)
    }

    #[test]
    fn pitch_and_loudness_stay_and_the_length_is_right_at_every_speed() {
        for hz in [110.0, 220.5, 703.0] {
            let sine: Vec<f32> =
                (0..48_000).map(|i| (0.5 * (2.0 * PI * hz * f64::from(i) / RATE).sin()) as f32).collect();
            for speed in crate::state::SPEEDS {
                let out = stretched(&sine, speed, 5_000);
                let expected = sine.len() as f64 / speed;
                assert!(
                    (out.len() as f64 - expected).abs() <= HOP as f64,
                    "{speed}: {} {expected}",
                    out.len()
                );
                let middle = &out[2_000..out.len() - 2_000];
                let pitch = pitch_hz(middle);
                assert!((pitch / hz - 1.0).abs() < 0.01, "{hz} Hz at {speed} has {pitch} Hz");
                let power = middle.iter().map(|x| f64::from(x * x)).sum::<f64>() / middle.len() as f64;
                assert!((power / 0.125 - 1.0).abs() < 0.1, "{hz} Hz at {speed}: power {power}");
            }
        }
    }

    #[test]
    fn sound_is_the_same_however_it_comes_and_untouched_at_its_own_speed() {
        let sound: Vec<f32> = (0..30_000).map(|i| ((i * i % 977) as f32 / 977.0 - 0.5) * 0.3).collect();
        assert_eq!(stretched(&sound, 1.0, 700), sound);
        assert_eq!(stretched(&sound, 1.5, 333), stretched(&sound, 1.5, 30_000));
        assert!(stretched(&[], 0.5, 10).is_empty());
        assert!(stretched(&[0.1; 5], 2.0, 10).len() <= HOP);
    }
}
