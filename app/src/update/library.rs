//! The library: its thread, what it tells, and questions to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::media::Limits;
use engine::{Engine, EngineOptions, Evidence, Place};
use serde::{Deserialize, Serialize};

use super::reader;
use crate::App;
use crate::command::LibraryCommand;
use crate::jobs::{JobEvent, JobId, LibraryDesk, LibraryHandle, LibraryNews, LibraryWish};
use crate::platform::dialog;
use crate::state::{Doing, LibrarySearch, Load, Middle};
use crate::storage::Write;
use crate::words::say;

/// Most things that are told about it at a time.
const MOST_NOTICES: usize = 20;

/// The name of what is kept of it between runs.
const KEPT: &str = "library";

/// What is kept between runs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    is_paused: bool,
}

/// Where the library is.
pub(super) fn folder(app: &App) -> PathBuf {
    app.state.data_folder.join("library")
}

/// Opens the library at the start, if there is one: what was added is looked after.
pub(crate) fn open_at_start(app: &mut App) {
    // Also without a library, so that its first document finds it as it was left.
    let kept: Kept = app.storage.kept(KEPT).unwrap_or_default();
    app.state.library.is_paused = kept.is_paused;
    if crate::library::is_in(&folder(app)) {
        desk(app);
    }
}

/// What keeps the library; started now if it was not yet.
fn desk(app: &mut App) -> Arc<LibraryDesk> {
    if let Some(handle) = &app.active.library {
        return handle.desk.clone();
    }
    let desk = Arc::new(LibraryDesk::default());
    if app.state.library.is_paused {
        desk.pause(true);
    }
    let (folder, engine, for_thread) = (folder(app), engine(app), desk.clone());
    let job = app.jobs.spawn("library", move |job, _, events| {
        crate::jobs::keep_library(&folder, engine.as_ref(), &for_thread, job, events);
    });
    app.active.library = Some(LibraryHandle { desk: desk.clone(), job });
    desk
}

/// What reads and compares; the decoder's own, so that models are loaded once.
fn engine(app: &mut App) -> Option<Engine> {
    if app.engine.is_none() {
        app.engine = app.store.clone().map(|store| {
            let (limits, model) = (Limits::default(), app.state.settings.model.clone());
            Engine::new(EngineOptions { store, model, limits, prefixes: None, panels: None })
        });
    }
    app.engine.clone()
}

pub(super) fn run(app: &mut App, command: LibraryCommand) {
    match command {
        LibraryCommand::Toggle => {
            let is_shown = app.state.middle == Middle::Library;
            super::show_middle(app, if is_shown { Middle::Conversation } else { Middle::Library });
            desk(app);
        }
        LibraryCommand::ChooseFiles => {
            let words = dialog::Words {
                title: say("library-dialog-files"),
                kinds: say("library-dialog-kinds"),
                all: say("library-dialog-all"),
            };
            choose(app, move || dialog::choose_documents(words));
        }
        LibraryCommand::ChooseFolder => {
            let title = say("library-dialog-folder");
            choose(app, move || dialog::choose_folder(title).into_iter().collect());
        }
        LibraryCommand::Add(paths) => {
            app.state.library.problem = None;
            desk(app).wish(LibraryWish::Add(paths));
        }
        LibraryCommand::Remove(paths) => {
            app.view.library.chosen.retain(|chosen| !paths.iter().any(|path| chosen.starts_with(path)));
            desk(app).wish(LibraryWish::Remove(paths));
        }
        LibraryCommand::Retry(path) => desk(app).wish(LibraryWish::Retry(path)),
        LibraryCommand::Look => {
            app.state.library.problem = None;
            desk(app).wish(LibraryWish::Look);
        }
        LibraryCommand::Pause => pause(app, true),
        LibraryCommand::Resume => pause(app, false),
        LibraryCommand::Search(text) => search(app, text),
        LibraryCommand::Open(path, place) => open(app, &path, place),
        LibraryCommand::Ask(scope) => {
            if scope.is_some() {
                super::show_middle(app, Middle::Conversation);
                app.state.passage = None;
            }
            app.state.about.clear();
            app.state.about_library = scope;
            app.view.focus_composer = true;
        }
        LibraryCommand::CloseNotices => {
            app.state.library.notices.clear();
            app.state.library.problem = None;
        }
    }
}

