//! Rows of floats, as such or in half precision, with AVX-512.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::*;
use crate::kernels::{isa, rows::Kind};

/// What a processor has that runs these.
pub(in crate::kernels) const LEAST: isa::Kind = isa::Kind::Avx512Vnni;

/// Numbers per vector.
pub(in crate::kernels) const LANES: usize = 16;

/// Asks for the lines of some bytes that are read soon, so that they come from memory meanwhile.
#[inline(always)]
pub(in crate::kernels) fn ask(bytes: &[u8]) {
    for at in (0..bytes.len()).step_by(64) {
        // SAFETY: every processor of this kind has the instruction, which takes any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(at).cast()) };
    }
}

/// The part of `next` that is asked for beside bytes `from..to` of what is read now.
#[inline(always)]
fn beside(next: &[u8], from: usize, to: usize) -> &[u8] {
    &next[from.min(next.len())..to.min(next.len())]
}

/// 16 numbers of a row.
///
/// # Safety
/// There are 16 numbers of this kind at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn load<const KIND: u8>(at: *const u8) -> __m512 {
    const F16: u8 = Kind::F16 as u8;
    const BF16: u8 = Kind::BF16 as u8;
    // SAFETY: by contract.
    unsafe {
        match KIND {
            F16 => _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())),
            BF16 => {
                let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
            }
            _ => _mm512_loadu_ps(at.cast()),
        }
    }
}

/// Lane i is the sum of vector i: four rounds in which two vectors become one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sums(v: [__m512; 16]) -> __m512 {
    let pairs: [__m512; 8] = std::array::from_fn(|i| {
        let (a, b) = (v[2 * i], v[2 * i + 1]);
        _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b))
    });
    // Each quarter now has sums of four vectors over that quarter.
    let fours: [__m512; 4] = std::array::from_fn(|i| {
        let (a, b) = (_mm512_castps_pd(pairs[2 * i]), _mm512_castps_pd(pairs[2 * i + 1]));
        let (low, high) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
        _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
    });
    let halves = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xEE>(a, b));
    let (a, b) = (halves(fours[0], fours[1]), halves(fours[2], fours[3]));
    _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xDD>(a, b))
}

/// `out[v * stride + r] = rows[r] · vectors[v]`. Each sum is made in the same order however many there are. `next` is
/// read soon after.
///
/// # Safety
/// The processor has the instructions; `n_cols` is a multiple of 16; there are `n_rows` rows of this kind at `rows`,
/// whole vectors in `vectors`, and places for all results at `out`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
pub(in crate::kernels) unsafe fn rows_times<const KIND: u8>(
    rows: *const u8,
    (n_rows, n_cols): (usize, usize),
    vectors: &[f32],
    (out, stride): (*mut f32, usize),
    next: &[u8],
) {
    let n_vectors = vectors.len() / n_cols;
    for first in (0..n_vectors).step_by(4) {
        for row in (0..n_rows).step_by(4) {
            // SAFETY: by contract; a tile at an end has fewer rows and vectors.
            unsafe {
                let rows = (rows.add(row * n_cols * size::<KIND>()), 4.min(n_rows - row));
                if first == 0 {
                    let row_bytes = n_cols * size::<KIND>();
                    ask(beside(next, row * row_bytes, (row + 4) * row_bytes));
                }
                let vectors = vectors.as_ptr().add(first * n_cols);
                let out = out.add(first * stride + row);
                match n_vectors - first {
                    1 => tile_times::<KIND, 1>(rows, vectors, n_cols, out, stride),
                    2 => tile_times::<KIND, 2>(rows, vectors, n_cols, out, stride),
                    3 => tile_times::<KIND, 3>(rows, vectors, n_cols, out, stride),
                    _ => tile_times::<KIND, 4>(rows, vectors, n_cols, out, stride),
                }
            }
        }
    }
}

/// Up to four rows times `N` vectors.
///
/// # Safety
/// As [`rows_times`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn tile_times<const KIND: u8, const N: usize>(
    (rows, n_rows): (*const u8, usize),
    vectors: *const f32,
    n_cols: usize,
    out: *mut f32,
    stride: usize,
) {
    let mut v = [_mm512_setzero_ps(); 16];
    for at in (0..n_cols).step_by(LANES) {
        // SAFETY: within the rows and vectors; a row that is missing is another time the last one.
        unsafe {
            let row = |r: usize| load::<KIND>(rows.add((r.min(n_rows - 1) * n_cols + at) * size::<KIND>()));
            let rows = [row(0), row(1), row(2), row(3)];
            for n in 0..N {
                let vector = _mm512_loadu_ps(vectors.add(n * n_cols + at));
                for r in 0..4 {
                    v[4 * n + r] = _mm512_fmadd_ps(rows[r], vector, v[4 * n + r]);
                }
            }
        }
    }
    let sums = sums(v);
    for n in 0..N {
        let mask = ((1u16 << n_rows) - 1) << (4 * n);
        // SAFETY: lanes `4 n..4 n + n_rows` go to their places; others are not written.
        unsafe { _mm512_mask_storeu_ps(out.add(n * stride).wrapping_sub(4 * n), mask, sums) };
    }
}

