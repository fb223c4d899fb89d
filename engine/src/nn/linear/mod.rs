//! The one linear layer, for float and for block-quantised weights.

use std::sync::Arc;

use arrayvec::ArrayVec;
use candle_core::quantized::QMatMul;
use candle_core::{Device, Module, Tensor};

use super::activation::{Activation, add};
use super::array::Array;
use super::embedding::Embedding;
use super::low_rank::LowRank;
use super::norm::RmsNorm;
use super::stored;
use super::traced;
use super::weight::{Weight, on_device};
use crate::error::{Doing, Result};
use crate::kernels::Isa;
use crate::kernels::activations::Activations;
use crate::kernels::buffer::Buffer;
use crate::kernels::dense;
use crate::kernels::layers::{self, Layer, Matrix, TiledRows};
use crate::kernels::levels::{self, LevelRows};
use crate::kernels::packed::{self, Packed};
use crate::kernels::rowwise::{self, for_each_row};
use crate::weights::{Purpose, Weights};

/// `y = x Wᵀ + b` with `W` of `[n_out, n_in]`, and what an adapter adds.
#[derive(Clone)]
pub struct Linear {
    weight: Weight,
    bias: Option<Bias>,
    adapter: Option<Arc<LowRank>>,
}

/// `[n_out]`
#[derive(Clone)]
struct Bias {
    tensor: Tensor,
    /// The same on the processor.
    each: Vec<f32>,
}

impl Bias {
    fn new(tensor: Tensor) -> candle_core::Result<Self> {
        Ok(Self { each: tensor.to_vec1()?, tensor })
    }
}

