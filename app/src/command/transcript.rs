//! What can be done with a transcript.

use std::path::PathBuf;

use engine::tasks::transcribe::format::Format;

use crate::state::{AttachmentId, Edit, HearingForm};
use crate::words::say;

/// Something a user can do in the transcript pane.
#[derive(Debug, Clone, PartialEq)]
pub enum TranscriptCommand {
    /// Show the transcript of a recording, at a second of it.
    Open(AttachmentId, f64),
    /// Go back to the conversation.
    Close,
    /// Change the text or who speaks.
    Edit(Edit),
    /// Take the last change back.
    Undo,
    /// Do again what was taken back.
    Redo,
    /// Go back to what was heard.
    Revert,
    /// Change how it is to be heard.
    SetForm(HearingForm),
    /// Show or hide how it is to be heard.
    ShowForm(bool),
    /// Hear the recording.
    Transcribe,
    /// Stop hearing it.
    StopTranscribing,
    /// Go to a second.
    Seek(f64),
    /// Play from a second.
    PlayFrom(f64),
    /// Play, or stop playing.
    PlayPause,
    /// Go so many seconds on.
    Skip(f64),
    /// Play faster or slower.
    SetSpeed(f64),
    /// Choose a file for the transcript.
    Export(Format),
    /// Write the transcript to a file.
    ExportTo(Format, PathBuf),
    /// Ask about this recording.
    Ask(String),
}

impl TranscriptCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open(..) => say("command-show-transcript"),
            Self::Close => say("command-close-transcript"),
            Self::Edit(_) => say("command-change-transcript"),
            Self::Undo => say("command-undo"),
            Self::Redo => say("command-redo"),
            Self::Revert => say("command-revert"),
            Self::SetForm(_) | Self::ShowForm(_) => say("command-how-to-transcribe"),
            Self::Transcribe => say("command-transcribe"),
            Self::StopTranscribing => say("command-stop-transcribing"),
            Self::Seek(_) => say("command-seek"),
            Self::PlayFrom(_) => say("command-play-here"),
            Self::PlayPause => say("command-play-pause"),
            Self::Skip(s) if *s < 0.0 => say("command-back-5"),
            Self::Skip(_) => say("command-on-5"),
            Self::SetSpeed(_) => say("command-speed"),
            Self::Export(_) | Self::ExportTo(..) => say("command-export"),
            Self::Ask(_) => say("command-ask-recording"),
        }
    }
}
