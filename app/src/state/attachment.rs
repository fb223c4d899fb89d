//! A file that the user added to a conversation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::Stage;
use engine::media::Kind;
use engine::tasks::ask::ReadFile;
use serde::{Deserialize, Serialize};

use crate::words::say;

/// Names an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttachmentId(pub i64);

/// A file and how far it has been read.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// Its name.
    pub id: AttachmentId,
    /// Where it is.
    pub path: PathBuf,
    /// From its content, once it was looked at.
    pub kind: Option<Kind>,
    /// SHA-256 of its content, once it was looked at.
    pub sha256: Option<String>,
    /// How far it has been read.
    pub state: AttachmentState,
    /// Whether a question was already asked with it.
    pub sent: bool,
}

/// How far a file has been read.
#[derive(Debug, Clone, PartialEq)]
pub enum AttachmentState {
    /// Its content is being looked at.
    Checking,
    /// It waits for the engine.
    Waiting,
    /// The engine reads it. `total` is 0 while unknown.
    Reading {
        /// What is being done.
        stage: Stage,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// Everything in it is known.
    Read(Arc<ReadFile>),
    /// It cannot be used, and why.
    Failed(String),
}

impl Attachment {
    /// One that was just added.
    pub fn new(id: AttachmentId, path: PathBuf) -> Self {
        Self { id, path, kind: None, sha256: None, state: AttachmentState::Checking, sent: false }
    }

    /// The file's name.
    pub fn name(&self) -> String {
        file_name(&self.path)
    }

    /// Whether it is a recording or video that was looked at, so that it can have a transcript.
    pub fn is_recording(&self) -> bool {
        matches!(self.kind, Some(Kind::Sound | Kind::Video)) && self.sha256.is_some()
    }

    /// Whether it is a document.
    pub fn is_document(&self) -> bool {
        self.kind == Some(Kind::Document)
    }

    /// What was found in it.
    pub fn read(&self) -> Option<Arc<ReadFile>> {
        match &self.state {
            AttachmentState::Read(read) => Some(read.clone()),
            _ => None,
        }
    }

    /// About how many tokens of a model's context all takes that was read in it; none until it was read.
    pub fn about_tokens(&self) -> Option<usize> {
        match &self.state {
            AttachmentState::Read(read) => Some(read.spans.iter().map(|span| tokens_of(&span.text)).sum()),
            _ => None,
        }
    }

    /// Why it cannot be used, if it cannot.
    pub fn failed(&self) -> Option<&str> {
        match &self.state {
            AttachmentState::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether it is read or has failed.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, AttachmentState::Read(_) | AttachmentState::Failed(_))
    }

    /// Its state for people, in a few words.
    pub fn state_text(&self) -> String {
        match &self.state {
            AttachmentState::Checking => say("media-checking").into(),
            AttachmentState::Waiting => say("media-waiting").into(),
            AttachmentState::Reading { stage, done, total } => {
                let doing = match stage {
                    Stage::Load => say("media-loading-models"),
                    _ => say("media-reading"),
                };
                match total {
                    0 => format!("{doing}…"),
                    total => format!("{doing} {} %", (100 * done.min(total)) / total),
                }
            }
            AttachmentState::Read(read) => read.summary.clone(),
            AttachmentState::Failed(reason) => reason.clone(),
        }
    }
}

/// Tokens of a text, without its tokenizer: about four letters each in Latin script, one sign each in scripts without
/// letters, two signs of other scripts. What stands around a note in the prompt is about a dozen more.
fn tokens_of(text: &str) -> usize {
    const AROUND: usize = 12;
    // In twelfths, so that nothing is rounded before the end.
    let twelfths = |c: char| match c {
        '\0'..='\u{24f}' => 3,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => 12,
        _ => 6,
    };
    text.chars().map(twelfths).sum::<usize>().div_ceil(12) + AROUND
}

/// The last part of a path, for people.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_about_four_letters_or_one_sign() {
        assert_eq!(tokens_of("The budget is too small for it."), 8 + 12);
        assert_eq!(tokens_of("予算は足りません"), 8 + 12);
        assert_eq!(tokens_of(""), 12);
    }
}
