//! What can be done to teach a model.

use std::path::PathBuf;

use crate::state::{AppState, Run, TeachForm};
use crate::words::say;

/// Something a user can do to teach a model.
#[derive(Debug, Clone, PartialEq)]
pub enum TeachCommand {
    /// Show or hide the pane.
    Toggle,
    /// Choose a file of questions and answers.
    Choose,
    /// Take this file of questions and answers.
    Take(PathBuf),
    /// Choose something else for the next run.
    Set(Box<TeachForm>),
    /// Start a run.
    Start,
    /// Stop it; it can go on.
    Stop,
    /// Go on with a run that was stopped.
    Resume(PathBuf),
    /// Keep an adapter.
    Keep(PathBuf),
    /// Delete an adapter.
    Drop(PathBuf),
    /// Give an adapter another name.
    Rename(PathBuf, String),
    /// Answer with an adapter, or without one.
    Use(Option<PathBuf>),
    /// Back to the form.
    CloseRun,
}

impl TeachCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Toggle => say("teach-toggle"),
            Self::Choose | Self::Take(_) => say("teach-choose"),
            Self::Set(_) => say("teach-set"),
            Self::Start => say("teach-start"),
            Self::Stop => say("teach-stop"),
            Self::Resume(_) => say("teach-resume"),
            Self::Keep(_) => say("teach-keep"),
            Self::Drop(_) => say("teach-drop"),
            Self::Rename(..) => say("teach-rename"),
            Self::Use(_) => say("teach-use"),
            Self::CloseRun => say("teach-new-run"),
        }
    }

    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, as a sentence for the tooltip.
    pub fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(say(reason)) };
        let is_busy = state.teach.run.as_ref().is_some_and(Run::is_going_on);
        match self {
            Self::Choose => check(!state.picking, "library-dialog-is-open"),
            Self::Start => {
                check(state.teach.form.data.is_some(), "teach-no-data")?;
                check(!is_busy, "teach-busy")
            }
            Self::Resume(_) | Self::CloseRun => check(!is_busy, "teach-busy"),
            Self::Drop(folder) => {
                let runs = state.teach.run.as_ref().is_some_and(|run| run.about.folder == *folder);
                check(!(is_busy && runs), "teach-busy")
            }
            Self::Stop => check(is_busy, "teach-not-running"),
            _ => Ok(()),
        }
    }
}
