//! Teaching in the window: the real tuning over a tiny decoder, and chains of thought that vote.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use engine::tune::Method;
use medley_app::App;
use medley_app::command::{Command, TeachCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{AdapterState, Middle, Run, RunState, TeachForm};
use medley_tests::root;
use medley_tests::window::{CTRL_SHIFT, Window};

fn questions(folder: &Path) -> PathBuf {
    let path = folder.join("sums.jsonl");
    let lines = (1..12).map(|i| format!("{{\"question\": \"{i} + 1?\", \"answer\": \"{}\"}}\n", i + 1));
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    path
}

/// A window whose pane has a tiny decoder and little to do.
fn teaching(method: Method, steps: usize) -> Window {
    let mut window = Window::open_with_store(Scripted::default());
    window.press(CTRL_SHIFT, Key::T);
    assert_eq!(window.app().state().middle, Middle::Teach);
    let form = TeachForm {
        method,
        model: root().join("tests/golden/folder").display().to_string(),
        steps,
        batch: 4,
        held_out: 2,
        max_tokens: 16,
        ..TeachForm::default()
    };
    send(&mut window, TeachCommand::Set(Box::new(form)));
    window
}

fn send(window: &mut Window, command: TeachCommand) {
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Teach(command), &ctx);
    window.settle();
}

fn run(app: &App) -> &Run {
    app.state().teach.run.as_ref().expect("a run")
}

fn wait_for_end(window: &mut Window) {
    window.wait("the end of the run", |app| !run(app).is_going_on());
}

#[test]
fn a_dropped_file_teaches_and_its_adapter_answers_when_it_is_kept() {
    let mut window = teaching(Method::Direct, 3);
    window.harness.get_by_label("Drop a file of questions and answers here, or click to choose one");
    let path = questions(window.folder.path());
    window.drop_file(path);
    window.harness.get_by_label("sums.jsonl");
    window.click("Start");
    wait_for_end(&mut window);
    let teaching = run(window.app());
    assert_eq!(teaching.state, RunState::Done, "{:?}", teaching.notices);
    assert_eq!((teaching.loss.len(), teaching.about.step), (3, 3));
    assert!(teaching.loss.iter().all(|(_, loss)| loss.is_finite()));
    assert!(teaching.checked.len() >= 2, "{:?}", teaching.checked);
    let folder = teaching.about.folder.clone();
    assert!(folder.join("adapter_model.safetensors").is_file());
    // The curves are named with their last value.
    let last = teaching.loss.last().unwrap().1;
    window.harness.get_by_label(&format!("Loss: {last:.2}"));
    window.wait("the list", |app| app.state().teach.adapters.as_ref().is_some_and(|all| !all.is_empty()));
    window.click("Keep the adapter");
    window.wait("keeping it", |app| app.state().teach.kept().next().is_some());
    assert!(window.app().state().teach.run.is_none());
    window.click("sums, direct");
    let settings = &window.app().state().settings;
    assert_eq!(settings.adapter.as_ref(), Some(&folder));
    assert!(settings.model.ends_with("tests/golden/folder"), "the model that it was made for");
    window.press(egui::Modifiers::NONE, Key::Escape);
    window.harness.get_by_label("Answers with sums, direct");
    window.assert_idle();
    // The answer says what wrote it.
    window.ask("What is 3 + 1?");
    window.harness.get_by_label_contains("tuned: sums, direct");
    // It goes with all of its files, and answers go on without it.
    window.press(CTRL_SHIFT, Key::T);
    window.click("Drop sums, direct");
    window.click("Delete it");
    window.wait("deleting it", |app| app.state().teach.kept().next().is_none());
    assert!(!folder.exists());
    assert_eq!(window.app().state().settings.adapter, None);
}

