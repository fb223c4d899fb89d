//! The one linear layer, for float and for block-quantised weights.

use candle_core::quantized::QMatMul;
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Module, Tensor};

use super::activation::{Activation, add};
use super::stored::{self, floats, with_slice};
use super::weight::{Weight, on_device};
use crate::error::{Doing, Result};
use crate::kernels::activations::Activations;
use crate::kernels::dense::Rows;
use crate::kernels::layers::{self, Layer, Matrix, TiledRows};
use crate::kernels::packed::{self, Packed};
use crate::kernels::rowwise::{add_scaled, for_each_row};
use crate::kernels::{Isa, team};
use crate::weights::{Purpose, Weights};

/// `y = x Wᵀ + b` with `W` of `[n_out, n_in]`.
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

impl Linear {
    /// Takes `weight` of `[n_out, n_in]`, and `bias` of `[n_out]` where the file has one.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        let bias = if w.has("bias") { Some(w.get("bias", &[n_out])?) } else { None };
        Ok(Self { weight: Weight::new(n_out, n_in, w)?, bias })
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
                layers.push(Self { weight, bias: None });
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
        Ok(Self { weight: Weight::kept(stored, w)?, bias: None })
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
        Ok(Self { weight: Weight::of_floats(purpose, weight)?, bias })
    }

    /// A layer that shares the table of an [`Embedding`] (tied weights), `weight` of `[n_out, n_in]` of `w`; where
    /// another device computes, it has a copy there.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn tied(embedding: &Embedding, n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        match w.device() {
            Device::Cpu => Ok(Self { weight: embedding.0.clone(), bias: None }),
            _ => Self::new(n_in, n_out, w),
        }
    }

    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let [y] = Self::forward_each([self], x)?;
        Ok(y)
    }

    /// `activation(forward(x))`.
    ///
    /// # Shapes
    /// - as [`forward`](Self::forward)
    pub fn forward_through(&self, activation: Activation, x: &Tensor) -> candle_core::Result<Tensor> {
        let (bias, then) = (self.bias.as_ref(), Some(activation.kernel()));
        let [y] = match &self.weight {
            Weight::Dense(dense) => times_each([(dense, bias)], then, x)?,
            Weight::Bytes(bytes) => times_each([(bytes, bias)], then, x)?,
            _ => return activation.forward(&self.forward(x)?),
        };
        Ok(y)
    }

    /// `activation(forward(windows))` of `n` windows that begin every `step` numbers of `x`; on the processor.
    ///
    /// # Shapes
    /// - `x`: `[rows, width]`, contiguous
    /// - returns: `[n, n_out]`
    pub(super) fn forward_windows(
        &self,
        activation: Activation,
        x: &Tensor,
        n: usize,
        step: usize,
    ) -> candle_core::Result<Tensor> {
        let Weight::Dense(dense) = &self.weight else { candle_core::bail!("windows need weights of floats") };
        let n_in = dense.shape().1;
        if n > 0 && (n - 1) * step + n_in > x.elem_count() {
            candle_core::bail!("{n} windows of {n_in} numbers, {step} apart, do not fit {:?}", x.dims());
        }
        let rows = with_slice(x, |x| Rows::strided(Isa::detect(), x, n, n_in, step))?;
        let [y] = times_rows([(dense, self.bias.as_ref())], Some(activation.kernel()), &rows)?;
        Ok(y)
    }

    /// `sum + forward(x)`; `sum` belongs to nobody else.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - `sum`: `[n_rows, n_out]`, contiguous; returns it
    pub fn forward_onto(&self, sum: Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
        match &self.weight {
            Weight::Dense(dense) => self.add_times(dense, sum, x),
            Weight::Bytes(bytes) => self.add_times(bytes, sum, x),
            _ => add(sum, &self.forward(x)?),
        }
    }

    fn add_times<M: Matrix>(&self, matrix: &M, sum: Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = tiled::<M>(matrix.shape().1, x)?;
        let onto = |bias: Option<&[f32]>| {
            sum.inplace_op1(&AddTimes { layer: Layer { matrix, bias, then: None }, x: &x })
        };
        match &self.bias {
            Some(bias) => with_slice(bias, |bias| onto(Some(bias)))??,
            None => onto(None)?,
        }
        Ok(sum)
    }

    /// What each of some layers gives for the same rows, which are quantised or interleaved once.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]` for each layer
    pub fn forward_each<const N: usize>(layers: [&Self; N], x: &Tensor) -> candle_core::Result<[Tensor; N]> {
        if let Some(dense) = all_of(layers, Weight::dense) {
            return times_each(dense, None, x);
        }
        if let Some(bytes) = all_of(layers, Weight::bytes) {
            return times_each(bytes, None, x);
        }
        let ys: Vec<Tensor> = match all_packed(layers) {
            Some(packed) => times_packed(packed, x)?,
            None => layers.iter().map(|layer| layer.product(x)).collect::<candle_core::Result<_>>()?,
        };
        let ys = ys.into_iter().zip(layers).map(|(y, layer)| match &layer.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        });
        let ys: Vec<Tensor> = ys.collect::<candle_core::Result<_>>()?;
        <[Tensor; N]>::try_from(ys).map_err(|_| candle_core::Error::msg("a layer gave nothing"))
    }

    /// What some rows give that go through layers of their own: group g of rows of `x` through each of `layers[g]`.
    /// The rows are quantised once.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`; `groups` names rows of it
    /// - returns: `[n, n_out]` for each layer of a group, with the rows of the groups one after the other
    pub fn forward_grouped<const N: usize>(
        layers: &[[&Self; N]],
        x: &Tensor,
        groups: &[&[u32]],
    ) -> candle_core::Result<[Tensor; N]> {
        let packed: Option<Vec<[&Packed; N]>> = layers.iter().map(|layers| all_packed(*layers)).collect();
        let has_bias = layers.iter().flatten().any(|layer| layer.bias.is_some());
        if let Some(packed) = packed.filter(|_| !has_bias) {
            return times_grouped(&packed, x, groups);
        }
        let mut parts = [const { Vec::new() }; N];
        for (layers, rows) in layers.iter().zip(groups) {
            let x = x.index_select(&Tensor::new(*rows, x.device())?, 0)?;
            for (parts, y) in parts.iter_mut().zip(Self::forward_each(*layers, &x)?) {
                parts.push(y);
            }
        }
        let ys: Vec<Tensor> =
            parts.iter().map(|parts| Tensor::cat(parts, 0)).collect::<candle_core::Result<_>>()?;
        <[Tensor; N]>::try_from(ys).map_err(|_| candle_core::Error::msg("a layer gave nothing"))
    }

    /// `x Wᵀ`.
    fn product(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match &self.weight {
            Weight::Float(weight) => x.matmul(&weight.t()?),
            Weight::Dense(dense) => times_each([(dense, None)], None, x).map(|[y]| y),
            Weight::Bytes(bytes) => times_each([(bytes, None)], None, x).map(|[y]| y),
            Weight::Packed(packed) => times_packed([packed], x).map(|mut ys| ys.swap_remove(0)),
            Weight::Stored(stored) => {
                let x = x.contiguous()?;
                let y = with_slice(&x, |x| stored::times(stored, x))??;
                Tensor::from_vec(y, (x.dim(0)?, stored.shape().0), &Device::Cpu)
            }
            Weight::Quantized(weight) => QMatMul::from_arc(weight.clone())?.forward(&x.contiguous()?),
        }
    }
}

