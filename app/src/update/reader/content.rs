//! What is known of the content of a document: its hash, what was kept under it, and the words in its pictures.

use std::path::Path;

use super::super::attach;
use crate::App;
use crate::jobs::{JobId, Looked, Post, Work, look};
use crate::state::{AttachmentId, Holdings, Mark, TabId};

/// Looks at the content of a document that no conversation holds; files of conversations are looked at as such.
pub(super) fn look_at(app: &mut App, id: TabId) {
    let Some(tab) = app.state.reader.tab(id).filter(|tab| tab.attachment.is_none()) else { return };
    let (path, known) = (tab.path.clone(), attach::known_reads(app));
    let job = app.jobs.spawn("content", move |job, cancel, events| {
        look(&path, &known, cancel, &Post { job, tab: id, events });
    });
    let Some(open) = app.active.reader.open.get_mut(&id) else { return };
    if let Some(before) = open.look.replace(job) {
        app.jobs.forget(before);
    }
}

/// A document was looked at.
pub(super) fn looked(app: &mut App, job: JobId, id: TabId, looked: Result<Looked, String>) {
    app.jobs.close(job);
    let Some(open) = app.active.reader.open.get_mut(&id).filter(|open| open.look == Some(job)) else {
        return;
    };
    open.look = None;
    let known = app.state.reader.tab(id).and_then(|tab| tab.sha256.as_ref());
    match looked {
        // It changed on the disk; what is open is what it was.
        Ok(Looked { sha256, .. }) if known.is_some_and(|known| *known != sha256) => {}
        Ok(Looked { sha256, read }) => {
            if let Some(read) = read {
                open.desk.work(Work::Read(read));
            }
            is_content(app, id, &sha256);
        }
        // The thread of the document says so where the person sees it.
        Err(reason) => log::info!("{reason}"),
    }
}

/// A file was looked at: what is kept of its content is known now.
pub(in crate::update) fn was_checked(app: &mut App, attachment: AttachmentId, sha256: &str) {
    if let Some(id) = tab_of(app, attachment) {
        is_content(app, id, sha256);
    }
}

/// The content of a document that was not known before.
fn is_content(app: &mut App, id: TabId, sha256: &str) {
    let Some(tab) = app.state.reader.tab_mut(id).filter(|tab| tab.sha256.is_none()) else { return };
    tab.sha256 = Some(sha256.to_owned());
    restore(app, id);
    if let Some(open) = app.active.reader.open.get_mut(&id) {
        open.marks_changed = true;
    }
    // Nobody comes back for one that is not shown.
    if app.state.reader.shown().is_none_or(|shown| shown.id != id) {
        super::save_tab(app, id);
    }
}

/// Goes to where the document was left, and shows its highlights beside those that were made meanwhile.
pub(super) fn restore(app: &mut App, id: TabId) {
    let Some(tab) = app.state.reader.tab_mut(id) else { return };
    let Some(sha256) = tab.sha256.clone() else { return };
    match app.storage.reading(&sha256) {
        Ok(Some(reading)) => {
            let is_new = |kept: &&Mark| !tab.marks.iter().any(|mark| mark.id == kept.id);
            let kept: Vec<_> = reading.marks.iter().filter(is_new).cloned().collect();
            tab.marks.extend(kept);
            tab.marks.sort_by_key(|mark| mark.passage.from);
            app.view.reader.restore(id, &reading);
        }
        Ok(None) => {}
        Err(error) => {
            let name = tab.name();
            app.state.say(format!("What was kept of {name} cannot be read: {error}"));
        }
    }
}

/// A file was read: scans have words now.
pub(in crate::update) fn was_read(app: &App, attachment: AttachmentId) {
    if let Some(id) = tab_of(app, attachment) {
        give_read(app, id);
    }
}

/// Documents that the library read to their end since it held this: scans have words now.
pub(in crate::update) fn were_read(app: &mut App, before: &Holdings) {
    let was_complete = |path: &Path| before.document(path).is_some_and(|one| one.complete);
    let is_complete = |path: &Path| app.state.library.document(path).is_some_and(|one| one.complete);
    let tabs = app.state.reader.tabs.iter();
    let read = tabs.filter(|tab| is_complete(&tab.path) && !was_complete(&tab.path)).map(|tab| tab.id);
    for id in read.collect::<Vec<_>>() {
        look_at(app, id);
    }
}

/// Words that were read in the pictures of a scan can be found and selected.
pub(super) fn give_read(app: &App, id: TabId) {
    let Some(tab) = app.state.reader.tab(id) else { return };
    let attachment = tab.attachment.and_then(|id| app.state.current()?.attachment(id));
    if let (Some(read), Some(open)) = (attachment.and_then(|a| a.read()), app.active.reader.open.get(&id)) {
        open.desk.work(Work::Read(read));
    }
}

/// A document that is open became a file of the shown conversation.
pub(in crate::update) fn was_added(app: &mut App, attachment: AttachmentId) {
    let path = app.state.current().and_then(|c| c.attachment(attachment)).map(|a| a.path.clone());
    if let Some(tab) = app.state.reader.tabs.iter_mut().find(|tab| Some(&tab.path) == path.as_ref()) {
        tab.attachment = Some(attachment);
    }
}

fn tab_of(app: &App, attachment: AttachmentId) -> Option<TabId> {
    app.state.reader.tabs.iter().find(|tab| tab.attachment == Some(attachment)).map(|tab| tab.id)
}
