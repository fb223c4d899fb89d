//! EfficientNet-Lite (Tan and Le, EfficientNet, 2019; the lite variants have no squeeze-and-excite,
//! ReLU6, and an unscaled stem and head). Weights as converted from TensorFlow, hence its padding.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::cancel::Cancel;
use crate::error::{Doing, Result};
use crate::kernels::depthwise::{Depthwise, same_padding};
use crate::weights::Weights;

/// Sizes of a variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EfficientNetConfig {
    /// Pixels of the square input.
    pub side: usize,
    /// Channels after the stem.
    pub stem: usize,
    /// Channels before the classifier.
    pub head: usize,
    /// Classes.
    pub n_classes: usize,
    /// Bottom to top.
    pub blocks: Vec<BlockSpec>,
}

/// An inverted residual block (Sandler et al., MobileNetV2, 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockSpec {
    kernel: usize,
    stride: usize,
    expansion: usize,
    n_in: usize,
    n_out: usize,
}

impl EfficientNetConfig {
    /// Width 1.1, depth 1.2, 260 pixels.
    pub(super) fn lite2() -> Self {
        // Repeats × kernel, stride, expansion, channels; the first stage is not repeated.
        let stages = [
            (1, 3, 1, 1, 16),
            (3, 3, 2, 6, 24),
            (3, 5, 2, 6, 48),
            (4, 3, 2, 6, 88),
            (4, 5, 1, 6, 120),
            (5, 5, 2, 6, 208),
            (1, 3, 1, 6, 352),
        ];
        let mut n_in = 32;
        let mut blocks = Vec::new();
        for (repeats, kernel, stride, expansion, n_out) in stages {
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stride } else { 1 };
                blocks.push(BlockSpec { kernel, stride, expansion, n_in, n_out });
                n_in = n_out;
            }
        }
        Self { side: 260, stem: 32, head: 1280, n_classes: 1000, blocks }
    }
}

/// A convolution with its batch normalisation folded in.
struct Folded {
    /// `[n_out, …]`
    weight: Tensor,
    /// `[n_out]`
    bias: Vec<f32>,
}

impl Folded {
    /// `shape` is `[n_out, n_in per group, kernel, kernel]`.
    fn new(w: &Weights, convolution: &str, norm: &str, shape: [usize; 4]) -> Result<Self> {
        const EPS: f64 = 1e-3;
        let n_out = shape[0];
        let weight = w.get(&format!("{convolution}.weight"), &shape)?;
        let part = |name: &str| w.get(&format!("{norm}.{name}"), &[n_out]);
        let (gamma, beta, mean, variance) =
            (part("weight")?, part("bias")?, part("mean")?, part("variance")?);
        let fold = || {
            let factor = (gamma / (variance + EPS)?.sqrt()?)?;
            let bias = (beta - (mean * &factor)?)?.to_vec1::<f32>()?;
            Ok(Self { weight: weight.broadcast_mul(&factor.reshape((n_out, 1, 1, 1))?)?, bias })
        };
        fold().doing("folding a batch normalisation")
    }

    /// A 1×1 convolution: a matrix product over channels.
    ///
    /// # Shapes
    /// - `x`: `[n_in, height, width]`
    fn pointwise(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (n_in, height, width) = x.dims3()?;
        let n_out = self.bias.len();
        let bias = Tensor::from_slice(&self.bias, (n_out, 1), &Device::Cpu)?;
        self.weight
            .reshape((n_out, n_in))?
            .matmul(&x.reshape((n_in, height * width))?)?
            .broadcast_add(&bias)?
            .reshape((n_out, height, width))
    }

    /// A depthwise convolution with "same" padding, then ReLU6.
    fn depthwise(&self, x: &Tensor, op: Depthwise) -> candle_core::Result<Tensor> {
        let (channels, height, width) = x.dims3()?;
        let x = x.flatten_all()?.to_vec1::<f32>()?;
        let weights = self.weight.flatten_all()?.to_vec1::<f32>()?;
        let planes: Vec<Vec<f32>> = x
            .par_chunks(height * width)
            .zip(weights.par_chunks(op.kernel * op.kernel))
            .zip(&self.bias)
            .map(|((plane, weights), bias)| {
                let mut out = op.channel(plane, (height, width), weights, *bias);
                out.iter_mut().for_each(|value| *value = value.clamp(0.0, 6.0));
                out
            })
            .collect();
        let shape = (
            channels,
            same_padding(height, op.kernel, op.stride).1,
            same_padding(width, op.kernel, op.stride).1,
        );
        Tensor::from_vec(planes.concat(), shape, &Device::Cpu)
    }
}

struct Block {
    spec: BlockSpec,
    expand: Option<Folded>,
    depthwise: Folded,
    project: Folded,
}

