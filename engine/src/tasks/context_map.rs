//! Which part of a prompt takes which of its tokens: contents are looked for in what the tokens say.

use std::ops::Range;

use crate::decoder::Input;
use crate::error::Result;
use crate::features::text::TokenId;
use crate::generate::inside::{ContextPart, PartKind};
use crate::model::LanguageModel;

/// A content that was put into a prompt.
pub(super) struct Piece {
    pub(super) kind: PartKind,
    /// The file that it is from; empty for what is from none.
    pub(super) name: String,
    pub(super) content: Content,
}

/// What a piece is made of.
pub(super) enum Content {
    Text(String),
    /// So many positions of soft tokens, with those around them.
    Soft(usize),
}

impl Piece {
    pub(super) fn text(kind: PartKind, name: &str, text: &str) -> Self {
        Self { kind, name: name.to_owned(), content: Content::Text(text.to_owned()) }
    }
}

/// The parts of a prompt in the order of `pieces`, and last what the template put between them. Together they have as
/// many tokens as the prompt.
///
/// # Errors
/// Those of the tokenizer.
pub(super) fn parts(model: &LanguageModel, input: &Input, pieces: Vec<Piece>) -> Result<Vec<ContextPart>> {
    let said = Said::of(model, input);
    let mut parts = Vec::with_capacity(pieces.len() + 1);
    let mut from = 0;
    for Piece { kind, name, content } in pieces {
        let (text, tokens) = match content {
            Content::Soft(tokens) => (String::new(), tokens),
            Content::Text(text) => {
                let tokens = match said.find(text.trim(), from) {
                    Some(bytes) => {
                        from = bytes.end;
                        said.tokens(&bytes)
                    }
                    // A tokenizer that changes what it reads (other spaces, other accents) says it in other bytes.
                    None => model.encode(&text)?.len(),
                };
                (text, tokens)
            }
        };
        parts.push(ContextPart { kind, name, text, tokens });
    }
    let known: usize = parts.iter().map(|part| part.tokens).sum();
    let tokens = input.len().saturating_sub(known);
    parts.push(ContextPart { kind: PartKind::Form, name: String::new(), text: String::new(), tokens });
    Ok(parts)
}

/// What the tokens of text in a prompt say.
struct Said {
    bytes: Vec<u8>,
    /// For each token of text, where its bytes begin.
    starts: Vec<usize>,
}

impl Said {
    fn of(model: &LanguageModel, input: &Input) -> Self {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for (at, id) in input.ids.iter().enumerate() {
            if input.soft.iter().any(|soft| soft.range().contains(&at)) {
                continue;
            }
            let token = model.tokenizer().bytes(TokenId(*id));
            // Control tokens say nothing, and are nobody's.
            if !token.is_empty() {
                starts.push(bytes.len());
                bytes.extend_from_slice(token);
            }
        }
        Self { bytes, starts }
    }

    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let text = text.as_bytes();
        if text.is_empty() {
            return Some(from..from);
        }
        let at = self.bytes.get(from..)?.windows(text.len()).position(|window| window == text)?;
        Some(from + at..from + at + text.len())
    }

    /// How many tokens begin there.
    fn tokens(&self, bytes: &Range<usize>) -> usize {
        let before = |end: usize| self.starts.partition_point(|start| *start < end);
        before(bytes.end) - before(bytes.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_of_a_prompt_belongs_to_one_part() {
        let model = LanguageModel::tiny();
        let text = "be short\n\nnotes of a\nquestion: why? \n";
        let input = Input::from(model.encode(text).unwrap());
        let pieces = vec![
            Piece::text(PartKind::Instructions, "", "be short"),
            Piece { kind: PartKind::Medium, name: "p.png".into(), content: Content::Soft(0) },
            Piece::text(PartKind::Notes, "a", "notes of a\n"),
            Piece::text(PartKind::Question, "", "why?"),
        ];
        let parts = parts(&model, &input, pieces).unwrap();
        // One character is one token here.
        let found: Vec<(PartKind, usize)> = parts.iter().map(|part| (part.kind, part.tokens)).collect();
        let expected = [
            (PartKind::Instructions, 8),
            (PartKind::Medium, 0),
            (PartKind::Notes, 10),
            (PartKind::Question, 4),
            (PartKind::Form, input.len() - 22),
        ];
        assert_eq!(found, expected);
        assert_eq!(parts[2].text, "notes of a\n");
    }
}
