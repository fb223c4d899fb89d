//! Conversations in the window: versions, search, the list, files out and in, many questions.

use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable};
use medley_app::command::{Command, TalkCommand};
use medley_app::jobs::scripted::{Scripted, long_conversation};
use medley_app::state::{ConversationId, ExchangeId, Load, Preset, Sampling, Setup};
use medley_app::storage::{FILE_NAME, Storage, Write};
use medley_tests::sample;
use medley_tests::window::{CTRL_SHIFT, Window};

fn run(window: &mut Window, command: TalkCommand) {
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Talk(command), &ctx);
    window.settle();
}

fn questions(window: &Window) -> Vec<String> {
    window.app().state().current().unwrap().exchanges.iter().map(|e| e.question.clone()).collect()
}

fn titles(window: &Window) -> Vec<String> {
    window.app().state().conversations.iter().map(|c| c.title.clone()).collect()
}

/// Closes the window and opens another one over the same data.
fn reopen(window: Window) -> Window {
    let Window { harness, folder } = window;
    drop(harness);
    Window::open_in(Scripted::default(), folder, [1180.0, 780.0])
}

#[test]
fn an_edited_question_is_a_version_beside_the_old_one_and_keeps_its_file() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("What is thsi?");
    window.ask("And its colour?");
    let edit: Vec<_> = window.harness.get_all_by_label("Edit question").collect();
    edit[0].click();
    drop(edit);
    window.settle();
    let field = window.harness.get_by_role_and_label(Role::MultilineTextInput, "Edited question");
    assert!(field.is_focused());
    assert_eq!(field.accesskit_node().value().as_deref(), Some("What is thsi?"));
    window.press(Modifiers::COMMAND, Key::A);
    window
        .harness
        .get_by_role_and_label(Role::MultilineTextInput, "Edited question")
        .type_text("What is this?");
    window.settle();
    window.press(Modifiers::NONE, Key::Enter);
    window.wait("answering", |app| app.state().running().is_none());
    assert_eq!(questions(&window), ["What is this?"]);
    let exchange = &window.app().state().current().unwrap().exchanges[0];
    assert_eq!((exchange.attachments.len(), exchange.answer.evidence.len()), (1, 1));
    window.harness.get_by_label("2/2");
    window.click("Previous version of the question");
    assert_eq!(questions(&window), ["What is thsi?", "And its colour?"]);
    window.harness.get_by_label("1/2");
    // Both are there after a restart, and the shown one is shown.
    let mut window = reopen(window);
    assert_eq!(questions(&window), ["What is thsi?", "And its colour?"]);
    window.click("Next version of the question");
    assert_eq!(questions(&window), ["What is this?"]);
    window.assert_idle();
}

#[test]
fn escape_leaves_a_question_as_it_is() {
    let mut window = Window::open(Scripted::default());
    window.ask("What is this?");
    window.click("Edit question");
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.harness.query_by_label("Edited question").is_none());
    assert_eq!(window.app().state().current().unwrap().all().count(), 1);
    window.click("Edit question");
    let field = window.harness.get_by_role_and_label(Role::MultilineTextInput, "Edited question");
    assert_eq!(field.accesskit_node().value().as_deref(), Some("What is this?"));
}

#[test]
fn an_answer_can_be_edited_and_says_so() {
    let mut window = Window::open(Scripted::default());
    window.ask("What is this?");
    window.click("Edit answer");
    let field = || (Role::MultilineTextInput, "Edited answer");
    window.harness.get_by_role_and_label(field().0, field().1).type_text(" Really.");
    window.settle();
    window.press(Modifiers::COMMAND, Key::Enter);
    let answer = window.app().state().current().unwrap().exchanges[0].answer.clone();
    assert_eq!(answer.text, "It is a **cat**. Really.");
    assert_eq!(answer.original.as_deref(), Some("It is a **cat**."));
    window.harness.get_by_label("edited");
    let mut window = reopen(window);
    window.harness.get_by_label("edited");
    window.click("Back to what the model wrote");
    assert_eq!(window.app().state().current().unwrap().exchanges[0].answer.text, "It is a **cat**.");
    assert!(window.harness.query_by_label("edited").is_none());
}

