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

#[cfg(test)]
mod tests {
    use super::super::Isa;
    use super::*;
    use crate::random::next_bits;

    /// Around sixteen numbers, which are added up side by side, and around several times as many.
    const WIDTHS: [usize; 12] = [1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100, 1000];

    fn numbers(n: usize, seed: &mut u64) -> Vec<f32> {
        (0..n).map(|_| (next_bits(seed) >> 40) as f32 / (1 << 22) as f32 - 2.0).collect()
    }

    fn near(got: &[f32], want: &[f64], what: &str) {
        assert_eq!(got.len(), want.len(), "{what}");
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            let error = (f64::from(*got) - want).abs() / want.abs().max(1.0);
            assert!(error < 3e-6, "{what} at {i}: {got} and {want}");
        }
    }

    fn rms_norm_reference(x: &[f64], weight: &[f32], eps: f64) -> Vec<f64> {
        let scale = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + eps).sqrt().recip();
        x.iter().zip(weight).map(|(x, weight)| x * scale * f64::from(*weight)).collect()
    }

    #[test]
    fn norms_equal_their_definitions() {
        let mut seed = 1;
        for n in WIDTHS {
            let (x, weight, bias) = (numbers(n, &mut seed), numbers(n, &mut seed), numbers(n, &mut seed));
            let exact: Vec<f64> = x.iter().copied().map(f64::from).collect();
            for eps in [1e-6, 0.5] {
                let rms = rms_norm_reference(&exact, &weight, f64::from(eps));
                let mean = exact.iter().sum::<f64>() / n as f64;
                let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
                let scale = (variance + f64::from(eps)).sqrt().recip();
                let layer = exact.iter().zip(&weight).zip(&bias);
                let layer: Vec<f64> = layer
                    .map(|((x, weight), bias)| (x - mean) * scale * f64::from(*weight) + f64::from(*bias))
                    .collect();
                Isa::for_each(|isa| {
                    let what = format!("{} {n} numbers", isa.name());
                    let mut out = vec![f32::NAN; n];
                    rms_norm(&x, &weight, eps, &mut out);
                    near(&out, &rms, &what);
                    out.fill(f32::NAN);
                    layer_norm(&x, (&weight, &bias), eps, &mut out);
                    near(&out, &layer, &what);
                });
            }
        }
    }

    #[test]
    fn the_way_back_through_a_norm_is_the_slope_of_the_way_there() {
        const STEP: f64 = 1e-5;
        let (mut seed, eps) = (2, 0.1);
        for n in WIDTHS.into_iter().take_while(|n| *n <= 100) {
            let (x, weight, gradient) = (numbers(n, &mut seed), numbers(n, &mut seed), numbers(n, &mut seed));
            let along = |x: &[f64]| -> f64 {
                let y = rms_norm_reference(x, &weight, f64::from(eps));
                y.iter().zip(&gradient).map(|(y, gradient)| y * f64::from(*gradient)).sum()
            };
            let slope = |i: usize| {
                let moved = |by: f64| {
                    let mut x: Vec<f64> = x.iter().copied().map(f64::from).collect();
                    x[i] += by;
                    along(&x)
                };
                (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
            };
            let want: Vec<f64> = (0..n).map(slope).collect();
            Isa::for_each(|isa| {
                let mut out = vec![f32::NAN; n];
                rms_norm_back(&x, &weight, eps, &gradient, &mut out);
                near(&out, &want, &format!("{} {n} numbers", isa.name()));
            });
        }
    }

    #[test]
    fn rotations_turn_each_pair() {
        let mut seed = 3;
        for half in WIDTHS {
            let x = numbers(2 * half, &mut seed);
            let angles = numbers(half, &mut seed);
            let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
            let turned = |i: usize, a: f32, b: f32| {
                let [a, b, cos, sin] = [a, b, cos[i], sin[i]].map(f64::from);
                (a * cos - b * sin, b * cos + a * sin)
            };
            let (first, second): (Vec<f64>, Vec<f64>) =
                (0..half).map(|i| turned(i, x[i], x[half + i])).unzip();
            let neighbours = (0..half).map(|i| turned(i, x[2 * i], x[2 * i + 1]));
            let neighbours: Vec<f64> = neighbours.flat_map(|(a, b)| [a, b]).collect();
            Isa::for_each(|isa| {
                let what = format!("{} {half} pairs", isa.name());
                let mut got = x.clone();
                rotate_halves(&mut got, &cos, &sin);
                near(&got, &[&first[..], &second].concat(), &what);
                let mut got = x.clone();
                rotate_neighbours(&mut got, &cos, &sin);
                near(&got, &neighbours, &what);
            });
        }
    }

    #[test]
    fn sums_are_made_number_by_number() {
        let mut seed = 4;
        for n in WIDTHS {
            let (x, y) = (numbers(n, &mut seed), numbers(n, &mut seed));
            let sums = |scale: f64| -> Vec<f64> {
                x.iter().zip(&y).map(|(x, y)| f64::from(*x) + scale * f64::from(*y)).collect()
            };
            Isa::for_each(|isa| {
                let what = format!("{} {n} numbers", isa.name());
                let (mut plain, mut scaled) = (x.clone(), x.clone());
                add(&mut plain, &y);
                near(&plain, &sums(1.0), &what);
                add_scaled(&mut scaled, &y, -0.75);
                near(&scaled, &sums(-0.75), &what);
            });
        }
    }

    #[test]
    fn every_row_is_visited_once_with_its_number() {
        for (n, width) in [(1, 1), (3, 7), (TASK, 1), (TASK + 1, 1), (5, TASK - 1), (5, TASK), (5, TASK + 1)]
        {
            let mut rows = vec![0.0; n * width];
            for_each_row(&mut rows, width, |i, row| row.iter_mut().for_each(|x| *x += 1.0 + i as f32));
            assert!(
                rows.chunks(width)
                    .enumerate()
                    .all(|(i, row)| { row.len() == width && row.iter().all(|x| *x == 1.0 + i as f32) })
            );
        }
    }
}
