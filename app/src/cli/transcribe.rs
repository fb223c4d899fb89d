//! `medley transcribe FILE…`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use engine::media::Limits;
use engine::models::Store;
use engine::tasks::transcribe::format::{self, Format};
use engine::tasks::transcribe::{Segment, TranscribeEvent, TranscribeOptions};
use engine::{Cancel, Engine, EngineOptions, Error};
use serde_json::json;

use super::DEFAULT_MODEL;

use super::args::TranscribeArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{Bar, clock, peak_rss_bytes, say};
use super::speakers::{self, Telling};

/// Transcribes each file; a bad one is told and the others go on.
pub fn run(args: TranscribeArgs, cancel: &Cancel) -> Outcome {
    check_usage(&args)?;
    engine::set_threads(args.threads);
    let engine = Engine::new(EngineOptions {
        store: Store::open_default()?,
        model: DEFAULT_MODEL.to_owned(),
        limits: Limits::default(),
        prefixes: None,
        panels: None,
    });
    let telling = Telling::new(&args.who, &engine)?;
    let mut run =
        Run { out: Output::new(args.json), bar: Bar::units(), engine, telling, cancel, args: &args };
    let started = Instant::now();
    let (mut audio_s, mut failures) = (0.0, Vec::new());
    for path in &args.files {
        match run.file(path) {
            Ok(heard_s) => audio_s += heard_s,
            Err(Stop::All(failure)) => return Err(failure),
            Err(Stop::File(failure)) => {
                run.bar.clear();
                failure.report();
                if args.json {
                    let text = failure.to_string();
                    run.out.object(&json!({"event": "error", "file": path, "text": text}))?;
                }
                failures.push(failure.status());
            }
        }
        if cancel.is_cancelled() {
            break;
        }
    }
    let (wall_s, peak) = (started.elapsed().as_secs_f64(), peak_rss_bytes());
    if args.json {
        run.out.object(
            &json!({"event": "done", "audio_s": audio_s, "wall_s": wall_s, "peak_rss_bytes": peak}),
        )?;
    } else if audio_s > 0.0 {
        say(&format!(
            "{} of sound in {wall_s:.1} s ({:.1} seconds of sound per second)",
            clock(audio_s),
            audio_s / wall_s.max(1e-9)
        ));
    }
    match failures.iter().max() {
        None => Ok(()),
        // Nothing could be used: the status says why. Otherwise a part of the work failed.
        Some(worst) if failures.len() == args.files.len() => Err(Failure::Told(*worst)),
        Some(_) => Err(Failure::Told(1)),
    }
}

fn check_usage(args: &TranscribeArgs) -> Outcome {
    let several = args.files.len() > 1;
    match &args.output {
        Some(_) if args.json => Err(Failure::Usage(
            "--json writes to the standard output; leave -o out, or use --format json".into(),
        )),
        Some(output) if several && output.is_file() => Err(Failure::Usage(format!(
            "{}: this is a file; several recordings need a folder after -o",
            output.display()
        ))),
        None if several && !args.json && args.format != Format::Txt => Err(Failure::Usage(format!(
            "several recordings do not fit into one {} file; give a folder with -o FOLDER",
            args.format.name()
        ))),
        _ => Ok(()),
    }
}

fn options(args: &TranscribeArgs, path: &Path) -> TranscribeOptions {
    TranscribeOptions {
        language: args.language.clone(),
        // The JSON forms always carry words; the others have no place for them.
        word_timestamps: args.word_timestamps || args.json || args.format == Format::Json,
        translate: args.translate,
        threads: None,
        name: path.display().to_string(),
        ..TranscribeOptions::default()
    }
}

struct Run<'a> {
    out: Output,
    bar: Bar,
    engine: Engine,
    telling: Option<Telling>,
    cancel: &'a Cancel,
    args: &'a TranscribeArgs,
}

impl Run<'_> {
    /// Seconds of sound that were heard.
    fn file(&mut self, path: &Path) -> Result<f64, Stop> {
        let mut events =
            self.engine.transcribe(path, &self.args.model, options(self.args, path), self.cancel)?;
        if let Some(telling) = &self.telling {
            events = telling.start(events);
        }
        let mut sink = Sink::open(self.args, path)?;
        let (mut segments, mut heard_s) = (Vec::new(), 0.0);
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
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
                TranscribeEvent::Segment(segment) => {
                    self.bar.clear();
                    match &mut sink {
                        _ if self.args.json => self.out.object(&object(path, &segment))?,
                        sink => sink.segment(&mut self.out, segments.len() + 1, &segment)?,
                    }
                    segments.push(segment);
                }
                TranscribeEvent::Speakers(who) => {
                    self.bar.clear();
                    speakers::show(&who, path, &mut self.out)?;
                    if let Some(telling) = &mut self.telling {
                        telling.remember(&who)?;
                    }
                }
                TranscribeEvent::Notice(text) => {
                    self.bar.clear();
                    match self.args.json {
                        true => self.out.object(&json!({"event": "notice", "file": path, "text": text}))?,
                        false => say(&format!("note: {text}")),
                    }
                }
                TranscribeEvent::Done { audio_s, .. } => heard_s = audio_s,
                // The engine may learn to tell more.
                _ => {}
            }
        }
        self.bar.clear();
        if !self.args.json {
            sink.finish(&mut self.out, &segments)?;
        }
        Ok(heard_s)
    }
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

/// Where a transcript goes: every segment as soon as it is heard, so that nothing is lost when the
/// work is stopped. JSON is one document and comes at the end.
struct Sink {
    format: Format,
    file: Option<(PathBuf, File)>,
}

impl Sink {
    fn open(args: &TranscribeArgs, recording: &Path) -> Outcome<Self> {
        let mut sink = Self { format: args.format, file: None };
        if let Some(output) = &args.output {
            let path = match args.files.len() > 1 || output.is_dir() {
                true => {
                    std::fs::create_dir_all(output).map_err(|e| Failure::writing(output, &e))?;
                    let name = recording.file_stem().unwrap_or(recording.as_os_str()).to_string_lossy();
                    output.join(format!("{name}.{}", args.format.name()))
                }
                false => output.clone(),
            };
            let file = File::create(&path).map_err(|e| Failure::writing(&path, &e))?;
            sink.file = Some((path, file));
        }
        if !args.json && sink.format != Format::Json {
            let header = format::header(sink.format);
            sink.write(&mut Output::new(false), header)?;
        }
        Ok(sink)
    }

    fn write(&mut self, out: &mut Output, text: &str) -> Outcome {
        match &mut self.file {
            Some((path, file)) => file.write_all(text.as_bytes()).map_err(|e| Failure::writing(path, &e)),
            None => out.text(text),
        }
    }

    fn segment(&mut self, out: &mut Output, number: usize, segment: &Segment) -> Outcome {
        match self.format {
            Format::Json => Ok(()),
            format => self.write(out, &format::entry(format, number, segment)),
        }
    }

    fn finish(&mut self, out: &mut Output, segments: &[Segment]) -> Outcome {
        if self.format == Format::Json {
            self.write(out, &format::write(Format::Json, segments))?;
        }
        match &self.file {
            Some((path, file)) => file.sync_all().map_err(|e| Failure::writing(path, &e)),
            None => Ok(()),
        }
    }
}
