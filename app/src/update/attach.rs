//! Files: add, check, read, remove.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::Stage;
use engine::media::Kind;
use engine::tasks::ask::ReadFile;

use super::{conversation, reader, transcript, viewer};
use crate::App;
use crate::jobs::{Checked, EngineJob, JobEvent, JobId, KnownReads, MediaJob, MediaNews};
use crate::platform::{clipboard, dialog, screen};
use crate::say;
use crate::state::{Attachment, AttachmentId, AttachmentState, ConversationId, Load, Overlay};
use crate::storage::Write;
use crate::words::say;

/// Opens the file dialog.
pub(super) fn choose(app: &mut App) {
    app.state.picking = true;
    app.jobs.spawn("file dialog", |job, _, events| {
        events.send(job, JobEvent::Picked(dialog::choose_files()));
    });
}

pub(super) fn picked(app: &mut App, job: JobId, paths: Vec<PathBuf>) {
    app.jobs.close(job);
    app.state.picking = false;
    if !paths.is_empty() {
        add(app, paths);
    }
}

/// Does something on a thread of its own that ends in files for the shown conversation. `work` is given the folder for
/// what it makes.
fn gather(
    app: &mut App,
    name: &str,
    work: impl FnOnce(&Path, f64) -> Result<Vec<PathBuf>, String> + Send + 'static,
) {
    let folder = match conversation::folder_for_files(app) {
        Ok(folder) => folder,
        Err(reason) => return app.state.say(reason),
    };
    let (conversation, now_s) = (app.state.selected, app.state.now_s);
    let language = app.state.settings.language;
    app.jobs.spawn(name, move |job, _, events| {
        crate::words::set_language(language);
        let files = work(&folder, now_s);
        events.send(job, JobEvent::Media(MediaNews::Pasted(conversation, files)));
    });
}

/// Adds what was gathered to the conversation for which it was; to the shown one where that is gone.
pub(super) fn pasted(
    app: &mut App,
    conversation: Option<ConversationId>,
    files: Result<Vec<PathBuf>, String>,
) {
    match files {
        Ok(files) if files.is_empty() => {}
        Ok(files) => {
            add_to(app, conversation, files);
            // The conversation may have been kept while its picture was written.
            match conversation::take_files_over(app, conversation) {
                Ok(true) => conversation.into_iter().for_each(|id| save_all(app, id)),
                Ok(false) => {}
                Err(reason) => app.state.say(reason),
            }
        }
        Err(reason) => app.state.say(reason),
    }
}

/// Lets the person choose a part of the screen.
pub(super) fn capture(app: &mut App) {
    gather(app, "screen", |folder, now_s| {
        let made = screen::capture().map_err(|reason| say!("media-no-capture", reason = reason))?;
        let kept = made.map(|made| clipboard::save_capture(folder, &made, now_s)).transpose();
        kept.map(|path| path.into_iter().collect()).map_err(|error| format!("{error:#}"))
    });
}

/// Adds what lies in the clipboard. A picture in it may take a second to be decoded and written.
pub(super) fn paste(app: &mut App) {
    gather(app, "clipboard", |folder, now_s| match clipboard::read()? {
        clipboard::Pasted::Files(paths) => Ok(paths),
        clipboard::Pasted::Picture(size, rgba) => saved_picture(folder, size, &rgba, now_s),
    });
}

fn saved_picture(folder: &Path, size: [usize; 2], rgba: &[u8], now_s: f64) -> Result<Vec<PathBuf>, String> {
    let saved = clipboard::save_picture(folder, size, rgba, now_s);
    saved.map(|path| vec![path]).map_err(|error| format!("{error:#}"))
}

/// Saves a long text away from the window's thread: it may have many megabytes.
pub(super) fn add_text(app: &mut App, text: Arc<str>) {
    app.state.say(say("media-long-text"));
    gather(app, "pasted text", move |folder, now_s| {
        let saved = clipboard::save_text(folder, &text, now_s);
        saved.map(|path| vec![path]).map_err(|error| format!("{error:#}"))
    });
}

/// Encodes a picture away from the window's thread: one of a whole screen takes half a second.
pub(super) fn add_picture(app: &mut App, picture: Arc<egui::ColorImage>) {
    gather(app, "pasted picture", move |folder, now_s| {
        let rgba: Vec<u8> = picture.pixels.iter().flat_map(egui::Color32::to_srgba_unmultiplied).collect();
        saved_picture(folder, picture.size, &rgba, now_s)
    });
}

/// Adds files to the shown conversation and starts to read them.
pub(super) fn add(app: &mut App, paths: Vec<PathBuf>) {
    add_to(app, None, paths);
}

