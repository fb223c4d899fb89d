//! The entries of a vocabulary in little memory: all strings in one piece, found by an index of numbers.
//! A vocabulary of 262,000 takes 6 MB so; maps with a `String` for each entry take 60 MB.

use std::hash::{BuildHasher, RandomState};

/// Strings of bytes by number.
#[derive(Default, PartialEq)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn get(&self, i: usize) -> Option<&[u8]> {
        let start = if i == 0 { 0 } else { *self.ends.get(i - 1)? };
        self.bytes.get(start..*self.ends.get(i)?)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// A slot of the index that no piece has.
const FREE: u32 = u32::MAX;

/// What ordinary text can be made of, by number and by spelling.
pub(super) struct Pieces {
    spellings: Strings,
    /// Ids at the places that the hashes of their spellings give, or at the next ones free.
    slots: Vec<u32>,
    hasher: RandomState,
    n_pieces: usize,
}

impl Pieces {
    /// `spellings` by id; `None` for what ordinary text cannot give. Of two that are spelled alike the later one
    /// counts.
    pub(super) fn new<'a>(spellings: impl ExactSizeIterator<Item = Option<&'a str>>) -> Self {
        let n_slots = (2 * spellings.len()).next_power_of_two().max(2);
        let mut pieces = Self {
            spellings: Strings::default(),
            slots: vec![FREE; n_slots],
            hasher: RandomState::new(),
            n_pieces: 0,
        };
        for (id, spelling) in (0..FREE).zip(spellings) {
            pieces.spellings.push(spelling.unwrap_or_default().as_bytes());
            if let Some(spelling) = spelling {
                let slot = pieces.slot(spelling);
                pieces.n_pieces += usize::from(pieces.slots[slot] == FREE);
                pieces.slots[slot] = id;
            }
        }
        pieces
    }

    /// The slot of the piece that is spelled so, or the one where it would be.
    fn slot(&self, spelling: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(spelling) as usize & mask;
        // At least half of the slots are free.
        while self.slots[slot] != FREE && self.spelling(self.slots[slot]) != spelling.as_bytes() {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The piece that is spelled so.
    pub(super) fn id(&self, spelling: &str) -> Option<u32> {
        Some(self.slots[self.slot(spelling)]).filter(|id| *id != FREE)
    }

    /// How a piece is spelled.
    pub(super) fn spelling(&self, id: u32) -> &[u8] {
        self.spellings.get(id as usize).unwrap_or_default()
    }

    /// Entries of the vocabulary, with those that ordinary text cannot give.
    pub(super) fn n_entries(&self) -> usize {
        self.spellings.len()
    }

    /// Different spellings.
    pub(super) fn n_pieces(&self) -> usize {
        self.n_pieces
    }

    /// The piece that `left` and `right` make.
    pub(super) fn joined(&self, left: &str, right: &str) -> Option<u32> {
        self.id(&[left, right].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_by_their_spelling() {
        let spellings = [Some("a"), None, Some("▁the"), Some("a"), Some("")];
        let pieces = Pieces::new(spellings.into_iter());
        let found = ["a", "▁the", "", "b"].map(|spelling| pieces.id(spelling));
        assert_eq!(found, [Some(3), Some(2), Some(4), None]);
        assert_eq!((pieces.n_entries(), pieces.n_pieces()), (5, 3));
        assert_eq!(
            (pieces.spelling(2), pieces.spelling(1), pieces.spelling(9)),
            ("▁the".as_bytes(), &b""[..], &b""[..])
        );
        assert_eq!(Pieces::new([].into_iter()).id("a"), None);
    }

    #[test]
    fn thousands_of_pieces_keep_their_numbers() {
        let spellings: Vec<String> = (0..5000).map(|i| format!("piece {i}")).collect();
        let pieces = Pieces::new(spellings.iter().map(|spelling| Some(spelling.as_str())));
        assert!(spellings.iter().zip(0..).all(|(spelling, id)| pieces.id(spelling) == Some(id)));
    }
}