#[test]
fn an_answer_again_from_the_menu_stands_beside_the_first() {
    let scripted = Scripted::default();
    let asked = scripted.asked.clone();
    let mut window = Window::open(scripted);
    window.ask("What is this?");
    window.click("Answer again with…");
    window.click("Inventive");
    window.wait("answering", |app| app.state().running().is_none());
    assert_eq!(asked.lock().unwrap().last().unwrap().options.temperature, 1.0);
    window.harness.get_by_label("2/2");
    let usage = window.harness.get_all_by(|node| node.value().is_some_and(|text| text.contains("Inventive")));
    assert!(usage.into_iter().count() > 0, "the answer says how it was made");
    window.click("Previous answer");
    window.harness.get_by_label("1/2");
}

#[test]
fn a_deleted_question_comes_back_with_what_followed_it() {
    let mut window = Window::open(Scripted::default());
    for question in ["One?", "Two?", "Three?"] {
        window.ask(question);
    }
    let delete: Vec<_> = window.harness.get_all_by_label("Delete question and answer").collect();
    delete[1].click();
    drop(delete);
    window.settle();
    assert_eq!(questions(&window), ["One?", "Three?"]);
    window.click("Undo");
    assert_eq!(questions(&window), ["One?", "Two?", "Three?"]);
    let window = reopen(window);
    assert_eq!(questions(&window), ["One?", "Two?", "Three?"]);
}

#[test]
fn words_are_found_in_all_conversations_and_a_click_goes_there() {
    let mut window = Window::open(Scripted::default());
    window.ask("Where is the lighthouse?");
    window.ask("And the harbour?");
    run(&mut window, TalkCommand::ShowBranch(ExchangeId(0)));
    let first = window.app().state().current().unwrap().exchanges[0].id;
    run(&mut window, TalkCommand::AskEdited(first, "Where is the church?".into()));
    window.wait("answering", |app| app.state().running().is_none());
    window.press(Modifiers::COMMAND, Key::N);
    window.ask("Something else");
    window.press(CTRL_SHIFT, Key::F);
    let field = window.harness.get_by_role_and_label(Role::TextInput, "Search all conversations");
    assert!(field.is_focused());
    field.type_text("harb");
    window.wait("finding", |app| {
        app.state()
            .hunt
            .as_ref()
            .is_some_and(|hunt| matches!(&hunt.matches, Load::Ready(found) if found.len() == 1))
    });
    window.harness.get_by_label("1 place found");
    window.click("Found in Where is the lighthouse?: And the harbour?");
    assert_eq!(questions(&window), ["Where is the lighthouse?", "And the harbour?"], "its branch is shown");
    window.assert_idle();
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.app().state().hunt.is_none(), "Escape goes back to the list");
    window.press(CTRL_SHIFT, Key::F);
    window.harness.get_by_role_and_label(Role::TextInput, "Search all conversations").type_text("zebra");
    window.wait("finding nothing", |app| {
        app.state()
            .hunt
            .as_ref()
            .is_some_and(|hunt| matches!(&hunt.matches, Load::Ready(found) if found.is_empty()))
    });
    window.harness.get_by_label("“zebra” stands in no conversation.");
}

