//! Metadata of an `mmproj` file → [`EncodersConfig`]. Keys: llama.cpp's `tools/mtmd/clip-impl.h`.
//!
//! The metadata lack what llama.cpp keeps in its code; that is read from the shapes of tensors.

use candle_core::Device;

use super::{AudioConfig, AudioTowerConfig, EncodersConfig, Layout, PatchesConfig, SiglipConfig};
use super::{VisionConfig, VisionTowerConfig, invalid};
use crate::error::Result;
use crate::weights::gguf::{GgufFile, Metadata};
use crate::weights::{Weights, names};

/// Why a file is refused whose encoder nobody wrote code for.
fn unknown(field: &'static str, kind: &str) -> crate::Error {
    invalid(field, format!("{kind:?} is not supported; gemma3, gemma4v, gemma4a, gemma4uv and gemma4ua are"))
}

fn integer(metadata: &Metadata<'_>, key: &str) -> Result<usize> {
    let value = metadata.integer(key).and_then(|value| usize::try_from(value).ok());
    value.ok_or_else(|| metadata.missing(key))
}

/// One length of a tensor; 0, which no check lets pass, where the file lacks it.
fn length(w: &Weights, name: &str, dimension: usize) -> usize {
    w.shape(name).and_then(|shape| shape.get(dimension).copied()).unwrap_or(0)
}

impl EncodersConfig {
    /// Reads the metadata of an `mmproj` file.
    ///
    /// # Errors
    /// [`Error::ModelFile`](crate::Error::ModelFile) for a key that is missing,
    /// [`Error::Config`](crate::Error::Config) for a kind of encoder that is not supported or a size that
    /// makes no sense.
    pub fn from_mmproj(file: &GgufFile) -> Result<Self> {
        let metadata = file.metadata();
        let w = file.weights(&Device::Cpu, names::encoders::mmproj);
        let shared = metadata.string("clip.projector_type");
        let kind = |key: &str| metadata.string(key).or(shared);
        let has = |key: &str| metadata.bool(key).unwrap_or(false);
        let vision = match kind("clip.vision.projector_type") {
            _ if !has("clip.has_vision_encoder") => None,
            Some("gemma3") => Some(siglip(&metadata)?),
            Some("gemma4v") => Some(vision_tower(&metadata, &w)?),
            Some("gemma4uv") => Some(patches(&metadata, &w)?),
            other => return Err(unknown("clip.vision.projector_type", other.unwrap_or(""))),
        };
        let audio = match kind("clip.audio.projector_type") {
            _ if !has("clip.has_audio_encoder") => None,
            Some("gemma4a") => Some(audio_tower(&metadata, &w)?),
            Some("gemma4ua") => {
                let samples = integer(&metadata, "clip.audio.embedding_length")?;
                Some(AudioConfig::Frames { samples, eps: eps(&metadata, "audio") })
            }
            other => return Err(unknown("clip.audio.projector_type", other.unwrap_or(""))),
        };
        let config = Self { vision, audio, layout: Layout::Mmproj };
        config.check()?;
        Ok(config)
    }
}

fn eps(metadata: &Metadata<'_>, side: &str) -> f64 {
    let stored = metadata.float(&format!("clip.{side}.attention.layer_norm_epsilon"));
    // Stored with 32 bits; every checkpoint means this one.
    stored.map_or(1e-6, |eps| if (eps - 1e-6).abs() < 1e-9 { 1e-6 } else { eps })
}

fn siglip(metadata: &Metadata<'_>) -> Result<VisionConfig> {
    let (image_size, patch_size) =
        (integer(metadata, "clip.vision.image_size")?, integer(metadata, "clip.vision.patch_size")?);
    let pooled = metadata.integer("clip.vision.projector.scale_factor").unwrap_or(4);
    let pooled = usize::try_from(pooled).unwrap_or(usize::MAX).max(1);
    let side = image_size / patch_size.max(1) / pooled;
    Ok(VisionConfig::Siglip(SiglipConfig {
        hidden_size: integer(metadata, "clip.vision.embedding_length")?,
        intermediate_size: integer(metadata, "clip.vision.feed_forward_length")?,
        n_layers: integer(metadata, "clip.vision.block_count")?,
        n_heads: integer(metadata, "clip.vision.attention.head_count")?,
        image_size,
        patch_size,
        layer_norm_eps: eps(metadata, "vision"),
        mm_tokens_per_image: side.saturating_mul(side),
        ..SiglipConfig::default()
    }))
}

fn pooling(metadata: &Metadata<'_>) -> usize {
    let pooled = metadata.integer("clip.vision.projector.scale_factor").unwrap_or(3);
    usize::try_from(pooled).unwrap_or(0)
}

fn vision_tower(metadata: &Metadata<'_>, w: &Weights) -> Result<VisionConfig> {
    let n_heads = integer(metadata, "clip.vision.attention.head_count")?;
    let head_dim = length(w, "vision.blocks.0.attention.q_norm.weight", 0);
    Ok(VisionConfig::Tower(VisionTowerConfig {
        hidden_size: integer(metadata, "clip.vision.embedding_length")?,
        intermediate_size: integer(metadata, "clip.vision.feed_forward_length")?,
        n_layers: integer(metadata, "clip.vision.block_count")?,
        n_heads,
        n_kv_heads: length(w, "vision.blocks.0.attention.k.weight", 0) / head_dim.max(1),
        head_dim,
        patch_size: integer(metadata, "clip.vision.patch_size")?,
        pooling_kernel_size: pooling(metadata),
        position_embedding_size: length(w, "vision.positions.weight", 1),
        rms_norm_eps: eps(metadata, "vision"),
        clipped: w.has("vision.blocks.0.attention.q.input_min"),
        standardize: w.has("vision.standard_bias"),
        ..VisionTowerConfig::default()
    }))
}

fn patches(metadata: &Metadata<'_>, w: &Weights) -> Result<VisionConfig> {
    Ok(VisionConfig::Patches(PatchesConfig {
        patch_size: integer(metadata, "clip.vision.patch_size")?,
        pooling_kernel_size: pooling(metadata),
        mm_embed_dim: integer(metadata, "clip.vision.embedding_length")?,
        mm_posemb_size: length(w, "vision.positions.weight", 1),
        rms_norm_eps: eps(metadata, "vision"),
    }))
}

fn audio_tower(metadata: &Metadata<'_>, w: &Weights) -> Result<AudioConfig> {
    let n_mels = integer(metadata, "clip.audio.num_mel_bins")?;
    if n_mels != crate::features::gemma_mel::N_MELS {
        return Err(invalid("clip.audio.num_mel_bins", format!("{n_mels} is not supported, only 128")));
    }
    Ok(AudioConfig::Tower(AudioTowerConfig {
        hidden_size: integer(metadata, "clip.audio.embedding_length")?,
        n_layers: integer(metadata, "clip.audio.block_count")?,
        n_heads: integer(metadata, "clip.audio.attention.head_count")?,
        subsampling_conv_channels: [
            length(w, "audio.convs.0.conv.weight", 0),
            length(w, "audio.convs.1.conv.weight", 0),
        ],
        conv_kernel_size: length(w, "audio.blocks.0.conv.depthwise.weight", 1),
        rms_norm_eps: eps(metadata, "audio"),
        output_proj_dims: length(w, "audio.output.weight", 0),
        clipped: w.has("audio.blocks.0.attention.q.input_min"),
        ..AudioTowerConfig::default()
    }))
}
