//! Files that go with the next question: each one, or what they are together when they are many.

use egui::{RichText, ScrollArea, Ui, Vec2};

use crate::command::{Command, Commands, MediaCommand};
use crate::say;
use crate::state::{AppState, Attachment, AttachmentState};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    ATTACHMENT_CARD, attachment_cards_ui, bar_ui, clip_ui, icon_button_ui, text_button_ui,
};
use crate::words::say;

/// More files are summed up.
const FEW: usize = 12;

/// Reasons that are told of files that cannot be used; the cards tell the others.
const MOST_REASONS: usize = 3;

/// Height of the cards that show at once, in points.
const HEIGHT: f32 = 128.0;

/// Draws files that were added since the last question.
pub fn drafts_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(conversation) = state.current() else { return };
    let drafts: Vec<&Attachment> = conversation.drafts().collect();
    if drafts.is_empty() {
        return;
    }
    let many = drafts.len() > FEW;
    if many {
        summary_ui(ui, &drafts, view.all_files, commands);
    }
    if !many || view.all_files {
        let gap = ui.spacing().item_spacing;
        let columns = (((ui.available_width() + gap.x) / (ATTACHMENT_CARD.x + gap.x)) as usize).max(1);
        let n_rows = drafts.len().div_ceil(columns);
        // Only rows in view are drawn.
        let area = ScrollArea::vertical().id_salt("drafts").max_height(HEIGHT).min_scrolled_height(HEIGHT);
        area.show_rows(ui, ATTACHMENT_CARD.y, n_rows, |ui, rows| {
            let first = rows.start * columns;
            let last = (rows.end * columns).min(drafts.len());
            attachment_cards_ui(ui, &drafts[first..last], true, view, commands);
        });
    }
    reasons_ui(ui, &drafts);
}

/// How many files there are and how far they are read.
fn summary_ui(ui: &mut Ui, drafts: &[&Attachment], all: bool, commands: &Commands) {
    let palette = theme::palette(ui);
    let n_read = drafts.iter().filter(|file| matches!(file.state, AttachmentState::Read(_))).count();
    let n_failed = drafts.iter().filter(|file| matches!(file.state, AttachmentState::Failed(_))).count();
    let left = drafts.len() - n_read - n_failed;
    let mut text = say!("media-many-files", count = drafts.len(), read = n_read);
    if n_failed > 0 {
        text.push_str("  ·  ");
        text.push_str(&say!("media-many-failed", count = n_failed));
    }
    if left > 0 {
        text.push_str("  ·  ");
        text.push_str(&say!("media-many-left", count = left));
    }
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(text).size(13.5).color(palette.text));
        let command = MediaCommand::ShowAllFiles(!all);
        if text_button_ui(ui, None, command.label(), false).clicked() {
            commands.send(Command::Media(command));
        }
        if text_button_ui(ui, None, say("media-remove-all"), false).clicked() {
            for file in drafts {
                commands.send(Command::RemoveAttachment(file.id));
            }
        }
    });
    if left > 0 {
        let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 4.0), egui::Sense::hover());
        bar_ui(ui, rect, (n_read + n_failed) as f32 / drafts.len() as f32);
    }
}

/// Why files cannot be used.
fn reasons_ui(ui: &mut Ui, drafts: &[&Attachment]) {
    let palette = theme::palette(ui);
    let error = |text: String| RichText::new(text).size(size::SMALL).color(palette.error);
    let mut n_more = 0;
    for (i, (file, reason)) in drafts.iter().filter_map(|file| Some((file, file.failed()?))).enumerate() {
        if i < MOST_REASONS {
            ui.label(error(format!("{}: {reason}", file.name())));
        } else {
            n_more += 1;
        }
    }
    if n_more > 0 {
        ui.label(error(say!("media-more-failed", count = n_more)));
    }
}

/// The part of a recording that the next question is about.
pub fn part_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let Some(clip) = &state.clip else { return };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        let width = ui.available_width() - theme::CONTROL - 2.0;
        if clip_ui(ui, clip, width).clicked() {
            let open = MediaCommand::OpenPart(clip.attachment, clip.from_s, clip.to_s);
            commands.send(Command::Media(open));
        }
        let drop = MediaCommand::DropPart;
        if icon_button_ui(ui, Icon::Close, drop.label(), drop.label(), None).clicked() {
            commands.send(Command::Media(drop));
        }
    });
}
