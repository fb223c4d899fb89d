//! What can be seen of how an answer came about: its tokens with what else they could have been, which experts were
//! chosen, what the model read, and where the time went. Plain data, worth keeping with the answer.
//!
//! Nothing of it is made unless [`GenerateOptions::inside`](super::GenerateOptions::inside) asks for it.

use serde::{Deserialize, Serialize};

use super::event::Stage;
use crate::decoder::{Logits, Routing};
use crate::features::text::{TokenId, Tokenizer};
use crate::kernels::{largest, sum_exp};

/// How many of the likeliest tokens are kept for each one that was written.
const LIKELIEST: usize = 5;

/// The inside of an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inside {
    /// What was written, in order, and last the token that ended it where there was one. Empty for an answer that
    /// several chains of thought voted on, and for one from every section.
    pub tokens: Vec<Written>,
    /// Which experts were chosen; none for a model without experts.
    pub experts: Option<Experts>,
    /// What the model read.
    pub context: ContextMap,
    /// Where the time went, in the order of the stages.
    pub time: Vec<Spent>,
    /// Seconds from the request to its end.
    pub seconds: f64,
}

/// A token of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// Which.
    pub id: u32,
    /// What it adds to the text; empty where a character goes on in the next token.
    pub text: String,
    /// How likely the model thought it, 0 to 1, before any penalty or temperature.
    pub probability: f32,
    /// Whether it ended the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_end: bool,
    /// The likeliest tokens at this place, likeliest first; the one that was written may be among them.
    pub likeliest: Vec<Likely>,
}

/// A token that could have been written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likely {
    /// Which.
    pub id: u32,
    /// Its text; a part of a character is shown as U+FFFD, and tokens of structure have none.
    pub text: String,
    /// How likely the model thought it, 0 to 1.
    pub probability: f32,
    /// Whether it would have ended the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_end: bool,
}

/// Which experts were chosen, counted per layer and expert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experts {
    /// For the positions of the prompt that were read for this answer, by what they stand for.
    pub prompt: Routing,
    /// For the tokens of the answer that were read to write on: all but the last.
    pub written: Routing,
}

/// What the model read, in the order of the prompt, and what it did not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContextMap {
    /// The parts; their tokens add up to the prompt's.
    pub parts: Vec<ContextPart>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// How many of them were read for an earlier prompt.
    pub cached_tokens: usize,
    /// Tokens that the model can hold here.
    pub context_tokens: usize,
    /// What it was not given.
    pub left_out: Vec<LeftOut>,
}

/// A part of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextPart {
    /// What it is.
    pub kind: PartKind,
    /// The file that it is from; empty for what is from none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its words as the model read them; empty for soft tokens and structure.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Positions that it takes.
    pub tokens: usize,
}

/// What a part of a prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Who the model is and how it shall answer.
    Instructions,
    /// What the model itself saw or heard of a file: soft tokens.
    Medium,
    /// An earlier question.
    EarlierQuestion,
    /// An earlier answer.
    EarlierAnswer,
    /// What was found in a file.
    Notes,
    /// What was asked.
    Question,
    /// What a chat template puts between the others.
    Form,
}

/// Something that the model was not given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum LeftOut {
    /// Passages of a file that fit the question less well.
    Passages {
        /// The file.
        name: String,
        /// How many the model was given.
        given: usize,
        /// How many there are.
        of: usize,
    },
    /// The first questions of the conversation with their answers.
    Turns {
        /// How many.
        left: usize,
        /// How many there are.
        of: usize,
    },
    /// Something else, as it was told.
    Told {
        /// A sentence.
        text: String,
    },
}

/// Time that a stage took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// The stage.
    pub stage: Stage,
    /// The file, where it was about one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// How long it took.
    pub seconds: f64,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Inside {
    /// Adds time to a stage.
    pub fn spend(&mut self, stage: Stage, what: &str, seconds: f64) {
        match self.time.iter_mut().find(|spent| spent.stage == stage && spent.what == what) {
            Some(spent) => spent.seconds += seconds,
            None => self.time.push(Spent { stage, what: what.to_owned(), seconds }),
        }
    }
}

/// Takes note of the tokens of an answer while they are chosen.
#[derive(Default)]
pub(super) struct Watch {
    /// What the next token is chosen from; the sampler takes and changes the original.
    logits: Vec<f32>,
    pub(super) tokens: Vec<Written>,
}

impl Watch {
    /// # Shapes
    /// - `logits`: `[n_vocab]`
    pub(super) fn look(&mut self, logits: &Logits) {
        self.logits.clear();
        self.logits.extend_from_slice(logits);
    }

    /// The sampler took `token`, which added `text`.
    pub(super) fn chose(&mut self, token: TokenId, text: &str, tokenizer: &Tokenizer) {
        let most = largest(&self.logits);
        let sum = sum_exp(&self.logits, most);
        // Four places are enough to show, and keep what is stored small.
        let probability = |logit: f32| ((logit - most).exp() / sum * 1e4).round() / 1e4;
        let likely = |(id, logit): (u32, f32)| {
            let token = TokenId(id);
            let text = String::from_utf8_lossy(tokenizer.bytes(token)).into_owned();
            Likely { id, text, probability: probability(logit), is_end: tokenizer.is_end(token) }
        };
        let chosen = self.logits.get(token.0 as usize).copied().unwrap_or(f32::NEG_INFINITY);
        self.tokens.push(Written {
            id: token.0,
            text: text.to_owned(),
            probability: probability(chosen),
            is_end: tokenizer.is_end(token),
            likeliest: likeliest(&self.logits).into_iter().map(likely).collect(),
        });
    }
}

/// The largest logits with their tokens, largest first; of equal ones the first.
fn likeliest(logits: &[f32]) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(LIKELIEST + 1);
    let mut least = f32::NEG_INFINITY;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > least || best.len() < LIKELIEST {
            let at = best.partition_point(|(_, other)| other >= logit);
            best.insert(at, (id as u32, *logit));
            best.truncate(LIKELIEST);
            if best.len() == LIKELIEST {
                least = best[LIKELIEST - 1].1;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_of_equal_ones_the_first() {
        let mut logits = vec![0.0; 100];
        for (id, logit) in [(7, 3.0), (50, 9.0), (51, 9.0), (99, 4.0), (3, 1.0)] {
            logits[id] = logit;
        }
        assert_eq!(likeliest(&logits), [(50, 9.0), (51, 9.0), (99, 4.0), (7, 3.0), (3, 1.0)]);
        assert_eq!(likeliest(&[1.0, 2.0]), [(1, 2.0), (0, 1.0)], "a vocabulary can be tiny");
    }

    #[test]
    fn time_of_a_stage_adds_up_by_file() {
        let mut inside = Inside::default();
        for (stage, what, seconds) in [
            (Stage::Decode, "a", 1.0),
            (Stage::Search, "", 2.0),
            (Stage::Decode, "a", 0.5),
            (Stage::Decode, "b", 4.0),
        ] {
            inside.spend(stage, what, seconds);
        }
        let found: Vec<_> = inside.time.iter().map(|spent| (spent.what.as_str(), spent.seconds)).collect();
        assert_eq!(found, [("a", 1.5), ("", 2.0), ("b", 4.0)]);
    }
}
