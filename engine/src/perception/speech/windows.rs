//! Sound → windows of speech of at most half a minute, the silence between cut out.
//!
//! Three steps, each with a bounded memory: the voice activity of each frame; a `Gate` that turns
//! probabilities into "keep" and "drop" with hysteresis, shortest lengths and a margin; and the
//! packing of what is kept. A window is cut where speech pauses; where it never does, at the
//! quietest place. Each window knows where in the recording its frames came from.

mod open;

use std::collections::VecDeque;

pub use open::OpenWindow;

use super::vad::{FRAME, SileroVad, VadState};
use crate::error::Result;
use crate::features::mel::SAMPLE_RATE_HZ;

/// Speech begins at this probability.
const ENTER: f32 = 0.5;
/// Speech pauses below this one.
const LEAVE: f32 = 0.35;
/// Shorter sounds are not speech (0.2 s).
const MIN_SPEECH: usize = 6;
/// A pause that a sound too short to be speech may have inside (0.13 s).
const MIN_PAUSE: usize = 4;
/// A pause this long is cut (1 s) down to a margin on each side (0.32 s).
const MIN_SILENCE: usize = 31;
const MARGIN: usize = 10;
/// What Whisper can hear at once: 30 s in whole frames.
const MAX_FRAMES: usize = 30 * SAMPLE_RATE_HZ / FRAME;
/// A cut is looked for behind this frame, so that windows are well filled.
const CUT_FROM: usize = MAX_FRAMES * 6 / 10;
/// After a silence this long (8 s) a window is closed: what follows has little to do with it.
const CLOSE_AFTER: usize = 250;
/// A joining window is not closed with less than this in it: Whisper was trained on whole half minutes, and mishears
/// a short sentence that it hears alone.
const WELL_FILLED: usize = CUT_FROM;

/// Seconds of one frame.
const FRAME_S: f64 = FRAME as f64 / SAMPLE_RATE_HZ as f64;

/// The probability of speech falls so much later than the voice, in seconds: the median over the last words of 21 read
/// sentences.
const LINGERS_S: f64 = 2.0 * FRAME_S;

/// What is decided about the next `n` frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Keep(usize),
    Drop(usize),
}

/// Frames are decided in order, but some only when more is known.
#[derive(Debug, Clone, Copy)]
enum Gate {
    /// Silence; the last `waiting` frames may become the margin of speech.
    Quiet { waiting: usize },
    /// A sound that may be too short.
    Maybe { waiting: usize, voiced: usize, pause: usize },
    /// Speech, with `pause` undecided quiet frames at its end.
    Speech { pause: usize },
}

impl Gate {
    fn push(&mut self, probability: f32, decide: &mut impl FnMut(Verdict)) {
        *self = match *self {
            Self::Quiet { waiting } if probability >= ENTER => {
                Self::Maybe { waiting: waiting + 1, voiced: 1, pause: 0 }
            }
            Self::Quiet { waiting } if waiting < MARGIN => Self::Quiet { waiting: waiting + 1 },
            Self::Quiet { waiting } => {
                decide(Verdict::Drop(1));
                Self::Quiet { waiting }
            }
            Self::Maybe { waiting, voiced, pause } => {
                let waiting = waiting + 1;
                let (voiced, pause) =
                    if probability >= LEAVE { (voiced + 1, 0) } else { (voiced, pause + 1) };
                if voiced >= MIN_SPEECH {
                    decide(Verdict::Keep(waiting));
                    Self::Speech { pause: 0 }
                } else if pause >= MIN_PAUSE {
                    let kept = waiting.min(MARGIN);
                    decide(Verdict::Drop(waiting - kept));
                    Self::Quiet { waiting: kept }
                } else {
                    Self::Maybe { waiting, voiced, pause }
                }
            }
            Self::Speech { pause } if probability >= ENTER || (pause == 0 && probability >= LEAVE) => {
                decide(Verdict::Keep(pause + 1));
                Self::Speech { pause: 0 }
            }
            Self::Speech { pause } if pause + 1 < MIN_SILENCE => Self::Speech { pause: pause + 1 },
            Self::Speech { pause } => {
                decide(Verdict::Keep(MARGIN));
                decide(Verdict::Drop(pause + 1 - 2 * MARGIN));
                Self::Quiet { waiting: MARGIN }
            }
        };
    }

    /// The recording ends here.
    fn finish(self, decide: &mut impl FnMut(Verdict)) {
        match self {
            Self::Quiet { waiting } | Self::Maybe { waiting, .. } => decide(Verdict::Drop(waiting)),
            Self::Speech { pause } => {
                decide(Verdict::Keep(pause.min(MARGIN)));
                decide(Verdict::Drop(pause.saturating_sub(MARGIN)));
            }
        }
    }
}

