//! `medley transcribe FILE…|FOLDER…`, `medley transcribe --watch FOLDER`, `medley transcribe --live`.

pub mod args;

mod live;

mod outputs;

mod queue;

mod watch;

use std::path::Path;
use std::time::Instant;

use engine::media::Limits;
use engine::models::Store;
use engine::tasks::transcribe::format::Format;
use engine::tasks::transcribe::{
    JournalId, JournalStore, Segment, TranscribeEvent, TranscribeOptions, Transcription,
};
use engine::{Cancel, Engine, EngineOptions, Error};
use serde_json::json;

use super::DEFAULT_MODEL;

use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{Bar, clock, peak_rss_bytes, say};
use super::speakers::{self, Telling};
use args::TranscribeArgs;
use outputs::{Outputs, Place};
use queue::{Queue, Recording};

/// Transcribes each file; a bad one is told and the others go on.
pub fn run(mut args: TranscribeArgs, cancel: &Cancel) -> Outcome {
    args.known.read()?;
    if args.live.list_microphones {
        return live::list(&args);
    }
    if args.live.live {
        return live::run(&args, cancel);
    }
    let queue = match args.queue.watch {
        Some(_) => Queue::default(),
        None => Queue::gather(&args.files)?,
    };
    check_usage(&args, &queue)?;
    let engine = engine(&args)?;
    let telling = Telling::new(&args.who, &engine)?;
    // Voices are not kept: where speakers are told apart, a recording is heard as a whole.
    let keeps = !args.queue.no_resume && telling.is_none();
    let journals = keeps.then(JournalStore::open_default).transpose()?;
    let (out, bar) = (Output::new(args.json), Bar::units());
    let mut run = Run { out, bar, engine, telling, cancel, args: &args, journals, heard: Vec::new() };
    match &args.queue.watch {
        Some(folder) => watch::run(&mut run, folder),
        None => run.all(&queue),
    }
}

fn engine(args: &TranscribeArgs) -> Outcome<Engine> {
    engine::set_threads(args.threads);
    Ok(Engine::new(EngineOptions {
        store: Store::open_default()?,
        model: DEFAULT_MODEL.to_owned(),
        limits: Limits::default(),
        prefixes: None,
        panels: None,
    }))
}

impl Run<'_> {
    /// Hears every recording of a queue.
    fn all(&mut self, queue: &Queue) -> Outcome {
        let place = place(self.args, queue);
        for note in &queue.notes {
            self.notice(None, note)?;
        }
        let started = Instant::now();
        let n = queue.recordings.len();
        let (mut audio_s, mut failures) = (0.0, Vec::new());
        for (i, recording) in queue.recordings.iter().enumerate() {
            match self.recording(recording, &place, Some((i + 1, n))) {
                Ok(heard_s) => audio_s += heard_s,
                Err(Stop::All(failure)) => return Err(failure),
                Err(Stop::File(failure)) => {
                    self.told(&recording.path, &failure)?;
                    failures.push(failure.status());
                }
            }
            if self.cancel.is_cancelled() {
                break;
            }
        }
        // The same command would go on from these: not after all is done, or cannot be done.
        if !self.cancel.is_cancelled() && !failures.contains(&1) {
            self.forget();
        }
        self.figures(audio_s, started)?;
        match failures.iter().max() {
            None => Ok(()),
            // Nothing could be used: the status says why. Otherwise a part of the work failed.
            Some(worst) if failures.len() == n => Err(Failure::Told(*worst)),
            Some(_) => Err(Failure::Told(1)),
        }
    }

    fn figures(&mut self, audio_s: f64, started: Instant) -> Outcome {
        let (wall_s, peak) = (started.elapsed().as_secs_f64(), peak_rss_bytes());
        if self.args.json {
            return self.out.object(
                &json!({"event": "done", "audio_s": audio_s, "wall_s": wall_s, "peak_rss_bytes": peak}),
            );
        }
        if audio_s > 0.0 {
            say(&format!(
                "{} of sound in {wall_s:.1} s ({:.1} seconds of sound per second)",
                clock(audio_s),
                audio_s / wall_s.max(1e-9)
            ));
        }
        Ok(())
    }

    /// Tells what is wrong with a recording.
    fn told(&mut self, path: &Path, failure: &Failure) -> Outcome {
        self.bar.clear();
        failure.report();
        match self.args.json {
            true => {
                let text = failure.to_string();
                self.out.object(&json!({"event": "error", "file": path, "text": text}))
            }
            false => Ok(()),
        }
    }

    fn notice(&mut self, path: Option<&Path>, text: &str) -> Outcome {
        self.bar.clear();
        match self.args.json {
            true => self.out.object(&json!({"event": "notice", "file": path, "text": text})),
            false => {
                say(&format!("note: {text}"));
                Ok(())
            }
        }
    }

    /// Deletes what was kept of recordings whose transcripts are where they belong.
    fn forget(&mut self) {
        for id in self.heard.drain(..) {
            self.journals.iter().for_each(|journals| journals.forget(&id));
        }
    }
}

