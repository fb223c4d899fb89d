//! Who speaks: the chip of a line, and the menu that names, merges and assigns.

use std::ops::Range;

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, FontId, Popup, PopupCloseBehavior, Rect, Sense, Stroke, StrokeKind, TextEdit,
    Ui, Vec2, WidgetInfo,
};

use super::rows::list_id;
use super::{TranscriptView, weak};
use crate::command::{Command, Commands, TranscriptCommand};
use crate::say;
use crate::state::{Document, Edit, SpeakerId};
use crate::ui::theme::{self, size};
use crate::ui::widgets::galley_elided;
use crate::words::say;

/// Height of a chip.
pub(super) const CHIP: f32 = 22.0;

/// Draws the chip of a line into a rectangle, and its menu.
pub(super) fn chip_ui(
    ui: &mut Ui,
    rect: Rect,
    document: &Document,
    line: usize,
    view: &mut TranscriptView,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let speaker = document.lines.get(line).and_then(|line| line.speaker);
    let name = speaker.and_then(|id| document.name(id)).unwrap_or(say("transcript-speaker"));
    let response = ui.interact(rect, list_id().with(("speaker", line)), Sense::CLICK);
    response.widget_info(|| {
        let text = match speaker {
            Some(_) => say!("transcript-speaker-of", line = line + 1, name = name),
            None => say!("transcript-speaker-none", line = line + 1),
        };
        WidgetInfo::labeled(Role::Button, true, text)
    });
    let open = Popup::is_id_open(ui.ctx(), Popup::default_response_id(&response));
    let radius = CornerRadius::same((CHIP / 2.0) as u8);
    let font = FontId::proportional(size::SMALL);
    let shown = if speaker.is_none() { "+" } else { name };
    let galley = galley_elided(ui, shown, font, palette.text, (rect.width() - 30.0).max(10.0), 1);
    let pad = if speaker.is_none() { 20.0 } else { 30.0 };
    let chip = Rect::from_min_size(rect.min, Vec2::new(galley.size().x + pad, CHIP));
    if let Some(id) = speaker {
        let colour = theme::speaker(ui, id.0);
        let fill = if response.hovered() || open { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(chip, radius, fill);
        ui.painter().circle_filled(chip.left_center() + Vec2::new(11.0, 0.0), 5.0, colour);
        let at = chip.left_center() + Vec2::new(21.0, -galley.size().y / 2.0);
        ui.painter().galley(at, galley, palette.text);
    } else if response.hovered() || open || ui.rect_contains_pointer(rect.expand2(Vec2::new(80.0, 6.0))) {
        // Only where somebody looks for it: most transcripts have one speaker.
        let stroke = Stroke::new(1.0, palette.line);
        ui.painter().rect(chip, radius, palette.ground, stroke, StrokeKind::Inside);
        let at = chip.left_center() + Vec2::new(pad / 2.0, -galley.size().y / 2.0);
        ui.painter().galley_with_override_text_color(at, galley, palette.weak);
    }
    if view.open_menu == Some(line) {
        view.open_menu = None;
        view.focus_name = true;
        Popup::open_id(ui.ctx(), Popup::default_response_id(&response));
    }
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    if response.clicked() && !view.selected().contains(&line) {
        view.go_to(line, false);
    }
    let menu = Popup::menu(&response).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    menu.show(|ui| {
        ui.set_width(230.0);
        let lines = if view.selected().contains(&line) { view.selected() } else { line..line + 1 };
        menu_ui(ui, document, speaker, lines, view, commands);
    });
}

fn menu_ui(
    ui: &mut Ui,
    document: &Document,
    speaker: Option<SpeakerId>,
    lines: Range<usize>,
    view: &mut TranscriptView,
    commands: &Commands,
) {
    let send = |edit| commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
    if let Some((id, name)) = speaker.and_then(|id| Some((id, document.name(id)?))) {
        ui.label(weak(ui, say("transcript-name-everywhere")));
        let mut draft = match view.name.take() {
            Some((of, draft)) if of == id => draft,
            _ => name.to_owned(),
        };
        let field =
            TextEdit::singleline(&mut draft).desired_width(206.0).margin(egui::Margin::symmetric(8, 6));
        let response = ui.add(field);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("transcript-name-of")));
        if std::mem::take(&mut view.focus_name) {
            response.request_focus();
        }
        // Leaving the field is enough: nothing that was written is lost.
        if response.lost_focus() && draft.trim() != name {
            send(Edit::Name(id, draft));
            if ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                ui.close();
            }
        } else {
            view.name = Some((id, draft));
        }
        ui.separator();
    }
    let what = match lines.len() {
        1 => say("transcript-line-said-by").to_owned(),
        n => say!("transcript-lines-said-by", count = n),
    };
    ui.label(weak(ui, what));
    for each in &document.speakers {
        let chosen = speaker == Some(each.id);
        if named_ui(ui, each.id, &each.name, &say!("transcript-said-by", name = each.name.as_str()), chosen) {
            send(Edit::Assign(lines.clone(), Some(each.id)));
            ui.close();
        }
    }
    if ui.button(say("transcript-somebody-new")).clicked() {
        send(Edit::AssignNew(lines.clone(), document.free_name()));
        ui.close();
    }
    if speaker.is_some() && ui.button(say("transcript-nobody")).clicked() {
        send(Edit::Assign(lines, None));
        ui.close();
    }
    let others = document.speakers.iter().filter(|other| Some(other.id) != speaker);
    if let Some(id) = speaker
        && document.speakers.len() > 1
    {
        ui.separator();
        ui.label(weak(ui, say("transcript-same-as")));
        for other in others {
            if named_ui(
                ui,
                other.id,
                &other.name,
                &say!("transcript-merge", name = other.name.as_str()),
                false,
            ) {
                send(Edit::Merge(id, other.id));
                ui.close();
            }
        }
    }
}

/// A speaker to choose; whether it was.
fn named_ui(ui: &mut Ui, id: SpeakerId, name: &str, label: &str, chosen: bool) -> bool {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 28.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, chosen, label));
    if response.hovered() || response.has_focus() || chosen {
        let fill = if chosen { palette.selected } else { palette.hovered };
        ui.painter().rect_filled(rect, CornerRadius::same(6), fill);
    }
    ui.painter().circle_filled(rect.left_center() + Vec2::new(13.0, 0.0), 5.0, theme::speaker(ui, id.0));
    let galley = galley_elided(ui, name, FontId::proportional(14.0), palette.text, rect.width() - 34.0, 1);
    let at = rect.left_center() + Vec2::new(26.0, -galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}
