//! Text → token ids and back, with the vocabulary and chat template that a GGUF file carries.

mod bytes;

mod chat;

mod sentence_pieces;

mod tokenizer;

pub use chat::{ChatMessage, ChatTemplate, Role};
pub use tokenizer::{TokenId, Tokenizer};

#[cfg(test)]
pub(crate) use tokenizer::tests::tiny as tiny_tokenizer;