impl Linear {
    /// Takes `weight` of `[n_out, n_in]`, and `bias` of `[n_out]` where the file has one.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        let bias = if w.has("bias") { Some(w.get("bias", &[n_out])?) } else { None };
        let bias = bias.map(Bias::new).transpose().doing("loading a layer")?;
        Ok(Self { weight: Weight::new(n_out, n_in, w)?, bias, adapter: None })
    }

    /// The same layer, which shares its weights with this one, with what `adapter` adds.
    ///
    /// # Errors
    /// When the adapter has another shape.
    pub fn adapted(&self, adapter: Option<Arc<LowRank>>) -> candle_core::Result<Self> {
        if let Some(adapter) = &adapter
            && adapter.shape() != self.weight.shape()?
        {
            candle_core::bail!("an adapter of {:?} does not fit {:?}", adapter.shape(), self.weight.shape()?);
        }
        Ok(Self { adapter, ..self.clone() })
    }

    /// Its matrix alone.
    pub(super) fn into_weight(self) -> Weight {
        self.weight
    }

    /// `[n_out, n_in]`
    ///
    /// # Errors
    /// When the weight is no matrix (a bug).
    pub fn shape(&self) -> candle_core::Result<(usize, usize)> {
        self.weight.shape()
    }

    /// `n` layers from one `weight` of `[n, n_out, n_in]`, each cut into parts of `n_out` in `parts`. They
    /// stay in a mapped file where that is possible, so that only those that are used are in memory.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn stacked<const PARTS: usize>(
        n: usize,
        n_in: usize,
        parts: [usize; PARTS],
        w: &Weights,
    ) -> Result<Vec<[Self; PARTS]>> {
        let n_out: usize = parts.iter().sum();
        let shape = [n, n_out, n_in];
        let on_processor = matches!(w.device(), Device::Cpu);
        let whole = match w.get_stored("weight", &shape)? {
            // Panels that can be cut where the parts are.
            Some(stored) if on_processor && parts.iter().all(|rows| rows.is_multiple_of(Weight::PANEL)) => {
                Weight::kept(stored, w)?
            }
            Some(stored) => Weight::Stored(stored),
            None => {
                let weight = w.get("weight", &shape)?.reshape((n * n_out, n_in));
                Weight::Float(weight.doing("taking stacked weights apart")?)
            }
        };
        let layer = |i: usize| {
            let mut start = i * n_out;
            let mut layers = Vec::with_capacity(PARTS);
            for rows in parts {
                let weight = whole.rows(start..start + rows)?;
                let weight = weight.ok_or_else(|| candle_core::Error::msg("a part is not whole panels"))?;
                let weight = match &weight {
                    Weight::Stored(part) if !on_processor => on_device(part, w.device())?,
                    _ => weight,
                };
                layers.push(Self { weight, bias: None, adapter: None });
                start += rows;
            }
            <[Self; PARTS]>::try_from(layers).map_err(|_| candle_core::Error::msg("parts are lost"))
        };
        (0..n).map(layer).collect::<candle_core::Result<_>>().doing("taking stacked weights apart")
    }

    /// One layer whose weights stay in a mapped file: for experts, of which few are used at a time.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn in_place(n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        let Some(stored) = w.get_stored("weight", &[n_out, n_in])? else { return Self::new(n_in, n_out, w) };
        Ok(Self { weight: Weight::kept(stored, w)?, bias: None, adapter: None })
    }

    /// A layer of float weights that are not stored as they are used.
    ///
    /// # Shapes
    /// - `weight`: `[n_out, n_in]`
    /// - `bias`: `[n_out]`
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> candle_core::Result<Self> {
        Self::from_tensors_for(Purpose::Encoder, weight, bias)
    }

    /// The same, rounded where that is the purpose.
    ///
    /// # Shapes
    /// - as [`from_tensors`](Self::from_tensors)
    pub fn from_tensors_for(
        purpose: Purpose,
        weight: Tensor,
        bias: Option<Tensor>,
    ) -> candle_core::Result<Self> {
        let bias = bias.map(Bias::new).transpose()?;
        Ok(Self { weight: Weight::of_floats(purpose, weight)?, bias, adapter: None })
    }

    /// The same for [`forward_windows`](Self::forward_windows): rounded only where windows can be.
    pub(super) fn of_windows(purpose: Purpose, weight: Tensor, bias: Tensor) -> candle_core::Result<Self> {
        let rounded = purpose == Purpose::RowRoundedEncoder && levels::pays(Isa::detect());
        Self::from_tensors_for(if rounded { purpose } else { Purpose::Encoder }, weight, Some(bias))
    }

    /// A layer that shares the table of an [`Embedding`] (tied weights), `weight` of `[n_out, n_in]` of `w`; where
    /// another device computes, it has a copy there.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn tied(embedding: &Embedding, n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        match w.device() {
            Device::Cpu => Ok(Self { weight: embedding.weight(), bias: None, adapter: None }),
            _ => Self::new(n_in, n_out, w),
        }
    }

    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward<X: Array>(&self, x: &X) -> candle_core::Result<X> {
        let [y] = Self::forward_each([self], x)?;
        Ok(y)
    }

    /// `activation(forward(x))`.
    ///
    /// # Shapes
    /// - as [`forward`](Self::forward)
    pub fn forward_through<X: Array>(&self, activation: Activation, x: &X) -> candle_core::Result<X> {
        let then = Some(activation.kernel());
        let [y] = match &self.weight {
            Weight::Dense(dense) => times_each([(dense, self.bias())], then, x)?,
            Weight::Bytes(bytes) => times_each([(bytes, self.bias())], then, x)?,
            Weight::Levels(levels) => times_each([(levels, self.bias())], then, x)?,
            _ => return activation.forward(&self.forward(x)?),
        };
        Ok(y)
    }

    fn bias(&self) -> Option<&[f32]> {
        self.bias.as_ref().map(|bias| &bias.each[..])
    }

    /// Whether rows are rounded to eight bits before they are multiplied.
    pub fn rounds(&self) -> bool {
        matches!(self.weight, Weight::Bytes(_) | Weight::Levels(_))
    }

    /// `activation(forward(windows))` of `n` windows that begin every `step` numbers of `x`; on the processor.
    ///
    /// # Shapes
    /// - returns: `[n, n_out]`
    pub(super) fn forward_windows<X: Array>(
        &self,
        activation: Activation,
        x: &[f32],
        n: usize,
        step: usize,
    ) -> candle_core::Result<X> {
        let n_in = self.weight.shape()?.1;
        if n > 0 && (n - 1) * step + n_in > x.len() {
            candle_core::bail!("{n} windows of {n_in} numbers, {step} apart, do not fit {}", x.len());
        }
        let (isa, then) = (Isa::detect(), Some(activation.kernel()));
        let [y] = match &self.weight {
            Weight::Dense(dense) => {
                let rows = dense::Rows::strided(isa, x, n, n_in, step);
                times_rows([(dense, self.bias())], then, &rows)?
            }
            Weight::Levels(levels) => {
                let rows = LevelRows::strided(isa, x, n, n_in, step);
                times_rows([(levels, self.bias())], then, &rows)?
            }
            _ => candle_core::bail!("windows need weights of floats, or with one scale for a row"),
        };
        Ok(y)
    }

    /// `sum + forward(x)`; `sum` belongs to nobody else.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - `sum`: `[n_rows, n_out]`, contiguous; returns it
    pub fn forward_onto<X: Array>(&self, sum: X, x: &X) -> candle_core::Result<X> {
        match &self.weight {
            Weight::Dense(dense) => self.add_times(dense, sum, x),
            Weight::Bytes(bytes) => self.add_times(bytes, sum, x),
            Weight::Levels(levels) => self.add_times(levels, sum, x),
            _ => add(sum, &self.forward(x)?),
        }
    }

    fn add_times<M: Matrix, X: Array>(&self, matrix: &M, sum: X, x: &X) -> candle_core::Result<X> {
        let (n_out, n_in) = matrix.shape();
        let x = tiled::<M, X>(n_in, x)?;
        if sum.n_numbers() != x.shape().0 * n_out {
            candle_core::bail!(
                "a sum of {} rows of {n_out} numbers is needed, not {}",
                x.shape().0,
                sum.n_numbers()
            );
        }
        let layer = Layer { matrix, bias: self.bias(), then: None };
        sum.change(|sum| layers::add_times(Isa::detect(), layer, &x, sum))
    }

    /// What each of some layers gives for the same rows, which are quantised or interleaved once.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]` for each layer
    pub fn forward_each<X: Array, const N: usize>(layers: [&Self; N], x: &X) -> candle_core::Result<[X; N]> {
        if let Some(traced) = x.on_device().filter(|x| x.track_op()) {
            return array(layers.into_iter().map(|layer| {
                let y = traced::times(&layer.weight, layer.adapter.as_ref(), traced)?;
                layer.plus_bias(X::of_device(y))
            }));
        }
        let ys = Self::base_each(layers, x)?;
        if layers.iter().all(|layer| layer.adapter.is_none()) {
            return Ok(ys);
        }
        array(ys.into_iter().zip(layers).map(|(y, layer)| match &layer.adapter {
            Some(adapter) => adapter.add_to(y, x),
            None => Ok(y),
        }))
    }

    /// [`Linear::forward_each`] without adapters.
    fn base_each<X: Array, const N: usize>(layers: [&Self; N], x: &X) -> candle_core::Result<[X; N]> {
        if let Some(dense) = all_of(layers, Weight::dense) {
            return times_each(dense, None, x);
        }
        if let Some(bytes) = all_of(layers, Weight::bytes) {
            return times_each(bytes, None, x);
        }
        if let Some(levels) = all_of(layers, Weight::levels) {
            return times_each(levels, None, x);
        }
        match all_of(layers, Weight::packed) {
            Some(packed) => times_packed(packed, &quantized(x)?),
            None => array(layers.into_iter().map(|layer| layer.plus_bias(layer.product(x)?))),
        }
    }

    /// [`Linear::forward_each`] of `norm(x)`, which is quantised while it is made where the layers read whole numbers.
    ///
    /// # Shapes
    /// - as [`forward_each`](Self::forward_each)
    pub fn forward_each_normed<X: Array, const N: usize>(
        layers: [&Self; N],
        norm: &RmsNorm,
        x: &X,
    ) -> candle_core::Result<[X; N]> {
        match Self::whole(layers, x) {
            Some(packed) => times_packed(packed, &x.read(|x| norm.quantized(x))?),
            None => Self::forward_each(layers, &norm.forward(x)?),
        }
    }

    /// `forward(activation(gate) · up)`, where the product is quantised while it is made where the layer reads whole
    /// numbers; `gate` belongs to nobody else.
    ///
    /// # Shapes
    /// - `gate`, `up`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward_gated<X: Array>(&self, activation: Activation, gate: X, up: &X) -> candle_core::Result<X> {
        let packed = Self::whole([self], &gate).filter(|_| gate.n_numbers() == up.n_numbers());
        let Some(packed) = packed else { return self.forward(&activation.gated(gate, up)?) };
        let width = gate.width();
        let gated = gate.read(|gate| up.read(|up| activation.gated_quantized(gate, up, width)))??;
        let [y] = times_packed(packed, &gated)?;
        Ok(y)
    }

    /// The matrices where all are products of whole numbers and nothing else, and `x` is where they are.
    fn whole<'a, X: Array, const N: usize>(layers: [&'a Self; N], x: &X) -> Option<[Biased<'a, Packed>; N]> {
        let is_bare = x.on_device().is_none() && layers.iter().all(|layer| layer.adapter.is_none());
        all_of(layers, Weight::packed).filter(|_| is_bare)
    }

    /// `y + b`.
    fn plus_bias<X: Array>(&self, y: X) -> candle_core::Result<X> {
        match (y.on_device(), &self.bias) {
            (Some(y), Some(bias)) => y.broadcast_add(&bias.tensor).map(X::of_device),
            _ => plus(y, self.bias()),
        }
    }

    /// What changes at the rows that this layer reads when what it gives changes by `gradient`: `gradient · W`.
    ///
    /// # Shapes
    /// - `gradient`: `[n_rows, n_out]`
    /// - returns: `[n_rows, n_in]`
    pub fn backward(&self, gradient: &Tensor) -> candle_core::Result<Tensor> {
        traced::times_transposed(&self.weight, gradient)
    }

    /// `x Wᵀ`.
    fn product<X: Array>(&self, x: &X) -> candle_core::Result<X> {
        product(&self.weight, x)
    }
}

