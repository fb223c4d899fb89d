//! Parity: what a checkpoint computes here against what a reference computed.

// Until decoders read soft tokens, only tests compare encoders.
#[cfg_attr(not(test), allow(dead_code))]
mod encoders;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use serde::Serialize;

use crate::cancel::Cancel;
use crate::decoder::{Decoder, hugging_face};
use crate::error::{Error, Result};
use crate::weights::{Weights, same_name};

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

/// Compares a text decoder in a folder of `config.json`, `model.safetensors`, `inputs.safetensors` and
/// `outputs.safetensors` (the layout of transformers). `None` when cancelled.
///
/// The prompt is read at once for the logits, and in two chunks and then token by token for the
/// continuation, so that the cache is compared, too.
///
/// # Errors
/// [`Error::Io`], [`Error::ModelFile`], [`Error::Config`], [`Error::TensorMissing`],
/// [`Error::TensorShape`]: what is wrong with the folder.
pub fn parity(folder: &Path, cancel: &Cancel) -> Result<Option<Vec<ParityEvent>>> {
    let (decoder, weights) = load(folder)?;
    let [inputs, outputs] = ["inputs", "outputs"].map(|name| folder.join(format!("{name}.safetensors")));
    let ids = token_ids(&inputs, "input_ids")?;
    let n_vocab = decoder.config().n_vocab;
    let Some(ours) = decoder.forward_all(&ids, &mut decoder.new_state()?, cancel)? else { return Ok(None) };
    if ours.iter().flatten().any(|logit| !logit.is_finite()) {
        weights.expect_finite()?;
    }
    let reference = Weights::from_safetensors(&outputs, &Device::Cpu, same_name)?;
    let reference = reference.get("logits", &[1, ids.len(), n_vocab])?;
    let reference = reference.flatten_all().and_then(|t| t.to_vec1::<f32>());
    let reference = reference.map_err(|error| unreadable(&outputs, &error))?;
    let relative_error = relative_error(&ours.concat(), &reference);
    let mut events = vec![ParityEvent::Tensor { tensor: "logits".into(), relative_error }];
    let wanted = token_ids(&outputs, "greedy")?;
    let Some(greedy) = continuation(&decoder, &ids, wanted.len(), cancel)? else { return Ok(None) };
    let greedy_equal = greedy == wanted;
    events.push(ParityEvent::Greedy { greedy_equal });
    events.push(ParityEvent::Pass { pass: greedy_equal && relative_error <= TOLERANCE });
    Ok(Some(events))
}

/// The decoder of a Hugging Face folder, in floats.
fn load(folder: &Path) -> Result<(Decoder, Weights)> {
    let described = hugging_face::describe(&folder.join("config.json"))?;
    let weights = Weights::from_folder(folder, &Device::Cpu, described.names)?;
    let decoder = Decoder::new(&described.config, &weights)?;
    // Some writers repeat a tied output.
    let ignored: fn(&str) -> bool =
        if described.config.tied_output { |name| name == "lm_head.weight" } else { |_| false };
    weights.expect_all_used(ignored)?;
    Ok((decoder, weights))
}

fn continuation(decoder: &Decoder, ids: &[u32], n: usize, cancel: &Cancel) -> Result<Option<Vec<u32>>> {
    let mut state = decoder.new_state()?;
    let mut written = Vec::with_capacity(n);
    let (first, second) = ids.split_at(ids.len() / 2);
    if !first.is_empty() && decoder.forward(first, &mut state, cancel)?.is_none() {
        return Ok(None);
    }
    let mut next = second.to_vec();
    while written.len() < n {
        let Some(logits) = decoder.forward(&next, &mut state, cancel)? else { return Ok(None) };
        let best = (0..logits.len()).rev().max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
        let token = best.unwrap_or_default() as u32;
        written.push(token);
        next = vec![token];
    }
    Ok(Some(written))
}

/// The one row of a tensor of token ids.
fn token_ids(path: &Path, name: &str) -> Result<Vec<u32>> {
    let weights = Weights::from_safetensors(path, &Device::Cpu, same_name)?;
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
