//! What a model file says about itself.

use std::path::Path;

use serde::Serialize;

use crate::error::Result;
use crate::weights::gguf::GgufFile;

/// For `medley models info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// The name in the file.
    pub name: Option<String>,
    /// Its family: "llama", "gemma3".
    pub architecture: Option<String>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Tokens of context it was trained for.
    pub context_tokens: Option<u64>,
    /// Layers.
    pub n_layers: Option<u64>,
    /// Storage types of its tensors with how many tensors use each, most first.
    pub quantisation: Vec<(String, usize)>,
}

/// Reads the header of a GGUF file.
///
/// # Errors
/// [`Error::ModelFile`](crate::Error::ModelFile) when it is not a valid GGUF file.
pub fn inspect(path: &Path) -> Result<ModelInfo> {
    let file = GgufFile::open(path)?;
    let meta = file.metadata();
    let architecture = meta.string("general.architecture").map(str::to_owned);
    let of_architecture = |key: &str| architecture.as_ref().and_then(|a| meta.integer(&format!("{a}.{key}")));
    Ok(ModelInfo {
        name: meta.string("general.name").map(str::to_owned),
        parameters: file.parameters(),
        context_tokens: of_architecture("context_length"),
        n_layers: of_architecture("block_count"),
        quantisation: file.storage_types(),
        architecture,
    })
}
