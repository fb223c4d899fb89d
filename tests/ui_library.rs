//! The library in the window, over real documents, the real index and a scripted decoder.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT as _, Queryable};
use engine::tasks::ask::{AskRequest, Attachment};
use medley_app::command::{Command, LibraryCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Doing, Middle};
use medley_tests::media_files::book;
use medley_tests::reading::WIDE;
use medley_tests::shelf::{self, File, is_ready, library, put, search};
use medley_tests::window::{CTRL_SHIFT, Window};

/// A PDF of three pages, a text, and a PDF that is none.
fn papers() -> Vec<File> {
    let page = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
    let pages = [
        page(&["The lighthouse", "The lighthouse was built in 1871 on a small island."]),
        page(&["The keeper", "Its keeper was called Astrid Holm and she kept three goats."]),
        page(&["The lamp", "The lamp burns colza oil and is turned by clockwork."]),
    ];
    vec![
        ("lighthouse.pdf", book(&pages)),
        ("harbour.txt", b"The harbour freezes over in February.\n".to_vec()),
        ("broken.pdf", b"%PDF-1.4\nthis is no document".to_vec()),
    ]
}

fn open_in(backend: Scripted, folder: tempfile::TempDir, size: [f32; 2]) -> Window {
    Window::open_to_read(backend, folder, size)
}

/// A window whose library holds them.
fn filled(backend: Scripted, size: [f32; 2]) -> (Window, PathBuf) {
    shelf::filled(backend, size, &papers(), 2)
}

#[test]
fn a_dropped_folder_is_read_and_bad_files_say_what_is_wrong() {
    let (mut window, papers) = filled(Scripted::default(), WIDE);
    window.harness.get_by_label("lighthouse.pdf, 3 pages");
    window.harness.get_by_label("Looked after:");
    let status = library(window.app()).holdings.as_ref().unwrap().status;
    assert_eq!((status.documents, status.failed, status.leaves), (2, 1, 4));
    assert!(status.text_bytes > 0 && status.meanings_bytes > 0);
    // One sentence, without the path that the row shows already, that says what to do.
    let broken =
        window.harness.get_by(|node| node.value().is_some_and(|text| text.starts_with("broken.pdf, ")));
    let label = broken.accesskit_node().value().unwrap();
    assert!(label.contains("PDFium") && !label.contains(&papers.display().to_string()), "{label}");
    window.click("1 file cannot be used");
    assert!(window.harness.query_by_label("lighthouse.pdf, 3 pages").is_none());
    window.click("1 file cannot be used");
    // A file of a folder that is looked after would come back.
    window.harness.get_by_label("Take harbour.txt out");
    window.assert_idle();
    // Nothing was attached to the conversation.
    assert!(window.app().state().current().unwrap().attachments.is_empty());
}

#[test]
fn a_hit_opens_its_document_at_the_place() {
    let (mut window, papers) = filled(Scripted::default(), WIDE);
    search(&mut window, "who looked after the light and its animals");
    let hit = window
        .harness
        .get_by(|node| node.label().is_some_and(|label| label.starts_with("lighthouse.pdf, page 2: ")));
    hit.click();
    window.settle();
    window.wait("opening the document", |app| {
        app.state().reader.shown().is_some_and(|tab| tab.info().is_some())
    });
    let tab = window.app().state().reader.shown().unwrap();
    assert_eq!(tab.path, papers.canonicalize().unwrap().join("lighthouse.pdf"));
    let citation = tab.citation.as_ref().unwrap();
    assert!(citation.quote.contains("Astrid Holm") && !citation.is_lost && citation.page == 2);
    // The library stays beside the document.
    assert_eq!(window.app().state().middle, Middle::Library);
    window.click("Back to the documents");
    window.harness.get_by_label("lighthouse.pdf, 3 pages");
    search(&mut window, "zzyzx");
    assert_eq!(window.app().state().middle, Middle::Library);
}

