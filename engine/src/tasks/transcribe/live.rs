//! Live: sound as it comes → text as it is said.
//!
//! What is being said is heard again after each second of new speech. Words on which two hearings in a row agree are
//! stable (local agreement: Macháček, Dabre, Bojar, "Turning Whisper into Real-Time Transcription System", 2023): they
//! are given to the decoder as the beginning of every later transcript of that sound, so they never change. The rest is
//! tentative. A pause settles what came before it: it is heard once more as a recording would be, and its sound is
//! forgotten, so that cost and memory stay the same for hours.
//!
//! There is no thread and no clock: the same calls give the same events, and while no sound waits, whatever the size of
//! the blocks. A caller that falls behind says how much sound waits, and is given fewer tentative texts for it.

use std::sync::Arc;

use super::{Segment, TranscribeOptions, Word, check};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::features::mel::SAMPLE_RATE_HZ;
use crate::perception::speech::onward::{Hearing, SpokenWord};
use crate::perception::speech::vad::FRAME;
use crate::perception::speech::windows::{OpenWindow, Window};
use crate::perception::speech::{Context, HearOptions, SpeechModels};

/// Frames of 32 ms of new sound after which speech is heard again.
const HEAR_EVERY: usize = 25;
/// A pause after which new words are heard at once (0.26 s).
const SHORT_PAUSE: usize = 8;
/// Fewer voiced frames hold no new word.
const LEAST_VOICED: usize = 4;
/// A pause that settles what came before it (0.5 s), where that is long enough to be heard well (6 s). After a second
/// of silence it is settled in any case.
const SETTLING_PAUSE: usize = 16;
const SETTLED_FROM: usize = 188;
/// Speech without a pause is cut after so many frames (12 s).
const LONGEST: usize = 375;
/// Between these shares of it, where it is quietest.
const CUT_BETWEEN: [f64; 2] = [0.5, 0.85];
/// More stable tokens than this are cut too, so that the decoder has room for new ones.
const MOST_SAID: usize = 160;
/// A word is stable when it ends this long before the end of the sound in which it was heard first.
const SURE_AFTER_S: f64 = 0.2;
/// If more speech than this follows the end of a transcript, it has stopped too early.
const UNHEARD_S: f64 = 1.0;
/// A transcript that stopped earlier than this has not begun.
const LEAST_HEARD_S: f64 = 1.0;
/// Fewer waiting seconds are no delay.
const USUAL_S: f64 = 0.5;
/// From so many waiting seconds on nothing is heard twice that need not be.
const LATE_S: f64 = 2.0;
/// From so many on it is told.
const TELL_LATE_S: f64 = 4.0;

/// Frames in a second.
const FRAMES_PER_S: f64 = SAMPLE_RATE_HZ as f64 / FRAME as f64;

/// What comes of live sound.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LiveEvent {
    /// Text that follows what was stable before, with the space between; it never changes.
    Stable {
        /// The text.
        text: String,
        /// When its first word begins, in seconds since the sound began.
        start_s: f64,
        /// When its last word ends.
        end_s: f64,
    },
    /// A sentence or a part of one is complete: stable text that was given before, with the times of its words.
    Segment(Segment),
    /// What may have been said after the stable text; takes the place of the last one. Empty when nothing is open.
    Tentative(String),
    /// Something that the person must know.
    Notice(String),
}

/// A transcription of sound that is still being made.
pub struct Live {
    models: Arc<SpeechModels>,
    options: TranscribeOptions,
    context: Arc<Context>,
    cancel: Cancel,
    pool: Option<rayon::ThreadPool>,
    /// Samples that do not fill a frame yet.
    rest: Vec<f32>,
    open: OpenWindow,
    /// Tokens of the open window's transcript that are stable.
    said: Vec<u32>,
    /// What the last hearing found after them.
    tentative: Vec<SpokenWord>,
    /// Frames of the open window that were heard last, and seconds.
    n_heard: usize,
    heard_s: f64,
    /// The stable words since the last segment, their times in seconds of all sound.
    sentence: Vec<Word>,
    language: Option<String>,
    /// Whether any text was ever stable.
    has_said: bool,
    /// Whether tentative text is shown.
    shows: bool,
    told_late: bool,
    events: Vec<LiveEvent>,
}

impl Live {
    /// Begins. Of the options `word_timestamps` and `name` have no use; `beam` is for what a pause settles.
    ///
    /// # Errors
    /// When the model cannot do what is asked for.
    pub fn new(models: Arc<SpeechModels>, options: TranscribeOptions, cancel: &Cancel) -> Result<Self> {
        check(&models, &options)?;
        let context = models.context(&options.prompt, &options.vocabulary)?;
        let events = context.notices().into_iter().map(LiveEvent::Notice).collect();
        let pool = super::pool(options.threads);
        Ok(Self {
            models,
            options,
            context: Arc::new(context),
            cancel: cancel.clone(),
            pool,
            rest: Vec::new(),
            open: OpenWindow::default(),
            said: Vec::new(),
            tentative: Vec::new(),
            n_heard: 0,
            heard_s: 0.0,
            sentence: Vec::new(),
            language: None,
            has_said: false,
            shows: false,
            told_late: false,
            events,
        })
    }

