//! Tiles of float sums with fused multiply-add: 14 rows by 32 columns with AVX-512, 6 by 16 with AVX2.
//!
//! Both take two vectors of weights for each number of a row, so that more is multiplied than loaded, and as many rows
//! as registers hold.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::dense::Kind;
use crate::kernels::layers::{Begin, PANEL};
use crate::kernels::packed::Tile;

const F16: u8 = Kind::F16 as u8;
const BF16: u8 = Kind::BF16 as u8;

/// Calls `$tile::<kind, rows>` for the kind of weights and so many rows.
macro_rules! for_tile {
    ($kind:expr, $rows:expr, $tile:ident $args:tt, [$($n:literal)*]) => {
        match $kind {
            Kind::F32 => for_tile!(@ { Kind::F32 as u8 }, $rows, $tile $args, [$($n)*]),
            Kind::F16 => for_tile!(@ F16, $rows, $tile $args, [$($n)*]),
            Kind::BF16 => for_tile!(@ BF16, $rows, $tile $args, [$($n)*]),
        }
    };
    (@ $kind:tt, $rows:expr, $tile:ident $args:tt, [$($n:literal)*]) => {
        match $rows {
            $($n => $tile::<$kind, $n> $args,)*
            _ => unreachable!("a tile has fewer rows"),
        }
    };
}

