//! PDF through PDFium, a C library that is bound at run time.
//!
//! There is one binding in the process, behind the lock of `pdfium-render`'s `thread_safe` feature:
//! PDFium itself must not run on two threads at once. A PDF is read from its open file as pages are
//! asked for, never as a whole.

use std::cell::{Cell, Ref, RefCell};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use image::RgbImage;
use pdfium_render::prelude::*;

use super::layout::{self, Glyph};
use super::{Line, Link, LinkTarget, OutlineEntry, Page, legible, outline};
use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};
use crate::media::guard;
use crate::sequence::Rect;

/// Longest side of a page picture that is drawn; 36 million pixels for a square page.
const LONGEST_PICTURE_PX: u32 = 6_000;

/// Most characters of one page that are read; the rest is left out.
const MOST_GLYPHS: usize = 500_000;

/// Fewer letters than this on a page that is mostly a picture are a stamp on a scan, not its text.
const STAMP_LETTERS: usize = 40;

/// Pages that are read or drawn before the file is opened anew: PDFium keeps what it met of every page.
const FRESH_AFTER: u32 = 128;

/// Most links of one page.
const MOST_LINKS: usize = 2_000;

/// Longest address of a link in bytes.
const LONGEST_ADDRESS: usize = 4_096;

/// An open PDF.
pub(super) struct Pdf {
    path: PathBuf,
    /// The open file, so that it is the same one when it is read anew, whatever has its name by then.
    file: File,
    pdfium: &'static Pdfium,
    document: RefCell<PdfDocument<'static>>,
    /// Pages since it was opened.
    used: Cell<u32>,
}

/// Binds the library once; the first path wins.
fn library(path: &Path, library: Option<&Path>) -> Result<&'static Pdfium> {
    static PDFIUM: OnceLock<std::result::Result<Pdfium, String>> = OnceLock::new();
    let missing = |instead: String| Error::media(path, MediaProblem::Missing { what: "PDFium", instead });
    let Some(library) = library.filter(|library| library.is_file()) else {
        return Err(missing("run `medley models pull pdfium`".into()));
    };
    let bound = PDFIUM.get_or_init(|| {
        Pdfium::bind_to_library(library).map(Pdfium::new).map_err(|e| {
            format!("{} does not load ({e}); run `medley models verify pdfium`", library.display())
        })
    });
    bound.as_ref().map_err(|reason| missing(reason.clone()))
}

