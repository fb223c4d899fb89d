//! One line of a transcript: its time, its speaker, its words.

use std::ops::Range;
use std::sync::Arc;

use egui::accesskit::Role;
use egui::text::{CCursor, CCursorRange, LayoutJob, TextFormat};
use egui::text_edit::TextEditState;
use egui::{
    Color32, CornerRadius, CursorIcon, FontId, Frame, Galley, Id, Key, Modifiers, Rect, Response, Sense,
    Stroke, StrokeKind, TextEdit, Ui, UiBuilder, Vec2, WidgetInfo, pos2,
};

use super::speaker_menu::{CHIP, chip_ui};
use super::{TranscriptView, rows};
use crate::command::{Command, Commands, TranscriptCommand};
use crate::say;
use crate::state::{Document, Edit, Line, TranscriptPane, UNSURE_BELOW, Word};
use crate::ui::theme::{self, size};
use crate::ui::widgets::time_text;

/// Rows narrower than this have the speaker above the text.
const NARROW: f32 = 520.0;

/// Room above and below the text.
const PAD: f32 = 5.0;

/// Lines longer than this many characters are shown but not looked through for every word.
const MOST_CHARS: usize = 6_000;

/// Where things stand in a row.
pub(super) struct RowLayout {
    width: f32,
    time: f32,
    /// Where the text begins, from the left and from the top.
    text: Vec2,
    narrow: bool,
    font: FontId,
    chars_per_point: f32,
    line_height: f32,
}

/// A row that is drawn.
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) rect: Rect,
    /// Whether the sound is here.
    pub(super) spoken: bool,
    pub(super) at_s: f64,
}

/// Names the field of the line that is written in.
pub(super) fn edit_id() -> Id {
    Id::unique("transcript line field")
}

impl RowLayout {
    pub(super) fn new(ui: &Ui, width: f32, document: &Document) -> Self {
        let hours = document.lines.last().is_some_and(|line| line.end_s >= 3600.0);
        let time = if hours { 76.0 } else { 56.0 };
        let narrow = width < NARROW;
        let text = match narrow {
            true => Vec2::new(14.0, PAD + CHIP + 4.0),
            false if document.speakers.is_empty() => Vec2::new(12.0 + time + 36.0, PAD),
            false => Vec2::new(12.0 + time + 132.0, PAD),
        };
        let font = FontId::proportional(size::BODY);
        let line_height =
            ui.fonts_mut(|fonts| fonts.row_height(&font)) + ui.spacing().extra_text_line_spacing;
        Self { width, time, text, narrow, font, chars_per_point: 1.0 / 7.2, line_height }
    }

    /// How wide the text may be.
    pub(super) fn wrap(&self) -> f32 {
        (self.width - self.text.x - 20.0).max(60.0)
    }

    fn tall(&self, text: f32) -> f32 {
        (text + self.text.y + PAD).max(self.text.y + CHIP + PAD).ceil()
    }

    /// About how tall a line will be.
    pub(super) fn guess(&self, line: &Line) -> f32 {
        let rows = (line.text.len() as f32 / (self.wrap() * self.chars_per_point)).ceil().max(1.0);
        self.tall(rows * self.line_height)
    }

    /// How tall it is.
    pub(super) fn height(&self, ui: &Ui, line: &Line) -> f32 {
        self.tall(self.galley(ui, line, None, &[]).size().y)
    }

