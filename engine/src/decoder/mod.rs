//! 5: the shared decoder: token ids and a state in, logits out.
//!
//! One module for every family: each layer is described by data ([`LayerSpec`]). The decoder itself
//! never changes; what a request changes is in [`DecodeState`], which the caller owns.

mod config;

mod input;

mod step;

mod block;

mod attention;

mod feed_forward;

mod experts;

mod routing;

mod per_layer;

mod family;

mod gguf;

pub(crate) mod hugging_face;

mod model;

mod reading;

mod adapter;

mod gradient;

mod state;

pub use crate::nn::CacheFormat;
pub use adapter::{AdapterLayers, Projection};
pub use config::{
    AttentionSpec, DecoderConfig, ExpertsSpec, FeedForwardSpec, GatedSpec, KeySource, LayerSpec,
    PerLayerSpec, PictureView,
};
pub use gradient::{Gradients, Scored};
pub use input::{Input, Modality, Soft};
pub use model::{Decoder, Logits};
pub use reading::log_probability;
pub use routing::{LayerRouting, Routing};
pub use state::{DecodeState, Mark};

#[cfg(test)]
pub(crate) use model::tests::seeded;
