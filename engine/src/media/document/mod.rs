//! Documents: pages of lines, with their place on the page where the format has pages.
//!
//! A PDF has real pages. The other formats have none: their paragraphs are dealt onto "pages" of
//! about [`PAGE_CHARS`] characters, cut between paragraphs (a chapter of an EPUB begins a new one), and
//! their lines have no place. The page number is then a stable way to point into the text.

pub(super) mod archive;

mod docx;

mod epub;

mod html;

mod markdown;

pub(super) mod subtitles;

mod pdf;

mod legible;

mod layout;

mod outline;

mod rows;

mod paginate;

pub(super) mod text;

mod charset;

mod beginning;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::detect::DocumentFormat;
use super::{Limits, Opener, guard};
use crate::cancel::Cancel;
use crate::error::{Error, MediaProblem, Result};
use crate::sequence::Rect;

/// Characters of one page of a format without pages.
pub const PAGE_CHARS: usize = 3_000;

/// One page of text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Counted from 1.
    pub number: u32,
    /// The text in reading order.
    pub lines: Vec<Line>,
    /// Whether the page's words are all in `lines`. A scanned page has (nearly) no text of its own, and one whose
    /// fonts do not tell their letters has none that can be read: its words can only be read from its picture.
    pub has_text: bool,
    /// The heading under which the page begins, or the first one on it, where the format tells.
    pub heading: Option<String>,
    /// What leads somewhere; empty unless asked for ([`DocumentReader::links`]).
    pub links: Vec<Link>,
}

/// A place on a page that leads somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Where it is.
    pub area: Rect,
    /// Where it leads.
    pub target: LinkTarget,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkTarget {
    /// To a page of the same document, counted from 1, and how far down it where that is known.
    Page {
        /// The page.
        page: u32,
        /// As a part of its height.
        y: Option<f32>,
    },
    /// To an address outside of it, as it stands in the file: nothing is known of it.
    Outside(String),
}

impl Page {
    /// The lines, one under the other, with an empty line between paragraphs.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut before = None;
        for line in &self.lines {
            if let Some(before) = before {
                text.push_str(if before == line.paragraph { "\n" } else { "\n\n" });
            }
            text.push_str(&line.text);
            before = Some(line.paragraph);
        }
        text
    }
}

/// One line of text; in formats without pages one paragraph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Its characters; no line breaks.
    pub text: String,
    /// Its place on the page, where known.
    pub area: Option<Rect>,
    /// The place of each word, where known: byte range in `text` and box.
    pub words: Vec<(Range<usize>, Rect)>,
    /// Number of its paragraph on the page; lines of one paragraph belong together.
    pub paragraph: u32,
    /// Depth of the heading that it is, from 1; 0 for ordinary text. Only formats without pages tell.
    pub level: u8,
    /// From when to when it is shown, in seconds from the start of a recording; of subtitles only.
    pub time_s: Option<(f64, f64)>,
}

/// A line of a table of contents.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlineEntry {
    /// How deep it stands, from 1.
    pub level: u8,
    /// What it is called.
    pub title: String,
    /// The page it leads to, counted from 1.
    pub page: u32,
    /// How far down the page, as a part of its height, where that is known.
    pub y: Option<f32>,
    /// The line that is the heading, counted from 0, in formats without pages.
    pub line: Option<u32>,
}

/// Most lines of a table of contents that are kept.
const MOST_OUTLINE: usize = 20_000;