/// `sum + x Wᵀ + b`, in place.
struct AddTimes<'a, M: Matrix> {
    layer: Layer<'a, M>,
    x: &'a M::Rows,
}

impl<M: Matrix> InplaceOp1 for AddTimes<'_, M> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let n = self.x.shape().0 * self.layer.matrix.shape().0;
        match (layout.contiguous_offsets(), storage) {
            (Some((start, end)), CpuStorage::F32(sums)) if end - start == n => {
                layers::add_times(Isa::detect(), self.layer, self.x, &mut sums[start..end]);
                Ok(())
            }
            _ => candle_core::bail!("a sum of {n} contiguous f32 is needed"),
        }
    }
}

/// The matrices of the layers, where all are of one kind, with their biases.
fn all_of<M, const N: usize>(
    layers: [&Linear; N],
    of: fn(&Weight) -> Option<&M>,
) -> Option<[(&M, Option<&Tensor>); N]> {
    let all = layers.into_iter().map(|layer| Some((of(&layer.weight)?, layer.bias.as_ref())));
    <[_; N]>::try_from(all.collect::<Option<Vec<_>>>()?).ok()
}

/// Rows as kernels for such matrices want them.
fn tiled<M: Matrix>(n_in: usize, x: &Tensor) -> candle_core::Result<M::Rows> {
    if x.dim(1)? != n_in {
        candle_core::bail!("rows of {:?} do not fit weights of {n_in} numbers each", x.dims());
    }
    with_slice(&x.contiguous()?, |x| M::Rows::new(Isa::detect(), x, n_in))
}

