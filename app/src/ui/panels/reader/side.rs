//! What stands beside the pages: the table of contents, small pages, notes.

use std::cmp::Ordering;

use egui::accesskit::Role;
use egui::{
    Align, Color32, CornerRadius, FontId, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2,
};
use engine::media::OutlineEntry;

use super::view::{Goal, TabView};
use super::weak;
use crate::say;
use crate::state::{DocumentInfo, Extent, Position, Tab, TextPos};
use crate::ui::theme::{self, RADIUS, size};
use crate::ui::widgets::{focus_ring, galley_elided};
use crate::words::say;

/// Height of a line of the contents.
const ROW: f32 = 28.0;

/// Width of a small page.
const SMALL: f32 = 112.0;

/// Below each small page, with its number.
const LABEL: f32 = 24.0;

/// Small pages around those in view that are drawn, too.
const AHEAD: usize = 6;

/// The table of contents; the entry one is in is lit.
pub(super) fn contents_ui(ui: &mut Ui, info: &DocumentInfo, memory: &mut TabView) {
    if info.outline.is_empty() {
        ui.label(weak(ui, say("reader-no-contents")));
        return;
    }
    let palette = theme::palette(ui);
    let page = memory.page();
    let Position { page: top, y } = memory.position();
    // How far down the page that is read one is; 0 when it begins in view.
    let down = if top == page { y.max(0.0) } else { 0.0 };
    let is_before = |entry: &OutlineEntry| match entry.page.cmp(&page) {
        Ordering::Equal => entry.y.is_some_and(|at| at <= down + 0.2),
        order => order.is_lt(),
    };
    // Where only pages are known, the first heading of a page counts.
    let first_here = info.outline.iter().position(|entry| entry.page == page && entry.y.is_none());
    let here = first_here.or_else(|| info.outline.iter().rposition(is_before));
    let mut go = None;
    let area = ScrollArea::vertical().id_salt("document contents").auto_shrink([false, false]);
    area.show_rows(ui, ROW - ui.spacing().item_spacing.y, info.outline.len(), |ui, rows| {
        for i in rows {
            let entry = &info.outline[i];
            let (rect, response) = ui
                .push_id(i, |ui| {
                    let size = Vec2::new(ui.available_width(), ROW - ui.spacing().item_spacing.y);
                    ui.allocate_exact_size(size, Sense::click())
                })
                .inner;
            let is_here = here == Some(i);
            let label = say!("reader-entry", title = entry.title.as_str(), page = entry.page);
            response.widget_info(|| WidgetInfo::selected(Role::TreeItem, true, is_here, &label));
            let row = rect.expand2(Vec2::new(0.0, 3.0));
            if is_here || response.hovered() {
                let fill = if is_here { palette.selected } else { palette.hovered };
                ui.painter().rect_filled(row, CornerRadius::same(RADIUS), fill);
            }
            focus_ring(ui, &response);
            let small = FontId::proportional(size::SMALL);
            let number = ui.painter().layout_no_wrap(entry.page.to_string(), small.clone(), palette.weak);
            let number_x = rect.right() - 8.0 - number.size().x;
            let indent = 8.0 + 12.0 * f32::from(entry.level.clamp(1, 6) - 1);
            let room = (number_x - rect.left() - indent - 6.0).max(20.0);
            let colour = if entry.level == 1 { palette.strong } else { palette.text };
            let title = galley_elided(ui, &entry.title, small, colour, room, 1);
            let y = rect.center().y - title.size().y / 2.0;
            ui.painter().galley(pos2(rect.left() + indent, y), title, colour);
            ui.painter().galley(pos2(number_x, y), number, palette.weak);
            if response.on_hover_text(label).clicked() {
                go = Some(goal_of_entry(entry));
            }
        }
    });
    if let Some(goal) = go {
        memory.jump(goal);
    }
}

