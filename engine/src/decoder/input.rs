//! What a decoder reads: token ids, and embeddings where media stand.

use std::ops::Range;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::features::text::TokenId;

/// What a position stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// A token of text.
    #[default]
    Text,
    /// A part of a still picture.
    Picture,
    /// A part of a video's frame.
    Video,
    /// A stretch of sound.
    Sound,
}

impl Modality {
    /// All, in the order of their statistics.
    pub const ALL: [Self; 4] = [Self::Text, Self::Picture, Self::Video, Self::Sound];

    fn is_seen(self) -> bool {
        matches!(self, Self::Picture | Self::Video)
    }
}

/// Embeddings from an encoder, in the place of tokens.
#[derive(Clone)]
pub struct Soft {
    /// The first position, counted from the beginning of the input.
    pub start: usize,
    /// `[n, d_model]`.
    pub embeddings: Tensor,
    /// What they stand for.
    pub modality: Modality,
    /// The same for the same medium in the same form: what lets a later prompt use what was read of it.
    pub key: u64,
}

impl Soft {
    /// Positions that it fills.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.embeddings.dim(0).unwrap_or(0)
    }
}

/// Tokens in order; where media stand, the ids are placeholders and `soft` holds what is read.
#[derive(Clone, Default)]
pub struct Input {
    pub(crate) ids: Vec<u32>,
    /// In order, without overlap.
    pub(crate) soft: Vec<Soft>,
}

impl From<&[u32]> for Input {
    fn from(ids: &[u32]) -> Self {
        Self { ids: ids.to_vec(), soft: Vec::new() }
    }
}

impl From<Vec<TokenId>> for Input {
    fn from(tokens: Vec<TokenId>) -> Self {
        Self { ids: tokens.into_iter().map(|TokenId(id)| id).collect(), soft: Vec::new() }
    }
}

impl Input {
    /// Positions.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds tokens of text.
    pub fn push_tokens(&mut self, ids: impl IntoIterator<Item = u32>) {
        self.ids.extend(ids);
    }

    /// Adds a medium; `placeholder` is the id that the vocabulary has for it.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d_model]`
    pub fn push_media(&mut self, placeholder: u32, embeddings: Tensor, modality: Modality, key: u64) {
        let soft = Soft { start: self.ids.len(), embeddings, modality, key };
        self.ids.resize(soft.range().end, placeholder);
        self.soft.push(soft);
    }

    /// What each position stands for.
    pub fn modalities(&self) -> Vec<Modality> {
        let mut all = vec![Modality::Text; self.ids.len()];
        for soft in &self.soft {
            if let Some(positions) = all.get_mut(soft.range()) {
                positions.fill(soft.modality);
            }
        }
        all
    }

