//! Which evidence supports which sentence of an answer.
//!
//! Decided by words alone, so that it is the same everywhere, at once, and can be checked by reading: a model that
//! wrote a wrong sentence would also point at the wrong place.

use std::collections::BTreeSet;
use std::ops::Range;

use super::words;
use crate::sequence::Evidence;

/// Words in common that a quote and a sentence need; a sentence with fewer needs all of its own.
const LEAST_SHARED: usize = 2;

/// A quote supports a sentence when it has this share of the sentence's words …
const SHARE_OF_SENTENCE: f32 = 0.5;

/// … or the sentence has this share of the quote's.
const SHARE_OF_QUOTE: f32 = 0.6;

/// Most pieces of evidence for one sentence.
const MOST: usize = 3;

/// Sentences with fewer words state nothing that could be looked up: "Yes.", "Here it is:".
const LEAST_TERMS: usize = 3;

/// A sentence of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Where it stands in the text.
    pub bytes: Range<usize>,
    /// Indices of the evidence that says the same, in rising order; at most three.
    pub evidence: Vec<usize>,
    /// Whether it states something, so that missing evidence is worth telling.
    pub is_statement: bool,
}

/// The sentences of a text without markup, each with the evidence that supports it.
///
/// A quote supports a sentence when both share at least two content words (stemmed, without stop words), these are half
/// of the sentence's or six in ten of the quote's, and every number of the sentence is in the quote. A label, which
/// names what was seen, supports a sentence that has its last word or all of its words.
pub fn claims(text: &str, evidence: &[Evidence]) -> Vec<Claim> {
    let said: Vec<Said> = evidence.iter().map(Said::of).collect();
    let sentences = words::sentences(text).into_iter();
    sentences
        .map(|bytes| {
            let sentence = &text[bytes.clone()];
            let terms = terms(sentence);
            let mut fits: Vec<(f32, usize)> =
                said.iter().enumerate().filter_map(|(i, said)| Some((said.fit(&terms)?, i))).collect();
            // Equal fits keep the order of the evidence.
            fits.sort_by(|a, b| b.0.total_cmp(&a.0));
            let mut evidence: Vec<usize> = fits.into_iter().take(MOST).map(|(_, i)| i).collect();
            evidence.sort_unstable();
            let is_statement = terms.len() >= LEAST_TERMS && !sentence.ends_with(['?', ':']);
            Claim { bytes, evidence, is_statement }
        })
        .collect()
}

/// The words of a piece of evidence.
struct Said {
    terms: BTreeSet<String>,
    /// The last word of a label, which names the thing: "cat" of "tabby cat".
    thing: Option<String>,
}

impl Said {
    fn of(evidence: &Evidence) -> Self {
        match (&evidence.quote, &evidence.label) {
            (Some(quote), _) => Self { terms: terms(quote), thing: None },
            (None, Some(label)) => {
                // Of several names of one thing the first is the usual one.
                let name = label.split(',').next().unwrap_or(label);
                Self { terms: terms(name), thing: words::terms(name).pop() }
            }
            (None, None) => Self { terms: BTreeSet::new(), thing: None },
        }
    }

    /// How well it supports a sentence, 0 to 1; `None` when it does not.
    fn fit(&self, sentence: &BTreeSet<String>) -> Option<f32> {
        if sentence.is_empty() || self.terms.is_empty() {
            return None;
        }
        let n_shared = self.terms.intersection(sentence).count();
        if let Some(thing) = &self.thing {
            let named = sentence.contains(thing) || n_shared == self.terms.len();
            return named.then_some(n_shared as f32 / self.terms.len() as f32);
        }
        // A number is what a sentence is most often wrong about.
        let is_number = |term: &&String| term.bytes().any(|byte| byte.is_ascii_digit());
        if sentence.iter().filter(is_number).any(|number| !self.terms.contains(number)) {
            return None;
        }
        let of_sentence = n_shared as f32 / sentence.len() as f32;
        let of_quote = n_shared as f32 / self.terms.len() as f32;
        let enough = n_shared >= LEAST_SHARED.min(sentence.len());
        (enough && (of_sentence >= SHARE_OF_SENTENCE || of_quote >= SHARE_OF_QUOTE))
            .then_some(of_sentence.max(of_quote))
    }
}

