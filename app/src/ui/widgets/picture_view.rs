//! A picture with boxes on it.

use egui::{Color32, Painter, Pos2, Rect, Stroke, StrokeKind, TextureId, Vec2, pos2};

use crate::ui::theme;

/// Draws all of a picture into a rectangle.
pub fn paint_picture(painter: &Painter, texture: TextureId, rect: Rect) {
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(texture, rect, uv, Color32::WHITE);
}

/// Draws boxes, in fractions of the picture, that is drawn at `rect`. One around the whole picture says nothing and is
/// left out.
pub fn paint_boxes(painter: &Painter, rect: Rect, boxes: &[engine::Rect]) {
    // A dark and a light line: one of them shows on every picture.
    let (outer, inner) = theme::box_lines();
    for area in boxes.iter().filter(|area| **area != engine::Rect::WHOLE) {
        let place = within(rect, area).intersect(rect);
        if place.is_positive() {
            painter.rect_stroke(place, 3.0, Stroke::new(5.0, outer), StrokeKind::Middle);
            painter.rect_stroke(place, 3.0, Stroke::new(2.5, inner), StrokeKind::Middle);
        }
    }
}

/// Where a part of a picture stands that is drawn at `rect`.
fn within(rect: Rect, area: &engine::Rect) -> Rect {
    let at = |x: f32, y: f32| -> Pos2 { rect.lerp_inside(Vec2::new(x, y)) };
    Rect::from_min_max(at(area.x0, area.y0), at(area.x1, area.y1))
}
