//! One question with its answer, evidence, notices and figures.

use std::ops::Range;

use egui::{CollapsingHeader, CornerRadius, Frame, Margin, Rect, RichText, Sense, Ui, Vec2};
use engine::StopReason;

use super::parts::parts_ui;
use super::thoughts::{about_ui, thoughts_ui};
use crate::command::{Command, Commands, ReaderCommand};
use crate::state::{AnswerStatus, AppState, Exchange};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    attachment_cards_ui, command_button_ui, evidence_card_ui, icon_button_ui, progress_row_ui, quoted_ui,
    within_ui,
};

/// Of more evidence the rest is folded.
const MOST_CARDS: usize = 12;

/// Draws a question and its answer.
pub fn exchange_ui(
    ui: &mut Ui,
    exchange: &Exchange,
    last: bool,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) {
    ui.push_id(exchange.id.0, |ui| {
        files_ui(ui, exchange, state, view, commands);
        passage_ui(ui, exchange, commands);
        about_ui(ui, exchange);
        question_ui(ui, exchange);
        ui.add_space(10.0);
        view.markdown.show(ui, exchange.id, &exchange.answer.text);
        status_ui(ui, exchange, last, state, commands);
        thoughts_ui(ui, exchange);
        parts_ui(ui, exchange, commands);
        evidence_ui(ui, exchange, state, commands);
        notices_ui(ui, exchange);
        footer_ui(ui, exchange, last, state, commands);
    });
}

fn files_ui(ui: &mut Ui, exchange: &Exchange, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(conversation) = state.current() else { return };
    let files: Vec<_> = exchange.attachments.iter().filter_map(|id| conversation.attachment(*id)).collect();
    if files.is_empty() {
        return;
    }
    attachment_cards_ui(ui, &files, false, view, commands);
}

/// The passage that the question is about, above it; a click shows it in its document.
fn passage_ui(ui: &mut Ui, exchange: &Exchange, commands: &Commands) {
    let Some(quoted) = &exchange.context.passage else { return };
    if quoted_ui(ui, quoted, ui.available_width()).clicked() {
        let open = ReaderCommand::OpenPassage(quoted.path.clone(), quoted.passage.clone());
        commands.send(Command::Reader(open));
    }
}

/// The question in a bubble at the right.
fn question_ui(ui: &mut Ui, exchange: &Exchange) {
    let palette = theme::palette(ui);
    let pad = Vec2::new(14.0, 10.0);
    let room = ui.available_width();
    let font = egui::TextStyle::Body.resolve(ui.style());
    let wrap = (0.86 * room - 2.0 * pad.x).max(60.0);
    let galley = ui.painter().layout(exchange.question.clone(), font, palette.text, wrap);
    // A little more than the text, or rounding would wrap its last word.
    let text = galley.size() + Vec2::new(2.0, 0.0);
    let (row, _) = ui.allocate_exact_size(Vec2::new(room, text.y + 2.0 * pad.y), Sense::hover());
    let bubble = Rect::from_min_max(egui::pos2(row.right() - text.x - 2.0 * pad.x, row.top()), row.max);
    ui.painter().rect_filled(bubble, CornerRadius::same(14), palette.question);
    within_ui(ui, bubble.shrink2(pad), |ui| {
        ui.label(RichText::new(&exchange.question).color(palette.text));
    });
}

fn status_ui(ui: &mut Ui, exchange: &Exchange, last: bool, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let weak = |text: &str| RichText::new(text).size(size::SMALL).color(palette.weak);
    match &exchange.answer.status {
        AnswerStatus::Waiting => {
            let reading = state.current().and_then(|c| c.attachments.iter().find(|a| !a.is_settled()));
            let text = match reading {
                Some(file) => format!("Reading {} first: {}", file.name(), file.state_text()),
                None => "Waiting for the answer before this one".to_owned(),
            };
            ui.label(weak(&text));
        }
        AnswerStatus::Running(progress) => {
            progress_row_ui(ui, progress, state.now_s);
        }
        AnswerStatus::Failed(reason) => {
            Frame::new()
                .stroke(egui::Stroke::new(1.0, palette.error))
                .corner_radius(theme::RADIUS)
                .inner_margin(Margin::same(space::M))
                .show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    ui.label(RichText::new("This could not be answered").color(palette.error).strong());
                    ui.label(RichText::new(reason).color(palette.text));
                    if last {
                        command_button_ui(ui, Icon::Again, Command::Regenerate, state, commands);
                    }
                });
        }
        AnswerStatus::Interrupted => {
            ui.label(weak("Medley was closed while this was written."));
        }
        AnswerStatus::Done(StopReason::Cancelled) => {
            ui.label(weak("Stopped."));
        }
        AnswerStatus::Done(StopReason::Length) => {
            ui.label(weak("The answer reached its largest length; the settings can allow more."));
        }
        AnswerStatus::Done(StopReason::Stop) => {
            if exchange.answer.text.trim().is_empty() {
                ui.label(weak("The model had nothing to say. Ask in other words."));
            }
        }
    }
}

