//! A question → the passages that answer it.
//!
//! Both indexes give their best passages; every one of these then has both scores, exactly. The best of them are
//! compared once more, closely (`rerank`).

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use super::catalogue::Passage;
use super::rerank::{Close, Question};
use super::texts::Texts;
use super::{DocumentId, Library, MEANINGS};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::perception::embed::Meaning;
use crate::sequence::Place;
use crate::tasks::evidence::{Rarity, terms};

/// Passages that each index gives.
const CANDIDATES: usize = 100;

/// Of these, how many are compared closely at least: all, but not every one of hundreds with the same words.
const COMPARED: usize = 2 * CANDIDATES;

/// By what passages are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ranking {
    /// By words and meaning.
    #[default]
    Fused,
    /// As [`Ranking::Fused`]; where words do not decide, a small decoder reads the best ones, which takes a second or two.
    Read,
    /// By words alone: BM25.
    Words,
    /// By meaning alone.
    Meaning,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The document.
    pub document: DocumentId,
    /// Its file.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// The heading above it; empty where there is none.
    pub heading: String,
    /// Its words, as they stand there.
    pub text: String,
    /// Compares hits of one search.
    pub score: f32,
    pub(super) passage: Passage,
}

/// What is searched.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SearchOptions {
    /// Most hits.
    pub most: usize,
    /// Only these documents; all unless given.
    pub scope: Option<Vec<DocumentId>>,
    /// By what.
    pub ranking: Ranking,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Whether one of them may hold an answer; if not, they are only the least unlike the question.
    pub fits: bool,
    /// What was not looked at, and why.
    pub notices: Vec<String>,
}

/// A passage with what speaks for it.
pub(super) struct Candidate {
    pub(super) passage: Passage,
    pub(super) words: f32,
    pub(super) meaning: Option<f32>,
}

impl Library {
    /// The passages that fit a question best; nothing when cancelled.
    ///
    /// # Errors
    /// [`Error::Library`], [`Error::Io`], [`Error::Compute`].
    pub fn search(
        &self,
        question: &str,
        engine: &Engine,
        options: &SearchOptions,
        cancel: &Cancel,
    ) -> Result<Hits> {
        let mut notices = Vec::new();
        let scope = options.scope.as_deref();
        let asked = match options.ranking {
            Ranking::Words => None,
            _ => self.asked(question, engine, &mut notices, cancel)?,
        };
        let terms = terms(question);
        let mut found: BTreeMap<i64, Candidate> = BTreeMap::new();
        if options.ranking != Ranking::Meaning {
            self.add_by_words(&terms, scope, &mut found, &mut notices)?;
        }
        let mut similar = Vec::new();
        if let Some(asked) = &asked {
            similar = self.similar(asked)?;
            self.add_by_meaning(&similar, scope, &mut found)?;
        }
        for candidate in found.values_mut() {
            let row = candidate.passage.vector.and_then(|row| similar.get(row as usize));
            candidate.meaning = row.copied().flatten();
        }
        let fused = matches!(options.ranking, Ranking::Fused | Ranking::Read);
        if fused && asked.is_some() {
            self.complete_words(&terms, &mut found)?;
        }
        let candidates = found.into_values();
        let Close { mut ranked, fits } = if fused {
            let question = Question { text: question, terms: &terms };
            let decoder = (options.ranking == Ranking::Read).then_some(engine);
            self.compare_closely(
                &question,
                candidates.collect(),
                options.most.max(COMPARED),
                decoder,
                cancel,
            )?
        } else {
            let score = |candidate: &Candidate| match options.ranking {
                Ranking::Words => candidate.words,
                _ => candidate.meaning.unwrap_or_default(),
            };
            let ranked: Vec<_> = candidates.map(|candidate| (score(&candidate), candidate)).collect();
            Close { fits: !ranked.is_empty(), ranked }
        };
        ranked.retain(|(score, _)| *score > 0.0);
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.truncate(options.most);
        let hits = self.hits(ranked, &mut notices)?;
        Ok(Hits { hits, fits, notices })
    }

