//! The sheet of shortcuts.

use egui::{Grid, RichText, Ui};

use crate::command::{Command, Commands};
use crate::ui::theme;
use crate::ui::widgets::sheet_ui;

/// The keys of the transcript pane.
const TRANSCRIPT: [(&str, &str); 9] = [
    ("Space", "Transcript: play or pause"),
    ("Left, Right", "Transcript: 5 seconds back or on"),
    ("P", "Transcript: play from the line"),
    ("S", "Transcript: who says the line"),
    ("F2, Enter", "Transcript: correct the line"),
    ("Enter, Backspace", "In a line: cut it here, join it with the one before"),
    ("Delete", "Transcript: take the line out"),
    ("Ctrl+F, Ctrl+H, F3", "Transcript: find, replace, next"),
    ("Ctrl+Z, Ctrl+Shift+Z", "Transcript: undo, redo"),
];

/// The keys of the reading pane.
const READER: [(&str, &str); 11] = [
    ("F6", "Document: give the keyboard to the pages"),
    ("Ctrl+F, F3", "Document: find, next"),
    ("Ctrl+G", "Document: go to a page"),
    ("Alt+Left, Alt+Right", "Document: back, forward"),
    ("Ctrl++, Ctrl+-", "Document: larger, smaller"),
    ("Ctrl+0, Ctrl+9", "Document: fit the width, the page"),
    ("Alt+1, 2, 3", "Document: contents, small pages, notes"),
    ("Shift+arrows", "Document: select"),
    ("H or 1 to 4, N", "Selection: highlight, note"),
    ("A, E, S", "Selection: ask, explain, summarise"),
    ("Ctrl+PageDown, Ctrl+W", "Document: next one, close"),
];

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
            for (keys, text) in READER.into_iter().chain(TRANSCRIPT) {
                row(keys.into(), text);
            }
        });
    });
}

fn commands_text(shortcut: &egui::KeyboardShortcut) -> String {
    shortcut.format(&egui::ModifierNames::NAMES, cfg!(target_os = "macos"))
}
