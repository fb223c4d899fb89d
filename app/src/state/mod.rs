//! What exists and what is saved: plain data, no user-interface types, no threads.

mod attachment;

mod branches;

mod conversation;

mod draft;

mod inside;

mod library;

mod live;

mod models;

mod program;

mod reader;

mod settings;

mod setup;

mod talk;

mod teach;

mod transcript;

mod viewer;

use std::path::Path;
use std::sync::Arc;

use engine::Evidence;
pub use engine::StopReason;
use engine::media::Kind;

pub use attachment::{Attachment, AttachmentId, AttachmentState, file_name};
pub use branches::Versions;
pub use conversation::{
    Answer, AnswerStatus, Context, Conversation, ConversationId, Editing, Exchange, ExchangeId, Progress,
    Quoted, Thought, UNTITLED, chain_name, votes,
};
pub use draft::Draft;
pub use inside::{InsidePane, InsideTab};
pub use library::{Doing, Holdings, LibraryPane, LibraryScope, LibrarySearch};
pub use live::LiveState;
pub use models::{Checking, Download, ModelRow, Models, Other, Prospects, Space, megabytes};
pub use program::{CrashReport, Keep, KeptPlace, Program};
pub use reader::{
    Citation, Colour, DocumentInfo, Extent, Finder, Folded, Hit, Mark, MarkId, PageBoxes, Passage, Position,
    Purpose, Reader, Reading, Side, Step, Tab, TabId, TextPos, Wanted, Zoom, area_of, as_markdown, boxes,
    hit, line_parts, step, text_between, times, whole_time, word_at,
};
pub use settings::{Contrast, Motion, Settings, Theme};
pub use setup::{Preset, Sampling, Setup};
pub use talk::{Heading, Hunt, Match};
pub use teach::{AdapterInfo, AdapterState, Curve, Rationale, Run, RunState, TeachForm, TeachPane};
pub use transcript::{
    Document, Edit, Editor, Found, Hearing, HearingForm, Line, Query, SPEEDS, Speaker, SpeakerId, Speakers,
    StoredTranscript, TranscriptPane, UNSURE_BELOW, Word,
};
pub use viewer::{Cited, Clip, Load, Picture, Play, Viewer, Wave};

/// What lies over or beside the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The settings.
    Settings,
    /// The list of shortcuts.
    Shortcuts,
    /// The field for typing a path.
    PathEntry,
    /// The models.
    Models,
    /// What the conversation has chosen for itself.
    Setup,
    /// All commands, to be found by typing.
    Palette,
    /// What is kept, and where.
    Privacy,
    /// The report of the last crash.
    Crash,
}

/// What stands in the middle of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Middle {
    /// The conversation, or the transcript over it.
    #[default]
    Conversation,
    /// The library.
    Library,
    /// Teaching.
    Teach,
}

/// A short message at the bottom, with one thing that can be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// One sentence.
    pub text: String,
    /// Label and command of its button.
    pub action: Option<(&'static str, crate::command::Command)>,
    /// When it goes, in seconds of [`AppState::now_s`].
    pub until_s: f64,
}

/// Everything the window shows.
#[derive(Debug, Default)]
pub struct AppState {
    /// Newest first.
    pub conversations: Vec<Conversation>,
    /// The one that is shown.
    pub selected: Option<ConversationId>,
    /// The one whose title is being edited.
    pub renaming: Option<ConversationId>,
    /// Questions that were not asked yet, of the conversations that are not shown.
    pub drafts: std::collections::BTreeMap<ConversationId, Draft>,
    /// What is looked for in all conversations.
    pub hunt: Option<Hunt>,
    /// The person's own ways to choose tokens.
    pub own_presets: Vec<Preset>,
    /// Changes that wait until the disk takes them, and why it does not; they are tried again.
    pub unsaved: Option<String>,
    /// The question or answer that is being edited.
    pub editing: Option<Editing>,
    /// The settings.
    pub settings: Settings,
    /// Which models are here and what is being fetched.
    pub models: Models,
    /// How answers came about.
    pub inside: InsidePane,
    /// The evidence that is shown beside the conversation.
    pub viewer: Option<Viewer>,
    /// The documents that are read.
    pub reader: Reader,
    /// Which files the next questions are about; empty means all.
    pub about: Vec<AttachmentId>,
    /// What the next question is about, with the file it is from.
    pub passage: Option<Quoted>,
    /// The part of a recording that the next question is about.
    pub clip: Option<Clip>,
    /// The transcript that is shown in the place of the conversation.
    pub transcript: Option<TranscriptPane>,
    /// Which documents of the library the next questions are about, when they are not about files.
    pub about_library: Option<LibraryScope>,
    /// So many chains of thought vote on the next answers.
    pub think: Option<usize>,
    /// What stands in the middle.
    pub middle: Middle,
    /// The library.
    pub library: LibraryPane,
    /// Teaching a model.
    pub teach: TeachPane,
    /// The program itself.
    pub program: Program,
    /// What lies over the conversation.
    pub overlay: Overlay,
    /// Whether a small window shows the list of conversations over the conversation.
    pub sidebar_open: bool,
    /// The message at the bottom.
    pub toast: Option<Toast>,
    /// The live transcription that is going on.
    pub live: Option<LiveState>,
    /// What is listened to.
    pub live_source: crate::platform::listen::Source,
    /// The microphones, once they were looked for.
    pub microphones: Option<Vec<crate::platform::listen::Microphone>>,
    /// Why listening ended or could not begin; stays until closed.
    pub live_problem: Option<String>,
    /// Whether a file dialog is open.
    pub picking: bool,
    /// Something about the data folder that the user must know; stays until closed.
    pub storage_notice: Option<String>,
    /// Where data are kept, for the settings.
    pub data_folder: std::path::PathBuf,
    /// Seconds since 1970, set once a frame.
    pub now_s: f64,
    /// The largest id in use.
    pub next_id: i64,
}

