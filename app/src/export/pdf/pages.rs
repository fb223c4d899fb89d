//! Pages that fill from top to bottom, and the file made of them.

use std::collections::HashMap;
use std::rc::Rc;

use egui::Color32;
use krilla::action::LinkAction;
use krilla::annotation::{LinkAnnotation, Target as LinkTarget};
use krilla::color::rgb;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;

use super::fonts::Fonts;
use super::lines::{LINE, Line, Run, Span, Style, Target, lines};

/// A4, in points.
const PAGE: (f32, f32) = (595.28, 841.89);

/// Free on the left, right, above and below, in points.
const MARGIN: f32 = 62.0;

/// Baseline of the number of a page, in points from above.
const FOOT: f32 = PAGE.1 - 34.0;

/// Width of the text, in points.
pub const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;

/// Something on a page, in points from its upper left corner.
enum Item {
    Words { x: f32, baseline: f32, run: Run },
    Ground { x: f32, y: f32, width: f32, height: f32, color: Color32 },
    Picture { x: f32, y: f32, width: f32, height: f32, image: Image },
}

/// What stands beside or behind the lines of a paragraph.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    /// Free on the left, in points.
    pub left: f32,
    /// Free on the right, in points.
    pub right: f32,
    /// Behind all of it.
    pub ground: Option<Color32>,
    /// A bar on the left.
    pub bar: Option<Color32>,
}

/// Pages that grow.
pub struct Pages {
    pub fonts: Fonts,
    pages: Vec<Vec<Item>>,
    /// Where the next thing goes on the last page.
    y: f32,
    /// Where each piece of evidence stands, by question and number.
    places: HashMap<(usize, usize), (usize, f32)>,
    /// Entries of the contents.
    contents: Vec<(String, usize, f32)>,
}

impl Pages {
    pub fn new(fonts: Fonts) -> Self {
        Self { fonts, pages: vec![Vec::new()], y: MARGIN, places: HashMap::new(), contents: Vec::new() }
    }

    fn draw(&mut self, item: Item) {
        if let Some(page) = self.pages.last_mut() {
            page.push(item);
        }
    }

    fn is_at_top(&self) -> bool {
        self.y <= MARGIN
    }

    /// Leaves so many points free, not at the top of a page.
    pub fn space(&mut self, points: f32) {
        if !self.is_at_top() {
            self.y += points;
        }
    }

    /// Goes to the next page when so many points do not fit on this one.
    pub fn keep(&mut self, points: f32) {
        if !self.is_at_top() && self.y + points > PAGE.1 - MARGIN {
            self.pages.push(Vec::new());
            self.y = MARGIN;
        }
    }

    /// The next thing is this piece of evidence.
    pub fn mark_evidence(&mut self, question: usize, index: usize) {
        self.places.insert((question, index), (self.pages.len() - 1, self.y));
    }

    /// The next thing has this name in the contents.
    pub fn mark_contents(&mut self, name: String) {
        self.contents.push((name, self.pages.len() - 1, self.y));
    }

    /// A paragraph.
    pub fn text(&mut self, spans: &[Span], around: Around) {
        let lines = lines(&mut self.fonts, spans, WIDTH - around.left - around.right);
        // One line alone at the end of a page looks lost.
        if let [first, second, ..] = lines.as_slice() {
            self.keep((first.size + second.size) * LINE);
        }
        for line in lines {
            self.line(line, around);
        }
    }

    /// What stands before the next paragraph, left of it.
    pub fn marker(&mut self, spans: &[Span], around: Around) {
        let Some(line) = lines(&mut self.fonts, spans, WIDTH).into_iter().next() else { return };
        self.keep(line.size * LINE * 2.0);
        let left = MARGIN + around.left - line.width - 6.0;
        self.words(line, left, self.y);
    }

    fn line(&mut self, line: Line, around: Around) {
        let height = line.size * LINE;
        self.keep(height);
        let (y, left) = (self.y, MARGIN + around.left);
        if let Some(color) = around.ground {
            let width = WIDTH - around.left - around.right + 16.0;
            self.draw(Item::Ground { x: left - 8.0, y, width, height: height + 0.4, color });
        }
        if let Some(color) = around.bar {
            self.draw(Item::Ground { x: left - 10.0, y, width: 2.0, height: height + 0.4, color });
        }
        self.words(line, left, y);
        self.y += height;
    }

    fn words(&mut self, line: Line, left: f32, y: f32) {
        let baseline = y + line.size * (LINE + 0.62) / 2.0;
        for run in line.runs {
            self.draw(Item::Words { x: left + run.x, baseline, run });
        }
    }

    /// A line across.
    pub fn rule(&mut self, color: Color32) {
        self.keep(2.0);
        self.draw(Item::Ground { x: MARGIN, y: self.y, width: WIDTH, height: 0.7, color });
        self.y += 0.7;
    }

