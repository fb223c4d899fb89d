//! Markdown as paragraphs, lists, code and tables on pages.

use engine::Evidence;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::lines::{Span, Style, Target};
use super::pages::{Around, Pages};
use crate::ui::cited::{Mark, with_marks};
use crate::ui::theme::Palette;

/// Left of the text of a list's item, in points.
const ITEM: f32 = 18.0;

/// Left of a quotation, in points.
const QUOTE: f32 = 14.0;

/// Writes Markdown with the numbers of its evidence; tells whether a statement has none.
pub(super) fn write(
    pages: &mut Pages,
    palette: &Palette,
    text: &str,
    question: usize,
    evidence: &[Evidence],
    tells_missing: bool,
) -> bool {
    let marked = with_marks(text, evidence, tells_missing);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH;
    let mut writer = Writer {
        pages,
        palette,
        question,
        spans: Vec::new(),
        styles: vec![Style::new(super::BODY, palette.text)],
        lists: Vec::new(),
        quotes: 0,
        marker: None,
        table: None,
        code: None,
        has_missing: false,
    };
    for event in Parser::new_ext(&marked, options) {
        writer.take(event);
    }
    writer.end_paragraph();
    writer.has_missing
}

struct Writer<'a> {
    pages: &'a mut Pages,
    palette: &'a Palette,
    question: usize,
    /// The paragraph that is being read.
    spans: Vec<Span>,
    /// The innermost last.
    styles: Vec<Style>,
    /// Numbers of the next items; none for bullets.
    lists: Vec<Option<u64>>,
    quotes: usize,
    /// What stands before the next paragraph.
    marker: Option<String>,
    table: Option<Vec<Vec<Vec<Span>>>>,
    code: Option<String>,
    has_missing: bool,
}

