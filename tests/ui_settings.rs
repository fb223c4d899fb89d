//! Settings, privacy page and crash report, driven by name.

use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable};
use medley_app::command::{Command, ProgramCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Contrast, Keep, KeptPlace, Load, Motion, Overlay, Settings, Theme};
use medley_app::words::Language;
use medley_tests::sample;
use medley_tests::window::{CTRL, Window};

const NONE: Modifiers = Modifiers::NONE;

fn settings(window: &Window) -> Settings {
    window.app().state().settings.clone()
}

#[test]
fn a_setting_is_found_changed_kept_and_reset() {
    let mut window = Window::open(Scripted::default());
    window.press(CTRL, Key::Comma);
    window.type_into("Find a setting", "contrast");
    assert!(window.harness.query_by_label("Temperature").is_none(), "it is not what was looked for");
    window.click("High");
    assert_eq!(settings(&window).contrast, Contrast::High);
    window.press(NONE, Key::Escape);
    let folder = window.close();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    assert_eq!(settings(&window).contrast, Contrast::High, "it is on the disk");
    window.press(CTRL, Key::Comma);
    window.click("Reset Contrast");
    assert_eq!(settings(&window).contrast, Contrast::Normal);
    assert!(window.harness.query_by_label("Reset Contrast").is_none(), "there is nothing to reset");
}

#[test]
fn all_settings_are_reset_and_brought_back() {
    let mut window = Window::open(Scripted::default());
    let changed = Settings {
        theme: Theme::Dark,
        motion: Motion::Reduced,
        max_tokens: 64,
        tour_seen: true,
        ..Settings::default()
    };
    window.run(Command::SetSettings(changed.clone()));
    window.run(Command::Program(ProgramCommand::ResetSettings));
    assert_eq!(settings(&window), Settings { tour_seen: true, ..Settings::default() }, "the tour stays seen");
    window.click("Undo");
    assert_eq!(settings(&window), changed);
}

#[test]
fn every_choice_says_whether_it_holds() {
    let mut window = Window::open(Scripted::default());
    window.press(CTRL, Key::Comma);
    let holds = |window: &Window, name: &str| {
        window.harness.get_by_role_and_label(Role::RadioButton, name).accesskit_node().toggled()
    };
    assert_eq!(holds(&window, "Dark"), Some(Toggled::False));
    window.click("Dark");
    assert_eq!(holds(&window, "Dark"), Some(Toggled::True));
    window.click("Jump");
    assert_eq!(settings(&window).motion, Motion::Reduced);
}

#[test]
fn the_panes_speak_the_chosen_language() {
    let mut window = Window::open(Scripted::default());
    window.run(Command::SetSettings(Settings { language: Language::German, ..Settings::default() }));
    window.press(CTRL, Key::Comma);
    window.harness.get_by_role_and_label(Role::RadioGroup, "Farbschema");
    window.press(NONE, Key::Escape);
    window.press(NONE, Key::F1);
    window.harness.get_by_label("Fragen und Antworten");
    window.harness.get_by_label("Strg+N");
    window.press(NONE, Key::Escape);
    window.run(Command::SetSettings(Settings { language: Language::French, ..Settings::default() }));
    window.run(Command::Program(ProgramCommand::OpenPrivacy));
    window.harness.get_by_label("Tout ce que vous demandez et ouvrez reste sur cet ordinateur.");
}

fn place(window: &Window, keep: Keep) -> KeptPlace {
    let Load::Ready(places) = &window.app().state().program.kept else { panic!("not measured") };
    places.iter().find(|place| place.keep == keep).unwrap().clone()
}

fn wait_until_measured(window: &mut Window) {
    window.wait("measuring", |app| {
        matches!(app.state().program.kept, Load::Ready(_)) && !app.state().program.deleting
    });
}

