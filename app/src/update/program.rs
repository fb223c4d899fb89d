//! The program itself: what is kept, the tour, the last crash.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::{attach, conversation, models, settings};
use crate::App;
use crate::command::{Command, ProgramCommand};
use crate::jobs::{JobEvent, JobId};
use crate::platform::{crash, folders};
use crate::state::{Context, Contrast, Keep, KeptPlace, Load, Motion, Overlay, Settings, Theme};
use crate::storage::{self, Write};
use crate::ui::theme::motion;
use crate::words::say;

/// What the tour shows: a file of the samples and what is asked about it. Both are English, as the samples are.
const TOUR: [Option<(&str, &str)>; 5] = [
    None,
    Some(("pictures/coffee.png", "What is in this picture?")),
    Some(("speech/austen-0870.wav", "What did John Dashwood have leisure to consider?")),
    Some(("documents/weather-station.pdf", "At what height above the sea does the station stand?")),
    None,
];

/// How long the database may take to become smaller before its size is looked at.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

pub(super) fn run(app: &mut App, command: ProgramCommand) {
    match command {
        ProgramCommand::OpenPalette => super::toggle(app, Overlay::Palette),
        ProgramCommand::StepPane(step) => app.view.step_pane = step,
        ProgramCommand::OpenPrivacy => {
            app.state.overlay = Overlay::Privacy;
            measure(app, Vec::new(), None, None);
        }
        ProgramCommand::MeasureKept => measure(app, Vec::new(), None, None),
        ProgramCommand::DeleteKept(keep) => delete(app, keep),
        ProgramCommand::StartTour => {
            app.state.overlay = Overlay::None;
            app.state.program.samples = folders::samples();
            app.state.program.tour = Some(0);
        }
        ProgramCommand::TourStep(step) => app.state.program.tour = Some(step.min(TOUR.len() - 1)),
        ProgramCommand::TourTry => try_step(app),
        ProgramCommand::EndTour => {
            app.state.program.tour = None;
            app.view.focus_composer = true;
            if !app.state.settings.tour_seen {
                settings::set(app, Settings { tour_seen: true, ..app.state.settings.clone() });
            }
        }
        ProgramCommand::OpenCrash => app.state.overlay = Overlay::Crash,
        ProgramCommand::DeleteCrash => {
            app.state.program.crash = None;
            app.state.overlay = Overlay::None;
            measure(app, vec![app.state.data_folder.join(crash::FOLDER)], None, None);
            app.state.say(say("settings-crash-deleted"));
        }
        ProgramCommand::ResetSettings => {
            let before = app.state.settings.clone();
            let reset = before.reset();
            settings::set(app, reset);
            app.state.toast = Some(crate::state::Toast {
                text: say("settings-were-reset").into(),
                action: Some((say("common-undo"), Command::SetSettings(before))),
                until_s: app.state.now_s + motion::ACTION_S,
            });
        }
        ProgramCommand::ToggleContrast => change(app, |settings| {
            settings.contrast = match settings.contrast {
                Contrast::Normal => Contrast::High,
                Contrast::High => Contrast::Normal,
            };
        }),
        ProgramCommand::ToggleDark => {
            let is_dark = app.view.is_dark;
            change(app, |settings| settings.theme = if is_dark { Theme::Light } else { Theme::Dark });
        }
        ProgramCommand::ToggleMotion => change(app, |settings| {
            settings.motion = match settings.motion {
                Motion::Normal => Motion::Reduced,
                Motion::Reduced => Motion::Normal,
            };
        }),
    }
}

fn change(app: &mut App, change: impl FnOnce(&mut Settings)) {
    let mut settings = app.state.settings.clone();
    change(&mut settings);
    settings::set(app, settings);
}

/// What a window offers when it opens: the last crash, and the tour to somebody who is here for the first time.
pub(crate) fn greet(app: &mut App) {
    if let Some(report) = crash::newest(&app.state.data_folder) {
        crash::mark_seen(&report.path);
        app.state.program.crash = Some(report);
        app.state.overlay = Overlay::Crash;
    }
    let is_new = app.state.conversations.iter().all(crate::state::Conversation::is_blank);
    if is_new && !app.state.settings.tour_seen {
        run(app, ProgramCommand::StartTour);
        if app.state.program.crash.is_some() {
            app.state.overlay = Overlay::Crash;
        }
    }
}

/// Asks in a fresh conversation what the shown step is about.
fn try_step(app: &mut App) {
    let Some(Some((file, question))) = app.state.program.tour.and_then(|step| TOUR.get(step)) else { return };
    let Some(path) = app.state.program.samples.as_ref().map(|folder| folder.join(file)) else { return };
    conversation::new(app);
    attach::add(app, vec![path]);
    super::ask::send(app, question, Context::default());
}

