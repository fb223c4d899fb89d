//! Guesses by what stood there before: answers about a text repeat pieces of it (Saxena, "Prompt Lookup Decoding",
//! 2023).

use std::collections::HashMap;

/// Runs of this many tokens are looked for first,
const LONGEST: usize = 4;

/// and shorter ones down to this.
const SHORTEST: usize = 2;

/// Fills up shorter runs in front; no token has this number.
const NONE: u32 = u32::MAX;

/// Tokens so far, with an index of the runs in them.
#[derive(Default)]
pub(super) struct Lookup {
    tokens: Vec<u32>,
    /// Where the token after the last occurrence of each run stands.
    after: HashMap<[u32; LONGEST], usize>,
    guess: Option<Guess>,
}

/// Where a copy of what comes next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Guess {
    at: usize,
    /// So many tokens before it are those that stand last.
    matched: usize,
}

impl Lookup {
    /// Adds a token; the length of the match that guessed it, and whether the guess was right.
    pub(super) fn push(&mut self, token: u32) -> Option<(usize, bool)> {
        let told = self.guess.map(|guess| (guess, self.tokens[guess.at] == token));
        self.tokens.push(token);
        let followed = told.filter(|(_, is_right)| *is_right);
        let followed = followed.map(|(Guess { at, matched }, _)| Guess { at: at + 1, matched: matched + 1 });
        let mut found = None;
        for n in (SHORTEST..=LONGEST.min(self.tokens.len())).rev() {
            let mut run = [NONE; LONGEST];
            run[LONGEST - n..].copy_from_slice(&self.tokens[self.tokens.len() - n..]);
            let before = self.after.insert(run, self.tokens.len());
            found = found.or(before.map(|at| Guess { at, matched: n }));
        }
        self.guess = followed.or(found);
        told.map(|(guess, is_right)| (guess.matched, is_right))
    }

    /// Adds tokens that nobody chose.
    pub(super) fn extend(&mut self, tokens: impl IntoIterator<Item = u32>) {
        for token in tokens {
            self.push(token);
        }
    }

    /// How many tokens the place that is copied from has in common with the end.
    pub(super) fn matched(&self) -> Option<usize> {
        self.guess.map(|guess| guess.matched)
    }

    /// The next `n` tokens, as they stood there; a copy that reaches the end goes on with itself.
    pub(super) fn guess(&self, n: usize) -> Vec<u32> {
        let Some(Guess { at, .. }) = self.guess else { return Vec::new() };
        let period = self.tokens.len() - at;
        (0..n).map(|i| self.tokens[at + i % period]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tokens: &[u32]) -> Lookup {
        let mut lookup = Lookup::default();
        lookup.extend(tokens.iter().copied());
        lookup
    }

    #[test]
    fn the_longest_match_counts_and_then_the_latest() {
        // `2 3` stood there twice, `1 2 3` once.
        let lookup = read(&[1, 2, 3, 4, 5, 2, 3, 6, 7, 1, 2, 3]);
        assert_eq!((lookup.matched(), lookup.guess(3)), (Some(3), vec![4, 5, 2]));
        let lookup = read(&[1, 2, 3, 4, 5, 2, 3, 6, 7, 9, 2, 3]);
        assert_eq!((lookup.matched(), lookup.guess(2)), (Some(2), vec![6, 7]));
        assert_eq!(read(&[1, 2, 3, 4, 5, 6, 3]).matched(), None, "one token is no match");
        assert!(read(&[]).guess(3).is_empty());
    }

    #[test]
    fn a_copy_is_followed_while_it_is_right() {
        let mut lookup = read(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 4]);
        assert_eq!(lookup.push(5), Some((2, true)));
        assert_eq!(lookup.push(6), Some((3, true)));
        assert_eq!((lookup.matched(), lookup.guess(2)), (Some(4), vec![7, 8]));
        assert_eq!(lookup.push(40), Some((4, false)));
        assert_eq!((lookup.matched(), lookup.push(41)), (None, None));
    }

    #[test]
    fn a_circle_goes_on_with_itself() {
        assert_eq!(read(&[7, 1, 2, 3, 1, 2, 3, 1, 2]).guess(7), [3, 1, 2, 3, 1, 2, 3]);
        assert_eq!(read(&[5, 5, 5]).guess(3), [5, 5, 5]);
    }

    /// Against a search through all tokens.
    #[test]
    fn every_guess_is_a_place_with_the_same_tokens_before_it() {
        let mut state = 1;
        let tokens: Vec<u32> = (0..3000).map(|_| (crate::random::next_bits(&mut state) % 5) as u32).collect();
        let mut lookup = Lookup::default();
        let mut n_guesses = 0;
        for (i, token) in tokens.iter().enumerate() {
            let before = lookup.guess;
            assert_eq!(lookup.push(*token), before.map(|guess| (guess.matched, tokens[guess.at] == *token)));
            let Some(Guess { at, matched }) = lookup.guess else { continue };
            n_guesses += 1;
            assert!(at <= i && matched >= SHORTEST);
            assert_eq!(tokens[at - matched..at], tokens[i + 1 - matched..=i], "at {i}");
        }
        assert!(n_guesses > 2900);
    }
}
