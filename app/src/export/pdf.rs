//! A conversation as PDF: text that can be searched and copied, in the window's own font; writing that it does not have
//! is set in a font of this computer.

use std::sync::Arc;

use anyhow::Context as _;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect, Transform};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};
use rustybuzz::{Face, UnicodeBuffer};

use super::blocks::{Block, Piece, blocks_of};
use crate::say;
use crate::state::Conversation;

/// A4 in points.
const PAGE: (f32, f32) = (595.0, 842.0);

/// White around the text, in points.
const MARGIN: f32 = 60.0;

/// From one line to the next, as a multiple of the size of its letters.
const LEADING: f32 = 1.42;

/// The branch that is shown.
pub(super) fn file(conversation: &Conversation) -> anyhow::Result<Vec<u8>> {
    let blocks = blocks_of(conversation);
    let text: String = blocks.iter().flat_map(|block| &block.pieces).map(|piece| piece.text.as_str()).collect();
    let files = font_files(&text);
    let fonts = Fonts::new(&files)?;
    let mut pages = Pages { lines: vec![Vec::new()], y: MARGIN, fonts: &fonts, missing: 0 };
    for block in &blocks {
        pages.add(block);
    }
    if pages.missing > 0 {
        let text = say!("conversations-pdf-missing", count = pages.missing);
        pages.add(&Block::note(text));
    }
    let mut document = krilla::Document::new();
    let metadata = Metadata::new().title(conversation.title.clone()).creator("Medley".into());
    document.set_metadata(metadata);
    let settings = PageSettings::from_wh(PAGE.0, PAGE.1).context("the size of a page")?;
    for (number, lines) in (1..).zip(&pages.lines) {
        let mut page = document.start_page_with(settings.clone());
        let mut surface = page.surface();
        for line in lines {
            line.draw(&mut surface, &fonts);
        }
        let text = format!("{number}");
        let x = (PAGE.0 - fonts.width(0, &text, 8.5)) / 2.0;
        let part = Part { x, font: 0, text, size: 8.5, piece: Piece::default() };
        part.draw(&mut surface, &fonts, PAGE.1 - MARGIN / 2.0);
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| anyhow::anyhow!("the PDF could not be made: {error:?}"))
}

/// A font's bytes, and which of its faces.
type FontFile = (Arc<dyn AsRef<[u8]> + Send + Sync>, u32);

/// The window's fonts, and one of this computer for each writing that they do not have.
fn font_files(text: &str) -> Vec<FontFile> {
    let ours = egui::FontDefinitions::default();
    let named = |name: &str| {
        let data = ours.font_data.get(name)?;
        Some((Arc::new(data.font.to_vec()) as Arc<dyn AsRef<[u8]> + Send + Sync>, data.index))
    };
    // The order that `Piece::code` knows: text, then code.
    let mut files: Vec<FontFile> =
        ["Ubuntu-Light", "Hack", "NotoEmoji-Regular", "emoji-icon-font"].into_iter().filter_map(named).collect();
    let mut missing: Vec<char> = text.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    missing.sort_unstable();
    missing.dedup();
    missing.retain(|c| !files.iter().any(|file| has(file, *c)));
    if missing.is_empty() {
        return files;
    }
    let mut collection = fontique::Collection::new(fontique::CollectionOptions::default());
    let mut sources = fontique::SourceCache::default();
    let mut names: Vec<String> = collection.family_names().map(str::to_owned).collect();
    // Text without serifs, as the rest.
    names.sort_by_key(|name| (!name.contains("Sans"), name.contains("Mono"), name.clone()));
    for name in names {
        let Some(family) = collection.family_by_name(&name) else { continue };
        let Some(font) = family.default_font() else { continue };
        let Some(blob) = font.load(Some(&mut sources)) else { continue };
        let file: FontFile = (Arc::new(blob), font.index());
        let before = missing.len();
        missing.retain(|c| !has(&file, *c));
        if missing.len() < before {
            files.push(file);
        }
        if missing.is_empty() {
            break;
        }
    }
    files
}

fn has((data, index): &FontFile, c: char) -> bool {
    Face::from_slice(data.as_ref().as_ref(), *index).is_some_and(|face| face.glyph_index(c).is_some())
}

struct Fonts<'a> {
    faces: Vec<(Font, Face<'a>)>,
}

impl<'a> Fonts<'a> {
    fn new(files: &'a [FontFile]) -> anyhow::Result<Self> {
        let faces = files.iter().filter_map(|(data, index)| {
            let face = Face::from_slice(data.as_ref().as_ref(), *index)?;
            Some((Font::new(data.clone().into(), *index)?, face))
        });
        let faces: Vec<_> = faces.collect();
        anyhow::ensure!(faces.len() > 1, "the window's fonts could not be read");
        Ok(Self { faces })
    }

    /// The font for a character, and whether it has it.
    fn of(&self, c: char, code: bool) -> (usize, bool) {
        let first = usize::from(code);
        let plain = c.is_whitespace() || c.is_control();
        let order = std::iter::once(first).chain(0..self.faces.len());
        let found = order.into_iter().find(|i| plain || self.faces[*i].1.glyph_index(c).is_some());
        (found.unwrap_or(first), found.is_some())
    }

    fn width(&self, font: usize, text: &str, size: f32) -> f32 {
        let face = &self.faces[font].1;
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(face, &[], buffer);
        let units: i32 = shaped.glyph_positions().iter().map(|glyph| glyph.x_advance).sum();
        size * units as f32 / face.units_per_em() as f32
    }
}

/// Some text in one font.
struct Part {
    x: f32,
    font: usize,
    text: String,
    size: f32,
    piece: Piece,
}

