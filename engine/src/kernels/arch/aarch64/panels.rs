//! Panels times rows with NEON: 16 products of bytes per instruction, or 32 where the processor multiplies matrices of
//! bytes (i8mm) and there are two rows to share them.
//!
//! A quarter of a line is a vector: four numbers of each of four columns. Numbers have seven bits at most, or are made
//! signed, so that all products are of signed bytes.
#![allow(unsafe_code)]

use std::arch::aarch64::*;
use std::array::from_fn;
use std::ops::Range;

use super::products::{dot, matrix};
use super::*;
use crate::kernels::activations::{Activations, tiles};
use crate::kernels::packed::{Line, PANEL, Tile};

entry!(times_dotprod, "neon,dotprod", false);
entry!(times_i8mm, "neon,dotprod,i8mm", true);

/// `PAIRED`: two rows at a time by products of matrices.
///
/// # Safety
/// See the module above.
#[inline(always)]
unsafe fn panels_of<const F: u8, const PAIRED: bool>(panels: &[Line], x: &Activations, out: Tile) {
    let panel_lines = const { format(F) }.panel_lines(x.n_blocks);
    for (i, panel) in panels.chunks_exact(panel_lines).enumerate() {
        for rows in tiles(x.n_rows()) {
            // Sums of four rows by 16 columns are half the registers.
            for r in (0..rows.len()).step_by(4) {
                // SAFETY: the same contract.
                unsafe {
                    let out = out.of(i, rows.start + r);
                    match rows.len() {
                        4 | 8 => tile_of::<F, PAIRED, 4>(panel, x, &rows, r, out),
                        2 => tile_of::<F, PAIRED, 2>(panel, x, &rows, r, out),
                        _ => tile_of::<F, false, 1>(panel, x, &rows, r, out),
                    }
                }
            }
        }
    }
}

/// `N` rows of a tile, from its row `r` on, times a panel, four columns after the other. The floats of a row and a column
/// are added up in the same order however products are made.
///
/// # Safety
/// See the module above.
#[inline(always)]
unsafe fn tile_of<const F: u8, const PAIRED: bool, const N: usize>(
    panel: &[Line],
    x: &Activations,
    rows: &Range<usize>,
    r: usize,
    out: Tile,
) {
    let format = const { format(F) };
    let panel = panel.as_ptr().cast::<u8>();
    // SAFETY: by contract.
    let mut sums = unsafe { [[vdupq_n_f32(0.0); N]; PANEL / 4] };
    for unit in 0..x.n_blocks {
        // SAFETY: the panel has `n_blocks` units, and the tile as many blocks of its rows.
        unsafe {
            let (group, lines) =
                (panel.add(64 * format.group_line(unit)), panel.add(64 * format.unit_line(unit)));
            let at = rows.start * x.n_blocks + unit * rows.len() + r;
            let numbers = read_numbers::<PAIRED, N>(x.planes.as_ptr().add(at).cast());
            let by: [float32x4_t; N] = from_fn(|r| vld1q_f32(x.factors.as_ptr().add(at + r).cast()));
            for (quarter, sums) in sums.iter_mut().enumerate() {
                let (scale, offset) = read_factors::<F>(group, unit % format.group(), quarter);
                let weights = read_quants::<F, PAIRED>(lines, quarter);
                if F == Q6K {
                    let products = products::<PAIRED, N>(&weights, &numbers, 0..1);
                    add::<F, 2, N>(sums, products, scale[0], offset[0], &by);
                    let products = self::products::<PAIRED, N>(&weights, &numbers, 1..2);
                    add::<F, 3, N>(sums, products, scale[1], offset[1], &by);
                } else {
                    let products = products::<PAIRED, N>(&weights, &numbers, 0..2);
                    add::<F, 1, N>(sums, products, scale[0], offset[0], &by);
                }
            }
        }
    }
    for r in 0..N {
        let mut row = [0f32; PANEL];
        for (to, sums) in row.as_chunks_mut::<4>().0.iter_mut().zip(&sums) {
            // SAFETY: four floats are written to an array of four.
            unsafe { vst1q_f32(to.as_mut_ptr(), sums[r]) };
        }
        // SAFETY: the tile has `N` rows of `width` columns, 16 at most.
        unsafe { out.at.add(r * out.stride).copy_from_nonoverlapping(row.as_ptr(), out.width.min(PANEL)) };
    }
}

