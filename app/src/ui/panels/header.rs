//! The line above a conversation.

use egui::{FontId, Ui, Vec2};

use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL};
use crate::ui::widgets::{command_button_ui, context_meter_ui, galley_elided};

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
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(usage) = state.current().and_then(|c| c.last_usage()) {
                context_meter_ui(ui, usage);
            }
            let font = FontId::proportional(theme::size::SMALL);
            let model = super::super::widgets::elided(&state.settings.model, 24);
            let model = ui.label(egui::RichText::new(model).font(font).color(palette.weak));
            model.on_hover_text(format!("Answers are written by {}", state.settings.model));
            let width = ui.available_width() - 8.0;
            let font = FontId::proportional(theme::size::BODY);
            let galley = galley_elided(ui, title, font, palette.text, width.max(10.0), 1);
            let (rect, response) =
                ui.allocate_exact_size(Vec2::new(width.max(10.0), 24.0), egui::Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, title));
            let at = egui::pos2(rect.left() + 4.0, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley(at, galley, palette.text);
        });
    });
}
