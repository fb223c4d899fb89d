//! Channels → mono: their mean, without those that are silent.
//!
//! A recorder with one microphone unplugged leaves a channel of silence or faint hum; the mean of both would be half as
//! loud as the voice. A channel wired the wrong way round is the negative of the other, and their mean is silence.

/// A channel this much weaker than the loudest (−40 dB) does not count.
const FAINT: f64 = 1e-4;
/// Channels whose mean has this share of their energy (−20 dB) or less cancel each other.
const CANCELLED: f64 = 0.01;
/// The past counts half after so many seconds.
const HALF_LIFE_S: f64 = 10.0;

/// Energies of one part of a recording: sums of squares.
#[derive(Default, Clone)]
struct Energies {
    channels: Vec<f64>,
    mean: f64,
}

impl Energies {
    fn fade(&mut self, factor: f64) {
        self.channels.iter_mut().chain([&mut self.mean]).for_each(|energy| *energy *= factor);
    }

    fn add(&mut self, other: &Self) {
        self.channels.resize(other.channels.len(), 0.0);
        self.channels.iter_mut().zip(&other.channels).for_each(|(sum, energy)| *sum += energy);
        self.mean += other.mean;
    }

    fn loudest(&self) -> f64 {
        self.channels.iter().copied().fold(0.0, f64::max)
    }

    fn is_heard(&self, channel: usize) -> bool {
        self.channels[channel] >= FAINT * self.loudest()
    }

    fn is_cancelled(&self) -> bool {
        let n = self.channels.len();
        n > 1 && self.mean < CANCELLED * self.channels.iter().sum::<f64>() / n as f64
    }

    /// The share of each channel in the mix.
    fn shares(&self, now: &Self) -> Vec<f32> {
        let n = self.channels.len();
        if self.is_cancelled() {
            let loudest = (0..n).rev().max_by(|&a, &b| self.channels[a].total_cmp(&self.channels[b]));
            return (0..n).map(|channel| f32::from(u8::from(Some(channel) == loudest))).collect();
        }
        // Who begins to speak on a silent channel is heard at once.
        let is_heard = |channel: usize| self.is_heard(channel) || now.is_heard(channel);
        let n_heard = (0..n).filter(|&channel| is_heard(channel)).count().max(1);
        (0..n).map(|channel| if is_heard(channel) { 1.0 / n_heard as f32 } else { 0.0 }).collect()
    }
}

/// Mixes a recording piece by piece.
#[derive(Default)]
pub(super) struct Mixer {
    lately: Energies,
    all: Energies,
    shares: Vec<f32>,
    /// The recording changed the number of its channels.
    changed: bool,
    mono: Vec<f32>,
}

impl Mixer {
    /// Interleaved samples of `n_channels` at `rate_hz` → as many mono samples as there are frames, in their place.
    /// What is not a number becomes silence.
    pub(super) fn mix(&mut self, samples: &mut Vec<f32>, n_channels: usize, rate_hz: u32) {
        samples.iter_mut().filter(|sample| !sample.is_finite()).for_each(|sample| *sample = 0.0);
        if n_channels < 2 || samples.is_empty() {
            self.changed |= !self.shares.is_empty() && n_channels < 2;
            return;
        }
        let mut now = Energies { channels: vec![0.0; n_channels], mean: 0.0 };
        for frame in samples.chunks_exact(n_channels) {
            let mut sum = 0.0;
            for (energy, &x) in now.channels.iter_mut().zip(frame) {
                *energy += f64::from(x) * f64::from(x);
                sum += x;
            }
            let mean = f64::from(sum) / n_channels as f64;
            now.mean += mean * mean;
        }
        if self.shares.len() != n_channels {
            self.changed |= !self.shares.is_empty();
            (self.lately, self.all, self.shares) = (Energies::default(), Energies::default(), Vec::new());
        }
        let n_frames = samples.len() / n_channels;
        let seconds = n_frames as f64 / f64::from(rate_hz.max(1));
        self.lately.fade(0.5_f64.powf(seconds / HALF_LIFE_S));
        self.lately.add(&now);
        self.all.add(&now);
        let shares = self.lately.shares(&now);
        let before = if self.shares.is_empty() { shares.clone() } else { std::mem::take(&mut self.shares) };
        self.mono.clear();
        let frames = samples.chunks_exact(n_channels);
        if before == shares {
            let mix = |frame: &[f32]| frame.iter().zip(&shares).map(|(x, share)| x * share).sum::<f32>();
            self.mono.extend(frames.map(mix));
        } else {
            // A step would be a click.
            for (i, frame) in frames.enumerate() {
                let at = (i + 1) as f32 / n_frames as f32;
                let both = before.iter().zip(&shares).map(|(a, b)| a + (b - a) * at);
                self.mono.push(frame.iter().zip(both).map(|(x, share)| x * share).sum());
            }
        }
        std::mem::swap(samples, &mut self.mono);
        self.shares = shares;
    }

