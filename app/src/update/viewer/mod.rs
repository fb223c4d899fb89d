//! What is looked at beside the conversation, and its sound.

mod part;

mod play;

use std::path::PathBuf;

use engine::media::{FrameStep, Kind};
use engine::{Evidence, Place};

use super::{attach, conversation, drafts, reader, transcript};
use crate::App;
use crate::command::{MediaCommand, ReaderCommand, TranscriptCommand};
use crate::jobs::{JobId, MediaJob, MediaNews, THUMBNAILS, thumbnails};
use crate::state::{AttachmentId, Cited, ExchangeId, Load, Viewer};

pub(super) use play::{play_file, play_pause, seek, sound, stop_sound};

/// Longest side of a picture that is shown whole, in pixels.
const FIT_PX: u32 = 1600;

/// Longest side of one that is looked at closely: what graphics cards surely take.
const SHARP_PX: u32 = 4096;

/// What works for the pane.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What ends with the pane.
    jobs: Vec<JobId>,
    /// The frame that is wanted; an older wish counts no more.
    frame: Option<JobId>,
}

pub(super) fn run(app: &mut App, command: MediaCommand) {
    match command {
        MediaCommand::Open(id) => open_file(app, id, 0.0),
        MediaCommand::Preview(exchange, index) => preview(app, exchange, index),
        MediaCommand::Sharpen => load_picture(app, SHARP_PX),
        MediaCommand::Skip(by_s) => {
            if let Some(to_s) = app.state.viewer.as_ref().map(|viewer| viewer.at_s() + by_s) {
                seek(app, to_s);
            }
        }
        MediaCommand::StepFrame(step) => step_frame(app, step),
        MediaCommand::SetSpeed(speed) => play::set_speed(app, speed),
        MediaCommand::ToggleSubtitles => {
            if let Some(viewer) = &mut app.state.viewer {
                viewer.has_subtitles = !viewer.has_subtitles;
            }
        }
        MediaCommand::MarkStart | MediaCommand::MarkEnd | MediaCommand::ClearMarks => {
            part::mark(app, &command);
        }
        MediaCommand::AskPart => part::ask(app),
        MediaCommand::DropPart => app.state.clip = None,
        MediaCommand::OpenPart(id, from_s, to_s) => {
            open_file(app, id, from_s);
            if let Some(viewer) = app.state.viewer.as_mut().filter(|viewer| viewer.attachment == Some(id)) {
                viewer.marks_s = (Some(from_s), Some(to_s));
            }
        }
        MediaCommand::AskCrop(area) => part::crop(app, area),
        MediaCommand::CaptureScreen => attach::capture(app),
        MediaCommand::ShowAllFiles(all) => app.view.all_files = all,
    }
}

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
    let is_read = match evidence.place {
        Place::Page { .. } => true,
        // Subtitles have times and are read as pages.
        Place::Time { .. } => app.state.kind_of(&evidence.source) == Some(Kind::Document),
        Place::Frame { .. } | Place::Picture { .. } => false,
    };
    if is_read {
        return reader::open_evidence(app, of, evidence);
    }
    reader::hide(app);
    let read = app.state.read_file(evidence);
    let kind = read.as_ref().map_or_else(|| likely_kind(&evidence.place), |read| read.kind);
    let time_s = Viewer::start_s(&evidence.place);
    let path = evidence.source.clone();
    app.view.scroll_to_quote = true;
    let (exchange, index) = of.unwrap_or((ExchangeId::NONE, 0));
    show(app, path, kind, time_s, Some(Cited { exchange, index, evidence: evidence.clone() }));
}

/// Shows a file of the conversation.
fn open_file(app: &mut App, id: AttachmentId, time_s: f64) {
    let Some(file) = app.state.current().and_then(|c| c.attachment(id)) else { return };
    let (path, kind) = (file.path.clone(), file.kind);
    match kind {
        Some(Kind::Document) => reader::run(app, ReaderCommand::Open(id)),
        Some(kind) => {
            transcript::close(app);
            reader::hide(app);
            show(app, path, kind, time_s, None);
        }
        None => app.state.say(crate::words::say("media-not-known-yet")),
    }
}

