//! Teaching a model: the form, the run, and what becomes of adapters.

use std::path::PathBuf;

use engine::tune::TuneEvent;

use crate::App;
use crate::command::TeachCommand;
use crate::jobs::{JobEvent, JobId, TeachNews};
use crate::platform::dialog;
use crate::state::{AdapterInfo, AdapterState, Middle, Run, RunState, Settings};
use crate::storage::adapters;
use crate::words::say;

pub(super) fn run(app: &mut App, command: TeachCommand) {
    match command {
        TeachCommand::Toggle => {
            let is_shown = app.state.middle == Middle::Teach;
            super::show_middle(app, if is_shown { Middle::Conversation } else { Middle::Teach });
            if app.state.teach.form.model.is_empty() {
                app.state.teach.form.model = app.state.settings.model.clone();
            }
            look(app);
        }
        TeachCommand::Choose => {
            app.state.picking = true;
            let words =
                dialog::Words { title: say("teach-dialog"), kinds: "JSONL", all: say("library-dialog-all") };
            app.jobs.spawn("file dialog", move |job, _, events| {
                events.send(job, JobEvent::Teach(TeachNews::Chosen(dialog::choose_questions(words))));
            });
        }
        TeachCommand::Take(path) => {
            // A run that ended makes room for the next one.
            app.state.teach.run.take_if(|run| !run.is_going_on());
            app.state.teach.form.data = Some(path);
        }
        TeachCommand::Set(form) => app.state.teach.form = *form,
        TeachCommand::Start => start(app),
        TeachCommand::Stop => {
            if let (Some(job), Some(run)) = (app.active.teach, &mut app.state.teach.run) {
                app.jobs.cancel(job);
                run.state = RunState::Stopping;
            }
        }
        TeachCommand::Resume(folder) => resume(app, &folder),
        TeachCommand::Keep(folder) => {
            change(app, folder, |about| about.state = AdapterState::Kept);
            app.state.teach.run.take_if(|run| !run.is_going_on());
        }
        TeachCommand::Rename(folder, name) => {
            let name = name.trim().to_owned();
            if !name.is_empty() {
                change(app, folder, |about| about.name = name);
            }
        }
        TeachCommand::Drop(folder) => {
            if app.state.settings.adapter.as_ref() == Some(&folder) {
                choose(app, None);
            }
            app.state.teach.run.take_if(|run| run.about.folder == folder);
            let data_folder = app.state.data_folder.clone();
            app.jobs.spawn("adapters", move |job, _, events| {
                let delete = || adapters::delete(&data_folder, &folder);
                crate::jobs::with_adapters(&data_folder, delete, job, events);
            });
        }
        TeachCommand::Use(folder) => choose(app, folder),
        TeachCommand::CloseRun => app.state.teach.run = None,
    }
}

/// Looks which adapters there are.
pub(crate) fn look(app: &mut App) {
    let data_folder = app.state.data_folder.clone();
    app.jobs.spawn("adapters", move |job, _, events| {
        crate::jobs::with_adapters(&data_folder, || Ok(()), job, events);
    });
}

fn start(app: &mut App) {
    let form = app.state.teach.form.clone();
    let Some(data) = form.data.clone() else { return };
    let made_s = app.state.now_s;
    let folder = adapters::folder(&app.state.data_folder).join(format!("{:.0}", made_s * 1000.0));
    begin(
        app,
        AdapterInfo {
            folder,
            name: AdapterInfo::name_of(&data, form.method),
            data,
            options: form.options(),
            state: AdapterState::Unfinished,
            made_s,
            checked: None,
            step: 0,
        },
    );
}

fn resume(app: &mut App, folder: &PathBuf) {
    // What the run shows is newer than what the list does.
    let shown = app.state.teach.run.take_if(|run| run.about.folder == *folder);
    let listed = app.state.teach.adapters.iter().flatten().find(|about| about.folder == *folder).cloned();
    match (shown, listed) {
        (Some(mut run), _) => {
            run.state = RunState::Loading;
            let about = run.about.clone();
            app.state.teach.run = Some(run);
            spawn(app, about);
        }
        (None, Some(about)) => begin(app, about),
        (None, None) => {}
    }
}

fn begin(app: &mut App, about: AdapterInfo) {
    app.state.teach.run = Some(Run::new(about.clone()));
    spawn(app, about);
}

fn spawn(app: &mut App, about: AdapterInfo) {
    let Some(store) = app.store.clone() else {
        ended(app, Err(say("teach-no-models").to_owned()));
        return;
    };
    app.active.teach = Some(app.jobs.spawn("teach", move |job, cancel, events| {
        crate::jobs::teach(&store, &about, job, cancel, events);
    }));
}

/// Changes what is known of an adapter.
fn change(app: &mut App, folder: PathBuf, change: impl FnOnce(&mut AdapterInfo)) {
    let run = app.state.teach.run.as_mut().map(|run| &mut run.about);
    let listed = app.state.teach.adapters.iter_mut().flatten().chain(run);
    let Some(about) = listed.into_iter().find(|about| about.folder == folder) else { return };
    change(about);
    let (about, data_folder) = (about.clone(), app.state.data_folder.clone());
    app.jobs.spawn("adapters", move |job, _, events| {
        crate::jobs::with_adapters(&data_folder, || adapters::save(&about), job, events);
    });
}

/// Answers with an adapter; it fits only the model that it was made for.
fn choose(app: &mut App, adapter: Option<PathBuf>) {
    let model = app.state.teach.kept().find(|about| Some(&about.folder) == adapter.as_ref());
    let model = model.map_or(app.state.settings.model.clone(), |about| about.options.model.clone());
    super::settings::set(app, Settings { adapter, model, ..app.state.settings.clone() });
}

pub(super) fn news(app: &mut App, job: JobId, news: TeachNews) {
    match news {
        TeachNews::Step(event) => step(app, job, event),
        TeachNews::Ended(result) => {
            app.jobs.close(job);
            if app.active.teach == Some(job) {
                app.active.teach = None;
                ended(app, result);
                look(app);
            }
        }
        TeachNews::Adapters(found, problem) => {
            app.jobs.close(job);
            app.state.teach.problem = problem;
            let gone = app.state.settings.adapter.as_ref();
            let gone = gone.is_some_and(|folder| !found.iter().any(|about| about.folder == *folder));
            app.state.teach.adapters = Some(found);
            if gone {
                choose(app, None);
            }
        }
        TeachNews::Chosen(path) => {
            app.jobs.close(job);
            app.state.picking = false;
            if let Some(path) = path {
                run(app, TeachCommand::Take(path));
            }
        }
    }
}

fn step(app: &mut App, job: JobId, event: TuneEvent) {
    if let Some(run) = app.state.teach.run.as_mut().filter(|_| app.active.teach == Some(job)) {
        run.apply(event);
    }
}

fn ended(app: &mut App, result: Result<bool, String>) {
    let Some(run) = &mut app.state.teach.run else { return };
    run.state = match result {
        Ok(true) => {
            run.about.state = AdapterState::Made;
            RunState::Done
        }
        Ok(false) => RunState::Stopped,
        Err(reason) => RunState::Failed(reason),
    };
}
