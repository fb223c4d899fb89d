//! Building blocks that two models or more share: each takes weights at construction and only
//! tensors afterwards.

mod linear;

mod norm;

mod rotary;

mod attention;

pub use attention::causal_attention;
pub use linear::{Embedding, Linear};
pub use norm::RmsNorm;
pub use rotary::{Rotary, RotaryStyle};
