//! Which models are on this machine.

use engine::plan::here::Fit;

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
}

/// What is expected of a model on this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospects {
    /// Whether it fits the memory that is free.
    pub fit: Option<Fit>,
    /// How fast it writes; known once the machine was measured and the model is here.
    pub tokens_per_s: Option<f64>,
}

impl ModelRow {
    /// "fits, about 260 tokens/s", or nothing while nothing is known.
    pub fn expected(&self) -> String {
        let Some(prospects) = self.prospects else { return String::new() };
        let fit = prospects.fit.map(|fit| fit.name().to_owned());
        let speed = prospects.tokens_per_s.map(|rate| match rate {
            rate if rate >= 10.0 => format!("about {rate:.0} tokens/s"),
            rate => format!("about {rate:.1} tokens/s"),
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
        };
        assert_eq!(row(None).expected(), "");
        let of = |fit, tokens_per_s| row(Some(Prospects { fit, tokens_per_s })).expected();
        assert_eq!(of(Some(Fit::Tight), None), "tight");
        assert_eq!(of(Some(Fit::Fits), Some(261.3)), "fits, about 261 tokens/s");
        assert_eq!(of(None, Some(4.25)), "about 4.2 tokens/s");
    }
}
