//! Building blocks that two models or more share: each takes weights at construction and only
//! tensors afterwards.

mod linear;

mod grouped;

mod embedding;

mod low_rank;

mod traced;

mod weight;

mod stored;

mod norm;

mod rotary;

mod heads;

mod kv_cache;

mod attention_both_ways;

mod activation;

mod clipped;

mod conv;

mod array;

pub use activation::{Activation, add, multiply, softcap};
pub use array::{Array, Rows};
pub use attention_both_ways::{attention_both_ways, attention_in_rows, cut_heads};
pub use clipped::{ClippedLinear, clamp};
pub use conv::Conv1d;
pub use embedding::Embedding;
pub use grouped::{mix_rows, mix_rows_traced};
pub use heads::to_heads;
pub use kv_cache::{
    Append, AttentionRule, CacheFormat, CacheShape, KvCache, MOST_ALIKE, Masks, Visible, attend_traced,
};
pub use linear::Linear;
pub use low_rank::LowRank;
pub use norm::{LayerNorm, NormSpec, RmsNorm};
pub use rotary::{Angles, Rotary, RotaryScaling, RotarySpec, RotaryStyle};
pub use traced::attend_apart;
