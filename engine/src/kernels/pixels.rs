//! Lines of bytes weighed against each other, as resizing a picture does.

/// Bytes that are summed at a time: their sums stay in registers.
const RUN: usize = 64;

/// Rows that [`weigh_taps`] takes side by side.
pub const LANES: usize = 16;

#[inline(always)]
fn weigh_lines_body(lines: &[u8], weights: &[i32], bits: u32, out: &mut [u8]) {
    let (width, half) = (out.len(), if bits == 0 { 0 } else { 1 << (bits - 1) });
    let byte = |sum: i32| (sum >> bits).clamp(0, 255) as u8;
    let (whole, rest) = out.as_chunks_mut::<RUN>();
    for (i, out) in whole.iter_mut().enumerate() {
        let mut sums = [half; RUN];
        for (line, weight) in lines.chunks_exact(width).zip(weights) {
            for (sum, byte) in sums.iter_mut().zip(&line[RUN * i..RUN * i + RUN]) {
                *sum += weight * i32::from(*byte);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = byte(sum);
        }
    }
    let first = width - rest.len();
    for (c, out) in rest.iter_mut().enumerate() {
        let column =
            lines.chunks_exact(width).zip(weights).map(|(line, weight)| weight * i32::from(line[first + c]));
        *out = byte(half + column.sum::<i32>());
    }
}

#[inline(always)]
fn weigh_taps_body(taps: &[[u8; 3 * LANES]], weights: &[i32], bits: u32, out: &mut [u8; 3 * LANES]) {
    let half = if bits == 0 { 0 } else { 1 << (bits - 1) };
    let mut sums = [half; 3 * LANES];
    for (tap, weight) in taps.iter().zip(weights) {
        for (sum, byte) in sums.iter_mut().zip(tap) {
            *sum += weight * i32::from(*byte);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = (sum >> bits).clamp(0, 255) as u8;
    }
}

for_each_isa!(
    /// `out = Σ weights[i] · lines[i] / 2^bits`, rounded and kept within a byte; line i begins at `i · out.len()`, and
    /// there are as many as weights. Sums fit an i32.
    pub weigh_lines, weigh_lines_body, (lines: &[u8], weights: &[i32], bits: u32, out: &mut [u8])
);

for_each_isa!(
    /// The same of pixels of 16 rows side by side: `out = Σ weights[i] · taps[i] / 2^bits`.
    pub weigh_taps, weigh_taps_body, (taps: &[[u8; 48]], weights: &[i32], bits: u32, out: &mut [u8; 48])
);

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;
    use crate::random::next_bits;

    fn bytes(n: usize, seed: &mut u64) -> Vec<u8> {
        (0..n).map(|_| next_bits(seed) as u8).collect()
    }

    /// Of both signs, as those of a cubic filter are, and 1 in all: sums leave a byte at either end.
    fn weights(n: usize, bits: u32, seed: &mut u64) -> Vec<i32> {
        let one = 1i32 << bits;
        let mut weights: Vec<i32> =
            (0..n).map(|_| (next_bits(seed) % (2 * one as u64 + 1)) as i32 - one).collect();
        weights[0] += one - weights.iter().sum::<i32>();
        weights
    }

    /// Slow and obvious: rounded to the nearest, halves up, and kept within a byte.
    fn weighed(bytes: impl Iterator<Item = u8>, weights: &[i32], bits: u32) -> u8 {
        let sum: i64 = bytes.zip(weights).map(|(byte, weight)| i64::from(byte) * i64::from(*weight)).sum();
        let rounded = (sum as f64 / f64::from(1u32 << bits) + 0.5).floor();
        rounded.clamp(0.0, 255.0) as u8
    }

    #[test]
    fn lines_equal_the_slow_sum_around_every_run() {
        let mut seed = 1;
        for width in [1, 2, 63, 64, 65, 127, 128, 129, 200] {
            for n_lines in [1, 2, 3, 7] {
                for bits in [0, 1, 8, 14] {
                    let lines = bytes(n_lines * width, &mut seed);
                    let weights = weights(n_lines, bits, &mut seed);
                    let of = |c: usize| weighed(lines[c..].iter().step_by(width).copied(), &weights, bits);
                    let want: Vec<u8> = (0..width).map(of).collect();
                    Isa::for_each(|isa| {
                        let mut got = vec![77; width];
                        weigh_lines(&lines, &weights, bits, &mut got);
                        assert_eq!(got, want, "{}: {n_lines} lines of {width}, {bits} bits", isa.name());
                    });
                }
            }
        }
    }

    #[test]
    fn taps_equal_the_slow_sum() {
        let mut seed = 2;
        for n_taps in [1, 2, 3, 4, 5, 16, 33] {
            for bits in [0, 1, 8, 14] {
                let taps = bytes(n_taps * 3 * LANES, &mut seed);
                let taps = taps.as_chunks::<{ 3 * LANES }>().0;
                let weights = weights(n_taps, bits, &mut seed);
                let want: [u8; 3 * LANES] =
                    std::array::from_fn(|c| weighed(taps.iter().map(|tap| tap[c]), &weights, bits));
                Isa::for_each(|isa| {
                    let mut got = [77; 3 * LANES];
                    weigh_taps(taps, &weights, bits, &mut got);
                    assert_eq!(got, want, "{}: {n_taps} taps, {bits} bits", isa.name());
                });
            }
        }
    }
}
