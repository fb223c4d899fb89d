//! The one linear layer, for float and for block-quantised weights.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Device, Module, Tensor};

use super::stored::{self, with_slice};
use crate::error::{Doing, Result};
use crate::kernels::Isa;
use crate::kernels::activations::Activations;
use crate::kernels::packed::{self, Format, PANEL, Packed};
use crate::weights::{StoredMatrix, Weights};

#[derive(Clone)]
enum Weight {
    Float(Tensor),
    /// Interleaved for our kernels.
    Packed(Arc<Packed>),
    /// In its mapped file.
    Stored(StoredMatrix),
    /// Block-quantised on another device, or in a file that cannot be used in place.
    Quantized(Arc<QTensor>),
}

impl Weight {
    /// Takes `weight` of `[n_out, n_in]`.
    fn new(n_out: usize, n_in: usize, w: &Weights) -> Result<Self> {
        let shape = [n_out, n_in];
        if let Some(stored) = w.get_stored("weight", &shape)? {
            return Ok(Self::pack(&stored).unwrap_or(Self::Stored(stored)));
        }
        match w.get_quantized("weight", &shape)? {
            Some(weight) => Ok(Self::Quantized(Arc::new(weight))),
            None => w.get("weight", &shape).map(Self::Float),
        }
    }

    /// The same matrix for our kernels, where they have its type; the pages it stood in are given back.
    fn pack(stored: &StoredMatrix) -> Option<Self> {
        let format = match stored.dtype() {
            GgmlDType::Q4_0 => Format::Q4_0,
            GgmlDType::Q4_1 => Format::Q4_1,
            GgmlDType::Q5_0 => Format::Q5_0,
            GgmlDType::Q5_1 => Format::Q5_1,
            GgmlDType::Q8_0 => Format::Q8_0,
            GgmlDType::Q4K => Format::Q4K,
            GgmlDType::Q5K => Format::Q5K,
            GgmlDType::Q6K => Format::Q6K,
            _ => return None,
        };
        let (n_out, n_in) = stored.shape();
        /// Rows whose pages are given back at a time, so that a large table never stands in memory twice.
        const SLAB: usize = 256 * PANEL;
        let mut packed = Packed::zeros(format, n_out, n_in);
        for first in (0..n_out).step_by(SLAB) {
            let rows = stored.rows(first..(first + SLAB).min(n_out));
            packed.fill(first, rows.bytes());
            rows.release();
        }
        Some(Self::Packed(Arc::new(packed)))
    }
}

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
    /// stay in their mapped file where that is possible, so that only those that are used are in memory.
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
        let stored = w.get_stored("weight", &shape)?;
        let float = if stored.is_none() { Some(w.get("weight", &shape)?) } else { None };
        let layer = |i: usize| {
            let mut start = i * n_out;
            let mut cut = |rows: usize| {
                let from = start;
                start += rows;
                let weight = match (&stored, &float) {
                    (Some(stored), _) => Weight::Stored(stored.rows(from..start)),
                    (None, Some(float)) => Weight::Float(
                        float.reshape((n * n_out, n_in)).and_then(|rows_of| rows_of.narrow(0, from, rows))?,
                    ),
                    (None, None) => candle_core::bail!("no weights"),
                };
                Ok(Self { weight, bias: None })
            };
            let mut layers = Vec::with_capacity(PARTS);
            for rows in parts {
                layers.push(cut(rows)?);
            }
            <[Self; PARTS]>::try_from(layers).map_err(|_| candle_core::Error::msg("parts are lost"))
        };
        (0..n).map(layer).collect::<candle_core::Result<_>>().doing("taking stacked weights apart")
    }

    /// One layer whose weights stay in their mapped file: for experts, of which few are used at a time.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn in_place(n_in: usize, n_out: usize, w: &Weights) -> Result<Self> {
        match w.get_stored("weight", &[n_out, n_in])? {
            Some(stored) => Ok(Self { weight: Weight::Stored(stored), bias: None }),
            None => Self::new(n_in, n_out, w),
        }
    }

    /// A layer of float weights that are not stored as they are used.
    ///
    /// # Shapes
    /// - `weight`: `[n_out, n_in]`
    /// - `bias`: `[n_out]`
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight: Weight::Float(weight), bias }
    }

    /// A layer that shares the table of an [`Embedding`] (tied weights).
    pub fn tied(embedding: &Embedding) -> Self {
        Self { weight: embedding.0.clone(), bias: None }
    }

    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]`
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let [y] = Self::forward_each([self], x)?;
        Ok(y)
    }

    /// What each of some layers gives for the same rows, which are quantised once.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`
    /// - returns: `[n_rows, n_out]` for each layer
    pub fn forward_each<const N: usize>(layers: [&Self; N], x: &Tensor) -> candle_core::Result<[Tensor; N]> {
        let packed = layers.map(|layer| match &layer.weight {
            Weight::Packed(packed) => Some(packed.as_ref()),
            _ => None,
        });
        let packed: Vec<&Packed> = packed.into_iter().flatten().collect();
        let ys: Vec<Tensor> = match <[&Packed; N]>::try_from(packed) {
            Ok(packed) => times_packed(packed, x)?,
            Err(_) => layers.iter().map(|layer| layer.product(x)).collect::<candle_core::Result<_>>()?,
        };
        let ys = ys.into_iter().zip(layers).map(|(y, layer)| match &layer.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        });
        let ys: Vec<Tensor> = ys.collect::<candle_core::Result<_>>()?;
        <[Tensor; N]>::try_from(ys).map_err(|_| candle_core::Error::msg("a layer gave nothing"))
    }

    /// `x Wᵀ`.
    fn product(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match &self.weight {
            Weight::Float(weight) => x.matmul(&weight.t()?),
            Weight::Packed(packed) => times_packed([packed], x).map(|mut ys| ys.swap_remove(0)),
            Weight::Stored(stored) => {
                let x = x.contiguous()?;
                let y = with_slice(&x, |x| stored::times(stored, x))??;
                Tensor::from_vec(y, (x.dim(0)?, stored.shape().0), &Device::Cpu)
            }
            Weight::Quantized(weight) => QMatMul::from_arc(weight.clone())?.forward(x),
        }
    }
}

