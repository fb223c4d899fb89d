use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::PrefixStore;
use engine::models::Store;

use crate::command::{Command, TalkCommand};
use crate::jobs::scripted::Scripted;
use crate::state::{AnswerStatus, AttachmentState, Editing, Sampling, Setup, StopReason};
use crate::{App, AppOptions};

struct Bench {
    app: App,
    ctx: egui::Context,
    folder: PathBuf,
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("medley-update-{name}-{}", std::process::id()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

impl Bench {
    fn open(folder: &Path, backend: Scripted, store: Option<Store>) -> Self {
        let ctx = egui::Context::default();
        let data_folder = folder.to_path_buf();
        let options = AppOptions {
            backend: Box::new(backend),
            store,
            prefixes: Some(PrefixStore::open(&folder.join("prefixes"), PrefixStore::MOST_BYTES)),
            data_folder,
            model: None,
            attach: Vec::new(),
        };
        Self { app: App::new(options, &ctx).unwrap(), ctx, folder: folder.to_path_buf() }
    }

    fn run(&mut self, command: Command) {
        self.app.run(command, &self.ctx);
    }

    fn wait(&mut self, what: &str, done: impl Fn(&App) -> bool) {
        let begin = Instant::now();
        while !done(&self.app) {
            assert!(begin.elapsed() < Duration::from_secs(30), "{what} did not happen");
            self.app.poll(&self.ctx);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, "The budget is too small for the building.").unwrap();
        path
    }

    fn ask(&mut self, question: &str) {
        self.run(Command::Send(question.into()));
        self.wait("answering", |app| app.state().running().is_none());
    }
}

#[test]
fn without_models_files_wait_and_a_question_is_refused_with_the_reason() {
    let folder = folder("missing");
    let store = Store::open(&folder.join("models"));
    let mut bench = Bench::open(&folder, Scripted::default(), Some(store));
    assert!(bench.app.state().models.missing_bytes() > 0);
    let path = bench.file("notes.txt");
    bench.run(Command::AttachFiles(vec![path]));
    bench.wait("checking", |app| {
        app.state().current().unwrap().attachments[0].state == AttachmentState::Waiting
    });
    bench.run(Command::Send("What?".into()));
    assert!(bench.app.state().running().is_none());
    assert_eq!(bench.app.state().toast.as_ref().unwrap().text, "The models must be downloaded first");
}

#[test]
fn two_windows_over_the_same_data_keep_both_conversations() {
    let folder = folder("two");
    let mut one = Bench::open(&folder, Scripted::default(), None);
    let mut two = Bench::open(&folder, Scripted::default(), None);
    one.ask("From the first window");
    two.ask("From the second window");
    drop((one, two));
    let again = Bench::open(&folder, Scripted::default(), None);
    let mut titles: Vec<_> = again.app.state().conversations.iter().map(|c| c.title.clone()).collect();
    titles.sort();
    assert_eq!(titles, ["From the first window", "From the second window"]);
}

#[test]
fn an_edited_question_is_asked_beside_the_old_one_with_its_files() {
    let scripted = Scripted::default();
    let asked = scripted.asked.clone();
    let mut bench = Bench::open(&folder("edit"), scripted, None);
    let path = bench.file("notes.txt");
    bench.run(Command::AttachFiles(vec![path]));
    bench.ask("What about the budgte?");
    bench.ask("And then?");
    let first = bench.app.state().current().unwrap().exchanges[0].id;
    bench.run(Command::EditQuestion(first));
    assert_eq!(bench.app.state().editing, Some(Editing::Question(first)));
    bench.run(Command::Talk(TalkCommand::AskEdited(first, "What about the budget?".into())));
    bench.wait("answering", |app| app.state().running().is_none());
    let conversation = bench.app.state().current().unwrap();
    assert_eq!(bench.app.state().editing, None);
    assert_eq!(conversation.exchanges.len(), 1, "the old branch is aside");
    assert_eq!(conversation.all().count(), 3);
    let edited = &conversation.exchanges[0];
    assert_eq!(edited.attachments, conversation.find(first).unwrap().attachments);
    assert_eq!(edited.answer.evidence.len(), 1, "the file was asked about");
    let request = asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!((request.history.len(), request.media.len()), (0, 1));
    bench.run(Command::Talk(TalkCommand::ShowBranch(first)));
    assert_eq!(bench.app.state().current().unwrap().exchanges.len(), 2);
    bench.ask("On the old branch?");
    let request = asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(request.history.len(), 2, "what was said on this branch goes with it");
    let notes: Vec<&str> =
        request.history.iter().flat_map(|turn| &turn.notes).map(|given| given.notes.as_str()).collect();
    let questions = ["What about the budgte?", "And then?"];
    assert_eq!(notes, questions.map(|question| format!("Notes from notes.txt for: {question}\n")));
    // All of it is there at the next start.
    let folder = bench.folder.clone();
    drop(bench);
    let bench = Bench::open(&folder, Scripted::default(), None);
    let conversation = bench.app.state().current().unwrap();
    assert_eq!((conversation.exchanges.len(), conversation.all().count()), (3, 4));
}

#[test]
fn files_of_one_branch_are_not_asked_about_on_another() {
    let scripted = Scripted::default();
    let asked = scripted.asked.clone();
    let mut bench = Bench::open(&folder("branch-files"), scripted, None);
    bench.ask("Hello?");
    let path = bench.file("notes.txt");
    bench.run(Command::AttachFiles(vec![path]));
    bench.ask("What is in it?");
    let first = bench.app.state().current().unwrap().exchanges[0].id;
    bench.run(Command::Talk(TalkCommand::AskEdited(first, "Good morning?".into())));
    bench.wait("answering", |app| app.state().running().is_none());
    bench.ask("And now?");
    assert!(asked.lock().unwrap().last().unwrap().media.is_empty());
}

#[test]
fn an_answer_is_kept_as_edited_and_what_the_model_wrote_can_come_back() {
    let mut bench = Bench::open(&folder("edit-answer"), Scripted::default(), None);
    bench.ask("What is it?");
    let id = bench.app.state().current().unwrap().exchanges[0].id;
    let answer = |bench: &Bench| bench.app.state().exchange(id).unwrap().answer.clone();
    let written = answer(&bench).text;
    for text in ["A dog.", "A small dog."] {
        bench.run(Command::Talk(TalkCommand::KeepEdited(id, text.into())));
        assert_eq!((answer(&bench).text.as_str(), answer(&bench).original), (text, Some(written.clone())));
    }
    bench.run(Command::Talk(TalkCommand::RestoreAnswer(id)));
    assert_eq!((answer(&bench).text, answer(&bench).original), (written, None));
}

#[test]
fn an_answer_again_stands_beside_the_first_and_may_have_another_model() {
    let scripted = Scripted::default();
    let asked = scripted.asked.clone();
    let mut bench = Bench::open(&folder("again"), scripted, None);
    bench.ask("What is it?");
    let id = bench.app.state().current().unwrap().exchanges[0].id;
    let sampling = Sampling { temperature: 0.9, ..Sampling::default() };
    let setup = Setup { model: Some("other".into()), sampling: Some(sampling), ..Setup::default() };
    bench.run(Command::Talk(TalkCommand::AnswerAgain(id, Box::new(setup))));
    bench.wait("answering", |app| app.state().running().is_none());
    let conversation = bench.app.state().current().unwrap();
    let shown = &conversation.exchanges[0];
    assert_eq!((shown.answer.model.as_str(), shown.question.as_str()), ("other", "What is it?"));
    assert_eq!(conversation.answer_versions(shown.id).ids, [id, shown.id]);
    assert_eq!(asked.lock().unwrap().last().unwrap().options.temperature, 0.9);
}

#[test]
fn deleting_a_conversation_stops_its_answer() {
    let backend =
        Scripted { answer: "word ".repeat(5000), pause: Duration::from_millis(2), ..Scripted::default() };
    let mut bench = Bench::open(&folder("stop"), backend, None);
    bench.run(Command::Send("Tell me".into()));
    bench.wait("the first word", |app| app.state().running().is_some_and(|e| !e.answer.text.is_empty()));
    let id = bench.app.state().selected.unwrap();
    bench.run(Command::Delete(Some(id)));
    assert!(bench.app.state().running().is_none());
    bench.run(Command::UndoDelete(id));
    let status = &bench.app.state().current().unwrap().exchanges[0].answer.status;
    assert_eq!(*status, AnswerStatus::Done(StopReason::Cancelled));
}

#[test]
fn earlier_turns_go_with_the_next_question_and_the_same_file_is_added_once() {
    let mut bench = Bench::open(&folder("turns"), Scripted::default(), None);
    let path = bench.file("notes.txt");
    bench.run(Command::AttachFiles(vec![path.clone(), path.clone()]));
    bench.ask("First?");
    bench.run(Command::AttachFiles(vec![path]));
    assert_eq!(bench.app.state().current().unwrap().attachments.len(), 1);
    bench.ask("Second?");
    let conversation = bench.app.state().current().unwrap();
    let with_evidence = conversation.exchanges.iter().filter(|e| !e.answer.evidence.is_empty()).count();
    assert_eq!(with_evidence, 2, "the file still counts for the second question");
}

#[test]
fn with_all_conversations_goes_what_was_kept_of_their_prompts() {
    let folder = folder("clear-prefixes");
    let kept = folder.join("prefixes/a.state");
    std::fs::create_dir_all(folder.join("prefixes")).unwrap();
    std::fs::write(&kept, "keys and values").unwrap();
    let mut bench = Bench::open(&folder, Scripted::default(), None);
    bench.run(Command::ClearData);
    assert!(!kept.exists());
    assert_eq!(
        bench.app.state.toast.as_ref().map(|toast| toast.text.as_str()),
        Some("All conversations were deleted")
    );
}