/// `out[v] += Σ weights[v * stride + r] · rows[r]`. Each sum is made in the same order however many there are. `next` is
/// read soon after.
///
/// # Safety
/// The processor has the instructions; `n_cols` is a multiple of 16; there are `n_rows` rows of this kind at `rows`,
/// as many weights for each whole vector of `out`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
pub(in crate::kernels) unsafe fn rows_mixed<const KIND: u8>(
    rows: *const u8,
    (n_rows, n_cols): (usize, usize),
    (weights, stride): (&[f32], usize),
    out: &mut [f32],
    next: &[u8],
) {
    let n_vectors = out.len() / n_cols;
    for first in (0..n_vectors).step_by(4) {
        let mut at = 0;
        while at < n_cols {
            let wide = n_cols - at >= 4 * LANES;
            // SAFETY: by contract; the columns `at..` of 64 or 16.
            unsafe {
                let rows = (rows.add(at * size::<KIND>()), n_rows);
                let weights = (weights.as_ptr().add(first * stride), stride);
                let out = out.as_mut_ptr().add(first * n_cols + at);
                // Once is enough.
                let next = if first == 0 { beside(next, at * size::<KIND>(), next.len()) } else { &[] };
                match ((n_vectors - first).min(4), wide) {
                    (1, true) => tile_mixed::<KIND, 1, 4>(rows, n_cols, weights, out, next),
                    (2, true) => tile_mixed::<KIND, 2, 4>(rows, n_cols, weights, out, next),
                    (3, true) => tile_mixed::<KIND, 3, 4>(rows, n_cols, weights, out, next),
                    (_, true) => tile_mixed::<KIND, 4, 4>(rows, n_cols, weights, out, next),
                    (1, false) => tile_mixed::<KIND, 1, 1>(rows, n_cols, weights, out, next),
                    (2, false) => tile_mixed::<KIND, 2, 1>(rows, n_cols, weights, out, next),
                    (3, false) => tile_mixed::<KIND, 3, 1>(rows, n_cols, weights, out, next),
                    (_, false) => tile_mixed::<KIND, 4, 1>(rows, n_cols, weights, out, next),
                }
            }
            at += if wide { 4 * LANES } else { LANES };
        }
    }
}

/// `16 C` columns of `N` mixes.
///
/// # Safety
/// As [`rows_mixed`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn tile_mixed<const KIND: u8, const N: usize, const C: usize>(
    (rows, n_rows): (*const u8, usize),
    n_cols: usize,
    (weights, stride): (*const f32, usize),
    out: *mut f32,
    next: &[u8],
) {
    // SAFETY: within the columns of `out`.
    let place = |n: usize, c: usize| unsafe { out.add(n * n_cols + c * LANES) };
    let mut mixed = [[_mm512_setzero_ps(); C]; N];
    for (n, mixed) in mixed.iter_mut().enumerate() {
        for (c, part) in mixed.iter_mut().enumerate() {
            // SAFETY: as above.
            *part = unsafe { _mm512_loadu_ps(place(n, c)) };
        }
    }
    for r in 0..n_rows {
        // SAFETY: within the rows and their weights.
        unsafe {
            let row = rows.add(r * n_cols * size::<KIND>());
            let from = r * n_cols * size::<KIND>();
            ask(beside(next, from, from + C * LANES * size::<KIND>()));
            let mut parts = [_mm512_setzero_ps(); C];
            for (c, part) in parts.iter_mut().enumerate() {
                *part = load::<KIND>(row.add(c * LANES * size::<KIND>()));
            }
            for (n, mixed) in mixed.iter_mut().enumerate() {
                let weight = _mm512_set1_ps(*weights.add(n * stride + r));
                for (sum, &part) in mixed.iter_mut().zip(&parts) {
                    *sum = _mm512_fmadd_ps(weight, part, *sum);
                }
            }
        }
    }
    for (n, mixed) in mixed.iter().enumerate() {
        for (c, &part) in mixed.iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(place(n, c), part) };
        }
    }
}