/// A piece of text between two paragraph borders.
#[derive(Debug, Clone, PartialEq, Default)]
struct Block {
    /// May hold line breaks (code, verses).
    text: String,
    kind: BlockKind,
    /// From when to when each line is shown, in seconds; empty but for subtitles.
    times_s: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum BlockKind {
    #[default]
    Paragraph,
    Heading,
    /// A heading that begins a new page.
    Chapter,
}

/// What a parser of a format without pages returns.
#[derive(Debug, Default)]
struct Flow {
    title: Option<String>,
    blocks: Vec<Block>,
    notices: Vec<String>,
}

impl Flow {
    /// Adds a block unless it is blank.
    fn push(&mut self, text: &str, kind: BlockKind) {
        let text = text.trim_matches(['\n', '\r', ' ']);
        if !text.trim().is_empty() {
            self.blocks.push(Block { text: text.to_owned(), kind, ..Block::default() });
        }
    }
}

/// Reads a document page by page.
pub struct DocumentReader {
    title: Option<String>,
    page_count: u32,
    notices: Vec<String>,
    content: Content,
}

enum Content {
    Pdf(Box<pdf::Pdf>),
    Pages(Vec<Page>),
}

impl DocumentReader {
    pub(super) fn open(
        path: &Path,
        file: File,
        format: DocumentFormat,
        opener: &Opener,
        cancel: &Cancel,
    ) -> Result<Self> {
        let limits = &opener.limits;
        let flow = match format {
            DocumentFormat::Text | DocumentFormat::Markdown | DocumentFormat::Subtitles => {
                let beginning = beginning::read(path, file, limits, |text| {
                    guard::catch(path, || match format {
                        DocumentFormat::Markdown => markdown::read(path, text, limits),
                        DocumentFormat::Subtitles => Ok(subtitles::read(text)),
                        _ => Ok(text::read(text)),
                    })?
                })?;
                return Self::of_pages(path, beginning.title, beginning.pages, beginning.notices, limits);
            }
            DocumentFormat::Pdf => {
                let pdf = pdf::Pdf::open(path, file, opener.pdfium.as_deref())?;
                let (title, all) = (pdf.title(), pdf.page_count());
                return Ok(Self::new(title, all, Vec::new(), Content::Pdf(Box::new(pdf)), limits));
            }
            DocumentFormat::Docx => guard::catch(path, || docx::read(path, file, limits, cancel))??,
            DocumentFormat::Epub => guard::catch(path, || epub::read(path, file, limits, cancel))??,
            DocumentFormat::Html => {
                let (text, encoding) = text::decode(&read_all(path, file, limits)?);
                let mut flow = guard::catch(path, || html::read(path, &text, limits, cancel))??;
                flow.notices.extend(encoding.notice());
                flow
            }
        };
        let pages = paginate::paginate(flow.blocks, PAGE_CHARS);
        Self::of_pages(path, flow.title, pages, flow.notices, limits)
    }

    fn of_pages(
        path: &Path,
        title: Option<String>,
        pages: Vec<Page>,
        notices: Vec<String>,
        limits: &Limits,
    ) -> Result<Self> {
        if pages.is_empty() {
            return Err(Error::media(path, MediaProblem::Empty));
        }
        let all = u32::try_from(pages.len()).unwrap_or(u32::MAX);
        Ok(Self::new(title, all, notices, Content::Pages(pages), limits))
    }

    fn new(
        title: Option<String>,
        all: u32,
        mut notices: Vec<String>,
        content: Content,
        limits: &Limits,
    ) -> Self {
        let page_count = all.min(u32::try_from(limits.pages).unwrap_or(u32::MAX));
        if page_count < all {
            let first = page_count + 1;
            notices.push(format!("pages {first} to {all} are left out: the limit is {page_count} pages"));
        }
        let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
        Self { title, page_count, notices, content }
    }

    /// The title that the document gives itself.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// How many pages can be read.
    pub fn page_count(&self) -> u32 {
        self.page_count
    }

    /// What was left out or guessed.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// When the last line of subtitles goes, in seconds from the start of the recording; `None` for other documents.
    pub fn end_s(&self) -> Option<f64> {
        let Content::Pages(pages) = &self.content else { return None };
        let ends = pages.iter().flat_map(|page| &page.lines).filter_map(|line| line.time_s);
        ends.map(|(_, end_s)| end_s).reduce(f64::max)
    }

