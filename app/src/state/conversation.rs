//! Questions and their answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::tasks::ask::Given;
use engine::{Evidence, Part, Stage, StopReason, Usage};
use serde::{Deserialize, Serialize};

use super::attachment::{Attachment, AttachmentId, AttachmentState};
use super::library::LibraryScope;
use super::reader::Passage;
use super::setup::Setup;
use super::viewer::Clip;
use crate::say;
use crate::words::say;

/// Names a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(pub i64);

/// Names a question with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExchangeId(pub i64);

impl ExchangeId {
    /// No question's: numbers come from the clock.
    pub const NONE: Self = Self(0);
}

/// The title of a conversation that was not asked anything yet.
pub const UNTITLED: &str = "New conversation";

/// A conversation with its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// Its name.
    pub id: ConversationId,
    /// For the list.
    pub title: String,
    /// Seconds since 1970.
    pub created_s: f64,
    /// Seconds since 1970.
    pub updated_s: f64,
    /// Whether it stays at the top of the list.
    pub pinned: bool,
    /// The folder that it lies in; empty for none.
    pub folder: String,
    /// What differs from the settings.
    pub setup: Setup,
    /// Whether it is never written to the disk.
    pub temporary: bool,
    /// The branch that is shown, oldest first; empty until loaded.
    pub exchanges: Vec<Exchange>,
    /// The other branches, see [`Conversation::arrange`].
    pub aside: Vec<Exchange>,
    /// In the order in which they were added; empty until loaded.
    pub attachments: Vec<Attachment>,
    /// Whether exchanges and attachments were read from the disk.
    pub loaded: bool,
}

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its name.
    pub id: ExchangeId,
    /// The one whose answer it follows; none at the beginning.
    pub parent: Option<ExchangeId>,
    /// Whether it is shown, of those that follow the same answer.
    pub active: bool,
    /// When it was last chosen to be shown, in seconds since 1970.
    pub shown_s: f64,
    /// What was asked.
    pub question: String,
    /// The files that were added with the question.
    pub attachments: Vec<AttachmentId>,
    /// What it is about.
    pub context: Context,
    /// Seconds since 1970.
    pub asked_s: f64,
    /// The answer, complete or not.
    pub answer: Answer,
}

/// What a question is about, when it is not everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The files; empty means all.
    pub about: Vec<AttachmentId>,
    /// A passage of one of them.
    pub passage: Option<Quoted>,
    /// Every section of the files is read for the answer.
    pub whole: bool,
    /// Documents of the library, in the place of files.
    pub library: Option<LibraryScope>,
    /// So many chains of thought vote on the answer.
    pub think: Option<usize>,
    /// What differs from the conversation, for this answer.
    pub setup: Setup,
    /// A part of a recording or video.
    pub clip: Option<Clip>,
}

/// A passage of a document, as a question carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quoted {
    /// The attachment.
    pub attachment: AttachmentId,
    /// The file, for people.
    pub path: std::path::PathBuf,
    /// The words and where they stand.
    pub passage: Passage,
}

impl Quoted {
    /// Where it is from: "page 3 of report.pdf".
    pub fn source(&self) -> String {
        let (first, last) = (self.passage.from.page, self.passage.to.page);
        let name = super::file_name(&self.path);
        if first == last {
            format!("page {first} of {name}")
        } else {
            format!("pages {first} to {last} of {name}")
        }
    }

    /// The question as the model reads it: the passage is data, so it stands in quotation marks behind the question.
    pub fn question(&self, question: &str) -> String {
        format!("{question}\n\nThis is the passage, from {}:\n“{}”", self.source(), self.passage.text.trim())
    }
}

/// What is being edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Editing {
    /// A question.
    Question(ExchangeId),
    /// The answer to it.
    Answer(ExchangeId),
}

/// An answer, complete or not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Markdown.
    pub text: String,
    /// The text that the model wrote, once somebody edited it.
    pub original: Option<String>,
    /// What supports it.
    pub evidence: Vec<Evidence>,
    /// What each section of the files says, for an answer from all of them.
    pub parts: Vec<Part>,
    /// Chains of thought that voted on it; the first is the likeliest one.
    pub thoughts: Vec<Thought>,
    /// What was left out or failed, and why.
    pub notices: Vec<String>,
    /// What the model read of the files before the question; not kept on the disk.
    #[serde(skip)]
    pub notes: Vec<Given>,
    /// What it took; all zero until done.
    pub usage: Usage,
    /// The model that wrote it.
    pub model: String,
    /// The name of what was tuned onto it; none for the model as it is.
    pub adapter: Option<String>,
    /// How it stands.
    pub status: AnswerStatus,
}

