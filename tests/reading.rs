//! Reading documents in the window: what the tests of the reading pane share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egui::{Event, Key, Modifiers, OutputCommand, PointerButton, Pos2, Vec2};
use egui_kittest::kittest::Queryable as _;
use engine::tasks::ask::{AskRequest, Attachment};
use medley_app::command::{Command, ReaderCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Position, Reading, Tab, Zoom};
use medley_app::storage::Storage;

use crate::media_files::book;
use crate::window::{CTRL, Window};

const NONE: Modifiers = Modifiers::NONE;
/// A window in which a document stands beside the conversation.
pub const WIDE: [f32; 2] = [1280.0, 800.0];

/// The words of the scripted engine's second finding: it cites them on page 2.
pub const QUOTE: &str = "The second page says that work begins in May.";

/// A report of so many pages; page 2 holds the quote, every page its number in words of its own.
pub fn report(n: usize) -> Vec<u8> {
    let pages: Vec<Vec<String>> = (1..=n)
        .map(|page| {
            let mut lines = vec![format!("Chapter {page}")];
            lines.push(if page == 2 {
                QUOTE.into()
            } else {
                format!("Here is leaf number {page} of the report.")
            });
            lines.extend((0..20).map(|line| format!("Line {line} of page {page} has some more words.")));
            lines
        })
        .collect();
    book(&pages)
}

/// Writes a file into the data folder.
pub fn write(window: &Window, name: &str, bytes: &[u8]) -> PathBuf {
    let path = window.folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// An empty window that can show PDF.
pub fn open_window(backend: Scripted) -> Window {
    Window::open_to_read(backend, tempfile::tempdir().unwrap(), WIDE)
}

/// A window that reads a report of so many pages.
pub fn reading(n: usize) -> Window {
    let mut window = open_window(Scripted::default());
    let path = write(&window, "report.pdf", &report(n));
    window.drop_file(path);
    window.wait_until_read();
    open(&mut window, "report.pdf");
    window
}

/// Opens a document from its card.
pub fn open(window: &mut Window, name: &str) {
    let button = format!("Read {name}");
    // Files stand in a row that scrolls.
    window.harness.get_by_label(&button).scroll_to_me();
    window.settle();
    window.click(&button);
    wait_until_open(window);
}

/// Until a document is shown.
pub fn wait_until_open(window: &mut Window) {
    window.wait("opening the document", |app| {
        app.state().reader.shown().is_some_and(|tab| tab.info().is_some())
    });
    wait_for_pages(window);
}

/// Gives the keyboard to the pages, which have it already when the document was just opened.
pub fn to_pages(window: &mut Window) {
    if window.focused().is_none_or(|name| !name.contains(", page ")) {
        window.press(NONE, Key::F6);
    }
}

/// Until the pages in view are here.
pub fn wait_for_pages(window: &mut Window) {
    for _ in 0..4_000 {
        std::thread::sleep(Duration::from_millis(5));
        window.harness.step();
        let app = window.harness.state().as_ref().unwrap();
        if app.page_is_ready() {
            return window.settle();
        }
    }
    panic!("the pages were not drawn");
}

/// The document that is shown.
pub fn tab(window: &Window) -> &Tab {
    window.app().state().reader.shown().expect("a document is shown")
}

/// Where it is, and how large.
pub fn place(window: &mut Window) -> (Position, Zoom) {
    window.harness.state_mut().as_mut().unwrap().reading().unwrap()
}

/// The page at its top.
pub fn page(window: &mut Window) -> u32 {
    window.harness.state_mut().as_mut().unwrap().reading_page().unwrap()
}

/// Runs a command of the pane.
pub fn send(window: &mut Window, command: ReaderCommand) {
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Reader(command), &ctx);
    window.settle();
}

/// Types into a field.
pub fn type_into(window: &mut Window, field: &str, text: &str) {
    if !window.harness.get_by_label(field).is_focused() {
        window.harness.get_by_label(field).focus();
        window.settle();
    }
    window.harness.get_by_label(field).type_text(text);
    window.settle();
}

