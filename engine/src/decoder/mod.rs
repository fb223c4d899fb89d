//! 5: the shared decoder: token ids and a state in, logits out.
//!
//! One module for every family: each layer is described by data ([`LayerSpec`]). The decoder itself
//! never changes; what a request changes is in [`DecodeState`], which the caller owns.

mod config;

mod block;

mod family;

mod feed_forward;

mod gguf;

pub(crate) mod hugging_face;

mod model;

mod state;

pub use config::{AttentionSpec, DecoderConfig, ExpertsSpec, FeedForwardSpec, GatedSpec, LayerSpec};
pub use model::Decoder;
pub use state::DecodeState;

#[cfg(test)]
pub(crate) use model::tests::seeded;