/// `x Wᵀ` for each matrix; `x` is quantised once.
fn times_packed<const N: usize>(matrices: [&Packed; N], x: &Tensor) -> candle_core::Result<Vec<Tensor>> {
    let (n_rows, n_in) = x.dims2()?;
    let times = |x: &[f32]| packed::times(Isa::detect(), matrices, &Activations::quantize(x, n_in));
    let ys = with_slice(&x.contiguous()?, times)?.into_iter().zip(matrices);
    ys.map(|(y, matrix)| Tensor::from_vec(y, (n_rows, matrix.shape().0), &Device::Cpu)).collect()
}

/// A table of one row per token; rows are unpacked when they are looked up, never the whole table.
pub struct Embedding(Weight);

impl Embedding {
    /// Takes `weight` of `[n_tokens, width]`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn new(n_tokens: usize, width: usize, w: &Weights) -> Result<Self> {
        Weight::new(n_tokens, width, w).map(Self)
    }

    /// A table that stays in its mapped file, for one that is large and of which few rows are used.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn in_place(n_tokens: usize, width: usize, w: &Weights) -> Result<Self> {
        Linear::in_place(width, n_tokens, w).map(|layer| Self(layer.weight))
    }

    /// # Shapes
    /// - `ids`: `n`
    /// - returns: `[n, width]`
    pub fn forward(&self, ids: &[u32], device: &Device) -> candle_core::Result<Tensor> {
        let (n_tokens, width) = match &self.0 {
            Weight::Float(table) => return table.index_select(&Tensor::new(ids, device)?, 0),
            Weight::Quantized(table) => return table.embedding(&Tensor::new(ids, device)?),
            Weight::Packed(packed) => packed.shape(),
            Weight::Stored(stored) => stored.shape(),
        };
        if let Some(id) = ids.iter().find(|id| **id as usize >= n_tokens) {
            candle_core::bail!("token {id} is not in the table");
        }
        let mut rows = vec![0f32; ids.len() * width];
        for (id, row) in ids.iter().zip(rows.chunks_mut(width)) {
            match &self.0 {
                Weight::Packed(packed) => packed.row(*id as usize, row),
                Weight::Stored(stored) => stored::unpack_row(stored, *id as usize, row),
                Weight::Float(_) | Weight::Quantized(_) => {}
            }
        }
        Tensor::from_vec(rows, (ids.len(), width), &Device::Cpu)?.to_dtype(DType::F32)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, IndexOp};

    use super::*;
    use crate::weights::{Weights, same_name};

    fn file(tensors: &[(&str, &Tensor)]) -> Weights {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensors: std::collections::HashMap<_, _> =
            tensors.iter().map(|(name, tensor)| (*name, (*tensor).clone())).collect();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        Weights::from_safetensors(&path, &Device::Cpu, same_name).unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max(D::Minus1).unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn weights_in_their_file_give_what_floats_give() {
        let weight = Tensor::randn(0f32, 1.0, (70, 48), &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let weight = weight.to_dtype(dtype).unwrap();
            let w = file(&[("weight", &weight)]);
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

    #[test]
    fn a_stack_is_cut_into_its_layers_and_parts() {
        let weight = Tensor::randn(0f32, 1.0, (3, 5, 4), &Device::Cpu).unwrap();
        let w = file(&[("weight", &weight)]);
        let layers = Linear::stacked(3, 4, [2, 3], &w).unwrap();
        let x = Tensor::randn(0f32, 1.0, (6, 4), &Device::Cpu).unwrap();
        for (i, [first, second]) in layers.iter().enumerate() {
            let want = x.matmul(&weight.i(i).unwrap().t().unwrap()).unwrap();
            let got = Tensor::cat(&[first.forward(&x).unwrap(), second.forward(&x).unwrap()], 1).unwrap();
            assert!(distance(&got, &want) < 1e-5, "layer {i}");
        }
        assert!(Linear::stacked(3, 4, [2, 2], &w).is_err(), "another shape");
    }
}
