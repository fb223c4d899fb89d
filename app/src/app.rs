//! The application: state, view, jobs, storage, and the order of things in a frame.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::models::{Places, Store};
use engine::{Engine, MeasuredStore, PrefixStore};

use crate::command::{Command, Commands, ProgramCommand};
use crate::jobs::{Backend, Jobs, Waker};
use crate::platform::sound::{self, Player};
use crate::platform::{self, clipboard};
use crate::state::{AppState, Conversation, Position, Zoom};
use crate::storage::Storage;
use crate::ui::theme;
use crate::ui::view::ViewState;
use crate::update::models::Measuring;
use crate::update::{self, Active};
use crate::words;

/// What an [`App`] is made from.
pub struct AppOptions {
    /// Reads files and answers questions.
    pub backend: Box<dyn Backend>,
    /// The models; without them nothing is ever missing (for scripts).
    pub store: Option<Store>,
    /// What is kept of prompts, to be deleted with the conversations.
    pub prefixes: Option<PrefixStore>,
    /// Where conversations are kept.
    pub data_folder: PathBuf,
    /// The decoder for this run, if not the one in the settings.
    pub model: Option<String>,
    /// Files to add at once.
    pub attach: Vec<PathBuf>,
}

/// The window's program.
pub struct App {
    pub(crate) state: AppState,
    pub(crate) view: ViewState,
    pub(crate) jobs: Jobs,
    pub(crate) storage: Storage,
    pub(crate) store: Option<Store>,
    pub(crate) prefixes: Option<PrefixStore>,
    pub(crate) measured: Option<MeasuredStore>,
    /// Where other programs keep their models.
    pub(crate) places: Places,
    /// What reads for the library.
    pub(crate) engine: Option<Engine>,
    pub(crate) active: Active,
    pub(crate) player: Arc<dyn Player>,
    /// The conversation that was deleted last, with its place in the list.
    pub(crate) deleted: Option<(usize, Conversation)>,
    commands: Commands,
    applied: Option<theme::Appearance>,
}

impl App {
    /// Opens the storage and starts the workers.
    ///
    /// # Errors
    /// When the data folder cannot be used or the system gives no thread.
    pub fn new(options: AppOptions, ctx: &egui::Context) -> anyhow::Result<Self> {
        let mut storage = Storage::open(&options.data_folder)?;
        let for_waker = ctx.clone();
        let waker: Waker = Arc::new(move |pause: Duration| match pause {
            Duration::ZERO => for_waker.request_repaint(),
            pause => for_waker.request_repaint_after(pause),
        });
        let engine = options.backend.engine();
        let jobs = Jobs::start(options.backend, options.store.clone(), waker)?;
        let mut settings = storage.settings().or_else(|error| match storage.is_read_only() {
            true => Ok(crate::state::Settings::default()),
            false => Err(error),
        })?;
        if let Some(model) = options.model {
            settings.model = model;
        }
        let state = AppState {
            conversations: match storage.conversations() {
                // A newer Medley may keep them otherwise.
                Err(_) if storage.is_read_only() => Vec::new(),
                read => read?,
            },
            drafts: match storage.drafts() {
                Err(_) if storage.is_read_only() => Default::default(),
                read => read?,
            },
            own_presets: storage.setting(update::talk::PRESETS).unwrap_or_default(),
            settings,
            storage_notice: storage.take_notice(),
            data_folder: options.data_folder,
            now_s: platform::now_s(),
            next_id: storage
                .largest_id()
                .or_else(|error| if storage.is_read_only() { Ok(0) } else { Err(error) })?,
            ..AppState::default()
        };
        let mut app = Self {
            state,
            view: ViewState::default(),
            jobs,
            storage,
            store: options.store,
            prefixes: options.prefixes,
            measured: MeasuredStore::open_default().ok(),
            places: Places::here(),
            engine,
            active: Active::default(),
            player: Arc::new(sound::Device),
            deleted: None,
            commands: Commands::default(),
            applied: None,
        };
        update::models::refresh(&mut app);
        update::models::keep_for(&app, app.state.settings.unload_after_min);
        update::models::look_ahead(&mut app, Measuring::Never);
        let first = match app.state.conversations.first() {
            Some(newest) if options.attach.is_empty() => Command::Select(newest.id),
            _ => Command::NewConversation,
        };
        app.run(first, ctx);
        update::library::open_at_start(&mut app);
        update::teach::look(&mut app);
        if options.attach.is_empty() {
            update::reader::restore_tabs(&mut app);
        }
        if !options.attach.is_empty() {
            app.run(Command::AttachFiles(options.attach), ctx);
        }
        app.view.focus_composer = true;
        theme::install(ctx);
        Ok(app)
    }

    /// Offers what waits at the start of a window: how it ended last time, and the tour where it was never seen.
    pub fn greet(&mut self) {
        update::greet(self);
    }

    /// What is shown.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Whether a worker has something to tell yet.
    pub fn is_busy(&self) -> bool {
        self.jobs.is_busy()
    }

    /// Plays recordings with this instead of the sound device (for scripts).
    pub fn set_player(&mut self, player: Arc<dyn Player>) {
        self.player = player;
    }

    /// Keeps what is measured of this machine there (for scripts).
    pub fn set_measured(&mut self, measured: MeasuredStore) {
        self.measured = Some(measured);
    }

