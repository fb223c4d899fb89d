//! Reading order: columns from left to right, lines from top to bottom, pieces of a line from left
//! to right.

use super::TextLine;

/// Pieces share a line when they overlap in height by this share of the lower one.
const SAME_LINE: f32 = 0.5;

/// Sorts pieces into reading order.
pub(super) fn reading_order(lines: Vec<TextLine>) -> Vec<TextLine> {
    let mut ordered = Vec::with_capacity(lines.len());
    for column in columns(lines) {
        for mut row in rows(column) {
            row.sort_by(|a, b| a.area.x0.total_cmp(&b.area.x0));
            ordered.extend(row);
        }
    }
    ordered
}

/// Splits at a vertical gap that no piece crosses, when both sides hold several rows.
fn columns(lines: Vec<TextLine>) -> Vec<Vec<TextLine>> {
    const FEWEST_ROWS: usize = 3;
    let mut edges: Vec<(f32, f32)> = lines.iter().map(|line| (line.area.x0, line.area.x1)).collect();
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reach = f32::NEG_INFINITY;
    for (x0, x1) in edges {
        if x0 > reach && reach > 0.0 {
            let gap = (reach + x0) / 2.0;
            let count = lines.iter().filter(|line| line.area.x1 < gap).count();
            if count >= FEWEST_ROWS && lines.len() - count >= FEWEST_ROWS {
                let (left, right): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.area.x1 < gap);
                let mut all = vec![left];
                all.extend(columns(right));
                return all;
            }
        }
        reach = reach.max(x1);
    }
    vec![lines]
}

fn rows(mut lines: Vec<TextLine>) -> Vec<Vec<TextLine>> {
    lines.sort_by(|a, b| a.area.y0.total_cmp(&b.area.y0));
    let mut rows: Vec<Vec<TextLine>> = Vec::new();
    for line in lines {
        let same = rows.last().and_then(|row| row.first()).is_some_and(|first| {
            let overlap = first.area.y1.min(line.area.y1) - first.area.y0.max(line.area.y0);
            let lower = (first.area.y1 - first.area.y0).min(line.area.y1 - line.area.y0);
            overlap > SAME_LINE * lower
        });
        match rows.last_mut() {
            Some(row) if same => row.push(line),
            _ => rows.push(vec![line]),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Rect;

    fn piece(text: &str, x0: f32, y0: f32, x1: f32) -> TextLine {
        let area = Rect { x0, y0, x1, y1: y0 + 0.04 };
        TextLine { text: text.into(), area, confidence: 1.0, words: Vec::new() }
    }

    fn texts(lines: Vec<TextLine>) -> String {
        reading_order(lines).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn pieces_of_a_line_go_from_left_to_right() {
        assert_eq!(
            texts(vec![piece("c", 0.1, 0.5, 0.9), piece("b", 0.6, 0.11, 0.9), piece("a", 0.1, 0.12, 0.5)]),
            "abc"
        );
    }

    #[test]
    fn columns_are_read_one_after_the_other() {
        let column = |x: f32, names: [&str; 3]| {
            names
                .into_iter()
                .enumerate()
                .map(move |(i, name)| piece(name, x, 0.1 + 0.1 * i as f32, x + 0.35))
                .collect()
        };
        let mut lines: Vec<TextLine> = column(0.55, ["d", "e", "f"]);
        lines.extend::<Vec<TextLine>>(column(0.1, ["a", "b", "c"]));
        assert_eq!(texts(lines), "abcdef");
    }
}
