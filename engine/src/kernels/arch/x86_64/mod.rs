//! The contract of products with panels: the processor has the named features, panels have `x.n_blocks` units, and `out` has a
//! place for each panel and each row of `x`, or for the panel and the rows of the tile that it is called with.

pub(in crate::kernels) mod avx2;
pub(in crate::kernels) mod dense;
pub(in crate::kernels) mod floats;
pub(in crate::kernels) mod levels;
pub(in crate::kernels) mod pairs;
pub(in crate::kernels) mod plane;
pub(in crate::kernels) mod probe;
pub(in crate::kernels) mod product;
pub(in crate::kernels) mod quantize;
pub(in crate::kernels) mod vnni;

use super::formats::*;
use crate::kernels::packed::Format;

/// Asks for weights that are multiplied soon: those of a unit, whose quants start at `lines`, and the factors before it, so
/// many lines further on. No processor looks as far ahead by itself while it multiplies several rows, and some do not even
/// with one: they look no further than the end of a page.
#[inline(always)]
fn ask_ahead<const F: u8>(lines: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    /// Lines.
    const AHEAD: usize = 64;
    for line in 0..const { format(F).quant_lines() + 1 } {
        // SAFETY: every processor of this family has the instruction, which takes any address.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(lines.wrapping_add(64 * (AHEAD + line)).cast());
        }
    }
}
