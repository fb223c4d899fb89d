//! The transcript pane: open, correct, keep, close.

mod export;

mod hear;

mod play;

use std::sync::Arc;

use super::{ask, reader, viewer};
use crate::App;
use crate::command::TranscriptCommand;
use crate::jobs::{JobId, MediaJob};
use crate::state::{
    AttachmentId, AttachmentState, Context, Document, Edit, Hearing, Load, TranscriptPane, Wave,
};
use crate::storage::Write;

pub(super) use export::{exported, place_chosen};
pub(super) use hear::{heard, hearing_failed};
pub(super) use play::sound;

/// A change is on the disk at most this much later, in seconds.
const SAVE_AFTER_S: f64 = 0.5;

/// What works for the pane, and what of it is kept.
#[derive(Debug, Default)]
pub(super) struct Work {
    wave: Option<JobId>,
    hear: Option<JobId>,
    /// The revision that is on the disk.
    saved: u64,
    /// The revision that questions are answered from.
    told: u64,
    /// When the first change was made that is not on the disk.
    changed_s: Option<f64>,
}

pub(super) fn run(app: &mut App, command: TranscriptCommand) {
    match command {
        TranscriptCommand::Open(attachment, time_s) => open(app, attachment, time_s),
        TranscriptCommand::Close => close(app),
        TranscriptCommand::Edit(edit) => self::edit(app, &edit),
        TranscriptCommand::Undo => {
            change(app, |pane| pane.editor.undo());
        }
        TranscriptCommand::Redo => {
            change(app, |pane| pane.editor.redo());
        }
        TranscriptCommand::Revert => {
            let heard = app.state.transcript.as_ref().map(|pane| pane.heard.as_ref().clone());
            if let Some(heard) = heard {
                edit(app, &Edit::Reset(heard));
            }
        }
        TranscriptCommand::SetForm(form) => {
            if let Some(pane) = &mut app.state.transcript {
                pane.form = form;
            }
        }
        TranscriptCommand::ShowForm(open) => {
            if let Some(pane) = &mut app.state.transcript {
                pane.form_open = open;
            }
        }
        TranscriptCommand::Transcribe => hear::start(app),
        TranscriptCommand::StopTranscribing => hear::stop(app),
        TranscriptCommand::Seek(time_s) => play::seek(app, time_s),
        TranscriptCommand::PlayFrom(time_s) => play::play_from(app, time_s),
        TranscriptCommand::PlayPause => play::play_pause(app),
        TranscriptCommand::Skip(by_s) => {
            if let Some(pane) = &app.state.transcript {
                let to_s = pane.at_s() + by_s;
                play::seek(app, to_s);
            }
        }
        TranscriptCommand::SetSpeed(speed) => play::set_speed(app, speed),
        TranscriptCommand::Export(format) => export::choose(app, format),
        TranscriptCommand::ExportTo(format, path) => export::write(app, format, path),
        TranscriptCommand::Ask(question) => {
            let about = app.state.transcript.as_ref().map(|pane| pane.attachment);
            let about = about.into_iter().collect();
            ask::send(app, &question, Context { about, ..Context::default() });
            app.view.focus_composer = false;
        }
    }
}

/// Shows the transcript of what is looked at, or hides it.
pub(super) fn toggle(app: &mut App) {
    if app.state.transcript.is_some() {
        return close(app);
    }
    let Some(conversation) = app.state.current() else { return };
    let shown = app.state.viewer.as_ref().map(|viewer| (&viewer.path, viewer.time_s));
    let mut recordings = conversation.attachments.iter().filter(|a| a.is_recording());
    let looked_at = shown.and_then(|(path, time_s)| {
        let found = recordings.clone().find(|a| a.path == *path)?;
        Some((found.id, time_s))
    });
    if let Some((id, time_s)) = looked_at.or_else(|| recordings.next_back().map(|a| (a.id, 0.0))) {
        open(app, id, time_s);
    }
}

fn open(app: &mut App, id: AttachmentId, time_s: f64) {
    close(app);
    viewer::close(app);
    reader::hide(app);
    let attachment = app.state.current().and_then(|c| c.attachment(id));
    let Some((attachment, kind)) = attachment.and_then(|a| Some((a, a.kind?))) else { return };
    let (path, sha256, read) = (attachment.path.clone(), attachment.sha256.clone(), attachment.read());
    let mut pane = TranscriptPane::new(id, path.clone(), sha256, kind);
    pane.time_s = time_s;
    let kept = pane.sha256.as_ref().map(|sha256| app.storage.transcript(sha256));
    match kept {
        Some(Ok(Some(kept))) => pane.show(kept),
        Some(Err(error)) => {
            app.state.say(format!("The transcript of {} cannot be read: {error}", pane.name()));
        }
        _ => {
            if let Some(read) = read {
                show_read(&mut pane, &read);
            }
        }
    }
    app.view.transcript.reset(time_s);
    app.active.transcript = Work { wave: Some(app.jobs.media(MediaJob::Wave { path })), ..Work::default() };
    app.state.transcript = Some(pane);
}

