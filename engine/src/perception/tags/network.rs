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

/// What flows between layers.
#[derive(Clone)]
struct Planes {
    /// `[channels, height, width]`
    values: Vec<f32>,
    /// Height and width.
    size: (usize, usize),
}

/// A convolution with its batch normalisation folded in.
struct Folded {
    /// `[n_out, n_in per group * kernel * kernel]`
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
            let weight = weight.flatten_from(1)?.broadcast_mul(&factor.reshape((n_out, 1))?)?;
            Ok(Self { weight, bias })
        };
        fold().doing("folding a batch normalisation")
    }

    /// A 1×1 convolution: a matrix product over channels. `limit` applies ReLU6.
    fn pointwise(&self, x: &Planes, limit: bool) -> candle_core::Result<Planes> {
        let places = x.size.0 * x.size.1;
        let (n_out, n_in) = self.weight.dims2()?;
        let x_matrix = Tensor::from_slice(&x.values, (n_in, places), &Device::Cpu)?;
        let mut values = self.weight.matmul(&x_matrix)?.reshape(n_out * places)?.to_vec1::<f32>()?;
        values.par_chunks_mut(places).zip(&self.bias).for_each(|(plane, bias)| {
            if limit {
                plane.iter_mut().for_each(|value| *value = (*value + bias).clamp(0.0, 6.0));
            } else {
                plane.iter_mut().for_each(|value| *value += bias);
            }
        });
        Ok(Planes { values, size: x.size })
    }
}

/// A depthwise convolution with "same" padding, then ReLU6.
struct DepthwiseLayer {
    op: Depthwise,
    /// `[channels, kernel, kernel]`
    weights: Vec<f32>,
    /// `[channels]`
    bias: Vec<f32>,
}

impl DepthwiseLayer {
    fn new(w: &Weights, channels: usize, op: Depthwise) -> Result<Self> {
        let folded = Folded::new(w, "depthwise", "depthwise_norm", [channels, 1, op.kernel, op.kernel])?;
        let weights = folded.weight.flatten_all().and_then(|weight| weight.to_vec1());
        Ok(Self { op, weights: weights.doing("folding a batch normalisation")?, bias: folded.bias })
    }

    fn forward(&self, x: &Planes) -> Planes {
        let size = self.op.output(x.size);
        let mut values = vec![0.0; self.bias.len() * size.0 * size.1];
        values
            .par_chunks_mut(size.0 * size.1)
            .zip(x.values.par_chunks(x.size.0 * x.size.1))
            .zip(self.weights.par_chunks(self.op.kernel * self.op.kernel))
            .zip(&self.bias)
            .for_each(|(((out, plane), weights), bias)| {
                self.op.channel(plane, x.size, weights, *bias, out);
                out.iter_mut().for_each(|value| *value = value.clamp(0.0, 6.0));
            });
        Planes { values, size }
    }
}

struct Block {
    expand: Option<Folded>,
    depthwise: DepthwiseLayer,
    project: Folded,
    /// Whether the input is added to the output.
    residual: bool,
}

impl Block {
    fn new(spec: BlockSpec, w: &Weights) -> Result<Self> {
        let BlockSpec { kernel, stride, expansion, n_in, n_out } = spec;
        let wide = n_in * expansion;
        Ok(Self {
            expand: match expansion {
                1 => None,
                _ => Some(Folded::new(w, "expand", "expand_norm", [wide, n_in, 1, 1])?),
            },
            depthwise: DepthwiseLayer::new(w, wide, Depthwise { kernel, stride })?,
            project: Folded::new(w, "project", "project_norm", [n_out, wide, 1, 1])?,
            residual: stride == 1 && n_in == n_out,
        })
    }

    fn forward(&self, x: Planes) -> candle_core::Result<Planes> {
        let deep = match &self.expand {
            Some(expand) => self.depthwise.forward(&expand.pointwise(&x, true)?),
            None => self.depthwise.forward(&x),
        };
        let mut y = self.project.pointwise(&deep, false)?;
        if self.residual {
            y.values.iter_mut().zip(&x.values).for_each(|(y, x)| *y += x);
        }
        Ok(y)
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
    pub(super) fn forward(&self, picture: Vec<f32>, cancel: &Cancel) -> Result<Option<Seen>> {
        let doing = "recognising a picture";
        let size = (self.config.side, self.config.side);
        let columns = stem_columns(&Planes { values: picture, size });
        let mut x = self.stem.pointwise(&columns, true).doing(doing)?;
        for block in &self.blocks {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            x = block.forward(x).doing(doing)?;
        }
        self.classify(&x).doing(doing).map(Some)
    }

    fn classify(&self, x: &Planes) -> candle_core::Result<Seen> {
        let features = self.head.pointwise(x, true)?;
        let (rows, columns) = features.size;
        let features = Tensor::from_vec(features.values, (self.config.head, rows * columns), &Device::Cpu)?;
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

/// The stem is a full 3×3 convolution with stride 2: every value that a place looks at becomes a
/// channel of that place, and the convolution a matrix product.
///
/// # Shapes
/// - returns: `[channels * 3 * 3, ceil(height / 2), ceil(width / 2)]`
fn stem_columns(x: &Planes) -> Planes {
    const KERNEL: usize = 3;
    const STRIDE: usize = 2;
    let (height, width) = x.size;
    let (top, rows) = same_padding(height, KERNEL, STRIDE);
    let (left, columns) = same_padding(width, KERNEL, STRIDE);
    let inside = |place: usize, k: usize, before: usize, end: usize| {
        (place * STRIDE + k).checked_sub(before).filter(|at| *at < end)
    };
    let mut values = Vec::with_capacity(x.values.len() / (STRIDE * STRIDE) * KERNEL * KERNEL);
    for plane in x.values.chunks_exact(height * width) {
        for ky in 0..KERNEL {
            for kx in 0..KERNEL {
                for row in 0..rows {
                    let line = inside(row, ky, top, height).map(|y| &plane[y * width..(y + 1) * width]);
                    values.extend((0..columns).map(|column| match (line, inside(column, kx, left, width)) {
                        (Some(line), Some(at)) => line[at],
                        _ => 0.0,
                    }));
                }
            }
        }
    }
    Planes { values, size: (rows, columns) }
}
