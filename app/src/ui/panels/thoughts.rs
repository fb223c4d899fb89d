//! Chains of thought that vote on an answer: how many, how they voted, and what each of them says.

use egui::{CollapsingHeader, Popup, RichText, Ui};

use crate::command::{Command, Commands};
use crate::say;
use crate::state::{AppState, Exchange, Thought, chain_name, votes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::widgets::icon_button_ui;
use crate::words::say;

/// How many chains can vote.
const CHOICES: [usize; 4] = [3, 5, 8, 16];

/// The button below the question that chooses how many chains vote.
pub(super) fn think_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let label = match state.think {
        None => say("teach-think-off").to_owned(),
        Some(n) => say!("teach-think-on", count = n),
    };
    let button = icon_button_ui(ui, Icon::Bulb, &label, &label, None);
    if let Some(n) = state.think {
        ui.painter().rect_filled(button.rect, theme::RADIUS, palette.selected);
        Icon::Bulb.paint(ui.painter(), button.rect.shrink(7.0), palette.accent);
        let at = button.rect.right_bottom() - egui::vec2(1.0, 1.0);
        let font = egui::FontId::proportional(size::SMALL - 1.0);
        ui.painter().text(at, egui::Align2::RIGHT_BOTTOM, n.to_string(), font, palette.accent);
    }
    Popup::menu(&button).show(|ui| {
        ui.set_min_width(240.0);
        ui.label(RichText::new(say("teach-think-about")).size(size::SMALL).color(palette.weak));
        let choice = |ui: &mut Ui, n: Option<usize>, text: String| {
            if ui.radio(state.think == n, text).clicked() {
                commands.send(Command::Think(n));
                ui.close();
            }
        };
        choice(ui, None, say("teach-think-none").to_owned());
        for n in CHOICES {
            choice(ui, Some(n), say!("teach-think-chains", count = n));
        }
    });
}

/// Above a question: which documents of the library it is about.
pub(super) fn about_ui(ui: &mut Ui, exchange: &Exchange) {
    let Some(scope) = &exchange.context.library else { return };
    let palette = theme::palette(ui);
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        let text = say!("library-about", what = scope.text());
        let files: Vec<String> = scope.documents.iter().map(|path| path.display().to_string()).collect();
        let label = ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
        if !files.is_empty() {
            label.on_hover_text(files.join("\n"));
        }
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(16.0), egui::Sense::hover());
        Icon::Library.paint(ui.painter(), rect, palette.weak);
    });
}

/// The vote under an answer; the chains can be opened.
pub(super) fn thoughts_ui(ui: &mut Ui, exchange: &Exchange) {
    let thoughts = &exchange.answer.thoughts;
    let Some(n) = exchange.context.think.filter(|_| !thoughts.is_empty()) else { return };
    let palette = theme::palette(ui);
    ui.add_space(f32::from(space::S));
    let small = |text: String| RichText::new(text).size(size::SMALL).color(palette.weak);
    if exchange.answer.status.is_running() {
        ui.label(small(say!("teach-thinking", done = thoughts.len(), total = n + 1)));
    }
    let votes = votes(thoughts);
    let title = match votes.first() {
        Some((answer, count)) => {
            let total = thoughts.iter().filter(|thought| thought.chain > 0).count();
            say!("teach-vote", count = *count, total = total, answer = answer.as_str())
        }
        None => say!("teach-vote-none", total = thoughts.len()),
    };
    CollapsingHeader::new(small(title)).id_salt("thoughts").show(ui, |ui| {
        for (answer, count) in votes.iter().skip(1) {
            ui.label(small(say!("teach-vote-other", count = *count, answer = answer.as_str())));
        }
        for thought in thoughts {
            chain_ui(ui, thought);
        }
    });
}

fn chain_ui(ui: &mut Ui, thought: &Thought) {
    let palette = theme::palette(ui);
    let answer = thought.answer.as_deref().unwrap_or(say("teach-chain-no-answer"));
    let title =
        RichText::new(format!("{}  ·  {answer}", chain_name(thought))).size(size::SMALL).color(palette.text);
    CollapsingHeader::new(title).id_salt(thought.chain).show(ui, |ui| {
        ui.label(RichText::new(thought.text.trim()).color(palette.text));
    });
}