#[test]
fn a_hit_in_subtitles_opens_them_where_it_is_said() {
    let (mut window, papers) = filled(Scripted::default(), WIDE);
    let cue = |i: u32| {
        let words = match i {
            125 => "The schooner Esmeralda was sold for ninety crowns.".to_owned(),
            _ => format!(
                "In scene {i} the carrier brings another box of apples to the mill, and the miller tells him at some \
                 length what he thinks about the weather."
            ),
        };
        let at = |ms: u32| format!("00:{:02}:{:02},{ms:03}", i / 60, i % 60);
        format!("{i}\n{} --> {}\n{words}\n\n", at(0), at(900))
    };
    std::fs::write(papers.join("film.srt"), (0..140).map(cue).collect::<String>()).unwrap();
    window.click("Look now for new and changed files");
    window.wait("reading what is new", |app| is_ready(app, 3));
    search(&mut window, "for how much was the schooner Esmeralda sold");
    let hit = window.harness.get_by(|node| {
        node.label().is_some_and(|label| label.starts_with("film.srt, 2:05–2:05: The schooner"))
    });
    hit.click();
    window.settle();
    window.wait("finding the words", |app| {
        let citation = app.state().reader.shown().and_then(|tab| tab.citation.as_ref());
        citation.is_some_and(|citation| citation.range.is_some())
    });
    let tab = window.app().state().reader.shown().unwrap();
    assert_eq!(tab.path, papers.canonicalize().unwrap().join("film.srt"));
    let citation = tab.citation.as_ref().unwrap();
    assert!(citation.page > 4 && !citation.is_lost, "{citation:?}");
    assert!(citation.quote.contains("ninety crowns"), "{citation:?}");
    assert!(window.app().state().viewer.is_none(), "no player for what has no sound");
}

#[test]
fn questions_are_about_the_library_or_some_of_its_documents() {
    let asked: Arc<Mutex<Vec<AskRequest>>> = Arc::default();
    let backend = Scripted { asked: asked.clone(), ..Scripted::default() };
    let (mut window, papers) = filled(backend, WIDE);
    window.click("Ask about all");
    assert_eq!(window.app().state().middle, Middle::Conversation);
    window.harness.get_by_label("About the library");
    window.ask("What was the name of the keeper?");
    let request = asked.lock().unwrap().pop().unwrap();
    let found = request.found.expect("the library's passages");
    assert!(!found.parts.is_empty());
    let files: Vec<_> = request
        .media
        .iter()
        .map(|medium| match medium {
            Attachment::Read(read) => read.path.file_name().unwrap().to_string_lossy().into_owned(),
            Attachment::File(path) => panic!("{} was not read", path.display()),
        })
        .collect();
    assert_eq!(files[0], "lighthouse.pdf", "the document that fits best comes first");
    // Its evidence opens in the reading pane, though the file is none of the conversation.
    let label = window.evidence_label();
    window.click(&label);
    let lighthouse = papers.canonicalize().unwrap().join("lighthouse.pdf");
    assert_eq!(window.app().state().reader.shown().unwrap().path, lighthouse);
    // One document, chosen in the library.
    window.press(CTRL_SHIFT, Key::L);
    window.click("Ask about harbour.txt");
    window.harness.get_by_label("About harbour.txt");
    window.ask("When does the harbour freeze?");
    let request = asked.lock().unwrap().pop().unwrap();
    assert!(request.media.iter().all(|medium| matches!(medium, Attachment::Read(read)
        if read.path.ends_with("harbour.txt"))));
    let exchange = window.app().state().current().unwrap().exchanges.last().unwrap();
    assert_eq!(exchange.context.library.as_ref().unwrap().documents.len(), 1);
    // Back to files with the chooser.
    window.harness.get_by_role_and_label(Role::Button, "About harbour.txt").click();
    window.settle();
    window.click("All files");
    assert_eq!(window.app().state().about_library, None);
}

#[test]
fn chosen_documents_are_asked_about_together() {
    let (mut window, _) = filled(Scripted::default(), WIDE);
    window.click("Choose lighthouse.pdf");
    window.click("Choose harbour.txt");
    window.harness.get_by_label("2 documents chosen");
    window.click("Ask about them");
    window.harness.get_by_label("About 2 documents of the library");
    assert_eq!(window.app().state().about_library.as_ref().unwrap().documents.len(), 2);
}

