//! The inside of answers in the window, driven by name like a screen reader would.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use medley_app::jobs::scripted::Scripted;
use medley_app::state::InsideTab;
use medley_tests::sample;
use medley_tests::window::{CTRL_SHIFT, Window};

const LOOK: &str = "Look inside this answer";

/// A window with one answer about a picture.
fn answered(question: &str) -> Window {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask(question);
    window.come_to_rest();
    window
}

#[test]
fn tokens_show_how_sure_the_model_was_and_what_else_was_possible() {
    let mut window = answered("What is this?");
    window.click(LOOK);
    window.harness.get_by_label("4 tokens  ·  74 % sure on average  ·  1 below 50 %");
    window.harness.get_by_label_contains("Point at a word");
    // A click chooses the token under the pointer, and the arrows walk on.
    let text = window
        .harness
        .get_by_role_and_label(Role::List, "The answer by tokens; the arrow keys walk through them");
    text.focus();
    window.settle();
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.harness.get_by_label("Token 1 of 5");
    window.harness.get_by_label("Written: “It ”, 97 %");
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.harness.get_by_label("Token 3 of 5");
    window.harness.get_by_label("Written: “a ”, 31 %");
    window.harness.get_by_label("Possible: “maybe ”, 34 %");
    window.press(Modifiers::NONE, Key::End);
    window.harness.get_by_label("Written: end of the answer, 90 %");
    window.harness.get_by_label("Possible: “ And”, 5.0 %");
    window.assert_idle();
    window.press(Modifiers::NONE, Key::Escape);
    assert_eq!(window.app().state().inside.shown, None, "Escape goes back");
}

#[test]
fn pointing_at_a_word_shows_what_else_was_possible() {
    let mut window = answered("What is this?");
    window.click(LOOK);
    let text = window
        .harness
        .get_by_role_and_label(Role::List, "The answer by tokens; the arrow keys walk through them");
    let at = text.rect().left_center() + egui::vec2(4.0, 0.0);
    window.harness.hover_at(at);
    window.settle();
    let found = window.harness.query_all_by_label("Written: “It ”, 97 %").count();
    assert!(found >= 1, "the first word is under the pointer");
}

#[test]
fn the_context_shows_what_was_read_and_what_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.txt");
    std::fs::write(&long, "Long.").unwrap();
    let mut window = Window::open(Scripted::default());
    window.drop_file(long);
    window.wait_until_read();
    window.ask("First?");
    window.ask("Second?");
    window.press(CTRL_SHIFT, Key::I);
    window.click("Context");
    assert_eq!(window.app().state().inside.tab, InsideTab::Context);
    // The bar and the line above it say the same.
    assert_eq!(window.harness.query_all_by_label("100 tokens were read of 2048 that fit (4.9 %)").count(), 2);
    for part in ["Instructions", "Notes: long.txt", "Earlier question", "Earlier answer", "Question"] {
        window.harness.get_by_role_and_label(Role::Label, part);
    }
    window.harness.get_by_label("Form of the conversation");
    window.harness.get_by_label("Not given to the model");
    window.harness.get_by_label("long.txt: 1 of 3 passages, which fit the question less well");
    // Its words, on demand.
    assert!(window.harness.query_by_label("Answer from the notes.").is_none());
    let first = window.harness.get_all_by_label("What it says").next().unwrap();
    first.click();
    window.settle();
    window.harness.get_by_label("Answer from the notes.");
    window.assert_idle();
}

#[test]
fn experts_are_shown_for_each_kind_of_token_and_a_model_without_says_so() {
    let mut window = answered("Which experts see this?");
    window.click(LOOK);
    window.click("Experts");
    window.harness.get_by_label_contains("16 layers of 8 experts, 2 chosen for each token.");
    for kind in ["Text (120)", "Pictures (256)", "Answer (24)"] {
        window.harness.get_by_label(kind);
    }
    assert!(window.harness.query_by_label("Video (0)").is_none(), "only what there was");
    window.click("Pictures (256)");
    let map = window.harness.get_by_label_contains("Pictures: Chosen most: expert");
    let at = map.rect().min + egui::vec2(60.0, 6.0);
    window.harness.hover_at(at);
    window.settle();
    window.harness.get_by_label_contains("Layer 15, expert");
    assert!(window.harness.query_all_by_label_contains("of 128 experts were never chosen.").count() >= 1);
    window.press(CTRL_SHIFT, Key::I);
    window.ask("And now?");
    window.press(CTRL_SHIFT, Key::I);
    window.harness.get_by_label("This model has no experts: every token goes through all of its weights.");
}

#[test]
fn time_is_told_by_stage() {
    let mut window = answered("What is this?");
    window.click(LOOK);
    window.click("Time");
    assert_eq!(window.harness.query_all_by_label("1.90 s in all").count(), 2);
    for stage in
        ["Loading models", "Finding the evidence", "Reading the prompt", "Writing", "Everything else"]
    {
        window.harness.get_by_label(stage);
    }
    window.harness.get_by_label("1.30 s   68 %");
}

#[test]
fn without_a_record_the_pane_says_what_to_do() {
    let mut window = answered("What is this?");
    window.click(LOOK);
    window.click("Keep how new answers come about");
    assert!(!window.app().state().settings.inside);
    window.press(Modifiers::NONE, Key::Escape);
    window.ask("And this?");
    window.press(CTRL_SHIFT, Key::I);
    window.harness.get_by_label_contains("Nothing is kept of how answers come about.");
    window.click("Keep how new answers come about");
    window.harness.get_by_label("Nothing was kept of how this answer came about. Answer again to see it.");
    let again = window.harness.get_all_by_label("Answer again").next().unwrap();
    again.click();
    window.settle();
    window.wait("the answer", |app| app.state().running().is_none());
    window.harness.get_by_label("4 tokens  ·  74 % sure on average  ·  1 below 50 %");
}

#[test]
fn a_small_window_shows_it_in_the_place_of_the_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open_in(Scripted::default(), folder, [560.0, 480.0]);
    window.ask("What is this?");
    window.click(LOOK);
    window.harness.get_by_label("Inside the answer");
    assert!(window.harness.query_by_label(LOOK).is_none());
    window.press(Modifiers::NONE, Key::Escape);
    window.harness.get_by_label(LOOK);
}