    /// The page of subtitles that holds what is shown at this second, counted from 1; the first one of other documents.
    pub fn page_at(&self, time_s: f64) -> u32 {
        let Content::Pages(pages) = &self.content else { return 1 };
        let begins =
            |page: &Page| page.lines.first().and_then(|line| line.time_s).map_or(0.0, |(start_s, _)| start_s);
        let pages = &pages[..pages.len().min(self.page_count as usize)];
        pages.iter().rev().find(|page| begins(page) <= time_s).map_or(1, |page| page.number)
    }

    /// Reads a page, counted from 1.
    ///
    /// # Errors
    /// [`Error::Media`] when the page is damaged; [`Error::Request`] when there is no such page.
    pub fn page(&self, number: u32) -> Result<Page> {
        self.check(number)?;
        match &self.content {
            Content::Pdf(pdf) => pdf.page(number),
            Content::Pages(pages) => Ok(pages[number as usize - 1].clone()),
        }
    }

    /// What leads somewhere on a page, counted from 1; of a PDF only.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub fn links(&self, number: u32) -> Result<Vec<Link>> {
        self.check(number)?;
        match &self.content {
            Content::Pdf(pdf) => pdf.links(number, self.page_count),
            Content::Pages(_) => Ok(Vec::new()),
        }
    }

    /// A picture of a page, counted from 1, with its longest side of about `longest_side_px`; `None` when
    /// the format has no pages to look at.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub fn page_picture(&self, number: u32, longest_side_px: u32) -> Result<Option<RgbImage>> {
        self.check(number)?;
        match &self.content {
            Content::Pdf(pdf) => pdf.picture(number, longest_side_px).map(Some),
            Content::Pages(_) => Ok(None),
        }
    }

    /// Width and height of a page in points (1/72 inch), counted from 1, as it is shown; without reading what
    /// stands on it. `None` when the format has no pages to look at.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub fn page_size(&self, number: u32) -> Result<Option<[f32; 2]>> {
        self.check(number)?;
        match &self.content {
            Content::Pdf(pdf) => pdf.size(number).map(Some),
            Content::Pages(_) => Ok(None),
        }
    }

    /// The table of contents: of a PDF the one that is stored in it, else the headings. At most 20,000 lines.
    ///
    /// # Errors
    /// [`Error::Media`] when it is too damaged for its decoder.
    pub fn outline(&self, cancel: &Cancel) -> Result<Vec<OutlineEntry>> {
        match &self.content {
            Content::Pdf(pdf) => pdf.outline(self.page_count, cancel),
            Content::Pages(pages) => Ok(outline::of_headings(pages)),
        }
    }

    fn check(&self, number: u32) -> Result<()> {
        if (1..=self.page_count).contains(&number) {
            return Ok(());
        }
        let reason = format!("there is no page {number}: the pages are 1 to {}", self.page_count);
        Err(Error::Request { reason })
    }
}

/// Reads a whole file of HTML, within the limit for text.
fn read_all(path: &Path, file: File, limits: &Limits) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let taken = file.take(limits.unpacked_bytes.saturating_add(1)).read_to_end(&mut bytes);
    taken.map_err(|e| guard::read_error(path, e))?;
    if bytes.len() as u64 > limits.unpacked_bytes {
        let limit = guard::bytes_text(limits.unpacked_bytes);
        return Err(Error::media(path, guard::too_large("the text", format!("more than {limit}"), limit)));
    }
    Ok(bytes)
}

/// Elements are nested deeper than the limit.
fn too_deep(path: &Path, limits: &Limits) -> Error {
    let limit = limits.nesting;
    let actual = format!("more than {limit} levels");
    Error::media(path, guard::too_large("the nesting of its elements", actual, format!("{limit} levels")))
}

/// Path of the file a parser works on, for its errors.
#[derive(Debug, Clone)]
struct Source {
    path: PathBuf,
    /// The part of an archive, for the detail of a message.
    part: String,
}

