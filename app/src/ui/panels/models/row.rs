//! One model of the registry.

use egui::{RichText, Ui};

use super::{ability_name, badge_ui, card_ui};
use crate::command::{Command, Commands, ModelsCommand};
use crate::say;
use crate::state::{AppState, ModelRow, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme;
use crate::ui::widgets::{caption_ui, text_button_ui};
use crate::words::say;

pub(super) fn row_ui(
    ui: &mut Ui,
    row: &ModelRow,
    state: &AppState,
    confirm: &mut Option<String>,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    card_ui(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(&row.id).color(palette.strong));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let (text, colour) = standing(ui, row, state);
                ui.label(RichText::new(text).size(theme::size::SMALL).color(colour));
            });
        });
        ui.label(RichText::new(&row.what).color(palette.text));
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            for ability in &row.does {
                badge_ui(ui, ability_name(*ability), row.answers);
            }
            let mut facts = vec![megabytes(row.bytes), row.licence.clone()];
            if row.answers {
                facts.extend(Some(row.expected()).filter(|expected| !expected.is_empty()));
            }
            caption_ui(ui, &facts.join("  ·  "));
        });
        if let Some(checking) = state.models.checking.as_ref().filter(|checking| checking.id == row.id) {
            let percent = 100 * checking.done_bytes / checking.total_bytes.max(1);
            caption_ui(ui, &say!("models-checking", percent = percent));
        }
        match state.models.verdicts.get(&row.id) {
            Some(None) => drop(caption_ui(ui, say("models-right"))),
            Some(Some(problem)) => {
                let text = say!("models-wrong", problem = problem.clone());
                ui.label(RichText::new(text).size(theme::size::SMALL).color(palette.error));
            }
            None => {}
        }
        ui.push_id(&row.id, |ui| actions_ui(ui, row, state, confirm, commands));
    });
}

/// How it stands, and the colour for that.
fn standing(ui: &Ui, row: &ModelRow, state: &AppState) -> (String, egui::Color32) {
    let palette = theme::palette(ui);
    let is_chosen = row.answers && state.settings.model == row.id;
    match row {
        _ if state.models.deleting.as_ref() == Some(&row.id) => (say("models-deleting").into(), palette.warn),
        row if row.present && is_chosen => (say("models-chosen").into(), palette.accent),
        row if row.present => (say("models-here").into(), palette.weak),
        row if row.started_bytes > 0 => {
            (say!("models-started", size = megabytes(row.started_bytes)), palette.warn)
        }
        row if row.needed => (say("models-missing").into(), palette.warn),
        _ => (say("models-not-here").into(), palette.weak),
    }
}

fn actions_ui(
    ui: &mut Ui,
    row: &ModelRow,
    state: &AppState,
    confirm: &mut Option<String>,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    if confirm.as_ref() == Some(&row.id) {
        let why = match row.needed {
            true => say!("models-delete-needed", size = megabytes(row.bytes)),
            false => say!("models-delete-sure", size = megabytes(row.bytes.max(row.started_bytes))),
        };
        ui.label(RichText::new(why).color(palette.error));
        ui.horizontal_wrapped(|ui| {
            if text_button_ui(ui, Some(Icon::Trash), say("models-delete-now"), true).clicked() {
                *confirm = None;
                commands.send(Command::Models(ModelsCommand::Delete(row.id.clone())));
            }
            if text_button_ui(ui, None, say("models-keep"), false).clicked() {
                *confirm = None;
            }
        });
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let is_chosen = state.settings.model == row.id;
        if row.answers && row.present && !is_chosen {
            let command = ModelsCommand::Use(row.id.clone());
            action_ui(ui, None, &named("models-use", row), say("models-use"), command, state, commands);
        }
        if !row.present {
            let text = match row.started_bytes {
                0 => say!("models-download-of", size = megabytes(row.bytes)),
                _ => say("models-go-on").to_owned(),
            };
            let command = Command::DownloadModel(row.id.clone());
            let enabled = command.enabled(state);
            ui.add_enabled_ui(enabled.is_ok(), |ui| {
                let response = text_button_ui(ui, Some(Icon::Download), &text, false);
                if response.clicked() {
                    commands.send(command);
                }
                response.on_disabled_hover_text(enabled.err().unwrap_or_default());
            });
        }
        if row.present {
            let command = ModelsCommand::Verify(row.id.clone());
            let name = named("models-verify", row);
            action_ui(ui, Some(Icon::Check), &name, say("models-verify"), command, state, commands);
        }
        if row.present || row.started_bytes > 0 {
            let delete = Command::Models(ModelsCommand::Delete(row.id.clone()));
            let enabled = delete.enabled(state);
            ui.add_enabled_ui(enabled.is_ok(), |ui| {
                let response = text_button_ui(ui, Some(Icon::Trash), say("models-delete"), false);
                let label = named("models-delete", row);
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::accesskit::Role::Button, enabled.is_ok(), &label)
                });
                if response.clicked() {
                    *confirm = Some(row.id.clone());
                }
                response.on_disabled_hover_text(enabled.err().unwrap_or_default());
            });
            // Why not, where nobody can point: with the keyboard or a screen reader.
            if let Err(reason) = enabled {
                caption_ui(ui, reason);
            }
        }
    });
}

/// The name of a button for screen readers: what it does, and to which model.
fn named(id: &'static str, row: &ModelRow) -> String {
    format!("{} {}", say(id).trim_end_matches('…'), row.id)
}

/// A button whose command may not be possible now.
pub(super) fn action_ui(
    ui: &mut Ui,
    icon: Option<Icon>,
    name: &str,
    text: &str,
    command: ModelsCommand,
    state: &AppState,
    commands: &Commands,
) {
    let command = Command::Models(command);
    let enabled = command.enabled(state);
    ui.add_enabled_ui(enabled.is_ok(), |ui| {
        let response = text_button_ui(ui, icon, text, false);
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Button, enabled.is_ok(), name));
        if response.clicked() {
            commands.send(command);
        }
        response.on_disabled_hover_text(enabled.err().unwrap_or_default());
    });
}
