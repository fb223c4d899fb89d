//! Native encoders: a checkpoint's own eyes and ears, which turn pictures and sound into soft tokens that its
//! decoder reads in place of words.
//!
//! A picture is first scaled and cut ([`features::soft_tokens`](crate::features::soft_tokens)), a sound
//! becomes log-mel frames ([`features::gemma_mel`](crate::features::gemma_mel)) or stays a waveform; then
//! [`Encoders`] computes `[n_soft_tokens, d_model]`.

mod config;

mod gemma4_audio;

mod gemma4_vision;

mod projection;

mod siglip;

mod unified;

use candle_core::Tensor;
use image::RgbImage;

pub use config::{
    AudioConfig, AudioTowerConfig, EncodersConfig, Layout, PatchesConfig, SiglipConfig, VisionConfig,
    VisionTowerConfig,
};

use crate::cancel::Cancel;
use crate::error::{Doing, Error, Result};
use crate::features::gemma_mel::{self, GemmaMel, MOST_SAMPLES, N_MELS, SoundFrames};
use crate::features::soft_tokens::{self, BUDGETS, Patches, PictureInput};
use crate::weights::{Purpose, Weights, names};

/// The encoders of a checkpoint.
pub struct Encoders {
    vision: Option<Vision>,
    audio: Option<Audio>,
}

enum Vision {
    Tower(gemma4_vision::VisionTower, VisionTowerConfig),
    Siglip(siglip::Siglip, SiglipConfig),
    Patches(unified::PatchEmbedder, PatchesConfig),
}

enum Audio {
    Tower { tower: Box<gemma4_audio::AudioTower>, mel: GemmaMel },
    Frames { projection: projection::Projection, samples: usize },
}

impl Encoders {
    /// Loads the encoders of `config` from a view of a whole file, whatever names that view uses. `None` when
    /// the configuration has none. Matrices that are stored as `Q8_0` are multiplied in eight bits.
    ///
    /// # Errors
    /// [`Error::Config`] for sizes that make no sense, and as [`Weights::get`].
    pub fn new(config: &EncodersConfig, d_model: usize, w: &Weights) -> Result<Option<Self>> {
        config.check()?;
        let w = named(config, w);
        let w = if w.purpose() == Purpose::Decoder { w.meant_for(Purpose::Encoder) } else { w };
        let (layout, w_vision, w_audio) = (config.layout, w.sub("vision"), w.sub("audio"));
        let vision = match &config.vision {
            None => None,
            Some(VisionConfig::Tower(config)) => {
                let tower = gemma4_vision::VisionTower::new(config, layout, d_model, &w_vision)?;
                Some(Vision::Tower(tower, config.clone()))
            }
            Some(VisionConfig::Siglip(config)) => {
                let tower = siglip::Siglip::new(config, layout, d_model, &w_vision)?;
                Some(Vision::Siglip(tower, config.clone()))
            }
            Some(VisionConfig::Patches(config)) => {
                let embedder = unified::PatchEmbedder::new(config, layout, d_model, &w_vision)?;
                Some(Vision::Patches(embedder, config.clone()))
            }
        };
        let audio = match &config.audio {
            None => None,
            Some(AudioConfig::Tower(config)) => Some(Audio::Tower {
                tower: Box::new(gemma4_audio::AudioTower::new(config, layout, d_model, &w_audio)?),
                mel: GemmaMel::default(),
            }),
            Some(AudioConfig::Frames { samples, eps }) => {
                let projection =
                    projection::Projection::new(*samples, d_model, *eps, &w_audio.sub("projection"))?;
                Some(Audio::Frames { projection, samples: *samples })
            }
        };
        match (&vision, &audio) {
            (None, None) => Ok(None),
            _ => Ok(Some(Self { vision, audio })),
        }
    }

    /// Whether pictures can be encoded.
    pub fn sees(&self) -> bool {
        self.vision.is_some()
    }

    /// Whether sound can be encoded.
    pub fn hears(&self) -> bool {
        self.audio.is_some()
    }

    /// How many patches become one soft token.
    pub(crate) fn patches_per_token(&self) -> usize {
        match &self.vision {
            Some(Vision::Tower(_, config)) => config.pooling_kernel_size * config.pooling_kernel_size,
            Some(Vision::Siglip(_, config)) => config.pooled() * config.pooled(),
            Some(Vision::Patches(..)) | None => 1,
        }
    }

