//! One question with its answer, evidence, notices and figures.

use std::ops::Range;

use egui::{CollapsingHeader, CornerRadius, Frame, Margin, Rect, RichText, Sense, Ui, Vec2};
use engine::StopReason;

use super::answer::answer_ui;
use super::branch::{VERSIONS_WIDTH, again_menu_ui, difference, editor_ui, versions_ui};
use super::parts::parts_ui;
use super::thoughts::{about_ui, thoughts_ui};
use crate::command::{Command, Commands, InsideCommand, MediaCommand, ReaderCommand, TalkCommand};
use crate::say;
use crate::state::{AnswerStatus, AppState, Editing, Exchange};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    attachment_cards_ui, clip_ui, command_button_ui, evidence_card_ui, icon_button_ui, progress_row_ui,
    quoted_ui, within_ui,
};
use crate::words::say;

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
        part_ui(ui, exchange, commands);
        let question = Editing::Question(exchange.id);
        if !editor_ui(ui, question, &exchange.question, state, view, commands) {
            question_ui(ui, exchange, state, commands);
        }
        ui.add_space(10.0);
        let answer = Editing::Answer(exchange.id);
        if !editor_ui(ui, answer, &exchange.answer.text, state, view, commands) {
            answer_ui(ui, exchange, state, view, commands);
        }
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

/// The part of a recording that the question is about, above it; a click shows it.
fn part_ui(ui: &mut Ui, exchange: &Exchange, commands: &Commands) {
    let Some(clip) = &exchange.context.clip else { return };
    if clip_ui(ui, clip, ui.available_width()).clicked() {
        let open = MediaCommand::OpenPart(clip.attachment, clip.from_s, clip.to_s);
        commands.send(Command::Media(open));
    }
}

/// The question in a bubble at the right; beside it the pencil, and its other versions.
fn question_ui(ui: &mut Ui, exchange: &Exchange, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let pad = Vec2::new(14.0, 10.0);
    let room = ui.available_width();
    let versions = state.current().map(|c| c.question_versions(exchange.id));
    let versions = versions.filter(|versions| versions.ids.len() > 1);
    let beside = CONTROL + 4.0 + if versions.is_some() { VERSIONS_WIDTH } else { 0.0 };
    let font = egui::TextStyle::Body.resolve(ui.style());
    let wrap = ((0.86 * room).min(room - beside) - 2.0 * pad.x - 2.0).max(60.0);
    let galley = ui.painter().layout(exchange.question.clone(), font, palette.text, wrap);
    // A little more than the text, or rounding would wrap its last word.
    let text = galley.size() + Vec2::new(2.0, 0.0);
    let (row, _) = ui.allocate_exact_size(Vec2::new(room, text.y + 2.0 * pad.y), Sense::hover());
    let bubble = Rect::from_min_max(egui::pos2(row.right() - text.x - 2.0 * pad.x, row.top()), row.max);
    ui.painter().rect_filled(bubble, CornerRadius::same(14), palette.question);
    within_ui(ui, bubble.shrink2(pad), |ui| {
        ui.label(RichText::new(&exchange.question).color(palette.text));
    });
    let right = bubble.left() - 4.0;
    let place = Rect::from_min_max(
        egui::pos2(right - beside, bubble.bottom() - CONTROL),
        egui::pos2(right, bubble.bottom()),
    );
    within_ui(ui, place, |ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let edit = Command::EditQuestion(exchange.id);
            let why_not = edit.enabled(state).err();
            if icon_button_ui(ui, Icon::Pencil, edit.label(), edit.label(), why_not).clicked() {
                commands.send(edit);
            }
            if let Some(versions) = &versions {
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let names = ["conversations-previous-question", "conversations-next-question"].map(say);
                    versions_ui(ui, versions, names, commands);
                });
            }
        });
    });
}

