//! What the transcript pane shows.

use std::path::PathBuf;
use std::sync::Arc;

use engine::media::Kind;
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::editor::Editor;
use crate::state::{AttachmentId, Load, Play, Wave, file_name};

/// How fast a recording can be played.
pub const SPEEDS: [f64; 7] = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0];

/// Whether speakers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speakers {
    /// No.
    #[default]
    Off,
    /// As many as there are.
    Auto,
    /// So many.
    Count(usize),
}

/// How a recording is to be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HearingForm {
    /// A Whisper of the registry.
    pub model: String,
    /// Code of the language; empty lets the model hear which it is.
    pub language: String,
    /// Whether to look at several ways to understand what is said: slower and better.
    pub thorough: bool,
    /// Whether speakers are told apart.
    pub speakers: Speakers,
}

impl Default for HearingForm {
    fn default() -> Self {
        let model = engine::perception::WHISPER.to_owned();
        Self { model, language: String::new(), thorough: true, speakers: Speakers::Off }
    }
}

/// Whether the recording is being heard.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Hearing {
    /// It is not.
    #[default]
    Idle,
    /// It is.
    Running {
        /// Seconds that were heard.
        done_s: f64,
        /// Seconds in all, where known.
        total_s: Option<f64>,
    },
    /// It could not be, and why.
    Failed(String),
}

/// A transcript as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredTranscript {
    /// What was heard.
    pub heard: Arc<Document>,
    /// What it was made into.
    pub edited: Arc<Document>,
    /// What was left out when it was heard, and why.
    pub notices: Vec<String>,
    /// Seconds of the recording up to which it was heard, where that is not its end.
    pub heard_to_s: Option<f64>,
}

/// The transcript of a recording with its sound.
#[derive(Debug, Clone, PartialEq)]
pub struct TranscriptPane {
    /// Whose transcript.
    pub attachment: AttachmentId,
    /// The recording.
    pub path: PathBuf,
    /// SHA-256 of its content, under which the transcript is kept.
    pub sha256: Option<String>,
    /// Sound or video.
    pub kind: Kind,
    /// The transcript.
    pub editor: Editor,
    /// What was heard.
    pub heard: Arc<Document>,
    /// What was left out when it was heard, and why.
    pub notices: Vec<String>,
    /// Seconds up to which it was heard, where that is not the end.
    pub heard_to_s: Option<f64>,
    /// Whether a transcription has ended here with nothing heard.
    pub is_silent: bool,
    /// How it is to be heard next.
    pub form: HearingForm,
    /// Whether the form is shown over a transcript.
    pub form_open: bool,
    /// Whether it is being heard.
    pub hearing: Hearing,
    /// What there was before it is heard anew; comes back when that fails.
    pub before: Option<StoredTranscript>,
    /// Loudness over time.
    pub wave: Load<Wave>,
    /// The sound.
    pub play: Play,
    /// Where it stands.
    pub time_s: f64,
    /// How fast it plays.
    pub speed: f64,
}

impl TranscriptPane {
    /// One with nothing in it.
    pub fn new(attachment: AttachmentId, path: PathBuf, sha256: Option<String>, kind: Kind) -> Self {
        Self {
            attachment,
            path,
            sha256,
            kind,
            editor: Editor::default(),
            heard: Arc::default(),
            notices: Vec::new(),
            heard_to_s: None,
            is_silent: false,
            form: HearingForm::default(),
            form_open: false,
            hearing: Hearing::Idle,
            before: None,
            wave: Load::Loading,
            play: Play::Stopped,
            time_s: 0.0,
            speed: 1.0,
        }
    }

    /// The file's name.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }

    /// Where the sound is.
    pub fn at_s(&self) -> f64 {
        match self.play {
            Play::Playing { at_s } => at_s,
            _ => self.time_s,
        }
    }

    /// Whether it sounds.
    pub fn is_playing(&self) -> bool {
        matches!(self.play, Play::Playing { .. })
    }

    /// Length in seconds, as far as it is known.
    pub fn duration_s(&self) -> f64 {
        let last_s = self.editor.document().lines.last().map_or(0.0, |line| line.end_s);
        match &self.wave {
            Load::Ready(wave) => wave.duration_s,
            _ => last_s,
        }
    }

    /// As it is kept.
    pub fn stored(&self) -> StoredTranscript {
        StoredTranscript {
            heard: self.heard.clone(),
            edited: Arc::new(self.editor.document().clone()),
            notices: self.notices.clone(),
            heard_to_s: self.heard_to_s,
        }
    }

    /// Shows what was kept.
    pub fn show(&mut self, stored: StoredTranscript) {
        self.editor = Editor::new(stored.edited.as_ref().clone());
        (self.heard, self.notices) = (stored.heard, stored.notices);
        self.heard_to_s = stored.heard_to_s;
        self.is_silent = self.heard.lines.is_empty() && self.heard_to_s.is_none();
    }

    /// Whether it is another one than what was heard.
    pub fn is_edited(&self) -> bool {
        *self.heard != *self.editor.document()
    }
}
