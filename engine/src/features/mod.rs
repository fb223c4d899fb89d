//! 2: plain values → model input; pure arithmetic, no files, no tensors.

pub mod mel;

pub mod frames;

pub mod glimpses;

pub mod text;

pub mod patches;

pub mod resample;

pub mod soft_tokens;

pub mod gemma_mel;

pub mod uniform_frames;