/// The numbers of a block of `N` rows. Vector h of row r is its half h of the upper plane, and vector `2 + h` that of the
/// lower one. If paired, vector c of row `2 p` holds the numbers `8 c..8 c + 8` of the rows `2 p` and `2 p + 1` from the
/// upper plane, and that of row `2 p + 1` those from the lower one.
///
/// # Safety
/// There are `N` blocks at `planes`.
#[inline(always)]
unsafe fn read_numbers<const PAIRED: bool, const N: usize>(planes: *const i8) -> [[int8x16_t; 4]; N] {
    // SAFETY: by contract; a block has two planes of 32 numbers.
    unsafe {
        let mut numbers: [[int8x16_t; 4]; N] =
            from_fn(|r| from_fn(|i| vld1q_s8(planes.add(64 * r + 16 * i))));
        if PAIRED {
            for [a, b] in numbers.as_chunks_mut::<2>().0 {
                let eights = |i: usize| {
                    let (a, b) = (vreinterpretq_s64_s8(a[i]), vreinterpretq_s64_s8(b[i]));
                    (vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b)))
                };
                let parts: [_; 4] = from_fn(eights);
                *a = [parts[0].0, parts[0].1, parts[1].0, parts[1].1];
                *b = [parts[2].0, parts[2].1, parts[3].0, parts[3].1];
            }
        }
        numbers
    }
}

/// Sums of products of four columns with each row, over some halves of a unit: both planes together.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn products<const PAIRED: bool, const N: usize>(
    weights: &[int8x16_t; 8],
    numbers: &[[int8x16_t; 4]; N],
    halves: Range<usize>,
) -> [int32x4_t; N] {
    // SAFETY: by contract.
    unsafe {
        let mut sums = [vdupq_n_s32(0); N];
        add_plane::<PAIRED, 0, N>(&mut sums, weights, numbers, halves.clone());
        sums = sums.map(|sum| vshlq_n_s32::<7>(sum));
        add_plane::<PAIRED, 1, N>(&mut sums, weights, numbers, halves);
        if PAIRED {
            for [a, b] in sums.as_chunks_mut::<2>().0 {
                let (first, second) = (vreinterpretq_s64_s32(*a), vreinterpretq_s64_s32(*b));
                *a = vreinterpretq_s32_s64(vzip1q_s64(first, second));
                *b = vreinterpretq_s32_s64(vzip2q_s64(first, second));
            }
        }
        sums
    }
}

/// Adds products with one plane. If paired, sums `2 p` and `2 p + 1` are of two columns each, for the rows `2 p` and
/// `2 p + 1`.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn add_plane<const PAIRED: bool, const PLANE: usize, const N: usize>(
    sums: &mut [int32x4_t; N],
    weights: &[int8x16_t; 8],
    numbers: &[[int8x16_t; 4]; N],
    halves: Range<usize>,
) {
    for half in halves {
        let weights = &weights[4 * half..4 * half + 4];
        // SAFETY: by contract.
        unsafe {
            if PAIRED {
                for c in 0..2 {
                    for p in 0..N / 2 {
                        let numbers = numbers[2 * p + PLANE][2 * half + c];
                        sums[2 * p] = matrix(sums[2 * p], numbers, weights[2 * c]);
                        sums[2 * p + 1] = matrix(sums[2 * p + 1], numbers, weights[2 * c + 1]);
                    }
                }
            } else {
                for r in 0..N {
                    sums[r] = dot::<0>(sums[r], weights[0], numbers[r][2 * PLANE + half]);
                }
                for r in 0..N {
                    sums[r] = dot::<1>(sums[r], weights[1], numbers[r][2 * PLANE + half]);
                }
                for r in 0..N {
                    sums[r] = dot::<2>(sums[r], weights[2], numbers[r][2 * PLANE + half]);
                }
                for r in 0..N {
                    sums[r] = dot::<3>(sums[r], weights[3], numbers[r][2 * PLANE + half]);
                }
            }
        }
    }
}

/// Adds scaled products of four columns, and their offset times lane `SHARE` of what the rows are multiplied by.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn add<const F: u8, const SHARE: i32, const N: usize>(
    sums: &mut [float32x4_t; N],
    products: [int32x4_t; N],
    scale: float32x4_t,
    offset: float32x4_t,
    by: &[float32x4_t; N],
) {
    for r in 0..N {
        // SAFETY: by contract.
        unsafe {
            let factor = vmulq_laneq_f32::<0>(scale, by[r]);
            sums[r] = vfmaq_f32(sums[r], vcvtq_f32_s32(products[r]), factor);
            // Its numbers are signed.
            if F != Q8_0 {
                sums[r] = vfmaq_laneq_f32::<SHARE>(sums[r], offset, by[r]);
            }
        }
    }
}

