//! Text → the terms that a search compares, and its sentences.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Words of questions and of grammar that say nothing about the subject.
const STOP_WORDS: &str = "a about above after again all also am an and any are as at be because been before \
    being below between both but by can could d did do does doing don down during each few for from further \
    had has have having he her here hers him his how i if in into is it its itself just ll m me more most my \
    no nor not now of off on once only or other our ours out over own please re s same shall she should so \
    some such t than that the their theirs them then there these they this those through to too under until \
    up us ve very was we were what when where which while who whom whose why will with would you your yours";

/// The terms of a text, in order: words in lower case, without their endings, stop words left out.
pub(crate) fn terms(text: &str) -> Vec<String> {
    all_words(text).filter(|word| !is_stop_word(word)).map(|word| stem(&word)).collect()
}

/// Words in lower case.
pub(super) fn all_words(text: &str) -> impl Iterator<Item = String> {
    words_at(text).map(|(_, word)| word)
}

/// The same with where they stand.
pub(super) fn words_at(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    let words = text.unicode_word_indices();
    words.map(|(at, word)| (at..at + word.len(), word.to_lowercase().replace('’', "'")))
}

/// Whether a word in lower case says nothing about the subject.
pub(super) fn is_stop_word(word: &str) -> bool {
    let word = word.split('\'').next().unwrap_or(word);
    STOP_WORDS.split_ascii_whitespace().any(|stop| stop == word)
}

/// Takes off English endings, so that "lasts", "lasted" and "lasting" are one term. Light on purpose:
/// a wrong merge finds the wrong passage, a missed one is caught by meaning.
pub(super) fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    if word.len() < 4 || !word.is_ascii() || word.bytes().any(|b| b.is_ascii_digit()) {
        return word.to_owned();
    }
    let has_vowel = |s: &str| s.len() > 2 && s.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    let mut stem = word.to_owned();
    if let Some(head) = stem.strip_suffix("ies").filter(|head| head.len() > 1) {
        stem = format!("{head}y");
    } else if let Some(head) = stem.strip_suffix("sses") {
        stem = format!("{head}ss");
    } else if stem.ends_with('s') && !["ss", "us", "is"].iter().any(|end| stem.ends_with(end)) {
        stem.pop();
    }
    for ending in ["ing", "ed", "ly"] {
        if let Some(head) = stem.strip_suffix(ending).filter(|head| has_vowel(head)) {
            let doubled = head.as_bytes().windows(2).last().is_some_and(|w| w[0] == w[1]);
            let keep = doubled && !head.ends_with(['l', 's', 'z', 'e', 'o']);
            stem = if keep { head[..head.len() - 1].to_owned() } else { head.to_owned() };
            break;
        }
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    if stem.len() > 3 && stem.ends_with('y') {
        stem.pop();
        stem.push('i');
    }
    stem
}

/// Words before a full stop that does not end a sentence.
const ABBREVIATIONS: [&str; 22] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "e.g", "i.e", "no", "fig", "figs", "eq",
    "vol", "pp", "p", "ch", "sec", "approx",
];

/// Byte ranges of the sentences, without the space around them.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    for (start, piece) in text.split_sentence_bound_indices() {
        let body = piece.trim();
        if body.is_empty() {
            continue;
        }
        let offset = start + (piece.len() - piece.trim_start().len());
        let range = open.unwrap_or(offset)..offset + body.len();
        open = ends_early(body).then_some(range.start);
        if open.is_none() {
            found.push(range);
        }
    }
    if let Some(start) = open {
        found.push(start..text.trim_end().len());
    }
    found
}

/// Whether a piece ends with an abbreviation or an initial instead of the end of a sentence.
fn ends_early(piece: &str) -> bool {
    let Some(head) = piece.strip_suffix('.') else { return false };
    let last = head.rsplit([' ', '\n', '(']).next().unwrap_or(head);
    let initial = last.chars().count() == 1 && last.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&last.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_word_are_one_term() {
        for forms in [
            &["last", "lasts", "lasted", "lasting"][..],
            &["battery", "batteries"],
            &["stop", "stopped", "stopping", "stops"],
            &["charge", "charges", "charged", "charging"],
            &["class", "classes"],
            &["dog", "dog's", "dogs"],
        ] {
            let stems: Vec<String> = forms.iter().map(|form| stem(form)).collect();
            assert!(stems.iter().all(|stem| *stem == stems[0]), "{stems:?}");
        }
        assert_ne!(stem("this"), stem("thin"));
        assert_eq!(stem("bus"), "bus");
        assert_eq!(stem("straße"), "straße");
    }

    #[test]
    fn terms_leave_out_words_that_say_nothing() {
        assert_eq!(terms("How long does the battery last?"), ["long", "batteri", "last"]);
        assert_eq!(terms("What's this?"), Vec::<String>::new());
    }

    #[test]
    fn sentences_do_not_end_at_abbreviations() {
        let text = "  Mr. John Dashwood had leisure. He, J. Smith, met Dr. Who.  Really? Yes";
        let found: Vec<&str> = sentences(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["Mr. John Dashwood had leisure.", "He, J. Smith, met Dr. Who.", "Really?", "Yes"]);
        assert_eq!(sentences("ends with Mr. "), vec![0..13; 1]);
        assert!(sentences(" \n ").is_empty());
    }
}