    /// Pictures side by side, each no wider and higher than `longest` points.
    pub fn pictures(&mut self, images: Vec<Image>, longest: f32) {
        let scaled = |image: &Image| {
            let (w, h) = (image.size().0.max(1) as f32, image.size().1.max(1) as f32);
            let scale = (longest / w).min(longest / h);
            (w * scale, h * scale)
        };
        let mut left = images.into_iter().peekable();
        while left.peek().is_some() {
            let (mut row, mut x, mut height) = (Vec::new(), 0.0, 0.0_f32);
            while let Some(image) = left.next_if(|image| x == 0.0 || x + scaled(image).0 <= WIDTH) {
                let (w, h) = scaled(&image);
                row.push((x, w, h, image));
                x += w + 8.0;
                height = height.max(h);
            }
            self.keep(height);
            for (x, width, height, image) in row {
                self.draw(Item::Picture { x: MARGIN + x, y: self.y, width, height, image });
            }
            self.y += height + 8.0;
        }
    }

    /// A table, the first row of which is its head.
    pub fn table(&mut self, rows: &[Vec<Vec<Span>>], left: f32, line_color: Color32) {
        const GAP: f32 = 12.0;
        let n = rows.iter().map(Vec::len).max().unwrap_or(0);
        if n == 0 {
            return;
        }
        let room = ((WIDTH - left) / n as f32 - GAP).max(8.0) * n as f32;
        let mut natural = vec![8.0_f32; n];
        for row in rows {
            for (width, cell) in natural.iter_mut().zip(row) {
                let widest = lines(&mut self.fonts, cell, f32::INFINITY);
                *width = widest.iter().map(|line| line.width + 1.0).fold(*width, f32::max);
            }
        }
        let widths = shared(&natural, room);
        for (i, row) in rows.iter().enumerate() {
            let mut cells: Vec<std::vec::IntoIter<Line>> = Vec::new();
            for (cell, width) in row.iter().zip(&widths) {
                cells.push(lines(&mut self.fonts, cell, *width).into_iter());
            }
            self.space(3.0);
            loop {
                let next: Vec<Option<Line>> = cells.iter_mut().map(Iterator::next).collect();
                let height = next.iter().flatten().map(|line| line.size * LINE).fold(0.0, f32::max);
                if next.iter().all(Option::is_none) {
                    break;
                }
                self.keep(height);
                let mut x = MARGIN + left;
                for (line, width) in next.into_iter().zip(&widths) {
                    if let Some(line) = line {
                        self.words(line, x, self.y);
                    }
                    x += width + GAP;
                }
                self.y += height;
            }
            self.y += 3.0;
            let width = widths.iter().sum::<f32>() + GAP * (n - 1) as f32;
            let height = if i == 0 { 1.0 } else { 0.5 };
            self.draw(Item::Ground { x: MARGIN + left, y: self.y, width, height, color: line_color });
            self.y += height;
        }
    }

    /// The file, with a number on each page.
    ///
    /// # Errors
    /// When a font or picture cannot be written.
    pub fn file(mut self, title: &str, foot: &Style) -> anyhow::Result<Vec<u8>> {
        let n = self.pages.len();
        for i in 0..n {
            let number = [Span::new(format!("{} / {n}", i + 1), foot)];
            let line = lines(&mut self.fonts, &number, WIDTH).pop().unwrap_or_default();
            let x = PAGE.0 - MARGIN - line.width;
            let room = WIDTH - line.width - 20.0;
            let name = lines(&mut self.fonts, &[Span::new(title, foot)], room).into_iter().next();
            let runs = name.into_iter().flat_map(|line| line.runs).map(|run| (MARGIN + run.x, run));
            let runs: Vec<_> = runs.chain(line.runs.into_iter().map(|run| (x + run.x, run))).collect();
            let words = runs.into_iter().map(|(x, run)| Item::Words { x, baseline: FOOT, run });
            self.pages[i].extend(words);
        }
        let mut document = krilla::Document::new();
        document.set_metadata(Metadata::new().title(title.to_owned()).creator("Medley".to_owned()));
        for items in &self.pages {
            let settings = PageSettings::from_wh(PAGE.0, PAGE.1);
            let mut page = document.start_page_with(settings.ok_or_else(|| anyhow::anyhow!("no such page"))?);
            let mut surface = page.surface();
            for item in items {
                paint(&mut surface, &self.fonts, item);
            }
            surface.finish();
            for (rect, target) in items.iter().filter_map(|item| self.link(item)) {
                page.add_annotation(LinkAnnotation::new(rect, target).into());
            }
            page.finish();
        }
        let mut outline = Outline::new();
        for (name, page, y) in self.contents {
            outline.push_child(OutlineNode::new(name, XyzDestination::new(page, Point::from_xy(0.0, y))));
        }
        document.set_outline(outline);
        document.finish().map_err(|error| anyhow::anyhow!("the PDF cannot be written: {error:?}"))
    }

