//! Rows of floats, as such or in half precision, with NEON.
#![allow(unsafe_code)]

use std::arch::aarch64::*;
use std::array::from_fn;

use super::*;
use crate::kernels::{isa, rows::Kind};

/// What a processor has that runs these.
pub(in crate::kernels) const LEAST: isa::Kind = isa::Kind::NeonDotprod;

/// Rows are a multiple of this.
pub(in crate::kernels) const LANES: usize = 8;

/// Eight numbers of a row.
///
/// # Safety
/// There are eight numbers of this kind at `at`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load<const KIND: u8>(at: *const u8) -> [float32x4_t; 2] {
    const F16: u8 = Kind::F16 as u8;
    const BF16: u8 = Kind::BF16 as u8;
    // SAFETY: by contract.
    unsafe {
        match KIND {
            F16 => {
                let halves = vreinterpretq_f16_u16(vld1q_u16(at.cast()));
                [vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)]
            }
            BF16 => {
                let (low, upper) = (vdupq_n_u16(0), vld1q_u16(at.cast()));
                [vzip1q_u16(low, upper), vzip2q_u16(low, upper)].map(|wide| vreinterpretq_f32_u16(wide))
            }
            _ => [vld1q_f32(at.cast()), vld1q_f32(at.cast::<f32>().add(4))],
        }
    }
}

/// `out[v * stride + r] = rows[r] · vectors[v]`. Each sum is made in the same order however many there are. What is read
/// next is left to the processor.
///
/// # Safety
/// The processor has the instructions; `n_cols` is a multiple of 8; there are `n_rows` rows of this kind at `rows`,
/// whole vectors in `vectors`, and places for all results at `out`.
#[target_feature(enable = "neon")]
pub(in crate::kernels) unsafe fn rows_times<const KIND: u8>(
    rows: *const u8,
    (n_rows, n_cols): (usize, usize),
    vectors: &[f32],
    (out, stride): (*mut f32, usize),
    _next: &[u8],
) {
    let n_vectors = vectors.len() / n_cols;
    for first in (0..n_vectors).step_by(4) {
        // More rows where there is one vector, so that sums do not wait for each other.
        let step = if n_vectors - first == 1 { 8 } else { 4 };
        for row in (0..n_rows).step_by(step) {
            // SAFETY: by contract; a tile at an end has fewer rows and vectors.
            unsafe {
                let rows = (rows.add(row * n_cols * size::<KIND>()), step.min(n_rows - row));
                let vectors = vectors.as_ptr().add(first * n_cols);
                let out = out.add(first * stride + row);
                match n_vectors - first {
                    1 => tile_times::<KIND, 1, 2>(rows, vectors, n_cols, out, stride),
                    2 => tile_times::<KIND, 2, 1>(rows, vectors, n_cols, out, stride),
                    3 => tile_times::<KIND, 3, 1>(rows, vectors, n_cols, out, stride),
                    _ => tile_times::<KIND, 4, 1>(rows, vectors, n_cols, out, stride),
                }
            }
        }
    }
}

/// Up to `4 Q` rows times `N` vectors.
///
/// # Safety
/// As [`rows_times`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile_times<const KIND: u8, const N: usize, const Q: usize>(
    (rows, n_rows): (*const u8, usize),
    vectors: *const f32,
    n_cols: usize,
    out: *mut f32,
    stride: usize,
) {
    let mut v = [[[vdupq_n_f32(0.0); 4]; Q]; N];
    for at in (0..n_cols).step_by(LANES) {
        // SAFETY: within the rows and vectors; a row that is missing is another time the last one.
        unsafe {
            let row = |r: usize| load::<KIND>(rows.add((r.min(n_rows - 1) * n_cols + at) * size::<KIND>()));
            let rows: [[[float32x4_t; 2]; 4]; Q] = from_fn(|q| from_fn(|r| row(4 * q + r)));
            for (n, v) in v.iter_mut().enumerate() {
                let vector = vectors.add(n * n_cols + at);
                let vector = [vld1q_f32(vector), vld1q_f32(vector.add(4))];
                for (sum, row) in v.as_flattened_mut().iter_mut().zip(rows.as_flattened()) {
                    *sum = vfmaq_f32(vfmaq_f32(*sum, row[0], vector[0]), row[1], vector[1]);
                }
            }
        }
    }
    for (n, v) in v.iter().enumerate() {
        let mut sums = [[0f32; 4]; Q];
        for (sums, [a, b, c, d]) in sums.iter_mut().zip(v) {
            let four = vpaddq_f32(vpaddq_f32(*a, *b), vpaddq_f32(*c, *d));
            // SAFETY: four floats are written to an array of four.
            unsafe { vst1q_f32(sums.as_mut_ptr(), four) };
        }
        // SAFETY: as many as there are rows go to their places.
        unsafe { out.add(n * stride).copy_from_nonoverlapping(sums.as_flattened().as_ptr(), n_rows) };
    }
}

