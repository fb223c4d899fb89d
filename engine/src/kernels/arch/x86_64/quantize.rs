//! AVX-512: activations as whole numbers, a block at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::activations::{BLOCK, Factors, LARGEST, Planes, UPPER};

/// As `activations::quantize_body`, to the last bit.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
pub(in crate::kernels) fn quantize_tile(
    x: &[[f32; BLOCK]],
    (first, n_blocks): (usize, usize),
    planes: &mut [Planes],
    factors: &mut [Factors],
) {
    let n_rows = x.len() / n_blocks;
    let mut places = planes.iter_mut().zip(factors);
    for block in first..n_blocks {
        for row in 0..n_rows {
            let Some((planes, factors)) = places.next() else { return };
            *factors = quantize(&x[row * n_blocks + block], planes);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
fn quantize(x: &[f32; BLOCK], planes: &mut Planes) -> Factors {
    // SAFETY: two vectors of numbers.
    let halves = unsafe { [_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x.as_ptr().add(16))] };
    // What is no number is never the largest.
    let [a, b] = halves.map(|half| _mm512_max_ps(_mm512_abs_ps(half), _mm512_setzero_ps()));
    let scale = _mm512_reduce_max_ps(_mm512_max_ps(a, b)) / LARGEST;
    let inverse = _mm512_set1_ps(if scale > 0.0 { 1.0 / scale } else { 0.0 });
    let mut minus = [0; 3];
    for (i, half) in halves.into_iter().enumerate() {
        let q = _mm512_cvtps_epi32(_mm512_mul_ps(half, inverse));
        let upper = _mm512_srai_epi32::<7>(_mm512_add_epi32(q, _mm512_set1_epi32(UPPER / 2)));
        let lower = _mm512_sub_epi32(q, _mm512_slli_epi32::<7>(upper));
        // SAFETY: each half of a plane has 16 places.
        unsafe {
            _mm_storeu_si128(planes.upper.as_mut_ptr().add(16 * i).cast(), _mm512_cvtepi32_epi8(upper));
            _mm_storeu_si128(planes.lower.as_mut_ptr().add(16 * i).cast(), _mm512_cvtepi32_epi8(lower));
        }
        minus[1 + i] = -_mm512_reduce_add_epi32(q);
    }
    minus[0] = minus[1] + minus[2];
    Factors::new(scale, minus)
}
