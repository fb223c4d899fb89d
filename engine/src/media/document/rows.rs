//! Pieces of lines → lines with the rows of tables put together, and paragraphs.

use super::Line;
use crate::sequence::Rect;

/// A cell of a table has at most this many lines; more are a column of running text.
const MOST_CELL_LINES: usize = 4;

/// Two wide pieces side by side are lines of two columns, not cells.
const RUNNING_WIDTH: f32 = 0.3;

/// Cells that begin this near to each other, in fractions of the page width, stand in one column.
const SAME_COLUMN: f32 = 0.01;

/// Between the cells of a table's row; what it makes of a row is no sentence and no heading.
const CELL_MARK: &str = "| ";

/// A line, or a row of cells.
struct Row {
    line: Line,
    /// The cells from left to right; one for a line.
    cells: Vec<Rect>,
    /// Where in the text the cells after the first begin.
    starts: Vec<usize>,
}

impl Row {
    fn area(&self) -> Option<Rect> {
        self.line.area
    }

    fn add(&mut self, piece: Line) {
        self.line.text.push(' ');
        let offset = self.line.text.len();
        self.line.text.push_str(&piece.text);
        let words = piece.words.into_iter().map(|(r, area)| (r.start + offset..r.end + offset, area));
        self.line.words.extend(words);
        self.line.area = match (self.line.area, piece.area) {
            (Some(a), Some(b)) => Some(a.union(b)),
            (a, b) => a.or(b),
        };
    }

    /// Writes marks between the cells.
    fn mark_cells(&mut self) {
        for start in self.starts.drain(..).rev() {
            self.line.text.insert_str(start, CELL_MARK);
            for (range, _) in self.line.words.iter_mut().filter(|(range, _)| range.start >= start) {
                *range = range.start + CELL_MARK.len()..range.end + CELL_MARK.len();
            }
        }
    }

    /// Whether another row has a cell, after its first, where this one has one.
    fn shares_a_column(&self, other: &Self) -> bool {
        let starts = |row: &Self| row.cells.iter().skip(1).map(|cell| cell.x0).collect::<Vec<_>>();
        starts(self).iter().any(|a| starts(other).iter().any(|b| (a - b).abs() < SAME_COLUMN))
    }
}

/// Joins the cells of each row of a table and numbers the paragraphs. Widths times `aspect` are in the
/// unit of heights.
pub(super) fn lines(pieces: Vec<Line>, aspect: f32) -> Vec<Line> {
    let mut rows: Vec<Row> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let Some(area) = piece.area else {
            rows.push(Row { line: piece, cells: Vec::new(), starts: Vec::new() });
            continue;
        };
        if let Some(last) = rows.last_mut()
            && goes_on(last, area, aspect)
        {
            last.add(piece);
            if let Some(cell) = last.cells.last_mut() {
                *cell = cell.union(area);
            }
            continue;
        }
        let n = lines_beside(&rows, area, aspect);
        let mut beside = rows.split_off(rows.len() - n).into_iter();
        let row = match beside.next() {
            Some(mut row) => {
                beside.for_each(|next| {
                    if let (Some(cell), Some(area)) = (row.cells.last_mut(), next.area()) {
                        *cell = cell.union(area);
                    }
                    row.add(next.line);
                });
                row.starts.push(row.line.text.len() + 1);
                row.add(piece);
                row.cells.push(area);
                row
            }
            None => Row { line: piece, cells: vec![area], starts: Vec::new() },
        };
        rows.push(row);
    }
    number_paragraphs(&mut rows, aspect);
    rows.into_iter().map(|row| row.line).collect()
}

fn height(area: Rect) -> f32 {
    (area.y1 - area.y0).max(1e-4)
}

/// Height that two areas share, as a fraction of the second's.
fn shared(a: Rect, b: Rect) -> f32 {
    (a.y1.min(b.y1) - a.y0.max(b.y0)) / height(b)
}

/// Whether a piece is a further line of the last cell of a row.
fn goes_on(row: &Row, area: Rect, aspect: f32) -> bool {
    let (Some(whole), [_, .., last]) = (row.area(), row.cells.as_slice()) else { return false };
    let below = (area.y0 - last.y1) / height(area);
    let in_column = (area.x0 - last.x0).abs() * aspect < 0.5 * height(area) && area.x1 < whole.x1 + 0.3;
    in_column && (-0.5..0.5).contains(&below)
}

/// How many of the last lines make a cell beside which `area` stands at its right.
fn lines_beside(rows: &[Row], area: Rect, aspect: f32) -> usize {
    let mut union: Option<Rect> = None;
    let mut n = 0;
    for row in rows.iter().rev() {
        let Some(cell) = row.area() else { break };
        let near = union.is_none_or(|union| union.y0 - cell.y1 < 0.7 * height(cell) && cell.y0 <= union.y0);
        let is_left = area.x0 >= cell.x1 - height(cell).min(height(area)) / aspect;
        let is_running = cell.x1 - cell.x0 > RUNNING_WIDTH && area.x1 - area.x0 > RUNNING_WIDTH;
        // A row takes in no lines above it.
        let is_line = row.cells.len() == 1 || n == 0;
        if !near || !is_left || is_running || !is_line || cell.y1 < area.y0 + 0.2 * height(area) {
            break;
        }
        union = Some(union.map_or(cell, |union| union.union(cell)));
        n += 1;
        if row.cells.len() > 1 {
            break;
        }
    }
    let beside = union.is_some_and(|union| shared(union, area) > 0.6);
    if beside && n <= MOST_CELL_LINES { n } else { 0 }
}