#[test]
fn conversations_are_pinned_and_lie_in_folders() {
    let mut window = Window::open(Scripted::default());
    window.ask("First question");
    window.press(Modifiers::COMMAND, Key::N);
    window.ask("Second question");
    window.press(Modifiers::COMMAND, Key::N);
    window.ask("Third question");
    window.harness.get_by_label("Today");
    window.click("More about Third question");
    window.click("Pin");
    window.harness.get_by_label("Pinned");
    // Into a folder of its own, by its menu.
    window.press(Modifiers::COMMAND, Key::ArrowDown);
    assert_eq!(window.app().state().current().unwrap().title, "Second question", "pinned ones stand first");
    window.click("More about Second question");
    window.click("Move to folder");
    window.click("New folder…");
    window.harness.get_by_role_and_label(Role::TextInput, "Name of the folder").type_text("Work");
    window.settle();
    window.press(Modifiers::NONE, Key::Enter);
    window.harness.get_by_label("Folder Work, 1");
    let mut window = reopen(window);
    window.harness.get_by_label("Folder Work, 1");
    window.harness.get_by_label("Pinned");
    window.click("Folder Work, 1");
    let row = |window: &Window| {
        let rows = window.harness.query_all_by(|node| {
            node.role() == Role::Button
                && node.label().is_some_and(|label| label.starts_with("Second question,"))
        });
        rows.count()
    };
    assert_eq!(row(&window), 0, "folded up");
    window.click("Folder Work, 1");
    assert_eq!(row(&window), 1);
    run(&mut window, TalkCommand::RenameFolder("Work".into(), "Play".into()));
    window.harness.get_by_label("Folder Play, 1");
    run(&mut window, TalkCommand::RenameFolder("Play".into(), String::new()));
    assert!(window.harness.query_by_label("Folder Play, 1").is_none());
    assert_eq!(window.app().state().conversations.len(), 3);
}

#[test]
fn a_conversation_has_its_own_model_instructions_and_sampling() {
    let scripted = Scripted::default();
    let asked = scripted.asked.clone();
    let mut window = Window::open(scripted);
    window.ask("Before");
    assert_eq!(asked.lock().unwrap().last().unwrap().system, None);
    run(&mut window, TalkCommand::OpenSetup);
    let name = "Instructions";
    window.harness.get_by_role_and_label(Role::MultilineTextInput, name).focus();
    window.settle();
    window.harness.get_by_role_and_label(Role::MultilineTextInput, name).type_text("Answer in rhymes.");
    window.settle();
    window.click("Balanced");
    window.press(Modifiers::NONE, Key::Escape);
    let sampling = Sampling { temperature: 1.3, ..Sampling::default() };
    run(&mut window, TalkCommand::SavePreset(Preset { name: "Wild".into(), sampling: sampling.clone() }));
    let setup = window.app().state().current().unwrap().setup.clone();
    run(&mut window, TalkCommand::SetSetup(Box::new(Setup { model: Some("other".into()), ..setup })));
    window.ask("After");
    {
        let asked = asked.lock().unwrap();
        let request = asked.last().unwrap();
        assert_eq!(request.system.as_deref(), Some("Answer in rhymes."));
        assert_eq!((request.options.temperature, request.options.top_p), (0.6, 0.95));
    }
    assert_eq!(window.app().state().current().unwrap().exchanges[1].answer.model, "other");
    let window = reopen(window);
    let state = window.app().state();
    assert_eq!(state.current().unwrap().setup.system.as_deref(), Some("Answer in rhymes."));
    assert_eq!(state.own_presets, [Preset { name: "Wild".into(), sampling }]);
}

#[test]
fn a_temporary_conversation_says_so_and_leaves_nothing_unless_it_is_kept() {
    let mut window = Window::open(Scripted::default());
    window.press(CTRL_SHIFT, Key::N);
    assert!(window.harness.get_all_by_label("Temporary conversation").count() >= 1);
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("A secret?");
    window.harness.get_by_label("Temporary conversation");
    let mut window = reopen(window);
    assert_eq!(titles(&window).iter().filter(|title| *title == "A secret?").count(), 0);
    let bytes = std::fs::read(window.folder.path().join(FILE_NAME)).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("secret"), "nothing of it is in the file");
    window.press(CTRL_SHIFT, Key::N);
    window.ask("No secret?");
    window.click("Keep this conversation");
    assert!(window.harness.query_by_label("Temporary conversation").is_none());
    let window = reopen(window);
    assert_eq!(titles(&window), ["No secret?"]);
    assert_eq!(window.app().state().current().unwrap().exchanges.len(), 1);
}

