//! The reading pane, driven by name over a scripted engine and real documents.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, OutputCommand, PointerButton, Pos2, Vec2, pos2};
use egui_kittest::kittest::{NodeT as _, Queryable};
use engine::tasks::ask::{AskRequest, Attachment};
use medley_app::App;
use medley_app::command::{Command, ReaderCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Colour, Load, Position, Reading, Tab, Zoom};
use medley_app::storage::Storage;
use medley_tests::media_files::{book, page_objects, pdf};
use medley_tests::window::{CTRL, CTRL_SHIFT, Window};

const NONE: Modifiers = Modifiers::NONE;
const ALT: Modifiers = Modifiers::ALT;
const SHIFT: Modifiers = Modifiers::SHIFT;
const WIDE: [f32; 2] = [1280.0, 800.0];

/// The words of the scripted engine's second finding: it cites them on page 2.
const QUOTE: &str = "The second page says that work begins in May.";

/// A report of so many pages; page 2 holds the quote, every page its number in words of its own.
fn report(n: usize) -> Vec<u8> {
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

fn write(window: &Window, name: &str, bytes: &[u8]) -> PathBuf {
    let path = window.folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn open_window(backend: Scripted) -> Window {
    Window::open_to_read(backend, tempfile::tempdir().unwrap(), WIDE)
}

/// A window that reads a report of so many pages.
fn reading(n: usize) -> Window {
    let mut window = open_window(Scripted::default());
    let path = write(&window, "report.pdf", &report(n));
    window.drop_file(path);
    window.wait_until_read();
    open(&mut window, "report.pdf");
    window
}

fn open(window: &mut Window, name: &str) {
    let button = format!("Read {name}");
    // Files stand in a row that scrolls.
    window.harness.get_by_label(&button).scroll_to_me();
    window.settle();
    window.click(&button);
    wait_until_open(window);
}

fn wait_until_open(window: &mut Window) {
    window.wait("opening the document", |app| {
        app.state().reader.shown().is_some_and(|tab| tab.info().is_some())
    });
    wait_for_pages(window);
}

/// Gives the keyboard to the pages, which have it already when the document was just opened.
fn to_pages(window: &mut Window) {
    if window.focused().is_none_or(|name| !name.contains(", page ")) {
        window.press(NONE, Key::F6);
    }
}

/// Until the pages in view are here.
fn wait_for_pages(window: &mut Window) {
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

fn tab(window: &Window) -> &Tab {
    window.app().state().reader.shown().expect("a document is shown")
}

fn place(window: &mut Window) -> (Position, Zoom) {
    window.harness.state_mut().as_mut().unwrap().reading().unwrap()
}

fn page(window: &mut Window) -> u32 {
    window.harness.state_mut().as_mut().unwrap().reading_page().unwrap()
}

fn send(window: &mut Window, command: ReaderCommand) {
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Reader(command), &ctx);
    window.settle();
}

fn type_into(window: &mut Window, field: &str, text: &str) {
    if !window.harness.get_by_label(field).is_focused() {
        window.harness.get_by_label(field).focus();
        window.settle();
    }
    window.harness.get_by_label(field).type_text(text);
    window.settle();
}

/// Finds words, which are selected then, and gives the keyboard to the pages.
fn find(window: &mut Window, words: &str) {
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
fn copied(window: &mut Window) -> String {
    copied_within(window, 1_000).expect("nothing was copied")
}

fn copied_within(window: &mut Window, frames: usize) -> Option<String> {
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

fn wait_for_marks(window: &mut Window, n: usize) {
    window.wait("the highlight", |app| app.state().reader.shown().unwrap().marks.len() == n);
}

/// What is on the disk, as another program would read it.
fn kept(window: &mut Window, done: impl Fn(&Reading) -> bool) -> Reading {
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

fn shut(window: Window) -> tempfile::TempDir {
    let Window { mut harness, folder } = window;
    harness.state_mut().as_mut().unwrap().save();
    drop(harness);
    folder
}

/// A point of a page, in points of paper from its top left corner; the page must begin in view.
fn on_paper(window: &Window, page: u32, x: f32, y: f32) -> Pos2 {
    let rect = window.harness.get_by_label(&format!("Page {page}")).rect();
    rect.min + Vec2::new(x, y) * (rect.width() / 612.0)
}

fn drag(window: &mut Window, from: Pos2, to: Pos2) {
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
fn double_click(window: &mut Window, pos: Pos2) {
    let button =
        |pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: NONE };
    let clicks = [true, false, true, false].map(button);
    let events = &mut window.harness.input_mut().events;
    events.push(Event::PointerMoved(pos));
    events.extend(clicks);
    window.harness.step();
    window.settle();
}

#[test]
fn a_document_opens_from_its_card_and_only_what_is_in_view_is_held() {
    let mut window = reading(60);
    window.harness.get_by_label("report.pdf, page 1 of 60");
    let text = window.harness.get_by_label("Page 1").accesskit_node().value().unwrap();
    assert!(text.starts_with("Chapter 1\n"), "a screen reader hears the page: {text:?}");
    let one = window.app().page_picture_bytes();
    assert!(one > 0);
    to_pages(&mut window);
    let mut most = 0;
    for _ in 0..40 {
        window.press(NONE, Key::PageDown);
        std::thread::sleep(Duration::from_millis(10));
        most = most.max(window.app().page_picture_bytes());
    }
    wait_for_pages(&mut window);
    assert!(page(&mut window) > 30);
    assert!(most <= 3 * one, "{most} bytes of pages are held, {one} at first");
    window.press(NONE, Key::End);
    wait_for_pages(&mut window);
    window.harness.get_by_label("report.pdf, page 60 of 60");
    window.press(NONE, Key::Escape);
    assert!(!window.app().state().reader.is_shown);
    assert_eq!(window.app().page_picture_bytes(), 0, "a hidden document holds no pictures");
    window.press(CTRL, Key::D);
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 60, "it is where it was");
}

#[test]
fn words_are_found_counted_and_stepped_through_around_the_ends() {
    let mut window = reading(30);
    window.press(CTRL, Key::F);
    assert!(window.harness.get_by_label("Find in the document").is_focused());
    find(&mut window, "LEAF number 7");
    window.harness.get_by_label("1 of 1");
    assert_eq!(page(&mut window), 7);
    find(&mut window, "line 3 of page 2");
    // On pages 2 and 20 to 29.
    window.harness.get_by_label("2 of 11");
    assert_eq!(page(&mut window), 20, "from where one is");
    window.press(SHIFT, Key::F3);
    window.harness.get_by_label("1 of 11");
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 2);
    window.press(SHIFT, Key::F3);
    window.harness.get_by_label("11 of 11");
    window.press(NONE, Key::F3);
    window.harness.get_by_label("1 of 11");
    window.press(CTRL, Key::F);
    window.click("Words");
    window.wait("finding whole words", |app| app.state().reader.shown().unwrap().finder.is_done);
    window.harness.get_by_label("1 of 1");
    find(&mut window, "nowhere at all");
    window.harness.get_by_label("nothing found");
    window.press(NONE, Key::Escape);
    assert!(window.harness.query_by_label("Find in the document").is_none(), "Escape closes the field first");
    assert!(window.app().state().reader.is_shown);
}

#[test]
fn contents_small_pages_and_the_page_field_lead_there_and_back() {
    let mut window = reading(30);
    window.press(ALT, Key::Num1);
    window.click("Chapter 9, page 9");
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 9);
    window.press(CTRL, Key::G);
    assert!(window.harness.get_by_label("Page number").is_focused());
    type_into(&mut window, "Page number", "25");
    window.press(NONE, Key::Enter);
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 25);
    window.press(ALT, Key::Num2);
    window.click("Small page 26");
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 26);
    for (back, expected) in [(true, 25), (true, 9), (true, 1), (false, 9), (false, 25)] {
        window.press(ALT, if back { Key::ArrowLeft } else { Key::ArrowRight });
        assert_eq!(page(&mut window), expected);
    }
    window.click("Forward");
    assert_eq!(page(&mut window), 26);
    window.click("Back");
    assert_eq!(page(&mut window), 25);
    // A page that there is not is the last one.
    window.press(CTRL, Key::G);
    type_into(&mut window, "Page number", "999");
    window.press(NONE, Key::Enter);
    assert_eq!(page(&mut window), 30);
}

