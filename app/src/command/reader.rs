//! What can be done with a document that is read.

use std::path::PathBuf;

use crate::state::{
    AttachmentId, Colour, Mark, MarkId, Passage, Purpose, Query, Side, TabId, TextPos, Wanted,
};
use crate::words::say;

/// Something a user can do in the reading pane.
#[derive(Debug, Clone, PartialEq)]
pub enum ReaderCommand {
    /// Read a document of the conversation.
    Open(AttachmentId),
    /// Show a passage of a document.
    OpenPassage(PathBuf, Passage),
    /// Show or hide the documents that are open.
    Toggle,
    /// Hide the documents; they stay open.
    Hide,
    /// Show a document that is open.
    Show(TabId),
    /// Show the document before or after.
    StepTab(i32),
    /// Close a document; the shown one when `None`.
    Close(Option<TabId>),
    /// Load the shown document again.
    Reload,
    /// Go on with the document as it was.
    KeepOld,
    /// Show something beside the pages.
    SetSide(Side),
    /// What is to be held of a document.
    Want(TabId, Wanted),
    /// Look for words, from a page on.
    Find(Query, u32),
    /// Do something with what is selected.
    Take(TextPos, TextPos, Purpose),
    /// No longer show the quote of an answer.
    CloseCitation,
    /// Give a highlight another colour.
    SetColour(MarkId, Colour),
    /// Show a highlight in the list, with its note to be written.
    EditNote(MarkId),
    /// Keep a note.
    SetNote(MarkId, String),
    /// Take a highlight out.
    DeleteMark(MarkId),
    /// Bring a highlight back.
    RestoreMark(TabId, Box<Mark>),
    /// Choose a file for highlights and notes.
    Export,
    /// Write highlights and notes to a file.
    ExportTo(TabId, PathBuf),
    /// Which files the next questions are about; empty means all.
    AskAbout(Vec<AttachmentId>),
    /// The next question is not about the passage.
    DropPassage,
    /// Ask whether an address in a document or an answer is to be opened, or close that question.
    ShowLink(Option<String>),
}

impl ReaderCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open(_) | Self::OpenPassage(..) => say("command-read-document"),
            Self::Toggle => say("command-toggle-documents"),
            Self::Hide => say("command-close-documents"),
            Self::Show(_) => say("command-show-document"),
            Self::StepTab(step) if *step < 0 => say("command-previous-document"),
            Self::StepTab(_) => say("command-next-document"),
            Self::Close(_) => say("command-close-document"),
            Self::Reload => say("command-load-again"),
            Self::KeepOld => say("command-not-now"),
            Self::SetSide(_) => say("command-side-list"),
            Self::Want(..) => say("command-draw-pages"),
            Self::Find(..) => say("command-find-in-document"),
            Self::Take(_, _, purpose) => match purpose {
                Purpose::Copy => say("command-copy"),
                Purpose::Highlight(_) => say("command-highlight"),
                Purpose::Note => say("command-note"),
                Purpose::Ask => say("command-ask"),
                Purpose::Explain => say("command-explain"),
                Purpose::Summarise => say("command-summarise"),
            },
            Self::CloseCitation => say("command-close-quote"),
            Self::SetColour(..) => say("command-colour"),
            Self::EditNote(_) | Self::SetNote(..) => say("command-note"),
            Self::DeleteMark(_) => say("command-delete-highlight"),
            Self::RestoreMark(..) => say("command-undo"),
            Self::Export | Self::ExportTo(..) => say("command-export-notes"),
            Self::AskAbout(_) => say("command-ask-about"),
            Self::DropPassage => say("command-drop-passage"),
            Self::ShowLink(_) => say("reader-link-title"),
        }
    }
}
