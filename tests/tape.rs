//! A sound device whose clock the test turns.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use engine::Cancel;
use engine::media::Opener;
use medley_app::platform::sound::{Player, Start};

/// Plays nothing, and is where the test says.
#[derive(Default)]
pub struct Tape {
    /// What was to be played.
    pub started: Mutex<Vec<Start>>,
    /// The second that it tells; the one it began at until the test turns it.
    pub at_s: Mutex<Option<f64>>,
    /// Whether it is a computer without a sound device.
    pub fails: bool,
}

impl Player for Tape {
    fn play(
        &self,
        _: &Opener,
        _: &Path,
        from: Start,
        cancel: &Cancel,
        at: &mut dyn FnMut(f64) -> bool,
    ) -> Result<(), String> {
        *self.at_s.lock().unwrap() = None;
        // Only now the test may turn the clock.
        self.started.lock().unwrap().push(from);
        if self.fails {
            return Err("there is no sound device".to_owned());
        }
        while !cancel.is_cancelled() && at(self.at_s.lock().unwrap().unwrap_or(from.start_s)) {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}
