//! Models of other programs, which are used where they are.

use std::path::Path;

use egui::{RichText, Ui};

use super::row::action_ui;
use super::{ability_name, badge_ui, card_ui};
use crate::command::{Commands, ModelsCommand};
use crate::say;
use crate::state::{AppState, Other, megabytes};
use crate::ui::theme;
use crate::ui::widgets::caption_ui;
use crate::words::say;

pub(super) fn others_ui(ui: &mut Ui, state: &AppState, search: &str, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.label(RichText::new(say("models-others")).color(palette.strong));
    let Some(others) = &state.models.others else {
        caption_ui(ui, say("models-others-looking"));
        return;
    };
    let search = search.to_lowercase();
    let fits = |other: &&Other| {
        let text = format!("{} {}", other.found.name, other.found.tool.name()).to_lowercase();
        search.split_whitespace().all(|word| text.contains(word))
    };
    if others.is_empty() {
        caption_ui(ui, say("models-others-none"));
    } else {
        caption_ui(ui, say("models-others-in-place"));
    }
    for other in others.iter().filter(fits) {
        card_ui(ui, |ui| other_ui(ui, other, state, commands));
    }
    let again = say("models-look");
    action_ui(ui, None, again, again, ModelsCommand::LookForOthers, state, commands);
}

fn other_ui(ui: &mut Ui, other: &Other, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let path = other.found.path.display().to_string();
    let is_chosen = Path::new(&state.settings.model) == other.found.path;
    ui.horizontal(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let (text, colour) = match is_chosen {
                true => (say("models-chosen"), palette.accent),
                false => (other.found.tool.name(), palette.weak),
            };
            ui.label(RichText::new(text).size(theme::size::SMALL).color(colour));
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let name = RichText::new(&other.found.name).color(palette.strong);
                ui.add(egui::Label::new(name).truncate()).on_hover_text(&path);
            });
        });
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for ability in &other.does {
            badge_ui(ui, ability_name(*ability), true);
        }
        let mut facts = vec![megabytes(other.found.bytes)];
        facts.extend(Some(other.prospects.text()).filter(|text| !text.is_empty()));
        caption_ui(ui, &facts.join("  ·  "));
    });
    match &other.problem {
        Some(problem) => {
            let text = say!("models-other-problem", problem = problem.clone());
            ui.label(RichText::new(text).size(theme::size::SMALL).color(palette.warn));
        }
        None if !is_chosen => {
            let name = format!("{} {}", say("models-use"), other.found.name);
            action_ui(ui, None, &name, say("models-use"), ModelsCommand::Use(path), state, commands);
        }
        None => {}
    }
}