impl Source {
    fn damaged(&self, what: impl std::fmt::Display) -> Error {
        guard::damaged(&self.path, format!("{}: {what}", self.part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Kind, Media, kind};

    fn open(path: &Path, limits: Limits) -> Result<DocumentReader> {
        match (Opener { limits, pdfium: None }).open(path, &Cancel::new())? {
            Media::Document(document) => Ok(document),
            other => panic!("{:?}", other.kind()),
        }
    }

    fn text_file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn archives_and_markup_are_opened_by_their_content() {
        let xml: &[u8] = b"<w:document xmlns:w='w'><w:p><w:r><w:t>Words</w:t></w:r></w:p></w:document>";
        let docx = archive::tests::zip_file(&[("word/document.xml", xml)]);
        let epub = archive::tests::zip_file(&[
            ("META-INF/container.xml", b"<c><rootfile full-path='b.opf'/></c>"),
            ("b.opf", b"<p><item id='a' href='a.xhtml'/><itemref idref='a'/></p>"),
            ("a.xhtml", b"<html><body><p>Words</p></body></html>"),
        ]);
        let html = text_file(b"<!doctype html><title>T</title><p>Words<script>x</script>");
        for file in [docx, epub, html] {
            assert_eq!(kind(file.path()).unwrap(), Kind::Document);
            let document = open(file.path(), Limits::default()).unwrap();
            assert_eq!(document.page(1).unwrap().text(), "Words");
            assert!(document.page_picture(1, 100).unwrap().is_none());
        }
    }

    #[test]
    fn guessed_encodings_and_left_out_pages_are_told() {
        let file = text_file(&b"caf\xe9\n\n".repeat(2_000));
        let document = open(file.path(), Limits { pages: 2, ..Limits::default() }).unwrap();
        assert_eq!(document.page_count(), 2);
        assert!(document.notices()[0].contains("Latin-1"), "{:?}", document.notices());
        assert!(document.notices()[1].starts_with("pages 3 to "), "{:?}", document.notices());
        assert!(document.page(3).is_err() && document.page(0).is_err());
    }

    #[test]
    fn subtitles_are_pages_of_lines_with_their_times() {
        let cue = |i: u32| {
            format!(
                "{i}\n00:{:02}:{:02},000 --> 00:{:02}:{:02},500\n{}.\n\n",
                i / 60,
                i % 60,
                i / 60,
                i % 60,
                "word ".repeat(20).trim()
            )
        };
        let file = text_file((0..90).map(cue).collect::<String>().as_bytes());
        let document = open(file.path(), Limits::default()).unwrap();
        assert_eq!((document.page_count(), document.end_s()), (3, Some(89.5)));
        let page = document.page(2).unwrap();
        let (start_s, end_s) = page.lines[0].time_s.unwrap();
        assert_eq!(end_s, start_s + 0.5);
        assert_eq!([0.0, start_s - 0.1, start_s, 1e6].map(|time_s| document.page_at(time_s)), [1, 1, 2, 3]);
        let media = Opener::default().open(file.path(), &Cancel::new()).unwrap();
        assert_eq!((media.kind(), media.summary().as_str()), (Kind::Document, "subtitles of 1:30 minutes"));
        let plain = open(text_file(b"only words").path(), Limits::default()).unwrap();
        assert_eq!((plain.end_s(), plain.page_at(5.0)), (None, 1));
    }

    #[test]
    fn a_page_over_the_limit_and_a_blank_text_are_refused() {
        let file = text_file(format!("<html>{}", "a".repeat(2000)).as_bytes());
        let error = open(file.path(), Limits { unpacked_bytes: 1024, ..Limits::default() }).err().unwrap();
        assert!(error.to_string().contains("the text is more than 1 KiB"), "{error}");
        let error = open(text_file(b" \n \n").path(), Limits::default()).err().unwrap();
        assert!(matches!(error, Error::Media { problem: MediaProblem::Empty, .. }));
    }
}