fn notices_ui(ui: &mut Ui, exchange: &Exchange) {
    let palette = theme::palette(ui);
    for notice in &exchange.answer.notices {
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(18.0), Sense::hover());
            Icon::Warning.paint(ui.painter(), rect.shrink(1.0), palette.warn);
            let width = ui.available_width();
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.label(RichText::new(as_sentence(notice)).size(size::SMALL).color(palette.weak));
            });
        });
    }
}

/// With a capital where the first word is a word; the name of a file stays as it is.
fn as_sentence(notice: &str) -> String {
    let first = notice.split_whitespace().next().unwrap_or_default();
    let mut characters = notice.chars();
    match characters.next() {
        Some(c) if first.chars().all(char::is_alphabetic) => c.to_uppercase().chain(characters).collect(),
        _ => notice.to_owned(),
    }
}

fn evidence_ui(ui: &mut Ui, exchange: &Exchange, state: &AppState, commands: &Commands) {
    let evidence = &exchange.answer.evidence;
    if evidence.is_empty() {
        return;
    }
    let palette = theme::palette(ui);
    let small = |text: String| RichText::new(text).size(size::SMALL).color(palette.weak);
    ui.add_space(f32::from(space::S));
    let shown = evidence.len().min(MOST_CARDS);
    ui.label(small("Evidence".into()));
    cards_ui(ui, exchange, 0..shown, state, commands);
    if shown < evidence.len() {
        let more = small(format!("{} more places", evidence.len() - shown));
        CollapsingHeader::new(more).id_salt("more evidence").show(ui, |ui| {
            cards_ui(ui, exchange, shown..evidence.len(), state, commands);
        });
    }
}

/// Evidence side by side, where there is room.
fn cards_ui(ui: &mut Ui, exchange: &Exchange, range: Range<usize>, state: &AppState, commands: &Commands) {
    let evidence = &exchange.answer.evidence[range.clone()];
    let room = ui.available_width();
    let gap = 8.0;
    let columns = if room >= 520.0 { 2 } else { 1 };
    let width = ((room - gap * (columns as f32 - 1.0)) / columns as f32).floor();
    let has_quotes = evidence.iter().any(|item| item.quote.is_some());
    for (row, pair) in evidence.chunks(columns).enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for (column, item) in pair.iter().enumerate() {
                let index = range.start + row * columns + column;
                let open = state.shown_evidence() == Some((exchange.id, index));
                let card = ui.push_id(index, |ui| evidence_card_ui(ui, item, width, has_quotes, open)).inner;
                if card.clicked() {
                    commands.send(Command::OpenEvidence(exchange.id, index));
                }
            }
        });
    }
}

fn footer_ui(ui: &mut Ui, exchange: &Exchange, last: bool, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    if exchange.answer.status.is_running() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        if !exchange.answer.text.is_empty() {
            let copy = Command::CopyAnswer(Some(exchange.id));
            let tooltip =
                if last { Command::CopyAnswer(None).tooltip(ui.ctx()) } else { copy.label().into() };
            if icon_button_ui(ui, Icon::Copy, copy.label(), &tooltip, None).clicked() {
                commands.send(copy);
            }
        }
        if last && !matches!(exchange.answer.status, AnswerStatus::Failed(_)) {
            command_button_ui(ui, Icon::Again, Command::Regenerate, state, commands);
            let whole = Command::AnswerWhole;
            let has_files = exchange.context.library.is_none();
            if has_files && !exchange.context.whole && whole.enabled(state).is_ok() {
                command_button_ui(ui, Icon::Transcript, whole, state, commands);
            }
        }
        let edit = Command::EditQuestion(exchange.id);
        let tooltip = if last { "Edit question" } else { "Edit question; what comes after it is deleted" };
        if icon_button_ui(ui, Icon::Pencil, edit.label(), tooltip, edit.enabled(state).err()).clicked() {
            commands.send(edit);
        }
        command_button_ui(ui, Icon::Trash, Command::DeleteExchange(exchange.id), state, commands);
        let usage = exchange.answer.usage;
        let mut parts = Vec::new();
        if usage.generated_tokens > 0 {
            parts.push(format!("{} tokens", usage.generated_tokens));
            if usage.decode_tokens_per_s > 0.0 {
                parts.push(format!("{:.0} a second", usage.decode_tokens_per_s));
            }
        }
        if usage.first_token_s > 0.0 {
            parts.push(format!("first word after {:.1} s", usage.first_token_s));
        }
        if !exchange.answer.model.is_empty() {
            parts.push(crate::ui::widgets::elided(&exchange.answer.model, 28));
        }
        ui.add_space(8.0);
        ui.label(RichText::new(parts.join("  ·  ")).size(size::SMALL).color(palette.weak));
    });
}
