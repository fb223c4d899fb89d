//! Evidence: the place in the source that an answer points to.

use egui::{RichText, ScrollArea, Ui};
use engine::Place;
use engine::media::Kind;

use crate::command::{Command, Commands, TranscriptCommand};
use crate::state::{AppState, Load, Play, Viewer, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{
    elided, icon_button_ui, picture_view_ui, place_text, text_button_ui, time_text, timeline_ui, title_ui,
    transcript_ui,
};

/// Draws the pane.
pub fn evidence_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(viewer) = &state.viewer else { return };
    let count = state.exchange(viewer.exchange).map_or(1, |e| e.answer.evidence.len());
    head_ui(ui, viewer, count, commands);
    quote_ui(ui, viewer);
    ui.separator();
    let salt = ("evidence", viewer.exchange.0, viewer.index);
    ScrollArea::vertical().id_salt(salt).auto_shrink([false, false]).show(ui, |ui| match viewer.kind {
        // A place in a document is shown by the reading pane.
        Kind::Picture | Kind::Document => picture_ui(ui, viewer, view),
        Kind::Sound | Kind::Video => recording_ui(ui, state, viewer, view, commands),
    });
}

fn head_ui(ui: &mut Ui, viewer: &Viewer, count: usize, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |response: egui::Response, command: Command| {
        if response.clicked() {
            commands.send(command);
        }
    };
    ui.horizontal(|ui| {
        let name = file_name(&viewer.evidence.source);
        let room = (ui.available_width() - 150.0).max(60.0);
        title_ui(ui, &elided(&name, (room / 8.6) as usize))
            .on_hover_text(viewer.evidence.source.display().to_string());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            send(icon_button_ui(ui, Icon::Close, "Close evidence", "Close (Esc)", None), Command::Escape);
            let open = Command::OpenSource(viewer.evidence.source.clone());
            send(
                icon_button_ui(ui, Icon::Open, open.label(), "Open the file in its own program", None),
                open,
            );
            if count > 1 {
                for (icon, step) in [(Icon::Right, 1), (Icon::Left, -1)] {
                    let command = Command::StepEvidence(step);
                    let next = viewer.index as i64 + i64::from(step);
                    let inside = (0..count as i64).contains(&next);
                    let why_not = (!inside).then_some("There is no more evidence in this direction");
                    let tooltip = command.tooltip(ui.ctx());
                    send(icon_button_ui(ui, icon, command.label(), &tooltip, why_not), command);
                }
            }
        });
    });
    ui.horizontal(|ui| {
        let place = place_text(&viewer.evidence.place);
        let text = if count > 1 { format!("{place}  ·  {} of {count}", viewer.index + 1) } else { place };
        ui.label(RichText::new(text).size(size::SMALL).color(palette.weak));
    });
}

/// The words that were quoted or the thing that was recognised.
fn quote_ui(ui: &mut Ui, viewer: &Viewer) {
    let palette = theme::palette(ui);
    let text = match (&viewer.evidence.quote, &viewer.evidence.label) {
        (Some(quote), _) => format!("“{}”", quote.trim()),
        (None, Some(label)) => format!("Recognised: {label}"),
        (None, None) => return,
    };
    let max = 0.2 * ui.ctx().content_rect().height();
    ScrollArea::vertical()
        .id_salt("quote")
        .max_height(max.max(44.0))
        .min_scrolled_height(max.max(44.0))
        .show(ui, |ui| {
            ui.label(RichText::new(text).color(palette.text));
        });
}

fn boxes(viewer: &Viewer) -> Vec<engine::Rect> {
    match &viewer.evidence.place {
        Place::Picture { area } => vec![*area],
        Place::Frame { time_s, area } if (*time_s - viewer.time_s).abs() < 0.01 => vec![*area],
        _ => Vec::new(),
    }
}

fn picture_ui(ui: &mut Ui, viewer: &Viewer, view: &mut ViewState) {
    let name = format!("{} with the place marked", file_name(&viewer.evidence.source));
    picture_view_ui(ui, &viewer.picture, &boxes(viewer), &name, view);
}

fn recording_ui(ui: &mut Ui, state: &AppState, viewer: &Viewer, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    if viewer.kind == Kind::Video {
        let name = format!("Frame at {}", time_text(viewer.time_s));
        let keep = view.scroll_to_quote;
        picture_view_ui(ui, &viewer.picture, &boxes(viewer), &name, view);
        view.scroll_to_quote = keep;
    }
    let part = match viewer.evidence.place {
        Place::Time { start_s, end_s } => Some((start_s, end_s)),
        _ => None,
    };
    let at_s = match viewer.play {
        Play::Playing { at_s } => at_s,
        _ => viewer.time_s,
    };
    let (_, seek) = timeline_ui(ui, &viewer.wave, part, at_s);
    if let Some(time_s) = seek {
        commands.send(Command::Seek(time_s));
    }
    if let Load::Ready(wave) = &viewer.wave {
        ui.horizontal(|ui| {
            let playing = matches!(viewer.play, Play::Playing { .. });
            let (icon, text) =
                if playing { (Icon::Pause, "Stop playing") } else { (Icon::Play, "Play from here") };
            if text_button_ui(ui, Some(icon), text, true).clicked() {
                commands.send(Command::PlayPause);
            }
            let text = format!("{} / {}", time_text(at_s), time_text(wave.duration_s));
            ui.label(RichText::new(text).monospace().color(palette.weak));
            let files = state.current().map(|c| c.attachments.as_slice()).unwrap_or_default();
            if let Some(file) = files.iter().find(|file| file.path == viewer.evidence.source) {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if text_button_ui(ui, Some(Icon::Transcript), "Transcript", false).clicked() {
                        let open = TranscriptCommand::Open(file.id, at_s);
                        commands.send(Command::Transcript(open));
                    }
                });
            }
        });
    }
    if let Play::Failed(reason) = &viewer.play {
        ui.label(RichText::new(reason).color(palette.error));
    }
    let Some(read) = &viewer.read else { return };
    if read.spans.iter().any(|span| matches!(span.place, Place::Time { .. })) {
        ui.add_space(6.0);
        ui.label(RichText::new("Transcript").size(size::SMALL).color(palette.weak));
        ui.spacing_mut().item_spacing.y = 2.0;
        if let Some(time_s) = transcript_ui(ui, read, part, view) {
            commands.send(Command::Seek(time_s));
        }
    }
}
