//! The window by keyboard and by name: command palette, shortcut sheet, panes, and a walk through all panes and states.

use std::collections::BTreeMap;

use egui::accesskit::{Action, Live, NodeId, Role};
use egui::{Key, Modifiers};
use egui_kittest::Node;
use egui_kittest::kittest::{NodeT as _, Queryable};
use medley_app::command::{Command, ProgramCommand};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{Contrast, Overlay, Settings, Theme};
use medley_tests::panes::{self, PALETTE};
use medley_tests::window::{CTRL, CTRL_SHIFT, Window};
use medley_tests::{for_each_case, sample};

const NONE: Modifiers = Modifiers::NONE;

/// Whether somebody can act on it.
fn is_control(node: &Node<'_>) -> bool {
    let node = node.accesskit_node();
    let role = node.role();
    // Areas that only take what misses everything else, and text that can be selected.
    let is_ground = matches!(
        role,
        Role::GenericContainer | Role::Dialog | Role::Window | Role::Unknown | Role::Label | Role::ScrollBar
    );
    let acts = node.data().supports_action(Action::Click) || egui::accessibility::is_input(role);
    acts && !is_ground && !node.is_hidden() && !node.data().is_read_only()
}

/// What is wrong with the names of a window.
fn misnamed(window: &Window) -> Vec<String> {
    let nodes = window.harness.root().children_recursive().filter(is_control);
    nodes
        .filter_map(|node| {
            let of = node.accesskit_node();
            let name = of.label().or(of.data().placeholder().map(str::to_owned)).unwrap_or_default();
            let private = |c: char| ('\u{e000}'..='\u{f8ff}').contains(&c);
            let problem = if name.trim().is_empty() {
                "has no name"
            } else if name.chars().any(private) {
                "is named by a drawing"
            } else if !name.chars().any(char::is_alphanumeric) {
                "has a name that cannot be spoken"
            } else {
                return None;
            };
            Some(format!("{:?} {name:?} at {:?} {problem}", of.role(), node.rect()))
        })
        .collect()
}

#[test]
fn every_control_of_every_pane_has_a_name() {
    for_each_case(panes::all(), |pane| {
        let window = (pane.open)([1180.0, 780.0]);
        let n = window.harness.root().children_recursive().filter(is_control).count();
        if n < 4 {
            return Err(format!("the walk saw only {n} controls"));
        }
        let bad = misnamed(&window);
        if bad.is_empty() { Ok(()) } else { Err(bad.join("; ")) }
    });
}

#[test]
fn a_control_without_a_name_is_noticed() {
    let mut harness = egui_kittest::Harness::builder().with_accessibility_check(false).build_ui(|ui| {
        let (_, response) = ui.allocate_exact_size(egui::vec2(20.0, 20.0), egui::Sense::click());
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Button, true, " "));
    });
    harness.run();
    let found = harness.root().children_recursive().filter(is_control).count();
    assert_eq!(found, 1);
    assert_eq!(harness.unnamed_widgets().len(), 1);
}

/// Where controls can be pressed: what is scrolled away can be reached by scrolling.
fn pressable(window: &Window) -> Vec<(String, egui::Rect)> {
    let rects: BTreeMap<NodeId, egui::Rect> = window.harness.ctx.viewport(|viewport| {
        let layers = viewport.prev_pass.widgets.layers();
        layers.flat_map(|(_, widgets)| widgets).map(|w| (w.id.accesskit_id(), w.interact_rect)).collect()
    });
    let controls = window.harness.root().children_recursive().filter(is_control);
    let placed = controls.filter_map(|node| {
        let of = node.accesskit_node();
        let rect = *rects.get(&of.locate().0)?;
        Some((of.label().unwrap_or_default(), rect))
    });
    placed.filter(|(_, rect)| rect.is_positive()).collect()
}

