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
