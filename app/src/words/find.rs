//! Finding by a few typed letters.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Lower case and without accents, so that "parametres" finds "Paramètres".
pub fn folded(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// How well a text fits what was typed; more is better, and nothing when it does not fit. Every typed word must be in
/// the text: at its beginning, at the beginning of a word, inside, as first letters of words, or as letters in order.
pub fn fit(typed: &str, text: &str) -> Option<i32> {
    let (typed, text) = (folded(typed), folded(text));
    let mut sum = 0;
    for word in typed.split_whitespace() {
        sum += fit_word(word, &text)?;
    }
    // Of two that fit alike the shorter one was meant.
    Some(100 * sum - i32::try_from(text.chars().count().min(90)).unwrap_or(90))
}

fn fit_word(word: &str, text: &str) -> Option<i32> {
    let starts = |at: usize| !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
    let places = text.match_indices(word).map(|(at, _)| at);
    let best = places
        .map(|at| {
            if at == 0 {
                8
            } else if starts(at) {
                7
            } else {
                5
            }
        })
        .max();
    if best.is_some() {
        return best;
    }
    let initials: String =
        text.char_indices().filter(|(at, c)| c.is_alphanumeric() && starts(*at)).map(|(_, c)| c).collect();
    if initials.contains(word) {
        return Some(6);
    }
    let mut left = text.chars();
    // Two letters in order are in nearly every text.
    (word.chars().count() > 2 && word.chars().all(|c| left.any(|other| other == c))).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_fit_comes_first() {
        let texts = ["Delete conversation", "New conversation", "Copy answer", "Next evidence"];
        let best = |typed: &str| {
            let fits = texts.iter().filter_map(|text| fit(typed, text).map(|fit| (fit, *text)));
            fits.max().map(|(_, text)| text)
        };
        assert_eq!(best("conv"), Some("New conversation"));
        assert_eq!(best("nc"), Some("New conversation"));
        assert_eq!(best("del con"), Some("Delete conversation"));
        assert_eq!(best("cpyans"), Some("Copy answer"));
        assert_eq!(best("evi"), Some("Next evidence"));
        assert_eq!(best("xyz"), None);
        assert_eq!(fit("", "anything").map(|fit| fit < 0), Some(true), "everything fits nothing");
    }

    #[test]
    fn accents_and_case_do_not_matter() {
        assert!(fit("parametres", "Paramètres").is_some());
        assert!(fit("GRÖSSE", "größe").is_none(), "ß is a letter of its own");
        assert!(fit("uber", "Über Medley").is_some());
    }
}
