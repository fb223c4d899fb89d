//! A page of a document without pages: its paragraphs, one under the other; lines of subtitles behind their times.

use std::ops::Range;
use std::sync::Arc;

use egui::text::{CCursor, CharIndex, LayoutJob, TextFormat};
use egui::{FontId, Galley, Painter, Pos2, Rect, Ui, Vec2, pos2};
use engine::media::{Line, Page};

use crate::state::{TextPos, line_parts};
use crate::ui::theme::{self, size};
use crate::ui::widgets::time_text;

/// Inside of the sheet.
const PAD: Vec2 = Vec2::new(26.0, 22.0);

/// Height of a row by the size of its letters.
const ROW: f32 = 1.4;

/// Between a time and its line.
const AFTER_TIME: f32 = 12.0;

/// The lines of a page, laid out.
pub(super) struct TextPage {
    /// When each line is shown, beside it; empty but for subtitles.
    times: Vec<Arc<Galley>>,
    /// Room that the times take.
    indent: f32,
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
    let time = |line: &Line| {
        let (start_s, _) = line.time_s?;
        let font = FontId::monospace(size::SMALL * scale);
        Some(ui.painter().layout_no_wrap(time_text(start_s), font, palette.weak))
    };
    let times: Vec<Arc<Galley>> = page.lines.iter().filter_map(time).collect();
    let widest = times.iter().map(|time| time.size().x).reduce(f32::max);
    let indent = widest.map_or(0.0, |widest| widest + AFTER_TIME * scale);
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
            line_height: Some(ROW * font * scale),
            ..TextFormat::default()
        };
        let mut job = LayoutJob::single_section(line.text.clone(), format);
        job.wrap.max_width = (width - 2.0 * pad.x - indent).max(40.0);
        let galley = ui.painter().layout_job(job);
        let height = galley.size().y;
        lines.push((top, galley));
        top += height;
    }
    TextPage { times, indent, lines, height: top + pad.y }
}

impl TextPage {
    /// Where the lines begin.
    fn left(&self, rect: Rect, scale: f32) -> f32 {
        rect.left() + PAD.x * scale.clamp(0.5, 1.5) + self.indent
    }

    pub(super) fn paint(&self, painter: &Painter, rect: Rect, scale: f32, colour: egui::Color32) {
        let clip = painter.clip_rect();
        for (i, (top, galley)) in self.lines.iter().enumerate() {
            let at = pos2(self.left(rect, scale), rect.top() + top);
            if at.y < clip.bottom() && at.y + galley.size().y > clip.top() {
                painter.galley(at, galley.clone(), colour);
                if let Some(time) = self.times.get(i) {
                    // In the middle of the first row.
                    let down = (ROW * size::BODY * scale - time.size().y) / 2.0;
                    painter.galley(pos2(at.x - self.indent, at.y + down), time.clone(), colour);
                }
            }
        }
    }

    /// Where the text between two places is on the screen.
    pub(super) fn rects(&self, page: &Page, rect: Rect, scale: f32, from: TextPos, to: TextPos) -> Vec<Rect> {
        let mut rects = Vec::new();
        for (line, bytes) in line_parts(page, from, to) {
            let Some((top, galley)) = self.lines.get(line) else { continue };
            let origin = pos2(self.left(rect, scale), rect.top() + top);
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
        let inside = Vec2::new(point.x - self.left(rect, scale), y - top);
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
