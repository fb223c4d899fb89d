//! Documents that are read: open, close, keep where one was.

mod content;

mod marks;

mod news;

mod passages;

mod tabs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::{Evidence, Place};

use super::{transcript, viewer};
use crate::App;
use crate::command::ReaderCommand;
use crate::jobs::{Desk, JobId, Near, Post, Work, serve};
use crate::state::{
    AttachmentId, Citation, ExchangeId, Finder, Load, PageBoxes, Passage, Position, Query, Reading, Side,
    Tab, TabId, Zoom,
};
use crate::storage::Write;

pub(super) use content::{was_added, was_checked, was_read, were_read};
pub(super) use marks::{notes_written, place_chosen};
pub(super) use news::news;
pub(crate) use tabs::{restore_tabs, save_tabs};

/// Where somebody is in a document is on the disk at most this much later, in seconds.
const SAVE_AFTER_S: f64 = 1.0;

/// The threads of the documents and what of these is kept.
#[derive(Debug, Default)]
pub(super) struct Readers {
    open: BTreeMap<TabId, Open>,
    searches: u64,
    /// What was written down of the documents that are open.
    tabs: Option<tabs::Tabs>,
}

/// What serves a document.
#[derive(Debug)]
struct Open {
    job: JobId,
    desk: Arc<Desk>,
    /// What is on the disk; none until it was looked for.
    saved: Option<(Position, Zoom)>,
    /// When it first differed from that.
    changed_s: Option<f64>,
    /// Highlights changed since.
    marks_changed: bool,
    /// What looks at its content.
    look: Option<JobId>,
}

pub(super) fn run(app: &mut App, command: ReaderCommand) {
    match command {
        ReaderCommand::Open(id) => {
            if let Some(path) = app.state.current().and_then(|c| c.attachment(id)).map(|a| a.path.clone()) {
                open(app, &path);
            }
        }
        ReaderCommand::OpenPassage(path, passage) => {
            let id = open(app, &path);
            app.view.reader.show_passage(id, &passage);
            look_for(app, id, &passage);
            if let Some(tab) = app.state.reader.tab_mut(id) {
                let range = passage.places.is_empty().then_some((passage.from, passage.to));
                tab.citation = Some(Citation {
                    evidence: None,
                    page: passage.from.page,
                    quote: passage.text,
                    places: passage.places,
                    range,
                    is_lost: false,
                });
            }
        }
        ReaderCommand::Toggle => toggle(app),
        ReaderCommand::Hide => hide(app),
        ReaderCommand::Show(id) => show(app, id),
        ReaderCommand::StepTab(by) => {
            let n = app.state.reader.tabs.len() as i32;
            if n > 1 {
                let next = (app.state.reader.active as i32 + by).rem_euclid(n) as usize;
                let id = app.state.reader.tabs[next].id;
                show(app, id);
            }
        }
        ReaderCommand::Close(id) => {
            let id = id.or_else(|| app.state.reader.shown().map(|tab| tab.id));
            if let Some(id) = id {
                close(app, id);
            }
        }
        ReaderCommand::Reload => reload(app),
        ReaderCommand::KeepOld => {
            if let Some(tab) = shown_mut(app) {
                tab.changed = None;
            }
        }
        ReaderCommand::SetSide(side) => {
            app.state.reader.side = side;
            app.view.reader.close_note();
        }
        ReaderCommand::Want(id, wanted) => {
            if let Some(open) = app.active.reader.open.get(&id) {
                open.desk.want(wanted);
            }
        }
        ReaderCommand::Find(query, from) => find(app, query, from),
        ReaderCommand::Take(from, to, purpose) => {
            if let Some(id) = app.state.reader.shown().map(|tab| tab.id)
                && let Some(open) = app.active.reader.open.get(&id)
            {
                open.desk.work(Work::Take { from, to, purpose });
            }
        }
        ReaderCommand::CloseCitation => {
            if let Some(tab) = shown_mut(app) {
                tab.citation = None;
            }
        }
        ReaderCommand::EditNote(mark) => marks::edit(app, mark),
        ReaderCommand::SetColour(mark, colour) => marks::change(app, mark, |mark| mark.colour = colour),
        ReaderCommand::SetNote(mark, note) => marks::change(app, mark, |mark| mark.note = note),
        ReaderCommand::DeleteMark(mark) => marks::delete(app, mark),
        ReaderCommand::RestoreMark(tab, mark) => marks::restore(app, tab, *mark),
        ReaderCommand::Export => marks::choose_place(app),
        ReaderCommand::ExportTo(tab, path) => marks::write(app, tab, path),
        ReaderCommand::AskAbout(files) => {
            app.state.about = files;
            app.state.about_library = None;
        }
        ReaderCommand::ShowLink(address) => app.state.reader.link = address,
        ReaderCommand::DropPassage => app.state.passage = None,
    }
}

