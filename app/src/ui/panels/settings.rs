//! The settings: sections of rows that are found by typing and go back to what they were one by one.

use egui::accesskit::Role;
use egui::{ComboBox, DragValue, Id, RichText, Slider, Ui, UiBuilder};

use crate::command::{Command, Commands, ProgramCommand};
use crate::say;
use crate::state::{AppState, Contrast, Motion, Settings, Theme, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, sheet, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    caption_ui, choice_button_ui, icon_button_ui, search_field_ui, sheet_ui, text_button_ui,
};
use crate::words;
use crate::words::{Language, say};

/// Width of the column of names.
const NAMES: f32 = 150.0;

/// What a row is drawn with.
struct Row<'a> {
    settings: &'a mut Settings,
    state: &'a AppState,
    commands: &'a Commands,
    /// The label, for what it names.
    label: Id,
}

/// One setting.
struct Setting {
    name: &'static str,
    hint: &'static str,
    ui: fn(&mut Ui, &mut Row<'_>),
    /// Takes it over from other settings.
    copy: fn(&mut Settings, Settings),
}

/// Settings that belong together.
struct Section {
    name: &'static str,
    rows: &'static [Setting],
}

const SECTIONS: [Section; 3] = [
    Section {
        name: "settings-section-look",
        rows: &[
            Setting {
                name: "settings-theme",
                hint: "",
                ui: |ui, row| {
                    let choices = [
                        (Theme::System, say("common-as-desktop")),
                        (Theme::Light, say("settings-theme-light")),
                        (Theme::Dark, say("settings-theme-dark")),
                    ];
                    choice_ui(ui, say("settings-theme"), &choices, &mut row.settings.theme);
                },
                copy: |to, from| to.theme = from.theme,
            },
            Setting {
                name: "settings-contrast",
                hint: "settings-contrast-hint",
                ui: |ui, row| {
                    let choices = [
                        (Contrast::Normal, say("settings-contrast-normal")),
                        (Contrast::High, say("settings-contrast-high")),
                    ];
                    choice_ui(ui, say("settings-contrast"), &choices, &mut row.settings.contrast);
                },
                copy: |to, from| to.contrast = from.contrast,
            },
            Setting {
                name: "settings-text-size",
                hint: "",
                ui: |ui, row| {
                    let percent = &mut row.settings.text_percent;
                    ui.add(Slider::new(percent, Settings::TEXT_PERCENT).step_by(10.0).suffix(" %"))
                        .labelled_by(row.label);
                },
                copy: |to, from| to.text_percent = from.text_percent,
            },
            Setting {
                name: "settings-motion",
                hint: "settings-motion-hint",
                ui: |ui, row| {
                    let choices = [
                        (Motion::Normal, say("settings-motion-normal")),
                        (Motion::Reduced, say("settings-motion-reduced")),
                    ];
                    choice_ui(ui, say("settings-motion"), &choices, &mut row.settings.motion);
                },
                copy: |to, from| to.motion = from.motion,
            },
            Setting {
                name: "settings-language",
                hint: "",
                ui: |ui, row| {
                    let choices = Language::ALL.map(|language| (language, language.name()));
                    choice_ui(ui, say("settings-language"), &choices, &mut row.settings.language);
                },
                copy: |to, from| to.language = from.language,
            },
        ],
    },
    Section {
        name: "settings-section-answers",
        rows: &[
            Setting {
                name: "settings-model",
                hint: "settings-model-hint",
                ui: model_ui,
                copy: |to, from| to.model = from.model,
            },
            Setting {
                name: "settings-longest",
                hint: "",
                ui: |ui, row| {
                    let suffix = say("settings-tokens");
                    let tokens = DragValue::new(&mut row.settings.max_tokens).range(16..=8192).speed(8.0);
                    ui.add(tokens.suffix(format!(" {suffix}"))).labelled_by(row.label);
                },
                copy: |to, from| to.max_tokens = from.max_tokens,
            },
            Setting {
                name: "settings-temperature",
                hint: "settings-temperature-hint",
                ui: |ui, row| {
                    let temperature = &mut row.settings.temperature;
                    ui.add(Slider::new(temperature, 0.0..=1.5).step_by(0.05).fixed_decimals(2))
                        .labelled_by(row.label);
                },
                copy: |to, from| to.temperature = from.temperature,
            },
        ],
    },
    Section {
        name: "settings-section-disk",
        rows: &[
            Setting {
                name: "settings-prompts",
                hint: "settings-prompts-hint",
                ui: |ui, row| {
                    ui.checkbox(&mut row.settings.prefix_cache, say("settings-prompts-keep"));
                },
                copy: |to, from| to.prefix_cache = from.prefix_cache,
            },
            Setting {
                name: "settings-data",
                hint: "",
                ui: |ui, row| {
                    let folder = row.state.data_folder.display().to_string();
                    caption_ui(ui, &say!("settings-data-folder", folder = folder.as_str()));
                    ui.horizontal_wrapped(|ui| {
                        let privacy = ProgramCommand::OpenPrivacy;
                        if text_button_ui(ui, None, say("settings-privacy-open"), false).clicked() {
                            row.commands.send(Command::Program(privacy));
                        }
                        if text_button_ui(ui, Some(Icon::Copy), say("settings-copy-path"), false).clicked() {
                            row.commands.send(Command::CopyText(folder));
                        }
                    });
                },
                copy: |_, _| {},
            },
        ],
    },
];

/// Draws the pane; every change is kept at once.
pub fn settings_ui(ui: &Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let mut settings = state.settings.clone();
    let query = &mut view.settings_query;
    sheet_ui(ui, say("settings-name"), say("settings-title"), sheet::WIDE, commands, |ui| {
        search_field_ui(ui, Id::unique("settings field"), query, say("settings-search"));
        let mut any = false;
        for section in &SECTIONS {
            any |= section_ui(ui, section, query.trim(), &mut settings, state, commands);
        }
        if !any {
            caption_ui(ui, &say!("common-palette-none", query = query.trim()));
        }
        ui.add_space(f32::from(space::M));
        ui.horizontal_wrapped(|ui| {
            let reset = ProgramCommand::ResetSettings;
            let is_reset = settings == settings.reset();
            let button =
                ui.add_enabled_ui(!is_reset, |ui| text_button_ui(ui, Some(Icon::Undo), reset.label(), false));
            if button.inner.clicked() {
                commands.send(Command::Program(reset));
            }
            let tour = ProgramCommand::StartTour;
            if text_button_ui(ui, Some(Icon::Bulb), tour.label(), false).clicked() {
                commands.send(Command::Program(tour));
            }
        });
    });
    if settings != state.settings {
        commands.send(Command::SetSettings(settings));
    }
}

/// Draws the rows that fit what was typed; returns whether there are any.
fn section_ui(
    ui: &mut Ui,
    section: &Section,
    query: &str,
    settings: &mut Settings,
    state: &AppState,
    commands: &Commands,
) -> bool {
    let fits = |setting: &&Setting| {
        let hint = if setting.hint.is_empty() { "" } else { say(setting.hint) };
        words::fit(query, &format!("{} {} {hint}", say(section.name), say(setting.name))).is_some()
    };
    let rows: Vec<&Setting> = section.rows.iter().filter(fits).collect();
    if rows.is_empty() {
        return false;
    }
    ui.add_space(f32::from(space::S));
    ui.label(RichText::new(say(section.name)).color(theme::palette(ui).strong));
    for setting in rows {
        row_ui(ui, setting, settings, state, commands);
    }
    true
}

/// The name at the left, or above in a small window; what can be chosen; and the way back.
fn row_ui(ui: &mut Ui, setting: &Setting, settings: &mut Settings, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let name = say(setting.name);
    let beside = ui.available_width() >= sheet::SMALL_WINDOW - 2.0 * f32::from(space::XL);
    let layout = if beside {
        egui::Layout::left_to_right(egui::Align::Min)
    } else {
        egui::Layout::top_down(egui::Align::Min)
    };
    ui.scope_builder(UiBuilder::new().layout(layout), |ui| {
        let label = ui
            .allocate_ui_with_layout(
                egui::vec2(if beside { NAMES } else { ui.available_width() }, CONTROL),
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| {
                    if beside {
                        ui.set_min_width(NAMES);
                    }
                    ui.label(RichText::new(name).size(size::CONTROL).color(palette.text))
                },
            )
            .inner;
        let mut reset = settings.clone();
        (setting.copy)(&mut reset, settings.reset());
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                let room = ui.available_width() - CONTROL - f32::from(space::S);
                ui.vertical(|ui| {
                    ui.set_width(room);
                    let row = &mut Row { settings, state, commands, label: label.id };
                    (setting.ui)(ui, row);
                    if !setting.hint.is_empty() {
                        caption_ui(ui, say(setting.hint));
                    }
                });
                if reset != *settings {
                    let back = say!("settings-reset-one", name = name);
                    if icon_button_ui(ui, Icon::Undo, &back, &back, None).clicked() {
                        *settings = reset;
                    }
                }
            });
        });
    });
}

