//! Reading order: columns from left to right, lines from top to bottom, pieces of a line from left
//! to right. A tilted or turned page is levelled first.

use super::TextLine;
use super::detect::Quad;

/// Pieces share a line when they overlap in height by this share of the lower one.
const SAME_LINE: f32 = 0.5;

/// Columns have at least this many pieces each.
const FEWEST_IN_COLUMN: usize = 3;

/// Pieces of a column of prose are at least this many times as wide as high; narrower ones are
/// cells of a table, which is read row by row.
const LEAST_WIDTH_OF_PROSE: f32 = 6.0;

/// At most this share of the pieces may cross the gap between columns (titles, captions).
const MOST_ACROSS: f32 = 0.15;

/// A piece on the levelled page, in pixels.
#[derive(Debug, Clone, Copy)]
struct Piece {
    index: usize,
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
}

impl Piece {
    fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    fn middle(&self) -> f32 {
        (self.y0 + self.y1) / 2.0
    }
}

/// Sorts lines into reading order.
pub(super) fn reading_order(placed: Vec<(TextLine, Quad)>) -> Vec<TextLine> {
    let quads: Vec<Quad> = placed.iter().map(|(_, quad)| *quad).collect();
    let mut lines: Vec<Option<TextLine>> = placed.into_iter().map(|(line, _)| Some(line)).collect();
    let order = in_columns(level(&quads));
    order.into_iter().filter_map(|piece| lines.get_mut(piece.index).and_then(Option::take)).collect()
}

/// Turns the page so that its text runs level.
fn level(quads: &[Quad]) -> Vec<Piece> {
    // The direction of all text together; long lines count more.
    let (dx, dy) = quads.iter().fold((0.0, 0.0), |(x, y), [a, b, ..]| (x + b.0 - a.0, y + b.1 - a.1));
    let length = dx.hypot(dy);
    let (cos, sin) = if length > 0.0 { (dx / length, dy / length) } else { (1.0, 0.0) };
    let piece = |(index, quad): (usize, &Quad)| {
        let x = quad.map(|(x, y)| x * cos + y * sin);
        let y = quad.map(|(x, y)| y * cos - x * sin);
        let min = |values: [f32; 4]| values.into_iter().fold(f32::INFINITY, f32::min);
        let max = |values: [f32; 4]| values.into_iter().fold(f32::NEG_INFINITY, f32::max);
        Piece { index, x0: min(x), y0: min(y), x1: max(x), y1: max(y) }
    };
    quads.iter().enumerate().map(piece).collect()
}

/// Splits at the gap that the fewest pieces cross; those that do (titles) stand between bands of
/// columns.
fn in_columns(pieces: Vec<Piece>) -> Vec<Piece> {
    let Some(gap) = best_gap(&pieces) else { return in_rows(pieces) };
    let (mut across, beside): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(|piece| piece.x0 < gap && gap < piece.x1);
    across.sort_by(|a, b| a.middle().total_cmp(&b.middle()));
    let mut ordered = Vec::new();
    let mut rest = beside;
    for title in across.into_iter().map(Some).chain([None]) {
        let end = title.map_or(f32::INFINITY, |title| title.middle());
        let (band, below): (Vec<Piece>, Vec<Piece>) =
            rest.into_iter().partition(|piece| piece.middle() < end);
        rest = below;
        let (left, right): (Vec<Piece>, Vec<Piece>) = band.into_iter().partition(|piece| piece.x1 <= gap);
        ordered.extend(in_columns(left));
        ordered.extend(in_columns(right));
        ordered.extend(title);
    }
    ordered
}

