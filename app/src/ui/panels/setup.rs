//! What a conversation has chosen for itself: model, instructions, how tokens are chosen.

use egui::{ComboBox, DragValue, Grid, RichText, Slider, TextEdit, Ui};

use crate::command::{Command, Commands, TalkCommand};
use crate::say;
use crate::state::{AppState, Preset, Sampling, Setup};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{choice_button_ui, elided, icon_button_ui, sheet_ui, text_button_ui};
use crate::words::say;

/// Draws the sheet; every change is kept at once.
pub fn setup_ui(ui: &Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(conversation) = state.current() else { return };
    let mut setup = conversation.setup.clone();
    let title = say("conversations-setup");
    let closes = sheet_ui(ui, title, title, 560.0, commands, |ui| {
        ui.label(weak(ui, say("conversations-setup-hint")));
        ui.add_space(6.0);
        model_ui(ui, &mut setup, state);
        ui.add_space(8.0);
        system_ui(ui, &mut setup);
        ui.add_space(8.0);
        sampling_ui(ui, &mut setup, state, view, commands);
    });
    if setup != conversation.setup {
        commands.send(Command::Talk(TalkCommand::SetSetup(Box::new(setup))));
    }
    if closes {
        view.preset_name.clear();
    }
}

fn weak(ui: &Ui, text: &str) -> RichText {
    RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak)
}

fn model_ui(ui: &mut Ui, setup: &mut Setup, state: &AppState) {
    let label = ui.label(say("conversations-model"));
    let as_settings = say!("conversations-as-in-settings", value = elided(&state.settings.model, 32));
    let chosen = setup.model.as_deref().map_or_else(|| as_settings.clone(), |model| elided(model, 44));
    let combo = ComboBox::from_id_salt("conversation model")
        .width(ui.available_width().min(360.0))
        .selected_text(chosen);
    let response = combo.show_ui(ui, |ui| {
        ui.selectable_value(&mut setup.model, None, as_settings);
        for row in state.models.rows.iter().filter(|row| row.answers && row.present) {
            ui.selectable_value(&mut setup.model, Some(row.id.clone()), &row.id);
        }
    });
    response.response.labelled_by(label.id);
}

fn system_ui(ui: &mut Ui, setup: &mut Setup) {
    let label = ui.label(say("conversations-instructions"));
    let mut text = setup.system.clone().unwrap_or_default();
    let field = TextEdit::multiline(&mut text)
        .hint_text(say("conversations-instructions-hint"))
        .desired_width(f32::INFINITY)
        .desired_rows(3);
    if ui.add(field).labelled_by(label.id).changed() {
        setup.system = (!text.trim().is_empty()).then_some(text);
    }
}

fn sampling_ui(ui: &mut Ui, setup: &mut Setup, state: &AppState, view: &mut ViewState, commands: &Commands) {
    ui.label(say("conversations-sampling"));
    let presets = state.presets();
    ui.horizontal_wrapped(|ui| {
        if choice_button_ui(ui, say("conversations-as-settings"), setup.sampling.is_none()).clicked() {
            setup.sampling = None;
        }
        for (i, Preset { name, sampling }) in presets.iter().enumerate() {
            let chosen = setup.sampling.as_ref() == Some(sampling);
            if choice_button_ui(ui, &elided(name, 28), chosen).clicked() {
                setup.sampling = Some(sampling.clone());
            }
            let own = i >= presets.len() - state.own_presets.len();
            if own && chosen {
                let delete = TalkCommand::DeletePreset(name.clone());
                let label = say!("conversations-delete-preset-of", name = name.as_str());
                if icon_button_ui(ui, Icon::Trash, &label, delete.label(), None).clicked() {
                    commands.send(Command::Talk(delete));
                }
            }
        }
    });
    let mut sampling = setup.sampling.clone().unwrap_or_else(|| Sampling::of(&state.settings));
    let before = sampling.clone();
    Grid::new("sampling").num_columns(2).spacing([20.0, 10.0]).min_col_width(140.0).show(ui, |ui| {
        let slider = |ui: &mut Ui, name, hint, value: &mut f32, range, step| {
            let label = ui.label(say(name)).on_hover_text(say(hint));
            let slider = Slider::new(value, range).step_by(step).fixed_decimals(2);
            ui.add(slider).labelled_by(label.id).on_hover_text(say(hint));
            ui.end_row();
        };
        let s = &mut sampling;
        slider(
            ui,
            "conversations-temperature",
            "conversations-temperature-hint",
            &mut s.temperature,
            0.0..=2.0,
            0.05,
        );
        slider(ui, "conversations-top-p", "conversations-top-p-hint", &mut s.top_p, 0.05..=1.0, 0.05);
        slider(ui, "conversations-min-p", "conversations-min-p-hint", &mut s.min_p, 0.0..=0.5, 0.01);
        slider(
            ui,
            "conversations-repetition",
            "conversations-repetition-hint",
            &mut s.repetition_penalty,
            1.0..=1.5,
            0.05,
        );
        let label = ui.label(say("conversations-top-k")).on_hover_text(say("conversations-top-k-hint"));
        ui.add(DragValue::new(&mut s.top_k).range(0..=1000)).labelled_by(label.id);
        ui.end_row();
        let label = ui.label(say("conversations-longest"));
        let tokens = DragValue::new(&mut s.max_tokens).range(16..=32_768).speed(8.0);
        ui.add(tokens.suffix(say("conversations-tokens-suffix"))).labelled_by(label.id);
        ui.end_row();
        let label = ui.label(say("conversations-seed")).on_hover_text(say("conversations-seed-hint"));
        ui.add(DragValue::new(&mut s.seed)).labelled_by(label.id);
        ui.end_row();
    });
    if sampling != before {
        setup.sampling = Some(sampling.clone());
    }
    // What is no preset yet can become one.
    if setup.sampling.is_none() || presets.iter().any(|preset| preset.sampling == sampling) {
        return;
    }
    ui.horizontal(|ui| {
        let field = TextEdit::singleline(&mut view.preset_name)
            .id(egui::Id::unique("preset name field"))
            .hint_text(say("conversations-preset-name"))
            .desired_width(200.0)
            .margin(egui::Margin::symmetric(8, 7));
        let response = ui.add(field);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("conversations-preset-name")));
        let name = view.preset_name.trim().to_owned();
        let save = TalkCommand::SavePreset(Preset { name: name.clone(), sampling });
        let clicked =
            ui.add_enabled_ui(!name.is_empty(), |ui| text_button_ui(ui, None, save.label(), false).clicked());
        if clicked.inner {
            view.preset_name.clear();
            commands.send(Command::Talk(save));
        }
    });
}