fn shown_mut(app: &mut App) -> Option<&mut Tab> {
    let id = app.state.reader.shown()?.id;
    app.state.reader.tab_mut(id)
}

/// Shows a document; it is opened when it is not.
pub(super) fn open(app: &mut App, path: &Path) -> TabId {
    transcript::close(app);
    viewer::close(app);
    if let Some(id) = app.state.reader.tabs.iter().find(|tab| tab.path == path).map(|tab| tab.id) {
        show(app, id);
        return id;
    }
    let id = TabId(app.state.fresh_id());
    let attachment = app.state.current().and_then(|c| c.attachments.iter().find(|a| a.path == path));
    let (attachment, sha256) = (attachment.map(|a| a.id), attachment.and_then(|a| a.sha256.clone()));
    app.state.reader.tabs.push(Tab {
        id,
        path: path.to_path_buf(),
        attachment,
        sha256,
        document: Load::Loading,
        marks: Vec::new(),
        citation: None,
        finder: Finder::default(),
        changed: None,
    });
    content::restore(app, id);
    start(app, id);
    content::look_at(app, id);
    show(app, id);
    id
}

/// Starts the thread of a document.
fn start(app: &mut App, id: TabId) {
    let Some(tab) = app.state.reader.tab(id) else { return };
    let (path, desk) = (tab.path.clone(), Arc::new(Desk::default()));
    let opener = crate::jobs::opener(app.store.as_ref());
    let for_thread = desk.clone();
    let job = app.jobs.spawn("document", move |job, cancel, events| {
        serve(&opener, &path, &for_thread, cancel, &Post { job, tab: id, events });
    });
    let before = app.active.reader.open.remove(&id);
    let saved = before.as_ref().and_then(|before| before.saved);
    let marks_changed = before.is_some_and(|before| before.marks_changed);
    let open = Open { job, desk, saved, changed_s: None, marks_changed, look: None };
    app.active.reader.open.insert(id, open);
    content::give_read(app, id);
}

/// Ends the thread of a document, and what looks at its content.
fn stop(app: &mut App, id: TabId) {
    if let Some(open) = app.active.reader.open.get_mut(&id) {
        open.desk.close();
        app.jobs.forget(open.job);
        if let Some(job) = open.look.take() {
            app.jobs.forget(job);
        }
    }
}

fn show(app: &mut App, id: TabId) {
    let Some(at) = app.state.reader.tabs.iter().position(|tab| tab.id == id) else { return };
    save(app);
    transcript::close(app);
    viewer::close(app);
    app.state.reader.active = at;
    app.state.reader.is_shown = true;
    app.view.reader.focus();
}

fn toggle(app: &mut App) {
    if app.state.reader.is_shown {
        return hide(app);
    }
    if let Some(tab) = app.state.reader.tabs.get(app.state.reader.active) {
        let id = tab.id;
        return show(app, id);
    }
    let documents = app.state.current().map(|c| c.attachments.as_slice()).unwrap_or_default();
    let last = documents.iter().rev().find(|a| a.is_document()).map(|a| a.path.clone());
    if let Some(path) = last {
        open(app, &path);
    }
}

/// Hides the pane; documents stay open, without their pictures.
pub(super) fn hide(app: &mut App) {
    if app.state.reader.is_shown {
        save(app);
        app.state.reader.is_shown = false;
        app.view.reader.free_pictures();
        for open in app.active.reader.open.values() {
            open.desk.want(crate::state::Wanted::default());
        }
        app.view.focus_composer = true;
    }
}

