//! Tiles of products of bytes with one scale for each row and column: up to 14 rows by 32 columns.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::layers::{Begin, PANEL};
use crate::kernels::levels::{Factor, LevelTile};
use crate::kernels::packed::Tile;

/// Lines of weights that are asked for before they are multiplied: a panel comes from far away for its first tile of rows,
/// and a long one from the second cache for the others.
const AHEAD: usize = 32;

/// `out = begin + x · panel` for up to 14 rows.
///
/// # Safety
/// The processor has the instructions; `panel` is a whole one of the fours of `x`; `out` and the bias of `begin`, if
/// any, have a place for each row and column.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn tile(
    panel: &[u8],
    columns: (&[f32; PANEL], &[i32; PANEL]),
    x: LevelTile,
    begin: Begin,
    out: Tile,
) {
    macro_rules! for_rows {
        ($($n:literal)*) => {
            match x.factors.len() {
                // SAFETY: the same contract.
                $($n => unsafe { of::<$n>(panel, columns, x, begin, out) },)*
                _ => unreachable!("a tile has fewer rows"),
            }
        };
    }
    for_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// As [`tile`], of `R` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn of<const R: usize>(
    panel: &[u8],
    (scales, sums): (&[f32; PANEL], &[i32; PANEL]),
    x: LevelTile,
    begin: Begin,
    out: Tile,
) {
    let Ok(factors) = <&[Factor; R]>::try_from(x.factors) else { return };
    let mut products = [[_mm512_setzero_si512(); 2]; R];
    for (fours, lines) in x.fours.as_chunks::<R>().0.iter().zip(panel.as_chunks::<{ 4 * PANEL }>().0) {
        let lines = lines.as_ptr().cast::<__m512i>();
        // SAFETY: two lines for each four; any address may be asked for.
        let (low, high) = unsafe {
            _mm_prefetch::<_MM_HINT_T0>(lines.wrapping_add(AHEAD).cast());
            _mm_prefetch::<_MM_HINT_T0>(lines.wrapping_add(AHEAD + 1).cast());
            (_mm512_load_si512(lines), _mm512_load_si512(lines.add(1)))
        };
        // By number, so that the compiler unrolls it and sums stay in registers, here and below.
        for r in 0..R {
            let four = _mm512_set1_epi32(fours[r].cast_signed());
            products[r][0] = _mm512_dpbusd_epi32(products[r][0], four, low);
            products[r][1] = _mm512_dpbusd_epi32(products[r][1], four, high);
        }
    }
    let mask = |columns: usize| if columns >= 16 { u16::MAX } else { (1 << columns) - 1 };
    // Half by half: a loop over all of it is too long to be unrolled, and then sums go through memory.
    macro_rules! finish {
        ($half:literal) => {
            let mask = mask(out.width.saturating_sub(16 * $half));
            // SAFETY: the panel has these columns; the mask leaves out what the bias and the rows do not have, whose
            // addresses are not used.
            unsafe {
                let scale = _mm512_loadu_ps(scales.as_ptr().add(16 * $half));
                let sum = _mm512_loadu_si512(sums.as_ptr().add(16 * $half).cast());
                let bias = match begin.bias.is_null() {
                    true => _mm512_setzero_ps(),
                    false => _mm512_maskz_loadu_ps(mask, begin.bias.wrapping_add(16 * $half)),
                };
                for r in 0..R {
                    let place = out.at.wrapping_add(r * out.stride + 16 * $half);
                    let shift = _mm512_mullo_epi32(sum, _mm512_set1_epi32(factors[r].zero));
                    let product = _mm512_cvtepi32_ps(_mm512_sub_epi32(products[r][$half], shift));
                    let mut before = bias;
                    if begin.onto {
                        before = _mm512_add_ps(before, _mm512_maskz_loadu_ps(mask, place));
                    }
                    let scale = _mm512_mul_ps(scale, _mm512_set1_ps(factors[r].scale));
                    _mm512_mask_storeu_ps(place, mask, _mm512_fmadd_ps(product, scale, before));
                }
            }
        };
    }
    finish!(0);
    finish!(1);
}
