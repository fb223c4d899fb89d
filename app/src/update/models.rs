//! Which models are here, and fetching them.

use std::path::Path;
use std::time::Duration;

use engine::models::{Ability, FoundModel, PullEvent, PullStage, Store, VerifyEvent, find_others, inspect};
use engine::tasks::outlook::{Talk, fit_of_bytes, outlook};
use engine::{Measured, MeasuredStore, PanelStore, measure};

use crate::App;
use crate::command::ModelsCommand;
use crate::jobs::{EngineJob, JobEvent, JobId, ModelsNews};
use crate::say;
use crate::state::{Checking, Download, ModelRow, Other, Overlay, Prospects, Settings, Space, megabytes};

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
                licence: model.licence.clone(),
                does: model.does.clone(),
                started_bytes: store.started_bytes(&model.id),
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
    ids.iter().for_each(|id| drop(app.state.models.verdicts.remove(id)));
    let download = Download { id: first, all_bytes, ids: ids.clone(), ..Download::default() };
    app.state.models.download = Some(download);
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

/// Shows the models: how they would do here, what they take, and what other programs have.
pub(super) fn show(app: &mut App) {
    super::toggle(app, Overlay::Models);
    if app.state.overlay == Overlay::Models {
        refresh(app);
        look_ahead(app, Measuring::IfNeeded);
        measure_space(app);
        look_for_others(app);
    }
}

pub(super) fn run(app: &mut App, command: ModelsCommand) {
    match command {
        ModelsCommand::Toggle => show(app),
        ModelsCommand::Use(model) => {
            super::settings::set(app, Settings { model, ..app.state.settings.clone() });
        }
        ModelsCommand::Pause => pause(app),
        ModelsCommand::Resume => {
            let ids = app.state.models.download.as_ref().map(|download| download.ids.clone());
            download(app, ids.unwrap_or_default());
        }
        ModelsCommand::Verify(id) => verify(app, id),
        ModelsCommand::Delete(id) => delete(app, id),
        ModelsCommand::Unload => app.jobs.tell_engine(EngineJob::Unload),
        ModelsCommand::UnloadAfter(unload_after_min) => {
            super::settings::set(app, Settings { unload_after_min, ..app.state.settings.clone() });
        }
        ModelsCommand::LookForOthers => look_for_others(app),
    }
}

/// Models leave the memory after so many minutes without a request.
pub fn keep_for(app: &App, minutes: u32) {
    let time = (minutes > 0).then(|| Duration::from_secs(60 * u64::from(minutes)));
    app.jobs.tell_engine(EngineJob::KeepFor(time));
}

/// Stops fetching; what came lies on the disk and is gone on from.
fn pause(app: &mut App) {
    if let Some(job) = app.active.pull.take() {
        app.jobs.forget(job);
    }
    refresh(app);
    let models = &mut app.state.models;
    let Some(download) = &mut models.download else { return };
    let here = |id: &String| models.rows.iter().any(|row| row.id == *id && row.present);
    download.ids.retain(|id| !here(id));
    download.paused = true;
    download.checking = false;
}

fn verify(app: &mut App, id: String) {
    let Some(store) = app.store.clone() else { return };
    let total_bytes = app.state.models.row(&id).map_or(0, |row| row.bytes);
    app.state.models.verdicts.remove(&id);
    app.state.models.checking = Some(Checking { id: id.clone(), done_bytes: 0, total_bytes });
    let job = app.jobs.spawn("verify", move |job, cancel, events| {
        let (mut before, mut wrong) = (0, Vec::new());
        let mut last = 0;
        match store.verify(&id, cancel) {
            Err(error) => wrong.push(error.to_string()),
            Ok(checks) => {
                for check in checks {
                    match check {
                        VerifyEvent::Progress { done_bytes, .. } => {
                            last = done_bytes;
                            let news = ModelsNews::Checking(before + done_bytes, total_bytes);
                            if !events.send(job, JobEvent::Models(news)) {
                                return;
                            }
                        }
                        VerifyEvent::Checked { role, problem, .. } => {
                            (before, last) = (before + last, 0);
                            wrong.extend(problem.map(|problem| format!("{role}: {problem}")));
                        }
                    }
                }
            }
        }
        let verdict = (!wrong.is_empty()).then(|| wrong.join("; "));
        events.send(job, JobEvent::Models(ModelsNews::Checked(id, verdict)));
    });
    app.active.check = Some(job);
}

