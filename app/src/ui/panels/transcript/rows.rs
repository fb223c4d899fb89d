//! The lines: only those in view are laid out.

use egui::accesskit::Role;
use egui::{EventFilter, Id, Key, Modifiers, Rect, ScrollArea, Sense, Ui, Vec2, WidgetInfo};

use super::TranscriptView;
use super::row::{Place, RowLayout, row_ui};
use crate::command::{Command, Commands, TranscriptCommand};
use crate::say;
use crate::state::{Document, Edit, TranscriptPane};
use crate::ui::widgets::time_text;

/// Lines out of view that are measured in a frame, until all are.
const MEASURED_AHEAD: usize = 24;

/// Names the lines for the keyboard.
pub(super) fn list_id() -> Id {
    Id::unique("transcript lines")
}

/// Draws the lines in view.
pub(super) fn rows_ui(ui: &mut Ui, pane: &TranscriptPane, view: &mut TranscriptView, commands: &Commands) {
    let document = pane.editor.document();
    let n = document.lines.len();
    (view.cursor, view.anchor) = (view.cursor.min(n - 1), view.anchor.min(n - 1));
    if view.editing.as_ref().is_some_and(|edit| edit.line >= n) {
        view.editing = None;
    }
    list_keys(ui, pane, view, commands);
    let area = ui.available_rect_before_wrap();
    let layout = RowLayout::new(ui, area.width(), document);
    view.heights.update(document, pane.editor.revision(), layout.wrap(), |line| layout.guess(line));
    let playing = pane.is_playing();
    let at_s = pane.at_s();
    let spoken = document.line_at(at_s).filter(|_| playing || at_s > 0.0);
    let wanted = wanted_offset(view, spoken, document);

    let mut scroll = ScrollArea::vertical().id_salt("transcript rows").auto_shrink([false, false]);
    if let Some(offset) = wanted {
        scroll = scroll.vertical_scroll_offset(offset);
    }
    // How much lines above the view turned out to be taller than was assumed.
    let mut shift = 0.0;
    let before = wanted.unwrap_or(view.offset);
    let output = scroll.show_viewport(ui, |ui, viewport| {
        ui.set_height(view.heights.total());
        let origin = ui.max_rect().min;
        let (first, mut top) = view.heights.at(viewport.min.y);
        let mut line = first;
        view.laid_out = 0;
        while line < n && top < viewport.max.y {
            let measured = layout.height(ui, &document.lines[line]);
            view.heights.measured(line, measured);
            let rect = Rect::from_min_size(origin + Vec2::new(0.0, top), Vec2::new(area.width(), measured));
            let place = Place { line, rect, spoken: spoken == Some(line), at_s };
            row_ui(ui, pane, &layout, &place, view, commands);
            view.laid_out += 1;
            top += measured;
            line += 1;
        }
        if line > first {
            view.in_view_s = (document.lines[first].start_s, document.lines[line - 1].end_s);
        }
        shift = measure_ahead(ui, document, &layout, first, line, view);
    });
    let offset = output.state.clamped_offset().y;
    // Somebody scrolled: the view stays where they want it.
    if wanted.is_none() && (offset - before).abs() > 0.5 && ui.input(scrolled) {
        view.following = false;
    }
    (view.offset, view.height, view.shift) = (offset, output.inner_rect.height(), shift);
    if !view.heights.all_known() {
        ui.ctx().request_repaint();
    }
    list_node(ui, area, document, view);
}

fn scrolled(input: &egui::InputState) -> bool {
    input.smooth_scroll_delta().y != 0.0 || input.pointer.any_down()
}

/// Where the view has to go, if it has to.
fn wanted_offset(view: &mut TranscriptView, spoken: Option<usize>, document: &Document) -> Option<f32> {
    let height = view.height;
    let most = (view.heights.total() - height).max(0.0);
    let shift = std::mem::take(&mut view.shift);
    if let Some(time_s) = view.begin_s.take() {
        let line = document.line_at(time_s).unwrap_or(0);
        (view.cursor, view.anchor) = (line, line);
        return Some((view.heights.top(line) - 0.3 * height).clamp(0.0, most));
    }
    let (line, room) = match (view.reveal.take(), spoken) {
        (Some(line), _) => (line, 0.05),
        // The line that is spoken stays in the upper part, so that what comes can be read.
        (None, Some(line)) if view.following && view.editing.is_none() => (line, 0.25),
        _ => return moved(view.offset, shift),
    };
    let (top, tall) = (view.heights.top(line), view.heights.of(line));
    let (from, to) = (view.offset + 0.02 * height, view.offset + (1.0 - room) * height);
    if top >= from && top + tall <= to {
        return moved(view.offset, shift);
    }
    Some((top - 0.3 * height).clamp(0.0, most)).filter(|offset| (offset - view.offset).abs() > 0.5)
}

