//! What can be done with the library.

use std::path::PathBuf;

use engine::Place;

use crate::state::{AppState, LibraryScope};
use crate::words::say;

/// Something a user can do with the library.
#[derive(Debug, Clone, PartialEq)]
pub enum LibraryCommand {
    /// Show or hide it.
    Toggle,
    /// Choose files to add.
    ChooseFiles,
    /// Choose a folder to add; it is looked after.
    ChooseFolder,
    /// Add files and folders.
    Add(Vec<PathBuf>),
    /// Take files and folders out; the files themselves stay.
    Remove(Vec<PathBuf>),
    /// Read a file again that could not be used.
    Retry(PathBuf),
    /// Look now whether files changed.
    Look,
    /// Let reading wait.
    Pause,
    /// Go on reading.
    Resume,
    /// Look for words.
    Search(String),
    /// Read a document, at a place with these words if one is given.
    Open(PathBuf, Option<(Place, String)>),
    /// The next questions are about these documents.
    Ask(Option<LibraryScope>),
    /// Close what was told about it.
    CloseNotices,
}

impl LibraryCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Toggle => say("library-toggle"),
            Self::ChooseFiles => say("library-add-files"),
            Self::ChooseFolder => say("library-add-folder"),
            Self::Add(_) => say("library-add"),
            Self::Remove(_) => say("library-remove"),
            Self::Retry(_) => say("library-retry"),
            Self::Look => say("library-look"),
            Self::Pause => say("library-pause"),
            Self::Resume => say("library-resume"),
            Self::Search(_) => say("library-search"),
            Self::Open(..) => say("library-open"),
            Self::Ask(_) => say("library-ask"),
            Self::CloseNotices => say("library-close-notices"),
        }
    }

    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, as a sentence for the tooltip.
    pub fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(say(reason)) };
        match self {
            Self::ChooseFiles | Self::ChooseFolder => check(!state.picking, "library-dialog-is-open"),
            Self::Ask(Some(_)) => check(state.library.n_documents() > 0, "library-nothing-to-ask"),
            _ => Ok(()),
        }
    }
}
