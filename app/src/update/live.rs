//! Listening: start, show what is heard, attach what was recorded.

use std::sync::Arc;

use engine::tasks::ask::ReadFile;
use engine::tasks::transcribe::LiveEvent;

use super::attach;
use crate::App;
use crate::jobs::{JobEvent, JobId};
use crate::live::{LiveEnd, LiveNews};
use crate::platform::listen::{Microphone, Source};
use crate::state::LiveState;
use crate::storage::Write;

/// Starts to listen, or stops.
pub(super) fn toggle(app: &mut App) {
    match &mut app.state.live {
        Some(live) => {
            live.stopping = true;
            if let Some(job) = app.active.live {
                app.jobs.cancel(job);
            }
        }
        None => start(app),
    }
}

fn start(app: &mut App) {
    let source = app.state.live_source.clone();
    let folder = match super::conversation::folder_for_files(app) {
        Ok(folder) => folder,
        Err(reason) => {
            app.state.live_problem = Some(reason);
            return;
        }
    };
    app.state.live_problem = None;
    app.state.live = Some(LiveState { source: source.clone(), ..LiveState::default() });
    let name = format!("recording-{:.0}.wav", app.state.now_s * 1000.0);
    let path = folder.join("recordings").join(name);
    let ears = app.jobs.ears();
    let job = app.jobs.spawn("live", move |job, stop, events| {
        crate::jobs::listen(&ears, source, path, job, stop, events);
    });
    app.active.live = Some(job);
}

/// Chooses what to listen to.
pub(super) fn choose(app: &mut App, source: Source) {
    app.state.live_source = source;
    app.state.live_problem = None;
}

/// Looks which microphones there are; a sound server may need its time for it.
pub(super) fn find(app: &mut App) {
    let ears = app.jobs.ears();
    app.jobs.spawn("microphones", move |job, _, events| {
        events.send(job, JobEvent::Microphones(ears.microphones()));
    });
}

pub(super) fn found(app: &mut App, job: JobId, microphones: Vec<Microphone>) {
    app.jobs.close(job);
    app.state.microphones = Some(microphones);
}

pub(super) fn news(app: &mut App, job: JobId, news: LiveNews) {
    let App { state, active, .. } = app;
    let Some(live) = state.live.as_mut().filter(|_| active.live == Some(job)) else { return };
    match news {
        LiveNews::Opened => live.opened = true,
        LiveNews::Level { level, at_s } => (live.level, live.at_s) = (level, at_s),
        LiveNews::Heard { event, .. } => match event {
            LiveEvent::Stable { text, .. } => live.say(&text),
            LiveEvent::Tentative(text) => live.tentative = text,
            LiveEvent::Notice(text) => state.say(text),
            // Segments come with the recording.
            _ => {}
        },
        LiveNews::Ended(_) => {}
    }
}

pub(super) fn ended(app: &mut App, job: JobId, end: LiveEnd, read: Option<(String, ReadFile)>) {
    app.jobs.close(job);
    if app.active.live == Some(job) {
        app.active.live = None;
        app.state.live = None;
    }
    app.state.live_problem = end.problem;
    if let Some((sha256, read)) = read {
        // Its card then finds what was heard, and it is not heard again.
        let read = Arc::new(read);
        app.active.heard = Some((sha256.clone(), read.clone()));
        app.storage.write(Write::FileRead { sha256, read });
    }
    attach::add(app, end.recording.into_iter().collect());
}
