//! Which models are on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::LoadedModel;
use engine::models::{Ability, FoundModel};
use engine::plan::here::Fit;

use crate::say;
use crate::words::say;

/// "12 MB".
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        b if b >= 1_000_000_000 => format!("{:.1} GB", b as f64 / 1e9),
        b => format!("{:.0} MB", (b as f64 / 1e6).ceil()),
    }
}

/// One model of the registry.
#[derive(Debug, Clone, PartialEq)]
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
    /// What is expected of it here, once that was looked at.
    pub prospects: Option<Prospects>,
    /// The licence that it comes with.
    pub licence: String,
    /// What it can do.
    pub does: Vec<Ability>,
    /// Bytes that an interrupted fetch left.
    pub started_bytes: u64,
}

/// What is expected of a model on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prospects {
    /// Whether it fits the memory that is free.
    pub fit: Option<Fit>,
    /// How fast it writes; known once the machine was measured and the model is here.
    pub tokens_per_s: Option<f64>,
}

impl ModelRow {
    /// "fits, about 260 tokens/s", or nothing while nothing is known.
    pub fn expected(&self) -> String {
        self.prospects.map(|prospects| prospects.text()).unwrap_or_default()
    }
}

impl Prospects {
    /// "fits, about 260 tokens/s", or nothing while nothing is known.
    pub fn text(&self) -> String {
        let fit = self.fit.map(|fit| match fit {
            Fit::Fits => say("models-fits").to_owned(),
            Fit::Tight => say("models-tight").to_owned(),
            Fit::DoesNotFit => say("models-does-not-fit").to_owned(),
        });
        let speed = self.tokens_per_s.map(|rate| match rate {
            rate if rate >= 10.0 => say!("models-speed", rate = format!("{rate:.0}")),
            rate => say!("models-speed", rate = format!("{rate:.1}")),
        });
        fit.into_iter().chain(speed).collect::<Vec<String>>().join(", ")
    }
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
    /// The models that are still to be fetched, that one first.
    pub ids: Vec<String>,
    /// Whether it was stopped for a while.
    pub paused: bool,
}

/// The models.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Models {
    /// All of the registry.
    pub rows: Vec<ModelRow>,
    /// What is being fetched.
    pub download: Option<Download>,
    /// Whether this machine is being measured.
    pub measuring: bool,
    /// What is in memory.
    pub loaded: Vec<LoadedModel>,
    /// What the program takes of the memory, where the system tells it.
    pub resident_bytes: Option<u64>,
    /// What is taken on disk, once it was looked at.
    pub space: Option<Space>,
    /// What other programs have, once it was looked for.
    pub others: Option<Vec<Other>>,
    /// The model that is being checked.
    pub checking: Option<Checking>,
    /// What the last check of each model found: nothing, or what is wrong.
    pub verdicts: BTreeMap<String, Option<String>>,
    /// The model that is being deleted.
    pub deleting: Option<String>,
}

/// A check that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checking {
    /// The model.
    pub id: String,
    /// Bytes of all its files that were read.
    pub done_bytes: u64,
    /// Bytes of all its files.
    pub total_bytes: u64,
}

/// What is taken on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Space {
    /// Where the models are.
    pub folder: PathBuf,
    /// Bytes of the models.
    pub models_bytes: u64,
    /// Bytes of models as the kernels want them, so that they start sooner.
    pub panels_bytes: u64,
    /// Bytes of what was read of long prompts.
    pub prompts_bytes: u64,
    /// Bytes that are free on the disk of the models.
    pub free_bytes: Option<u64>,
}

/// A model of another program.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// Whose, what and where.
    pub found: FoundModel,
    /// What it can do.
    pub does: Vec<Ability>,
    /// What is expected of it here.
    pub prospects: Prospects,
    /// Why it cannot be used.
    pub problem: Option<String>,
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
        self.download.as_ref().is_some_and(|d| d.failed.is_none() && !d.paused)
    }

    /// A model by id.
    pub fn row(&self, id: &str) -> Option<&ModelRow> {
        self.rows.iter().find(|row| row.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_is_expected_as_far_as_it_is_known() {
        let row = |prospects| ModelRow {
            id: "a".into(),
            what: String::new(),
            bytes: 1,
            needed: false,
            answers: true,
            present: true,
            prospects,
            licence: String::new(),
            does: Vec::new(),
            started_bytes: 0,
        };
        assert_eq!(row(None).expected(), "");
        let of = |fit, tokens_per_s| row(Some(Prospects { fit, tokens_per_s })).expected();
        assert_eq!(of(Some(Fit::Tight), None), "tight");
        assert_eq!(of(Some(Fit::Fits), Some(261.3)), "fits, about 261 tokens/s");
        assert_eq!(of(None, Some(4.25)), "about 4.2 tokens/s");
    }
}
