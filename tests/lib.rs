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
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in heard.iter().enumerate() {
            let best = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(word != other));
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    (row[heard.len()], said.len())
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
}