    /// What to tell of a stereo recording at its end.
    pub(super) fn notice(&self) -> Option<String> {
        if self.changed || self.all.channels.len() != 2 || self.all.loudest() == 0.0 {
            return None;
        }
        if self.all.is_cancelled() {
            return Some("the two channels cancel each other: only one of them was used".to_owned());
        }
        let silent = (0..2).find(|&channel| !self.all.is_heard(channel))?;
        let (silent, used) = if silent == 0 { ("left", "right") } else { ("right", "left") };
        Some(format!("the {silent} channel is silent: only the {used} one was used"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: u32 = 8000;

    /// Mixes stereo in pieces of 50 ms; each channel is a tone with this amplitude in a piece.
    fn mix(left: impl Fn(usize) -> f32, right: impl Fn(usize) -> f32, n_pieces: usize) -> (Vec<f32>, Mixer) {
        let (mut mixer, mut out) = (Mixer::default(), Vec::new());
        for piece in 0..n_pieces {
            let tone = |i: usize, hz: f32| (i as f32 * hz * std::f32::consts::TAU / RATE_HZ as f32).sin();
            let at = |i: usize| piece * 400 + i;
            let frame = |i| [left(piece) * tone(at(i), 440.0), right(piece) * tone(at(i), 440.0)];
            let mut samples: Vec<f32> = (0..400).flat_map(frame).collect();
            mixer.mix(&mut samples, 2, RATE_HZ);
            out.extend(samples);
        }
        (out, mixer)
    }

    fn loudest(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |most, x| most.max(x.abs()))
    }

    #[test]
    fn a_silent_channel_takes_nothing_from_the_other() {
        for faint in [0.0, 1e-3] {
            let (out, mixer) = mix(|_| 0.5, |_| faint, 20);
            assert!((loudest(&out) - 0.5).abs() < 0.01, "{}", loudest(&out));
            let notice = mixer.notice();
            assert_eq!(notice.as_deref(), Some("the right channel is silent: only the left one was used"));
        }
    }

    #[test]
    fn two_channels_are_their_mean() {
        let (out, mixer) = mix(|_| 0.5, |_| 0.3, 20);
        assert!((loudest(&out) - 0.4).abs() < 0.01);
        assert_eq!(mixer.notice(), None);
        assert_eq!(mix(|_| 0.0, |_| 0.0, 3).1.notice(), None);
    }

    #[test]
    fn who_speaks_later_on_the_other_channel_is_heard() {
        let (out, mixer) = mix(|i| if i < 20 { 0.5 } else { 0.0 }, |i| if i < 20 { 0.0 } else { 0.5 }, 40);
        assert!(out.chunks(400).all(|piece| loudest(piece) > 0.2), "no piece is lost");
        assert_eq!(mixer.notice(), None);
    }

    #[test]
    fn channels_that_cancel_each_other_are_not_added() {
        let (out, mixer) = mix(|_| 0.5, |_| -0.5, 20);
        assert!((loudest(&out) - 0.5).abs() < 0.01);
        assert!(mixer.notice().is_some_and(|notice| notice.contains("cancel")));
    }

    #[test]
    fn what_is_not_a_number_is_silence() {
        let mut samples = vec![f32::NAN, 0.5, f32::INFINITY, 0.5];
        Mixer::default().mix(&mut samples, 2, RATE_HZ);
        assert_eq!(samples, [0.5, 0.5]);
    }
}
