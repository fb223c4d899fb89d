//! Find in the document.

use egui::{Frame, Key, Margin, Stroke, Ui};

use super::super::transcript::{field_ui, select_all};
use super::view::TabView;
use super::weak;
use crate::command::{Command, Commands, ReaderCommand};
use crate::state::{Query, Tab};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, space};
use crate::ui::widgets::icon_button_ui;

/// The name of the field.
const FIELD: &str = "Find in the document";

/// Draws the bar, and goes to what was found.
pub(super) fn find_bar_ui(ui: &mut Ui, tab: &Tab, memory: &mut TabView, commands: &Commands) {
    if !memory.find.open {
        return;
    }
    let palette = theme::palette(ui);
    let mut go = None;
    Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::symmetric(space::S, space::XS))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                let bar = &mut memory.find;
                let before = bar.query.clone();
                let response = field_ui(ui, &mut bar.query.text, FIELD);
                if std::mem::take(&mut bar.focus) {
                    response.request_focus();
                    select_all(ui, response.id, &bar.query.text);
                }
                if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                    go = Some(!ui.input(|input| input.modifiers.shift));
                    response.request_focus();
                }
                ui.toggle_value(&mut bar.query.case, "Aa").on_hover_text("Capitals matter");
                ui.toggle_value(&mut bar.query.whole, "Words").on_hover_text("Whole words only");
                let query = bar.query.clone();
                let none = tab.finder.hits.is_empty().then_some("Nothing was found");
                if icon_button_ui(ui, Icon::Left, "Find previous", "Previous (Shift+F3)", none).clicked() {
                    go = Some(false);
                }
                if icon_button_ui(ui, Icon::Right, "Find next", "Next (F3)", none).clicked() {
                    go = Some(true);
                }
                ui.label(weak(ui, count(tab, memory)));
                if icon_button_ui(ui, Icon::Close, "Close find", "Close (Esc)", None).clicked() {
                    memory.find.open = false;
                    memory.selection = None;
                }
                if before != query {
                    search(memory, query, commands);
                }
            });
        });
    if let Some(forward) = go {
        memory.step_hit(tab, forward);
    } else if let Some(forward) = memory.find.pending
        && !tab.finder.hits.is_empty()
        && tab.finder.query == memory.find.query
    {
        memory.step_hit(tab, forward);
    }
}

/// Starts a search at the page that is shown; the first hit from there on is gone to as soon as it is found.
fn search(memory: &mut TabView, query: Query, commands: &Commands) {
    let from = memory.page();
    memory.find.at = None;
    memory.selection = None;
    memory.find.pending = (!query.text.trim().is_empty()).then_some(true);
    commands.send(Command::Reader(ReaderCommand::Find(query, from)));
}

/// "3 of 12", and how far the search is.
fn count(tab: &Tab, memory: &TabView) -> String {
    let finder = &tab.finder;
    if memory.find.query.text.trim().is_empty() {
        return String::new();
    }
    let n = finder.hits.len();
    let more = if finder.has_more { "+" } else { "" };
    let found = match (memory.hit(finder), n) {
        (_, 0) if finder.is_done => return "nothing found".to_owned(),
        (Some((index, _)), n) => format!("{} of {n}{more}", index + 1),
        (None, n) => format!("{n}{more} found"),
    };
    match tab.info() {
        Some(info) if !finder.is_done => {
            format!("{found}, {} % searched", 100 * finder.searched / info.n_pages().max(1))
        }
        _ => found,
    }
}
