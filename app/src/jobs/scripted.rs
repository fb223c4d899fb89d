//! A backend that plays a script: for tests of the window and for measuring frames.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::media::{Kind, Media, Opener};
use engine::perception::ReadEvent;
use engine::tasks::ask::AskRequest;
use engine::tasks::transcribe::{LiveEvent, Segment, TranscribeEvent, Word};
use engine::{
    Cancel, Error, Event, Evidence, Finding, LoadedModel, Part, Place, Rect, Result, Span, Stage, StopReason,
    Usage,
};

use super::{Backend, Ears};
use crate::live::{LiveEnd, LiveNews};
use crate::platform::listen::{Microphone, Source};
use crate::platform::wave_file::WaveFile;
use crate::state::{
    Answer, AnswerStatus, Context, ConversationId, Document, Exchange, ExchangeId, HearingForm, LibraryScope,
    Speakers,
};
use crate::storage::{Storage, Write};

/// Three hours of three people: 2,500 lines, 27,500 words.
pub fn long_transcript() -> Document {
    const WORDS: [&str; 7] = ["and", "budget", "of", "the", "councillors", "is", "nevertheless"];
    let mut document = Document::default();
    for i in 0..2_500_u32 {
        let start_s = 4.3 * f64::from(i);
        let words = (0..11).map(|k| Word {
            start_s: start_s + 0.36 * f64::from(k),
            end_s: start_s + 0.36 * f64::from(k) + 0.3,
            text: WORDS[((i + k) % 7) as usize].to_owned(),
            confidence: if (i + k) % 13 == 0 { 0.3 } else { 0.9 },
        });
        let words: Vec<Word> = words.collect();
        document.push(&Segment {
            start_s,
            end_s: start_s + 4.2,
            text: words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
            language: "en".into(),
            speaker: Some((1 + i / 5 % 3).to_string()),
            confidence: 0.8,
            words,
        });
    }
    document
}

/// A conversation of so many questions, with answers of every length.
pub fn long_conversation(storage: &Storage, id: ConversationId, n: i64) {
    let now_s = crate::platform::now_s();
    storage.write(Write::Conversation {
        id,
        title: "Long".into(),
        created_s: now_s,
        updated_s: now_s,
        pinned: false,
        folder: String::new(),
        setup: Box::default(),
    });
    for i in 0..n {
        let paragraph = "Some **bold** words, `code` and more, so that the text is not the simplest. ";
        let mut text = vec![paragraph.repeat(1 + (i % 7) as usize); 1 + (i % 5) as usize].join("\n\n");
        if i % 10 == 3 {
            text.push_str(
                "\n\n```rust\nfn main() {\n    let a = 1;\n}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
            );
        }
        let exchange = Exchange {
            id: ExchangeId(10 + i),
            parent: (i > 0).then_some(ExchangeId(9 + i)),
            active: true,
            shown_s: now_s,
            question: format!("Question number {i}?"),
            attachments: Vec::new(),
            context: Context::default(),
            asked_s: now_s,
            answer: Answer {
                text,
                model: "m".into(),
                status: AnswerStatus::Done(StopReason::Stop),
                ..Answer::default()
            },
        };
        storage.write(Write::Exchange(id, Box::new(exchange)));
    }
    storage.flush();
}

/// Answers every question with the same words, and every file with the same finding.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// The answer, word by word.
    pub answer: String,
    /// Pause before each word.
    pub pause: Duration,
    /// Words in a question that make it another one.
    pub other_pause: Option<(&'static str, Duration)>,
    /// Words in a question whose answer is one sentence.
    pub short_on: Option<&'static str>,
    /// Tokens of the prompt that it reports.
    pub prompt_tokens: usize,
    /// Tokens that fit.
    pub context_tokens: usize,
    /// Whether there is a microphone.
    pub has_microphone: bool,
    /// A word in a question that makes it fail.
    pub fail_on: Option<String>,
    /// Files are really opened with this, so that those that cannot be read fail as they would.
    pub opener: Option<Opener>,
    /// Everything that was asked.
    pub asked: Arc<Mutex<Vec<AskRequest>>>,
    /// The decoder that is in memory.
    pub loaded: Arc<Mutex<Option<String>>>,
    /// A word in a question at which the device breaks.
    pub breaks_on: Option<String>,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            answer: "It is a **cat**.".into(),
            pause: Duration::ZERO,
            other_pause: None,
            short_on: None,
            prompt_tokens: 100,
            context_tokens: 2048,
            has_microphone: true,
            fail_on: None,
            opener: None,
            asked: Arc::default(),
            loaded: Arc::default(),
            breaks_on: None,
        }
    }
}

