//! What can be done with models.

use crate::state::AppState;
use crate::words::say;

/// Something a user can do with models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelsCommand {
    /// Show the models, or no longer.
    Toggle,
    /// Write answers with this one: an id, or a path.
    Use(String),
    /// Stop fetching for now; what came stays.
    Pause,
    /// Go on fetching.
    Resume,
    /// Read a model's files again and compare their hashes.
    Verify(String),
    /// Delete a model's files.
    Delete(String),
    /// Free the memory that models take.
    Unload,
    /// Free it when nothing was asked for so many minutes; 0 keeps it.
    UnloadAfter(u32),
    /// Look again for models of other programs.
    LookForOthers,
}

impl ModelsCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Toggle => say("models-title"),
            Self::Use(_) => say("models-use"),
            Self::Pause => say("models-pause"),
            Self::Resume => say("models-resume"),
            Self::Verify(_) => say("models-verify"),
            Self::Delete(_) => say("models-delete"),
            Self::Unload | Self::UnloadAfter(_) => say("models-unload"),
            Self::LookForOthers => say("models-look"),
        }
    }

    /// Whether it can be done now.
    pub(super) fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(reason) };
        let models = &state.models;
        let is_busy = state.running().is_some() || state.live.is_some();
        match self {
            Self::Pause => check(models.is_downloading(), say("models-nothing-fetched")),
            Self::Resume => {
                let paused = models.download.as_ref().is_some_and(|download| download.paused);
                check(paused, say("models-nothing-paused"))
            }
            Self::Verify(_) => check(models.checking.is_none(), say("models-checking-one")),
            Self::Delete(id) => {
                let is_used = state.running().is_some_and(|exchange| exchange.answer.model == *id);
                check(!is_used, say("models-in-use-now"))?;
                check(state.live.is_none(), say("models-in-use-live"))?;
                let fetched =
                    models.download.as_ref().is_some_and(|d| d.ids.contains(id) && d.failed.is_none());
                check(!fetched, say("models-being-fetched"))?;
                let checked = models.checking.as_ref().is_some_and(|checking| checking.id == *id);
                check(!checked && models.deleting.is_none(), say("models-checking-one"))
            }
            Self::Unload => {
                check(!models.loaded.is_empty(), say("models-nothing-loaded"))?;
                check(!is_busy, say("models-in-use-now"))
            }
            Self::Toggle | Self::Use(_) | Self::UnloadAfter(_) | Self::LookForOthers => Ok(()),
        }
    }
}
