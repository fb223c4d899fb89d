//! Find in the document.

use egui::Ui;

use super::view::TabView;
use crate::command::{Command, Commands, ReaderCommand};
use crate::say;
use crate::state::{Query, Tab};
use crate::ui::widgets::{FindBarView, find_bar_ui as bar_ui};
use crate::words::say;

/// Draws the bar, and goes to what was found.
pub(super) fn find_bar_ui(ui: &mut Ui, tab: &Tab, memory: &mut TabView, commands: &Commands) {
    if !memory.find.open {
        return;
    }
    let count = count(tab, memory);
    let bar = &mut memory.find;
    let view = FindBarView {
        field: say("reader-find"),
        query: &mut bar.query,
        focus: &mut bar.focus,
        count,
        has_hits: !tab.finder.hits.is_empty(),
    };
    let done = bar_ui(ui, view, |_| {}, |_| {});
    if done.closed {
        memory.find.open = false;
        memory.selection = None;
    }
    if done.changed {
        search(memory, memory.find.query.clone(), commands);
    }
    let go = done.step;
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
        (_, 0) if finder.is_done => return say("reader-find-nothing").to_owned(),
        (Some((index, _)), n) => say!("reader-find-of", at = index + 1, count = format!("{n}{more}")),
        (None, n) => say!("reader-find-found", count = format!("{n}{more}")),
    };
    match tab.info() {
        Some(info) if !finder.is_done => {
            let percent = 100 * finder.searched / info.n_pages().max(1);
            say!("reader-find-searched", found = found, percent = percent)
        }
        _ => found,
    }
}