/// What was heard when the file was read is a transcript already.
fn show_read(pane: &mut TranscriptPane, read: &engine::tasks::ask::ReadFile) {
    let document = Document::from_read(read);
    pane.is_silent = document.lines.is_empty();
    pane.heard = Arc::new(document.clone());
    pane.editor = crate::state::Editor::new(document);
}

/// The file of the pane was read meanwhile.
pub(super) fn was_read(app: &mut App, id: AttachmentId) {
    let read = app.state.attachment_mut(id).and_then(|(_, attachment)| attachment.read());
    if let Some(read) = read
        && let Some(pane) = app.state.transcript.as_mut().filter(|pane| pane.attachment == id)
        && pane.editor.document().lines.is_empty()
        && pane.hearing == Hearing::Idle
        && pane.editor.revision() == 0
    {
        show_read(pane, &read);
    }
}

/// Goes back to the conversation; what was changed is kept.
pub(super) fn close(app: &mut App) {
    if app.state.transcript.is_none() {
        return;
    }
    leave_row(app);
    save(app);
    hear::drop_job(app);
    tell(app);
    viewer::stop_sound(app);
    if let Some(job) = app.active.transcript.wave.take() {
        app.jobs.forget(job);
    }
    app.state.transcript = None;
    app.view.focus_composer = true;
}

/// Leaves the line that is written in; whether there was one.
pub(super) fn leave_row(app: &mut App) -> bool {
    let Some(line) = app.view.transcript.stop_editing() else { return false };
    edit(app, &Edit::Leave(line));
    true
}

fn edit(app: &mut App, edit: &Edit) {
    let now_s = app.state.now_s;
    change(app, |pane| pane.editor.apply(edit, now_s) > 0);
}

fn change(app: &mut App, act: impl FnOnce(&mut TranscriptPane) -> bool) {
    let now_s = app.state.now_s;
    if app.state.transcript.as_mut().is_some_and(act) {
        app.active.transcript.changed_s.get_or_insert(now_s);
    }
}

/// Keeps what was changed when that is due; in how many seconds it will be.
pub(super) fn tick(app: &mut App) -> Option<f64> {
    let left_s = app.active.transcript.changed_s? + SAVE_AFTER_S - app.state.now_s;
    if left_s > 0.0 {
        return Some(left_s);
    }
    save(app);
    None
}

/// Keeps the transcript now.
pub(super) fn save(app: &mut App) {
    app.active.transcript.changed_s = None;
    let Some(pane) = &app.state.transcript else { return };
    let revision = pane.editor.revision();
    // While it is heard anew, what there was before stays until the new one is whole.
    if revision == app.active.transcript.saved || pane.before.is_some() {
        return;
    }
    if let Some(sha256) = pane.sha256.clone() {
        app.storage.write(Write::Transcript { sha256, transcript: pane.stored() });
        app.active.transcript.saved = revision;
    }
}

/// Questions are answered from the corrected text from now on.
pub(super) fn tell(app: &mut App) {
    let Some(pane) = &app.state.transcript else { return };
    let revision = pane.editor.revision();
    let whole = pane.before.is_none() && pane.heard_to_s.is_none() && pane.hearing == Hearing::Idle;
    if revision == app.active.transcript.told || !whole {
        return;
    }
    app.active.transcript.told = revision;
    for conversation in &mut app.state.conversations {
        let same = |a: &&mut crate::state::Attachment| a.sha256.is_some() && a.sha256 == pane.sha256;
        for attachment in conversation.attachments.iter_mut().filter(same) {
            if let AttachmentState::Read(read) = &mut attachment.state {
                pane.editor.document().replace_speech(Arc::make_mut(read));
            }
        }
    }
}

/// The waveform, when it is for this pane.
pub(super) fn wave(app: &mut App, job: JobId, wave: &Load<Wave>) -> bool {
    if app.active.transcript.wave != Some(job) {
        return false;
    }
    app.active.transcript.wave = None;
    if let Some(pane) = &mut app.state.transcript {
        pane.wave = wave.clone();
    }
    true
}
