//! Tables of tokens.

use candle_core::{Device, Tensor};

use super::array::Array;
use super::linear::Linear;
use super::stored;
use super::weight::Weight;
use crate::error::Result;
use crate::kernels::buffer::Buffer;
use crate::kernels::rowwise::for_each_row;
use crate::weights::Weights;

/// A table of one row per token; rows are unpacked on the processor when they are looked up, never the whole table.
#[derive(Clone)]
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
        Linear::in_place(width, n_tokens, &w.on_processor()).map(|layer| Self(layer.into_weight()))
    }

    /// The table, for layers that share it.
    pub(super) fn weight(&self) -> Weight {
        self.0.clone()
    }

    /// # Shapes
    /// - `ids`: `n`
    /// - returns: `[n, width]` on `device`
    pub fn forward<X: Array>(&self, ids: &[u32], device: &Device) -> candle_core::Result<X> {
        let ids_here = || Tensor::new(ids, &Device::Cpu);
        let given = |rows: Tensor| match device {
            Device::Cpu => X::of(rows.read(Buffer::of)?, rows.width()),
            _ => rows.to_device(device).map(X::of_device),
        };
        let (n_tokens, width) = match &self.0 {
            Weight::Float(table) => return given(table.index_select(&ids_here()?, 0)?),
            Weight::Quantized(table) => return given(table.embedding(&ids_here()?)?),
            Weight::Packed(packed) => packed.shape(),
            Weight::Dense(dense) => dense.shape(),
            Weight::Bytes(bytes) => bytes.packed().shape(),
            Weight::Levels(_) => self.0.shape()?,
            Weight::Stored(stored) => stored.shape(),
        };
        if let Some(id) = ids.iter().find(|id| **id as usize >= n_tokens) {
            candle_core::bail!("token {id} is not in the table");
        }
        let mut rows = Buffer::new(ids.len() * width);
        for_each_row(&mut rows, width, |i, row| {
            let id = ids[i] as usize;
            match &self.0 {
                Weight::Packed(packed) => packed.row(id, row),
                Weight::Dense(dense) => dense.row(id, row),
                Weight::Bytes(bytes) => bytes.packed().row(id, row),
                Weight::Levels(levels) => levels.row(id, row),
                Weight::Stored(stored) => stored::unpack_row(stored, id, row),
                Weight::Float(_) | Weight::Quantized(_) => {}
            }
        });
        match device {
            Device::Cpu => X::of(rows, width),
            _ => Tensor::from_slice(&rows, (ids.len(), width), device).map(X::of_device),
        }
    }
}
