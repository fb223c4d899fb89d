//! BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009): how well the words of
//! a text fit the words of a question.

use std::collections::{BTreeMap, BTreeSet};

/// How fast repeating a word stops to count.
const K1: f32 = 1.2;

/// How much long texts are discounted.
const B: f32 = 0.75;

/// How well one text fits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Fit {
    /// The sum as published; compares texts of one collection with each other.
    pub raw: f32,
    /// The part of the question's weight that the text covers, 0 to 1; compares collections too.
    pub share: f32,
}

/// How rare terms are among all texts, of which only some are ranked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rarity {
    /// How many texts there are.
    pub texts: u64,
    /// In how many of them each term stands.
    pub with: BTreeMap<String, u64>,
}

/// One [`Fit`] per text, in their order; `rarity` when the texts are a choice from more.
pub(super) fn rank(question: &[String], texts: &[Vec<String>], rarity: Option<&Rarity>) -> Vec<Fit> {
    let wanted: BTreeSet<&str> = question.iter().map(String::as_str).collect();
    let n = texts.len() as f32;
    let mean_len = (texts.iter().map(Vec::len).sum::<usize>() as f32 / n.max(1.0)).max(1.0);
    let counts: Vec<BTreeMap<&str, f32>> = texts
        .iter()
        .map(|terms| {
            let mut counts = BTreeMap::new();
            for term in terms.iter().map(String::as_str).filter(|term| wanted.contains(term)) {
                *counts.entry(term).or_insert(0.0) += 1.0;
            }
            counts
        })
        .collect();
    let weight = |term: &str| {
        let here = || counts.iter().filter(|counts| counts.contains_key(term)).count() as f32;
        let (with, n) = match rarity.and_then(|all| Some((*all.with.get(term)?, all.texts))) {
            Some((with, all)) => (with as f32, all.max(with) as f32),
            None => (here(), n),
        };
        let idf = (1.0 + (n - with + 0.5) / (with + 0.5)).ln();
        // A word that no text has says little about which one fits: the asker's own wording.
        if with == 0.0 { idf * 0.5 } else { idf }
    };
    let weights: BTreeMap<&str, f32> = wanted.iter().map(|term| (*term, weight(term))).collect();
    let all: f32 = weights.values().sum();
    counts
        .iter()
        .zip(texts)
        .map(|(counts, terms)| {
            let length = 1.0 - B + B * terms.len() as f32 / mean_len;
            let mut fit = Fit::default();
            for (term, count) in counts {
                let saturated = count * (K1 + 1.0) / (count + K1 * length);
                let weight = weights.get(term).copied().unwrap_or_default();
                fit.raw += weight * saturated;
                // Once in a text of usual length counts in full; long texts lose a little.
                fit.share += weight * saturated.min(1.0);
            }
            fit.share = if all > 0.0 { (fit.share / all).clamp(0.0, 1.0) } else { 0.0 };
            fit
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::words::terms;
    use super::*;

    fn check(question: &str, texts: &[&str]) -> Vec<Fit> {
        rank(&terms(question), &texts.iter().map(|text| terms(text)).collect::<Vec<_>>(), None)
    }

    #[test]
    fn the_text_with_the_rare_words_comes_first() {
        let fits = check(
            "How long does the battery last?",
            &["The battery lasts ten hours.", "The battery is grey.", "Clean the lens with a soft cloth."],
        );
        assert!(fits[0].raw > fits[1].raw && fits[1].raw > fits[2].raw, "{fits:?}");
        assert_eq!(fits[2], Fit::default());
        assert!(fits.iter().all(|fit| (0.0..=1.0).contains(&fit.share)), "{fits:?}");
    }

    #[test]
    fn nothing_fits_nothing() {
        assert!(check("battery", &[]).is_empty());
        assert_eq!(check("", &["The battery."]), [Fit::default()]);
    }
}
