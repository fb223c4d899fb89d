//! Questions to an engine, and all that it says of one.

use engine::decoder::{Modality, Routing};
use engine::tasks::ask::{AskRequest, Attachment, Given, ReadFile};
use engine::{Cancel, Engine, Event, Stage, Usage};

/// What came of a question.
#[derive(Default)]
pub struct Asked {
    /// The answer.
    pub text: String,
    /// What was noticed on the way.
    pub notices: Vec<String>,
    /// Its files, as they were read.
    pub files: Vec<ReadFile>,
    /// What the model read of them before the question.
    pub notes: Vec<Given>,
    /// Positions of the prompt that were read after the first step.
    pub first_read: Option<usize>,
    /// Which experts were chosen.
    pub routing: Option<Routing>,
    /// What it took.
    pub usage: Usage,
}

impl Asked {
    /// How many positions of a modality went through the experts of the first sparse layer.
    ///
    /// # Panics
    /// When the model is no mixture of experts.
    pub fn routed(&self, modality: Modality) -> u64 {
        self.routing.as_ref().expect("a mixture of experts").layers[0].positions(modality)
    }
}

/// Asks and waits for the end.
///
/// # Panics
/// When it fails.
pub fn ask(engine: &Engine, request: AskRequest) -> Asked {
    let mut asked = Asked::default();
    for event in engine.ask(request, &Cancel::new()) {
        match event.expect("an answer") {
            Event::Progress { stage: Stage::Prefill, done, .. } => {
                asked.first_read.get_or_insert(done as usize);
            }
            Event::Text(text) => asked.text.push_str(&text),
            Event::Notice(text) => asked.notices.push(text),
            Event::Read(file) => asked.files.push(file),
            Event::Notes(notes) => asked.notes = notes,
            Event::Routing(routing) => asked.routing = Some(routing),
            Event::Done { usage, .. } => asked.usage = usage,
            _ => {}
        }
    }
    asked
}

/// A question over media, whose answer has at most so many tokens.
pub fn request(media: Vec<Attachment>, question: &str, max_tokens: usize) -> AskRequest {
    let mut request = AskRequest { media, question: question.into(), ..AskRequest::default() };
    request.options.max_tokens = max_tokens;
    request
}
