//! Rows that go through layers of their own, as those of a mixture's experts do, and their sums.

use candle_core::{DType, Tensor};
use smallvec::SmallVec;

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

/// Sums of rows of `y`, each counted by its weight: row r of the result has those that `slots` names for it, added in the
/// order of its slots.
///
/// # Shapes
/// - `y`: `[n_visits, width]`
/// - `slots`: `[n_rows, n_slots]`, each visit once
/// - `weights`: `[n_visits]`
/// - returns: `[n_rows, width]`
pub fn mix_rows(y: &Rows, n_rows: usize, slots: &[u32], weights: &[f32]) -> candle_core::Result<Rows> {
    if let Some(tensor) = y.on_device() {
        return mix_rows_traced(y, n_rows, slots, &Tensor::new(weights, tensor.device())?);
    }
    let (n_slots, width) = (n_slots(y, n_rows, slots, weights.len())?, y.width());
    let mixed = y.read(|y| {
        let mut mixed = Buffer::new(n_rows * width);
        for_each_row(&mut mixed, width, |row, mixed| {
            mixed.fill(0.0);
            for visit in &slots[row * n_slots..(row + 1) * n_slots] {
                let visit = *visit as usize;
                add_scaled(mixed, &y[visit * width..][..width], weights[visit]);
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
pub fn mix_rows_traced(
    y: &Rows,
    n_rows: usize,
    slots: &[u32],
    weights: &Tensor,
) -> candle_core::Result<Rows> {
    let n_slots = n_slots(y, n_rows, slots, weights.elem_count())?;
    let Some(y) = y.on_device() else { candle_core::bail!("rows in the processor's memory are not traced") };
    let device = y.device();
    let in_order = y.broadcast_mul(&weights.unsqueeze(1)?)?.index_select(&Tensor::new(slots, device)?, 0)?;
    let rows = Tensor::from_iter((0..slots.len()).map(|slot| (slot / n_slots) as u32), device)?;
    let mixed = Tensor::zeros((n_rows, y.width()), DType::F32, device)?;
    mixed.index_add(&rows, &in_order, 0).map(Rows::Device)
}

/// How many visits go to each row.
fn n_slots(y: &Rows, n_rows: usize, slots: &[u32], n_weights: usize) -> candle_core::Result<usize> {
    let n_visits = y.n();
    let fit = slots.len() == n_visits && n_weights == n_visits && n_visits.is_multiple_of(n_rows);
    if !fit || n_rows == 0 || slots.iter().any(|visit| *visit as usize >= n_visits) {
        candle_core::bail!(
            "{n_visits} rows with {n_weights} weights do not fill {} places of {n_rows} rows",
            slots.len()
        );
    }
    Ok(n_visits / n_rows)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candle_core::quantized::{GgmlDType, QTensor, gguf_file};

    use super::*;
    use crate::random::tensor;
    use crate::weights::gguf::GgufFile;
    use crate::weights::same_name;

    /// `n` layers of blocks that our kernels hold.
    fn layers(dtype: GgmlDType, n: usize, shape: [usize; 2], seed: &mut u64) -> Vec<Linear> {
        let matrices: Vec<_> =
            (0..n).map(|_| QTensor::quantize(&tensor(seed, &shape), dtype).unwrap()).collect();
        let names: Vec<_> = (0..n).map(|i| format!("{i}.weight")).collect();
        let tensors: Vec<_> = names.iter().map(String::as_str).zip(&matrices).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        gguf_file::write(&mut file.as_file(), &[], &tensors).unwrap();
        let weights = GgufFile::open(file.path()).unwrap().weights(&Device::Cpu, same_name);
        (0..n).map(|i| Linear::new(shape[1], shape[0], &weights.sub(i)).unwrap()).collect()
    }

    fn host(x: &Tensor) -> Rows {
        Rows::copy(x).unwrap()
    }

    fn numbers(rows: &Rows) -> Vec<f32> {
        rows.read(<[f32]>::to_vec).unwrap()
    }

    #[test]
    fn groups_get_to_the_last_bit_what_each_row_gets_alone() {
        let mut seed = 1;
        for (dtype, n_in) in [(GgmlDType::Q4_0, 64), (GgmlDType::Q8_0, 96), (GgmlDType::Q4K, 256)] {
            let gates = layers(dtype, 4, [40, n_in], &mut seed);
            let ups = layers(dtype, 4, [24, n_in], &mut seed);
            assert!(all_of([&gates[0], &ups[0]], Weight::packed).is_some(), "{dtype:?} is not packed");
            // Tiles of activations have eight rows.
            for n_rows in [1u32, 2, 7, 8, 9, 17, 40] {
                let x = host(&tensor(&mut seed, &[n_rows as usize, n_in]));
                // All rows as they are, some of them in another order, one of them several times.
                let groups: [Vec<u32>; 4] = [
                    (0..n_rows).collect(),
                    (0..n_rows).rev().step_by(2).collect(),
                    vec![n_rows - 1; 3],
                    vec![n_rows / 2],
                ];
                let groups: Vec<&[u32]> = groups.iter().map(|rows| &rows[..]).collect();
                Isa::for_each(|isa| {
                    let both: Vec<_> = gates.iter().zip(&ups).map(|(gate, up)| [gate, up]).collect();
                    let [gated, upped] = Linear::forward_grouped(&both, &x, &groups).unwrap();
                    let (mut want_gated, mut want_upped) = (Vec::new(), Vec::new());
                    for (layers, rows) in both.iter().zip(&groups) {
                        for row in *rows {
                            let alone = x.select(&[*row]).unwrap();
                            let [gate, up] = Linear::forward_each(*layers, &alone).unwrap();
                            want_gated.extend(numbers(&gate));
                            want_upped.extend(numbers(&up));
                        }
                    }
                    assert_eq!(numbers(&gated), want_gated, "{} {dtype:?}, {n_rows} rows", isa.name());
                    assert_eq!(numbers(&upped), want_upped, "{} {dtype:?}, {n_rows} rows", isa.name());
                });
            }
        }
    }

    #[test]
    fn rows_are_mixed_in_the_order_of_their_slots() {
        let mut seed = 2;
        for (n_rows, n_slots, width) in [(1, 1, 1), (1, 4, 16), (3, 2, 17), (40, 3, 50), (700, 2, 33)] {
            let n_visits = n_rows * n_slots;
            let y = tensor(&mut seed, &[n_visits, width]);
            let weights = numbers(&host(&tensor(&mut seed, &[n_visits, 1])));
            // Visits stand in another order than slots: as by experts, the last first.
            let slots: Vec<u32> = (0..n_visits as u32).rev().collect();
            let rows = numbers(&host(&y));
            let mut want = vec![0f32; n_rows * width];
            for (row, want) in want.chunks_mut(width).enumerate() {
                for visit in slots[row * n_slots..][..n_slots].iter().map(|visit| *visit as usize) {
                    for (want, y) in want.iter_mut().zip(&rows[visit * width..]) {
                        *want += weights[visit] * y;
                    }
                }
            }
            Isa::for_each(|isa| {
                let mixed = mix_rows(&host(&y), n_rows, &slots, &weights).unwrap();
                assert_eq!(numbers(&mixed), want, "{} {n_rows} × {n_slots} × {width}", isa.name());
            });
            let traced = mix_rows(&Rows::Device(y.clone()), n_rows, &slots, &weights).unwrap();
            assert_eq!(numbers(&traced.to_host().unwrap()), want, "by tensors");
            for (n_rows, slots, weights) in [
                (n_rows + n_visits, &slots[..], &weights[..]),
                (0, &slots[..], &weights[..]),
                (n_rows, &slots[1..], &weights[..]),
                (n_rows, &slots[..], &weights[1..]),
                (n_rows, &vec![n_visits as u32; n_visits][..], &weights[..]),
            ] {
                assert!(mix_rows(&host(&y), n_rows, slots, weights).is_err());
                assert!(mix_rows(&Rows::Device(y.clone()), n_rows, slots, weights).is_err());
            }
        }
    }
}
