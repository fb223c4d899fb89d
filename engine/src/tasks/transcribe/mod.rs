//! Transcribe: sound of any length → timed text, one window of speech per step.

pub mod format;

pub mod subtitles;

pub mod writer;

mod docx;

mod journal;

mod live;

mod paragraphs;

mod speakers;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::media::SoundReader;
use crate::perception::speakers::WhoSpoke;
use crate::perception::speech::windows::{Window, Windows};
use crate::perception::speech::{Context, HearOptions, SpeechModels};
use crate::sequence::{Finding, Piece, Place, Span};
use journal::Ending;

pub use journal::{Journal, JournalId, JournalStore};
pub use live::{Live, LiveEvent};

pub use crate::perception::speech::{Segment, Word};

/// How to transcribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscribeOptions {
    /// Code of the language ("en"); none lets the model hear which it is.
    pub language: Option<String>,
    /// Give each word its time.
    pub word_timestamps: bool,
    /// Translate to English; needs a model that knows other languages.
    pub translate: bool,
    /// Threads to compute with; none takes all.
    pub threads: Option<usize>,
    /// Hypotheses that are followed at once; 1 is fastest, 5 is best.
    pub beam: usize,
    /// Text that is taken for what was said before the recording: names in it are spelled as they are there.
    pub prompt: String,
    /// Words and phrases that may be said, as they are spelled.
    pub vocabulary: Vec<String>,
    /// What the recording is called in notices.
    pub name: String,
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        Self {
            language: None,
            word_timestamps: true,
            translate: false,
            threads: None,
            beam: 5,
            prompt: String::new(),
            vocabulary: Vec::new(),
            name: "the recording".to_owned(),
        }
    }
}

/// One step of a transcription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TranscribeEvent {
    /// How far it is.
    Progress {
        /// Seconds of sound listened to.
        done_s: f64,
        /// Seconds of sound in all, where known.
        total_s: Option<f64>,
    },
    /// An earlier run heard the recording up to here; what it heard comes again and is not heard anew.
    Resumed {
        /// Seconds of the recording.
        heard_s: f64,
    },
    /// The next thing that was said.
    Segment(Segment),
    /// Who spoke when, after the last segment; only when speakers are told apart.
    Speakers(WhoSpoke),
    /// What was left out, and why.
    Notice(String),
    /// The last event.
    Done {
        /// Seconds of sound listened to.
        audio_s: f64,
        /// Seconds it took.
        wall_s: f64,
        /// Whether it was stopped early.
        cancelled: bool,
    },
}

/// A transcription that is going on; each step listens to some sound or hears one window of speech.
/// Memory does not grow with the length of the recording.
pub struct Transcription {
    models: Arc<SpeechModels>,
    sound: Box<dyn Iterator<Item = Result<Vec<f32>>> + Send>,
    total_s: Option<f64>,
    options: TranscribeOptions,
    context: Arc<Context>,
    cancel: Cancel,
    pool: Option<rayon::ThreadPool>,
    windows: Windows,
    events: VecDeque<TranscribeEvent>,
    /// How much was listened to when progress was last told.
    told_s: f64,
    n_segments: usize,
    /// Where windows began in which nothing could be made out, and how long they were in all.
    unclear: Vec<f64>,
    unclear_s: f64,
    /// What the reader of the sound says when it ends.
    remarks: Arc<Mutex<Remarks>>,
    /// Why the sound ended early; told when what came before is heard.
    failure: Option<Error>,
    language_before: Option<String>,
    /// Where what is heard is kept, and what an earlier run heard.
    journal: Option<Journal>,
    speakers: Option<speakers::Held>,
    started: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Listening,
    /// The sound has ended, windows may be left.
    Ended,
    Done,
}

/// Seconds of sound between two reports of progress where nobody speaks.
const TELL_EVERY_S: f64 = 30.0;

/// Lengths that containers state are rough; more than this is missing sound.
const MISSING_S: f64 = 5.0;

