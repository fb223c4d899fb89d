//! The seam between window and engine, so that the window can be tested with a script.

use std::path::Path;

use super::live::{Ears, EngineEars};
use engine::models::Store;
use engine::perception::ReadEvent;
use engine::tasks::ask::AskRequest;
use engine::{Cancel, Engine, EngineOptions, Event, PanelStore, PrefixStore, Result};

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
}