impl AppState {
    /// A number no row has yet. It comes from the clock, so that two windows over the same data do
    /// not take the same one.
    pub fn fresh_id(&mut self) -> i64 {
        self.next_id = (self.next_id + 1).max((1e6 * self.now_s) as i64);
        self.next_id
    }

    /// The conversation that is shown.
    pub fn current(&self) -> Option<&Conversation> {
        let id = self.selected?;
        self.conversations.iter().find(|c| c.id == id)
    }

    /// The conversation that is shown.
    pub fn current_mut(&mut self) -> Option<&mut Conversation> {
        let id = self.selected?;
        self.conversations.iter_mut().find(|c| c.id == id)
    }

    /// A conversation by id.
    pub fn conversation_mut(&mut self, id: ConversationId) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|c| c.id == id)
    }

    /// An exchange anywhere, with the conversation it belongs to.
    pub fn exchange_mut(&mut self, id: ExchangeId) -> Option<(ConversationId, &mut Exchange)> {
        self.conversations.iter_mut().find_map(|c| {
            let conversation = c.id;
            c.all_mut().find(|e| e.id == id).map(|e| (conversation, e))
        })
    }

    /// An exchange of the shown conversation.
    pub fn exchange(&self, id: ExchangeId) -> Option<&Exchange> {
        self.current()?.exchanges.iter().find(|e| e.id == id)
    }

    /// The answer of the shown conversation that is looked into.
    pub fn looked_into(&self) -> Option<ExchangeId> {
        self.inside.shown.filter(|id| self.exchange(*id).is_some())
    }

    /// An attachment anywhere, with the conversation it belongs to.
    pub fn attachment_mut(&mut self, id: AttachmentId) -> Option<(ConversationId, &mut Attachment)> {
        self.conversations.iter_mut().find_map(|c| {
            let conversation = c.id;
            c.attachments.iter_mut().find(|a| a.id == id).map(|a| (conversation, a))
        })
    }

    /// The answer that is being written, in any conversation.
    pub fn running(&self) -> Option<&Exchange> {
        self.conversations.iter().flat_map(Conversation::all).find(|e| e.answer.status.is_running())
    }

    /// The evidence that is looked at.
    pub fn shown_evidence(&self) -> Option<(ExchangeId, usize)> {
        let cited = self.viewer.as_ref().and_then(|viewer| viewer.cited.as_ref());
        let viewed = cited.map(|cited| (cited.exchange, cited.index));
        viewed.or_else(|| self.reader.evidence())
    }

    /// What was found in the file that a piece of evidence comes from.
    pub fn read_file(&self, evidence: &Evidence) -> Option<Arc<engine::tasks::ask::ReadFile>> {
        self.current()?.attachments.iter().find(|a| a.path == evidence.source).and_then(Attachment::read)
    }

    /// What a file of the conversation or of the library is, where that is known.
    pub fn kind_of(&self, path: &Path) -> Option<Kind> {
        let attached = self.current().and_then(|c| c.attachments.iter().find(|a| a.path == path));
        attached.and_then(|file| file.kind).or_else(|| self.library.document(path)?.kind)
    }

    /// Shows a message for a few seconds.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), action: None, until_s: self.now_s + 6.0 });
    }
}
