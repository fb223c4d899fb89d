//! Streamed Markdown that stays cheap: text is split into blocks, each block keeps its height, and
//! only blocks inside the view are laid out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::rc::Rc;

use egui::{OutputCommand, Rect, RichText, Sense, Ui, Vec2};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer, RenderMathFn};

use super::cited::{Mark, with_marks, without_pictures};
use super::icons::Icon;
use super::theme;
use super::widgets::{icon_button_ui, mark_size, within_ui};
use crate::state::{Answer, ExchangeId};
use crate::words::say;

/// Blocks and heights of the texts that are shown.
#[derive(Default)]
pub struct MarkdownCache {
    inner: CommonMarkCache,
    texts: BTreeMap<ExchangeId, Blocks>,
    marked: BTreeMap<ExchangeId, Marked>,
}

/// A finished answer with marks for its evidence.
#[derive(Default)]
struct Marked {
    /// Hash of the answer it was made from, number of its evidence, and whether missing evidence is told.
    key: (u64, usize, bool),
    text: String,
    blocks: Blocks,
}

/// Draws a mark.
type MarkFn<'a> = dyn Fn(&mut Ui, &Mark) + 'a;

/// How a text is split.
#[derive(Default)]
struct Blocks {
    /// Byte ranges of the finished blocks.
    finished: Vec<Range<usize>>,
    /// The last block, which may still grow.
    tail: Range<usize>,
    /// Bytes that were looked at.
    len: usize,
    /// A cheap check that it is still the same text.
    start: Vec<u8>,
    /// Height of each block at `width`; 0 when never laid out.
    heights: Vec<f32>,
    width: f32,
}

impl Blocks {
    /// Looks only at what came since the last call.
    fn update(&mut self, text: &str) {
        let start = &text.as_bytes()[..text.len().min(64)];
        if text.len() < self.len || !start.starts_with(&self.start) {
            *self = Self::default();
        }
        if text.len() == self.len && !self.start.is_empty() {
            return;
        }
        self.start = start.to_vec();
        self.len = text.len();
        let from = self.tail.start;
        let mut begin = from;
        let mut fence: Option<&str> = None;
        let mut at = from;
        let mut blank_before = false;
        for line in text[from..].split_inclusive('\n') {
            let trimmed = line.trim();
            if let Some(mark) = fence {
                if closes(mark, trimmed) && line.ends_with('\n') {
                    fence = None;
                    // A block of code stands alone, whatever comes right after it.
                    if text[begin..].starts_with(mark) {
                        at += line.len();
                        self.finished.push(begin..at);
                        begin = at;
                        blank_before = false;
                        continue;
                    }
                }
            } else if trimmed.is_empty() {
                blank_before = true;
                at += line.len();
                continue;
            } else {
                // An indented line after a gap still belongs to the list item above it.
                let continues = line.starts_with([' ', '\t']);
                if blank_before && !continues && !text[begin..at].trim().is_empty() {
                    self.finished.push(begin..at);
                    begin = at;
                }
                fence = FENCES.into_iter().find(|mark| trimmed.starts_with(mark));
                if fence.is_some_and(|mark| line.starts_with(mark)) && !text[begin..at].trim().is_empty() {
                    self.finished.push(begin..at);
                    begin = at;
                }
            }
            blank_before = false;
            at += line.len();
        }
        self.tail = begin..text.len();
        self.heights.resize(self.finished.len(), 0.0);
    }
}

/// What begins and ends a block of code.
const FENCES: [&str; 2] = ["```", "~~~"];

/// Whether a line ends the block of code that `mark` began.
fn closes(mark: &str, line: &str) -> bool {
    line.starts_with(mark) && line.bytes().all(|byte| mark.as_bytes().contains(&byte))
}

impl MarkdownCache {
    /// Draws an answer; blocks outside the view only take their room. Returns the address of a link that was clicked.
    pub fn show(&mut self, ui: &mut Ui, id: ExchangeId, text: &str) -> Option<String> {
        let Self { inner, texts, .. } = self;
        blocks_ui(ui, inner, texts.entry(id).or_default(), id, text, None)
    }

    /// The same for a finished answer, with a mark after each sentence that evidence supports.
    pub fn show_marked(
        &mut self,
        ui: &mut Ui,
        id: ExchangeId,
        answer: &Answer,
        tells_missing: bool,
        mark_ui: &MarkFn<'_>,
    ) -> Option<String> {
        let Self { inner, marked, .. } = self;
        let marked = marked.entry(id).or_default();
        // Also answers that somebody changes are marked anew.
        let mut hasher = DefaultHasher::new();
        answer.text.hash(&mut hasher);
        let key = (hasher.finish(), answer.evidence.len(), tells_missing);
        if marked.key != key {
            let text = with_marks(&answer.text, &answer.evidence, tells_missing);
            *marked = Marked { key, text, blocks: Blocks::default() };
        }
        blocks_ui(ui, inner, &mut marked.blocks, id, &marked.text, Some(mark_ui))
    }
}

