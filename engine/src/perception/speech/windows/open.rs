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
