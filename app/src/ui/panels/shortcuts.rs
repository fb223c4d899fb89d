//! The sheet of shortcuts.

use egui::{Grid, RichText, Ui};

use crate::command::{Command, Commands};
use crate::ui::theme;
use crate::ui::widgets::sheet_ui;

/// Draws the sheet.
pub fn shortcuts_ui(ui: &Ui, commands: &Commands) {
    let palette = theme::palette(ui);
    sheet_ui(ui, "shortcuts", "Keyboard shortcuts", 500.0, commands, |ui| {
        Grid::new("shortcut grid").num_columns(2).spacing([24.0, 8.0]).min_col_width(130.0).show(ui, |ui| {
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
        });
    });
}

fn commands_text(shortcut: &egui::KeyboardShortcut) -> String {
    shortcut.format(&egui::ModifierNames::NAMES, cfg!(target_os = "macos"))
}