#[test]
fn pages_become_larger_and_smaller_and_stay_where_they_are() {
    let mut window = reading(30);
    to_pages(&mut window);
    window.press(NONE, Key::PageDown);
    window.press(NONE, Key::PageDown);
    let (before, zoom) = place(&mut window);
    assert_eq!(zoom, Zoom::FitWidth);
    let width = window.harness.get_by_label(&format!("Page {}", before.page)).rect().width();
    let text_percent = window.app().state().settings.text_percent;
    window.press(CTRL, Key::Plus);
    window.press(CTRL, Key::Plus);
    let (larger, zoom) = place(&mut window);
    assert!(matches!(zoom, Zoom::Percent(percent) if percent > 80.0), "{zoom:?}");
    assert_eq!(larger.page, before.page);
    assert!((larger.y - before.y).abs() < 0.02, "{before:?} {larger:?}");
    assert_eq!(window.app().state().settings.text_percent, text_percent, "the window's text is as it was");
    window.press(CTRL, Key::Minus);
    window.press(CTRL, Key::Num0);
    let again = window.harness.get_by_label(&format!("Page {}", before.page)).rect().width();
    assert!((again - width).abs() < 2.0, "{again} is not {width}");
    window.press(CTRL, Key::Num9);
    let whole = window.harness.get_by_label(&format!("Page {}", before.page)).rect();
    assert!(whole.width() <= width + 1.0);
    window.click("Size of pages: Page");
    window.click("200 %");
    assert_eq!(place(&mut window).1, Zoom::Percent(200.0));
    // A pinch around the pointer.
    let at = window.harness.get_by_label(&format!("Page {}", before.page)).rect().center();
    window.harness.event(Event::PointerMoved(at));
    window.harness.event(Event::Zoom(0.5));
    window.settle();
    assert!(matches!(place(&mut window).1, Zoom::Percent(percent) if (percent - 100.0).abs() < 1.0));
}

