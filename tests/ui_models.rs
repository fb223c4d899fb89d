//! Models in the window, driven by name like a screen reader would.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use engine::models::{Places, Store};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{AnswerStatus, Overlay};
use medley_tests::window::{CTRL_SHIFT, Window};

const ID: &str = "silero-vad";

/// A store of one's own that holds some of this machine's models.
fn store_with(folder: &Path, ids: &[&str]) -> Store {
    let (all, own) = (Store::open_default().unwrap(), Store::open(&folder.join("models")));
    std::fs::create_dir_all(own.root().join("blobs")).unwrap();
    for id in ids {
        for file in &all.registry().get(id).unwrap().files {
            std::fs::copy(all.place(file), own.place(file)).unwrap();
        }
    }
    own
}

/// A window over such a store, with no models of other programs.
fn window_with(ids: &[&str]) -> Window {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), ids);
    let mut window = Window::open_over(Scripted::default(), store, folder);
    let home = window.folder.path().join("home");
    window.app_mut().set_places(Places::in_home(&home));
    window
}

fn open(window: &mut Window) {
    window.press(CTRL_SHIFT, Key::M);
    assert_eq!(window.app().state().overlay, Overlay::Models);
    window.wait("the look around", |app| {
        let models = &app.state().models;
        models.space.is_some() && models.others.is_some() && !models.measuring
    });
}

#[test]
fn models_are_searched_by_what_they_can_do_and_say_how_they_stand() {
    let mut window = window_with(&[ID]);
    open(&mut window);
    window.harness.get_by_role_and_label(Role::Button, "Models");
    assert_eq!(window.harness.query_all_by_label("writes down speech").count(), 2);
    window.harness.get_by_label(format!("Delete {ID}").as_str());
    assert!(window.harness.query_by_label("Delete pdfium").is_none(), "it is not here");
    let space = window.app().state().models.space.clone().unwrap();
    assert_eq!(space.models_bytes, 1_239_748);
    window.harness.get_by_label_contains("Models take 2 MB in");
    window.harness.get_by_label_contains("None were found of LM Studio, Ollama");
    window.type_into("Look for a model", "speakers apart");
    window.harness.get_by_label("ge2e-speaker");
    assert!(window.harness.query_by_label(ID).is_none());
    window.assert_idle();
    window.press(Modifiers::NONE, Key::Escape);
    assert_eq!(window.app().state().overlay, Overlay::None);
}

#[test]
fn a_model_is_checked_and_a_damaged_one_can_be_downloaded_again() {
    let mut window = window_with(&[ID]);
    open(&mut window);
    window.click(&format!("Check {ID}"));
    window.wait("the check", |app| app.state().models.verdicts.contains_key(ID));
    window.harness.get_by_label("Checked: every byte is right.");
    // One byte is another one.
    let store = Store::open(&window.folder.path().join("models"));
    let place = store.place(&store.registry().get(ID).unwrap().files[0]);
    let mut bytes = std::fs::read(&place).unwrap();
    bytes[500_000] ^= 1;
    std::fs::write(&place, bytes).unwrap();
    window.click(&format!("Check {ID}"));
    window.wait("the second check", |app| app.state().models.verdicts.get(ID).is_some_and(Option::is_some));
    window.harness.get_by_label_contains("Checked: model: damaged: its hash is wrong");
    assert!(!window.app().state().models.row(ID).unwrap().present, "it is used no more");
    assert!(window.harness.query_all_by_label("Download 2 MB").count() >= 1);
}

#[test]
fn deleting_asks_first_and_tells_what_became_free() {
    let mut window = window_with(&[ID]);
    open(&mut window);
    window.click(&format!("Delete {ID}"));
    window.harness.get_by_label_contains("Medley needs this model to work. Delete it all the same? 2 MB");
    window.click("Keep it");
    assert!(window.app().state().models.row(ID).unwrap().present);
    window.click(&format!("Delete {ID}"));
    window.click("Delete the model");
    window.wait("the deletion", |app| app.state().models.deleting.is_none() && app.state().toast.is_some());
    assert!(!window.app().state().models.row(ID).unwrap().present);
    assert!(window.harness.query_all_by_label("silero-vad was deleted; 2 MB are free now").count() >= 1);
    let left = Store::open(&window.folder.path().join("models"));
    assert_eq!(left.bytes(), 0);
}

