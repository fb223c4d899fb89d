//! `medley transcribe --live`: what is said now.

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Instant;

use engine::Cancel;
use engine::tasks::transcribe::format::Format;
use engine::tasks::transcribe::{LiveEvent, TranscribeOptions};
use medley_app::live::{LiveEnd, LiveNews, LiveRequest};
use medley_app::platform::listen::{Source, microphones};
use serde_json::json;

use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::progress::{Bar, clock, peak_rss_bytes, say};
use super::args::TranscribeArgs;
use super::outputs::Outputs;
use super::queue::Recording;

/// Columns of text on the last line.
const TAIL: usize = 64;
/// Bars of the level meter.
const BARS: usize = 10;

/// Names the microphones.
pub fn list(args: &TranscribeArgs) -> Outcome {
    let mut out = Output::new(args.json);
    let found = microphones();
    for microphone in &found {
        match args.json {
            true => out.object(&json!({"name": microphone.name, "default": microphone.is_default}))?,
            false => {
                let mark = if microphone.is_default { "* " } else { "  " };
                out.line(&format!("{mark}{}", microphone.name))?;
            }
        }
    }
    match found.is_empty() {
        false => Ok(()),
        true => Err(Failure::Failed("no microphone was found; plug one in, or use --system-sound".into())),
    }
}

/// Transcribes until Ctrl-C or the end of the sound.
pub fn run(args: &TranscribeArgs, cancel: &Cancel) -> Outcome {
    let source = source(args)?;
    check(args)?;
    let engine = super::engine(args)?;
    let options = TranscribeOptions {
        language: args.language.clone(),
        translate: args.translate,
        beam: args.beam.into(),
        prompt: args.known.prompt.clone(),
        vocabulary: args.known.vocabulary.clone(),
        name: source.name(),
        ..TranscribeOptions::default()
    };
    let formats: &[Format] = if args.output.is_some() { &args.format.0 } else { &[] };
    let name = args.live.record.as_deref().or(args.output.as_deref()).and_then(Path::file_stem);
    let name = name.map_or_else(|| "live".to_owned(), |name| name.to_string_lossy().into_owned());
    let recording = Recording { path: PathBuf::from(&name), folder: PathBuf::new(), name };
    let place = super::place(args, &super::queue::Queue::default());
    let outputs = Outputs::open(&place, formats, &recording, args.queue.style(), false)?;
    let request =
        LiveRequest { source, model: args.model.clone(), options, record: args.live.record.clone() };
    let mut shown = Shown {
        out: Output::new(args.json),
        outputs,
        on_terminal: !args.json && stdout().is_terminal() && stderr().is_terminal(),
        bar: Bar::units(),
        line: String::new(),
        tentative: String::new(),
        level: 0.0,
        at_s: 0.0,
        failure: None,
        ended: None,
    };
    let started = Instant::now();
    medley_app::live::run(&engine, request, cancel, |news| shown.take(news));
    shown.finish(started)
}

fn source(args: &TranscribeArgs) -> Outcome<Source> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    match args.files.as_slice() {
        [] if args.live.system_sound => Ok(Source::SystemSound),
        [] => Ok(match &args.live.microphone {
            Some(name) if name != "default" => Source::Microphone(name.clone()),
            _ => Source::DefaultMicrophone,
        }),
        [one] if one.as_os_str() == "-" => {
            if args.live.system_sound || args.live.microphone.is_some() {
                return usage("--live has one source: \"-\", --microphone or --system-sound");
            }
            if stdin().is_terminal() {
                return usage(
                    "the standard input is a terminal; try: ffmpeg -v error -re -i talk.mp3 -f wav - | medley transcribe \
                     --live -",
                );
            }
            Ok(Source::StandardInput)
        }
        _ => {
            usage("--live takes no file but \"-\", the standard input; leave --live out to transcribe files")
        }
    }
}

fn check(args: &TranscribeArgs) -> Outcome {
    let formats = &args.format.0;
    match &args.output {
        Some(_) if args.json => Err(Failure::Usage(
            "--json writes to the standard output; leave -o out, or use --format json".into(),
        )),
        None if !args.json && formats != &[Format::Txt] => Err(Failure::Usage(format!(
            "{} is written into a file; give it with -o FILE",
            formats.first().map_or("this format", |format| format.name())
        ))),
        _ => Ok(()),
    }
}

/// What is seen of it.
struct Shown {
    out: Output,
    outputs: Outputs,
    /// Whether a person looks at both outputs: then there is a last line that changes.
    on_terminal: bool,
    bar: Bar,
    /// The stable text since the last segment.
    line: String,
    tentative: String,
    level: f32,
    at_s: f64,
    failure: Option<Failure>,
    ended: Option<LiveEnd>,
}

