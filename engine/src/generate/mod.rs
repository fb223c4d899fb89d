//! 7: the loop over decoder and sampler.

pub mod event;

use serde::{Deserialize, Serialize};

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
        }
    }
}
