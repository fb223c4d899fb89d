//! When each word was said: the cross-attention of a few heads follows the sound, and the cheapest
//! monotone path through it gives every token its time.
//!
//! <https://github.com/openai/whisper/blob/main/whisper/timing.py>; here the attention is that of
//! the decoding itself, so no second pass is needed.

use std::ops::Range;

use super::vocabulary::{TIMESTAMP_S, Vocabulary};

/// Neighbours in time of which the median is taken.
const MEDIAN_WIDTH: usize = 7;

/// How much later than a word begins the heads of a checkpoint move on to it, in seconds. It differs by its heads: of
/// tiny.en it is the median over 64 read words against a forced alignment, of base what puts 304 words nearest to where a
/// synthesizer said them. Of others it was not measured.
pub fn attention_lag_s(alignment: &[(usize, usize)]) -> f64 {
    const TINY_EN: [(usize, usize); 8] = [(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)];
    const BASE: [(usize, usize); 8] = [(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)];
    match alignment {
        heads if heads == TINY_EN => 0.11,
        heads if heads == BASE => -0.03,
        _ => 0.03,
    }
}

/// A word of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenWord {
    /// Which tokens of the transcript.
    pub tokens: Range<usize>,
    /// As written, with the space before it.
    pub text: String,
}

/// The time of every token's beginning in seconds, and last the time of the end.
///
/// `attention[i]` is what predicted token `i`: `[n_heads, n_positions]`; only the first
/// `n_content` positions hold sound.
pub fn token_times(attention: &[Vec<f32>], n_heads: usize, n_content: usize) -> Vec<f64> {
    let n_tokens = attention.len();
    let mut cost = vec![0.0_f32; n_tokens * n_content];
    for head in 0..n_heads {
        let of_head = |token: usize| {
            let n_positions = attention[token].len() / n_heads;
            &attention[token][head * n_positions..head * n_positions + n_content.min(n_positions)]
        };
        // What is unusual for a token, not what all tokens look at.
        let (mut mean, mut square) = (vec![0.0_f32; n_content], vec![0.0_f32; n_content]);
        for token in 0..n_tokens {
            for ((m, s), w) in mean.iter_mut().zip(&mut square).zip(of_head(token)) {
                *m += w / n_tokens as f32;
                *s += w * w / n_tokens as f32;
            }
        }
        let scale: Vec<f32> =
            mean.iter().zip(&square).map(|(m, s)| 1.0 / (s - m * m).max(1e-12).sqrt()).collect();
        for token in 0..n_tokens {
            let unusual: Vec<f32> =
                of_head(token).iter().zip(&mean).zip(&scale).map(|((w, m), s)| (w - m) * s).collect();
            for (c, v) in cost[token * n_content..].iter_mut().zip(median_filter(&unusual)) {
                *c -= v / n_heads as f32;
            }
        }
    }
    let path = cheapest_path(&cost, n_tokens, n_content);
    let mut times: Vec<f64> = Vec::with_capacity(n_tokens + 1);
    for (token, position) in path {
        if token == times.len() {
            times.push(position as f64 * TIMESTAMP_S);
        }
    }
    times.push(n_content as f64 * TIMESTAMP_S);
    times
}

/// The median of each value and its neighbours; the ends are mirrored.
fn median_filter(values: &[f32]) -> Vec<f32> {
    let (n, half) = (values.len(), MEDIAN_WIDTH / 2);
    if n <= half {
        return values.to_vec();
    }
    let at = |i: isize| {
        let i = i.unsigned_abs();
        values[if i < n { i } else { 2 * (n - 1) - i }]
    };
    (0..n as isize)
        .map(|i| {
            let mut near: [f32; MEDIAN_WIDTH] = std::array::from_fn(|k| at(i + k as isize - half as isize));
            *near.select_nth_unstable_by(half, f32::total_cmp).1
        })
        .collect()
}

/// Dynamic time warping: the monotone path from the first corner of `[n_rows, n_cols]` to the last
/// with the smallest sum, as (row, column) pairs.
fn cheapest_path(cost: &[f32], n_rows: usize, n_cols: usize) -> Vec<(usize, usize)> {
    if n_rows == 0 || n_cols == 0 {
        return Vec::new();
    }
    const DIAGONAL: u8 = 0;
    const UP: u8 = 1;
    const LEFT: u8 = 2;
    let mut from = vec![DIAGONAL; n_rows * n_cols];
    let mut above = vec![f32::INFINITY; n_cols];
    for row in 0..n_rows {
        let mut diagonal = if row == 0 { 0.0 } else { f32::INFINITY };
        let mut left = f32::INFINITY;
        for col in 0..n_cols {
            let (mut best, mut way) = (diagonal, DIAGONAL);
            if above[col] < best {
                (best, way) = (above[col], UP);
            }
            if left < best {
                (best, way) = (left, LEFT);
            }
            from[row * n_cols + col] = way;
            diagonal = above[col];
            left = best + cost[row * n_cols + col];
            above[col] = left;
        }
    }
    let (mut row, mut col) = (n_rows - 1, n_cols - 1);
    let mut path = vec![(row, col)];
    while row > 0 || col > 0 {
        match from[row * n_cols + col] {
            DIAGONAL => (row, col) = (row - 1, col - 1),
            UP => row -= 1,
            _ => col -= 1,
        }
        path.push((row, col));
    }
    path.reverse();
    path
}

