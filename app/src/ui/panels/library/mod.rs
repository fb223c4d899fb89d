//! The library: what it holds, what is found in it, what is being read.

mod documents;

mod hits;

mod scope;

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::{CentralPanel, Frame, Id, Margin, Panel, RichText, ScrollArea, TextEdit, Ui, UiBuilder, Vec2};
use engine::human_bytes;

pub(super) use scope::{about_text, choices_ui};

use crate::command::{Command, Commands, LibraryCommand};
use crate::say;
use crate::state::{AppState, Doing, LibraryPane, Load, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{bar_ui, command_button_ui, elided, icon_button_ui, text_button_ui, title_ui};
use crate::words::say;

/// The pane's memory.
#[derive(Default)]
pub struct LibraryView {
    /// What is typed into the field.
    pub search: String,
    /// Documents that are chosen, to be asked about or taken out.
    pub chosen: BTreeSet<PathBuf>,
    /// Only files that cannot be used are shown.
    pub only_problems: bool,
}

/// Draws the pane.
pub fn library_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands, wide: bool) {
    let palette = theme::palette(ui);
    let margin = Margin::symmetric(space::M, 6);
    Panel::top("library head")
        .frame(Frame::new().fill(palette.ground).inner_margin(margin))
        .show_separator_line(false)
        .show(ui, |ui| head_ui(ui, state, view, commands, wide));
    if state.library.holdings.is_some() {
        Panel::bottom("library foot")
            .frame(Frame::new().fill(palette.ground).inner_margin(margin))
            .show(ui, |ui| foot_ui(ui, state, view, commands));
    }
    let frame = Frame::new().fill(palette.ground).inner_margin(Margin::symmetric(space::M, 0));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        let library = &state.library;
        let Some(holdings) = &library.holdings else {
            if library.problem.is_none() {
                ui.label(RichText::new(say("library-opening")).color(palette.weak));
            }
            return;
        };
        if holdings.documents.is_empty() && holdings.roots.is_empty() {
            empty_ui(ui, state, commands);
        } else if library.search.text.is_empty() {
            documents::documents_ui(ui, state, view, commands);
        } else {
            hits::hits_ui(ui, state, commands);
        }
    });
}

/// Title, search, buttons, and what is going on.
fn head_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands, wide: bool) {
    let send = |command| commands.send(Command::Library(command));
    ui.horizontal(|ui| {
        ui.set_height(CONTROL);
        if !wide {
            command_button_ui(ui, Icon::Menu, Command::ToggleSidebar, state, commands);
        }
        title_ui(ui, say("library-title"));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if icon_button_ui(ui, Icon::Close, say("library-close"), say("library-close-tip"), None).clicked()
            {
                send(LibraryCommand::Toggle);
            }
            // Where there is no room for words the icons stay.
            let words = ui.available_width() > 330.0;
            for (icon, command) in
                [(Icon::Folder, LibraryCommand::ChooseFolder), (Icon::Plus, LibraryCommand::ChooseFiles)]
            {
                let why_not = command.enabled(state).err();
                let label = command.label();
                let clicked = if words {
                    ui.add_enabled_ui(why_not.is_none(), |ui| text_button_ui(ui, Some(icon), label, false))
                        .inner
                        .on_disabled_hover_text(why_not.unwrap_or_default())
                        .clicked()
                } else {
                    icon_button_ui(ui, icon, label, label, why_not).clicked()
                };
                if clicked {
                    send(command);
                }
            }
        });
    });
    if state.picking {
        ui.horizontal(|ui| {
            ui.label(weak(ui, say("library-dialog-waits")));
        });
    }
    doing_ui(ui, &state.library, commands);
    if state.library.problem.is_some() || !state.library.notices.is_empty() {
        steady_ui(ui, "library notices", |ui| notices_ui(ui, &state.library, commands));
    }
    let any = state.library.holdings.as_ref().is_some_and(|holdings| holdings.status.passages > 0);
    if any {
        steady_ui(ui, "library search", |ui| search_ui(ui, state, view, commands));
    }
    ui.add_space(4.0);
}

/// What keeps its focus and its clicks whatever comes and goes above it.
fn steady_ui(ui: &mut Ui, name: &'static str, add: impl FnOnce(&mut Ui)) {
    ui.scope_builder(UiBuilder::new().scope_id(Id::unique(name)), add);
}

