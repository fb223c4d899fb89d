//! Characters with places → words, lines, columns and paragraphs.
//!
//! PDFium hands characters over in the order in which the file draws them, with line breaks where it
//! sees any. That order is mostly the reading order; only a page whose columns are drawn across each
//! other (line one left, line one right, …) is put in order here.

use super::{Line, rows};
use crate::sequence::Rect;

/// A character and its place in fractions of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    pub(super) c: char,
    pub(super) area: Option<Rect>,
}

/// A gap inside a line wider than this many line heights separates table cells or columns.
const CELL_GAP: f32 = 1.5;

/// Makes the lines of a page of this width and height (in any unit: only their ratio counts).
pub(super) fn lines(glyphs: &[Glyph], width: f32, height: f32) -> Vec<Line> {
    // Widths in units of the page height, so that both directions compare.
    let aspect = width / height;
    rows::lines(columns(pieces(glyphs, aspect), aspect), aspect)
}

/// The first line that is clearly larger than the page's usual one.
pub(super) fn heading(lines: &[Line], _height: f32) -> Option<String> {
    let tall = |line: &Line| line.area.map_or(0.0, |area| area.y1 - area.y0);
    let mut heights: Vec<f32> = lines.iter().map(tall).collect();
    heights.sort_by(f32::total_cmp);
    let usual = *heights.get(heights.len() / 2)?;
    let found =
        lines.iter().find(|line| tall(line) > usual * 1.15 && line.text.chars().any(char::is_alphabetic))?;
    (lines.len() > 2).then(|| found.text.clone())
}

/// Cuts the characters into runs without a break or a wide gap.
fn pieces(glyphs: &[Glyph], aspect: f32) -> Vec<Line> {
    let mut pieces = Vec::new();
    let mut now = Line::default();
    let mut word: Option<(usize, Rect)> = None;
    let mut last: Option<Rect> = None;
    for glyph in glyphs {
        if matches!(glyph.c, '\r' | '\n') {
            end_line(&mut now, &mut word, &mut pieces);
            last = None;
            continue;
        }
        if glyph.c.is_whitespace() {
            end_word(&mut now, &mut word);
            if !now.text.is_empty() && !now.text.ends_with(' ') {
                now.text.push(' ');
            }
            continue;
        }
        if glyph.c.is_control() {
            continue;
        }
        if let (Some(before), Some(area)) = (last, glyph.area)
            && leaves_line(before, area, aspect)
        {
            end_line(&mut now, &mut word, &mut pieces);
        }
        let start = now.text.len();
        now.text.push(glyph.c);
        if let Some(area) = glyph.area {
            now.area = Some(now.area.map_or(area, |line| line.union(area)));
            word = Some(word.map_or((start, area), |(start, w)| (start, w.union(area))));
            last = Some(area);
        }
    }
    end_line(&mut now, &mut word, &mut pieces);
    pieces
}

/// Whether a character stands so far from the one before it that it belongs to another piece. Letters of
/// one piece touch each other nearly, whichever way the text runs.
fn leaves_line(before: Rect, area: Rect, aspect: f32) -> bool {
    // The larger side of a letter's box is about its font size; a box may be thin ("l") or flat.
    let size = |r: Rect| (r.y1 - r.y0).max((r.x1 - r.x0) * aspect);
    let size = size(before).max(size(area)).max(1e-4);
    let right = (area.x0 - before.x1).max(before.x0 - area.x1).max(0.0) * aspect;
    let down = (area.y0 - before.y1).max(before.y0 - area.y1).max(0.0);
    right > CELL_GAP * size || down > 0.5 * size
}

fn end_word(line: &mut Line, word: &mut Option<(usize, Rect)>) {
    if let Some((start, area)) = word.take() {
        line.words.push((start..line.text.trim_end().len(), area));
    }
}

