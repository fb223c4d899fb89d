//! Text → token ids and back, with the vocabulary and chat template that a GGUF file or a Hugging Face folder
//! carries.

mod byte_pairs;

mod bytes;

mod chat;

mod control;

mod gguf;

mod hugging_face;

mod pieces;

mod sentence_pieces;

mod splitters;

mod tokenizer;

pub use chat::{ChatMessage, ChatTemplate, MEDIUM, Rendered, Role};
pub use hugging_face::TokenOptions;
pub use tokenizer::{TokenId, Tokenizer};

#[cfg(test)]
pub(crate) use tokenizer::tests::tiny as tiny_tokenizer;
