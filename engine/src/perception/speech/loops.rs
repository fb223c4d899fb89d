//! Text that says the same over and over, which small checkpoints fall into.

use std::io::Write;

/// Text that compresses better repeats itself.
const MAX_COMPRESSION: f32 = 2.4;
/// This many tokens that repeat one pattern at least four times are a loop.
const LOOP_TOKENS: usize = 16;
const LONGEST_PATTERN: usize = 10;

/// Whether text says the same over and over.
pub fn repeats_itself(text: &str) -> bool {
    compression_ratio(text) > MAX_COMPRESSION
}

/// How often zlib makes text shorter.
fn compression_ratio(text: &str) -> f32 {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let written = zlib.write_all(text.as_bytes()).and_then(|()| zlib.finish());
    written.map_or(1.0, |packed| text.len() as f32 / packed.len().max(1) as f32)
}

/// Whether the last tokens repeat one pattern.
pub fn is_loop(tokens: &[u32]) -> bool {
    (1..=LONGEST_PATTERN).any(|period| repeats(tokens, period))
}

fn repeats(tokens: &[u32], period: usize) -> bool {
    let n = LOOP_TOKENS.max(4 * period);
    tokens.len() >= n && {
        let tail = &tokens[tokens.len() - n..];
        tail[period..] == tail[..n - period]
    }
}

/// How many tokens are left when the pattern that the last ones repeat is kept once.
pub fn without_loop(tokens: &[u32]) -> usize {
    let Some(period) = (1..=LONGEST_PATTERN).find(|&period| repeats(tokens, period)) else {
        return tokens.len();
    };
    let mut n = tokens.len();
    while n >= 2 * period && tokens[n - period..n] == tokens[n - 2 * period..n - period] {
        n -= period;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_repeats_is_a_loop() {
        assert!(is_loop(&[7; 16]));
        assert!(!is_loop(&[7; 15]));
        assert!(is_loop(&[9, 1, 2, 3].into_iter().chain([4, 5].repeat(8)).collect::<Vec<_>>()));
        assert!(!is_loop(&(0..64).collect::<Vec<_>>()));
    }

    #[test]
    fn a_loop_is_kept_once() {
        let tokens: Vec<u32> = [9, 1, 2, 3].into_iter().chain([4, 5].repeat(8)).collect();
        assert_eq!(without_loop(&tokens), 6);
        assert_eq!(without_loop(&[9; 20]), 1);
        assert_eq!(without_loop(&[1, 2, 3]), 3);
    }

    #[test]
    fn repeated_text_compresses_better_than_a_sentence() {
        assert!(compression_ratio(&" and then he said".repeat(20)) > MAX_COMPRESSION);
        assert!(compression_ratio("It was a bright cold day in April.") < MAX_COMPRESSION);
    }
}
