//! Seeded numbers: splitmix64 (Steele et al., 2014), enough to draw tokens and first weights.

/// The next 64 bits of a sequence.
pub(crate) fn next_bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Numbers with a variance of 1 and a mean of 0, the same for each state.
#[cfg(test)]
pub(crate) fn tensor(state: &mut u64, shape: &[usize]) -> candle_core::Tensor {
    let number = |_| 3f32.sqrt() * ((next_bits(state) >> 40) as f32 / (1 << 23) as f32 - 1.0);
    let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    candle_core::Tensor::from_vec(numbers, shape, &candle_core::Device::Cpu).unwrap()
}
