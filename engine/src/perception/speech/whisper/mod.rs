//! Whisper: an encoder from half a minute of sound to embeddings, a decoder from them to text.
//!
//! Everything about a checkpoint's size is read from the shapes of its tensors, so one code serves
//! all sizes, from CTranslate2 files and from safetensors. Weights are read-only; what changes while
//! decoding is in [`Tape`], which the caller owns.
//! <https://arxiv.org/abs/2212.04356>

mod decoder;

mod encoder;

use std::io::Read;
use std::path::Path;

use candle_core::{Device, Tensor};

pub use decoder::{Decoder, Heard, Tape};
pub use encoder::Encoder;

use crate::error::{Doing, Error, Result};
use crate::weights::{Weights, names};

/// All checkpoints have heads of this width.
const HEAD_DIM: usize = 64;

/// Sizes, from the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhisperConfig {
    /// Bands of the log-mel frames: 80, or 128.
    pub n_mels: usize,
    /// Width.
    pub d_model: usize,
    /// Heads of every attention, each 64 wide.
    pub n_heads: usize,
    /// Layers of the encoder.
    pub n_encoder_layers: usize,
    /// Layers of the decoder.
    pub n_decoder_layers: usize,
    /// Positions of the encoder: 1,500, each 20 ms.
    pub n_audio_positions: usize,
    /// Positions of the decoder: 448.
    pub n_text_positions: usize,
    /// Tokens.
    pub n_vocab: usize,
}

impl WhisperConfig {
    fn from_shapes(weights: &Weights, path: &Path) -> Result<Self> {
        let dims = |name: &str, rank: usize| match weights.shape(name) {
            Some(dims) if dims.len() == rank => Ok(dims),
            Some(_) | None => Err(Error::ModelFile {
                path: path.to_path_buf(),
                reason: format!("it is not a Whisper checkpoint: there is no tensor for {name}"),
            }),
        };
        let layers = |side: &str| {
            (0..64).take_while(|i| weights.has(&format!("{side}.layers.{i}.mlp_norm.weight"))).count()
        };
        let embedding = dims("decoder.embedding.weight", 2)?;
        let config = Self {
            n_mels: dims("encoder.conv1.weight", 3)?[1],
            d_model: embedding[1],
            n_heads: embedding[1] / HEAD_DIM,
            n_encoder_layers: layers("encoder"),
            n_decoder_layers: layers("decoder"),
            n_audio_positions: dims("encoder.positions", 2)?[0],
            n_text_positions: dims("decoder.positions", 2)?[0],
            n_vocab: embedding[0],
        };
        if !config.d_model.is_multiple_of(HEAD_DIM)
            || config.n_encoder_layers == 0
            || config.n_decoder_layers == 0
        {
            return Err(Error::ModelFile {
                path: path.to_path_buf(),
                reason: format!("these are not sizes of a Whisper checkpoint: {config:?}"),
            });
        }
        Ok(config)
    }
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
    /// Loads a CTranslate2 `model.bin` or a `.safetensors` file in the layout of transformers.
    ///
    /// # Errors
    /// When the file is damaged or holds another architecture.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let weights = if is_safetensors(path)? {
            Weights::from_safetensors(path, device, names::whisper_transformers)?
        } else {
            Weights::from_ctranslate2(path, device, names::whisper_ctranslate2)?
        };
        let config = WhisperConfig::from_shapes(&weights, path)?;
        let encoder = Encoder::new(&config, &weights.sub("encoder"))?;
        let decoder = Decoder::new(&config, &weights.sub("decoder"))?;
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
/// Whisper's keys have no bias; where one is missing it is zero.
fn joined_linear(
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
