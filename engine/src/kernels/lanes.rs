//! What loops over numbers side by side share.

/// 1.5 · 2²³: a number that is added to it is rounded to the nearest whole one, ties to even, which then stands in the low
/// bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// Lanes side by side, a power of two of them, become one in rounds, halves against each other: one after the other they
/// would wait for each other.
#[inline(always)]
pub(super) fn across<T: Copy, const N: usize>(mut lanes: [T; N], of: impl Fn(T, T) -> T) -> T {
    const { assert!(N.is_power_of_two()) };
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = of(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}
