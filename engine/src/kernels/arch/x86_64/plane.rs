//! Tiles of products of bytes, summed in floats block by block: 7 rows by 32 columns with AVX-512, 4 by 8 with AVX2.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::avx2::{PAIRS, VNNI, VNNI_512, dot};
use super::*;
use crate::kernels::layers::Begin;
use crate::kernels::packed::{Line, PANEL, Tile};
use crate::kernels::plane::PlaneTile;

/// Calls `$tile::<rows, $more>` for so many rows.
macro_rules! for_rows {
    ($rows:expr, $tile:ident :: <$more:ident> $args:tt, [$($n:literal)*]) => {
        match $rows {
            $($n => $tile::<$n, $more> $args,)*
            _ => unreachable!("a tile has fewer rows"),
        }
    };
}

/// `out = begin + x · panels` for up to 7 rows and one panel or two.
///
/// # Safety
/// The processor has the instructions; `panels` are whole ones of the blocks of `x`, which has `n_rows` rows; `out` and
/// the bias of `begin`, if any, have a place for each row and column.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn tile_512(
    panels: &[Line],
    x: PlaneTile,
    n_rows: usize,
    begin: Begin,
    out: Tile,
) {
    const ONE: usize = 1;
    const TWO: usize = 2;
    let panel_lines = Format::Q8_0.panel_lines(x.factors.len() / n_rows);
    // SAFETY: the same contract.
    unsafe {
        match panels.len() > panel_lines {
            true => for_rows!(n_rows, of_512::<TWO>(panels, x, begin, out), [1 2 3 4 5 6 7]),
            false => for_rows!(n_rows, of_512::<ONE>(panels, x, begin, out), [1 2 3 4 5 6 7]),
        }
    }
}

/// # Safety
/// As [`tile_512`], of `R` rows and `H` panels.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn of_512<const R: usize, const H: usize>(panels: &[Line], x: PlaneTile, begin: Begin, out: Tile) {
    let n_blocks = x.factors.len() / R;
    let panel_bytes = 64 * Format::Q8_0.panel_lines(n_blocks);
    let panels = panels.as_ptr().cast::<u8>();
    let place = |r: usize, half: usize| out.at.wrapping_add(r * out.stride + PANEL * half);
    let mask = |half: usize| match out.width.saturating_sub(PANEL * half) {
        columns if columns >= PANEL => u16::MAX,
        columns => (1 << columns) - 1,
    };
    let mut sums = [[_mm512_setzero_ps(); H]; R];
    for half in 0..H {
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the bias has the columns of the tile, and there is this row of it.
            unsafe {
                if !begin.bias.is_null() {
                    let bias = begin.bias.wrapping_add(PANEL * half);
                    sums[half] = _mm512_maskz_loadu_ps(mask(half), bias);
                }
                if begin.onto {
                    let before = _mm512_maskz_loadu_ps(mask(half), place(r, half));
                    sums[half] = _mm512_add_ps(sums[half], before);
                }
            }
        }
    }
    let (factors, fours) = (x.factors.as_chunks::<R>().0, x.fours.as_chunks::<R>().0.as_chunks::<8>().0);
    for (b, (factors, fours)) in factors.iter().zip(fours).enumerate() {
        let scale_at = 64 * Format::Q8_0.group_line(b) + 32 * (b % Format::Q8_0.group());
        let line_at = 64 * Format::Q8_0.unit_line(b);
        let mut products = [[_mm512_setzero_si512(); H]; R];
        for r in 0..R {
            products[r] = [_mm512_set1_epi32(factors[r].shift); H];
        }
        // Loops over rows are innermost and short, so that the compiler unrolls them and sums stay in registers.
        for (g, fours) in fours.iter().enumerate() {
            // SAFETY: the panels have these lines.
            let weights: [__m512i; H] = std::array::from_fn(|half| unsafe {
                _mm512_load_si512(panels.add(half * panel_bytes + line_at + 64 * g).cast())
            });
            for r in 0..R {
                let four = _mm512_set1_epi32(i32::from_le_bytes(fours[r].map(i8::cast_unsigned)));
                for half in 0..H {
                    products[r][half] = _mm512_dpbusd_epi32(products[r][half], weights[half], four);
                }
            }
        }
        // SAFETY: the panels have these scales.
        let scales: [__m512; H] = std::array::from_fn(|half| unsafe {
            _mm512_cvtph_ps(_mm256_loadu_si256(panels.add(half * panel_bytes + scale_at).cast()))
        });
        for r in 0..R {
            let of_row = _mm512_set1_ps(factors[r].scale);
            for half in 0..H {
                let scale = _mm512_mul_ps(scales[half], of_row);
                sums[r][half] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[r][half]), scale, sums[r][half]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (half, sums) in sums.iter().enumerate() {
            // SAFETY: a row and columns of the tile.
            unsafe { _mm512_mask_storeu_ps(place(r, half), mask(half), *sums) };
        }
    }
}

