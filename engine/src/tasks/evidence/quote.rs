//! The words in a passage that answer: always a part of the span's own text.

use std::ops::Range;

use super::passage::has_words;
use super::words::sentences;

/// A passage of up to this many bytes is quoted whole.
const WHOLE_BYTES: usize = 160;

/// A neighbour that fits nearly as well as the best sentence is quoted with it.
const NEARLY: f32 = 0.85;

/// Shorter sentences ("Yes.", "It does.") are quoted with the one that follows.
const TOO_SHORT_BYTES: usize = 24;

/// A quote does not grow longer than this for a sentence that leans on another.
const LEANING_BYTES: usize = 480;

/// Words that point back to the sentence before, where they stand among the first of a sentence.
const POINTING: [&str; 30] = [
    "this", "that", "these", "those", "such", "it", "its", "they", "them", "their", "dies", "diese",
    "dieser", "dieses", "diesem", "diesen", "solche", "solcher", "es", "sie", "dabei", "dazu", "ce", "cet",
    "cette", "ces", "cela", "il", "elle", "ils",
];

/// How many of its first words make a sentence lean on the one before.
const FIRST_WORDS: usize = 10;

/// Words from which on a sentence can be a fact that needs nothing beside it.
const FACT_WORDS: usize = 5;

/// How many of its first words must not point back then: further on they point to the sentence itself.
const OWN_WORDS: usize = 2;

/// Which sentences are not understood without the one before it: they point back to it, or it announced them.
pub(super) fn leaning(sentences: &[&str]) -> Vec<bool> {
    let announced = |i: usize| i > 0 && announces(sentences[i - 1]);
    (0..sentences.len()).map(|i| leans(sentences[i]) || announced(i)).collect()
}

/// Whether a sentence says that another one follows.
pub(crate) fn announces(sentence: &str) -> bool {
    sentence.trim_end().ends_with(':')
}

fn leans(sentence: &str) -> bool {
    points_back(sentence, FIRST_WORDS)
}

/// Whether one of the first `n` words points to what was said before.
fn points_back(sentence: &str, n: usize) -> bool {
    let words = sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.take(n).any(|word| POINTING.contains(&word.to_lowercase().as_str()))
}

/// Whether a text is whole sentences that are understood with nothing before them.
pub(crate) fn says_a_fact(text: &str) -> bool {
    let text = text.trim();
    let begins =
        !text.starts_with(char::is_lowercase) && text.split_whitespace().nth(FACT_WORDS - 1).is_some();
    begins && text.ends_with(['.', '!', '?']) && !points_back(text, OWN_WORDS)
}

/// The parts of a passage that can be quoted: the whole when it is short, else its sentences.
pub(super) fn candidates(text: &str, passage: Range<usize>) -> Vec<Range<usize>> {
    let body = text.get(passage.clone()).unwrap_or_default();
    let mut found: Vec<Range<usize>> = sentences(body)
        .into_iter()
        .filter(|sentence| has_words(&body[sentence.clone()]))
        .map(|sentence| passage.start + sentence.start..passage.start + sentence.end)
        .collect();
    if body.len() <= WHOLE_BYTES {
        let whole = found.first().zip(found.last()).map(|(first, last)| first.start..last.end);
        return whole.into_iter().collect();
    }
    // A sentence too short to stand alone joins the next one.
    let mut i = 0;
    while i + 1 < found.len() {
        if found[i].len() < TOO_SHORT_BYTES {
            found[i + 1].start = found[i].start;
            found.remove(i);
        } else {
            i += 1;
        }
    }
    found
}

/// The best candidate, with a neighbour that fits nearly as well, and with what leans on it or it leans on: the answer to
/// a question often stands in the sentence after the one that has its words. For an overview the beginning stays.
pub(super) fn best(
    candidates: &[Range<usize>],
    scores: &[f32],
    leaning: &[bool],
    overview: bool,
) -> Range<usize> {
    if overview {
        let last = candidates.iter().take_while(|c| c.end - candidates[0].start <= WHOLE_BYTES).last();
        return candidates[0].start..last.unwrap_or(&candidates[0]).end;
    }
    // The earlier of equals.
    let at = (0..candidates.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or_default();
    let near = |i: usize| scores[i] > 0.0 && scores[i] >= NEARLY * scores[at];
    let before = at.checked_sub(1).filter(|&i| near(i));
    let after = Some(at + 1).filter(|&i| i < candidates.len() && near(i));
    let (mut first, mut last) = match (before, after) {
        (Some(i), _) if after.is_none_or(|j| scores[i] >= scores[j]) => (i, at),
        (_, Some(j)) => (at, j),
        _ => (at, at),
    };
    let fits = |first: usize, last: usize| candidates[last].end - candidates[first].start <= LEANING_BYTES;
    if leaning.get(last + 1) == Some(&true) && fits(first, last + 1) {
        last += 1;
    }
    if leaning[first] && first > 0 && fits(first - 1, last) {
        first -= 1;
    }
    candidates[first].start..candidates[last].end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_a_whole_sentence_that_points_to_nothing_before_it() {
        for fact in ["The parrot is called Halley.", "Did the ship sink because it struck ice?"] {
            assert!(says_a_fact(fact), "{fact}");
        }
        for other in [
            "Weight",
            "It is called Halley by all.",
            "In this way the ship sinks.",
            "and sings at night in March.",
        ] {
            assert!(!says_a_fact(other), "{other}");
        }
        assert!(!says_a_fact("The parrot of the lady who lives"), "a line that goes on");
        assert!(!says_a_fact("See page four."), "too short");
    }

    #[test]
    fn short_passages_are_quoted_whole_and_long_ones_by_sentence() {
        let text = "One. Two is short.";
        assert_eq!(candidates(text, 0..text.len()), vec![0..18; 1]);
        let long = format!("Yes. {} {}", "It has a long sentence to say here. ".repeat(3), "x ".repeat(60));
        let found = candidates(&long, 0..long.len());
        assert!(long[found[0].clone()].starts_with("Yes. It has") && found.len() >= 3, "{found:?}");
        assert!(candidates("   ", 0..3).is_empty());
        assert!(candidates(&". ".repeat(200), 0..400).is_empty(), "marks are no words");
    }

    #[test]
    fn the_best_sentence_takes_a_neighbour_that_fits_as_well() {
        let candidates = [0..10, 11..20, 21..30];
        assert_eq!(best(&candidates, &[0.1, 0.9, 0.2], &[false; 3], false), 11..20);
        assert_eq!(best(&candidates, &[0.1, 0.9, 0.8], &[false; 3], false), 11..30);
        assert_eq!(best(&candidates, &[0.85, 0.9, 0.8], &[false; 3], false), 0..20);
        assert_eq!(best(&candidates, &[0.0, 0.0, 0.0], &[false; 3], false), 0..10);
        assert_eq!(best(&candidates, &[0.0, 0.0, 1.0], &[false; 3], true), 0..30);
    }
}
