//! AVX-512 with VNNI: 64 products of an unsigned and a signed byte per instruction.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::*;
use crate::kernels::activations::{Activations, Factors, Planes, tiles};
use crate::kernels::packed::{Line, PANEL, Tile};

/// # Safety
/// See the module above.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn panels_times(format: Format, panels: &[Line], x: &Activations, out: Tile) {
    // SAFETY: the same contract.
    unsafe { for_format!(format, panels_of(panels, x, out)) }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn panels_of<const F: u8>(panels: &[Line], x: &Activations, out: Tile) {
    let panel_lines = const { format(F) }.panel_lines(x.n_blocks);
    // Runs of rows that stay in the second nearest cache while all panels go by.
    let run = (NEAR / (x.n_blocks * (size_of::<Planes>() + size_of::<Factors>())) / 8).max(1) * 8;
    for start in (0..x.n_rows()).step_by(run) {
        let n_rows = run.min(x.n_rows() - start);
        for (i, panel) in panels.chunks_exact(panel_lines).enumerate() {
            for rows in tiles(n_rows) {
                // SAFETY: the same contract.
                unsafe {
                    let first = start + rows.start;
                    let out = out.of(i, first);
                    match rows.len() {
                        8 => tile_of::<F, 8>(panel, x, first, out),
                        4 => tile_of::<F, 4>(panel, x, first, out),
                        2 => tile_of::<F, 2>(panel, x, first, out),
                        _ => tile_of::<F, 1>(panel, x, first, out),
                    }
                }
            }
        }
    }
}

/// Bytes of activations that fit the second nearest cache beside weights and results.
const NEAR: usize = 512 << 10;

/// A tile of `N` rows of activations times a panel. Loops over rows are innermost and short, so that the compiler
/// unrolls them and sums stay in registers: eight rows have 16 beside the eight vectors of weights.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile_of<const F: u8, const N: usize>(panel: &[Line], x: &Activations, first: usize, out: Tile) {
    let format = const { format(F) };
    let panel = panel.as_ptr().cast::<u8>();
    let mut sums = [_mm512_setzero_ps(); N];
    for unit in 0..x.n_blocks {
        // SAFETY: the panel has `n_blocks` units, and the tile as many blocks of `N` rows.
        unsafe {
            let (scales, offset) = read_factors::<F>(panel, unit);
            let lines = panel.add(64 * format.unit_line(unit));
            let weights = read_quants::<F>(lines);
            // The other tiles of rows find them in a cache.
            if first == 0 {
                ask_ahead::<F>(lines);
            }
            let at = first * x.n_blocks + unit * N;
            let planes = x.planes.as_ptr().add(at).cast::<i32>();
            let by = x.factors.as_ptr().add(at);
            let four = |r: usize, i: usize| _mm512_set1_epi32(planes.add(16 * r + i).read());
            // Weights of these formats are 128 too large, which the sum of the other numbers makes up for.
            let start = |r: usize, part: usize| match format.shift() {
                Some(_) => _mm512_set1_epi32((&raw const (*by.add(r)).minus[part]).read()),
                None => _mm512_setzero_si512(),
            };
            let products = |vectors: Range<usize>, part: usize| {
                let mut sums = [_mm512_setzero_si512(); N];
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = start(r, part);
                }
                if N <= 2 {
                    // So few sums that one after the other would wait for each other.
                    let mut lower = [_mm512_setzero_si512(); N];
                    for g in vectors {
                        for (r, (upper, lower)) in sums.iter_mut().zip(&mut lower).enumerate() {
                            *upper = _mm512_dpbusd_epi32(*upper, weights[g], four(r, g));
                            *lower = _mm512_dpbusd_epi32(*lower, weights[g], four(r, 8 + g));
                        }
                    }
                    for (upper, lower) in sums.iter_mut().zip(lower) {
                        *upper = _mm512_add_epi32(_mm512_slli_epi32::<7>(*upper), lower);
                    }
                    return sums;
                }
                for g in vectors.clone() {
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm512_dpbusd_epi32(*sum, weights[g], four(r, g));
                    }
                }
                for sum in &mut sums {
                    *sum = _mm512_slli_epi32::<7>(*sum);
                }
                for g in vectors {
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm512_dpbusd_epi32(*sum, weights[g], four(r, 8 + g));
                    }
                }
                sums
            };
            let mut add = |products: [__m512i; N], scale: __m512| {
                for r in 0..N {
                    let factor = _mm512_mul_ps(scale, _mm512_set1_ps((*by.add(r)).scale));
                    sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[r]), factor, sums[r]);
                }
            };
            if F == Q6K {
                add(products(0..4, 1), scales[0]);
                add(products(4..8, 2), scales[1]);
            } else {
                add(products(0..8, 0), scales[0]);
            }
            if format.shift().is_none() {
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_fmadd_ps(offset, _mm512_set1_ps((*by.add(r)).sum), *sum);
                }
            }
        }
    }
    let mask = if out.width >= PANEL { u16::MAX } else { (1 << out.width) - 1 };
    for (r, sum) in sums.into_iter().enumerate() {
        // SAFETY: the tile has `N` rows of `width` columns.
        unsafe { _mm512_mask_storeu_ps(out.at.add(r * out.stride), mask, sum) };
    }
}

