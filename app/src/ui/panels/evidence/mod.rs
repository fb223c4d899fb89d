//! What is looked at beside the conversation: a file, and the place in it that an answer points to.

mod keys;

mod recording;

mod stage;

use egui::{RichText, ScrollArea, Ui};
use engine::Place;
use engine::media::Kind;

pub use stage::StageView;

use crate::command::{Command, Commands};
use crate::say;
use crate::state::{AppState, Viewer, file_name};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{elided, icon_button_ui, place_text, title_ui};
use crate::words::say;

/// Room for the buttons under a picture, in points.
const TOOLS: f32 = 76.0;

/// Draws the pane.
pub fn evidence_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(viewer) = &state.viewer else { return };
    keys::keys(ui, state, viewer, commands);
    let cited = viewer.cited.as_ref();
    let count = cited.and_then(|cited| state.exchange(cited.exchange)).map_or(1, |e| e.answer.evidence.len());
    head_ui(ui, viewer, count, commands);
    quote_ui(ui, viewer);
    ui.separator();
    if matches!(viewer.kind, Kind::Picture | Kind::Document) {
        return picture_ui(ui, viewer, view, commands);
    }
    let salt = ("evidence", &viewer.path, cited.map(|cited| (cited.exchange.0, cited.index)));
    ScrollArea::vertical().id_salt(salt).auto_shrink([false, false]).show(ui, |ui| {
        recording::recording_ui(ui, viewer, view, commands);
    });
}

fn picture_ui(ui: &mut Ui, viewer: &Viewer, view: &mut ViewState, commands: &Commands) {
    let file = file_name(&viewer.path);
    let name = match viewer.cited {
        Some(_) => say!("media-picture-marked", file = file),
        None => file,
    };
    let room = ui.available_size() - egui::Vec2::new(0.0, TOOLS);
    let stage = stage::Stage {
        viewer,
        boxes: &boxes(viewer),
        name: &name,
        subtitle: None,
        room: room.max(egui::Vec2::splat(80.0)),
        has_wheel: true,
    };
    stage::stage_ui(ui, &stage, view, commands);
}

fn head_ui(ui: &mut Ui, viewer: &Viewer, count: usize, commands: &Commands) {
    let palette = theme::palette(ui);
    let send = |response: egui::Response, command: Command| {
        if response.clicked() {
            commands.send(command);
        }
    };
    let index = viewer.cited.as_ref().map(|cited| cited.index);
    ui.horizontal(|ui| {
        let name = file_name(&viewer.path);
        let room = (ui.available_width() - 150.0).max(60.0);
        title_ui(ui, &elided(&name, (room / 8.6) as usize)).on_hover_text(viewer.path.display().to_string());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            let (close, tip) = (say("media-close"), say("media-close-tip"));
            send(icon_button_ui(ui, Icon::Close, close, tip, None), Command::Escape);
            let open = Command::OpenSource(viewer.path.clone());
            send(icon_button_ui(ui, Icon::Open, open.label(), say("media-open-tip"), None), open);
            if count > 1
                && let Some(index) = index
            {
                for (icon, step) in [(Icon::Right, 1), (Icon::Left, -1)] {
                    let command = Command::StepEvidence(step);
                    let next = index as i64 + i64::from(step);
                    let inside = (0..count as i64).contains(&next);
                    let why_not = (!inside).then_some(say("media-no-more-evidence"));
                    let tooltip = command.tooltip(ui.ctx());
                    send(icon_button_ui(ui, icon, command.label(), &tooltip, why_not), command);
                }
            }
        });
    });
    let place = viewer.place().map(place_text);
    let summary = viewer.read.as_ref().map(|read| read.summary.clone());
    let text = match (place, index) {
        (Some(place), Some(index)) if count > 1 => {
            let which = say!("media-which", number = index + 1, count = count);
            format!("{place}  ·  {which}")
        }
        (Some(place), _) => place,
        (None, _) => summary.unwrap_or_default(),
    };
    ui.horizontal(|ui| ui.label(RichText::new(text).size(size::SMALL).color(palette.weak)));
}

/// The words that were quoted or the thing that was recognised.
fn quote_ui(ui: &mut Ui, viewer: &Viewer) {
    let palette = theme::palette(ui);
    let Some(cited) = &viewer.cited else { return };
    let text = match (&cited.evidence.quote, &cited.evidence.label) {
        (Some(quote), _) => format!("“{}”", quote.trim()),
        (None, Some(label)) => say!("media-recognised", what = label.as_str()),
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
    match viewer.place() {
        Some(Place::Picture { area }) => vec![*area],
        Some(Place::Frame { time_s, area }) if (*time_s - viewer.at_s()).abs() < 0.01 => vec![*area],
        _ => Vec::new(),
    }
}