#[test]
fn text_is_selected_with_the_pointer_across_pages_and_copied() {
    let mut window = reading(3);
    send(&mut window, ReaderCommand::SetSide(medley_app::state::Side::None));
    window.press(CTRL, Key::Num9);
    wait_for_pages(&mut window);
    // From "leaf" on the second line to the middle of the fourth.
    let (from, to) = (on_paper(&window, 1, 109.0, 88.0), on_paper(&window, 1, 104.0, 129.0));
    drag(&mut window, from, to);
    window.press(CTRL, Key::C);
    window.harness.event(Event::Copy);
    let text = copied(&mut window);
    assert!(text.starts_with("leaf number 1 of the report. Line 0 of page 1"), "{text:?}");
    assert!(text.ends_with("Line 1"), "{text:?}");
    // Two clicks take a word.
    let word = on_paper(&window, 1, 120.0, 88.0);
    double_click(&mut window, word);
    window.harness.event(Event::Copy);
    assert_eq!(copied(&mut window), "leaf");
    // Everything, although most pages are not in view.
    window.press(CTRL, Key::A);
    window.harness.event(Event::Copy);
    let text = copied(&mut window);
    assert!(
        text.starts_with("Chapter 1") && text.contains(QUOTE) && text.contains("leaf number 3"),
        "{text:?}"
    );
    assert!(text.trim_end().ends_with("Line 19 of page 3 has some more words."), "{text:?}");
}

#[test]
fn text_is_selected_with_the_keyboard() {
    let mut window = reading(3);
    to_pages(&mut window);
    for _ in 0..2 {
        window.press(CTRL_SHIFT, Key::ArrowRight);
    }
    window.harness.event(Event::Copy);
    assert_eq!(copied(&mut window), "Chapter 1");
    window.press(SHIFT, Key::ArrowLeft);
    window.harness.event(Event::Copy);
    assert_eq!(copied(&mut window), "Chapter");
    window.press(NONE, Key::Escape);
    assert!(window.app().state().reader.is_shown, "the first Escape only leaves the selection");
    window.press(NONE, Key::Escape);
    assert!(!window.app().state().reader.is_shown);
}

