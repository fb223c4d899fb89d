//! The program itself: what it keeps on the disk, its tour, how it ended last time.

use std::path::PathBuf;

use super::viewer::Load;

/// What is kept on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Conversations, what was found in files, transcripts, highlights, settings.
    Conversations,
    /// Pictures from the clipboard.
    Pasted,
    /// What was recorded.
    Recordings,
    /// Texts and indexes of documents.
    Library,
    /// Voices with their names.
    Voices,
    /// Reports of crashes.
    Crashes,
    /// What models have read.
    Prompts,
    /// Models as this processor wants them.
    Panels,
    /// What was heard of recordings that are not finished.
    Journals,
    /// How fast this computer is.
    Measured,
    /// The models.
    Models,
}

/// One of the things that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPlace {
    /// What it is.
    pub keep: Keep,
    /// The file or folder.
    pub path: PathBuf,
    /// How many files there are.
    pub files: u64,
    /// How many bytes they take.
    pub bytes: u64,
}

/// What a crash left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashReport {
    /// The file.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

/// The program itself.
#[derive(Debug, Default)]
pub struct Program {
    /// What is kept, once it was measured.
    pub kept: Load<Vec<KeptPlace>>,
    /// Whether something is being deleted.
    pub deleting: bool,
    /// The step of the tour that is shown.
    pub tour: Option<usize>,
    /// Where the sample media are, if they are on this computer.
    pub samples: Option<PathBuf>,
    /// How the program ended last time, when that was a crash.
    pub crash: Option<CrashReport>,
}
