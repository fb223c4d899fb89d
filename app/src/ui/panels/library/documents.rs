//! The documents of the library, each with its state; only rows in view are laid out.

use egui::accesskit::Role;
use egui::{CornerRadius, FontId, Rect, RichText, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2};
use engine::library::Document;

use super::{LibraryView, weak};
use crate::command::{Command, Commands, LibraryCommand};
use crate::say;
use crate::state::{AppState, LibraryScope, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, RADIUS, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{elided, galley_elided, icon_button_ui, within_ui};
use crate::words::say;

/// Height of a row: a name and two lines.
const ROW: f32 = 64.0;

/// Draws the folders that are looked after and the documents.
pub(super) fn documents_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(holdings) = &state.library.holdings else { return };
    folders_ui(ui, state, commands);
    let view = &mut view.library;
    let shown: Vec<&Document> =
        holdings.documents.iter().filter(|one| !view.only_problems || one.problem.is_some()).collect();
    if shown.is_empty() {
        ui.add_space(8.0);
        ui.label(weak(ui, say("library-nothing-read")));
        return;
    }
    ui.spacing_mut().item_spacing.y = 2.0;
    ScrollArea::vertical().id_salt("library documents").auto_shrink([false, false]).show_rows(
        ui,
        ROW,
        shown.len(),
        |ui, rows| {
            for document in &shown[rows] {
                ui.push_id(&document.path, |ui| row_ui(ui, document, state, view, commands));
            }
        },
    );
}

fn folders_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let Some(holdings) = &state.library.holdings else { return };
    if holdings.folders.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.label(weak(ui, say("library-folders")));
        for folder in &holdings.folders {
            let name = elided(&file_name(folder), 28);
            let tip = say!("library-folder-tip", folder = folder.display().to_string());
            ui.label(RichText::new(&name).size(size::SMALL)).on_hover_text(tip);
            let label = say!("library-remove-folder", name = name);
            if icon_button_ui(ui, Icon::Close, &label, &label, None).clicked() {
                commands.send(Command::Library(LibraryCommand::Remove(vec![folder.clone()])));
            }
        }
        let look = LibraryCommand::Look;
        if icon_button_ui(ui, Icon::Again, look.label(), look.label(), None).clicked() {
            commands.send(Command::Library(look));
        }
    });
}

fn row_ui(ui: &mut Ui, document: &Document, state: &AppState, view: &mut LibraryView, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Library(command));
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::hover());
    let name = file_name(&document.path);
    let (text, is_problem) = state_text(document);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}, {text}")));
    let is_chosen = view.chosen.contains(&document.path);
    if is_chosen || ui.rect_contains_pointer(rect) {
        let fill = if is_chosen { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    }
    let can_be_read = document.problem.is_none();
    let n_buttons = if can_be_read { 3.0 } else { 2.0 };
    let buttons = n_buttons * CONTROL + 8.0;
    let left = rect.left() + 40.0;
    let room = (rect.right() - left - buttons - 4.0).max(40.0);
    let shown = elided(&name, (room / 7.4) as usize);
    let title = galley_elided(ui, &shown, FontId::proportional(14.5), palette.text, room, 1);
    ui.painter().galley(pos2(left, rect.top() + 6.0), title, palette.text);
    let colour = if is_problem { palette.error } else { palette.weak };
    let detail = galley_elided(ui, &text, FontId::proportional(size::SMALL), colour, room, 2);
    ui.painter().galley(pos2(left, rect.top() + 27.0), detail, colour);
    let tick = Rect::from_min_size(rect.min + Vec2::new(6.0, 14.0), Vec2::splat(30.0));
    if can_be_read {
        within_ui(ui, tick, |ui| {
            let mut is_in = is_chosen;
            let response = ui.checkbox(&mut is_in, "");
            let label = say!("library-choose", name = name.as_str());
            response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_in, &label));
            if response.on_hover_text(&label).changed() {
                match is_in {
                    true => drop(view.chosen.insert(document.path.clone())),
                    false => drop(view.chosen.remove(&document.path)),
                }
            }
        });
    } else {
        Icon::Warning.paint(ui.painter(), tick.shrink(6.0), palette.error);
    }
    let area = Rect::from_min_max(pos2(rect.right() - buttons, rect.top() + 14.0), rect.max);
    within_ui(ui, area, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let path = document.path.clone();
            let mut button = |icon, label: String, tip: &str, why_not: Option<&str>, command| {
                if icon_button_ui(ui, icon, &label, tip, why_not).clicked() {
                    send(command);
                }
            };
            let named = name.as_str();
            if can_be_read {
                let scope = LibraryScope { documents: vec![path.clone()] };
                let ask = LibraryCommand::Ask(Some(scope));
                button(Icon::Help, say!("library-ask-one", name = named), say("library-ask"), None, ask);
                let open = LibraryCommand::Open(path.clone(), None);
                button(Icon::Book, say!("library-open-one", name = named), say("library-open"), None, open);
            } else {
                let retry = LibraryCommand::Retry(path.clone());
                button(
                    Icon::Again,
                    say!("library-retry-one", name = named),
                    say("library-retry"),
                    None,
                    retry,
                );
            }
            // A file of a folder would come back with the next look.
            let folder = state.library.folder_of(&path);
            let why_not = folder.map(|_| say("library-remove-not"));
            let remove = LibraryCommand::Remove(vec![path]);
            button(
                Icon::Close,
                say!("library-remove-one", name = named),
                say("library-remove"),
                why_not,
                remove,
            );
        });
    });
    response.on_hover_text(format!("{}\n{text}", document.path.display()));
}

/// What is known of a document, for people, and whether it cannot be used.
fn state_text(document: &Document) -> (String, bool) {
    if let Some(problem) = &document.problem {
        // The row shows the file's name already.
        let prefix = format!("{}: ", document.path.display());
        return (problem.strip_prefix(&prefix).unwrap_or(problem).to_owned(), true);
    }
    let text = match document.complete {
        false if document.leaves == 0 => say("library-waits").to_owned(),
        false => say!("library-half", count = document.leaves),
        true if document.compared < document.passages => say!(
            "library-by-words",
            summary = document.summary.as_str(),
            percent = 100 * document.compared / document.passages.max(1)
        ),
        true => document.summary.clone(),
    };
    let notices = document.notices.iter().map(String::as_str);
    (std::iter::once(text.as_str()).chain(notices).collect::<Vec<_>>().join("  ·  "), false)
}
