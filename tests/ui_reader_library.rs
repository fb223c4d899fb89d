//! Documents of the library in the reading pane: nothing is less than for files of a conversation.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use medley_app::command::{Command, ReaderCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Attachment, Load, Middle, Zoom};
use medley_tests::media_files::book;
use medley_tests::reading::{
    WIDE, find, kept, last_asked, place, report, send, shut, tab, wait_for_answers, wait_for_marks,
    wait_for_pages, wait_until_open,
};
use medley_tests::sample;
use medley_tests::shelf::{File, filled, library, search};
use medley_tests::window::{CTRL, CTRL_SHIFT, Window};

const NONE: Modifiers = Modifiers::NONE;

/// The question that is asked to have a passage explained.
const EXPLAIN: &str = "Explain this passage in simple words.";

/// A window whose library holds these documents, the first of which is open beside it and was looked at.
fn reading(backend: Scripted, files: &[File]) -> (Window, PathBuf) {
    let (mut window, papers) = filled(backend, WIDE, files, files.len() as u64);
    window.click(&format!("Read {} of the library", files[0].0));
    wait_until_open(&mut window);
    wait_until_known(&mut window);
    (window, papers)
}

/// Until the hash of the document's content is known.
fn wait_until_known(window: &mut Window) {
    window.wait("looking at the content", |app| app.state().reader.shown().unwrap().sha256.is_some());
}

/// Clicks the hit with these words, which begins with its place.
fn open_hit(window: &mut Window, place: &str, words: &str) {
    let is_it = |label: String| label.starts_with(place) && label.contains(words);
    window.harness.get_by(|node| node.label().is_some_and(is_it)).click();
    window.settle();
}

/// The names of the conversation's files.
fn attached(window: &Window) -> Vec<String> {
    window.app().state().current().unwrap().attachments.iter().map(Attachment::name).collect()
}

#[test]
fn highlights_size_and_place_of_a_library_document_are_there_again() {
    let (mut window, _) = reading(Scripted::default(), &[("report.pdf", report(12))]);
    assert!(attached(&window).is_empty(), "it is none of the conversation's files");
    find(&mut window, "leaf number 5");
    window.press(NONE, Key::H);
    wait_for_marks(&mut window, 1);
    window.press(CTRL, Key::Num9);
    let reading = kept(&mut window, |reading| {
        reading.marks.len() == 1 && reading.zoom == Zoom::FitPage && reading.position.page >= 4
    });
    assert_eq!(reading.marks[0].passage.text, "leaf number 5");
    let folder = shut(window);
    // It is open again by itself, and as it was once its content is known.
    let mut window = Window::open_to_read(Scripted::default(), folder, WIDE);
    wait_until_open(&mut window);
    wait_until_known(&mut window);
    wait_for_pages(&mut window);
    assert_eq!(tab(&window).marks, reading.marks);
    let (position, zoom) = place(&mut window);
    assert_eq!((position.page, zoom), (reading.position.page, Zoom::FitPage));
    // So it is at a place that is shown for its words: only the place is another one.
    send(&mut window, ReaderCommand::Close(None));
    window.press(CTRL_SHIFT, Key::L);
    window.wait("opening the library", |app| library(app).holdings.is_some());
    search(&mut window, "When does work begin?");
    open_hit(&mut window, "report.pdf, page 2: ", "work begins in May");
    wait_until_open(&mut window);
    wait_until_known(&mut window);
    assert_eq!(tab(&window).marks, reading.marks);
    assert_eq!(place(&mut window).1, Zoom::FitPage);
    let citation = tab(&window).citation.as_ref().unwrap();
    assert!(citation.page == 2 && !citation.is_lost, "{citation:?}");
}

#[test]
fn a_selection_of_a_library_document_is_asked_about() {
    let backend = Scripted::default();
    let asked = backend.asked.clone();
    let (mut window, _) = reading(backend, &[("report.pdf", report(9))]);
    find(&mut window, "number 5 of the report");
    window.press(NONE, Key::E);
    wait_for_answers(&mut window, 1);
    assert_eq!(window.app().state().middle, Middle::Conversation, "where the answer is");
    assert_eq!(attached(&window), ["report.pdf"], "what follows can be asked about it, too");
    let (question, files) = last_asked(&asked);
    let passage = "This is the passage, from page 5 of report.pdf:\n“number 5 of the report”";
    assert_eq!(question, format!("{EXPLAIN}\n\n{passage}"));
    let [(name, spans)] = files.as_slice() else { panic!("{files:?}") };
    let text = spans.concat();
    assert_eq!(name, "report.pdf");
    // The library's own text of the pages around it: nothing was read again.
    for number in 1..=9 {
        let is_near = (4..=6).contains(&number);
        assert_eq!(text.contains(&format!("leaf number {number} of")), is_near, "page {number}: {text}");
    }
    window.harness.get_by_label("Passage from page 5 of report.pdf: “number 5 of the report”");
    find(&mut window, "leaf number 3");
    window.press(NONE, Key::A);
    window.wait("the passage", |app| app.state().passage.is_some());
    window.ask("Why three?");
    assert!(last_asked(&asked).0.starts_with("Why three?\n\n"));
    assert_eq!(attached(&window), ["report.pdf"], "it is there already");
    // Without the file the library has the document still.
    let id = window.app().state().current().unwrap().attachments[0].id;
    window.run(Command::RemoveAttachment(id));
    assert_eq!(tab(&window).attachment, None);
    find(&mut window, "leaf number 8");
    window.click("Summarise the selection");
    wait_for_answers(&mut window, 3);
    assert!(last_asked(&asked).0.starts_with("Summarise this passage."));
}

