//! Byte-pair encoding (Sennrich et al., 2016): the neighbours whose merge ranks best are joined until none are left
//! to join. It runs below the `tokenizers` crate, which cuts and normalises the text, and gives the ids of its own
//! model in a quarter of the memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::{Path, PathBuf};

use tokenizers::models::bpe::BpeTrainer;
use tokenizers::{Model, Token};

use super::pieces::Pieces;
use crate::error::{Error, Result};

/// Two pieces and the piece that they make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) made: u32,
}

impl Merge {
    /// The merge of two pieces by their spelling.
    pub(super) fn named(pieces: &Pieces, left: &str, right: &str) -> Result<Self> {
        let id = |found: Option<u32>| {
            let reason = || format!("the merge \"{left} {right}\" is of pieces that the vocabulary lacks");
            found.ok_or_else(|| Error::Tokenizer { reason: reason() })
        };
        let (left_id, right_id) = (id(pieces.id(left))?, id(pieces.id(right))?);
        Ok(Self { left: left_id, right: right_id, made: id(pieces.joined(left, right))? })
    }
}

/// Merges by the pieces that they join.
struct Merges {
    /// Where the merges of each left piece begin in `rights`.
    starts: Vec<u32>,
    /// The right piece and the rank, in order.
    rights: Vec<(u32, u32)>,
    /// What is made, by rank.
    made: Vec<u32>,
}

impl Merges {
    /// `merges` of pieces below `n_pieces`, best first. Of equal pairs the last counts.
    fn new(n_pieces: usize, merges: &[Merge]) -> Self {
        let mut ranked: Vec<(u32, u32, u32)> =
            merges.iter().zip(0..).map(|(merge, rank)| (merge.left, merge.right, rank)).collect();
        ranked.sort_unstable();
        let mut starts = vec![0; n_pieces + 1];
        for (left, ..) in &ranked {
            starts[*left as usize + 1] += 1;
        }
        for i in 0..n_pieces {
            starts[i + 1] += starts[i];
        }
        let rights = ranked.iter().map(|(_, right, rank)| (*right, *rank)).collect();
        Self { starts, rights, made: merges.iter().map(|merge| merge.made).collect() }
    }

    /// The rank of a pair and what it makes.
    fn get(&self, left: u32, right: u32) -> Option<(u32, u32)> {
        let left = left as usize;
        let of_left = &self.rights[self.starts[left] as usize..self.starts[left + 1] as usize];
        let end = of_left.partition_point(|(other, _)| *other <= right);
        let (_, rank) = of_left[..end].last().filter(|(other, _)| *other == right)?;
        Some((*rank, self.made[*rank as usize]))
    }
}

/// How text is made of pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    /// Characters that no piece covers become the pieces of their bytes: `<0x0A>`.
    pub(super) byte_fallback: bool,
    /// The piece for what is not covered then; such characters vanish where there is none.
    pub(super) unknown: Option<u32>,
    /// Whether neighbours that are not covered become one such piece.
    pub(super) fuse_unknown: bool,
    /// A part of the text that is in the vocabulary is taken as it is, whatever the merges make of it.
    pub(super) ignore_merges: bool,
}

/// The model of a tokenizer.
pub(super) struct BytePairs {
    pieces: Pieces,
    merges: Merges,
    rules: Rules,
    /// The pieces of the 256 bytes; none where characters do not fall back to them.
    bytes: Vec<Option<u32>>,
}

/// A part of the text while it is joined.
struct Symbol {
    id: u32,
    /// Bytes of the text; 0 once it was joined to the one before.
    length: usize,
    before: Option<usize>,
    after: Option<usize>,
}

impl BytePairs {
    /// `merges` of these pieces, best first.
    pub(super) fn new(pieces: Pieces, merges: &[Merge], rules: Rules) -> Self {
        let byte = |byte: u8| pieces.id(&format!("<0x{byte:02X}>"));
        let bytes = if rules.byte_fallback { (0..=255).map(byte).collect() } else { Vec::new() };
        Self { merges: Merges::new(pieces.n_entries(), merges), pieces, rules, bytes }
    }