/// Frees the memory first, so that nothing computes with a file that is gone.
fn delete(app: &mut App, id: String) {
    let Some(store) = app.store.clone() else { return };
    app.jobs.tell_engine(EngineJob::Unload);
    if app.state.models.download.as_ref().is_some_and(|download| download.ids.contains(&id)) {
        app.state.models.download = None;
    }
    app.state.models.deleting = Some(id.clone());
    app.jobs.spawn("delete", move |job, _, events| {
        let result = store.remove(&id).map_err(|error| error.to_string());
        events.send(job, JobEvent::Models(ModelsNews::Deleted(id, result)));
    });
}

/// Looks what is taken on disk, on a thread of its own.
fn measure_space(app: &mut App) {
    let Some(store) = app.store.clone() else { return };
    let prefixes = app.prefixes.clone();
    app.jobs.spawn("space", move |job, _, events| {
        let space = Space {
            folder: store.root().to_path_buf(),
            models_bytes: store.bytes(),
            panels_bytes: PanelStore::open_default().map_or(0, |panels| panels.usage().bytes),
            prompts_bytes: prefixes.map_or(0, |prefixes| prefixes.usage().bytes),
            free_bytes: store.free_bytes(),
        };
        events.send(job, JobEvent::Models(ModelsNews::Space(space)));
    });
}

/// Looks for models of other programs, on a thread of its own.
fn look_for_others(app: &mut App) {
    if app.active.others.is_some() {
        return;
    }
    let (places, kept) = (app.places.clone(), app.measured.clone());
    let job = app.jobs.spawn("others", move |job, cancel, events| {
        let measured = kept.and_then(|kept| kept.get());
        let found = find_others(&places, cancel).into_iter();
        let others = found.map(|found| other(found, measured.as_ref())).collect();
        events.send(job, JobEvent::Models(ModelsNews::Others(others)));
    });
    app.active.others = Some(job);
}

/// What a model of another program can do here.
fn other(found: FoundModel, measured: Option<&Measured>) -> Other {
    let prospects = match outlook(&found.path, measured, Talk::default()) {
        Ok(found) => {
            Prospects { fit: found.fit, tokens_per_s: found.speed.map(|speed| speed.decode_tokens_per_s) }
        }
        Err(_) => Prospects { fit: fit_of_bytes(found.bytes), tokens_per_s: None },
    };
    let (mut does, problem) = match inspect(&found.path, None) {
        Ok(info) => {
            let senses = info.modalities.iter().filter_map(|modality| match *modality {
                "picture" => Some(Ability::Sees),
                "sound" => Some(Ability::Hears),
                _ => None,
            });
            (senses.collect::<Vec<_>>(), info.problem)
        }
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    if problem.is_none() {
        does.insert(0, Ability::Answers);
    }
    Other { found, does, prospects, problem }
}

pub(super) fn news(app: &mut App, job: JobId, news: ModelsNews) {
    if !matches!(news, ModelsNews::Checking(..)) {
        app.jobs.close(job);
    }
    let models = &mut app.state.models;
    match news {
        ModelsNews::Loaded(loaded, resident_bytes) => {
            (models.loaded, models.resident_bytes) = (loaded, resident_bytes);
        }
        ModelsNews::Space(space) => models.space = Some(space),
        ModelsNews::Others(others) => {
            models.others = Some(others);
            app.active.others = None;
        }
        ModelsNews::Checking(done_bytes, total_bytes) => {
            if let Some(checking) = &mut models.checking {
                (checking.done_bytes, checking.total_bytes) = (done_bytes, total_bytes);
            }
        }
        ModelsNews::Checked(id, verdict) => {
            models.checking = None;
            models.verdicts.insert(id, verdict);
            app.active.check = None;
            refresh(app);
        }
        ModelsNews::Deleted(id, result) => {
            models.deleting = None;
            models.verdicts.remove(&id);
            match result {
                Ok(bytes) => app.state.say(say!("models-deleted", id = id, size = megabytes(bytes))),
                Err(reason) => app.state.say(say!("models-not-deleted", id = id, reason = reason)),
            }
            refresh(app);
            measure_space(app);
        }
    }
}

pub(super) fn ended(app: &mut App, job: JobId, result: Result<(), String>) {
    app.jobs.close(job);
    app.active.pull = None;
    refresh(app);
    match result {
        Ok(()) => {
            app.state.models.download = None;
            measure_space(app);
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
