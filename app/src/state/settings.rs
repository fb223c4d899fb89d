//! What the user chose.

use engine::generate::GenerateOptions;
use serde::{Deserialize, Serialize};

use crate::words::Language;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the desktop.
    #[default]
    System,
    /// Dark text on light ground.
    Light,
    /// Light text on dark ground.
    Dark,
}

/// What the user chose; unknown fields are left alone so that an older version can read a newer file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light or dark.
    pub theme: Theme,
    /// What the window speaks.
    pub language: Language,
    /// The decoder: an id of the registry or a path.
    pub model: String,
    /// What `medley tune` or the teaching pane made for it; none for the model as it is.
    pub adapter: Option<std::path::PathBuf>,
    /// Most tokens of an answer.
    pub max_tokens: usize,
    /// 0 takes the likeliest token every time.
    pub temperature: f32,
    /// Keep the states of long prompts on disk.
    pub prefix_cache: bool,
    /// Size of text in percent.
    pub text_percent: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            language: Language::System,
            model: "smollm2-135m".into(),
            adapter: None,
            max_tokens: 512,
            temperature: 0.0,
            prefix_cache: true,
            text_percent: 100,
        }
    }
}

impl Settings {
    /// Smallest and largest size of text in percent.
    pub const TEXT_PERCENT: std::ops::RangeInclusive<u32> = 70..=200;

    /// What the engine needs to know.
    pub fn generate_options(&self) -> GenerateOptions {
        GenerateOptions {
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            prefix_cache: self.prefix_cache,
            ..GenerateOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_another_version_keep_what_is_understood() {
        let settings: Settings = serde_json::from_str(r#"{"theme":"dark","later":1}"#).unwrap();
        assert_eq!(settings, Settings { theme: Theme::Dark, ..Settings::default() });
    }
}
