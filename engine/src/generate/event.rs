//! The plain data that a caller sees while a request runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::inside::Inside;
use crate::decoder::Routing;
use crate::sequence::{Evidence, Given, Place, ReadFile};

/// What a request is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Loading a model.
    Load,
    /// Decoding a file.
    Decode,
    /// Recognising speech, text and things in it.
    Encode,
    /// Finding the evidence.
    Search,
    /// Reading the prompt; counted in tokens.
    Prefill,
    /// Writing the answer; counted in tokens.
    Generate,
    /// Reading whole files, section by section.
    Sections,
    /// Joining what was noted of the sections.
    Join,
}

/// One step of a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// How far a stage is. `total` is 0 while it is unknown.
    Progress {
        /// The stage.
        stage: Stage,
        /// What is being worked on: a file name, or empty.
        what: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// The next piece of the answer.
    Text(String),
    /// A place that supports the answer.
    Evidence(Evidence),
    /// What one section of the files says about a request that is answered from all of them; the evidence for it
    /// follows.
    Part(Part),
    /// What was left out or failed, and why.
    Notice(String),
    /// What the model reads of the files before the question; it goes with later questions as a part of their history.
    Notes(Vec<Given>),
    /// An attachment was read; keep it, so that the next question need not read it again.
    Read(ReadFile),
    /// Which experts of a mixture of experts were used for this answer and its prompt.
    Routing(Routing),
    /// What can be seen of how the answer came about; only where that was asked for.
    Inside(Box<Inside>),
    /// A chain of thought that votes on the answer.
    Thought {
        /// Which, counted from 1; 0 is the likeliest one.
        chain: usize,
        /// What was thought.
        text: String,
        /// The answer at its end, where there is one.
        answer: Option<String>,
    },
    /// The last event.
    Done {
        /// Why it ended.
        reason: StopReason,
        /// What it took.
        usage: Usage,
    },
}

/// A note about one section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The file.
    pub source: PathBuf,
    /// Where the section begins.
    pub from: Place,
    /// Where it ends.
    pub to: Place,
    /// The heading that it stands under; empty where there is none.
    pub heading: String,
    /// What the model noted.
    pub text: String,
    /// Whether words of the section say the same. If not, the answer does not rest on it.
    pub is_located: bool,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// The model ended its answer, or a stop string came.
    Stop,
    /// The token limit or the end of the context was reached.
    Length,
    /// The caller raised its [`Cancel`](crate::Cancel).
    Cancelled,
}

/// What a request took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// How many of them were read for an earlier prompt, in this run or, as far as it was stored, in another.
    #[serde(default)]
    pub cached_tokens: usize,
    /// Tokens written.
    pub generated_tokens: usize,
    /// Tokens that were guessed and read before they were chosen.
    #[serde(default)]
    pub drafted_tokens: usize,
    /// How many of them were chosen then.
    #[serde(default)]
    pub accepted_tokens: usize,
    /// Tokens that the model can hold; for the context meter.
    pub context_tokens: usize,
    /// Seconds from the start of the request to the first token.
    pub first_token_s: f64,
    /// Prompt tokens per second.
    pub prefill_tokens_per_s: f64,
    /// Written tokens per second after the first.
    pub decode_tokens_per_s: f64,
}
