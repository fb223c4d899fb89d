//! Everything a user can do, as one enum: label, tooltip, shortcut and whether it can be done now.

mod inside;

mod models;

mod library;

mod program;

mod media;

mod reader;

mod talk;

mod teach;

mod transcript;

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};

pub use inside::InsideCommand;
pub use library::LibraryCommand;
pub use media::MediaCommand;
pub use models::ModelsCommand;
pub use program::{Group, ProgramCommand};
pub use reader::ReaderCommand;
pub use talk::TalkCommand;
pub use teach::TeachCommand;
pub use transcript::TranscriptCommand;

use crate::platform::listen::Source;
use crate::state::{
    AppState, Attachment, AttachmentId, Conversation, ConversationId, ExchangeId, Middle, Overlay, Purpose,
    Settings,
};
use crate::words::say;

/// Something a user can do. Panels send it, [`crate::update`] runs it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start a conversation.
    NewConversation,
    /// Show a conversation.
    Select(ConversationId),
    /// Show the one below in the list.
    SelectNext,
    /// Show the one above in the list.
    SelectPrevious,
    /// Edit a title; of the shown conversation when `None`.
    BeginRename(Option<ConversationId>),
    /// Set a title.
    Rename(ConversationId, String),
    /// Leave a title as it is.
    CancelRename,
    /// Delete a conversation; the shown one when `None`.
    Delete(Option<ConversationId>),
    /// Bring a deleted conversation back.
    UndoDelete(ConversationId),
    /// Choose files in a dialog.
    Attach,
    /// Type the path of a file.
    AttachByPath,
    /// Add files.
    AttachFiles(Vec<PathBuf>),
    /// Add a picture that was pasted.
    AttachPicture(std::sync::Arc<egui::ColorImage>),
    /// Add a text that is too long for the field for questions.
    AttachText(std::sync::Arc<str>),
    /// Add what lies in the clipboard.
    PasteFiles,
    /// Take a file out.
    RemoveAttachment(AttachmentId),
    /// Read a file again.
    RetryAttachment(AttachmentId),
    /// Ask.
    Send(String),
    /// Stop the answer that is being written.
    Stop,
    /// Answer the last question again.
    Regenerate,
    /// Answer the last question from every section of its files.
    AnswerWhole,
    /// Put a question back into the composer.
    EditQuestion(ExchangeId),
    /// Delete a question with its answer.
    DeleteExchange(ExchangeId),
    /// Copy an answer; the last one when `None`.
    CopyAnswer(Option<ExchangeId>),
    /// Copy some text.
    CopyText(String),
    /// Show evidence.
    OpenEvidence(ExchangeId, usize),
    /// Show the evidence before or after; with none shown, the first of the last answer.
    StepEvidence(i32),
    /// Go to a second of the recording that is shown.
    Seek(f64),
    /// Play from the shown second, or stop playing.
    PlayPause,
    /// Open the file in the program that the desktop uses for it.
    OpenSource(PathBuf),
    /// Write down what is said, or stop.
    ToggleLive,
    /// Choose what to listen to.
    ListenTo(Source),
    /// Look which microphones there are.
    FindMicrophones,
    /// Close the message about listening.
    CloseLiveProblem,
    /// Put the cursor into the question field.
    FocusComposer,
    /// Show the settings.
    OpenSettings,
    /// Show the shortcuts.
    OpenShortcuts,
    /// Show or hide the list of conversations in a small window.
    ToggleSidebar,
    /// Stop or close what is on top.
    Escape,
    /// Change the settings.
    SetSettings(Settings),
    /// Larger text.
    LargerText,
    /// Smaller text.
    SmallerText,
    /// Fetch the models that are missing.
    DownloadModels,
    /// Fetch one model.
    DownloadModel(String),
    /// Stop fetching.
    CancelDownload,
    /// Delete all conversations.
    ClearData,
    /// Close the message at the bottom.
    CloseToast,
    /// Close the message about the data folder.
    CloseStorageNotice,
    /// Show the transcript of the recording that is looked at, or of the last one of the conversation; or hide it.
    ShowTranscript,
    /// Do something with conversations, their branches or answers.
    Talk(TalkCommand),
    /// Do something with a transcript.
    Transcript(TranscriptCommand),
    /// Do something with a document that is read.
    Reader(ReaderCommand),
    /// Look into an answer.
    Inside(InsideCommand),
    /// Do something with models.
    Models(ModelsCommand),
    /// Do something with the library.
    Library(LibraryCommand),
    /// Do something to teach a model.
    Teach(TeachCommand),
    /// So many chains of thought vote on the next answers.
    Think(Option<usize>),
    /// Do something with the program itself.
    Program(ProgramCommand),
    /// Do something with a picture, recording or video.
    Media(MediaCommand),
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers =
    Modifiers { alt: false, ctrl: false, shift: true, mac_cmd: false, command: true };