fn end_line(line: &mut Line, word: &mut Option<(usize, Rect)>, lines: &mut Vec<Line>) {
    end_word(line, word);
    let mut done = std::mem::take(line);
    done.text.truncate(done.text.trim_end().len());
    if !done.text.is_empty() {
        lines.push(done);
    }
}

/// Puts columns that are drawn across each other one behind the other.
fn columns(pieces: Vec<Line>, aspect: f32) -> Vec<Line> {
    let areas: Vec<Rect> = pieces.iter().map(|p| p.area.unwrap_or(Rect::WHOLE)).collect();
    let Some(gutter) = gutter(&areas) else { return pieces };
    let side = |area: &Rect| match (area.x1 <= gutter, area.x0 >= gutter) {
        (true, _) => Side::Left,
        (_, true) => Side::Right,
        _ => Side::Across,
    };
    let sides: Vec<Side> = areas.iter().map(side).collect();
    let changes = sides.windows(2).filter(|w| w[0] != w[1] && !w.contains(&Side::Across)).count();
    let bands = sides.iter().filter(|side| **side == Side::Across).count() + 1;
    // Column after column already.
    if changes <= 2 * bands {
        return pieces;
    }
    // What lies across the gutter (titles, wide figures' captions) divides the page into bands; in each
    // the left column comes before the right one.
    let mut across: Vec<f32> =
        areas.iter().zip(&sides).filter(|(_, s)| **s == Side::Across).map(|(a, _)| a.y0).collect();
    across.sort_by(f32::total_cmp);
    let band = |area: &Rect| across.iter().filter(|top| **top <= area.y0).count();
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by(|a, b| {
        let key = |i: usize| (band(&areas[i]), sides[i].rank());
        key(*a).cmp(&key(*b)).then(areas[*a].y0.total_cmp(&areas[*b].y0))
    });
    let mut pieces: Vec<Option<Line>> = pieces.into_iter().map(Some).collect();
    let sorted: Vec<Line> = order.into_iter().filter_map(|i| pieces[i].take()).collect();
    // A third column lies inside the right or left one.
    split_sides(sorted, gutter, aspect)
}

/// Orders the inside of each run of pieces on one side of a gutter.
fn split_sides(sorted: Vec<Line>, gutter: f32, aspect: f32) -> Vec<Line> {
    let side = |line: &Line| line.area.map(|area| area.x0 >= gutter);
    let mut out = Vec::with_capacity(sorted.len());
    let mut run: Vec<Line> = Vec::new();
    for line in sorted {
        if run.last().is_some_and(|last| side(last) != side(&line)) {
            let full = std::mem::take(&mut run);
            out.extend(if full.len() >= 2 * COLUMN_LINES { columns(full, aspect) } else { full });
        }
        run.push(line);
    }
    out.extend(run);
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Across,
}

impl Side {
    /// A piece across the gutter begins its band.
    fn rank(self) -> u8 {
        match self {
            Self::Across => 0,
            Self::Left => 1,
            Self::Right => 2,
        }
    }
}

/// Lines that make a column.
const COLUMN_LINES: usize = 5;