/// Starts to transcribe sound: blocks of 16 kHz mono samples of any length.
pub fn transcribe(
    models: Arc<SpeechModels>,
    sound: impl Iterator<Item = Result<Vec<f32>>> + Send + 'static,
    total_s: Option<f64>,
    options: TranscribeOptions,
    cancel: &Cancel,
) -> Transcription {
    let pool = pool(options.threads);
    let one_language = options.language.is_some() || models.languages().len() == 1;
    let windows = if one_language { Windows::default().joining() } else { Windows::default() };
    Transcription {
        models,
        sound: Box::new(sound),
        total_s,
        options,
        context: Arc::default(),
        cancel: cancel.clone(),
        pool,
        windows,
        events: VecDeque::new(),
        told_s: 0.0,
        n_segments: 0,
        unclear: Vec::new(),
        unclear_s: 0.0,
        remarks: Arc::default(),
        failure: None,
        language_before: None,
        journal: None,
        speakers: None,
        started: Instant::now(),
        state: State::Starting,
    }
}

/// Threads of its own, where a number of them is asked for.
fn pool(threads: Option<usize>) -> Option<rayon::ThreadPool> {
    let n = threads?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n.max(1)).thread_name(|i| format!("speech-{i}"));
    pool.build().inspect_err(|e| log::warn!("using the common threads: {e}")).ok()
}

/// Starts to transcribe the sound of a file; what the file lost becomes a notice.
pub fn transcribe_file(
    models: Arc<SpeechModels>,
    sound: SoundReader,
    options: TranscribeOptions,
    cancel: &Cancel,
) -> Transcription {
    let total_s = sound.duration_s();
    let remarks = Arc::default();
    let sound = Remarked { sound, remarks: Arc::clone(&remarks) };
    Transcription { remarks, ..transcribe(models, sound, total_s, options, cancel) }
}

/// Passes sound on, and at its end what its reader has to say.
struct Remarked {
    sound: SoundReader,
    remarks: Arc<Mutex<Remarks>>,
}

#[derive(Default)]
struct Remarks {
    notices: Vec<String>,
    /// Whether they say that sound is missing.
    tell_of_losses: bool,
}

impl Iterator for Remarked {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.sound.next();
        if !matches!(block, Some(Ok(_))) {
            let notices = self.sound.notices().to_vec();
            let remarks = Remarks { notices, tell_of_losses: self.sound.lost_some() };
            *self.remarks.lock().unwrap_or_else(PoisonError::into_inner) = remarks;
        }
        block
    }
}

