//! Whether a model fits this machine, and how fast it is expected to be.

use std::path::Path;

use serde::Serialize;

use crate::decoder::CacheFormat;
use crate::error::Result;
use crate::measured::Measured;
use crate::memory::available_bytes;
use crate::models::{inspect, shape};
use crate::plan::here::{Fit, Speed, Stored, fit, fit_alone, largest_context, pick_batch, pick_cache, speed};

/// A conversation that speed is told for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talk {
    /// Tokens before.
    pub before: usize,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens that are written.
    pub generate: usize,
}

impl Default for Talk {
    /// As `medley bench` measures.
    fn default() -> Self {
        Self { before: 0, prompt: 512, generate: 64 }
    }
}

/// What is expected of a decoder here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outlook {
    /// Whether it fits; unknown where the system does not say how much memory is free.
    pub fit: Option<Fit>,
    /// Bytes of weights in memory.
    pub weights_bytes: u64,
    /// The most tokens that fit, at most what it was trained for.
    pub largest_context: Option<usize>,
    /// How keys and values are kept.
    pub cache: CacheFormat,
    /// How fast; unknown before the machine was measured, and of folders.
    pub speed: Option<Speed>,
    /// Answers that can be written side by side at little cost.
    pub batch: Option<usize>,
}

/// Whether weights of this size fit, without anything else that is known of the model.
pub fn fit_of_bytes(bytes: u64) -> Option<Fit> {
    available_bytes().map(|free| fit_alone(bytes as f64, free as f64))
}

/// The outlook of a GGUF file or a Hugging Face folder, from its headers alone.
///
/// # Errors
/// As [`inspect`] and [`shape`].
pub fn outlook(model: &Path, measured: Option<&Measured>, talk: Talk) -> Result<Outlook> {
    let shape = shape(model)?;
    let info = inspect(model, Some((talk.before + talk.prompt) as u64))?;
    let weights_bytes = info.memory.weights_bytes;
    let free = available_bytes();
    let free_bytes = free.map_or(f64::INFINITY, |free| free as f64);
    let cache = pick_cache(&shape, weights_bytes as f64, free_bytes);
    let stored = info.step.map(|step| Stored {
        weights_bytes: weights_bytes as f64,
        layers: step.reads[0],
        step_parameters: step.parameters as f64,
        output: step.reads[1],
    });
    let known = stored.zip(measured);
    Ok(Outlook {
        fit: free.map(|_| fit(&shape, weights_bytes as f64, cache, free_bytes)),
        weights_bytes,
        largest_context: largest_context(&shape, weights_bytes as f64, cache, free_bytes),
        cache,
        speed: known.map(|(stored, measured)| {
            speed(
                &shape,
                &stored,
                (&measured.rates, measured.threads),
                cache,
                (talk.before, talk.prompt, talk.generate),
            )
        }),
        batch: known.map(|(stored, measured)| pick_batch(&stored, &measured.rates)),
    })
}
