//! Products of float matrices, and matrices turned over, with AVX-512.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::floats::{LANES, load};
use super::size;

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

/// Turns rows over: `to[c * stride + r] = rows[r][c]`, with zeros up to the next multiple of 16 rows.
///
/// # Safety
/// The processor has the instructions; `n_cols` is a multiple of 16; there are `n_rows` rows of this kind at `rows`, and
/// at `to` `n_cols` rows of `stride`, which is at least `n_rows` and a multiple of 16.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
pub(in crate::kernels) unsafe fn turned<const KIND: u8>(
    rows: *const u8,
    (n_rows, n_cols): (usize, usize),
    to: *mut f32,
    stride: usize,
) {
    for first in (0..n_rows).step_by(LANES) {
        for column in (0..n_cols).step_by(LANES) {
            let mut square = [_mm512_setzero_ps(); LANES];
            for (r, vector) in square.iter_mut().enumerate().take(n_rows - first) {
                // SAFETY: within the rows.
                *vector = unsafe { load::<KIND>(rows.add(((first + r) * n_cols + column) * size::<KIND>())) };
            }
            for (c, vector) in turned_square(square).into_iter().enumerate() {
                // SAFETY: within the rows of `to`.
                unsafe { _mm512_storeu_ps(to.add((column + c) * stride + first), vector) };
            }
        }
    }
}

/// Sixteen vectors of sixteen with rows as columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn turned_square(rows: [__m512; LANES]) -> [__m512; LANES] {
    // Loops, since closures in functions of the library would not be compiled for these instructions.
    let mut pairs = [_mm512_setzero_ps(); LANES];
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    // Of four rows 4 j.., vector 4 j + c: quarter q holds their column 4 q + c.
    let mut fours = [_mm512_setzero_ps(); LANES];
    for i in (0..LANES).step_by(4) {
        for c in 0..2 {
            let (a, b) = (_mm512_castps_pd(pairs[i + c]), _mm512_castps_pd(pairs[i + c + 2]));
            fours[i + 2 * c] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            fours[i + 2 * c + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    let mut turned = [_mm512_setzero_ps(); LANES];
    for c in 0..4 {
        let [a, b, d, e] = [fours[c], fours[4 + c], fours[8 + c], fours[12 + c]];
        let even = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(d, e));
        let odd = (_mm512_shuffle_f32x4::<0xDD>(a, b), _mm512_shuffle_f32x4::<0xDD>(d, e));
        turned[c] = _mm512_shuffle_f32x4::<0x88>(even.0, even.1);
        turned[8 + c] = _mm512_shuffle_f32x4::<0xDD>(even.0, even.1);
        turned[4 + c] = _mm512_shuffle_f32x4::<0x88>(odd.0, odd.1);
        turned[12 + c] = _mm512_shuffle_f32x4::<0xDD>(odd.0, odd.1);
    }
    turned
}