#[test]
fn a_picture_pasted_into_a_temporary_conversation_goes_with_it_or_is_kept_with_it() {
    let mut window = Window::open(Scripted::default());
    window.press(CTRL_SHIFT, Key::N);
    let image = egui::ColorImage::filled([8, 6], egui::Color32::RED);
    window.harness.event(egui::Event::PasteImage(std::sync::Arc::new(image)));
    window.settle();
    window.wait_until_read();
    window.ask("What is this?");
    let path = |window: &Window| window.app().state().current().unwrap().attachments[0].path.clone();
    let pasted = path(&window);
    assert!(pasted.exists() && !pasted.starts_with(window.folder.path()), "{pasted:?}");
    window.click("Keep this conversation");
    let kept = path(&window);
    assert!(kept.exists() && kept.starts_with(window.folder.path()), "{kept:?}");
    let state = window.app().state();
    assert_eq!(state.current().unwrap().exchanges[0].answer.evidence[0].source, kept);
    drop(window);
    assert!(!pasted.exists(), "what was not kept is gone with the window");
}

#[test]
fn a_database_of_a_newer_medley_is_shown_and_not_changed() {
    let mut window = Window::open(Scripted::default());
    window.ask("From later");
    let Window { harness, folder } = window;
    drop(harness);
    let path = folder.path().join(FILE_NAME);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    assert_eq!(questions(&window), ["From later"]);
    let told = window.app().state().storage_notice.clone().unwrap();
    assert!(told.contains("newer Medley (format 99"), "{told}");
    window.assert_shows(&told);
    window.ask("Not kept");
    let window = reopen(window);
    assert_eq!(questions(&window), ["From later"]);
}

#[test]
fn a_full_disk_is_told_and_what_waited_is_written_when_there_is_room() {
    let mut window = Window::open(Scripted { answer: "word ".repeat(4000), ..Scripted::default() });
    window.ask("Before");
    window.app().pretend_full_disk(true);
    window.ask("While the disk is full");
    window.wait("telling", |app| app.state().unsaved.is_some());
    let told = window.app().state().unsaved.clone().unwrap();
    assert!(told.contains("Nothing is lost"), "{told}");
    window.harness.get_by_label(&told);
    window.app().pretend_full_disk(false);
    window.wait("saving", |app| app.state().unsaved.is_none());
    assert!(window.harness.query_by_label(&told).is_none());
    let window = reopen(window);
    assert_eq!(questions(&window), ["Before", "While the disk is full"]);
    assert_eq!(window.app().state().current().unwrap().exchanges[1].answer.text, "word ".repeat(4000));
}

fn write_long(folder: &std::path::Path, n: i64) {
    long_conversation(&Storage::open(folder).unwrap(), ConversationId(1), n);
}

fn scroll(window: &mut Window, points: f32) {
    window.harness.event(egui::Event::PointerMoved(egui::pos2(700.0, 350.0)));
    window.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, points),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    });
    window.harness.step();
}

/// The questions that can be seen, with where they are.
fn seen(window: &Window) -> Vec<(String, f32)> {
    let nodes = window.harness.query_all_by(|node| {
        node.role() == Role::Label && node.value().is_some_and(|text| text.starts_with("Question number"))
    });
    let view = 60.0..640.0;
    let seen = nodes.map(|node| (node.accesskit_node().value().unwrap(), node.rect().top()));
    seen.filter(|(_, top)| view.contains(top)).collect()
}

