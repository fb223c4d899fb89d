//! The parts of the window, one file each.

mod composer;

mod conversation;

mod evidence;

mod exchange;

mod header;

mod library;

mod live;

mod missing_models;

mod parts;

mod path_entry;

mod reader;

mod settings;

mod shortcuts;

mod sidebar;

mod teach;

mod thoughts;

mod transcript;

pub(super) use conversation::main_ui;
pub(super) use evidence::evidence_ui;
pub use library::LibraryView;
pub(super) use library::library_ui;
pub(super) use path_entry::path_entry_ui;
pub use reader::ReaderView;
pub(super) use reader::reader_ui;
pub(super) use settings::settings_ui;
pub(super) use shortcuts::shortcuts_ui;
pub(super) use sidebar::sidebar_ui;
pub use teach::TeachView;
pub(super) use teach::teach_ui;
pub use transcript::TranscriptView;
pub(super) use transcript::transcript_ui;