#[test]
fn highlights_and_notes_are_made_changed_exported_and_there_again() {
    let mut window = reading(12);
    find(&mut window, "leaf number 5");
    window.press(NONE, Key::H);
    wait_for_marks(&mut window, 1);
    find(&mut window, "leaf number 3");
    window.press(NONE, Key::N);
    wait_for_marks(&mut window, 2);
    type_into(&mut window, "Text of the note", "Ask Anna.");
    window.click("Make it green");
    window.click("Done");
    assert_eq!(tab(&window).marks[0].passage.text, "leaf number 3", "in the order of the document");
    assert_eq!(
        (tab(&window).marks[0].note.as_str(), tab(&window).marks[0].colour),
        ("Ask Anna.", Colour::Green)
    );
    // The list leads there.
    window.press(NONE, Key::Escape);
    window.press(CTRL, Key::G);
    type_into(&mut window, "Page number", "12");
    window.press(NONE, Key::Enter);
    window.click("Highlight on page 5: leaf number 5");
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 5);
    let delete = |window: &mut Window| {
        let buttons: Vec<_> = window.harness.get_all_by_label("Delete highlight").collect();
        buttons.last().unwrap().click();
        window.settle();
    };
    delete(&mut window);
    assert_eq!(tab(&window).marks.len(), 1);
    window.click("Undo");
    assert_eq!(tab(&window).marks.len(), 2);
    let id = tab(&window).id;
    let file = window.folder.path().join("notes.md");
    send(&mut window, ReaderCommand::ExportTo(id, file.clone()));
    window.wait("exporting", |app| {
        app.state().toast.as_ref().is_some_and(|t| t.text == "Notes written to notes.md")
    });
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "# A tiny book\n\n## Page 3\n\n> leaf number 3\n\n*green*\n\nAsk Anna.\n\n## Page 5\n\n> leaf number 5\n\n*yellow*\n"
    );
    send(&mut window, ReaderCommand::ExportTo(id, "/no/such/folder/notes.md".into()));
    window.wait("failing", |app| {
        app.state().toast.as_ref().is_some_and(|t| t.text.contains("could not be written"))
    });
    let reading = kept(&mut window, |reading| reading.marks.len() == 2 && reading.position.page >= 4);
    assert_eq!(reading.marks, tab(&window).marks);
    let folder = shut(window);
    // It is open again by itself.
    let mut window = Window::open_to_read(Scripted::default(), folder, WIDE);
    wait_until_open(&mut window);
    assert_eq!(tab(&window).marks, reading.marks);
    assert_eq!(page(&mut window), 5, "and one is where one was");
}

#[test]
fn where_somebody_was_and_how_large_is_kept_for_each_document() {
    let mut window = reading(30);
    to_pages(&mut window);
    window.press(CTRL, Key::Plus);
    for _ in 0..6 {
        window.press(NONE, Key::PageDown);
    }
    let before = place(&mut window);
    assert!(before.0.page > 2, "{before:?}");
    kept(&mut window, |reading| (reading.position, reading.zoom) == before);
    let Window { harness, folder } = window;
    // Nothing is closed or flushed: as if the process was killed.
    std::mem::forget(harness);
    let mut window = Window::open_to_read(Scripted::default(), folder, WIDE);
    wait_until_open(&mut window);
    let after = place(&mut window);
    assert_eq!((after.0.page, after.1), (before.0.page, before.1));
    assert!((after.0.y - before.0.y).abs() < 0.01, "{before:?} {after:?}");
}

#[test]
fn a_citation_opens_its_document_there_and_marks_the_quote() {
    let mut window = open_window(Scripted::default());
    for name in ["a.pdf", "b.pdf"] {
        let path = write(&window, name, &report(9));
        window.drop_file(path);
    }
    window.wait_until_read();
    window.ask("When does work begin?");
    let evidence = window.evidence_label();
    assert!(evidence.starts_with("Evidence: a.pdf, page 2"), "{evidence}");
    window.click(&evidence);
    wait_until_open(&mut window);
    window.wait("locating the quote", |app| {
        app.state().reader.shown().unwrap().citation.as_ref().is_some_and(|citation| citation.range.is_some())
    });
    let citation = tab(&window).citation.clone().unwrap();
    assert_eq!((citation.page, citation.quote.as_str(), citation.is_lost), (2, QUOTE, false));
    // The second line of the page: its place on paper is known.
    let area = citation.places[0].boxes[0];
    assert!((area.x0 - 72.0 / 612.0).abs() < 0.01 && (area.y1 - 92.0 / 792.0).abs() < 0.02, "{area:?}");
    assert_eq!(page(&mut window), 2);
    let shown = window.harness.get_by_label("Page 2").rect();
    assert!(shown.is_positive(), "the page of the quote is in view");
    // The next piece of evidence is in the other document.
    window.press(ALT, Key::ArrowDown);
    wait_until_open(&mut window);
    assert_eq!(tab(&window).name(), "b.pdf");
    assert_eq!(window.app().state().reader.tabs.len(), 2);
    assert_eq!(window.app().state().shown_evidence().map(|(_, index)| index), Some(1));
    window.press(NONE, Key::Escape);
    assert!(tab(&window).citation.is_none(), "Escape takes the mark away first");
}