impl Transcription {
    /// Keeps what is heard in a journal, and hears nothing again that stands in it already. Not where speakers are told
    /// apart: voices are not kept.
    #[must_use]
    pub fn kept_in(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Listens until a window is complete, or hears the one that is.
    fn step(&mut self) -> Result<()> {
        if self.cancel.is_cancelled() {
            self.tell_speakers();
            self.finish(true);
            return Ok(());
        }
        if self.state == State::Starting {
            check(&self.models, &self.options)?;
            let (prompt, phrases) = (&self.options.prompt, &self.options.vocabulary);
            let context = self.models.context(prompt, phrases)?;
            self.events.extend(context.notices().into_iter().map(TranscribeEvent::Notice));
            self.context = Arc::new(context);
            self.state = State::Listening;
            if self.begin_from_journal() {
                return Ok(());
            }
        }
        if let Some(window) = self.windows.next_ready() {
            let segments = match self.kept(&window) {
                Some(segments) => segments,
                None => {
                    let segments = self.hear(&window)?;
                    if !self.cancel.is_cancelled() {
                        self.keep(|journal| journal.add(&window, &segments));
                    }
                    segments
                }
            };
            return self.heard(&window, segments);
        }
        if self.state == State::Ended {
            if self.tell_speakers() {
                return Ok(());
            }
            self.finish(false);
            return self.failure.take().map_or(Ok(()), Err);
        }
        match self.sound.next() {
            Some(Ok(samples)) => self.windows.push(self.models.vad(), &samples)?,
            end => {
                self.failure = end.and_then(Result::err);
                self.windows.finish(self.models.vad())?;
                self.state = State::Ended;
            }
        }
        if self.windows.taken_s() - self.told_s >= TELL_EVERY_S {
            self.tell();
        }
        Ok(())
    }

    fn hear(&self, window: &Window) -> Result<Vec<Segment>> {
        let options = HearOptions {
            language: self.options.language.clone(),
            language_before: self.language_before.clone(),
            translate: self.options.translate,
            words: self.options.word_timestamps || self.speakers.is_some(),
            context: Arc::clone(&self.context),
            width: self.options.beam,
        };
        let (models, cancel) = (&self.models, &self.cancel);
        let hear = || models.hear(window, &options, cancel);
        match &self.pool {
            Some(pool) => pool.install(hear),
            None => hear(),
        }
    }

    /// Passes on what was heard in a window.
    fn heard(&mut self, window: &Window, segments: Vec<Segment>) -> Result<()> {
        if segments.is_empty() && !self.cancel.is_cancelled() {
            self.unclear.push(window.start_in_recording_s(0.0));
            self.unclear_s += window.duration_s();
        }
        match &mut self.speakers {
            Some(held) => {
                self.language_before =
                    segments.last().map(|s| s.language.clone()).or(self.language_before.take());
                held.take(window, segments)?;
            }
            None => self.said(segments),
        }
        self.tell();
        Ok(())
    }

    fn said(&mut self, segments: Vec<Segment>) {
        self.n_segments += segments.len();
        self.language_before = segments.last().map(|s| s.language.clone()).or(self.language_before.take());
        self.events.extend(segments.into_iter().map(TranscribeEvent::Segment));
    }

    /// Says where an earlier run stopped; `true` when it came to the end, and nothing is left to do.
    fn begin_from_journal(&mut self) -> bool {
        let Some(journal) = &mut self.journal else { return false };
        let heard_s = journal.heard_s();
        let whole = journal.take_whole();
        let heard_s = whole.as_ref().map(|(_, ending)| ending.audio_s()).or(heard_s);
        self.events.extend(heard_s.map(|heard_s| TranscribeEvent::Resumed { heard_s }));
        let Some((windows, ending)) = whole else { return false };
        windows.into_iter().for_each(|segments| self.said(segments));
        self.end(ending, false);
        true
    }

    /// What an earlier run heard in this window.
    fn kept(&mut self, window: &Window) -> Option<Vec<Segment>> {
        let mut kept = None;
        self.keep(|journal| journal.take(window).map(|segments| kept = segments));
        kept
    }

    /// Does something with the journal; where that fails, the recording is heard without one.
    fn keep(&mut self, act: impl FnOnce(&mut Journal) -> std::io::Result<()>) {
        let Some(Err(error)) = self.journal.as_mut().map(act) else { return };
        self.journal = None;
        let name = &self.options.name;
        self.events.push_back(TranscribeEvent::Notice(format!(
            "what is heard of {name} cannot be kept from here on for going on after an interruption: {error}"
        )));
    }

    fn tell(&mut self) {
        self.told_s = self.windows.taken_s();
        self.events.push_back(TranscribeEvent::Progress { done_s: self.told_s, total_s: self.total_s });
    }

    fn finish(&mut self, cancelled: bool) {
        let audio_s = self.windows.taken_s();
        let mut remarks = std::mem::take(&mut *self.remarks.lock().unwrap_or_else(PoisonError::into_inner));
        let mut notices = std::mem::take(&mut remarks.notices);
        if !self.unclear.is_empty() {
            notices.push(self.unclear_notice());
        } else if self.n_segments == 0 && !cancelled {
            let (name, long) = (&self.options.name, format::duration(audio_s));
            notices.push(format!("no speech was found in {name} ({long} long)"));
        }
        let missing = |total_s: &f64| !cancelled && !remarks.tell_of_losses && audio_s < total_s - MISSING_S;
        if let Some(total_s) = self.total_s.filter(missing) {
            let (heard, name, total) =
                (format::duration(audio_s), &self.options.name, format::duration(total_s));
            notices.push(format!(
                "only {heard} of {total} of {name} could be read: it is cut short or vanished"
            ));
        }
        let ending = Ending::new(audio_s, notices);
        if !cancelled && self.failure.is_none() {
            self.keep(|journal| journal.end(ending.clone()));
        }
        self.end(ending, cancelled);
    }

    fn end(&mut self, ending: Ending, cancelled: bool) {
        let audio_s = ending.audio_s();
        self.events.extend(ending.notices.into_iter().map(TranscribeEvent::Notice));
        let wall_s = self.started.elapsed().as_secs_f64();
        self.events.push_back(TranscribeEvent::Done { audio_s, wall_s, cancelled });
        self.state = State::Done;
    }

    fn unclear_notice(&self) -> String {
        const NAMED: usize = 5;
        let places: Vec<String> = self.unclear.iter().take(NAMED).map(|&s| format::duration(s)).collect();
        let more = match self.unclear.len().saturating_sub(NAMED) {
            0 => String::new(),
            n => format!(" and {n} more places"),
        };
        let (seconds, name) = (self.unclear_s.ceil(), &self.options.name);
        format!(
            "{seconds} s of {name} sound like speech but no words could be made out, at {}{more}",
            places.join(", ")
        )
    }
}

impl Iterator for Transcription {
    type Item = Result<TranscribeEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if self.state == State::Done {
                return None;
            }
            if let Err(error) = self.step() {
                self.state = State::Done;
                self.events.clear();
                return Some(Err(error));
            }
        }
    }
}

