//! The seam between window and engine, so that the window can be tested with a script.

use std::path::Path;

use super::live::{Ears, EngineEars};
use engine::models::Store;
use engine::perception::ReadEvent;
use engine::perception::speakers::SpeakerOptions;
use engine::tasks::ask::AskRequest;
use engine::tasks::transcribe::{JournalStore, TranscribeEvent, TranscribeOptions, Transcription};
use engine::{Cancel, Engine, EngineOptions, Event, LoadedModel, PanelStore, PrefixStore, Result};

use crate::state::{HearingForm, Speakers};
use crate::storage::KnownVoices;
/// What live sound is heard with.
const SPEECH_MODEL: &str = "whisper-tiny.en";

/// What the engine thread asks of an engine.
pub trait Backend: Send {
    /// Reads a file.
    fn read<'a>(
        &'a mut self,
        path: &Path,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<ReadEvent>> + 'a>;

    /// What listens to live sound.
    fn ears(&self) -> std::sync::Arc<dyn Ears>;

    /// Answers a question with a decoder.
    fn ask<'a>(
        &'a mut self,
        model: &str,
        request: AskRequest,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<Event>> + 'a>;

    /// Hears a recording.
    fn transcribe<'a>(
        &'a mut self,
        path: &Path,
        form: &HearingForm,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<TranscribeEvent>> + 'a>;

    /// What is in memory.
    fn loaded(&self) -> Vec<LoadedModel>;

    /// Frees it; what is needed is loaded again.
    fn unload(&mut self);
}

/// The real one. Another decoder means another engine: the first one's memory is free again.
pub struct EngineBackend {
    options: EngineOptions,
    engine: Engine,
}

impl EngineBackend {
    /// Loads nothing yet.
    pub fn new(store: Store, prefixes: Option<PrefixStore>, model: String) -> Self {
        let limits = engine::media::Limits::default();
        let options =
            EngineOptions { store, model, limits, prefixes, panels: PanelStore::open_default().ok() };
        Self { engine: Engine::new(options.clone()), options }
    }
}

impl Backend for EngineBackend {
    fn loaded(&self) -> Vec<LoadedModel> {
        self.engine.loaded()
    }

    fn unload(&mut self) {
        self.engine.unload();
    }

    fn ears(&self) -> std::sync::Arc<dyn Ears> {
        std::sync::Arc::new(EngineEars { options: self.options.clone(), model: SPEECH_MODEL })
    }

    fn read<'a>(
        &'a mut self,
        path: &Path,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<ReadEvent>> + 'a> {
        Box::new(self.engine.read(path, cancel))
    }

    fn ask<'a>(
        &'a mut self,
        model: &str,
        request: AskRequest,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<Event>> + 'a> {
        if model != self.options.model {
            self.options.model = model.to_owned();
            self.engine = Engine::new(self.options.clone());
        }
        Box::new(self.engine.ask(request, cancel))
    }

    fn transcribe<'a>(
        &'a mut self,
        path: &Path,
        form: &HearingForm,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<TranscribeEvent>> + 'a> {
        match self.transcription(path, form, cancel) {
            Ok(events) => Box::new(events),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }
}

impl EngineBackend {
    fn transcription(&self, path: &Path, form: &HearingForm, cancel: &Cancel) -> Result<Transcription> {
        let options = TranscribeOptions {
            language: (!form.language.is_empty()).then(|| form.language.clone()),
            beam: if form.thorough { 5 } else { 1 },
            name: crate::state::file_name(path),
            ..TranscribeOptions::default()
        };
        let events = self.engine.transcribe(path, &form.model, options.clone(), cancel)?;
        let count = match form.speakers {
            Speakers::Off => {
                // After a kill the same recording is heard on from where it was.
                let store = self.engine.store();
                let journal = JournalStore::open_default().map_err(|e| e.to_string()).and_then(|journals| {
                    journals.journal(store, path, &form.model, &options).map_err(|e| e.to_string())
                });
                return Ok(match journal {
                    Ok(journal) => events.kept_in(journal),
                    Err(error) => {
                        log::info!("{}: nothing is kept of it: {error}", path.display());
                        events
                    }
                });
            }
            Speakers::Auto => None,
            Speakers::Count(n) => Some(n),
        };
        // Voices that the user has named before are recognised.
        let voices = engine::models::data_folder().ok().and_then(|folder| KnownVoices::open(&folder).ok());
        let known = voices.map(|voices| voices.all().to_vec()).unwrap_or_default();
        let speakers = SpeakerOptions { count, names: Vec::new(), known };
        Ok(events.with_speakers(self.engine.speaker_encoder()?, speakers))
    }
}
