//! 2: plain values → model input; pure arithmetic, no files, no tensors.

pub mod mel;

pub mod frames;

pub mod text;

pub mod patches;
