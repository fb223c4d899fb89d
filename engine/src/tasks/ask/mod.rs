//! Ask about media: read what is new, find the evidence, let the decoder answer.

mod answering;

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use super::clip::Clip;
use super::evidence::{Found, Rarity, Search};
use super::think::Thinking;
use super::whole::Whole;
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::generate::event::{Event, Stage, StopReason, Usage};
use crate::generate::inside::{Inside, LeftOut};
use crate::generate::{GenerateOptions, Generation};
use crate::model::Medium;
use crate::perception::{Collected, ReadEvent, Reading};
pub use crate::sequence::{Given, ReadFile};

/// A medium that goes with a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Attachment {
    /// Not read yet.
    File(PathBuf),
    /// Read before.
    Read(ReadFile),
}

/// An earlier question of the conversation and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// The notes that stood before the question, as [`Event::Notes`] told them; where they have all that a later question
    /// needs, they are not read again.
    #[serde(default)]
    pub notes: Vec<Given>,
}

/// One question with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AskRequest {
    /// The media of the conversation.
    pub media: Vec<Attachment>,
    /// Earlier turns, oldest first.
    pub history: Vec<Turn>,
    /// The question.
    pub question: String,
    /// Instructions that replace the built-in ones.
    pub system: Option<String>,
    /// Feed the question as it is, with no chat template and no evidence.
    pub raw: bool,
    /// The part of one of the media that the question is about.
    pub clip: Option<Clip>,
    /// Answer from every section of the media, however long they are, instead of what fits the question best.
    pub whole: bool,
    /// So many chains of thought vote on the answer; none lets the model answer as it likes.
    pub think: Option<usize>,
    /// The media are what was found in a library.
    pub found: Option<FoundInLibrary>,
    /// How to write the answer.
    pub options: GenerateOptions,
}

/// What goes with a question whose media are excerpts of a library's documents.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundInLibrary {
    /// Whether something of it may answer the question.
    pub fits: bool,
    /// How rare the words of the question are in the whole library.
    pub rarity: Option<Rarity>,
    /// What was found; the rest of the excerpts stands around it.
    pub parts: Vec<FoundPart>,
}

/// A part of an excerpt that a library found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundPart {
    /// Index of the file.
    pub file: usize,
    /// Index of its span.
    pub span: usize,
    /// Which part of the span's text.
    pub bytes: Range<usize>,
    /// As in [`Hit`](crate::library::Hit).
    pub score: f32,
}

/// A stage that took less is not told.
const LEAST_S: f64 = 5e-4;

/// What is said instead of an answer that no passage supports.
pub const NOT_FOUND: &str = "Not in these documents.";

/// A request that is being answered.
///
/// Order of events: progress while media are read, notices, evidence, text pieces, evidence that
/// the text led to, and last [`Event::Done`]. A medium that cannot be read becomes a notice and the
/// rest goes on.
pub struct Ask {
    engine: Engine,
    cancel: Cancel,
    request: AskRequest,
    files: Vec<ReadFile>,
    /// What the model itself saw and heard of them.
    media: Vec<Medium>,
    /// Of which files these are.
    media_names: Vec<String>,
    events: VecDeque<Event>,
    step: Step,
    started: Instant,
    /// Seconds until the prompt was there.
    before_s: f64,
    answer: String,
    /// How it came about, where that was asked for.
    inside: Option<Box<Inside>>,
    /// A context that there is memory for; the model's own where there is none.
    context: Option<usize>,
    ended: Option<(StopReason, Usage)>,
}

enum Step {
    /// The next attachment to look at.
    Attach(VecDeque<Attachment>),
    Read(Box<Reading>, Collected, VecDeque<Attachment>),
    Search(Box<Search>),
    /// Every section is read.
    Whole(Box<Whole>),
    /// The decoder is waited for.
    Load(Option<Box<Found>>),
    /// The model itself looks at the file of this number.
    Perceive(Option<Box<Found>>, usize),
    Prompt(Option<Box<Found>>),
    Write(Box<Generation>, Option<Box<Found>>),
    /// More evidence is looked for, now that the answer is there.
    Support(Box<Found>, StopReason, Usage),
    Think(Box<Thinking>),
    Done,
}

