//! A pane over the window that closes with Escape, with its button, or with a click beside it.

use egui::{Id, Modal, ScrollArea, Ui};

use super::{icon_button_ui, title_ui};
use crate::command::{Command, Commands};
use crate::ui::icons::Icon;

/// Draws a sheet at most `width` wide; what does not fit scrolls. `name` is the word for it in "Close …".
/// Returns whether it should close, which the command for it says, too.
pub fn sheet_ui(
    ui: &Ui,
    name: &str,
    title: &str,
    width: f32,
    commands: &Commands,
    content: impl FnOnce(&mut Ui),
) -> bool {
    let modal = Modal::new(Id::unique(name)).show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 80.0).min(width));
        ui.horizontal(|ui| {
            title_ui(ui, title);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button_ui(ui, Icon::Close, &format!("Close {name}"), "Close (Esc)", None).clicked() {
                    commands.send(Command::Escape);
                }
            });
        });
        let height = ui.ctx().content_rect().height() - 160.0;
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, content);
    });
    if modal.should_close() {
        commands.send(Command::Escape);
    }
    modal.should_close()
}
