//! Versions of a question or an answer, and the field to edit one.

use egui::{Key, KeyboardShortcut, Modifiers, Popup, RichText, TextEdit, Ui};

use crate::command::{Command, Commands, TalkCommand};
use crate::say;
use crate::state::{AppState, Editing, Exchange, Preset, Setup, Versions};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{elided, icon_button_ui, keep_cursor_inside, text_button_ui};
use crate::words::say;

/// Width of ‹ 2/3 ›.
pub(super) const VERSIONS_WIDTH: f32 = 2.0 * CONTROL + 34.0;

/// ‹ 2/3 ›, where there is more than one version.
pub(super) fn versions_ui(ui: &mut Ui, versions: &Versions, names: [&'static str; 2], commands: &Commands) {
    if versions.ids.len() < 2 {
        return;
    }
    let palette = theme::palette(ui);
    let step = |ui: &mut Ui, by: isize| {
        let (icon, name) = if by < 0 { (Icon::Left, names[0]) } else { (Icon::Right, names[1]) };
        let target = versions.step(by);
        let why_not = target.is_none().then(|| say("conversations-no-more-versions"));
        if icon_button_ui(ui, icon, name, name, why_not).clicked()
            && let Some(id) = target
        {
            commands.send(Command::Talk(TalkCommand::ShowBranch(id)));
        }
    };
    ui.spacing_mut().item_spacing.x = 0.0;
    step(ui, -1);
    let text = format!("{}/{}", versions.at + 1, versions.ids.len());
    ui.add_sized(
        [34.0, CONTROL],
        egui::Label::new(RichText::new(text).size(size::SMALL).color(palette.weak)),
    );
    step(ui, 1);
}

/// The field in the place of a question or an answer that is edited; whether it was drawn.
pub(super) fn editor_ui(
    ui: &mut Ui,
    what: Editing,
    text: &str,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) -> bool {
    if state.editing != Some(what) {
        return false;
    }
    let fresh = view.edit.as_ref().is_none_or(|(edited, _)| *edited != what);
    if fresh {
        view.edit = Some((what, text.to_owned()));
    }
    let Some((_, draft)) = &mut view.edit else { return false };
    let (name, newline, send) = match what {
        // As in the field for questions.
        Editing::Question(_) => ("conversations-edit-question-field", Modifiers::SHIFT, Modifiers::NONE),
        Editing::Answer(_) => ("conversations-edit-answer-field", Modifiers::NONE, Modifiers::COMMAND),
    };
    let field = TextEdit::multiline(draft)
        .desired_width(f32::INFINITY)
        .desired_rows(2)
        .margin(egui::Margin::symmetric(12, 9))
        .return_key(KeyboardShortcut::new(newline, Key::Enter));
    let response = ui.add(field);
    keep_cursor_inside(&response, draft);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say(name)));
    if fresh {
        response.request_focus();
        response.scroll_to_me(None);
    }
    let draft = draft.clone();
    let command = match what {
        Editing::Question(id) => TalkCommand::AskEdited(id, draft),
        Editing::Answer(id) => TalkCommand::KeepEdited(id, draft),
    };
    let command = Command::Talk(command);
    let why_not = command.enabled(state).err();
    let pressed = response.has_focus()
        && ui.input(|input| {
            input.events.iter().any(|event| {
                matches!(event, egui::Event::Key { key: Key::Enter, pressed: true, modifiers, .. }
                    if modifiers.matches_exact(send))
            })
        });
    ui.horizontal(|ui| {
        let button = ui.add_enabled_ui(why_not.is_none(), |ui| {
            let button = text_button_ui(ui, None, command.label(), true);
            button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked()
        });
        if button.inner || (pressed && why_not.is_none()) {
            commands.send(command.clone());
        }
        let cancel = TalkCommand::CancelEdit;
        if text_button_ui(ui, None, cancel.label(), false).clicked() {
            commands.send(Command::Talk(cancel));
        }
        let hint = match what {
            Editing::Question(_) => say("conversations-edit-question-hint"),
            Editing::Answer(_) => say("conversations-edit-answer-hint"),
        };
        if ui.available_width() > 200.0 {
            ui.label(RichText::new(hint).size(size::SMALL).color(theme::palette(ui).weak));
        }
    });
    true
}

/// The button with the menu of models and presets for another answer.
pub(super) fn again_menu_ui(ui: &mut Ui, exchange: &Exchange, state: &AppState, commands: &Commands) {
    let again = |setup| Command::Talk(TalkCommand::AnswerAgain(exchange.id, Box::new(setup)));
    let why_not = again(Setup::default()).enabled(state).err();
    let name = say("conversations-answer-again-with");
    let response = icon_button_ui(ui, Icon::Menu, name, name, why_not);
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(220.0);
        let heading = |ui: &mut Ui, text: &str| {
            ui.label(RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak));
        };
        heading(ui, say("conversations-another-model"));
        let setup = state.current().map(|c| c.setup.with(&exchange.context.setup)).unwrap_or_default();
        let now = setup.model(&state.settings).to_owned();
        let here =
            state.models.rows.iter().filter(|row| row.answers && row.present).map(|row| row.id.clone());
        let mut models: Vec<String> = here.collect();
        if !models.contains(&now) {
            models.insert(0, now.clone());
        }
        for model in models {
            if ui.selectable_label(model == now, elided(&model, 36)).clicked() {
                commands.send(again(Setup { model: Some(model), ..Setup::default() }));
                ui.close();
            }
        }
        ui.separator();
        heading(ui, say("conversations-other-sampling"));
        for Preset { name, sampling } in state.presets() {
            if ui.selectable_label(setup.sampling.as_ref() == Some(&sampling), elided(&name, 36)).clicked() {
                commands.send(again(Setup { sampling: Some(sampling), ..Setup::default() }));
                ui.close();
            }
        }
    });
}

/// What differs from the settings in how an answer was asked for, in words; nothing when nothing does.
pub(super) fn difference(setup: &Setup, state: &AppState) -> Option<String> {
    let sampling = setup.sampling.as_ref()?;
    let preset = state.presets().into_iter().find(|preset| preset.sampling == *sampling);
    let temperature = format!("{:.2}", sampling.temperature);
    Some(
        preset
            .map_or_else(|| say!("conversations-temperature-of", value = temperature), |preset| preset.name),
    )
}