    /// Looks for models of other programs there (for scripts).
    pub fn set_places(&mut self, places: Places) {
        self.places = places;
    }

    /// The question that is being written.
    pub fn draft(&self) -> &str {
        &self.view.draft
    }

    /// Answers that were laid out in the last frame.
    pub fn answers_laid_out(&self) -> usize {
        self.view.talk.laid_out()
    }

    /// Lets the database grow no more, as on a full disk, or again (for scripts).
    pub fn pretend_full_disk(&self, full: bool) {
        self.storage.write(crate::storage::Write::PretendFull(full));
    }

    /// Lines of the transcript whose text was laid out in the last frame.
    pub fn transcript_lines_laid_out(&self) -> usize {
        self.view.transcript.lines_laid_out()
    }

    /// Bytes of the pages that are held to be drawn.
    pub fn page_picture_bytes(&self) -> usize {
        self.view.reader.picture_bytes()
    }

    /// Whether the pages that are in view were read and drawn.
    pub fn page_is_ready(&self) -> bool {
        self.state.reader.shown().is_some_and(|tab| self.view.reader.is_ready(tab.id))
    }

    /// Whether the first page of the document that is shown is drawn.
    pub(crate) fn shows_first_page(&self) -> bool {
        self.state.reader.shown().is_some_and(|tab| self.view.reader.shows(tab.id, 1))
    }

    /// The page of the document that is shown, counted from 1.
    pub fn reading_page(&mut self) -> Option<u32> {
        let id = self.state.reader.shown()?.id;
        Some(self.view.reader.page(id))
    }

    /// The page at the top of the document that is shown, and how large it is drawn.
    pub fn reading(&mut self) -> Option<(Position, Zoom)> {
        let id = self.state.reader.shown()?.id;
        Some(self.view.reader.reading(id))
    }

    /// Runs a command now.
    pub fn run(&mut self, command: Command, ctx: &egui::Context) {
        update::run(self, command, ctx);
    }

    /// Takes in what the workers did; also while the window is hidden.
    pub fn poll(&mut self, ctx: &egui::Context) {
        self.state.now_s = platform::now_s();
        words::set_language(self.state.settings.language);
        for (job, event) in self.jobs.poll() {
            update::apply(self, job, event);
        }
        if let Some(due_s) = update::tick(self) {
            ctx.request_repaint_after(Duration::from_secs_f64(due_s.clamp(0.02, 3600.0)));
        }
    }

    /// One frame.
    pub fn show(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        words::set_language(self.state.settings.language);
        let look = theme::Appearance::from(&self.state.settings);
        if self.applied != Some(look) {
            theme::apply(&ctx, self.applied, look);
            self.applied = Some(look);
        }
        if let Some(text) = self.view.to_copy.take() {
            ctx.copy_text(text);
        }
        self.read_input(&ctx);
        self.run_commands(&ctx);
        crate::ui::root_ui(ui, &self.state, &mut self.view, &self.commands);
        if self.run_commands(&ctx) {
            ctx.request_repaint();
        }
    }

    fn run_commands(&mut self, ctx: &egui::Context) -> bool {
        let commands = self.commands.drain();
        let any = !commands.is_empty();
        for command in commands {
            self.run(command, ctx);
        }
        any
    }

    /// Drops, pastes and shortcuts; they go before the widgets.
    fn read_input(&self, ctx: &egui::Context) {
        let dropped: Vec<PathBuf> = ctx.input(|input| {
            let dropped = input.raw.dropped_files.iter();
            dropped.map(|file| file.path().to_path_buf()).filter(|path| path != Path::new("")).collect()
        });
        if !dropped.is_empty() {
            self.commands.send(Command::of_drop(dropped, &self.state));
        }
        // An open menu takes Escape for itself.
        let in_menu = egui::Popup::is_any_open(ctx);
        ctx.input_mut(|input| {
            input.events.retain(|event| match event {
                egui::Event::Paste(text) => {
                    let files = clipboard::files_in(text);
                    let command = if !files.is_empty() {
                        Command::AttachFiles(files)
                    } else if text.len() > clipboard::LONG_TEXT_BYTES {
                        // Nobody edits a book in the field for questions, and laying it out would take seconds.
                        Command::AttachText(text.as_str().into())
                    } else {
                        return true;
                    };
                    self.commands.send(command);
                    false
                }
                egui::Event::PasteImage(image) => {
                    self.commands.send(Command::AttachPicture(image.clone()));
                    false
                }
                _ => true,
            });
            if input.consume_shortcut(&ProgramCommand::PALETTE_TOO) {
                self.commands.send(Command::Program(ProgramCommand::OpenPalette));
            }
            // With Shift first: without it, Ctrl+O would also take Ctrl+Shift+O.
            let mut commands = Command::with_shortcuts();
            commands.sort_by_key(|c| c.shortcut().is_none_or(|s| !s.modifiers.shift));
            for command in commands {
                if let Some(shortcut) = command.shortcut()
                    && !(in_menu && command == Command::Escape)
                    && command.enabled(&self.state).is_ok()
                    && input.consume_shortcut(&shortcut)
                {
                    self.commands.send(command);
                }
            }
        });
    }

    /// Writes everything to the disk.
    pub fn save(&mut self) {
        self.storage.flush();
    }

    /// Stops everything and saves, as when the window is closed.
    pub fn close(&mut self) {
        update::stop_all(self);
        self.save();
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.poll(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.show(ui);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.close();
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
