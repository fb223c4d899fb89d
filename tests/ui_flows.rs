//! The window, driven by name like a screen reader would, over a scripted engine.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{AnswerStatus, AttachmentState, Overlay};
use medley_app::{App, AppOptions};
use medley_tests::sample;
use medley_tests::window::{CTRL, CTRL_SHIFT, Window};

#[test]
fn a_dropped_picture_is_read_asked_about_and_shown_with_its_box() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.harness.get_by_label("Remove chelsea.png");
    window.ask("What is this?");
    let state = window.app().state();
    let exchange = &state.current().unwrap().exchanges[0];
    assert_eq!(exchange.answer.text, "It is a **cat**.");
    assert_eq!(exchange.answer.evidence.len(), 1);
    assert_eq!(state.current().unwrap().title, "What is this?");
    assert!(window.harness.query_by_label("Remove chelsea.png").is_none(), "it belongs to the question now");
    let evidence = window.evidence_label();
    assert_eq!(evidence, "Evidence: chelsea.png, picture, tabby cat");
    window.click(&evidence);
    window.wait("decoding the picture", |app| {
        let viewer = app.state().viewer.as_ref().unwrap();
        matches!(viewer.picture, medley_app::state::Load::Ready(_))
    });
    window.harness.get_by_role_and_label(Role::Image, "chelsea.png with the place marked");
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.app().state().viewer.is_none(), "Escape goes back");
}

#[test]
fn a_long_file_can_be_answered_from_every_section() {
    let mut window = Window::open(Scripted::default());
    let folder = tempfile::tempdir().unwrap();
    let (short, long) = (folder.path().join("short.txt"), folder.path().join("long.txt"));
    std::fs::write(&short, "Short.").unwrap();
    std::fs::write(&long, "Long.").unwrap();
    let whole = "Answer from every section";
    window.drop_file(short);
    window.wait_until_read();
    window.ask("What is in it?");
    assert!(window.harness.query_by_label(whole).is_none(), "all of a short file is read at once");
    window.drop_file(long);
    window.wait_until_read();
    window.ask("And in this one?");
    assert!(window.app().state().current().unwrap().exchanges[1].answer.parts.is_empty());
    window.press(CTRL_SHIFT, Key::R);
    window.wait("the whole answer", |app| app.state().running().is_none());
    let exchange = &window.app().state().current().unwrap().exchanges[1];
    assert!(exchange.context.whole);
    let notes: Vec<(&str, bool)> =
        exchange.answer.parts.iter().map(|part| (part.text.as_str(), part.is_located)).collect();
    let located = [false, true, false, true, false];
    let expected = ["Note 1.", "Note 2.", "Note 3.", "Note 4.", "Note 5."];
    assert_eq!(notes, expected.into_iter().zip(located).collect::<Vec<_>>());
    assert!(window.harness.query_by_label("Note 1.").is_none(), "folded under a whole answer");
    window.click("Notes from 5 sections");
    window.harness.get_by_label("Note 1.");
    window.harness.get_by_label("long.txt, page 1  ·  Notes  ·  no passage says this");
    window.click("long.txt, page 2  ·  Notes");
    window.wait("the place", |app| !app.state().reader.tabs.is_empty());
    assert!(window.harness.query_by_label(whole).is_none(), "it is answered from every section");
}

#[test]
fn text_streams_in_and_stop_answers_at_once() {
    let answer = "word ".repeat(2000);
    let mut window =
        Window::open(Scripted { answer, pause: Duration::from_millis(5), ..Scripted::default() });
    window.type_question("Tell me everything");
    window.harness.key_press(Key::Enter);
    window.wait("the first words", |app| app.state().running().is_some_and(|e| e.answer.text.len() > 50));
    let begin = Instant::now();
    window.harness.get_by_label("Stop").click();
    window.harness.step();
    window.harness.step();
    assert!(begin.elapsed() < Duration::from_millis(100), "{:?}", begin.elapsed());
    let answer = &window.app().state().current().unwrap().exchanges[0].answer;
    assert_eq!(answer.status, AnswerStatus::Done(medley_app::state::StopReason::Cancelled));
    let kept = answer.text.len();
    assert!(kept > 50, "what was written stays");
    std::thread::sleep(Duration::from_millis(100));
    window.settle();
    assert_eq!(window.app().state().current().unwrap().exchanges[0].answer.text.len(), kept);
    window.ask("And again?");
    assert_eq!(window.app().state().current().unwrap().exchanges.len(), 2, "the engine is free again");
}

