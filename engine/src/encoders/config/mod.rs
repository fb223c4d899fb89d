//! Sizes of encoders, from `config.json` or from the metadata of an `mmproj` file.

mod mmproj;

use serde::Deserialize;

use crate::error::{Error, Result};

/// How tensors are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As transformers writes them.
    HuggingFace,
    /// As llama.cpp's converter writes them: some are permuted, some have arithmetic applied.
    Mmproj,
}

/// The encoders of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodersConfig {
    /// For pictures.
    pub vision: Option<VisionConfig>,
    /// For sound.
    pub audio: Option<AudioConfig>,
    /// How their tensors are stored.
    pub layout: Layout,
}

/// What turns pictures into soft tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum VisionConfig {
    /// Gemma 4's tower.
    Tower(VisionTowerConfig),
    /// Gemma 3's SigLIP.
    Siglip(SiglipConfig),
    /// Gemma 4 without a tower.
    Patches(PatchesConfig),
}

/// What turns sound into soft tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum AudioConfig {
    /// Gemma 4's conformer.
    Tower(AudioTowerConfig),
    /// Gemma 4 without a tower: so many samples become one token.
    Frames {
        /// Samples of a token; `audio_embed_dim`.
        samples: usize,
        /// Added under the root of the norm before the projection.
        eps: f64,
    },
}

/// Sizes of Gemma 4's vision tower; names as in `Gemma4VisionConfig` of transformers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct VisionTowerConfig {
    /// Width of its embeddings.
    pub hidden_size: usize,
    /// Width within its gated network.
    pub intermediate_size: usize,
    /// Layers.
    #[serde(rename = "num_hidden_layers")]
    pub n_layers: usize,
    /// Heads.
    #[serde(rename = "num_attention_heads")]
    pub n_heads: usize,
    /// Heads of keys and values.
    #[serde(rename = "num_key_value_heads")]
    pub n_kv_heads: usize,
    /// Numbers of a head.
    pub head_dim: usize,
    /// Pixels along a patch.
    pub patch_size: usize,
    /// Patches along a soft token.
    pub pooling_kernel_size: usize,
    /// Most patches along a side.
    pub position_embedding_size: usize,
    /// Added under the roots of norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary angles.
    #[serde(rename = "rope_parameters", deserialize_with = "rope_theta")]
    pub rope_theta: f64,
    /// Whether linear layers have limits.
    #[serde(rename = "use_clipped_linears")]
    pub clipped: bool,
    /// Whether soft tokens are shifted and scaled at the end.
    pub standardize: bool,
    hidden_activation: Option<String>,
}

impl Default for VisionTowerConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            n_layers: 16,
            n_heads: 12,
            n_kv_heads: 12,
            head_dim: 64,
            patch_size: 16,
            pooling_kernel_size: 3,
            position_embedding_size: 10_240,
            rms_norm_eps: 1e-6,
            rope_theta: ROPE_THETA,
            clipped: false,
            standardize: false,
            hidden_activation: None,
        }
    }
}

const ROPE_THETA: f64 = 100.0;

fn rope_theta<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    #[derive(Deserialize)]
    struct Rope {
        rope_theta: Option<f64>,
    }
    let rope = Option::<Rope>::deserialize(deserializer)?;
    Ok(rope.and_then(|rope| rope.rope_theta).unwrap_or(ROPE_THETA))
}

/// Sizes of SigLIP and of what joins it to Gemma 3; names as in `SiglipVisionConfig` of transformers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct SiglipConfig {
    /// Width of its embeddings.
    pub hidden_size: usize,
    /// Width within its network.
    pub intermediate_size: usize,
    /// Layers.
    #[serde(rename = "num_hidden_layers")]
    pub n_layers: usize,
    /// Heads.
    #[serde(rename = "num_attention_heads")]
    pub n_heads: usize,
    /// Pixels along the square that every picture becomes.
    pub image_size: usize,
    /// Pixels along a patch.
    pub patch_size: usize,
    /// Added under the roots of norms.
    pub layer_norm_eps: f64,
    /// Soft tokens of a picture, in the outer configuration.
    #[serde(skip)]
    pub mm_tokens_per_image: usize,
    hidden_act: Option<String>,
}

impl Default for SiglipConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            n_layers: 12,
            n_heads: 12,
            image_size: 224,
            patch_size: 16,
            layer_norm_eps: 1e-6,
            mm_tokens_per_image: 256,
            hidden_act: None,
        }
    }
}