#[test]
fn words_that_the_library_read_in_a_scan_are_found_and_highlighted() {
    let scan = std::fs::read(sample("documents/scanned-notes.pdf")).unwrap();
    let (mut window, _) = reading(Scripted::default(), &[("scan.pdf", scan)]);
    find(&mut window, "key of the screen");
    assert!(!tab(&window).finder.hits.is_empty());
    window.press(NONE, Key::H);
    wait_for_marks(&mut window, 1);
    assert_eq!(tab(&window).marks[0].passage.text, "key of the screen");
    kept(&mut window, |reading| reading.marks.len() == 1);
}

#[test]
fn words_of_a_hit_are_looked_for_when_its_document_changed_and_a_file_that_is_gone_is_named() {
    let pages = |first: usize| -> Vec<Vec<String>> {
        let leaf = |n: usize| match n {
            2 => vec!["The keeper".into(), "The keeper was called Astrid Holm and kept three goats.".into()],
            n => vec![format!("Chapter {n}"), format!("Here is leaf number {n} of the book.")],
        };
        (first..=4).map(leaf).collect()
    };
    let files = [("keeper.pdf", book(&pages(1)))];
    let (mut window, papers) = filled(Scripted::default(), WIDE, &files, 1);
    search(&mut window, "Who kept the goats?");
    let path = papers.join("keeper.pdf");
    // A page was put in before it.
    let mut moved = pages(1);
    moved.insert(0, vec!["Preface".into(), "All of this is true.".into()]);
    std::fs::write(&path, book(&moved)).unwrap();
    open_hit(&mut window, "keeper.pdf, page 2: ", "Astrid Holm");
    window.wait("finding the words", |app| {
        app.state().reader.shown().unwrap().citation.as_ref().is_some_and(|citation| citation.page == 3)
    });
    let citation = tab(&window).citation.as_ref().unwrap();
    assert!(!citation.is_lost && citation.quote.contains("Astrid Holm"), "{citation:?}");
    // The page was taken out.
    send(&mut window, ReaderCommand::Close(None));
    std::fs::write(&path, book(&pages(3))).unwrap();
    open_hit(&mut window, "keeper.pdf, page 2: ", "Astrid Holm");
    window.wait("missing the words", |app| {
        app.state().reader.shown().unwrap().citation.as_ref().is_some_and(|citation| citation.is_lost)
    });
    window.harness.get_by(|node| {
        node.value().is_some_and(|text| text.starts_with("These words are not on page 2 any more: “"))
    });
    // The file was taken away.
    send(&mut window, ReaderCommand::Close(None));
    std::fs::remove_file(&path).unwrap();
    open_hit(&mut window, "keeper.pdf, page 2: ", "Astrid Holm");
    window.wait("saying so", |app| matches!(app.state().reader.shown().unwrap().document, Load::Failed(_)));
    let Load::Failed(reason) = &tab(&window).document else { panic!("it is gone") };
    assert!(reason.ends_with("keeper.pdf: there is no such file; look whether it was moved or renamed"));
    window.assert_shows(reason);
}

#[test]
fn an_answer_from_every_section_is_for_documents_and_not_for_the_whole_library() {
    let line =
        |i: usize| format!("On day {i} the carrier brought box number {i} to the mill on the hill.\n\n");
    let files = [
        ("long.txt", (1..=80).map(line).collect::<String>().into_bytes()),
        ("short.txt", b"The harbour freezes over in February.\n".to_vec()),
    ];
    let backend = Scripted::default();
    let asked = backend.asked.clone();
    let (mut window, _) = filled(backend, WIDE, &files, 2);
    let whole = "Answer from every section";
    let why_not = |window: &Window| Command::AnswerWhole.enabled(window.app().state());
    window.click("Ask about all");
    window.ask("What did the carrier do?");
    assert_eq!(
        why_not(&window),
        Err("The whole library is too much to read; ask about one or a few of its documents")
    );
    assert!(window.harness.query_by_label(whole).is_none());
    window.press(CTRL_SHIFT, Key::L);
    window.click("Ask about short.txt");
    window.ask("What freezes?");
    assert_eq!(why_not(&window), Err("The files are short; the answer rests on all of them"));
    window.press(CTRL_SHIFT, Key::L);
    window.click("Ask about long.txt");
    window.ask("What did the carrier do?");
    let n_asked = asked.lock().unwrap().len();
    window.assert_shows(whole);
    window.press(CTRL_SHIFT, Key::R);
    window.wait("the whole answer", |app| app.state().running().is_none());
    let request = asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(asked.lock().unwrap().len(), n_asked + 1);
    assert!(request.whole && request.found.is_none(), "no passages were chosen");
    let (_, read) = last_asked(&asked);
    let [(name, spans)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(name, "long.txt");
    let text = spans.join("\n");
    for i in 1..=80 {
        assert!(text.contains(&format!("box number {i} to the mill")), "day {i}");
    }
    let exchange = window.app().state().current().unwrap().exchanges.last().unwrap();
    assert!(exchange.context.whole && exchange.answer.parts.len() == spans.len());
}
