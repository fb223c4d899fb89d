//! The keys of the reading pane. What a text field has a use for is left to it.

use egui::{Event, Key, Modifiers, Rect, Response, Ui};

use super::layout::MARGIN;
use super::pages::{percent, zoom_around};
use super::view::{Goal, ReaderView, Selection, TabView};
use crate::command::{Command, Commands, ReaderCommand};
use crate::state::{
    AppState, Colour, DocumentInfo, Overlay, Position, Purpose, Side, Step, Tab, TextPos, Zoom, step,
};

/// Points for an arrow key.
const ARROW: f32 = 60.0;

/// How much larger a step makes pages.
const ZOOM_STEP: f32 = 1.15;

const CTRL: Modifiers = Modifiers::COMMAND;
const ALT: Modifiers = Modifiers::ALT;
const NONE: Modifiers = Modifiers::NONE;
const SHIFT: Modifiers = Modifiers::SHIFT;

/// Keys that work wherever the keyboard is, while a document is shown.
pub(super) fn pane_keys(ui: &Ui, state: &AppState, tab: &Tab, view: &mut ReaderView, commands: &Commands) {
    if state.overlay != Overlay::None {
        return;
    }
    let send = |command| commands.send(Command::Reader(command));
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    let writes = ui.ctx().text_edit_focused();
    if pressed(CTRL | SHIFT, Key::Tab) || pressed(CTRL, Key::PageUp) {
        send(ReaderCommand::StepTab(-1));
    }
    if pressed(CTRL, Key::Tab) || pressed(CTRL, Key::PageDown) {
        send(ReaderCommand::StepTab(1));
    }
    if !writes && pressed(CTRL, Key::W) {
        send(ReaderCommand::Close(None));
    }
    for (key, side) in [(Key::Num1, Side::Contents), (Key::Num2, Side::Pages), (Key::Num3, Side::Notes)] {
        if pressed(ALT, key) {
            send(ReaderCommand::SetSide(if state.reader.side == side { Side::None } else { side }));
        }
    }
    let memory = view.tab(tab.id);
    if pressed(CTRL, Key::F) {
        (memory.find.open, memory.find.focus) = (true, true);
    }
    if memory.find.open || !memory.find.query.text.is_empty() {
        for (modifiers, forward) in [(SHIFT, false), (NONE, true)] {
            if pressed(modifiers, Key::F3) {
                memory.find.open = true;
                memory.step_hit(tab, forward);
            }
        }
    }
    for (key, back) in [(Key::ArrowLeft, true), (Key::ArrowRight, false)] {
        if pressed(ALT, key) {
            memory.go(back);
        }
    }
    if pressed(CTRL, Key::G) {
        memory.page_field = Some(String::new());
    }
}

/// Keys of the pages themselves, and those that make them larger and smaller.
pub(super) fn pages_keys(
    ui: &Ui,
    state: &AppState,
    info: &DocumentInfo,
    memory: &mut TabView,
    response: &Response,
    commands: &Commands,
) {
    if state.overlay != Overlay::None {
        return;
    }
    let now_s = ui.input(|input| input.time);
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    let inner = Rect::from_min_size(response.rect.min, egui::Vec2::new(response.rect.width(), memory.height));
    for (key, factor) in [(Key::Plus, ZOOM_STEP), (Key::Equals, ZOOM_STEP), (Key::Minus, 1.0 / ZOOM_STEP)] {
        if pressed(CTRL, key) && !memory.layout.sizes.is_empty() {
            zoom_around(memory, info, inner, inner.center_top(), factor, now_s);
        }
    }
    if pressed(CTRL, Key::Num0) {
        memory.set_zoom(Zoom::FitWidth, now_s);
    }
    if pressed(CTRL, Key::Num9) {
        memory.set_zoom(Zoom::FitPage, now_s);
    }
    if !response.has_focus() || ui.ctx().text_edit_focused() {
        return;
    }
    ui.memory_mut(|memory| {
        let keep =
            egui::EventFilter { horizontal_arrows: true, vertical_arrows: true, tab: false, escape: false };
        memory.set_focus_lock_filter(response.id, keep);
    });
    select_keys(ui, info, memory);
    let screen = (memory.height - ARROW).max(ARROW);
    for (modifiers, key, down) in [
        (NONE, Key::ArrowDown, ARROW),
        (NONE, Key::ArrowUp, -ARROW),
        (NONE, Key::PageDown, screen),
        (NONE, Key::PageUp, -screen),
        (SHIFT, Key::Space, -screen),
        (NONE, Key::Space, screen),
    ] {
        if pressed(modifiers, key) {
            memory.scroll(down);
        }
    }
    let page = memory.page();
    for (key, to) in [
        (Key::Home, 1),
        (Key::End, info.n_pages()),
        (Key::ArrowLeft, page.saturating_sub(1).max(1)),
        (Key::ArrowRight, page + 1),
    ] {
        if pressed(NONE, key) {
            let far = page.abs_diff(to) > 1;
            let goal = Goal::Top(Position { page: to.min(info.n_pages()), y: 0.0 });
            if far { memory.jump(goal) } else { memory.goal = Some(goal) }
        }
    }
    let take = |selection: Selection, purpose| {
        let (from, to) = selection.range();
        commands.send(Command::Reader(ReaderCommand::Take(from, to, purpose)));
    };
    let copied = ui.input_mut(|input| {
        let before = input.events.len();
        if memory.selection.is_some() {
            input.events.retain(|event| !matches!(event, Event::Copy));
        }
        before != input.events.len()
    });
    let Some(selection) = memory.selection else { return };
    if copied {
        take(selection, Purpose::Copy);
    }
    for (key, purpose) in [
        (Key::H, Purpose::Highlight(Colour::Yellow)),
        (Key::Num1, Purpose::Highlight(Colour::Yellow)),
        (Key::Num2, Purpose::Highlight(Colour::Green)),
        (Key::Num3, Purpose::Highlight(Colour::Blue)),
        (Key::Num4, Purpose::Highlight(Colour::Pink)),
        (Key::N, Purpose::Note),
        (Key::A, Purpose::Ask),
        (Key::E, Purpose::Explain),
        (Key::S, Purpose::Summarise),
    ] {
        if pressed(NONE, key) {
            take(selection, purpose);
        }
    }
}

