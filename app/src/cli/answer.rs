//! Answers: files are read, the question is asked, the answer streams with its evidence.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use engine::generate::inside::Spent;
use engine::generate::{GenerateOptions, Speculation};
use engine::media::{Kind, Limits};
use engine::models::Store;
use engine::perception::ReadEvent;
use engine::tasks::ask::{AskRequest, Attachment, FoundInLibrary, ReadFile};
use engine::tasks::evidence::{Quotation, quotations};
use engine::{
    Cancel, Engine, EngineOptions, Event, Evidence, Inside, PanelStore, Part, Place, PrefixStore, Rect,
    Stage, StopReason, Usage,
};
use serde_json::{Value, json};

use super::args::AnswerArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{Bar, clock, peak_rss_bytes, say};

/// One engine with the front that shows what it does.
pub struct Answerer {
    engine: Engine,
    out: Output,
    bar: Bar,
    cancel: Cancel,
    /// Where to write how the answer came about.
    inside: Option<PathBuf>,
    /// Files that were read, with the seconds that it took.
    reading: Vec<(String, f64)>,
}

impl Answerer {
    /// Loads nothing yet. `model` is an id of the registry or a path.
    pub fn new(model: &str, json: bool, cancel: &Cancel) -> Outcome<Self> {
        let options = EngineOptions {
            store: Store::open_default()?,
            model: model.to_owned(),
            limits: Limits::default(),
            prefixes: PrefixStore::open_default().ok(),
            panels: PanelStore::open_default().ok(),
        };
        Ok(Self {
            engine: Engine::new(options),
            out: Output::new(json),
            bar: Bar::units(),
            cancel: cancel.clone(),
            inside: None,
            reading: Vec::new(),
        })
    }

    /// What answers.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where results go.
    pub fn out(&mut self) -> &mut Output {
        &mut self.out
    }

    /// Reads files, answers, and writes everything. A file that cannot be read is told and left
    /// out; when no file can be read the question is not asked.
    pub fn answer(
        &mut self,
        media: &[PathBuf],
        question: String,
        args: &AnswerArgs,
        wanted: fn(Kind) -> Result<(), &'static str>,
    ) -> Outcome {
        let started = Instant::now();
        let mut read = Vec::new();
        let mut worst = 0;
        for path in media {
            match self.read(path, args.every_frame, wanted) {
                Ok(Some(file)) => read.push(Attachment::Read(file)),
                // Stopped.
                Ok(None) => return self.stopped(),
                Err(Failure::Closed) => return Err(Failure::Closed),
                Err(failure) => {
                    self.bar.clear();
                    failure.report();
                    if self.out.is_json() {
                        self.out.object(&json!({"event": "notice", "text": failure.to_string()}))?;
                    }
                    worst = worst.max(failure.status());
                }
            }
        }
        if !media.is_empty() && read.is_empty() {
            return Err(Failure::Told(worst));
        }
        let request = AskRequest { media: read, ..self.request(question, args) };
        self.ask(request, started)
    }

    /// Answers from files of a library; where they are what was `found` in it and nothing supports an answer, says that
    /// it is not there.
    pub fn answer_found(
        &mut self,
        files: Vec<ReadFile>,
        found: Option<FoundInLibrary>,
        question: String,
        args: &AnswerArgs,
        started: Instant,
    ) -> Outcome {
        let media = files.into_iter().map(Attachment::Read).collect();
        let request = AskRequest { media, found, ..self.request(question, args) };
        self.ask(request, started)
    }

    /// A question without its media.
    fn request(&mut self, question: String, args: &AnswerArgs) -> AskRequest {
        self.engine.set_draft(args.draft.as_deref());
        self.engine.set_adapter(args.adapter.as_deref());
        self.inside = args.inside.clone();
        let options = match args.raw {
            true => GenerateOptions::plain(),
            false => GenerateOptions::default(),
        };
        AskRequest {
            question,
            system: args.system.clone(),
            raw: args.raw,
            whole: args.whole,
            think: args.think.map(|n| n as usize),
            options: GenerateOptions {
                max_tokens: args.max_tokens.unwrap_or(options.max_tokens),
                temperature: args.temperature.unwrap_or(options.temperature),
                seed: args.seed.unwrap_or(options.seed),
                cache: args.cache.unwrap_or_default(),
                shrink_cache: args.cache.is_none(),
                prefix_cache: !args.no_prefix_cache,
                speculation: if args.no_speculation { Speculation::Off } else { Speculation::On },
                inside: args.inside.is_some(),
                cache_bytes: args.cache_memory,
                ..options
            },
            ..AskRequest::default()
        }
    }

