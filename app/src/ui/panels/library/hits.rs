//! What was found in the library; a click shows it where it stands.

use egui::accesskit::Role;
use egui::{
    CornerRadius, CursorIcon, FontId, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, Vec2,
    WidgetInfo, pos2,
};
use engine::library::Hit;

use super::{is_loading, weak};
use crate::command::{Command, Commands, LibraryCommand};
use crate::say;
use crate::state::{AppState, Load, file_name};
use crate::ui::theme::{self, RADIUS, size};
use crate::ui::widgets::{elided, focus_ring, galley_elided, place_icon, place_text};
use crate::words::say;

/// Height of a hit: where, and three lines of what stands there.
const ROW: f32 = 88.0;

/// Draws the hits.
pub(super) fn hits_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let search = &state.library.search;
    if is_loading(&search.hits) {
        ui.label(weak(ui, say!("library-searching", words = search.text.as_str())));
        return;
    }
    for notice in &search.notices {
        ui.label(weak(ui, notice.clone()));
    }
    let hits = match &search.hits {
        Load::Ready(hits) if !hits.is_empty() => hits,
        Load::Failed(reason) => {
            ui.label(RichText::new(reason).color(palette.error));
            return;
        }
        _ => {
            ui.label(say!("library-found-nothing", words = search.text.as_str()));
            ui.label(weak(ui, say("library-found-nothing-hint")));
            return;
        }
    };
    ui.label(weak(ui, say!("library-found", count = hits.len(), words = search.text.as_str())));
    ui.spacing_mut().item_spacing.y = 6.0;
    ScrollArea::vertical().id_salt(("library hits", search.serial)).auto_shrink([false, false]).show_rows(
        ui,
        ROW,
        hits.len(),
        |ui, rows| {
            let first = rows.start;
            for (i, hit) in hits[rows].iter().enumerate() {
                ui.push_id(first + i, |ui| hit_ui(ui, hit, commands));
            }
        },
    );
}

fn hit_ui(ui: &mut Ui, hit: &Hit, commands: &Commands) {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::click());
    let (name, place) = (file_name(&hit.path), place_text(&hit.place));
    let words = hit.text.trim();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{name}, {place}: {words}")));
    if ui.is_rect_visible(rect) {
        let fill = if response.hovered() { palette.hovered } else { palette.raised };
        let radius = CornerRadius::same(RADIUS);
        ui.painter().rect(rect, radius, fill, Stroke::new(1.0, palette.line), StrokeKind::Inside);
        focus_ring(ui, &response);
        let icon = Rect::from_min_size(rect.min + Vec2::new(10.0, 8.0), Vec2::splat(17.0));
        place_icon(&hit.place).paint(ui.painter(), icon, palette.accent);
        let (left, right) = (icon.right() + 8.0, rect.right() - 12.0);
        let small = FontId::proportional(size::SMALL);
        let place = ui.painter().layout_no_wrap(place, small.clone(), palette.accent);
        let place_x = right - place.size().x;
        ui.painter().galley(pos2(place_x, rect.top() + 9.0), place, palette.accent);
        let room = (place_x - 10.0 - left).max(10.0);
        let above = match hit.heading.trim() {
            "" => elided(&name, (room / 6.6) as usize),
            heading => format!("{}  ·  {heading}", elided(&name, 40)),
        };
        let above = galley_elided(ui, &above, small, palette.weak, room, 1);
        ui.painter().galley(pos2(left, rect.top() + 9.0), above, palette.weak);
        let body = FontId::proportional(14.0);
        let text = galley_elided(ui, words, body, palette.text, right - rect.left() - 12.0, 2);
        ui.painter().galley(pos2(rect.left() + 12.0, rect.top() + 34.0), text, palette.text);
    }
    let response = response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(words);
    if response.clicked() {
        let place = Some((hit.place.clone(), hit.text.clone()));
        commands.send(Command::Library(LibraryCommand::Open(hit.path.clone(), place)));
    }
}