/// Scales and offsets of the halves of a unit of a group, for four columns.
///
/// # Safety
/// The unit exists.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn read_factors<const F: u8>(
    group: *const u8,
    unit: usize,
    quarter: usize,
) -> ([float32x4_t; 2], [float32x4_t; 2]) {
    let format = const { format(F) };
    let halves = |at: usize| {
        // SAFETY: four of 16 half-precision numbers within the factors of the group, which starts a line.
        let bits = unsafe { vld1_u16(group.add(at + 8 * quarter).cast()) };
        vcvt_f32_f16(vreinterpret_f16_u16(bits))
    };
    let bytes = |at: usize| {
        // SAFETY: four of 16 bytes, as above; a quarter of them is aligned.
        let four = unsafe { group.add(at + 32 * unit + 4 * quarter).cast::<u32>().read() };
        vreinterpret_u8_u32(vdup_n_u32(four))
    };
    // Two units of these formats share a line.
    let scale = halves(if format.group() == 2 { 32 * unit } else { 0 });
    let shifted = |scale: float32x4_t| vmulq_n_f32(scale, f32::from(format.shift().unwrap_or(0)));
    match F {
        Q4_1 | Q5_1 => ([scale; 2], [halves(32); 2]),
        Q4K | Q5K => {
            let number = |at: usize| vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes(at)))));
            let minimum = vmulq_f32(halves(32), number(80));
            ([vmulq_f32(scale, number(64)); 2], [vnegq_f32(minimum); 2])
        }
        Q6K => {
            let signed = |at: usize| vmovl_s8(vreinterpret_s8_u8(bytes(at)));
            let number = |at: usize| vcvtq_f32_s32(vmovl_s16(vget_low_s16(signed(at))));
            let scales = [vmulq_f32(scale, number(32)), vmulq_f32(scale, number(48))];
            (scales, scales.map(shifted))
        }
        _ => ([scale; 2], [shifted(scale); 2]),
    }
}

/// Which byte of the fifth bits of two vectors, and which bit of that, belongs to each number of their vector `i`, for the
/// first quarter of a panel.
const fn fifth(paired: bool, i: usize) -> ([u8; 16], [u8; 16]) {
    let (mut bytes, mut bits) = ([0; 16], [0; 16]);
    let mut k = 0;
    while k < 16 {
        let (vector, column) = if paired { (k / 4 % 2, 2 * i + k / 8) } else { (i, k / 4) };
        let bit = 4 * column + k % 4;
        bytes[k] = (8 * vector + bit / 8) as u8;
        bits[k] = 1 << (bit % 8);
        k += 1;
    }
    (bytes, bits)
}

/// A quarter of the numbers of a unit whose lines start at `lines`: vector g has the numbers `4 g..4 g + 4` of four
/// columns. If paired, vector `2 c + i` has the numbers `8 c..8 c + 8` of the columns `2 i` and `2 i + 1`.
///
/// # Safety
/// The lines exist.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn read_quants<const F: u8, const PAIRED: bool>(lines: *const u8, quarter: usize) -> [int8x16_t; 8] {
    // SAFETY: by contract.
    let line = |i: usize| unsafe { vld1q_u8(lines.add(64 * i + 16 * quarter)) };
    let arrange = |a: uint8x16_t, b: uint8x16_t| {
        if PAIRED {
            let (a, b) = (vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b));
            [vreinterpretq_u8_u32(vzip1q_u32(a, b)), vreinterpretq_u8_u32(vzip2q_u32(a, b))]
        } else {
            [a, b]
        }
    };
    let mut vectors = [vdupq_n_u8(0); 8];
    if F == Q8_0 {
        for (c, vectors) in vectors.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            *vectors = arrange(line(2 * c), line(2 * c + 1)).map(|v| veorq_u8(v, vdupq_n_u8(128)));
        }
        return vectors.map(|v| vreinterpretq_s8_u8(v));
    }
    for c in 0..2 {
        for (i, packed) in arrange(line(2 * c), line(2 * c + 1)).into_iter().enumerate() {
            vectors[2 * c + i] = vandq_u8(packed, vdupq_n_u8(15));
            vectors[4 + 2 * c + i] = vshrq_n_u8::<4>(packed);
        }
    }
    match F {
        Q5_0 | Q5_1 | Q5K => {
            for (c, vectors) in vectors.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                // SAFETY: eight bytes for each vector in the fifth line.
                let fifths = unsafe { vld1q_u8(lines.add(256 + 16 * c)) };
                let places = const { [fifth(PAIRED, 0), fifth(PAIRED, 1)] };
                for (vector, (bytes, bits)) in vectors.iter_mut().zip(&places) {
                    // SAFETY: 16 bytes of arrays of 16.
                    let (bytes, bits) = unsafe { (vld1q_u8(bytes.as_ptr()), vld1q_u8(bits.as_ptr())) };
                    let bytes = vaddq_u8(bytes, vdupq_n_u8(2 * quarter as u8));
                    let set = vtstq_u8(vqtbl1q_u8(fifths, bytes), bits);
                    *vector = vbslq_u8(vdupq_n_u8(16), set, *vector);
                }
            }
        }
        Q6K => {
            for h in 0..2 {
                let bits = line(4 + h);
                let low = arrange(vshlq_n_u8::<4>(bits), vshlq_n_u8::<2>(bits));
                let high = arrange(bits, vshrq_n_u8::<2>(bits));
                for (vector, part) in vectors[4 * h..4 * h + 4].iter_mut().zip(low.into_iter().chain(high)) {
                    *vector = vbslq_u8(vdupq_n_u8(0x30), part, *vector);
                }
            }
        }
        _ => {}
    }
    vectors.map(|v| vreinterpretq_s8_u8(v))
}