fn blocks_ui(
    ui: &mut Ui,
    inner: &mut CommonMarkCache,
    blocks: &mut Blocks,
    id: ExchangeId,
    text: &str,
    mark_ui: Option<&MarkFn<'_>>,
) -> Option<String> {
    let n_commands = ui.ctx().output(|output| output.commands.len());
    blocks.update(text);
    let width = ui.available_width();
    if (blocks.width - width).abs() > 0.5 {
        blocks.width = width;
        blocks.heights.fill(0.0);
    }
    ui.spacing_mut().item_spacing.y = 8.0;
    let clip = ui.clip_rect();
    // A little more than the view, so that scrolling never shows a gap.
    let view = clip.expand2(Vec2::new(0.0, 200.0));
    for (i, range) in blocks.finished.iter().enumerate() {
        let height = blocks.heights[i];
        let place = Rect::from_min_size(ui.cursor().min, Vec2::new(width, height));
        if height > 0.0 && !view.intersects(place) {
            ui.allocate_space(place.size());
            continue;
        }
        let before = ui.cursor().min.y;
        ui.push_id((id.0, i), |ui| block_ui(ui, inner, &text[range.clone()], mark_ui));
        let spacing = ui.spacing().item_spacing.y;
        blocks.heights[i] = (ui.cursor().min.y - before - spacing).max(1.0);
    }
    if !blocks.tail.is_empty() {
        ui.push_id((id.0, "tail"), |ui| block_ui(ui, inner, &text[blocks.tail.clone()], mark_ui));
    }
    ui.ctx().output_mut(|output| take_link(&mut output.commands, n_commands))
}

/// The address that the renderer would open at once, of the commands from `first` on. A file may have written it, so the
/// person is asked before.
fn take_link(commands: &mut Vec<OutputCommand>, first: usize) -> Option<String> {
    let mut link = None;
    for command in commands.split_off(first.min(commands.len())) {
        match command {
            OutputCommand::OpenUrl(url) => link = Some(url.url),
            other => commands.push(other),
        }
    }
    link
}

fn block_ui(ui: &mut Ui, cache: &mut CommonMarkCache, text: &str, mark_ui: Option<&MarkFn<'_>>) {
    let text = text.trim_end();
    // The renderer takes no function that borrows anything: it only keeps room, and the marks are drawn into that.
    let places: Rc<RefCell<Vec<(Mark, Rect)>>> = Rc::default();
    let found = places.clone();
    let keep_room = move |ui: &mut Ui, text: &str, _: bool| match Mark::from_text(text) {
        Some(mark) => {
            let (rect, _) = ui.allocate_exact_size(mark_size(ui, &mark), Sense::hover());
            found.borrow_mut().push((mark, rect));
        }
        None => {
            ui.label(text);
        }
    };
    ui.vertical(|ui| {
        ui.set_width(ui.available_width());
        // List numbers and table rows are as high as a line, not as a button.
        ui.spacing_mut().interact_size.y = 20.0;
        match FENCES.into_iter().find(|mark| text.trim_start().starts_with(mark)) {
            Some(mark) => code_ui(ui, text.trim_start(), mark),
            None => {
                let keep_room: Option<&RenderMathFn> = mark_ui.is_some().then_some(&keep_room as _);
                CommonMarkViewer::new().render_math_fn(keep_room).show(ui, cache, &without_pictures(text));
            }
        }
    });
    if let Some(mark_ui) = mark_ui {
        for (i, (mark, rect)) in places.take().iter().enumerate() {
            ui.push_id(("mark", i), |ui| within_ui(ui, *rect, |ui| mark_ui(ui, mark)));
        }
    }
}

/// A block of code with its language and a button that copies it.
fn code_ui(ui: &mut Ui, text: &str, mark: &str) {
    let palette = theme::palette(ui);
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let language = first.trim_start_matches(|c| mark.contains(c)).trim();
    let code = match rest.rsplit_once('\n') {
        Some((body, last)) if closes(mark, last.trim()) => body,
        None if closes(mark, rest.trim()) => "",
        _ => rest,
    };
    let frame = egui::Frame::new()
        .fill(palette.raised)
        .stroke(egui::Stroke::new(1.0, palette.line))
        .corner_radius(theme::RADIUS)
        .inner_margin(egui::Margin { left: 12, right: 6, top: 4, bottom: 10 });
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(RichText::new(language).size(theme::size::SMALL).color(palette.weak));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_button_ui(ui, Icon::Copy, say("media-copy-code"), say("media-copy-code"), None)
                    .clicked()
                {
                    ui.ctx().copy_text(code.to_owned());
                }
            });
        });
        egui::ScrollArea::horizontal().id_salt("code").show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new(code).monospace()).extend());
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        let mut blocks = Blocks::default();
        blocks.update(text);
        let mut parts: Vec<&str> = blocks.finished.iter().map(|range| &text[range.clone()]).collect();
        parts.push(&text[blocks.tail.clone()]);
        parts
    }

    #[test]
    fn blocks_end_at_empty_lines_but_not_inside_code_or_list_items() {
        assert_eq!(split("a\nb\n\nc"), ["a\nb\n\n", "c"]);
        assert_eq!(split("```\na\n\nb\n```\n\nc"), ["```\na\n\nb\n```\n", "\nc"]);
        assert_eq!(split("see\n```\na\n```\nc"), ["see\n", "```\na\n```\n", "c"]);
        assert_eq!(split("- a\n\n  more\n\nc"), ["- a\n\n  more\n\n", "c"]);
        assert_eq!(split("```rust\nfn a() {}\n\n"), ["```rust\nfn a() {}\n\n"]);
    }

    #[test]
    fn a_text_that_grows_byte_by_byte_ends_in_the_same_blocks() {
        let text = "# Title\n\nWörds here\n\n```\ncode\n\nmore\n```\n\n1. one\n\n   two\n\nend\n";
        let mut growing = Blocks::default();
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            growing.update(&text[..end]);
        }
        let mut whole = Blocks::default();
        whole.update(text);
        assert_eq!(growing.finished, whole.finished);
        assert_eq!(growing.tail, whole.tail);
    }
}
