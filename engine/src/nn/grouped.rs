//! Rows that go through layers of their own, as those of a mixture's experts do, and their sums.

use candle_core::{DType, Tensor};
use smallvec::{SmallVec, smallvec};

use super::array::{Array, Rows};
use super::linear::{Linear, all_of, array, quantized};
use super::weight::Weight;
use crate::kernels::activations::Activations;
use crate::kernels::buffer::Buffer;
use crate::kernels::packed::{self, Packed, Product};
use crate::kernels::rowwise::{add_scaled, for_each_row};
use crate::kernels::{Isa, team};

impl Linear {
    /// What some rows give that go through layers of their own: group g of rows of `x` through each of `layers[g]`.
    /// The rows are quantised once.
    ///
    /// # Shapes
    /// - `x`: `[n_rows, n_in]`; `groups` names rows of it
    /// - returns: `[n, n_out]` for each layer of a group, with the rows of the groups one after the other
    pub fn forward_grouped<const N: usize>(
        layers: &[[&Self; N]],
        x: &Rows,
        groups: &[&[u32]],
    ) -> candle_core::Result<[Rows; N]> {
        let packed: Option<SmallVec<[_; 8]>> = layers
            .iter()
            .map(|layers| all_of(*layers, Weight::packed))
            .map(|all| all.filter(|all| all.iter().all(|(_, bias)| bias.is_none())))
            .map(|all| Some(all?.map(|(matrix, _)| matrix)))
            .collect();
        if let Some(packed) = packed.filter(|_| x.on_device().is_none()) {
            return times_grouped(&packed, x, groups);
        }
        let mut parts = [const { Vec::new() }; N];
        for (layers, rows) in layers.iter().zip(groups) {
            let x = x.select(rows)?;
            for (parts, y) in parts.iter_mut().zip(Self::forward_each(*layers, &x)?) {
                parts.push(y);
            }
        }
        array(parts.into_iter().map(Rows::join))
    }
}

/// [`Linear::forward_grouped`] for packed weights, as one loop over all groups and matrices.
fn times_grouped<const N: usize>(
    matrices: &[[&Packed; N]],
    x: &Rows,
    groups: &[&[u32]],
) -> candle_core::Result<[Rows; N]> {
    let n_rows = x.n();
    let x = quantized(x)?;
    let is_all =
        |rows: &[u32]| rows.len() == n_rows && rows.iter().enumerate().all(|(i, row)| i == *row as usize);
    let mut gathered: SmallVec<[Option<Activations>; 8]> = groups.iter().map(|_| None).collect();
    team::for_each_chunk(&mut gathered, 1, |g, gathered| {
        gathered[0] = (!is_all(groups[g])).then(|| x.gather(groups[g]));
    });
    let n: usize = groups.iter().map(|rows| rows.len()).sum();
    let n_outs: [usize; N] =
        std::array::from_fn(|i| matrices.first().map_or(0, |matrices| matrices[i].shape().0));
    let mut ys = n_outs.map(|n_out| Buffer::new(n * n_out));
    let mut products: SmallVec<[Product; 16]> = SmallVec::new();
    for (i, y) in ys.iter_mut().enumerate() {
        let mut rest = &mut y[..];
        for ((matrices, x_of), rows) in matrices.iter().zip(&gathered).zip(groups) {
            let (y, others) = rest.split_at_mut(rows.len() * n_outs[i]);
            rest = others;
            products.push(Product::new(matrices[i], x_of.as_ref().unwrap_or(&x), y));
        }
    }
    packed::times_each(Isa::detect(), &products);
    drop(products);
    array(ys.into_iter().zip(n_outs).map(|(y, n_out)| Rows::of(y, n_out)))
}

/// Sums of rows of `y`: visit i adds `weights[i] · y[i]` to row `rows[i]` of `n_rows`, in the order of the visits.
///
/// # Shapes
/// - `y`: `[n_visits, width]`
/// - returns: `[n_rows, width]`
pub fn mix_rows(y: &Rows, n_rows: usize, rows: &[u32], weights: &[f32]) -> candle_core::Result<Rows> {
    let (n_visits, width) = (y.n(), y.width());
    if rows.len() != n_visits || weights.len() != n_visits || rows.iter().any(|row| *row as usize >= n_rows) {
        candle_core::bail!("{n_visits} rows do not go to {} of {n_rows} rows", rows.len());
    }
    if let Some(tensor) = y.on_device() {
        return mix_rows_traced(y, n_rows, rows, &Tensor::new(weights, tensor.device())?);
    }
    // A counting sort by row.
    let mut starts: SmallVec<[usize; 16]> = smallvec![0; n_rows + 1];
    rows.iter().for_each(|row| starts[*row as usize + 1] += 1);
    (0..n_rows).for_each(|row| starts[row + 1] += starts[row]);
    let (mut visits, mut next): (SmallVec<[usize; 16]>, _) = (smallvec![0; n_visits], starts.clone());
    for (visit, row) in rows.iter().enumerate() {
        visits[next[*row as usize]] = visit;
        next[*row as usize] += 1;
    }
    let mixed = y.read(|y| {
        let mut mixed = Buffer::new(n_rows * width);
        for_each_row(&mut mixed, width, |row, mixed| {
            mixed.fill(0.0);
            for visit in &visits[starts[row]..starts[row + 1]] {
                add_scaled(mixed, &y[visit * width..][..width], weights[*visit]);
            }
        });
        mixed
    })?;
    Rows::of(mixed, width)
}

/// [`mix_rows`] by whole tensors, with weights of `[n_visits]` that may be traced.
///
/// # Errors
/// When the rows are not candle's tensors.
pub fn mix_rows_traced(y: &Rows, n_rows: usize, rows: &[u32], weights: &Tensor) -> candle_core::Result<Rows> {
    let Some(y) = y.on_device() else { candle_core::bail!("rows in the processor's memory are not traced") };
    let y = y.broadcast_mul(&weights.unsqueeze(1)?)?;
    let mixed = Tensor::zeros((n_rows, y.width()), DType::F32, y.device())?;
    mixed.index_add(&Tensor::new(rows, y.device())?, &y, 0).map(Rows::Device)
}
