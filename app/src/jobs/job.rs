//! What workers can be given and what they tell.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::media::{FrameStep, Kind};
use engine::models::PullEvent;
use engine::tasks::ask::{AskRequest, ReadFile};
use engine::tasks::transcribe::TranscribeEvent;
use engine::tasks::transcribe::format::Format;
use engine::{Event, Stage};

use super::{CropJob, LibraryNews, MediaNews, ModelsNews, ReaderNews, TeachNews};
use crate::live::{LiveEnd, LiveNews};
use crate::platform::listen::Microphone;
use crate::state::{
    AttachmentId, ExchangeId, HearingForm, Keep, KeptPlace, LibraryScope, Load, Picture, Play, Prospects,
    TabId, Wave,
};

/// The worker's own news, which belong to no job.
pub(super) const OF_NO_JOB: JobId = JobId(0);

/// Names a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Work for the engine.
#[derive(Debug)]
pub enum EngineJob {
    /// Read a file.
    Read {
        /// For which attachment.
        attachment: AttachmentId,
        /// The file.
        path: PathBuf,
    },
    /// Hear a recording.
    Transcribe {
        /// For which attachment.
        attachment: AttachmentId,
        /// The recording.
        path: PathBuf,
        /// How.
        form: HearingForm,
    },
    /// Free the memory that models take.
    Unload,
    /// Free it when nothing was asked for so long; never where there is none.
    KeepFor(Option<Duration>),
    /// Answer a question.
    Ask {
        /// Which one.
        exchange: ExchangeId,
        /// The decoder.
        model: String,
        /// What was made for the decoder.
        adapter: Option<PathBuf>,
        /// What is asked.
        request: Box<AskRequest>,
        /// The library that it is answered from, and which of its documents.
        library: Option<(PathBuf, LibraryScope)>,
    },
}

/// Work for the media worker.
#[derive(Debug)]
pub enum MediaJob {
    /// Look what a file is and hash it.
    Check {
        /// For which attachment.
        attachment: AttachmentId,
        /// The file.
        path: PathBuf,
        /// Where it may be known what is in it.
        known: KnownReads,
    },
    /// Fetch what was found in a file before.
    Recall {
        /// For which attachment.
        attachment: AttachmentId,
        /// The file.
        path: PathBuf,
        /// SHA-256 of its content.
        sha256: String,
        /// Where that is kept.
        database: PathBuf,
    },
    /// Make a small picture.
    Thumbnail {
        /// For which attachment.
        attachment: AttachmentId,
        /// The file.
        path: PathBuf,
    },
    /// Decode a picture for the viewer.
    Picture {
        /// The file.
        path: PathBuf,
        /// Neither side is longer, in pixels.
        longest_px: u32,
    },
    /// Decode a frame for the viewer.
    Frame {
        /// The file.
        path: PathBuf,
        /// Seconds from the start.
        time_s: f64,
    },
    /// Decode the neighbour of a frame for the viewer.
    Step {
        /// The file.
        path: PathBuf,
        /// Seconds from the start.
        time_s: f64,
        /// Which neighbour.
        step: FrameStep,
    },
    /// Decode the picture for a mark in an answer.
    Preview {
        /// Which evidence of which answer.
        of: (ExchangeId, usize),
        /// The file.
        path: PathBuf,
        /// The second of a video.
        time_s: Option<f64>,
    },
    /// Save a part of a picture or frame as a picture of its own.
    Crop(CropJob),
    /// Measure loudness over time for the viewer.
    Wave {
        /// The file.
        path: PathBuf,
    },
}

/// Where it may be known what is in a file.
#[derive(Debug, Clone)]
pub struct KnownReads {
    /// The database with what was found in files of conversations.
    pub database: PathBuf,
    /// The folder of the library.
    pub library: PathBuf,
}

/// What a file is.
#[derive(Debug)]
pub struct Checked {
    /// From its content.
    pub kind: Kind,
    /// SHA-256 of its content.
    pub sha256: String,
    /// What was found in a file of this content before.
    pub known: Option<Arc<ReadFile>>,
}

