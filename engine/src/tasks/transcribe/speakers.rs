//! Telling speakers apart: who somebody is shows only when all have been heard, so segments wait until then.

use std::sync::Arc;

use super::{Segment, TranscribeEvent, Transcription};
use crate::error::Result;
use crate::perception::speakers::{SpeakerEncoder, SpeakerOptions, Speakers};
use crate::perception::speech::windows::Window;

/// Segments that wait for their speakers: text, some megabytes for a day of speech.
pub(super) struct Held {
    speakers: Speakers,
    segments: Vec<Segment>,
}

impl Held {
    pub(super) fn take(&mut self, window: &Window, segments: Vec<Segment>) -> Result<()> {
        // A voice of a sound in which no words were made out is no speaker.
        if !segments.is_empty() {
            self.speakers.listen(window)?;
        }
        self.segments.extend(segments);
        Ok(())
    }
}

impl Transcription {
    /// Tells speakers apart. Segments then come when all of the recording was heard, each with its speaker, and after
    /// them [`TranscribeEvent::Speakers`]; when it is cancelled, those that were heard.
    pub fn with_speakers(self, encoder: Arc<SpeakerEncoder>, options: SpeakerOptions) -> Self {
        let held = Held { speakers: Speakers::new(encoder, options), segments: Vec::new() };
        Self { speakers: Some(held), ..self }
    }

    /// Lets go of the segments that waited; whether there were any to wait for.
    pub(super) fn tell_speakers(&mut self) -> bool {
        let Some(Held { speakers, segments }) = self.speakers.take() else { return false };
        let who = speakers.who_spoke();
        for mut segment in who.label(segments) {
            // Words were needed to know where speakers change.
            if !self.options.word_timestamps {
                segment.words.clear();
            }
            self.n_segments += 1;
            self.events.push_back(TranscribeEvent::Segment(segment));
        }
        for (number, name) in &who.unused_names {
            let (n, recording) = (who.speakers.len(), &self.options.name);
            let text = format!(
                "there is no speaker {number} to be called {name}: {n} were told apart in {recording}"
            );
            self.events.push_back(TranscribeEvent::Notice(text));
        }
        self.events.push_back(TranscribeEvent::Speakers(who));
        true
    }
}