fn check_usage(args: &TranscribeArgs, queue: &Queue) -> Outcome {
    let formats = &args.format.0;
    let several = queue.recordings.len() > 1 || queue.has_folder;
    match &args.output {
        Some(_) if args.json => Err(Failure::Usage(
            "--json writes to the standard output; leave -o out, or use --format json".into(),
        )),
        Some(output) if (several || formats.len() > 1) && output.is_file() => Err(Failure::Usage(format!(
            "{}: this is a file; several recordings or formats need a folder after -o",
            output.display()
        ))),
        None if args.json || args.queue.watch.is_some() => Ok(()),
        None if formats.len() > 1 => Err(Failure::Usage(
            "several formats do not fit into one output; give a folder with -o FOLDER".into(),
        )),
        None if several && formats != &[Format::Txt] => Err(Failure::Usage(format!(
            "several recordings do not fit into one {} file; give a folder with -o FOLDER",
            formats[0].name()
        ))),
        None if formats.contains(&Format::Docx) => {
            Err(Failure::Usage("a DOCX file is nothing to look at here; give a file with -o FILE".into()))
        }
        _ => Ok(()),
    }
}

/// Where the transcripts of a queue go.
fn place(args: &TranscribeArgs, queue: &Queue) -> Place {
    let several = queue.recordings.len() > 1 || queue.has_folder || args.format.0.len() > 1;
    match &args.output {
        None => Place::Stdout,
        Some(output)
            if several || output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/") =>
        {
            Place::Folder(output.clone())
        }
        Some(output) => Place::File(output.clone()),
    }
}

fn options(args: &TranscribeArgs, path: &Path) -> TranscribeOptions {
    TranscribeOptions {
        language: args.language.clone(),
        // The JSON forms carry words, and subtitles are cut between them; the others have no use for them.
        word_timestamps: args.word_timestamps || args.json || args.format.0.iter().any(|f| needs_words(*f)),
        translate: args.translate,
        beam: args.beam.into(),
        prompt: args.known.prompt.clone(),
        vocabulary: args.known.vocabulary.clone(),
        threads: None,
        name: path.display().to_string(),
    }
}

fn needs_words(format: Format) -> bool {
    matches!(format, Format::Json | Format::Srt | Format::Vtt)
}

struct Run<'a> {
    out: Output,
    bar: Bar,
    engine: Engine,
    telling: Option<Telling>,
    cancel: &'a Cancel,
    args: &'a TranscribeArgs,
    /// Where it is kept what was heard of recordings that are not finished.
    journals: Option<JournalStore>,
    /// Those of recordings that are.
    heard: Vec<JournalId>,
}

