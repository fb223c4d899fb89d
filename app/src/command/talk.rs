//! What can be done with conversations, their branches and their answers.

use super::Command;
use crate::state::{AppState, ConversationId, ExchangeId, Setup};
use crate::words::say;

/// Something a user can do with conversations.
#[derive(Debug, Clone, PartialEq)]
pub enum TalkCommand {
    /// Show the branch that a question is on.
    ShowBranch(ExchangeId),
    /// Ask in other words, beside the question as it was.
    AskEdited(ExchangeId, String),
    /// Write in an answer.
    EditAnswer(ExchangeId),
    /// Keep an answer as it was written in.
    KeepEdited(ExchangeId, String),
    /// Go back to what the model wrote.
    RestoreAnswer(ExchangeId),
    /// Leave what is being edited as it is.
    CancelEdit,
    /// Answer a question again, with what differs.
    AnswerAgain(ExchangeId, Box<Setup>),
    /// Keep a conversation at the top of the list, or no longer.
    Pin(ConversationId, bool),
}

impl TalkCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::ShowBranch(_) => say("conversations-show-version"),
            Self::AskEdited(..) => say("conversations-ask-edited"),
            Self::EditAnswer(_) => say("conversations-edit-answer"),
            Self::KeepEdited(..) => say("conversations-keep-edited"),
            Self::RestoreAnswer(_) => say("conversations-restore-answer"),
            Self::CancelEdit => say("common-cancel"),
            Self::AnswerAgain(..) => say("conversations-answer-again"),
            Self::Pin(_, true) => say("conversations-pin"),
            Self::Pin(_, false) => say("conversations-unpin"),
        }
    }

    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, as a sentence for the tooltip.
    pub fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        match self {
            Self::AskEdited(_, text) => Command::Send(text.clone()).enabled(state),
            Self::AnswerAgain(..) => Command::Send("?".into()).enabled(state),
            Self::EditAnswer(id) => Command::EditQuestion(*id).enabled(state),
            _ => Ok(()),
        }
    }
}