    fn link(&self, item: &Item) -> Option<(Rect, LinkTarget)> {
        let Item::Words { x, baseline, run } = item else { return None };
        let target = match run.style.target.as_ref()? {
            Target::Web(address) => LinkTarget::Action(LinkAction::new(address.clone()).into()),
            Target::Evidence(question, index) => {
                let (page, y) = self.places.get(&(*question, *index))?;
                let at = Point::from_xy(0.0, (y - 20.0).max(0.0));
                LinkTarget::Destination(XyzDestination::new(*page, at).into())
            }
        };
        let size = run.style.size;
        Rect::from_ltrb(*x, baseline - size, x + run.width, baseline + size * 0.3).map(|rect| (rect, target))
    }
}

/// Widths of columns: as wide as each wants to be where all fit, else what is left is shared by those that want more
/// than their part.
fn shared(natural: &[f32], room: f32) -> Vec<f32> {
    let mut widths = natural.to_vec();
    let mut is_open = vec![true; natural.len()];
    loop {
        let taken: f32 = widths.iter().zip(&is_open).filter(|(_, open)| !**open).map(|(w, _)| *w).sum();
        let n_open = is_open.iter().filter(|open| **open).count();
        if n_open == 0 {
            return widths;
        }
        let part = ((room - taken) / n_open as f32).max(8.0);
        let mut changed = false;
        for ((width, open), natural) in widths.iter_mut().zip(&mut is_open).zip(natural) {
            if *open && *natural <= part {
                (*width, *open, changed) = (*natural, false, true);
            } else if *open {
                *width = part;
            }
        }
        if !changed {
            return widths;
        }
    }
}

fn color(color: Color32) -> rgb::Color {
    rgb::Color::new(color.r(), color.g(), color.b())
}

fn filled(ground: Color32) -> Option<Fill> {
    Some(Fill { paint: color(ground).into(), opacity: NormalizedF32::ONE, rule: Default::default() })
}

fn fill_rect(surface: &mut Surface<'_>, x: f32, y: f32, width: f32, height: f32, color: Color32) {
    let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    if let Some(path) = path.finish() {
        surface.set_fill(filled(color));
        surface.set_stroke(None);
        surface.draw_path(&path);
    }
}

fn paint(surface: &mut Surface<'_>, fonts: &Fonts, item: &Item) {
    match item {
        Item::Ground { x, y, width, height, color } => fill_rect(surface, *x, *y, *width, *height, *color),
        Item::Picture { x, y, width, height, image } => {
            let Some(size) = Size::from_wh(*width, *height) else { return };
            surface.push_transform(&Transform::from_translate(*x, *y));
            surface.draw_image(image.clone(), size);
            surface.pop();
        }
        Item::Words { x, baseline, run } => words(surface, fonts, *x, *baseline, run),
    }
}

fn words(surface: &mut Surface<'_>, fonts: &Fonts, x: f32, baseline: f32, run: &Run) {
    let style: &Rc<Style> = &run.style;
    if let Some(ground) = style.ground {
        let (top, height) = (baseline - style.size, style.size * 1.3);
        fill_rect(surface, x - 1.5, top, run.width + 3.0, height, ground);
    }
    let (scale, lower) = fonts.tweak(run.face);
    let size = style.set_size() * scale;
    let raise = if style.is_raised { style.size * 0.34 } else { 0.0 };
    let y = baseline - raise + lower * style.set_size();
    // The bundled fonts have one weight and no italics: the outline makes words bolder, and leaning slants them.
    let bolder = Stroke { paint: color(style.color).into(), width: size * 0.034, ..Stroke::default() };
    surface.set_fill(filled(style.color));
    surface.set_stroke(style.is_bold.then_some(bolder));
    let (glyphs, font) = (fonts.shape(run.face, &run.text), fonts.font(run.face));
    if style.is_slanted {
        surface.push_transform(&Transform::from_row(1.0, 0.0, -0.2, 1.0, x, y));
        surface.draw_glyphs(Point::from_xy(0.0, 0.0), &glyphs, font, &run.text, size, false);
        surface.pop();
    } else {
        surface.draw_glyphs(Point::from_xy(x, y), &glyphs, font, &run.text, size, false);
    }
    if style.is_struck {
        let y = baseline - style.size * 0.28;
        fill_rect(surface, x, y, run.width, style.size * 0.06, style.color);
    }
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn narrow_columns_leave_their_room_to_wide_ones() {
        assert_eq!(shared(&[20.0, 30.0], 100.0), [20.0, 30.0]);
        assert_eq!(shared(&[20.0, 300.0], 100.0), [20.0, 80.0]);
        assert_eq!(shared(&[200.0, 300.0], 100.0), [50.0, 50.0]);
        assert_eq!(shared(&[10.0, 300.0, 20.0, 300.0], 100.0), [10.0, 35.0, 20.0, 35.0]);
    }
}