/// Adds files to a conversation, to the shown one where there is no such, and starts to read them.
fn add_to(app: &mut App, conversation: Option<ConversationId>, paths: Vec<PathBuf>) {
    if app.state.current().is_none() {
        conversation::new(app);
    }
    let is_there = |id: &ConversationId| app.state.conversations.iter().any(|c| c.id == *id);
    let Some(id) = conversation.filter(is_there).or(app.state.selected) else { return };
    if app.state.overlay == Overlay::PathEntry {
        app.state.overlay = Overlay::None;
    }
    let mut known = 0;
    for path in paths {
        let path = std::path::absolute(&path).unwrap_or(path);
        let attachment = Attachment::new(AttachmentId(app.state.fresh_id()), path);
        let Some(conversation) = app.state.conversation_mut(id) else { return };
        if conversation.attachments.iter().any(|a| a.path == attachment.path) {
            known += 1;
            continue;
        }
        let attachment_id = attachment.id;
        conversation.attachments.push(attachment);
        reader::was_added(app, attachment_id);
        check(app, attachment_id);
    }
    if known > 0 {
        app.state.say(crate::words::say("media-already"));
    }
    conversation::touch(app, id);
    save_all(app, id);
    app.view.focus_composer = true;
}

/// Starts to look at a file: what it is, its hash, a small picture.
fn check(app: &mut App, id: AttachmentId) {
    let Some((_, attachment)) = app.state.attachment_mut(id) else { return };
    attachment.state = AttachmentState::Checking;
    let path = attachment.path.clone();
    let known = known_reads(app);
    let job = app.jobs.media(MediaJob::Check { attachment: id, path, known });
    app.active.reads.insert(id, job);
}

/// Where it may be known what is in a file.
pub(super) fn known_reads(app: &App) -> KnownReads {
    KnownReads { database: app.storage.path().to_path_buf(), library: super::library::folder(app) }
}

fn thumbnail(app: &mut App, id: AttachmentId, path: PathBuf) {
    if app.view.thumbnails.insert(id, Load::Loading).is_none() {
        app.jobs.media(MediaJob::Thumbnail { attachment: id, path });
    }
}

/// Fetches what was found in a file before.
fn recall(app: &mut App, id: AttachmentId, sha256: String) {
    let Some((_, attachment)) = app.state.attachment_mut(id) else { return };
    let path = attachment.path.clone();
    let database = app.storage.path().to_path_buf();
    let job = app.jobs.media(MediaJob::Recall { attachment: id, path, sha256, database });
    app.active.reads.insert(id, job);
}

/// What was found before is here, or must be looked for again.
pub(super) fn recalled(app: &mut App, job: JobId, id: AttachmentId, known: Option<Arc<ReadFile>>) {
    app.jobs.close(job);
    app.active.reads.remove(&id);
    let Some((_, attachment)) = app.state.attachment_mut(id) else { return };
    let (kind, path) = (attachment.kind, attachment.path.clone());
    let Some(read) = known else { return check(app, id) };
    attachment.state = AttachmentState::Read(read);
    if kind.is_some_and(|kind| kind != Kind::Sound) {
        thumbnail(app, id, path);
    }
}

/// Small pictures that are held before those of other conversations go: one takes about 80 KiB.
const MOST_THUMBNAILS: usize = 200;

/// Frees the small pictures of other conversations, when there are many; they are made again when they are shown.
pub(super) fn forget_pictures_of_others(app: &mut App, id: ConversationId) {
    if app.view.thumbnails.len() <= MOST_THUMBNAILS {
        return;
    }
    let of_this = app.state.conversation_mut(id).map(|c| c.attachments.iter().map(|a| a.id).collect());
    let of_this: std::collections::BTreeSet<AttachmentId> = of_this.unwrap_or_default();
    // What is being made comes all the same.
    app.view.thumbnails.retain(|id, picture| of_this.contains(id) || matches!(picture, Load::Loading));
}

/// Has the small pictures of a conversation made that are not there.
pub(super) fn show_pictures(app: &mut App, id: ConversationId) {
    let Some(conversation) = app.state.conversation_mut(id) else { return };
    let files = conversation.attachments.iter().filter(|a| {
        matches!(a.state, AttachmentState::Read(_)) && a.kind.is_some_and(|kind| kind != Kind::Sound)
    });
    let files: Vec<_> = files.map(|a| (a.id, a.path.clone())).collect();
    for (id, path) in files {
        if !app.view.thumbnails.contains_key(&id) {
            thumbnail(app, id, path);
        }
    }
}

