//! What can be done with pictures, recordings and videos.

use engine::Rect;

use crate::state::{AttachmentId, ExchangeId};
use crate::words::say;

/// Something a user can do in the pane that shows a file, or with what it shows.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaCommand {
    /// Show a file of the conversation.
    Open(AttachmentId),
    /// Fetch the picture that shows while the pointer rests on a mark for evidence.
    Preview(ExchangeId, usize),
    /// Fetch the picture with all its pixels.
    Sharpen,
    /// Go so many seconds on.
    Skip(f64),
    /// Show the frame before or after.
    StepFrame(i32),
    /// Play faster or slower.
    SetSpeed(f64),
    /// Show or hide what is said.
    ToggleSubtitles,
    /// Mark where a part begins.
    MarkStart,
    /// Mark where it ends.
    MarkEnd,
    /// Mark nothing.
    ClearMarks,
    /// Ask about the marked part.
    AskPart,
    /// The next question is no longer about a part.
    DropPart,
    /// Show a part that was asked about.
    OpenPart(AttachmentId, f64, f64),
    /// Ask about a part of the picture or frame.
    AskCrop(Rect),
    /// Add a picture of a part of the screen.
    CaptureScreen,
    /// Show all files that are added, or only a summary.
    ShowAllFiles(bool),
}

impl MediaCommand {
    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open(_) | Self::OpenPart(..) => say("media-show-file"),
            Self::Preview(..) | Self::Sharpen => say("media-show-picture"),
            Self::Skip(by_s) if *by_s < 0.0 => say("media-back"),
            Self::Skip(_) => say("media-on"),
            Self::StepFrame(step) if *step < 0 => say("media-frame-back"),
            Self::StepFrame(_) => say("media-frame-on"),
            Self::SetSpeed(_) => say("media-speed"),
            Self::ToggleSubtitles => say("media-subtitles"),
            Self::MarkStart => say("media-mark-start"),
            Self::MarkEnd => say("media-mark-end"),
            Self::ClearMarks => say("media-clear-marks"),
            Self::AskPart => say("media-ask-part"),
            Self::DropPart => say("media-drop-part"),
            Self::AskCrop(_) => say("media-ask-crop"),
            Self::CaptureScreen => say("media-capture"),
            Self::ShowAllFiles(true) => say("media-show-all"),
            Self::ShowAllFiles(false) => say("media-show-summary"),
        }
    }
}
