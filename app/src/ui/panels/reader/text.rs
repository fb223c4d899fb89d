//! A page of a document without pages: its paragraphs, one under the other.

use std::ops::Range;
use std::sync::Arc;

use egui::text::{CCursor, CharIndex, LayoutJob, TextFormat};
use egui::{FontId, Galley, Painter, Pos2, Rect, Ui, Vec2, pos2};
use engine::media::Page;

use crate::state::{TextPos, line_parts};
use crate::ui::theme::{self, size};

/// Inside of the sheet.
const PAD: Vec2 = Vec2::new(26.0, 22.0);

/// The lines of a page, laid out.
pub(super) struct TextPage {
    /// How far below the top of the page each one begins.
    lines: Vec<(f32, Arc<Galley>)>,
    pub(super) height: f32,
}

/// Lays a page out in this width.
pub(super) fn lay_out(ui: &Ui, page: &Page, width: f32, scale: f32) -> TextPage {
    let palette = theme::palette(ui);
    let mut lines = Vec::with_capacity(page.lines.len());
    let pad = PAD * scale.clamp(0.5, 1.5);
    let mut top = pad.y;
    for (i, line) in page.lines.iter().enumerate() {
        if i > 0 {
            let same = page.lines[i - 1].paragraph == line.paragraph;
            top += scale * if same { 2.0 } else { 10.0 };
        }
        let font = match line.level {
            0 => size::BODY,
            1 => 1.5 * size::BODY,
            2 => 1.25 * size::BODY,
            _ => 1.1 * size::BODY,
        };
        let colour = if line.level > 0 { palette.strong } else { palette.text };
        if line.level > 0 && i > 0 {
            top += 8.0 * scale;
        }
        let format = TextFormat {
            font_id: FontId::proportional(font * scale),
            color: colour,
            line_height: Some(1.4 * font * scale),
            ..TextFormat::default()
        };
        let mut job = LayoutJob::single_section(line.text.clone(), format);
        job.wrap.max_width = (width - 2.0 * pad.x).max(40.0);
        let galley = ui.painter().layout_job(job);
        let height = galley.size().y;
        lines.push((top, galley));
        top += height;
    }
    TextPage { lines, height: top + pad.y }
}

/// Where the lines begin.
fn left(rect: Rect, scale: f32) -> f32 {
    rect.left() + PAD.x * scale.clamp(0.5, 1.5)
}

impl TextPage {
    pub(super) fn paint(&self, painter: &Painter, rect: Rect, scale: f32, colour: egui::Color32) {
        let clip = painter.clip_rect();
        for (top, galley) in &self.lines {
            let at = pos2(left(rect, scale), rect.top() + top);
            if at.y < clip.bottom() && at.y + galley.size().y > clip.top() {
                painter.galley(at, galley.clone(), colour);
            }
        }
    }

    /// Where the text between two places is on the screen.
    pub(super) fn rects(&self, page: &Page, rect: Rect, scale: f32, from: TextPos, to: TextPos) -> Vec<Rect> {
        let mut rects = Vec::new();
        for (line, bytes) in line_parts(page, from, to) {
            let Some((top, galley)) = self.lines.get(line) else { continue };
            let origin = pos2(left(rect, scale), rect.top() + top);
            let text = &page.lines[line].text;
            let count = |end: usize| text.get(..end).map_or(0, |text| text.chars().count());
            rects.extend(
                rows(galley, count(bytes.start)..count(bytes.end)).map(|row| row.translate(origin.to_vec2())),
            );
        }
        rects
    }

    /// The place that is nearest to a point of the screen.
    pub(super) fn place(&self, page: &Page, rect: Rect, scale: f32, point: Pos2) -> Option<TextPos> {
        let y = point.y - rect.top();
        let below = self.lines.partition_point(|(top, _)| *top <= y);
        let line = below.saturating_sub(1);
        let (top, galley) = self.lines.get(line)?;
        let inside = Vec2::new(point.x - left(rect, scale), y - top);
        let cursor = galley.cursor_from_pos(inside);
        let text = &page.lines.get(line)?.text;
        let byte = text.char_indices().nth(cursor.index.0).map_or(text.len(), |(byte, _)| byte);
        Some(TextPos { page: page.number, line: line as u32, byte: byte as u32 })
    }

    /// How far below the top of the page a place is.
    pub(super) fn y_of(&self, page: &Page, place: TextPos) -> f32 {
        let line = place.line as usize;
        let (Some((top, galley)), Some(text)) = (self.lines.get(line), page.lines.get(line)) else {
            return 0.0;
        };
        let n = text.text.get(..place.byte as usize).map_or(0, |text| text.chars().count());
        top + galley.pos_from_cursor(CCursor::new(CharIndex(n))).top()
    }
}

/// The parts of a galley's rows that hold these characters.
fn rows(galley: &Galley, chars: Range<usize>) -> impl Iterator<Item = Rect> + '_ {
    let mut begin = 0;
    galley.rows.iter().filter_map(move |row| {
        let n = row.char_count_excluding_newline().0;
        let end = begin + n;
        let (from, to) = (chars.start.max(begin), chars.end.min(end));
        let start = begin;
        begin += row.char_count_including_newline().0;
        (from < to).then(|| {
            let x = |c: usize| row.pos.x + row.row.x_offset(CharIndex(c - start));
            Rect::from_min_max(pos2(x(from), row.min_y()), pos2(x(to), row.max_y()))
        })
    })
}