pub(super) fn checked(app: &mut App, job: JobId, id: AttachmentId, result: Result<Checked, String>) {
    app.jobs.close(job);
    app.active.reads.remove(&id);
    let Some((conversation, attachment)) = app.state.attachment_mut(id) else { return };
    match result {
        Ok(Checked { kind, sha256, known }) => {
            let heard = app.active.heard.take_if(|(of, _)| *of == sha256).map(|(_, read)| read);
            let known = known.or(heard);
            attachment.kind = Some(kind);
            attachment.sha256 = Some(sha256);
            let path = attachment.path.clone();
            attachment.state = known.map_or(AttachmentState::Waiting, AttachmentState::Read);
            if matches!(kind, Kind::Picture | Kind::Video | Kind::Document) {
                thumbnail(app, id, path);
            }
        }
        Err(reason) => attachment.state = AttachmentState::Failed(reason_only(&reason, &attachment.path)),
    }
    save(app, conversation, id);
    if let Some(sha256) = app.state.attachment_mut(id).and_then(|(_, attachment)| attachment.sha256.clone()) {
        reader::was_checked(app, id, &sha256);
    }
    read_waiting(app);
}

/// Gives the engine what waits to be read, once its models are here.
pub(super) fn read_waiting(app: &mut App) {
    let App { state, jobs, active, .. } = app;
    if state.models.missing().next().is_some() {
        return;
    }
    for attachment in state.conversations.iter().flat_map(|c| &c.attachments) {
        let id = attachment.id;
        if attachment.state == AttachmentState::Waiting && !active.reads.contains_key(&id) {
            let job = jobs.engine(EngineJob::Read { attachment: id, path: attachment.path.clone() });
            active.reads.insert(id, job);
        }
    }
}

pub(super) fn progress(app: &mut App, id: AttachmentId, stage: Stage, done: u64, total: u64) {
    if let Some((_, attachment)) = app.state.attachment_mut(id) {
        attachment.state = AttachmentState::Reading { stage, done, total };
    }
}

pub(super) fn read_done(app: &mut App, job: JobId, id: AttachmentId, result: Result<ReadFile, String>) {
    app.jobs.close(job);
    app.active.reads.remove(&id);
    let App { state, storage, .. } = app;
    let Some((conversation, attachment)) = state.attachment_mut(id) else { return };
    attachment.state = match result {
        Ok(read) => {
            let read = Arc::new(read);
            if let Some(sha256) = attachment.sha256.clone() {
                storage.write(Write::FileRead { sha256, read: read.clone() });
            }
            attachment.kind = Some(read.kind);
            AttachmentState::Read(read)
        }
        Err(reason) => AttachmentState::Failed(reason_only(&reason, &attachment.path)),
    };
    save(app, conversation, id);
    transcript::was_read(app, id);
    reader::was_read(app, id);
    viewer::was_read(app, id);
}

/// The card shows the file's name already.
fn reason_only(reason: &str, path: &std::path::Path) -> String {
    let prefix = format!("{}: ", path.display());
    reason.strip_prefix(&prefix).unwrap_or(reason).to_owned()
}

pub(super) fn remove(app: &mut App, id: AttachmentId) {
    stop_reading(app, id);
    if app.state.transcript.as_ref().is_some_and(|pane| pane.attachment == id) {
        transcript::close(app);
    }
    reader::forget(app, id);
    viewer::forget(app, id);
    for conversation in &mut app.state.conversations {
        conversation.attachments.retain(|a| a.id != id);
    }
    app.view.thumbnails.remove(&id);
    app.storage.write(Write::DeleteAttachment(id));
    app.view.focus_composer = true;
}

pub(super) fn retry(app: &mut App, id: AttachmentId) {
    stop_reading(app, id);
    app.view.thumbnails.remove(&id);
    check(app, id);
}

pub(super) fn stop_reading(app: &mut App, id: AttachmentId) {
    if let Some(job) = app.active.reads.remove(&id) {
        app.jobs.forget(job);
    }
}

/// After a start or an undo: thumbnails, and reading of what was not finished.
pub(super) fn resume(app: &mut App, id: ConversationId) {
    let Some(conversation) = app.state.conversation_mut(id) else { return };
    let files: Vec<_> = conversation
        .attachments
        .iter()
        .map(|a| (a.id, a.path.clone(), a.kind, a.is_settled(), a.sha256.clone()))
        .collect();
    for (id, path, kind, settled, sha256) in files {
        if !settled {
            match sha256 {
                Some(sha256) => recall(app, id, sha256),
                None => check(app, id),
            }
        } else if kind.is_some_and(|kind| kind != Kind::Sound) {
            thumbnail(app, id, path);
        }
    }
}

fn save(app: &mut App, conversation: ConversationId, id: AttachmentId) {
    if let Some((_, attachment)) = app.state.attachment_mut(id) {
        let attachment = Box::new(attachment.clone());
        app.storage.write(Write::Attachment(conversation, attachment));
    }
}

/// Writes all files of a conversation.
pub(super) fn save_all(app: &mut App, id: ConversationId) {
    let App { state, storage, .. } = app;
    if let Some(conversation) = state.conversation_mut(id) {
        for attachment in &conversation.attachments {
            storage.write(Write::Attachment(id, Box::new(attachment.clone())));
        }
    }
}