/// Finds words, which are selected then, and gives the keyboard to the pages.
pub fn find(window: &mut Window, words: &str) {
    window.press(CTRL, Key::F);
    window.press(CTRL, Key::A);
    type_into(window, "Find in the document", words);
    window.wait("finding", |app| {
        let tab = app.state().reader.shown().unwrap();
        tab.finder.is_done && tab.finder.query.text == words
    });
    wait_for_pages(window);
    window.press(NONE, Key::F6);
}

/// What was put into the clipboard since the last call of this.
pub fn copied(window: &mut Window) -> String {
    copied_within(window, 1_000).expect("nothing was copied")
}

/// As [`copied`]; none when nothing was within so many frames.
pub fn copied_within(window: &mut Window, frames: usize) -> Option<String> {
    for _ in 0..frames {
        window.harness.step();
        for command in &window.harness.output().platform_output.commands {
            if let OutputCommand::CopyText(text) = command {
                return Some(text.clone());
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Until there are so many highlights.
pub fn wait_for_marks(window: &mut Window, n: usize) {
    window.wait("the highlight", |app| app.state().reader.shown().unwrap().marks.len() == n);
}

/// What is on the disk, as another program would read it.
pub fn kept(window: &mut Window, done: impl Fn(&Reading) -> bool) -> Reading {
    let sha256 = tab(window).sha256.clone().unwrap();
    let folder = window.folder.path().to_path_buf();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(50));
        window.harness.step();
        if let Some(reading) = Storage::open(&folder).unwrap().reading(&sha256).unwrap()
            && done(&reading)
        {
            return reading;
        }
    }
    panic!("it was not kept");
}

/// The first words of what was asked last, with its files.
pub fn last_asked(asked: &Arc<Mutex<Vec<AskRequest>>>) -> (String, Vec<(String, Vec<String>)>) {
    let asked = asked.lock().unwrap();
    let request = asked.last().unwrap();
    let files = request.media.iter().map(|attachment| match attachment {
        Attachment::Read(read) => {
            let name = read.path.file_name().unwrap().to_string_lossy().into_owned();
            (name, read.spans.iter().map(|span| span.text.clone()).collect())
        }
        Attachment::File(path) => (path.display().to_string(), Vec::new()),
    });
    (request.question.clone(), files.collect())
}

/// Until so many questions are answered.
pub fn wait_for_answers(window: &mut Window, n: usize) {
    window.wait("answering", |app| {
        let state = app.state();
        state.running().is_none() && state.current().unwrap().exchanges.len() == n
    });
}

/// Closes the window, and returns its data.
pub fn shut(window: Window) -> tempfile::TempDir {
    let Window { mut harness, folder } = window;
    harness.state_mut().as_mut().unwrap().save();
    drop(harness);
    folder
}

/// A point of a page, in points of paper from its top left corner; the page must begin in view.
pub fn on_paper(window: &Window, page: u32, x: f32, y: f32) -> Pos2 {
    let rect = window.harness.get_by_label(&format!("Page {page}")).rect();
    rect.min + Vec2::new(x, y) * (rect.width() / 612.0)
}

/// Drags with the first button.
pub fn drag(window: &mut Window, from: Pos2, to: Pos2) {
    let button =
        |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: NONE };
    for event in [Event::PointerMoved(from), button(from, true), Event::PointerMoved(from + Vec2::splat(8.0))]
    {
        window.harness.event(event);
        window.harness.step();
    }
    window.harness.event(Event::PointerMoved(to));
    window.harness.step();
    window.harness.event(button(to, false));
    window.settle();
}

/// In one frame: a frame for each event would be too slow for two clicks.
pub fn double_click(window: &mut Window, pos: Pos2) {
    let button =
        |pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: NONE };
    let clicks = [true, false, true, false].map(button);
    let events = &mut window.harness.input_mut().events;
    events.push(Event::PointerMoved(pos));
    events.extend(clicks);
    window.harness.step();
    window.settle();
}