    /// The run of picture tokens around each position, or only that position: its tokens see each other.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let seen: Vec<bool> = self.modalities().into_iter().map(Modality::is_seen).collect();
        let mut runs = Vec::with_capacity(seen.len());
        for group in seen.chunk_by(|a, b| *a && *b) {
            let start = runs.len();
            runs.resize(start + group.len(), start..start + group.len());
        }
        runs
    }

    /// How many positions both begin with alike. It does not end within a medium.
    pub fn shared_with(&self, other: &Self) -> usize {
        let shared = self.ids.iter().zip(&other.ids).take_while(|(a, b)| a == b).count();
        let same = |soft: &Soft| {
            other.soft.iter().any(|o| (o.start, o.key, o.modality) == (soft.start, soft.key, soft.modality))
        };
        let differs = self.soft.iter().find(|soft| soft.start < shared && !same(soft)).map(|soft| soft.start);
        let added = other
            .soft
            .iter()
            .find(|soft| soft.start < shared && !self.soft.iter().any(|own| own.start == soft.start));
        let shared = shared.min(differs.unwrap_or(shared)).min(added.map_or(shared, |soft| soft.start));
        self.whole_media(shared)
    }

    /// `end`, or where the medium begins that it would cut.
    pub(crate) fn whole_media(&self, end: usize) -> usize {
        let cut = self.soft.iter().find(|soft| soft.range().start < end && end < soft.range().end);
        cut.map_or(end, |soft| soft.start)
    }

    /// The position after the last medium; 0 without any.
    pub fn media_end(&self) -> usize {
        self.soft.last().map_or(0, |soft| soft.range().end)
    }

    /// Where a step of `n` positions from `start` on ends: later where it would cut a medium, earlier where
    /// media end, because a follow-up comes back to there.
    pub fn step_end(&self, start: usize, n: usize) -> usize {
        let media_end = self.media_end();
        let end = start + n;
        self.after_media(if start < media_end { end.min(media_end) } else { end })
    }

    /// `end`, or where the medium ends that it would cut.
    fn after_media(&self, end: usize) -> usize {
        let end = end.min(self.len());
        let cut = self.soft.iter().find(|soft| soft.range().start < end && end < soft.range().end);
        cut.map_or(end, |soft| soft.range().end).min(self.len())
    }

    /// The positions from `start` on: `n`, or a few more so that no medium is cut.
    pub fn chunk(&self, start: usize, n: usize) -> Self {
        let end = self.after_media(start + n);
        let within = self.soft.iter().filter(|soft| soft.start >= start && soft.range().end <= end);
        let soft = within.map(|soft| Soft { start: soft.start - start, ..soft.clone() }).collect();
        Self { ids: self.ids[start..end].to_vec(), soft }
    }

    /// Forgets everything from position `n` on, and the medium that it would cut.
    pub fn truncate(&mut self, n: usize) {
        let n = self.whole_media(n);
        self.ids.truncate(n);
        self.soft.retain(|soft| soft.start < n);
    }

    /// Adds what `other` holds.
    pub fn append(&mut self, other: &Self) {
        let at = self.len();
        self.soft.extend(other.soft.iter().map(|soft| Soft { start: soft.start + at, ..soft.clone() }));
        self.ids.extend_from_slice(&other.ids);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn media(n: usize) -> Tensor {
        Tensor::zeros((n, 4), DType::F32, &Device::Cpu).unwrap()
    }

    /// Two tokens, a picture of 5, a token, a frame of 3 directly followed by sound of 2, a token.
    fn mixed(key: u64) -> Input {
        let mut input = Input::from([1, 2].as_slice());
        input.push_media(90, media(5), Modality::Picture, key);
        input.push_tokens([3]);
        input.push_media(91, media(3), Modality::Video, 8);
        input.push_media(92, media(2), Modality::Sound, 9);
        input.push_tokens([4]);
        input
    }

    #[test]
    fn pictures_see_themselves_and_nothing_else_does() {
        let runs = mixed(7).runs();
        assert_eq!((runs[1].clone(), runs[2].clone(), runs[6].clone()), (1..2, 2..7, 2..7));
        assert_eq!((runs[7].clone(), runs[9].clone(), runs[11].clone()), (7..8, 8..11, 11..12));
        assert_eq!(
            mixed(7).modalities()[8..13],
            [Modality::Video, Modality::Video, Modality::Video, Modality::Sound, Modality::Sound,]
        );
    }

    #[test]
    fn a_shared_beginning_ends_before_another_picture() {
        assert_eq!(mixed(7).shared_with(&mixed(7)), 14);
        assert_eq!(mixed(7).shared_with(&mixed(6)), 2);
        let mut other = mixed(7);
        other.truncate(9);
        assert_eq!((other.len(), other.soft.len()), (8, 1));
        assert_eq!(mixed(7).shared_with(&other), 8);
        let plain = Input::from([1, 2, 90, 90].as_slice());
        assert_eq!(mixed(7).shared_with(&plain), 2);
        assert_eq!(plain.shared_with(&mixed(7)), 2);
    }

    #[test]
    fn chunks_cut_no_medium_and_together_are_the_whole() {
        let input = mixed(7);
        for n in 1..15 {
            let mut again = Input::default();
            while again.len() < input.len() {
                again.append(&input.chunk(again.len(), n));
            }
            assert_eq!((again.ids.clone(), again.shared_with(&input)), (input.ids.clone(), 14), "{n}");
        }
        assert_eq!(input.chunk(0, 3).len(), 7);
    }
}
