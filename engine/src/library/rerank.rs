//! The best candidates of a search, compared closely.
//!
//! What counts is the cosine of meanings and BM25 with less regard to length than the index has, times the share of the
//! question that the passage's words cover: a rare word alone does not lift a passage above one that means the same. A
//! sum of scores keeps how much better one is; ranks alone (reciprocal rank fusion, Cormack et al., 2009) do not.
//!
//! Where no passage covers much of the question, its words are others than the document's. There a small decoder tells
//! how likely the question is after each passage (query likelihood; Ponte and Croft, 1998; with a language model as in
//! Sachan et al., 2022).
//!
//! When and how much the reader counts was fitted on every second question of `tests/peers/library.jsonl`; the weights
//! of BM25 are good on either half.

use std::collections::BTreeSet;

use super::Library;
use super::search::Candidate;
use super::texts::Texts;
use super::words::{Field, Words};
use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, log_probability};
use crate::engine::Engine;
use crate::error::Result;
use crate::features::text::TokenId;
use crate::model::LanguageModel;
use crate::tasks::evidence::terms;

/// The cosine of a passage whose meaning is not known yet: that of one that is somewhat related.
const UNKNOWN: f32 = 0.3;

/// What a point of BM25 counts beside the cosine, where the passage covers the whole question.
const WORDS_WEIGHT: f32 = 0.06;

/// What a term of the heading counts beside one of the passage.
const HEADING_WEIGHT: f32 = 0.2;

/// How fast repeating a word stops to count, and how much long passages are discounted.
const BODY: Saturation = Saturation { k1: 0.8, b: 0.5 };

/// The same for headings.
const HEADING: Saturation = Saturation { k1: 1.2, b: 0.75 };

/// Passages that are read by a decoder, the best by score; each takes up to a tenth of a second.
const READ_BEST: Reading = Reading { passages: 8, chars: 400 };

/// And so many of the others, those that are closest in meaning: where words do not decide, they do not decide alone what
/// is read. Among millions of tokens dozens of passages are about the things that a question names; one that answers it
/// tells so in a sentence, which needs no heading.
const READ_CLOSEST: Reading = Reading { passages: 24, chars: 160 };

/// A passage that covers so much of the question decides by its words; then nothing is read.
const DECIDED: f32 = 0.40;

/// What a nat of the question's mean log-probability counts beside the cosine.
const READ_WEIGHT: f32 = 0.5;

/// A passage as close as this in meaning may hold the answer …
const FITS_MEANING: f32 = 0.40;

/// … and so may one that covers as much of the question. Questions about other things than the documents stay below
/// both; all that the documents answer are above one of them.
const FITS_COVERAGE: f32 = 0.30;

/// How many passages are read, and how many characters of each.
struct Reading {
    passages: usize,
    chars: usize,
}

/// The constants of BM25.
struct Saturation {
    k1: f32,
    b: f32,
}

impl Saturation {
    /// What `count` times a term in a text of so many mean lengths counts.
    fn of(&self, count: usize, length: f32) -> f32 {
        let count = count as f32;
        count * (self.k1 + 1.0) / (count + self.k1 * (1.0 - self.b + self.b * length))
    }

    fn most(&self) -> f32 {
        self.k1 + 1.0
    }
}

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) text: &'a str,
    pub(super) terms: &'a [String],
}

/// What the comparison found.
pub(super) struct Close {
    /// In no order.
    pub(super) ranked: Vec<(f32, Candidate)>,
    /// Whether one of them may hold the answer.
    pub(super) fits: bool,
}

/// A candidate with what was compared.
struct Compared {
    candidate: Candidate,
    text: String,
    /// The share of the question that its words cover.
    coverage: f32,
    score: f32,
}

/// A term of the question, with its rarity in passages and in headings.
struct Weighed<'a> {
    term: &'a str,
    body: f32,
    heading: f32,
}

impl Library {
    /// Compares the `n` candidates that look best; with `engine`, a decoder reads the best of them where that helps.
    pub(super) fn compare_closely(
        &self,
        question: &Question<'_>,
        candidates: Vec<Candidate>,
        n: usize,
        engine: Option<&Engine>,
        cancel: &Cancel,
    ) -> Result<Close> {
        let weights = self.words.as_ref().map(|words| weigh(words, question.terms)).transpose()?;
        let (weights, lengths) = weights.unwrap_or((Vec::new(), (1.0, 1.0)));
        let most = BODY.most() * weights.iter().map(|weight| weight.body).sum::<f32>();
        let score = |candidate: &Candidate, words: f32| {
            let coverage = if most > 0.0 { (words / most).min(1.0) } else { 0.0 };
            (candidate.meaning.unwrap_or(UNKNOWN) + WORDS_WEIGHT * words * coverage, coverage)
        };
        let mut candidates: Vec<(f32, Candidate)> =
            candidates.into_iter().map(|c| (score(&c, c.words).0, c)).collect();
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        candidates.truncate(n);
        // Passages of one leaf stand together, so that it is read once.
        candidates.sort_by_key(|(_, candidate)| candidate.passage.id);
        let mut texts = Texts::default();
        let mut compared = Vec::with_capacity(candidates.len());
        for (looks, candidate) in candidates {
            // What is damaged stays, and is told when its place is looked for.
            let Some(text) = texts.of(self, &candidate.passage)? else {
                compared.push(Compared { candidate, text: String::new(), coverage: 0.0, score: looks });
                continue;
            };
            let (body, heading) = (terms(&text), terms(&candidate.passage.heading));
            let words: f32 = weights
                .iter()
                .map(|weight| {
                    let count = |terms: &[String]| terms.iter().filter(|term| *term == weight.term).count();
                    let part = |saturation: &Saturation, terms: &[String], mean: f32| {
                        saturation.of(count(terms), terms.len() as f32 / mean)
                    };
                    weight.body * part(&BODY, &body, lengths.0)
                        + HEADING_WEIGHT * weight.heading * part(&HEADING, &heading, lengths.1)
                })
                .sum();
            let (score, coverage) = score(&candidate, words);
            compared.push(Compared { candidate, text, coverage, score });
        }
        compared.sort_by(|a, b| b.score.total_cmp(&a.score));
        let coverage = compared.iter().map(|one| one.coverage).fold(0.0, f32::max);
        let meaning = compared.iter().filter_map(|one| one.candidate.meaning).fold(0.0, f32::max);
        let fits = coverage >= FITS_COVERAGE || meaning >= FITS_MEANING;
        if let Some(engine) = engine.filter(|_| fits && coverage < DECIDED)
            && let Some(reader) = engine.reader()?
        {
            read(&reader, question.text, &mut compared, cancel)?;
        }
        let ranked = compared.into_iter().map(|one| (one.score, one.candidate)).collect();
        Ok(Close { ranked, fits })
    }
}