/// The first words of what was asked last, with its files.
fn last_asked(asked: &Arc<Mutex<Vec<AskRequest>>>) -> (String, Vec<(String, Vec<String>)>) {
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

fn wait_for_answers(window: &mut Window, n: usize) {
    window.wait("answering", |app| {
        let state = app.state();
        state.running().is_none() && state.current().unwrap().exchanges.len() == n
    });
}

#[test]
fn a_passage_is_asked_about_explained_and_summarised_with_its_words() {
    let backend = Scripted::default();
    let asked = backend.asked.clone();
    let mut window = open_window(backend);
    for name in ["a.pdf", "b.pdf"] {
        let path = write(&window, name, &report(9));
        window.drop_file(path);
    }
    window.wait_until_read();
    open(&mut window, "b.pdf");
    find(&mut window, "number 5 of the report");
    window.press(NONE, Key::E);
    wait_for_answers(&mut window, 1);
    let (question, files) = last_asked(&asked);
    assert_eq!(
        question,
        "Explain this passage in simple words.\n\nThis is the passage, from page 5 of b.pdf:\n“number 5 of the report”"
    );
    assert_eq!(files, [("b.pdf".to_owned(), Vec::new())], "only the pages around the passage are read");
    let exchange = &window.app().state().current().unwrap().exchanges[0];
    assert_eq!(exchange.question, "Explain this passage in simple words.");
    window.harness.get_by_label("Passage from page 5 of b.pdf: “number 5 of the report”");
    find(&mut window, "leaf number 3");
    window.press(NONE, Key::A);
    window.wait("the passage", |app| app.state().passage.is_some());
    window.ask("Why three?");
    let (question, files) = last_asked(&asked);
    assert!(question.starts_with("Why three?\n\n") && question.contains("“leaf number 3”"), "{question}");
    assert_eq!(files[0].1, [QUOTE], "page 2 is next to page 3");
    assert!(window.app().state().passage.is_none(), "the next question is about everything again");
    find(&mut window, "leaf number 4");
    window.click("Summarise the selection");
    wait_for_answers(&mut window, 3);
    assert!(last_asked(&asked).0.starts_with("Summarise this passage."));
    // What a question was about is there after a restart, and leads to its place.
    let folder = shut(window);
    let mut window = Window::open_to_read(Scripted::default(), folder, WIDE);
    window.click("Passage from page 3 of b.pdf: “leaf number 3”");
    wait_until_open(&mut window);
    assert_eq!(tab(&window).citation.as_ref().unwrap().quote, "leaf number 3");
}

#[test]
fn questions_are_about_one_some_or_all_documents_and_tabs_show_several() {
    let backend = Scripted::default();
    let asked = backend.asked.clone();
    let mut window = open_window(backend);
    for name in ["a.pdf", "b.pdf", "c.pdf"] {
        let path = write(&window, name, &report(4));
        window.drop_file(path);
    }
    window.wait_until_read();
    let names = |asked: &Arc<Mutex<Vec<AskRequest>>>| -> Vec<String> {
        last_asked(asked).1.into_iter().map(|(name, _)| name).collect()
    };
    open(&mut window, "a.pdf");
    open(&mut window, "b.pdf");
    assert_eq!(window.app().state().reader.tabs.len(), 2);
    window.ask("Everything?");
    assert_eq!(names(&asked), ["a.pdf", "b.pdf", "c.pdf"]);
    window.click("About all files");
    window.click("The document that is shown");
    window.press(NONE, Key::Escape);
    window.ask("One?");
    assert_eq!(names(&asked), ["b.pdf"]);
    window.click("About b.pdf");
    window.click("Open documents");
    window.press(NONE, Key::Escape);
    window.ask("Some?");
    assert_eq!(names(&asked), ["a.pdf", "b.pdf"]);
    window.click("About 2 of 3 files");
    window.click("c.pdf");
    window.press(NONE, Key::Escape);
    window.ask("All?");
    assert_eq!(names(&asked), ["a.pdf", "b.pdf", "c.pdf"]);
    window.press(CTRL, Key::PageDown);
    assert_eq!(tab(&window).name(), "a.pdf");
    window.harness.get_by_role_and_label(Role::Tab, "b.pdf").click();
    window.settle();
    assert_eq!(tab(&window).name(), "b.pdf");
    window.click("Close a.pdf");
    assert_eq!(window.app().state().reader.tabs.len(), 1);
    assert_eq!(tab(&window).name(), "b.pdf");
}

#[test]
fn a_document_that_cannot_be_shown_says_why_in_one_sentence() {
    let mut window = open_window(Scripted::default());
    let locked = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/password.pdf");
    let broken = write(&window, "broken.pdf", b"%PDF-1.4\nnothing more");
    for (path, name, reason) in [(locked, "password.pdf", "password"), (broken, "broken.pdf", "PDFium")] {
        window.drop_file(path);
        window.wait_until_read();
        window.click(&format!("Read {name}"));
        window.wait("failing", |app| matches!(app.state().reader.shown().unwrap().document, Load::Failed(_)));
        let Load::Failed(told) = &tab(&window).document else { panic!() };
        assert!(told.contains(reason) && told.contains(name), "{told}");
        window.harness.get_by_label("This document cannot be shown");
        window.harness.get_by_label("Try again");
    }
    window.press(NONE, Key::Escape);
    assert!(!window.app().state().reader.is_shown);
}

#[test]
fn a_document_that_changes_on_the_disk_says_so_and_is_loaded_again() {
    let mut window = reading(9);
    for words in ["leaf number 5", "leaf number 7 of"] {
        find(&mut window, words);
        window.press(NONE, Key::H);
    }
    wait_for_marks(&mut window, 2);
    let before = tab(&window).sha256.clone();
    // A page is put in at the beginning, and the words on page 7 are others.
    let mut pages: Vec<Vec<String>> = vec![vec!["Preface".into()]];
    pages.extend((1..=9).map(|page| vec![format!("Here is leaf number {} of the report.", page + page / 7)]));
    write(&window, "report.pdf", &book(&pages));
    window.wait("noticing the change", |app| app.state().reader.shown().unwrap().changed.is_some());
    window.harness.get_by_label("This file changed on the disk.");
    window.click("Load again");
    wait_until_open(&mut window);
    window.wait("reading it again", |app| {
        let tab = app.state().reader.shown().unwrap();
        tab.sha256.is_some() && tab.sha256 != before && tab.marks.iter().any(|mark| mark.is_lost)
    });
    assert!(tab(&window).changed.is_none());
    assert_eq!(tab(&window).info().unwrap().n_pages(), 10);
    let marks = &tab(&window).marks;
    assert_eq!((marks[0].passage.from.page, marks[0].is_lost), (6, false), "it moved with its words");
    assert!(marks[1].is_lost, "its words are gone, it is kept");
    kept(&mut window, |reading| reading.marks.iter().any(|mark| mark.is_lost));
}

#[test]
fn a_text_without_pages_is_read_found_in_cited_and_selected() {
    let mut window = open_window(Scripted::default());
    let filler = "These are words that fill the page up. ".repeat(30);
    let mut text = String::from("# The project\n\nIt is **not** small.\n\n");
    (0..6).for_each(|i| text.push_str(&format!("## Part {i}\n\n{filler}\n\n{filler}\n\n")));
    text = text.replacen("## Part 2", &format!("{QUOTE}\n\n## Part 2"), 1);
    let path = write(&window, "notes.md", text.as_bytes());
    window.drop_file(path);
    window.wait_until_read();
    window.ask("When does work begin?");
    let evidence = window.evidence_label();
    window.click(&evidence);
    wait_until_open(&mut window);
    window.wait("locating the quote", |app| {
        app.state().reader.shown().unwrap().citation.as_ref().is_some_and(|citation| citation.range.is_some())
    });
    wait_for_pages(&mut window);
    let citation = tab(&window).citation.clone().unwrap();
    let shown = page(&mut window);
    assert!(shown == citation.page || shown == citation.page + 1, "page {shown}, cited {}", citation.page);
    assert!(window.harness.query_by_label(&format!("Page {}", citation.page)).is_some(), "it is in view");
    window.press(ALT, Key::Num1);
    let entry = tab(&window).info().unwrap().outline.last().unwrap().clone();
    assert_eq!((entry.title.as_str(), entry.level), ("Part 5", 1));
    window.click(&format!("Part 5, page {}", entry.page));
    wait_for_pages(&mut window);
    find(&mut window, "Part 4");
    window.harness.get_by_label("1 of 1");
    window.harness.event(Event::Copy);
    assert_eq!(copied(&mut window), "Part 4");
    window.press(NONE, Key::H);
    wait_for_marks(&mut window, 1);
    window.press(CTRL, Key::Plus);
    assert!(matches!(place(&mut window).1, Zoom::Percent(percent) if percent > 110.0));
    // Two clicks take a word.
    let shown = page(&mut window);
    let at = window.harness.get_by_label(&format!("Page {shown}")).rect();
    // Somewhere below the top of what is in view there is a line, not a gap.
    let word = (0..12).find_map(|step| {
        double_click(&mut window, pos2(at.left() + 120.0, at.top() + 60.0 + 8.0 * step as f32));
        window.harness.event(Event::Copy);
        copied_within(&mut window, 40)
    });
    let word = word.expect("a word");
    assert!(filler.contains(&word) && !word.contains(' ') && !word.is_empty(), "{word:?}");
}

/// Everything that can be pressed or typed into has a name, and a page that is only looked at draws no frame.
#[test]
fn every_control_of_the_pane_has_a_name_and_an_idle_pane_asks_for_no_frame() {
    let mut window = reading(12);
    let check = |window: &Window, screen: &str| {
        let unnamed = window.harness.unnamed_widgets();
        assert!(unnamed.is_empty(), "{screen}: {unnamed:?}");
    };
    check(&window, "pages");
    find(&mut window, "leaf number 3");
    check(&window, "found");
    window.press(NONE, Key::N);
    wait_for_marks(&mut window, 1);
    check(&window, "notes");
    window.press(NONE, Key::Escape);
    for key in [Key::Num1, Key::Num2, Key::Num3, Key::Num3] {
        window.press(ALT, key);
        wait_for_pages(&mut window);
        check(&window, "side");
    }
    std::thread::sleep(Duration::from_millis(1_500));
    window.settle();
    window.wait("saving", |app: &App| app.state().toast.is_none());
    window.assert_idle();
}

#[test]
fn in_a_small_window_the_document_stands_in_the_place_of_the_conversation() {
    let mut window = Window::open_to_read(Scripted::default(), tempfile::tempdir().unwrap(), [640.0, 480.0]);
    let path = write(&window, "report.pdf", &report(9));
    window.drop_file(path);
    window.wait_until_read();
    open(&mut window, "report.pdf");
    assert!(window.harness.query_by_label("Send").is_none());
    for name in ["Find in document", "Larger pages", "Close documents", "Page number"] {
        let rect = window.harness.get_by_label(name).rect();
        assert!(rect.right() <= 640.0 && rect.left() >= 0.0 && rect.bottom() <= 480.0, "{name}: {rect:?}");
    }
    window.press(ALT, Key::Num1);
    window.harness.get_by_label("Chapter 1, page 1");
    window.press(ALT, Key::Num1);
    window.press(NONE, Key::Escape);
    window.harness.get_by_label("Send");
}

/// Three pages; the first leads to the third, to an address on the web, and to a file of this machine.
fn with_links() -> Vec<u8> {
    let link =
        |y: u32, to: &str| format!("<< /Type /Annot /Subtype /Link /Rect [72 {y} 300 {}] {to} >>", y + 20);
    let outside = |address: &str| format!("/A << /S /URI /URI ({address}) >>");
    let annots = [
        link(700, "/Dest [9 0 R /XYZ 0 400 0]"),
        link(660, &outside("https://example.org/paper?id=7")),
        link(620, &outside("file:///etc/hostname")),
    ];
    let text = "BT /F1 12 Tf 72 705 Td (To the third page.) Tj ET";
    let mut objects = page_objects(&[text, text, text], "");
    objects[4] = objects[4].replace("/MediaBox", &format!("/Annots [{}] /MediaBox", annots.join(" ")));
    pdf(&objects)
}

fn link<'a>(window: &'a Window, name: &'a str) -> egui_kittest::Node<'a> {
    window.harness.get_by_role_and_label(Role::Link, name)
}

#[test]
fn links_inside_are_followed_and_addresses_outside_are_opened_only_when_that_is_confirmed() {
    let mut window = open_window(Scripted::default());
    let path = write(&window, "linked.pdf", &with_links());
    window.drop_file(path);
    window.wait_until_read();
    open(&mut window, "linked.pdf");
    link(&window, "Link to page 3").click();
    window.settle();
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 3);
    window.press(ALT, Key::ArrowLeft);
    wait_for_pages(&mut window);
    assert_eq!(page(&mut window), 1, "one can go back");
    // The whole address is shown before anything happens.
    link(&window, "Link to https://example.org/paper?id=7").click();
    window.settle();
    assert_eq!(window.app().state().reader.link.as_deref(), Some("https://example.org/paper?id=7"));
    window.harness.get_by_label("https://example.org/paper?id=7");
    window.click("Cancel");
    assert_eq!(window.app().state().reader.link, None);
    link(&window, "Link to https://example.org/paper?id=7").click();
    window.settle();
    window.harness.get_by_label("Open in the browser").click();
    let mut opened = None;
    for _ in 0..10 {
        window.harness.step();
        for command in &window.harness.output().platform_output.commands {
            if let OutputCommand::OpenUrl(url) = command {
                opened = Some(url.url.clone());
            }
        }
    }
    assert_eq!(opened.as_deref(), Some("https://example.org/paper?id=7"));
    assert_eq!(window.app().state().reader.link, None);
    // What could start a program is never opened.
    window.settle();
    link(&window, "Link to file:///etc/hostname").click();
    window.settle();
    assert!(window.harness.query_by_label("Open in the browser").is_none());
    window.harness.get_by_label("Only web and mail addresses are opened; this one is neither.");
    window.press(NONE, Key::Escape);
    assert_eq!(window.app().state().reader.link, None);
    assert!(window.app().state().reader.is_shown, "Escape closes what is on top");
}

