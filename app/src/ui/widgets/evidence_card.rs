//! A piece of evidence under an answer.

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, FontId, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2,
};
use engine::{Evidence, Place};

use super::button::focus_ring;
use super::{elided, galley_elided, time_text};
use crate::say;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size};
use crate::words::say;

/// Where something is, in words: "page 3", "0:12–0:15", "frame 0:02", "picture".
pub fn place_text(place: &Place) -> String {
    match place {
        Place::Page { page, .. } => say!("media-page", page = *page),
        Place::Time { start_s, end_s } => format!("{}–{}", time_text(*start_s), time_text(*end_s)),
        Place::Frame { time_s, .. } => say!("media-frame", time = time_text(*time_s)),
        Place::Picture { .. } => say("media-picture").into(),
    }
}

/// The drawing for a kind of place.
pub fn place_icon(place: &Place) -> Icon {
    match place {
        Place::Page { .. } => Icon::Document,
        Place::Time { .. } => Icon::Sound,
        Place::Frame { .. } => Icon::Video,
        Place::Picture { .. } => Icon::Picture,
    }
}

/// A card to click on: its number as in the text, what stands there and where, `tall` with room for two lines. `open`
/// marks the one that is shown.
pub fn evidence_card_ui(
    ui: &mut Ui,
    number: usize,
    evidence: &Evidence,
    width: f32,
    tall: bool,
    open: bool,
) -> Response {
    let palette = theme::palette(ui);
    let (height, rows) = if tall { (84.0, 2) } else { (64.0, 1) };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let source = crate::state::file_name(&evidence.source);
    let place = place_text(&evidence.place);
    let words = match (&evidence.quote, &evidence.label) {
        (Some(quote), _) => format!("“{}”", quote.trim()),
        (None, Some(label)) => label.clone(),
        (None, None) => String::new(),
    };
    response.widget_info(|| {
        let name =
            say!("media-evidence", file = source.as_str(), place = place.as_str(), words = words.as_str());
        WidgetInfo::selected(Role::Button, true, open, name)
    });
    if ui.is_rect_visible(rect) {
        let fill = if open {
            palette.selected
        } else if response.hovered() {
            palette.hovered
        } else {
            palette.raised
        };
        let line = if open { palette.accent } else { palette.line };
        ui.painter().rect(rect, CornerRadius::same(RADIUS), fill, Stroke::new(1.0, line), StrokeKind::Inside);
        focus_ring(ui, &response);
        let number =
            ui.painter().layout_no_wrap(number.to_string(), FontId::proportional(11.0), palette.accent);
        let badge = Vec2::new((number.size().x + 9.0).max(17.0), 17.0);
        let badge = Rect::from_min_size(rect.min + Vec2::new(10.0, 9.0), badge);
        ui.painter().rect_filled(badge, CornerRadius::same(5), palette.selected);
        ui.painter().galley(badge.center() - number.size() / 2.0, number, palette.accent);
        let icon = Rect::from_min_size(pos2(badge.right() + 7.0, badge.top()), Vec2::splat(17.0));
        place_icon(&evidence.place).paint(ui.painter(), icon, palette.accent);
        let left = icon.right() + 7.0;
        let right = rect.right() - 12.0;
        let small = FontId::proportional(size::SMALL);
        let place = ui.painter().layout_no_wrap(place, small.clone(), palette.accent);
        let place_x = right - place.size().x;
        ui.painter().galley(pos2(place_x, rect.top() + 10.0), place, palette.accent);
        let name_width = (place_x - 10.0 - left).max(10.0);
        let name = elided(&source, (name_width / 6.6) as usize);
        let name = galley_elided(ui, &name, small, palette.weak, name_width, 1);
        ui.painter().galley(pos2(left, rect.top() + 10.0), name, palette.weak);
        let body = FontId::proportional(14.0);
        let quote = galley_elided(ui, &words, body, palette.text, right - rect.left() - 12.0, rows);
        ui.painter().galley(pos2(rect.left() + 12.0, rect.top() + 35.0), quote, palette.text);
    }
    response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(words)
}
