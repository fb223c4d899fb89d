//! Evidence: which passages of the media answer a question, and the words in them that do.
//!
//! The engine finds evidence, the model does not: passages are ranked by the words they share with
//! the question (`bm25`) and by meaning ([`SentenceEncoder`]), and a quote is a part of a span's own
//! text, so that it always stands where the evidence says. [`Search`] is the ranking, one step of work
//! at a time; [`Found`] is the result.

mod words;

mod bm25;

mod aim;

mod passage;

mod quote;

mod meanings;

mod claims;

mod found;

mod verbatim;

use std::collections::HashMap;
use std::sync::Arc;

pub use bm25::Rarity;
pub use claims::{Claim, claims};
pub(crate) use found::find;
pub use meanings::Meanings;
pub use passage::Passage;
pub(crate) use passage::{has_words, is_heading, is_page_number, parts, passages};
pub(crate) use quote::{announces, says_a_fact};
pub use verbatim::{Quotation, quotations};
pub(crate) use words::terms;

use self::aim::Aim;
use self::bm25::Fit;
use self::found::{Floor, InLibrary};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::media::Kind;
use crate::perception::embed::{Headed, Meaning, SentenceEncoder};
use crate::sequence::{Evidence, Finding, Place};
use crate::tasks::ask::{FoundInLibrary, ReadFile};

/// Most pieces of evidence for one answer.
const MOST: usize = 6;

/// Most things that were seen, of one file.
const MOST_TAGS: usize = 3;

/// At least so well fit the passages of a page that the question names.
const NAMED_PAGE: f32 = 0.45;

/// Up to this many passages all are compared by meaning; of more, those that fit best by their words.
const COMPARED_BY_MEANING: usize = 400;

/// Passages with fewer terms are too short to say what an answer says.
const LEAST_TERMS: usize = 3;

/// Passages per step of work.
const PER_STEP: usize = 32;

/// A search that is going on.
pub struct Search {
    files: Vec<ReadFile>,
    question: String,
    aim: Aim,
    passages: Vec<Passage>,
    fits: Vec<Fit>,
    encoder: Option<Arc<SentenceEncoder>>,
    meanings: Arc<Meanings>,
    /// Passages that are compared by meaning, best words first.
    compared: Vec<usize>,
    /// What a library found; none for files that were read as a whole.
    found: Option<InLibrary>,
    /// Similarity with the question of those that were compared.
    similar: HashMap<usize, f32>,
    asked: Option<Meaning>,
    done: usize,
    /// Passages of which only the words were compared.
    by_words_only: usize,
}

impl Search {
    /// Prepares a search; without `encoder` only words are compared. `library` is there when the files are excerpts of
    /// its documents.
    pub fn new(
        files: Vec<ReadFile>,
        question: &str,
        encoder: Option<Arc<SentenceEncoder>>,
        meanings: Arc<Meanings>,
        library: Option<&FoundInLibrary>,
    ) -> Self {
        let aim = Aim::of(question);
        let passages = passage::passages(&files);
        let terms: Vec<Vec<String>> = passages
            .iter()
            .map(|passage| words::terms(&format!("{} {}", passage.heading(&files), passage.text(&files))))
            .collect();
        let fits = bm25::rank(&aim.terms, &terms, library.and_then(|library| library.rarity.as_ref()));
        let found = library.map(|library| InLibrary::of(library, &passages));
        let mut compared: Vec<usize> = match &found {
            // What stands beside is compared by its words alone.
            Some(found) => found.passages().collect(),
            None => (0..passages.len()).collect(),
        };
        if encoder.is_none() || (aim.overview && aim.page.is_none() && passages.len() > COMPARED_BY_MEANING) {
            compared.clear();
        } else if compared.len() > COMPARED_BY_MEANING {
            compared.sort_by(|&a, &b| fits[b].raw.total_cmp(&fits[a].raw));
            compared.truncate(COMPARED_BY_MEANING);
        }
        let by_words_only =
            if compared.is_empty() || found.is_some() { 0 } else { passages.len() - compared.len() };
        Self {
            files,
            question: question.to_owned(),
            aim,
            passages,
            fits,
            encoder,
            meanings,
            compared,
            found,
            similar: HashMap::new(),
            asked: None,
            done: 0,
            by_words_only,
        }
    }

    /// What was not looked at as closely as the rest.
    pub fn notice(&self) -> Option<String> {
        (self.by_words_only > 0).then(|| {
            format!(
                "all {} passages were searched by their words, and the {} that share most words with the question also by their meaning",
                self.passages.len(),
                self.compared.len()
            )
        })
    }