#[test]
fn documents_that_were_open_are_open_at_the_next_start() {
    let mut window = open_window(Scripted::default());
    for (name, n) in [("first.pdf", 3), ("second.pdf", 4), ("third.pdf", 2)] {
        let path = write(&window, name, &report(n));
        window.drop_file(path);
        window.wait_until_read();
        open(&mut window, name);
    }
    window.press(CTRL, Key::PageUp);
    window.settle();
    assert_eq!(window.app().state().reader.shown().unwrap().name(), "second.pdf");
    let gone = window.folder.path().join("third.pdf");
    let folder = shut(window);
    std::fs::remove_file(gone).unwrap();
    let mut window = Window::open_to_read(Scripted::default(), folder, WIDE);
    wait_until_open(&mut window);
    let reader = &window.app().state().reader;
    let names: Vec<String> = reader.tabs.iter().map(Tab::name).collect();
    assert_eq!(names, ["first.pdf", "second.pdf"], "what is gone is left out");
    assert_eq!(reader.shown().unwrap().name(), "second.pdf");
    assert!(reader.tabs.iter().all(|tab| tab.attachment.is_some()), "they are those of the conversation");
    // Closed and hidden documents stay so.
    send(&mut window, ReaderCommand::Close(None));
    send(&mut window, ReaderCommand::Hide);
    let folder = shut(window);
    let window = Window::open_to_read(Scripted::default(), folder, WIDE);
    let reader = &window.app().state().reader;
    assert_eq!((reader.tabs.len(), reader.is_shown), (1, false));
}
