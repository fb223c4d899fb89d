//! AVX2 and AVX-512 VNNI. Each function's contract: the processor has the named features, the
//! panel has `x.n_blocks` blocks, `x` has the rows, and the tile has a place for each of them.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use crate::kernels::activations::Activations;
use crate::kernels::packed::{Format, Line, PANEL, Tile};

/// As many rows as one call takes, at most eight: their sums fit the registers.
///
/// # Safety
/// See the module.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn tile_vnni(
    format: Format,
    panel: &[Line],
    x: &Activations,
    rows: Range<usize>,
    out: Tile,
) -> usize {
    // SAFETY: the same contract.
    unsafe {
        match (format, rows.len()) {
            (Format::Q4_1, 8..) => rows_vnni::<true, 8>(panel, x, rows.start, out),
            (Format::Q4_1, 4..) => rows_vnni::<true, 4>(panel, x, rows.start, out),
            (Format::Q4_1, 2..) => rows_vnni::<true, 2>(panel, x, rows.start, out),
            (Format::Q4_1, _) => rows_vnni::<true, 1>(panel, x, rows.start, out),
            (Format::Q8_0, 8..) => rows_vnni::<false, 8>(panel, x, rows.start, out),
            (Format::Q8_0, 4..) => rows_vnni::<false, 4>(panel, x, rows.start, out),
            (Format::Q8_0, 2..) => rows_vnni::<false, 2>(panel, x, rows.start, out),
            (Format::Q8_0, _) => rows_vnni::<false, 1>(panel, x, rows.start, out),
        }
    }
}

/// `N` rows of activations times a panel. The instruction multiplies unsigned weights by signed
/// activations; eight-bit weights are shifted by 128 for it, which counts as a minimum of −128 d.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn rows_vnni<const FOUR_BIT: bool, const N: usize>(
    panel: &[Line],
    x: &Activations,
    first: usize,
    out: Tile,
) -> usize {
    let mut sums = [_mm512_setzero_ps(); N];
    let lines = if FOUR_BIT { Format::Q4_1.lines() } else { Format::Q8_0.lines() };
    for b in 0..x.n_blocks {
        // SAFETY: the panel has `n_blocks` blocks of `lines` lines; each of the rows
        // `first..first + N` has `n_blocks` scales, sums and blocks of 32 quants.
        unsafe {
            let block = panel.as_ptr().add(b * lines).cast::<u8>();
            let line = |i: usize| _mm512_load_si512(block.add(64 * (i + 1)).cast());
            let mut weights = [_mm512_setzero_si512(); 8];
            let (scale, minimum);
            if FOUR_BIT {
                scale = _mm512_cvtph_ps(_mm256_load_si256(block.cast()));
                minimum = _mm512_cvtph_ps(_mm256_load_si256(block.add(32).cast()));
                for g in 0..4 {
                    let low = _mm512_set1_epi8(15);
                    weights[g] = _mm512_and_si512(line(g), low);
                    weights[g + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(line(g)), low);
                }
            } else {
                scale = _mm512_load_ps(block.cast());
                minimum = _mm512_mul_ps(scale, _mm512_set1_ps(-128.0));
                for (g, weights) in weights.iter_mut().enumerate() {
                    *weights = _mm512_xor_si512(line(g), _mm512_set1_epi8(-128));
                }
            }
            for (r, sum) in sums.iter_mut().enumerate() {
                let at = (first + r) * x.n_blocks + b;
                let quants = x.quants.as_ptr().add(at).cast::<i32>();
                let four = |i: usize| _mm512_set1_epi32(quants.add(i).read_unaligned());
                let (mut low, mut high) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                for g in 0..4 {
                    low = _mm512_dpbusd_epi32(low, weights[g], four(g));
                    high = _mm512_dpbusd_epi32(high, weights[g + 4], four(g + 4));
                }
                let product = _mm512_cvtepi32_ps(_mm512_add_epi32(low, high));
                let factor = _mm512_mul_ps(scale, _mm512_set1_ps(*x.scales.get_unchecked(at)));
                *sum = _mm512_fmadd_ps(product, factor, *sum);
                *sum = _mm512_fmadd_ps(minimum, _mm512_set1_ps(*x.sums.get_unchecked(at)), *sum);
            }
        }
    }
    let mask = if out.width >= PANEL { u16::MAX } else { (1 << out.width) - 1 };
    for (r, sum) in sums.into_iter().enumerate() {
        // SAFETY: the tile has `N` rows of `width` columns.
        unsafe { _mm512_mask_storeu_ps(out.at.add(r * out.stride), mask, sum) };
    }
    N
}

