//! The one thread that owns the engine.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use engine::generate::inside::Spent;
use engine::perception::ReadEvent;
use engine::tasks::ask::{AskRequest, Attachment, ReadFile};
use engine::tasks::transcribe::TranscribeEvent;
use engine::{Cancel, Event, Inside, Stage, StopReason, Usage};

use super::job::OF_NO_JOB;
use super::{Backend, EngineJob, Events, JobEvent, JobId, ModelsNews, Ticket};
use crate::platform::resident_bytes;
use crate::state::{AttachmentId, file_name};

/// Works until the window is gone.
pub(super) fn run(jobs: Receiver<Ticket<EngineJob>>, mut backend: Box<dyn Backend>, events: Events) {
    let mut keep_for = None;
    let mut loaded = Vec::new();
    // Seconds that reading a file took, until an answer tells them.
    let mut reading = HashMap::new();
    loop {
        // With nothing in memory there is nothing to free.
        let next = match keep_for.filter(|_| !loaded.is_empty()) {
            Some(keep_for) => jobs.recv_timeout(keep_for),
            None => jobs.recv().map_err(RecvTimeoutError::from),
        };
        let Ticket { id, job, cancel } = match next {
            Ok(ticket) => ticket,
            Err(RecvTimeoutError::Timeout) => Ticket::of_no_job(EngineJob::Unload),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let failed = job.failed();
        // A bug in the engine must not take the window with it.
        let alive = std::panic::catch_unwind(AssertUnwindSafe(|| match job {
            EngineJob::Unload => {
                backend.unload();
                true
            }
            EngineJob::KeepFor(time) => {
                keep_for = time;
                true
            }
            EngineJob::Read { attachment, path } => {
                let since = Instant::now();
                let alive = read(backend.as_mut(), id, attachment, &path, &cancel, &events);
                reading.insert(path, since.elapsed().as_secs_f64());
                alive
            }
            EngineJob::Transcribe { attachment, path, form } => {
                for event in backend.transcribe(&path, &form, &cancel) {
                    let (event, last) = match event {
                        Ok(event) => {
                            let last = matches!(event, TranscribeEvent::Done { .. });
                            (JobEvent::Heard { attachment, event }, last)
                        }
                        Err(error) => (failed(&error.to_string()), true),
                    };
                    let alive = events.send(id, event);
                    if last || !alive {
                        return alive;
                    }
                }
                events.send(id, failed("the transcription ended early; transcribe again"))
            }
            EngineJob::Ask { exchange, model, adapter, mut request, library } => {
                let ended =
                    |reason, usage| JobEvent::Answer { exchange, event: Event::Done { reason, usage } };
                if cancel.is_cancelled() {
                    return events.send(id, ended(StopReason::Cancelled, Usage::default()));
                }
                if let Some((folder, scope)) = &library {
                    let searching =
                        Event::Progress { stage: Stage::Search, what: String::new(), done: 0, total: 0 };
                    events.send(id, JobEvent::Answer { exchange, event: searching });
                    match backend.find(folder, scope, &mut request, &cancel) {
                        Ok(notices) => notices.into_iter().for_each(|text| {
                            events.send(id, JobEvent::Answer { exchange, event: Event::Notice(text) });
                        }),
                        Err(error) => return events.send(id, failed(&error.to_string())),
                    }
                }
                let files = files_of(&request);
                backend.set_adapter(adapter.as_deref());
                for event in backend.ask(&model, *request, &cancel) {
                    let (event, last) = match event {
                        Ok(mut event) => {
                            let last = matches!(event, Event::Done { .. });
                            if let Event::Inside(inside) = &mut event {
                                tell_reading(inside, &files, &mut reading);
                            }
                            (JobEvent::Answer { exchange, event }, last)
                        }
                        Err(error) => (JobEvent::AnswerFailed { exchange, reason: error.to_string() }, true),
                    };
                    let alive = events.send(id, event);
                    if last || !alive {
                        return alive;
                    }
                }
                match cancel.is_cancelled() {
                    true => events.send(id, ended(StopReason::Cancelled, Usage::default())),
                    false => events.send(id, failed("the answer ended early; ask again")),
                }
            }
        }));
        engine::give_back_memory();
        let now = backend.loaded();
        if now != loaded || id == OF_NO_JOB {
            loaded.clone_from(&now);
            let news = ModelsNews::Loaded(now, resident_bytes());
            if !events.send(OF_NO_JOB, JobEvent::Models(news)) {
                return;
            }
        }
        match alive {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => {
                let reason = "an internal error; the log on the terminal says more. Please report it";
                if !events.send(id, failed(reason)) {
                    return;
                }
            }
        }
    }
}

impl EngineJob {
    /// Makes the event that says that the job failed.
    fn failed(&self) -> impl Fn(&str) -> JobEvent + use<> {
        let make: Box<dyn Fn(String) -> JobEvent> = match *self {
            Self::Read { attachment, .. } => {
                Box::new(move |reason| JobEvent::ReadDone { attachment, result: Err(reason) })
            }
            Self::Transcribe { attachment, .. } => {
                Box::new(move |reason| JobEvent::HearingFailed { attachment, reason })
            }
            Self::Ask { exchange, .. } => Box::new(move |reason| JobEvent::AnswerFailed { exchange, reason }),
            Self::Unload | Self::KeepFor(_) => {
                Box::new(|_| JobEvent::Models(ModelsNews::Loaded(Vec::new(), None)))
            }
        };
        move |reason| make(reason.to_owned())
    }
}

/// The files that go with a question.
fn files_of(request: &AskRequest) -> Vec<PathBuf> {
    let path = |media: &Attachment| match media {
        Attachment::Read(read) => read.path.clone(),
        Attachment::File(path) => path.clone(),
    };
    request.media.iter().map(path).collect()
}

/// Puts the time in which files were read before the rest, with the first answer about them.
fn tell_reading(inside: &mut Inside, files: &[PathBuf], reading: &mut HashMap<PathBuf, f64>) {
    for path in files.iter().rev() {
        if let Some(seconds) = reading.remove(path) {
            inside.seconds += seconds;
            inside.time.insert(0, Spent { stage: Stage::Decode, what: file_name(path), seconds });
        }
    }
}

fn read(
    backend: &mut dyn Backend,
    id: JobId,
    attachment: AttachmentId,
    path: &Path,
    cancel: &Cancel,
    events: &Events,
) -> bool {
    let (mut opened, mut spans, mut notices) = (None, Vec::new(), Vec::new());
    for event in backend.read(path, cancel) {
        if cancel.is_cancelled() {
            return true;
        }
        match event {
            Ok(ReadEvent::Opened { kind, summary }) => opened = Some((kind, summary)),
            Ok(ReadEvent::Progress { stage, done, total }) => {
                if !events.send(id, JobEvent::ReadProgress { attachment, stage, done, total }) {
                    return false;
                }
            }
            Ok(ReadEvent::Span(span)) => spans.push(span),
            Ok(ReadEvent::Notice(notice)) => notices.push(notice),
            Err(error) => {
                let result = Err(error.to_string());
                return events.send(id, JobEvent::ReadDone { attachment, result });
            }
        }
    }
    if cancel.is_cancelled() {
        return true;
    }
    let result = match opened {
        Some((kind, summary)) => {
            Ok(ReadFile { path: path.to_path_buf(), kind, summary, spans: Arc::new(spans), notices })
        }
        None => Err("nothing could be read in this file".to_owned()),
    };
    events.send(id, JobEvent::ReadDone { attachment, result })
}
