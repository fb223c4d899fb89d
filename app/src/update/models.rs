//! Which models are here, and fetching them.

use std::path::Path;

use engine::models::{PullEvent, PullStage, Store};
use engine::tasks::outlook::{Talk, fit_of_bytes, outlook};
use engine::{Measured, MeasuredStore, measure};

use crate::App;
use crate::jobs::{JobEvent, JobId};
use crate::state::{Download, ModelRow, Prospects};

/// Whether a machine that was not measured yet is measured now, which takes its processors for two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measuring {
    /// It is.
    IfNeeded,
    /// What is known must do.
    Never,
}

/// Looks which models are on this machine.
pub fn refresh(app: &mut App) {
    let Some(store) = &app.store else { return };
    let chosen = &app.state.settings.model;
    let before = std::mem::take(&mut app.state.models.rows);
    let prospects = |id: &str| before.iter().find(|row| row.id == id).and_then(|row| row.prospects);
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
                prospects: prospects(&model.id),
            }
        })
        .collect();
}

/// Looks how the models that write answers would do here, on a thread of its own.
pub fn look_ahead(app: &mut App, measuring: Measuring) {
    let (Some(store), None) = (app.store.clone(), app.active.prospects) else { return };
    let answering = app.state.models.rows.iter().filter(|row| row.answers);
    let rows: Vec<(String, u64)> = answering.map(|row| (row.id.clone(), row.bytes)).collect();
    let kept = app.measured.clone();
    // Nobody shall wait for an answer because of it.
    let measuring = measuring == Measuring::IfNeeded && app.active.ask.is_none();
    let is_known =
        app.state.models.rows.iter().any(|row| row.prospects.is_some_and(|p| p.tokens_per_s.is_some()));
    app.state.models.measuring = measuring && kept.is_some() && !is_known;
    let job = app.jobs.spawn("prospects", move |job, _, events| {
        let measured = kept.and_then(|kept| known(&kept, measuring));
        let found = rows.into_iter().map(|(id, bytes)| {
            let prospects = prospects(&store, &id, bytes, measured.as_ref());
            (id, prospects)
        });
        events.send(job, JobEvent::Prospects(found.collect()));
    });
    app.active.prospects = Some(job);
}

/// What was measured of this machine before, or now.
fn known(kept: &MeasuredStore, measuring: bool) -> Option<Measured> {
    let before = kept.get();
    if before.is_some() || !measuring {
        return before;
    }
    let measured = measure().map_err(|error| log::info!("this machine is not measured: {error}")).ok()?;
    if let Err(error) = kept.keep(&measured) {
        log::info!("the measurement is not kept: {error}");
    }
    Some(measured)
}

fn prospects(store: &Store, id: &str, bytes: u64, measured: Option<&Measured>) -> Prospects {
    let here = |path: &Path| outlook(path, measured, Talk::default()).ok();
    match store.file(id, "model").ok().and_then(|path| here(&path)) {
        Some(found) => {
            Prospects { fit: found.fit, tokens_per_s: found.speed.map(|speed| speed.decode_tokens_per_s) }
        }
        // Not here yet: its weights take what its files take.
        None => Prospects { fit: fit_of_bytes(bytes), tokens_per_s: None },
    }
}

pub(super) fn looked_ahead(app: &mut App, job: JobId, found: Vec<(String, Prospects)>) {
    app.jobs.close(job);
    app.active.prospects = None;
    app.state.models.measuring = false;
    for (id, prospects) in found {
        if let Some(row) = app.state.models.rows.iter_mut().find(|row| row.id == id) {
            row.prospects = Some(prospects);
        }
    }
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
            look_ahead(app, Measuring::Never);
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