/// Checks options against a model; a transcription does so before it takes any sound.
///
/// # Errors
/// When the model cannot do what is asked for.
pub fn check(models: &SpeechModels, options: &TranscribeOptions) -> Result<()> {
    let languages = models.languages();
    if options.translate && languages.len() == 1 {
        let reason =
            "this speech model knows English only and cannot translate; choose whisper-base".to_owned();
        return Err(Error::Request { reason });
    }
    match &options.language {
        Some(code) if !languages.contains(&code.as_str()) => {
            let known = match languages[..] {
                ["en"] => "it knows English only; whisper-base knows 99 languages".to_owned(),
                _ => format!("it knows {}", languages.join(", ")),
            };
            Err(Error::Request {
                reason: format!("this speech model does not know the language {code:?}: {known}"),
            })
        }
        _ => Ok(()),
    }
}

impl Segment {
    /// As a finding of a recording, each word with its time.
    pub fn into_span(self, source: &Path) -> Span {
        let mut pieces = Vec::with_capacity(self.words.len());
        let mut from = 0;
        for word in &self.words {
            // Words come in the order of the text.
            let Some(at) = self.text[from..].find(&word.text) else { continue };
            let bytes = from + at..from + at + word.text.len();
            from = bytes.end;
            pieces.push(Piece { bytes, place: Place::Time { start_s: word.start_s, end_s: word.end_s } });
        }
        Span {
            source: source.to_path_buf(),
            place: Place::Time { start_s: self.start_s, end_s: self.end_s },
            finding: Finding::Speech { confidence: self.confidence },
            text: self.text,
            pieces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_locates_each_word_also_when_it_is_said_twice() {
        let word = |text: &str, start_s: f64| Word {
            start_s,
            end_s: start_s + 0.5,
            text: text.to_owned(),
            confidence: 0.9,
        };
        let segment = Segment {
            start_s: 1.0,
            end_s: 3.0,
            text: "no, no café".to_owned(),
            language: "en".to_owned(),
            speaker: None,
            confidence: 0.8,
            words: vec![word("no,", 1.0), word("no", 1.5), word("café", 2.5)],
        };
        let span = segment.into_span(Path::new("talk.wav"));
        assert_eq!(span.finding, Finding::Speech { confidence: 0.8 });
        assert_eq!(span.locate(4..6), Place::Time { start_s: 1.5, end_s: 2.0 });
        assert_eq!(span.locate(4..12), Place::Time { start_s: 1.5, end_s: 3.0 });
        assert_eq!(span.locate(0..1), Place::Time { start_s: 1.0, end_s: 1.5 });
    }
}
