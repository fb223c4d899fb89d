//! How fast an encoder is, and how far from what another program made of the same input.

use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};

use crate::cancel::Cancel;
use crate::encoders::{Encoders, EncodersConfig};
use crate::error::{Doing, Error, Result};
use crate::features::mel::Mel;
use crate::features::soft_tokens::PictureInput;
use crate::perception::speech::whisper::{Encoder as WhisperEncoder, WhisperConfig};
use crate::weights::{Purpose, Weights, model_type, names, read_text, same_name};

const ENCODING: &str = "encoding";

/// An encoder and what it is to read, from a folder with `config.json`, `model.safetensors` and
/// `inputs.safetensors`: of Whisper `input_features`, `[n_mels, n_frames]`; of Gemma 3 `pixel_values`,
/// `[3, image_size, image_size]`. What another program made of it may be in `outputs.safetensors` as `embeddings`.
pub struct EncoderTrial {
    encoder: Encoder,
    reference: Option<Vec<f32>>,
}

enum Encoder {
    Whisper(Box<WhisperEncoder>, Mel),
    Picture(Box<Encoders>, PictureInput),
}

/// How near two lists of numbers are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// ‖ours − theirs‖ / ‖theirs‖
    pub relative_error: f64,
    /// ours · theirs / (‖ours‖ ‖theirs‖)
    pub cosine: f64,
}

impl EncoderTrial {
    /// Loads a folder; with matrices of floats rounded to eight bits where `rounded`.
    ///
    /// # Errors
    /// [`Error::Request`] for another kind of model, and as [`Weights::get`].
    pub fn load(folder: &Path, rounded: bool) -> Result<Self> {
        let (config, device) = (folder.join("config.json"), &Device::Cpu);
        let purpose = if rounded { Purpose::RowRoundedEncoder } else { Purpose::Encoder };
        let open = |rename: fn(&str) -> String| -> Result<Weights> {
            Ok(Weights::from_folder(folder, device, rename)?.meant_for(purpose))
        };
        let inputs = Weights::from_safetensors(&folder.join("inputs.safetensors"), device, same_name)?;
        let encoder = match model_type(&config)?.as_str() {
            "whisper" => {
                let config = WhisperConfig::from_file(&config)?;
                let weights = open(names::whisper_transformers)?.sub("encoder");
                let (shape, values) = numbers(&inputs, "input_features")?;
                let &[n_mels, n_frames] = shape.as_slice() else { return Err(misfit(&inputs)) };
                if n_mels != config.n_mels || n_frames > 2 * config.n_audio_positions {
                    return Err(misfit(&inputs));
                }
                let mel = Mel { n_mels, n_frames, values };
                Encoder::Whisper(Box::new(WhisperEncoder::new(&config, &weights)?), mel)
            }
            "gemma3" => {
                let json: serde_json::Value = serde_json::from_str(&read_text(&config)?)
                    .map_err(|e| Error::ModelFile { path: config.clone(), reason: e.to_string() })?;
                let d_model = json["text_config"]["hidden_size"].as_u64().unwrap_or(0) as usize;
                let sizes = EncodersConfig::from_json(&json)?;
                let encoders = sizes.map(|sizes| Encoders::new(&sizes, d_model, &open(same_name)?));
                let encoders = encoders.transpose()?.flatten().ok_or_else(|| misfit(&inputs))?;
                let (shape, values) = numbers(&inputs, "pixel_values")?;
                let input = PictureInput::Planes { side_px: shape.last().copied().unwrap_or(0), values };
                Encoder::Picture(Box::new(encoders), input)
            }
            other => {
                let reason =
                    format!("{other:?} is no encoder that can be timed; name a folder of whisper or gemma3");
                return Err(Error::Request { reason });
            }
        };
        let outputs = folder.join("outputs.safetensors");
        let reference = match outputs.is_file() {
            true => {
                let outputs = Weights::from_safetensors(&outputs, device, same_name)?;
                Some(numbers(&outputs, "embeddings")?.1)
            }
            false => None,
        };
        Ok(Self { encoder, reference })
    }

    /// Encodes the input once: how long it took, and how near the result is to the other program's, if there is one.
    /// `None` when cancelled.
    ///
    /// # Errors
    /// [`Error::Request`] when the input is of another size than the encoder reads; [`Error::Compute`].
    pub fn run(&self, cancel: &Cancel) -> Result<Option<(Duration, Option<Agreement>)>> {
        let started = Instant::now();
        let encoded = match &self.encoder {
            Encoder::Whisper(encoder, mel) => encoder.forward(mel, cancel)?,
            Encoder::Picture(encoders, input) => encoders.see(input, cancel)?,
        };
        let took = started.elapsed();
        let Some(encoded) = encoded else { return Ok(None) };
        let Some(reference) = &self.reference else { return Ok(Some((took, None))) };
        let ours = encoded.flatten_all().and_then(|encoded| encoded.to_vec1()).doing(ENCODING)?;
        Ok(Some((took, Some(agreement(&ours, reference)))))
    }
}

fn numbers(weights: &Weights, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
    let shape = weights.shape(name).unwrap_or_default();
    let values = weights.get(name, &shape)?.flatten_all().and_then(|values: Tensor| values.to_vec1());
    Ok((shape, values.doing(ENCODING)?))
}

fn misfit(inputs: &Weights) -> Error {
    inputs.unusable("it does not hold what this encoder reads")
}

/// Lists of other lengths are infinitely far apart.
fn agreement(ours: &[f32], theirs: &[f32]) -> Agreement {
    if ours.len() != theirs.len() {
        return Agreement { relative_error: f64::INFINITY, cosine: 0.0 };
    }
    let pairs = || ours.iter().zip(theirs).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let sum = |f: fn((f64, f64)) -> f64| pairs().map(f).sum::<f64>();
    let (own, other) = (sum(|(a, _)| a * a).sqrt(), sum(|(_, b)| b * b).sqrt());
    Agreement {
        relative_error: sum(|(a, b)| (a - b) * (a - b)).sqrt() / other,
        cosine: sum(|(a, b)| a * b) / (own * other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_distance_and_direction() {
        let same = agreement(&[3.0, 4.0], &[3.0, 4.0]);
        assert_eq!((same.relative_error, same.cosine), (0.0, 1.0));
        let twice = agreement(&[6.0, 8.0], &[3.0, 4.0]);
        assert_eq!((twice.relative_error, twice.cosine), (1.0, 1.0));
        assert!(agreement(&[1.0], &[1.0, 2.0]).relative_error.is_infinite());
    }
}
