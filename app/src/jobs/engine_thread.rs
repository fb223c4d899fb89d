//! The one thread that owns the engine.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use engine::perception::ReadEvent;
use engine::tasks::ask::ReadFile;
use engine::tasks::transcribe::TranscribeEvent;
use engine::{Cancel, Event, Stage, StopReason, Usage};

use super::{Backend, EngineJob, Events, JobEvent, JobId, Ticket};
use crate::state::AttachmentId;

/// Works until the window is gone.
pub(super) fn run(jobs: Receiver<Ticket<EngineJob>>, mut backend: Box<dyn Backend>, events: Events) {
    while let Ok(Ticket { id, job, cancel }) = jobs.recv() {
        let failed = job.failed();
        // A bug in the engine must not take the window with it.
        let alive = std::panic::catch_unwind(AssertUnwindSafe(|| match job {
            EngineJob::Read { attachment, path } => {
                read(backend.as_mut(), id, attachment, &path, &cancel, &events)
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
                backend.set_adapter(adapter.as_deref());
                for event in backend.ask(&model, *request, &cancel) {
                    let (event, last) = match event {
                        Ok(event) => {
                            let last = matches!(event, Event::Done { .. });
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
        };
        move |reason| make(reason.to_owned())
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
