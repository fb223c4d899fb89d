//! Covers the window while files are dragged over it.

use egui::{Align2, FontId, Id, LayerId, Order, Stroke, StrokeKind, Ui, Vec2};

use crate::say;
use crate::state::Middle;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::words::say;

/// Shows where dragged files will go.
pub fn drop_zone_ui(ui: &Ui, middle: Middle) {
    let names = ui.input(|input| {
        let hovered = input.raw.hovered_files.iter();
        hovered
            .map(|file| file.path.as_deref().map_or_else(String::new, crate::state::file_name))
            .collect::<Vec<_>>()
    });
    if names.is_empty() {
        return;
    }
    let palette = theme::palette(ui);
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("drop zone")));
    let rect = ui.ctx().content_rect();
    painter.rect_filled(rect, 0.0, palette.veil);
    let frame = rect.shrink(20.0);
    painter.rect_stroke(frame, 16.0, Stroke::new(2.0, palette.accent), StrokeKind::Inside);
    let centre = frame.center();
    let icon = egui::Rect::from_center_size(centre - Vec2::new(0.0, 44.0), Vec2::splat(48.0));
    Icon::Download.paint(&painter, icon, palette.accent);
    let font = FontId::proportional(size::DISPLAY);
    painter.text(
        centre + Vec2::new(0.0, 8.0),
        Align2::CENTER_CENTER,
        match middle {
            Middle::Conversation => say("media-drop"),
            Middle::Library => say("library-drop"),
            Middle::Teach => say("teach-drop-file"),
        },
        font,
        palette.text,
    );
    let what = match names.as_slice() {
        [one] => super::elided(one, 60),
        many => say!("common-files", count = many.len()),
    };
    painter.text(
        centre + Vec2::new(0.0, 42.0),
        Align2::CENTER_CENTER,
        what,
        FontId::proportional(size::BODY),
        palette.weak,
    );
}
