//! Whisper: an encoder from half a minute of sound to embeddings, a decoder from them to text.
//!
//! A checkpoint's sizes come from its `config.json`, or from the shapes of its tensors, so one code serves
//! all sizes, from CTranslate2 files and from folders of transformers. Weights are read-only; what changes while
//! decoding is in [`Tape`], which the caller owns.
//! <https://arxiv.org/abs/2212.04356>

mod config;

mod decoder;

mod encoder;

use std::io::Read;
use std::path::Path;

use candle_core::{Device, Tensor};

pub use config::{StackConfig, WhisperConfig};
pub use decoder::{Decoder, Heard, Tape};
pub use encoder::Encoder;

use crate::error::{Doing, Error, Result};
use crate::nn::Linear;
use crate::weights::{Purpose, Weights, names};

/// How matrices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// In eight bits; the decoder's in blocks (half precision where rows are no whole blocks): a quarter of the memory
    /// to read for each token.
    Rounded,
    /// For comparisons with a reference.
    Single,
}

/// Encoder and decoder of one checkpoint.
pub struct Whisper {
    /// Its sizes.
    pub config: WhisperConfig,
    /// Sound to embeddings.
    pub encoder: Encoder,
    /// Embeddings to text.
    pub decoder: Decoder,
}

impl Whisper {
    /// Loads a CTranslate2 `model.bin`, a `.safetensors` file in the layout of transformers, or a folder of
    /// transformers with `config.json`.
    ///
    /// # Errors
    /// When a file is missing or damaged or holds another architecture.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        Self::load_as(path, device, Precision::Rounded)
    }

    /// As [`Whisper::load`], with the decoder's matrices in a precision of the caller's choice.
    ///
    /// # Errors
    /// As [`Whisper::load`].
    pub fn load_as(path: &Path, device: &Device, precision: Precision) -> Result<Self> {
        if path.is_dir() {
            let config = WhisperConfig::from_file(&path.join("config.json"))?;
            let weights = Weights::from_folder(path, device, names::whisper_transformers)?;
            return Self::new(config, &weights, precision);
        }
        let weights = if is_safetensors(path)? {
            Weights::from_safetensors(path, device, names::whisper_transformers)?
        } else {
            Weights::from_ctranslate2(path, device, names::whisper_ctranslate2)?
        };
        Self::new(WhisperConfig::from_shapes(&weights, path)?, &weights, precision)
    }

    /// Takes all weights of the checkpoint.
    ///
    /// # Errors
    /// As [`Weights::get`], and when tensors are left over.
    fn new(config: WhisperConfig, weights: &Weights, precision: Precision) -> Result<Self> {
        // Its layers of floats read many rows at a time, also those of the decoder that read what was heard.
        let weights = &weights.clone().meant_for(Purpose::Encoder);
        let purpose = match precision {
            // One scale for a row would take three quarters of the time, but in noise it makes more mistakes.
            Precision::Rounded => Purpose::RoundedEncoder,
            Precision::Single => Purpose::Encoder,
        };
        let encoder = Encoder::new(&config, &weights.sub("encoder").meant_for(purpose))?;
        let decoder = Decoder::new(&config, precision, &weights.sub("decoder"))?;
        // Both layouts repeat the embedding as an output layer; CTranslate2 also stores settings.
        weights.expect_all_used(|name| {
            matches!(name, "proj_out.weight" | "decoder/projection/weight") || !name.contains("weight")
        })?;
        Ok(Self { config, encoder, decoder })
    }
}

/// Whether a file begins like safetensors: eight bytes of length, then JSON. Files in the store
/// have no extension.
fn is_safetensors(path: &Path) -> Result<bool> {
    let mut start = [0_u8; 9];
    let file = std::fs::File::open(path).map_err(|source| Error::io("opening", path, source))?;
    let n = file.take(9).read(&mut start).map_err(|source| Error::io("reading", path, source))?;
    Ok(n == start.len() && start[8] == b'{')
}

/// Several linear layers over the same input as one: `names` joined along the output, each
/// `[d_out, d_in]`, unless the file already has them joined as `joined`.
fn joined_linear(
    weights: &Weights,
    joined: &str,
    names: &[&str],
    d_out: usize,
    d_in: usize,
) -> Result<Linear> {
    let whole = weights.sub(joined);
    if whole.has("weight") {
        return Linear::new(d_in, d_out * names.len(), &whole);
    }
    let (weight, bias) = joined_tensors(weights, joined, names, d_out, d_in)?;
    Linear::from_tensors_for(weights.purpose(), weight, Some(bias)).doing("loading Whisper")
}

/// The numbers of [`joined_linear`]. Whisper's keys have no bias; where one is missing it is zero.
fn joined_tensors(
    weights: &Weights,
    joined: &str,
    names: &[&str],
    d_out: usize,
    d_in: usize,
) -> Result<(Tensor, Tensor)> {
    let joined = weights.sub(joined);
    if joined.has("weight") {
        let d_out = d_out * names.len();
        return Ok((joined.get("weight", &[d_out, d_in])?, joined.get("bias", &[d_out])?));
    }
    let (mut parts, mut biases) = (Vec::new(), Vec::new());
    for name in names {
        let part = weights.sub(name);
        parts.push(part.get("weight", &[d_out, d_in])?);
        biases.push(if part.has("bias") {
            part.get("bias", &[d_out])?
        } else {
            Tensor::zeros(d_out, candle_core::DType::F32, weights.device()).doing("loading Whisper")?
        });
    }
    let weight = Tensor::cat(&parts, 0).doing("loading Whisper")?;
    Ok((weight, Tensor::cat(&biases, 0).doing("loading Whisper")?))
}