/// Scales of the halves of a unit, and its offset where the format has one.
///
/// # Safety
/// The unit exists.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn read_factors<const F: u8>(panel: *const u8, unit: usize) -> ([__m512; 2], __m512) {
    let format = const { format(F) };
    let zero = _mm512_setzero_ps();
    // SAFETY: within the factors of the unit's group, which starts a line.
    unsafe {
        let (group, unit) = (panel.add(64 * format.group_line(unit)), unit % format.group());
        let halves = |at: usize| _mm512_cvtph_ps(_mm256_load_si256(group.add(at).cast()));
        let bytes = |at: usize| _mm_load_si128(group.add(at + 32 * unit).cast());
        // Two units of these formats share a line.
        let scale = halves(if format.group() == 2 { 32 * unit } else { 0 });
        match F {
            Q4_1 | Q5_1 => ([scale; 2], halves(32)),
            Q4K | Q5K => {
                let number = |at| _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes(at)));
                let minimum = _mm512_mul_ps(halves(32), number(80));
                ([_mm512_mul_ps(scale, number(64)); 2], _mm512_sub_ps(zero, minimum))
            }
            // Quants are read that many times as large.
            _ => {
                let shift = f32::from(format.shift().unwrap_or(-128));
                let scale = _mm512_mul_ps(scale, _mm512_set1_ps(shift / -128.0));
                if F != Q6K {
                    return ([scale; 2], zero);
                }
                let number = |at| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(at)));
                ([_mm512_mul_ps(scale, number(32)), _mm512_mul_ps(scale, number(48))], zero)
            }
        }
    }
}

/// The vectors of a unit whose lines start at `lines`; where the format has a shift, so many times as large that the
/// shift is 128.
///
/// # Safety
/// The lines exist and are aligned.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn read_quants<const F: u8>(lines: *const u8) -> [__m512i; 8] {
    // SAFETY: by contract.
    let line = |i: usize| unsafe { _mm512_load_si512(lines.add(64 * i).cast()) };
    let bits = |mask: u8| _mm512_set1_epi8(mask.cast_signed());
    let mut vectors = [_mm512_setzero_si512(); 8];
    for g in 0..4 {
        (vectors[g], vectors[g + 4]) = match F {
            Q8_0 => (line(g), line(g + 4)),
            Q4_0 => (and(_mm512_slli_epi16::<4>(line(g)), bits(0xf0)), and(line(g), bits(0xf0))),
            Q5_0 => (
                and(_mm512_slli_epi16::<3>(line(g)), bits(0x78)),
                and(_mm512_srli_epi16::<1>(line(g)), bits(0x78)),
            ),
            Q6K => (
                and(_mm512_slli_epi16::<2>(line(g)), bits(0x3c)),
                and(_mm512_srli_epi16::<2>(line(g)), bits(0x3c)),
            ),
            _ => (and(line(g), bits(0x0f)), and(_mm512_srli_epi16::<4>(line(g)), bits(0x0f))),
        };
    }
    match F {
        Q5_0 | Q5_1 | Q5K => {
            for (g, vector) in vectors.iter_mut().enumerate() {
                // SAFETY: eight masks in the fifth line.
                let fifth = unsafe { lines.add(256 + 8 * g).cast::<u64>().read() };
                *vector =
                    _mm512_mask_add_epi8(*vector, fifth, *vector, bits(if F == Q5_0 { 0x80 } else { 0x10 }));
            }
        }
        Q6K => {
            for h in 0..2 {
                let two = line(4 + h);
                let parts = [
                    _mm512_slli_epi16::<6>(two),
                    _mm512_slli_epi16::<4>(two),
                    _mm512_slli_epi16::<2>(two),
                    two,
                ];
                for (vector, part) in vectors[4 * h..4 * h + 4].iter_mut().zip(parts) {
                    *vector = _mm512_or_si512(*vector, and(part, bits(0xc0)));
                }
            }
        }
        _ => {}
    }
    vectors
}

#[inline]
#[target_feature(enable = "avx512f")]
fn and(a: __m512i, b: __m512i) -> __m512i {
    _mm512_and_si512(a, b)
}