    /// The text, with the spoken word and what was found on grounds of their own.
    fn galley(
        &self,
        ui: &Ui,
        line: &Line,
        lit: Option<&Word>,
        found: &[(Range<usize>, bool)],
    ) -> Arc<Galley> {
        let palette = theme::palette(ui);
        let format = |color, background| TextFormat {
            font_id: self.font.clone(),
            color,
            background,
            // As the field has it in which the line is written.
            line_height: Some(self.line_height),
            ..TextFormat::default()
        };
        let mut job = LayoutJob::default();
        job.wrap.max_width = self.wrap();
        let lit = lit.map(|word| word.bytes.clone());
        let ground = |at: usize| {
            if lit.as_ref().is_some_and(|lit| lit.contains(&at)) {
                return Some((palette.on_accent, palette.accent));
            }
            let (_, shown) = found.iter().find(|(place, _)| place.contains(&at))?;
            Some((palette.text, if *shown { palette.mark } else { palette.selected }))
        };
        let mut cuts: Vec<usize> = found.iter().flat_map(|(place, _)| [place.start, place.end]).collect();
        cuts.extend(lit.iter().flat_map(|lit| [lit.start, lit.end]));
        cuts.extend([0, line.text.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        for pair in cuts.windows(2) {
            let (colour, back) = ground(pair[0]).unwrap_or((palette.text, Color32::TRANSPARENT));
            job.append(line.text.get(pair[0]..pair[1]).unwrap_or_default(), 0.0, format(colour, back));
        }
        ui.fonts_mut(|fonts| fonts.layout_job(job))
    }
}

/// Draws a line.
pub(super) fn row_ui(
    ui: &mut Ui,
    pane: &TranscriptPane,
    layout: &RowLayout,
    place: &Place,
    view: &mut TranscriptView,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let Place { line: index, rect, spoken, at_s } = *place;
    let document = pane.editor.document();
    let line = &document.lines[index];
    let row = ui.interact(rect, list_item(index), Sense::CLICK);
    let name = line.speaker.and_then(|id| document.name(id));
    row.widget_info(|| {
        let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let text = format!("{} {name}{}", time_text(line.start_s), line.text);
        WidgetInfo::selected(Role::ListItem, true, spoken, text)
    });
    let editing = view.editing.as_ref().is_some_and(|edit| edit.line == index);
    let body = rect.shrink2(Vec2::new(4.0, 0.0));
    if view.selected().contains(&index) && view.selected().len() > 1 {
        ui.painter().rect_filled(body, CornerRadius::same(6), palette.selected);
    } else if spoken || editing {
        ui.painter().rect_filled(body, CornerRadius::same(6), palette.hovered);
    }
    if spoken {
        let bar = Rect::from_min_size(body.min + Vec2::new(0.0, 4.0), Vec2::new(3.0, body.height() - 8.0));
        ui.painter().rect_filled(bar, CornerRadius::same(2), palette.accent);
    }
    if index == view.cursor && ui.memory(|memory| memory.has_focus(rows::list_id())) {
        let stroke = Stroke::new(2.0, palette.accent);
        ui.painter().rect_stroke(body, CornerRadius::same(6), stroke, StrokeKind::Inside);
    }
    time_ui(ui, layout, place, line, view, commands);
    let chip = pos2(rect.left() + 12.0 + layout.time, rect.top() + PAD - 1.0);
    let end = if layout.narrow { rect.right() - 16.0 } else { rect.left() + layout.text.x - 8.0 };
    let room = end - chip.x;
    chip_ui(ui, Rect::from_min_size(chip, Vec2::new(room, CHIP)), document, index, view, commands);
    let at = rect.min + layout.text;
    if editing {
        field_ui(ui, pane, layout, index, at, view, commands);
        return;
    }
    let lit = line.word_at(at_s).filter(|_| spoken).map(|word| &line.words[word]);
    let found: Vec<(Range<usize>, bool)> = view.find.in_line(index).collect();
    let galley = layout.galley(ui, line, lit, &found);
    ui.painter().galley(at, galley.clone(), palette.text);
    let mut written = row.double_clicked();
    words_ui(ui, line, &galley, at, &row, lit, |response, word| {
        if response.double_clicked() {
            written = true;
            view.edit(index, Some(word.bytes.start));
        } else if response.clicked() {
            view.go_to(index, false);
            view.reveal = None;
            commands.send(Command::Transcript(TranscriptCommand::PlayFrom(word.start_s)));
        }
    });
    if written && view.editing.as_ref().is_none_or(|edit| edit.line != index) {
        view.edit(index, None);
    }
    if written {
        // What was begun by the first of the two clicks.
        view.reveal = None;
        if pane.is_playing() {
            commands.send(Command::Transcript(TranscriptCommand::PlayPause));
        }
    } else if row.clicked() {
        view.go_to(index, ui.input(|input| input.modifiers.shift));
        view.reveal = None;
        view.focus_lines = true;
    }
}

fn list_item(index: usize) -> Id {
    rows::list_id().with(index)
}

/// When the line begins; a click plays from there, with Shift it selects the lines up to here.
fn time_ui(
    ui: &mut Ui,
    layout: &RowLayout,
    place: &Place,
    line: &Line,
    view: &mut TranscriptView,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let rect = Rect::from_min_size(place.rect.min + Vec2::new(12.0, PAD), Vec2::new(layout.time - 8.0, 20.0));
    let response = ui.interact(rect, list_item(place.line).with("time"), Sense::CLICK);
    let text = time_text(line.start_s);
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, say!("transcript-play-line", line = text.as_str()))
    });
    let colour = if response.hovered() || place.spoken { palette.accent } else { palette.weak };
    let galley = ui.painter().layout_no_wrap(text, FontId::monospace(size::SMALL), colour);
    let at = pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, colour);
    if response.clicked() {
        let extend = ui.input(|input| input.modifiers.shift);
        view.go_to(place.line, extend);
        view.reveal = None;
        view.focus_lines = true;
        if !extend {
            commands.send(Command::Transcript(TranscriptCommand::PlayFrom(line.start_s)));
        }
    }
    response.on_hover_cursor(CursorIcon::PointingHand);
}

