//! The line above a conversation.

use egui::{FontId, RichText, Ui, Vec2, pos2};

use super::branch::difference;
use crate::command::{Command, Commands, TalkCommand};
use crate::say;
use crate::state::{AppState, Conversation};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL};
use crate::ui::widgets::{command_button_ui, context_meter_ui, elided, focus_ring, galley_elided};
use crate::words::say;

/// Room that is needed for what says that nothing of the conversation stays, in points.
const TEMPORARY: f32 = 300.0;

/// Below this width the header has room for little.
const SMALL: f32 = 420.0;

/// Title, model, context meter; in a small window also the button for the list.
pub fn header_ui(ui: &mut Ui, state: &AppState, commands: &Commands, wide: bool) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        ui.set_height(CONTROL);
        if !wide {
            command_button_ui(ui, Icon::Menu, Command::ToggleSidebar, state, commands);
            command_button_ui(ui, Icon::Plus, Command::NewConversation, state, commands);
        }
        let title = state.current().map_or("", |c| c.title.as_str());
        // Where there is no room for both, that nothing stays is more important than what it is called.
        let only = state.current().filter(|c| c.temporary && ui.available_width() < SMALL);
        let title = only.map_or(title, |_| say("conversations-temporary"));
        let colour = if only.is_some() { palette.warn } else { palette.text };
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(usage) = state.current().and_then(|c| c.last_usage()) {
                context_meter_ui(ui, usage);
            }
            if let Some(conversation) = state.current() {
                setup_button_ui(ui, conversation, state, commands);
                if conversation.temporary && ui.available_width() > TEMPORARY {
                    temporary_ui(ui, commands);
                }
            }
            let width = ui.available_width() - 8.0;
            let font = FontId::proportional(theme::size::BODY);
            let galley = galley_elided(ui, title, font, colour, width.max(10.0), 1);
            let (rect, response) =
                ui.allocate_exact_size(Vec2::new(width.max(10.0), 24.0), egui::Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, title));
            let at = egui::pos2(rect.left() + 4.0, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley(at, galley, colour);
        });
    });
}

/// Who answers here, and the way to choose it.
fn setup_button_ui(ui: &mut Ui, conversation: &Conversation, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let setup = &conversation.setup;
    let model = setup.model(&state.settings);
    let mut parts = vec![elided(model, 24)];
    parts.extend(difference(setup, state));
    if setup.system.is_some() {
        parts.push(say("conversations-with-instructions").to_owned());
    }
    let text = parts.join("  ·  ");
    let colour = if setup.is_plain() { palette.weak } else { palette.accent };
    let font = FontId::proportional(theme::size::SMALL);
    let most = (ui.available_width() * 0.6).max(60.0);
    let galley = galley_elided(ui, &text, font, colour, most, 1);
    let size = Vec2::new(galley.size().x + 16.0, CONTROL);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::click());
    let open = Command::Talk(TalkCommand::OpenSetup);
    let label = format!("{}: {text}", open.label());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, true, &label));
    if response.hovered() {
        ui.painter().rect_filled(rect, theme::RADIUS, palette.hovered);
    }
    focus_ring(ui, &response);
    ui.painter().galley(pos2(rect.left() + 8.0, rect.center().y - galley.size().y / 2.0), galley, colour);
    let tip = format!("{}\n{}", say!("conversations-written-by", model = model), open.label());
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tip).clicked() {
        commands.send(open);
    }
}

/// What says that nothing of this conversation stays, and the way to keep it.
fn temporary_ui(ui: &mut Ui, commands: &Commands) {
    let palette = theme::palette(ui);
    let keep = TalkCommand::KeepTemporary;
    if ui.link(RichText::new(keep.label()).size(theme::size::SMALL)).clicked() {
        commands.send(Command::Talk(keep));
    }
    let text = RichText::new(say("conversations-temporary")).size(theme::size::SMALL).color(palette.warn);
    ui.label(text).on_hover_text(say("conversations-temporary-hint"));
}
