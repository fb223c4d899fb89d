//! Products with matrices that stay in their mapped file.

use candle_core::quantized::GgmlDType;
use candle_core::quantized::k_quants::{self, GgmlType};
use candle_core::{CpuStorage, Layout, Storage, Tensor};
use half::{bf16, f16};

use crate::kernels::buffer::Buffer;
use crate::kernels::dense::times_unpacked;
use crate::kernels::{Isa, rows_times};
use crate::weights::StoredMatrix;

/// From this many rows on, unpacking the weights once and multiplying in f32 beats products of blocks.
const ROWS_TO_UNPACK: usize = 24;

/// Runs `$body` with `$t` as the type of blocks that `$dtype` names.
macro_rules! with_type {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            GgmlDType::F32 => with_type!(@ f32, $t, $body),
            GgmlDType::F16 => with_type!(@ f16, $t, $body),
            GgmlDType::BF16 => with_type!(@ bf16, $t, $body),
            GgmlDType::Q4_0 => with_type!(@ k_quants::BlockQ4_0, $t, $body),
            GgmlDType::Q4_1 => with_type!(@ k_quants::BlockQ4_1, $t, $body),
            GgmlDType::Q5_0 => with_type!(@ k_quants::BlockQ5_0, $t, $body),
            GgmlDType::Q5_1 => with_type!(@ k_quants::BlockQ5_1, $t, $body),
            GgmlDType::Q8_0 => with_type!(@ k_quants::BlockQ8_0, $t, $body),
            GgmlDType::Q8_1 => with_type!(@ k_quants::BlockQ8_1, $t, $body),
            GgmlDType::Q2K => with_type!(@ k_quants::BlockQ2K, $t, $body),
            GgmlDType::Q3K => with_type!(@ k_quants::BlockQ3K, $t, $body),
            GgmlDType::Q4K => with_type!(@ k_quants::BlockQ4K, $t, $body),
            GgmlDType::Q5K => with_type!(@ k_quants::BlockQ5K, $t, $body),
            GgmlDType::Q6K => with_type!(@ k_quants::BlockQ6K, $t, $body),
            GgmlDType::Q8K => with_type!(@ k_quants::BlockQ8K, $t, $body),
        }
    };
    (@ $type:ty, $t:ident, $body:expr) => {{
        type $t = $type;
        $body
    }};
}

/// `x Wᵀ`.
///
/// # Shapes
/// - `x`: `[n, n_in]`
/// - returns: `[n, n_out]`
pub(super) fn times(weight: &StoredMatrix, x: &[f32]) -> candle_core::Result<Buffer> {
    let (n_out, n_in) = weight.shape();
    let n = x.len() / n_in;
    if n >= ROWS_TO_UNPACK {
        return Ok(times_unpacked(Isa::detect(), (n_out, n_in), x, |r, row| unpack_row(weight, r, row)));
    }
    let mut y = Buffer::full(n * n_out, 0.0);
    match weight.dtype() {
        GgmlDType::F32 => rows_times(weight.blocks::<f32>(), n_in, x, &mut y),
        GgmlDType::F16 => rows_times(weight.blocks::<f16>(), n_in, x, &mut y),
        // candle would round the activations to it.
        GgmlDType::BF16 => rows_times(weight.blocks::<bf16>(), n_in, x, &mut y),
        dtype => with_type!(dtype, T => k_quants::matmul((n, n_in, n_out), x, weight.blocks::<T>(), &mut y))?,
    }
    Ok(y)
}

/// Writes row `r` as floats.
///
/// # Panics
/// When there is no such row or `row` has another length (a bug of the caller).
pub(super) fn unpack_row(weight: &StoredMatrix, r: usize, row: &mut [f32]) {
    let weight = weight.rows(r..r + 1);
    assert_eq!(row.len(), weight.shape().1);
    with_type!(weight.dtype(), T => T::to_float(weight.blocks::<T>(), row));
}

/// Lends the numbers of a contiguous f32 tensor on the processor.
pub(super) fn with_slice<T>(x: &Tensor, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T> {
    let (storage, layout) = x.storage_and_layout();
    floats(&storage, layout).map(f)
}

/// The numbers of a contiguous f32 tensor on the processor.
pub(super) fn floats<'a>(storage: &'a Storage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(all)), Some((start, end))) => Ok(&all[start..end]),
        _ => candle_core::bail!("expected contiguous f32 numbers on the processor"),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{QTensor, gguf_file};
    use candle_core::{Device, IndexOp};

    use super::*;
    use crate::weights::gguf::GgufFile;
    use crate::weights::same_name;

    /// Every type against the floats that it stands for: within the error of 8-bit activations.
    #[test]
    fn every_type_gives_about_what_its_floats_give() {
        let (n_out, n_in) = (70, 512);
        let weight = Tensor::randn(0f32, 1.0, (n_out, n_in), &Device::Cpu).unwrap();
        for dtype in [
            GgmlDType::F32,
            GgmlDType::F16,
            GgmlDType::BF16,
            GgmlDType::Q4_0,
            GgmlDType::Q4_1,
            GgmlDType::Q5_0,
            GgmlDType::Q5_1,
            GgmlDType::Q8_0,
            GgmlDType::Q2K,
            GgmlDType::Q3K,
            GgmlDType::Q4K,
            GgmlDType::Q5K,
            GgmlDType::Q6K,
        ] {
            let quantized = QTensor::quantize(&weight, dtype).unwrap();
            let floats = quantized.dequantize(&Device::Cpu).unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            gguf_file::write(&mut file.as_file(), &[], &[("weight", &quantized)]).unwrap();
            let weights = GgufFile::open(file.path()).unwrap().weights(&Device::Cpu, same_name);
            let stored = weights.get_stored("weight", &[n_out, n_in]).unwrap().unwrap();
            let mut row = vec![0.0; n_in];
            unpack_row(&stored, 69, &mut row);
            assert_eq!(row, floats.i(69).unwrap().to_vec1::<f32>().unwrap(), "{dtype:?}");
            for n in [1, 5, 24, 33] {
                let x = Tensor::randn(0f32, 1.0, (n, n_in), &Device::Cpu).unwrap();
                let want = x.matmul(&floats.t().unwrap()).unwrap().flatten_all().unwrap();
                let got = with_slice(&x, |x| times(&stored, x)).unwrap().unwrap();
                let exact = n >= ROWS_TO_UNPACK || row_is_float(dtype);
                let most = if exact { 1e-3 } else { 1.0 };
                for (got, want) in got.iter().zip(want.to_vec1::<f32>().unwrap()) {
                    assert!((got - want).abs() < most, "{dtype:?}, {n} rows: {got} and {want}");
                }
            }
        }
    }

    fn row_is_float(dtype: GgmlDType) -> bool {
        matches!(dtype, GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
    }
}
