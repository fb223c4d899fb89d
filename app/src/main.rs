//! Medley.

fn main() {}