/// Makes each word something to click, and marks those that the model was not sure of.
fn words_ui(
    ui: &Ui,
    line: &Line,
    galley: &Galley,
    at: egui::Pos2,
    row: &Response,
    lit: Option<&Word>,
    mut act: impl FnMut(&Response, &Word),
) {
    let palette = theme::palette(ui);
    let (mut byte, mut char) = (0, 0);
    for (i, word) in line.words.iter().enumerate() {
        char += line.text[byte..word.bytes.start].chars().count();
        let n = line.text[word.bytes.clone()].chars().count();
        let (start, end) = (char, char + n);
        (byte, char) = (word.bytes.end, end);
        if end > MOST_CHARS {
            return;
        }
        let from = galley.pos_from_cursor(CCursor { index: start.into(), prefer_next_row: true });
        let to = galley.pos_from_cursor(CCursor { index: end.into(), prefer_next_row: false });
        let right = if to.top() > from.top() + 1.0 { galley.size().x } else { to.right() };
        let rect = Rect::from_min_max(from.left_top(), pos2(right, from.bottom())).translate(at.to_vec2());
        let response = ui.interact(rect, row.id.with(i), Sense::CLICK);
        let unsure = word.confidence < UNSURE_BELOW;
        let said = &line.text[word.bytes.clone()];
        let sure = say!("transcript-sure", percent = (100.0 * word.confidence).round());
        response.widget_info(|| {
            let text = if unsure { format!("{said}, {sure}") } else { said.to_owned() };
            WidgetInfo::selected(Role::Button, true, lit.is_some_and(|lit| std::ptr::eq(lit, word)), text)
        });
        if unsure {
            dotted(ui, rect, palette.warn);
        }
        if response.hovered() {
            let y = rect.bottom() - 1.0;
            ui.painter().hline(rect.x_range(), y, Stroke::new(1.0, palette.accent));
        }
        act(&response, word);
        let response = response.on_hover_cursor(CursorIcon::PointingHand);
        if unsure {
            response.on_hover_text(sure);
        }
    }
}

fn dotted(ui: &Ui, rect: Rect, colour: Color32) {
    let n = ((rect.width() - 1.0) / 4.0).max(1.0) as usize;
    for i in 0..=n {
        ui.painter().circle_filled(
            pos2(rect.left() + 1.0 + 4.0 * i as f32, rect.bottom() - 1.0),
            1.0,
            colour,
        );
    }
}

