//! Products of float matrices with AVX-512.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::floats::LANES;

/// Vectors of columns that a tile has at most.
const WIDE: usize = 4;

/// `out = a b`, or `out += a b`, for row-major matrices whose rows begin `stride` numbers after each other.
///
/// # Safety
/// The processor has the instructions; `n` is a multiple of 16; `a` holds `[m, k]`, `b` `[k, n]`, and `out` `[m, n]`,
/// which is used by nobody else.
#[target_feature(enable = "avx512f")]
pub(in crate::kernels) unsafe fn product(
    (m, n, k): (usize, usize, usize),
    (a, a_stride): (*const f32, usize),
    (b, b_stride): (*const f32, usize),
    adds: bool,
    (out, out_stride): (*mut f32, usize),
) {
    /// What rows of a tile take: six rows of four vectors have 24 sums in registers.
    const ROWS: [usize; 4] = [6, 4, 2, 1];
    // Columns outside: those of `b` then stay in the nearest cache for all rows.
    for column in (0..n).step_by(WIDE * LANES) {
        let width = ((n - column) / LANES).min(WIDE);
        let mut row = 0;
        while row < m {
            let rows = ROWS.into_iter().find(|rows| *rows <= m - row).unwrap_or(1);
            // SAFETY: the tile lies inside the matrices.
            unsafe {
                let a = (a.add(row * a_stride), a_stride);
                let b = (b.add(column), b_stride);
                let out = (out.add(row * out_stride + column), out_stride);
                match width {
                    4 => rows_of::<4>(rows, k, a, b, adds, out),
                    3 => rows_of::<3>(rows, k, a, b, adds, out),
                    2 => rows_of::<2>(rows, k, a, b, adds, out),
                    _ => rows_of::<1>(rows, k, a, b, adds, out),
                }
            }
            row += rows;
        }
    }
}

/// # Safety
/// As [`product`], for a tile of `16 C` columns.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn rows_of<const C: usize>(
    rows: usize,
    k: usize,
    a: (*const f32, usize),
    b: (*const f32, usize),
    adds: bool,
    out: (*mut f32, usize),
) {
    // SAFETY: the same contract.
    unsafe {
        match rows {
            6 => tile::<6, C>(k, a, b, adds, out),
            4 => tile::<4, C>(k, a, b, adds, out),
            2 => tile::<2, C>(k, a, b, adds, out),
            _ => tile::<1, C>(k, a, b, adds, out),
        }
    }
}

/// # Safety
/// As [`product`], for a tile of `R` rows and `16 C` columns.
#[target_feature(enable = "avx512f")]
unsafe fn tile<const R: usize, const C: usize>(
    k: usize,
    (a, a_stride): (*const f32, usize),
    (b, b_stride): (*const f32, usize),
    adds: bool,
    (out, out_stride): (*mut f32, usize),
) {
    // SAFETY: inside the tile.
    let place = |r: usize, c: usize| unsafe { out.add(r * out_stride + c * LANES) };
    let mut sums = [[_mm512_setzero_ps(); C]; R];
    if adds {
        for (r, sums) in sums.iter_mut().enumerate() {
            for (c, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                *sum = unsafe { _mm512_loadu_ps(place(r, c)) };
            }
        }
    }
    for i in 0..k {
        // SAFETY: row `i` of `b` and column `i` of `a` exist.
        unsafe {
            let row = b.add(i * b_stride);
            let mut vectors = [_mm512_setzero_ps(); C];
            for (c, vector) in vectors.iter_mut().enumerate() {
                *vector = _mm512_loadu_ps(row.add(c * LANES));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*a.add(r * a_stride + i));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = _mm512_fmadd_ps(x, vector, *sum);
                }
            }
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (c, sum) in sums.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(place(r, c), sum) };
        }
    }
}