    /// Reads one file; `None` when stopped.
    fn read(
        &mut self,
        path: &Path,
        every_frame: bool,
        wanted: fn(Kind) -> Result<(), &'static str>,
    ) -> Outcome<Option<ReadFile>> {
        let name = file_name(path);
        let since = Instant::now();
        let (mut opened, mut spans, mut notices) = (None, Vec::new(), Vec::new());
        let reading = self.engine.read(path, &self.cancel);
        for event in if every_frame { reading.every_frame() } else { reading } {
            match event? {
                ReadEvent::Opened { kind, summary } => {
                    wanted(kind).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))?;
                    opened = Some((kind, summary));
                }
                ReadEvent::Progress { stage, done, total } => {
                    progress(&mut self.out, &self.bar, stage, &name, done, total)?;
                }
                ReadEvent::Span(span) => spans.push(span),
                ReadEvent::Notice(text) => {
                    self.notice(&text)?;
                    notices.push(text);
                }
            }
        }
        if self.cancel.is_cancelled() {
            return Ok(None);
        }
        self.reading.push((name, since.elapsed().as_secs_f64()));
        let Some((kind, summary)) = opened else {
            return Err(Failure::Failed(format!("{}: reading ended before it began", path.display())));
        };
        Ok(Some(ReadFile { path: path.to_path_buf(), kind, summary, spans: Arc::new(spans), notices }))
    }

    fn ask(&mut self, request: AskRequest, started: Instant) -> Outcome {
        let before_s = started.elapsed().as_secs_f64();
        let (mut answer, mut evidence) = (String::new(), Vec::new());
        let mut ended = false;
        for event in self.engine.ask(request, &self.cancel) {
            match event? {
                Event::Progress { stage, what, done, total } => {
                    progress(&mut self.out, &self.bar, stage, &what, done, total)?;
                }
                Event::Text(text) => {
                    self.bar.clear();
                    answer.push_str(&text);
                    match self.out.is_json() {
                        true => self.out.object(&json!({"event": "text", "text": text}))?,
                        false => self.out.text(&text)?,
                    }
                }
                Event::Evidence(found) => {
                    if self.out.is_json() {
                        self.out.object(&evidence_object(&found))?;
                    }
                    evidence.push(found);
                }
                Event::Notice(text) => self.notice(&text)?,
                Event::Part(part) => self.part(&part)?,
                Event::Routing(routing) if self.out.is_json() => {
                    self.out.object(&json!({"event": "routing", "layers": routing.layers}))?;
                }
                Event::Thought { chain, text, answer } => self.thought(chain, &text, answer.as_deref())?,
                Event::Inside(inside) => self.write_inside(*inside)?,
                Event::Done { reason, mut usage } => {
                    ended = true;
                    usage.first_token_s += before_s;
                    self.done(reason, usage, &answer, &evidence)?;
                }
                // The engine may learn to tell more.
                _ => {}
            }
        }
        if !ended {
            return self.stopped();
        }
        Ok(())
    }

    /// Writes how the answer came about, where that was asked for.
    fn write_inside(&mut self, mut inside: Inside) -> Outcome {
        let Some(path) = &self.inside else { return Ok(()) };
        for (name, seconds) in self.reading.drain(..).rev() {
            inside.seconds += seconds;
            inside.time.insert(0, Spent { stage: Stage::Decode, what: name, seconds });
        }
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Failed(format!(
                "{}: writing failed: {error}; name a file that can be written",
                path.display()
            ))
        };
        let json = serde_json::to_string(&inside).map_err(|error| failed(&error))?;
        std::fs::write(path, json).map_err(|error| failed(&error))
    }

    /// A chain that votes; people see it on stderr, before the answer.
    fn thought(&mut self, chain: usize, text: &str, answer: Option<&str>) -> Outcome {
        self.bar.clear();
        if self.out.is_json() {
            let object = json!({"event": "thought", "chain": chain, "text": text, "answer": answer});
            return self.out.object(&object);
        }
        let name = if chain == 0 { "likeliest chain".to_owned() } else { format!("chain {chain}") };
        let answer = answer.map_or("no answer".to_owned(), |answer| format!("answers {answer}"));
        say(&format!("{name} {answer}: {}", one_line(text)));
        Ok(())
    }

    fn done(&mut self, reason: StopReason, usage: Usage, answer: &str, evidence: &[Evidence]) -> Outcome {
        self.bar.clear();
        let quoted = quotations(answer, evidence);
        if self.out.is_json() {
            for Quotation { bytes, evidence } in quoted {
                self.out.object(&json!({
                    "event": "quoted", "start": bytes.start, "end": bytes.end, "text": answer[bytes],
                    "evidence": evidence + 1,
                }))?;
            }
            return self.out.object(&json!({
                "event": "done", "reason": reason, "usage": usage, "peak_rss_bytes": peak_rss_bytes(),
            }));
        }
        self.out.text("\n")?;
        if !evidence.is_empty() {
            self.out.line("\nEvidence")?;
        }
        for (i, found) in evidence.iter().enumerate() {
            self.out.line(&format!("{:>3}. {}", i + 1, evidence_line(found)))?;
        }
        if !quoted.is_empty() {
            self.out.line("\nQuoted in the answer")?;
        }
        for Quotation { bytes, evidence } in quoted {
            self.out.line(&format!("  “{}” ({})", one_line(&answer[bytes]), evidence + 1))?;
        }
        let why = match reason {
            StopReason::Stop => "",
            StopReason::Length => " · stopped at the length limit",
            StopReason::Cancelled => " · cancelled",
        };
        let cached = match usage.cached_tokens {
            0 => String::new(),
            cached => format!(" ({cached} read before)"),
        };
        let guessed = match usage.accepted_tokens {
            0 => String::new(),
            accepted => format!(" ({accepted} of them guessed)"),
        };
        say(&format!(
            "\n{} prompt tokens{cached}, {} written{guessed} · first after {:.2} s · read {:.0}/s, wrote {:.0}/s{why}",
            usage.prompt_tokens,
            usage.generated_tokens,
            usage.first_token_s,
            usage.prefill_tokens_per_s,
            usage.decode_tokens_per_s,
        ));
        Ok(())
    }

    /// What a section says, beside the answer that comes from all of them.
    fn part(&mut self, part: &Part) -> Outcome {
        self.bar.clear();
        if self.out.is_json() {
            return self.out.object(&json!({
                "event": "part", "source": part.source, "from": part.from, "to": part.to,
                "heading": part.heading, "text": part.text, "located": part.is_located,
            }));
        }
        say(&part_line(part));
        Ok(())
    }

    /// What was left out, and why.
    pub fn notice(&mut self, text: &str) -> Outcome {
        self.bar.clear();
        match self.out.is_json() {
            true => self.out.object(&json!({"event": "notice", "text": text})),
            false => {
                say(&format!("note: {text}"));
                Ok(())
            }
        }
    }

    /// Ends a request that was stopped before the answer began.
    fn stopped(&mut self) -> Outcome {
        self.bar.clear();
        self.cancel.cancel();
        match self.out.is_json() {
            true => self.out.object(&json!({
                "event": "done", "reason": StopReason::Cancelled, "usage": Usage::default(),
            })),
            false => Ok(()),
        }
    }
}

