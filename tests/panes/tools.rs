//! The library, teaching, the models, and the inside of answers.

use std::path::Path;

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use engine::models::{Places, Store};
use engine::tune::Method;
use medley_app::command::{Command, InsideCommand, TeachCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Doing, InsideTab, Load, TeachForm};

use super::{Pane, asked, pane};
use crate::media_files::book;
use crate::root;
use crate::window::{CTRL_SHIFT, Window};

/// Each in its states.
pub(super) fn all() -> Vec<Pane> {
    vec![
        pane("library-empty", library),
        pane("library", |size| filled_library(size, false)),
        pane("library-unreadable", |size| {
            let mut window = filled_library(size, true);
            window.click("1 file cannot be used");
            window
        }),
        pane("library-found", |size| searched(size, "who looked after the light")),
        pane("library-nothing-found", |size| searched(size, "\"zebra crossing\"")),
        pane("teach-empty", teach),
        pane("teach-unreadable", |size| {
            let mut window = teach(size);
            let path = window.folder.path().join("notes.jsonl");
            std::fs::write(&path, "This is no question.\n").unwrap();
            window.drop_file(path);
            window.run(Command::Teach(TeachCommand::Start));
            window.wait("the end of the run", |app| {
                app.state().teach.run.as_ref().is_none_or(|run| !run.is_going_on())
            });
            window
        }),
        pane("teach-done", |size| {
            let mut window = teach(size);
            let path = window.folder.path().join("sums.jsonl");
            let lines =
                (1..12).map(|i| format!("{{\"question\": \"{i} + 1?\", \"answer\": \"{}\"}}\n", i + 1));
            std::fs::write(&path, lines.collect::<String>()).unwrap();
            window.drop_file(path);
            window.run(Command::Teach(TeachCommand::Start));
            window.wait("the end of the run", |app| {
                app.state().teach.run.as_ref().is_some_and(|run| !run.is_going_on())
            });
            window
        }),
        pane("models-none", |size| models(size, &[])),
        pane("models", |size| models(size, &["silero-vad"])),
        pane("models-damaged", |size| {
            let mut window = models(size, &["silero-vad"]);
            let store = Store::open(&window.folder.path().join("models"));
            let place = store.place(&store.registry().get("silero-vad").unwrap().files[0]);
            let mut bytes = std::fs::read(&place).unwrap();
            bytes[100] ^= 1;
            std::fs::write(&place, bytes).unwrap();
            let check = medley_app::command::ModelsCommand::Verify("silero-vad".into());
            window.run(Command::Models(check));
            window.wait("the check", |app| app.state().models.verdicts.contains_key("silero-vad"));
            window
        }),
        pane("inside-tokens", |size| inside(size, InsideTab::Tokens)),
        pane("inside-context", |size| inside(size, InsideTab::Context)),
        pane("inside-experts", |size| inside(size, InsideTab::Experts)),
        pane("inside-time", |size| inside(size, InsideTab::Time)),
        pane("inside-nothing-kept", |size| {
            let mut window = Window::open_in(Scripted::default(), tempfile::tempdir().unwrap(), size);
            window.run(Command::Inside(InsideCommand::Keep(false)));
            window.ask("What is this?");
            look_inside(&mut window);
            window
        }),
    ]
}

fn library(size: [f32; 2]) -> Window {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open_to_read(Scripted::default(), folder, size);
    window.press(CTRL_SHIFT, Key::L);
    window.wait("opening the library", |app| app.state().library.holdings.is_some());
    window
}

fn filled_library(size: [f32; 2], with_broken: bool) -> Window {
    let mut window = library(size);
    let papers = window.folder.path().join("papers");
    std::fs::create_dir_all(&papers).unwrap();
    let page = |lines: [&str; 2]| lines.map(str::to_owned).to_vec();
    let pages = [
        page(["The lighthouse", "The lighthouse was built in 1871 on a small island."]),
        page(["The keeper", "Its keeper was called Astrid Holm and she kept three goats."]),
    ];
    std::fs::write(papers.join("lighthouse.pdf"), book(&pages)).unwrap();
    std::fs::write(papers.join("harbour.txt"), "The harbour freezes over in February.\n").unwrap();
    if with_broken {
        std::fs::write(papers.join("broken.pdf"), b"%PDF-1.4\nthis is no document").unwrap();
    }
    window.drop_file(papers);
    window.wait("reading the folder", |app| {
        let library = &app.state().library;
        let holdings = library.holdings.as_ref();
        library.doing == Doing::Nothing
            && holdings.is_some_and(|held| held.status.documents == 2 && held.status.waiting == 0)
    });
    window
}

fn searched(size: [f32; 2], words: &str) -> Window {
    let mut window = filled_library(size, false);
    window.run(Command::Library(medley_app::command::LibraryCommand::Search(words.into())));
    window.wait("searching", |app| matches!(app.state().library.search.hits, Load::Ready(_)));
    window
}

fn teach(size: [f32; 2]) -> Window {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open_to_read(Scripted::default(), folder, size);
    window.press(CTRL_SHIFT, Key::T);
    let form = TeachForm {
        method: Method::Direct,
        model: root().join("tests/golden/folder").display().to_string(),
        steps: 3,
        batch: 4,
        held_out: 2,
        max_tokens: 16,
        ..TeachForm::default()
    };
    window.run(Command::Teach(TeachCommand::Set(Box::new(form))));
    window
}

/// A store of its own that holds some of this machine's models, and none of other programs.
fn models(size: [f32; 2], ids: &[&str]) -> Window {
    let folder = tempfile::tempdir().unwrap();
    copy_models(folder.path(), ids);
    let store = Store::open(&folder.path().join("models"));
    let mut window = Window::open_over_sized(Scripted::default(), store, folder, size);
    let home = window.folder.path().join("home");
    window.app_mut().set_places(Places::in_home(&home));
    window.press(CTRL_SHIFT, Key::M);
    window.wait("the look around", |app| {
        let models = &app.state().models;
        models.space.is_some() && models.others.is_some() && !models.measuring
    });
    window
}

fn copy_models(folder: &Path, ids: &[&str]) {
    let (all, own) = (Store::open_default().unwrap(), Store::open(&folder.join("models")));
    std::fs::create_dir_all(own.root().join("blobs")).unwrap();
    for id in ids {
        for file in &all.registry().get(id).unwrap().files {
            std::fs::copy(all.place(file), own.place(file)).unwrap();
        }
    }
}

fn inside(size: [f32; 2], tab: InsideTab) -> Window {
    let mut window = asked(size, "pictures/chelsea.png");
    look_inside(&mut window);
    window.run(Command::Inside(InsideCommand::SetTab(tab)));
    window
}

fn look_inside(window: &mut Window) {
    let id = window.app().state().current().unwrap().exchanges[0].id;
    window.run(Command::Inside(InsideCommand::Show(id)));
    // What was kept comes with a worker.
    let pending = window.harness.query_by_role(egui::accesskit::Role::ProgressIndicator).is_some();
    assert!(!pending, "the inside of an answer is read at once");
}
