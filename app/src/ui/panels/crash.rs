//! What the last crash left behind. It is shown here and never sent.

use egui::{Frame, Label, Margin, RichText, ScrollArea, Ui};

use crate::command::{Command, Commands, ProgramCommand};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, sheet, size, space};
use crate::ui::widgets::{sheet_ui, text_button_ui};
use crate::words::say;

/// Most height of the report itself.
const REPORT: f32 = 220.0;

/// Draws the sheet.
pub fn crash_ui(ui: &Ui, state: &AppState, commands: &Commands) {
    let Some(report) = &state.program.crash else { return };
    sheet_ui(ui, say("settings-crash-name"), say("settings-crash"), sheet::WIDE, commands, |ui| {
        let palette = theme::palette(ui);
        ui.label(RichText::new(say("settings-crash-what")).color(palette.text));
        Frame::new().fill(palette.ground).corner_radius(RADIUS).inner_margin(Margin::same(space::S)).show(
            ui,
            |ui| {
                ui.set_width(ui.available_width());
                ScrollArea::vertical().id_salt("crash report").max_height(REPORT).show(ui, |ui| {
                    let text = RichText::new(&report.text).monospace().size(size::SMALL).color(palette.text);
                    ui.add(Label::new(text).wrap());
                });
            },
        );
        ui.horizontal_wrapped(|ui| {
            if text_button_ui(ui, Some(Icon::Copy), say("settings-crash-copy"), true).clicked() {
                commands.send(Command::CopyText(report.text.clone()));
            }
            if text_button_ui(ui, Some(Icon::Open), say("settings-crash-folder"), false).clicked()
                && let Some(folder) = report.path.parent()
            {
                commands.send(Command::OpenSource(folder.to_path_buf()));
            }
            if text_button_ui(ui, Some(Icon::Trash), say("settings-crash-delete"), false).clicked() {
                commands.send(Command::Program(ProgramCommand::DeleteCrash));
            }
        });
    });
}
