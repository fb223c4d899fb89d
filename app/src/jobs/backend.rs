//! The seam between window and engine, so that the window can be tested with a script.

use std::path::Path;

use super::live::{Ears, EngineEars};
use engine::library::Library;
use engine::models::Store;
use engine::perception::ReadEvent;
use engine::perception::speakers::SpeakerOptions;
use engine::tasks::ask::{AskRequest, Attachment};
use engine::tasks::transcribe::{JournalStore, TranscribeEvent, TranscribeOptions, Transcription};
use engine::{Cancel, Engine, EngineOptions, Error, Event, LoadedModel, PanelStore, PrefixStore, Result};

use super::library_scope;
use crate::library::{excerpt, whole};
use crate::state::{HearingForm, LibraryScope, Speakers};
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

    /// What reads and compares for the library; none leaves that to an engine of the library's own.
    fn engine(&self) -> Option<Engine> {
        None
    }

    /// Answers with what was made for the decoder, or with the decoder as it is.
    fn set_adapter(&mut self, _: Option<&Path>) {}

    /// Gives a question what documents of a library have to say to it; what was left out, and why.
    ///
    /// # Errors
    /// When the library cannot be searched, or holds nothing.
    fn find(
        &mut self,
        folder: &Path,
        scope: &LibraryScope,
        request: &mut AskRequest,
        cancel: &Cancel,
    ) -> Result<Vec<String>>;

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

/// The real one.
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

    fn engine(&self) -> Option<Engine> {
        Some(self.engine.clone())
    }

    fn set_adapter(&mut self, folder: Option<&Path>) {
        self.engine.set_adapter(folder);
    }

    fn find(
        &mut self,
        folder: &Path,
        scope: &LibraryScope,
        request: &mut AskRequest,
        cancel: &Cancel,
    ) -> Result<Vec<String>> {
        find(&self.engine, folder, scope, request, cancel)
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
        self.engine.set_model(model);
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

/// As [`Backend::find`], with this engine.
pub(super) fn find(
    engine: &Engine,
    folder: &Path,
    scope: &LibraryScope,
    request: &mut AskRequest,
    cancel: &Cancel,
) -> Result<Vec<String>> {
    let library = Library::open(folder)?;
    if library.status()?.passages == 0 {
        let reason = "nothing in the library can be searched yet; add documents to it".to_owned();
        return Err(Error::Request { reason });
    }
    let scope = library_scope(&library, &scope.documents)?;
    if scope.as_ref().is_some_and(Vec::is_empty) {
        let reason = "these documents are not in the library any more; choose others".to_owned();
        return Err(Error::Request { reason });
    }
    let found = match (request.whole, scope) {
        (true, Some(documents)) => whole(&library, &documents, cancel)?,
        (true, None) => {
            let reason = "a whole library is too much to be read for an answer; \
                choose one or a few of its documents and ask about them";
            return Err(Error::Request { reason: reason.to_owned() });
        }
        (false, scope) => excerpt(&library, &request.question, scope, engine, cancel)?,
    };
    request.media = found.files.into_iter().map(Attachment::Read).collect();
    request.found = found.known;
    Ok(found.notices)
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
