//! Rows of block-quantised weights times rows of activations.
//!
//! Blocks hold 32 numbers. Weights are Q4_1 (f16 scale d, f16 minimum m, 32 four-bit q: `d q + m`)
//! or Q8_0 (f16 scale d, 32 eight-bit q: `d q`), as ggml lays them out (`ggml-common.h`,
//! `block_q4_1`, `block_q8_0`). Activations are quantised to 8 bits per block first, as ggml's
//! reference does (`quantize_row_q8_1_ref`), so one product of blocks is an integer sum and one or
//! two float factors. Integer sums stay below 2¹⁹ and are exact; factors are added up in f32.

use half::f16;

use super::{Isa, Kind};

/// Numbers per block.
pub const BLOCK: usize = 32;

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 20 bytes per block.
    Q4_1,
    /// 34 bytes per block.
    Q8_0,
}

impl Format {
    /// Bytes per block.
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }
}

/// Rows of activations in 8 bits.
pub struct Activations {
    /// Blocks per row.
    pub(super) n_blocks: usize,
    /// `[n_rows, n_blocks]`
    pub(super) scales: Vec<f32>,
    /// Scale times the sum of the block's quants, `[n_rows, n_blocks]`.
    pub(super) sums: Vec<f32>,
    /// `[n_rows, n_blocks, 32]`
    pub(super) quants: Vec<i8>,
}

impl Activations {
    /// Quantises `x`, `[n_rows, n]` with `n` a multiple of 32: the largest magnitude of a block becomes 127.
    pub fn quantize(x: &[f32], n: usize) -> Self {
        debug_assert!(n.is_multiple_of(BLOCK) && x.len().is_multiple_of(n));
        let blocks = x.len() / BLOCK;
        let mut this = Self {
            n_blocks: n / BLOCK,
            scales: Vec::with_capacity(blocks),
            sums: Vec::with_capacity(blocks),
            quants: Vec::with_capacity(x.len()),
        };
        for block in x.chunks_exact(BLOCK) {
            let largest = block.iter().fold(0f32, |largest, v| largest.max(v.abs()));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let mut sum = 0i32;
            for v in block {
                // Adding and subtracting 1.5 · 2²³ rounds to the nearest whole number, ties to even.
                let q = (v * inverse + 12_582_912.0) - 12_582_912.0;
                let q = q as i8;
                sum += i32::from(q);
                this.quants.push(q);
            }
            this.scales.push(scale);
            this.sums.push(scale * sum as f32);
        }
        this
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.scales.len() / self.n_blocks
    }
}

/// One row of weights times every row of `x`.
///
/// # Shapes
/// - `row`: `x.n_blocks` blocks of `format`
/// - `out`: `[x.n_rows()]`
pub fn dot_rows(isa: Isa, format: Format, row: &[u8], x: &Activations, out: &mut [f32]) {
    assert_eq!(
        row.len(),
        x.n_blocks * format.block_bytes(),
        "a row of weights has the width of the activations"
    );
    assert_eq!(out.len(), x.n_rows());
    match (isa.0, format) {
        (Kind::Portable, _) => dot_rows_portable(format, row, x, out),
        // SAFETY: `Isa::all` makes these kinds only after it found the instructions, and the sizes
        // that the kernels rely on were checked above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        (Kind::Avx2, Format::Q4_1) => unsafe { super::arch::x86_64::dot_rows_q4_1_avx2(row, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        (Kind::Avx512Vnni, Format::Q4_1) => unsafe { super::arch::x86_64::dot_rows_q4_1_vnni(row, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        (Kind::Avx2 | Kind::Avx512Vnni, Format::Q8_0) => unsafe {
            super::arch::x86_64::dot_rows_q8_0_avx2(row, x, out);
        },
    }
}

fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