/// Seconds of processor time that this thread has used: what else this machine does at the same time is no matter.
#[cfg(target_os = "linux")]
fn processor_s() -> f64 {
    let used = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    used.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

#[cfg(not(target_os = "linux"))]
fn processor_s() -> f64 {
    medley_app::platform::now_s()
}

#[test]
fn a_thousand_questions_open_at_once_at_their_end_and_only_those_in_view_are_laid_out() {
    let folder = tempfile::tempdir().unwrap();
    write_long(folder.path(), 1000);
    let storage = Storage::open(folder.path()).unwrap();
    storage.write(Write::Conversation {
        id: ConversationId(2),
        title: "Short".into(),
        created_s: 1.0,
        updated_s: medley_app::platform::now_s() + 10.0,
        pinned: false,
        folder: String::new(),
        setup: Box::default(),
    });
    storage.flush();
    drop(storage);
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    assert_eq!(window.app().state().current().unwrap().title, "Short");
    let begin_s = processor_s();
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Select(ConversationId(1)), &ctx);
    window.harness.step();
    let opened_s = processor_s() - begin_s;
    window.settle();
    assert_eq!(window.app().state().current().unwrap().exchanges.len(), 1000);
    assert_eq!(seen(&window).last().map(|(text, _)| text.as_str()), Some("Question number 999?"));
    let mut frames_s: Vec<f64> = Vec::new();
    let mut most = 0;
    for i in 0..400 {
        let (begin_s, begin) = (processor_s(), ctx.cumulative_frame_nr());
        scroll(&mut window, if i < 300 { 120.0 } else { -60.0 });
        frames_s.push((processor_s() - begin_s) / (ctx.cumulative_frame_nr() - begin).max(1) as f64);
        most = most.max(window.app().answers_laid_out());
    }
    frames_s.sort_by(f64::total_cmp);
    let at_ms = |share: f64| 1e3 * frames_s[(share * (frames_s.len() - 1) as f64) as usize];
    println!(
        "opened in {:.0} ms of processor time; frames: median {:.1} ms, 99 % {:.1} ms; at most {most} answers laid out",
        1e3 * opened_s,
        at_ms(0.5),
        at_ms(0.99)
    );
    assert!(most < 20, "{most} answers were laid out in one frame");
    assert!(opened_s < 0.2, "opened in {opened_s} s");
    assert!(at_ms(0.99) < 16.0, "{} ms", at_ms(0.99));
    window.settle();
    window.assert_idle();
}

#[test]
fn what_is_seen_does_not_jump_when_answers_above_it_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    write_long(folder.path(), 200);
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    let mut before = seen(&window);
    let mut followed = 0;
    for _ in 0..200 {
        scroll(&mut window, 40.0);
        let now = seen(&window);
        for (text, top) in &now {
            if let Some((_, earlier)) = before.iter().find(|(other, _)| other == text) {
                let moved = top - earlier;
                assert!((-1.0..=60.0).contains(&moved), "{text} moved by {moved}");
                followed += 1;
            }
        }
        before = now;
    }
    assert!(followed > 100, "only {followed} were followed");
}

#[test]
fn scrolling_up_while_an_answer_is_written_stays_and_a_button_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    write_long(folder.path(), 40);
    let answer = "word after word\n\n".repeat(3000);
    let scripted = Scripted { answer, pause: Duration::from_millis(1), ..Scripted::default() };
    let mut window = Window::open_in(scripted, folder, [1180.0, 780.0]);
    window.type_question("Question number last?");
    window.harness.key_press(Key::Enter);
    let written = |app: &medley_app::App| app.state().running().map_or(0, |e| e.answer.text.len());
    window.wait("writing", |app| written(app) > 4000);
    assert!(window.harness.query_by_label("Go to the end").is_none(), "it follows");
    for _ in 0..60 {
        scroll(&mut window, 200.0);
    }
    // The wheel comes to rest.
    for _ in 0..60 {
        window.harness.step();
    }
    let place = seen(&window);
    assert!(!place.is_empty());
    let before = written(window.app());
    window.harness.step();
    let begin = Instant::now();
    while written(window.app()) < before + 2000 && begin.elapsed() < Duration::from_secs(20) {
        window.harness.step();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(window.app().state().running().is_some(), "it is still written");
    let moved = seen(&window);
    let near = |a: &[(String, f32)], b: &[(String, f32)]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1.0)
    };
    assert!(near(&place, &moved), "{place:?} became {moved:?}");
    window.harness.get_by_label("Go to the end").click();
    window.harness.step();
    window.harness.step();
    window.harness.step();
    assert!(window.harness.query_by_label("Go to the end").is_none(), "it follows again");
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Stop, &ctx);
    window.settle();
}
