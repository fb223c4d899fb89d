//! Speech → a voice for each half second of it; small enough to be kept for a whole recording.

use std::ops::Range;

use super::ge2e::{Embedding, N_BANDS, N_EMBEDDING, SpeakerEncoder};
use crate::error::Result;
use crate::perception::speech::windows::Window;

/// Frames of 10 ms in a second.
const FRAMES_PER_S: f64 = 100.0;
/// Frames that a voice is taken from, as the network was trained (1.6 s).
const WIDTH: usize = 160;
/// At most so many frames from one to the next.
const STEP: usize = 50;
/// A pause this long ends a stretch of speech.
const PAUSE_S: f64 = 0.3;
/// Shorter sounds are too short for a voice.
const LEAST_S: f64 = 0.2;
/// What the mean of a spectrum is brought to, so that loudness says nothing: that of speech at −30 dB of full scale,
/// which is what the network was trained on.
const LEVEL: f32 = 0.0081;

/// A voice in a byte for each number: recordings of hours have many.
struct Small {
    scale: f32,
    numbers: [u8; N_EMBEDDING],
}

impl Small {
    fn new(voice: &Embedding) -> Self {
        let scale = voice.iter().copied().fold(0.0, f32::max) / 255.0;
        let number = |x: f32| if scale > 0.0 { (x / scale).round() as u8 } else { 0 };
        Self { scale, numbers: voice.map(number) }
    }

    fn embedding(&self) -> Embedding {
        self.numbers.map(|number| f32::from(number) * self.scale)
    }
}

/// A stretch of speech without a pause.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Seconds from the start of the recording.
    pub start_s: f64,
    /// Seconds from the start of the recording.
    pub end_s: f64,
    /// Which voices were taken from it.
    pub voices: Range<usize>,
    /// For each of these its first and last frame of 10 ms, counted from `start_s`.
    pub frames: Vec<(usize, usize)>,
}

/// What was heard of the voices of a recording so far.
#[derive(Default)]
pub struct Voices {
    voices: Vec<Small>,
    stretches: Vec<Stretch>,
}

impl Voices {
    /// Takes the next window of speech.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn listen(&mut self, encoder: &SpeakerEncoder, window: &Window) -> Result<()> {
        let spectrum = encoder.spectrum(&window.samples);
        let n_frames = spectrum.len() / N_BANDS;
        let mut pieces = Vec::new();
        for (start_s, end_s) in window.voiced_stretches(PAUSE_S, LEAST_S) {
            let first = ((start_s * FRAMES_PER_S).round() as usize).min(n_frames);
            let last = ((end_s * FRAMES_PER_S).round() as usize).clamp(first, n_frames);
            let frames = places(last - first);
            for &(from, to) in &frames {
                pieces.push(levelled(&spectrum[(first + from) * N_BANDS..(first + to) * N_BANDS]));
            }
            let from = self.voices.len() + pieces.len() - frames.len();
            self.stretches.push(Stretch {
                start_s: window.start_in_recording_s(start_s),
                end_s: window.end_in_recording_s(end_s),
                voices: from..from + frames.len(),
                frames,
            });
        }
        let pieces: Vec<&[f32]> = pieces.iter().map(Vec::as_slice).collect();
        self.voices.extend(encoder.embed(&pieces)?.iter().map(Small::new));
        Ok(())
    }

    /// All voices, in the order of time.
    pub fn embeddings(&self) -> Vec<Embedding> {
        self.voices.iter().map(Small::embedding).collect()
    }

    /// Where somebody speaks, in the order of time.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

/// Where voices are taken from in so many frames: evenly, from the first to the last.
fn places(n_frames: usize) -> Vec<(usize, usize)> {
    let Some(room) = n_frames.checked_sub(WIDTH).filter(|&room| room > 0) else { return vec![(0, n_frames)] };
    let n = room.div_ceil(STEP);
    (0..=n).map(|i| i * room / n).map(|from| (from, from + WIDTH)).collect()
}

fn levelled(spectrum: &[f32]) -> Vec<f32> {
    let mean = spectrum.iter().sum::<f32>() / spectrum.len().max(1) as f32;
    let factor = LEVEL / mean.max(1e-9);
    spectrum.iter().map(|x| x * factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_are_taken_from_the_first_frame_to_the_last() {
        assert_eq!(places(40), [(0, 40)]);
        assert_eq!(places(160), [(0, 160)]);
        assert_eq!(places(190), [(0, 160), (30, 190)]);
        assert_eq!(places(270), [(0, 160), (36, 196), (73, 233), (110, 270)]);
    }

    #[test]
    fn a_small_voice_is_nearly_the_same() {
        let mut voice = [0.0; N_EMBEDDING];
        voice.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 17) as f32 / 100.0);
        let small = Small::new(&voice).embedding();
        assert!(voice.iter().zip(&small).all(|(a, b)| (a - b).abs() < 4e-4));
        assert_eq!(Small::new(&[0.0; N_EMBEDDING]).embedding(), [0.0; N_EMBEDDING]);
    }
}