/// Sizes of the layers between patches and decoder; names as in `Gemma4UnifiedVisionConfig` of transformers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct PatchesConfig {
    /// Pixels along the patches that were merged in training.
    pub patch_size: usize,
    /// Such patches along a soft token.
    pub pooling_kernel_size: usize,
    /// Width between the layers.
    pub mm_embed_dim: usize,
    /// Most soft tokens along a side.
    pub mm_posemb_size: usize,
    /// Added under the root of the norm before the projection.
    pub rms_norm_eps: f64,
}

impl Default for PatchesConfig {
    fn default() -> Self {
        Self {
            patch_size: 16,
            pooling_kernel_size: 3,
            mm_embed_dim: 3840,
            mm_posemb_size: 1120,
            rms_norm_eps: 1e-6,
        }
    }
}

/// Sizes of Gemma 4's conformer; names as in `Gemma4AudioConfig` of transformers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct AudioTowerConfig {
    /// Width of its embeddings.
    pub hidden_size: usize,
    /// Layers.
    #[serde(rename = "num_hidden_layers")]
    pub n_layers: usize,
    /// Heads.
    #[serde(rename = "num_attention_heads")]
    pub n_heads: usize,
    /// Channels after the first and the second convolution.
    pub subsampling_conv_channels: [usize; 2],
    /// Tokens that a convolution within a layer reads.
    pub conv_kernel_size: usize,
    /// What counts of each feed-forward half.
    pub residual_weight: f64,
    /// Tokens that attend together.
    pub attention_chunk_size: usize,
    /// Tokens that one may look back over, itself and one more included.
    pub attention_context_left: usize,
    /// Tokens that one may look ahead; 0 is supported.
    pub attention_context_right: usize,
    /// Scores stay within ± this.
    pub attention_logit_cap: f64,
    /// Activations stay within ± this.
    pub gradient_clipping: f64,
    /// Added under the roots of norms.
    pub rms_norm_eps: f64,
    /// Width at the end.
    pub output_proj_dims: usize,
    /// Whether linear layers have limits.
    #[serde(rename = "use_clipped_linears")]
    pub clipped: bool,
    hidden_act: Option<String>,
}

impl Default for AudioTowerConfig {
    fn default() -> Self {
        Self {
            hidden_size: 1024,
            n_layers: 12,
            n_heads: 8,
            subsampling_conv_channels: [128, 32],
            conv_kernel_size: 5,
            residual_weight: 0.5,
            attention_chunk_size: 12,
            attention_context_left: 13,
            attention_context_right: 0,
            attention_logit_cap: 50.0,
            gradient_clipping: 1e10,
            rms_norm_eps: 1e-6,
            output_proj_dims: 1536,
            clipped: true,
            hidden_act: None,
        }
    }
}

fn invalid(field: &'static str, reason: impl Into<String>) -> Error {
    Error::Config { field, reason: reason.into() }
}

/// No known encoder has a larger one of each.
const MOST_WIDTH: usize = 1 << 16;
const MOST_LAYERS: usize = 512;
const MOST_PIXELS: usize = 4096;