impl Part {
    fn draw(&self, surface: &mut Surface<'_>, fonts: &Fonts<'_>, y: f32) {
        let fill = Fill { paint: colour(self.piece.weak, self.piece.accent).into(), ..Fill::default() };
        // The font has one weight: strong text has a thin line around it.
        let stroke = Stroke { paint: colour(false, self.piece.accent).into(), width: 0.035 * self.size, ..Stroke::default() };
        surface.set_fill(Some(fill));
        surface.set_stroke(self.piece.strong.then_some(stroke));
        if self.piece.slanted {
            surface.push_transform(&Transform::from_row(1.0, 0.0, -0.2, 1.0, 0.2 * y, 0.0));
        }
        let font = fonts.faces[self.font].0.clone();
        surface.draw_text(Point::from_xy(self.x, y), font, self.size, &self.text, false, TextDirection::Auto);
        if self.piece.slanted {
            surface.pop();
        }
        surface.set_stroke(None);
    }
}

fn colour(weak: bool, accent: bool) -> rgb::Color {
    match (weak, accent) {
        (true, _) => rgb::Color::new(0x55, 0x5e, 0x6c),
        (false, true) => rgb::Color::new(0x2f, 0x57, 0xc8),
        (false, false) => rgb::Color::new(0x1c, 0x20, 0x28),
    }
}

/// A line with its base line.
struct Line {
    y: f32,
    height: f32,
    parts: Vec<Part>,
    /// From where on a light ground lies behind it.
    ground: Option<f32>,
}

impl Line {
    fn draw(&self, surface: &mut Surface<'_>, fonts: &Fonts<'_>) {
        let top = self.y - 0.75 * self.height;
        let ground = self.ground.and_then(|x| Rect::from_xywh(x, top, PAGE.0 - MARGIN - x, self.height));
        if let Some(rect) = ground {
            let mut path = PathBuilder::new();
            path.push_rect(rect);
            if let Some(path) = path.finish() {
                let paint = rgb::Color::new(0xf1, 0xf3, 0xf8).into();
                surface.set_fill(Some(Fill { paint, ..Fill::default() }));
                surface.set_stroke(None);
                surface.draw_path(&path);
            }
        }
        for part in &self.parts {
            part.draw(surface, fonts, self.y);
        }
    }
}

struct Pages<'a> {
    lines: Vec<Vec<Line>>,
    y: f32,
    fonts: &'a Fonts<'a>,
    /// Characters that no font has.
    missing: usize,
}

impl Pages<'_> {
    fn add(&mut self, block: &Block) {
        self.y += block.space_before;
        let left = MARGIN + block.indent;
        let (right, size) = (PAGE.0 - MARGIN, block.size);
        let mut line: Vec<Part> = Vec::new();
        let mut x = left;
        if let Some(mark) = &block.mark {
            let width = self.fonts.width(0, mark, size);
            let piece = Piece::default();
            line.push(Part { x: (left - width - 5.0).max(MARGIN), font: 0, text: mark.clone(), size, piece });
        }
        for piece in &block.pieces {
            for word in words(&piece.text) {
                if word == "\n" {
                    self.end(&mut line, block);
                    x = left;
                    continue;
                }
                let runs = self.runs(word, piece, size);
                let whole: f32 = runs.iter().map(|(_, _, width)| width).sum();
                if x + whole > right && x > left {
                    self.end(&mut line, block);
                    x = left;
                    if word.trim().is_empty() {
                        continue;
                    }
                }
                for (font, text, width) in runs {
                    if x + width <= right {
                        line.push(Part { x, font, text, size, piece: piece.clone() });
                        x += width;
                        continue;
                    }
                    // Longer than a line: cut where it must be.
                    for c in text.chars() {
                        let text = c.to_string();
                        let width = self.fonts.width(font, &text, size);
                        if x + width > right && x > left {
                            self.end(&mut line, block);
                            x = left;
                        }
                        line.push(Part { x, font, text, size, piece: piece.clone() });
                        x += width;
                    }
                }
            }
        }
        self.end(&mut line, block);
    }

    /// A word in the fonts that its characters need.
    fn runs(&mut self, word: &str, piece: &Piece, size: f32) -> Vec<(usize, String, f32)> {
        let mut runs: Vec<(usize, String, f32)> = Vec::new();
        for c in word.chars() {
            let (font, has) = self.fonts.of(c, piece.code);
            self.missing += usize::from(!has);
            match runs.last_mut() {
                Some((last, text, _)) if *last == font => text.push(c),
                _ => runs.push((font, c.to_string(), 0.0)),
            }
        }
        for (font, text, width) in &mut runs {
            *width = self.fonts.width(*font, text, size);
        }
        runs
    }

    fn end(&mut self, parts: &mut Vec<Part>, block: &Block) {
        let height = LEADING * block.size;
        if self.y + height > PAGE.1 - MARGIN {
            self.lines.push(Vec::new());
            self.y = MARGIN;
        }
        let y = self.y + 0.75 * height;
        self.y += height;
        let parts = std::mem::take(parts);
        let ground = block.ground.then_some(MARGIN + (block.indent - 8.0).max(0.0));
        if let Some(page) = self.lines.last_mut() {
            page.push(Line { y, height, parts, ground });
        }
    }
}

/// Words, the white space between them, and the ends of lines. Between letters of writing without spaces a line may end.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let kind = |c: char| match c {
            '\n' => 0,
            c if c.is_whitespace() => 1,
            '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' => 2,
            _ => 3,
        };
        let end = match kind(first) {
            0 | 2 => first.len_utf8(),
            same => rest.find(|c| kind(c) != same).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_where_a_line_may_end() {
        assert_eq!(words("a bc\n予算 d").collect::<Vec<_>>(), ["a", " ", "bc", "\n", "予", "算", " ", "d"]);
    }
}
