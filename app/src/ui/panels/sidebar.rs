//! The list of conversations.

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, FontId, Key, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, Vec2, WidgetInfo,
    pos2,
};

use crate::command::{Command, Commands, LibraryCommand, TeachCommand};
use crate::state::{AppState, Conversation};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{command_button_ui, galley_elided, icon_button_ui, title_ui, within_ui};

/// Draws the list with the buttons above and below it.
pub fn sidebar_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    ui.horizontal(|ui| {
        ui.add_space(6.0);
        title_ui(ui, "Medley");
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            command_button_ui(ui, Icon::Plus, Command::NewConversation, state, commands);
        });
    });
    ui.add_space(4.0);
    let footer = 44.0;
    ScrollArea::vertical()
        .id_salt("conversations")
        .max_height((ui.available_height() - footer).max(40.0))
        .auto_shrink([false, false])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            let mut group = "";
            for conversation in &state.conversations {
                let next = group_of(conversation.updated_s, state.now_s);
                if next != group {
                    group = next;
                    ui.add_space(8.0);
                    ui.horizontal(|ui| {
                        ui.add_space(8.0);
                        ui.label(RichText::new(group).size(size::SMALL).color(theme::palette(ui).weak));
                    });
                }
                if state.renaming == Some(conversation.id) {
                    rename_ui(ui, conversation, view, commands);
                } else {
                    row_ui(ui, conversation, state, commands);
                }
            }
        });
    ui.separator();
    ui.horizontal(|ui| {
        command_button_ui(ui, Icon::Settings, Command::OpenSettings, state, commands);
        command_button_ui(ui, Icon::Help, Command::OpenShortcuts, state, commands);
        let library = Command::Library(LibraryCommand::Toggle);
        command_button_ui(ui, Icon::Library, library, state, commands);
        command_button_ui(ui, Icon::Teach, Command::Teach(TeachCommand::Toggle), state, commands);
    });
}

fn row_ui(ui: &mut Ui, conversation: &Conversation, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let selected = state.selected == Some(conversation.id);
    let (rect, response) = ui
        .push_id(conversation.id.0, |ui| {
            ui.allocate_exact_size(Vec2::new(ui.available_width(), 50.0), Sense::click())
        })
        .inner;
    let when = when_text(conversation.updated_s, state.now_s);
    response.widget_info(|| {
        WidgetInfo::selected(Role::Button, true, selected, format!("{}, {when}", conversation.title))
    });
    let inside = ui.rect_contains_pointer(rect);
    let with_buttons = inside || selected;
    if selected || inside {
        let fill = if selected { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
    }
    if response.has_focus() {
        let stroke = egui::Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(rect, CornerRadius::same(RADIUS), stroke, egui::StrokeKind::Inside);
    }
    let buttons = if with_buttons { 64.0 } else { 0.0 };
    let width = rect.width() - 20.0 - buttons;
    let title = galley_elided(ui, &conversation.title, FontId::proportional(14.0), palette.text, width, 1);
    ui.painter().galley(rect.min + Vec2::new(10.0, 8.0), title, palette.text);
    let running = conversation.exchanges.iter().any(|e| e.answer.status.is_running());
    let when = if running { "answering…".to_owned() } else { when };
    let when = galley_elided(ui, &when, FontId::proportional(size::SMALL), palette.weak, width, 1);
    ui.painter().galley(rect.min + Vec2::new(10.0, 27.0), when, palette.weak);
    let response = response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(&conversation.title);
    if with_buttons {
        let area = Rect::from_min_max(pos2(rect.right() - 68.0, rect.top() + 9.0), rect.max);
        within_ui(ui, area, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 0.0;
                let title = &conversation.title;
                let rename = format!("Rename {title}");
                if icon_button_ui(ui, Icon::Pencil, &rename, "Rename (F2)", None).clicked() {
                    commands.send(Command::BeginRename(Some(conversation.id)));
                }
                let delete = format!("Delete {title}");
                if icon_button_ui(ui, Icon::Trash, &delete, "Delete", None).clicked() {
                    commands.send(Command::Delete(Some(conversation.id)));
                }
            });
        });
    }
    if response.double_clicked() {
        commands.send(Command::BeginRename(Some(conversation.id)));
    } else if response.clicked() {
        commands.send(Command::Select(conversation.id));
    }
    if response.has_focus() {
        // Up and down move through the list, as in every list.
        let (up, down) = ui.input(|i| (i.key_pressed(Key::ArrowUp), i.key_pressed(Key::ArrowDown)));
        if up {
            commands.send(Command::SelectPrevious);
        }
        if down {
            commands.send(Command::SelectNext);
        }
    }
}

fn rename_ui(ui: &mut Ui, conversation: &Conversation, view: &mut ViewState, commands: &Commands) {
    let fresh = view.rename.as_ref().is_none_or(|(id, _)| *id != conversation.id);
    if fresh {
        view.rename = Some((conversation.id, conversation.title.clone()));
    }
    let Some((_, text)) = &mut view.rename else { return };
    let response = ui.add_sized(
        Vec2::new(ui.available_width(), 36.0),
        TextEdit::singleline(text).hint_text("Title").margin(egui::Margin::symmetric(8, 8)),
    );
    if fresh {
        response.request_focus();
        return;
    }
    let text = text.clone();
    if response.lost_focus() {
        view.rename = None;
        let escaped = ui.input(|i| i.key_pressed(Key::Escape));
        commands.send(if escaped { Command::CancelRename } else { Command::Rename(conversation.id, text) });
    }
}

/// The heading above a conversation.
fn group_of(then_s: f64, now_s: f64) -> &'static str {
    match ((now_s - then_s) / 86_400.0).max(0.0) {
        days if days < 1.0 => "Today",
        days if days < 7.0 => "Last 7 days",
        days if days < 30.0 => "Last 30 days",
        _ => "Older",
    }
}

/// How long ago, in words.
fn when_text(then_s: f64, now_s: f64) -> String {
    let plural = |n: f64, unit: &str| match n as u64 {
        1 => format!("1 {unit} ago"),
        n => format!("{n} {unit}s ago"),
    };
    match (now_s - then_s).max(0.0) {
        s if s < 60.0 => "just now".into(),
        s if s < 3600.0 => plural(s / 60.0, "minute"),
        s if s < 86_400.0 => plural(s / 3600.0, "hour"),
        s if s < 30.0 * 86_400.0 => plural(s / 86_400.0, "day"),
        s if s < 365.0 * 86_400.0 => plural(s / (30.0 * 86_400.0), "month"),
        s => plural(s / (365.0 * 86_400.0), "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_would() {
        for (ago_s, expected) in [
            (-5.0, "just now"),
            (61.0, "1 minute ago"),
            (7200.0, "2 hours ago"),
            (86_400.0, "1 day ago"),
            (40.0 * 86_400.0, "1 month ago"),
            (800.0 * 86_400.0, "2 years ago"),
        ] {
            assert_eq!(when_text(1e9 - ago_s, 1e9), expected);
        }
    }
}
