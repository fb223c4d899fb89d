//! Text → token ids and back, with the vocabulary and chat template that a GGUF file carries.

mod bytes;

mod chat;

mod tokenizer;

pub use chat::{ChatMessage, ChatTemplate, Role};
pub use tokenizer::{TokenId, Tokenizer};