#[test]
fn what_changes_is_read_again_and_what_is_taken_out_is_gone() {
    let (mut window, papers) = filled(Scripted::default(), WIDE);
    std::fs::write(papers.join("harbour.txt"), "The harbour has a new crane.\n").unwrap();
    std::fs::write(papers.join("island.txt"), "The island has no trees.\n").unwrap();
    window.click("Look now for new and changed files");
    window.wait("reading what is new", |app| is_ready(app, 3));
    search(&mut window, "crane");
    window.harness.get_by(|node| {
        node.label()
            .is_some_and(|label| label.starts_with("harbour.txt, page 1: The harbour has a new crane"))
    });
    window.click("Back to the documents");
    window.click("Take the folder papers out");
    window.wait("taking it out", |app| {
        library(app).holdings.as_ref().is_some_and(|holdings| holdings.documents.is_empty())
    });
    window.harness.get_by_label("All your documents, in one place");
    assert!(papers.join("harbour.txt").exists(), "the files stay");
}

#[test]
fn reading_can_wait_also_over_a_restart() {
    let mut window = open_in(Scripted::default(), tempfile::tempdir().unwrap(), WIDE);
    let papers = put(window.folder.path(), &papers());
    window.press(CTRL_SHIFT, Key::L);
    window.wait("opening the library", |app| library(app).holdings.is_some());
    window.drop_file(papers);
    window.wait("taking the folder in", |app| {
        library(app).holdings.as_ref().is_some_and(|holdings| !holdings.roots.is_empty())
    });
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Library(LibraryCommand::Pause), &ctx);
    window.wait("pausing", |app| library(app).doing == Doing::Nothing);
    window.harness.get_by_label("Reading is paused.");
    window.harness.state_mut().as_mut().unwrap().save();
    let Window { harness, folder } = window;
    drop(harness);
    let mut window = open_in(Scripted::default(), folder, WIDE);
    window.press(CTRL_SHIFT, Key::L);
    window.wait("opening the library", |app| library(app).holdings.is_some());
    assert!(library(window.app()).is_paused);
    window.harness.get_by_label("Reading is paused.");
    window.click("Resume");
    window.wait("reading the folder", |app| is_ready(app, 2));
    window.assert_idle();
}

/// Files are read at any time, and then a line about it stands above the field.
#[test]
fn the_search_field_keeps_its_focus_while_lines_above_it_come_and_go() {
    let (mut window, _) = filled(Scripted::default(), WIDE);
    let field = |window: &Window| window.harness.get_by_label("Search in the library").is_focused();
    window.harness.get_by_label("Search in the library").focus();
    window.settle();
    assert!(field(&window));
    let ctx = window.harness.ctx.clone();
    for command in [LibraryCommand::Pause, LibraryCommand::Resume] {
        window.harness.state_mut().as_mut().unwrap().run(Command::Library(command), &ctx);
        window.settle();
        assert!(field(&window));
    }
}

#[test]
fn a_library_is_looked_after_from_the_start_and_a_path_that_is_gone_says_so() {
    let (window, papers) = filled(Scripted::default(), WIDE);
    let Window { harness, folder } = window;
    drop(harness);
    std::fs::write(papers.join("island.txt"), "The island has no trees.\n").unwrap();
    let mut window = open_in(Scripted::default(), folder, WIDE);
    // Without opening the pane.
    window.wait("reading what is new", |app| is_ready(app, 3));
    assert_eq!(window.app().state().middle, Middle::Conversation);
    window.press(CTRL_SHIFT, Key::L);
    window.drop_file(papers.join("nothing.pdf"));
    window.wait("the problem", |app| library(app).problem.is_some());
    let problem = library(window.app()).problem.clone().unwrap();
    assert!(problem.contains("nothing.pdf"), "{problem}");
    window.harness.get_by_label(&problem);
    // By its name: rows move while documents are read, and the pointer could miss it.
    window.harness.get_by_label("Close message").click_accesskit();
    window.settle();
    assert_eq!(library(window.app()).problem, None);
}

#[test]
fn a_small_window_has_room_for_the_library() {
    let (mut window, _) = filled(Scripted::default(), [520.0, 420.0]);
    window.harness.get_by_label("Add documents…");
    search(&mut window, "keeper");
    window.press(egui::Modifiers::NONE, Key::Escape);
    assert_eq!(window.app().state().middle, Middle::Conversation);
}
