//! As many products of bytes as there can be, with nothing to read: the arithmetic peak that kernels are held against.
#![allow(unsafe_code)]

use std::arch::aarch64::*;
use std::hint::black_box;

use super::products::{dot, matrix};

/// Sums that do not wait for each other: more than an instruction takes cycles.
const SUMS: usize = 16;

/// Rounds of products added in fours; how many these were.
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::kernels) unsafe fn of_dotprod(rounds: usize) -> usize {
    let (a, b) = (black_box(vdupq_n_s8(1)), black_box(vdupq_n_s8(1)));
    let mut sums = [vdupq_n_s32(0); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = dot::<0>(*sum, a, b);
        }
    }
    black_box(sums);
    16 * SUMS * rounds
}

/// As above, added in eights.
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "neon,i8mm")]
pub(in crate::kernels) unsafe fn of_i8mm(rounds: usize) -> usize {
    let (a, b) = (black_box(vdupq_n_s8(1)), black_box(vdupq_n_s8(1)));
    let mut sums = [vdupq_n_s32(0); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = matrix(*sum, a, b);
        }
    }
    black_box(sums);
    32 * SUMS * rounds
}