impl Command {
    /// All commands with a shortcut, in the order of the shortcut sheet.
    pub fn with_shortcuts() -> Vec<Self> {
        vec![
            Self::NewConversation,
            Self::SelectPrevious,
            Self::SelectNext,
            Self::BeginRename(None),
            Self::Delete(None),
            Self::FocusComposer,
            Self::Attach,
            Self::AttachByPath,
            Self::PasteFiles,
            Self::ToggleLive,
            Self::Regenerate,
            Self::AnswerWhole,
            Self::CopyAnswer(None),
            Self::StepEvidence(-1),
            Self::StepEvidence(1),
            Self::Talk(TalkCommand::NewTemporary),
            Self::Talk(TalkCommand::FocusSearch),
            Self::Reader(ReaderCommand::Toggle),
            Self::Library(LibraryCommand::Toggle),
            Self::Teach(TeachCommand::Toggle),
            Self::ShowTranscript,
            Self::Inside(InsideCommand::Toggle),
            Self::Models(ModelsCommand::Toggle),
            Self::LargerText,
            Self::SmallerText,
            Self::ToggleSidebar,
            Self::OpenSettings,
            Self::OpenShortcuts,
            Self::Program(ProgramCommand::OpenPalette),
            Self::Program(ProgramCommand::StepPane(1)),
            Self::Program(ProgramCommand::StepPane(-1)),
            Self::Escape,
        ]
    }

