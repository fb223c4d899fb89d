//! The front door: one value that loads models when they are first needed and serves every task.

use std::path::Path;

use crate::cancel::Cancel;
use crate::media::Limits;
use crate::models::Store;
use crate::perception::Reading;
use crate::tasks::ask::{Ask, AskRequest};

/// What an [`Engine`] is made from.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Where models live.
    pub store: Store,
    /// The decoder: an id of `assets/models.toml` or a path to a GGUF file.
    pub model: String,
    /// How much of a file is accepted.
    pub limits: Limits,
}

/// Loads models on first use and keeps them; `&self` everywhere, so one engine serves many requests.
pub struct Engine {
    options: EngineOptions,
}

impl Engine {
    /// Loads nothing yet.
    pub fn new(options: EngineOptions) -> Self {
        Self { options }
    }

    /// Starts to read a file into spans.
    pub fn read(&self, path: &Path, cancel: &Cancel) -> Reading {
        let _ = (path, cancel, &self.options);
        Reading::default()
    }

    /// Starts to answer a question.
    pub fn ask(&self, request: AskRequest, cancel: &Cancel) -> Ask {
        let _ = (request, cancel);
        Ask::default()
    }
}
