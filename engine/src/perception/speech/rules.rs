//! Which token may come next: Whisper's rules for timestamps.
//!
//! A transcript is times and text in turn: a time, text, a time; the next part begins with a time
//! again, or the transcript ends. Times never run backwards, nor past the end of the sound.
//! <https://github.com/openai/whisper/blob/main/whisper/decoding.py>

use super::vocabulary::{TIMESTAMP_S, Vocabulary};
use crate::kernels::{largest, sum_exp};

/// Speech begins within the first second of a window.
const LATEST_START_S: f64 = 1.0;

/// What is constant during one window.
pub struct Rules<'a> {
    vocabulary: &'a Vocabulary,
    /// Tokens that are no speech: brackets, notes, symbols.
    suppressed: &'a [u32],
    /// Tokens that may not come first: a space, the end.
    suppressed_first: &'a [u32],
    last_timestamp: u32,
}

impl<'a> Rules<'a> {
    /// For a window of which `content_s` seconds are sound.
    pub fn new(
        vocabulary: &'a Vocabulary,
        suppressed: &'a [u32],
        suppressed_first: &'a [u32],
        content_s: f64,
    ) -> Self {
        let last_timestamp = vocabulary.first_timestamp + (content_s / TIMESTAMP_S).ceil() as u32;
        Self { vocabulary, suppressed, suppressed_first, last_timestamp }
    }

    /// Turns logits into log-probabilities of the tokens that may follow `tokens` (those after the
    /// prompt); the others become −∞.
    pub fn apply(&self, tokens: &[u32], logits: &mut [f32]) {
        let vocabulary = self.vocabulary;
        let (end, first) = (vocabulary.end as usize, vocabulary.first_timestamp as usize);
        let mut forbid = |range: std::ops::Range<usize>| {
            let n = logits.len();
            logits[range.start.min(n)..range.end.clamp(range.start.min(n), n)].fill(f32::NEG_INFINITY);
        };
        forbid(end + 1..first);
        for &id in self.suppressed {
            forbid(id as usize..id as usize + 1);
        }
        forbid(self.last_timestamp as usize + 1..usize::MAX);
        let is_time = |i: usize| tokens.len() >= i && vocabulary.is_timestamp(tokens[tokens.len() - i]);
        if tokens.is_empty() {
            for &id in self.suppressed_first {
                forbid(id as usize..id as usize + 1);
            }
            forbid(0..first);
            forbid(first + (LATEST_START_S / TIMESTAMP_S) as usize + 1..usize::MAX);
        } else if is_time(1) && (tokens.len() == 1 || is_time(2)) {
            forbid(first..usize::MAX); // A part has begun: text.
        } else if is_time(1) {
            forbid(0..end); // A part has ended: the next one's time, or the end.
        }
        if let Some(&latest) = tokens.iter().rfind(|&&id| vocabulary.is_timestamp(id)) {
            // A part may begin where the last one ended, but not end where it began.
            let next = if is_time(1) && !(tokens.len() == 1 || is_time(2)) { latest } else { latest + 1 };
            forbid(first..next as usize);
        }
        log_softmax(logits);
        // When times together are likelier than any one text token, it is time for a time.
        let times = sum_exp(&logits[first..], 0.0);
        let text = largest(&logits[..first]);
        if times.ln() > text && text > f32::NEG_INFINITY {
            logits[..first].fill(f32::NEG_INFINITY);
            log_softmax(logits);
        }
    }
}

/// In place; −∞ stays.
pub fn log_softmax(logits: &mut [f32]) {
    let max = largest(logits);
    if max == f32::NEG_INFINITY {
        return;
    }
    let shift = max + sum_exp(logits, max).ln();
    for l in logits {
        *l -= shift;
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::tiny;
    use super::*;

    const T0: u32 = 18;

    /// The ids that may follow, of a vocabulary of 10 words and times up to 2 s.
    fn allowed(tokens: &[u32], favoured: u32) -> Vec<u32> {
        let vocabulary = tiny();
        let mut logits = vec![0.0; T0 as usize + 101];
        logits[favoured as usize] = 20.0;
        Rules::new(&vocabulary, &[8], &[10], 1.5).apply(tokens, &mut logits);
        (0..logits.len() as u32).filter(|&id| logits[id as usize] > f32::NEG_INFINITY).collect()
    }

    #[test]
    fn a_transcript_begins_with_a_time_in_the_first_second() {
        assert_eq!(allowed(&[], T0), (T0..=T0 + 50).collect::<Vec<_>>());
    }

    #[test]
    fn after_the_time_of_a_beginning_comes_text() {
        let text: Vec<u32> = (0..=10).filter(|&id| id != 8).collect();
        assert_eq!(allowed(&[T0 + 3], 0), text);
        assert_eq!(allowed(&[T0, 1, T0 + 9, T0 + 9], 0), text);
    }

    #[test]
    fn after_text_comes_text_or_a_later_time_within_the_sound() {
        let all = allowed(&[T0 + 3, 1], 0);
        assert!(all.contains(&1) && all.contains(&10) && all.contains(&(T0 + 4)));
        assert!(!all.contains(&(T0 + 3)) && !all.contains(&8) && !all.contains(&12));
        assert_eq!(all.last(), Some(&(T0 + 75)));
    }

    #[test]
    fn after_the_time_of_an_end_comes_a_time_that_is_not_earlier_or_the_end() {
        let all = allowed(&[T0 + 3, 1, T0 + 9], 10);
        assert_eq!(all[0], 10);
        assert_eq!(all[1..], (T0 + 9..=T0 + 75).collect::<Vec<_>>());
    }

    #[test]
    fn likely_times_win_over_scattered_text() {
        assert!(allowed(&[T0, 1], T0 + 40).iter().all(|&id| id >= T0));
    }
}