impl Writer<'_> {
    fn style(&self) -> Style {
        self.styles.last().cloned().unwrap_or_else(|| Style::new(super::BODY, self.palette.text))
    }

    fn begin(&mut self, change: impl FnOnce(&mut Style)) {
        let mut style = self.style();
        change(&mut style);
        self.styles.push(style);
    }

    fn end(&mut self) {
        if self.styles.len() > 1 {
            self.styles.pop();
        }
    }

    fn words(&mut self, text: &str) {
        if let Some(code) = &mut self.code {
            code.push_str(text);
        } else {
            self.spans.push(Span::new(text, &self.style()));
        }
    }

    fn left(&self) -> f32 {
        ITEM * self.lists.len() as f32 + QUOTE * self.quotes as f32
    }

    fn around(&self) -> Around {
        let bar = (self.quotes > 0).then_some(self.palette.line);
        Around { left: self.left(), bar, ..Around::default() }
    }

    /// Writes what was read of a paragraph.
    fn end_paragraph(&mut self) {
        let spans = std::mem::take(&mut self.spans);
        if self.table.is_some() || (spans.is_empty() && self.marker.is_none()) {
            self.spans = spans;
            return;
        }
        let around = self.around();
        if let Some(marker) = self.marker.take() {
            self.pages.marker(&[Span::new(marker, &self.style())], around);
        }
        self.pages.text(&spans, around);
        self.pages.space(if self.lists.is_empty() { 6.0 } else { 2.0 });
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.finish(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.words(&text),
            Event::Code(text) => {
                let ground = self.palette.hovered;
                self.begin(|style| {
                    (style.is_mono, style.ground) = (true, Some(ground));
                    style.size *= 0.92;
                });
                self.words(&text);
                self.end();
            }
            Event::InlineMath(text) => self.mark(&text),
            Event::DisplayMath(text) => self.words(&format!("$${text}$$")),
            Event::FootnoteReference(name) => self.words(&format!("[{name}]")),
            Event::SoftBreak => self.words(" "),
            Event::HardBreak => self.words("\n"),
            Event::Rule => {
                self.end_paragraph();
                self.pages.space(4.0);
                self.pages.rule(self.palette.line);
                self.pages.space(8.0);
            }
            Event::TaskListMarker(is_done) => {
                self.marker = Some(if is_done { "☑" } else { "☐" }.to_owned());
            }
        }
    }

    fn mark(&mut self, text: &str) {
        let (accent, warn) = (self.palette.accent, self.palette.warn);
        match Mark::from_text(text) {
            Some(Mark::Evidence(indices)) => {
                for index in indices {
                    let target = Target::Evidence(self.question, index);
                    self.begin(|style| {
                        (style.is_raised, style.color, style.target) = (true, accent, Some(target));
                    });
                    self.words(&format!("[{}]", index + 1));
                    self.end();
                }
            }
            Some(Mark::Nothing) => {
                self.has_missing = true;
                self.begin(|style| (style.is_raised, style.color) = (true, warn));
                self.words("[?]");
                self.end();
            }
            None => self.words(&format!("${text}$")),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.end_paragraph();
                let size = match level {
                    HeadingLevel::H1 => 15.0,
                    HeadingLevel::H2 => 13.5,
                    HeadingLevel::H3 => 12.0,
                    _ => super::BODY,
                };
                self.pages.space(6.0);
                self.pages.keep(size * 4.5);
                let color = self.palette.strong;
                self.begin(|style| (style.size, style.is_bold, style.color) = (size, true, color));
            }
            Tag::BlockQuote(_) => {
                self.end_paragraph();
                self.quotes += 1;
                let color = self.palette.weak;
                self.begin(|style| style.color = color);
            }
            Tag::CodeBlock(_) => {
                self.end_paragraph();
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.end_paragraph();
                self.lists.push(first);
            }
            Tag::Item => {
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}.", *number - 1)
                    }
                    _ => "•".to_owned(),
                });
            }
            Tag::FootnoteDefinition(name) => {
                self.end_paragraph();
                self.words(&format!("[{name}] "));
            }
            Tag::Table(_) => {
                self.end_paragraph();
                self.table = Some(Vec::new());
            }
            Tag::TableHead => {
                self.table.iter_mut().for_each(|rows| rows.push(Vec::new()));
                let color = self.palette.strong;
                self.begin(|style| (style.is_bold, style.color) = (true, color));
            }
            Tag::TableRow => self.table.iter_mut().for_each(|rows| rows.push(Vec::new())),
            Tag::Emphasis => self.begin(|style| style.is_slanted = true),
            Tag::Strong => {
                let color = self.palette.strong;
                self.begin(|style| (style.is_bold, style.color) = (true, color));
            }
            Tag::Strikethrough => self.begin(|style| style.is_struck = true),
            Tag::Link { dest_url, .. } => {
                let is_web =
                    ["http://", "https://", "mailto:"].iter().any(|start| dest_url.starts_with(start));
                let accent = self.palette.accent;
                self.begin(|style| {
                    if is_web {
                        (style.color, style.target) = (accent, Some(Target::Web(dest_url.into_string())));
                    }
                });
            }
            Tag::Image { dest_url, .. } => self.words(&format!("[{dest_url}] ")),
            _ => {}
        }
    }

    fn finish(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.end_paragraph();
                self.end();
            }
            TagEnd::BlockQuote(_) => {
                self.end_paragraph();
                self.end();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                let mut style = Style::new(9.0, self.palette.text);
                style.is_mono = true;
                let around = Around {
                    left: self.left() + 8.0,
                    right: 8.0,
                    ground: Some(self.palette.sidebar),
                    ..self.around()
                };
                self.pages.space(2.0);
                self.pages.text(&[Span::new(code.trim_end_matches('\n'), &style)], around);
                self.pages.space(8.0);
            }
            TagEnd::List(_) => {
                self.end_paragraph();
                self.lists.pop();
                if self.lists.is_empty() {
                    self.pages.space(4.0);
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::TableHead => self.end(),
            TagEnd::Table => {
                let rows = self.table.take().unwrap_or_default();
                self.pages.table(&rows, self.left(), self.palette.line);
                self.pages.space(8.0);
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link => self.end(),
            TagEnd::Paragraph | TagEnd::Item | TagEnd::HtmlBlock | TagEnd::FootnoteDefinition => {
                self.end_paragraph();
            }
            _ => {}
        }
    }
}
