//! What is looked at beside the conversation: a file, and the evidence in it.

use std::path::PathBuf;
use std::sync::Arc;

use engine::media::Kind;
use engine::tasks::ask::ReadFile;
use engine::{Evidence, Finding, Place};
use serde::{Deserialize, Serialize};

use super::attachment::AttachmentId;
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

/// The pane beside the conversation: a picture, recording or video, and the place in it that an answer points to.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewer {
    /// The file.
    pub path: PathBuf,
    /// The file in the conversation, if it is there.
    pub attachment: Option<AttachmentId>,
    /// The evidence that is shown; none when the file itself was opened.
    pub cited: Option<Cited>,
    /// Type of the file.
    pub kind: Kind,
    /// What was found in the file.
    pub read: Option<Arc<ReadFile>>,
    /// The second that is shown.
    pub time_s: f64,
    /// The picture or frame.
    pub picture: Load<Picture>,
    /// Width and height of the picture in the file, in pixels, once known.
    pub full_px: Option<[usize; 2]>,
    /// The waveform.
    pub wave: Load<Wave>,
    /// The sound.
    pub play: Play,
    /// How fast it plays; 1 is as it was recorded.
    pub speed: f64,
    /// Length of a video in seconds, once known.
    pub duration_s: Option<f64>,
    /// Small frames of a video, each with its second, in their order.
    pub thumbnails: Vec<(f64, Picture)>,
    /// Why a video plays without its sound.
    pub silent_because: Option<String>,
    /// Whether what is said is written over the video.
    pub has_subtitles: bool,
    /// First and last second of the part that is marked.
    pub marks_s: (Option<f64>, Option<f64>),
}

/// A piece of evidence of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cited {
    /// Whose evidence.
    pub exchange: ExchangeId,
    /// Which of its evidence.
    pub index: usize,
    /// The evidence.
    pub evidence: Evidence,
}

/// Seconds of a recording or video that a question is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The attachment.
    pub attachment: AttachmentId,
    /// The file, for people.
    pub path: PathBuf,
    /// First second.
    pub from_s: f64,
    /// Last second.
    pub to_s: f64,
}

/// Shorter parts are taken for a slip of the hand, in seconds.
const SHORTEST_S: f64 = 0.2;

impl Viewer {
    /// Nothing of the file is loaded yet.
    pub fn new(path: PathBuf, kind: Kind) -> Self {
        Self {
            path,
            attachment: None,
            cited: None,
            kind,
            read: None,
            time_s: 0.0,
            picture: Load::None,
            full_px: None,
            wave: Load::None,
            play: Play::Stopped,
            speed: 1.0,
            duration_s: None,
            thumbnails: Vec::new(),
            silent_because: None,
            has_subtitles: true,
            marks_s: (None, None),
        }
    }

    /// The place that the answer points to.
    pub fn place(&self) -> Option<&Place> {
        self.cited.as_ref().map(|cited| &cited.evidence.place)
    }

    /// The second that is heard or shown.
    pub fn at_s(&self) -> f64 {
        match self.play {
            Play::Playing { at_s } => at_s,
            _ => self.time_s,
        }
    }

    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        matches!(self.play, Play::Playing { .. })
    }

    /// Length in seconds, once known: of the pictures or the sound, whichever is longer.
    pub fn length_s(&self) -> Option<f64> {
        let sound_s = match &self.wave {
            Load::Ready(wave) => Some(wave.duration_s),
            _ => None,
        };
        match (sound_s, self.duration_s) {
            (Some(sound_s), Some(pictures_s)) => Some(sound_s.max(pictures_s)),
            (sound_s, pictures_s) => sound_s.or(pictures_s),
        }
    }

    /// The marked part, when both ends are marked; whichever end was marked first.
    pub fn part_s(&self) -> Option<(f64, f64)> {
        let (Some(a), Some(b)) = self.marks_s else { return None };
        let (from_s, to_s) = (a.min(b), a.max(b));
        (to_s - from_s >= SHORTEST_S).then_some((from_s, to_s))
    }

    /// What is said at a second.
    pub fn said_at(&self, time_s: f64) -> Option<&str> {
        let speech = self.read.as_ref()?.spans.iter().filter(|s| matches!(s.finding, Finding::Speech { .. }));
        let mut said = speech.filter_map(|span| match span.place {
            Place::Time { start_s, end_s } if (start_s..end_s).contains(&time_s) => Some(span.text.trim()),
            _ => None,
        });
        // Where two overlap the later one is being said.
        said.rfind(|text| !text.is_empty())
    }

    /// The first second that evidence is about.
    pub fn start_s(place: &Place) -> f64 {
        match place {
            Place::Time { start_s, .. } => *start_s,
            Place::Frame { time_s, .. } => *time_s,
            Place::Page { .. } | Place::Picture { .. } => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::Span;

    use super::*;

    #[test]
    fn a_part_needs_both_ends_in_either_order_and_some_length() {
        let mut viewer = Viewer::new("a.wav".into(), Kind::Sound);
        for (marks_s, part_s) in [
            ((None, None), None),
            ((Some(1.0), None), None),
            ((Some(1.0), Some(3.5)), Some((1.0, 3.5))),
            ((Some(3.5), Some(1.0)), Some((1.0, 3.5))),
            ((Some(1.0), Some(1.1)), None),
        ] {
            viewer.marks_s = marks_s;
            assert_eq!(viewer.part_s(), part_s, "{marks_s:?}");
        }
    }

    #[test]
    fn subtitles_are_what_is_said_at_the_time() {
        let span = |start_s, end_s, text: &str| Span {
            source: "a.wav".into(),
            place: Place::Time { start_s, end_s },
            finding: Finding::Speech { confidence: 1.0 },
            text: text.into(),
            pieces: Vec::new(),
        };
        let spans = Arc::new(vec![span(0.0, 2.0, " One. "), span(1.5, 3.0, "Two."), span(5.0, 6.0, " ")]);
        let mut viewer = Viewer::new("a.wav".into(), Kind::Sound);
        assert_eq!(viewer.said_at(1.0), None, "not read yet");
        viewer.read = Some(Arc::new(ReadFile {
            path: "a.wav".into(),
            kind: Kind::Sound,
            summary: String::new(),
            spans,
            notices: Vec::new(),
        }));
        let said: Vec<Option<&str>> = [1.0, 1.7, 4.0, 5.5].map(|s| viewer.said_at(s)).to_vec();
        assert_eq!(said, [Some("One."), Some("Two."), None, None]);
    }
}