/// The terms of a text; small numbers in words are the same as in digits.
fn terms(text: &str) -> BTreeSet<String> {
    const NUMBERS: [&str; 11] =
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let stems: Vec<String> = NUMBERS.iter().map(|word| words::stem(word)).collect();
    let as_digits = |term: String| match stems.iter().position(|stem| *stem == term) {
        Some(i) => (i + 2).to_string(),
        None => term,
    };
    words::terms(text).into_iter().map(as_digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::{Place, Rect};

    fn quote(text: &str) -> Evidence {
        let place = Place::Page { page: 1, boxes: Vec::new() };
        Evidence { source: "a.pdf".into(), place, quote: Some(text.into()), label: None, score: 0.9 }
    }

    fn label(text: &str) -> Evidence {
        let place = Place::Picture { area: Rect::WHOLE };
        Evidence { source: "a.png".into(), place, quote: None, label: Some(text.into()), score: 0.9 }
    }

    /// For each sentence, the evidence that supports it.
    fn cited(text: &str, evidence: &[Evidence]) -> Vec<Vec<usize>> {
        claims(text, evidence).into_iter().map(|claim| claim.evidence).collect()
    }

    #[test]
    fn a_sentence_is_supported_by_the_quote_that_shares_its_words() {
        let evidence = [
            quote("Repaint the screen | every four years | white gloss paint"),
            quote("The station stands at a height of 412 m above the sea."),
        ];
        let answer = "The screen is repainted every four years. The station stands 412 m above the sea. \
                      It was built by a famous architect.";
        assert_eq!(cited(answer, &evidence), [vec![0], vec![1], vec![]]);
        assert_eq!(cited("It is repainted every 4 years with white gloss.", &evidence), [vec![0]]);
    }

    #[test]
    fn a_wrong_number_is_never_supported() {
        let evidence = [quote("The station stands at a height of 412 m above the sea.")];
        assert_eq!(cited("The station stands 421 m above the sea.", &evidence), [Vec::<usize>::new()]);
        assert_eq!(cited("412.", &evidence), [vec![0]], "a short answer needs only its own words");
        assert_eq!(cited("Sea.", &evidence), [vec![0]]);
        assert_eq!(cited("The sea was calm and the crew slept.", &evidence), [Vec::<usize>::new()]);
    }

    #[test]
    fn one_sentence_may_rest_on_several_places_and_a_long_one_on_a_short_quote() {
        let evidence = [
            quote("The budget is too small."),
            quote("Work begins in May."),
            quote("Nothing else was said about gardens."),
        ];
        let answer = "The budget is too small, and the work on the north wing of the building begins in May.";
        assert_eq!(cited(answer, &evidence), [vec![0, 1]]);
        let many: Vec<Evidence> = (0..5).map(|_| quote("The budget is too small.")).collect();
        assert_eq!(cited("The budget is small.", &many), [vec![0, 1, 2]]);
    }

    #[test]
    fn what_was_seen_supports_a_sentence_that_names_it() {
        let evidence = [label("tabby cat"), label("espresso, coffee shot")];
        assert_eq!(
            cited("It is a cat. It is a tabby. It drinks espresso.", &evidence),
            [vec![0], vec![], vec![1]]
        );
    }

    #[test]
    fn only_statements_are_missed_when_nothing_supports_them() {
        let states = |text: &str| claims(text, &[])[0].is_statement;
        assert!(states("The committee rejected the proposal in spring."));
        assert!(!states("Yes."));
        assert!(!states("Would you like to know more about this subject?"));
        assert!(!states("Here are the three main points of the committee:"));
        assert!(claims("", &[quote("a b c")]).is_empty());
        let text = "Grüße. Die Brücke ist alt.";
        let found: Vec<&str> = claims(text, &[]).into_iter().map(|claim| &text[claim.bytes]).collect();
        assert_eq!(found, ["Grüße.", "Die Brücke ist alt."]);
    }
}