    /// Its name for buttons, menus and screen readers.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NewConversation => say("command-new-conversation"),
            Self::Select(_) => say("command-show-conversation"),
            Self::SelectNext => say("command-next-conversation"),
            Self::SelectPrevious => say("command-previous-conversation"),
            Self::BeginRename(_) | Self::Rename(..) => say("command-rename"),
            Self::CancelRename => say("command-keep-title"),
            Self::Delete(_) => say("command-delete-conversation"),
            Self::UndoDelete(_) => say("command-undo"),
            Self::Attach => say("command-add-files-dialog"),
            Self::AttachByPath => say("command-add-by-path"),
            Self::AttachFiles(_) | Self::AttachPicture(..) | Self::AttachText(_) => say("command-add-files"),
            Self::PasteFiles => say("command-paste-files"),
            Self::RemoveAttachment(_) => say("command-remove-file"),
            Self::RetryAttachment(_) => say("command-read-again"),
            Self::Send(_) => say("command-send"),
            Self::Stop => say("command-stop"),
            Self::Regenerate => say("command-answer-again"),
            Self::AnswerWhole => say("command-answer-whole"),
            Self::EditQuestion(_) => say("command-edit-question"),
            Self::DeleteExchange(_) => say("command-delete-exchange"),
            Self::CopyAnswer(_) => say("command-copy-answer"),
            Self::CopyText(_) => say("command-copy"),
            Self::OpenEvidence(..) => say("command-show-evidence"),
            Self::StepEvidence(step) if *step < 0 => say("command-previous-evidence"),
            Self::StepEvidence(_) => say("command-next-evidence"),
            Self::Seek(_) => say("command-seek"),
            Self::PlayPause => say("command-play-stop"),
            Self::OpenSource(_) => say("command-open-file"),
            Self::ToggleLive => say("command-toggle-live"),
            Self::ListenTo(_) | Self::FindMicrophones => say("command-choose-source"),
            Self::FocusComposer => say("command-focus-composer"),
            Self::OpenSettings => say("command-settings"),
            Self::OpenShortcuts => say("command-shortcuts"),
            Self::ToggleSidebar => say("command-toggle-sidebar"),
            Self::Escape => say("command-escape"),
            Self::SetSettings(_) => say("command-change-settings"),
            Self::LargerText => say("command-larger-text"),
            Self::SmallerText => say("command-smaller-text"),
            Self::DownloadModels | Self::DownloadModel(_) => say("command-download"),
            Self::CancelDownload => say("command-stop-download"),
            Self::ClearData => say("command-delete-all"),
            Self::CloseToast | Self::CloseStorageNotice | Self::CloseLiveProblem => {
                say("command-close-message")
            }
            Self::ShowTranscript => say("command-toggle-transcript"),
            Self::Talk(command) => command.label(),
            Self::Transcript(command) => command.label(),
            Self::Reader(command) => command.label(),
            Self::Inside(command) => command.label(),
            Self::Models(command) => command.label(),
            Self::Library(command) => command.label(),
            Self::Teach(command) => command.label(),
            Self::Think(_) => say("teach-think"),
            Self::Program(command) => command.label(),
            Self::Media(command) => command.label(),
        }
    }

    /// Its keys.
    pub fn shortcut(&self) -> Option<KeyboardShortcut> {
        let (modifiers, key) = match self {
            Self::NewConversation => (CTRL, Key::N),
            Self::SelectNext => (CTRL, Key::ArrowDown),
            Self::SelectPrevious => (CTRL, Key::ArrowUp),
            Self::BeginRename(None) => (Modifiers::NONE, Key::F2),
            Self::Delete(None) => (CTRL_SHIFT, Key::Delete),
            Self::Attach => (CTRL, Key::O),
            Self::AttachByPath => (CTRL_SHIFT, Key::O),
            Self::PasteFiles => (CTRL_SHIFT, Key::V),
            Self::FocusComposer => (CTRL, Key::L),
            Self::ToggleLive => (CTRL, Key::M),
            Self::Regenerate => (CTRL, Key::R),
            Self::AnswerWhole => (CTRL_SHIFT, Key::R),
            Self::CopyAnswer(None) => (CTRL_SHIFT, Key::C),
            Self::StepEvidence(-1) => (Modifiers::ALT, Key::ArrowUp),
            Self::StepEvidence(1) => (Modifiers::ALT, Key::ArrowDown),
            Self::Talk(TalkCommand::NewTemporary) => (CTRL_SHIFT, Key::N),
            Self::Talk(TalkCommand::FocusSearch) => (CTRL_SHIFT, Key::F),
            Self::Reader(ReaderCommand::Toggle) => (CTRL, Key::D),
            Self::Inside(InsideCommand::Toggle) => (CTRL_SHIFT, Key::I),
            Self::Models(ModelsCommand::Toggle) => (CTRL_SHIFT, Key::M),
            Self::Library(LibraryCommand::Toggle) => (CTRL_SHIFT, Key::L),
            Self::Teach(TeachCommand::Toggle) => (CTRL_SHIFT, Key::T),
            Self::OpenSettings => (CTRL, Key::Comma),
            Self::OpenShortcuts => (Modifiers::NONE, Key::F1),
            Self::LargerText => (CTRL, Key::Plus),
            Self::SmallerText => (CTRL, Key::Minus),
            Self::ToggleSidebar => (CTRL, Key::B),
            Self::ShowTranscript => (CTRL, Key::T),
            Self::Escape => (Modifiers::NONE, Key::Escape),
            Self::Program(command) => return command.shortcut(),
            _ => return None,
        };
        Some(KeyboardShortcut::new(modifiers, key))
    }

    /// Name and keys, for tooltips.
    pub fn tooltip(&self, ctx: &egui::Context) -> String {
        match self.shortcut() {
            Some(shortcut) => format!("{} ({})", self.label(), ctx.format_shortcut(&shortcut)),
            None => self.label().to_owned(),
        }
    }

    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not, as a sentence for the tooltip.
    pub fn enabled(&self, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(reason) };
        match self {
            Self::Send(text) => {
                check(!text.trim().is_empty(), say("command-no-question"))?;
                check(state.running().is_none(), say("command-answering"))?;
                check(state.models.missing().next().is_none(), say("command-no-models"))
            }
            Self::Stop => check(state.running().is_some(), say("command-nothing-runs")),
            Self::Regenerate => {
                let last = state.current().and_then(|c| c.exchanges.last());
                check(last.is_some(), say("command-no-answer"))?;
                check(state.running().is_none(), say("command-answering"))
            }
            Self::AnswerWhole => {
                Self::Regenerate.enabled(state)?;
                let last = state.current().and_then(|c| c.exchanges.last());
                let is_long = match last.and_then(|exchange| exchange.context.library.as_ref()) {
                    Some(scope) if scope.documents.is_empty() => return Err(say("command-library-long")),
                    Some(scope) => state.library.is_long(scope),
                    None => state.current().is_some_and(Conversation::is_long),
                };
                check(is_long, say("command-files-short"))
            }
            Self::DeleteExchange(id) | Self::EditQuestion(id) => {
                let running = state.running().is_some_and(|e| e.id == *id);
                check(!running, say("command-being-answered"))
            }
            Self::CopyAnswer(_) => {
                let answered = |e: &crate::state::Exchange| !e.answer.text.is_empty();
                let any = state.current().is_some_and(|c| c.exchanges.iter().any(answered));
                check(any, say("command-no-answer"))
            }
            Self::BeginRename(None) => {
                // In a transcript the key is for the line.
                check(state.transcript.is_none(), say("command-transcript-shown"))?;
                check(state.current().is_some(), say("command-no-conversation"))
            }
            Self::Delete(None) => check(state.current().is_some(), say("command-no-conversation")),
            Self::StepEvidence(_) => {
                let any = state
                    .current()
                    .is_some_and(|c| c.exchanges.iter().any(|e| !e.answer.evidence.is_empty()));
                check(state.viewer.is_some() || any, say("command-no-evidence"))
            }
            Self::Talk(command) => command.enabled(state),
            Self::Reader(command) => Self::reader_enabled(command, state),
            Self::Models(command) => command.enabled(state),
            Self::Inside(InsideCommand::Toggle) => {
                let any = state.current().is_some_and(|c| !c.exchanges.is_empty());
                check(any, say("command-no-answer"))
            }
            Self::Library(command) => command.enabled(state),
            Self::Teach(command) => command.enabled(state),
            Self::Program(command) => command.enabled(state),
            Self::ShowTranscript => {
                let any = state.current().is_some_and(|c| c.attachments.iter().any(Attachment::is_recording));
                check(any, say("command-no-recording"))
            }
            Self::Transcript(TranscriptCommand::Export(_)) => {
                check(!state.picking, say("command-dialog-open"))
            }
            Self::Transcript(TranscriptCommand::Ask(text)) => Self::Send(text.clone()).enabled(state),
            Self::Transcript(TranscriptCommand::Open(id, _)) => {
                let attachment = state.current().and_then(|c| c.attachment(*id));
                check(attachment.is_some_and(Attachment::is_recording), say("command-no-sound"))
            }
            Self::ToggleLive => {
                check(state.models.missing().next().is_none(), say("command-no-models"))?;
                check(state.live.as_ref().is_none_or(|live| !live.stopping), say("command-still-hearing"))
            }
            Self::Attach => check(!state.picking, say("command-dialog-open")),
            Self::DownloadModels | Self::DownloadModel(_) => {
                check(!state.models.is_downloading(), say("command-downloading"))
            }
            // The same keys make a document larger or smaller while one is shown.
            Self::LargerText | Self::SmallerText if state.reader.shown().is_some() => {
                Err(say("command-document-shown"))
            }
            Self::LargerText => {
                check(state.settings.text_percent < *Settings::TEXT_PERCENT.end(), say("command-largest"))
            }
            Self::SmallerText => {
                check(state.settings.text_percent > *Settings::TEXT_PERCENT.start(), say("command-smallest"))
            }
            Self::Escape => check(
                state.overlay != Overlay::None
                    || state.reader.link.is_some()
                    || state.viewer.is_some()
                    || state.reader.is_shown
                    || state.middle != Middle::Conversation
                    || state.transcript.is_some()
                    || state.looked_into().is_some()
                    || state.renaming.is_some()
                    || state.editing.is_some()
                    || state.running().is_some()
                    || state.sidebar_open
                    || state.hunt.is_some()
                    || state.program.tour.is_some()
                    || state.toast.is_some(),
                say("command-nothing-open"),
            ),
            _ => Ok(()),
        }
    }

    fn reader_enabled(command: &ReaderCommand, state: &AppState) -> Result<(), &'static str> {
        let check = |good: bool, reason| if good { Ok(()) } else { Err(reason) };
        match command {
            ReaderCommand::Toggle => {
                let any = state.current().is_some_and(|c| c.attachments.iter().any(Attachment::is_document));
                check(any || !state.reader.tabs.is_empty(), say("command-no-document"))
            }
            ReaderCommand::Open(id) => {
                let attachment = state.current().and_then(|c| c.attachment(*id));
                check(attachment.is_some_and(Attachment::is_document), say("command-not-document"))
            }
            ReaderCommand::Take(_, _, Purpose::Explain | Purpose::Summarise) => {
                Self::Send(ReaderCommand::Toggle.label().into()).enabled(state)
            }
            ReaderCommand::Export => {
                check(!state.picking, say("command-dialog-open"))?;
                let any = state.reader.shown().is_some_and(|tab| !tab.marks.is_empty());
                check(any, say("command-no-marks"))
            }
            _ => Ok(()),
        }
    }
}

