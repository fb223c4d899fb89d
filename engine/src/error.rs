//! The one error type of the engine.
//!
//! Every message is a sentence a person can act on: it names the file and says what to do.
//! Cancelling is not an error: loops stop early and the caller asks its [`Cancel`](crate::Cancel).

use std::path::{Path, PathBuf};

/// What the engine returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read or written.
    #[error("{}: {doing} failed: {source}", path.display())]
    Io {
        /// What was being done, as a noun: "opening", "writing".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A medium the user gave cannot be used.
    #[error("{}: {problem}", path.display())]
    Media {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        problem: MediaProblem,
    },
    /// A model is not on this machine.
    #[error("the model {id} is not on this machine; run `medley models pull {id}`")]
    ModelMissing {
        /// The id in `assets/models.toml`.
        id: String,
    },
    /// No model of this name exists.
    #[error(
        "there is no model called {id:?}; `medley models list` shows the ids, and a path to a GGUF file or a Hugging Face folder works too"
    )]
    ModelUnknown {
        /// What was asked for.
        id: String,
    },
    /// A model file is damaged or not what it claims to be.
    #[error("{}: {reason}; `medley models verify` checks every file and `medley models pull` replaces a bad one", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something is missing from a folder of the user's own, or one of its files cannot be used.
    #[error("{}: {reason}", path.display())]
    ModelFolder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A tensor has not the shape that the configuration asks for.
    #[error("tensor {name:?}: expected shape {expected:?}, found {found:?}\nFile: {}", path.display())]
    TensorShape {
        /// The tensor's name in the file.
        name: String,
        /// From the configuration.
        expected: Vec<usize>,
        /// From the file.
        found: Vec<usize>,
        /// The file.
        path: PathBuf,
    },
    /// A tensor is not in the file.
    #[error("tensor {name:?} is missing\nFile: {}", path.display())]
    TensorMissing {
        /// The tensor's name in the file.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A model's configuration makes no sense or is not supported.
    #[error("config field {field}: {reason}")]
    Config {
        /// The field, as it is called in the file.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A model could not be fetched.
    #[error("fetching {what}: {reason}")]
    Fetch {
        /// The model or file.
        what: String,
        /// Every source that was tried and why it failed, or what to do.
        reason: String,
    },
    /// The disk is too full.
    #[error("{}: {needed_bytes} bytes are needed but only {free_bytes} are free; free some space or set MEDLEY_DATA to a folder on another disk", path.display())]
    DiskSpace {
        /// The folder.
        path: PathBuf,
        /// What the download needs.
        needed_bytes: u64,
        /// What the disk has.
        free_bytes: u64,
    },
    /// The text could not be turned into tokens or back.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// What failed.
        reason: String,
    },
    /// The model's chat template failed.
    #[error("chat template: {source}")]
    Template {
        /// What the template engine said.
        #[from]
        source: minijinja::Error,
    },
    /// Arithmetic failed: a bug, or memory ran out.
    #[error("while {doing}: {source}")]
    Compute {
        /// The step.
        doing: &'static str,
        /// What the tensor library said.
        source: candle_core::Error,
    },
    /// A GPU does not answer any more.
    #[error(
        "the device {device} stopped answering ({reason}); ask again, and the processor answers until Medley is started anew"
    )]
    DeviceLost {
        /// By the name with which it is chosen.
        device: String,
        /// What the tensor library said.
        reason: String,
    },
    /// A network of another runtime failed: a bug, or memory ran out.
    #[error("while {doing}: {reason}")]
    Inference {
        /// The step.
        doing: &'static str,
        /// What the runtime said.
        reason: String,
    },
    /// A file of a library of documents is damaged or cannot be used.
    #[error("{}: {reason}; `medley library rebuild` makes it anew from the documents", path.display())]
    Library {
        /// The library, or the file in it.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The request itself cannot be served.
    #[error("{reason}")]
    Request {
        /// Why, and what to do.
        reason: String,
    },
}

/// Why a medium cannot be used; each one a sentence that follows the file's name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaProblem {
    /// Nothing at that path.
    #[error("there is no such file; look whether it was moved or renamed")]
    NotFound,
    /// The system lets somebody else read it, not this person.
    #[error("you may not read this file; change its permissions or copy it to a folder of your own")]
    Forbidden,
    /// A folder was given.
    #[error("this is a folder; give the files in it")]
    IsDirectory,
    /// Zero bytes.
    #[error("the file is empty; save or copy it again")]
    Empty,
    /// The content matches no supported type.
    #[error("the content is not a picture, sound, video or document that Medley can read{}; save it as PNG, MP3, MP4, PDF or another common format and add that", hint.as_deref().map(|h| format!(" ({h})")).unwrap_or_default())]
    UnknownKind {
        /// What it looks like, if anything.
        hint: Option<String>,
    },
    /// Recognised, but damaged.
    #[error("the file is damaged or cut short: {detail}; get it anew from where it came from")]
    Damaged {
        /// What the decoder said.
        detail: String,
    },
    /// Larger than a limit.
    #[error("too large: {what} is {actual}, the limit is {limit}; add a smaller copy or a part of it")]
    TooLarge {
        /// Which quantity.
        what: &'static str,
        /// With its unit.
        actual: String,
        /// With its unit.
        limit: String,
    },
    /// A password protects it.
    #[error("a password protects this document; save a copy without one and add that")]
    Password,
    /// A recording without sound.
    #[error("there is no sound track in this file; add a recording that has one")]
    NoSound,
    /// A container without pictures or sound.
    #[error("there is neither a picture nor a sound track in this file; add one that has")]
    NoTracks,
    /// A picture was asked for, of something that has none.
    #[error("there is no picture to show of this file")]
    NoPicture,
    /// The file went away or changed between opening and reading.
    #[error("the file vanished while it was read; put it back and add it again")]
    Vanished,
    /// A library that reads this type is missing.
    #[error("{what} is needed to read this file: {instead}")]
    Missing {
        /// The library.
        what: &'static str,
        /// How to get it.
        instead: String,
    },
}

impl Error {
    /// An I/O error with its file.
    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.to_path_buf(), source }
    }

    /// A library of documents that cannot be used.
    pub(crate) fn library(path: &Path, reason: String) -> Self {
        Self::Library { path: path.to_path_buf(), reason }
    }

    /// A problem with a medium of the user's.
    pub(crate) fn media(path: &Path, problem: MediaProblem) -> Self {
        Self::Media { path: path.to_path_buf(), problem }
    }
}

/// Names the step in which tensor arithmetic failed.
pub(crate) trait Doing<T> {
    /// `doing` reads after "while": "embedding tokens".
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for candle_core::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| Error::Compute { doing, source })
    }
}
