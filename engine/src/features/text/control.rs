//! The tokens that make the structure of a conversation, and where a template wrote them.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};

use super::tokenizer::TokenId;
use crate::error::{Error, Result};

/// A part of what a template wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written<'a> {
    Control(TokenId),
    Text(&'a str),
}

/// Control tokens by their spelling.
pub(super) struct ControlTokens {
    by_name: HashMap<String, TokenId>,
    /// Finds all of them in one pass: some vocabularies have thousands.
    finder: AhoCorasick,
    /// By the number of the finder's pattern.
    ids: Vec<TokenId>,
}

impl PartialEq for ControlTokens {
    fn eq(&self, other: &Self) -> bool {
        self.by_name == other.by_name
    }
}

impl ControlTokens {
    pub(super) fn new(by_name: HashMap<String, TokenId>) -> Result<Self> {
        let ordered: BTreeMap<&String, &TokenId> =
            by_name.iter().filter(|(name, _)| !name.is_empty()).collect();
        let finder = AhoCorasick::builder()
            // The earliest, and of two at one place the longer.
            .match_kind(MatchKind::LeftmostLongest)
            .build(ordered.keys())
            .map_err(|error| Error::Tokenizer { reason: format!("its control tokens: {error}") })?;
        let ids = ordered.values().map(|id| **id).collect();
        Ok(Self { by_name, finder, ids })
    }

    pub(super) fn id(&self, name: &str) -> Option<TokenId> {
        self.by_name.get(name).copied()
    }

    /// Parts text that a template wrote.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<Written<'a>> {
        let (mut parts, mut from) = (Vec::new(), 0);
        for found in self.finder.find_iter(text) {
            parts.push(Written::Text(&text[from..found.start()]));
            parts.push(Written::Control(self.ids[found.pattern().as_usize()]));
            from = found.end();
        }
        parts.push(Written::Text(&text[from..]));
        parts.retain(|part| *part != Written::Text(""));
        parts
    }
}

/// Whether a token is spelled as those that part the turns of a conversation, whatever a file calls it.
pub(super) fn is_structure(token: &str) -> bool {
    let inside = token.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inside.is_some_and(|name| name.starts_with('|') || name.ends_with('|') || name.ends_with("_of_turn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_tokens_at_one_place_the_longer_counts() {
        let names = ["<a", "<a>", "b"].iter().zip(0..).map(|(name, id)| ((*name).to_owned(), TokenId(id)));
        let control = ControlTokens::new(names.collect()).unwrap();
        let parts = control.split("x<a><ab");
        assert_eq!(
            parts,
            [
                Written::Text("x"),
                Written::Control(TokenId(1)),
                Written::Control(TokenId(0)),
                Written::Control(TokenId(2))
            ]
        );
        assert_eq!(control.split(""), []);
    }

    #[test]
    fn turns_and_channels_are_structure_and_markup_is_not() {
        for token in ["<|im_start|>", "<|turn>", "<turn|>", "<start_of_turn>"] {
            assert!(is_structure(token), "{token}");
        }
        for token in ["<b>", "<think>", "\n\n", "|>", "<", "a|>"] {
            assert!(!is_structure(token), "{token}");
        }
    }
}