impl Command {
    /// What dropping files means for what is shown.
    pub fn of_drop(paths: Vec<PathBuf>, state: &AppState) -> Self {
        match (state.middle, paths.as_slice()) {
            (Middle::Library, _) => Self::Library(LibraryCommand::Add(paths)),
            (Middle::Teach, [one]) => Self::Teach(TeachCommand::Take(one.clone())),
            _ => Self::AttachFiles(paths),
        }
    }
}

/// Where panels put commands; they run after the frame.
#[derive(Debug, Default)]
pub struct Commands(std::cell::RefCell<Vec<Command>>);

impl Commands {
    /// Adds a command.
    pub fn send(&self, command: Command) {
        self.0.borrow_mut().push(command);
    }

    /// Takes all commands.
    pub fn drain(&self) -> Vec<Command> {
        self.0.take()
    }

    /// Whether a command waits.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_a_shortcut() {
        let commands = Command::with_shortcuts();
        for (i, a) in commands.iter().enumerate() {
            assert!(a.shortcut().is_some(), "{a:?} is on the sheet without keys");
            for b in &commands[i + 1..] {
                assert_ne!(a.shortcut(), b.shortcut(), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn a_command_that_cannot_run_says_why() {
        let state = AppState::default();
        assert_eq!(Command::Send("  ".into()).enabled(&state), Err("Write a question first"));
        assert_eq!(Command::Send("Why?".into()).enabled(&state), Ok(()));
        assert!(Command::Regenerate.enabled(&state).is_err());
        assert!(Command::AnswerWhole.enabled(&state).is_err());
    }
}
