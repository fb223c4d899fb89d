//! Playing what is looked at.

use std::path::PathBuf;

use engine::media::Kind;

use super::{FIT_PX, load_picture, transcript};
use crate::App;
use crate::jobs::{Film, JobEvent, JobId, play_film};
use crate::platform::sound::Start;
use crate::state::{Load, Play, SPEEDS};

/// So near to the end, playing begins at the start again.
const END_S: f64 = 0.3;

pub(in crate::update) fn seek(app: &mut App, time_s: f64) {
    let Some(viewer) = &mut app.state.viewer else { return };
    let playing = viewer.is_playing();
    let time_s = time_s.clamp(0.0, viewer.length_s().unwrap_or(f64::MAX));
    viewer.time_s = time_s;
    if playing {
        start_sound(app, time_s);
    } else if viewer.kind == Kind::Video {
        load_picture(app, FIT_PX);
    }
}

pub(in crate::update) fn play_pause(app: &mut App) {
    let Some(viewer) = &mut app.state.viewer else { return };
    if viewer.is_playing() {
        stop_sound(app);
        // Frames of a film have only the pixels of the screen.
        return load_picture(app, FIT_PX);
    }
    let at_end = viewer.length_s().is_some_and(|length_s| viewer.time_s >= length_s - END_S);
    let from_s = if at_end { 0.0 } else { viewer.time_s };
    start_sound(app, from_s);
}

pub(super) fn set_speed(app: &mut App, speed: f64) {
    let Some(viewer) = &mut app.state.viewer else { return };
    let (slowest, fastest) = (SPEEDS[0], SPEEDS[SPEEDS.len() - 1]);
    viewer.speed = speed.clamp(slowest, fastest);
    if viewer.is_playing() {
        let at_s = viewer.at_s();
        start_sound(app, at_s);
    }
}

fn start_sound(app: &mut App, start_s: f64) {
    stop_sound(app);
    let longest_px = app.view.stage.longest_px();
    let Some(viewer) = &mut app.state.viewer else { return };
    viewer.time_s = start_s;
    viewer.silent_because = None;
    viewer.play = Play::Playing { at_s: start_s };
    let (path, speed) = (viewer.path.clone(), viewer.speed);
    if viewer.kind != Kind::Video {
        return play_file(app, path, start_s, speed);
    }
    let has_sound = !matches!(viewer.wave, Load::None);
    let film = Film { path, start: Start { start_s, speed }, longest_px, has_sound };
    let opener = crate::jobs::opener(app.store.as_ref());
    let player = app.player.clone();
    let job = app.jobs.spawn("film", move |job, cancel, events| {
        play_film(job, &film, &opener, player.as_ref(), cancel, events);
    });
    app.active.sound = Some(job);
}

/// Starts to play a recording on a thread of its own.
pub(in crate::update) fn play_file(app: &mut App, path: PathBuf, start_s: f64, speed: f64) {
    let opener = crate::jobs::opener(app.store.as_ref());
    let player = app.player.clone();
    let job = app.jobs.spawn("sound", move |job, cancel, events| {
        let mut report = |at_s| events.send(job, JobEvent::Sound(Play::Playing { at_s }));
        let ended = match player.play(&opener, &path, Start { start_s, speed }, cancel, &mut report) {
            Ok(()) => Play::Stopped,
            Err(reason) => Play::Failed(reason),
        };
        events.send(job, JobEvent::Sound(ended));
    });
    app.active.sound = Some(job);
}

pub(in crate::update) fn stop_sound(app: &mut App) {
    if let Some(job) = app.active.sound.take() {
        app.jobs.forget(job);
    }
    if let Some(pane) = &mut app.state.transcript {
        pane.time_s = pane.at_s();
        pane.play = Play::Stopped;
    }
    if let Some(viewer) = &mut app.state.viewer
        && viewer.is_playing()
    {
        viewer.time_s = viewer.at_s();
        viewer.play = Play::Stopped;
    }
}

pub(in crate::update) fn sound(app: &mut App, job: JobId, play: Play) {
    if !matches!(play, Play::Playing { .. }) {
        app.jobs.close(job);
    }
    if transcript::sound(app, job, &play) {
        return;
    }
    if app.active.sound == Some(job)
        && let Some(viewer) = &mut app.state.viewer
    {
        // It stops where it is, not where it began.
        viewer.time_s = viewer.at_s();
        viewer.play = play;
    }
}