impl Pdf {
    pub(super) fn open(path: &Path, file: File, pdfium: Option<&Path>) -> Result<Self> {
        let pdfium = library(path, pdfium)?;
        let again = file.try_clone().map_err(|e| guard::read_error(path, e))?;
        let document = guard::catch(path, || pdfium.load_pdf_from_reader(BufReader::new(file), None))?;
        let document = document.map_err(|error| match error {
            PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::PasswordError) => {
                Error::media(path, MediaProblem::Password)
            }
            error => failed(path, "it cannot be opened", &error),
        })?;
        if document.pages().is_empty() {
            return Err(guard::damaged(path, "it has no pages"));
        }
        let (document, used) = (RefCell::new(document), Cell::new(0));
        Ok(Self { path: path.to_path_buf(), file: again, pdfium, document, used })
    }

    fn document(&self) -> Ref<'_, PdfDocument<'static>> {
        self.document.borrow()
    }

    /// Frees what PDFium keeps of earlier pages, now and then; no page may be in use.
    fn refresh(&self) {
        self.used.set(self.used.get() + 1);
        if self.used.get() <= FRESH_AFTER {
            return;
        }
        self.used.set(0);
        // PDFium asks for every block by its place, so two readers do not disturb each other.
        let Ok(file) = self.file.try_clone() else { return };
        let fresh = self.pdfium.load_pdf_from_reader(BufReader::new(file), None).ok();
        let n_pages = self.document().pages().len();
        // A file that was written over meanwhile goes on as it was opened.
        if let Some(fresh) = fresh.filter(|fresh| fresh.pages().len() == n_pages) {
            self.document.replace(fresh);
        }
    }

    pub(super) fn page_count(&self) -> u32 {
        u32::try_from(self.document().pages().len()).unwrap_or(0)
    }

    pub(super) fn title(&self) -> Option<String> {
        let document = self.document();
        let tag = document.metadata().get(PdfDocumentMetadataTagType::Title)?;
        Some(tag.value().to_owned())
    }

    fn get(&self, number: u32) -> Result<PdfPage<'static>> {
        let index = i32::try_from(number - 1).unwrap_or(i32::MAX);
        self.document()
            .pages()
            .get(index)
            .map_err(|e| failed(&self.path, &format!("page {number} cannot be read"), &e))
    }

    pub(super) fn size(&self, number: u32) -> Result<[f32; 2]> {
        let index = i32::try_from(number - 1).unwrap_or(i32::MAX);
        let size = guard::catch(&self.path, || self.document().pages().page_size(index))?;
        let size = size.map_err(|e| failed(&self.path, &format!("page {number} cannot be read"), &e))?;
        Ok([size.width().value.max(1.0), size.height().value.max(1.0)])
    }

    pub(super) fn outline(&self, page_count: u32, cancel: &Cancel) -> Result<Vec<OutlineEntry>> {
        guard::catch(&self.path, || outline::of_pdf(&self.document(), page_count, cancel))
    }

    pub(super) fn page(&self, number: u32) -> Result<Page> {
        guard::catch(&self.path, || self.page_unguarded(number))?
    }

    /// What leads somewhere on a page, in the order of the file; what leads nowhere is left out.
    pub(super) fn links(&self, number: u32, page_count: u32) -> Result<Vec<Link>> {
        guard::catch(&self.path, || {
            let page = self.get(number)?;
            let unreadable = |e: PdfiumError| failed(&self.path, &format!("the links of page {number}"), &e);
            let shown = Shown::of(&page).map_err(unreadable)?;
            let links = page.links();
            let found = links.iter().take(MOST_LINKS).filter_map(|link| {
                let area = shown.rect(&link.rect().ok()?);
                let target = self.target(&link, page_count)?;
                Some(Link { area, target })
            });
            Ok(found.collect())
        })?
    }

    fn target(&self, link: &PdfLink<'_>, page_count: u32) -> Option<LinkTarget> {
        let document = self.document();
        let inside = |place: &PdfDestination<'_>| {
            let index = place.page_index().ok()?;
            let page = u32::try_from(index).ok()?.checked_add(1).filter(|page| *page <= page_count)?;
            Some(LinkTarget::Page { page, y: outline::y_of(&document, index, place) })
        };
        match link.action() {
            Some(PdfAction::LocalDestination(action)) => inside(&action.destination().ok()?),
            Some(PdfAction::Uri(action)) => {
                let address = action.uri().ok()?.trim().to_owned();
                (!address.is_empty() && address.len() <= LONGEST_ADDRESS)
                    .then_some(LinkTarget::Outside(address))
            }
            _ => inside(&link.destination()?),
        }
    }

    fn page_unguarded(&self, number: u32) -> Result<Page> {
        self.refresh();
        let page = self.get(number)?;
        let glyphs = self.glyphs(&page, number)?;
        if !legible::is_legible(glyphs.iter().map(|glyph| glyph.c)) {
            return Ok(Page { number, ..Page::default() });
        }
        let letters = glyphs.iter().filter(|glyph| glyph.c.is_alphanumeric()).count();
        let (width, height) = (page.width().value.max(1.0), page.height().value.max(1.0));
        let lines: Vec<Line> = layout::lines(&glyphs, width, height);
        let heading = layout::heading(&lines, height);
        let has_text = letters > 0 && (letters >= STAMP_LETTERS || !is_mostly_picture(&page));
        Ok(Page { number, lines, has_text, heading, links: Vec::new() })
    }

    /// The characters of a page in the order PDFium finds them, placed in fractions of the page as
    /// it is shown (turned, cropped).
    fn glyphs(&self, page: &PdfPage<'_>, number: u32) -> Result<Vec<Glyph>> {
        let unreadable = |e: PdfiumError| failed(&self.path, &format!("the text of page {number}"), &e);
        let shown = Shown::of(page).map_err(unreadable)?;
        let text = page.text().map_err(unreadable)?;
        let mut glyphs = Vec::new();
        for character in text.chars().iter().take(MOST_GLYPHS) {
            let Some(c) = character.unicode_char() else { continue };
            let c = match c {
                // PDFium's sign for a hyphen at the end of a line.
                '\u{2}' | '\u{fffe}' => '-',
                c => c,
            };
            let place = character.loose_bounds().or_else(|_| character.tight_bounds());
            let area = place.ok().map(|bounds| shown.rect(&bounds));
            glyphs.push(Glyph { c, area: area.filter(|area| area.x1 > area.x0 || area.y1 > area.y0) });
        }
        Ok(glyphs)
    }

    pub(super) fn picture(&self, number: u32, longest_side_px: u32) -> Result<RgbImage> {
        guard::catch(&self.path, || {
            self.refresh();
            let page = self.get(number)?;
            let (width, height) = (page.width().value.max(1.0), page.height().value.max(1.0));
            let scale = longest_side_px.clamp(1, LONGEST_PICTURE_PX) as f32 / width.max(height);
            let pixels = |side: f32| ((side * scale).round() as i32).max(1);
            let config = PdfRenderConfig::new().set_fixed_size(pixels(width), pixels(height));
            let drawn = page.render_with_config(&config).and_then(|bitmap| bitmap.as_image());
            drawn
                .map(|picture| picture.into_rgb8())
                .map_err(|e| failed(&self.path, &format!("page {number} cannot be drawn"), &e))
        })?
    }
}