fn search_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let view = &mut view.library;
    ui.horizontal(|ui| {
        let buttons = 2.0 * (CONTROL + 8.0);
        let field = TextEdit::singleline(&mut view.search)
            .hint_text(say("library-search-hint"))
            .desired_width((ui.available_width() - buttons - 16.0).max(80.0))
            .margin(Margin::symmetric(8, 7));
        let response = ui.add(field);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("library-search")));
        let enter = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let empty = view.search.trim().is_empty();
        let why_not = empty.then(|| say("library-search-empty"));
        let pressed = icon_button_ui(
            ui,
            Icon::Search,
            say("library-search-start"),
            say("library-search-start"),
            why_not,
        )
        .clicked();
        let shown = !state.library.search.text.is_empty();
        let why_not = (empty && !shown).then(|| say("library-search-empty"));
        let clear = say("library-search-clear");
        if icon_button_ui(ui, Icon::Close, clear, clear, why_not).clicked() || (enter && empty && shown) {
            view.search.clear();
            commands.send(Command::Library(LibraryCommand::Search(String::new())));
        } else if (enter || pressed) && !empty {
            commands.send(Command::Library(LibraryCommand::Search(view.search.clone())));
            response.request_focus();
        }
    });
}

/// What is being read, with the button that lets it wait.
fn doing_ui(ui: &mut Ui, library: &LibraryPane, commands: &Commands) {
    let palette = theme::palette(ui);
    let waiting = library.holdings.as_ref().is_some_and(|holdings| {
        let unread = holdings.documents.iter().any(|one| !one.complete && one.problem.is_none());
        holdings.status.waiting > 0 || unread
    });
    if library.doing == Doing::Nothing && !(library.is_paused && (waiting || library.left > 0)) {
        if library.is_paused {
            // Also with nothing to read one must see why a new file is not read.
            ui.horizontal(|ui| {
                ui.label(weak(ui, say("library-is-paused")));
                resume_ui(ui, commands);
            });
        }
        return;
    }
    let name = |path: &std::path::Path| elided(&file_name(path), 40);
    let (text, share) = match &library.doing {
        Doing::Nothing => (say("library-is-paused").to_owned(), None),
        Doing::Looking => (say("library-looking").to_owned(), None),
        Doing::Reading { path, done, total } => {
            let share = (*total > 0).then(|| *done as f32 / *total as f32);
            let text = match library.left {
                0 | 1 => say!("library-reading", name = name(path)),
                left => say!("library-reading-of", name = name(path), count = left),
            };
            (text, share)
        }
        Doing::Meaning { done, total } => (
            say!("library-meaning", done = *done, total = *total),
            Some(*done as f32 / (*total).max(1) as f32),
        ),
        Doing::Repairing { done, total } => (
            say!("library-repairing", done = *done, total = *total),
            Some(*done as f32 / (*total).max(1) as f32),
        ),
    };
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(96.0, 18.0), egui::Sense::hover());
        if let Some(share) = share {
            response.widget_info(|| {
                let text = format!("{} {:.0} %", say("library-progress"), 100.0 * share);
                egui::WidgetInfo::labeled(egui::accesskit::Role::ProgressIndicator, true, text)
            });
            bar_ui(ui, egui::Rect::from_center_size(rect.center(), Vec2::new(96.0, 6.0)), share);
        } else {
            Icon::Book.paint(
                ui.painter(),
                egui::Rect::from_center_size(rect.center(), Vec2::splat(18.0)),
                palette.weak,
            );
        }
        let room = (ui.available_width() - 130.0).max(80.0);
        let galley = crate::ui::widgets::galley_elided(
            ui,
            &text,
            egui::FontId::proportional(size::SMALL),
            palette.text,
            room,
            1,
        );
        let (rect, response) = ui.allocate_exact_size(Vec2::new(galley.size().x, 20.0), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, &text));
        ui.painter().galley(rect.left_top() + Vec2::new(0.0, 2.0), galley, palette.text);
        if library.is_paused {
            resume_ui(ui, commands);
        } else {
            let pause = LibraryCommand::Pause;
            if text_button_ui(ui, Some(Icon::Pause), pause.label(), false).clicked() {
                commands.send(Command::Library(pause));
            }
        }
    });
}

