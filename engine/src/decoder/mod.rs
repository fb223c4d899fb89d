//! 5: the shared decoder: token ids and a state in, logits out.
//!
//! One module for every family: each layer is described by data ([`LayerSpec`]). The decoder itself
//! never changes; what a request changes is in [`DecodeState`], which the caller owns.

mod config;

mod block;

mod model;

mod state;

pub use config::{AttentionSpec, DecoderConfig, FeedForwardSpec, LayerSpec};
pub use model::Decoder;
pub use state::DecodeState;

#[cfg(test)]
pub(crate) use model::tests::seeded;