fn best_gap(pieces: &[Piece]) -> Option<f32> {
    let most_across = (pieces.len() as f32 * MOST_ACROSS) as usize;
    let candidates = pieces.iter().map(|piece| piece.x1);
    let judged = candidates.filter_map(|gap| {
        let side = |keep: &dyn Fn(&Piece) -> bool| -> Option<usize> {
            let mut shapes: Vec<f32> = pieces
                .iter()
                .filter(|piece| keep(piece))
                .map(|piece| (piece.x1 - piece.x0) / piece.height().max(1.0))
                .collect();
            shapes.sort_by(f32::total_cmp);
            let is_prose =
                shapes.len() >= FEWEST_IN_COLUMN && shapes[shapes.len() / 2] >= LEAST_WIDTH_OF_PROSE;
            is_prose.then_some(shapes.len())
        };
        let left = side(&|piece| piece.x1 <= gap)?;
        let right = side(&|piece| piece.x0 >= gap)?;
        let across = pieces.len() - left - right;
        (across <= most_across).then_some((across, gap))
    });
    judged.min_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))).map(|(_, gap)| gap)
}

fn in_rows(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_by(|a, b| a.middle().total_cmp(&b.middle()));
    let mut rows: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        let same = rows.last().and_then(|row| row.last()).is_some_and(|last| {
            let overlap = last.y1.min(piece.y1) - last.y0.max(piece.y0);
            overlap > SAME_LINE * last.height().min(piece.height())
        });
        match rows.last_mut() {
            Some(row) if same => row.push(piece),
            _ => rows.push(vec![piece]),
        }
    }
    for row in &mut rows {
        row.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    }
    rows.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Rect;

    /// A level piece 10 pixels high, as the detector gives it.
    fn piece(text: &str, x0: f32, y0: f32, x1: f32) -> (TextLine, Quad) {
        let line = TextLine { text: text.into(), area: Rect::WHOLE, confidence: 1.0, words: Vec::new() };
        (line, [(x0, y0), (x1, y0), (x1, y0 + 10.0), (x0, y0 + 10.0)])
    }

    fn turned((line, quad): (TextLine, Quad), degrees: f32) -> (TextLine, Quad) {
        let (sin, cos) = degrees.to_radians().sin_cos();
        (line, quad.map(|(x, y)| (x * cos - y * sin, x * sin + y * cos)))
    }

    fn texts(placed: Vec<(TextLine, Quad)>) -> String {
        reading_order(placed).into_iter().map(|line| line.text).collect()
    }

    fn two_columns() -> Vec<(TextLine, Quad)> {
        let mut placed = Vec::new();
        for (i, names) in [["a", "e"], ["b", "f"], ["c", "g"], ["d", "h"]].into_iter().enumerate() {
            placed.push(piece(names[1], 120.0, 40.0 + 15.0 * i as f32, 210.0));
            placed.push(piece(names[0], 10.0, 40.0 + 15.0 * i as f32, 100.0));
        }
        placed
    }

    #[test]
    fn pieces_of_a_line_go_from_left_to_right() {
        let placed =
            vec![piece("c", 10.0, 50.0, 90.0), piece("b", 60.0, 11.0, 90.0), piece("a", 10.0, 12.0, 50.0)];
        assert_eq!(texts(placed), "abc");
    }

    #[test]
    fn columns_are_read_one_after_the_other() {
        assert_eq!(texts(two_columns()), "abcdefgh");
    }

    #[test]
    fn a_title_across_the_columns_comes_first() {
        let mut placed = two_columns();
        placed.push(piece("T", 10.0, 10.0, 210.0));
        assert_eq!(texts(placed), "Tabcdefgh");
    }

    #[test]
    fn a_table_is_read_row_by_row() {
        let mut placed = Vec::new();
        for (i, names) in [["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]].into_iter().enumerate() {
            placed.push(piece(names[0], 10.0, 15.0 * i as f32, 90.0));
            placed.push(piece(names[1], 150.0, 15.0 * i as f32, 180.0));
        }
        assert_eq!(texts(placed), "12345678");
    }

    #[test]
    fn a_tilted_or_turned_page_is_read_along_its_lines() {
        for degrees in [-8.0, 5.0, 90.0, 180.0, 270.0] {
            let placed = (0..6).map(|i| {
                let long = if i % 2 == 0 { 900.0 } else { 400.0 };
                turned(piece(&i.to_string(), 0.0, 15.0 * i as f32, long), degrees)
            });
            assert_eq!(texts(placed.rev().collect()), "012345", "{degrees}°");
        }
    }
}