impl Shown {
    /// `false` when it must stop.
    fn take(&mut self, news: LiveNews) -> bool {
        let taken = match news {
            LiveNews::Opened => self.opened(),
            LiveNews::Level { level, at_s } => {
                (self.level, self.at_s) = (level, at_s);
                self.draw();
                Ok(())
            }
            LiveNews::Heard { event, heard_s } => self.heard(event, heard_s),
            LiveNews::Ended(end) => {
                self.ended = Some(end);
                Ok(())
            }
        };
        self.failure = self.failure.take().or(taken.err());
        self.failure.is_none()
    }

    fn opened(&mut self) -> Outcome {
        if self.out.is_json() {
            return self.out.object(&json!({"event": "listening"}));
        }
        say("listening; Ctrl-C ends it");
        Ok(())
    }

    fn heard(&mut self, event: LiveEvent, heard_s: f64) -> Outcome {
        if self.out.is_json() {
            return self.object(event, heard_s);
        }
        match event {
            LiveEvent::Stable { text, .. } => {
                if !self.on_terminal {
                    let begins = self.line.is_empty();
                    self.out.text(if begins { text.trim_start() } else { &text })?;
                }
                self.line.push_str(&text);
            }
            LiveEvent::Segment(segment) => {
                self.bar.clear();
                let line = if self.on_terminal { segment.text.as_str() } else { "" };
                self.out.line(line)?;
                self.line.clear();
                self.outputs.segment(&mut self.out, &segment)?;
            }
            LiveEvent::Tentative(text) => self.tentative = text,
            LiveEvent::Notice(text) => {
                self.bar.clear();
                say(&format!("note: {text}"));
            }
            // The engine may learn to tell more.
            _ => {}
        }
        self.draw();
        Ok(())
    }

    fn object(&mut self, event: LiveEvent, heard_s: f64) -> Outcome {
        self.out.object(&match event {
            LiveEvent::Stable { text, start_s, end_s } => json!({
                "event": "stable", "text": text, "start_s": start_s, "end_s": end_s, "heard_s": heard_s,
            }),
            LiveEvent::Segment(segment) => json!({
                "event": "segment", "start_s": segment.start_s, "end_s": segment.end_s, "text": segment.text,
                "language": segment.language, "confidence": segment.confidence, "words": segment.words,
                "heard_s": heard_s,
            }),
            LiveEvent::Tentative(text) => json!({"event": "tentative", "text": text, "heard_s": heard_s}),
            LiveEvent::Notice(text) => json!({"event": "notice", "text": text}),
            _ => return Ok(()),
        })
    }

    /// The last line: level, time, the end of what is stable, and dimmed what is not.
    fn draw(&mut self) {
        if !self.on_terminal {
            return;
        }
        let n = (self.level * BARS as f32).round() as usize;
        let meter: String = (0..BARS).map(|i| if i < n { '▮' } else { '▯' }).collect();
        let stable = tail(&self.line, TAIL.saturating_sub(self.tentative.chars().count()));
        let tentative = tail(&self.tentative, TAIL);
        let line = format!("{meter} {} {stable}\u{1b}[2m{tentative}\u{1b}[0m", clock(self.at_s));
        self.bar.show(&line, 0, 0);
    }

    fn finish(mut self, started: Instant) -> Outcome {
        self.bar.clear();
        let end = self.ended.take().unwrap_or_default();
        if let Some(failure) = self.failure {
            self.outputs.leave();
            return Err(failure);
        }
        if end.sound_s > 0.0 || end.problem.is_none() {
            let (files, note) = self.outputs.finish(&mut self.out)?;
            note.into_iter().for_each(|note| say(&format!("note: {note}")));
            let written: Vec<String> =
                files.iter().chain(&end.recording).map(|file| file.display().to_string()).collect();
            if self.out.is_json() {
                self.out.object(&json!({
                    "event": "done", "audio_s": end.sound_s, "wall_s": started.elapsed().as_secs_f64(),
                    "recording": end.recording, "peak_rss_bytes": peak_rss_bytes(),
                }))?;
            } else {
                let into =
                    if written.is_empty() { String::new() } else { format!(", in {}", written.join(", ")) };
                say(&format!("{} of sound{into}", clock(end.sound_s)));
            }
        } else {
            self.outputs.leave();
        }
        end.problem.map_or(Ok(()), |problem| Err(Failure::Failed(problem)))
    }
}

/// The last `n` characters.
fn tail(text: &str, n: usize) -> String {
    let skipped = text.chars().count().saturating_sub(n);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_shows_the_end_of_the_text() {
        assert_eq!((tail("naïve text", 6), tail("ab", 6)), ("e text".to_owned(), "ab".to_owned()));
    }
}