/// The field in which a line is written. What is written is in the transcript at once.
fn field_ui(
    ui: &mut Ui,
    pane: &TranscriptPane,
    layout: &RowLayout,
    index: usize,
    at: egui::Pos2,
    view: &mut TranscriptView,
    commands: &Commands,
) {
    let send = |edit| commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
    let palette = theme::palette(ui);
    let line = &pane.editor.document().lines[index];
    let Some(edit) = &mut view.editing else { return };
    let revision = pane.editor.revision();
    if edit.revision != Some(revision) {
        edit.draft.clone_from(&line.text);
        edit.revision = Some(revision);
    }
    let id = edit_id();
    let is_new = edit.put_cursor.is_some();
    if let Some(byte) = edit.put_cursor.take() {
        put_cursor(ui, id, &edit.draft, byte);
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let cursor = cursor_of(ui, id, &edit.draft);
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let focused = ui.memory(|memory| memory.has_focus(id));
    if focused && pressed(Key::Enter) {
        return enter(index, line, cursor, view, commands);
    }
    // A selection is deleted by the field, not by this.
    if focused && index > 0 && cursor == Some(0) && pressed(Key::Backspace) {
        let joined = pane.editor.document().lines[index - 1].joined_with(line).1;
        send(Edit::Join(index));
        return view.edit(index - 1, Some(joined));
    }
    let galley = layout.galley(ui, line, None, &[]);
    let area = Rect::from_min_size(at, Vec2::new(layout.wrap(), galley.size().y.max(20.0)));
    let frame = area.expand2(Vec2::new(6.0, 3.0));
    let stroke = Stroke::new(1.0, palette.accent);
    ui.painter().rect(frame, CornerRadius::same(4), palette.field, stroke, StrokeKind::Outside);
    let mut inner = ui.new_child(UiBuilder::new().max_rect(area));
    let field = TextEdit::multiline(&mut edit.draft)
        .id(id)
        .frame(Frame::new())
        .margin(egui::Margin::ZERO)
        .font(layout.font.clone())
        .desired_width(area.width())
        .desired_rows(1)
        .return_key(None);
    let response = inner.add(field);
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_label(say!("transcript-line-text", number = index + 1))
    });
    if response.changed() {
        // A line has no breaks; what is pasted may have.
        let text = edit.draft.replace(['\n', '\r'], " ");
        send(Edit::SetText { line: index, text });
    }
    if response.lost_focus() && !is_new {
        view.editing = None;
        send(Edit::Leave(index));
    }
}

/// Enter cuts the line in two; at its end it goes on to the next line.
fn enter(index: usize, line: &Line, cursor: Option<usize>, view: &mut TranscriptView, commands: &Commands) {
    let send = |edit| commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
    match cursor.filter(|at| line.split(*at).is_some()) {
        Some(at) => {
            send(Edit::Split { line: index, at });
            view.edit(index + 1, Some(0));
        }
        None => {
            view.stop_editing();
            send(Edit::Leave(index));
            view.go_to(index + 1, false);
        }
    }
}

/// The byte where the cursor is; none while something is selected.
fn cursor_of(ui: &Ui, id: Id, text: &str) -> Option<usize> {
    let range = TextEditState::load(ui.ctx(), id)?.cursor.char_range()?;
    let char = usize::from(range.single()?.index);
    Some(text.char_indices().nth(char).map_or(text.len(), |(byte, _)| byte))
}

fn put_cursor(ui: &Ui, id: Id, text: &str, byte: usize) {
    let char = text.char_indices().take_while(|(at, _)| *at < byte).count();
    let mut state = TextEditState::load(ui.ctx(), id).unwrap_or_default();
    state.clear_undoer();
    state.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(char))));
    state.store(ui.ctx(), id);
}
