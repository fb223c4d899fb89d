//! What a layer does with each row between its products: norm, rotation, sum.
//!
//! Loops without branches and without an order of addition that matters, compiled for wide vectors.

use super::team;

/// Numbers that are worth a task: some ten microseconds.
const TASK: usize = 16_384;

/// Calls `task` with each row of `width` numbers and which it is, on all threads where there is enough to do.
///
/// # Panics
/// When `width` is 0 (a bug of the caller).
pub fn for_each_row(numbers: &mut [f32], width: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = TASK.div_ceil(width);
    team::for_each_chunk(numbers, rows * width, |chunk, numbers| {
        for (i, row) in numbers.chunks_mut(width).enumerate() {
            task(chunk * rows + i, row);
        }
    });
}

#[inline(always)]
fn inverse_rms_body(x: &[f32], eps: f32) -> f32 {
    (sum(x, |x| x * x) / x.len() as f32 + eps).sqrt().recip()
}

#[inline(always)]
fn rms_norm_body(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    scale_each_body(x, inverse_rms_body(x, eps), weight, out);
}

#[inline(always)]
fn scale_each_body(x: &[f32], scale: f32, weight: &[f32], out: &mut [f32]) {
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * weight;
    }
}

/// Sixteen sums side by side, for speed and for exactness.
#[inline(always)]
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for x in whole {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += f(*x);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}

#[inline(always)]
fn rms_norm_back_body(x: &[f32], weight: &[f32], eps: f32, gradient: &[f32], out: &mut [f32]) {
    let n = x.len() as f32;
    let scale = inverse_rms_body(x, eps);
    for ((out, gradient), weight) in out.iter_mut().zip(gradient).zip(weight) {
        *out = gradient * weight;
    }
    let mut sums = [0f32; 16];
    let ((x16, x_rest), (g16, g_rest)) = (x.as_chunks::<16>(), out.as_chunks::<16>());
    for (x, g) in x16.iter().zip(g16) {
        for ((sum, x), g) in sums.iter_mut().zip(x).zip(g) {
            *sum += x * g;
        }
    }
    let along = sums.iter().sum::<f32>() + x_rest.iter().zip(g_rest).map(|(x, g)| x * g).sum::<f32>();
    let less = scale * scale * scale * along / n;
    for (out, x) in out.iter_mut().zip(x) {
        *out = *out * scale - x * less;
    }
}

#[inline(always)]
fn layer_norm_body(x: &[f32], (weight, bias): (&[f32], &[f32]), eps: f32, out: &mut [f32]) {
    let mean = sum(x, |x| x) / x.len() as f32;
    let variance = sum(x, |x| (x - mean) * (x - mean)) / x.len() as f32;
    let scale = (variance + eps).sqrt().recip();
    for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = (x - mean) * scale * weight + bias;
    }
}

#[inline(always)]
fn rotate_halves_body(x: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = x.split_at_mut(cos.len());
    for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

#[inline(always)]
fn rotate_neighbours_body(x: &mut [f32], cos: &[f32], sin: &[f32]) {
    for (([a, b], cos), sin) in x.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

#[inline(always)]
fn add_body(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

#[inline(always)]
fn add_scaled_body(x: &mut [f32], y: &[f32], scale: f32) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += scale * y;
    }
}

for_each_isa!(
    /// In place: `x + scale · y`.
    pub add_scaled, add_scaled_body, (x: &mut [f32], y: &[f32], scale: f32)
);

for_each_isa!(
    /// `x / rms(x) · weight` (Zhang and Sennrich, 2019, equation 4).
    pub rms_norm, rms_norm_body, (x: &[f32], weight: &[f32], eps: f32, out: &mut [f32])
);

for_each_isa!(
    /// `1 / rms(x)`.
    pub inverse_rms, inverse_rms_body, (x: &[f32], eps: f32) -> f32
);

for_each_isa!(
    /// `x · scale · weight`: a part of [`rms_norm`] where [`inverse_rms`] of the whole is known.
    pub scale_each, scale_each_body, (x: &[f32], scale: f32, weight: &[f32], out: &mut [f32])
);

for_each_isa!(
    /// What changes at `x` when what [`rms_norm`] gives changes by `gradient`.
    pub rms_norm_back, rms_norm_back_body, (
        x: &[f32],
        weight: &[f32],
        eps: f32,
        gradient: &[f32],
        out: &mut [f32]
    )
);

for_each_isa!(
    /// `(x − mean) / √(variance + eps) · weight + bias` (Ba et al., 2016). The variance is the mean of squared
    /// differences: the mean of the squares less the square of the mean leaves nothing where a row is nearly flat.
    pub layer_norm, layer_norm_body, (x: &[f32], scale: (&[f32], &[f32]), eps: f32, out: &mut [f32])
);

for_each_isa!(
    /// In place: turns the pairs (i, i + d/2).
    pub rotate_halves, rotate_halves_body, (x: &mut [f32], cos: &[f32], sin: &[f32])
);

for_each_isa!(
    /// In place: turns the pairs (2 i, 2 i + 1).
    pub rotate_neighbours, rotate_neighbours_body, (x: &mut [f32], cos: &[f32], sin: &[f32])
);

for_each_isa!(
    /// In place: `x + y`.
    pub add, add_body, (x: &mut [f32], y: &[f32])
);