/// `x Wᵀ`.
pub(super) fn product<X: Array>(weight: &Weight, x: &X) -> candle_core::Result<X> {
    let on_device = |times: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>| match x.on_device() {
        Some(x) => times(x).map(X::of_device),
        None => {
            let width = x.width();
            let x = x.read(|x| Tensor::from_slice(x, (x.len() / width.max(1), width), &Device::Cpu))??;
            let y = times(&x)?;
            X::of(y.read(Buffer::of)?, y.width())
        }
    };
    match weight {
        Weight::Float(weight) => on_device(&|x| x.matmul(&weight.t()?)),
        Weight::Quantized(weight) => {
            on_device(&|x| QMatMul::from_arc(weight.clone())?.forward(&x.contiguous()?))
        }
        Weight::Dense(dense) => times_each([(dense, None)], None, x).map(|[y]| y),
        Weight::Bytes(bytes) => times_each([(bytes, None)], None, x).map(|[y]| y),
        Weight::Levels(levels) => times_each([(levels, None)], None, x).map(|[y]| y),
        Weight::Packed(packed) => {
            let [y] = packed::times(Isa::detect(), [packed], &quantized(x)?);
            X::of(y, packed.shape().0)
        }
        Weight::Stored(stored) => X::of(x.read(|x| stored::times(stored, x))??, stored.shape().0),
    }
}

