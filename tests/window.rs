//! The window over a scripted engine, driven by name like a screen reader would.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable};
use egui_kittest::{Harness, HarnessBuilder};
use engine::models::Store;
use medley_app::command::Command;
use medley_app::jobs::scripted::Scripted;
use medley_app::{App, AppOptions};

use crate::painter::Painter;

/// The key for shortcuts.
pub const CTRL: Modifiers = Modifiers::COMMAND;
/// With Shift.
pub const CTRL_SHIFT: Modifiers = Modifiers { shift: true, ..Modifiers::COMMAND };

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

/// A window in memory with a data folder of its own.
pub struct Window {
    /// What draws it.
    pub harness: Harness<'static, Option<App>>,
    /// The data folder.
    pub folder: tempfile::TempDir,
}

impl Window {
    /// Opens it with an empty data folder.
    pub fn open(backend: Scripted) -> Self {
        Self::open_in(backend, tempfile::tempdir().unwrap(), [1180.0, 780.0])
    }

    /// Opens it with an empty data folder and the models of this machine.
    pub fn open_with_store(backend: Scripted) -> Self {
        let store = Some(Store::open_default().unwrap());
        Self::over(backend, store, tempfile::tempdir().unwrap(), [1180.0, 780.0])
    }

    /// Opens it with a size over a data folder.
    pub fn open_in(backend: Scripted, folder: tempfile::TempDir, size: [f32; 2]) -> Self {
        Self::over(backend, None, folder, size)
    }

    /// Opens it for text in any script: what the fonts of tests lack is drawn as a box.
    pub fn open_with_any_text(backend: Scripted, folder: tempfile::TempDir, size: [f32; 2]) -> Self {
        Self::built(Harness::builder().allow_missing_glyphs(), backend, None, folder, size)
    }

    /// Opens it with what is needed to show PDF.
    pub fn open_to_read(backend: Scripted, folder: tempfile::TempDir, size: [f32; 2]) -> Self {
        Self::over(backend, Some(Store::open_default().unwrap()), folder, size)
    }

    /// Opens it over a store of models.
    pub fn open_over(backend: Scripted, store: Store, folder: tempfile::TempDir) -> Self {
        Self::over(backend, Some(store), folder, [1180.0, 780.0])
    }

    /// Opens it over an empty store, so that every model is missing.
    pub fn open_without_models(backend: Scripted, folder: tempfile::TempDir, size: [f32; 2]) -> Self {
        let store = Store::open(&folder.path().join("models"));
        Self::over(backend, Some(store), folder, size)
    }

    /// Opens it over a store of models, with a size.
    pub fn open_over_sized(
        backend: Scripted,
        store: Store,
        folder: tempfile::TempDir,
        size: [f32; 2],
    ) -> Self {
        Self::over(backend, Some(store), folder, size)
    }

    /// Runs a command, as a button would.
    pub fn run(&mut self, command: Command) {
        let ctx = self.harness.ctx.clone();
        self.harness.state_mut().as_mut().unwrap().run(command, &ctx);
        self.settle();
    }

    /// Types into the field of this name.
    pub fn type_into(&mut self, name: &str, text: &str) {
        let field = self.harness.get_by_role_and_label(Role::TextInput, name);
        field.focus();
        self.settle();
        self.harness.get_by_role_and_label(Role::TextInput, name).type_text(text);
        self.settle();
    }

    /// The name of what has the keyboard.
    pub fn focused(&self) -> Option<String> {
        let node = self.harness.root().children_recursive().find(|node| node.is_focused())?;
        node.accesskit_node().label()
    }

    fn over(backend: Scripted, store: Option<Store>, folder: tempfile::TempDir, size: [f32; 2]) -> Self {
        Self::built(Harness::builder(), backend, store, folder, size)
    }

    fn built(
        builder: HarnessBuilder<Option<App>>,
        backend: Scripted,
        store: Option<Store>,
        folder: tempfile::TempDir,
        size: [f32; 2],
    ) -> Self {
        let data_folder = folder.path().to_path_buf();
        let mut options = Some(AppOptions {
            backend: Box::new(backend),
            store,
            prefixes: None,
            data_folder,
            model: None,
            attach: Vec::new(),
        });
        let painter = Painter::default();
        let builder = builder.with_size(size).with_os(egui::os::OperatingSystem::Nix);
        let harness = builder.renderer(painter.clone()).build_ui_state(
            move |ui, app: &mut Option<App>| {
                let app = app.get_or_insert_with(|| {
                    App::new(options.take().expect("made once"), ui.ctx()).expect("the app opens")
                });
                app.poll(ui.ctx());
                app.show(ui);
            },
            None,
        );
        harness.ctx.data_mut(|data| data.insert_temp(egui::Id::NULL, painter));
        let mut window = Self { harness, folder };
        window.settle();
        window
    }

