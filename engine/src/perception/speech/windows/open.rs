//! A window that is looked at while somebody still speaks.

use super::{FRAME, FRAME_S, Gate, LEAVE, Window, Windows};
use crate::error::Result;
use crate::perception::speech::vad::SileroVad;

/// Quiet frames that stay for the speech after a cut in a pause (0.19 s).
const KEPT_PAUSE: usize = 6;

/// Takes sound frame by frame; what was said since the last cut can be looked at at any time.
#[derive(Default)]
pub struct OpenWindow(Windows);

impl OpenWindow {
    /// Takes the next frame: [`FRAME`] samples.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn push(&mut self, vad: &SileroVad, frame: &[f32]) -> Result<()> {
        self.0.push(vad, frame)
    }

    /// Seconds of sound taken so far.
    pub fn taken_s(&self) -> f64 {
        self.0.taken_s()
    }

    /// Whether somebody speaks, or did a second ago.
    pub fn is_speaking(&self) -> bool {
        matches!(self.0.gate, Gate::Speech { .. })
    }

    /// Quiet frames since somebody spoke.
    pub fn pause(&self) -> usize {
        match self.0.gate {
            Gate::Speech { pause } => pause,
            _ => 0,
        }
    }

    /// Frames that a look would show.
    pub fn n_frames(&self) -> usize {
        self.0.window.frames.len() + self.n_undecided()
    }

    fn n_undecided(&self) -> usize {
        if self.is_speaking() { self.0.undecided_probabilities.len() } else { 0 }
    }

    /// Frames from the `first` on in which somebody speaks.
    pub fn n_voiced_from(&self, first: usize) -> usize {
        let kept = self.0.window.probabilities.iter();
        let undecided = self.0.undecided_probabilities.iter().take(self.n_undecided());
        kept.chain(undecided).skip(first).filter(|&&p| p >= LEAVE).count()
    }

    /// What was said since the last cut, and the pause after it.
    pub fn look(&self) -> Window {
        let mut window = self.0.window.clone();
        let n = self.n_undecided();
        window.samples.extend(self.0.undecided.iter().take(n * FRAME));
        window.frames.extend(self.0.next_frame..self.0.next_frame + n);
        window.probabilities.extend(self.0.undecided_probabilities.iter().take(n));
        window
    }

    /// Takes what was said since the last cut; `None` when nothing was. In a pause the end of it stays for what follows.
    pub fn close(&mut self) -> Option<Window> {
        if let Gate::Speech { pause } = self.0.gate {
            let stays = pause.min(KEPT_PAUSE);
            self.0.apply(vec![super::Verdict::Keep(pause - stays)]);
            self.0.gate = Gate::Quiet { waiting: stays };
        }
        let window = std::mem::take(&mut self.0.window);
        (!window.frames.is_empty()).then_some(window)
    }

    /// Forgets what was said before `at_s` (seconds of the window); the open pause stays.
    pub fn forget_before(&mut self, at_s: f64) {
        let n = ((at_s / FRAME_S) as usize).min(self.0.window.frames.len());
        self.0.window = self.0.window.split_off(n);
    }

    /// The sound ends here; takes what is left.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn finish(&mut self, vad: &SileroVad, rest: &[f32]) -> Result<Option<Window>> {
        self.0.push(vad, rest)?;
        self.0.finish(vad)?;
        Ok(self.0.next_ready())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes probabilities, each for a number of frames.
    fn take(open: &mut OpenWindow, runs: &[(f32, usize)]) {
        for &(probability, n) in runs {
            for _ in 0..n {
                let mut verdicts = Vec::new();
                open.0.undecided.extend(std::iter::repeat_n(probability, FRAME));
                open.0.undecided_probabilities.push_back(probability);
                open.0.gate.push(probability, &mut |verdict| verdicts.push(verdict));
                open.0.apply(verdicts);
            }
        }
    }

    #[test]
    fn a_look_shows_what_was_said_and_the_pause_after_it() {
        let mut open = OpenWindow::default();
        take(&mut open, &[(0.0, 40), (0.9, 20), (0.0, 9)]);
        assert!(open.is_speaking());
        assert_eq!((open.n_frames(), open.pause(), open.n_voiced_from(0)), (10 + 20 + 9, 9, 20));
        let look = open.look();
        assert_eq!(look.samples.len(), open.n_frames() * FRAME);
        assert!((look.start_in_recording_s(0.0) - 30.0 * FRAME_S).abs() < 1e-9);
        assert!((look.end_in_recording_s(look.duration_s()) - 69.0 * FRAME_S).abs() < 1e-9);
        // Looking changes nothing.
        assert_eq!(open.look(), look);
    }

    #[test]
    fn a_cut_in_a_pause_leaves_its_end_for_what_follows_and_loses_no_frame() {
        let mut open = OpenWindow::default();
        take(&mut open, &[(0.9, 20), (0.0, 16)]);
        let first = open.close().unwrap();
        assert_eq!(first.samples.len(), (20 + 16 - KEPT_PAUSE) * FRAME);
        assert!(!open.is_speaking() && open.close().is_none());
        take(&mut open, &[(0.9, 20)]);
        let second = open.look();
        assert!(
            (second.start_in_recording_s(0.0) - first.end_in_recording_s(first.duration_s())).abs() < 1e-9
        );
        assert_eq!(second.samples.len(), (KEPT_PAUSE + 20) * FRAME);
    }

    #[test]
    fn a_second_of_silence_ends_it() {
        let mut open = OpenWindow::default();
        take(&mut open, &[(0.9, 20), (0.0, 31)]);
        assert!(!open.is_speaking());
        assert_eq!(open.close().unwrap().samples.len(), 30 * FRAME);
        take(&mut open, &[(0.0, 100)]);
        assert!(open.close().is_none() && open.n_frames() == 0);
    }

    #[test]
    fn what_is_forgotten_is_gone_and_times_stay_those_of_the_recording() {
        let mut open = OpenWindow::default();
        take(&mut open, &[(0.9, 100), (0.0, 3)]);
        open.forget_before(60.0 * FRAME_S + 1e-6);
        assert_eq!(open.n_frames(), 43);
        assert!((open.look().start_in_recording_s(0.0) - 60.0 * FRAME_S).abs() < 1e-9);
    }

    #[test]
    fn the_quietest_place_is_found_between_two_times() {
        let mut open = OpenWindow::default();
        take(&mut open, &[(0.9, 100), (0.4, 12), (0.9, 100)]);
        let found = open.look().quietest_s(60.0 * FRAME_S, 180.0 * FRAME_S) / FRAME_S;
        assert!((101.0..=111.0).contains(&found), "{found}");
    }
}
