//! The reading pane, driven by name over a scripted engine and real documents.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use egui::{Event, Key, Modifiers, pos2};
use egui_kittest::kittest::{NodeT as _, Queryable};
use medley_app::App;
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Load, Zoom};
use medley_tests::reading::{
    QUOTE, WIDE, copied, copied_within, double_click, find, kept, open, open_window, page, place, reading,
    report, tab, to_pages, type_into, wait_for_marks, wait_for_pages, wait_until_open, write,
};
use medley_tests::window::{CTRL, Window};

const NONE: Modifiers = Modifiers::NONE;
const ALT: Modifiers = Modifiers::ALT;
const SHIFT: Modifiers = Modifiers::SHIFT;

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