/// Escape: closes what is on top.
pub(super) fn escape(app: &mut App) {
    let Some(tab) = app.state.reader.shown() else { return };
    let (id, has_citation) = (tab.id, tab.citation.is_some());
    if app.view.reader.close_on_top(id) {
        return;
    }
    if has_citation {
        return run(app, ReaderCommand::CloseCitation);
    }
    hide(app);
}

fn close(app: &mut App, id: TabId) {
    save(app);
    stop(app, id);
    app.active.reader.open.remove(&id);
    app.view.reader.close(id);
    let reader = &mut app.state.reader;
    let Some(at) = reader.tabs.iter().position(|tab| tab.id == id) else { return };
    reader.tabs.remove(at);
    if reader.active > at || reader.active >= reader.tabs.len() {
        reader.active = reader.active.saturating_sub(1);
    }
    if reader.tabs.is_empty() {
        reader.is_shown = false;
        app.view.focus_composer = true;
    }
}

/// Closes all documents.
pub(super) fn close_all(app: &mut App) {
    while let Some(id) = app.state.reader.tabs.last().map(|tab| tab.id) {
        close(app, id);
    }
    app.state.about.clear();
    app.state.passage = None;
}

/// Loads the shown document again; one stays where one was, and highlights are looked for in the new text.
fn reload(app: &mut App) {
    let Some(id) = app.state.reader.shown().map(|tab| tab.id) else { return };
    save(app);
    stop(app, id);
    app.view.reader.reload(id);
    let Some(tab) = app.state.reader.tab_mut(id) else { return };
    tab.document = Load::Loading;
    let changed = tab.changed.take().is_some();
    tab.finder = Finder::default();
    let quotes = tab.marks.iter().map(|mark| (mark.id, mark.passage.from.page, mark.passage.text.clone()));
    let quotes: Vec<_> = quotes.collect();
    let cited = tab.citation.as_ref().map(|citation| (citation.page, citation.quote.clone()));
    let attachment = tab.attachment.filter(|_| changed);
    if changed {
        // What is kept belongs to the content, which is looked at again.
        tab.sha256 = None;
    }
    start(app, id);
    content::look_at(app, id);
    if let Some(open) = app.active.reader.open.get_mut(&id).filter(|_| changed) {
        if !quotes.is_empty() {
            open.desk.work(Work::Locate(quotes));
        }
        if let Some((page, quote)) = cited {
            open.desk.work(Work::Cite { near: Near::Page(page), quote, boxes: Vec::new() });
        }
    }
    if let Some(attachment) = attachment {
        super::attach::retry(app, attachment);
    }
}

fn find(app: &mut App, query: Query, from: u32) {
    let reader = &mut app.active.reader;
    reader.searches += 1;
    let serial = reader.searches;
    let Some(tab) = app.state.reader.shown().map(|tab| tab.id).and_then(|id| app.state.reader.tab_mut(id))
    else {
        return;
    };
    let is_done = query.text.trim().is_empty();
    tab.finder = Finder { query: query.clone(), serial, is_done, ..Finder::default() };
    if let Some(open) = reader.open.get(&tab.id) {
        open.desk.work(Work::Find { serial, query, from });
    }
}