    /// The pieces of single characters.
    fn symbols(&self, text: &str) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = Vec::with_capacity(text.len());
        let mut add = |id: u32, length: usize| {
            let n = symbols.len();
            if let Some(last) = symbols.last_mut() {
                last.after = Some(n);
            }
            symbols.push(Symbol { id, length, before: n.checked_sub(1), after: None });
        };
        // The bytes of what is not covered and not added yet.
        let mut uncovered: Option<(u32, usize)> = None;
        for (at, letter) in text.char_indices() {
            let length = letter.len_utf8();
            let letter = &text[at..at + length];
            if let Some(id) = self.pieces.id(letter) {
                if let Some((unknown, length)) = uncovered.take() {
                    add(unknown, length);
                }
                add(id, length);
                continue;
            }
            let bytes = letter.bytes().map(|byte| self.bytes.get(usize::from(byte)).copied().flatten());
            if let Some(bytes) = bytes.collect::<Option<Vec<u32>>>() {
                bytes.into_iter().for_each(|id| add(id, 1));
                continue;
            }
            if let Some(unknown) = self.rules.unknown {
                uncovered = Some(match uncovered {
                    Some((_, before)) if self.rules.fuse_unknown => (unknown, before + length),
                    Some((_, before)) => {
                        add(unknown, before);
                        (unknown, length)
                    }
                    None => (unknown, length),
                });
            }
        }
        if let Some((unknown, length)) = uncovered {
            add(unknown, length);
        }
        symbols
    }

    /// Joins neighbours: the best merge first, of equal ones the earliest in the text.
    fn join(&self, symbols: &mut [Symbol]) {
        let merge = |symbols: &[Symbol], left: usize| {
            let right = symbols[left].after?;
            let (rank, made) = self.merges.get(symbols[left].id, symbols[right].id)?;
            Some(Reverse((rank, left, made)))
        };
        let mut next: BinaryHeap<_> = (0..symbols.len()).filter_map(|left| merge(symbols, left)).collect();
        while let Some(Reverse((_, left, made))) = next.pop() {
            // What was joined meanwhile may have taken a part of this pair.
            let is_there = symbols[left].length > 0
                && merge(symbols, left).is_some_and(|Reverse((_, _, makes))| makes == made);
            let (true, Some(right)) = (is_there, symbols[left].after) else { continue };
            let after = symbols[right].after;
            symbols[left].id = made;
            symbols[left].length += symbols[right].length;
            symbols[left].after = after;
            symbols[right].length = 0;
            if let Some(after) = after {
                symbols[after].before = Some(left);
            }
            next.extend(symbols[left].before.and_then(|before| merge(symbols, before)));
            next.extend(merge(symbols, left));
        }
    }
}

impl Model for BytePairs {
    type Trainer = BpeTrainer;

    /// The spellings of the tokens are left out: nobody reads them.
    fn tokenize(&self, text: &str) -> tokenizers::Result<Vec<Token>> {
        let token = |id, at, length| Token::new(id, String::new(), (at, at + length));
        if self.rules.ignore_merges
            && let Some(id) = self.pieces.id(text)
        {
            return Ok(vec![token(id, 0, text.len())]);
        }
        let mut symbols = self.symbols(text);
        self.join(&mut symbols);
        let mut at = 0;
        let tokens = symbols.iter().filter(|symbol| symbol.length > 0).map(|symbol| {
            at += symbol.length;
            token(symbol.id, at - symbol.length, symbol.length)
        });
        Ok(tokens.collect())
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.pieces.id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        String::from_utf8(self.pieces.spelling(id).to_vec()).ok()
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        let ids = (0..self.pieces.n_entries() as u32).filter_map(|id| Some((self.id_to_token(id)?, id)));
        ids.filter(|(token, id)| self.pieces.id(token) == Some(*id)).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.pieces.n_pieces()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("vocabularies are not written".into())
    }

    fn get_trainer(&self) -> BpeTrainer {
        BpeTrainer::default()
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::models::bpe::BPE;

    use super::*;

    const SPELLINGS: [&str; 10] = ["a", "b", "c", "ab", "bc", "abc", "cab", "<unk>", "aa", "aaa"];

    const MERGES: [(&str, &str); 7] =
        [("b", "c"), ("a", "b"), ("a", "bc"), ("c", "ab"), ("a", "a"), ("aa", "a"), ("a", "aa")];

    fn ours(rules: Rules) -> BytePairs {
        let pieces = Pieces::new(SPELLINGS.into_iter().map(Some));
        let merges: Vec<Merge> =
            MERGES.iter().map(|(left, right)| Merge::named(&pieces, left, right).unwrap()).collect();
        BytePairs::new(pieces, &merges, rules)
    }

    fn reference(rules: Rules) -> BPE {
        let vocab: tokenizers::models::bpe::Vocab =
            SPELLINGS.iter().map(|s| (*s).to_owned()).zip(0..).collect();
        let merges = MERGES.map(|(left, right)| (left.to_owned(), right.to_owned())).to_vec();
        let bpe = BPE::builder().vocab_and_merges(vocab, merges).fuse_unk(rules.fuse_unknown);
        let bpe = bpe.ignore_merges(rules.ignore_merges);
        if rules.unknown.is_some() { bpe.unk_token("<unk>".into()) } else { bpe }.build().unwrap()
    }

    #[test]
    fn every_text_gives_the_tokens_of_the_tokenizers_crate() {
        let all = [
            Rules::default(),
            Rules { unknown: Some(7), ..Rules::default() },
            Rules { unknown: Some(7), fuse_unknown: true, ignore_merges: true, byte_fallback: false },
        ];
        for rules in all {
            let (ours, reference) = (ours(rules), reference(rules));
            // Every text of up to six of these letters; one of them is not covered.
            for number in 0..5_usize.pow(6) {
                let digits = (0..6).map(|place| number / 5_usize.pow(place) % 5);
                let text: String = digits.map(|digit| ["a", "b", "c", "é", ""][digit]).collect();
                let tokens = |tokens: Vec<Token>| -> Vec<(u32, (usize, usize))> {
                    tokens.into_iter().map(|token| (token.id, token.offsets)).collect()
                };
                let expected = tokens(reference.tokenize(&text).unwrap());
                assert_eq!(tokens(ours.tokenize(&text).unwrap()), expected, "{text:?} {rules:?}");
            }
        }
    }

    #[test]
    fn the_vocabulary_is_told_as_it_was_given() {
        let ours = ours(Rules::default());
        assert_eq!(ours.get_vocab_size(), SPELLINGS.len());
        assert!(SPELLINGS.iter().zip(0..).all(|(spelling, id)| ours.get_vocab()[*spelling] == id));
    }
}
