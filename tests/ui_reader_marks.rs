//! What is done with a document that is read: selecting, highlights, evidence, questions about passages, links, tabs.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, OutputCommand};
use egui_kittest::kittest::Queryable;
use engine::tasks::ask::AskRequest;
use medley_app::command::ReaderCommand;
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Colour, Tab};
use medley_tests::media_files::{book, page_objects, pdf};
use medley_tests::reading::{
    QUOTE, WIDE, copied, double_click, drag, find, kept, last_asked, on_paper, open, open_window, page,
    reading, report, send, shut, tab, to_pages, type_into, wait_for_answers, wait_for_marks, wait_for_pages,
    wait_until_open, write,
};
use medley_tests::window::{CTRL, CTRL_SHIFT, Window};

const NONE: Modifiers = Modifiers::NONE;
const ALT: Modifiers = Modifiers::ALT;
const SHIFT: Modifiers = Modifiers::SHIFT;

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
