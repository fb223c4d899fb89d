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
            Self::Open(..) => say("transcript-show"),
            Self::Close => say("transcript-close"),
            Self::Edit(_) => say("transcript-change"),
            Self::Undo => say("transcript-undo"),
            Self::Redo => say("transcript-redo"),
            Self::Revert => say("transcript-revert"),
            Self::SetForm(_) | Self::ShowForm(_) => say("transcript-how"),
            Self::Transcribe => say("transcript-transcribe"),
            Self::StopTranscribing => say("transcript-stop-transcribing"),
            Self::Seek(_) => say("transcript-go"),
            Self::PlayFrom(_) => say("transcript-play-here"),
            Self::PlayPause => say("transcript-play-pause"),
            Self::Skip(s) if *s < 0.0 => say("transcript-back"),
            Self::Skip(_) => say("transcript-on"),
            Self::SetSpeed(_) => say("transcript-speed"),
            Self::Export(_) | Self::ExportTo(..) => say("transcript-export"),
            Self::Ask(_) => say("transcript-ask"),
        }
    }
}
