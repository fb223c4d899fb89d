//! What can be asked of an answer.

use serde::{Deserialize, Serialize};

use crate::decoder::CacheFormat;

/// How an answer is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateOptions {
    /// Most tokens to write.
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
    /// The same seed, options and thread count give the same tokens.
    pub seed: u64,
    /// Strings that end the answer; they are not shown.
    pub stop: Vec<String>,
    /// End an answer that repeats itself sentence by sentence.
    #[serde(default)]
    pub end_repeats: bool,
    /// How keys and values are kept: smaller formats hold longer conversations.
    #[serde(default)]
    pub cache: CacheFormat,
    /// Whether a smaller format is taken where memory is too short for that one; told when it is.
    #[serde(default = "yes")]
    pub shrink_cache: bool,
    /// Whether the states of long prompts are kept on disk and used again.
    #[serde(default = "yes")]
    pub prefix_cache: bool,
    /// Whether tokens are read before they are chosen, where that is quicker; the answer is the same.
    #[serde(default)]
    pub speculation: Speculation,
    /// Whether the answer ends with an [`Event::Inside`](super::event::Event::Inside), which takes a little time for each
    /// token.
    #[serde(default)]
    pub inside: bool,
    /// The most bytes that keys and values may take; what is free where there is none.
    #[serde(default)]
    pub cache_bytes: Option<u64>,
}

/// How tokens are guessed that are read before they are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speculation {
    /// Not at all.
    Off,
    /// By what followed the last time the same tokens stood in the prompt, the answer or a passage of the files that the
    /// prompt has no room for, and by the draft model where there is one.
    #[default]
    On,
}

fn yes() -> bool {
    true
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            max_tokens: 512,
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.1,
            seed: 0,
            stop: Vec::new(),
            end_repeats: true,
            cache: CacheFormat::default(),
            shrink_cache: true,
            prefix_cache: true,
            speculation: Speculation::default(),
            inside: false,
            cache_bytes: None,
        }
    }
}

impl GenerateOptions {
    /// The smallest format in which keys and values may be kept.
    pub(crate) fn smallest_cache(&self) -> CacheFormat {
        let smallest = CacheFormat::ALL.last().copied().filter(|_| self.shrink_cache);
        smallest.unwrap_or(self.cache)
    }

    /// What the model itself likes best, whatever it is: for comparisons and for text without a template.
    pub fn plain() -> Self {
        Self { repetition_penalty: 1.0, end_repeats: false, ..Self::default() }
    }
}
