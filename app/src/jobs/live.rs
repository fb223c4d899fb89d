//! Listening and writing down what is said, for the window.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::media::Kind;
use engine::tasks::ask::ReadFile;
use engine::tasks::transcribe::{LiveEvent, Segment, TranscribeOptions, format};
use engine::{Cancel, Engine, EngineOptions};

use super::media_thread::check;
use super::{Events, JobEvent, JobId};
use crate::live::{LiveNews, LiveRequest, run};
use crate::platform::listen::{Microphone, Source, microphones};

/// What the window asks of microphones and the engine; apart from the rest of it, so that somebody can speak while an
/// answer is written.
pub trait Ears: Send + Sync {
    /// The microphones.
    fn microphones(&self) -> Vec<Microphone>;

    /// Writes down what is said until it is stopped, and keeps the sound.
    fn listen(&self, source: Source, record: PathBuf, stop: &Cancel, tell: &mut dyn FnMut(LiveNews) -> bool);
}

/// The real ones. The speech model is loaded for each time, and its memory is free between them.
pub struct EngineEars {
    /// Where the model is.
    pub options: EngineOptions,
    /// The speech model.
    pub model: &'static str,
}

impl Ears for EngineEars {
    fn microphones(&self) -> Vec<Microphone> {
        microphones()
    }

    fn listen(&self, source: Source, record: PathBuf, stop: &Cancel, tell: &mut dyn FnMut(LiveNews) -> bool) {
        let options = TranscribeOptions { name: source.name(), ..TranscribeOptions::default() };
        let request = LiveRequest { source, model: self.model.to_owned(), options, record: Some(record) };
        run(&Engine::new(self.options.clone()), request, stop, tell);
    }
}

/// Listens until it is stopped, and tells at the end what was heard as if the recording had been read.
pub(crate) fn listen(
    ears: &Arc<dyn Ears>,
    source: Source,
    record: PathBuf,
    job: JobId,
    stop: &Cancel,
    events: &Events,
) {
    let (mut segments, mut notices, mut last) = (Vec::new(), Vec::new(), None);
    ears.listen(source, record, stop, &mut |news| match news {
        LiveNews::Ended(end) => {
            last = Some(end);
            true
        }
        LiveNews::Heard { event: LiveEvent::Segment(segment), .. } => {
            segments.push(segment);
            true
        }
        news => {
            if let LiveNews::Heard { event: LiveEvent::Notice(text), .. } = &news {
                notices.push(text.clone());
            }
            events.send(job, JobEvent::Live(news))
        }
    });
    let end = last.unwrap_or_default();
    let read = end.recording.as_deref().and_then(|path| {
        let (_, sha256) = check(path, &Cancel::new()).inspect_err(|reason| log::warn!("{reason}")).ok()?;
        notices.extend(end.problem.clone());
        Some((sha256, read_file(path, end.sound_s, segments, notices)))
    });
    events.send(job, JobEvent::LiveEnded { end, read });
}

/// What reading the recording would find.
fn read_file(path: &Path, sound_s: f64, segments: Vec<Segment>, notices: Vec<String>) -> ReadFile {
    let spans = segments.into_iter().map(|segment| segment.into_span(path)).collect();
    let summary = format!("{} minutes", format::duration(sound_s));
    ReadFile { path: path.to_path_buf(), kind: Kind::Sound, summary, spans: Arc::new(spans), notices }
}
