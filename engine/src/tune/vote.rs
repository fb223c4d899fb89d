//! One answer from several chains: the majority of their answers (Wang et al., Self-Consistency, 2023), and only where
//! that is clear (uncertainty-routed, as in the Gemini report, 2023, section 5.1.1).

use serde::Serialize;

use super::form::{answer_of, plain};

/// The answer that most chains give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Majority {
    /// As the first of them wrote it.
    pub answer: String,
    /// Chains that give it.
    pub votes: usize,
    /// Chains that give an answer.
    pub answered: usize,
}

/// A share of all chains from which on a majority is clear.
pub const CLEAR: f64 = 0.5;

/// The answer that most of the chains end with, of equal ones the first; `None` when none has an answer.
pub fn majority(chains: &[&str]) -> Option<Majority> {
    let answers: Vec<String> = chains.iter().filter_map(|chain| answer_of(chain)).collect();
    let votes = |answer: &String| answers.iter().filter(|other| plain(other) == plain(answer)).count();
    let mut best: Option<(&String, usize)> = None;
    for answer in &answers {
        let n = votes(answer);
        if best.is_none_or(|(_, most)| n > most) {
            best = Some((answer, n));
        }
    }
    best.map(|(answer, votes)| Majority { answer: answer.clone(), votes, answered: answers.len() })
}

/// The majority of `chains` where it is clear, else what the `likeliest` chain answers, else the majority that there is.
/// Also says whether the vote decided.
pub fn routed(chains: &[&str], likeliest: &str) -> Option<(String, bool)> {
    let most = majority(chains);
    let is_clear = |most: &Majority| most.votes as f64 >= CLEAR * chains.len() as f64 && most.votes > 1;
    match (most, answer_of(likeliest)) {
        (Some(most), _) if is_clear(&most) => Some((most.answer, true)),
        (_, Some(answer)) => Some((answer, false)),
        (Some(most), None) => Some((most.answer, true)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_majority_decides_and_else_the_likeliest_chain() {
        let (five, six) = ("The answer is 5.", "So the answer is 6.");
        assert_eq!(routed(&[five, six, five, "?"], six), Some(("5".into(), true)));
        assert_eq!(routed(&[five, six, "?", "?", "?"], six), Some(("6".into(), false)));
        assert_eq!(routed(&[five, "?", "?"], "no answer"), Some(("5".into(), true)));
        assert_eq!(routed(&["?"], "?"), None);
        let most = majority(&["?", six, "The answer is 1,000.", "The answer is 1000."]).unwrap();
        assert_eq!((most.answer.as_str(), most.votes, most.answered), ("1,000", 2, 3));
    }
}