    /// Compares some more passages. Units done and in all; `None` when complete or cancelled.
    ///
    /// # Errors
    /// As [`SentenceEncoder::embed`].
    pub fn step(&mut self, cancel: &Cancel) -> Result<Option<(u64, u64)>> {
        let Some(encoder) = self.encoder.clone() else { return Ok(None) };
        if self.done >= self.compared.len() || cancel.is_cancelled() {
            return Ok(None);
        }
        if self.asked.is_none() {
            let asked = encoder.embed(&[self.question.as_str()], cancel)?;
            self.asked = asked.and_then(|mut asked| asked.pop());
        }
        let Some(asked) = &self.asked else { return Ok(None) };
        let end = (self.done + PER_STEP).min(self.compared.len());
        let batch = &self.compared[self.done..end];
        // The library compared passages under their headings; here they speak for themselves.
        let alone = self.found.is_some();
        let text = |i: usize| match &self.passages[i] {
            passage if alone => Headed::new("", passage.text(&self.files)),
            passage => meant(passage, &self.files),
        };
        let texts: Vec<Headed<'_>> = batch.iter().map(|&i| text(i)).collect();
        let Some(meanings) = self.meanings.of(&texts, &encoder, cancel)? else { return Ok(None) };
        for (&i, meaning) in batch.iter().zip(&meanings) {
            self.similar.insert(i, asked.similarity(meaning));
        }
        self.done = end;
        Ok(Some((end as u64, self.compared.len() as u64)))
    }

    /// Ranks the passages and finds the words in the best ones.
    ///
    /// # Errors
    /// As [`SentenceEncoder::embed`].
    pub fn finish(mut self, cancel: &Cancel) -> Result<Found> {
        let asked = self.asked.take();
        let mut found = self.ranked();
        found.choose();
        found.quote(asked.as_ref(), cancel)?;
        Ok(found)
    }

    /// Ranks the passages.
    fn ranked(self) -> Found {
        let mut ranked: Vec<Ranked> = (0..self.passages.len())
            .map(|i| Ranked { passage: i, score: self.score(i) })
            .filter(|ranked| ranked.score > 0.0)
            .collect();
        if let Some(found) = &self.found {
            found.blend(&mut ranked);
        }
        // Passages that fit the same stay in the order of the media.
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        let is_seen = |ranked: &Ranked| {
            let span = self.passages[ranked.passage].span(&self.files);
            span.is_some_and(|span| matches!(span.finding, Finding::Tag { .. }))
        };
        let floor = match &self.found {
            _ if self.aim.overview => Floor::WHOLE,
            // What is seen is not compared by its words.
            Some(found) if !ranked.first().is_some_and(is_seen) => found.floor(&self.similar),
            _ => Floor::PART,
        };
        Found {
            overview: self.aim.overview,
            floor,
            chosen: Vec::new(),
            given: Vec::new(),
            evidence: Vec::new(),
            ranked,
            passages: self.passages,
            files: self.files,
            terms: self.aim.terms,
            encoder: self.encoder,
            meanings: self.meanings,
        }
    }

    /// The words that say what a text about the files says; none where they do not say it.
    ///
    /// # Errors
    /// As [`SentenceEncoder::embed`].
    pub(super) fn located(self, text: &str, cancel: &Cancel) -> Result<Vec<Evidence>> {
        let mut found = self.ranked();
        // A note is written from all of its section.
        found.gave((0..found.passages.len()).collect());
        let mut evidence = found.support(text, cancel)?;
        if !evidence.is_empty() {
            evidence.extend(found.repeated(text));
        }
        Ok(evidence)
    }

