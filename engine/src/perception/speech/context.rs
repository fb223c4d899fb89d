//! What is known before listening: text that came before, and words that may come.
//!
//! Text is read as the transcript of what was said before (Whisper's `<|startofprev|>`). Words are listed before it, and
//! made likelier while they are written: each token that goes on along one of them adds to the score of its hypothesis,
//! and what was added is taken back when the word is left before its end (contextual biasing by shallow fusion,
//! <https://arxiv.org/abs/1808.02480>). Of 108 names read by a speech synthesizer
//! tiny.en writes none of some kinds without either, and 83 with both; scores alone help a third as much.

use std::collections::BTreeMap;

use super::vocabulary::Vocabulary;
use crate::error::Result;

/// What each token of a word adds to the score of its hypothesis, in natural logarithms.
const BONUS: f32 = 1.0;

/// What is known before listening to a recording.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Context {
    /// Tokens of the text that came before, with the one that says so in front; none without text.
    pub(super) before: Vec<u32>,
    /// Words that may come.
    pub(super) expected: Expected,
    n_lost: usize,
    /// And how many phrases did not fit beside it.
    n_unlisted: usize,
}

impl Context {
    /// Of text and phrases in the model's tokens; of more than `n_most` tokens of text only the last ones are used.
    ///
    /// # Errors
    /// When the model's tokenizer cannot be used.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        text: &str,
        phrases: &[String],
        n_most: usize,
    ) -> Result<Self> {
        let (text, phrases) = (text.trim(), phrases.iter().map(|phrase| phrase.trim()));
        let phrases: Vec<&str> = phrases.filter(|phrase| !phrase.is_empty()).collect();
        if text.is_empty() && phrases.is_empty() {
            return Ok(Self::default());
        }
        let tokenizer = vocabulary.tokenizer()?;
        // Without the token that says so, no text can be given.
        let n_most = if vocabulary.before.is_some() { n_most } else { 0 };
        let encode = |text: &str| -> Result<Vec<u32>> {
            Ok(tokenizer.encode(text)?.into_iter().map(|token| token.0).collect())
        };
        // Texts begin with a space, as they do in the transcripts that the model was trained on.
        let mut before = if text.is_empty() { Vec::new() } else { encode(&format!(" {text}"))? };
        let n_lost = before.len().saturating_sub(n_most);
        before.drain(..n_lost);
        // A list that has no end is gone on with.
        let (comma, stop) = (encode(",")?, encode(".")?);
        let (mut list, mut n_unlisted) = (Vec::new(), 0);
        for phrase in &phrases {
            let item = encode(&format!(" {phrase}"))?;
            if list.len() + item.len() + comma.len().max(stop.len()) + before.len() > n_most {
                n_unlisted += 1;
                continue;
            }
            if !list.is_empty() {
                list.extend(&comma);
            }
            list.extend(item);
        }
        if !list.is_empty() {
            list.extend(&stop);
        }
        list.append(&mut before);
        let before = match vocabulary.before {
            Some(token) if !list.is_empty() => std::iter::once(token).chain(list).collect(),
            _ => list,
        };
        let mut expected = Expected::default();
        for phrase in phrases {
            // No space stands before words in a script that has none.
            match phrase.chars().next().is_some_and(is_written_together) {
                true => expected.add(&encode(phrase)?),
                false => expected.add(&encode(&format!(" {phrase}"))?),
            }
        }
        Ok(Self { before, expected, n_lost, n_unlisted })
    }

    /// What does not fit.
    pub fn notices(&self) -> Vec<String> {
        let (lost, kept, unlisted) = (self.n_lost, self.before.len().saturating_sub(1), self.n_unlisted);
        let prompt = (lost > 0)
            .then(|| format!("the prompt is {lost} tokens too long for the model: its last {kept} are used"));
        let phrases = (unlisted > 0).then(|| {
            format!("{unlisted} phrases of the vocabulary do not fit into what the model can be told before: they count less")
        });
        prompt.into_iter().chain(phrases).collect()
    }
}

/// Whether words of this letter's script are written without spaces: from the signs of Chinese and Japanese on, Thai, Lao,
/// Burmese and Khmer.
fn is_written_together(letter: char) -> bool {
    matches!(letter, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..)
}

