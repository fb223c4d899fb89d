//! Instructions that multiply bytes and add the products. Rust 1.95 has no stable intrinsics for them (the library
//! features `stdarch_neon_dotprod` and `stdarch_neon_i8mm`), so they are written as assembly.
#![allow(unsafe_code)]

use std::arch::aarch64::*;
use std::arch::asm;

/// Adds to lane i the sum of the products of the numbers `4 i..4 i + 4` of `a` and `4 LANE..4 LANE + 4` of `b`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
pub(super) fn dot<const LANE: usize>(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction is enabled and touches these registers only.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            sums = inlateout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Adds `a bᵀ` to `[2, 2]` sums, for `a` and `b` of `[2, 8]`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
pub(super) fn matrix(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: as above.
    unsafe {
        asm!(
            "smmla {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inlateout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}
