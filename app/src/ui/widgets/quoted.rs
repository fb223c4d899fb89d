//! What a question is about: a passage, or a part of a recording.

use egui::accesskit::Role;
use egui::{CornerRadius, CursorIcon, FontId, Rect, Response, Sense, Ui, Vec2, WidgetInfo, pos2};

use super::button::focus_ring;
use super::{galley_elided, time_text};
use crate::say;
use crate::state::{Clip, Colour, Quoted, file_name};
use crate::ui::theme::{self, RADIUS, size};

/// Draws a passage, with where it is from; it can be clicked.
pub fn quoted_ui(ui: &mut Ui, quoted: &Quoted, width: f32) -> Response {
    let text = format!("“{}”", quoted.passage.text.trim());
    let name = say!("media-passage", source = quoted.source(), words = text.as_str());
    about_ui(ui, &text, &quoted.source(), &name, width).on_hover_text(text)
}

/// Draws a part of a recording or video; it can be clicked.
pub fn clip_ui(ui: &mut Ui, clip: &Clip, width: f32) -> Response {
    let text = format!("{} – {}", time_text(clip.from_s), time_text(clip.to_s));
    let file = file_name(&clip.path);
    let name = say!("media-part", range = text.as_str(), file = file.as_str());
    about_ui(ui, &text, &file, &name, width).on_hover_text(name)
}

fn about_ui(ui: &mut Ui, text: &str, source: &str, name: &str, width: f32) -> Response {
    let palette = theme::palette(ui);
    let inner = (width - 26.0).max(40.0);
    let words = galley_elided(ui, text, FontId::proportional(13.5), palette.text, inner, 2);
    let small = FontId::proportional(size::SMALL);
    let source = galley_elided(ui, source, small, palette.weak, inner, 1);
    let height = words.size().y + source.size().y + 14.0;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
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
    response.on_hover_cursor(CursorIcon::PointingHand)
}