#[test]
fn a_model_that_answers_cannot_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let ids = [
        "smollm2-135m",
        "silero-vad",
        "minilm-l6",
        "efficientnet-lite2",
        "ppocr-v6-small",
        "pdfium",
        "whisper-tiny.en",
    ];
    let store = store_with(folder.path(), &ids);
    let slow =
        Scripted { answer: "word ".repeat(2000), pause: Duration::from_millis(5), ..Scripted::default() };
    let mut window = Window::open_over(slow, store, folder);
    window.type_question("Tell me everything");
    window.harness.key_press(Key::Enter);
    window.wait("the first words", |app| app.state().running().is_some_and(|e| e.answer.text.len() > 20));
    window.press_while_running(CTRL_SHIFT, Key::M);
    window.harness.step();
    window.harness.get_by_label("It is in use: an answer is being written.");
    let delete = window.harness.get_by_label("Delete smollm2-135m");
    assert!(delete.accesskit_node().is_disabled());
}

#[test]
fn what_is_in_memory_is_shown_and_freed() {
    let mut window = Window::open(Scripted::default());
    window.ask("What is this?");
    window.wait("the news", |app| !app.state().models.loaded.is_empty());
    window.press(CTRL_SHIFT, Key::M);
    window.harness.get_by_label("In memory now");
    window.harness.get_by_label("98 MB  ·  2 MB for the conversation");
    window.click("Free the memory");
    window.wait("the memory", |app| app.state().models.loaded.is_empty());
    window.harness.get_by_label("No model. The next question loads what it needs.");
    assert!(window.harness.get_by_label("Free the memory").accesskit_node().is_disabled());
}

#[test]
fn files_of_other_programs_are_used_where_they_are() {
    let mut window = window_with(&[ID]);
    let home = window.folder.path().join("home");
    let place = home.join(".lmstudio/models/owner/smol/smol-q4.gguf");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let model = Store::open_default().and_then(|store| store.file("smollm2-135m", "model")).unwrap();
    std::fs::copy(model, &place).unwrap();
    let broken = home.join(".cache/llama.cpp/broken.gguf");
    std::fs::create_dir_all(broken.parent().unwrap()).unwrap();
    std::fs::write(&broken, b"GGUF and nothing else").unwrap();
    open(&mut window);
    window.harness.get_by_label("smol-q4");
    window.harness.get_by_label("LM Studio");
    window.harness.get_by_label_contains("Cannot be used: ");
    window.type_into("Look for a model", "smol-q4");
    window.click("Write answers with it smol-q4");
    assert_eq!(Path::new(&window.app().state().settings.model), place);
    assert!(window.harness.query_by_label("Write answers with it smol-q4").is_none());
    assert!(place.exists() && !window.folder.path().join("models/staging").exists(), "nothing is copied");
}

#[test]
fn a_device_that_breaks_is_told_and_everything_else_stays() {
    let backend = Scripted { breaks_on: Some("weather".into()), ..Scripted::default() };
    let mut window = Window::open(backend);
    window.ask("What is this?");
    window.type_question("How is the weather?");
    window.harness.key_press(Key::Enter);
    window.settle();
    window.wait("the break", |app| app.state().running().is_none());
    let conversation = window.app().state().current().unwrap();
    assert_eq!(conversation.exchanges.len(), 2);
    assert_eq!(conversation.exchanges[0].answer.text, "It is a **cat**.");
    let broken = &conversation.exchanges[1].answer;
    assert!(matches!(&broken.status, AnswerStatus::Failed(reason) if reason.contains("ask again")));
    assert_eq!(broken.text, "It ", "what was written stays");
    let told = "the device cuda:0 stopped answering (it fell off the bus)";
    assert!(window.harness.query_all_by_label_contains(told).count() >= 1);
    window.ask("And now?");
    let conversation = window.app().state().current().unwrap();
    assert_eq!(conversation.exchanges[2].answer.text, "It is a **cat**.", "the processor answers");
}