/// Fails for the first size that is 0 or larger than any encoder's.
fn check(sizes: &[(&'static str, usize, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size, most)| !(1..=*most).contains(size)) {
        Some((field, size, most)) => {
            Err(invalid(field, format!("{size} makes no sense, 1 to {most} are possible")))
        }
        None => Ok(()),
    }
}

fn check_eps(field: &'static str, eps: f64) -> Result<()> {
    match eps > 0.0 && eps < 1.0 {
        true => Ok(()),
        false => Err(invalid(field, format!("{eps} is not between 0 and 1"))),
    }
}

fn check_activation(field: &'static str, found: Option<&str>, wanted: &str) -> Result<()> {
    match found {
        Some(found) if found != wanted => Err(invalid(field, format!("{found:?} is not {wanted:?}"))),
        _ => Ok(()),
    }
}

impl VisionTowerConfig {
    pub(super) fn check(&self) -> Result<()> {
        check(&[
            ("vision_config.hidden_size", self.hidden_size, MOST_WIDTH),
            ("vision_config.intermediate_size", self.intermediate_size, MOST_WIDTH),
            ("vision_config.num_hidden_layers", self.n_layers, MOST_LAYERS),
            ("vision_config.num_attention_heads", self.n_heads, MOST_WIDTH),
            ("vision_config.num_key_value_heads", self.n_kv_heads, MOST_WIDTH),
            ("vision_config.head_dim", self.head_dim, MOST_WIDTH),
            ("vision_config.patch_size", self.patch_size, MOST_PIXELS),
            ("vision_config.pooling_kernel_size", self.pooling_kernel_size, 64),
            ("vision_config.position_embedding_size", self.position_embedding_size, MOST_WIDTH),
        ])?;
        check_eps("vision_config.rms_norm_eps", self.rms_norm_eps)?;
        check_activation(
            "vision_config.hidden_activation",
            self.hidden_activation.as_deref(),
            "gelu_pytorch_tanh",
        )?;
        if !self.head_dim.is_multiple_of(4) {
            let reason = format!("{} is not a multiple of 4, two pairs for each direction", self.head_dim);
            return Err(invalid("vision_config.head_dim", reason));
        }
        if !self.n_heads.is_multiple_of(self.n_kv_heads) {
            let reason = format!("{} does not divide {} heads", self.n_kv_heads, self.n_heads);
            return Err(invalid("vision_config.num_key_value_heads", reason));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 0.0) {
            let reason = format!("{} is no base for angles", self.rope_theta);
            return Err(invalid("vision_config.rope_parameters", reason));
        }
        Ok(())
    }
}

impl SiglipConfig {
    /// Patches along a side.
    pub fn patches_per_side(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Patches along a soft token.
    pub fn pooled(&self) -> usize {
        self.patches_per_side() / self.mm_tokens_per_image.isqrt()
    }

    pub(super) fn check(&self) -> Result<()> {
        check(&[
            ("vision_config.hidden_size", self.hidden_size, MOST_WIDTH),
            ("vision_config.intermediate_size", self.intermediate_size, MOST_WIDTH),
            ("vision_config.num_hidden_layers", self.n_layers, MOST_LAYERS),
            ("vision_config.num_attention_heads", self.n_heads, self.hidden_size),
            ("vision_config.image_size", self.image_size, MOST_PIXELS),
            ("vision_config.patch_size", self.patch_size, self.image_size),
            ("mm_tokens_per_image", self.mm_tokens_per_image, MOST_WIDTH),
        ])?;
        check_eps("vision_config.layer_norm_eps", self.layer_norm_eps)?;
        check_activation("vision_config.hidden_act", self.hidden_act.as_deref(), "gelu_pytorch_tanh")?;
        if !self.hidden_size.is_multiple_of(self.n_heads) {
            let reason = format!("{} does not divide {} numbers", self.n_heads, self.hidden_size);
            return Err(invalid("vision_config.num_attention_heads", reason));
        }
        if !self.image_size.is_multiple_of(self.patch_size) {
            let reason = format!("{} does not divide {} pixels", self.patch_size, self.image_size);
            return Err(invalid("vision_config.patch_size", reason));
        }
        let side = self.mm_tokens_per_image.isqrt();
        if side * side != self.mm_tokens_per_image || !self.patches_per_side().is_multiple_of(side) {
            let (n, patches) = (self.mm_tokens_per_image, self.patches_per_side());
            let reason = format!("{n} tokens are no square that divides {patches} × {patches} patches");
            return Err(invalid("mm_tokens_per_image", reason));
        }
        Ok(())
    }
}

impl PatchesConfig {
    pub(super) fn check(&self) -> Result<()> {
        check(&[
            ("vision_config.patch_size", self.patch_size, MOST_PIXELS),
            ("vision_config.pooling_kernel_size", self.pooling_kernel_size, 64),
            ("vision_config.mm_embed_dim", self.mm_embed_dim, MOST_WIDTH),
            ("vision_config.mm_posemb_size", self.mm_posemb_size, MOST_WIDTH),
        ])?;
        check_eps("vision_config.rms_norm_eps", self.rms_norm_eps)
    }
}

impl AudioTowerConfig {
    pub(super) fn check(&self) -> Result<()> {
        check(&[
            ("audio_config.hidden_size", self.hidden_size, MOST_WIDTH),
            ("audio_config.num_hidden_layers", self.n_layers, MOST_LAYERS),
            ("audio_config.num_attention_heads", self.n_heads, self.hidden_size),
            ("audio_config.subsampling_conv_channels", self.subsampling_conv_channels[0], MOST_WIDTH),
            ("audio_config.subsampling_conv_channels", self.subsampling_conv_channels[1], MOST_WIDTH),
            ("audio_config.conv_kernel_size", self.conv_kernel_size, 256),
            ("audio_config.attention_chunk_size", self.attention_chunk_size, 4096),
            ("audio_config.output_proj_dims", self.output_proj_dims, MOST_WIDTH),
        ])?;
        check_eps("audio_config.rms_norm_eps", self.rms_norm_eps)?;
        check_activation("audio_config.hidden_act", self.hidden_act.as_deref(), "silu")?;
        if !self.hidden_size.is_multiple_of(2 * self.n_heads) {
            let reason =
                format!("{} is not an even number for each of {} heads", self.hidden_size, self.n_heads);
            return Err(invalid("audio_config.hidden_size", reason));
        }
        if self.attention_context_right != 0 {
            return Err(invalid("audio_config.attention_context_right", "only 0 is supported"));
        }
        // The distances that have an embedding reach back half of what a chunk sees.
        if !(2..=self.attention_chunk_size + 1).contains(&self.attention_context_left) {
            let reason = format!("{} does not fit the chunk", self.attention_context_left);
            return Err(invalid("audio_config.attention_context_left", reason));
        }
        for (field, limit) in [
            ("audio_config.attention_logit_cap", self.attention_logit_cap),
            ("audio_config.gradient_clipping", self.gradient_clipping),
        ] {
            if limit.is_nan() || limit <= 0.0 {
                return Err(invalid(field, format!("{limit} is no limit")));
            }
        }
        match self.residual_weight.is_finite() {
            true => Ok(()),
            false => Err(invalid("audio_config.residual_weight", "it is not finite")),
        }
    }
}

/// Sizes of the unified audio embedder.
#[derive(Deserialize)]
#[serde(default)]
struct FramesFile {
    audio_embed_dim: usize,
    rms_norm_eps: f64,
}

impl Default for FramesFile {
    fn default() -> Self {
        Self { audio_embed_dim: 640, rms_norm_eps: 1e-6 }
    }
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    vision_config: Option<serde_json::Value>,
    audio_config: Option<serde_json::Value>,
    mm_tokens_per_image: Option<usize>,
}

fn part<T: serde::de::DeserializeOwned>(field: &'static str, value: serde_json::Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| invalid(field, error.to_string()))
}

impl EncodersConfig {
    /// Reads a `config.json`. `None` for a family without encoders, and for a checkpoint of a
    /// family with them that has none.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field.
    pub fn from_json(file: &serde_json::Value) -> Result<Option<Self>> {
        let file = ConfigFile::deserialize(file).map_err(|error| invalid("model_type", error.to_string()))?;
        let (vision, audio) = (file.vision_config, file.audio_config);
        let vision = match (file.model_type.as_str(), vision) {
            (_, None) => None,
            ("gemma4", Some(value)) => Some(VisionConfig::Tower(part("vision_config", value)?)),
            ("gemma4_unified", Some(value)) => Some(VisionConfig::Patches(part("vision_config", value)?)),
            ("gemma3", Some(value)) => {
                let config: SiglipConfig = part("vision_config", value)?;
                let mm_tokens_per_image = file.mm_tokens_per_image.unwrap_or(config.mm_tokens_per_image);
                Some(VisionConfig::Siglip(SiglipConfig { mm_tokens_per_image, ..config }))
            }
            _ => return Ok(None),
        };
        let audio = match (file.model_type.as_str(), audio) {
            ("gemma4", Some(value)) => Some(AudioConfig::Tower(part("audio_config", value)?)),
            ("gemma4_unified", Some(value)) => {
                let frames: FramesFile = part("audio_config", value)?;
                Some(AudioConfig::Frames { samples: frames.audio_embed_dim, eps: frames.rms_norm_eps })
            }
            _ => None,
        };
        if vision.is_none() && audio.is_none() {
            return Ok(None);
        }
        let config = Self { vision, audio, layout: Layout::HuggingFace };
        config.check()?;
        Ok(Some(config))
    }

    pub(super) fn check(&self) -> Result<()> {
        match &self.vision {
            Some(VisionConfig::Tower(config)) => config.check()?,
            Some(VisionConfig::Siglip(config)) => config.check()?,
            Some(VisionConfig::Patches(config)) => config.check()?,
            None => {}
        }
        match &self.audio {
            Some(AudioConfig::Tower(config)) => config.check(),
            Some(AudioConfig::Frames { samples, eps }) => {
                check(&[("audio_config.audio_embed_dim", *samples, MOST_WIDTH)])?;
                check_eps("audio_config.rms_norm_eps", *eps)
            }
            None => Ok(()),
        }
    }
}