fn choose(app: &mut App, ask: impl FnOnce() -> Vec<PathBuf> + Send + 'static) {
    app.state.picking = true;
    app.jobs.spawn("file dialog", move |job, _, events| {
        events.send(job, JobEvent::Library(LibraryNews::Chosen(ask())));
    });
}

fn pause(app: &mut App, is_paused: bool) {
    app.state.library.is_paused = is_paused;
    desk(app).pause(is_paused);
    if let Ok(json) = serde_json::to_string(&Kept { is_paused }) {
        app.storage.write(Write::Setting(KEPT, json));
    }
}

fn search(app: &mut App, text: String) {
    if let Some(job) = app.active.library_search.take() {
        app.jobs.forget(job);
    }
    let serial = app.state.library.search.serial + 1;
    let text = text.trim().to_owned();
    let hits = if text.is_empty() { Load::None } else { Load::Loading };
    app.state.library.search = LibrarySearch { text: text.clone(), serial, hits, notices: Vec::new() };
    if text.is_empty() {
        return;
    }
    let (folder, engine) = (folder(app), engine(app));
    let job = app.jobs.spawn("library search", move |job, cancel, events| {
        crate::jobs::search_library(&folder, engine.as_ref(), (serial, &text), job, cancel, events);
    });
    app.active.library_search = Some(job);
}

/// Shows a document of the library, or a place in it.
fn open(app: &mut App, path: &Path, place: Option<(Place, String)>) {
    let Some((place, quote)) = place else {
        reader::open(app, path);
        return;
    };
    let evidence =
        Evidence { source: path.to_path_buf(), place, quote: Some(quote), label: None, score: 1.0 };
    super::viewer::open_place(app, None, &evidence);
}

pub(super) fn news(app: &mut App, job: JobId, news: LibraryNews) {
    match news {
        LibraryNews::Chosen(paths) => {
            app.jobs.close(job);
            app.state.picking = false;
            if !paths.is_empty() {
                run(app, LibraryCommand::Add(paths));
            }
        }
        LibraryNews::Found(serial, found) => {
            app.jobs.close(job);
            let search = &mut app.state.library.search;
            if search.serial == serial {
                app.active.library_search = None;
                (search.hits, search.notices) = match found {
                    Ok(found) => (Load::Ready(found.hits.into()), found.notices),
                    Err(reason) => (Load::Failed(reason), Vec::new()),
                };
            }
        }
        LibraryNews::Holds(holdings) => {
            let holds = |path: &PathBuf| holdings.document(path).is_some();
            app.view.library.chosen.retain(|path| holds(path));
            if let Some(scope) = app.state.about_library.as_mut().filter(|scope| !scope.documents.is_empty())
            {
                scope.documents.retain(|path| holds(path));
                if scope.documents.is_empty() {
                    app.state.about_library = None;
                }
            }
            if let Some(before) = app.state.library.holdings.replace(*holdings) {
                reader::were_read(app, &before);
            }
        }
        LibraryNews::Doing(doing, left) => {
            let library = &mut app.state.library;
            if doing == Doing::Looking {
                library.notices.clear();
            }
            (library.doing, library.left) = (doing, left);
        }
        LibraryNews::Notice(text) => {
            let notices = &mut app.state.library.notices;
            if !notices.contains(&text) && notices.len() < MOST_NOTICES {
                notices.push(text);
            }
        }
        LibraryNews::Problem(text) => {
            app.state.library.doing = Doing::Nothing;
            app.state.library.problem = Some(text);
        }
    }
}

/// Reading waits while an answer is written: both would take twice as long.
pub(super) fn tick(app: &App) {
    if let Some(handle) = &app.active.library {
        handle.desk.hold(app.state.running().is_some());
    }
}
