//! 32 products of an unsigned and a signed byte per instruction: of AVX2, added in pairs of 16 bits, or of VNNI, added
//! in fours of 32.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::*;
use crate::kernels::activations::{Activations, tiles};
use crate::kernels::packed::{Line, Tile};

/// How products of bytes are added in fours.
pub(super) const PAIRS: u8 = 0;
/// By one instruction of AVX-VNNI.
pub(super) const VNNI: u8 = 1;
/// By the same one as AVX-512 encodes it.
pub(super) const VNNI_512: u8 = 2;

entry!(panels_times, "avx2,fma,f16c", PAIRS);
entry!(panels_times_vnni, "avx2,fma,f16c,avxvnni", VNNI);
entry!(panels_times_vnni_512, "avx2,fma,f16c,avx512f,avx512vl,avx512vnni", VNNI_512);

/// # Safety
/// See the module above.
#[inline(always)]
unsafe fn panels_of<const F: u8, const D: u8>(panels: &[Line], x: &Activations, out: Tile) {
    let panel_lines = const { format(F) }.panel_lines(x.n_blocks);
    for (i, panel) in panels.chunks_exact(panel_lines).enumerate() {
        for rows in tiles(x.n_rows()) {
            // Sums of four rows fit the registers.
            for r in (0..rows.len()).step_by(4) {
                // SAFETY: the same contract.
                unsafe {
                    let out = out.of(i, rows.start + r);
                    match rows.len() {
                        4 | 8 => tile_of::<F, D, 4>(panel, x, &rows, r, out),
                        2 => tile_of::<F, D, 2>(panel, x, &rows, r, out),
                        _ => tile_of::<F, D, 1>(panel, x, &rows, r, out),
                    }
                }
            }
        }
    }
}

/// `N` rows of a tile, from its row `r` on, times a panel, eight of its 16 columns after the other.
///
/// # Safety
/// See the module above.
#[inline(always)]
unsafe fn tile_of<const F: u8, const D: u8, const N: usize>(
    panel: &[Line],
    x: &Activations,
    rows: &Range<usize>,
    r: usize,
    out: Tile,
) {
    let format = const { format(F) };
    let panel = panel.as_ptr().cast::<u8>();
    for side in 0..2 {
        // SAFETY: by contract.
        let mut sums = unsafe { [_mm256_setzero_ps(); N] };
        for unit in 0..x.n_blocks {
            // SAFETY: the panel has `n_blocks` units, and the tile as many blocks of its rows.
            unsafe {
                let (scale, offset) = read_factors::<F>(panel, unit, side);
                let lines = panel.add(64 * format.unit_line(unit));
                let weights = read_quants::<F>(lines, side);
                // The other side and the other tiles of rows find them in a cache.
                if side == 0 && rows.start + r == 0 {
                    ask_ahead::<F>(lines);
                }
                let at = rows.start * x.n_blocks + unit * rows.len() + r;
                let planes = x.planes.as_ptr().add(at).cast::<i32>();
                let by = x.factors.as_ptr().add(at);
                let four = |r: usize, i: usize| _mm256_set1_epi32(planes.add(16 * r + i).read());
                let products = |vectors: Range<usize>| {
                    let (mut upper, mut lower) = ([_mm256_setzero_si256(); N], [_mm256_setzero_si256(); N]);
                    for g in vectors {
                        for r in 0..N {
                            upper[r] = dot::<F, D>(upper[r], weights[g], four(r, g));
                            lower[r] = dot::<F, D>(lower[r], weights[g], four(r, 8 + g));
                        }
                    }
                    for r in 0..N {
                        upper[r] = _mm256_add_epi32(_mm256_slli_epi32::<7>(upper[r]), lower[r]);
                    }
                    upper
                };
                let mut add = |products: [__m256i; N], scale: __m256, offset: __m256, shares: [f32; N]| {
                    for r in 0..N {
                        let factor = _mm256_mul_ps(scale, _mm256_set1_ps((*by.add(r)).scale));
                        sums[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[r]), factor, sums[r]);
                        sums[r] = _mm256_fmadd_ps(offset, _mm256_set1_ps(shares[r]), sums[r]);
                    }
                };
                if F == Q6K {
                    let share = |half: usize| std::array::from_fn(|r| (*by.add(r)).halves[half]);
                    add(products(0..4), scale[0], offset[0], share(0));
                    add(products(4..8), scale[1], offset[1], share(1));
                } else {
                    add(products(0..8), scale[0], offset[0], std::array::from_fn(|r| (*by.add(r)).sum));
                }
            }
        }
        let width = out.width.saturating_sub(8 * side).min(8);
        for (r, sum) in sums.into_iter().enumerate() {
            let mut eight = [0f32; 8];
            // SAFETY: eight floats are written to an array of eight, then `width` of them into the
            // tile, which has `N` rows of `out.width` columns.
            unsafe {
                _mm256_storeu_ps(eight.as_mut_ptr(), sum);
                let to = out.at.add(r * out.stride + 8 * side * usize::from(width > 0));
                to.copy_from_nonoverlapping(eight.as_ptr(), width);
            }
        }
    }
}