impl Step {
    /// Its stage, and the file that it is about.
    fn doing(&self, files: &[ReadFile]) -> Option<(Stage, String)> {
        let of = |stage| Some((stage, String::new()));
        match self {
            Self::Read(reading, ..) => Some((Stage::Decode, file_name(reading.path()))),
            Self::Search(_) | Self::Support(..) => of(Stage::Search),
            Self::Whole(_) => of(Stage::Sections),
            // The models that search are loaded when all files are there.
            Self::Load(_) | Self::Attach(_) => of(Stage::Load),
            Self::Perceive(_, next) => Some((Stage::Encode, file_name(&files.get(*next)?.path))),
            Self::Write(generation, _) if !generation.is_reading() => of(Stage::Generate),
            Self::Prompt(_) | Self::Write(..) => of(Stage::Prefill),
            Self::Think(_) => of(Stage::Generate),
            Self::Done => None,
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Ask {
    pub(crate) fn new(engine: Engine, mut request: AskRequest, cancel: &Cancel) -> Self {
        engine.preload(!request.media.is_empty() && !request.raw);
        let media = std::mem::take(&mut request.media).into();
        Self {
            engine,
            cancel: cancel.clone(),
            inside: request.options.inside.then(Box::default),
            context: None,
            ended: None,
            request,
            files: Vec::new(),
            media: Vec::new(),
            media_names: Vec::new(),
            events: VecDeque::new(),
            step: Step::Attach(media),
            started: Instant::now(),
            before_s: 0.0,
            answer: String::new(),
        }
    }

    fn progress(&mut self, stage: Stage, what: &Path, done: u64, total: u64) {
        self.events.push_back(Event::Progress { stage, what: file_name(what), done, total });
    }

    fn advance(&mut self) -> Result<()> {
        let doing = self.inside.as_ref().and_then(|_| self.step.doing(&self.files));
        let since = Instant::now();
        let stepped = self.go_on();
        if let Some((inside, (stage, what))) = self.inside.as_mut().zip(doing) {
            let seconds = since.elapsed().as_secs_f64();
            // Looking that there is nothing to load is no stage.
            if seconds >= LEAST_S || !matches!(stage, Stage::Load) {
                inside.spend(stage, &what, seconds);
            }
        }
        if let Some((reason, usage)) = self.ended.take() {
            if let Some(mut inside) = self.inside.take() {
                inside.seconds = self.started.elapsed().as_secs_f64();
                inside.context.cached_tokens = usage.cached_tokens;
                self.events.push_back(Event::Inside(inside));
            }
            self.events.push_back(Event::Done { reason, usage });
        }
        stepped
    }

    fn go_on(&mut self) -> Result<()> {
        if self.cancel.is_cancelled()
            && !matches!(self.step, Step::Write(..) | Step::Support(..) | Step::Think(_) | Step::Done)
        {
            self.done(StopReason::Cancelled, Usage::default());
            return Ok(());
        }
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::Attach(media) => self.attach(media),
            Step::Read(reading, collected, media) => {
                self.read(reading, collected, media);
                Ok(())
            }
            Step::Search(search) => self.search(search),
            Step::Whole(whole) => self.whole(whole),
            Step::Load(found) => {
                self.engine.language_model()?;
                self.step = Step::Perceive(found, 0);
                Ok(())
            }
            Step::Perceive(found, next) => self.perceive(found, next),
            Step::Prompt(found) => self.prompt(found),
            Step::Write(generation, found) => self.write(generation, found),
            Step::Support(mut found, reason, usage) => self.support(&mut found, reason, usage),
            Step::Think(thinking) => self.think(thinking),
            Step::Done => Ok(()),
        }
    }

    fn attach(&mut self, mut media: VecDeque<Attachment>) -> Result<()> {
        match media.pop_front() {
            Some(Attachment::Read(file)) => {
                self.take(file);
                self.step = Step::Attach(media);
            }
            Some(Attachment::File(path)) => {
                self.progress(Stage::Decode, &path, 0, 0);
                let reading = self.engine.read(&path, &self.cancel);
                self.step = Step::Read(Box::new(reading), Collected::default(), media);
            }
            None if self.request.raw || self.files.is_empty() => self.write_next(None),
            None if std::mem::take(&mut self.request.whole) => self.begin_whole()?,
            None => {
                // Without the model of meaning, words alone are compared.
                let specialists = self.engine.specialists();
                let encoder = match self.request.found {
                    Some(_) => specialists.passages(),
                    None => specialists.sentences(),
                };
                let encoder = match encoder {
                    Ok(encoder) => Some(encoder),
                    Err(error @ Error::ModelMissing { .. }) => {
                        self.events
                            .push_back(Event::Notice(format!("evidence is found by words only: {error}")));
                        None
                    }
                    Err(error) => return Err(error),
                };
                let files = self.files.clone();
                let meanings = self.engine.meanings();
                let library = self.request.found.as_ref();
                let search = Search::new(files, &self.request.question, encoder, meanings, library);
                self.step = Step::Search(Box::new(search));
            }
        }
        Ok(())
    }

    /// Takes a file in, or the part of it that the question is about.
    fn take(&mut self, file: ReadFile) {
        let file = match &self.request.clip {
            Some(clip) => clip.cut(file),
            None => file,
        };
        self.files.push(file);
    }

    fn read(&mut self, mut reading: Box<Reading>, mut collected: Collected, media: VecDeque<Attachment>) {
        match reading.next() {
            Some(Ok(event)) => {
                match &event {
                    ReadEvent::Progress { stage, done, total } => {
                        self.progress(*stage, reading.path(), *done, *total);
                    }
                    ReadEvent::Notice(text) => self.events.push_back(Event::Notice(text.clone())),
                    ReadEvent::Opened { .. } | ReadEvent::Span(_) => {}
                }
                collected.add(event);
                self.step = Step::Read(reading, collected, media);
            }
            Some(Err(error)) => {
                self.events.push_back(Event::Notice(error.to_string()));
                // What was read before the damage still answers; it is not kept as the whole file.
                let file = collected.finish(reading.path()).filter(|file| !file.spans.is_empty());
                file.into_iter().for_each(|file| self.take(file));
                self.step = Step::Attach(media);
            }
            None => {
                if let Some(file) = collected.finish(reading.path())
                    && !self.cancel.is_cancelled()
                {
                    self.events.push_back(Event::Read(file.clone()));
                    self.take(file);
                }
                self.step = Step::Attach(media);
            }
        }
    }

    /// Reads every section, where there are several.
    fn begin_whole(&mut self) -> Result<()> {
        let model = self.engine.language_model()?;
        let (question, options) = (&self.request.question, &self.request.options);
        self.step = match Whole::new(&self.engine, &model, &self.files, question, options)? {
            Some(whole) => {
                self.events.extend(model.notice().map(|text| Event::Notice(text.to_owned())));
                Step::Whole(Box::new(whole))
            }
            // Read at once, as any other: that tells about the model itself.
            None => Step::Attach(VecDeque::new()),
        };
        Ok(())
    }

    fn whole(&mut self, mut whole: Box<Whole>) -> Result<()> {
        if !whole.step(&mut self.events, &self.cancel)? {
            self.step = Step::Whole(whole);
        }
        Ok(())
    }

    fn search(&mut self, mut search: Box<Search>) -> Result<()> {
        if let Some((done, total)) = search.step(&self.cancel)? {
            self.progress(Stage::Search, Path::new(""), done, total);
            self.step = Step::Search(search);
            return Ok(());
        }
        if self.cancel.is_cancelled() {
            self.step = Step::Search(search);
            return Ok(());
        }
        self.events.extend(search.notice().map(Event::Notice));
        let found = search.finish(&self.cancel)?;
        if found.evidence.is_empty() && self.request.found.is_some() {
            self.events.push_back(Event::Text(NOT_FOUND.into()));
            self.done(StopReason::Stop, Usage::default());
            return Ok(());
        }
        if found.evidence.is_empty() {
            let text = "nothing was found in these files that answers the question directly";
            self.events.push_back(Event::Notice(text.into()));
        }
        self.events.extend(found.evidence.iter().cloned().map(Event::Evidence));
        self.write_next(Some(Box::new(found)));
        Ok(())
    }

    /// The prompt comes next; loading the decoder for it can take a while.
    fn write_next(&mut self, found: Option<Box<Found>>) {
        if !self.engine.decoder_is_loaded() {
            self.progress(Stage::Load, Path::new(""), 0, 0);
        }
        self.step = Step::Load(found);
    }

    /// Lets a model with eyes and ears of its own see and hear the file of number `next`.
    fn perceive(&mut self, found: Option<Box<Found>>, next: usize) -> Result<()> {
        let model = self.engine.language_model()?;
        let file = self.files.get(next).filter(|_| !self.request.raw && model.native().is_some());
        let Some(path) = file.map(|file| file.path.clone()) else {
            self.step = Step::Prompt(found);
            return Ok(());
        };
        self.progress(Stage::Encode, &path, next as u64, self.files.len() as u64);
        // Half of the context is for words.
        let taken: usize = self.media.iter().map(Medium::len).sum();
        let room = (model.context_tokens() / 2).saturating_sub(taken);
        match self.engine.perceive(&model, &path, self.request.clip.as_ref(), room, &self.cancel) {
            Ok(Some(perceived)) => {
                if let Some(medium) = &perceived.medium {
                    self.media.push(medium.clone());
                    self.media_names.push(file_name(&path));
                }
                if let Some(inside) = &mut self.inside {
                    let told = perceived.notices.iter().map(|text| LeftOut::Told { text: text.clone() });
                    inside.context.left_out.extend(told);
                }
                self.events.extend(perceived.notices.iter().cloned().map(Event::Notice));
            }
            // Cancelled: the next step ends the request.
            Ok(None) => {}
            Err(error) => self.events.push_back(Event::Notice(error.to_string())),
        }
        self.step = Step::Perceive(found, next + 1);
        Ok(())
    }

    fn done(&mut self, reason: StopReason, usage: Usage) {
        self.ended = Some((reason, usage));
        self.step = Step::Done;
    }
}

impl Iterator for Ask {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if matches!(self.step, Step::Done) {
                return None;
            }
            if let Err(error) = self.advance() {
                self.step = Step::Done;
                return Some(Err(error));
            }
        }
    }
}