impl Scripted {
    fn finding(path: &Path) -> (Kind, &'static str, Vec<Span>) {
        let span = |place, finding, text: &str| Span {
            source: path.to_path_buf(),
            place,
            finding,
            text: text.to_owned(),
            pieces: Vec::new(),
        };
        let kind = engine::media::kind(path).unwrap_or(Kind::Document);
        match kind {
            Kind::Picture => {
                let area = Rect { x0: 0.2, y0: 0.2, x1: 0.8, y1: 0.8 };
                let tag = Finding::Tag { probability: 0.9 };
                (kind, "451 × 300 pixels", vec![span(Place::Picture { area }, tag, "tabby cat")])
            }
            Kind::Sound | Kind::Video => {
                let speech = Finding::Speech { confidence: 0.9 };
                let at = |i: u32| Place::Time { start_s: f64::from(2 * i), end_s: f64::from(2 * i + 2) };
                let lines = ["This is the first line.", "The budget is too small.", "Let us go on."];
                let spans = lines.iter().enumerate().map(|(i, line)| span(at(i as u32), speech, line));
                (kind, "0:06 minutes", spans.collect())
            }
            Kind::Document => {
                let place = |page| Place::Page { page, boxes: Vec::new() };
                let text = |page, text| span(place(page), Finding::DocumentText, text);
                let mut spans = vec![
                    text(1, "Notes on the project. The budget is too small for the building."),
                    text(2, "The second page says that work begins in May."),
                ];
                if path.file_stem().is_some_and(|name| name == "long") {
                    spans.push(text(3, &"Nothing more is said. ".repeat(500)));
                }
                (kind, "2 pages", spans)
            }
        }
    }
}

impl Scripted {
    /// A note about each span; every second one is not what the span says.
    fn notes(request: &AskRequest) -> Vec<Event> {
        let read = request.media.iter().filter_map(|attachment| match attachment {
            engine::tasks::ask::Attachment::Read(read) => Some(read),
            engine::tasks::ask::Attachment::File(_) => None,
        });
        let spans: Vec<&Span> = read.flat_map(|read| read.spans.iter()).collect();
        let total = spans.len() as u64;
        let note = |(done, span): (u64, &&Span)| {
            let part = Part {
                source: span.source.clone(),
                from: span.place.clone(),
                to: span.place.clone(),
                heading: "Notes".into(),
                text: format!("Note {}.", done + 1),
                is_located: done % 2 == 1,
            };
            let what = part.heading.clone();
            [Event::Progress { stage: Stage::Sections, what, done, total }, Event::Part(part)]
        };
        (0..).zip(&spans).flat_map(note).collect()
    }
}

/// Takes the first piece of a medium, which is where some damage shows.
fn first_piece(media: Media) -> Result<()> {
    match media {
        Media::Sound(mut sound) => sound.next().transpose().map(drop),
        Media::Video(mut video) => video.next().transpose().map(drop),
        Media::Picture(_) | Media::Document(_) => Ok(()),
    }
}

/// Hears one sentence, and records a second of silence; fails where there is no microphone.
struct ScriptedEars {
    has_microphone: bool,
}

impl Ears for ScriptedEars {
    fn microphones(&self) -> Vec<Microphone> {
        let microphone = Microphone { name: "Desk microphone".into(), is_default: true };
        self.has_microphone.then_some(microphone).into_iter().collect()
    }

