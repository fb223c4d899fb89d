//! Parity: what a checkpoint computes here against what a reference computed.

mod decoder;

mod encoders;

mod whisper;

mod bert;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use serde::Serialize;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::weights::{Weights, model_type, same_name};

/// The largest relative error that counts as the same arithmetic in another order.
pub const TOLERANCE: f64 = 1e-3;

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ParityEvent {
    /// How far an output is from the reference's.
    Tensor {
        /// Its name in `outputs.safetensors`.
        tensor: String,
        /// `‖ours − reference‖ / ‖reference‖`.
        relative_error: f64,
    },
    /// Whether the likeliest tokens, one after the other, are the reference's.
    Greedy {
        /// All of them.
        greedy_equal: bool,
    },
    /// The verdict.
    Pass {
        /// Everything within [`TOLERANCE`].
        pass: bool,
    },
}

impl ParityEvent {
    /// Compares the numbers of a tensor.
    fn tensor(name: &str, ours: &[f32], reference: &[f32]) -> Self {
        Self::Tensor { tensor: name.to_owned(), relative_error: relative_error(ours, reference) }
    }
}

/// Compares a checkpoint in a folder of `config.json`, `model.safetensors`, `inputs.safetensors` and
/// `outputs.safetensors` (the layout of transformers) by its `model_type`. `None` when cancelled.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`], [`Error::Config`], [`Error::TensorMissing`],
/// [`Error::TensorShape`]: what is wrong with the folder.
pub fn parity(folder: &Path, cancel: &Cancel) -> Result<Option<Vec<ParityEvent>>> {
    match model_type(&folder.join("config.json"))?.as_str() {
        "whisper" => whisper::parity(folder, cancel),
        "bert" => bert::parity(folder, cancel),
        _ => decoder::parity(folder, cancel),
    }
}

/// What the reference was fed, and what it computed.
struct Case {
    inputs: Weights,
    outputs: Weights,
    folder: PathBuf,
}

impl Case {
    fn open(folder: &Path) -> Result<Self> {
        let file = |name: &str| Weights::from_safetensors(&folder.join(name), &Device::Cpu, same_name);
        let (inputs, outputs) = (file("inputs.safetensors")?, file("outputs.safetensors")?);
        Ok(Self { inputs, outputs, folder: folder.to_path_buf() })
    }

    fn input_shape(&self, name: &str) -> Option<Vec<usize>> {
        self.inputs.shape(name)
    }

    fn input(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        flat(&self.inputs, name, shape, &self.folder.join("inputs.safetensors"))
    }

    fn output(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        flat(&self.outputs, name, shape, &self.folder.join("outputs.safetensors"))
    }

    /// One sequence of token ids for a model with so many tokens and positions.
    fn token_ids(&self, name: &str, n_vocab: usize, n_positions: usize) -> Result<Vec<u32>> {
        let path = self.folder.join("inputs.safetensors");
        let bad = |reason: String| Error::ModelFile { path: path.clone(), reason };
        let ids = token_ids(&self.inputs, name, &path)?;
        self.inputs.get_as(name, &[1, ids.len()], DType::I64)?;
        if ids.len() > n_positions {
            return Err(bad(format!("{name} has {} tokens for {n_positions} positions", ids.len())));
        }
        match ids.iter().find(|id| **id as usize >= n_vocab) {
            Some(id) => Err(bad(format!("{name} has the token {id}, and the model knows {n_vocab}"))),
            None => Ok(ids),
        }
    }

    /// The verdict, after nothing that the reference computed was left out.
    fn finish(&self, mut events: Vec<ParityEvent>) -> Result<Vec<ParityEvent>> {
        self.outputs.expect_all_used(|_| false)?;
        let within = |event: &ParityEvent| match event {
            ParityEvent::Tensor { relative_error, .. } => *relative_error <= TOLERANCE,
            ParityEvent::Greedy { greedy_equal } => *greedy_equal,
            ParityEvent::Pass { pass } => *pass,
        };
        let pass = events.iter().all(within);
        events.push(ParityEvent::Pass { pass });
        Ok(events)
    }
}

fn flat(weights: &Weights, name: &str, shape: &[usize], path: &Path) -> Result<Vec<f32>> {
    let tensor = weights.get(name, shape)?;
    tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(|error| unreadable(path, &error))
}

/// The one row of a tensor of token ids.
fn token_ids(weights: &Weights, name: &str, path: &Path) -> Result<Vec<u32>> {
    let missing = || Error::TensorMissing { name: name.to_owned(), path: path.to_path_buf() };
    let shape = weights.shape(name).ok_or_else(missing)?;
    let ids = weights.get_as(name, &shape, DType::I64)?;
    let ids = ids.flatten_all().and_then(|ids| ids.to_vec1::<i64>()).map_err(|e| unreadable(path, &e))?;
    let negative =
        || Error::ModelFile { path: PathBuf::from(path), reason: format!("{name} has negative ids") };
    ids.into_iter().map(|id| u32::try_from(id).map_err(|_| negative())).collect()
}

fn unreadable(path: &Path, error: &candle_core::Error) -> Error {
    Error::ModelFile { path: path.to_path_buf(), reason: format!("it cannot be read: {error}") }
}

/// Not a number anywhere counts as infinitely far.
fn relative_error(ours: &[f32], reference: &[f32]) -> f64 {
    let sum = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    let differences = sum(&mut ours.iter().zip(reference).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let error = differences / sum(&mut reference.iter().map(|x| f64::from(*x)));
    if error.is_nan() { f64::INFINITY } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_and_no_number_is_no_match() {
        assert_eq!(relative_error(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert!((relative_error(&[3.0, 5.0], &[3.0, 4.0]) - 0.2).abs() < 1e-6);
        assert_eq!(relative_error(&[f32::NAN], &[1.0]), f64::INFINITY);
    }
}
