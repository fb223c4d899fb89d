//! Every pane of the window in every state, for the tests that look at all of them: a new pane adds a line to
//! [`all`], and with it is walked by name, squeezed into the smallest window and pictured.

mod media;

mod tools;

use std::path::{Path, PathBuf};
use std::time::Duration;

use egui::{Key, Modifiers};
use medley_app::command::{Command, ProgramCommand, TalkCommand};
use medley_app::jobs::scripted::Scripted;

use crate::sample;
use crate::window::{CTRL, CTRL_SHIFT, Window};

/// A pane in one of its states.
#[derive(Debug, Clone, Copy)]
pub struct Pane {
    /// The name of its pictures.
    pub name: &'static str,
    /// Opens it in a window of this width and height.
    pub open: fn([f32; 2]) -> Window,
}

fn pane(name: &'static str, open: fn([f32; 2]) -> Window) -> Pane {
    Pane { name, open }
}

/// All of them.
pub fn all() -> Vec<Pane> {
    let mut all = around_conversations();
    all.extend(tools::all());
    all.extend(media::all());
    all
}

fn around_conversations() -> Vec<Pane> {
    vec![
        pane("empty", |size| window(size, Scripted::default())),
        pane("file", |size| with_file(size, "pictures/chelsea.png")),
        pane("unreadable", |size| {
            let mut window = window(size, Scripted::default());
            let path = window.folder.path().join("empty.pdf");
            std::fs::write(&path, b"").unwrap();
            window.drop_file(path);
            window.wait_until_read();
            window
        }),
        pane("answer", |size| asked(size, "pictures/chelsea.png")),
        pane("answering", |size| {
            let words = "word ".repeat(2000);
            let slow = Scripted { answer: words, pause: Duration::from_millis(200), ..Scripted::default() };
            let mut window = window(size, slow);
            window.type_question("Tell me everything");
            window.harness.key_press(Key::Enter);
            window.wait("the first words", |app| {
                app.state().running().is_some_and(|exchange| exchange.answer.text.len() > 4)
            });
            window
        }),
        pane("failed", |size| {
            let mut window =
                window(size, Scripted { fail_on: Some("weather".into()), ..Scripted::default() });
            window.ask("How is the weather?");
            window
        }),
        pane("evidence-picture", |size| evidence(size, house)),
        pane("evidence-recording", |size| evidence(size, |_| sample("speech/austen-0870.wav"))),
        pane("document", |size| {
            let mut window = window(size, Scripted::default());
            let path = window.folder.path().join("notes.md");
            std::fs::write(&path, "# Notes\n\nThe budget is too small.\n\nWork begins in May.\n").unwrap();
            window.drop_file(path);
            window.wait_until_read();
            window.press(CTRL, Key::D);
            window.wait("the pages", |app| app.page_is_ready());
            window
        }),
        pane("transcript", |size| {
            let mut window = with_file(size, "speech/austen-0870.wav");
            window.press(CTRL, Key::T);
            window.wait("the transcript", |app| app.state().transcript.is_some());
            window
        }),
        pane("live", |size| {
            let mut window = window(size, Scripted::default());
            window.press(CTRL, Key::M);
            window.wait("some words", |app| {
                app.state().live.as_ref().is_some_and(|live| !live.stable.is_empty())
            });
            window
        }),
        pane("models-missing", without_models),
        pane("sidebar", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            if size[0] < 820.0 {
                window.press(CTRL, Key::B);
            }
            window
        }),
        pane("rename", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            if size[0] < 820.0 {
                window.press(CTRL, Key::B);
            }
            window.press(Modifiers::NONE, Key::F2);
            window
        }),
        pane("search", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.press(CTRL_SHIFT, Key::F);
            window
        }),
        pane("setup", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.run(Command::Talk(TalkCommand::OpenSetup));
            window
        }),
        pane("edit-question", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            let id = window.app().state().current().unwrap().exchanges[0].id;
            window.run(Command::EditQuestion(id));
            window
        }),
        pane("edit-answer", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            let id = window.app().state().current().unwrap().exchanges[0].id;
            window.run(Command::Talk(TalkCommand::EditAnswer(id)));
            window
        }),
        pane("settings", |size| over(size, CTRL, Key::Comma)),
        pane("settings-search", |size| {
            let mut window = over(size, CTRL, Key::Comma);
            window.type_into("Find a setting", "contrast");
            window
        }),
        pane("shortcuts", |size| over(size, Modifiers::NONE, Key::F1)),
        pane("shortcuts-none", |size| {
            let mut window = over(size, Modifiers::NONE, Key::F1);
            window.type_into("Find a shortcut", "zzz");
            window
        }),
        pane("palette", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.press(CTRL, Key::K);
            window
        }),
        pane("palette-search", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.press(CTRL, Key::K);
            window.type_into(PALETTE, "evidence");
            window
        }),
        pane("path", |size| over(size, CTRL_SHIFT, Key::O)),
        pane("privacy", privacy),
        pane("privacy-confirm", |size| {
            let mut window = privacy(size);
            window.click("Delete Conversations");
            window
        }),
        pane("tour", |size| tour(size, 0)),
        pane("tour-step", |size| tour(size, 1)),
        pane("tour-without-models", |size| {
            let mut window = without_models(size);
            window.run(Command::Program(ProgramCommand::StartTour));
            window.run(Command::Program(ProgramCommand::TourStep(1)));
            window
        }),
        pane("crash", |size| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("crashes")).unwrap();
            let report = "Medley 0.1.0 crashed.\nsystem: linux, x86_64\nthread: main\n\
                          place: app/src/ui/panels/settings.rs:12:5\nmessage: attempt to divide by zero\n";
            std::fs::write(folder.path().join("crashes/crash-1790000000.txt"), report).unwrap();
            let mut window = Window::open_in(Scripted::default(), folder, size);
            window.harness.state_mut().as_mut().unwrap().greet();
            window.settle();
            window
        }),
        pane("toast", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.press(CTRL_SHIFT, Key::Delete);
            window
        }),
    ]
}

