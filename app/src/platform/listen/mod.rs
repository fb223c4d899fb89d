//! Sound that is made now: of a microphone, of what the computer plays, or of the standard input; as 16 kHz mono.

mod bytes;

mod microphone;

mod system;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::media::Samples;

pub use microphone::microphones;

/// Seconds of sound that wait for the program before the oldest are lost.
const MOST_WAITING_S: usize = 10;

/// Where live sound comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// The microphone that the system prefers.
    #[default]
    DefaultMicrophone,
    /// The microphone of this name, or the one whose name alone has this in it.
    Microphone(String),
    /// What the computer plays.
    SystemSound,
    /// WAV, or raw samples of 16 bits at 16 kHz, at their own pace.
    StandardInput,
}

impl Source {
    /// Whether it always gives samples, if only silence.
    pub fn is_steady(&self) -> bool {
        matches!(self, Self::DefaultMicrophone | Self::Microphone(_))
    }

    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::DefaultMicrophone => "the default microphone".to_owned(),
            Self::Microphone(name) => name.clone(),
            Self::SystemSound => "system sound".to_owned(),
            Self::StandardInput => "standard input".to_owned(),
        }
    }
}

/// An input device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microphone {
    /// Its name.
    pub name: String,
    /// Whether the system prefers it.
    pub is_default: bool,
}

/// What a device gave and the program did not take yet.
#[derive(Default)]
struct Waiting {
    /// Interleaved.
    samples: VecDeque<f32>,
    most: usize,
    /// Samples for which there was no room.
    n_lost: u64,
    /// It gives no more: why, where it was not meant to end.
    ended: Option<Result<(), String>>,
}

impl Waiting {
    fn add(&mut self, samples: impl Iterator<Item = f32>) {
        self.samples.extend(samples);
        let over = self.samples.len().saturating_sub(self.most);
        self.n_lost += over as u64;
        self.samples.drain(..over);
    }
}

type Shared = Arc<Mutex<Waiting>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Waiting> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What keeps a device open; it closes when this is dropped.
enum Held {
    Stream { _stream: cpal::Stream },
    Process(system::Process),
    Thread,
}

/// A source that is open.
pub struct Listening {
    waiting: Shared,
    samples: Samples,
    per_second: f64,
    n_lost: u64,
    finished: bool,
    held: Held,
}

/// What was taken from a source.
#[derive(Debug, Default)]
pub struct Taken {
    /// 16 kHz mono.
    pub samples: Vec<f32>,
    /// Seconds of sound that were lost since the last time, because nobody took them.
    pub lost_s: f64,
    /// The source has ended: why, where it was not meant to.
    pub ended: Option<Result<(), String>>,
}

impl Listening {
    /// Opens a source.
    ///
    /// # Errors
    /// Why there is no sound, and what can be done, as a sentence.
    pub fn open(source: &Source) -> Result<Self, String> {
        match source {
            Source::DefaultMicrophone => microphone::open(None),
            Source::Microphone(name) => microphone::open(Some(name)),
            Source::SystemSound => system::open(),
            Source::StandardInput => bytes::open_standard_input(),
        }
    }

    fn new(rate_hz: u32, n_channels: usize, waiting: Shared, held: Held) -> Result<Self, String> {
        let samples = Samples::new(rate_hz, n_channels).map_err(|error| error.to_string())?;
        let per_second = f64::from(rate_hz) * n_channels as f64;
        lock(&waiting).most = MOST_WAITING_S * rate_hz as usize * n_channels;
        Ok(Self { waiting, samples, per_second, n_lost: 0, finished: false, held })
    }

    /// Takes what has come since the last time.
    pub fn take(&mut self) -> Taken {
        let (raw, n_lost, mut ended) = {
            let mut waiting = lock(&self.waiting);
            (std::mem::take(&mut waiting.samples), waiting.n_lost, waiting.ended.clone())
        };
        let mut taken = Taken { lost_s: (n_lost - self.n_lost) as f64 / self.per_second, ..Taken::default() };
        self.n_lost = n_lost;
        if self.finished {
            taken.ended = ended;
            return taken;
        }
        let mut result = self.samples.push(raw.into(), &mut taken.samples);
        if ended.is_some() {
            self.finished = true;
            result = result.and_then(|()| self.samples.finish(&mut taken.samples));
        }
        if let Err(error) = result {
            self.finished = true;
            ended = Some(Err(error.to_string()));
        }
        taken.ended = ended;
        taken
    }

    /// Closes the device; gives what it still had.
    pub fn close(mut self) -> Vec<f32> {
        if let Held::Process(process) = &mut self.held {
            process.stop();
        }
        lock(&self.waiting).ended.get_or_insert(Ok(()));
        let last = self.take().samples;
        // Closing a device whose sound server has vanished may take forever.
        let held = std::mem::replace(&mut self.held, Held::Thread);
        if let Err(error) = std::thread::Builder::new().name("close".into()).spawn(move || drop(held)) {
            log::warn!("the device was closed without a thread: {error}");
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(rate_hz: u32, n_channels: usize) -> (Listening, Shared) {
        let waiting = Shared::default();
        (Listening::new(rate_hz, n_channels, waiting.clone(), Held::Thread).unwrap(), waiting)
    }

    #[test]
    fn what_nobody_takes_is_lost_and_counted() {
        let (mut listening, waiting) = listening(16_000, 2);
        lock(&waiting).add(std::iter::repeat_n(0.25, 32_000 * 12));
        let taken = listening.take();
        assert_eq!(taken.samples.len(), 16_000 * MOST_WAITING_S);
        assert_eq!(taken.lost_s, 2.0);
        lock(&waiting).add(std::iter::repeat_n(0.25, 32));
        let taken = listening.take();
        assert_eq!((taken.samples.len(), taken.lost_s), (16, 0.0));
    }

    #[test]
    fn a_device_that_vanishes_says_why_after_its_last_sound() {
        let (mut listening, waiting) = listening(48_000, 1);
        lock(&waiting).add(std::iter::repeat_n(0.25, 48_000));
        lock(&waiting).ended = Some(Err("it was unplugged".to_owned()));
        let taken = listening.take();
        assert_eq!(taken.samples.len(), 16_000);
        assert_eq!(taken.ended, Some(Err("it was unplugged".to_owned())));
        assert!(listening.take().samples.is_empty());
    }

    #[test]
    fn closing_gives_what_was_still_waiting() {
        let (listening, waiting) = listening(48_000, 1);
        lock(&waiting).add(std::iter::repeat_n(0.25, 4_800));
        assert_eq!(listening.close().len(), 1_600);
    }
}