/// Makes the entry of a way to add products of bytes in fours.
macro_rules! entry {
    ($name:ident, $features:literal, $dot:ident) => {
        /// `out = begin + x · panels` for up to 4 rows.
        ///
        /// # Safety
        /// As [`tile_512`].
        #[target_feature(enable = $features)]
        pub(in crate::kernels) unsafe fn $name(
            panels: &[Line],
            x: PlaneTile,
            n_rows: usize,
            begin: Begin,
            out: Tile,
        ) {
            // SAFETY: the same contract.
            unsafe { for_rows!(n_rows, of_256::<$dot>(panels, x, begin, out), [1 2 3 4]) }
        }
    };
}

entry!(tile_avx2, "avx2,fma,f16c", PAIRS);
entry!(tile_vnni, "avx2,fma,f16c,avxvnni", VNNI);
entry!(tile_vnni_512, "avx2,fma,f16c,avx512f,avx512vl,avx512vnni", VNNI_512);

/// # Safety
/// As [`tile_512`], of `R` rows.
#[inline(always)]
unsafe fn of_256<const R: usize, const D: u8>(panels: &[Line], x: PlaneTile, begin: Begin, out: Tile) {
    let n_blocks = x.factors.len() / R;
    let (factors, fours) = (x.factors.as_chunks::<R>().0, x.fours.as_chunks::<R>().0.as_chunks::<8>().0);
    for (i, panel) in panels.chunks_exact(Format::Q8_0.panel_lines(n_blocks)).enumerate() {
        for side in 0..2 {
            let column = PANEL * i + 8 * side;
            if column >= out.width {
                continue;
            }
            let panel = panel.as_ptr().cast::<u8>();
            // SAFETY: the panel has the lines and scales of its blocks.
            let sums = unsafe {
                let mut sums = [_mm256_setzero_ps(); R];
                for (b, (factors, fours)) in factors.iter().zip(fours).enumerate() {
                    let scale_at =
                        64 * Format::Q8_0.group_line(b) + 32 * (b % Format::Q8_0.group()) + 16 * side;
                    let lines = panel.add(64 * Format::Q8_0.unit_line(b) + 32 * side);
                    let mut products = [_mm256_setzero_si256(); R];
                    for (g, fours) in fours.iter().enumerate() {
                        // Signed here, so that nothing is to be shifted; see `dot`.
                        let line = _mm256_load_si256(lines.add(64 * g).cast());
                        let weights = _mm256_xor_si256(line, _mm256_set1_epi8(-128));
                        for (four, product) in fours.iter().zip(&mut products) {
                            let four = _mm256_set1_epi32(i32::from_le_bytes(four.map(i8::cast_unsigned)));
                            *product = dot::<Q8_0, D>(*product, weights, four);
                        }
                    }
                    let scale = _mm256_cvtph_ps(_mm_loadu_si128(panel.add(scale_at).cast()));
                    for ((sum, product), factor) in sums.iter_mut().zip(&products).zip(factors) {
                        let scale = _mm256_mul_ps(scale, _mm256_set1_ps(factor.scale));
                        *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(*product), scale, *sum);
                    }
                }
                sums
            };
            let width = 8.min(out.width - column);
            for (r, sum) in sums.into_iter().enumerate() {
                let mut eight = [0f32; 8];
                // SAFETY: eight floats; a row of the tile, and the bias, have `width` columns from this one on.
                unsafe {
                    _mm256_storeu_ps(eight.as_mut_ptr(), sum);
                    let place = std::slice::from_raw_parts_mut(out.at.add(r * out.stride + column), width);
                    for (c, (place, sum)) in place.iter_mut().zip(eight).enumerate() {
                        let bias = if begin.bias.is_null() { 0.0 } else { *begin.bias.add(column + c) };
                        *place = if begin.onto { *place + bias + sum } else { bias + sum };
                    }
                }
            }
        }
    }
}