/// `then(x Wᵀ + b)` for each layer; `x` is interleaved once.
fn times_each<M: Matrix, const N: usize>(
    layers: [(&M, Option<&Tensor>); N],
    then: Option<fn(&mut [f32])>,
    x: &Tensor,
) -> candle_core::Result<[Tensor; N]> {
    let n_in = layers.first().map_or(0, |(matrix, _)| matrix.shape().1);
    if layers.iter().any(|(matrix, _)| matrix.shape().1 != n_in) {
        candle_core::bail!("layers read rows of other widths");
    }
    times_rows(layers, then, &tiled::<M>(n_in, x)?)
}

/// `then(x Wᵀ + b)` for each layer.
fn times_rows<M: Matrix, const N: usize>(
    layers: [(&M, Option<&Tensor>); N],
    then: Option<fn(&mut [f32])>,
    x: &M::Rows,
) -> candle_core::Result<[Tensor; N]> {
    let biases = layers.map(|(_, bias)| bias.map(Tensor::storage_and_layout));
    let mut each = layers.map(|(matrix, _)| Layer { matrix, bias: None, then });
    for (layer, bias) in each.iter_mut().zip(&biases) {
        if let Some((storage, layout)) = bias {
            layer.bias = Some(floats(storage, layout)?);
        }
    }
    let ys = layers::times(Isa::detect(), each, x).into_iter().zip(layers);
    let ys: Vec<Tensor> = ys
        .map(|(y, (matrix, _))| Tensor::from_vec(y, (x.shape().0, matrix.shape().0), &Device::Cpu))
        .collect::<candle_core::Result<_>>()?;
    <[Tensor; N]>::try_from(ys).map_err(|_| candle_core::Error::msg("a layer gave nothing"))
}

/// The panels of the layers, where all have some.
fn all_packed<const N: usize>(layers: [&Linear; N]) -> Option<[&Packed; N]> {
    let packed = layers.into_iter().map(|layer| match &layer.weight {
        Weight::Packed(packed) => Some(packed),
        _ => None,
    });
    <[&Packed; N]>::try_from(packed.collect::<Option<Vec<_>>>()?).ok()
}

