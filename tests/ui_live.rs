//! Listening in the window, driven by name like a screen reader would, over a scripted microphone.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use medley_app::jobs::scripted::Scripted;
use medley_app::platform::listen::Source;
use medley_app::state::AttachmentState;
use medley_tests::window::Window;

fn wait_for_text(window: &mut Window) {
    window.wait("the text", |app| {
        app.state().live.as_ref().is_some_and(|live| live.tentative == " is too small.")
    });
}

#[test]
fn what_is_said_is_shown_and_becomes_a_file_of_the_conversation() {
    let mut window = Window::open(Scripted::default());
    window.click("Start listening");
    wait_for_text(&mut window);
    let live = window.app().state().live.clone().unwrap();
    assert_eq!((live.stable.as_str(), live.opened), ("The budget", true));
    assert!(live.level > 0.5 && live.at_s == 1.0);
    // Stable and tentative text are one paragraph; level, time and source are named.
    window.harness.get_by_label("The budget is too small.");
    window.harness.get_by_label("Sound level");
    window.harness.get_by_label("Listening to the default microphone");
    window.click("Stop listening");
    window.wait("the file", |app| {
        let files = app.state().current().map(|c| c.attachments.as_slice()).unwrap_or_default();
        app.state().live.is_none() && files.iter().any(|a| matches!(a.state, AttachmentState::Read(_)))
    });
    let state = window.app().state();
    let file = &state.current().unwrap().attachments[0];
    // What was heard live is its text: the scripted reader would find other lines.
    let texts: Vec<_> = file.read().unwrap().spans.iter().map(|span| span.text.clone()).collect();
    assert_eq!(texts, ["The budget is too small."]);
    assert!(file.path.starts_with(window.folder.path().join("recordings")) && file.path.exists());
    assert_eq!(state.live_problem, None);
}

#[test]
fn the_keyboard_starts_and_stops() {
    let mut window = Window::open(Scripted::default());
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
    wait_for_text(&mut window);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::M);
    window.wait("the end", |app| app.state().live.is_none());
    assert_eq!(window.app().state().current().unwrap().attachments.len(), 1);
}

#[test]
fn without_a_microphone_the_window_says_what_to_do() {
    let mut window = Window::open(Scripted { has_microphone: false, ..Scripted::default() });
    window.click("Start listening");
    window.wait("the problem", |app| app.state().live_problem.is_some());
    window.harness.get_by_label("Not listening: no microphone was found: plug one in");
    window.click("Close message");
    assert_eq!(window.app().state().live_problem, None);
    window.click("Choose what to listen to");
    window.wait("the look", |app| app.state().microphones.is_some());
    window.harness.get_by_label("No microphone was found: plug one in and allow Medley to use it");
}

#[test]
fn a_microphone_or_system_sound_is_chosen_in_the_menu() {
    let mut window = Window::open(Scripted::default());
    window.click("Choose what to listen to");
    window.wait("the look", |app| app.state().microphones.is_some());
    window.click("Desk microphone");
    assert_eq!(window.app().state().live_source, Source::Microphone("Desk microphone".to_owned()));
    if cfg!(target_os = "linux") {
        window.click("Choose what to listen to");
        window.click("System sound: what the computer plays");
        assert_eq!(window.app().state().live_source, Source::SystemSound);
    }
}
