//! How a conversation is answered, where it differs from the settings.

use engine::generate::GenerateOptions;
use serde::{Deserialize, Serialize};

use super::Settings;

/// What a conversation has chosen for itself; what is `None` is as in the settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Setup {
    /// The decoder: an id of the registry or a path.
    pub model: Option<String>,
    /// Instructions in the place of the built-in ones.
    pub system: Option<String>,
    /// How tokens are chosen.
    pub sampling: Option<Sampling>,
}

/// How tokens are chosen, as [`GenerateOptions`] has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Most tokens of an answer.
    pub max_tokens: usize,
    /// 0 takes the likeliest token every time.
    pub temperature: f32,
    /// Keep only the likeliest k tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the likeliest tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Drop tokens less likely than this share of the likeliest one; 0 keeps all.
    pub min_p: f32,
    /// Divides the logits of tokens that were written lately; 1 leaves them.
    pub repetition_penalty: f32,
    /// The same seed and options give the same tokens.
    pub seed: u64,
}

/// A way to choose tokens that has a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    /// What the person calls it.
    pub name: String,
    /// How tokens are chosen.
    pub sampling: Sampling,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::of(&Settings::default())
    }
}

impl Sampling {
    /// What the settings say.
    pub fn of(settings: &Settings) -> Self {
        let options = settings.generate_options();
        Self {
            max_tokens: options.max_tokens,
            temperature: options.temperature,
            top_k: options.top_k,
            top_p: options.top_p,
            min_p: options.min_p,
            repetition_penalty: options.repetition_penalty,
            seed: options.seed,
        }
    }
}

impl Setup {
    /// Whether everything is as in the settings.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The decoder.
    pub fn model<'a>(&'a self, settings: &'a Settings) -> &'a str {
        self.model.as_deref().unwrap_or(&settings.model)
    }

    /// What the engine needs to know.
    pub fn generate_options(&self, settings: &Settings) -> GenerateOptions {
        let options = settings.generate_options();
        let Some(sampling) = &self.sampling else { return options };
        GenerateOptions {
            max_tokens: sampling.max_tokens,
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            repetition_penalty: sampling.repetition_penalty,
            seed: sampling.seed,
            ..options
        }
    }

    /// The same with what another one has chosen.
    pub fn with(&self, other: &Self) -> Self {
        Self {
            model: other.model.clone().or_else(|| self.model.clone()),
            system: other.system.clone().or_else(|| self.system.clone()),
            sampling: other.sampling.clone().or_else(|| self.sampling.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_conversation_did_not_choose_is_as_in_the_settings() {
        let settings = Settings { temperature: 0.4, prefix_cache: false, ..Settings::default() };
        let plain = Setup::default();
        assert!(plain.is_plain());
        assert_eq!(plain.generate_options(&settings), settings.generate_options());
        let sampling = Sampling { temperature: 0.9, top_k: 40, ..Sampling::of(&settings) };
        let setup = Setup { sampling: Some(sampling), ..Setup::default() };
        let options = setup.generate_options(&settings);
        assert_eq!((options.temperature, options.top_k, options.prefix_cache), (0.9, 40, false));
        let other = Setup { model: Some("a".into()), ..Setup::default() };
        let both = setup.with(&other);
        assert_eq!(both.model(&settings), "a");
        assert_eq!(both.sampling, setup.sampling);
    }
}