/// Adds sums of four products. Two instructions of AVX2 add pairs up to 2¹⁵, which quants of at most six bits stay
/// below; eight-bit ones are signed here: their magnitude is the unsigned side and the sign moves to the activation,
/// which never is −128 and so can always be negated.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
pub(super) unsafe fn dot<const F: u8, const D: u8>(sum: __m256i, weights: __m256i, four: __m256i) -> __m256i {
    // SAFETY: by contract.
    unsafe {
        let (weights, four) = match F {
            Q8_0 => (_mm256_abs_epi8(weights), _mm256_sign_epi8(four, weights)),
            _ => (weights, four),
        };
        match D {
            VNNI => _mm256_dpbusd_avx_epi32(sum, weights, four),
            VNNI_512 => _mm256_dpbusd_epi32(sum, weights, four),
            _ => {
                let pairs = _mm256_maddubs_epi16(weights, four);
                _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
            }
        }
    }
}

/// Scales and offsets of the halves of a unit, for the rows of one side of the panel.
///
/// # Safety
/// The unit exists.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn read_factors<const F: u8>(
    panel: *const u8,
    unit: usize,
    side: usize,
) -> ([__m256; 2], [__m256; 2]) {
    let format = const { format(F) };
    // SAFETY: within the factors of the unit's group, which starts a line.
    unsafe {
        let (group, unit) = (panel.add(64 * format.group_line(unit)), unit % format.group());
        let halves = |at: usize| _mm256_cvtph_ps(_mm_load_si128(group.add(at + 16 * side).cast()));
        let bytes = |at: usize| _mm_loadl_epi64(group.add(at + 32 * unit + 8 * side).cast());
        // Two units of these formats share a line.
        let scale = halves(if format.group() == 2 { 32 * unit } else { 0 });
        let shifted =
            |scale: __m256| _mm256_mul_ps(scale, _mm256_set1_ps(f32::from(format.shift().unwrap_or(0))));
        match F {
            Q4_1 | Q5_1 => ([scale; 2], [halves(32); 2]),
            Q4K | Q5K => {
                let number = |at| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes(at)));
                let minimum = _mm256_mul_ps(halves(32), number(80));
                let offset = _mm256_sub_ps(_mm256_setzero_ps(), minimum);
                ([_mm256_mul_ps(scale, number(64)); 2], [offset; 2])
            }
            Q6K => {
                let number = |at| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes(at)));
                let scales = [_mm256_mul_ps(scale, number(32)), _mm256_mul_ps(scale, number(48))];
                (scales, scales.map(shifted))
            }
            // Signed here; see `dot`.
            Q8_0 => ([scale; 2], [_mm256_setzero_ps(); 2]),
            _ => ([scale; 2], [shifted(scale); 2]),
        }
    }
}

/// One side of the vectors of a unit whose lines start at `lines`.
///
/// # Safety
/// The lines exist and are aligned.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn read_quants<const F: u8>(lines: *const u8, side: usize) -> [__m256i; 8] {
    // SAFETY: by contract.
    let line = |i: usize| unsafe { _mm256_load_si256(lines.add(64 * i + 32 * side).cast()) };
    let mut vectors = [_mm256_setzero_si256(); 8];
    if F == Q8_0 {
        for (g, vector) in vectors.iter_mut().enumerate() {
            *vector = _mm256_xor_si256(line(g), _mm256_set1_epi8(-128));
        }
        return vectors;
    }
    for g in 0..4 {
        let low = _mm256_set1_epi8(15);
        vectors[g] = _mm256_and_si256(line(g), low);
        vectors[g + 4] = _mm256_and_si256(_mm256_srli_epi16::<4>(line(g)), low);
    }
    match F {
        Q5_0 | Q5_1 | Q5K => {
            for (g, vector) in vectors.iter_mut().enumerate() {
                // SAFETY: eight masks of 64 bits in the fifth line, of which this side's are 32.
                let fifth = unsafe { lines.add(256 + 8 * g + 4 * side).cast::<i32>().read() };
                *vector = _mm256_or_si256(*vector, spread(fifth));
            }
        }
        Q6K => {
            for h in 0..2 {
                let (bits, high) = (line(4 + h), _mm256_set1_epi8(0x30));
                let parts = [
                    _mm256_slli_epi16::<4>(bits),
                    _mm256_slli_epi16::<2>(bits),
                    bits,
                    _mm256_srli_epi16::<2>(bits),
                ];
                for (vector, part) in vectors[4 * h..4 * h + 4].iter_mut().zip(parts) {
                    *vector = _mm256_or_si256(*vector, _mm256_and_si256(part, high));
                }
            }
        }
        _ => {}
    }
    vectors
}

/// 16 in each byte whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn spread(bits: i32) -> __m256i {
    // Byte i gets the byte of the bits that bit i stands in, of which it keeps that bit.
    let byte = _mm256_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
    );
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let kept = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte), bit);
    _mm256_and_si256(_mm256_cmpeq_epi8(kept, bit), _mm256_set1_epi8(16))
}
