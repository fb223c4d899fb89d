//! Text is selected with the pointer, also across pages.

use egui::{Modifiers, PointerButton, Pos2, Rect, Response, Ui, pos2};

use super::bar::colour_name;
use super::pages::Shown;
use super::view::{Selection, TabView};
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{AppState, Colour, Purpose, Tab, TextPos, word_at};

/// Points a second for each point that the pointer is outside of the pages.
const SCROLL_SPEED: f32 = 8.0;

/// What the pointer does to the selection.
pub(super) fn pointer(
    ui: &Ui,
    tab: &Tab,
    memory: &mut TabView,
    response: &Response,
    inner: Rect,
    shown: &[Shown],
    commands: &Commands,
) {
    let at = response.interact_pointer_pos();
    if response.drag_started_by(PointerButton::Primary)
        && let Some(origin) = ui.input(|input| input.pointer.press_origin())
    {
        memory.is_selecting = true;
        let shift = ui.input(|input| input.modifiers.shift);
        let place = place(shown, origin);
        memory.selection = match (memory.selection, place) {
            (Some(before), Some(head)) if shift => Some(Selection { head, ..before }),
            (_, place) => place.map(|place| Selection { anchor: place, head: place }),
        };
    }
    if memory.is_selecting
        && let Some(at) = at
    {
        let outside = (at.y - inner.bottom()).max(0.0) - (inner.top() - at.y).max(0.0);
        if outside != 0.0 {
            let dt = ui.input(|input| input.stable_dt).min(0.1);
            memory.scroll(SCROLL_SPEED * outside * dt);
            ui.ctx().request_repaint();
        }
        let inside = pos2(at.x, at.y.min(inner.bottom() - 1.0).max(inner.top() + 1.0));
        if let (Some(selection), Some(head)) = (&mut memory.selection, place(shown, inside)) {
            selection.head = head;
        }
    }
    if response.drag_stopped() || !ui.input(|input| input.pointer.any_down()) {
        memory.is_selecting = false;
        memory.selection = memory.selection.filter(|selection| selection.anchor != selection.head);
    }
    if response.clicked()
        && let Some(at) = at
    {
        click(ui, tab, memory, response, shown, at, commands);
    }
}

fn click(
    ui: &Ui,
    tab: &Tab,
    memory: &mut TabView,
    response: &Response,
    shown: &[Shown],
    at: Pos2,
    commands: &Commands,
) {
    response.request_focus();
    let Some(page) = nearest(shown, at) else { return };
    let place = page.place(at);
    if response.triple_clicked() {
        memory.selection = place.and_then(|place| paragraph(page, place));
    } else if response.double_clicked() {
        memory.selection = place.zip(page.page()).and_then(|(place, text)| {
            let (anchor, head) = word_at(text, place);
            (anchor < head).then_some(Selection { anchor, head })
        });
    } else if ui.input(|input| input.modifiers.matches_logically(Modifiers::SHIFT)) {
        if let (Some(before), Some(head)) = (memory.selection, place) {
            memory.selection = Some(Selection { head, ..before });
        }
    } else {
        memory.selection = None;
        if let Some(mark) = page.mark_at(tab, at) {
            commands.send(Command::Reader(ReaderCommand::EditNote(mark)));
        }
    }
}

/// The paragraph around a place.
fn paragraph(page: &Shown, place: TextPos) -> Option<Selection> {
    let text = page.page()?;
    let number = text.lines.get(place.line as usize)?.paragraph;
    let first = text.lines.iter().position(|line| line.paragraph == number)?;
    let last = text.lines.iter().rposition(|line| line.paragraph == number)?;
    let at = |line: usize, byte: usize| TextPos { page: place.page, line: line as u32, byte: byte as u32 };
    Some(Selection { anchor: at(first, 0), head: at(last, text.lines[last].text.len()) })
}

/// The page under or next to a point.
fn nearest(shown: &[Shown], at: Pos2) -> Option<&Shown> {
    shown.iter().min_by(|a, b| a.rect.distance_sq_to_pos(at).total_cmp(&b.rect.distance_sq_to_pos(at)))
}

fn place(shown: &[Shown], at: Pos2) -> Option<TextPos> {
    nearest(shown, at)?.place(at)
}

/// What can be done with a selection, for the menu and the bar.
pub(super) const PURPOSES: [Purpose; 5] =
    [Purpose::Note, Purpose::Copy, Purpose::Ask, Purpose::Explain, Purpose::Summarise];

/// The menu of the right button.
pub(super) fn menu(response: &Response, state: &AppState, memory: &TabView, commands: &Commands) {
    let Some(selection) = memory.selection else { return };
    let (from, to) = selection.range();
    response.context_menu(|ui| {
        ui.set_min_width(180.0);
        let take = |purpose| ReaderCommand::Take(from, to, purpose);
        for purpose in PURPOSES {
            let command = take(purpose);
            let why_not = Command::Reader(command.clone()).enabled(state).err();
            let button = ui.add_enabled(why_not.is_none(), egui::Button::new(command.label()));
            if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
                commands.send(Command::Reader(command));
                ui.close();
            }
        }
        for colour in Colour::ALL {
            if ui.button(say!("reader-highlight-in", colour = colour_name(colour))).clicked() {
                commands.send(Command::Reader(take(Purpose::Highlight(colour))));
                ui.close();
            }
        }
    });
}