/// Joins text tokens to words: at spaces, or character by character where a language has none.
/// `tokens` are positions and ids.
pub fn words(vocabulary: &Vocabulary, language: &str, tokens: &[(usize, u32)]) -> Vec<TokenWord> {
    let has_spaces = !matches!(language, "zh" | "ja" | "th" | "lo" | "my" | "yue" | "km");
    let mut words: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
    for &(at, id) in tokens {
        let bytes = vocabulary.bytes(id);
        match words.last_mut() {
            Some((range, word)) if !begins_word(word, bytes, has_spaces) => {
                word.extend_from_slice(bytes);
                range.end = at + 1;
            }
            _ => words.push((at..at + 1, bytes.to_vec())),
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    words.into_iter().map(|(tokens, bytes)| TokenWord { tokens, text: text(bytes) }).collect()
}

/// Whether a token starts a new word after `before`.
fn begins_word(before: &[u8], token: &[u8], has_spaces: bool) -> bool {
    if token.first() == Some(&b' ') {
        return before.iter().any(|b| *b != b' ');
    }
    if has_spaces {
        return false;
    }
    // Only between whole characters, and punctuation stays with the word before it.
    let is_word = |text: &str| text.chars().any(char::is_alphanumeric);
    match (std::str::from_utf8(before), std::str::from_utf8(token)) {
        (Ok(_), Ok(token)) => is_word(token),
        (Ok(_), Err(_)) => true,
        (Err(_), _) => false,
    }
}

/// Whether the text is only signs.
pub fn is_punctuation(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::tiny;
    use super::*;

    #[test]
    fn the_cheapest_path_follows_the_diagonal_of_low_cost() {
        #[rustfmt::skip]
        let cost = [
            0.0, 0.0, 9.0, 9.0, 9.0,
            9.0, 9.0, 0.0, 9.0, 9.0,
            9.0, 9.0, 9.0, 0.0, 0.0,
        ];
        let path = cheapest_path(&cost, 3, 5);
        assert_eq!(path, [(0, 0), (0, 1), (1, 2), (2, 3), (2, 4)]);
        assert_eq!(cheapest_path(&[1.0; 4], 4, 1), [(0, 0), (1, 0), (2, 0), (3, 0)]);
        assert_eq!(cheapest_path(&[], 0, 3), []);
    }

    #[test]
    fn the_path_costs_no_more_than_any_other() {
        fn best(cost: &[f32], n_cols: usize, row: usize, col: usize) -> f32 {
            let here = cost[row * n_cols + col];
            if (row, col) == (0, 0) {
                return here;
            }
            let mut before = f32::INFINITY;
            for (r, c) in [(1, 0), (0, 1), (1, 1)] {
                if row >= r && col >= c {
                    before = before.min(best(cost, n_cols, row - r, col - c));
                }
            }
            before + here
        }
        let mut state = 1_u32;
        for (n_rows, n_cols) in [(2, 2), (3, 5), (5, 3), (4, 6)] {
            let cost: Vec<f32> = (0..n_rows * n_cols)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as f32
                })
                .collect();
            let path = cheapest_path(&cost, n_rows, n_cols);
            let sum: f32 = path.iter().map(|(r, c)| cost[r * n_cols + c]).sum();
            assert_eq!(sum, best(&cost, n_cols, n_rows - 1, n_cols - 1));
        }
    }

    #[test]
    fn tokens_begin_where_their_attention_peaks() {
        // Three tokens that look at thirds of 60 positions, two heads, and sound ends at 45.
        let attention: Vec<Vec<f32>> = (0..3)
            .map(|token| (0..120).map(|i| if i % 60 / 15 == token { 0.06 } else { 0.001 }).collect())
            .collect();
        let times = token_times(&attention, 2, 45);
        let near = |a: f64, b: f64| (a - b).abs() <= 2.0 * TIMESTAMP_S;
        assert!(near(times[0], 0.0) && near(times[1], 0.3) && near(times[2], 0.6), "{times:?}");
        assert!(near(times[3], 0.9), "{times:?}");
    }

    #[test]
    fn a_median_removes_a_spike() {
        let mut values = vec![1.0; 20];
        values[10] = 50.0;
        assert_eq!(median_filter(&values), vec![1.0; 20]);
    }

    #[test]
    fn words_end_at_spaces_and_keep_their_punctuation() {
        let all = words(&tiny(), "en", &[(1, 0), (2, 3), (3, 5), (4, 6), (5, 7), (8, 1), (9, 4)]);
        let texts: Vec<&str> = all.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(texts, [" one,", " café", " two."]);
        assert_eq!(all[1].tokens, 3..6);
    }
}
