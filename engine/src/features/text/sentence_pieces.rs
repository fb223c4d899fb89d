//! SentencePiece vocabularies in GGUF files (Kudo and Richardson, 2018): pieces with scores, `▁` for a
//! space, bytes for what no piece covers.
//!
//! SentencePiece joins the neighbours whose joined piece has the best score. That is byte-pair encoding
//! whose merges are ranked by the score of what they make, so the merges run in the `tokenizers` crate.
//! Files of Gemma 4 list the merges themselves.

use std::collections::{HashMap, HashSet};

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence};
use tokenizers::{AddedToken, Tokenizer};

use super::gguf::{BYTE, USER_DEFINED, is_control};
use super::tokenizer::{TokenId, id};
use crate::error::{Error, Result};

/// The space of SentencePiece.
pub(super) const SPACE: char = '▁';

pub(super) struct SentencePieces {
    pub(super) inner: Tokenizer,
    /// The bytes of each piece; empty for control pieces.
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) control: HashMap<String, TokenId>,
}

/// Builds a tokenizer. `prefix` puts a space before the text.
pub(super) fn build(
    tokens: &[String],
    types: &[u64],
    merges: Vec<(String, String)>,
    prefix: bool,
) -> Result<SentencePieces> {
    let failed = |e: tokenizers::Error| Error::Tokenizer { reason: e.to_string() };
    let joined = merges.iter().map(|(a, b)| format!("{a}{b}")).filter(|piece| piece.starts_with('\n'));
    let made: HashSet<String> = joined.collect();
    let (mut vocab, mut control, mut bytes) = (Vocab::default(), HashMap::new(), Vec::new());
    let mut found_first = Vec::new();
    for (i, (token, kind)) in tokens.iter().zip(types).enumerate() {
        if is_control(token, *kind) {
            // Not in the vocabulary of ordinary text, which therefore cannot give them.
            control.insert(token.clone(), id(i)?);
            bytes.push(Vec::new());
        } else {
            // Runs of newlines that no merge makes are taken whole, as llama.cpp takes them.
            let newlines =
                token.len() > 1 && token.bytes().all(|byte| byte == b'\n') && !made.contains(token);
            if *kind == USER_DEFINED || newlines {
                found_first.push(AddedToken::from(token.as_str(), false).normalized(true));
            }
            bytes.push(match byte(token).filter(|_| *kind == BYTE) {
                Some(byte) => vec![byte],
                None => token.replace(SPACE, " ").into_bytes(),
            });
            vocab.insert(token.clone(), id(i)?.0);
        }
    }
    let bpe = BPE::builder().vocab_and_merges(vocab, merges).byte_fallback(true).fuse_unk(true);
    let mut inner = Tokenizer::new(bpe.build().map_err(failed)?);
    let space = Replace::new(" ", SPACE.to_string()).map_err(failed)?;
    let normalizer: NormalizerWrapper = match prefix {
        true => Sequence::new(vec![Prepend::new(SPACE.to_string()).into(), space.into()]).into(),
        false => space.into(),
    };
    inner.with_normalizer(Some(normalizer)).map_err(failed)?;
    inner.add_tokens(found_first).map_err(failed)?;
    Ok(SentencePieces { inner, bytes, control })
}

/// All ways to make a piece from two others, best pieces first.
pub(super) fn merges(tokens: &[String], types: &[u64], scores: &[f32]) -> Result<Vec<(String, String)>> {
    if scores.len() != tokens.len() || types.len() != tokens.len() {
        return Err(Error::Tokenizer {
            reason: "its lists of tokens, types and scores differ in length".into(),
        });
    }
    let ordinary = |i: &usize| !is_control(&tokens[*i], types[*i]);
    let mut vocab: HashMap<&str, u32> = HashMap::with_capacity(tokens.len());
    for i in (0..tokens.len()).filter(ordinary) {
        vocab.insert(&tokens[i], id(i)?.0);
    }
    let is_made = |i: &usize| ordinary(i) && !matches!(types[*i], USER_DEFINED | BYTE);
    let mut order: Vec<usize> = (0..tokens.len()).filter(is_made).collect();
    // Of equal scores the earlier piece.
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut merges = Vec::new();
    for piece in order.into_iter().map(|i| &tokens[i]) {
        let mut ways: Vec<(u32, u32, usize)> = piece
            .char_indices()
            .skip(1)
            .filter_map(|(at, _)| Some((*vocab.get(&piece[..at])?, *vocab.get(&piece[at..])?, at)))
            .collect();
        ways.sort_unstable();
        merges.extend(ways.into_iter().map(|(_, _, at)| (piece[..at].to_owned(), piece[at..].to_owned())));
    }
    Ok(merges)
}

/// The byte that `<0x0A>` stands for.
pub(super) fn byte(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::gguf::CONTROL;
    use super::*;

    fn tiny(prefix: bool) -> SentencePieces {
        let mut pieces: Vec<(String, u64, f32)> =
            [("<eos>", CONTROL), ("<start_of_turn>", USER_DEFINED), ("\n\n", USER_DEFINED)]
                .map(|(token, kind)| (token.to_owned(), kind, 0.0))
                .into();
        pieces.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), BYTE, 0.0)));
        for (i, piece) in ["▁t", "he", "▁the", "▁", "t", "h", "e", "\n"].iter().enumerate() {
            pieces.push(((*piece).to_owned(), 1, -(i as f32)));
        }
        let tokens: Vec<String> = pieces.iter().map(|p| p.0.clone()).collect();
        let (types, scores): (Vec<u64>, Vec<f32>) = pieces.iter().map(|p| (p.1, p.2)).unzip();
        build(&tokens, &types, merges(&tokens, &types, &scores).unwrap(), prefix).unwrap()
    }

    fn pieces(tokenizer: &SentencePieces, text: &str) -> Vec<String> {
        tokenizer.inner.encode(text, false).unwrap().get_tokens().to_vec()
    }

    #[test]
    fn the_best_pieces_are_joined_and_the_rest_is_bytes() {
        let tokenizer = tiny(false);
        assert_eq!(pieces(&tokenizer, "the the"), ["t", "he", "▁the"]);
        assert_eq!(pieces(&tokenizer, "\n\n\n"), ["\n\n", "\n"]);
        assert_eq!(pieces(&tokenizer, "é"), ["<0xC3>", "<0xA9>"]);
        assert_eq!(pieces(&tiny(true), "the"), ["▁the"]);
    }

    #[test]
    fn text_survives_the_round_trip_and_makes_no_structure() {
        let tokenizer = tiny(false);
        for text in ["the  the\n\n", "<start_of_turn>", "✓ the <eos>", "<0x41>"] {
            let encoded = tokenizer.inner.encode_fast(text, false).unwrap();
            let ids = encoded.get_ids();
            let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes[*id as usize].clone()).collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
            assert!(ids.iter().all(|id| !tokenizer.control.values().any(|control| control.0 == *id)));
        }
    }
}
