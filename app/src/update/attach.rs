//! Files: add, check, read, remove.

use std::path::PathBuf;
use std::sync::Arc;

use engine::Stage;
use engine::media::Kind;
use engine::tasks::ask::ReadFile;

use super::{conversation, reader, transcript, viewer};
use crate::App;
use crate::jobs::{EngineJob, JobEvent, JobId, MediaJob, MediaNews};
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

/// Lets the person choose a part of the screen.
pub(super) fn capture(app: &mut App) {
    app.jobs.spawn("screen", |job, _, events| {
        events.send(job, JobEvent::Media(MediaNews::Captured(screen::capture())));
    });
}

pub(super) fn captured(app: &mut App, made: Result<Option<PathBuf>, String>) {
    let kept = match made {
        Ok(Some(made)) => clipboard::save_capture(&app.state.data_folder, &made, app.state.now_s),
        Ok(None) => return,
        Err(reason) => return app.state.say(say!("media-no-capture", reason = reason)),
    };
    match kept {
        Ok(path) => add(app, vec![path]),
        Err(error) => app.state.say(format!("{error:#}")),
    }
}

/// Adds what lies in the clipboard.
pub(super) fn paste(app: &mut App) {
    match clipboard::read() {
        Ok(clipboard::Pasted::Files(paths)) => add(app, paths),
        Ok(clipboard::Pasted::Picture(size, rgba)) => add_picture(app, size, &rgba),
        Err(reason) => app.state.say(reason),
    }
}

/// Saves a long text away from the window's thread: it may have many megabytes.
pub(super) fn add_text(app: &mut App, text: Arc<str>) {
    let folder = match conversation::folder_for_files(app) {
        Ok(folder) => folder,
        Err(reason) => return app.state.say(reason),
    };
    let now_s = app.state.now_s;
    app.jobs.spawn("pasted text", move |job, _, events| {
        let saved = clipboard::save_text(&folder, &text, now_s).map_err(|error| format!("{error:#}"));
        events.send(job, JobEvent::TextSaved(saved));
    });
}

pub(super) fn text_saved(app: &mut App, job: JobId, result: Result<PathBuf, String>) {
    app.jobs.close(job);
    match result {
        Ok(path) => {
            add(app, vec![path]);
            app.state.say(say("media-long-text"));
        }
        Err(reason) => app.state.say(reason),
    }
}

pub(super) fn add_picture(app: &mut App, size: [usize; 2], rgba: &[u8]) {
    let folder = match conversation::folder_for_files(app) {
        Ok(folder) => folder,
        Err(reason) => return app.state.say(reason),
    };
    match clipboard::save_picture(&folder, size, rgba, app.state.now_s) {
        Ok(path) => add(app, vec![path]),
        Err(error) => app.state.say(format!("{error:#}")),
    }
}

/// Adds files to the shown conversation and starts to read them.
pub(super) fn add(app: &mut App, paths: Vec<PathBuf>) {
    if app.state.current().is_none() {
        conversation::new(app);
    }
    let Some(id) = app.state.selected else { return };
    if app.state.overlay == Overlay::PathEntry {
        app.state.overlay = Overlay::None;
    }
    let mut known = 0;
    for path in paths {
        let path = std::path::absolute(&path).unwrap_or(path);
        let Some(conversation) = app.state.current() else { return };
        if conversation.attachments.iter().any(|a| a.path == path) {
            known += 1;
            continue;
        }
        let attachment = Attachment::new(AttachmentId(app.state.fresh_id()), path);
        let attachment_id = attachment.id;
        if let Some(conversation) = app.state.current_mut() {
            conversation.attachments.push(attachment);
        }
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
    let job = app.jobs.media(MediaJob::Check { attachment: id, path });
    app.active.reads.insert(id, job);
}

fn thumbnail(app: &mut App, id: AttachmentId, path: PathBuf) {
    if app.view.thumbnails.insert(id, Load::Loading).is_none() {
        app.jobs.media(MediaJob::Thumbnail { attachment: id, path });
    }
}

pub(super) fn checked(app: &mut App, job: JobId, id: AttachmentId, result: Result<(Kind, String), String>) {
    app.jobs.close(job);
    app.active.reads.remove(&id);
    let App { state, storage, .. } = app;
    let Some((conversation, attachment)) = state.attachment_mut(id) else { return };
    match result {
        Ok((kind, sha256)) => {
            attachment.kind = Some(kind);
            let known = storage.file_read(&sha256, &attachment.path).ok().flatten();
            attachment.sha256 = Some(sha256);
            let path = attachment.path.clone();
            match known {
                Some(read) => attachment.state = AttachmentState::Read(Arc::new(read)),
                None => attachment.state = AttachmentState::Waiting,
            }
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
    let files: Vec<_> =
        conversation.attachments.iter().map(|a| (a.id, a.path.clone(), a.kind, a.is_settled())).collect();
    for (id, path, kind, settled) in files {
        if !settled {
            check(app, id);
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
