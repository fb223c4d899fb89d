//! Which models are on this machine.

/// One model of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// The id.
    pub id: String,
    /// One line for people.
    pub what: String,
    /// Size of all its files.
    pub bytes: u64,
    /// Whether Medley needs it to work.
    pub needed: bool,
    /// Whether it writes answers.
    pub answers: bool,
    /// Whether it is on this machine.
    pub present: bool,
}

/// A fetch that is going on or has ended badly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Download {
    /// The model that is being fetched.
    pub id: String,
    /// The file.
    pub file: String,
    /// Bytes of the file so far.
    pub done_bytes: u64,
    /// Bytes of the files that are complete.
    pub finished_bytes: u64,
    /// Bytes of everything that is being fetched.
    pub all_bytes: u64,
    /// Whether the file is being unpacked and checked.
    pub checking: bool,
    /// Something worth saying.
    pub notice: Option<String>,
    /// Why it ended.
    pub failed: Option<String>,
}

/// The models.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Models {
    /// All of the registry.
    pub rows: Vec<ModelRow>,
    /// What is being fetched.
    pub download: Option<Download>,
}

impl Models {
    /// What Medley needs and does not have.
    pub fn missing(&self) -> impl Iterator<Item = &ModelRow> {
        self.rows.iter().filter(|row| row.needed && !row.present)
    }

    /// Bytes of what is missing.
    pub fn missing_bytes(&self) -> u64 {
        self.missing().map(|row| row.bytes).sum()
    }

    /// Whether a fetch is going on.
    pub fn is_downloading(&self) -> bool {
        self.download.as_ref().is_some_and(|d| d.failed.is_none())
    }
}