/// A chain of thought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thought {
    /// Which, counted from 1; 0 is the likeliest one.
    pub chain: usize,
    /// What was thought.
    pub text: String,
    /// The answer at its end, where there is one.
    pub answer: Option<String>,
}

/// Which chain it is, for people.
pub fn chain_name(thought: &Thought) -> String {
    match thought.chain {
        0 => say("teach-chain-likeliest").to_owned(),
        n => say!("teach-chain", number = n),
    }
}

/// Answers of the chains that vote with their number, most votes first; those that came first go first among equals.
pub fn votes(thoughts: &[Thought]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    let said = thoughts.iter().filter(|thought| thought.chain > 0).filter_map(|one| one.answer.as_ref());
    for (at, answer) in said.enumerate() {
        let entry = counts.entry(answer.trim().to_lowercase()).or_insert((0, at, answer.trim().to_owned()));
        entry.0 += 1;
    }
    let mut votes: Vec<_> = counts.into_values().collect();
    votes.sort_by_key(|(count, at, _)| (std::cmp::Reverse(*count), *at));
    votes.into_iter().map(|(count, _, answer)| (answer, count)).collect()
}

/// How an answer stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "StoredStatus", into = "StoredStatus")]
pub enum AnswerStatus {
    /// Waits until the files are read, or for the engine.
    #[default]
    Waiting,
    /// Being worked on.
    Running(Progress),
    /// Ended.
    Done(StopReason),
    /// Could not be finished, and why.
    Failed(String),
    /// The program ended while it was written.
    Interrupted,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Units done.
    pub done: u64,
    /// Units in all; 0 while unknown.
    pub total: u64,
    /// When the stage began, in seconds since 1970.
    pub since_s: f64,
}

/// An answer's status as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredStatus {
    Interrupted,
    Done(StopReason),
    Failed(String),
}

impl AnswerStatus {
    /// Whether it still changes.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Waiting | Self::Running(_))
    }

    /// For the disk.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the disk; what cannot be understood counts as interrupted.
    pub fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or(Self::Interrupted)
    }
}