/// At most 30 s of speech, joined.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// 16 kHz mono.
    pub samples: Vec<f32>,
    /// For each frame its number in the recording.
    frames: Vec<usize>,
    /// For each frame the probability of speech.
    probabilities: Vec<f32>,
}

impl Window {
    /// Seconds of sound in the window.
    pub fn duration_s(&self) -> f64 {
        self.samples.len() as f64 / SAMPLE_RATE_HZ as f64
    }

    /// Where in the recording something begins that begins at `at_s` of the window.
    pub fn start_in_recording_s(&self, at_s: f64) -> f64 {
        self.in_recording_s(at_s, (at_s / FRAME_S) as usize)
    }

    /// Where in the recording something ends that ends at `at_s` of the window.
    pub fn end_in_recording_s(&self, at_s: f64) -> f64 {
        // An end on a seam belongs to the piece before it.
        self.in_recording_s(at_s, ((at_s / FRAME_S).ceil() as usize).saturating_sub(1))
    }

    fn in_recording_s(&self, at_s: f64, frame: usize) -> f64 {
        let at_s = at_s.clamp(0.0, self.duration_s());
        let frame = frame.min(self.frames.len().saturating_sub(1));
        let start = self.frames.get(frame).copied().unwrap_or(0);
        start as f64 * FRAME_S + (at_s - frame as f64 * FRAME_S)
    }

    /// The part of `start_s..end_s` (seconds of the window) between its first and last voiced frame;
    /// the whole when nothing in it is voiced.
    pub fn voiced_part(&self, start_s: f64, end_s: f64) -> (f64, f64) {
        let first = ((start_s / FRAME_S) as usize).min(self.frames.len());
        let last = ((end_s / FRAME_S).ceil() as usize).clamp(first, self.frames.len());
        let voiced = |&i: &usize| self.probabilities[i] >= LEAVE;
        match ((first..last).find(voiced), (first..last).rev().find(voiced)) {
            (Some(a), Some(b)) => (start_s.max(a as f64 * FRAME_S), end_s.min((b + 1) as f64 * FRAME_S)),
            _ => (start_s, end_s),
        }
    }

    /// When the voice that is heard at `at_s` pauses, `most_s` at the latest; `at_s` where none is heard (seconds of the
    /// window).
    pub fn voice_ends_s(&self, at_s: f64, most_s: f64) -> f64 {
        let first = ((at_s / FRAME_S) as usize).min(self.probabilities.len());
        let n = self.probabilities[first..].iter().take_while(|&&p| p >= LEAVE).count();
        let quiet_s = (first + n) as f64 * FRAME_S;
        if quiet_s >= most_s { most_s.max(at_s) } else { (quiet_s - LINGERS_S).max(at_s) }
    }

    /// Seconds of voiced frames in `start_s..end_s` (seconds of the window).
    pub fn voiced_s(&self, start_s: f64, end_s: f64) -> f64 {
        let first = ((start_s / FRAME_S) as usize).min(self.probabilities.len());
        let last = ((end_s / FRAME_S).ceil() as usize).clamp(first, self.probabilities.len());
        let n_voiced = self.probabilities[first..last].iter().filter(|&&p| p >= ENTER).count();
        n_voiced as f64 * FRAME_S
    }

    /// Stretches in which somebody speaks, as seconds of the window: pauses shorter than `pause_s` are inside, seams
    /// are not, and what is shorter than `least_s` is left out.
    pub fn voiced_stretches(&self, pause_s: f64, least_s: f64) -> Vec<(f64, f64)> {
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        let mut speaks = false;
        for (i, &probability) in self.probabilities.iter().enumerate() {
            speaks = probability >= ENTER || (speaks && probability >= LEAVE);
            if !speaks {
                continue;
            }
            match stretches.last_mut() {
                Some((_, end))
                    if ((i - *end) as f64) * FRAME_S < pause_s
                        && self.frames[i] - self.frames[*end - 1] == i + 1 - *end =>
                {
                    *end = i + 1;
                }
                _ => stretches.push((i, i + 1)),
            }
        }
        let seconds = |(start, end): (usize, usize)| (start as f64 * FRAME_S, end as f64 * FRAME_S);
        stretches.into_iter().map(seconds).filter(|(start, end)| end - start >= least_s).collect()
    }