    fn listen(&self, source: Source, record: PathBuf, stop: &Cancel, tell: &mut dyn FnMut(LiveNews) -> bool) {
        if !self.has_microphone && source != Source::SystemSound {
            let problem = Some("no microphone was found: plug one in".into());
            tell(LiveNews::Ended(LiveEnd { problem, ..LiveEnd::default() }));
            return;
        }
        let text = "The budget is too small.";
        let heard = |event| LiveNews::Heard { event, heard_s: 2.0 };
        let segment = Segment {
            start_s: 0.0,
            end_s: 1.0,
            text: text.into(),
            language: "en".into(),
            speaker: None,
            confidence: 0.9,
            words: Vec::new(),
        };
        tell(LiveNews::Opened);
        tell(LiveNews::Level { level: 0.6, at_s: 1.0 });
        tell(heard(LiveEvent::Tentative("The budget is to".into())));
        tell(heard(LiveEvent::Stable { text: "The budget".into(), start_s: 0.0, end_s: 0.5 }));
        tell(heard(LiveEvent::Tentative(" is too small.".into())));
        while !stop.is_cancelled() {
            std::thread::sleep(Duration::from_millis(2));
        }
        tell(heard(LiveEvent::Stable { text: " is too small.".into(), start_s: 0.5, end_s: 1.0 }));
        tell(heard(LiveEvent::Segment(segment)));
        let kept = WaveFile::create(&record).and_then(|mut file| {
            file.write(&[0.0; 16_000])?;
            file.finish()
        });
        let (recording, problem) = match kept {
            Ok(path) => (Some(path), None),
            Err(problem) => (None, Some(problem)),
        };
        tell(LiveNews::Ended(LiveEnd { sound_s: 1.0, recording, problem }));
    }
}

