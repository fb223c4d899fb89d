//! Live transcription: one thread takes sound from its source, keeps the recording and tells the level; another hears.
//!
//! So neither the recording nor the level waits for a model, and what the model has not heard yet waits for it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::media::SAMPLE_RATE_HZ;
use engine::tasks::transcribe::{Live, LiveEvent, TranscribeOptions};
use engine::{Cancel, Engine};

use crate::platform::listen::{Listening, Source};
use crate::platform::wave_file::WaveFile;

/// Seconds of sound that may wait for the model before the oldest are lost: 38 MB.
const MOST_WAITING_S: usize = 600;
/// How often the source is asked.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// How often the level is told.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// Samples that the model is given at once.
const BLOCK: usize = SAMPLE_RATE_HZ as usize / 10;
/// Samples that wait for the model when the source can wait itself.
const ENOUGH: usize = SAMPLE_RATE_HZ as usize / 4;
/// A microphone that gives nothing for so long has vanished, though nobody said so.
const VANISHED: Duration = Duration::from_secs(5);
/// The level that a meter shows as nothing.
const QUIETEST_DB: f32 = -60.0;

/// What is to be transcribed, and how.
#[derive(Debug, Clone)]
pub struct LiveRequest {
    /// Where the sound comes from.
    pub source: Source,
    /// The speech model.
    pub model: String,
    /// How it is heard.
    pub options: TranscribeOptions,
    /// Where the sound is kept.
    pub record: Option<PathBuf>,
}

/// What is told while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveNews {
    /// The source is open.
    Opened,
    /// How loud it is.
    Level {
        /// The loudest sample of the last tenth of a second on a scale of decibels, from 0 to 1.
        level: f32,
        /// Seconds of sound so far.
        at_s: f64,
    },
    /// What was heard.
    Heard {
        /// The text.
        event: LiveEvent,
        /// Seconds of sound that were heard when it became known.
        heard_s: f64,
    },
    /// The last of all.
    Ended(LiveEnd),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LiveEnd {
    /// Seconds of sound.
    pub sound_s: f64,
    /// Where the sound is, if any was kept.
    pub recording: Option<PathBuf>,
    /// What went wrong; everything before it was heard and kept.
    pub problem: Option<String>,
}

/// Sound between the two threads.
#[derive(Default)]
struct Waiting {
    samples: VecDeque<f32>,
    ended: bool,
}

type Shared = Arc<(Mutex<Waiting>, Condvar)>;

fn lock(shared: &Shared) -> MutexGuard<'_, Waiting> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Transcribes until `stop` is raised or the source ends; then everything that was said is heard to its end.
/// `tell` is called on this thread, and stops it by returning `false`.
pub fn run(engine: &Engine, request: LiveRequest, stop: &Cancel, mut tell: impl FnMut(LiveNews) -> bool) {
    let mut end = LiveEnd::default();
    match Run::start(engine, request) {
        Ok(mut run) => {
            run.listen(stop, &mut tell);
            end = run.finish(&mut tell);
        }
        Err(problem) => end.problem = Some(problem),
    }
    tell(LiveNews::Ended(end));
}

enum Told {
    Event(LiveEvent, f64),
    Failed(String),
}

struct Run {
    listening: Option<Listening>,
    /// The source waits where it is not asked.
    can_wait: bool,
    /// The source always gives samples.
    is_steady: bool,
    recording: Option<WaveFile>,
    waiting: Shared,
    told: Receiver<Told>,
    /// Raised when nobody wants to know any more.
    gone: Cancel,
    n_samples: u64,
    lost_s: f64,
    /// What is to be told at once.
    notes: Vec<String>,
    end: LiveEnd,
}