    /// The meaning of the question; `None` when only words are compared.
    fn asked(
        &self,
        question: &str,
        engine: &Engine,
        notices: &mut Vec<String>,
        cancel: &Cancel,
    ) -> Result<Option<Meaning>> {
        let waiting = self.catalogue.waiting_count()?;
        if waiting > 0 {
            notices.push(format!(
                "{waiting} passages are found by their words only until the library is up to date"
            ));
        }
        match engine.specialists().passages() {
            Ok(encoder) => Ok(encoder.embed(&[question], cancel)?.and_then(|mut asked| asked.pop())),
            Err(error @ Error::ModelMissing { .. }) => {
                notices.push(format!("passages are found by their words only: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn add_by_words(
        &self,
        terms: &[String],
        scope: Option<&[DocumentId]>,
        found: &mut BTreeMap<i64, Candidate>,
        notices: &mut Vec<String>,
    ) -> Result<()> {
        let Some(words) = &self.words else {
            notices.push("the index of words is damaged; `medley library add` makes it anew".into());
            return Ok(());
        };
        for (id, score) in words.best(terms, scope, None, CANDIDATES)? {
            // What the catalogue does not have any more is about to leave the index.
            if let Some(passage) = self.catalogue.passage(id)? {
                found.insert(id, Candidate { passage, words: score, meaning: None });
            }
        }
        Ok(())
    }

    /// The similarity of every row of meanings.
    fn similar(&self, asked: &Meaning) -> Result<Vec<Option<f32>>> {
        let rows = self.catalogue.rows()?;
        let path = self.folder.join(MEANINGS);
        self.vectors.compare(asked, rows).map_err(|e| Error::io("reading", &path, e))
    }

    fn add_by_meaning(
        &self,
        similar: &[Option<f32>],
        scope: Option<&[DocumentId]>,
        found: &mut BTreeMap<i64, Candidate>,
    ) -> Result<()> {
        let mut rows: Vec<(f32, u64)> = similar
            .iter()
            .zip(0..)
            .filter_map(|(similar, row)| similar.map(|similar| (similar, row)))
            .collect();
        let mut added = 0;
        // Rows of documents that are gone or out of scope give nothing: look further down in steps.
        let mut from = 0;
        let mut step = 4 * CANDIDATES;
        while added < CANDIDATES && from < rows.len() {
            let rest = &mut rows[from..];
            let end = step.min(rest.len());
            if end < rest.len() {
                rest.select_nth_unstable_by(end, |a, b| b.0.total_cmp(&a.0));
            }
            rest[..end].sort_by(|a, b| b.0.total_cmp(&a.0));
            for &(_, row) in &rest[..end] {
                for passage in self.catalogue.passages_of_row(row)? {
                    if scope.is_some_and(|scope| !scope.contains(&passage.document)) {
                        continue;
                    }
                    added += 1;
                    let entry = Candidate { passage, words: 0.0, meaning: None };
                    found.entry(entry.passage.id).or_insert(entry);
                }
                if added >= CANDIDATES {
                    break;
                }
            }
            from += end;
            step *= 4;
        }
        Ok(())
    }

    /// The words' score of those that only meaning found.
    fn complete_words(&self, terms: &[String], found: &mut BTreeMap<i64, Candidate>) -> Result<()> {
        let Some(words) = &self.words else { return Ok(()) };
        let ids: Vec<i64> = found.values().filter(|c| c.words == 0.0).map(|c| c.passage.id).collect();
        for (id, score) in words.best(terms, None, Some(&ids), ids.len())? {
            if let Some(candidate) = found.get_mut(&id) {
                candidate.words = score;
            }
        }
        Ok(())
    }

    fn hits(&self, ranked: Vec<(f32, Candidate)>, notices: &mut Vec<String>) -> Result<Vec<Hit>> {
        let mut hits = Vec::with_capacity(ranked.len());
        let mut texts = Texts::default();
        let mut damaged: HashMap<DocumentId, PathBuf> = HashMap::new();
        for (score, Candidate { passage, .. }) in ranked {
            let path = texts.path(self, passage.document)?;
            let leaf = self.catalogue.leaf(passage.leaf, &path)?;
            let found = leaf.and_then(|leaf| {
                let text = leaf.text().get(passage.bytes.clone())?.to_owned();
                Some((text, leaf.locate(&passage.bytes)?))
            });
            let Some((text, place)) = found else {
                damaged.insert(passage.document, path);
                continue;
            };
            let (document, heading) = (passage.document, passage.heading.clone());
            hits.push(Hit { document, path, place, heading, text, score, passage });
        }
        let mut damaged: Vec<(DocumentId, PathBuf)> = damaged.into_iter().collect();
        damaged.sort();
        for (id, path) in damaged {
            notices.push(self.damaged(id, &path));
        }
        Ok(hits)
    }

    /// How rare the words of a question are in the whole library.
    pub(super) fn rarity(&self, question: &str) -> Result<Option<Rarity>> {
        let Some(words) = &self.words else { return Ok(None) };
        let mut rarity = Rarity::default();
        for term in terms(question) {
            let (with, texts) = words.frequency(&term)?;
            rarity.texts = texts;
            rarity.with.insert(term, with);
        }
        Ok(Some(rarity))
    }
}

/// Whether two ranges share a byte.
pub(super) fn touch(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}