    /// How many soft tokens a picture of this size becomes.
    ///
    /// # Errors
    /// As [`picture_input`](Self::picture_input).
    pub fn picture_tokens(&self, width: u32, height: u32, budget: usize) -> Result<usize> {
        let token_px = match self.vision()? {
            Vision::Siglip(_, config) => return Ok(config.mm_tokens_per_image),
            Vision::Tower(_, config) => config.patch_size * config.pooling_kernel_size,
            Vision::Patches(_, config) => config.patch_size * config.pooling_kernel_size,
        };
        check_budget(budget)?;
        let size = soft_tokens::target_size(width, height, token_px, budget).ok_or_else(empty_picture)?;
        Ok(size.0 as usize / token_px * (size.1 as usize / token_px))
    }

    /// What the vision encoder reads of a picture: at most `budget` soft tokens, one of [`BUDGETS`]; Gemma 3
    /// always makes the same number and ignores it.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no vision encoder, no such budget, or nothing in the picture.
    pub fn picture_input(&self, picture: &RgbImage, budget: usize) -> Result<PictureInput> {
        let patches = |side: usize, merged: usize| {
            check_budget(budget)?;
            let patches = soft_tokens::patches(picture, side, merged, budget).map(PictureInput::Patches);
            patches.ok_or_else(empty_picture)
        };
        match self.vision()? {
            Vision::Tower(_, config) => patches(config.patch_size, config.pooling_kernel_size),
            Vision::Patches(_, config) => patches(config.patch_size * config.pooling_kernel_size, 1),
            Vision::Siglip(_, config) => {
                soft_tokens::square(picture, config.image_size).ok_or_else(empty_picture)
            }
        }
    }

    /// Encodes what [`picture_input`](Self::picture_input) made; `None` when cancelled on the way.
    ///
    /// # Shapes
    /// - returns: `[n_soft_tokens, d_model]`
    ///
    /// # Errors
    /// [`Error::Request`] when the input is of another kind or size than the encoder reads, or its side is
    /// longer than the encoder has places for; [`Error::Compute`].
    pub fn see(&self, input: &PictureInput, cancel: &Cancel) -> Result<Option<Tensor>> {
        match (self.vision()?, input) {
            (Vision::Tower(tower, config), PictureInput::Patches(patches)) => {
                check_patches(patches, config.patch_size, config.pooling_kernel_size)?;
                tower.forward(patches, cancel)
            }
            (Vision::Patches(embedder, config), PictureInput::Patches(patches)) => {
                check_patches(patches, config.patch_size * config.pooling_kernel_size, 1)?;
                embedder.forward(patches).map(Some)
            }
            (Vision::Siglip(tower, config), PictureInput::Planes { side_px, values })
                if *side_px == config.image_size && values.len() == 3 * side_px * side_px =>
            {
                tower.forward(values, cancel)
            }
            _ => Err(misfit("a picture")),
        }
    }

    /// A picture as soft tokens; `None` when cancelled on the way.
    ///
    /// # Shapes
    /// - returns: `[n_soft_tokens, d_model]`
    ///
    /// # Errors
    /// As [`picture_input`](Self::picture_input) and [`see`](Self::see).
    pub fn picture(&self, picture: &RgbImage, budget: usize, cancel: &Cancel) -> Result<Option<Tensor>> {
        self.see(&self.picture_input(picture, budget)?, cancel)
    }

    /// How many soft tokens a sound of so many samples at 16 kHz becomes.
    ///
    /// # Errors
    /// As [`sound_input`](Self::sound_input).
    pub fn sound_tokens(&self, n_samples: usize) -> Result<usize> {
        let n = match self.audio()? {
            Audio::Tower { .. } => gemma4_audio::n_tokens(gemma_mel::n_frames(n_samples)),
            Audio::Frames { samples, .. } => n_samples.div_ceil(*samples),
        };
        check_sound(n_samples, n)?;
        Ok(n)
    }

    /// Cuts a sound into the clips of at most half a minute that encoders were trained on; each is encoded for
    /// itself and gets its own place in the sequence.
    pub fn clips(samples_16khz: &[f32]) -> impl Iterator<Item = &[f32]> {
        samples_16khz.chunks(MOST_SAMPLES)
    }

    /// What the audio encoder reads of a sound at 16 kHz, mono, −1 to 1.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no audio encoder, or the sound is longer than [`MOST_SAMPLES`]
    /// (see [`clips`](Self::clips)) or too short to make one token.
    pub fn sound_input(&self, samples_16khz: &[f32]) -> Result<SoundFrames> {
        self.sound_tokens(samples_16khz.len())?;
        Ok(match self.audio()? {
            Audio::Tower { mel, .. } => mel.compute(samples_16khz),
            Audio::Frames { samples, .. } => gemma_mel::waveform(samples_16khz, *samples),
        })
    }

