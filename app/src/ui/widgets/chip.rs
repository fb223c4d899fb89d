//! A small mark in the text of an answer: the number of a piece of evidence, or that there is none.

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, FontId, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2,
};

use crate::ui::cited::Mark;
use crate::ui::theme;

/// As high as a line of text, so that no line becomes higher.
const HEIGHT: f32 = 18.0;

/// Before each mark.
const GAP: f32 = 3.0;

/// Width of the mark for what has no source.
const NO_SOURCE: f32 = 18.0;

/// How much room a mark takes in a line.
pub fn mark_size(ui: &Ui, mark: &Mark) -> Vec2 {
    match mark {
        Mark::Nothing => Vec2::new(NO_SOURCE, HEIGHT),
        Mark::Evidence(indices) => {
            Vec2::new(indices.iter().map(|index| chip_width(ui, index + 1)).sum(), HEIGHT)
        }
    }
}

fn chip_width(ui: &Ui, number: usize) -> f32 {
    let galley = ui.painter().layout_no_wrap(number.to_string(), font(), egui::Color32::PLACEHOLDER);
    (galley.size().x + 9.0).max(HEIGHT - 1.0) + GAP
}

fn font() -> FontId {
    FontId::proportional(11.0)
}

/// Draws the number of a piece of evidence; `open` marks the one that is shown.
pub fn chip_ui(ui: &mut Ui, number: usize, name: &str, open: bool) -> Response {
    let palette = theme::palette(ui);
    let text = number.to_string();
    let galley = ui.painter().layout_no_wrap(text, font(), palette.accent);
    let size = Vec2::new(chip_width(ui, number), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, open, name));
    if ui.is_rect_visible(rect) {
        let body = egui::Rect::from_min_max(pos2(rect.left() + GAP, rect.top() + 1.0), rect.max);
        let hot = open || response.hovered();
        let (fill, colour) =
            if hot { (palette.accent, palette.on_accent) } else { (palette.selected, palette.accent) };
        ui.painter().rect_filled(body, CornerRadius::same(5), fill);
        if response.has_focus() {
            let stroke = Stroke::new(2.0, palette.accent);
            ui.painter().rect_stroke(body.expand(1.0), 6.0, stroke, StrokeKind::Outside);
        }
        let at = body.center() - galley.size() / 2.0;
        ui.painter().galley_with_override_text_color(at, galley, colour);
    }
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// Draws that nothing was found for the sentence before it.
pub fn no_source_ui(ui: &mut Ui, name: &str) -> Response {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(NO_SOURCE, HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, name));
    if ui.is_rect_visible(rect) {
        let centre = pos2(rect.left() + 10.5, rect.center().y + 0.5);
        // A ring of dots: open, where a chip is filled.
        for i in 0..10 {
            let angle = std::f32::consts::TAU * i as f32 / 10.0;
            ui.painter().circle_filled(centre + 6.5 * Vec2::angled(angle), 0.8, palette.weak);
        }
        let font = FontId::proportional(10.0);
        ui.painter().text(centre, egui::Align2::CENTER_CENTER, "?", font, palette.weak);
    }
    response
}
