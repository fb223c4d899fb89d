//! Custom processor arithmetic on slices; knows no model and no candle tensor.
//!
//! One operation per file: a slow reference that defines what is right, a portable version, and
//! variants per instruction set, chosen once by [`Isa::detect`].

#[macro_use]
mod isa;

pub mod depthwise;

pub mod activations;

pub mod buffer;

pub mod heap;

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

mod lanes;

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