    /// How well a passage fits the question, 0 to 1.
    fn score(&self, i: usize) -> f32 {
        let passage = &self.passages[i];
        let Some(span) = passage.span(&self.files) else { return 0.0 };
        let weight = self.aim.weight(&span.finding) * self.place_weight(passage, &span.place);
        let words = self.fits[i].share;
        // Unrelated sentences of this encoder stand at about 0.1, close paraphrases at 0.7.
        let meaning = self.similar.get(&i).map(|similar| ((similar - 0.12) / 0.5).clamp(0.0, 1.0));
        let fit = match meaning {
            Some(meaning) => (0.55 * meaning + 0.45 * words).max(0.8 * words),
            None => words,
        };
        // A page that the question names is meant, whatever its words.
        let named_page = matches!(span.place, Place::Page { page, .. } if self.aim.page == Some(page));
        let fit = if named_page { fit.max(NAMED_PAGE) } else { fit };
        let score = match span.finding {
            Finding::Tag { probability } => {
                // What is seen needs no words in common with "What is this?".
                let own = if self.aim.overview || self.shows_pictures_only() || self.aim.points_at_a_picture()
                {
                    0.55
                } else {
                    0.15
                };
                probability.clamp(0.0, 1.0).sqrt() * (own + (1.0 - own) * fit)
            }
            _ if self.aim.overview => {
                let sure = match span.finding {
                    Finding::Speech { confidence } | Finding::PictureText { confidence } => confidence,
                    _ => 0.8,
                };
                0.4 + 0.3 * sure.clamp(0.0, 1.0) + 0.3 * meaning.unwrap_or(0.5)
            }
            _ => fit,
        };
        let heading = if passage.is_heading(&self.files) { 0.5 } else { 1.0 };
        (score * weight * heading).clamp(0.0, 1.0)
    }

    /// Files with nothing but pictures to look at: then every question is about what is seen.
    fn shows_pictures_only(&self) -> bool {
        self.files.iter().all(|file| file.kind == Kind::Picture)
    }

    /// Passages at a page or time that the question names count more, and other files less when it
    /// names one.
    fn place_weight(&self, passage: &Passage, place: &Place) -> f32 {
        let mut weight = 1.0;
        if let (Some(asked), Place::Page { page, .. }) = (self.aim.page, place) {
            weight *= if asked == *page { 1.0 } else { 0.4 };
        }
        if let Some(asked) = self.aim.time_s {
            let (from, to) = match *place {
                Place::Time { start_s, end_s } => (start_s, end_s),
                Place::Frame { time_s, .. } => (time_s, time_s),
                _ => (asked, asked),
            };
            let away = (from - asked).max(asked - to).max(0.0);
            weight *= if away <= 3.0 { 1.0 } else { 0.4 };
        }
        let named = |file: &ReadFile| self.aim.names(&file.path);
        if self.files.len() > 1 && self.files.iter().any(named) {
            weight *= if self.files.get(passage.file).is_some_and(named) { 1.0 } else { 0.4 };
        }
        weight
    }
}

/// What is embedded for a passage: its words, under their heading.
fn meant<'a>(passage: &Passage, files: &'a [ReadFile]) -> Headed<'a> {
    Headed::new(passage.heading(files), passage.text(files))
}

/// A passage with its rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Index of the passage.
    pub passage: usize,
    /// 0 to 1.
    pub score: f32,
}

/// What a search found.
pub struct Found {
    /// The question asks for the whole.
    pub overview: bool,
    /// Passages that fit at all, best first.
    pub ranked: Vec<Ranked>,
    /// Places that support an answer, best first.
    pub evidence: Vec<Evidence>,
    passages: Vec<Passage>,
    files: Vec<ReadFile>,
    floor: Floor,
    chosen: Vec<Ranked>,
    /// Passages that the decoder was given.
    given: Vec<usize>,
    terms: Vec<String>,
    encoder: Option<Arc<SentenceEncoder>>,
    meanings: Arc<Meanings>,
}

impl Found {
    /// The files that were searched.
    pub fn files(&self) -> &[ReadFile] {
        &self.files
    }

    /// All passages, in the order of the media.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// Which of the ranked passages are evidence.
    fn choose(&mut self) {
        let best = self.ranked.first().map_or(0.0, |ranked| ranked.score);
        let floor = self.floor.of(best);
        let mut tags = HashMap::new();
        for ranked in &self.ranked {
            let passage = &self.passages[ranked.passage];
            if ranked.score < floor || self.chosen.len() == MOST {
                break;
            }
            let Some(span) = passage.span(&self.files) else { continue };
            if passage.is_heading(&self.files) && !self.overview {
                continue;
            }
            if matches!(span.finding, Finding::Tag { .. }) {
                let n = tags.entry(passage.file).or_insert(0);
                *n += 1;
                if *n > MOST_TAGS {
                    continue;
                }
            }
            self.chosen.push(*ranked);
        }
        if self.overview {
            // A whole is told from its beginning.
            self.chosen.sort_by_key(|chosen| chosen.passage);
        }
    }

    /// Turns the chosen passages into evidence with a quote.
    fn quote(&mut self, asked: Option<&Meaning>, cancel: &Cancel) -> Result<()> {
        for ranked in self.chosen.clone() {
            let evidence = self.evidence_of(ranked, &self.terms, asked, cancel)?;
            self.evidence.extend(evidence);
        }
        Ok(())
    }