impl Run<'_> {
    /// Hears one recording, the `number`th of so many; seconds of sound that were heard.
    fn recording(
        &mut self,
        recording: &Recording,
        place: &Place,
        number: Option<(usize, usize)>,
    ) -> Result<f64, Stop> {
        let path = recording.path.as_path();
        let options = options(self.args, path);
        let mut events = self.engine.transcribe(path, &self.args.model, options.clone(), self.cancel)?;
        if let Some(telling) = &self.telling {
            events = telling.start(events);
        }
        let (mut id, mut resumes) = (None, false);
        if let Some(journals) = &self.journals {
            match journals.journal(self.engine.store(), path, &self.args.model, &options) {
                Ok(journal) => {
                    (id, resumes) = (Some(journal.id()), journal.heard_s().is_some());
                    events = events.kept_in(journal);
                }
                Err(error) => log::info!("{}: nothing is kept of it: {error}", path.display()),
            }
        }
        let formats: &[Format] = if self.args.json { &[] } else { &self.args.format.0 };
        let mut outputs = Outputs::open(place, formats, recording, self.args.queue.style(), resumes)?;
        if self.args.json {
            let (number, of) = number.unzip();
            self.out.object(&json!({"event": "file", "file": path, "number": number, "of": of}))?;
        }
        let heard = self.hear(path, events, &mut outputs, number);
        self.bar.clear();
        let can_go_on = id.is_some();
        match heard {
            Ok(heard) if !heard.cancelled => {
                self.heard.extend(id);
                self.finish(path, outputs, heard, number.is_none_or(|(_, n)| n > 1))
            }
            stopped => {
                let left = outputs.leave();
                if let Some(part) = left.first() {
                    say(&format!("what was heard of {} is in {}", path.display(), part.display()));
                }
                let heard = stopped?;
                if can_go_on {
                    let (at, name) = (clock(heard.said_s), path.display());
                    say(&format!("stopped at {at} of {name}; the same command goes on from there"));
                }
                Ok(heard.audio_s)
            }
        }
    }

    fn hear(
        &mut self,
        path: &Path,
        events: Transcription,
        outputs: &mut Outputs,
        number: Option<(usize, usize)>,
    ) -> Result<Heard, Stop> {
        let mut name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if let Some((number, n)) = number.filter(|(_, n)| *n > 1) {
            name = format!("{number}/{n} {name}");
        }
        let mut heard = Heard::default();
        for event in events {
            match event? {
                TranscribeEvent::Progress { done_s, total_s } => {
                    let total = total_s.unwrap_or_default().ceil() as u64;
                    if self.args.json {
                        self.out.object(&json!({
                            "event": "progress", "stage": "encode", "what": path, "done": done_s,
                            "total": total_s,
                        }))?;
                    } else {
                        self.bar.show(&name, done_s as u64, total);
                    }
                }
                TranscribeEvent::Resumed { heard_s } => {
                    let at = clock(heard_s);
                    let text = format!("{} was heard up to {at} by an earlier run: going on", path.display());
                    self.notice(Some(path), &text)?;
                }
                TranscribeEvent::Segment(segment) => {
                    self.bar.clear();
                    heard.said_s = segment.end_s;
                    match self.args.json {
                        true => self.out.object(&object(path, &segment))?,
                        false => outputs.segment(&mut self.out, &segment)?,
                    }
                }
                TranscribeEvent::Speakers(who) => {
                    self.bar.clear();
                    speakers::show(&who, path, &mut self.out)?;
                    if let Some(telling) = &mut self.telling {
                        telling.remember(&who)?;
                    }
                }
                TranscribeEvent::Notice(text) => self.notice(Some(path), &text)?,
                TranscribeEvent::Done { audio_s, wall_s, cancelled } => {
                    (heard.audio_s, heard.wall_s, heard.cancelled) = (audio_s, wall_s, cancelled);
                }
                // The engine may learn to tell more.
                _ => {}
            }
        }
        Ok(heard)
    }

    /// Gives transcripts their names, and says where they are if there are several.
    fn finish(&mut self, path: &Path, outputs: Outputs, heard: Heard, tells: bool) -> Result<f64, Stop> {
        let (files, note) = outputs.finish(&mut self.out)?;
        if let Some(note) = note {
            self.notice(Some(path), &format!("{}: {note}", path.display()))?;
        }
        if tells && !files.is_empty() {
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            let (long, wall_s) = (clock(heard.audio_s), heard.wall_s);
            say(&format!("{}: {long} of sound in {wall_s:.1} s, in {}", path.display(), files.join(", ")));
        }
        Ok(heard.audio_s)
    }
}

/// What was heard of a recording.
#[derive(Default)]
struct Heard {
    audio_s: f64,
    wall_s: f64,
    /// Where the last thing was said.
    said_s: f64,
    cancelled: bool,
}

/// Whether the other files go on.
enum Stop {
    File(Failure),
    All(Failure),
}

/// What is wrong with the model or the request is wrong for every file.
impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Media { .. } | Error::Io { .. } => Self::File(error.into()),
            _ => Self::All(error.into()),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Closed => Self::All(failure),
            _ => Self::File(failure),
        }
    }
}

fn object(path: &Path, segment: &Segment) -> serde_json::Value {
    json!({
        "event": "segment", "file": path, "start_s": segment.start_s, "end_s": segment.end_s,
        "text": segment.text, "language": segment.language, "speaker": segment.speaker,
        "confidence": segment.confidence, "words": segment.words,
    })
}