/// Tells progress in the form that is asked for.
fn progress(out: &mut Output, bar: &Bar, stage: Stage, what: &str, done: u64, total: u64) -> Outcome {
    if out.is_json() {
        let object = json!({"event": "progress", "stage": stage, "what": what, "done": done, "total": total});
        return out.object(&object);
    }
    let doing = match stage {
        Stage::Load => "loading",
        Stage::Decode => "opening",
        Stage::Encode => "looking and listening",
        Stage::Search => "searching",
        Stage::Prefill => "reading the prompt",
        // The words themselves show that.
        Stage::Generate => return Ok(()),
        Stage::Sections => "reading every section",
        Stage::Join => "joining the notes",
    };
    let name = if what.is_empty() { doing.to_owned() } else { format!("{doing}: {what}") };
    bar.show(&name, done, total);
    Ok(())
}

/// The fields that scripts rely on; absent ones are null.
pub fn evidence_object(found: &Evidence) -> Value {
    let mut object = json!({
        "event": "evidence", "source": found.source, "kind": Value::Null,
        "page": Value::Null, "start_s": Value::Null, "end_s": Value::Null, "box": Value::Null,
        "quote": found.quote, "label": found.label, "score": found.score,
    });
    let corners = |r: Rect| json!([r.x0, r.y0, r.x1, r.y1]);
    match &found.place {
        Place::Page { page, boxes } => {
            object["kind"] = "page".into();
            object["page"] = (*page).into();
            object["boxes"] = boxes.iter().map(|r| corners(*r)).collect();
            if let Some(around) = boxes.iter().copied().reduce(Rect::union) {
                object["box"] = corners(around);
            }
        }
        Place::Time { start_s, end_s } => {
            object["kind"] = "time".into();
            object["start_s"] = (*start_s).into();
            object["end_s"] = (*end_s).into();
        }
        Place::Frame { time_s, area } => {
            object["kind"] = "frame".into();
            object["start_s"] = (*time_s).into();
            object["end_s"] = (*time_s).into();
            object["box"] = corners(*area);
        }
        Place::Picture { area } => {
            object["kind"] = "picture".into();
            object["box"] = corners(*area);
        }
    }
    object
}