/// 1280 × 960 at 400 % (WCAG 1.4.10).
#[test]
fn the_smallest_window_shows_every_pane_without_overlaps() {
    for_each_case(panes::all(), |pane| {
        let window = (pane.open)([320.0, 240.0]);
        let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(320.0, 240.0)).expand(1.0);
        let state = window.app().state();
        let lies_over = state.overlay != Overlay::None || state.toast.is_some();
        // What scrolls is cut at its edge, never at the window's.
        for node in window.harness.root().children_recursive().filter(is_control) {
            let rect = node.rect();
            if rect.left() < screen.left() || rect.right() > screen.right() {
                let name = node.accesskit_node().label().unwrap_or_default();
                return Err(format!("{name:?} at {rect:?} is beside the window"));
            }
        }
        let seen = pressable(&window);
        if seen.len() < 2 {
            return Err(format!("only {seen:?} can be pressed"));
        }
        for (i, (name, rect)) in seen.iter().enumerate() {
            if !screen.contains_rect(*rect) {
                return Err(format!("{name:?} at {rect:?} is outside the window"));
            }
            for (other, their) in &seen[i + 1..] {
                let both = rect.intersect(*their);
                // A button may stand in its row.
                let within = rect.contains_rect(*their) || their.contains_rect(*rect);
                if !lies_over && !within && both.width() > 2.0 && both.height() > 2.0 {
                    return Err(format!("{name:?} {rect:?} and {other:?} {their:?} overlap"));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn the_palette_finds_a_command_and_runs_it() {
    let mut window = Window::open(Scripted::default());
    window.ask("First question");
    window.press(CTRL, Key::K);
    assert_eq!(window.app().state().overlay, Overlay::Palette);
    // The field has the keyboard, and for screen readers the row that is chosen.
    assert_eq!(window.focused().as_deref(), Some("New conversation, Ctrl+N"));
    window.type_into(PALETTE, "answ ag");
    window.harness.get_by_label("Answer again, Ctrl+R");
    assert!(window.harness.query_by_label("New conversation, Ctrl+N").is_none(), "it does not fit");
    window.press(NONE, Key::Enter);
    window.wait("answering again", |app| app.state().running().is_none());
    assert_eq!(window.app().state().overlay, Overlay::None);
    assert_eq!(window.app().state().current().unwrap().exchanges.len(), 1);
    // The other keys, and nothing of the last time.
    window.press(CTRL_SHIFT, Key::P);
    window.harness.get_by_label("New conversation, Ctrl+N");
    window.press(NONE, Key::Escape);
    assert_eq!(window.app().state().overlay, Overlay::None);
}

#[test]
fn the_palette_says_why_a_command_cannot_run_and_does_not_run_it() {
    let mut window = Window::open(Scripted::default());
    window.press(CTRL, Key::K);
    window.type_into(PALETTE, "copy answer");
    window.harness.get_by_label("Copy answer, Ctrl+Shift+C, There is no answer yet");
    window.press(NONE, Key::Enter);
    assert_eq!(window.app().state().overlay, Overlay::Palette, "it stays, with its reason");
    assert!(window.app().state().toast.is_none());
    window.type_into(PALETTE, "zzzz");
    window.harness.get_by_label_contains("Nothing fits “copy answerzzzz”");
}

#[test]
fn arrows_choose_in_the_palette_and_it_jumps_to_conversations_and_documents() {
    let mut window = Window::open(Scripted::default());
    window.ask("About the weather");
    window.press(CTRL, Key::N);
    let path = window.folder.path().join("handbook.md");
    std::fs::write(&path, "# Handbook\n\nText.\n").unwrap();
    window.drop_file(path);
    window.wait_until_read();
    window.press(CTRL, Key::K);
    let chosen = |window: &Window| {
        let rows = window.harness.get_all_by_role(Role::ListBoxOption);
        let chosen = rows.into_iter().find(|row| row.accesskit_node().is_selected() == Some(true));
        chosen.and_then(|row| row.accesskit_node().label()).unwrap()
    };
    let first = chosen(&window);
    window.press(NONE, Key::ArrowDown);
    let second = chosen(&window);
    assert_ne!(first, second);
    window.press(NONE, Key::ArrowUp);
    assert_eq!(chosen(&window), first);
    window.press(CTRL, Key::End);
    assert_eq!(chosen(&window), "About the weather, Conversation", "the end is scrolled to");
    window.type_into(PALETTE, "handb");
    assert_eq!(chosen(&window), "handbook.md, Document");
    window.press(NONE, Key::Enter);
    window.wait("the document", |app| app.state().reader.is_shown);
    window.press(CTRL, Key::K);
    window.type_into(PALETTE, "weather");
    window.press(NONE, Key::Enter);
    assert_eq!(window.app().state().current().unwrap().title, "About the weather");
}

#[test]
fn the_shortcut_sheet_has_groups_and_is_searched() {
    let mut window = Window::open(Scripted::default());
    window.press(NONE, Key::F1);
    for heading in ["Questions and answers", "Files and evidence", "Window"] {
        window.harness.get_by_label(heading);
    }
    window.type_into("Find a shortcut", "larger");
    window.harness.get_by_label("Larger text");
    assert!(window.harness.query_by_label("Next conversation").is_none());
    // Also by the keys themselves.
    window.press(CTRL, Key::A);
    window.type_into("Find a shortcut", "ctrl+g");
    window.harness.get_by_label("Go to a page");
}

#[test]
fn f6_goes_from_pane_to_pane_and_back_to_where_it_was() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("What is this?");
    window.press(Modifiers::ALT, Key::ArrowDown);
    window.wait("the picture", |app| {
        let viewer = app.state().viewer.as_ref();
        viewer.is_some_and(|viewer| matches!(viewer.picture, medley_app::state::Load::Ready(_)))
    });
    window.press(NONE, Key::F6);
    let in_evidence = window.focused().expect("the evidence has the keyboard");
    let left = window.harness.get_by_label("Question").rect().right();
    let at = window.harness.get_by_label(&in_evidence).rect();
    assert!(at.left() >= left - 40.0, "{in_evidence} at {at:?} is beside the conversation");
    window.press(NONE, Key::F6);
    assert_eq!(window.focused().as_deref(), Some("More"), "the list begins with it");
    window.press(NONE, Key::Tab);
    let second = window.focused().unwrap();
    window.press(NONE, Key::F6);
    assert_eq!(window.focused().as_deref(), Some("Question"));
    window.press(Modifiers::SHIFT, Key::F6);
    assert_eq!(window.focused(), Some(second), "it comes back to where it was");
}

#[test]
fn what_closes_gives_the_keyboard_back() {
    let mut window = Window::open(Scripted::default());
    window.ask("First question");
    window.harness.get_by_label("Copy answer").focus();
    window.settle();
    for (modifiers, key) in [(CTRL, Key::Comma), (NONE, Key::F1), (CTRL, Key::K), (CTRL_SHIFT, Key::O)] {
        window.press(modifiers, key);
        assert_ne!(window.focused().as_deref(), Some("Copy answer"), "{key:?} takes the keyboard");
        assert!(window.focused().is_some(), "{key:?} gives it to what it opened");
        window.press(NONE, Key::Escape);
        window.settle();
        assert_eq!(window.focused().as_deref(), Some("Copy answer"), "after {key:?}");
    }
}

#[test]
fn finished_answers_errors_and_messages_are_told() {
    let mut window = Window::open(Scripted { fail_on: Some("weather".into()), ..Scripted::default() });
    let told = |window: &Window| {
        let node = window.harness.get_by_role(Role::Status);
        assert_eq!(node.accesskit_node().live(), Live::Polite);
        node.accesskit_node().label().unwrap_or_default()
    };
    assert_eq!(told(&window), "");
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("What is this?");
    assert_eq!(told(&window), "The answer is finished, with one piece of evidence: It is a cat.");
    window.press(CTRL_SHIFT, Key::C);
    assert_eq!(told(&window), "Answer copied");
    window.ask("How is the weather?");
    assert_eq!(told(&window), "The answer failed: the script has no answer to \"weather\"");
}

#[test]
fn the_tour_shows_the_samples_and_does_not_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    let greet = |window: &mut Window| {
        window.harness.state_mut().as_mut().unwrap().greet();
        window.settle();
    };
    greet(&mut window);
    window.harness.get_by_label("Welcome to Medley");
    window.click("Next");
    window.click("Show me");
    window.wait("the answer", |app| {
        app.state().current().is_some_and(|c| !c.exchanges.is_empty()) && app.state().running().is_none()
    });
    let conversation = window.app().state().current().unwrap();
    assert_eq!(conversation.exchanges[0].question, "What is in this picture?");
    assert_eq!(conversation.attachments[0].name(), "coffee.png");
    window.click("Next");
    window.harness.get_by_label("A recording");
    window.harness.get_by_label("End the tour");
    window.press(NONE, Key::Escape);
    assert!(window.app().state().program.tour.is_none());
    assert!(window.app().state().settings.tour_seen);
    let folder = window.close();
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    window.run(Command::ClearData);
    greet(&mut window);
    assert!(window.app().state().program.tour.is_none(), "it was seen");
    window.run(Command::Program(ProgramCommand::StartTour));
    window.harness.get_by_label("Welcome to Medley");
}

#[test]
fn the_tour_says_what_to_download() {
    let mut window =
        Window::open_without_models(Scripted::default(), tempfile::tempdir().unwrap(), [1180.0, 780.0]);
    window.run(Command::Program(ProgramCommand::StartTour));
    window.click("Next");
    window.harness.get_by_label("Download the models");
    window.harness.get_by_label_contains("This needs the models first");
    assert!(window.harness.query_by_label("Show me").is_none());
}

#[test]
fn idle_panes_ask_for_no_frame() {
    for name in ["palette", "settings", "shortcuts", "privacy", "tour", "crash"] {
        let pane = panes::all().into_iter().find(|pane| pane.name == name).unwrap();
        let mut window = (pane.open)([1180.0, 780.0]);
        window.settle();
        window.assert_idle();
    }
}

/// `cargo test --release --workspace --test ui_keys -- --ignored` writes them anew.
#[test]
#[ignore = "writes docs/screenshots/panes"]
fn pictures_of_all_panes() {
    let folder = medley_tests::root().join("docs/screenshots/panes");
    std::fs::create_dir_all(&folder).unwrap();
    for pane in panes::all() {
        let mut window = (pane.open)([640.0, 420.0]);
        for look in looks(pane.name) {
            let theme = if look.starts_with("dark") { Theme::Dark } else { Theme::Light };
            let contrast = if look.ends_with("contrast") { Contrast::High } else { Contrast::Normal };
            let settings = Settings { theme, contrast, ..window.app().state().settings.clone() };
            window.run(Command::SetSettings(settings));
            let path = folder.join(format!("{}-{look}.png", pane.name));
            medley_tests::painter::write_png(&path, &window.picture());
        }
    }
}

/// In which colours a pane is pictured. One of each kind in high contrast: what it changes is the same everywhere.
fn looks(name: &str) -> &'static [&'static str] {
    const IN_HIGH_CONTRAST: [&str; 9] = [
        "answer",
        "evidence-picture",
        "document",
        "transcript",
        "library-found",
        "settings",
        "palette",
        "unreadable",
        "disk-full",
    ];
    match IN_HIGH_CONTRAST.contains(&name) {
        true => &["light", "dark", "light-contrast", "dark-contrast"],
        false => &["light", "dark"],
    }
}

#[test]
fn every_pane_has_its_pictures() {
    // A frame of a film is a photograph.
    const MOST_BYTES: u64 = 120 * 1024;
    for_each_case(panes::all(), |pane| {
        for look in looks(pane.name) {
            let name = format!("docs/screenshots/panes/{}-{look}.png", pane.name);
            let size = std::fs::metadata(medley_tests::root().join(&name)).map_or(0, |meta| meta.len());
            if size == 0 || size > MOST_BYTES {
                let how = "cargo test --release --workspace --test ui_keys -- --ignored writes them";
                return Err(format!("{name} has {size} bytes; {how}"));
            }
        }
        Ok(())
    });
}
