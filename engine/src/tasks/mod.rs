//! 8: what a person asks for: short compositions of the stages before.

pub mod ask;

pub mod transcribe;

pub mod evaluate;
