//! A picture or frame with boxes on it.

use egui::accesskit::Role;
use egui::{Color32, Rect, Response, RichText, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2};

use crate::state::{Load, Picture};
use crate::ui::theme;
use crate::ui::view::ViewState;

/// Draws a picture as large as the room allows, with boxes in fractions of it.
pub fn picture_view_ui(
    ui: &mut Ui,
    picture: &Load<Picture>,
    boxes: &[engine::Rect],
    name: &str,
    view: &mut ViewState,
) -> Option<Response> {
    let palette = theme::palette(ui);
    match picture {
        Load::None => None,
        Load::Loading => Some(ui.label(RichText::new("Loading the picture…").color(palette.weak))),
        Load::Failed(reason) => Some(ui.label(RichText::new(reason).color(palette.error))),
        Load::Ready(picture) => {
            let [w, h] = picture.size.map(|side| side.max(1) as f32);
            let room = Vec2::new(ui.available_width(), (ui.ctx().content_rect().height() * 0.72).max(160.0));
            let scale = (room.x / w).min(room.y / h).min(3.0);
            let size = Vec2::new(w, h) * scale;
            let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
            let texture = view.texture(ui.ctx(), picture);
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
            ui.painter().rect_stroke(rect, 2.0, Stroke::new(1.0, palette.line), StrokeKind::Outside);
            let mut first = None;
            for area in boxes {
                let at =
                    |x: f32, y: f32| pos2(rect.left() + x * rect.width(), rect.top() + y * rect.height());
                let place = Rect::from_min_max(at(area.x0, area.y0), at(area.x1, area.y1)).intersect(rect);
                if !place.is_positive() {
                    continue;
                }
                first.get_or_insert(place);
                // A dark and a light line: one of them shows on every picture.
                let (outer, inner) = theme::box_lines();
                ui.painter().rect_stroke(place, 3.0, Stroke::new(5.0, outer), StrokeKind::Middle);
                ui.painter().rect_stroke(place, 3.0, Stroke::new(2.5, inner), StrokeKind::Middle);
            }
            if let Some(place) = first
                && std::mem::take(&mut view.scroll_to_quote)
            {
                ui.scroll_to_rect(place, Some(egui::Align::Center));
            }
            Some(response)
        }
    }
}