    /// Seconds of sound taken so far.
    pub fn taken_s(&self) -> f64 {
        self.open.taken_s() + self.rest.len() as f64 / SAMPLE_RATE_HZ as f64
    }

    /// Takes the next samples (16 kHz mono, any number), while `waiting_s` more seconds of sound wait at the caller.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn push(&mut self, samples: &[f32], waiting_s: f64) -> Result<Vec<LiveEvent>> {
        self.rest.extend_from_slice(samples);
        let whole = self.rest.len() / FRAME * FRAME;
        let later = self.rest.split_off(whole);
        let now = std::mem::replace(&mut self.rest, later);
        self.tell_late(waiting_s);
        // So much waits while the last hearing was made.
        let waiting_s = if waiting_s < USUAL_S { 0.0 } else { waiting_s };
        for frame in now.chunks(FRAME) {
            self.frame(frame, waiting_s)?;
        }
        Ok(std::mem::take(&mut self.events))
    }

    /// The sound has ended: settles everything.
    ///
    /// # Errors
    /// When arithmetic fails.
    pub fn finish(&mut self) -> Result<Vec<LiveEvent>> {
        let rest = std::mem::take(&mut self.rest);
        if let Some(window) = self.open.finish(self.models.vad(), &rest)? {
            self.settle(window, 0.0)?;
        }
        self.end_sentence();
        self.show(String::new());
        Ok(std::mem::take(&mut self.events))
    }

    fn tell_late(&mut self, waiting_s: f64) {
        if waiting_s >= TELL_LATE_S && !self.told_late {
            self.told_late = true;
            self.events.push(LiveEvent::Notice(format!(
                "this machine is too slow for the model: text is {waiting_s:.0} s behind; nothing is lost, and a smaller \
                 model (whisper-tiny.en) is quicker"
            )));
        } else if waiting_s < 0.25 * TELL_LATE_S {
            self.told_late = false;
        }
    }

    fn frame(&mut self, frame: &[f32], waiting_s: f64) -> Result<()> {
        let models = self.models.clone();
        self.open.push(models.vad(), frame)?;
        if !self.open.is_speaking() {
            return match self.open.close() {
                Some(window) => self.settle(window, waiting_s),
                None => Ok(()),
            };
        }
        let (n, pause) = (self.open.n_frames(), self.open.pause());
        if n >= LONGEST || self.said.len() > MOST_SAID {
            return self.cut();
        }
        if pause == SETTLING_PAUSE && n >= SETTLED_FROM {
            return match self.open.close() {
                Some(window) => self.settle(window, waiting_s),
                None => Ok(()),
            };
        }
        // The later it is, the rarer a look at what may change: what waits is caught up with.
        let every = HEAR_EVERY + (waiting_s * FRAMES_PER_S) as usize;
        let is_due = n >= self.n_heard + every || (pause == SHORT_PAUSE && waiting_s == 0.0);
        if is_due && self.open.n_voiced_from(self.n_heard) >= LEAST_VOICED {
            self.hear_open()?;
        }
        Ok(())
    }

    /// Hears what is being said, and compares it with what was heard before.
    fn hear_open(&mut self) -> Result<()> {
        let window = self.open.look();
        let before_s = std::mem::replace(&mut self.heard_s, window.duration_s());
        self.n_heard = self.open.n_frames();
        let hearing = self.hear(&window, 1, false)?.filter(|hearing| !hearing.is_doubtful);
        let Some(mut hearing) = hearing else {
            self.tentative.clear();
            return Ok(());
        };
        let is_sure = |(new, old): &(&SpokenWord, &SpokenWord)| {
            new.text == old.text && new.end_s <= before_s - SURE_AFTER_S
        };
        let n_agreed = hearing.new.iter().zip(&self.tentative).take_while(is_sure).count();
        let rest = hearing.new.split_off(n_agreed);
        self.stable(&window, &hearing.new, &hearing.language);
        if let Some(last) = hearing.new.last() {
            self.said = hearing.tokens[..last.tokens_end].to_vec();
        }
        let text: String = rest.iter().map(|word| word.text.as_str()).collect();
        self.tentative = rest;
        self.show(text);
        // The decoder takes this for the end, though somebody went on: a new transcript begins there.
        let stopped = self.tentative.is_empty() && hearing.heard_s >= LEAST_HEARD_S;
        if stopped && window.voiced_s(hearing.heard_s, window.duration_s()) > UNHEARD_S {
            self.open.forget_before(hearing.heard_s);
            self.end_sentence();
            self.begin();
        }
        Ok(())
    }

    /// Makes everything in a window stable.
    fn settle(&mut self, mut window: Window, waiting_s: f64) -> Result<()> {
        let n_heard = (self.n_heard as f64 / FRAMES_PER_S).min(window.duration_s());
        let heard_all = window.voiced_s(n_heard, window.duration_s()) < LEAST_VOICED as f64 / FRAMES_PER_S;
        if waiting_s > LATE_S && heard_all && !self.tentative.is_empty() {
            let (words, language) = (std::mem::take(&mut self.tentative), self.language.clone());
            self.stable(&window, &words, &language.unwrap_or_else(|| "en".to_owned()));
        } else {
            while let Some(hearing) = self.hear(&window, self.options.beam, true)? {
                self.stable(&window, &hearing.new, &hearing.language);
                let unheard_s = window.voiced_s(hearing.heard_s, window.duration_s());
                if hearing.heard_s < LEAST_HEARD_S || unheard_s <= UNHEARD_S || hearing.is_doubtful {
                    break;
                }
                self.end_sentence();
                self.said.clear();
                window = window.after(hearing.heard_s);
            }
        }
        self.end_sentence();
        self.begin();
        self.show(String::new());
        Ok(())
    }

    /// Nobody pauses: makes what stands before the quietest place stable, and goes on from there.
    fn cut(&mut self) -> Result<()> {
        let window = self.open.look();
        let [from, to] = CUT_BETWEEN.map(|share| share * window.duration_s());
        let cut_s = window.quietest_s(from, to);
        let mut after = Vec::new();
        if let Some(hearing) = self.hear(&window, self.options.beam, true)? {
            let mut new = hearing.new;
            let n = new.iter().take_while(|word| word.start_s < cut_s).count();
            self.tentative = new.split_off(n);
            self.stable(&window, &new, &hearing.language);
            after.extend(hearing.known.into_iter().chain(new).filter(|word| word.start_s >= cut_s));
        }
        self.end_sentence();
        let text: String = self.tentative.iter().map(|word| word.text.as_str()).collect();
        self.open.forget_before(cut_s);
        self.begin();
        self.said = self.models.tokens_of(&after);
        self.show(text);
        Ok(())
    }

    /// Nothing of the open window is known.
    fn begin(&mut self) {
        self.said.clear();
        self.tentative.clear();
        (self.n_heard, self.heard_s) = (0, 0.0);
    }

    fn hear(&self, window: &Window, width: usize, again: bool) -> Result<Option<Hearing>> {
        // A window has one language once some of it is stable.
        let known = self.language.clone().filter(|_| !self.said.is_empty());
        let options = HearOptions {
            language: self.options.language.clone().or(known),
            language_before: self.language.clone(),
            translate: self.options.translate,
            words: true,
            context: Arc::clone(&self.context),
            width,
        };
        let hear = || self.models.hear_on(window, &self.said, &options, again, &self.cancel);
        match &self.pool {
            Some(pool) => pool.install(hear),
            None => hear(),
        }
    }

    /// Words that never change from here on.
    fn stable(&mut self, window: &Window, words: &[SpokenWord], language: &str) {
        for word in words {
            if word.begins_part {
                self.end_sentence();
            }
            let before_s = self.sentence.last().map_or(0.0, |word| word.end_s);
            let start_s = window.start_in_recording_s(word.start_s).max(before_s);
            let end_s = window.end_in_recording_s(word.end_s).max(start_s);
            self.say(&word.text, start_s, end_s);
            let text = word.text.trim().to_owned();
            match self.sentence.last_mut() {
                // The end of a word whose beginning is stable already.
                Some(last) if !word.text.starts_with(' ') && has_spaces(language) => {
                    last.text.push_str(&text);
                    last.end_s = end_s;
                }
                _ => self.sentence.push(Word { start_s, end_s, text, confidence: word.confidence }),
            }
        }
        if !words.is_empty() {
            self.language = Some(language.to_owned());
        }
    }

    /// Adds to the stable text; what is told in one go is one event.
    fn say(&mut self, text: &str, start_s: f64, end_s: f64) {
        if let Some(LiveEvent::Stable { text: before, end_s: end, .. }) = self.events.last_mut() {
            before.push_str(text);
            *end = end_s;
            return;
        }
        let text = if self.has_said { text } else { text.trim_start() }.to_owned();
        self.has_said = true;
        self.events.push(LiveEvent::Stable { text, start_s, end_s });
    }

    fn end_sentence(&mut self) {
        let words = std::mem::take(&mut self.sentence);
        let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
        let language = self.language.clone().unwrap_or_else(|| "en".to_owned());
        let between = if has_spaces(&language) { " " } else { "" };
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let logs = words.iter().map(|word| word.confidence.max(1e-6).ln()).sum::<f32>();
        self.events.push(LiveEvent::Segment(Segment {
            start_s: first.start_s,
            end_s: last.end_s,
            text: text.join(between),
            language,
            speaker: None,
            confidence: (logs / words.len() as f32).exp(),
            words: words.clone(),
        }));
    }

    fn show(&mut self, text: String) {
        if self.shows || !text.is_empty() {
            self.shows = !text.is_empty();
            self.events.push(LiveEvent::Tentative(text));
        }
    }
}

fn has_spaces(language: &str) -> bool {
    !matches!(language, "zh" | "ja" | "th" | "lo" | "my" | "yue" | "km")
}
