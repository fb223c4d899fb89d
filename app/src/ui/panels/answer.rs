//! The text of an answer, with a mark for its evidence after each sentence.

use std::cell::RefCell;

use egui::{RichText, Ui, Vec2};
use engine::{Evidence, Place};

use crate::command::{Command, Commands, MediaCommand, ReaderCommand};
use crate::say;
use crate::state::{AppState, Exchange, Load, Picture, file_name};
use crate::ui::cited::Mark;
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{chip_ui, no_source_ui, paint_boxes, paint_picture, place_text};
use crate::words::say;

/// Longest side of the picture that shows while the pointer rests on a mark, in points.
const PREVIEW: f32 = 300.0;

/// Draws the text. Marks come when the answer is complete: only then all of its evidence is known.
pub fn answer_ui(
    ui: &mut Ui,
    exchange: &Exchange,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) {
    let answer = &exchange.answer;
    let link = if answer.status.is_running() || answer.text.is_empty() {
        view.markdown.show(ui, exchange.id, &answer.text)
    } else {
        let mut markdown = std::mem::take(&mut view.markdown);
        let view = RefCell::new(view);
        let tells_missing = state.current().is_some_and(|c| c.rests_on_files(exchange));
        let link = markdown.show_marked(ui, exchange.id, answer, tells_missing, &|ui, mark| {
            mark_ui(ui, mark, exchange, state, &mut view.borrow_mut(), commands);
        });
        view.into_inner().markdown = markdown;
        link
    };
    if link.is_some() {
        commands.send(Command::Reader(ReaderCommand::ShowLink(link)));
    }
}

fn mark_ui(
    ui: &mut Ui,
    mark: &Mark,
    exchange: &Exchange,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) {
    match mark {
        Mark::Nothing => {
            let why = say("media-no-source-why");
            no_source_ui(ui, say("media-no-source")).on_hover_text(why);
        }
        Mark::Evidence(indices) => {
            ui.spacing_mut().item_spacing.x = 0.0;
            // A row is as high as a button otherwise, and the numbers would stand below their line.
            ui.spacing_mut().interact_size.y = 0.0;
            ui.horizontal(|ui| {
                for &index in indices {
                    let Some(evidence) = exchange.answer.evidence.get(index) else { continue };
                    let open = state.shown_evidence() == Some((exchange.id, index));
                    let (file, place) = (file_name(&evidence.source), place_text(&evidence.place));
                    let name = say!("media-source", number = index + 1, file = file, place = place);
                    let chip =
                        ui.push_id(("evidence", index), |ui| chip_ui(ui, index + 1, &name, open)).inner;
                    if chip.clicked() {
                        commands.send(Command::OpenEvidence(exchange.id, index));
                    }
                    chip.on_hover_ui(|ui| preview_ui(ui, exchange, index, evidence, state, view, commands));
                }
            });
        }
    }
}

/// What stands at the place: the words, or the picture with its box.
fn preview_ui(
    ui: &mut Ui,
    exchange: &Exchange,
    index: usize,
    evidence: &Evidence,
    state: &AppState,
    view: &mut ViewState,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    ui.set_max_width(PREVIEW + 20.0);
    let source = format!("{}  ·  {}", file_name(&evidence.source), place_text(&evidence.place));
    ui.label(RichText::new(source).size(size::SMALL).color(palette.weak));
    match (&evidence.quote, &evidence.label) {
        (Some(quote), _) => {
            ui.label(RichText::new(format!("“{}”", quote.trim())).color(palette.text));
        }
        (None, Some(label)) => {
            ui.label(RichText::new(say!("media-recognised", what = label.as_str())).color(palette.text));
        }
        (None, None) => {}
    }
    let area = match &evidence.place {
        Place::Picture { area } | Place::Frame { area, .. } => *area,
        Place::Page { .. } | Place::Time { .. } => return,
    };
    let picture = match view.previews.get(&(exchange.id, index)) {
        Some(Load::Ready(picture)) => Some(picture.clone()),
        Some(_) => None,
        None => {
            commands.send(Command::Media(MediaCommand::Preview(exchange.id, index)));
            None
        }
    };
    if let Some(picture) = picture.or_else(|| thumbnail(evidence, state, view)) {
        let [w, h] = picture.size.map(|side| side.max(1) as f32);
        let scale = (PREVIEW / w).min(PREVIEW / h);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(w, h) * scale, egui::Sense::hover());
        let texture = view.texture(ui.ctx(), &picture);
        paint_picture(ui.painter(), texture.id(), rect);
        paint_boxes(ui.painter(), rect, &[area]);
    }
}

/// Until the picture is there: a small one of the file, where it shows the same.
fn thumbnail(evidence: &Evidence, state: &AppState, view: &ViewState) -> Option<Picture> {
    let is_still = matches!(evidence.place, Place::Picture { .. });
    let file = state.current()?.attachments.iter().find(|a| is_still && a.path == evidence.source)?;
    match view.thumbnails.get(&file.id) {
        Some(Load::Ready(picture)) => Some(picture.clone()),
        _ => None,
    }
}