/// `out[v] += Σ weights[v * stride + r] · rows[r]`. Each sum is made in the same order however many there are.
///
/// # Safety
/// The processor has the instructions; `n_cols` is a multiple of 8; there are `n_rows` rows of this kind at `rows`,
/// as many weights for each whole vector of `out`.
#[target_feature(enable = "neon")]
pub(in crate::kernels) unsafe fn rows_mixed<const KIND: u8>(
    rows: *const u8,
    (n_rows, n_cols): (usize, usize),
    (weights, stride): (&[f32], usize),
    out: &mut [f32],
    _next: &[u8],
) {
    let n_vectors = out.len() / n_cols;
    for first in (0..n_vectors).step_by(4) {
        let n = (n_vectors - first).min(4);
        // As many columns as the sums of two or of four mixes fit the registers of.
        let most = if n <= 2 { 4 } else { 2 };
        let mut at = 0;
        while at < n_cols {
            let wide = n_cols - at >= most * LANES;
            // SAFETY: by contract; there are these columns from `at` on.
            unsafe {
                let rows = (rows.add(at * size::<KIND>()), n_rows);
                let weights = (weights.as_ptr().add(first * stride), stride);
                let out = out.as_mut_ptr().add(first * n_cols + at);
                match (n, wide) {
                    (1, true) => tile_mixed::<KIND, 1, 4>(rows, n_cols, weights, out),
                    (2, true) => tile_mixed::<KIND, 2, 4>(rows, n_cols, weights, out),
                    (3, true) => tile_mixed::<KIND, 3, 2>(rows, n_cols, weights, out),
                    (_, true) => tile_mixed::<KIND, 4, 2>(rows, n_cols, weights, out),
                    (1, false) => tile_mixed::<KIND, 1, 1>(rows, n_cols, weights, out),
                    (2, false) => tile_mixed::<KIND, 2, 1>(rows, n_cols, weights, out),
                    (3, false) => tile_mixed::<KIND, 3, 1>(rows, n_cols, weights, out),
                    (_, false) => tile_mixed::<KIND, 4, 1>(rows, n_cols, weights, out),
                }
            }
            at += if wide { most * LANES } else { LANES };
        }
    }
}

/// `8 C` columns of `N` mixes.
///
/// # Safety
/// As [`rows_mixed`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile_mixed<const KIND: u8, const N: usize, const C: usize>(
    (rows, n_rows): (*const u8, usize),
    n_cols: usize,
    (weights, stride): (*const f32, usize),
    out: *mut f32,
) {
    // SAFETY: within the columns of `out`.
    let place = |n: usize, c: usize, i: usize| unsafe { out.add(n * n_cols + c * LANES + 4 * i) };
    let mut mixed: [[[float32x4_t; 2]; C]; N] = from_fn(|n| {
        // SAFETY: as above.
        from_fn(|c| from_fn(|i| unsafe { vld1q_f32(place(n, c, i)) }))
    });
    for r in 0..n_rows {
        // SAFETY: within the rows and their weights.
        unsafe {
            let row = rows.add(r * n_cols * size::<KIND>());
            let parts: [[float32x4_t; 2]; C] = from_fn(|c| load::<KIND>(row.add(c * LANES * size::<KIND>())));
            for (n, mixed) in mixed.iter_mut().enumerate() {
                let weight = *weights.add(n * stride + r);
                for (sum, part) in mixed.as_flattened_mut().iter_mut().zip(parts.as_flattened()) {
                    *sum = vfmaq_n_f32(*sum, *part, weight);
                }
            }
        }
    }
    for (n, mixed) in mixed.iter().enumerate() {
        for (c, part) in mixed.iter().enumerate() {
            for (i, four) in part.iter().enumerate() {
                // SAFETY: as above.
                unsafe { vst1q_f32(place(n, c, i), *four) };
            }
        }
    }
}
