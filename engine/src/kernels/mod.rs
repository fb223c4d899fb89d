//! Custom processor arithmetic on slices; knows no model and no candle tensor.
//!
//! One operation per file: a slow reference that defines what is right, a portable version, and
//! variants per instruction set, chosen once by [`Isa::detect`].

#[macro_use]
mod isa;

/// 1.5 · 2²³: a number that is added to it is rounded to the nearest whole one, ties to even, which then stands in the low
/// bits.
const ROUND: f32 = 12_582_912.0;

pub mod depthwise;

pub mod activations;

pub mod buffer;

pub mod packed;

pub mod layers;

pub mod dense;

pub mod plane;

pub mod levels;

pub mod team;

pub mod attention;

pub mod cache;

pub mod pixels;

mod product;

mod transpose;

mod rows;

mod exponential;

pub mod rowwise;

mod arch;

pub mod probe;

pub use exponential::{
    exp_from, gated_gelu_tanh, gated_gelu_tanh_back, gated_silu, gated_silu_back, gelu, gelu_tanh, largest,
    log10, lstm_cell, silu, softmax, sum_exp,
};
pub use isa::{Isa, instruction_set};
pub use rows::{add_few_rows, dot, few_mixes, few_rows_times, rows_times};
pub use transpose::transpose;
