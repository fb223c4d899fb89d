//! The evidence beside the conversation.

use std::path::PathBuf;

use engine::media::Kind;
use engine::{Evidence, Place};

use super::{reader, transcript};
use crate::App;
use crate::command::TranscriptCommand;
use crate::jobs::{JobEvent, JobId, MediaJob};
use crate::platform::sound::Start;
use crate::state::{ExchangeId, Load, Play, Viewer};

/// Shows a piece of evidence.
pub(super) fn open(app: &mut App, exchange: ExchangeId, index: usize) {
    let evidence = app.state.exchange(exchange).and_then(|e| e.answer.evidence.get(index)).cloned();
    if let Some(evidence) = evidence {
        open_place(app, Some((exchange, index)), &evidence);
    }
}

/// Shows a place in a file; `of` says whose evidence it is, if it is an answer's.
pub(super) fn open_place(app: &mut App, of: Option<(ExchangeId, usize)>, evidence: &Evidence) {
    if let Some(pane) = &app.state.transcript {
        if pane.path == evidence.source && matches!(evidence.place, Place::Time { .. } | Place::Frame { .. })
        {
            let start_s = Viewer::start_s(&evidence.place);
            app.view.transcript.show_at(start_s);
            return transcript::run(app, TranscriptCommand::Seek(start_s));
        }
        transcript::close(app);
    }
    if matches!(evidence.place, Place::Page { .. }) {
        return reader::open_evidence(app, of, evidence);
    }
    reader::hide(app);
    let read = app.state.read_file(evidence);
    let kind = read.as_ref().map_or_else(|| likely_kind(&evidence.place), |read| read.kind);
    // The same recording keeps its waveform.
    let wave = app.state.viewer.take().filter(|v| v.evidence.source == evidence.source).map(|v| v.wave);
    close(app);
    let path = evidence.source.clone();
    let sounding = matches!(kind, Kind::Sound | Kind::Video);
    let wave = match wave.filter(|wave| matches!(wave, Load::Ready(_))) {
        Some(wave) => wave,
        None if sounding => {
            let job = app.jobs.media(MediaJob::Wave { path: path.clone() });
            app.active.viewer.push(job);
            Load::Loading
        }
        None => Load::None,
    };
    let time_s = Viewer::start_s(&evidence.place);
    let (exchange, index) = of.unwrap_or((ExchangeId::NONE, 0));
    app.state.viewer = Some(Viewer {
        exchange,
        index,
        evidence: evidence.clone(),
        kind,
        read,
        time_s,
        picture: Load::None,
        wave,
        play: Play::Stopped,
    });
    app.view.scroll_to_quote = true;
    load_picture(app);
}

/// Without the findings, the place tells what the file was.
fn likely_kind(place: &Place) -> Kind {
    match place {
        Place::Time { .. } => Kind::Sound,
        Place::Frame { .. } => Kind::Video,
        Place::Picture { .. } | Place::Page { .. } => Kind::Picture,
    }
}

/// Asks for the picture or frame that belongs to what is shown.
fn load_picture(app: &mut App) {
    let Some(viewer) = &mut app.state.viewer else { return };
    let path = viewer.evidence.source.clone();
    let job = match viewer.kind {
        Kind::Picture => MediaJob::Picture { path },
        Kind::Video => MediaJob::Frame { path, time_s: viewer.time_s },
        Kind::Sound | Kind::Document => return,
    };
    viewer.picture = Load::Loading;
    let job = app.jobs.media(job);
    app.active.viewer.push(job);
}

/// Shows the evidence `step` places further, in the same answer; with none shown, the first one.
pub(super) fn step(app: &mut App, step: i32) {
    let Some((exchange, at)) = app.state.shown_evidence() else {
        let exchanges = app.state.current().map(|c| c.exchanges.as_slice()).unwrap_or_default();
        let last = exchanges.iter().rev().find(|e| !e.answer.evidence.is_empty()).map(|e| e.id);
        if let Some(last) = last {
            open(app, last, 0);
        }
        return;
    };
    let count = app.state.exchange(exchange).map_or(0, |e| e.answer.evidence.len());
    let index = at as i64 + i64::from(step);
    if (0..count as i64).contains(&index) {
        open(app, exchange, index as usize);
    }
}

pub(super) fn seek(app: &mut App, time_s: f64) {
    let Some(viewer) = &mut app.state.viewer else { return };
    viewer.time_s = time_s.max(0.0);
    let playing = matches!(viewer.play, Play::Playing { .. });
    if viewer.kind == Kind::Video {
        load_picture(app);
    }
    if playing {
        start_sound(app);
    }
}

pub(super) fn play_pause(app: &mut App) {
    let Some(viewer) = &mut app.state.viewer else { return };
    match viewer.play {
        Play::Playing { .. } => stop_sound(app),
        Play::Stopped | Play::Failed(_) => start_sound(app),
    }
}

fn start_sound(app: &mut App) {
    stop_sound(app);
    let Some(viewer) = &mut app.state.viewer else { return };
    let (path, start_s) = (viewer.evidence.source.clone(), viewer.time_s);
    viewer.play = Play::Playing { at_s: start_s };
    play_file(app, path, start_s, 1.0);
}

/// Starts to play a recording on a thread of its own.
pub(super) fn play_file(app: &mut App, path: PathBuf, start_s: f64, speed: f64) {
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

pub(super) fn stop_sound(app: &mut App) {
    if let Some(job) = app.active.sound.take() {
        app.jobs.forget(job);
    }
    if let Some(pane) = &mut app.state.transcript {
        pane.time_s = pane.at_s();
        pane.play = Play::Stopped;
    }
    if let Some(viewer) = &mut app.state.viewer
        && let Play::Playing { at_s } = viewer.play
    {
        viewer.time_s = at_s;
        viewer.play = Play::Stopped;
    }
}

pub(super) fn sound(app: &mut App, job: JobId, play: Play) {
    if !matches!(play, Play::Playing { .. }) {
        app.jobs.close(job);
    }
    if transcript::sound(app, job, &play) {
        return;
    }
    if app.active.sound == Some(job)
        && let Some(viewer) = &mut app.state.viewer
    {
        viewer.play = play;
    }
}

/// Closes what is shown beside or over the conversation.
pub(super) fn close_panes(app: &mut App) {
    transcript::close(app);
    reader::close_all(app);
    close(app);
}

/// No longer shows the evidence of an answer that goes.
pub(super) fn leave(app: &mut App, id: ExchangeId) {
    if app.state.viewer.as_ref().is_some_and(|v| v.exchange == id) {
        close(app);
    }
    for tab in &mut app.state.reader.tabs {
        tab.citation.take_if(|citation| citation.evidence.is_some_and(|(exchange, _)| exchange == id));
    }
}

/// Closes the pane and stops what worked for it.
pub(super) fn close(app: &mut App) {
    stop_sound(app);
    forget_jobs(app);
    app.state.viewer = None;
}

fn forget_jobs(app: &mut App) {
    for job in app.active.viewer.drain(..) {
        app.jobs.forget(job);
    }
}