/// Keeps what is in view where it is on the screen, when lines above turned out to be of another height.
fn moved(offset: f32, shift: f32) -> Option<f32> {
    (shift != 0.0).then_some(offset + shift)
}

/// Measures some lines near the view, so that the whole length is soon known; how far those above it have moved it.
fn measure_ahead(
    ui: &Ui,
    document: &Document,
    layout: &RowLayout,
    first: usize,
    end: usize,
    view: &mut TranscriptView,
) -> f32 {
    if view.heights.all_known() {
        return 0.0;
    }
    let (mut shift, mut left) = (0.0, MEASURED_AHEAD);
    let (mut below, mut above) = (end..document.lines.len(), (0..first).rev());
    while left > 0 {
        let next = below.by_ref().find(|line| !view.heights.is_known(*line));
        let Some(line) = next.or_else(|| above.by_ref().find(|line| !view.heights.is_known(*line))) else {
            break;
        };
        let difference = view.heights.measured(line, layout.height(ui, &document.lines[line]));
        if line < first {
            shift += difference;
        }
        view.laid_out += 1;
        left -= 1;
    }
    shift
}

/// Moving through the lines and writing in them by keyboard.
fn list_keys(ui: &Ui, pane: &TranscriptPane, view: &mut TranscriptView, commands: &Commands) {
    if std::mem::take(&mut view.focus_lines) {
        ui.memory_mut(|memory| memory.request_focus(list_id()));
    }
    if view.editing.is_some() || !ui.memory(|memory| memory.has_focus(list_id())) {
        return;
    }
    let filter = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(list_id(), filter));
    let last = pane.editor.document().lines.len() - 1;
    let page = ((ui.available_height() / view.heights.total().max(1.0)) * last as f32).max(1.0) as usize;
    let moves: [(Key, &dyn Fn(usize) -> usize); 6] = [
        (Key::ArrowUp, &|line| line.saturating_sub(1)),
        (Key::ArrowDown, &|line| line + 1),
        (Key::PageUp, &|line| line.saturating_sub(page)),
        (Key::PageDown, &|line| line + page),
        (Key::Home, &|_| 0),
        (Key::End, &|_| last),
    ];
    for (key, to) in moves {
        for (modifiers, extend) in [(Modifiers::SHIFT, true), (Modifiers::NONE, false)] {
            if ui.input_mut(|input| input.consume_key(modifiers, key)) {
                view.go_to(to(view.cursor).min(last), extend);
                view.following = false;
            }
        }
    }
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let (enter, f2) = (pressed(Key::Enter), pressed(Key::F2));
    if enter || f2 {
        view.edit(view.cursor, None);
        if pane.is_playing() {
            commands.send(Command::Transcript(TranscriptCommand::PlayPause));
        }
    }
    if pressed(Key::S) {
        view.open_menu = Some(view.cursor);
    }
    if pressed(Key::P) {
        let start_s = pane.editor.document().lines[view.cursor].start_s;
        commands.send(Command::Transcript(TranscriptCommand::PlayFrom(start_s)));
    }
    if pressed(Key::Delete) && !view.selected().is_empty() {
        // Emptied and left: the line goes, and one Undo brings it back.
        let line = view.cursor;
        for edit in [Edit::SetText { line, text: String::new() }, Edit::Leave(line)] {
            commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
        }
    }
}

/// The lines as one control, which says where the keyboard is.
fn list_node(ui: &Ui, area: Rect, document: &Document, view: &TranscriptView) {
    let response = ui.interact(area, list_id(), Sense::focusable_noninteractive());
    response.widget_info(|| {
        let text = document.lines.get(view.cursor).map_or(String::new(), |line| {
            let name = line.speaker.and_then(|id| document.name(id)).map(|name| format!("{name}: "));
            format!("{}, {}{}", time_text(line.start_s), name.unwrap_or_default(), line.text)
        });
        let (at, n) = (view.cursor + 1, document.lines.len());
        WidgetInfo::labeled(Role::List, true, say!("transcript-lines", at = at, count = n, text = text))
    });
}
