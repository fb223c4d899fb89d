//! Highlights and notes.

use std::path::{Path, PathBuf};

use super::show_notes;
use crate::App;
use crate::command::{Command, ReaderCommand};
use crate::jobs::{JobEvent, JobId};
use crate::platform::{dialog, files};
use crate::say;
use crate::state::{Colour, Mark, MarkId, Passage, TabId, Toast, as_markdown, file_name};
use crate::words::say;

/// Seconds in which a deletion can be undone.
const UNDO_S: f64 = 10.0;

/// Highlights a passage.
pub(super) fn add(app: &mut App, id: TabId, passage: Passage, colour: Colour) -> Option<MarkId> {
    let mark = MarkId(app.state.fresh_id());
    let tab = app.state.reader.tab_mut(id)?;
    let at = tab.marks.partition_point(|mark| mark.passage.from <= passage.from);
    tab.marks.insert(at, Mark { id: mark, passage, colour, note: String::new(), is_lost: false });
    changed(app, id);
    Some(mark)
}

fn changed(app: &mut App, id: TabId) {
    if let Some(open) = app.active.reader.open.get_mut(&id) {
        open.marks_changed = true;
    }
}

/// Shows a highlight in the list, with its note to be written.
pub(super) fn edit(app: &mut App, id: MarkId) {
    let note = app.state.reader.shown().and_then(|tab| tab.marks.iter().find(|mark| mark.id == id));
    if let Some(note) = note.map(|mark| mark.note.clone()) {
        show_notes(app);
        app.view.reader.edit_note(id, &note);
    }
}

pub(super) fn change(app: &mut App, id: MarkId, change: impl FnOnce(&mut Mark)) {
    let Some(tab) = app.state.reader.tabs.iter_mut().find(|tab| tab.marks.iter().any(|mark| mark.id == id))
    else {
        return;
    };
    let tab_id = tab.id;
    if let Some(mark) = tab.mark_mut(id) {
        change(mark);
        changed(app, tab_id);
    }
}

pub(super) fn delete(app: &mut App, id: MarkId) {
    let Some(tab) = super::shown_mut(app) else { return };
    let Some(at) = tab.marks.iter().position(|mark| mark.id == id) else { return };
    let (tab_id, mark) = (tab.id, tab.marks.remove(at));
    app.view.reader.close_note();
    app.state.toast = Some(Toast {
        text: say("reader-mark-deleted").into(),
        action: Some((
            say("reader-undo"),
            Command::Reader(ReaderCommand::RestoreMark(tab_id, Box::new(mark))),
        )),
        until_s: app.state.now_s + UNDO_S,
    });
    changed(app, tab_id);
}

pub(super) fn restore(app: &mut App, id: TabId, mark: Mark) {
    app.state.toast = None;
    let Some(tab) = app.state.reader.tab_mut(id) else { return };
    let at = tab.marks.partition_point(|other| other.passage.from <= mark.passage.from);
    tab.marks.insert(at, mark);
    changed(app, id);
}

/// Where the words of highlights stand in a document that changed.
pub(super) fn located(app: &mut App, id: TabId, found: Vec<(MarkId, Option<Passage>)>) {
    let Some(tab) = app.state.reader.tab_mut(id) else { return };
    for (mark, place) in found {
        let Some(mark) = tab.mark_mut(mark) else { continue };
        mark.is_lost = place.is_none();
        if let Some(place) = place {
            mark.passage = Passage { text: mark.passage.text.clone(), ..place };
        }
    }
    tab.marks.sort_by_key(|mark| mark.passage.from);
    changed(app, id);
}

/// Lets the user choose where highlights and notes go.
pub(super) fn choose_place(app: &mut App) {
    let Some(tab) = app.state.reader.shown() else { return };
    let id = tab.id;
    let name = format!("{} notes", tab.path.file_stem().unwrap_or_default().to_string_lossy());
    let folder = tab.path.parent().map(Path::to_path_buf);
    app.state.picking = true;
    app.jobs.spawn("file dialog", move |job, _, events| {
        let place = dialog::choose_place("Export highlights and notes", &name, "md", folder.as_deref());
        events.send(job, JobEvent::NotesPlace(id, place));
    });
}

pub(in crate::update) fn place_chosen(app: &mut App, job: JobId, id: TabId, place: Option<PathBuf>) {
    app.jobs.close(job);
    app.state.picking = false;
    if let Some(path) = place {
        write(app, id, path);
    }
}

/// Writes highlights and notes, off the window's thread.
pub(super) fn write(app: &mut App, id: TabId, path: PathBuf) {
    let Some(tab) = app.state.reader.tab(id) else { return };
    let title = tab.info().and_then(|info| info.title.clone()).unwrap_or_else(|| tab.name());
    let text = as_markdown(&title, &tab.marks);
    app.jobs.spawn("export", move |job, _, events| {
        let written = files::write_whole(&path, text.as_bytes()).map(|()| path.clone());
        let result = written.map_err(|error| format!("{}: it could not be written: {error}", path.display()));
        events.send(job, JobEvent::NotesWritten(result));
    });
}

pub(in crate::update) fn notes_written(app: &mut App, job: JobId, result: Result<PathBuf, String>) {
    app.jobs.close(job);
    match result {
        Ok(path) => app.state.say(say!("reader-notes-written", name = file_name(&path))),
        Err(reason) => app.state.say(reason),
    }
}