#[test]
fn the_privacy_page_measures_what_is_kept_and_deletes_it_after_asking() {
    let mut window = Window::open(Scripted::default());
    let image = egui::ColorImage::filled([64, 64], egui::Color32::RED);
    window.harness.event(egui::Event::PasteImage(std::sync::Arc::new(image)));
    window.settle();
    window.wait_until_read();
    window.ask("A question nobody else may read");
    window.press(CTRL, Key::Comma);
    window.harness.get_by_label("What is kept, and deleting it…").scroll_to_me();
    window.settle();
    window.click("What is kept, and deleting it…");
    assert_eq!(window.app().state().overlay, Overlay::Privacy);
    wait_until_measured(&mut window);
    window.harness.get_by_label_contains("Nothing is ever sent");
    let pasted = place(&window, Keep::Pasted);
    assert_eq!((pasted.files, pasted.path.clone()), (1, window.folder.path().join("pasted")));
    assert_eq!(
        pasted.bytes,
        std::fs::read_dir(&pasted.path).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum::<u64>()
    );
    let delete = |window: &mut Window, name: &str| {
        window.harness.get_by_label(name).scroll_to_me();
        window.settle();
        window.click(name);
    };
    delete(&mut window, "Delete Pasted pictures");
    assert_eq!(place(&window, Keep::Pasted).files, 1, "it is asked first");
    window.click("Keep");
    delete(&mut window, "Delete Pasted pictures");
    window.click("Delete");
    window.wait("deleting", |app| !app.state().program.deleting);
    assert_eq!(place(&window, Keep::Pasted).files, 0);
    assert_eq!(std::fs::read_dir(&pasted.path).unwrap().count(), 0);
    // Everything, and nothing of it is left in the file either.
    delete(&mut window, "Delete everything…");
    window.click("Delete");
    window.wait("deleting", |app| !app.state().program.deleting);
    assert!(window.app().state().conversations.iter().all(|c| c.is_blank()));
    let folder = window.close();
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|e| e.path().is_file()) {
        bytes.extend(std::fs::read(entry.path()).unwrap());
    }
    let secret = b"nobody else may read";
    assert!(!bytes.windows(secret.len()).any(|part| part == secret), "the question is still in the file");
}

#[test]
fn a_crash_report_is_offered_once_and_can_be_copied_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("crashes")).unwrap();
    let report = folder.path().join("crashes/crash-1790000000.txt");
    std::fs::write(&report, "Medley 0.1.0 crashed.\nplace: app/src/lib.rs:1:1\n").unwrap();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    window.harness.state_mut().as_mut().unwrap().greet();
    window.settle();
    assert_eq!(window.app().state().overlay, Overlay::Crash);
    window.harness.get_by_label_contains("it is never sent");
    window.click("Copy the report");
    assert_eq!(window.app().state().toast.as_ref().unwrap().text, "Copied");
    window.press(NONE, Key::Escape);
    assert_eq!(window.app().state().overlay, Overlay::None);
    // It can be looked at again, but is not offered again.
    window.run(Command::Program(ProgramCommand::OpenCrash));
    assert_eq!(window.app().state().overlay, Overlay::Crash);
    window.click("Delete the report");
    window.wait("deleting", |app| matches!(app.state().program.kept, Load::Ready(_)));
    assert!(!report.exists());
    assert!(window.app().state().program.crash.is_none());
    let folder = window.close();
    std::fs::write(&report, "Medley 0.1.0 crashed.\n").unwrap();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    window.harness.state_mut().as_mut().unwrap().greet();
    window.press(NONE, Key::Escape);
    let folder = window.close();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    window.harness.state_mut().as_mut().unwrap().greet();
    assert_ne!(window.app().state().overlay, Overlay::Crash, "it was offered once");
}

#[test]
fn colours_change_with_the_settings_everywhere_at_once() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    let corner = |window: &Window| window.picture().get_pixel(600, 300).0;
    let mut seen = Vec::new();
    for theme in [Theme::Light, Theme::Dark] {
        for contrast in [Contrast::Normal, Contrast::High] {
            window.run(Command::SetSettings(Settings { theme, contrast, ..Settings::default() }));
            seen.push(corner(&window));
        }
    }
    assert_eq!(seen, [[255; 3], [255; 3], [0x17, 0x19, 0x1e], [0; 3]]);
}