/// The horizontal place between two columns: few pieces cross it, and on both sides stand lines that are
/// wide enough to be running text (the cells of a table are not).
fn gutter(areas: &[Rect]) -> Option<f32> {
    let left = areas.iter().map(|a| a.x0).fold(1.0, f32::min);
    let right = areas.iter().map(|a| a.x1).fold(0.0, f32::max);
    let width = right - left;
    let candidates =
        areas.iter().map(|a| a.x0 - 1e-4).filter(|x| *x > left + width * 0.2 && *x < right - width * 0.2);
    let fits = |x: f32| {
        let (mut before, mut after, mut across) = ((0, 0.0), (0, 0.0), 0);
        for area in areas {
            let column = if area.x1 <= x {
                &mut before
            } else if area.x0 >= x {
                &mut after
            } else {
                across += 1;
                continue;
            };
            column.0 += 1;
            column.1 += area.x1 - area.x0;
        }
        let running = |(n, sum): (usize, f32)| n >= COLUMN_LINES && sum / n as f32 > width * 0.2;
        (across * 5 <= areas.len() && running(before) && running(after)).then_some((across, x))
    };
    // The place that the fewest pieces cross; of equal ones the leftmost.
    candidates
        .take(2_000)
        .filter_map(fits)
        .min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, x)| x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws text at a place, with characters of width 0.01 and height 0.02.
    fn draw(text: &str, x: f32, y: f32) -> Vec<Glyph> {
        let glyph = |(i, c): (usize, char)| {
            let x0 = x + i as f32 * 0.01;
            Glyph { c, area: Some(Rect { x0, y0: y, x1: x0 + 0.01, y1: y + 0.02 }) }
        };
        let mut glyphs: Vec<Glyph> = text.chars().enumerate().map(glyph).collect();
        glyphs.push(Glyph { c: '\n', area: None });
        glyphs
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn words_carry_their_place() {
        let lines = lines(&draw("an  apple ", 0.1, 0.5), 1.0, 1.0);
        assert_eq!(texts(&lines), ["an apple"]);
        let words = &lines[0].words;
        assert_eq!((words[0].0.clone(), words[1].0.clone()), (0..2, 3..8));
        assert!((words[1].1.x0 - 0.14).abs() < 1e-5 && (words[1].1.x1 - 0.19).abs() < 1e-5);
    }

    #[test]
    fn columns_drawn_across_each_other_are_read_one_after_the_other() {
        let mut glyphs = draw("A title across the page from left to right, to its end", 0.1, 0.02);
        for i in 0..8 {
            let y = 0.1 + i as f32 * 0.025;
            glyphs.extend(draw(&format!("left column, its line number {i}"), 0.1, y));
            glyphs.extend(draw(&format!("right column, its line number {i}"), 0.55, y));
        }
        let lines = lines(&glyphs, 1.0, 1.0);
        assert!(lines[0].text.starts_with("A title"));
        assert!((0..8).all(|i| lines[1 + i].text == format!("left column, its line number {i}")));
        assert!((0..8).all(|i| lines[9 + i].text == format!("right column, its line number {i}")));
    }

    #[test]
    fn the_cells_of_a_table_stay_in_their_row() {
        let mut glyphs = Vec::new();
        for i in 0..8 {
            let y = 0.1 + i as f32 * 0.025;
            glyphs.extend(draw(&format!("item {i}"), 0.1, y));
            glyphs.extend(draw(&format!("{i},50"), 0.6, y));
        }
        let lines = lines(&glyphs, 1.0, 1.0);
        assert_eq!(texts(&lines)[3], "item 3 | 3,50");
        let (range, area) = lines[3].words.last().unwrap();
        assert_eq!(&lines[3].text[range.clone()], "3,50");
        assert!((area.x0 - 0.6).abs() < 1e-5);
    }

    #[test]
    fn text_that_runs_down_the_margin_stays_together() {
        let glyph = |(i, c): (usize, char)| {
            let y0 = 0.2 + i as f32 * 0.01;
            Glyph { c, area: Some(Rect { x0: 0.05, y0, x1: 0.07, y1: y0 + 0.01 }) }
        };
        let glyphs: Vec<Glyph> = "down the margin".chars().enumerate().map(glyph).collect();
        assert_eq!(texts(&lines(&glyphs, 1.0, 1.0)), ["down the margin"]);
    }

    #[test]
    fn a_wide_gap_begins_a_paragraph_and_a_narrow_one_does_not() {
        let mut glyphs = draw("one", 0.1, 0.1);
        glyphs.extend(draw("two", 0.1, 0.125));
        glyphs.extend(draw("three", 0.1, 0.19));
        let paragraphs: Vec<u32> = lines(&glyphs, 1.0, 1.0).iter().map(|line| line.paragraph).collect();
        assert_eq!(paragraphs, [0, 0, 1]);
    }
}
