//! The rows that go through the layers together: those of one sequence, or of several side by side.

use std::ops::Range;

use super::config::{AttentionSpec, PictureView};
use super::input::{Input, Modality};
use crate::nn::{Angles, Masks, Rotary, Visible};

/// The rows of one sequence.
pub(super) struct Part {
    /// Where they stand among all rows.
    pub(super) rows: Range<usize>,
    /// Position of the first.
    pub(super) pos: usize,
    /// For each row, the positions of the picture around it, or only its own.
    runs: Vec<Range<usize>>,
}

impl Part {
    /// The positions that each row sees.
    pub(super) fn sees(&self, spec: &AttentionSpec) -> impl Iterator<Item = Range<usize>> {
        let sees = move |(i, run): (usize, &Range<usize>)| {
            let pos = self.pos + i;
            let start = spec.window.map_or(0, |window| (pos + 1).saturating_sub(window));
            match spec.pictures {
                PictureView::Causal => start..pos + 1,
                PictureView::WithinWindow => start..run.end,
                PictureView::Whole => start.min(run.start)..run.end,
            }
        };
        self.runs.iter().enumerate().map(sees)
    }

    /// The rows of a step without caches that each row sees: those of its own part, and before them those of the first.
    pub(super) fn visible(&self, spec: &AttentionSpec) -> impl Iterator<Item = Visible> {
        let row = |position: usize| (self.rows.start + position).saturating_sub(self.pos);
        self.sees(spec).map(move |sees| {
            let before = sees.start..self.pos.min(sees.end);
            let own = row(sees.start.max(self.pos))..row(sees.end);
            [before, own].into_iter().filter(|run| !run.is_empty()).collect()
        })
    }
}

/// All rows of a step, with what the layers need to know of them.
pub(super) struct Step {
    pub(super) parts: Vec<Part>,
    /// What each row stands for.
    pub(super) modalities: Vec<Modality>,
    /// For each kind of rotary angles that the decoder has.
    pub(super) angles: Vec<Angles>,
    /// What hides rows from others on a device.
    pub(super) masks: Masks,
    /// How the rows see each other where there are no caches: the first part stands before all others.
    traced: Option<Traced>,
}

/// How attention is computed without caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traced {
    /// Part by part: nothing is computed to be hidden.
    Apart,
    /// All parts at once, with what they do not see hidden: few calls, which is what a device waits for.
    Together,
}

impl Step {
    /// For inputs that stand at these positions.
    pub(super) fn new<'a>(inputs: impl Iterator<Item = (&'a Input, usize)>, rotaries: &[Rotary]) -> Self {
        let (mut parts, mut modalities, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for (input, pos) in inputs {
            let first = positions.len();
            let runs = input.runs().into_iter().map(|run| run.start + pos..run.end + pos).collect();
            positions.extend(pos..pos + input.len());
            modalities.extend(input.modalities());
            parts.push(Part { rows: first..positions.len(), pos, runs });
        }
        let angles = rotaries.iter().map(|rotary| rotary.angles(&positions)).collect();
        Self { parts, modalities, angles, masks: Masks::default(), traced: None }
    }

    /// The same rows without caches, for gradients.
    pub(super) fn traced(self, how: Traced) -> Self {
        Self { traced: Some(how), ..self }
    }

    /// How the rows see each other where no keys and values are kept.
    pub(super) fn is_traced(&self) -> Option<Traced> {
        self.traced
    }

    /// Only the last row of each sequence, and which rows these were.
    pub(super) fn last_rows(&self, rotaries: &[Rotary]) -> (Self, Vec<u32>) {
        let last = |part: &Part| part.rows.end - 1;
        let rows: Vec<u32> = self.parts.iter().map(|part| last(part) as u32).collect();
        let parts: Vec<Part> = self
            .parts
            .iter()
            .enumerate()
            .map(|(i, part)| Part {
                rows: i..i + 1,
                pos: part.pos + part.rows.len() - 1,
                runs: part.runs.last().cloned().into_iter().collect(),
            })
            .collect();
        let positions: Vec<usize> = parts.iter().map(|part| part.pos).collect();
        let angles = rotaries.iter().map(|rotary| rotary.angles(&positions)).collect();
        let modalities = self.parts.iter().map(|part| self.modalities[last(part)]).collect();
        (Self { parts, modalities, angles, masks: Masks::default(), traced: self.traced }, rows)
    }
}