impl Backend for Scripted {
    fn loaded(&self) -> Vec<LoadedModel> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let model = |id: &String| LoadedModel {
            id: id.clone(),
            bytes: 98_000_000,
            conversation_bytes: 2_000_000,
            device: "cpu".into(),
        };
        loaded.iter().map(model).collect()
    }

    fn unload(&mut self) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The real one, over the models of this machine.
    fn find(
        &mut self,
        folder: &Path,
        scope: &LibraryScope,
        request: &mut AskRequest,
        cancel: &Cancel,
    ) -> Result<Vec<String>> {
        let store = engine::models::Store::open_default()?;
        let options = engine::EngineOptions {
            store,
            model: String::new(),
            limits: engine::media::Limits::default(),
            prefixes: None,
            panels: None,
        };
        super::backend::find(&engine::Engine::new(options), folder, scope, request, cancel)
    }

    fn ears(&self) -> Arc<dyn Ears> {
        Arc::new(ScriptedEars { has_microphone: self.has_microphone })
    }

    fn read<'a>(
        &'a mut self,
        path: &Path,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<ReadEvent>> + 'a> {
        if let Some(opener) = &self.opener
            && let Err(error) = opener.open(path, cancel).and_then(first_piece)
        {
            return Box::new(std::iter::once(Err(error)));
        }
        let (kind, summary, spans) = Self::finding(path);
        let opened = ReadEvent::Opened { kind, summary: summary.into() };
        let progress = |done| ReadEvent::Progress { stage: Stage::Encode, done, total: 2 };
        let events = [opened, progress(1)].into_iter().chain(spans.into_iter().map(ReadEvent::Span));
        Box::new(events.chain([progress(2)]).map(Ok))
    }

    fn ask<'a>(
        &'a mut self,
        model: &str,
        request: AskRequest,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<Event>> + 'a> {
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(model.to_owned());
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        if let Some(word) = self.fail_on.as_ref().filter(|word| request.question.contains(*word)) {
            let reason = format!("the script has no answer to {word:?}");
            return Box::new(std::iter::once(Err(Error::Request { reason })));
        }
        if self.breaks_on.as_ref().is_some_and(|word| request.question.contains(word)) {
            self.unload();
            let lost = Error::DeviceLost { device: "cuda:0".into(), reason: "it fell off the bus".into() };
            let words = self.answer.split_inclusive(' ').next().map(|word| Ok(Event::Text(word.to_owned())));
            return Box::new(words.into_iter().chain([Err(lost)]));
        }
        let evidence = request.media.iter().filter_map(|attachment| match attachment {
            engine::tasks::ask::Attachment::Read(read) => {
                let span = read.spans.get(1).or(read.spans.first())?;
                let tag = matches!(span.finding, Finding::Tag { .. });
                Some(Event::Evidence(Evidence {
                    source: read.path.clone(),
                    place: span.place.clone(),
                    quote: (!tag).then(|| span.text.clone()),
                    label: tag.then(|| span.text.clone()),
                    score: 0.8,
                }))
            }
            engine::tasks::ask::Attachment::File(_) => None,
        });
        let notes = request.media.iter().filter_map(|attachment| match attachment {
            engine::tasks::ask::Attachment::Read(read) => {
                let name = crate::state::file_name(&read.path);
                let notes = format!("Notes from {name} for: {}\n", request.question);
                Some(engine::tasks::ask::Given { name, notes })
            }
            engine::tasks::ask::Attachment::File(_) => None,
        });
        let notes = Event::Notes(notes.collect());
        let progress = |stage, done, total| Event::Progress { stage, what: String::new(), done, total };
        let mut first = vec![progress(Stage::Search, 1, 1), notes, progress(Stage::Prefill, 100, 100)];
        if request.whole {
            first = Self::notes(&request);
        }
        // Every third chain thinks otherwise.
        let chain = |chain: usize| {
            let answer = if chain % 3 == 2 { "7" } else { "12" };
            let text = format!("I count them one by one. The answer is {answer}.");
            Event::Thought { chain, text, answer: Some(answer.into()) }
        };
        first.extend(request.think.iter().flat_map(|n| (0..=*n).map(chain)));
        let events: Vec<Event> = first.into_iter().chain(evidence).collect();
        let is_short = self.short_on.is_some_and(|words| request.question.contains(words));
        let answer = if is_short { "It is a **cat**." } else { &self.answer };
        let words: Vec<String> = answer.split_inclusive(' ').map(str::to_owned).collect();
        let other = self.other_pause.filter(|(words, _)| request.question.contains(words));
        let pause = other.map_or(self.pause, |(_, pause)| pause);
        let (cancel, n_words) = (cancel.clone(), words.len());
        let usage = Usage {
            prompt_tokens: self.prompt_tokens,
            cached_tokens: 0,
            generated_tokens: n_words,
            context_tokens: self.context_tokens,
            first_token_s: 0.1,
            prefill_tokens_per_s: 1000.0,
            decode_tokens_per_s: 50.0,
            ..Usage::default()
        };
        let stop = cancel.clone();
        // By the clock: a pause on a busy machine is longer than it should be.
        let mut next = Instant::now();
        let text = words.into_iter().map_while(move |word| {
            next += pause;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            (!cancel.is_cancelled()).then_some(Event::Text(word))
        });
        let inside =
            request.options.inside.then(|| super::scripted_inside::inside(&request, &self.answer, &usage));
        let inside = inside.map(|inside| Event::Inside(Box::new(inside)));
        let done = std::iter::once_with(move || {
            let reason = if stop.is_cancelled() { StopReason::Cancelled } else { StopReason::Stop };
            Event::Done { reason, usage }
        });
        Box::new(events.into_iter().chain(text).chain(inside).chain(done).map(Ok))
    }

    /// Says the lines of its finding, each word half as long as the pause after a line.
    fn transcribe<'a>(
        &'a mut self,
        path: &Path,
        form: &HearingForm,
        cancel: &Cancel,
    ) -> Box<dyn Iterator<Item = Result<TranscribeEvent>> + 'a> {
        if form.language == "xx" {
            let reason = "this speech model does not know the language \"xx\"".to_owned();
            return Box::new(std::iter::once(Err(Error::Request { reason })));
        }
        let (_, _, spans) = Self::finding(path);
        let total_s = 2.0 * spans.len() as f64;
        let told = |done_s| TranscribeEvent::Progress { done_s, total_s: Some(total_s) };
        let mut events = vec![told(0.0)];
        for (i, span) in spans.iter().enumerate().filter(|_| form.model != "silence") {
            let start_s = 2.0 * i as f64;
            let words = span.text.split(' ').enumerate().map(|(k, word)| Word {
                start_s: start_s + 0.3 * k as f64,
                end_s: start_s + 0.3 * k as f64 + 0.2,
                text: word.to_owned(),
                confidence: if word == "budget" { 0.3 } else { 0.9 },
            });
            let speaker = (form.speakers != Speakers::Off).then(|| (1 + i % 2).to_string());
            events.push(TranscribeEvent::Segment(Segment {
                start_s,
                end_s: start_s + 2.0,
                text: span.text.clone(),
                language: "en".into(),
                speaker,
                confidence: 0.8,
                words: words.collect(),
            }));
            events.push(told(start_s + 2.0));
        }
        let (pause, cancel) = (self.pause, cancel.clone());
        let stop = cancel.clone();
        let heard = events.into_iter().map_while(move |event| {
            std::thread::sleep(pause);
            (!cancel.is_cancelled()).then_some(event)
        });
        let done = std::iter::once_with(move || TranscribeEvent::Done {
            audio_s: total_s,
            wall_s: 0.1,
            cancelled: stop.is_cancelled(),
        });
        Box::new(heard.chain(done).map(Ok))
    }
}
