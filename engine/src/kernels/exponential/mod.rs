//! Exponentials of many numbers: softmax and the Gaussian error linear unit.
//!
//! The library's functions take one number at a time; these loops have no branches, so that the
//! compiler computes as many side by side as the processor has room for.

use super::lanes::{ROUND, across};

/// `a · b + c`, in one instruction where there is one: elsewhere the library's is slow.
#[inline(always)]
fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ within two units in the last place; x is clamped to where the result is a normal number.
#[inline(always)]
fn exp<const FUSED: bool>(x: f32) -> f32 {
    let fma = mul_add::<FUSED>;
    let x = x.clamp(-87.0, 88.0);
    let shifted = fma(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, the first with few bits, so that n times it is exact.
    let r = fma(n, 2.121_944_4e-4, fma(n, -0.693_359_4, x));
    // Cephes' polynomial for eʳ on ±ln 2 / 2.
    let p = 1.987_569_1e-4;
    let p = fma(p, r, 1.398_199_9e-3);
    let p = fma(p, r, 8.333_452e-3);
    let p = fma(p, r, 4.166_579_6e-2);
    let p = fma(p, r, 1.666_666_5e-1);
    let p = fma(p, r, 0.5);
    let p = fma(p, r * r, r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    p * f32::from_bits(exponent << 23)
}

/// The error function by Abramowitz and Stegun's 7.1.26, within 2e-7.
#[inline(always)]
fn erf<const FUSED: bool>(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let p = 1.061_405_4;
    let p = mul_add::<FUSED>(p, t, -1.453_152);
    let p = mul_add::<FUSED>(p, t, 1.421_413_7);
    let p = mul_add::<FUSED>(p, t, -0.284_496_73);
    let p = mul_add::<FUSED>(p, t, 0.254_829_6);
    (1.0 - p * t * exp::<FUSED>(-x * x)).copysign(x)
}

/// Sixteen sums side by side: added one after the other they would wait for each other.
#[inline(always)]
fn sum_exp_body<const FUSED: bool>(x: &[f32], max: f32) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for x in whole {
        for (sum, &x) in sums.iter_mut().zip(x) {
            *sum += exp::<FUSED>(x - max);
        }
    }
    across(sums, |a, b| a + b) + rest.iter().map(|&x| exp::<FUSED>(x - max)).sum::<f32>()
}

#[inline(always)]
fn max_body(x: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for x in whole {
        for (best, &x) in best.iter_mut().zip(x) {
            *best = if x > *best { x } else { *best };
        }
    }
    rest.iter().copied().fold(across(best, f32::max), f32::max)
}

#[inline(always)]
fn softmax_body<const FUSED: bool>(x: &mut [f32]) {
    let max = max_body(x);
    for v in x.iter_mut() {
        *v = exp::<FUSED>(*v - max);
    }
    let mut sums = [0.0_f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for v in whole {
        for (sum, v) in sums.iter_mut().zip(v) {
            *sum += v;
        }
    }
    let scale = 1.0 / (across(sums, |a, b| a + b) + rest.iter().sum::<f32>());
    for v in x {
        *v *= scale;
    }
}

#[inline(always)]
fn exp_from_body<const FUSED: bool>(x: &mut [f32], max: f32) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (whole, rest) = x.as_chunks_mut::<16>();
    for v in whole {
        for (sum, v) in sums.iter_mut().zip(v) {
            *v = exp::<FUSED>(*v - max);
            *sum += *v;
        }
    }
    for v in rest.iter_mut() {
        *v = exp::<FUSED>(*v - max);
    }
    across(sums, |a, b| a + b) + rest.iter().sum::<f32>()
}

/// The logarithm to base 10 of a normal positive number, within three units in the last place.
#[inline(always)]
fn log10_of<const FUSED: bool>(x: f32) -> f32 {
    const EXPONENT: u32 = 0x7F80_0000;
    let fma = mul_add::<FUSED>;
    // x = 2ⁿ m with m between √½ and √2.
    let shifted = x.to_bits().wrapping_sub(0x3F35_04F3);
    let n = (shifted.cast_signed() >> 23) as f32;
    let m = f32::from_bits(x.to_bits().wrapping_sub(shifted & (EXPONENT | 1 << 31)));
    let r = m - 1.0;
    // Cephes' polynomial for (ln(1 + r) − r + r²/2) / r³.
    let p = 7.037_683_6e-2;
    let p = fma(p, r, -1.151_461e-1);
    let p = fma(p, r, 1.167_699_87e-1);
    let p = fma(p, r, -1.242_014_1e-1);
    let p = fma(p, r, 1.424_932_3e-1);
    let p = fma(p, r, -1.666_805_7e-1);
    let p = fma(p, r, 2.000_071_4e-1);
    let p = fma(p, r, -2.499_999_4e-1);
    let p = fma(p, r, 3.333_333e-1);
    let ln = fma(p * r, r * r, fma(-0.5 * r, r, r));
    fma(n, std::f32::consts::LOG10_2, ln * std::f32::consts::LOG10_E)
}

#[inline(always)]
fn log10_body<const FUSED: bool>(x: &mut [f32]) {
    for v in x {
        *v = log10_of::<FUSED>(*v);
    }
}

/// Columns of scores that are weighed side by side.
const COLUMNS: usize = 32;

#[inline(always)]
fn weigh_columns_body<const FUSED: bool>(
    scores: &mut [[f32; COLUMNS]],
    largest: &mut [f32; COLUMNS],
    sums: &mut [f32; COLUMNS],
    mixed: &mut [[f32; COLUMNS]],
) {
    let mut now = *largest;
    for scores in scores.iter() {
        for (now, &score) in now.iter_mut().zip(scores) {
            *now = if score > *now { score } else { *now };
        }
    }
    if now != *largest {
        let mut factors = [0f32; COLUMNS];
        for ((factor, before), now) in factors.iter_mut().zip(largest.iter()).zip(&now) {
            *factor = exp::<FUSED>(before - now);
        }
        for row in mixed.iter_mut().chain([&mut *sums]) {
            for (x, factor) in row.iter_mut().zip(&factors) {
                *x *= factor;
            }
        }
        *largest = now;
    }
    for scores in scores {
        for ((score, sum), now) in scores.iter_mut().zip(sums.iter_mut()).zip(&now) {
            *score = exp::<FUSED>(*score - now);
            *sum += *score;
        }
    }
}

/// Of weights in pairs.
pub const LARGEST_WEIGHT: u32 = 1 << 14;

/// 2ˣ within 8e-5 of itself, for what is rounded to as much anyway; x at most some tens.
#[inline(always)]
fn exp2_roughly<const FUSED: bool>(x: f32) -> f32 {
    let fma = mul_add::<FUSED>;
    let x = if x > -125.0 { x } else { -125.0 };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    // The polynomial of least relative error for 2ʳ on ±½.
    let p = fma(fma(fma(5.517_157e-2, r, 2.426_111_1e-1), r, 6.932_61e-1), r, 9.999_281e-1);
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[inline(always)]
fn weigh_pairs_body<const FUSED: bool>(
    scores: &[[f32; COLUMNS]],
    largest: &mut [f32; COLUMNS],
    sums: &mut [f32; COLUMNS],
    mixed: &mut [[f32; COLUMNS]],
    pairs: &mut [[u32; COLUMNS]],
) {
    let mut now = *largest;
    for scores in scores {
        for (now, &score) in now.iter_mut().zip(scores) {
            *now = if score > *now { score } else { *now };
        }
    }
    if now != *largest {
        let mut factors = [0f32; COLUMNS];
        for ((factor, before), now) in factors.iter_mut().zip(largest.iter()).zip(&now) {
            *factor = exp2_roughly::<FUSED>(before - now);
        }
        for row in mixed.iter_mut().chain([&mut *sums]) {
            for (x, factor) in row.iter_mut().zip(&factors) {
                *x *= factor;
            }
        }
        *largest = now;
    }
    // What is largest becomes `LARGEST_WEIGHT`.
    now.iter_mut().for_each(|now| *now -= LARGEST_WEIGHT.ilog2() as f32);
    // The whole number that is nearest, as one and in the low bits of what is returned.
    let rounded = |score: f32, now: f32| {
        let shifted = exp2_roughly::<FUSED>(score - now) + ROUND;
        (shifted - ROUND, shifted.to_bits())
    };
    let (two, rest) = scores.as_chunks::<2>();
    for ([low, high], pairs) in two.iter().zip(pairs.iter_mut()) {
        for c in 0..COLUMNS {
            let ((low, low_bits), (high, high_bits)) = (rounded(low[c], now[c]), rounded(high[c], now[c]));
            sums[c] += low + high;
            pairs[c] = low_bits & 0xffff | high_bits << 16;
        }
    }
    if let ([last], Some(pairs)) = (rest, pairs.last_mut()) {
        for c in 0..COLUMNS {
            let (weight, bits) = rounded(last[c], now[c]);
            sums[c] += weight;
            pairs[c] = bits & 0xffff;
        }
    }
}

#[inline(always)]
fn gelu_body<const FUSED: bool>(x: &mut [f32]) {
    for v in x {
        *v = 0.5 * *v * (1.0 + erf::<FUSED>(*v * std::f32::consts::FRAC_1_SQRT_2));
    }
}

#[inline(always)]
fn silu_body<const FUSED: bool>(x: &mut [f32]) {
    for v in x {
        *v /= 1.0 + exp::<FUSED>(-*v);
    }
}

#[inline(always)]
fn gated_silu_body<const FUSED: bool>(x: &mut [f32], up: &[f32]) {
    for (v, up) in x.iter_mut().zip(up) {
        *v *= up / (1.0 + exp::<FUSED>(-*v));
    }
}

#[inline(always)]
fn gated_gelu_tanh_body<const FUSED: bool>(x: &mut [f32], up: &[f32]) {
    gelu_tanh_body::<FUSED>(x);
    for (v, up) in x.iter_mut().zip(up) {
        *v *= up;
    }
}

/// 2 √(2/π): a half of 1 + tanh(u) is the logistic function of 2u.
const SLOPE: f32 = 1.595_769;

#[inline(always)]
fn gelu_tanh_body<const FUSED: bool>(x: &mut [f32]) {
    for v in x {
        let u = SLOPE * (*v + 0.044_715 * *v * *v * *v);
        *v /= 1.0 + exp::<FUSED>(-u);
    }
}

/// The way back through `x σ(u(x)) · up`: `of` gives u and its slope.
#[inline(always)]
fn gated_back_body<const FUSED: bool>(
    gate: &[f32],
    up: &[f32],
    gradient: &[f32],
    (at_gate, at_up): (&mut [f32], &mut [f32]),
    of: impl Fn(f32) -> (f32, f32),
) {
    let at = at_gate.iter_mut().zip(at_up);
    for ((((at_gate, at_up), gate), up), gradient) in at.zip(gate).zip(up).zip(gradient) {
        let (u, slope) = of(*gate);
        let share = 1.0 / (1.0 + exp::<FUSED>(-u));
        *at_up = gradient * gate * share;
        *at_gate = gradient * up * share * (1.0 + gate * slope * (1.0 - share));
    }
}

#[inline(always)]
fn gated_silu_back_body<const FUSED: bool>(
    gate: &[f32],
    up: &[f32],
    gradient: &[f32],
    at: (&mut [f32], &mut [f32]),
) {
    gated_back_body::<FUSED>(gate, up, gradient, at, |x| (x, 1.0));
}

#[inline(always)]
fn gated_gelu_tanh_back_body<const FUSED: bool>(
    gate: &[f32],
    up: &[f32],
    gradient: &[f32],
    at: (&mut [f32], &mut [f32]),
) {
    gated_back_body::<FUSED>(gate, up, gradient, at, |x| {
        (SLOPE * (x + 0.044_715 * x * x * x), SLOPE * (1.0 + 3.0 * 0.044_715 * x * x))
    });
}

#[inline(always)]
fn lstm_cell_body<const FUSED: bool>(
    from_input: &[f32],
    from_hidden: &[f32],
    cell: &mut [f32],
    hidden: &mut [f32],
) {
    let sigmoid = |x: f32| 1.0 / (1.0 + exp::<FUSED>(-x));
    let tanh = |x: f32| 2.0 / (1.0 + exp::<FUSED>(-2.0 * x)) - 1.0;
    let n = cell.len();
    let gate =
        |which: usize| (&from_input[which * n..(which + 1) * n], &from_hidden[which * n..(which + 1) * n]);
    let [(i_x, i_h), (f_x, f_h), (g_x, g_h), (o_x, o_h)] = [gate(0), gate(1), gate(2), gate(3)];
    let hidden = &mut hidden[..n];
    for j in 0..n {
        let kept = sigmoid(f_x[j] + f_h[j]) * cell[j];
        cell[j] = kept + sigmoid(i_x[j] + i_h[j]) * tanh(g_x[j] + g_h[j]);
        hidden[j] = sigmoid(o_x[j] + o_h[j]) * tanh(cell[j]);
    }
}

for_each_isa!(
    /// A step of an LSTM (Hochreiter and Schmidhuber, 1997) as PyTorch lays it out: `from_input` and `from_hidden` hold
    /// what the input and the state before add to the gates (input, forget, cell, output), each `[4 × n]`; `cell` and
    /// `hidden` are `[n]` and become the next state.
    ///
    /// # Panics
    /// When a length is another.
    pub lstm_cell, lstm_cell_body::<FUSED>, (
        from_input: &[f32],
        from_hidden: &[f32],
        cell: &mut [f32],
        hidden: &mut [f32]
    )
);

for_each_isa!(
    /// Σ exp(x − max).
    pub sum_exp, sum_exp_body::<FUSED>, (x: &[f32], max: f32) -> f32
);

for_each_isa!(
    /// The largest; −∞ of nothing.
    pub largest, max_body, (x: &[f32]) -> f32
);

for_each_isa!(
    /// In place: exp(x) / Σ exp(x).
    pub softmax, softmax_body::<FUSED>, (x: &mut [f32])
);

for_each_isa!(
    /// In place: exp(x − max); returns their sum.
    pub exp_from, exp_from_body::<FUSED>, (x: &mut [f32], max: f32) -> f32
);

for_each_isa!(
    /// In place: the logarithm to base 10 of normal positive numbers.
    pub log10, log10_body::<FUSED>, (x: &mut [f32])
);

for_each_isa!(
    /// In place, column by column: scores become exp(score − largest of the column so far), which `sums` grow by; where
    /// the largest grows, `sums` and `mixed` are counted against the new one.
    pub weigh_columns, weigh_columns_body::<FUSED>, (
        scores: &mut [[f32; COLUMNS]],
        largest: &mut [f32; COLUMNS],
        sums: &mut [f32; COLUMNS],
        mixed: &mut [[f32; COLUMNS]]
    )
);

for_each_isa!(
    /// As [`weigh_columns`], of scores to base 2, with weights that are whole numbers up to [`LARGEST_WEIGHT`], two rows
    /// in a word: the first of two in its low half.
    pub weigh_pairs, weigh_pairs_body::<FUSED>, (
        scores: &[[f32; COLUMNS]],
        largest: &mut [f32; COLUMNS],
        sums: &mut [f32; COLUMNS],
        mixed: &mut [[f32; COLUMNS]],
        pairs: &mut [[u32; COLUMNS]]
    )
);

for_each_isa!(
    /// In place: x Φ(x), with the error function rather than its usual approximation by tanh.
    pub gelu, gelu_body::<FUSED>, (x: &mut [f32])
);

for_each_isa!(
    /// In place: x Φ(x) by its usual approximation by tanh (Hendrycks and Gimpel, 2016, section 2).
    pub gelu_tanh, gelu_tanh_body::<FUSED>, (x: &mut [f32])
);

for_each_isa!(
    /// In place: x σ(x) (Elfwing et al., 2017).
    pub silu, silu_body::<FUSED>, (x: &mut [f32])
);

for_each_isa!(
    /// In place: x σ(x) times another number (Shazeer, 2020: SwiGLU).
    pub gated_silu, gated_silu_body::<FUSED>, (x: &mut [f32], up: &[f32])
);

for_each_isa!(
    /// In place: x Φ(x), by tanh, times another number (Shazeer, 2020: GEGLU).
    pub gated_gelu_tanh, gated_gelu_tanh_body::<FUSED>, (x: &mut [f32], up: &[f32])
);

for_each_isa!(
    /// What changes at gate and up when what [`gated_silu`] gives changes by `gradient`.
    pub gated_silu_back, gated_silu_back_body::<FUSED>, (
        gate: &[f32],
        up: &[f32],
        gradient: &[f32],
        at: (&mut [f32], &mut [f32])
    )
);

for_each_isa!(
    /// The same of [`gated_gelu_tanh`].
    pub gated_gelu_tanh_back, gated_gelu_tanh_back_body::<FUSED>, (
        gate: &[f32],
        up: &[f32],
        gradient: &[f32],
        at: (&mut [f32], &mut [f32])
    )
);

#[cfg(test)]
mod tests;
