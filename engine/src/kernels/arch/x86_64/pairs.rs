//! Tiles of sums of products of pairs of bfloat16: up to 14 rows by 32 columns.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::layers::PANEL;

/// `out = x · panel`, onto what is there where `onto`; pair p of row r of `x` is at `p n + r`.
///
/// # Safety
/// The processor has the instructions; `x` has the pairs of `panel` for each row of `out`, which has at most 14.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub(in crate::kernels) unsafe fn tile(
    x: &[u32],
    panel: &[[u32; PANEL]],
    onto: bool,
    out: &mut [[f32; PANEL]],
) {
    macro_rules! for_rows {
        ($($n:literal)*) => {
            match out.len() {
                // SAFETY: the same contract.
                $($n => unsafe { of::<$n>(x, panel, onto, out) },)*
                _ => unreachable!("a tile has fewer rows"),
            }
        };
    }
    for_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// As [`tile`], of `R` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn of<const R: usize>(x: &[u32], panel: &[[u32; PANEL]], onto: bool, out: &mut [[f32; PANEL]]) {
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    if onto {
        for (sums, out) in sums.iter_mut().zip(&*out) {
            // SAFETY: two vectors of 16.
            *sums = unsafe { [_mm512_loadu_ps(out.as_ptr()), _mm512_loadu_ps(out.as_ptr().add(16))] };
        }
    }
    // SAFETY: words and vectors of the same size.
    let pairs = |words: __m512i| unsafe { std::mem::transmute::<__m512i, __m512bh>(words) };
    for (x, words) in x.as_chunks::<R>().0.iter().zip(panel) {
        // SAFETY: two vectors of 16.
        let (low, high) = unsafe {
            let at = words.as_ptr().cast::<__m512i>();
            (pairs(_mm512_loadu_si512(at)), pairs(_mm512_loadu_si512(at.add(1))))
        };
        for (x, sums) in x.iter().zip(&mut sums) {
            let x = pairs(_mm512_set1_epi32(x.cast_signed()));
            sums[0] = _mm512_dpbf16_ps(sums[0], x, low);
            sums[1] = _mm512_dpbf16_ps(sums[1], x, high);
        }
    }
    for (sums, out) in sums.iter().zip(out) {
        // SAFETY: two vectors of 16.
        unsafe {
            _mm512_storeu_ps(out.as_mut_ptr(), sums[0]);
            _mm512_storeu_ps(out.as_mut_ptr().add(16), sums[1]);
        }
    }
}
