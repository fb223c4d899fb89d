//! Test helpers.

use std::path::Path;

/// Words of a transcript, for comparing: lower case, no punctuation, hyphens split.
pub fn normalised_words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace("mr.", "mister")
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How many words must be changed, added or removed to get from `heard` to `said`, and how many
/// words were said.
pub fn word_errors(said: &str, heard: &str) -> (usize, usize) {
    let (said, heard) = (normalised_words(said), normalised_words(heard));
    (edits(&said, &heard), said.len())
}

/// The share of characters that must be changed, added or removed to get from `read` to `printed`.
pub fn character_error_rate(printed: &str, read: &str) -> f64 {
    let (printed, read): (Vec<char>, Vec<char>) = (printed.chars().collect(), read.chars().collect());
    edits(&printed, &read) as f64 / printed.len().max(1) as f64
}

/// Levenshtein's distance.
fn edits<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, one) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let best = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(one != other));
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

/// The samples of a 16-bit mono WAV file, −1 to 1.
pub fn wav_samples(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let data = bytes.windows(4).position(|tag| tag == b"data").map(|at| &bytes[at + 8..]);
    let data = data.unwrap_or_else(|| panic!("{} is not a WAV file", path.display()));
    data.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_errors_count_changes_insertions_and_losses() {
        assert_eq!(word_errors("He was not ill-disposed.", "he was not ill disposed"), (0, 5));
        assert_eq!(word_errors("a b c d", "a x c"), (2, 4));
        assert_eq!(word_errors("a", "a b c"), (2, 1));
        assert_eq!(word_errors("", ""), (0, 0));
    }

    #[test]
    fn character_errors_are_a_share_of_what_is_printed() {
        assert!((character_error_rate("abcd", "abxd") - 0.25).abs() < 1e-9);
        assert!((character_error_rate("ab", "") - 1.0).abs() < 1e-9);
    }
}