/// Shows the quote of an answer in its document.
pub(super) fn open_evidence(app: &mut App, of: Option<(ExchangeId, usize)>, evidence: &Evidence) {
    let (page, boxes, near) = match &evidence.place {
        Place::Page { page, boxes } => (*page, boxes.as_slice(), Near::Page(*page)),
        // The page of a time is known once the subtitles are open.
        Place::Time { start_s, .. } => (1, Default::default(), Near::Time(*start_s)),
        Place::Frame { .. } | Place::Picture { .. } => return,
    };
    let id = open(app, &evidence.source);
    let quote = evidence.quote.clone().or_else(|| evidence.label.clone()).unwrap_or_default();
    let places = match boxes.is_empty() {
        true => Vec::new(),
        false => vec![PageBoxes { page, boxes: boxes.to_vec() }],
    };
    match (boxes.first(), near) {
        (Some(area), _) => app.view.reader.go_to_point(id, page, area.y0),
        (None, Near::Page(page)) => app.view.reader.go_to_page(id, page),
        (None, Near::Time(_)) => {}
    }
    // What a picture shows has no words to look for.
    let is_looked_for = !quote.trim().is_empty() && (boxes.is_empty() || evidence.quote.is_some());
    if let Some(tab) = app.state.reader.tab_mut(id) {
        let quote = quote.clone();
        tab.citation = Some(Citation { evidence: of, page, quote, places, range: None, is_lost: false });
    }
    // Where lines have no place, or other words stand there now, the words are looked for.
    if let Some(open) = app.active.reader.open.get(&id).filter(|_| is_looked_for) {
        open.desk.work(Work::Cite { near, quote, boxes: boxes.to_vec() });
    }
}

/// Looks whether a passage still stands where it was taken out; one of several pages is not looked for.
fn look_for(app: &App, id: TabId, passage: &Passage) {
    if let ([place], Some(open)) = (passage.places.as_slice(), app.active.reader.open.get(&id)) {
        let (near, boxes) = (Near::Page(place.page), place.boxes.clone());
        open.desk.work(Work::Cite { near, quote: passage.text.clone(), boxes });
    }
}

/// Keeps where one is, when that is due; in how many seconds it will be.
pub(super) fn tick(app: &mut App) -> Option<f64> {
    save_tabs(app);
    let tab = app.state.reader.shown()?;
    let id = tab.id;
    if tab.sha256.is_none() || tab.info().is_none() {
        return None;
    }
    let now = app.view.reader.reading(id);
    let now_s = app.state.now_s;
    let open = app.active.reader.open.get_mut(&id)?;
    if open.saved == Some(now) && !open.marks_changed {
        open.changed_s = None;
        return None;
    }
    let left_s = *open.changed_s.get_or_insert(now_s) + SAVE_AFTER_S - now_s;
    if left_s > 0.0 {
        return Some(left_s);
    }
    save(app);
    None
}

/// Keeps where one is, and highlights, now.
pub(super) fn save(app: &mut App) {
    if let Some(id) = app.state.reader.shown().map(|tab| tab.id) {
        save_tab(app, id);
    }
}

fn save_tab(app: &mut App, id: TabId) {
    let Some(tab) = app.state.reader.tab(id) else { return };
    let (Some(sha256), true) = (tab.sha256.clone(), tab.info().is_some()) else { return };
    let is_elsewhere = tab.attachment.is_none();
    let is_temporary = app.state.current().is_some_and(|c| c.temporary);
    if is_elsewhere && is_temporary && app.state.library.document(&tab.path).is_none() {
        // Only a temporary conversation knows of it.
        return;
    }
    let (position, zoom) = app.view.reader.reading(id);
    let Some(open) = app.active.reader.open.get_mut(&id) else { return };
    if open.saved == Some((position, zoom)) && !open.marks_changed {
        return;
    }
    (open.saved, open.changed_s, open.marks_changed) = (Some((position, zoom)), None, false);
    if is_elsewhere {
        app.storage.keep_file(&sha256);
    }
    let reading = Reading { position, zoom, marks: tab.marks.clone() };
    app.storage.write(Write::Reading { sha256, reading });
}

/// A file is taken out of the conversation: nothing is asked about it any more.
pub(super) fn forget(app: &mut App, attachment: AttachmentId) {
    app.state.about.retain(|id| *id != attachment);
    app.state.passage.take_if(|passage| passage.attachment == attachment);
    let tab = app.state.reader.tabs.iter_mut().find(|tab| tab.attachment == Some(attachment));
    let Some(tab) = tab else { return };
    let id = tab.id;
    if app.state.library.document(&tab.path).is_none() {
        return close(app, id);
    }
    // The library has it still.
    tab.attachment = None;
    content::look_at(app, id);
}

/// Shows highlights and notes beside the pages.
fn show_notes(app: &mut App) {
    app.state.reader.side = Side::Notes;
}
