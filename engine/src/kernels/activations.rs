//! Rows of activations in 8 bits, block by block.

use rayon::prelude::*;

/// Numbers per block.
pub const BLOCK: usize = 32;

/// Rows of activations, quantised to 8 bits per block as ggml's reference does
/// (`quantize_row_q8_1_ref`): the largest magnitude of a block becomes 127.
pub struct Activations {
    /// Blocks per row.
    pub(super) n_blocks: usize,
    /// `[n_rows, n_blocks]`
    pub(super) scales: Vec<f32>,
    /// Scale times the sum of the block's quants, `[n_rows, n_blocks]`.
    pub(super) sums: Vec<f32>,
    /// `[n_rows, n_blocks, 32]`, never −128
    pub(super) quants: Vec<[i8; BLOCK]>,
}

impl Activations {
    /// Quantises `x`, `[n_rows, n_in]`.
    ///
    /// # Panics
    /// When `n_in` is no multiple of 32 or `x` has no whole rows (a bug of the caller).
    pub fn quantize(x: &[f32], n_in: usize) -> Self {
        assert!(n_in.is_multiple_of(BLOCK) && x.len().is_multiple_of(n_in));
        let blocks = x.as_chunks::<BLOCK>().0;
        let mut this = Self {
            n_blocks: n_in / BLOCK,
            scales: vec![0.0; blocks.len()],
            sums: vec![0.0; blocks.len()],
            quants: vec![[0; BLOCK]; blocks.len()],
        };
        /// Blocks worth a task: some ten microseconds.
        const TASK: usize = 512;
        let tasks = blocks.par_chunks(TASK).zip(this.quants.par_chunks_mut(TASK));
        tasks
            .zip(this.scales.par_chunks_mut(TASK).zip(this.sums.par_chunks_mut(TASK)))
            .for_each(|((x, quants), (scales, sums))| quantize_blocks(x, quants, scales, sums));
        this
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.scales.len() / self.n_blocks
    }
}

fn quantize_blocks(x: &[[f32; BLOCK]], quants: &mut [[i8; BLOCK]], scales: &mut [f32], sums: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn wide(x: &[[f32; BLOCK]], quants: &mut [[i8; BLOCK]], scales: &mut [f32], sums: &mut [f32]) {
            quantize_body(x, quants, scales, sums);
        }
        // SAFETY: the processor has the instructions.
        #[allow(unsafe_code)]
        return unsafe { wide(x, quants, scales, sums) };
    }
    quantize_body(x, quants, scales, sums);
}

/// No branches and no order of addition that matters, so that the compiler computes side by side.
#[inline(always)]
fn quantize_body(x: &[[f32; BLOCK]], quants: &mut [[i8; BLOCK]], scales: &mut [f32], sums: &mut [f32]) {
    for (((x, quants), scale), sum) in x.iter().zip(quants).zip(scales).zip(sums) {
        let mut largest = [0f32; 8];
        for part in x.as_chunks::<8>().0 {
            for (largest, v) in largest.iter_mut().zip(part) {
                *largest = if v.abs() > *largest { v.abs() } else { *largest };
            }
        }
        *scale = largest.iter().fold(0f32, |a, b| a.max(*b)) / 127.0;
        let inverse = if *scale > 0.0 { 1.0 / *scale } else { 0.0 };
        let mut total = [0i32; 8];
        for (quants, x) in quants.as_chunks_mut::<8>().0.iter_mut().zip(x.as_chunks::<8>().0) {
            for i in 0..8 {
                /// Adding 1.5 · 2²³ leaves the nearest whole number, ties to even, in the low bits.
                const ROUND: f32 = 12_582_912.0;
                let q = (x[i] * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
                total[i] += q;
                quants[i] = q as i8;
            }
        }
        *sum = *scale * total.iter().sum::<i32>() as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_keeps_numbers_within_half_a_step() {
        let x: Vec<f32> = (0..64 * 40).map(|i| (i as f32 * 0.7).sin() * (i / 64) as f32).collect();
        let q = Activations::quantize(&x, 64);
        assert_eq!(q.n_rows(), 40);
        for (i, v) in x.iter().enumerate() {
            let scale = q.scales[i / BLOCK];
            assert!((v - scale * f32::from(q.quants[i / BLOCK][i % BLOCK])).abs() <= 0.5001 * scale);
        }
        for (block, sum) in q.sums.iter().enumerate() {
            let want: i32 = q.quants[block].iter().map(|q| i32::from(*q)).sum();
            assert!((sum - q.scales[block] * want as f32).abs() < 1e-3);
        }
        assert_eq!(Activations::quantize(&[0.0; 32], 32).scales, [0.0]);
    }
}