/// [`Linear::forward_grouped`] for packed weights, as one loop over all groups and matrices.
fn times_grouped<const N: usize>(
    matrices: &[[&Packed; N]],
    x: &Tensor,
    groups: &[&[u32]],
) -> candle_core::Result<[Tensor; N]> {
    let (n_rows, n_in) = x.dims2()?;
    let x = with_slice(&x.contiguous()?, |x| Activations::quantize(x, n_in))?;
    let is_all =
        |rows: &[u32]| rows.len() == n_rows && rows.iter().enumerate().all(|(i, row)| i == *row as usize);
    let gathered = team::map(groups.len(), |g| (!is_all(groups[g])).then(|| x.gather(groups[g])));
    let n: usize = groups.iter().map(|rows| rows.len()).sum();
    let n_outs: [usize; N] =
        std::array::from_fn(|i| matrices.first().map_or(0, |matrices| matrices[i].shape().0));
    let mut ys = n_outs.map(|n_out| vec![0f32; n * n_out]);
    let mut products = Vec::with_capacity(N * groups.len());
    for (i, y) in ys.iter_mut().enumerate() {
        let mut rest = y.as_mut_slice();
        for ((matrices, x_of), rows) in matrices.iter().zip(&gathered).zip(groups) {
            let (y, others) = rest.split_at_mut(rows.len() * n_outs[i]);
            rest = others;
            products.push((matrices[i], x_of.as_ref().unwrap_or(&x), y));
        }
    }
    packed::times_each(Isa::detect(), products);
    let ys = ys.into_iter().zip(n_outs).map(|(y, n_out)| Tensor::from_vec(y, (n, n_out), &Device::Cpu));
    let ys: Vec<Tensor> = ys.collect::<candle_core::Result<_>>()?;
    <[Tensor; N]>::try_from(ys).map_err(|_| candle_core::Error::msg("a layer gave nothing"))
}

/// Sums of rows of `y`: visit i adds `weights[i] · y[i]` to row `rows[i]` of `n_rows`, in the order of the visits.
///
/// # Shapes
/// - `y`: `[n_visits, width]`, contiguous
/// - returns: `[n_rows, width]`
pub fn mix_rows(y: &Tensor, n_rows: usize, rows: &[u32], weights: &[f32]) -> candle_core::Result<Tensor> {
    let (n_visits, width) = y.dims2()?;
    if rows.len() != n_visits || weights.len() != n_visits || rows.iter().any(|row| *row as usize >= n_rows) {
        candle_core::bail!("{n_visits} rows do not go to {} of {n_rows} rows", rows.len());
    }
    if !matches!(y.device(), Device::Cpu) {
        let y = y.broadcast_mul(&Tensor::new(weights, y.device())?.unsqueeze(1)?)?;
        let mixed = Tensor::zeros((n_rows, width), DType::F32, y.device())?;
        return mixed.index_add(&Tensor::new(rows, y.device())?, &y, 0);
    }
    let mut visits = vec![Vec::new(); n_rows];
    for (visit, (row, weight)) in rows.iter().zip(weights).enumerate() {
        visits[*row as usize].push((visit, *weight));
    }
    let mut mixed = vec![0f32; n_rows * width];
    with_slice(y, |y| {
        for_each_row(&mut mixed, width, |row, mixed| {
            for (visit, weight) in &visits[row] {
                add_scaled(mixed, &y[visit * width..][..width], *weight);
            }
        });
    })?;
    Tensor::from_vec(mixed, (n_rows, width), &Device::Cpu)
}

/// `x Wᵀ` for each matrix; `x` is quantised once.
fn times_packed<const N: usize>(matrices: [&Packed; N], x: &Tensor) -> candle_core::Result<Vec<Tensor>> {
    let (n_rows, n_in) = x.dims2()?;
    let times = |x: &[f32]| packed::times(Isa::detect(), matrices, &Activations::quantize(x, n_in));
    let ys = with_slice(&x.contiguous()?, times)?.into_iter().zip(matrices);
    ys.map(|(y, matrix)| Tensor::from_vec(y, (n_rows, matrix.shape().0), &Device::Cpu)).collect()
}

/// A table of one row per token; rows are unpacked on the processor when they are looked up, never the whole table.
pub struct Embedding(Weight);

