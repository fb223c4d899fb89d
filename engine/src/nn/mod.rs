//! Building blocks that two models or more share: each takes weights at construction and only
//! tensors afterwards.

mod linear;

mod norm;

mod rotary;

mod attention;

mod attention_both_ways;

mod activation;

mod clipped;

mod rows;

pub use activation::{Activation, softcap};
pub use attention::{AttentionRule, causal_attention};
pub use attention_both_ways::attention_both_ways;
pub use clipped::{ClippedLinear, clamp};
pub use linear::{Embedding, Linear};
pub use norm::{LayerNorm, NormSpec, RmsNorm};
pub use rotary::{Rotary, RotarySpec, RotaryStyle};
pub(crate) use rows::EachRow;