fn status_ui(ui: &mut Ui, exchange: &Exchange, last: bool, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let weak = |text: &str| RichText::new(text).size(size::SMALL).color(palette.weak);
    match &exchange.answer.status {
        AnswerStatus::Waiting => {
            let reading = state.current().and_then(|c| c.attachments.iter().find(|a| !a.is_settled()));
            let text = match reading {
                Some(file) => {
                    say!("conversations-reading-first", file = file.name(), how = file.state_text())
                }
                None => say("conversations-waiting").to_owned(),
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
                    ui.label(RichText::new(say("conversations-not-answered")).color(palette.error).strong());
                    ui.label(RichText::new(reason).color(palette.text));
                    if last {
                        command_button_ui(ui, Icon::Again, Command::Regenerate, state, commands);
                    }
                });
        }
        AnswerStatus::Interrupted => {
            ui.label(weak(say("conversations-interrupted")));
        }
        AnswerStatus::Done(StopReason::Cancelled) => {
            ui.label(weak(say("conversations-stopped")));
        }
        AnswerStatus::Done(StopReason::Length) => {
            ui.label(weak(say("conversations-too-long")));
        }
        AnswerStatus::Done(StopReason::Stop) => {
            if exchange.answer.text.trim().is_empty() {
                ui.label(weak(say("conversations-nothing-said")));
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
    ui.label(small(say("conversations-evidence").into()));
    cards_ui(ui, exchange, 0..shown, state, commands);
    if shown < evidence.len() {
        let more = small(say!("conversations-more-places", count = evidence.len() - shown));
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
                let card = ui
                    .push_id(index, |ui| evidence_card_ui(ui, index + 1, item, width, has_quotes, open))
                    .inner;
                if card.clicked() {
                    commands.send(Command::OpenEvidence(exchange.id, index));
                }
            }
        });
    }
}

fn footer_ui(ui: &mut Ui, exchange: &Exchange, last: bool, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    if exchange.answer.status.is_running() || state.editing == Some(Editing::Answer(exchange.id)) {
        return;
    }
    let small = |text: &str| RichText::new(text).size(size::SMALL).color(palette.weak);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let answered = !exchange.answer.text.is_empty();
        if answered {
            let copy = Command::CopyAnswer(Some(exchange.id));
            let tooltip =
                if last { Command::CopyAnswer(None).tooltip(ui.ctx()) } else { copy.label().into() };
            if icon_button_ui(ui, Icon::Copy, copy.label(), &tooltip, None).clicked() {
                commands.send(copy);
            }
        }
        if !matches!(exchange.answer.status, AnswerStatus::Failed(_)) {
            if last {
                command_button_ui(ui, Icon::Again, Command::Regenerate, state, commands);
                let whole = Command::AnswerWhole;
                if !exchange.context.whole && whole.enabled(state).is_ok() {
                    command_button_ui(ui, Icon::Transcript, whole, state, commands);
                }
            } else {
                let again = TalkCommand::AnswerAgain(exchange.id, Box::default());
                command_button_ui(ui, Icon::Again, Command::Talk(again), state, commands);
            }
        }
        if !exchange.answer.text.is_empty() {
            command_button_ui(
                ui,
                Icon::Inside,
                Command::Inside(InsideCommand::Show(exchange.id)),
                state,
                commands,
            );
        }
        again_menu_ui(ui, exchange, state, commands);
        if answered {
            let edit = Command::Talk(TalkCommand::EditAnswer(exchange.id));
            command_button_ui(ui, Icon::Pencil, edit, state, commands);
        }
        command_button_ui(ui, Icon::Trash, Command::DeleteExchange(exchange.id), state, commands);
        if let Some(versions) = state.current().map(|c| c.answer_versions(exchange.id)) {
            let names = ["conversations-previous-answer", "conversations-next-answer"].map(say);
            versions_ui(ui, &versions, names, commands);
            ui.spacing_mut().item_spacing.x = 2.0;
        }
        if exchange.answer.original.is_some() {
            ui.add_space(8.0);
            ui.label(small(say("conversations-edited")));
            let restore = TalkCommand::RestoreAnswer(exchange.id);
            ui.add_space(4.0);
            if ui.link(RichText::new(restore.label()).size(size::SMALL)).clicked() {
                commands.send(Command::Talk(restore));
            }
        }
        let usage = exchange.answer.usage;
        let mut parts = Vec::new();
        if usage.generated_tokens > 0 {
            parts.push(say!("conversations-tokens", count = usage.generated_tokens));
            if usage.decode_tokens_per_s > 0.0 {
                let rate = format!("{:.0}", usage.decode_tokens_per_s);
                parts.push(say!("conversations-per-second", rate = rate));
            }
        }
        if usage.first_token_s > 0.0 {
            let seconds = format!("{:.1}", usage.first_token_s);
            parts.push(say!("conversations-first-word", seconds = seconds));
        }
        if !exchange.answer.model.is_empty() {
            parts.push(crate::ui::widgets::elided(&exchange.answer.model, 28));
        }
        if let Some(adapter) = &exchange.answer.adapter {
            parts.push(say!("teach-tuned-with", name = crate::ui::widgets::elided(adapter, 28)));
        }
        parts.extend(difference(&exchange.context.setup, state));
        ui.add_space(8.0);
        ui.label(small(&parts.join("  ·  ")));
    });
}
