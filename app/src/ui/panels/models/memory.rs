//! What models take now: of the memory, and of the disk.

use egui::{DragValue, RichText, Ui};

use super::card_ui;
use super::row::action_ui;
use crate::command::{Command, Commands, ModelsCommand};
use crate::say;
use crate::state::{AppState, file_name, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme;
use crate::ui::widgets::{caption_ui, icon_button_ui};
use crate::words::say;

/// What is in memory, and when it leaves.
pub(super) fn memory_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    card_ui(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(say("models-in-memory")).color(palette.strong));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if let Some(bytes) = state.models.resident_bytes {
                    caption_ui(ui, &say!("models-resident", size = megabytes(bytes)));
                }
            });
        });
        if state.models.loaded.is_empty() {
            caption_ui(ui, say("models-none-loaded"));
        }
        for model in &state.models.loaded {
            let name = match std::path::Path::new(&model.id) {
                path if path.is_absolute() => file_name(path),
                _ => model.id.clone(),
            };
            let mut facts = vec![megabytes(model.bytes)];
            if model.conversation_bytes > 0 {
                facts.push(say!("models-conversation", size = megabytes(model.conversation_bytes)));
            }
            if model.device != "cpu" {
                facts.push(model.device.clone());
            }
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new(name).color(palette.text));
                caption_ui(ui, &facts.join("  ·  "));
            });
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().interact_size.y = theme::CONTROL;
            action_ui(
                ui,
                None,
                say("models-unload"),
                say("models-unload"),
                ModelsCommand::Unload,
                state,
                commands,
            );
            let mut minutes = state.settings.unload_after_min;
            let label = ui.label(say("models-unload-after"));
            let field =
                DragValue::new(&mut minutes).range(0..=24 * 60).speed(0.5).custom_formatter(|n, _| {
                    match n as u32 {
                        0 => say("models-never").to_owned(),
                        n => say!("models-minutes", n = n),
                    }
                });
            if ui.add(field).labelled_by(label.id).changed() {
                commands.send(Command::Models(ModelsCommand::UnloadAfter(minutes)));
            }
        });
    });
}

/// What is taken on disk, and where.
pub(super) fn space_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let Some(space) = &state.models.space else { return };
    ui.label(RichText::new(say("models-space")).color(palette.strong));
    let folder = space.folder.display().to_string();
    let mut text = say!("models-space-models", size = megabytes(space.models_bytes), folder = folder.clone());
    if let Some(free) = space.free_bytes {
        text = format!("{text}  ·  {}", say!("models-space-free", size = megabytes(free)));
    }
    ui.horizontal_top(|ui| {
        let width = (ui.available_width() - 44.0).max(60.0);
        ui.vertical(|ui| {
            ui.set_width(width);
            caption_ui(ui, &text);
            let made = say!(
                "models-space-made",
                panels = megabytes(space.panels_bytes),
                prompts = megabytes(space.prompts_bytes)
            );
            caption_ui(ui, &made);
        });
        let label = say("models-copy-folder");
        if icon_button_ui(ui, Icon::Copy, label, label, None).clicked() {
            commands.send(Command::CopyText(folder));
        }
    });
}
