use super::super::layers::{Layer, TiledRows, add_times, times};
use super::*;
use crate::random::next_bits;

fn numbers(n: usize, seed: &mut u64) -> Vec<f32> {
    (0..n).map(|_| (next_bits(seed) >> 40) as f32 / (1 << 23) as f32 - 0.8).collect()
}

/// What a row stands for.
fn floats(x: &LevelRows, row: usize) -> Vec<f64> {
    let (n_rows, n_in) = x.shape();
    let first = row / ROWS * ROWS;
    let tile = x.tile(first..(first + ROWS).min(n_rows));
    let (n, r) = (tile.factors.len(), row - first);
    let number = |k: usize| i32::from(tile.fours[k / 4 * n + r].to_le_bytes()[k % 4]);
    (0..n_in)
        .map(|k| f64::from(tile.factors[r].scale) * f64::from(number(k) - tile.factors[r].zero))
        .collect()
}

#[test]
fn rows_are_kept_within_half_a_step() {
    let mut seed = 1;
    for n_in in [1, 3, 4, 31, 32, 67, 240] {
        for scale in [0.0, 1e-6, 1.0, 1e6] {
            for (low, high) in [(-1.0, 1.0), (0.2, 1.0), (-1.0, -0.2), (-0.01, 3.0)] {
                let x: Vec<f32> =
                    numbers(17 * n_in, &mut seed).iter().map(|x| x.clamp(low, high) * scale).collect();
                let kept = LevelRows::new(Isa::detect(), &x, n_in);
                for (row, x) in x.chunks(n_in).enumerate() {
                    let (low, high) = x.iter().fold((0f32, 0f32), |(a, b), x| (a.min(*x), b.max(*x)));
                    let most = 0.501 * f64::from(high - low) / 254.0;
                    for (x, kept) in x.iter().zip(floats(&kept, row)) {
                        assert!(
                            (f64::from(*x) - kept).abs() <= most,
                            "{x} and {kept}, {n_in} from {low} to {high}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_kernel_equals_the_reference_around_every_tile_edge() {
    let mut seed = 2;
    for (n_in, n_out) in
        [(1, 1), (32, 1), (63, 15), (96, 16), (30, 17), (160, 31), (64, 32), (96, 33), (32, 100)]
    {
        let weights = numbers(n_out * n_in, &mut seed);
        let matrix = Levels::from_floats((n_out, n_in), &weights).unwrap();
        let bias = numbers(n_out, &mut seed);
        let mut row = vec![0.0; n_in];
        for n_rows in (1..=16).chain([28, 225]) {
            let (x, before) = (numbers(n_rows * n_in, &mut seed), numbers(n_rows * n_out, &mut seed));
            for isa in Isa::all() {
                let rounded = LevelRows::new(isa, &x, n_in);
                let plain = Layer { matrix: &matrix, bias: None, then: None };
                let biased = Layer { bias: Some(&bias), ..plain };
                let [a, b] = times(isa, [plain, biased], &rounded);
                let mut c = before.clone();
                add_times(isa, biased, &rounded, &mut c);
                for out in 0..n_out {
                    matrix.row(out, &mut row);
                    for (k, weight) in weights[out * n_in..][..n_in].iter().zip(&row) {
                        assert!((k - weight).abs() < 0.005, "{k} and {weight}");
                    }
                    for r in 0..n_rows {
                        let dot: f64 =
                            floats(&rounded, r).iter().zip(&row).map(|(x, w)| x * f64::from(*w)).sum();
                        let (at, bias) = (r * n_out + out, f64::from(bias[out]));
                        let before = f64::from(before[at]);
                        for (got, want) in [(a[at], dot), (b[at], dot + bias), (c[at], dot + bias + before)] {
                            let far = (f64::from(got) - want).abs();
                            assert!(far < 1e-4, "{} {n_rows}×{n_in}×{n_out}: {got} and {want}", isa.name());
                        }
                    }
                }
            }
        }
    }
}