/// As many rows as one call takes, at most four.
///
/// # Safety
/// See the module.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernels) unsafe fn tile_avx2(
    format: Format,
    panel: &[Line],
    x: &Activations,
    rows: Range<usize>,
    out: Tile,
) -> usize {
    // SAFETY: the same contract.
    unsafe {
        match (format, rows.len()) {
            (Format::Q4_1, 4..) => rows_avx2::<true, 4>(panel, x, rows.start, out),
            (Format::Q4_1, 2..) => rows_avx2::<true, 2>(panel, x, rows.start, out),
            (Format::Q4_1, _) => rows_avx2::<true, 1>(panel, x, rows.start, out),
            (Format::Q8_0, 4..) => rows_avx2::<false, 4>(panel, x, rows.start, out),
            (Format::Q8_0, 2..) => rows_avx2::<false, 2>(panel, x, rows.start, out),
            (Format::Q8_0, _) => rows_avx2::<false, 1>(panel, x, rows.start, out),
        }
    }
}

/// `N` rows of activations times a panel, eight of its 16 columns after the other. The instruction
/// adds pairs of unsigned times signed bytes up to 2¹⁵: four-bit weights stay far below; of
/// eight-bit ones the magnitude is the unsigned side and the sign moves to the activation, which
/// never is −128 and so can always be negated.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn rows_avx2<const FOUR_BIT: bool, const N: usize>(
    panel: &[Line],
    x: &Activations,
    first: usize,
    out: Tile,
) -> usize {
    let lines = if FOUR_BIT { Format::Q4_1.lines() } else { Format::Q8_0.lines() };
    for half in 0..2 {
        let mut sums = [_mm256_setzero_ps(); N];
        for b in 0..x.n_blocks {
            // SAFETY: as in `rows_vnni`; a half is 32 bytes of each line.
            unsafe {
                let block = panel.as_ptr().add(b * lines).cast::<u8>();
                let line = |i: usize| _mm256_load_si256(block.add(64 * (i + 1) + 32 * half).cast());
                let mut weights = [_mm256_setzero_si256(); 8];
                let (scale, minimum);
                if FOUR_BIT {
                    scale = _mm256_cvtph_ps(_mm_load_si128(block.add(16 * half).cast()));
                    minimum = _mm256_cvtph_ps(_mm_load_si128(block.add(32 + 16 * half).cast()));
                    for g in 0..4 {
                        let low = _mm256_set1_epi8(15);
                        weights[g] = _mm256_and_si256(line(g), low);
                        weights[g + 4] = _mm256_and_si256(_mm256_srli_epi16::<4>(line(g)), low);
                    }
                } else {
                    scale = _mm256_load_ps(block.add(32 * half).cast());
                    minimum = _mm256_setzero_ps();
                    for (g, weights) in weights.iter_mut().enumerate() {
                        *weights = line(g);
                    }
                }
                for (r, sum) in sums.iter_mut().enumerate() {
                    let at = (first + r) * x.n_blocks + b;
                    let quants = x.quants.as_ptr().add(at).cast::<i32>();
                    let mut product = _mm256_setzero_si256();
                    for (g, &weights) in weights.iter().enumerate() {
                        let four = _mm256_set1_epi32(quants.add(g).read_unaligned());
                        let pairs = if FOUR_BIT {
                            _mm256_maddubs_epi16(weights, four)
                        } else {
                            _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(four, weights))
                        };
                        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                        product = _mm256_add_epi32(product, fours);
                    }
                    let factor = _mm256_mul_ps(scale, _mm256_set1_ps(*x.scales.get_unchecked(at)));
                    *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), factor, *sum);
                    *sum = _mm256_fmadd_ps(minimum, _mm256_set1_ps(*x.sums.get_unchecked(at)), *sum);
                }
            }
        }
        let width = out.width.saturating_sub(8 * half).min(8);
        for (r, sum) in sums.into_iter().enumerate() {
            let mut eight = [0f32; 8];
            // SAFETY: eight floats are written to an array of eight, then `width` of them into the
            // tile, which has `N` rows of `out.width` columns.
            unsafe {
                _mm256_storeu_ps(eight.as_mut_ptr(), sum);
                let to = out.at.add(r * out.stride + 8 * half * usize::from(width > 0));
                to.copy_from_nonoverlapping(eight.as_ptr(), width);
            }
        }
    }
    N
}
