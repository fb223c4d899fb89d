//! Tiles of sums of products of pairs of whole numbers of 16 bits: up to 14 rows by 32 columns.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::attention::PairTile;
use crate::kernels::layers::PANEL;

/// `out = rows · columns · (x · panel)`, onto what is there where `onto`.
///
/// # Safety
/// The processor has the instructions; `x` has the pairs of `panel` for each row of `out`, which has at most 14 and as
/// many as there are factors of rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn tile(tile: PairTile, onto: bool, out: &mut [[f32; PANEL]]) {
    macro_rules! for_rows {
        ($($n:literal)*) => {
            match (out.len(), onto) {
                // SAFETY: the same contract.
                $(($n, false) => unsafe { of::<$n, false>(tile, out) },
                // SAFETY: the same contract.
                ($n, true) => unsafe { of::<$n, true>(tile, out) },)*
                _ => unreachable!("a tile has fewer rows"),
            }
        };
    }
    for_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// As [`tile`], of `R` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn of<const R: usize, const ONTO: bool>(tile: PairTile, out: &mut [[f32; PANEL]]) {
    let mut sums = [[_mm512_setzero_si512(); 2]; R];
    for (x, words) in tile.x.as_chunks::<R>().0.iter().zip(tile.panel) {
        // SAFETY: two vectors of 16.
        let (low, high) = unsafe {
            let at = words.as_ptr().cast::<__m512i>();
            (_mm512_loadu_si512(at), _mm512_loadu_si512(at.add(1)))
        };
        // By number, so that the compiler unrolls it and sums stay in registers, here and below.
        for r in 0..R {
            let pair = _mm512_set1_epi32(x[r].cast_signed());
            sums[r][0] = _mm512_dpwssd_epi32(sums[r][0], low, pair);
            sums[r][1] = _mm512_dpwssd_epi32(sums[r][1], high, pair);
        }
    }
    // SAFETY: two vectors of 16 in the columns and in each row; as many rows as there are factors.
    unsafe {
        let load = |row: *const [f32; PANEL], half: usize| _mm512_loadu_ps(row.cast::<f32>().add(16 * half));
        let (low, high) = (load(tile.columns, 0), load(tile.columns, 1));
        for (r, sums) in sums.iter().enumerate() {
            let place = out.as_mut_ptr().add(r);
            let of_row = _mm512_set1_ps(*tile.rows.get_unchecked(r));
            let mut products = [
                _mm512_mul_ps(_mm512_cvtepi32_ps(sums[0]), _mm512_mul_ps(of_row, low)),
                _mm512_mul_ps(_mm512_cvtepi32_ps(sums[1]), _mm512_mul_ps(of_row, high)),
            ];
            if ONTO {
                products[0] = _mm512_add_ps(products[0], load(place, 0));
                products[1] = _mm512_add_ps(products[1], load(place, 1));
            }
            _mm512_storeu_ps(place.cast(), products[0]);
            _mm512_storeu_ps(place.cast::<f32>().add(16), products[1]);
        }
    }
}