/// Phrases as paths of tokens that share their beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// The first is where all begin.
    nodes: Vec<Node>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Node {
    next: BTreeMap<u32, usize>,
    is_end: bool,
}

/// How far a hypothesis is along a phrase, and what phrases added to its score.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Along {
    node: usize,
    /// Of the phrase that is being written; lost when it is left.
    pending: f32,
    /// Of phrases that were written.
    earned: f32,
}

impl Along {
    /// What is added to the score now.
    pub fn bonus(&self) -> f32 {
        self.earned + self.pending
    }
}

impl Default for Expected {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Expected {
    fn add(&mut self, tokens: &[u32]) {
        let mut at = 0;
        for &token in tokens {
            let new = self.nodes.len();
            let next = *self.nodes[at].next.entry(token).or_insert(new);
            if next == new {
                self.nodes.push(Node::default());
            }
            at = next;
        }
        self.nodes[at].is_end |= at > 0;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The tokens that would begin a phrase or go on along one.
    pub fn next(&self, along: Along) -> impl Iterator<Item = u32> {
        let on = self.nodes[along.node].next.keys();
        let anew = self.nodes[0].next.keys().filter(move |_| along.node != 0);
        on.chain(anew).copied()
    }

    /// After one more token, which `goes_on` with the word before it or does not; with `guesses`, the first token of a
    /// phrase counts, too: among several hypotheses a wrong one does no harm.
    pub fn after(&self, along: Along, token: u32, goes_on: bool, guesses: bool) -> Along {
        let Along { node, mut pending, mut earned } = along;
        // A phrase is written when the word ends with it: "Ann" is no part of "Annie".
        if self.nodes[node].is_end && !goes_on {
            (earned, pending) = (earned + pending, 0.0);
        }
        if node != 0
            && let Some(&next) = self.nodes[node].next.get(&token)
        {
            return Along { node: next, pending: pending + BONUS, earned };
        }
        match self.nodes[0].next.get(&token) {
            Some(&next) => Along { node: next, pending: if guesses { BONUS } else { 0.0 }, earned },
            None => Along { node: 0, pending: 0.0, earned },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(expected: &Expected, tokens: &[(u32, bool)]) -> Vec<f32> {
        let mut along = Along::default();
        let step = |&(token, goes_on): &(u32, bool)| {
            along = expected.after(along, token, goes_on, true);
            along.bonus() / BONUS
        };
        tokens.iter().map(step).collect()
    }

    #[test]
    fn a_phrase_adds_while_it_is_written_and_keeps_it_at_its_end() {
        let mut expected = Expected::default();
        [&[1, 2, 3][..], &[1, 4]].iter().for_each(|phrase| expected.add(phrase));
        assert_eq!(
            along(&expected, &[(9, false), (1, false), (2, true), (3, true), (9, false)]),
            [0.0, 1.0, 2.0, 3.0, 3.0]
        );
        // Left before its end; and then another begins.
        assert_eq!(along(&expected, &[(1, false), (2, true), (9, false)]), [1.0, 2.0, 0.0]);
        assert_eq!(
            along(&expected, &[(1, false), (2, true), (1, false), (4, true), (9, false)]),
            [1.0, 2.0, 1.0, 2.0, 2.0]
        );
    }

    #[test]
    fn a_phrase_inside_a_longer_word_is_none() {
        let mut expected = Expected::default();
        expected.add(&[1]);
        assert_eq!(along(&expected, &[(1, false), (7, true), (9, false)]), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_phrase_that_begins_a_longer_one_is_not_lost_with_it() {
        let mut expected = Expected::default();
        [&[1][..], &[1, 5, 6]].iter().for_each(|phrase| expected.add(phrase));
        assert_eq!(along(&expected, &[(1, false), (5, false), (9, false)]), [1.0, 2.0, 1.0]);
        let next: Vec<u32> = expected.next(expected.after(Along::default(), 1, false, true)).collect();
        assert_eq!(next, [5, 1]);
    }

    #[test]
    fn scripts_without_spaces_are_known() {
        assert!(['東', 'ひ', 'ไ'].into_iter().all(is_written_together));
        assert!(!['K', 'é', 'Ж', '한', '1'].into_iter().any(is_written_together));
    }
}