#[test]
fn a_question_waits_for_its_files_and_a_bad_file_says_why() {
    let mut window = Window::open(Scripted::default());
    let empty = window.folder.path().join("empty.png");
    std::fs::write(&empty, b"").unwrap();
    window.drop_file(empty);
    window.drop_file(sample("pictures/coffee.png"));
    window.ask("What is in them?");
    let conversation = window.app().state().current().unwrap();
    assert_eq!(conversation.attachments.len(), 2);
    let AttachmentState::Failed(reason) = &conversation.attachments[0].state else { panic!("not failed") };
    assert_eq!(reason, "the file is empty; save or copy it again");
    let answer = &conversation.exchanges[0].answer;
    assert_eq!(answer.notices, ["empty.png was left out: the file is empty; save or copy it again"]);
    assert_eq!(answer.evidence.len(), 1, "the good file was used");
}

#[test]
fn a_failed_answer_shows_the_reason_and_can_be_asked_again() {
    let mut window = Window::open(Scripted { fail_on: Some("weather".into()), ..Scripted::default() });
    window.ask("How is the weather?");
    window.harness.get_by_label("the script has no answer to \"weather\"");
    window.press(CTRL, Key::R);
    window.wait("failing again", |app| app.state().running().is_none());
    window.harness.get_by_label("This could not be answered");
}

#[test]
fn conversations_are_made_renamed_deleted_and_brought_back_by_keyboard() {
    let mut window = Window::open(Scripted::default());
    window.ask("First question");
    window.press(CTRL, Key::N);
    window.ask("Second question");
    let titles = |window: &Window| -> Vec<String> {
        window.app().state().conversations.iter().map(|c| c.title.clone()).collect()
    };
    assert_eq!(titles(&window), ["Second question", "First question"]);
    window.press(CTRL, Key::ArrowDown);
    assert_eq!(window.app().state().current().unwrap().title, "First question");
    window.press(Modifiers::NONE, Key::F2);
    let field = window.harness.get_by_role_and_label(Role::TextInput, "Title");
    assert!(field.is_focused());
    window.press(CTRL, Key::A);
    window.harness.get_by_role_and_label(Role::TextInput, "Title").type_text("Renamed");
    window.settle();
    window.harness.key_press(Key::Enter);
    window.settle();
    assert_eq!(titles(&window), ["Second question", "Renamed"]);
    window.press(CTRL_SHIFT, Key::Delete);
    assert_eq!(titles(&window), ["Second question"]);
    window.click("Undo");
    assert_eq!(titles(&window), ["Second question", "Renamed"]);
    assert_eq!(window.app().state().current().unwrap().exchanges.len(), 1);
}

#[test]
fn shift_enter_begins_a_line_and_enter_asks() {
    let mut window = Window::open(Scripted::default());
    window.type_question("one");
    window.press(Modifiers::SHIFT, Key::Enter);
    window.harness.get_by_role_and_label(Role::MultilineTextInput, "Question").type_text("two");
    window.settle();
    assert_eq!(window.app().draft(), "one\ntwo");
    window.press(Modifiers::NONE, Key::Enter);
    window.wait("answering", |app| app.state().running().is_none());
    assert_eq!(window.app().state().current().unwrap().exchanges[0].question, "one\ntwo");
}

#[test]
fn text_with_file_addresses_is_pasted_as_files() {
    let mut window = Window::open(Scripted::default());
    let path = sample("pictures/rocket.jpg").canonicalize().unwrap();
    window.harness.event(egui::Event::Paste(format!("file://{}\n", path.display())));
    window.settle();
    assert_eq!(window.app().state().current().unwrap().attachments[0].path, path);
    assert_eq!(window.app().draft(), "", "the address is not also typed");
}