/// `out = begin + x · weights` for up to 14 rows.
///
/// # Safety
/// The processor has the instructions; as `multiply_tile`, whose comparison of lengths was made.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
pub(in crate::kernels) unsafe fn tile_512(
    kind: Kind,
    n_rows: usize,
    x: &[f32],
    weights: &[u8],
    begin: Begin,
    out: Tile,
) {
    // SAFETY: the same contract.
    unsafe {
        for_tile!(kind, n_rows, of_512(x, weights, begin, out), [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
    }
}

/// # Safety
/// As [`tile_512`], of `R` rows.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
unsafe fn of_512<const KIND: u8, const R: usize>(x: &[f32], weights: &[u8], begin: Begin, out: Tile) {
    let mask = |columns: usize| if columns >= 16 { u16::MAX } else { (1 << columns) - 1 };
    let masks = [mask(out.width), mask(out.width.saturating_sub(16))];
    // The second half of a narrow tile has no columns, and its addresses are not used.
    let place = |r: usize, half: usize| out.at.wrapping_add(r * out.stride + 16 * half);
    let mut sums = [[_mm512_setzero_ps(); 2]; R];
    for half in 0..2 {
        let mut first = _mm512_setzero_ps();
        if !begin.bias.is_null() {
            // SAFETY: the bias has as many columns as the tile.
            first = unsafe { _mm512_maskz_loadu_ps(masks[half], begin.bias.wrapping_add(16 * half)) };
        }
        for (r, sums) in sums.iter_mut().enumerate() {
            sums[half] = first;
            if begin.onto {
                // SAFETY: a row and columns of the tile.
                let before = unsafe { _mm512_maskz_loadu_ps(masks[half], place(r, half)) };
                sums[half] = _mm512_add_ps(first, before);
            }
        }
    }
    let (mut x, mut w) = (x.as_chunks::<R>().0, weights.as_ptr());
    // SAFETY: as many steps of weights as of rows.
    let mut step = |x: &[f32; R]| unsafe {
        let (low, high) = (load_512::<KIND>(w, 0), load_512::<KIND>(w, 1));
        w = w.add(PANEL * size::<KIND>());
        for (x, sums) in x.iter().zip(&mut sums) {
            let x = _mm512_set1_ps(*x);
            sums[0] = _mm512_fmadd_ps(x, low, sums[0]);
            sums[1] = _mm512_fmadd_ps(x, high, sums[1]);
        }
    };
    while let Some((four, rest)) = x.split_first_chunk::<4>() {
        four.iter().for_each(&mut step);
        x = rest;
    }
    x.iter().for_each(&mut step);
    for (r, sums) in sums.iter().enumerate() {
        for half in 0..2 {
            // SAFETY: a row and columns of the tile.
            unsafe { _mm512_mask_storeu_ps(place(r, half), masks[half], sums[half]) };
        }
    }
}

/// Bytes of a number.
const fn size<const KIND: u8>() -> usize {
    if KIND == Kind::F32 as u8 { 4 } else { 2 }
}

/// Vector `i` of 16 weights.
///
/// # Safety
/// There are as many of this kind at `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
unsafe fn load_512<const KIND: u8>(at: *const u8, i: usize) -> __m512 {
    // SAFETY: by contract.
    unsafe {
        let at = at.add(16 * i * size::<KIND>());
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

/// `out = begin + x · weights` for up to 6 rows.
///
/// # Safety
/// As [`tile_512`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::kernels) unsafe fn tile_256(
    kind: Kind,
    n_rows: usize,
    x: &[f32],
    weights: &[u8],
    begin: Begin,
    out: Tile,
) {
    for half in 0..2 {
        let column = 16 * half;
        if column >= out.width {
            return;
        }
        // SAFETY: the same contract for a half of the columns.
        unsafe {
            let bias = if begin.bias.is_null() { begin.bias } else { begin.bias.add(column) };
            let begin = Begin { bias, ..begin };
            let width = (out.width - column).min(16);
            let out = Tile { at: out.at.add(column), stride: out.stride, width };
            let weights = weights.as_ptr().add(column * kind.bytes());
            for_tile!(kind, n_rows, of_256(x, weights, begin, out), [1 2 3 4 5 6]);
        }
    }
}

/// # Safety
/// As [`tile_256`], of `R` rows and at most 16 columns, whose weights begin at `w`.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn of_256<const KIND: u8, const R: usize>(x: &[f32], mut w: *const u8, begin: Begin, out: Tile) {
    // Whole vectors here; only the columns that there are come from memory and go to it.
    let mut room = [[0f32; 16]; R];
    for (r, room) in room.iter_mut().enumerate() {
        // SAFETY: the bias, and a row of the tile, have `width` columns.
        unsafe {
            if !begin.bias.is_null() {
                room.as_mut_ptr().copy_from_nonoverlapping(begin.bias, out.width);
            }
            if begin.onto {
                let before = std::slice::from_raw_parts(out.at.add(r * out.stride), out.width);
                room.iter_mut().zip(before).for_each(|(sum, before)| *sum += before);
            }
        }
    }
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    for (sums, room) in sums.iter_mut().zip(&room) {
        // SAFETY: two vectors of eight.
        *sums = unsafe { [_mm256_loadu_ps(room.as_ptr()), _mm256_loadu_ps(room.as_ptr().add(8))] };
    }
    for x in x.as_chunks::<R>().0 {
        // SAFETY: as many steps of weights as of rows.
        unsafe {
            let (low, high) = (load_256::<KIND>(w, 0), load_256::<KIND>(w, 1));
            w = w.wrapping_add(PANEL * size::<KIND>());
            for (x, sums) in x.iter().zip(&mut sums) {
                let x = _mm256_set1_ps(*x);
                sums[0] = _mm256_fmadd_ps(x, low, sums[0]);
                sums[1] = _mm256_fmadd_ps(x, high, sums[1]);
            }
        }
    }
    for (r, (sums, room)) in sums.iter().zip(&mut room).enumerate() {
        // SAFETY: two vectors of eight, then the columns that the row has.
        unsafe {
            _mm256_storeu_ps(room.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(room.as_mut_ptr().add(8), sums[1]);
            out.at.add(r * out.stride).copy_from_nonoverlapping(room.as_ptr(), out.width);
        }
    }
}

/// Vector `i` of 8 weights.
///
/// # Safety
/// There are as many of this kind at `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load_256<const KIND: u8>(at: *const u8, i: usize) -> __m256 {
    // SAFETY: by contract.
    unsafe {
        let at = at.add(8 * i * size::<KIND>());
        match KIND {
            F16 => _mm256_cvtph_ps(_mm_loadu_si128(at.cast())),
            BF16 => {
                let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast()));
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
            }
            _ => _mm256_loadu_ps(at.cast()),
        }
    }
}
