//! Where a run stands, in one file: numbers as tensors, all else as an object beside them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::data::Example;
use super::decoder_reasoner::Chain;
use super::form::Form;
use super::method::Kept;
use super::optimiser::AdamW;
use super::run::{State, TuneOptions};
use crate::error::{Error, Result};

const NAME: &str = "checkpoint.safetensors";

/// All of a run.
pub(super) struct Saved {
    pub(super) options: TuneOptions,
    pub(super) data: String,
    pub(super) form: Form,
    pub(super) parameters: Vec<f32>,
    pub(super) optimiser: AdamW,
    pub(super) state: State,
}

/// What is no tensor.
#[derive(Serialize, Deserialize)]
struct Rest {
    options: TuneOptions,
    data: String,
    form: Form,
    optimiser_steps: u64,
    step: usize,
    samples: usize,
    in_vain: usize,
    reached: Vec<usize>,
    memory: Vec<Remembered>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    example: usize,
    right: bool,
    text: String,
    tokens: Vec<u32>,
}

/// What tells one list of questions from another.
pub(super) fn digest(examples: &[Example]) -> String {
    let mut hash = Sha256::new();
    for example in examples {
        for part in [&example.question, &example.answer, example.rationale.as_ref().unwrap_or(&String::new())]
        {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers as a tensor file holds them.
pub(super) fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Writes a file so that it is either whole or not there.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside: PathBuf = path.with_extension("part");
    std::fs::write(&beside, bytes).map_err(|source| Error::io("writing", &beside, source))?;
    std::fs::rename(&beside, path).map_err(|source| Error::io("writing", path, source))
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::ModelFile { path: path.to_path_buf(), reason: format!("it is no checkpoint of a run: {reason}") }
}

pub(super) fn save(folder: &Path, saved: &Saved) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::io("making", folder, source))?;
    let path = folder.join(NAME);
    let memory = saved.state.memory.iter().map(|(example, kept)| Remembered {
        example: *example,
        right: kept.right,
        text: kept.chain.text.clone(),
        tokens: kept.chain.tokens.clone(),
    });
    let rest = Rest {
        options: saved.options.clone(),
        data: saved.data.clone(),
        form: saved.form.clone(),
        optimiser_steps: saved.optimiser.steps,
        step: saved.state.step,
        samples: saved.state.samples,
        in_vain: saved.state.in_vain,
        reached: saved.state.reached.iter().copied().collect(),
        memory: memory.collect(),
    };
    let rest = serde_json::to_string(&rest).map_err(|error| damaged(&path, error))?;
    let all = [
        ("parameters", bytes(&saved.parameters)),
        ("first", bytes(&saved.optimiser.first)),
        ("second", bytes(&saved.optimiser.second)),
    ];
    let mut views = Vec::new();
    for (name, bytes) in &all {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / size_of::<f32>()], bytes);
        views.push((*name, view.map_err(|error| damaged(&path, error))?));
    }
    let about = HashMap::from([("run".to_owned(), rest)]);
    let file = serialize(views, Some(about)).map_err(|error| damaged(&path, error))?;
    write_whole(&path, &file)
}

pub(super) fn load(folder: &Path) -> Result<Saved> {
    let path = folder.join(NAME);
    if !path.is_file() {
        let reason = format!("there is no checkpoint in {}; start without --resume", folder.display());
        return Err(Error::Request { reason });
    }
    let file = std::fs::read(&path).map_err(|source| Error::io("opening", &path, source))?;
    let (_, about) = SafeTensors::read_metadata(&file).map_err(|error| damaged(&path, error))?;
    let rest = about.metadata().as_ref().and_then(|about| about.get("run"));
    let rest: Rest =
        serde_json::from_str(rest.map_or("", String::as_str)).map_err(|error| damaged(&path, error))?;
    let tensors = SafeTensors::deserialize(&file).map_err(|error| damaged(&path, error))?;
    let numbers = |name: &str| -> Result<Vec<f32>> {
        let tensor = tensors.tensor(name).map_err(|error| damaged(&path, error))?;
        Ok(tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let (parameters, first, second) = (numbers("parameters")?, numbers("first")?, numbers("second")?);
    if first.len() != parameters.len() || second.len() != parameters.len() {
        return Err(damaged(&path, "its parts have different lengths"));
    }
    let kept = |kept: Remembered| {
        (kept.example, Kept { chain: Chain { tokens: kept.tokens, text: kept.text }, right: kept.right })
    };
    Ok(Saved {
        options: rest.options,
        data: rest.data,
        form: rest.form,
        parameters,
        optimiser: AdamW { first, second, steps: rest.optimiser_steps },
        state: State {
            step: rest.step,
            samples: rest.samples,
            in_vain: rest.in_vain,
            reached: rest.reached.into_iter().collect(),
            memory: rest.memory.into_iter().map(kept).collect(),
        },
    })
}

/// The run is over.
pub(super) fn remove(folder: &Path) {
    let path = folder.join(NAME);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        log::warn!("{}: {error}", path.display());
    }
}