/// The rarity of every term (its logarithm, as BM25 has it), and the mean lengths of passages and headings in terms.
fn weigh<'a>(words: &Words, terms: &'a [String]) -> Result<(Vec<Weighed<'a>>, (f32, f32))> {
    let rarity = |field: Field, term: &str| -> Result<f32> {
        let (with, all) = words.frequency_in(field, term)?;
        let (with, all) = (with as f32, all.max(with) as f32);
        Ok((1.0 + (all - with + 0.5) / (with + 0.5)).ln())
    };
    let different: BTreeSet<&str> = terms.iter().map(String::as_str).collect();
    let weighed = different.into_iter().map(|term| {
        let (body, heading) = (rarity(words.body(), term)?, rarity(words.heading(), term)?);
        Ok(Weighed { term, body, heading })
    });
    let weighed = weighed.collect::<Result<_>>()?;
    let lengths = (words.mean_length(words.body())?, words.mean_length(words.heading())?);
    Ok((weighed, lengths))
}

/// Lets a decoder read some of them, which come best first, and changes all scores and the order; nothing when cancelled.
fn read(reader: &LanguageModel, question: &str, compared: &mut [Compared], cancel: &Cancel) -> Result<()> {
    let tail = reader.encode(&format!("\n\nQuestion: {question}"))?;
    let n_best = READ_BEST.passages.min(compared.len());
    let meaning = |one: &Compared| one.candidate.meaning.unwrap_or(UNKNOWN);
    compared[n_best..].sort_by(|a, b| meaning(b).total_cmp(&meaning(a)));
    let n = (n_best + READ_CLOSEST.passages).min(compared.len());
    let mut likely = Vec::with_capacity(n);
    for (i, one) in compared[..n].iter().enumerate() {
        let (chars, heading) = match i < n_best {
            true => (READ_BEST.chars, one.candidate.passage.heading.as_str()),
            false => (READ_CLOSEST.chars, ""),
        };
        let text: String =
            one.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(chars).collect();
        let Some(mean) = likelihood(reader, heading, &text, &tail, cancel)? else {
            return Ok(());
        };
        likely.push(mean);
    }
    for (one, less) in compared.iter_mut().zip(less_likely(&likely)) {
        one.score -= READ_WEIGHT * less;
    }
    Ok(())
}

/// By how many nats each passage makes the question less likely than the best one does; those that were not read are
/// taken for no better than the worst that was.
fn less_likely(likely: &[f32]) -> impl Iterator<Item = f32> {
    let most = likely.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let least = likely.iter().copied().fold(f32::INFINITY, f32::min);
    likely.iter().copied().chain(std::iter::repeat(least)).map(move |mean| most - mean)
}

/// The mean log-probability of the tokens of a question after a passage; `None` when cancelled.
fn likelihood(
    reader: &LanguageModel,
    heading: &str,
    text: &str,
    question: &[TokenId],
    cancel: &Cancel,
) -> Result<Option<f32>> {
    let passage = if text.starts_with(heading) { text.to_owned() } else { format!("{heading}\n{text}") };
    let mut tokens: Vec<u32> = reader.raw_prompt(&passage)?.into_iter().map(|token| token.0).collect();
    let first = tokens.len();
    tokens.extend(question.iter().map(|token| token.0));
    // A question as long as a book has no likelihood that says anything.
    tokens.truncate(reader.context_tokens());
    if tokens.len() <= first {
        return Ok(Some(0.0));
    }
    let mut state = reader.decoder().new_state(CacheFormat::F32)?;
    let scores = reader.decoder().score(&tokens, first, &mut state, cancel, log_probability)?;
    Ok(scores.map(|scores| (scores.iter().sum::<f64>() / scores.len().max(1) as f64) as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_as_good_as_the_worst_that_was() {
        let less: Vec<f32> = less_likely(&[-2.0, -1.0, -4.0]).take(5).collect();
        assert_eq!(less, [1.0, 0.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn a_term_counts_once_in_full_and_less_in_long_passages() {
        let once = BODY.of(1, 1.0);
        assert!((once - 1.0).abs() < 1e-6, "{once}");
        assert!(BODY.of(2, 1.0) < 2.0 * once && BODY.of(50, 1.0) < BODY.most());
        assert!(BODY.of(1, 3.0) < once && once < BODY.of(1, 0.5));
        assert!(BODY.of(1, 3.0) > HEADING.of(1, 3.0), "the index regards length more");
        assert_eq!(BODY.of(0, 1.0), 0.0);
    }
}
