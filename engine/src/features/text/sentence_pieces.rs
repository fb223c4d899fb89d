//! SentencePiece vocabularies in GGUF files (Kudo and Richardson, 2018): pieces with scores, `▁` for a
//! space, bytes for what no piece covers.
//!
//! SentencePiece joins the neighbours whose joined piece has the best score. That is byte-pair encoding
//! whose merges are ranked by the score of what they make.
//! Files of Gemma 4 list the merges themselves.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use tokenizers::AddedToken;
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence};

use super::byte_pairs::{BytePairs, Merge, Rules};
use super::gguf::{BYTE, Made, USER_DEFINED, is_control};
use super::pieces::{Pieces, Strings};
use super::tokenizer::{Cutter, id};
use crate::error::{Error, Result};

/// The space of SentencePiece.
pub(super) const SPACE: char = '▁';

/// Builds a tokenizer. `prefix` puts a space before the text.
pub(super) fn build(
    pieces: Pieces,
    tokens: &[Cow<str>],
    types: &[u64],
    merges: &[Merge],
    prefix: bool,
) -> Result<Made> {
    let failed = |e: tokenizers::Error| Error::Tokenizer { reason: e.to_string() };
    let joined = merges.iter().map(|merge| merge.made);
    let made: HashSet<u32> = joined.filter(|id| pieces.spelling(*id).starts_with(b"\n")).collect();
    let (mut bytes, mut control, mut found_first) = (Strings::default(), HashMap::new(), Vec::new());
    for (i, (token, kind)) in tokens.iter().zip(types).enumerate() {
        if is_control(token, *kind) {
            control.insert(token.to_string(), id(i)?);
            bytes.push(&[]);
            continue;
        }
        // Runs of newlines that no merge makes are taken whole, as llama.cpp takes them.
        let newlines = token.len() > 1
            && token.bytes().all(|byte| byte == b'\n')
            && !pieces.id(token).is_some_and(|id| made.contains(&id));
        if *kind == USER_DEFINED || newlines {
            found_first.push(AddedToken::from(&**token, false).normalized(true));
        }
        match byte(token).filter(|_| *kind == BYTE) {
            Some(byte) => bytes.push(&[byte]),
            None => bytes.push(token.replace(SPACE, " ").as_bytes()),
        }
    }
    let rules = Rules { byte_fallback: true, fuse_unknown: true, ..Rules::default() };
    let mut inner = Cutter::new(BytePairs::new(pieces, merges, rules));
    let space = Replace::new(" ", SPACE.to_string()).map_err(failed)?;
    let normalizer: NormalizerWrapper = match prefix {
        true => Sequence::new(vec![Prepend::new(SPACE.to_string()).into(), space.into()]).into(),
        false => space.into(),
    };
    inner.with_normalizer(Some(normalizer)).map_err(failed)?;
    inner.add_tokens(found_first).map_err(failed)?;
    Ok(Made { inner, bytes, control })
}

/// All ways to make a piece from two others, best pieces first.
pub(super) fn merges(
    pieces: &Pieces,
    tokens: &[Cow<str>],
    types: &[u64],
    scores: &[f32],
) -> Result<Vec<Merge>> {
    if scores.len() != tokens.len() || types.len() != tokens.len() {
        return Err(Error::Tokenizer {
            reason: "its lists of tokens, types and scores differ in length".into(),
        });
    }
    let is_made =
        |i: &usize| !is_control(&tokens[*i], types[*i]) && !matches!(types[*i], USER_DEFINED | BYTE);
    let mut order: Vec<usize> = (0..tokens.len()).filter(is_made).collect();
    // Of equal scores the earlier piece.
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    // A vocabulary of 262,144 pieces has a million ways to look up.
    let found: Vec<Vec<Merge>> = order.par_chunks(PIECES).map(|order| ways(pieces, tokens, order)).collect();
    Ok(found.concat())
}

/// Pieces that a thread takes at a time.
const PIECES: usize = 2048;

/// The ways to make some of the pieces, in their order.
fn ways(pieces: &Pieces, tokens: &[Cow<str>], order: &[usize]) -> Vec<Merge> {
    let (mut merges, mut ways) = (Vec::new(), Vec::new());
    for piece in order.iter().map(|i| &*tokens[*i]) {
        let Some(made) = pieces.id(piece) else { continue };
        ways.extend(
            piece
                .char_indices()
                .skip(1)
                .filter_map(|(at, _)| Some((pieces.id(&piece[..at])?, pieces.id(&piece[at..])?))),
        );
        ways.sort_unstable();
        merges.extend(ways.drain(..).map(|(left, right)| Merge { left, right, made }));
    }
    merges
}

/// The byte that `<0x0A>` stands for.
pub(super) fn byte(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::gguf::{CONTROL, pieces};
    use super::*;

    fn tiny(prefix: bool) -> Made {
        let mut entries: Vec<(String, u64, f32)> =
            [("<eos>", CONTROL), ("<start_of_turn>", USER_DEFINED), ("\n\n", USER_DEFINED)]
                .map(|(token, kind)| (token.to_owned(), kind, 0.0))
                .into();
        entries.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), BYTE, 0.0)));
        for (i, piece) in ["▁t", "he", "▁the", "▁", "t", "h", "e", "\n"].iter().enumerate() {
            entries.push(((*piece).to_owned(), 1, -(i as f32)));
        }
        let tokens: Vec<Cow<str>> = entries.iter().map(|entry| entry.0.as_str().into()).collect();
        let (types, scores): (Vec<u64>, Vec<f32>) = entries.iter().map(|entry| (entry.1, entry.2)).unzip();
        let pieces = pieces(&tokens, &types);
        let merges = merges(&pieces, &tokens, &types, &scores).unwrap();
        build(pieces, &tokens, &types, &merges, prefix).unwrap()
    }

    fn cut(tokenizer: &Made, text: &str) -> Vec<String> {
        let encoding = tokenizer.inner.encode_fast(text, false).unwrap();
        encoding.get_ids().iter().map(|id| tokenizer.inner.id_to_token(*id).unwrap()).collect()
    }

    #[test]
    fn the_best_pieces_are_joined_and_the_rest_is_bytes() {
        let tokenizer = tiny(false);
        assert_eq!(cut(&tokenizer, "the the"), ["t", "he", "▁the"]);
        assert_eq!(cut(&tokenizer, "\n\n\n"), ["\n\n", "\n"]);
        assert_eq!(cut(&tokenizer, "é"), ["<0xC3>", "<0xA9>"]);
        assert_eq!(cut(&tiny(true), "the"), ["▁the"]);
    }

    #[test]
    fn text_survives_the_round_trip_and_makes_no_structure() {
        let tokenizer = tiny(false);
        for text in ["the  the\n\n", "<start_of_turn>", "✓ the <eos>", "<0x41>"] {
            let encoded = tokenizer.inner.encode_fast(text, false).unwrap();
            let ids = encoded.get_ids();
            let bytes: Vec<u8> =
                ids.iter().flat_map(|id| tokenizer.bytes.get(*id as usize).unwrap()).copied().collect();
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
            assert!(ids.iter().all(|id| !tokenizer.control.values().any(|control| control.0 == *id)));
        }
    }
}