    fn evidence_of(
        &self,
        ranked: Ranked,
        terms: &[String],
        asked: Option<&Meaning>,
        cancel: &Cancel,
    ) -> Result<Option<Evidence>> {
        let passage = &self.passages[ranked.passage];
        let Some(span) = passage.span(&self.files) else { return Ok(None) };
        let source = span.source.clone();
        if let Finding::Tag { .. } = span.finding {
            let label = Some(span.text.clone());
            let place = span.place.clone();
            return Ok(Some(Evidence { source, place, quote: None, label, score: ranked.score }));
        }
        let mut candidates = quote::candidates(&span.text, passage.bytes.clone());
        if candidates.len() > 1 {
            let texts: Vec<&str> = candidates.iter().map(|bytes| &span.text[bytes.clone()]).collect();
            let meanings = match (&self.encoder, asked) {
                (Some(encoder), Some(_)) => {
                    let alone: Vec<Headed<'_>> = texts.iter().map(|text| Headed::new("", text)).collect();
                    self.meanings.of(&alone, encoder, cancel)?
                }
                _ => None,
            };
            let leaning = quote::leaning(&texts);
            let texts: Vec<_> = texts.iter().map(|text| words::terms(text)).collect();
            let fits = bm25::rank(terms, &texts, None);
            let scores: Vec<f32> = (0..candidates.len())
                .map(|i| {
                    let similar = meanings.as_ref().zip(asked).map(|(of, asked)| asked.similarity(&of[i]));
                    fits[i].share * 0.5 + similar.unwrap_or_default()
                })
                .collect();
            candidates = vec![quote::best(&candidates, &scores, &leaning, self.overview)];
        }
        let Some(bytes) = candidates.pop() else { return Ok(None) };
        let quote = span.text.get(bytes.clone()).map(str::to_owned);
        Ok(Some(Evidence { source, place: span.locate(bytes), quote, label: None, score: ranked.score }))
    }

    /// Whether a passage says something: a heading and a name of a thing do not.
    fn can_support(&self, passage: usize) -> bool {
        let passage = &self.passages[passage];
        let is_tag =
            passage.span(&self.files).is_some_and(|span| matches!(span.finding, Finding::Tag { .. }));
        let is_long_enough = || words::terms(passage.text(&self.files)).len() >= LEAST_TERMS;
        !is_tag && !passage.is_heading(&self.files) && is_long_enough()
    }

    /// More evidence: passages that say what a written answer says. The answer only points at them;
    /// the words are the media's own.
    ///
    /// # Errors
    /// As [`SentenceEncoder::embed`].
    pub fn support(&mut self, answer: &str, cancel: &Cancel) -> Result<Vec<Evidence>> {
        /// Sentences closer than this say the same.
        const SAME: f32 = 0.62;
        let Some(encoder) = self.encoder.clone() else { return Ok(Vec::new()) };
        let mut more = Vec::new();
        for sentence in words::sentences(answer).into_iter().take(MOST).map(|bytes| &answer[bytes]) {
            let terms = words::terms(sentence);
            if terms.len() < LEAST_TERMS || self.chosen.len() >= MOST {
                continue;
            }
            let Some(said) = encoder.embed(&[sentence], cancel)?.and_then(|mut said| said.pop()) else {
                break;
            };
            // Only the best ranked: what no question word and no meaning leads to is chance.
            let near: Vec<usize> =
                self.ranked.iter().take(2 * PER_STEP).map(|ranked| ranked.passage).collect();
            let texts: Vec<Headed<'_>> =
                near.iter().map(|&i| meant(&self.passages[i], &self.files)).collect();
            let Some(meanings) = self.meanings.of(&texts, &encoder, cancel)? else { break };
            let closest = near
                .iter()
                .zip(&meanings)
                .map(|(&passage, meaning)| Ranked { passage, score: said.similarity(meaning) })
                .filter(|close| close.score >= SAME && self.can_support(close.passage))
                .max_by(|a, b| a.score.total_cmp(&b.score));
            let Some(closest) = closest else { continue };
            if self.chosen.iter().any(|chosen| chosen.passage == closest.passage) {
                continue;
            }
            self.chosen.push(closest);
            more.extend(self.evidence_of(closest, &terms, Some(&said), cancel)?);
        }
        self.evidence.extend(more.iter().cloned());
        Ok(more)
    }
}

#[cfg(test)]
pub(crate) mod tests;
