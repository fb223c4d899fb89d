//! The settings.

use egui::{ComboBox, DragValue, Grid, RichText, Slider, Ui};

use crate::command::{Command, Commands};
use crate::state::{AppState, Settings, Theme, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{sheet_ui, text_button_ui};
use crate::words::{Language, say};

/// Draws the pane; every change is kept at once.
pub fn settings_ui(ui: &Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let mut settings = state.settings.clone();
    let closes = sheet_ui(ui, "settings", "Settings", 560.0, commands, |ui| {
        Grid::new("settings grid")
            .num_columns(2)
            .spacing([20.0, 14.0])
            .min_col_width(120.0)
            .show(ui, |ui| rows_ui(ui, &mut settings, state, commands));
        ui.add_space(8.0);
        ui.separator();
        data_ui(ui, state, view, commands);
    });
    if settings != state.settings {
        commands.send(Command::SetSettings(settings));
    }
    if closes {
        view.confirm_clear = false;
    }
}

fn rows_ui(ui: &mut Ui, settings: &mut Settings, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let weak = |text: &str| RichText::new(text).size(size::SMALL).color(palette.weak);
    ui.label("Theme");
    ui.horizontal(|ui| {
        for (theme, name) in [(Theme::System, "System"), (Theme::Light, "Light"), (Theme::Dark, "Dark")] {
            ui.selectable_value(&mut settings.theme, theme, name);
        }
    });
    ui.end_row();

    ui.label(say("settings-language"));
    ui.horizontal(|ui| {
        for language in Language::ALL {
            ui.selectable_value(&mut settings.language, language, language.name());
        }
    });
    ui.end_row();

    let label = ui.label("Text size");
    let percent =
        ui.add(Slider::new(&mut settings.text_percent, Settings::TEXT_PERCENT).step_by(10.0).suffix(" %"));
    percent.labelled_by(label.id);
    ui.end_row();

    ui.label("Model");
    ui.vertical(|ui| {
        ComboBox::from_id_salt("model")
            .width(280.0)
            .selected_text(&settings.model)
            .show_ui(ui, |ui| {
                for row in state.models.rows.iter().filter(|row| row.answers) {
                    let text = format!(
                        "{}  ·  {}{}{}",
                        row.id,
                        megabytes(row.bytes),
                        dotted(&row.expected()),
                        if row.present { "" } else { "  ·  not downloaded" }
                    );
                    ui.selectable_value(&mut settings.model, row.id.clone(), text);
                }
            })
            .response
            .on_hover_text("Which model writes the answers");
        let row = state.models.rows.iter().find(|row| row.id == settings.model);
        match row {
            Some(row) => {
                ui.label(weak(&row.what));
                match row.expected() {
                    _ if state.models.measuring => drop(ui.label(weak("Measuring this computer …"))),
                    expected if expected.is_empty() => {}
                    expected => drop(ui.label(weak(&format!("On this computer: {expected}")))),
                }
                if !row.present
                    && text_button_ui(
                        ui,
                        Some(Icon::Download),
                        &format!("Download {}", megabytes(row.bytes)),
                        false,
                    )
                    .clicked()
                {
                    commands.send(Command::DownloadModel(row.id.clone()));
                    commands.send(Command::Escape);
                }
            }
            None => {
                ui.label(weak("A file on this computer"));
            }
        }
    });
    ui.end_row();

    let label = ui.label("Longest answer");
    let tokens = DragValue::new(&mut settings.max_tokens).range(16..=8192).speed(8.0).suffix(" tokens");
    ui.add(tokens).labelled_by(label.id);
    ui.end_row();

    let label = ui.label("Temperature");
    ui.vertical(|ui| {
        ui.add(Slider::new(&mut settings.temperature, 0.0..=1.5).step_by(0.05).fixed_decimals(2))
            .labelled_by(label.id);
        ui.label(weak("0 gives the likeliest words and the same answer every time."));
    });
    ui.end_row();

    ui.label("Long prompts");
    ui.vertical(|ui| {
        ui.checkbox(&mut settings.prefix_cache, "Keep what the model has read");
        ui.label(weak(
            "On this disk, so that it need not read the same again; deleted with all conversations.",
        ));
    });
    ui.end_row();
}

/// After a dot, where there is something.
fn dotted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  ·  {text}") }
}

fn data_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.label("Your data");
    let folder = state.data_folder.display().to_string();
    let text =
        format!("Conversations, models and pasted pictures are kept in {folder}. MEDLEY_DATA changes that.");
    ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
    ui.horizontal(|ui| {
        if text_button_ui(ui, Some(Icon::Copy), "Copy path", false).clicked() {
            commands.send(Command::CopyText(folder.clone()));
        }
        if !view.confirm_clear {
            if text_button_ui(ui, Some(Icon::Trash), "Delete all conversations…", false).clicked() {
                view.confirm_clear = true;
            }
        } else {
            ui.label(RichText::new("This cannot be undone.").color(palette.error));
            if text_button_ui(ui, None, "Delete everything", true).clicked() {
                view.confirm_clear = false;
                commands.send(Command::ClearData);
                commands.send(Command::Escape);
            }
            if text_button_ui(ui, None, "Keep", false).clicked() {
                view.confirm_clear = false;
            }
        }
    });
}