/// Numbers paragraphs and marks cells. A paragraph ends where the next line is far below, above, of another size, or indented after a full
/// stop; each row of a table is one.
fn number_paragraphs(rows: &mut [Row], aspect: f32) {
    let is_table: Vec<bool> = (0..rows.len())
        .map(|i| {
            let near = [i.checked_sub(1), Some(i + 1)].into_iter().flatten().filter_map(|j| rows.get(j));
            near.into_iter().any(|other| rows[i].shares_a_column(other))
        })
        .collect();
    let mut paragraph = 0;
    for i in 1..rows.len() {
        let (before, row) = (&rows[i - 1], &rows[i]);
        let starts = match (before.area(), row.area()) {
            _ if is_table[i] || is_table[i - 1] => true,
            (Some(a), Some(b)) => {
                let ratio = height(b) / height(a);
                let gap = (b.y0 - a.y1) / height(a);
                let indent = (b.x0 - a.x0) * aspect / height(a);
                let sentence_ended = before.line.text.ends_with(['.', '!', '?', ':', '"', '”']);
                !(0.8..=1.25).contains(&ratio)
                    || gap > 0.7
                    || b.y0 < a.y0
                    || (sentence_ended && (0.8..8.0).contains(&indent))
            }
            _ => false,
        };
        paragraph += u32::from(starts);
        rows[i].line.paragraph = paragraph;
    }
    rows.iter_mut().zip(is_table).filter(|(_, is_table)| *is_table).for_each(|(row, _)| row.mark_cells());
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: f32 = 0.02;

    fn piece(text: &str, x: f32, y: f32) -> Line {
        let area = Rect { x0: x, y0: y, x1: x + 0.01 * text.len() as f32, y1: y + H };
        Line { text: text.into(), words: vec![(0..text.len(), area)], area: Some(area), ..Line::default() }
    }

    /// Texts with the number of their paragraph.
    fn read(pieces: &[(&str, f32, f32)]) -> Vec<(String, u32)> {
        let pieces = pieces.iter().map(|(text, x, y)| piece(text, *x, *y)).collect();
        lines(pieces, 1.0).into_iter().map(|line| (line.text, line.paragraph)).collect()
    }

    #[test]
    fn each_row_of_a_table_is_a_paragraph_with_its_wrapped_cells() {
        let found = read(&[
            ("Task", 0.1, 0.10),
            ("How often", 0.5, 0.10),
            ("Tools", 0.7, 0.10),
            ("Wash the screen with", 0.1, 0.13),
            ("mild soap", 0.1, 0.152),
            ("every month", 0.5, 0.13),
            ("soft brush", 0.7, 0.13),
            ("Compare them", 0.1, 0.18),
            ("once a year", 0.5, 0.18),
            ("crushed ice,", 0.7, 0.18),
            ("a flask", 0.7, 0.202),
            ("Repaint", 0.1, 0.23),
            ("every four years", 0.5, 0.23),
            ("paint", 0.7, 0.23),
        ]);
        let expected = [
            "Task | How often | Tools",
            "Wash the screen with mild soap | every month | soft brush",
            "Compare them | once a year | crushed ice, a flask",
            "Repaint | every four years | paint",
        ];
        let expected: Vec<_> =
            expected.iter().enumerate().map(|(i, text)| (text.to_string(), i as u32)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn words_keep_their_place_in_a_row() {
        let cells = [
            ("one", 0.1, 0.1),
            ("two", 0.6, 0.1),
            ("three", 0.8, 0.1),
            ("four", 0.1, 0.13),
            ("five", 0.6, 0.13),
        ];
        let rows = lines(cells.iter().map(|(text, x, y)| piece(text, *x, *y)).collect(), 1.0);
        assert_eq!(
            rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(),
            ["one | two | three", "four | five"]
        );
        for (i, (text, x, _)) in cells.iter().enumerate() {
            let (range, area) = rows[i / 3].words[i % 3].clone();
            assert_eq!((&rows[i / 3].text[range], area.x0), (*text, *x));
        }
    }

    #[test]
    fn columns_of_running_text_are_no_cells() {
        let mut pieces = Vec::new();
        for x in [0.05, 0.37, 0.69] {
            for i in 0..6 {
                pieces.push(("a line of running text one", x, 0.1 + 0.024 * i as f32));
            }
        }
        assert_eq!(read(&pieces).len(), 18);
    }

    #[test]
    fn a_line_with_one_wide_gap_stays_in_its_paragraph() {
        let found = read(&[
            ("Justified text of", 0.1, 0.1),
            ("great width", 0.34, 0.1),
            ("goes on here and there", 0.1, 0.124),
        ]);
        assert_eq!(
            found,
            [("Justified text of great width".into(), 0), ("goes on here and there".into(), 0)]
        );
    }
}
