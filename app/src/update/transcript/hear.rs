//! Hearing a recording for the pane.

use std::sync::Arc;

use engine::tasks::transcribe::TranscribeEvent;

use super::save;
use crate::App;
use crate::jobs::{EngineJob, JobId};
use crate::state::{AttachmentId, Document, Editor, Hearing, TranscriptPane};

pub(super) fn start(app: &mut App) {
    super::leave_row(app);
    let Some(pane) = &mut app.state.transcript else { return };
    if matches!(pane.hearing, Hearing::Running { .. }) {
        return;
    }
    pane.before = (!pane.editor.document().lines.is_empty()).then(|| pane.stored());
    (pane.editor, pane.heard) = (Editor::default(), Arc::default());
    (pane.heard_to_s, pane.is_silent, pane.form_open) = (None, false, false);
    pane.notices.clear();
    pane.hearing = Hearing::Running { done_s: 0.0, total_s: None };
    (app.active.transcript.saved, app.active.transcript.told) = (u64::MAX, u64::MAX);
    let (attachment, path, form) = (pane.attachment, pane.path.clone(), pane.form.clone());
    app.active.transcript.hear = Some(app.jobs.engine(EngineJob::Transcribe { attachment, path, form }));
    app.view.transcript.reset(0.0);
}

/// The engine tells when it has stopped; until then it is being heard.
pub(super) fn stop(app: &mut App) {
    if let Some(job) = app.active.transcript.hear {
        app.jobs.cancel(job);
    }
}

/// Stops and waits for nothing more.
pub(super) fn drop_job(app: &mut App) {
    if let Some(job) = app.active.transcript.hear.take() {
        app.jobs.forget(job);
        ended(app, true);
        save(app);
    }
}

fn pane(app: &mut App, job: JobId, attachment: AttachmentId) -> Option<&mut TranscriptPane> {
    let current = app.active.transcript.hear == Some(job);
    app.state.transcript.as_mut().filter(|pane| current && pane.attachment == attachment)
}

/// Takes in what was heard.
pub(in crate::update) fn heard(app: &mut App, job: JobId, id: AttachmentId, event: TranscribeEvent) {
    let now_s = app.state.now_s;
    let Some(pane) = pane(app, job, id) else { return };
    match event {
        TranscribeEvent::Progress { done_s, total_s } => pane.hearing = Hearing::Running { done_s, total_s },
        TranscribeEvent::Resumed { heard_s } => {
            pane.hearing = Hearing::Running { done_s: heard_s, total_s: None };
        }
        TranscribeEvent::Segment(segment) => {
            Arc::make_mut(&mut pane.heard).push(&segment);
            pane.editor.append(&segment);
            pane.heard_to_s = Some(segment.end_s);
            app.active.transcript.changed_s.get_or_insert(now_s);
        }
        TranscribeEvent::Notice(notice) => pane.notices.push(notice),
        TranscribeEvent::Done { cancelled, .. } => {
            app.jobs.close(job);
            app.active.transcript.hear = None;
            ended(app, cancelled);
            save(app);
        }
        // Segments have their speakers already.
        _ => {}
    }
}

/// The whole recording was heard, or not.
fn ended(app: &mut App, cancelled: bool) {
    let now_s = app.state.now_s;
    let Some(pane) = &mut app.state.transcript else { return };
    pane.hearing = Hearing::Idle;
    match pane.before.take() {
        // A part is no replacement for what was there.
        Some(before) if cancelled => {
            pane.show(before);
            app.active.transcript.saved = pane.editor.revision();
        }
        Some(before) => {
            pane.editor.set_oldest(Document::clone(&before.edited));
            pane.heard_to_s = None;
        }
        None if !cancelled => pane.heard_to_s = None,
        None => {}
    }
    pane.is_silent = !cancelled && pane.editor.document().lines.is_empty();
    app.active.transcript.changed_s = Some(now_s);
}

pub(in crate::update) fn hearing_failed(app: &mut App, job: JobId, id: AttachmentId, reason: String) {
    app.jobs.close(job);
    if pane(app, job, id).is_none() {
        return;
    }
    app.active.transcript.hear = None;
    ended(app, true);
    save(app);
    if let Some(pane) = &mut app.state.transcript {
        pane.hearing = Hearing::Failed(reason);
    }
    crate::update::models::refresh(app);
}
