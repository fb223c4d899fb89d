//! The sheet of shortcuts.

use egui::{Grid, Id, Modal, RichText, ScrollArea, Ui};

use crate::command::{Command, Commands};
use crate::ui::icons::Icon;
use crate::ui::theme;
use crate::ui::widgets::{icon_button_ui, title_ui};

/// Draws the sheet.
pub fn shortcuts_ui(ui: &Ui, commands: &Commands) {
    let palette = theme::palette(ui);
    let modal = Modal::new(Id::unique("shortcuts")).show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 80.0).min(500.0));
        ui.horizontal(|ui| {
            title_ui(ui, "Keyboard shortcuts");
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button_ui(ui, Icon::Close, "Close shortcuts", "Close (Esc)", None).clicked() {
                    commands.send(Command::Escape);
                }
            });
        });
        let height = ui.ctx().content_rect().height() - 160.0;
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            Grid::new("shortcut grid").num_columns(2).spacing([24.0, 8.0]).min_col_width(130.0).show(
                ui,
                |ui| {
                    let mut row = |keys: String, text: &str| {
                        ui.label(RichText::new(keys).monospace().color(palette.accent));
                        ui.label(RichText::new(text).color(palette.text));
                        ui.end_row();
                    };
                    row("Enter".into(), "Ask");
                    row("Shift+Enter".into(), "Begin a line");
                    row("Tab, Shift+Tab".into(), "Go to the next or previous control");
                    for command in Command::with_shortcuts() {
                        if let Some(shortcut) = command.shortcut() {
                            row(commands_text(&shortcut), command.label());
                        }
                    }
                },
            );
        });
    });
    if modal.should_close() {
        commands.send(Command::Escape);
    }
}

fn commands_text(shortcut: &egui::KeyboardShortcut) -> String {
    shortcut.format(&egui::ModifierNames::NAMES, cfg!(target_os = "macos"))
}
