//! What can be done with a document that is read.

use std::path::PathBuf;

use crate::state::{
    AttachmentId, Colour, Mark, MarkId, Passage, Purpose, Query, Side, TabId, TextPos, Wanted,
};

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
}

impl ReaderCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open(_) | Self::OpenPassage(..) => "Read document",
            Self::Toggle => "Show or hide the documents",
            Self::Hide => "Close documents",
            Self::Show(_) => "Show document",
            Self::StepTab(step) if *step < 0 => "Previous document",
            Self::StepTab(_) => "Next document",
            Self::Close(_) => "Close document",
            Self::Reload => "Load again",
            Self::KeepOld => "Not now",
            Self::SetSide(_) => "Contents, pages, notes",
            Self::Want(..) => "Draw pages",
            Self::Find(..) => "Find in the document",
            Self::Take(_, _, purpose) => match purpose {
                Purpose::Copy => "Copy",
                Purpose::Highlight(_) => "Highlight",
                Purpose::Note => "Note",
                Purpose::Ask => "Ask",
                Purpose::Explain => "Explain",
                Purpose::Summarise => "Summarise",
            },
            Self::CloseCitation => "Close the quote",
            Self::SetColour(..) => "Colour",
            Self::EditNote(_) | Self::SetNote(..) => "Note",
            Self::DeleteMark(_) => "Delete highlight",
            Self::RestoreMark(..) => "Undo",
            Self::Export | Self::ExportTo(..) => "Export notes",
            Self::AskAbout(_) => "Ask about",
            Self::DropPassage => "Leave the passage out",
        }
    }
}
