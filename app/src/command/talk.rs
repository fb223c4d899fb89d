//! What can be done with conversations, their branches and their answers.

use std::path::PathBuf;

use super::Command;
use crate::export::Format;
use crate::state::{AppState, ConversationId, ExchangeId, Preset, Setup};
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
    /// Bring back a question that was deleted.
    UndoDelete(ExchangeId),
    /// Keep a conversation at the top of the list, or no longer.
    Pin(ConversationId, bool),
    /// Put a conversation into a folder; into none when it is empty.
    Move(ConversationId, String),
    /// Give a folder another name; its conversations lie in none when it is empty.
    RenameFolder(String, String),
    /// Start a conversation that is never written to the disk.
    NewTemporary,
    /// Keep a temporary conversation as any other.
    KeepTemporary,
    /// Show what the conversation has chosen for itself.
    OpenSetup,
    /// Choose for the conversation.
    SetSetup(Box<Setup>),
    /// Keep a way to choose tokens under a name.
    SavePreset(Preset),
    /// Forget a way to choose tokens.
    DeletePreset(String),
    /// Put the cursor into the field for searching all conversations.
    FocusSearch,
    /// Search all conversations.
    Search(String),
    /// Show a place that was found.
    Jump(ConversationId, Option<ExchangeId>),
    /// Choose a file for a conversation; for the shown one when `None`.
    Export(Option<ConversationId>, Format),
    /// Write a conversation to a file.
    ExportTo(ConversationId, Format, PathBuf),
    /// Choose files with conversations.
    Import,
    /// Take in conversations from files.
    ImportFiles(Vec<PathBuf>),
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
            Self::UndoDelete(_) => say("conversations-undo"),
            Self::Pin(_, true) => say("conversations-pin"),
            Self::Pin(_, false) => say("conversations-unpin"),
            Self::Move(..) => say("conversations-move"),
            Self::RenameFolder(_, name) if name.is_empty() => say("conversations-dissolve-folder"),
            Self::RenameFolder(..) => say("conversations-rename-folder"),
            Self::NewTemporary => say("conversations-new-temporary"),
            Self::KeepTemporary => say("conversations-keep-temporary"),
            Self::OpenSetup | Self::SetSetup(_) => say("conversations-setup"),
            Self::SavePreset(_) => say("conversations-save-preset"),
            Self::DeletePreset(_) => say("conversations-delete-preset"),
            Self::FocusSearch | Self::Search(_) => say("conversations-search"),
            Self::Jump(..) => say("conversations-jump"),
            Self::Export(..) | Self::ExportTo(..) => say("conversations-export"),
            Self::Import | Self::ImportFiles(_) => say("conversations-import"),
        }
    }

    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, as a sentence for the tooltip.
    pub fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(say(reason)) };
        match self {
            Self::AskEdited(_, text) => Command::Send(text.clone()).enabled(state),
            Self::KeepEdited(_, text) => check(!text.trim().is_empty(), "conversations-nothing-written"),
            Self::AnswerAgain(..) => Command::Send("?".into()).enabled(state),
            Self::EditAnswer(id) => Command::EditQuestion(*id).enabled(state),
            Self::OpenSetup => check(state.current().is_some(), "conversations-none-shown"),
            Self::Export(None, _) => {
                check(
                    state.current().is_some_and(|c| !c.exchanges.is_empty()),
                    "conversations-nothing-to-export",
                )?;
                check(!state.picking, "conversations-dialog-open")
            }
            Self::Export(..) | Self::Import => check(!state.picking, "conversations-dialog-open"),
            _ => Ok(()),
        }
    }
}
