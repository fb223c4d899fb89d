//! A passage that a question is about.

use egui::accesskit::Role;
use egui::{CornerRadius, CursorIcon, FontId, Rect, Response, Sense, Ui, Vec2, WidgetInfo, pos2};

use super::button::focus_ring;
use super::galley_elided;
use crate::state::{Colour, Quoted};
use crate::ui::theme::{self, RADIUS, size};

/// Draws it, with where it is from; it can be clicked.
pub fn quoted_ui(ui: &mut Ui, quoted: &Quoted, width: f32) -> Response {
    let palette = theme::palette(ui);
    let inner = (width - 26.0).max(40.0);
    let text = format!("“{}”", quoted.passage.text.trim());
    let words = galley_elided(ui, &text, FontId::proportional(13.5), palette.text, inner, 2);
    let small = FontId::proportional(size::SMALL);
    let source = galley_elided(ui, &quoted.source(), small, palette.weak, inner, 1);
    let height = words.size().y + source.size().y + 14.0;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let label = format!("Passage from {}: {text}", quoted.source());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    if ui.is_rect_visible(rect) {
        let fill = if response.hovered() { palette.hovered } else { palette.raised };
        ui.painter().rect_filled(rect, CornerRadius::same(RADIUS), fill);
        let bar = Rect::from_min_size(rect.min + Vec2::new(6.0, 6.0), Vec2::new(4.0, rect.height() - 12.0));
        ui.painter().rect_filled(bar, 2.0, theme::mark_dot(Colour::Yellow));
        let (top, below) = (rect.top() + 5.0, rect.top() + 8.0 + words.size().y);
        ui.painter().galley(pos2(rect.left() + 18.0, top), words, palette.text);
        ui.painter().galley(pos2(rect.left() + 18.0, below), source, palette.weak);
        focus_ring(ui, &response);
    }
    response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(text)
}
