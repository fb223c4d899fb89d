//! What can be done with a transcript.

use std::path::PathBuf;

use engine::tasks::transcribe::format::Format;

use crate::state::{AttachmentId, Edit, HearingForm};

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
            Self::Open(..) => "Show transcript",
            Self::Close => "Close transcript",
            Self::Edit(_) => "Change the transcript",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::Revert => "Back to what was heard",
            Self::SetForm(_) | Self::ShowForm(_) => "How to transcribe",
            Self::Transcribe => "Transcribe",
            Self::StopTranscribing => "Stop transcribing",
            Self::Seek(_) => "Go to this time",
            Self::PlayFrom(_) => "Play from here",
            Self::PlayPause => "Play or pause",
            Self::Skip(s) if *s < 0.0 => "Back 5 seconds",
            Self::Skip(_) => "On 5 seconds",
            Self::SetSpeed(_) => "Speed",
            Self::Export(_) | Self::ExportTo(..) => "Export",
            Self::Ask(_) => "Ask about this recording",
        }
    }
}