/// Several choices of which one holds, in as many rows as they need.
fn choice_ui<T: PartialEq + Copy>(ui: &mut Ui, name: &str, choices: &[(T, &str)], chosen: &mut T) {
    let group = UiBuilder::new().accessibility_role(Role::RadioGroup).accessibility_label(name);
    ui.scope_builder(group, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::Vec2::splat(f32::from(space::XS));
            for (value, name) in choices {
                if choice_button_ui(ui, name, value == chosen).clicked() {
                    *chosen = *value;
                }
            }
        });
    });
}

fn model_ui(ui: &mut Ui, row: &mut Row<'_>) {
    let models = &row.state.models;
    let chosen = &mut row.settings.model;
    let combo = ComboBox::from_id_salt("model")
        .width(ui.available_width().min(280.0))
        .selected_text(chosen.as_str())
        .show_ui(ui, |ui| {
            for model in models.rows.iter().filter(|model| model.answers) {
                let mut text = format!("{}  ·  {}", model.id, megabytes(model.bytes));
                let expected = model.expected();
                let absent = if model.present { "" } else { say("settings-model-absent") };
                for part in [expected.as_str(), absent].into_iter().filter(|part| !part.is_empty()) {
                    text.push_str("  ·  ");
                    text.push_str(part);
                }
                ui.selectable_value(chosen, model.id.clone(), text);
            }
        });
    combo.response.labelled_by(row.label);
    let Some(model) = models.rows.iter().find(|model| model.id == *chosen) else {
        caption_ui(ui, say("settings-model-file"));
        return;
    };
    caption_ui(ui, &model.what);
    let expected = model.expected();
    if models.measuring {
        caption_ui(ui, say("settings-model-measuring"));
    } else if !expected.is_empty() {
        caption_ui(ui, &say!("settings-model-expected", expected = expected));
    }
    if !model.present {
        let text = say!("settings-model-download", size = megabytes(model.bytes));
        if text_button_ui(ui, Some(Icon::Download), &text, false).clicked() {
            row.commands.send(Command::DownloadModel(model.id.clone()));
            row.commands.send(Command::Escape);
        }
    }
}
