//! As many products of bytes as there can be, with nothing to read: the arithmetic peak that kernels are held against.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::hint::black_box;

/// Sums that do not wait for each other: more than an instruction takes cycles.
const SUMS: usize = 12;

/// Rounds of products; how many these were.
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::kernels) unsafe fn of_512(rounds: usize) -> usize {
    let (a, b) = (black_box(_mm512_set1_epi8(1)), black_box(_mm512_set1_epi8(1)));
    let mut sums = [_mm512_setzero_si512(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, b);
        }
    }
    black_box(sums);
    64 * SUMS * rounds
}

/// As above with AVX2, or half as wide where the processor has AVX-VNNI: its peak is then at least this.
///
/// # Safety
/// The processor has the instructions.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn of_256(rounds: usize) -> usize {
    let (b, ones) = (black_box(_mm256_set1_epi8(1)), black_box(_mm256_set1_epi16(1)));
    let mut sums = [_mm256_setzero_si256(); SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            // Of the sum, so that it is done each time.
            let pairs = _mm256_maddubs_epi16(*sum, b);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    black_box(sums);
    32 * SUMS * rounds
}