/// Whether pictures cover more than half of a page.
fn is_mostly_picture(page: &PdfPage<'_>) -> bool {
    let whole = page.width().value * page.height().value;
    let pictures = page.objects().iter().take(2_000).filter(|object| object.as_image_object().is_some());
    let covered: f32 = pictures
        .filter_map(|object| object.bounds().ok())
        .map(|bounds| {
            (bounds.right() - bounds.left()).value.abs() * (bounds.top() - bounds.bottom()).value.abs()
        })
        .sum();
    covered > whole / 2.0
}

/// How points of a page map to fractions of it as it is shown: an affine map, measured at three points.
struct Shown {
    origin: (f32, f32),
    per_x: (f32, f32),
    per_y: (f32, f32),
}

impl Shown {
    /// Pixels of the imagined picture on which positions are measured; they come as whole numbers.
    const GRID: i32 = 1 << 20;
    /// Points between the three measured positions.
    const SPAN: f32 = 1_000.0;

    fn of(page: &PdfPage<'_>) -> std::result::Result<Self, PdfiumError> {
        let config = PdfRenderConfig::new().set_fixed_size(Self::GRID, Self::GRID);
        let at = |x: f32, y: f32| {
            let (x, y) = page.points_to_pixels(PdfPoints::new(x), PdfPoints::new(y), &config)?;
            let grid = f64::from(Self::GRID);
            Ok((f64::from(x) / grid, f64::from(y) / grid))
        };
        let (origin, right, up) = (at(0.0, 0.0)?, at(Self::SPAN, 0.0)?, at(0.0, Self::SPAN)?);
        let slope = |to: (f64, f64)| {
            let span = f64::from(Self::SPAN);
            (((to.0 - origin.0) / span) as f32, ((to.1 - origin.1) / span) as f32)
        };
        Ok(Self { origin: (origin.0 as f32, origin.1 as f32), per_x: slope(right), per_y: slope(up) })
    }

    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        (
            (self.origin.0 + x * self.per_x.0 + y * self.per_y.0).clamp(0.0, 1.0),
            (self.origin.1 + x * self.per_x.1 + y * self.per_y.1).clamp(0.0, 1.0),
        )
    }

    fn rect(&self, bounds: &PdfRect) -> Rect {
        let a = self.point(bounds.left().value, bounds.bottom().value);
        let b = self.point(bounds.right().value, bounds.top().value);
        Rect { x0: a.0.min(b.0), y0: a.1.min(b.1), x1: a.0.max(b.0), y1: a.1.max(b.1) }
    }
}

fn failed(path: &Path, what: &str, error: &PdfiumError) -> Error {
    let reason = match error {
        PdfiumError::PdfiumLibraryInternalError(_) => "PDFium cannot make sense of it".to_owned(),
        other => other.to_string(),
    };
    guard::damaged(path, format!("{what}: {reason}"))
}
