//! AVX2 and AVX-512 VNNI. Each function's contract: the processor has the named features, a row of
//! weights has `x.n_blocks` blocks, and `out` one place per row of `x`.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::packed::{Activations, BLOCK};

/// Rows of activations that share one unpacked block of weights: their sums fit the registers.
const TILE: usize = 4;

/// Calls `tile::<N>(first_row, out)` for all rows, four at a time.
macro_rules! for_tiles {
    ($tile:ident, $row:expr, $x:expr, $out:expr) => {
        for (i, out) in $out.chunks_mut(TILE).enumerate() {
            let first = i * TILE;
            match out.len() {
                1 => $tile::<1>($row, $x, first, out),
                2 => $tile::<2>($row, $x, first, out),
                3 => $tile::<3>($row, $x, first, out),
                _ => $tile::<4>($row, $x, first, out),
            }
        }
    };
}

/// # Safety
/// See the module.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernels) unsafe fn dot_rows_q4_1_avx2(row: &[u8], x: &Activations, out: &mut [f32]) {
    // SAFETY: the same contract.
    unsafe { for_tiles!(tile_q4_1_avx2, row, x, out) }
}

/// # Safety
/// See the module.
#[target_feature(enable = "avx2,fma,f16c,avx512vnni,avx512vl")]
pub(in crate::kernels) unsafe fn dot_rows_q4_1_vnni(row: &[u8], x: &Activations, out: &mut [f32]) {
    // SAFETY: the same contract.
    unsafe { for_tiles!(tile_q4_1_vnni, row, x, out) }
}

/// # Safety
/// See the module.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernels) unsafe fn dot_rows_q8_0_avx2(row: &[u8], x: &Activations, out: &mut [f32]) {
    // SAFETY: the same contract.
    unsafe { for_tiles!(tile_q8_0_avx2, row, x, out) }
}

/// The two f16 at the start of a block.
///
/// # Safety
/// Four bytes can be read at `block`.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn two_halves(block: *const u8) -> (f32, f32) {
    // SAFETY: four bytes can be read, in any alignment.
    let bits = unsafe { block.cast::<i32>().read_unaligned() };
    let floats = _mm_cvtph_ps(_mm_cvtsi32_si128(bits));
    (_mm_cvtss_f32(floats), _mm_cvtss_f32(_mm_movehdup_ps(floats)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn sum8(v: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// The 32 four-bit numbers of a Q4_1 block as bytes, in order.
///
/// # Safety
/// Twenty bytes can be read at `block`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn nibbles(block: *const u8) -> __m256i {
    // SAFETY: the quants are the last 16 bytes of the block.
    let raw = unsafe { _mm_loadu_si128(block.add(4).cast()) };
    let both = _mm256_set_m128i(_mm_srli_epi16::<4>(raw), raw);
    _mm256_and_si256(both, _mm256_set1_epi8(15))
}

macro_rules! tile_q4_1 {
    ($name:ident, $features:literal, $dot:ident) => {
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn $name<const N: usize>(row: &[u8], x: &Activations, first: usize, out: &mut [f32]) {
            let mut sums = [_mm256_setzero_ps(); N];
            let mut minimums = [0f32; N];
            for b in 0..x.n_blocks {
                // SAFETY: `row` has `n_blocks` blocks of 20 bytes; activations have `n_blocks` of
                // 32 bytes, one scale and one sum in each of the rows `first..first + N`.
                unsafe {
                    let block = row.as_ptr().add(b * 20);
                    let (scale, minimum) = two_halves(block);
                    let weights = nibbles(block);
                    for r in 0..N {
                        let at = (first + r) * x.n_blocks + b;
                        let quants = _mm256_loadu_si256(x.quants.as_ptr().add(at * BLOCK).cast());
                        let product = _mm256_cvtepi32_ps($dot(weights, quants));
                        let factor = _mm256_set1_ps(scale * *x.scales.get_unchecked(at));
                        sums[r] = _mm256_fmadd_ps(product, factor, sums[r]);
                        minimums[r] += minimum * *x.sums.get_unchecked(at);
                    }
                }
            }
            for r in 0..N {
                out[r] = sum8(sums[r]) + minimums[r];
            }
        }
    };
}

/// Unsigned times signed bytes, added up in groups of four; pairs stay below 2¹⁵ for weights to 128.
#[inline]
#[target_feature(enable = "avx2")]
fn dot4_avx2(unsigned: __m256i, signed: __m256i) -> __m256i {
    _mm256_madd_epi16(_mm256_maddubs_epi16(unsigned, signed), _mm256_set1_epi16(1))
}

#[inline]
#[target_feature(enable = "avx512vnni,avx512vl")]
fn dot4_vnni(unsigned: __m256i, signed: __m256i) -> __m256i {
    _mm256_dpbusd_epi32(_mm256_setzero_si256(), unsigned, signed)
}

tile_q4_1!(tile_q4_1_avx2, "avx2,fma,f16c", dot4_avx2);
tile_q4_1!(tile_q4_1_vnni, "avx2,fma,f16c,avx512vnni,avx512vl", dot4_vnni);

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile_q8_0_avx2<const N: usize>(row: &[u8], x: &Activations, first: usize, out: &mut [f32]) {
    let mut sums = [_mm256_setzero_ps(); N];
    for b in 0..x.n_blocks {
        // SAFETY: `row` has `n_blocks` blocks of 34 bytes; activations as in `tile_q4_1`.
        unsafe {
            let block = row.as_ptr().add(b * 34);
            let (scale, _) = two_halves(block);
            let weights = _mm256_loadu_si256(block.add(2).cast());
            for r in 0..N {
                let at = (first + r) * x.n_blocks + b;
                let quants = _mm256_loadu_si256(x.quants.as_ptr().add(at * BLOCK).cast());
                // The sign moves from the weight to the activation, which never is −128 and so can
                // always be negated; magnitudes of weights (at most 128) are the unsigned side.
                let magnitude = _mm256_abs_epi8(weights);
                let signed = _mm256_sign_epi8(quants, weights);
                let product = _mm256_cvtepi32_ps(dot4_avx2(magnitude, signed));
                let factor = _mm256_set1_ps(scale * *x.scales.get_unchecked(at));
                sums[r] = _mm256_fmadd_ps(product, factor, sums[r]);
            }
        }
    }
    for r in 0..N {
        out[r] = sum8(sums[r]);
    }
}
