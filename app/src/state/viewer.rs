//! The evidence that is looked at.

use std::sync::Arc;

use engine::media::Kind;
use engine::tasks::ask::ReadFile;
use engine::{Evidence, Place};

use super::conversation::ExchangeId;

/// Something that is fetched off the window's thread.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Load<T> {
    /// On its way.
    #[default]
    Loading,
    /// Here.
    Ready(T),
    /// There is no such thing for this file; not an error.
    None,
    /// It failed, and why.
    Failed(String),
}

/// Pixels for the screen.
#[derive(Clone, PartialEq)]
pub struct Picture {
    /// A number that no other picture has; for the texture cache.
    pub serial: u64,
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// Red, green, blue, row by row.
    pub rgb: Arc<[u8]>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture #{} {}×{}", self.serial, self.size[0], self.size[1])
    }
}

/// Loudness over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Wave {
    /// Largest amplitude in each of the equal parts of the recording, 0 to 1.
    pub peaks: Arc<[f32]>,
    /// The same for each fiftieth of a second.
    pub fine: Arc<[f32]>,
    /// Length in seconds.
    pub duration_s: f64,
}

/// Sound that is playing.
#[derive(Debug, Clone, PartialEq)]
pub enum Play {
    /// Silent.
    Stopped,
    /// From this second on.
    Playing {
        /// Where it is.
        at_s: f64,
    },
    /// No sound can be made, and why.
    Failed(String),
}

/// The pane beside the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewer {
    /// Whose evidence.
    pub exchange: ExchangeId,
    /// Which of its evidence.
    pub index: usize,
    /// What is shown.
    pub evidence: Evidence,
    /// Type of the file.
    pub kind: Kind,
    /// What was found in the file.
    pub read: Option<Arc<ReadFile>>,
    /// The second that is shown.
    pub time_s: f64,
    /// The picture or frame.
    pub picture: Load<Picture>,
    /// The waveform.
    pub wave: Load<Wave>,
    /// The sound.
    pub play: Play,
}

impl Viewer {
    /// The first second that evidence is about.
    pub fn start_s(place: &Place) -> f64 {
        match place {
            Place::Time { start_s, .. } => *start_s,
            Place::Frame { time_s, .. } => *time_s,
            Place::Page { .. } | Place::Picture { .. } => 0.0,
        }
    }
}