#[test]
fn a_pasted_picture_becomes_a_file_in_the_data_folder() {
    let mut window = Window::open(Scripted::default());
    let image = egui::ColorImage::filled([8, 6], egui::Color32::RED);
    window.harness.event(egui::Event::PasteImage(Arc::new(image)));
    window.settle();
    window.wait_until_read();
    let path = window.app().state().current().unwrap().attachments[0].path.clone();
    assert!(path.starts_with(window.folder.path()), "{path:?}");
    assert_eq!(image::open(path).unwrap().into_rgb8().get_pixel(3, 3).0, [255, 0, 0]);
}

#[test]
fn settings_and_shortcuts_open_and_close_by_keyboard() {
    let mut window = Window::open(Scripted::default());
    window.press(CTRL, Key::Comma);
    assert_eq!(window.app().state().overlay, Overlay::Settings);
    window.click("Dark");
    assert_eq!(window.app().state().settings.theme, medley_app::state::Theme::Dark);
    window.press(Modifiers::NONE, Key::Escape);
    assert_eq!(window.app().state().overlay, Overlay::None);
    window.press(Modifiers::NONE, Key::F1);
    window.harness.get_by_label("Close shortcuts");
    window.press(Modifiers::NONE, Key::Escape);
    assert_eq!(window.app().state().overlay, Overlay::None);
}

/// Everything that can be pressed or typed into has a name, on every screen.
#[test]
fn every_control_has_a_name() {
    let mut window = Window::open(Scripted::default());
    let check = |window: &Window, screen: &str| {
        let unnamed = window.harness.unnamed_widgets();
        assert!(unnamed.is_empty(), "{screen}: {unnamed:?}");
        let buttons = window.harness.get_all_by(|node| node.role() == Role::Button);
        assert!(buttons.into_iter().count() > 3, "{screen}: the walk saw too little");
    };
    check(&window, "empty");
    window.drop_file(sample("speech/austen-0870.wav"));
    window.wait_until_read();
    check(&window, "with a file");
    window.ask("What is said?");
    check(&window, "answered");
    let evidence = window.evidence_label();
    window.click(&evidence);
    window.wait("the waveform", |app| {
        let viewer = app.state().viewer.as_ref().unwrap();
        matches!(viewer.wave, medley_app::state::Load::Ready(_))
    });
    check(&window, "evidence");
    window.harness.get_by_label("Play from here");
    for (modifiers, key, screen) in [
        (CTRL, Key::Comma, "settings"),
        (Modifiers::NONE, Key::F1, "shortcuts"),
        (CTRL_SHIFT, Key::O, "path"),
        (Modifiers::NONE, Key::F2, "rename"),
    ] {
        window.press(modifiers, key);
        check(&window, screen);
        window.press(Modifiers::NONE, Key::Escape);
    }
}

/// A window that waits for nothing draws nothing: no spinner, no blinking cursor.
#[test]
fn an_idle_window_asks_for_no_frame() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("What is this?");
    let evidence = window.evidence_label();
    window.click(&evidence);
    window.wait("decoding", |app| {
        let viewer = app.state().viewer.as_ref().unwrap();
        matches!(viewer.picture, medley_app::state::Load::Ready(_))
    });
    std::thread::sleep(Duration::from_millis(50));
    window.settle();
    window.assert_idle();
}

#[test]
fn a_small_window_keeps_everything_reachable() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open_in(Scripted::default(), folder, [640.0, 480.0]);
    assert!(window.harness.query_by_label("Settings").is_none(), "the list is folded away");
    window.ask("First?");
    window.click("Show or hide conversations");
    window.harness.get_by_label("Settings");
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.harness.query_by_label("Settings").is_none());
    let send = window.harness.get_by_label("Send").rect();
    assert!(send.right() <= 640.0 && send.bottom() <= 480.0, "{send:?}");
}

#[test]
fn what_was_written_is_there_after_the_window_was_closed() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("What is this?");
    let Window { harness, folder } = window;
    drop(harness);
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    let conversation = window.app().state().current().unwrap();
    assert_eq!(conversation.exchanges[0].answer.text, "It is a **cat**.");
    assert_eq!(conversation.exchanges[0].answer.evidence.len(), 1);
    assert!(matches!(conversation.attachments[0].state, AttachmentState::Read(_)), "it is not read again");
    let evidence = window.evidence_label();
    assert!(evidence.starts_with("Evidence: chelsea.png"), "{evidence}");
    window.press(Modifiers::ALT, Key::ArrowDown);
    assert!(window.app().state().viewer.as_ref().unwrap().read.is_some(), "opened by keyboard");
}

