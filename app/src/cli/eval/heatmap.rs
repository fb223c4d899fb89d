//! Recall over length and depth, drawn: the same cells as SVG and as PNG.

use std::path::Path;

use image::{Rgb, RgbImage};

use super::super::failure::{Failure, Outcome};

/// Sides of a cell, and the room for labels, in pixels.
const CELL: (u32, u32) = (64, 32);
const LEFT: u32 = 64;
const TOP: u32 = 16;
const BOTTOM: u32 = 32;

/// A table of recall: one row for each depth, one column for each length.
pub struct HeatMap {
    /// Below the columns.
    pub lengths: Vec<String>,
    /// Left of the rows, in percent.
    pub depths: Vec<u32>,
    /// Recall, 0 to 1, by depth and length.
    pub recall: Vec<Vec<f32>>,
}

impl HeatMap {
    fn size(&self) -> (u32, u32) {
        let (columns, rows) = (self.lengths.len() as u32, self.depths.len() as u32);
        (LEFT + columns * CELL.0 + 16, TOP + rows * CELL.1 + BOTTOM)
    }

    /// Every cell: corner and colour.
    fn cells(&self) -> impl Iterator<Item = (u32, u32, [u8; 3])> {
        self.recall.iter().zip(0..).flat_map(|(row, y)| {
            row.iter().zip(0..).map(move |(recall, x)| (LEFT + x * CELL.0, TOP + y * CELL.1, colour(*recall)))
        })
    }

    /// Writes NAME.svg and NAME.png.
    pub fn write(&self, name: &Path) -> Outcome {
        let svg = name.with_extension("svg");
        std::fs::write(&svg, self.svg()).map_err(|e| Failure::writing(&svg, &e))?;
        let png = name.with_extension("png");
        let drawn = self.png().save(&png);
        drawn.map_err(|e| Failure::Failed(format!("{}: writing failed: {e}", png.display())))
    }

    fn svg(&self) -> String {
        let (width, height) = self.size();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        let mut add = |text: String| svg.push_str(&format!("{text}\n"));
        for (x, y, [r, g, b]) in self.cells() {
            let (w, h) = (CELL.0 - 1, CELL.1 - 1);
            add(format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>"
            ));
        }
        for (depth, i) in self.depths.iter().zip(0..) {
            let y = TOP + i * CELL.1 + CELL.1 / 2 + 4;
            add(format!("<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{depth} %</text>", LEFT - 6));
        }
        for (length, i) in self.lengths.iter().zip(0..) {
            let (x, y) = (LEFT + i * CELL.0 + CELL.0 / 2, TOP + self.depths.len() as u32 * CELL.1 + 16);
            add(format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{length}</text>"));
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn png(&self) -> RgbImage {
        let (width, height) = self.size();
        let mut picture = RgbImage::from_pixel(width, height, Rgb([255; 3]));
        for (x, y, colour) in self.cells() {
            for (dx, dy) in (0..CELL.0 - 1).flat_map(|dx| (0..CELL.1 - 1).map(move |dy| (dx, dy))) {
                picture.put_pixel(x + dx, y + dy, Rgb(colour));
            }
        }
        for (depth, i) in self.depths.iter().zip(0..) {
            let text = format!("{depth}%");
            let x = LEFT - 6 - width_of(&text);
            write_text(&mut picture, &text, x, TOP + i * CELL.1 + CELL.1 / 2 - 5);
        }
        for (length, i) in self.lengths.iter().zip(0..) {
            let x = LEFT + i * CELL.0 + CELL.0.saturating_sub(width_of(length)) / 2;
            write_text(&mut picture, length, x, TOP + self.depths.len() as u32 * CELL.1 + 8);
        }
        picture
    }
}

/// From red over yellow to green.
fn colour(recall: f32) -> [u8; 3] {
    let recall = recall.clamp(0.0, 1.0);
    let mix = |a: [f32; 3], b: [f32; 3], t: f32| {
        let at = |i: usize| (a[i] + (b[i] - a[i]) * t).round() as u8;
        [at(0), at(1), at(2)]
    };
    let (red, yellow, green) = ([215.0, 48.0, 39.0], [254.0, 224.0, 90.0], [44.0, 146.0, 84.0]);
    if recall < 0.5 { mix(red, yellow, recall * 2.0) } else { mix(yellow, green, recall * 2.0 - 1.0) }
}

/// Signs of 3 × 5 dots, a row in three bits.
const SIGNS: [(char, [u8; 5]); 14] = [
    ('0', [7, 5, 5, 5, 7]),
    ('1', [2, 6, 2, 2, 7]),
    ('2', [7, 1, 7, 4, 7]),
    ('3', [7, 1, 7, 1, 7]),
    ('4', [5, 5, 7, 1, 1]),
    ('5', [7, 4, 7, 1, 7]),
    ('6', [7, 4, 7, 5, 7]),
    ('7', [7, 1, 1, 2, 2]),
    ('8', [7, 5, 7, 5, 7]),
    ('9', [7, 5, 7, 1, 7]),
    ('%', [5, 1, 2, 4, 5]),
    ('k', [4, 5, 6, 5, 5]),
    ('M', [5, 7, 7, 5, 5]),
    ('.', [0, 0, 0, 0, 2]),
];

/// Pixels of a dot.
const DOT: u32 = 2;

fn width_of(text: &str) -> u32 {
    text.chars().count() as u32 * 4 * DOT
}

fn write_text(picture: &mut RgbImage, text: &str, x: u32, y: u32) {
    for (sign, i) in text.chars().zip(0..) {
        let rows = SIGNS.iter().find(|(known, _)| *known == sign).map_or([0; 5], |(_, rows)| *rows);
        for (row, dy) in rows.iter().zip(0..) {
            for dx in (0..3u32).filter(|dx| row >> (2 - dx) & 1 == 1) {
                for (px, py) in (0..DOT).flat_map(|px| (0..DOT).map(move |py| (px, py))) {
                    let (x, y) = (x + (i * 4 + dx) * DOT + px, y + dy * DOT + py);
                    if x < picture.width() && y < picture.height() {
                        picture.put_pixel(x, y, Rgb([40; 3]));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_have_every_cell_in_its_colour() {
        let map = HeatMap {
            lengths: vec!["1k".into(), "10M".into()],
            depths: vec![0, 50, 100],
            recall: vec![vec![1.0, 0.0], vec![0.5, 1.0], vec![1.0, 1.0]],
        };
        let (svg, png) = (map.svg(), map.png());
        assert_eq!(svg.matches("<rect").count(), 7);
        assert!(svg.contains("#d73027") && svg.contains(">10M<") && svg.contains(">50 %<"));
        let middle = |x: u32, y: u32| png.get_pixel(LEFT + x * CELL.0 + 20, TOP + y * CELL.1 + 10).0;
        assert_eq!((middle(0, 0), middle(1, 0)), (colour(1.0), colour(0.0)));
        assert!(png.pixels().any(|pixel| pixel.0 == [40; 3]), "labels are written");
    }
}