    /// The frame in `start_s..end_s` (seconds of the window) around which it is quietest.
    pub fn quietest_s(&self, start_s: f64, end_s: f64) -> f64 {
        let n = self.frames.len();
        let first = ((start_s / FRAME_S) as usize).clamp(5, n.max(5));
        let last = ((end_s / FRAME_S) as usize).min(n.saturating_sub(5));
        let loudness = |at: usize| self.probabilities[at - 5..at + 5].iter().sum::<f32>();
        let quietest = (first..last).min_by(|&a, &b| loudness(a).total_cmp(&loudness(b)));
        quietest.unwrap_or(n) as f64 * FRAME_S
    }

    /// The window from `at_s` (seconds of the window) on.
    #[must_use]
    pub fn after(mut self, at_s: f64) -> Self {
        self.split_off(((at_s / FRAME_S) as usize).min(self.frames.len()))
    }

    fn push(&mut self, frame: usize, probability: f32, samples: impl Iterator<Item = f32>) {
        self.samples.extend(samples);
        self.frames.push(frame);
        self.probabilities.push(probability);
    }

    /// The best frame to end a full window before: on a seam, else where it is quietest, rather late.
    fn cut(&self) -> usize {
        let n = self.frames.len();
        let cost = |at: usize| {
            let near = &self.probabilities[at - 5..(at + 5).min(n)];
            let loudness = near.iter().sum::<f32>() / near.len() as f32;
            let seam = if at < n && self.frames[at] != self.frames[at - 1] + 1 { 1.0 } else { 0.0 };
            loudness - seam + 0.3 * (n - at) as f32 / (n - CUT_FROM) as f32
        };
        (CUT_FROM..=n).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(n)
    }

    fn split_off(&mut self, at: usize) -> Self {
        Self {
            samples: self.samples.split_off((at * FRAME).min(self.samples.len())),
            frames: self.frames.split_off(at),
            probabilities: self.probabilities.split_off(at),
        }
    }
}

/// Takes sound piece by piece and gives windows when they are full.
pub struct Windows {
    state: VadState,
    gate: Gate,
    /// Samples that do not fill a frame yet.
    rest: Vec<f32>,
    /// Samples and probabilities of frames that are not decided.
    undecided: VecDeque<f32>,
    undecided_probabilities: VecDeque<f32>,
    /// The number of the first undecided frame.
    next_frame: usize,
    dropped_since_kept: usize,
    window: Window,
    /// Windows with little in them stay open in a long silence.
    joins: bool,
    ready: VecDeque<Window>,
    /// Samples taken so far.
    n_samples: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            state: VadState::default(),
            gate: Gate::Quiet { waiting: 0 },
            rest: Vec::new(),
            undecided: VecDeque::new(),
            undecided_probabilities: VecDeque::new(),
            next_frame: 0,
            dropped_since_kept: 0,
            window: Window::default(),
            joins: false,
            ready: VecDeque::new(),
            n_samples: 0,
        }
    }
}

impl Windows {
    /// Windows that have little in them are filled up with what follows a long silence. That is for speech of one
    /// language: a window has one only.
    #[must_use]
    pub fn joining(self) -> Self {
        Self { joins: true, ..self }
    }

    /// Seconds of sound taken so far.
    pub fn taken_s(&self) -> f64 {
        self.n_samples as f64 / SAMPLE_RATE_HZ as f64
    }

    /// Takes the next samples (16 kHz mono, any number).
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn push(&mut self, vad: &SileroVad, samples: &[f32]) -> Result<()> {
        self.n_samples += samples.len();
        self.rest.extend(samples.iter().map(|&x| if x.is_finite() { x } else { 0.0 }));
        let whole = self.rest.len() / FRAME * FRAME;
        let later = self.rest.split_off(whole);
        let now = std::mem::replace(&mut self.rest, later);
        self.take(vad, &now)
    }

