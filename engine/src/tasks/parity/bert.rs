//! A BERT encoder against the reference: the vectors of all tokens, and their mean.

use std::path::Path;

use candle_core::Device;

use super::{Case, ParityEvent};
use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::perception::embed::load_bert;
use crate::weights::{Weights, names};

/// What is compared, for the one sequence of `input_ids`: `last_hidden_state`, `[1, n, width]`, and
/// `mean_pooled`, `[1, width]`.
pub(super) fn parity(folder: &Path, cancel: &Cancel) -> Result<Option<Vec<ParityEvent>>> {
    let weights = Weights::from_folder(folder, &Device::Cpu, names::bert_transformers)?;
    let bert = load_bert(&folder.join("config.json"), &weights)?;
    let config = bert.config();
    let case = Case::open(folder)?;
    let ids = case.token_ids("input_ids", config.n_vocab, config.n_positions)?;
    let Some(vectors) = bert.forward(&[&ids], cancel)? else { return Ok(None) };
    let flat = |tensor: candle_core::Result<candle_core::Tensor>| {
        tensor.and_then(|t| t.flatten_all()?.to_vec1::<f32>()).doing("reading embeddings")
    };
    let reference = case.output("last_hidden_state", &[1, ids.len(), config.width])?;
    let mut events = vec![ParityEvent::tensor("last_hidden_state", &flat(Ok(vectors.clone()))?, &reference)];
    let reference = case.output("mean_pooled", &[1, config.width])?;
    events.push(ParityEvent::tensor("mean_pooled", &flat(vectors.mean(1))?, &reference));
    case.finish(events).map(Some)
}