impl Run {
    fn start(engine: &Engine, request: LiveRequest) -> Result<Self, String> {
        let listening = Listening::open(&request.source)?;
        let recording = request.record.as_deref().map(WaveFile::create).transpose()?;
        let waiting = Shared::default();
        let (sender, told) = mpsc::channel();
        let gone = Cancel::new();
        let (can_wait, is_steady) = (request.source == Source::StandardInput, request.source.is_steady());
        let (engine, for_hearing, cancel) = (engine.clone(), waiting.clone(), gone.clone());
        let hear = move || {
            let send = |told: Told| drop(sender.send(told));
            // The model is loaded here: sound is taken meanwhile.
            let heard = engine
                .live(&request.model, request.options, &cancel)
                .and_then(|live| hear(live, &for_hearing, |event, at_s| send(Told::Event(event, at_s))));
            if let Err(error) = heard {
                send(Told::Failed(error.to_string()));
            }
        };
        std::thread::Builder::new()
            .name("hear".into())
            .spawn(hear)
            .map_err(|error| format!("no thread could be started: {error}"))?;
        Ok(Self {
            listening: Some(listening),
            can_wait,
            is_steady,
            recording,
            waiting,
            told,
            gone,
            n_samples: 0,
            lost_s: 0.0,
            notes: Vec::new(),
            end: LiveEnd::default(),
        })
    }

    /// Until it is stopped or the source ends.
    fn listen(&mut self, stop: &Cancel, tell: &mut impl FnMut(LiveNews) -> bool) {
        let (mut loudest, mut next, mut last) = (0.0_f32, Instant::now(), Instant::now());
        let mut alive = tell(LiveNews::Opened);
        while alive && !stop.is_cancelled() {
            let has_enough = self.can_wait && lock(&self.waiting).samples.len() > ENOUGH;
            if let Some(listening) = self.listening.as_mut().filter(|_| !has_enough) {
                let taken = listening.take();
                loudest = taken.samples.iter().fold(loudest, |most, x| most.max(x.abs()));
                self.add(&taken.samples);
                if taken.lost_s > 0.0 {
                    self.lose(taken.lost_s);
                }
                if let Some(ended) = taken.ended {
                    self.end.problem = ended.err();
                    return;
                }
                if !taken.samples.is_empty() {
                    last = Instant::now();
                } else if self.is_steady && last.elapsed() > VANISHED {
                    let text = "the microphone gives no sound any more: it was unplugged, or the sound server has \
                                ended; what was heard before is kept";
                    self.end.problem = Some(text.to_owned());
                    return;
                }
            }
            for note in std::mem::take(&mut self.notes) {
                let (event, heard_s) = (LiveEvent::Notice(note), self.sound_s());
                alive = alive && tell(LiveNews::Heard { event, heard_s });
            }
            if Instant::now() >= next {
                next = Instant::now() + TELL_EVERY;
                let level = meter(std::mem::take(&mut loudest));
                alive = tell(LiveNews::Level { level, at_s: self.sound_s() });
            }
            match self.told.recv_timeout(LOOK_EVERY) {
                Ok(told) => alive = alive && self.pass(told, tell),
                Err(RecvTimeoutError::Timeout) => {}
                // The model failed; why was told before.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(told) = self.told.try_recv() {
                alive = alive && self.pass(told, tell);
            }
        }
        if !alive {
            self.gone.cancel();
        }
    }

    fn sound_s(&self) -> f64 {
        self.n_samples as f64 / f64::from(SAMPLE_RATE_HZ)
    }

    fn pass(&mut self, told: Told, tell: &mut impl FnMut(LiveNews) -> bool) -> bool {
        match told {
            Told::Event(event, heard_s) => tell(LiveNews::Heard { event, heard_s }),
            Told::Failed(problem) => {
                self.end.problem.get_or_insert(problem);
                true
            }
        }
    }