    /// The recording ends.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn finish(&mut self, vad: &SileroVad) -> Result<()> {
        let last = std::mem::take(&mut self.rest);
        self.take(vad, &last)?;
        let mut verdicts = Vec::new();
        self.gate.finish(&mut |verdict| verdicts.push(verdict));
        self.gate = Gate::Quiet { waiting: 0 };
        self.apply(verdicts);
        self.close();
        Ok(())
    }

    /// The next window that is complete.
    pub fn next_ready(&mut self) -> Option<Window> {
        self.ready.pop_front()
    }

    fn take(&mut self, vad: &SileroVad, samples: &[f32]) -> Result<()> {
        let probabilities = vad.probabilities(samples, &mut self.state)?;
        self.undecided.extend(samples);
        let mut verdicts = Vec::new();
        for probability in probabilities {
            self.undecided_probabilities.push_back(probability);
            self.gate.push(probability, &mut |verdict| verdicts.push(verdict));
        }
        self.apply(verdicts);
        Ok(())
    }

    fn apply(&mut self, verdicts: Vec<Verdict>) {
        for verdict in verdicts {
            let (n, keep) = match verdict {
                Verdict::Keep(n) => (n, true),
                Verdict::Drop(n) => (n, false),
            };
            for _ in 0..n {
                let n_samples = FRAME.min(self.undecided.len());
                let samples = self.undecided.drain(..n_samples);
                let probability = self.undecided_probabilities.pop_front().unwrap_or(0.0);
                if keep {
                    self.window.push(self.next_frame, probability, samples);
                    self.dropped_since_kept = 0;
                } else {
                    drop(samples);
                    self.dropped_since_kept += 1;
                }
                self.next_frame += 1;
                if self.window.frames.len() == MAX_FRAMES {
                    let cut = self.window.cut();
                    let next = self.window.split_off(cut);
                    self.ready.push_back(std::mem::replace(&mut self.window, next));
                } else if self.dropped_since_kept == CLOSE_AFTER
                    && (!self.joins || self.window.frames.len() >= WELL_FILLED)
                {
                    self.close();
                }
            }
        }
    }

    fn close(&mut self) {
        if !self.window.frames.is_empty() {
            self.ready.push_back(std::mem::take(&mut self.window));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities, each for a number of frames → the frames that are kept.
    fn kept(runs: &[(f32, usize)]) -> Vec<usize> {
        let mut gate = Gate::Quiet { waiting: 0 };
        let (mut at, mut kept) = (0, Vec::new());
        let mut decide = |verdict| match verdict {
            Verdict::Keep(n) => {
                kept.extend(at..at + n);
                at += n;
            }
            Verdict::Drop(n) => at += n,
        };
        for &(probability, n) in runs {
            for _ in 0..n {
                gate.push(probability, &mut decide);
            }
        }
        gate.finish(&mut decide);
        assert_eq!(at, runs.iter().map(|run| run.1).sum::<usize>(), "every frame is decided once");
        kept
    }

    #[test]
    fn speech_keeps_a_margin_on_both_sides() {
        assert_eq!(kept(&[(0.0, 50), (0.9, 20), (0.0, 50)]), (40..80).collect::<Vec<_>>());
    }

    #[test]
    fn a_click_is_dropped_and_a_short_word_is_kept() {
        assert_eq!(kept(&[(0.0, 50), (0.9, MIN_SPEECH - 1), (0.0, 50)]), Vec::<usize>::new());
        assert_eq!(kept(&[(0.0, 50), (0.9, MIN_SPEECH), (0.0, 50)]).len(), MIN_SPEECH + 2 * MARGIN);
    }

    #[test]
    fn a_pause_below_a_second_stays_and_a_longer_one_is_cut() {
        assert_eq!(kept(&[(0.9, 20), (0.0, MIN_SILENCE - 1), (0.9, 20)]).len(), 40 + MIN_SILENCE - 1);
        assert_eq!(kept(&[(0.9, 20), (0.0, MIN_SILENCE + 9), (0.9, 20)]).len(), 40 + 2 * MARGIN);
    }

    #[test]
    fn a_doubtful_frame_continues_speech_but_does_not_begin_it() {
        assert_eq!(kept(&[(0.4, 100)]), Vec::<usize>::new());
        assert_eq!(kept(&[(0.9, 10), (0.4, 100)]).len(), 110);
    }

    fn packed(runs: &[(f32, usize)]) -> Vec<Window> {
        packed_by(Windows::default(), runs)
    }

    fn packed_by(mut windows: Windows, runs: &[(f32, usize)]) -> Vec<Window> {
        let mut verdicts = Vec::new();
        for &(probability, n) in runs {
            for _ in 0..n {
                windows.undecided.extend(std::iter::repeat_n(probability, FRAME));
                windows.undecided_probabilities.push_back(probability);
                windows.gate.push(probability, &mut |v| verdicts.push(v));
            }
        }
        windows.gate.finish(&mut |v| verdicts.push(v));
        windows.apply(verdicts);
        windows.close();
        windows.ready.into()
    }

    #[test]
    fn long_speech_is_cut_at_its_quietest_place() {
        let all = packed(&[(0.9, 800), (0.2, 10), (0.9, 500)]);
        assert_eq!(all.len(), 2);
        assert!((800..=810).contains(&all[0].frames.len()), "{}", all[0].frames.len());
        assert_eq!(all.iter().map(|w| w.frames.len()).sum::<usize>(), 1310);
        assert_eq!(all[1].frames[0], all[0].frames[all[0].frames.len() - 1] + 1);
    }

    #[test]
    fn a_window_is_cut_on_a_seam_and_never_longer_than_30_seconds() {
        let all = packed(&[(0.9, 700), (0.0, 100), (0.9, 700)]);
        assert_eq!(all.iter().map(|w| w.frames.len()).collect::<Vec<_>>(), [710, 710]);
        assert!(packed(&[(0.9, 5000)]).iter().all(|w| w.duration_s() <= 30.0));
    }

    #[test]
    fn a_long_silence_closes_a_window() {
        let all = packed(&[(0.9, 50), (0.0, 400), (0.9, 50)]);
        assert_eq!(all.len(), 2);
        let second = all[1].start_in_recording_s(0.0);
        assert!((second - (450 - MARGIN) as f64 * FRAME_S).abs() < 1e-9, "{second}");
    }

    #[test]
    fn a_joining_window_is_closed_by_a_silence_only_when_it_is_well_filled() {
        let silence = (0.0, 2000);
        let all = packed_by(
            Windows::default().joining(),
            &[(0.9, 200), silence, (0.9, 100), silence, (0.9, 300), silence, (0.9, 50)],
        );
        let with_margins = |speech: usize, n: usize| speech + n * 2 * MARGIN;
        // The first sound has no silence before it.
        let lengths: Vec<usize> = all.iter().map(|w| w.frames.len()).collect();
        assert_eq!(lengths, [with_margins(600, 3) - MARGIN, with_margins(50, 1) - MARGIN]);
        // Times are those of the recording.
        let (before_s, after_s) = (210.0 * FRAME_S, 2200.0 * FRAME_S);
        assert!((all[0].end_in_recording_s(before_s) - before_s).abs() < 1e-9);
        assert!((all[0].start_in_recording_s(before_s) - after_s + MARGIN as f64 * FRAME_S).abs() < 1e-9);
    }

    #[test]
    fn voice_goes_on_to_the_first_quiet_frame() {
        let window = &packed(&[(0.9, 50), (0.0, 5), (0.9, 20)])[0];
        let until = |at: f64, most: f64| window.voice_ends_s(at * FRAME_S, most * FRAME_S) / FRAME_S;
        assert!((until(40.5, 70.0) - 48.0).abs() < 1e-9, "a little earlier: the probability lingers");
        assert!((until(49.5, 70.0) - 49.5).abs() < 1e-9, "but never backwards");
        assert!((until(40.5, 45.5) - 45.5).abs() < 1e-9, "no further than asked");
        assert!((until(52.5, 70.0) - 52.5).abs() < 1e-9, "quiet already");
        assert!((until(60.5, 500.0) - 73.0).abs() < 1e-9, "the end of the window");
    }

    #[test]
    fn stretches_end_at_pauses_and_seams() {
        let window =
            &packed(&[(0.9, 50), (0.0, 5), (0.9, 20), (0.0, 12), (0.9, 4), (0.0, 100), (0.9, 30)])[0];
        let frames = |s: f64| (s / FRAME_S).round() as usize;
        let found = window.voiced_stretches(0.3, 0.2);
        let found: Vec<_> = found.into_iter().map(|(start, end)| (frames(start), frames(end))).collect();
        let seam = 91 + 2 * MARGIN;
        assert_eq!(found, [(0, 75), (seam, seam + 30)]);
    }

    #[test]
    fn times_map_back_across_a_seam() {
        let window = &packed(&[(0.9, 50), (0.0, 100), (0.9, 50)])[0];
        let seam_s = 60.0 * FRAME_S;
        assert!((window.end_in_recording_s(seam_s) - 60.0 * FRAME_S).abs() < 1e-9);
        assert!((window.start_in_recording_s(seam_s) - 140.0 * FRAME_S).abs() < 1e-9);
        assert!((window.start_in_recording_s(seam_s + 0.01) - 140.0 * FRAME_S - 0.01).abs() < 1e-9);
        let (start, end) = window.voiced_part(seam_s - 0.5, seam_s + 0.5);
        assert!(start < seam_s - 0.4 && end > seam_s + 0.4, "{start} {end}");
        let (start, _) = window.voiced_part(seam_s, seam_s + 0.6);
        assert!((start - seam_s - 10.0 * FRAME_S).abs() < 1e-9);
    }
}