/// One line for people: file, section, what it says.
fn part_line(part: &Part) -> String {
    let place = match (&part.from, &part.to) {
        (Place::Page { page: from, .. }, Place::Page { page: to, .. }) if from == to => {
            format!("page {from}")
        }
        (Place::Page { page: from, .. }, Place::Page { page: to, .. }) => format!("pages {from} to {to}"),
        (Place::Time { start_s, .. }, Place::Time { end_s, .. }) => {
            format!("{}–{}", clock(*start_s), clock(*end_s))
        }
        _ => String::new(),
    };
    let under = if part.heading.is_empty() { String::new() } else { format!(", “{}”", part.heading) };
    let doubt = if part.is_located { "" } else { " (no passage says this)" };
    format!("· {}, {place}{under}: {}{doubt}", file_name(&part.source), part.text.replace('\n', " "))
}

/// One line for people: file, place, words.
pub fn evidence_line(found: &Evidence) -> String {
    let place = match &found.place {
        Place::Page { page, .. } => format!("page {page}"),
        Place::Time { start_s, end_s } => format!("{}–{}", clock(*start_s), clock(*end_s)),
        Place::Frame { time_s, area } => format!("frame at {}{}", clock(*time_s), part(*area)),
        Place::Picture { area } => format!("picture{}", part(*area)),
    };
    let words = match (&found.quote, &found.label) {
        (Some(quote), _) => format!(": “{}”", one_line(quote)),
        (None, Some(label)) => format!(": {label}"),
        (None, None) => String::new(),
    };
    format!("{}, {place}{words} ({:.0} %)", file_name(&found.source), 100.0 * found.score)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a box lies, in words; nothing for the whole picture.
fn part(area: Rect) -> &'static str {
    if area.x1 - area.x0 > 0.9 && area.y1 - area.y0 > 0.9 {
        return "";
    }
    let third = |from: f32, to: f32| match (from + to) / 2.0 {
        middle if middle < 0.36 => 0,
        middle if middle > 0.64 => 2,
        _ => 1,
    };
    match (third(area.y0, area.y1), third(area.x0, area.x1)) {
        (0, 0) => ", top left",
        (0, 1) => ", top",
        (0, _) => ", top right",
        (1, 0) => ", left",
        (1, 1) => ", middle",
        (1, _) => ", right",
        (_, 0) => ", bottom left",
        (_, 1) => ", bottom",
        (_, _) => ", bottom right",
    }
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(place: Place) -> Evidence {
        Evidence {
            source: "dir/notes.pdf".into(),
            place,
            quote: Some("ten  metres\nhigh".into()),
            label: None,
            score: 0.75,
        }
    }

    #[test]
    fn a_page_carries_every_box_and_the_box_around_them() {
        let upper = Rect { x0: 0.5, y0: 0.25, x1: 0.75, y1: 0.5 };
        let lower = Rect { x0: 0.25, y0: 0.5, x1: 0.5, y1: 0.75 };
        let object = evidence_object(&evidence(Place::Page { page: 3, boxes: vec![upper, lower] }));
        assert_eq!(object["kind"], "page");
        assert_eq!(object["page"], 3);
        assert_eq!(object["box"], json!([0.25, 0.25, 0.75, 0.75]));
        assert_eq!(object["boxes"].as_array().map(Vec::len), Some(2));
        assert!(object["start_s"].is_null() && object["label"].is_null());
    }

    #[test]
    fn a_frame_has_one_time_and_a_box() {
        let object = evidence_object(&evidence(Place::Frame { time_s: 2.5, area: Rect::WHOLE }));
        assert_eq!((&object["start_s"], &object["end_s"]), (&json!(2.5), &json!(2.5)));
        assert_eq!(object["box"], json!([0.0, 0.0, 1.0, 1.0]));
    }

    #[test]
    fn people_see_file_place_and_words() {
        let line = evidence_line(&evidence(Place::Time { start_s: 61.0, end_s: 64.2 }));
        assert_eq!(line, "notes.pdf, 1:01–1:04: “ten metres high” (75 %)");
        let corner = Rect { x0: 0.7, y0: 0.0, x1: 1.0, y1: 0.3 };
        assert!(evidence_line(&evidence(Place::Picture { area: corner })).contains("picture, top right:"));
    }
}
