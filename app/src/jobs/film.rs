//! A video that plays. Its sound is the clock: frames wait for it, and late ones are left out.
//!
//! Three threads: one decodes frames into a short queue, one plays the sound, one shows each frame when its time has
//! come. Without sound (a silent film, no sound device) the clock of the computer takes over.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::Cancel;
use engine::media::{Media, Opener};

use super::media_thread::picture;
use super::{Events, JobEvent, JobId, MediaNews};
use crate::platform::sound::{Player, Start};
use crate::state::{Picture, Play};

/// Frames that may wait to be shown; more would only take memory.
const WAITING_FRAMES: usize = 4;

/// A frame that comes so much too late is left out when there is another, in seconds.
const LATE_S: f64 = 0.08;

/// Sound tells its position some 25 times a second; longer silence means that it stands still, in seconds.
const TOLD_WITHIN_S: f64 = 0.25;

/// How often a thread that waits looks whether it should stop.
const LOOK: Duration = Duration::from_millis(10);

/// What is to be played.
#[derive(Debug, Clone)]
pub(crate) struct Film {
    /// The video.
    pub(crate) path: PathBuf,
    /// From where and how fast.
    pub(crate) start: Start,
    /// Longest side of a frame on the screen, in pixels.
    pub(crate) longest_px: u32,
    /// Whether there is sound to play.
    pub(crate) has_sound: bool,
}

/// Plays until the end or until cancelled.
pub(crate) fn play_film(
    job: JobId,
    film: &Film,
    opener: &Opener,
    player: &dyn Player,
    cancel: &Cancel,
    events: &Events,
) {
    let clock = Clock::new(film.start);
    let failed = std::thread::scope(|scope| {
        let (sender, frames) = sync_channel(WAITING_FRAMES);
        let decoding = scope.spawn(|| decode(film, opener, &clock, cancel, sender));
        scope.spawn(|| sound(job, film, opener, player, &clock, cancel, events));
        show(job, &frames, &clock, cancel, events);
        // What waits for room in the queue must not wait for ever.
        drop(frames);
        decoding.join().unwrap_or_else(|_| Err("the video could not be decoded".to_owned())).err()
    });
    let ended = failed.map_or(Play::Stopped, Play::Failed);
    events.send(job, JobEvent::Sound(ended));
}

fn sound(
    job: JobId,
    film: &Film,
    opener: &Opener,
    player: &dyn Player,
    clock: &Clock,
    cancel: &Cancel,
    events: &Events,
) {
    if !film.has_sound {
        return clock.run_free();
    }
    let mut report = |at_s| {
        clock.tell(at_s);
        events.send(job, JobEvent::Sound(Play::Playing { at_s }))
    };
    if let Err(reason) = player.play(opener, &film.path, film.start, cancel, &mut report) {
        events.send(job, JobEvent::Media(MediaNews::Silent(reason)));
    }
    // The pictures may be longer than the sound.
    clock.run_free();
}

fn decode(
    film: &Film,
    opener: &Opener,
    clock: &Clock,
    cancel: &Cancel,
    frames: SyncSender<(f64, Picture)>,
) -> Result<(), String> {
    let Media::Video(mut video) = opener.open(&film.path, cancel).map_err(|error| error.to_string())? else {
        return Err(format!("{}: this is no video any more; add it again", film.path.display()));
    };
    let mut from_s = film.start.start_s;
    while !cancel.is_cancelled() {
        let next = video.next_from(from_s, film.longest_px).map_err(|error| error.to_string())?;
        let Some((at_s, image)) = next else { break };
        if frames.send((at_s, picture(image))).is_err() {
            break;
        }
        // Somebody who is late gets the frames of now, not those of then.
        from_s = from_s.max(clock.now_s() - LATE_S);
    }
    Ok(())
}

fn show(job: JobId, frames: &Receiver<(f64, Picture)>, clock: &Clock, cancel: &Cancel, events: &Events) {
    loop {
        if cancel.is_cancelled() {
            return;
        }
        let (mut at_s, mut picture) = match frames.recv_timeout(LOOK) {
            Ok(frame) => frame,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        loop {
            let wait_s = clock.left_s(at_s);
            if wait_s <= 0.0 {
                break;
            }
            if cancel.is_cancelled() {
                return;
            }
            std::thread::sleep(LOOK.min(Duration::from_secs_f64(wait_s)));
        }
        while clock.now_s() - at_s > LATE_S
            && let Ok(newer) = frames.try_recv()
        {
            (at_s, picture) = newer;
        }
        let mut alive = events.send(job, JobEvent::Media(MediaNews::Frame(at_s, picture)));
        if clock.is_free() {
            alive &= events.send(job, JobEvent::Sound(Play::Playing { at_s }));
        }
        if !alive {
            return cancel.cancel();
        }
    }
}

/// Where the film is.
struct Clock {
    speed: f64,
    state: Mutex<Told>,
}

struct Told {
    /// A second of the film and when it was told.
    last: (f64, Option<Instant>),
    /// Nobody tells any more.
    is_free: bool,
}

impl Clock {
    fn new(start: Start) -> Self {
        let state = Mutex::new(Told { last: (start.start_s, None), is_free: false });
        Self { speed: start.speed, state }
    }

    fn tell(&self, at_s: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = (at_s, Some(Instant::now()));
    }

    /// Goes on by itself from where it is.
    fn run_free(&self) {
        let now_s = self.now_s();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = Told { last: (now_s, Some(Instant::now())), is_free: true };
    }

    fn is_free(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_free
    }

    fn now_s(&self) -> f64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (at_s, told) = state.last;
        let since_s = told.map_or(0.0, |told| told.elapsed().as_secs_f64());
        let since_s = if state.is_free { since_s } else { since_s.min(TOLD_WITHIN_S) };
        at_s + self.speed * since_s
    }

    /// Seconds of the computer's clock until a second of the film.
    fn left_s(&self, at_s: f64) -> f64 {
        (at_s - self.now_s()) / self.speed.max(0.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_sound_and_goes_on_alone_when_that_is_gone() {
        let clock = Clock::new(Start { start_s: 10.0, speed: 2.0 });
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(clock.now_s(), 10.0, "it waits for the first sound");
        clock.tell(12.0);
        std::thread::sleep(Duration::from_millis(50));
        let now_s = clock.now_s();
        assert!((12.1..12.5).contains(&now_s), "{now_s}");
        std::thread::sleep(Duration::from_millis(400));
        assert!((clock.now_s() - 12.5).abs() < 1e-6, "sound that stands still holds the pictures");
        clock.run_free();
        std::thread::sleep(Duration::from_millis(300));
        assert!(clock.now_s() > 13.0, "{}", clock.now_s());
    }
}
