//! The window's own fonts, shaped for paper: the bundled ones first, then whatever the system has for a character.

use std::collections::HashMap;

use egui::epaint::text::{FallbackRequest, FontData, FontProvider as _};
use egui::{FontDefinitions, FontFamily};
use egui_system_font_provider::SystemFontProvider;
use harfrust::{FontRef, ShapeOptions, ShaperData, UnicodeBuffer};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::MetadataProvider as _;

/// A face of a font file.
struct Face {
    data: FontData,
    font: Font,
    shaper: ShaperData,
    units_per_em: f32,
}

impl Face {
    /// `None` when the file is no font.
    fn new(data: FontData) -> Option<Self> {
        let font = Font::new(data.font.clone().into(), data.index)?;
        let file = FontRef::from_index(data.bytes(), data.index).ok()?;
        let shaper = ShaperData::new(&file);
        let units_per_em = f32::from(
            file.metrics(skrifa::instance::Size::unscaled(), skrifa::instance::LocationRef::default())
                .units_per_em,
        );
        (units_per_em > 0.0).then_some(Self { data, font, shaper, units_per_em })
    }

    fn has(&self, cluster: &str) -> bool {
        let Ok(font) = FontRef::from_index(self.data.bytes(), self.data.index) else { return false };
        let charmap = font.charmap();
        cluster.chars().all(|c| is_invisible(c) || charmap.map(c).is_some_and(|glyph| glyph.to_u32() != 0))
    }
}

/// What changes other characters and has no picture of its own.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Fonts by their number, in the order in which they were needed.
pub struct Fonts {
    faces: Vec<Face>,
    /// Numbers of the bundled faces: those for text, those of one width.
    bundled: [Vec<usize>; 2],
    /// Which face has a cluster, by whether it is to have one width.
    known: HashMap<(bool, String), usize>,
    /// Numbers of the system's faces by name.
    found: HashMap<String, usize>,
    /// Made when a character is not in the bundled fonts: the system's fonts are listed for it.
    system: Option<SystemFontProvider>,
}

impl Fonts {
    /// # Errors
    /// When no bundled font can be read.
    pub fn new() -> anyhow::Result<Self> {
        let definitions = FontDefinitions::default();
        let (mut faces, mut numbers) = (Vec::new(), HashMap::new());
        let mut of = |family: FontFamily| {
            let names = definitions.families.get(&family).map(Vec::as_slice).unwrap_or_default();
            let mut of_family = Vec::new();
            for name in names {
                if !numbers.contains_key(name) {
                    let data = definitions.font_data.get(name).map(|data| (**data).clone());
                    let Some(face) = data.and_then(Face::new) else { continue };
                    numbers.insert(name.clone(), faces.len());
                    faces.push(face);
                }
                of_family.extend(numbers.get(name).copied());
            }
            of_family
        };
        let bundled = [of(FontFamily::Proportional), of(FontFamily::Monospace)];
        anyhow::ensure!(bundled.iter().all(|family| !family.is_empty()), "the bundled fonts cannot be read");
        Ok(Self { faces, bundled, known: HashMap::new(), found: HashMap::new(), system: None })
    }

    /// The face that has all characters of a cluster, else the one that comes nearest.
    pub fn face_of(&mut self, cluster: &str, is_mono: bool) -> usize {
        let first = self.bundled[usize::from(is_mono)][0];
        // Nearly all there is; no look-up, no copy.
        if cluster.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return first;
        }
        if let Some(face) = self.known.get(&(is_mono, cluster.to_owned())) {
            return *face;
        }
        let bundled = self.bundled[usize::from(is_mono)].iter().copied();
        let has = bundled.chain(self.found.values().copied().collect::<std::collections::BTreeSet<_>>());
        let face = has.into_iter().find(|face| self.faces[*face].has(cluster));
        let face = face.or_else(|| self.ask_system(cluster, is_mono)).unwrap_or(first);
        self.known.insert((is_mono, cluster.to_owned()), face);
        face
    }

    fn ask_system(&mut self, cluster: &str, is_mono: bool) -> Option<usize> {
        let family = if is_mono { FontFamily::Monospace } else { FontFamily::Proportional };
        let system = self.system.get_or_insert_with(SystemFontProvider::new);
        let insert = system.font_for(&FallbackRequest { cluster, family: &family })?;
        if let Some(face) = self.found.get(&insert.name) {
            return Some(*face);
        }
        self.faces.push(Face::new(insert.data)?);
        self.found.insert(insert.name, self.faces.len() - 1);
        Some(self.faces.len() - 1)
    }

    /// The glyphs of a text in one face, in shares of its size.
    pub fn shape(&self, face: usize, text: &str) -> Vec<KrillaGlyph> {
        let face = &self.faces[face];
        let Ok(font) = FontRef::from_index(face.data.bytes(), face.data.index) else { return Vec::new() };
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = face.shaper.shaper(&font).build().shape(buffer, ShapeOptions::new());
        // A cluster is where its text begins; it ends where the next one begins.
        let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
        starts.push(text.len());
        starts.sort_unstable();
        starts.dedup();
        let em = |units: i32| units as f32 / face.units_per_em;
        let glyphs = shaped.glyph_infos().iter().zip(shaped.glyph_positions());
        glyphs
            .map(|(info, at)| {
                let start = info.cluster as usize;
                let end = starts.get(starts.partition_point(|other| *other <= start)).copied();
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    em(at.x_advance),
                    em(at.x_offset),
                    em(at.y_offset),
                    em(at.y_advance),
                    start..end.unwrap_or(text.len()),
                    None,
                )
            })
            .collect()
    }

    /// The same face for the file that is written.
    pub fn font(&self, face: usize) -> Font {
        self.faces[face].font.clone()
    }

    /// How much larger than asked this face is set, and how much lower, in shares of the size.
    pub fn tweak(&self, face: usize) -> (f32, f32) {
        let tweak = &self.faces[face].data.tweak;
        (tweak.scale, tweak.y_offset_factor)
    }

    /// Width of a text in one face, in shares of the size that was asked for.
    pub fn width(&self, face: usize, text: &str) -> f32 {
        self.shape(face, text).iter().map(|glyph| glyph.x_advance).sum::<f32>() * self.tweak(face).0
    }
}