fn resume_ui(ui: &mut Ui, commands: &Commands) {
    let resume = LibraryCommand::Resume;
    if text_button_ui(ui, Some(Icon::Play), resume.label(), false).clicked() {
        commands.send(Command::Library(resume));
    }
}

/// What could not be done, and what was left out.
fn notices_ui(ui: &mut Ui, library: &LibraryPane, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.horizontal_top(|ui| {
        let width = (ui.available_width() - CONTROL - 12.0).max(80.0);
        ui.vertical(|ui| {
            ui.set_width(width);
            if let Some(problem) = &library.problem {
                ui.label(RichText::new(problem).color(palette.error));
            }
            ScrollArea::vertical().id_salt("library notices").max_height(72.0).show(ui, |ui| {
                ui.set_width(width);
                for notice in &library.notices {
                    ui.label(RichText::new(notice).size(size::SMALL).color(palette.weak));
                }
            });
        });
        let close = LibraryCommand::CloseNotices;
        if icon_button_ui(ui, Icon::Close, close.label(), close.label(), None).clicked() {
            commands.send(Command::Library(close));
        }
    });
}

/// How much there is; with documents chosen, what can be done with them.
fn foot_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(holdings) = &state.library.holdings else { return };
    let view = &mut view.library;
    let send = |command| commands.send(Command::Library(command));
    if !view.chosen.is_empty() {
        ui.horizontal_wrapped(|ui| {
            ui.label(say!("library-chosen", count = view.chosen.len()));
            let documents: Vec<PathBuf> = view.chosen.iter().cloned().collect();
            if text_button_ui(ui, Some(Icon::Help), say("library-ask-chosen"), true).clicked() {
                send(LibraryCommand::Ask(Some(crate::state::LibraryScope { documents: documents.clone() })));
            }
            if text_button_ui(ui, None, say("library-choose-none"), false).clicked() {
                view.chosen.clear();
            }
        });
        return;
    }
    let status = &holdings.status;
    let bytes = status.text_bytes + status.words_bytes + status.meanings_bytes;
    let counts = say!(
        "library-counts",
        documents = status.documents,
        pages = status.leaves,
        size = human_bytes(bytes)
    );
    let tip = say!(
        "library-sizes",
        folder = state.data_folder.join("library").display().to_string(),
        text = human_bytes(status.text_bytes),
        words = human_bytes(status.words_bytes),
        meanings = human_bytes(status.meanings_bytes),
    );
    ui.horizontal_wrapped(|ui| {
        ui.label(weak(ui, counts)).on_hover_text(tip);
        if status.failed > 0 {
            let text = say!("library-failed", count = status.failed);
            let is_on = view.only_problems;
            if ui
                .selectable_label(
                    is_on,
                    RichText::new(text).size(size::SMALL).color(theme::palette(ui).error),
                )
                .clicked()
            {
                view.only_problems = !is_on;
            }
        } else {
            view.only_problems = false;
        }
        let ask = LibraryCommand::Ask(Some(crate::state::LibraryScope::default()));
        if ask.enabled(state).is_ok() {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if text_button_ui(ui, Some(Icon::Help), say("library-ask-all"), false).clicked() {
                    send(ask);
                }
            });
        }
    });
}

/// What a library without documents says.
fn empty_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.add_space((0.22 * ui.available_height()).max(12.0));
    ui.vertical_centered(|ui| {
        ui.set_max_width((ui.available_width() - 24.0).clamp(120.0, 520.0));
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(40.0), egui::Sense::hover());
        Icon::Library.paint(ui.painter(), rect, palette.accent);
        ui.add_space(4.0);
        ui.label(RichText::new(say("library-empty")).size(size::DISPLAY).color(palette.text));
        ui.label(RichText::new(say("library-empty-about")).color(palette.weak));
        ui.add_space(8.0);
        let command = LibraryCommand::ChooseFolder;
        let can = command.enabled(state).is_ok();
        ui.add_enabled_ui(can, |ui| {
            if text_button_ui(ui, Some(Icon::Folder), say("library-empty-folder"), true).clicked() {
                commands.send(Command::Library(command));
            }
        });
        ui.add_space(6.0);
        ui.label(RichText::new(say("library-private")).size(size::SMALL).color(palette.weak));
    });
}

/// Less important text.
fn weak(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak)
}

/// Whether something is on its way.
fn is_loading<T>(load: &Load<T>) -> bool {
    matches!(load, Load::Loading)
}