/// A running answer is stored as interrupted: that is what it is when it is read again.
impl From<AnswerStatus> for StoredStatus {
    fn from(status: AnswerStatus) -> Self {
        match status {
            AnswerStatus::Waiting | AnswerStatus::Running(_) | AnswerStatus::Interrupted => Self::Interrupted,
            AnswerStatus::Done(reason) => Self::Done(reason),
            AnswerStatus::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl From<StoredStatus> for AnswerStatus {
    fn from(status: StoredStatus) -> Self {
        match status {
            StoredStatus::Interrupted => Self::Interrupted,
            StoredStatus::Done(reason) => Self::Done(reason),
            StoredStatus::Failed(reason) => Self::Failed(reason),
        }
    }
}

/// An answer can rest on more text than this only when every section is read; about what a prompt holds.
const LONG_BYTES: usize = 4_000;

impl Conversation {
    /// Whether its files say more than an answer rests on.
    pub fn is_long(&self) -> bool {
        let mut left = LONG_BYTES;
        let read = self.attachments.iter().filter(|a| a.sent).filter_map(Attachment::read);
        read.into_iter().any(|read| {
            read.spans.iter().any(|span| match left.checked_sub(span.text.len()) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })
        })
    }

    /// An empty one.
    pub fn new(id: ConversationId, now_s: f64) -> Self {
        Self {
            id,
            title: UNTITLED.into(),
            created_s: now_s,
            updated_s: now_s,
            pinned: false,
            folder: String::new(),
            setup: Setup::default(),
            temporary: false,
            exchanges: Vec::new(),
            aside: Vec::new(),
            attachments: Vec::new(),
            loaded: true,
        }
    }

    /// Whether nothing was asked or added yet.
    pub fn is_blank(&self) -> bool {
        self.loaded && self.exchanges.is_empty() && self.attachments.is_empty() && self.title == UNTITLED
    }

    /// One of its files has another place; everything that names it names that.
    pub fn file_moved(&mut self, from: &std::path::Path, to: &std::path::Path) {
        let moved = |path: &mut std::path::PathBuf| {
            if path == from {
                *path = to.to_path_buf();
            }
        };
        for attachment in &mut self.attachments {
            moved(&mut attachment.path);
            if let AttachmentState::Read(read) = &mut attachment.state {
                let read = Arc::make_mut(read);
                moved(&mut read.path);
                Arc::make_mut(&mut read.spans).iter_mut().for_each(|span| moved(&mut span.source));
            }
        }
        for exchange in self.all_mut() {
            exchange.answer.evidence.iter_mut().for_each(|evidence| moved(&mut evidence.source));
            exchange.answer.parts.iter_mut().for_each(|part| moved(&mut part.source));
            exchange.context.passage.iter_mut().for_each(|passage| moved(&mut passage.path));
        }
    }

    /// Files that were added since the last question.
    pub fn drafts(&self) -> impl Iterator<Item = &Attachment> {
        self.attachments.iter().filter(|a| !a.sent)
    }

    /// Whether an answer could rest on files at all: what a model says of its own has no source to miss.
    pub fn rests_on_files(&self, exchange: &Exchange) -> bool {
        let read = |file: &Attachment| file.sent && file.read().is_some_and(|read| !read.spans.is_empty());
        !exchange.answer.evidence.is_empty()
            || (self.attachments.iter().any(read)
                && exchange.answer.text.trim() != engine::tasks::ask::NOT_FOUND)
    }

    /// The file with this name.
    pub fn attachment(&self, id: AttachmentId) -> Option<&Attachment> {
        self.attachments.iter().find(|a| a.id == id)
    }

    /// What the last finished answer took, when it is known.
    pub fn last_usage(&self) -> Option<Usage> {
        let usage = self.exchanges.iter().rev().map(|e| e.answer.usage).find(|u| u.prompt_tokens > 0)?;
        (usage.context_tokens > 0).then_some(usage)
    }

    /// A title from the first words of a question.
    pub fn title_from(question: &str) -> String {
        const CHARS: usize = 48;
        let line = question.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(UNTITLED);
        if line.chars().count() <= CHARS {
            return line.to_owned();
        }
        let cut: String = line.chars().take(CHARS).collect();
        let end = cut.rfind(' ').filter(|end| *end > CHARS / 2).unwrap_or(cut.len());
        format!("{}…", cut[..end].trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_between_words_and_never_inside_a_character() {
        assert_eq!(Conversation::title_from("\n  What is this?  \nmore"), "What is this?");
        let long = "Which of the speakers says that the büdget is too small for the new building?";
        let title = Conversation::title_from(long);
        assert!(title.ends_with('…') && title.chars().count() <= 49, "{title}");
        assert!(long.starts_with(title.trim_end_matches('…')), "{title}");
        assert_eq!(Conversation::title_from(&"é".repeat(60)).chars().count(), 49);
    }

    #[test]
    fn a_running_answer_is_read_again_as_interrupted() {
        for (status, expected) in [
            (AnswerStatus::Waiting, AnswerStatus::Interrupted),
            (AnswerStatus::Done(StopReason::Length), AnswerStatus::Done(StopReason::Length)),
            (AnswerStatus::Failed("no".into()), AnswerStatus::Failed("no".into())),
        ] {
            assert_eq!(AnswerStatus::from_json(&status.to_json()), expected);
        }
        assert_eq!(AnswerStatus::from_json("{"), AnswerStatus::Interrupted);
    }

    #[test]
    fn the_likeliest_chain_has_no_vote_and_capitals_do_not_matter() {
        let thought = |chain, answer: Option<&str>| Thought {
            chain,
            text: String::new(),
            answer: answer.map(str::to_owned),
        };
        let thoughts = [
            thought(0, Some("No")),
            thought(1, Some("No")),
            thought(2, Some("Yes")),
            thought(3, None),
            thought(4, Some("yes ")),
        ];
        assert_eq!(votes(&thoughts), [("Yes".to_owned(), 2), ("No".to_owned(), 1)]);
        assert!(votes(&thoughts[..1]).is_empty());
    }
}
