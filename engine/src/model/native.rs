//! The native route: a checkpoint's own encoders, and how its vocabulary marks what they give.

use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::Value;

use crate::decoder::{Decoder, Input, Modality, hugging_face};
use crate::encoders::{Encoders, EncodersConfig};
use crate::error::{Error, Result};
use crate::features::text::{TokenId, Tokenizer};
use crate::models::projector_beside;
use crate::weights::gguf::GgufFile;
use crate::weights::names;

/// Encoders with the tokens around what they give.
pub(crate) struct Native {
    pub(crate) encoders: Encoders,
    picture: Option<Marks>,
    video: Option<Marks>,
    sound: Option<Marks>,
}

/// The tokens of one modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Stands for each soft token.
    placeholder: u32,
    begin: Option<u32>,
    end: Option<u32>,
}

impl Native {
    /// As `config.json` names the tokens.
    pub(crate) fn new(encoders: Encoders, file: &Value) -> Self {
        let token = |names: [&str; 2]| hugging_face::token_id(file, &names);
        let marks = |modality, begin, end| {
            let placeholder = hugging_face::media_token(file, modality)?;
            Some(Marks { placeholder, begin: token(begin), end: token(end) })
        };
        let (boi, eoi) = (["boi_token_id", "boi_token_index"], ["eoi_token_id", "eoi_token_index"]);
        let (boa, eoa) = (["boa_token_id", "boa_token_index"], ["eoa_token_id", "eoa_token_index"]);
        Self {
            encoders,
            picture: marks(Modality::Picture, boi, eoi),
            video: marks(Modality::Video, boi, eoi),
            sound: marks(Modality::Sound, boa, eoa),
        }
    }

    /// The encoders of the `mmproj` file beside a GGUF file; none where there is no such file, or one that belongs
    /// to another model.
    pub(crate) fn beside(path: &Path, decoder: &Decoder, tokenizer: &Tokenizer) -> Result<Option<Self>> {
        let Some(projector) = projector_beside(path) else { return Ok(None) };
        let file = GgufFile::open(&projector)?;
        let config = EncodersConfig::from_mmproj(&file)?;
        let weights = file.weights(&Device::Cpu, names::encoders::mmproj);
        match Encoders::new(&config, decoder.config().d_model, &weights) {
            Ok(encoders) => Ok(encoders.map(|encoders| Self::from_vocabulary(encoders, tokenizer))),
            Err(error @ Error::TensorShape { .. }) => {
                log::warn!("{} is not for this model: {error}", projector.display());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// As the vocabularies of Gemma 3 and 4 name them, for a GGUF file with its `mmproj`.
    pub(crate) fn from_vocabulary(encoders: Encoders, tokenizer: &Tokenizer) -> Self {
        let id =
            |names: [&str; 2]| names.iter().find_map(|name| tokenizer.control(name)).map(|TokenId(id)| id);
        let marks = |placeholder, begin, end| {
            Some(Marks { placeholder: id(placeholder)?, begin: id(begin), end: id(end) })
        };
        let begin = ["<|image>", "<start_of_image>"];
        let end = ["<image|>", "<end_of_image>"];
        let picture = marks(["<|image|>", "<image_soft_token>"], begin, end);
        let video = marks(["<|video|>", "<|video|>"], begin, end);
        let sound = marks(["<|audio|>", "<|audio|>"], ["<|audio>"; 2], ["<audio|>"; 2]);
        Self { encoders, picture, video, sound }
    }

    /// The tokens of a modality that the checkpoint has an encoder for.
    pub(crate) fn marks(&self, modality: Modality) -> Option<Marks> {
        match modality {
            Modality::Text => None,
            Modality::Picture => self.picture.filter(|_| self.encoders.sees()),
            // Families without a token of their own for it see frames as pictures.
            Modality::Video => self.video.or(self.picture).filter(|_| self.encoders.sees()),
            Modality::Sound => self.sound.filter(|_| self.encoders.hears()),
        }
    }
}

/// What a medium becomes in a prompt: soft tokens with the tokens around them, and of a video the times of its
/// frames.
#[derive(Clone, Default)]
pub(crate) struct Medium(pub(crate) Input);

impl Medium {
    /// Positions that it takes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds text.
    pub(crate) fn push_text(&mut self, tokens: Vec<TokenId>) {
        self.0.append(&Input::from(tokens));
    }

    /// Adds what an encoder gave, `[n, d_model]`. `key` is the same for the same medium in the same form.
    pub(crate) fn push(&mut self, marks: Marks, embeddings: Tensor, modality: Modality, key: u64) {
        self.0.push_tokens(marks.begin);
        self.0.push_media(marks.placeholder, embeddings, modality, key);
        self.0.push_tokens(marks.end);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_found_by_either_name_of_the_config() {
        let file = json!({
            "image_token_index": 7, "boi_token_index": 8, "eoi_token_index": 9,
            "audio_token_id": 1, "boa_token_id": 2, "eoa_token_index": 3,
        });
        let marks = |modality, begin, end| Marks {
            placeholder: hugging_face::media_token(&file, modality).unwrap(),
            begin: Some(begin),
            end: Some(end),
        };
        assert_eq!(marks(Modality::Picture, 8, 9).placeholder, 7);
        assert_eq!(marks(Modality::Sound, 2, 3).placeholder, 1);
        assert_eq!(hugging_face::media_token(&file, Modality::Video), None);
    }
}
