//! Which documents are open is kept, so that they are open at the next start.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::App;
use crate::storage::Write;

/// The name of what is kept between runs.
const KEPT: &str = "documents";

/// Documents that are opened again, at most: each has a thread.
const MOST: usize = 12;

/// What is kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tabs {
    /// The conversation beside which they are; 0 for one in which nothing was said yet, which is not kept.
    conversation: i64,
    files: Vec<PathBuf>,
    active: usize,
    is_shown: bool,
}

/// Beside which conversation documents are now.
fn beside(app: &App) -> Option<i64> {
    let current = app.state.current()?;
    Some(if current.is_blank() { 0 } else { current.id.0 })
}

/// Writes down which documents are open, unless that is what was written last.
pub(crate) fn save_tabs(app: &mut App) {
    if app.state.current().is_some_and(|c| c.temporary) {
        return;
    }
    let (reader, beside) = (&app.state.reader, beside(app));
    let kept = app.active.reader.tabs.as_ref();
    let is_same = |tabs: &Tabs| {
        Some(tabs.conversation) == beside
            && (tabs.active, tabs.is_shown) == (reader.active, reader.is_shown)
            && tabs.files.iter().eq(reader.tabs.iter().map(|tab| &tab.path))
    };
    if kept.is_some_and(is_same) {
        return;
    }
    let tabs = Tabs {
        conversation: beside.unwrap_or(0),
        files: reader.tabs.iter().map(|tab| tab.path.clone()).collect(),
        active: reader.active,
        is_shown: reader.is_shown,
    };
    if let Ok(json) = serde_json::to_string(&tabs) {
        app.storage.write(Write::Setting(KEPT, json));
    }
    app.active.reader.tabs = Some(tabs);
}

/// Opens the documents that were open beside this conversation when Medley ended; those that are gone are left out.
pub(crate) fn restore_tabs(app: &mut App) {
    let tabs: Tabs = app.storage.kept(KEPT).unwrap_or_default();
    if beside(app) != Some(tabs.conversation) {
        return;
    }
    let shown = tabs.files.get(tabs.active).cloned();
    for path in tabs.files.iter().filter(|path| path.is_file()).take(MOST) {
        super::open(app, path);
    }
    let reader = &mut app.state.reader;
    reader.active = reader.tabs.iter().position(|tab| Some(&tab.path) == shown.as_ref()).unwrap_or(0);
    reader.is_shown = tabs.is_shown && !reader.tabs.is_empty();
}
