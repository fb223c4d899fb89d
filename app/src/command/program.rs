//! What can be done with the program itself: finding commands, first steps, what is kept on the disk.

use egui::{Key, KeyboardShortcut, Modifiers};

use super::{CTRL, CTRL_SHIFT, Command, TalkCommand};
use crate::state::{AppState, Keep, Overlay};
use crate::words::say;

/// Something a user can do with the program itself.
#[derive(Debug, Clone, PartialEq)]
pub enum ProgramCommand {
    /// Show all commands, conversations and open documents, to be found by typing.
    OpenPalette,
    /// Give the keyboard to the pane after or before.
    StepPane(i32),
    /// Show what is kept, and where.
    OpenPrivacy,
    /// Measure again what is kept.
    MeasureKept,
    /// Delete what is kept of one kind; everything when `None`.
    DeleteKept(Option<Keep>),
    /// Begin the tour.
    StartTour,
    /// Show a step of the tour.
    TourStep(usize),
    /// Do what the step of the tour shows.
    TourTry,
    /// End the tour; it is not offered again.
    EndTour,
    /// Show the report of the last crash.
    OpenCrash,
    /// Delete all crash reports.
    DeleteCrash,
    /// All settings as they were at first.
    ResetSettings,
    /// Colours further apart, or as usual.
    ToggleContrast,
    /// Light colours, or dark ones.
    ToggleDark,
    /// Nothing slides, or as usual.
    ToggleMotion,
}

impl ProgramCommand {
    /// Those that the palette shows.
    pub const SHOWN: [Self; 9] = [
        Self::StepPane(1),
        Self::StepPane(-1),
        Self::OpenPrivacy,
        Self::StartTour,
        Self::OpenCrash,
        Self::ToggleDark,
        Self::ToggleContrast,
        Self::ToggleMotion,
        Self::ResetSettings,
    ];

    /// The other keys of the palette, which people know from editors.
    pub const PALETTE_TOO: KeyboardShortcut = KeyboardShortcut::new(CTRL_SHIFT, Key::P);

    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::OpenPalette => say("common-command-palette"),
            Self::StepPane(step) if *step < 0 => say("common-command-pane-before"),
            Self::StepPane(_) => say("common-command-pane-after"),
            Self::OpenPrivacy => say("settings-privacy"),
            Self::MeasureKept => say("settings-privacy-measure"),
            Self::DeleteKept(None) => say("settings-privacy-delete-all"),
            Self::DeleteKept(Some(_)) => say("settings-privacy-delete"),
            Self::StartTour | Self::TourStep(_) => say("settings-tour"),
            Self::TourTry => say("settings-tour-try"),
            Self::EndTour => say("settings-tour-end"),
            Self::OpenCrash => say("settings-crash"),
            Self::DeleteCrash => say("settings-crash-delete"),
            Self::ResetSettings => say("settings-reset-all"),
            Self::ToggleContrast => say("settings-toggle-contrast"),
            Self::ToggleDark => say("settings-toggle-dark"),
            Self::ToggleMotion => say("settings-toggle-motion"),
        }
    }

    /// Its keys.
    pub fn shortcut(&self) -> Option<KeyboardShortcut> {
        let (modifiers, key) = match self {
            Self::OpenPalette => (CTRL, Key::K),
            Self::StepPane(1) => (Modifiers::NONE, Key::F6),
            Self::StepPane(-1) => (Modifiers::SHIFT, Key::F6),
            _ => return None,
        };
        Some(KeyboardShortcut::new(modifiers, key))
    }

    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, as a sentence for the tooltip.
    pub fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(reason) };
        match self {
            Self::StepPane(_) => check(state.overlay == Overlay::None, say("common-why-overlay")),
            Self::OpenCrash => check(state.program.crash.is_some(), say("settings-crash-none")),
            Self::TourTry => {
                check(state.program.samples.is_some(), say("settings-tour-no-samples"))?;
                check(state.models.missing().next().is_none(), say("settings-tour-no-models"))?;
                check(state.running().is_none(), say("settings-tour-busy"))
            }
            Self::DeleteKept(_) => check(!state.program.deleting, say("settings-privacy-deleting")),
            _ => Ok(()),
        }
    }
}

/// Under which heading the shortcut sheet and the palette show a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Questions and answers.
    Questions,
    /// Files and evidence.
    Files,
    /// The list of conversations.
    Conversations,
    /// The window, settings, help.
    Window,
    /// Documents that are read.
    Documents,
    /// Pictures, recordings and videos that are looked at.
    Viewer,
    /// Transcripts.
    Transcripts,
}

impl Group {
    /// In the order of the sheet.
    pub const ALL: [Self; 7] = [
        Self::Questions,
        Self::Files,
        Self::Conversations,
        Self::Window,
        Self::Viewer,
        Self::Documents,
        Self::Transcripts,
    ];

    /// Of a command; what nobody put elsewhere belongs to the window.
    pub fn of(command: &Command) -> Self {
        match command {
            Command::Send(_)
            | Command::Stop
            | Command::Regenerate
            | Command::AnswerWhole
            | Command::EditQuestion(_)
            | Command::DeleteExchange(_)
            | Command::CopyAnswer(_)
            | Command::Inside(_)
            | Command::FocusComposer
            | Command::Talk(TalkCommand::AnswerAgain(..) | TalkCommand::EditAnswer(_)) => Self::Questions,
            Command::Attach
            | Command::AttachByPath
            | Command::AttachFiles(_)
            | Command::PasteFiles
            | Command::ToggleLive
            | Command::OpenEvidence(..)
            | Command::StepEvidence(_) => Self::Files,
            Command::NewConversation
            | Command::Select(_)
            | Command::SelectNext
            | Command::SelectPrevious
            | Command::BeginRename(_)
            | Command::Rename(..)
            | Command::Delete(_)
            | Command::Talk(_)
            | Command::ToggleSidebar => Self::Conversations,
            Command::Reader(_) => Self::Documents,
            Command::Transcript(_) | Command::ShowTranscript => Self::Transcripts,
            _ => Self::Window,
        }
    }

    /// Its heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::Questions => say("common-group-questions"),
            Self::Files => say("common-group-files"),
            Self::Conversations => say("common-group-conversations"),
            Self::Window => say("common-group-window"),
            Self::Documents => say("common-group-documents"),
            Self::Viewer => say("common-group-viewer"),
            Self::Transcripts => say("common-group-transcripts"),
        }
    }
}
