//! Which models are here, and fetching them.

use engine::models::{PullEvent, PullStage};

use crate::App;
use crate::jobs::{JobEvent, JobId};
use crate::state::{Download, ModelRow};

/// Looks which models are on this machine.
pub fn refresh(app: &mut App) {
    let Some(store) = &app.store else { return };
    let chosen = &app.state.settings.model;
    app.state.models.rows = store
        .registry()
        .models()
        .iter()
        .filter(|model| !model.files.is_empty())
        .map(|model| {
            let answers = model.files.iter().any(|file| file.name.ends_with(".gguf"));
            ModelRow {
                id: model.id.clone(),
                what: model.what.clone(),
                bytes: model.bytes(),
                needed: if answers { model.id == *chosen } else { model.default },
                answers,
                present: store.is_present(&model.id),
            }
        })
        .collect();
}

pub(super) fn download_missing(app: &mut App) {
    let ids = app.state.models.missing().map(|row| row.id.clone()).collect();
    download(app, ids);
}

pub(super) fn download(app: &mut App, ids: Vec<String>) {
    let (Some(store), Some(first)) = (app.store.clone(), ids.first().cloned()) else { return };
    let rows = app.state.models.rows.iter();
    let all_bytes = rows.filter(|row| ids.contains(&row.id)).map(|row| row.bytes).sum();
    app.state.models.download = Some(Download { id: first, all_bytes, ..Download::default() });
    let job = app.jobs.spawn("download", move |job, cancel, events| {
        let mut result = Ok(());
        'models: for id in ids {
            let pull = match store.pull(&id, cancel) {
                Ok(pull) => pull,
                Err(error) => {
                    result = Err(error.to_string());
                    break;
                }
            };
            for event in pull {
                match event {
                    Ok(event) => {
                        if !events.send(job, JobEvent::Pull(event)) {
                            return;
                        }
                    }
                    Err(error) => {
                        result = Err(error.to_string());
                        break 'models;
                    }
                }
            }
            if cancel.is_cancelled() {
                break;
            }
        }
        events.send(job, JobEvent::PullEnded(result));
    });
    app.active.pull = Some(job);
}

pub(super) fn progress(app: &mut App, event: PullEvent) {
    let Some(download) = &mut app.state.models.download else { return };
    if event.notice.is_some() {
        download.notice = event.notice;
    }
    download.checking = event.stage == PullStage::Check;
    match event.stage {
        PullStage::Done => {
            download.finished_bytes += event.total_bytes;
            download.done_bytes = 0;
        }
        // What is being checked has been fetched.
        PullStage::Check => download.done_bytes = event.total_bytes,
        PullStage::Fetch => download.done_bytes = event.done_bytes.min(event.total_bytes),
    }
    download.id = event.id;
    download.file = event.file;
}

pub(super) fn ended(app: &mut App, job: JobId, result: Result<(), String>) {
    app.jobs.close(job);
    app.active.pull = None;
    refresh(app);
    match result {
        Ok(()) => {
            app.state.models.download = None;
            super::attach::read_waiting(app);
        }
        Err(reason) => {
            if let Some(download) = &mut app.state.models.download {
                download.failed = Some(reason);
            }
        }
    }
}

pub(super) fn cancel(app: &mut App) {
    if let Some(job) = app.active.pull.take() {
        app.jobs.forget(job);
    }
    app.state.models.download = None;
    refresh(app);
}
