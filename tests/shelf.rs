//! The library in the window: what the tests of it share.

use std::path::{Path, PathBuf};

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use medley_app::App;
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Doing, LibraryPane, Load};

use crate::window::{CTRL_SHIFT, Window};

/// A file by its name, with its bytes.
pub type File = (&'static str, Vec<u8>);

/// Writes files into a folder of this folder.
pub fn put(folder: &Path, files: &[File]) -> PathBuf {
    let papers = folder.join("papers");
    std::fs::create_dir_all(&papers).unwrap();
    for (name, bytes) in files {
        std::fs::write(papers.join(name), bytes).unwrap();
    }
    papers
}

/// What the window shows of the library.
pub fn library(app: &App) -> &LibraryPane {
    &app.state().library
}

/// Whether everything that was added can be searched by words and meaning.
pub fn is_ready(app: &App, documents: u64) -> bool {
    let library = library(app);
    library.doing == Doing::Nothing
        && library
            .holdings
            .as_ref()
            .is_some_and(|holdings| holdings.status.documents == documents && holdings.status.waiting == 0)
}

/// A window whose library holds a folder with these files, so many of which are documents; and the folder.
pub fn filled(backend: Scripted, size: [f32; 2], files: &[File], documents: u64) -> (Window, PathBuf) {
    let mut window = Window::open_to_read(backend, tempfile::tempdir().unwrap(), size);
    let papers = put(window.folder.path(), files);
    window.press(CTRL_SHIFT, Key::L);
    window.wait("opening the library", |app| library(app).holdings.is_some());
    window.harness.get_by_label("All your documents, in one place");
    window.drop_file(papers.clone());
    window.wait("reading the folder", |app| is_ready(app, documents));
    (window, papers)
}

/// Looks for words in the library.
pub fn search(window: &mut Window, words: &str) {
    let field = window.harness.get_by_label("Search in the library");
    field.focus();
    window.settle();
    window.harness.get_by_label("Search in the library").type_text(words);
    window.settle();
    window.harness.key_press(Key::Enter);
    window.settle();
    window.wait("searching", |app| matches!(library(app).search.hits, Load::Ready(_)));
}
