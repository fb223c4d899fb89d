//! Answers that go round in circles, as small models write them, end before the first repeat shows.

use crate::features::text::TokenId;

/// Shorter sentences ("Yes.") may stand twice in a row.
const LEAST_WORDS: usize = 3;

/// So many sentences in a row may come again in the same order before it counts as a circle.
const LONGEST_BLOCK: usize = 4;

/// So many tokens at the end are looked at for a circle without sentences.
const CIRCLE_TOKENS: usize = 96;

/// Longest period of such a circle: it is seen at least four times.
const LONGEST_PERIOD: usize = CIRCLE_TOKENS / 4;

/// Passes text on, except a sentence that is about to be written a second time.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The sentences so far, in lower case without spaces at their ends.
    sentences: Vec<String>,
    /// The sentence that is being written.
    current: String,
    /// How many bytes of it were passed on.
    shown: usize,
}

impl Repeats {
    /// Adds text; returns what may be shown, and whether the answer went round in a circle.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        let mut shown = String::new();
        for c in text.chars() {
            let ends = c == '\n' || (c.is_whitespace() && self.current.ends_with(['.', '!', '?']));
            self.current.push(c);
            if ends {
                if self.is_circle() {
                    self.current.clear();
                    return (shown, true);
                }
                shown.push_str(&self.current[self.shown..]);
                self.close();
            }
        }
        if !self.is_begun_again() {
            shown.push_str(&self.current[self.shown..]);
            self.shown = self.current.len();
        }
        (shown, false)
    }

    /// What was held back and is no repeat, and whether the last sentence was one.
    pub(super) fn finish(&mut self) -> (String, bool) {
        let circle = self.is_circle();
        let rest = if circle { String::new() } else { self.current[self.shown..].to_owned() };
        self.current.clear();
        self.shown = 0;
        (rest, circle)
    }

    fn close(&mut self) {
        let sentence = plain(&self.current);
        if !sentence.is_empty() {
            self.sentences.push(sentence);
        }
        self.current.clear();
        self.shown = 0;
    }

    /// Whether the sentence so far begins like the one before it.
    fn is_begun_again(&self) -> bool {
        let current = self.current.trim_start().to_lowercase();
        self.sentences.last().is_some_and(|last| is_long(last) && last.starts_with(current.trim_end()))
    }

    /// Whether the sentence that is complete now makes the last sentences a repeat of those before.
    fn is_circle(&self) -> bool {
        let current = plain(&self.current);
        if current.is_empty() {
            return false;
        }
        let n = self.sentences.len();
        (1..=LONGEST_BLOCK).any(|block| {
            let Some(before) = n.checked_sub(2 * block - 1) else { return false };
            let (first, second) = self.sentences[before..].split_at(block);
            first.iter().any(|sentence| is_long(sentence))
                && first[block - 1] == current
                && first[..block - 1] == *second
        })
    }
}

fn plain(sentence: &str) -> String {
    sentence.trim().to_lowercase()
}

fn is_long(sentence: &str) -> bool {
    sentence.split_whitespace().count() >= LEAST_WORDS
}

/// Whether the last tokens are one short run again and again.
pub(super) fn is_circle(written: &[TokenId]) -> bool {
    let Some(start) = written.len().checked_sub(CIRCLE_TOKENS) else { return false };
    let last = &written[start..];
    (1..=LONGEST_PERIOD).any(|period| last[period..] == last[..CIRCLE_TOKENS - period])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shown text and whether it ended early, given a few characters at a time.
    fn write(text: &str) -> (String, bool) {
        let mut repeats = Repeats::default();
        let mut out = String::new();
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(3) {
            let (shown, circle) = repeats.push(&piece.iter().collect::<String>());
            out.push_str(&shown);
            if circle {
                return (out, true);
            }
        }
        let (rest, circle) = repeats.finish();
        (out + &rest, circle)
    }

    #[test]
    fn a_sentence_is_not_shown_twice_in_a_row() {
        let (shown, circle) =
            write("It is a fish. The animal is also a fish. The animal is also a fish. The");
        assert_eq!((shown.trim_end(), circle), ("It is a fish. The animal is also a fish.", true));
        assert_eq!(write("It is a big fish. It is a big fish.").0.trim_end(), "It is a big fish.");
    }

    #[test]
    fn sentences_in_turn_are_a_circle() {
        let (shown, circle) =
            write("It rains all day. The sun is out. It rains all day. The sun is out. No.");
        assert!(circle && !shown.contains("No."), "{shown}");
    }

    #[test]
    fn what_only_begins_alike_is_shown_whole() {
        for text in [
            "The animal is a dog. The animal is a dog of some age. It sleeps.",
            "Yes. Yes. I am sure.",
            "- one cup of tea\n- one cup of milk\n\n- one cup of tea\n",
            "The animal is",
            "It is a dog. It is",
        ] {
            assert_eq!(write(text), (text.to_owned(), false));
        }
    }

    #[test]
    fn tokens_in_a_circle_are_noticed_whatever_their_period() {
        let tokens =
            |n: usize, period: usize| (0..n).map(|i| TokenId((i % period) as u32)).collect::<Vec<_>>();
        for period in [1, 2, 7, LONGEST_PERIOD] {
            assert!(is_circle(&tokens(CIRCLE_TOKENS, period)), "{period}");
            assert!(!is_circle(&tokens(CIRCLE_TOKENS - 1, period)), "{period}");
        }
        assert!(!is_circle(&tokens(500, 60)));
    }
}