/// Set for the child process of the next test: the folder it writes into.
const CHILD: &str = "MEDLEY_TEST_CHILD";

/// The test starts itself again as the process that is killed.
#[test]
fn a_killed_program_loses_at_most_a_second_of_an_answer() {
    if let Some(folder) = std::env::var_os(CHILD) {
        write_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let progress = folder.path().join("progress");
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_program_loses_at_most_a_second_of_an_answer", "--nocapture"])
        .env(CHILD, folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The child notes how much it showed and when; it is killed once it has streamed for a while.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
        let notes = std::fs::read_to_string(&progress).unwrap_or_default();
        if notes.lines().count() > 60 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let notes = std::fs::read_to_string(&progress).unwrap();
    let notes: Vec<(f64, usize)> = notes
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(time, bytes)| Some((time.parse().ok()?, bytes.parse().ok()?)))
        .collect();
    let (end_s, shown) = *notes.last().expect("the child streamed");
    let a_second_before =
        notes.iter().rev().find(|(time, _)| end_s - time >= 1.0).map_or(0, |(_, bytes)| *bytes);
    let window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    let exchange = &window.app().state().current().unwrap().exchanges[0];
    assert_eq!(exchange.question, "Tell me everything");
    assert_eq!(exchange.answer.status, AnswerStatus::Interrupted);
    let kept = exchange.answer.text.len();
    assert!(a_second_before > 0, "it streamed for more than a second");
    assert!(
        kept >= a_second_before,
        "{kept} of {shown} bytes kept; a second before it had {a_second_before}"
    );
}

fn write_until_killed(folder: &Path) -> ! {
    use std::io::Write as _;
    let progress = folder.join("progress");
    let answer = "word ".repeat(100_000);
    let backend = Scripted { answer, pause: Duration::from_millis(5), ..Scripted::default() };
    let options = AppOptions {
        backend: Box::new(backend),
        store: None,
        prefixes: None,
        data_folder: folder.to_path_buf(),
        model: None,
        attach: Vec::new(),
    };
    let ctx = egui::Context::default();
    let mut app = App::new(options, &ctx).unwrap();
    app.run(medley_app::command::Command::Send("Tell me everything".into()), &ctx);
    let mut notes = std::fs::File::create(progress).unwrap();
    let begin = Instant::now();
    loop {
        app.poll(&ctx);
        let shown = app.state().running().map_or(0, |e| e.answer.text.len());
        writeln!(notes, "{} {shown}", begin.elapsed().as_secs_f64()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_very_long_pasted_text_becomes_a_file() {
    let mut window = Window::open(Scripted::default());
    let text = "A line of a very long text.\n".repeat(1_500_000);
    assert!(text.len() > 40_000_000);
    window.harness.get_by_role_and_label(Role::MultilineTextInput, "Question").focus();
    window.settle();
    window.harness.input_mut().events.push(egui::Event::Paste(text.clone()));
    window.harness.step();
    window.wait("saving the text", |app| {
        app.state().current().is_some_and(|conversation| !conversation.attachments.is_empty())
    });
    assert_eq!(window.app().draft(), "", "nothing of it is in the field");
    let path = window.app().state().current().unwrap().attachments[0].path.clone();
    assert!(std::fs::read_to_string(path).unwrap() == text, "the file has all of it");
    let told = "The pasted text is long, so it was added as a file";
    assert_eq!(window.app().state().toast.as_ref().map(|toast| toast.text.as_str()), Some(told));
}

#[test]
fn a_long_list_of_pasted_files_adds_the_files() {
    let mut window = Window::open(Scripted::default());
    let path = sample("pictures/text.png").canonicalize().unwrap();
    let text = format!("file://{}\n", path.display()).repeat(2_000);
    assert!(text.len() > 50_000);
    window.harness.input_mut().events.push(egui::Event::Paste(text));
    window.settle();
    let attachments = &window.app().state().current().unwrap().attachments;
    assert_eq!(attachments.iter().map(|a| &a.path).collect::<Vec<_>>(), [&path]);
}
