//! What a library found, beside our own ranking, and which of the best are evidence.

use std::collections::HashMap;
use std::sync::Arc;

use super::passage::Passage;
use super::{Meanings, Ranked, Search};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::perception::embed::SentenceEncoder;
use crate::sequence::Evidence;
use crate::tasks::ask::{FoundInLibrary, FoundPart, ReadFile};

/// What the score of a library counts beside our own. It compares the passage with all others; ours knows places, kinds
/// of findings, and what the passage means without its heading.
const FOUND_WEIGHT: f32 = 0.7;

/// What only stands beside what a library found, as a share of the best that it found.
const BESIDE: f32 = 0.2;

/// A passage that means as much of the same by itself may answer, whatever the library says.
const FITS: f32 = 0.40;

/// How well a passage must fit to be evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Floor {
    least: f32,
    share_of_best: f32,
}

impl Floor {
    /// For a question about a part: what fits much worse than the best is no evidence.
    pub(super) const PART: Self = Self { least: 0.30, share_of_best: 0.6 };

    /// For a question about the whole.
    pub(super) const WHOLE: Self = Self { least: 0.30, share_of_best: 0.0 };

    /// For what a library found, where other documents often hold something like it.
    const FOUND: Self = Self { least: 0.0, share_of_best: 0.7 };

    /// Where a library found nothing that fits.
    const NOTHING: Self = Self { least: f32::INFINITY, share_of_best: 0.0 };

    /// The score that is enough when the best has this one.
    pub(super) fn of(self, best: f32) -> f32 {
        self.least.max(best * self.share_of_best)
    }
}

/// How well a library found passages to fit.
pub(super) struct InLibrary {
    /// Of each passage; none for what only stands beside what it found.
    scores: Vec<Option<f32>>,
    fits: bool,
}

impl InLibrary {
    pub(super) fn of(library: &FoundInLibrary, passages: &[Passage]) -> Self {
        let score = |passage: &Passage| {
            let touches = |part: &&FoundPart| {
                (part.file, part.span) == (passage.file, passage.span)
                    && part.bytes.start < passage.bytes.end
                    && passage.bytes.start < part.bytes.end
            };
            library.parts.iter().filter(touches).map(|part| part.score).reduce(f32::max)
        };
        Self { scores: passages.iter().map(score).collect(), fits: library.fits }
    }

    /// The passages that it found.
    pub(super) fn passages(&self) -> impl Iterator<Item = usize> {
        self.scores.iter().enumerate().filter_map(|(i, score)| score.map(|_| i))
    }

    /// Mixes our scores with those of the library, which compare passages with each other but say nothing alone: its
    /// best stands for our best.
    pub(super) fn blend(&self, ranked: &mut [Ranked]) {
        let most = |scores: &mut dyn Iterator<Item = f32>| scores.fold(0.0, f32::max);
        let best = most(&mut ranked.iter().map(|ranked| ranked.score));
        let best_found = most(&mut self.scores.iter().copied().flatten()).max(f32::MIN_POSITIVE);
        for ranked in ranked {
            let share =
                self.scores[ranked.passage].map_or(BESIDE, |score| (score / best_found).clamp(0.0, 1.0));
            ranked.score = (1.0 - FOUND_WEIGHT) * ranked.score + FOUND_WEIGHT * best * share;
        }
    }

    /// What is evidence, after the meanings of passages were compared with the question.
    pub(super) fn floor(&self, similar: &HashMap<usize, f32>) -> Floor {
        let fits = self.fits || similar.values().any(|similar| *similar >= FITS);
        if fits { Floor::FOUND } else { Floor::NOTHING }
    }
}

/// The evidence for a question in excerpts of a library, without an answer; nothing when cancelled.
///
/// # Errors
/// As [`SentenceEncoder::embed`].
pub(crate) fn find(
    files: Vec<ReadFile>,
    question: &str,
    encoder: Option<Arc<SentenceEncoder>>,
    meanings: Arc<Meanings>,
    library: &FoundInLibrary,
    cancel: &Cancel,
) -> Result<Vec<Evidence>> {
    let mut search = Search::new(files, question, encoder, meanings, Some(library));
    while search.step(cancel)?.is_some() {}
    if cancel.is_cancelled() {
        return Ok(Vec::new());
    }
    Ok(search.finish(cancel)?.evidence)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{document, file};
    use super::*;

    /// The evidence where a library found the second and the third passage to fit so well.
    fn evidence(scores: [f32; 2], fits: bool) -> Vec<Evidence> {
        let texts = [
            "The battery of the lamp lasts nine hours in the dark.",
            "The battery lasts ten hours.",
            "A battery is sold with every camera, and the box has a strap.",
        ];
        let file = file("a.pdf", texts.iter().map(|text| document(1, text)).collect());
        let part = |(i, score): (usize, f32)| FoundPart { file: 0, span: i + 1, bytes: 0..200, score };
        let parts = scores.into_iter().enumerate().map(part).collect();
        let library = FoundInLibrary { fits, rarity: None, parts };
        let question = "How long does the battery last?";
        let search = Search::new(vec![file], question, None, Arc::default(), Some(&library));
        search.finish(&Cancel::new()).unwrap().evidence
    }

    #[test]
    fn only_what_fits_nearly_as_well_as_the_best_is_shown() {
        let quotes = |evidence: &[Evidence]| -> Vec<String> {
            evidence.iter().filter_map(|one| one.quote.clone()).collect()
        };
        let close = quotes(&evidence([1.0, 0.95], true));
        assert_eq!(close.len(), 2, "{close:?}");
        assert!(close[0].contains("ten hours"), "{close:?}");
        let far = quotes(&evidence([1.0, 0.2], true));
        assert_eq!(far.len(), 1, "what stands beside is none, and what fits far worse: {far:?}");
    }

    #[test]
    fn nothing_is_shown_where_the_library_found_nothing_that_fits() {
        assert_eq!(evidence([1.0, 0.95], false), []);
    }
}