/// Where an entry of the contents leads.
fn goal_of_entry(entry: &OutlineEntry) -> Goal {
    let page = entry.page;
    match entry.line {
        Some(line) if line > 0 => Goal::Text(TextPos { page, line, byte: 0 }),
        _ => Goal::Top(Position { page, y: (entry.y.unwrap_or(0.0) - 0.02).max(0.0) }),
    }
}

/// Small pictures of the pages.
pub(super) fn small_pages_ui(ui: &mut Ui, tab: &Tab, info: &DocumentInfo, memory: &mut TabView) {
    let Extent::Paper(sizes) = &info.extent else {
        ui.label(weak(ui, say("reader-no-pages")));
        return;
    };
    let palette = theme::palette(ui);
    let height = |i: usize| {
        let [width, height] = sizes[i];
        (SMALL * height / width.max(1.0)).clamp(20.0, 2.0 * SMALL)
    };
    let tops: Vec<f32> = (0..sizes.len())
        .scan(4.0, |top, i| {
            let this = *top;
            *top += height(i) + LABEL;
            Some(this)
        })
        .collect();
    let total = tops.last().map_or(0.0, |top| top + height(sizes.len() - 1) + LABEL);
    let page = memory.page();
    let mut go = None;
    let mut send = true;
    let area = ScrollArea::vertical().id_salt("small pages").auto_shrink([false, false]);
    area.show_viewport(ui, |ui, viewport| {
        ui.set_height(total);
        let origin = ui.max_rect().min;
        let first = tops.partition_point(|top| *top <= viewport.min.y).saturating_sub(1);
        let last = tops.partition_point(|top| *top < viewport.max.y);
        let left = ((ui.available_width() - SMALL) / 2.0).max(0.0);
        for (i, top) in tops.iter().enumerate().take(last).skip(first) {
            let number = i as u32 + 1;
            let size = Vec2::new(SMALL, height(i));
            let rect = Rect::from_min_size(origin + Vec2::new(left, *top), size);
            let response = ui.interact(rect, ui.scope_id().with(("small", tab.id.0, i)), Sense::click());
            let is_here = number == page;
            let label = say!("reader-small-page", page = number);
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_here, &label));
            ui.painter().rect_filled(rect, CornerRadius::ZERO, theme::paper());
            if let Some(drawn) = memory.small.get_mut(&number)
                && let Some(texture) = drawn.texture(ui.ctx(), &mut send)
            {
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
            }
            let line =
                if is_here { Stroke::new(2.5, palette.accent) } else { Stroke::new(1.0, palette.line) };
            ui.painter().rect_stroke(rect, 1.0, line, StrokeKind::Outside);
            focus_ring(ui, &response);
            let at = pos2(rect.center().x, rect.bottom() + 4.0);
            let font = FontId::proportional(size::SMALL);
            let colour = if is_here { palette.accent } else { palette.weak };
            ui.painter().text(at, egui::Align2::CENTER_TOP, number.to_string(), font, colour);
            if response.clicked() {
                go = Some(number);
            }
        }
        let held = first.saturating_sub(AHEAD)..(last + AHEAD).min(sizes.len());
        let near = |i: &usize| i.abs_diff((first + last) / 2);
        let mut order: Vec<usize> = held.collect();
        order.sort_by_key(near);
        memory.small_in_view = order.into_iter().map(|i| i as u32 + 1).collect();
        // The strip goes with the pages.
        let seen = ui.data(|data| data.get_temp::<u32>(egui::Id::unique("small pages at")));
        if seen != Some(page) {
            ui.data_mut(|data| data.insert_temp(egui::Id::unique("small pages at"), page));
            let i = (page as usize).saturating_sub(1).min(sizes.len() - 1);
            let size = Vec2::new(SMALL, height(i) + LABEL);
            let rect = Rect::from_min_size(origin + Vec2::new(left, tops[i]), size);
            let outside = tops[i] < viewport.min.y || tops[i] + size.y > viewport.max.y;
            if outside {
                ui.scroll_to_rect(rect, Some(Align::Center));
            }
        }
    });
    if let Some(page) = go {
        memory.jump(Goal::Top(Position { page, y: 0.0 }));
    }
}