fn show(app: &mut App, path: PathBuf, kind: Kind, time_s: f64, cited: Option<Cited>) {
    // The same file keeps what was loaded of it.
    let before = app.state.viewer.take().filter(|before| before.path == path && before.kind == kind);
    close(app);
    let file = app.state.current().and_then(|c| c.attachments.iter().find(|a| a.path == path));
    let mut viewer = Viewer {
        attachment: file.map(|file| file.id),
        read: file.and_then(|file| file.read()),
        cited,
        time_s,
        ..Viewer::new(path.clone(), kind)
    };
    if let Some(before) = before {
        viewer.speed = before.speed;
        viewer.has_subtitles = before.has_subtitles;
        viewer.duration_s = before.duration_s;
        if before.thumbnails.len() == THUMBNAILS {
            viewer.thumbnails = before.thumbnails;
        }
        if let Load::Ready(wave) = before.wave {
            viewer.wave = Load::Ready(wave);
        }
        if kind == Kind::Picture {
            (viewer.picture, viewer.full_px) = (before.picture, before.full_px);
        }
    }
    let is_loaded = matches!(viewer.picture, Load::Ready(_));
    if matches!(kind, Kind::Sound | Kind::Video) && !matches!(viewer.wave, Load::Ready(_)) {
        viewer.wave = Load::Loading;
        let job = app.jobs.media(MediaJob::Wave { path: path.clone() });
        app.active.viewer.jobs.push(job);
    }
    if kind == Kind::Video && viewer.thumbnails.is_empty() {
        let opener = crate::jobs::opener(app.store.as_ref());
        let job = app.jobs.spawn("small frames", move |job, cancel, events| {
            thumbnails(job, &opener, &path, cancel, events);
        });
        app.active.viewer.jobs.push(job);
    }
    app.state.viewer = Some(viewer);
    app.view.stage.reset();
    if !is_loaded {
        load_picture(app, FIT_PX);
    }
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
fn load_picture(app: &mut App, longest_px: u32) {
    let Some(viewer) = &mut app.state.viewer else { return };
    let path = viewer.path.clone();
    let job = match viewer.kind {
        Kind::Picture => MediaJob::Picture { path, longest_px },
        Kind::Video => MediaJob::Frame { path, time_s: viewer.time_s },
        Kind::Sound | Kind::Document => return,
    };
    // What is there stays until the new one comes.
    if !matches!(viewer.picture, Load::Ready(_)) {
        viewer.picture = Load::Loading;
    }
    want_frame(app, job);
}

fn want_frame(app: &mut App, job: MediaJob) {
    let job = app.jobs.media(job);
    if let Some(older) = app.active.viewer.frame.replace(job) {
        app.jobs.forget(older);
    }
}

fn step_frame(app: &mut App, step: i32) {
    stop_sound(app);
    let Some(viewer) = app.state.viewer.as_ref().filter(|viewer| viewer.kind == Kind::Video) else { return };
    let step = if step < 0 { FrameStep::Back } else { FrameStep::On };
    let job = MediaJob::Step { path: viewer.path.clone(), time_s: viewer.time_s, step };
    want_frame(app, job);
}

/// Asks for the picture that shows while the pointer rests on a mark.
fn preview(app: &mut App, exchange: ExchangeId, index: usize) {
    let evidence = app.state.exchange(exchange).and_then(|e| e.answer.evidence.get(index));
    let Some(evidence) = evidence.filter(|_| !app.view.previews.contains_key(&(exchange, index))) else {
        return;
    };
    let time_s = match evidence.place {
        Place::Picture { .. } => None,
        Place::Frame { time_s, .. } => Some(time_s),
        Place::Page { .. } | Place::Time { .. } => return,
    };
    let path = evidence.source.clone();
    app.view.previews.insert((exchange, index), Load::Loading);
    app.jobs.media(MediaJob::Preview { of: (exchange, index), path, time_s });
}

/// Takes in what the workers found.
pub(super) fn news(app: &mut App, job: JobId, news: MediaNews) {
    // Frames of a film, and small frames, are told one by one by a job that goes on.
    if !matches!(
        news,
        MediaNews::Frame(..) | MediaNews::Silent(_) | MediaNews::Length(_) | MediaNews::Thumbnail(..)
    ) {
        app.jobs.close(job);
    }
    let plays = app.active.sound == Some(job);
    match news {
        MediaNews::Preview(of, picture) => {
            app.view.previews.insert(of, picture);
            return;
        }
        MediaNews::Cropped(saved) => return part::cropped(app, saved),
        MediaNews::Pasted(conversation, files) => {
            return attach::pasted(app, conversation, files);
        }
        MediaNews::Stepped(Err(reason)) => return app.state.say(reason),
        MediaNews::Stepped(Ok(None)) => return app.state.say(crate::words::say("media-no-more-frames")),
        _ => {}
    }
    let Some(viewer) = &mut app.state.viewer else { return };
    match news {
        MediaNews::Still(picture, full_px) => (viewer.picture, viewer.full_px) = (picture, full_px),
        MediaNews::Stepped(Ok(Some((at_s, picture)))) => {
            (viewer.time_s, viewer.picture) = (at_s, Load::Ready(picture));
        }
        MediaNews::Length(duration_s) => viewer.duration_s = duration_s,
        MediaNews::Thumbnail(at_s, picture) => viewer.thumbnails.push((at_s, picture)),
        MediaNews::Frame(_, picture) if plays => viewer.picture = Load::Ready(picture),
        MediaNews::Silent(reason) if plays => viewer.silent_because = Some(reason),
        _ => {}
    }
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

/// Closes what is shown beside or over the conversation.
pub(super) fn close_panes(app: &mut App) {
    drafts::keep(app);
    transcript::close(app);
    reader::close_all(app);
    close(app);
    app.state.clip = None;
}

/// No longer shows the evidence of an answer that goes.
pub(super) fn leave(app: &mut App, id: ExchangeId) {
    let is_shown = |viewer: &Viewer| viewer.cited.as_ref().is_some_and(|cited| cited.exchange == id);
    if app.state.viewer.as_ref().is_some_and(is_shown) {
        close(app);
    }
    app.view.previews.retain(|(exchange, _), _| *exchange != id);
    for tab in &mut app.state.reader.tabs {
        tab.citation.take_if(|citation| citation.evidence.is_some_and(|(exchange, _)| exchange == id));
    }
}

/// No longer shows a file that is taken out.
pub(super) fn forget(app: &mut App, id: AttachmentId) {
    if app.state.viewer.as_ref().is_some_and(|viewer| viewer.attachment == Some(id)) {
        close(app);
    }
    app.state.clip.take_if(|clip| clip.attachment == id);
}

/// A file that is shown was read meanwhile.
pub(super) fn was_read(app: &mut App, id: AttachmentId) {
    let read = app.state.attachment_mut(id).and_then(|(_, attachment)| attachment.read());
    if let Some(viewer) = app.state.viewer.as_mut().filter(|viewer| viewer.attachment == Some(id)) {
        viewer.read = read;
    }
}

/// Closes the pane and stops what worked for it.
pub(super) fn close(app: &mut App) {
    stop_sound(app);
    let Work { jobs, frame } = std::mem::take(&mut app.active.viewer);
    for job in jobs.into_iter().chain(frame) {
        app.jobs.forget(job);
    }
    app.state.viewer = None;
}

/// The picture of the viewer, when it is the one that is wanted.
pub(super) fn picture(app: &mut App, job: JobId, picture: Load<crate::state::Picture>) {
    app.jobs.close(job);
    if let Some(viewer) = app.state.viewer.as_mut().filter(|viewer| !viewer.is_playing()) {
        viewer.picture = picture;
    }
}
