//! A question that was not asked yet.

use serde::{Deserialize, Serialize};

use super::attachment::AttachmentId;
use super::conversation::Quoted;
use super::viewer::Clip;

/// What stands in the field for questions of a conversation; its files are those of the conversation that were not sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The words.
    pub text: String,
    /// The files that it is about; empty means all.
    pub about: Vec<AttachmentId>,
    /// The passage that it is about.
    pub passage: Option<Quoted>,
    /// The part of a recording that it is about.
    pub clip: Option<Clip>,
}

impl Draft {
    /// Whether nothing would be lost without it.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.passage.is_none() && self.clip.is_none()
    }
}
