//! Arithmetic on slices for the places where a general tensor library is too slow; knows no model.

mod rows;

pub use rows::{dot, rows_times};