/// The name of the palette's field.
pub const PALETTE: &str = "Find a command, a conversation or a document";

fn window(size: [f32; 2], backend: Scripted) -> Window {
    Window::open_in(backend, tempfile::tempdir().unwrap(), size)
}

fn with_file(size: [f32; 2], file: &str) -> Window {
    let mut window = window(size, Scripted::default());
    window.drop_file(sample(file));
    window.wait_until_read();
    window
}

fn asked(size: [f32; 2], file: &str) -> Window {
    let mut window = with_file(size, file);
    window.ask("What is this?");
    window
}

/// A drawing of few colours, so that its pictures are small.
fn house(folder: &Path) -> PathBuf {
    let path = folder.join("house.png");
    let picture = image::RgbImage::from_fn(300, 200, |x, y| {
        let roof = y > 40 && y < 100 && x.abs_diff(150) < y - 30;
        let wall = (100..180).contains(&y) && (95..205).contains(&x);
        image::Rgb(match (roof, wall, y > 170) {
            (true, ..) => [0xb0, 0x48, 0x38],
            (_, true, _) => [0xe8, 0xdc, 0xc0],
            (.., true) => [0x58, 0x90, 0x48],
            _ => [0x90, 0xc0, 0xe8],
        })
    });
    picture.save(&path).unwrap();
    path
}

fn evidence(size: [f32; 2], file: fn(&Path) -> PathBuf) -> Window {
    let mut window = window(size, Scripted::default());
    let file = file(window.folder.path());
    window.drop_file(file);
    window.wait_until_read();
    window.ask("What is this?");
    window.press(Modifiers::ALT, Key::ArrowDown);
    window.wait("the evidence", |app| {
        let viewer = app.state().viewer.as_ref();
        viewer.is_some_and(|viewer| {
            let loading = |load: bool| load;
            !loading(matches!(viewer.picture, medley_app::state::Load::Loading))
                && !loading(matches!(viewer.wave, medley_app::state::Load::Loading))
        })
    });
    window
}

/// A window with something over it.
fn over(size: [f32; 2], modifiers: Modifiers, key: Key) -> Window {
    let mut window = window(size, Scripted::default());
    window.press(modifiers, key);
    window
}

fn privacy(size: [f32; 2]) -> Window {
    let mut window = asked(size, "pictures/chelsea.png");
    window.run(Command::Program(ProgramCommand::OpenPrivacy));
    window.wait("measuring", |app| matches!(app.state().program.kept, medley_app::state::Load::Ready(_)));
    window
}

fn tour(size: [f32; 2], step: usize) -> Window {
    let mut window = window(size, Scripted::default());
    window.run(Command::Program(ProgramCommand::StartTour));
    window.run(Command::Program(ProgramCommand::TourStep(step)));
    window
}

fn without_models(size: [f32; 2]) -> Window {
    Window::open_without_models(Scripted::default(), tempfile::tempdir().unwrap(), size)
}