/// As many as there are layers.
pub(super) fn array<T, const N: usize>(
    results: impl Iterator<Item = candle_core::Result<T>>,
) -> candle_core::Result<[T; N]> {
    let results: ArrayVec<T, N> = results.collect::<candle_core::Result<_>>()?;
    results.into_inner().map_err(|_| candle_core::Error::msg("a layer gave nothing"))
}

/// A matrix with its bias.
pub(super) type Biased<'a, M> = (&'a M, Option<&'a [f32]>);

/// The matrices of the layers, where all are of one kind.
pub(super) fn all_of<'a, M, const N: usize>(
    layers: [&'a Linear; N],
    of: fn(&'a Weight) -> Option<&'a M>,
) -> Option<[Biased<'a, M>; N]> {
    let all = layers.into_iter().map(|layer| Some((of(&layer.weight)?, layer.bias())));
    all.collect::<Option<ArrayVec<_, N>>>()?.into_inner().ok()
}

/// Rows as kernels for such matrices want them.
fn tiled<M: Matrix, X: Array>(n_in: usize, x: &X) -> candle_core::Result<M::Rows> {
    if x.width() != n_in {
        candle_core::bail!("rows of {} do not fit weights of {n_in} numbers each", x.width());
    }
    x.read(|x| M::Rows::new(Isa::detect(), x, n_in))
}

/// Rows as kernels for packed matrices want them.
pub(super) fn quantized<X: Array>(x: &X) -> candle_core::Result<Activations> {
    x.read(|numbers| Activations::quantize(numbers, x.width()))
}

/// `x Wᵀ + b` for each layer.
fn times_packed<X: Array, const N: usize>(
    layers: [Biased<Packed>; N],
    x: &Activations,
) -> candle_core::Result<[X; N]> {
    let ys = packed::times(Isa::detect(), layers.map(|(matrix, _)| matrix), x);
    array(ys.into_iter().zip(layers).map(|(y, (matrix, bias))| plus(X::of(y, matrix.shape().0)?, bias)))
}

/// `y + b` on the processor.
fn plus<X: Array>(y: X, bias: Option<&[f32]>) -> candle_core::Result<X> {
    match bias {
        Some(bias) => y.change(|y| for_each_row(y, bias.len(), |_, row| rowwise::add(row, bias))),
        None => Ok(y),
    }
}

/// `then(x Wᵀ + b)` for each layer; `x` is interleaved once.
fn times_each<M: Matrix, X: Array, const N: usize>(
    layers: [Biased<M>; N],
    then: Option<fn(&mut [f32])>,
    x: &X,
) -> candle_core::Result<[X; N]> {
    let n_in = layers.first().map_or(0, |(matrix, _)| matrix.shape().1);
    if layers.iter().any(|(matrix, _)| matrix.shape().1 != n_in) {
        candle_core::bail!("layers read rows of other widths");
    }
    times_rows(layers, then, &tiled::<M, X>(n_in, x)?)
}

/// `then(x Wᵀ + b)` for each layer.
fn times_rows<M: Matrix, X: Array, const N: usize>(
    layers: [Biased<M>; N],
    then: Option<fn(&mut [f32])>,
    x: &M::Rows,
) -> candle_core::Result<[X; N]> {
    let each = layers.map(|(matrix, bias)| Layer { matrix, bias, then });
    let ys = layers::times(Isa::detect(), each, x).into_iter().zip(layers);
    array(ys.map(|(y, (matrix, _))| X::of(y, matrix.shape().0)))
}

#[cfg(test)]
mod tests;