#[test]
fn a_run_that_is_stopped_goes_on_also_after_a_restart() {
    let mut window = teaching(Method::Direct, 400);
    let path = questions(window.folder.path());
    window.drop_file(path);
    window.click("Start");
    window.wait("some steps", |app| run(app).about.step >= 6);
    window.click("Stop");
    wait_for_end(&mut window);
    assert_eq!(run(window.app()).state, RunState::Stopped);
    let (folder, step) = (run(window.app()).about.folder.clone(), run(window.app()).about.step);
    assert!(folder.join("checkpoint.safetensors").is_file() && step < 400);
    let Window { harness, folder: data } = window;
    drop(harness);
    let mut window = Window::open_to_read(Scripted::default(), data, [1180.0, 780.0]);
    window.press(CTRL_SHIFT, Key::T);
    window.wait("the list", |app| app.state().teach.adapters.as_ref().is_some_and(|all| !all.is_empty()));
    assert_eq!(window.app().state().teach.adapters.as_ref().unwrap()[0].state, AdapterState::Unfinished);
    window.click("Go on with sums, direct");
    window.wait("more steps", |app| run(app).loss.first().is_some_and(|(first, _)| *first > 6.0));
    assert_eq!(run(window.app()).loss[0].0 as usize, step + 1, "it goes on after the last step");
    window.click("Stop");
    wait_for_end(&mut window);
    window.click("Drop the adapter");
    window.wait("deleting it", |app| app.state().teach.adapters.as_ref().is_some_and(Vec::is_empty));
}

#[test]
fn bad_questions_are_named_with_their_line() {
    for (line, what) in [
        ("{\"question\": \"2 + 2?\"}", "line 2: the answer is missing"),
        ("", "line 2: the line is empty"),
        ("{\"question\": \"\", \"answer\": \"4\"}", "line 2: the question is missing"),
    ] {
        let mut window = teaching(Method::Direct, 2);
        let path = window.folder.path().join("bad.jsonl");
        std::fs::write(&path, format!("{{\"question\": \"1 + 1?\", \"answer\": \"2\"}}\n{line}\n{{}}\n"))
            .unwrap();
        window.drop_file(path);
        window.click("Start");
        wait_for_end(&mut window);
        let RunState::Failed(reason) = &run(window.app()).state else {
            panic!("{:?}", run(window.app()).state)
        };
        assert!(reason.contains(what), "{reason}");
        let reason = reason.clone();
        window.harness.get_by_label(&reason);
        // Nothing is left of it.
        assert!(window.app().state().teach.adapters.as_ref().is_none_or(Vec::is_empty));
        window.click("Another run");
        assert!(window.app().state().teach.run.is_none());
        window.wait("looking for adapters", |app| !app.is_busy());
        window.assert_idle();
    }
}

/// A decoder of random weights never thinks of the right answer.
#[test]
fn answers_that_nobody_can_reach_end_the_run() {
    let mut window = teaching(Method::Trice, 200);
    let path = questions(window.folder.path());
    window.drop_file(path);
    window.click("Start");
    wait_for_end(&mut window);
    let RunState::Failed(reason) = run(window.app()).state.clone() else {
        panic!("{:?}", run(window.app()).state)
    };
    assert!(reason.contains("right"), "{reason}");
    window.harness.get_by_label(&reason);
}

#[test]
fn chains_vote_and_can_be_opened_also_after_a_restart() {
    let mut window = Window::open(Scripted::default());
    window.click("Think: off");
    window.click("5 chains vote");
    window.harness.get_by_label("Think: 5 chains vote");
    window.ask("How many are there?");
    let exchange = window.app().state().current().unwrap().exchanges[0].clone();
    assert_eq!(exchange.context.think, Some(5));
    assert_eq!(exchange.answer.thoughts.len(), 6, "five that vote and the likeliest one");
    // Chains 2 and 5 think otherwise.
    window.click("3 of 5 chains say: 12");
    window.harness.get_by_label("2 say: 7");
    window.click("Chain 2  ·  7");
    window.harness.get_by_label("I count them one by one. The answer is 7.");
    window.assert_idle();
    window.harness.state_mut().as_mut().unwrap().save();
    let Window { harness, folder } = window;
    drop(harness);
    let window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    let again = &window.app().state().current().unwrap().exchanges[0];
    assert_eq!((&again.answer.thoughts, again.context.think), (&exchange.answer.thoughts, Some(5)));
    window.harness.get_by_label("3 of 5 chains say: 12");
}
