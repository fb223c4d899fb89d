//! The viewer of pictures, recordings and videos; what goes wrong around conversations.

use std::path::{Path, PathBuf};

use egui::Key;
use medley_app::command::{Command, MediaCommand, TalkCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::Load;
use medley_app::storage::{FILE_NAME, Storage};

use super::{Pane, asked, house, pane, window};
use crate::sample;
use crate::window::{CTRL, Window};

/// Each in its states.
pub(super) fn all() -> Vec<Pane> {
    vec![
        pane("viewer-picture", |size| shown(size, house, false)),
        pane("viewer-picture-gone", |size| shown(size, house, true)),
        pane("viewer-recording", |size| shown(size, |_| sample("speech/austen-0870.wav"), false)),
        pane("viewer-recording-gone", |size| shown(size, copied_recording, true)),
        pane("viewer-recording-part", |size| {
            let mut window = shown(size, |_| sample("speech/austen-0870.wav"), false);
            window.run(Command::Seek(1.0));
            window.run(Command::Media(MediaCommand::MarkStart));
            window.run(Command::Seek(3.0));
            window.run(Command::Media(MediaCommand::MarkEnd));
            window
        }),
        pane("viewer-video", |size| shown(size, |_| sample("video/bigbuckbunny.mp4"), false)),
        pane("viewer-video-gone", |size| shown(size, copied_video, true)),
        pane("many-files", |size| {
            let mut window = window(size, Scripted::default());
            let files: Vec<PathBuf> = (0..60).map(|i| note(window.folder.path(), i)).collect();
            window.drop_files(files);
            window.wait_until_read();
            window
        }),
        pane("draft", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.type_question("And what is behind it");
            window.press(CTRL, Key::N);
            if size[0] < 820.0 {
                window.press(CTRL, Key::B);
            }
            window
        }),
        pane("search-nothing", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            if size[0] < 820.0 {
                window.press(CTRL, Key::B);
            }
            window.run(Command::Talk(TalkCommand::Search("zebra".into())));
            window.wait("the search", |app| {
                app.state().hunt.as_ref().is_some_and(|hunt| !matches!(hunt.matches, Load::Loading))
            });
            window
        }),
        pane("temporary", |size| {
            let mut window = window(size, Scripted::default());
            window.run(Command::Talk(TalkCommand::NewTemporary));
            window
        }),
        pane("device-lost", |size| {
            let broken = Scripted { breaks_on: Some("break".into()), ..Scripted::default() };
            let mut window = window(size, broken);
            window.ask("Does it break?");
            window
        }),
        pane("disk-full", |size| {
            let mut window = asked(size, "pictures/chelsea.png");
            window.app().pretend_full_disk(true);
            window.ask(&"Is there room for more? ".repeat(200));
            window.wait("the news", |app| app.state().unsaved.is_some());
            window
        }),
        pane("newer-database", |size| {
            let folder = tempfile::tempdir().unwrap();
            drop(Storage::open(folder.path()).unwrap());
            let database = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
            database.pragma_update(None, "user_version", 99).unwrap();
            drop(database);
            Window::open_in(Scripted::default(), folder, size)
        }),
    ]
}

fn note(folder: &Path, number: usize) -> PathBuf {
    let path = folder.join(format!("note-{number:02}.txt"));
    std::fs::write(&path, format!("Note number {number} says little.\n")).unwrap();
    path
}

fn copied_recording(folder: &Path) -> PathBuf {
    copied(folder, "speech/austen-0870.wav")
}

fn copied_video(folder: &Path) -> PathBuf {
    copied(folder, "video/bigbuckbunny.mp4")
}

fn copied(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(Path::new(name).file_name().unwrap());
    std::fs::copy(sample(name), &path).unwrap();
    path
}

/// The viewer over a file that was added, perhaps deleted since.
fn shown(size: [f32; 2], file: fn(&Path) -> PathBuf, is_gone: bool) -> Window {
    let mut window = window(size, Scripted::default());
    let path = file(window.folder.path());
    window.drop_file(path.clone());
    window.wait_until_read();
    if is_gone {
        std::fs::remove_file(&path).unwrap();
    }
    let id = window.app().state().current().unwrap().attachments[0].id;
    window.run(Command::Media(MediaCommand::Open(id)));
    window.wait("the picture", |app| {
        let viewer = app.state().viewer.as_ref();
        viewer.is_some_and(|viewer| {
            !matches!(viewer.picture, Load::Loading) && !matches!(viewer.wave, Load::Loading)
        })
    });
    window
}