/// Every place that the program writes to. What lies in the cache folder is only looked at where the window has it.
fn places(app: &App) -> Vec<(Keep, PathBuf)> {
    let data = &app.state.data_folder;
    let mut places = vec![
        (Keep::Conversations, data.join(storage::FILE_NAME)),
        (Keep::Pasted, data.join("pasted")),
        (Keep::Recordings, data.join("recordings")),
        (Keep::Library, data.join("library")),
        (Keep::Voices, data.join(storage::VOICES_FILE_NAME)),
        (Keep::Crashes, data.join(crash::FOLDER)),
    ];
    if let Some(store) = &app.store {
        places.push((Keep::Models, store.root().to_path_buf()));
    }
    if let Some(prompts) = &app.prefixes {
        places.push((Keep::Prompts, prompts.folder().to_path_buf()));
        let caches = [
            (Keep::Panels, engine::PanelStore::open_default().map(|store| store.folder().to_path_buf())),
            (
                Keep::Journals,
                engine::tasks::transcribe::JournalStore::open_default().map(|s| s.folder().to_path_buf()),
            ),
            (Keep::Measured, engine::MeasuredStore::open_default().map(|store| store.folder().to_path_buf())),
        ];
        // Only those beside what this window was given: a window of a test has a cache of its own.
        let cache = prompts.folder().parent();
        places.extend(caches.into_iter().filter_map(|(keep, folder)| {
            folder.ok().filter(|folder| folder.parent() == cache).map(|folder| (keep, folder))
        }));
    }
    places
}

/// Deletes what is named, and measures all that is kept once `after` tells, on a thread of its own.
fn measure(app: &mut App, delete: Vec<PathBuf>, deleted: Option<Option<Keep>>, after: Option<Receiver<()>>) {
    if let Some(job) = app.active.kept.take() {
        // What is being deleted goes on; only its news are not waited for.
        if app.state.program.deleting {
            app.active.kept = Some(job);
            return;
        }
        app.jobs.forget(job);
    }
    app.state.program.deleting = deleted.is_some();
    let places = places(app);
    let job = app.jobs.spawn("kept", move |job, cancel, events| {
        if let Some(after) = after {
            after.recv_timeout(WRITTEN_WITHIN).ok();
        }
        // All are tried; the first problem is told.
        let problems: Vec<String> = delete.iter().filter_map(|path| folders::clear(path).err()).collect();
        let measured = places.into_iter().map(|(keep, path)| {
            let (mut files, mut bytes) = folders::size_of(&path, cancel);
            if keep == Keep::Conversations {
                // The database has companions while it is open.
                for companion in ["-wal", "-shm"] {
                    let mut name = path.clone().into_os_string();
                    name.push(companion);
                    let (more, their_bytes) = folders::size_of(&PathBuf::from(name), cancel);
                    (files, bytes) = (files + more, bytes + their_bytes);
                }
            }
            KeptPlace { keep, path, files, bytes }
        });
        let places = measured.collect();
        let problem = problems.into_iter().next();
        events.send(job, JobEvent::Kept { places, deleted, problem });
    });
    app.active.kept = Some(job);
}

/// Deletes one kind of what is kept, or everything.
fn delete(app: &mut App, keep: Option<Keep>) {
    let chosen = |each: Keep| keep.is_none_or(|keep| keep == each);
    let after = chosen(Keep::Conversations).then(|| {
        conversation::clear(app);
        let (done, after) = mpsc::channel();
        app.storage.write(Write::Flush(done));
        after
    });
    let places = places(app).into_iter().filter(|(each, _)| chosen(*each) && *each != Keep::Conversations);
    let paths = places.map(|(_, path)| path).collect();
    if chosen(Keep::Crashes) {
        app.state.program.crash = None;
    }
    measure(app, paths, Some(keep), after);
}

/// What is kept was measured, after something was deleted or not.
pub(super) fn kept(
    app: &mut App,
    job: JobId,
    places: Vec<KeptPlace>,
    deleted: Option<Option<Keep>>,
    problem: Option<String>,
) {
    app.jobs.close(job);
    app.active.kept = None;
    app.state.program.kept = Load::Ready(places);
    if let Some(keep) = deleted {
        app.state.program.deleting = false;
        if keep.is_none_or(|keep| keep == Keep::Models) {
            models::refresh(app);
        }
        app.state.say(say("settings-privacy-deleted"));
    }
    if let Some(problem) = problem {
        app.state.say(problem);
    }
}