/// What a worker tells.
#[derive(Debug)]
pub enum JobEvent {
    /// What a file is, and its hash; ends a [`MediaJob::Check`].
    Checked {
        /// Which attachment.
        attachment: AttachmentId,
        /// What is known of it, or why it cannot be used.
        result: Result<Checked, String>,
    },
    /// What was found in a file before, if that is still known; ends a [`MediaJob::Recall`].
    Recalled {
        /// Which attachment.
        attachment: AttachmentId,
        /// The findings.
        known: Option<Arc<ReadFile>>,
    },
    /// A small picture; ends a [`MediaJob::Thumbnail`].
    Thumbnail {
        /// Of which attachment.
        attachment: AttachmentId,
        /// The picture.
        picture: Load<Picture>,
    },
    /// How far reading is.
    ReadProgress {
        /// Of which attachment.
        attachment: AttachmentId,
        /// What is being done.
        stage: Stage,
        /// Units done.
        done: u64,
        /// Units in all; 0 while unknown.
        total: u64,
    },
    /// Ends an [`EngineJob::Read`]; not sent when it was cancelled.
    ReadDone {
        /// Which attachment.
        attachment: AttachmentId,
        /// What was found, or why nothing.
        result: Result<ReadFile, String>,
    },
    /// A step of a transcription; the last one is [`TranscribeEvent::Done`].
    Heard {
        /// Of which attachment.
        attachment: AttachmentId,
        /// What happened.
        event: TranscribeEvent,
    },
    /// A transcription could not be finished.
    HearingFailed {
        /// Of which attachment.
        attachment: AttachmentId,
        /// Why.
        reason: String,
    },
    /// Where a transcript shall go; none when the dialog was closed.
    ExportPlace(Format, Option<PathBuf>),
    /// A transcript was written there, or why it was not.
    Exported(Result<PathBuf, String>),
    /// A step of an answer.
    Answer {
        /// Which one.
        exchange: ExchangeId,
        /// What happened.
        event: Event,
    },
    /// An answer could not be finished.
    AnswerFailed {
        /// Which one.
        exchange: ExchangeId,
        /// Why.
        reason: String,
    },
    /// The picture or frame of the viewer.
    ViewerPicture(Load<Picture>),
    /// Something else about what the viewer shows.
    Media(MediaNews),
    /// The waveform of the viewer.
    ViewerWave(Load<Wave>),
    /// The sound of the viewer.
    Sound(Play),
    /// The microphones.
    Microphones(Vec<Microphone>),
    /// A step of a live transcription.
    Live(LiveNews),
    /// The end of one.
    LiveEnded {
        /// How it ended.
        end: LiveEnd,
        /// The recording's hash, and what was said in it.
        read: Option<(String, ReadFile)>,
    },
    /// Something about conversations.
    Talk(crate::update::talk::TalkNews),
    /// What was chosen in the file dialog; empty when it was closed.
    Picked(Vec<PathBuf>),
    /// Something about the library.
    Library(LibraryNews),
    /// Something about teaching.
    Teach(TeachNews),
    /// Something about a document that is read.
    Reader(TabId, ReaderNews),
    /// Where highlights and notes shall go; none when the dialog was closed.
    NotesPlace(TabId, Option<PathBuf>),
    /// Highlights and notes were written there, or why they were not.
    NotesWritten(Result<PathBuf, String>),
    /// A step of a fetch.
    Pull(PullEvent),
    /// Ends a fetch.
    PullEnded(Result<(), String>),
    /// Something about models.
    Models(ModelsNews),
    /// What is expected of models, by id.
    Prospects(Vec<(String, Prospects)>),
    /// What is kept on the disk was measured.
    Kept {
        /// All places.
        places: Vec<KeptPlace>,
        /// What was deleted before, everything when it names none; no such thing when it was only measured.
        deleted: Option<Option<Keep>>,
        /// What could not be deleted.
        problem: Option<String>,
    },
}

impl JobEvent {
    /// Whether many of it come in a short time, so that the window may collect them.
    pub fn is_streamed(&self) -> bool {
        match self {
            Self::Answer { event, .. } => !matches!(event, Event::Done { .. }),
            Self::ReadProgress { .. } | Self::Pull(_) | Self::Live(_) => true,
            Self::Models(news) => matches!(news, ModelsNews::Checking(..)),
            Self::Heard { event, .. } => !matches!(event, TranscribeEvent::Done { .. }),
            Self::Sound(play) => matches!(play, Play::Playing { .. }),
            Self::Library(news) => news.is_streamed(),
            Self::Teach(news) => news.is_streamed(),
            Self::Reader(_, news) => news.is_streamed(),
            _ => false,
        }
    }
}
