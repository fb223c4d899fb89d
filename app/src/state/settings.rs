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

/// How far colours are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contrast {
    /// Text 7:1, other words 4.5:1, lines 3:1.
    #[default]
    Normal,
    /// All words 7:1, lines 4.5:1 and twice as wide.
    High,
}

/// Whether anything may slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    /// Text slides to its place.
    #[default]
    Normal,
    /// Everything jumps.
    Reduced,
}

/// What the user chose; unknown fields are left alone so that an older version can read a newer file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light or dark.
    pub theme: Theme,
    /// How far colours are apart.
    pub contrast: Contrast,
    /// Whether anything may slide.
    pub motion: Motion,
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
    /// Minutes without a request after which models leave the memory; 0 keeps them.
    pub unload_after_min: u32,
    /// Keep what can be seen of how answers come about.
    pub inside: bool,
    /// Size of text in percent.
    pub text_percent: u32,
    /// Whether the tour was seen, or was not wanted.
    pub tour_seen: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            contrast: Contrast::Normal,
            motion: Motion::Normal,
            language: Language::System,
            model: "smollm2-135m".into(),
            adapter: None,
            max_tokens: 512,
            temperature: 0.0,
            prefix_cache: true,
            unload_after_min: 30,
            inside: true,
            text_percent: 100,
            tour_seen: false,
        }
    }
}

impl Settings {
    /// Smallest and largest size of text in percent.
    pub const TEXT_PERCENT: std::ops::RangeInclusive<u32> = 70..=200;

    /// As they were at first; what was seen stays seen.
    #[must_use]
    pub fn reset(&self) -> Self {
        Self { tour_seen: self.tour_seen, ..Self::default() }
    }

    /// What the engine needs to know.
    pub fn generate_options(&self) -> GenerateOptions {
        GenerateOptions {
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            prefix_cache: self.prefix_cache,
            inside: self.inside,
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