    /// What it shows.
    pub fn picture(&self) -> image::RgbImage {
        let painter: Option<Painter> = self.harness.ctx.data(|data| data.get_temp(egui::Id::NULL));
        painter.unwrap_or_default().picture(&self.harness.ctx, self.harness.output())
    }

    /// Closes it as a person does, and returns the data folder.
    pub fn close(mut self) -> tempfile::TempDir {
        self.harness.state_mut().as_mut().unwrap().save();
        let Self { harness, folder } = self;
        drop(harness);
        folder
    }

    /// The program.
    pub fn app(&self) -> &App {
        self.harness.state().as_ref().unwrap()
    }

    /// The program, to be set up.
    pub fn app_mut(&mut self) -> &mut App {
        self.harness.state_mut().as_mut().unwrap()
    }

    /// Draws until nothing changes.
    pub fn settle(&mut self) {
        self.harness.run_ok();
    }

    /// Waits until nothing asks for another frame: small pictures that come late move what is clicked.
    pub fn come_to_rest(&mut self) {
        let begin = Instant::now();
        let mut quiet = 0;
        while quiet < 10 && begin.elapsed() < Duration::from_secs(5) {
            self.harness.step();
            let output = &self.harness.output().viewport_output;
            let asks = output.values().any(|viewport| viewport.repaint_delay < Duration::from_secs(3600));
            quiet = if asks { 0 } else { quiet + 1 };
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Draws some frames, none of which may ask for another one once the workers have told what they had to.
    pub fn assert_idle(&mut self) {
        self.come_to_rest();
        for frame in 0..20 {
            self.harness.step();
            let output = &self.harness.output().viewport_output;
            let delay = output.values().map(|viewport| viewport.repaint_delay).min().unwrap();
            assert!(delay > Duration::from_secs(3600), "frame {frame} asks for another one in {delay:?}");
        }
    }

    /// Draws until something is true; workers run meanwhile.
    pub fn wait(&mut self, what: &str, done: impl Fn(&App) -> bool) {
        let begin = Instant::now();
        loop {
            self.harness.step();
            if done(self.app()) {
                self.settle();
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{what} did not happen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Drops a file on the window.
    pub fn drop_file(&mut self, path: PathBuf) {
        self.drop_files(vec![path]);
        self.settle();
    }

    /// Drops files on the window and draws one frame.
    pub fn drop_files(&mut self, paths: Vec<PathBuf>) {
        for path in paths {
            self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path)));
        }
        self.harness.step();
    }

    /// What has this name is there; messages stand in the window and are told to screen readers, too.
    pub fn assert_shows(&self, label: &str) {
        assert!(self.harness.query_all_by_label(label).next().is_some(), "{label:?} is not shown");
    }

    /// Waits until every file is read.
    pub fn wait_until_read(&mut self) {
        self.wait("reading the file", |app| {
            let current = app.state().current().unwrap();
            !current.attachments.is_empty() && current.attachments.iter().all(|a| a.is_settled())
        });
    }

    /// Types into the field for questions.
    pub fn type_question(&mut self, text: &str) {
        let field = self.harness.get_by_role_and_label(Role::MultilineTextInput, "Question");
        field.focus();
        self.settle();
        self.harness.get_by_role_and_label(Role::MultilineTextInput, "Question").type_text(text);
        self.settle();
        assert!(self.app().draft().ends_with(text), "{:?}", self.app().draft());
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, text: &str) {
        self.type_question(text);
        self.harness.key_press(Key::Enter);
        self.settle();
        self.wait("answering", |app| app.state().running().is_none());
    }

    /// Presses a key.
    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    /// Presses a key while something goes on, so that the window does not come to rest.
    pub fn press_while_running(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.step();
        self.harness.step();
    }

    /// Clicks what has this name.
    pub fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.settle();
    }

    /// The name of the first piece of evidence.
    pub fn evidence_label(&self) -> String {
        let node = self.harness.get_all_by(|node| {
            node.role() == Role::Button && node.label().is_some_and(|label| label.starts_with("Evidence:"))
        });
        node.into_iter().next().and_then(|node| node.accesskit_node().label()).unwrap()
    }
}
