//! One page with everything that is marked on it.

use egui::{Align2, Color32, CornerRadius, FontId, Painter, Rect, Stroke, StrokeKind, Ui, Vec2, pos2};

use super::pages::Shown;
use super::view::TabView;
use crate::say;
use crate::state::{Load, Tab};
use crate::ui::theme::{self, size};

/// Where a page is drawn and what document it is of.
pub(super) struct Sheet<'a> {
    pub(super) ui: &'a Ui,
    pub(super) painter: &'a Painter,
    pub(super) tab: &'a Tab,
    pub(super) is_paper: bool,
    /// The part of the window that shows pages.
    pub(super) inner: Rect,
}

/// Draws a page with everything that is marked on it.
pub(super) fn page_ui(sheet: &Sheet<'_>, memory: &mut TabView, page: &Shown, send: &mut bool) {
    let Sheet { ui, painter, tab, is_paper, inner } = *sheet;
    let palette = theme::palette(ui);
    let ground = if is_paper { theme::paper() } else { palette.field };
    painter.rect_filled(page.rect, CornerRadius::ZERO, ground);
    if is_paper {
        picture(ui, painter, memory, page, inner, send);
        shades(ui, painter, tab, memory, page, true);
    } else {
        shades(ui, painter, tab, memory, page, false);
        if let Some(laid_out) = &page.laid_out {
            laid_out.paint(painter, page.rect, page.scale, palette.text);
        }
        let at = page.rect.right_top() + Vec2::new(-8.0, 6.0);
        let font = FontId::proportional(size::SMALL);
        painter.text(at, Align2::RIGHT_TOP, page.number.to_string(), font, palette.weak);
    }
    painter.rect_stroke(page.rect, CornerRadius::ZERO, Stroke::new(1.0, palette.line), StrokeKind::Outside);
}

/// The picture of a page: the one of the right size, or another one until that is here.
fn picture(ui: &Ui, painter: &Painter, memory: &mut TabView, page: &Shown, inner: Rect, send: &mut bool) {
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let side =
        memory.wanted.pictures.iter().find(|(number, _)| *number == page.number).map(|(_, side)| *side);
    let mut failed = None;
    if let Some(drawn) = memory.pictures.get_mut(&page.number) {
        // The right one last.
        drawn.sort_by_key(|drawn| Some(drawn.side) == side);
        for drawn in drawn.iter_mut().rev() {
            if let Load::Failed(reason) = &drawn.image {
                failed = Some(reason.clone());
            }
            if let Some(texture) = drawn.texture(ui.ctx(), send) {
                let pixels = ui.ctx().pixels_per_point();
                let exact = Vec2::new(texture.size()[0] as f32, texture.size()[1] as f32) / pixels;
                // A picture of the right size keeps its own, so that no pixel is stretched.
                let is_exact = (exact - page.rect.size()).abs().max_elem() < 1.5;
                let rect = if is_exact { Rect::from_min_size(page.rect.min, exact) } else { page.rect };
                painter.image(texture.id(), rect, uv, Color32::WHITE);
                return;
            }
        }
    }
    if let Some(small) = memory.small.get_mut(&page.number)
        && let Some(texture) = small.texture(ui.ctx(), send)
    {
        painter.image(texture.id(), page.rect, uv, Color32::WHITE);
        return;
    }
    let centre = page.rect.intersect(inner).center();
    let (text, font) = match failed {
        Some(reason) => (reason, FontId::proportional(size::BODY)),
        None => (say!("reader-page", page = page.number), FontId::proportional(size::TITLE)),
    };
    let galley = painter.layout(text, font, theme::on_paper(), (page.rect.width() - 40.0).max(40.0));
    painter.galley(centre - galley.size() / 2.0, galley, theme::on_paper());
}

/// Everything that is marked on a page.
fn shades(ui: &Ui, painter: &Painter, tab: &Tab, memory: &TabView, page: &Shown, on_paper: bool) {
    let fill = |rects: Vec<Rect>, grow: f32, colour: Color32| {
        for rect in by_row(rects) {
            painter.rect_filled(rect.expand(grow), 2.0, colour);
        }
    };
    for mark in tab.marks.iter().filter(|mark| !mark.is_lost) {
        let passage = &mark.passage;
        if !(passage.from.page..=passage.to.page).contains(&page.number) {
            continue;
        }
        let rects = page.rects_of(&passage.places, Some((passage.from, passage.to)));
        let colour = theme::highlight(ui, mark.colour, on_paper);
        if !mark.note.trim().is_empty()
            && let Some(first) = rects.first()
        {
            // A note shows in the margin beside its first line.
            let dot = pos2(page.rect.left() + 12.0, first.center().y);
            painter.circle(dot, 4.0, theme::mark_dot(mark.colour), Stroke::new(1.0, theme::on_paper()));
        }
        fill(rects, 1.0, colour);
    }
    if let Some(citation) = &tab.citation
        && citation.page.abs_diff(page.number) <= 3
    {
        fill(page.rects_of(&citation.places, citation.range), 1.5, theme::quote(ui, on_paper));
    }
    if memory.find.open {
        let hits = &tab.finder.hits;
        let from = hits.partition_point(|hit| hit.from.page < page.number);
        for hit in hits[from..].iter().take_while(|hit| hit.from.page == page.number) {
            let rects: Vec<Rect> = match hit.boxes.is_empty() {
                true => page.rects_between((hit.from, hit.to)),
                false => hit.boxes.iter().map(|area| page.on_screen(area)).collect(),
            };
            let is_current = memory.find.at == Some(hit.from);
            if is_current {
                for rect in &rects {
                    let stroke = Stroke::new(2.0, theme::hit_line());
                    painter.rect_stroke(rect.expand(2.0), 2.0, stroke, StrokeKind::Outside);
                }
            }
            fill(rects, 1.0, theme::hit(ui, on_paper));
        }
    }
    if let Some(selection) = memory.selection {
        fill(page.rects_between(selection.range()), 0.5, theme::selected_text(ui, on_paper));
    }
}

/// Words that stand beside each other as one, so that no seam shows between them.
fn by_row(rects: Vec<Rect>) -> Vec<Rect> {
    let mut rows: Vec<Rect> = Vec::with_capacity(rects.len());
    for rect in rects {
        match rows.last_mut() {
            Some(row)
                if (row.center().y - rect.center().y).abs() < 0.3 * row.height().min(rect.height())
                    && rect.left() - row.right() < row.height() =>
            {
                *row = row.union(rect);
            }
            _ => rows.push(rect),
        }
    }
    rows
}