    /// Keeps sound, and gives it to the model.
    fn add(&mut self, samples: &[f32]) {
        self.n_samples += samples.len() as u64;
        if let Some(recording) = &mut self.recording
            && let Err(problem) = recording.write(samples)
        {
            // What is said goes on being written down.
            self.keep_no_more();
            self.notes.push(problem.clone());
            self.end.problem = Some(problem);
        }
        let over = {
            let mut waiting = lock(&self.waiting);
            waiting.samples.extend(samples);
            let over = waiting.samples.len().saturating_sub(MOST_WAITING_S * SAMPLE_RATE_HZ as usize);
            waiting.samples.drain(..over);
            over
        };
        self.waiting.1.notify_all();
        self.lost_s += over as f64 / f64::from(SAMPLE_RATE_HZ);
    }

    fn lose(&mut self, seconds: f64) {
        self.lost_s += seconds;
        self.notes
            .push(format!("{seconds:.1} s of sound were lost: the machine was busy with something else"));
    }

    fn keep_no_more(&mut self) {
        let Some(recording) = self.recording.take() else { return };
        if recording.seconds() > 0.0 {
            let path = recording.path().to_path_buf();
            // Its header is as good as it can be.
            drop(recording.finish());
            self.end.recording = Some(path);
        } else {
            drop(std::fs::remove_file(recording.path()));
        }
    }

    /// Closes the source and waits until everything is heard.
    fn finish(mut self, tell: &mut impl FnMut(LiveNews) -> bool) -> LiveEnd {
        // What the standard input still has, when it is stopped, was not meant to be heard.
        if let Some(listening) = self.listening.take().filter(|_| !self.can_wait) {
            let last = listening.close();
            self.add(&last);
        }
        lock(&self.waiting).ended = true;
        self.waiting.1.notify_all();
        let mut alive = !self.gone.is_cancelled();
        while let Ok(told) = self.told.recv() {
            alive = alive && self.pass(told, tell);
            if !alive {
                self.gone.cancel();
            }
        }
        self.end.sound_s = self.sound_s();
        if self.end.sound_s == 0.0 && self.end.problem.is_none() {
            self.end.problem =
                Some("no sound came: check that the source is not muted, or choose another".to_owned());
        }
        if self.lost_s > 0.0 && self.end.problem.is_none() {
            self.end.problem = Some(format!(
                "{:.1} s of sound were lost: this machine is too slow for it; choose a smaller model",
                self.lost_s
            ));
        }
        self.keep_no_more();
        self.end
    }
}

/// Hears until the sound has ended.
fn hear(mut live: Live, waiting: &Shared, mut tell: impl FnMut(LiveEvent, f64)) -> engine::Result<()> {
    loop {
        let (block, waiting_s) = {
            let mut waiting_now = lock(waiting);
            while waiting_now.samples.len() < BLOCK && !waiting_now.ended {
                waiting_now = waiting.1.wait(waiting_now).unwrap_or_else(PoisonError::into_inner);
            }
            let n = waiting_now.samples.len().min(BLOCK);
            let block: Vec<f32> = waiting_now.samples.drain(..n).collect();
            (block, waiting_now.samples.len() as f64 / f64::from(SAMPLE_RATE_HZ))
        };
        let (events, ended) = match block.is_empty() {
            true => (live.finish()?, true),
            false => (live.push(&block, waiting_s)?, false),
        };
        let heard_s = live.taken_s();
        events.into_iter().for_each(|event| tell(event, heard_s));
        if ended {
            return Ok(());
        }
    }
}

/// A sample's size as a meter shows it: decibels, from 0 to 1.
fn meter(loudest: f32) -> f32 {
    let decibels = 20.0 * loudest.max(1e-9).log10();
    (1.0 - decibels / QUIETEST_DB).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_even_in_decibels() {
        assert_eq!((meter(0.0), meter(1.0), meter(2.0)), (0.0, 1.0, 1.0));
        assert!((meter(0.001) - 0.0).abs() < 1e-5 && (meter(0.031_622_8) - 0.5).abs() < 1e-4);
    }
}
