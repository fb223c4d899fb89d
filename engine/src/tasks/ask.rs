//! Ask about media: read what is new, find the evidence, let the decoder answer.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::generate::GenerateOptions;
use crate::generate::event::Event;
use crate::media::Kind;
use crate::sequence::Span;

/// A file and what was found in it; plain data, worth keeping so that a file is read only once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadFile {
    /// The file.
    pub path: PathBuf,
    /// From its content.
    pub kind: Kind,
    /// For people: "640 × 427 pixels", "2:13 minutes", "12 pages".
    pub summary: String,
    /// Everything that was found.
    pub spans: Arc<Vec<Span>>,
    /// What was left out, and why.
    pub notices: Vec<String>,
}

/// A medium that goes with a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Attachment {
    /// Not read yet.
    File(PathBuf),
    /// Read before.
    Read(ReadFile),
}

/// An earlier question of the conversation and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
}

/// One question with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AskRequest {
    /// The media of the conversation.
    pub media: Vec<Attachment>,
    /// Earlier turns, oldest first.
    pub history: Vec<Turn>,
    /// The question.
    pub question: String,
    /// Instructions that replace the built-in ones.
    pub system: Option<String>,
    /// Feed the question as it is, with no chat template and no evidence.
    pub raw: bool,
    /// How to write the answer.
    pub options: GenerateOptions,
}

/// A request that is being answered.
///
/// Order of events: progress while media are read, notices, evidence, text pieces, and last
/// [`Event::Done`]. A medium that cannot be read becomes a notice and the rest goes on.
#[derive(Default)]
pub struct Ask {
    _private: (),
}

impl Iterator for Ask {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