    /// Encodes what [`sound_input`](Self::sound_input) made; `None` when cancelled on the way.
    ///
    /// # Shapes
    /// - returns: `[n_soft_tokens, d_model]`
    ///
    /// # Errors
    /// [`Error::Request`] when the input is of another kind or size than the encoder reads;
    /// [`Error::Compute`].
    pub fn hear(&self, input: &SoundFrames, cancel: &Cancel) -> Result<Option<Tensor>> {
        let (audio, n) = (self.audio()?, input.n_frames());
        let width = match audio {
            Audio::Tower { .. } => N_MELS,
            Audio::Frames { samples, .. } => *samples,
        };
        if input.width != width || n == 0 || input.values.len() != n * width {
            return Err(misfit("a sound"));
        }
        match audio {
            Audio::Tower { tower, .. } => tower.forward(input, cancel),
            Audio::Frames { projection, .. } => {
                let frames = Tensor::from_slice(&input.values, (n, width), projection.device());
                frames.and_then(|frames| projection.forward(&frames)).map(Some).doing("hearing")
            }
        }
    }

    /// A sound at 16 kHz as soft tokens, 25 each second; `None` when cancelled on the way.
    ///
    /// # Shapes
    /// - returns: `[n_soft_tokens, d_model]`
    ///
    /// # Errors
    /// As [`sound_input`](Self::sound_input) and [`hear`](Self::hear).
    pub fn sound(&self, samples_16khz: &[f32], cancel: &Cancel) -> Result<Option<Tensor>> {
        self.hear(&self.sound_input(samples_16khz)?, cancel)
    }

    fn vision(&self) -> Result<&Vision> {
        let reason = || "this model has no encoder for pictures; choose one that sees".to_owned();
        self.vision.as_ref().ok_or_else(|| Error::Request { reason: reason() })
    }

    fn audio(&self) -> Result<&Audio> {
        let reason = || "this model has no encoder for sound; choose one that hears".to_owned();
        self.audio.as_ref().ok_or_else(|| Error::Request { reason: reason() })
    }
}

/// The view with the names that the file uses.
fn named(config: &EncodersConfig, w: &Weights) -> Weights {
    let folder = match &config.vision {
        _ if config.layout == Layout::Mmproj => return w.named(names::encoders::mmproj),
        Some(VisionConfig::Siglip(_)) => {
            let has = |rename: &&fn(&str) -> String| w.named(**rename).has("vision.patch.weight");
            let [usual, ..] = names::encoders::GEMMA3;
            names::encoders::GEMMA3.iter().find(has).copied().unwrap_or(usual)
        }
        Some(VisionConfig::Patches(_)) => names::encoders::gemma4_unified,
        Some(VisionConfig::Tower(_)) | None => names::encoders::gemma4,
    };
    w.named(folder)
}

fn check_budget(budget: usize) -> Result<()> {
    match BUDGETS.contains(&budget) {
        true => Ok(()),
        false => Err(Error::Request {
            reason: format!("a picture cannot have {budget} tokens; choose one of {BUDGETS:?}"),
        }),
    }
}

fn check_sound(n_samples: usize, n_tokens: usize) -> Result<()> {
    let seconds = |n: usize| n as f64 / crate::features::mel::SAMPLE_RATE_HZ as f64;
    if n_tokens == 0 {
        let reason =
            format!("{n_samples} samples are too short to be heard; a hundredth of a second is needed");
        return Err(Error::Request { reason });
    }
    if n_samples > MOST_SAMPLES {
        let (found, most) = (seconds(n_samples), seconds(MOST_SAMPLES));
        let reason = format!("{found:.1} s of sound are too long to be heard at once; cut it into {most} s");
        return Err(Error::Request { reason });
    }
    Ok(())
}

fn check_patches(patches: &Patches, side_px: usize, merged: usize) -> Result<()> {
    let n = patches.columns.checked_mul(patches.rows);
    let n_values = n.and_then(|n| n.checked_mul(3 * side_px * side_px));
    let whole = patches.columns.is_multiple_of(merged) && patches.rows.is_multiple_of(merged);
    match patches.side_px == side_px && whole && n_values == Some(patches.values.len()) && n != Some(0) {
        true => Ok(()),
        false => Err(misfit("a picture")),
    }
}

fn empty_picture() -> Error {
    Error::Request { reason: "there is nothing in the picture".into() }
}

fn misfit(what: &str) -> Error {
    Error::Request { reason: format!("{what} was prepared for another encoder") }
}

#[cfg(test)]
mod tests;
