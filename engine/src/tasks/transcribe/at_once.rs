//! Windows of speech → segments: several side by side where one needs nothing of the other.

use std::sync::Arc;

use super::Transcription;
use crate::error::Result;
use crate::kernels::team;
use crate::perception::speech::windows::Window;
use crate::perception::speech::{HearOptions, Segment};

/// Windows that are heard at once, on machines with more threads: each takes some 30 MB.
const MOST_AT_ONCE: usize = 8;

impl Transcription {
    /// How many windows are heard side by side, each on a thread of its own: many short loops are done faster so than
    /// each of them on all threads. Where the language is to be heard, it may be that of the window before.
    pub(super) fn at_once(&self) -> usize {
        let is_known = self.options.language.is_some() || self.models.languages().len() == 1;
        if is_known { rayon::current_num_threads().min(MOST_AT_ONCE) } else { 1 }
    }

    /// Hears the windows that wait, if any.
    pub(super) fn hear_waiting(&mut self) -> Result<()> {
        let windows = std::mem::take(&mut self.waiting);
        let options = HearOptions {
            language: self.options.language.clone(),
            language_before: self.language_before.clone(),
            translate: self.options.translate,
            words: self.options.word_timestamps || self.speakers.is_some(),
            context: Arc::clone(&self.context),
            width: self.options.beam,
        };
        let (models, cancel) = (&self.models, &self.cancel);
        let hear = || team::map(windows.len(), |i| models.hear(&windows[i], &options, cancel));
        let heard = match &self.pool {
            Some(pool) => pool.install(hear),
            None => hear(),
        };
        for (window, segments) in windows.iter().zip(heard) {
            let segments = segments?;
            if !self.cancel.is_cancelled() {
                self.keep(|journal| journal.add(window, &segments));
            }
            self.heard(window, segments)?;
        }
        Ok(())
    }

    /// Passes on what was heard in a window.
    pub(super) fn heard(&mut self, window: &Window, segments: Vec<Segment>) -> Result<()> {
        if segments.is_empty() && !self.cancel.is_cancelled() {
            self.unclear.push(window.start_in_recording_s(0.0));
            self.unclear_s += window.duration_s();
        }
        match &mut self.speakers {
            Some(held) => {
                self.language_before =
                    segments.last().map(|s| s.language.clone()).or(self.language_before.take());
                held.take(window, segments)?;
            }
            None => self.said(segments),
        }
        self.tell();
        Ok(())
    }
}
