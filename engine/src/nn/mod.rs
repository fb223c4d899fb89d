//! Building blocks that two models or more share: each takes weights at construction and only
//! tensors afterwards.

mod linear;

mod norm;

mod rotary;

mod attention;

mod activation;

pub use activation::{Activation, softcap};
pub use attention::{AttentionRule, causal_attention};
pub use linear::{Embedding, Linear};
pub use norm::{NormSpec, RmsNorm};
pub use rotary::{Rotary, RotarySpec, RotaryStyle};