fn dot_rows_portable(format: Format, row: &[u8], x: &Activations, out: &mut [f32]) {
    let mut weights = [0i32; BLOCK];
    out.fill(0.0);
    for (b, block) in row.chunks_exact(format.block_bytes()).enumerate() {
        let (scale, minimum) = match format {
            Format::Q4_1 => {
                for (i, byte) in block[4..].iter().enumerate() {
                    weights[i] = i32::from(byte & 15);
                    weights[i + 16] = i32::from(byte >> 4);
                }
                (half_at(block, 0), half_at(block, 2))
            }
            Format::Q8_0 => {
                for (weight, byte) in weights.iter_mut().zip(&block[2..]) {
                    *weight = i32::from(byte.cast_signed());
                }
                (half_at(block, 0), 0.0)
            }
        };
        for (r, out) in out.iter_mut().enumerate() {
            let at = r * x.n_blocks + b;
            let quants = &x.quants[at * BLOCK..(at + 1) * BLOCK];
            let sum: i32 = weights.iter().zip(quants).map(|(w, q)| w * i32::from(*q)).sum();
            *out += scale * x.scales[at] * sum as f32 + minimum * x.sums[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seeded(u64);

    impl Seeded {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            self.0 >> 33
        }

        fn float(&mut self) -> f32 {
            self.next() as f32 / (1u64 << 31) as f32 - 0.5
        }
    }

    fn random_row(format: Format, n_blocks: usize, seed: &mut Seeded) -> Vec<u8> {
        let mut row = Vec::new();
        for _ in 0..n_blocks {
            row.extend(f16::from_f32(seed.float()).to_le_bytes());
            if format == Format::Q4_1 {
                row.extend(f16::from_f32(seed.float()).to_le_bytes());
            }
            let quants = format.block_bytes() - if format == Format::Q4_1 { 4 } else { 2 };
            row.extend((0..quants).map(|_| seed.next() as u8));
        }
        row
    }

    /// Slow and obvious: every weight unpacked, everything added up in f64.
    fn reference(format: Format, row: &[u8], x: &Activations, r: usize) -> f64 {
        let mut sum = 0.0;
        for (b, block) in row.chunks_exact(format.block_bytes()).enumerate() {
            let at = r * x.n_blocks + b;
            for i in 0..BLOCK {
                let weight = match format {
                    Format::Q4_1 => {
                        let byte = block[4 + i % 16];
                        let q = if i < 16 { byte & 15 } else { byte >> 4 };
                        f64::from(half_at(block, 0)) * f64::from(q) + f64::from(half_at(block, 2))
                    }
                    Format::Q8_0 => f64::from(half_at(block, 0)) * f64::from(block[2 + i].cast_signed()),
                };
                sum += weight * f64::from(x.scales[at]) * f64::from(x.quants[at * BLOCK + i]);
            }
        }
        sum
    }

    #[test]
    fn every_kernel_equals_the_reference_around_every_tile_edge() {
        let mut seed = Seeded(1);
        for format in [Format::Q4_1, Format::Q8_0] {
            for n_blocks in [1, 2, 3, 18] {
                for n_rows in [1, 2, 3, 4, 5, 7, 8, 9] {
                    let x: Vec<f32> = (0..n_rows * n_blocks * BLOCK).map(|_| 4.0 * seed.float()).collect();
                    let x = Activations::quantize(&x, n_blocks * BLOCK);
                    let row = random_row(format, n_blocks, &mut seed);
                    for isa in Isa::all() {
                        let mut out = vec![f32::NAN; n_rows];
                        dot_rows(isa, format, &row, &x, &mut out);
                        for (r, got) in out.iter().enumerate() {
                            let want = reference(format, &row, &x, r);
                            let size = 0.5 * f64::from(127u8) * (n_blocks * BLOCK) as f64;
                            assert!(
                                (f64::from(*got) - want).abs() < 1e-5 * size,
                                "{isa:?} {format:?} {n_blocks} blocks, row {r} of {n_rows}: {got} and {want}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        // All weights −128 or 15, all activations at the end of their range.
        for (format, byte) in [(Format::Q4_1, 0xFF), (Format::Q8_0, 0x80)] {
            let mut row = f16::ONE.to_le_bytes().to_vec();
            row.resize(format.block_bytes(), byte);
            if format == Format::Q4_1 {
                row[2..4].copy_from_slice(&[0, 0]);
            }
            let x = Activations::quantize(&[-1.0; BLOCK], BLOCK);
            let want = reference(format, &row, &x, 0);
            for isa in Isa::all() {
                let mut out = [0.0];
                dot_rows(isa, format, &row, &x, &mut out);
                assert!((f64::from(out[0]) - want).abs() < 1e-2, "{isa:?} {format:?}: {} and {want}", out[0]);
            }
        }
    }

    #[test]
    fn quantising_keeps_numbers_within_half_a_step() {
        let x: Vec<f32> = (0..64).map(|i| (i as f32 * 0.7).sin()).collect();
        let q = Activations::quantize(&x, 32);
        for (i, v) in x.iter().enumerate() {
            let scale = q.scales[i / BLOCK];
            assert!((v - scale * f32::from(q.quants[i])).abs() <= 0.5001 * scale);
        }
        assert_eq!(Activations::quantize(&[0.0; 32], 32).scales, [0.0]);
    }
}