impl Embedding {
    /// Takes `weight` of `[n_tokens, width]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_tokens: usize, width: usize, w: &Weights) -> Result<Self> {
        match w.device() {
            Device::Cpu => Weight::new(n_tokens, width, w).map(Self),
            _ => Self::in_place(n_tokens, width, w),
        }
    }

    /// A table that stays in its mapped file, for one that is large and of which few rows are used.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn in_place(n_tokens: usize, width: usize, w: &Weights) -> Result<Self> {
        Linear::in_place(width, n_tokens, &w.on_processor()).map(|layer| Self(layer.weight))
    }

    /// # Shapes
    /// - `ids`: `n`
    /// - returns: `[n, width]` on `device`
    pub fn forward(&self, ids: &[u32], device: &Device) -> candle_core::Result<Tensor> {
        let ids_here = || Tensor::new(ids, &Device::Cpu);
        let (n_tokens, width) = match &self.0 {
            Weight::Float(table) => return table.index_select(&ids_here()?, 0)?.to_device(device),
            Weight::Quantized(table) => return table.embedding(&ids_here()?)?.to_device(device),
            Weight::Packed(packed) => packed.shape(),
            Weight::Dense(dense) => dense.shape(),
            Weight::Bytes(bytes) => bytes.packed().shape(),
            Weight::Stored(stored) => stored.shape(),
        };
        if let Some(id) = ids.iter().find(|id| **id as usize >= n_tokens) {
            candle_core::bail!("token {id} is not in the table");
        }
        let mut rows = vec![0f32; ids.len() * width];
        for (id, row) in ids.iter().zip(rows.chunks_mut(width)) {
            match &self.0 {
                Weight::Packed(packed) => packed.row(*id as usize, row),
                Weight::Dense(dense) => dense.row(*id as usize, row),
                Weight::Bytes(bytes) => bytes.packed().row(*id as usize, row),
                Weight::Stored(stored) => stored::unpack_row(stored, *id as usize, row),
                Weight::Float(_) | Weight::Quantized(_) => {}
            }
        }
        Tensor::from_vec(rows, (ids.len(), width), device)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
    use candle_core::{D, IndexOp};

    use super::*;
    use crate::device;
    use crate::weights::gguf::GgufFile;
    use crate::weights::{Weights, same_name};

    fn file(tensors: &[(&str, &Tensor)], device: &Device) -> Weights {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensors: std::collections::HashMap<_, _> =
            tensors.iter().map(|(name, tensor)| (*name, (*tensor).clone())).collect();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        Weights::from_safetensors(&path, device, same_name).unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max(D::Minus1).unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn weights_in_their_file_give_what_floats_give() {
        let weight = Tensor::randn(0f32, 1.0, (70, 48), &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let weight = weight.to_dtype(dtype).unwrap();
            let w = file(&[("weight", &weight)], &Device::Cpu);
            let linear = Linear::new(48, 70, &w).unwrap();
            let weight = weight.to_dtype(DType::F32).unwrap();
            for n in [1, 3, 40] {
                let x = Tensor::randn(0f32, 1.0, (n, 48), &Device::Cpu).unwrap();
                let want = x.matmul(&weight.t().unwrap()).unwrap();
                assert!(distance(&linear.forward(&x).unwrap(), &want) < 1e-4, "{dtype:?} {n}");
            }
            let rows = Embedding::new(70, 48, &w).unwrap().forward(&[69, 0], &Device::Cpu).unwrap();
            assert_eq!(distance(&rows.i(0).unwrap(), &weight.i(69).unwrap()), 0.0);
            assert!(Embedding::new(70, 48, &w).unwrap().forward(&[70], &Device::Cpu).is_err());
        }
    }

    /// Rows of 288 numbers are none that candle's product with one row can take.
    #[test]
    fn weights_on_a_device_give_what_their_floats_give() {
        let device = device::for_decoders().unwrap();
        for (dtype, width) in [
            (GgmlDType::F16, 288),
            (GgmlDType::BF16, 288),
            (GgmlDType::Q4_0, 288),
            (GgmlDType::Q4_0, 576),
            (GgmlDType::Q4_1, 288),
            (GgmlDType::Q4_1, 576),
            (GgmlDType::Q5_0, 576),
            (GgmlDType::Q5_1, 576),
            (GgmlDType::Q8_0, 288),
            (GgmlDType::Q8_0, 576),
            (GgmlDType::Q4K, 768),
            (GgmlDType::Q5K, 768),
            (GgmlDType::Q6K, 768),
        ] {
            let weight = Tensor::randn(0f32, 1.0, (70, width), &Device::Cpu).unwrap();
            let quantized = QTensor::quantize(&weight, dtype).unwrap();
            let floats = quantized.dequantize(&Device::Cpu).unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            gguf_file::write(&mut file.as_file(), &[], &[("weight", &quantized)]).unwrap();
            let weights = GgufFile::open(file.path()).unwrap().weights(device, same_name);
            let stored = weights.get_stored("weight", &[70, width]).unwrap().unwrap();
            let linear = Linear { weight: on_device(&stored, device).unwrap(), bias: None };
            for n in [1, 3, 40] {
                let x = Tensor::randn(0f32, 1.0, (n, width), &Device::Cpu).unwrap();
                let want = x.matmul(&floats.t().unwrap()).unwrap();
                let got = linear.forward(&x.to_device(device).unwrap()).unwrap();
                // On the processor candle rounds to 8 bits.
                let most = if matches!(device, Device::Cpu) { 1.0 } else { 1e-3 };
                let error = distance(&got.to_device(&Device::Cpu).unwrap(), &want);
                assert!(error < most, "{dtype:?}, rows of {width}, {n} at once: {error}");
            }
        }
    }

    #[test]
    fn encoders_give_what_floats_give_and_rounded_ones_nearly() {
        let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
        let (weight, bias) = (random(&[70, 64]), random(&[70]));
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let weight = weight.to_dtype(dtype).unwrap();
            let w = file(&[("weight", &weight), ("bias", &bias)], &Device::Cpu);
            let weight = weight.to_dtype(DType::F32).unwrap();
            for (purpose, most) in [(Purpose::Encoder, 1e-4), (Purpose::RoundedEncoder, 0.5)] {
                let linear = Linear::new(64, 70, &w.clone().meant_for(purpose)).unwrap();
                for n in [1, 3, 40] {
                    let (x, sum) = (random(&[n, 64]), random(&[n, 70]));
                    let want = x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
                    let onto = (&want + &sum).unwrap();
                    for (got, want) in [
                        (linear.forward(&x), want.clone()),
                        (linear.forward_through(Activation::Gelu, &x), want.gelu_erf().unwrap()),
                        (linear.forward_onto(sum, &x), onto),
                    ] {
                        let far = distance(&got.unwrap(), &want);
                        assert!(far < most, "{purpose:?} {dtype:?} {n}: {far}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_stack_is_cut_into_its_layers_and_parts() {
        let weight = Tensor::randn(0f32, 1.0, (3, 5, 4), &Device::Cpu).unwrap();
        // Where decoders compute: on a GPU where the tests run on one.
        let device = device::for_decoders().unwrap();
        let w = file(&[("weight", &weight)], device);
        let layers = Linear::stacked(3, 4, [2, 3], &w).unwrap();
        let x = Tensor::randn(0f32, 1.0, (6, 4), &Device::Cpu).unwrap();
        for (i, [first, second]) in layers.iter().enumerate() {
            let want = x.matmul(&weight.i(i).unwrap().t().unwrap()).unwrap();
            let there = x.to_device(device).unwrap();
            let parts = [first.forward(&there).unwrap(), second.forward(&there).unwrap()];
            let got = Tensor::cat(&parts, 1).unwrap().to_device(&Device::Cpu).unwrap();
            assert!(distance(&got, &want) < 1e-5, "layer {i}");
        }
        assert!(Linear::stacked(3, 4, [2, 2], &w).is_err(), "another shape");
    }
}