impl Block {
    fn new(spec: BlockSpec, w: &Weights) -> Result<Self> {
        let BlockSpec { kernel, expansion, n_in, n_out, .. } = spec;
        let wide = n_in * expansion;
        Ok(Self {
            spec,
            expand: match expansion {
                1 => None,
                _ => Some(Folded::new(w, "expand", "expand_norm", [wide, n_in, 1, 1])?),
            },
            depthwise: Folded::new(w, "depthwise", "depthwise_norm", [wide, 1, kernel, kernel])?,
            project: Folded::new(w, "project", "project_norm", [n_out, wide, 1, 1])?,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let BlockSpec { kernel, stride, n_in, n_out, .. } = self.spec;
        let wide = match &self.expand {
            Some(expand) => expand.pointwise(x)?.clamp(0f32, 6f32)?,
            None => x.clone(),
        };
        let y = self.project.pointwise(&self.depthwise.depthwise(&wide, Depthwise { kernel, stride })?)?;
        if stride == 1 && n_in == n_out { y + x } else { Ok(y) }
    }
}

/// What the network sees in one picture.
pub(super) struct Seen {
    /// `[n_classes]`, adds up to 1.
    pub probabilities: Vec<f32>,
    /// Rows and columns of places.
    pub grid: (usize, usize),
    /// Evidence of each class at each place, `[n_classes, rows * columns]`.
    activations: Vec<f32>,
}

impl Seen {
    /// Where these classes are seen, each counted by its probability: `[rows * columns]`.
    pub(super) fn activation(&self, classes: &[usize]) -> Vec<f32> {
        let places = self.grid.0 * self.grid.1;
        let mut map = vec![0.0; places];
        for class in classes {
            let share = self.probabilities[*class];
            for (sum, value) in map.iter_mut().zip(&self.activations[class * places..]) {
                *sum += share * value;
            }
        }
        map
    }
}

/// The network; read-only.
pub(super) struct EfficientNet {
    config: EfficientNetConfig,
    stem: Folded,
    blocks: Vec<Block>,
    head: Folded,
    classifier: (Tensor, Tensor),
}

impl EfficientNet {
    pub(super) fn new(config: &EfficientNetConfig, w: &Weights) -> Result<Self> {
        let last = config.blocks.last().map_or(config.stem, |block| block.n_out);
        Ok(Self {
            stem: Folded::new(w, "stem", "stem_norm", [config.stem, 3, 3, 3])?,
            blocks: config
                .blocks
                .iter()
                .enumerate()
                .map(|(i, spec)| Block::new(*spec, &w.sub("blocks").sub(i)))
                .collect::<Result<_>>()?,
            head: Folded::new(w, "head", "head_norm", [config.head, last, 1, 1])?,
            classifier: (
                w.get("classifier.weight", &[config.n_classes, config.head])?,
                w.get("classifier.bias", &[config.n_classes])?,
            ),
            config: config.clone(),
        })
    }

    pub(super) fn config(&self) -> &EfficientNetConfig {
        &self.config
    }

    /// `None` when cancelled.
    ///
    /// # Shapes
    /// - `picture`: `[3, side, side]`, −1 to 1
    pub(super) fn forward(&self, picture: &Tensor, cancel: &Cancel) -> Result<Option<Seen>> {
        let doing = "recognising a picture";
        let mut x = self.stem_forward(picture).doing(doing)?;
        for block in &self.blocks {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = block.forward(&x).doing(doing)?;
        }
        self.classify(&x).doing(doing).map(Some)
    }

    /// The stem is a full 3×3 convolution with stride 2.
    fn stem_forward(&self, picture: &Tensor) -> candle_core::Result<Tensor> {
        let (_, height, width) = picture.dims3()?;
        let padding = |side: usize| {
            let (before, places) = same_padding(side, 3, 2);
            (before, ((places - 1) * 2 + 3).saturating_sub(side + before))
        };
        let ((top, bottom), (left, right)) = (padding(height), padding(width));
        let padded = picture.pad_with_zeros(1, top, bottom)?.pad_with_zeros(2, left, right)?.unsqueeze(0)?;
        let bias = Tensor::from_slice(&self.stem.bias, (1, self.stem.bias.len(), 1, 1), &Device::Cpu)?;
        padded.conv2d(&self.stem.weight, 0, 2, 1, 1)?.broadcast_add(&bias)?.clamp(0f32, 6f32)?.squeeze(0)
    }

    fn classify(&self, x: &Tensor) -> candle_core::Result<Seen> {
        let features = self.head.pointwise(x)?.clamp(0f32, 6f32)?;
        let (width, rows, columns) = features.dims3()?;
        let features = features.reshape((width, rows * columns))?;
        let (weight, bias) = &self.classifier;
        let activations = weight.matmul(&features)?; // [n_classes, places]
        let logits = (activations.mean(1)? + bias)?;
        Ok(Seen {
            probabilities: candle_nn::ops::softmax(&logits, 0)?.to_vec1()?,
            grid: (rows, columns),
            activations: activations.flatten_all()?.to_vec1()?,
        })
    }
}
