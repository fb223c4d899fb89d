//! The sound of the pane.

use super::viewer;
use crate::App;
use crate::jobs::JobId;
use crate::state::{Play, SPEEDS};

/// So near to the end, playing begins at the start again.
const END_S: f64 = 0.3;

pub(super) fn seek(app: &mut App, time_s: f64) {
    let Some(pane) = &mut app.state.transcript else { return };
    let time_s = time_s.clamp(0.0, pane.duration_s().max(0.0));
    let playing = pane.is_playing();
    pane.time_s = time_s;
    app.view.transcript.follow();
    if playing {
        start(app, time_s);
    }
}

pub(super) fn play_from(app: &mut App, time_s: f64) {
    app.view.transcript.follow();
    start(app, time_s.max(0.0));
}

pub(super) fn play_pause(app: &mut App) {
    let Some(pane) = &app.state.transcript else { return };
    if pane.is_playing() {
        viewer::stop_sound(app);
        return;
    }
    let at_end = pane.time_s >= pane.duration_s() - END_S;
    let from_s = if at_end { 0.0 } else { pane.time_s };
    play_from(app, from_s);
}

pub(super) fn set_speed(app: &mut App, speed: f64) {
    let Some(pane) = &mut app.state.transcript else { return };
    let (slowest, fastest) = (SPEEDS[0], SPEEDS[SPEEDS.len() - 1]);
    pane.speed = speed.clamp(slowest, fastest);
    if pane.is_playing() {
        let at_s = pane.at_s();
        start(app, at_s);
    }
}

fn start(app: &mut App, start_s: f64) {
    viewer::stop_sound(app);
    let Some(pane) = &mut app.state.transcript else { return };
    pane.time_s = start_s;
    pane.play = Play::Playing { at_s: start_s };
    let (path, speed) = (pane.path.clone(), pane.speed);
    viewer::play_file(app, path, start_s, speed);
}

/// What the player tells; whether it was for the pane.
pub(in crate::update) fn sound(app: &mut App, job: JobId, play: &Play) -> bool {
    let Some(pane) = app.state.transcript.as_mut().filter(|_| app.active.sound == Some(job)) else {
        return false;
    };
    pane.time_s = pane.at_s();
    pane.play = play.clone();
    true
}
