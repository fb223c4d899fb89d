//! The parts of the window, one file each.

mod branch;

mod answer;

mod composer;

mod conversation;

mod crash;

mod drafts;

mod evidence;

mod exchange;

mod found;

mod header;

mod inside;

mod library;

mod live;

mod missing_models;

mod models;

mod parts;

mod palette;

mod path_entry;

mod privacy;

mod reader;

mod settings;

mod shortcuts;

mod setup;

mod sidebar;

mod talk_list;

mod teach;

mod thoughts;

mod tour;

mod transcript;

pub(super) use conversation::main_ui;
pub(super) use crash::crash_ui;
pub use evidence::StageView;
pub(super) use evidence::evidence_ui;
pub use inside::InsideView;
pub(super) use inside::inside_ui;
pub use library::LibraryView;
pub(super) use library::library_ui;
pub use models::ModelsView;
pub(super) use models::models_ui;
pub use palette::PaletteView;
pub(super) use palette::{forget_palette, palette_ui};
pub(super) use path_entry::path_entry_ui;
pub(super) use privacy::privacy_ui;
pub use reader::ReaderView;
pub(super) use reader::{link_sheet_ui, reader_ui};
pub(super) use settings::settings_ui;
pub(super) use setup::setup_ui;
pub(super) use shortcuts::shortcuts_ui;
pub(super) use sidebar::sidebar_ui;
pub use talk_list::TalkList;
pub use teach::TeachView;
pub(super) use teach::teach_ui;
pub(super) use tour::tour_ui;
pub use transcript::TranscriptView;
pub(super) use transcript::transcript_ui;
