//! Highlights and notes, one under the other.

use egui::accesskit::Role;
use egui::{
    Align, CornerRadius, FontId, Frame, Margin, Rect, ScrollArea, Sense, Stroke, TextEdit, Ui, Vec2,
    WidgetInfo, pos2,
};

use super::bar::colour_button_ui;
use super::bar::colour_name;
use super::view::{NoteEdit, ReaderView, goal_of};
use super::weak;
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{AppState, Colour, Mark, Tab};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size};
use crate::ui::widgets::{focus_ring, galley_elided, icon_button_ui, text_button_ui};
use crate::words::say;

/// The name of the field for a note.
const FIELD: &str = "reader-note-field";

/// Draws the list.
pub(super) fn notes_ui(ui: &mut Ui, state: &AppState, tab: &Tab, view: &mut ReaderView, commands: &Commands) {
    let export = Command::Reader(ReaderCommand::Export);
    let why_not = export.enabled(state).err();
    ui.add_enabled_ui(why_not.is_none(), |ui| {
        let button = text_button_ui(ui, Some(Icon::Download), say("reader-export-dots"), false);
        if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
            commands.send(export);
        }
    });
    if tab.marks.is_empty() {
        ui.label(weak(ui, say("reader-notes-empty")));
        return;
    }
    ScrollArea::vertical().id_salt("document notes").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        for mark in &tab.marks {
            ui.push_id(mark.id.0, |ui| mark_ui(ui, tab, mark, view, commands));
        }
    });
}

fn mark_ui(ui: &mut Ui, tab: &Tab, mark: &Mark, view: &mut ReaderView, commands: &Commands) {
    let palette = theme::palette(ui);
    let is_open = view.note.as_ref().is_some_and(|note| note.mark == mark.id);
    let line = if is_open { palette.accent } else { palette.line };
    let frame = Frame::new()
        .fill(palette.ground)
        .stroke(Stroke::new(1.0, line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::same(6));
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        quote_ui(ui, tab, mark, view);
        if is_open {
            edit_ui(ui, mark, view, commands);
        } else {
            if !mark.note.trim().is_empty() {
                ui.label(egui::RichText::new(mark.note.trim()).size(size::SMALL).color(palette.text));
            }
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                let page = mark.passage.from.page;
                ui.label(weak(ui, say!("reader-page-of", page = page)));
                ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
                    let label = say("reader-delete-mark");
                    if icon_button_ui(ui, Icon::Trash, label, label, None).clicked() {
                        commands.send(Command::Reader(ReaderCommand::DeleteMark(mark.id)));
                    }
                    let label = if mark.note.trim().is_empty() {
                        say("reader-write-note")
                    } else {
                        say("reader-change-note")
                    };
                    if icon_button_ui(ui, Icon::Pencil, label, label, None).clicked() {
                        commands.send(Command::Reader(ReaderCommand::EditNote(mark.id)));
                    }
                });
            });
        }
    });
    if view.reveal_mark == Some(mark.id) {
        view.reveal_mark = None;
        ui.scroll_to_rect(shown.response.rect, Some(Align::Center));
    }
}

/// The words; a click goes there.
fn quote_ui(ui: &mut Ui, tab: &Tab, mark: &Mark, view: &mut ReaderView) {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let text = mark.passage.text.trim();
    let colour = if mark.is_lost { palette.weak } else { palette.text };
    let galley = galley_elided(ui, text, FontId::proportional(13.5), colour, width - 12.0, 3);
    let size = Vec2::new(width, galley.size().y + 6.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let label = say!("reader-mark", page = mark.passage.from.page, text = text);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    if response.hovered() {
        ui.painter().rect_filled(rect, CornerRadius::same(4), palette.hovered);
    }
    let bar = Rect::from_min_size(rect.min, Vec2::new(4.0, rect.height()));
    ui.painter().rect_filled(bar, 2.0, theme::mark_dot(mark.colour));
    ui.painter().galley(pos2(rect.left() + 10.0, rect.top() + 3.0), galley, colour);
    focus_ring(ui, &response);
    let tip = if mark.is_lost { say("reader-mark-lost") } else { text };
    if response.on_hover_text(tip).clicked() && !mark.is_lost {
        view.tab(tab.id).jump(goal_of(&mark.passage));
    }
}

fn edit_ui(ui: &mut Ui, mark: &Mark, view: &mut ReaderView, commands: &Commands) {
    let send = |command| commands.send(Command::Reader(command));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for colour in Colour::ALL {
            let label = say!("reader-make-it", colour = colour_name(colour));
            if colour_button_ui(ui, colour, mark.colour == colour, &label).on_hover_text(&label).clicked() {
                send(ReaderCommand::SetColour(mark.id, colour));
            }
        }
    });
    let Some(NoteEdit { draft, focus, .. }) = &mut view.note else { return };
    let field = TextEdit::multiline(draft)
        .desired_rows(3)
        .desired_width(f32::INFINITY)
        .margin(Margin::symmetric(6, 5))
        .hint_text(say("reader-write-note"));
    let response = ui.add(field);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say(FIELD)));
    if std::mem::take(focus) {
        response.request_focus();
    }
    if response.changed() {
        send(ReaderCommand::SetNote(mark.id, draft.clone()));
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        if text_button_ui(ui, None, say("reader-done"), false).clicked() {
            view.note = None;
            view.focus_pages = true;
        }
        ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
            let label = say("reader-delete-mark");
            if icon_button_ui(ui, Icon::Trash, label, label, None).clicked() {
                send(ReaderCommand::DeleteMark(mark.id));
            }
        });
    });
}