/// Selecting with the keyboard: Shift with the arrows leads the end of the selection, Ctrl+A selects everything.
fn select_keys(ui: &Ui, info: &DocumentInfo, memory: &mut TabView) {
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    let at = |page: u32, line: u32| TextPos { page, line, byte: 0 };
    if pressed(CTRL, Key::A) {
        memory.selection = Some(Selection {
            anchor: at(1, 0),
            head: TextPos { page: info.n_pages(), line: u32::MAX, byte: u32::MAX },
        });
    }
    for (modifiers, key, by, forward) in [
        (CTRL | SHIFT, Key::ArrowRight, Step::Word, true),
        (CTRL | SHIFT, Key::ArrowLeft, Step::Word, false),
        (SHIFT, Key::ArrowRight, Step::Character, true),
        (SHIFT, Key::ArrowLeft, Step::Character, false),
        (SHIFT, Key::ArrowDown, Step::Line, true),
        (SHIFT, Key::ArrowUp, Step::Line, false),
    ] {
        if !pressed(modifiers, key) {
            continue;
        }
        let selection = memory.selection.or_else(|| {
            let place = first_in_view(memory)?;
            Some(Selection { anchor: place, head: place })
        });
        let Some(mut selection) = selection else { continue };
        let head = selection.head;
        let here = memory.texts.get(&head.page).and_then(|page| step(page, head, by, forward));
        let next_page = if forward { head.page + 1 } else { head.page.saturating_sub(1) };
        let there = || {
            let page = memory.texts.get(&next_page)?;
            let line = if forward { 0 } else { page.lines.len().checked_sub(1)? };
            let byte = if forward { 0 } else { page.lines[line].text.len() };
            Some(TextPos { page: next_page, line: line as u32, byte: byte as u32 })
        };
        if let Some(head) = here.or_else(there) {
            selection.head = head;
            memory.selection = Some(selection);
            keep_in_view(memory, head);
        }
    }
}

/// The first line that is in view.
fn first_in_view(memory: &TabView) -> Option<TextPos> {
    let number = memory.anchor.page as u32 + 1;
    let (page, number) = match memory.texts.get(&number).filter(|page| !page.lines.is_empty()) {
        Some(page) => (page, number),
        None => (memory.texts.get(&(number + 1))?, number + 1),
    };
    let height = memory.layout.sizes.get(number as usize - 1)?.y.max(1.0);
    let above = if number == memory.anchor.page as u32 + 1 { memory.anchor.above / height } else { 0.0 };
    let line = page.lines.iter().position(|line| line.area.is_none_or(|area| area.y0 >= above)).unwrap_or(0);
    Some(TextPos { page: number, line: line as u32, byte: 0 })
}

/// Scrolls as far as the end of the selection needs it.
fn keep_in_view(memory: &mut TabView, place: TextPos) {
    let Some(page) = memory.texts.get(&place.page) else { return };
    let index = place.page as usize - 1;
    let Some(size) = memory.layout.sizes.get(index) else { return };
    let line = page.lines.get(place.line as usize);
    let share = line
        .and_then(|line| line.area)
        .map_or_else(|| place.line as f32 / page.lines.len().max(1) as f32, |area| area.y1);
    let top = memory.layout.offset(memory.anchor);
    let at = memory.layout.offset(super::layout::Anchor { page: index, above: share * size.y });
    let (from, to) = (top + MARGIN, top + memory.height - 60.0);
    if at < from {
        memory.scroll(at - from - 40.0);
    } else if at > to {
        memory.scroll(at - to + 40.0);
    }
}

/// The size of the pages for people: "120 %".
pub(super) fn zoom_text(memory: &TabView, info: &DocumentInfo) -> String {
    format!("{:.0} %", percent(memory, info))
}
