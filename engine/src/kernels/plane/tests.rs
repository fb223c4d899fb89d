use super::super::layers::{Layer, TiledRows, add_times, times};
use super::*;
use crate::random::next_bits;

fn numbers(n: usize, seed: &mut u64) -> Vec<f32> {
    (0..n).map(|_| (next_bits(seed) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// What a row of a plane stands for.
fn floats(x: &Plane, row: usize) -> Vec<f64> {
    let (n_rows, n_in) = x.shape();
    let first = row / x.most() * x.most();
    let n = x.most().min(n_rows - first);
    let tile = x.tile(first..first + n);
    let r = row - first;
    (0..n_in)
        .map(|k| {
            let q = tile.fours[(k / BLOCK * 8 + k % BLOCK / 4) * n + r][k % 4];
            f64::from(tile.factors[k / BLOCK * n + r].scale) * f64::from(q)
        })
        .collect()
}

#[test]
fn rows_are_kept_within_half_a_step() {
    let mut seed = 1;
    for isa in Isa::all() {
        for n_rows in [1, 4, 7, 8, 30] {
            let x = numbers(n_rows * 96, &mut seed);
            let plane = Plane::new(isa, &x, 96);
            for (row, x) in x.chunks(96).enumerate() {
                for (block, kept) in x.chunks(BLOCK).zip(floats(&plane, row).chunks(BLOCK)) {
                    let step = block.iter().fold(0f32, |a, b| a.max(b.abs())) / 127.0;
                    for (x, kept) in block.iter().zip(kept) {
                        assert!((f64::from(*x) - kept).abs() <= f64::from(0.501 * step), "{x} and {kept}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_kernel_equals_the_reference_around_every_tile_edge() {
    let mut seed = 2;
    for (n_in, n_out) in [(32, 1), (64, 15), (96, 16), (32, 17), (160, 31), (64, 32), (96, 33), (32, 100)] {
        let weights = numbers(n_out * n_in, &mut seed);
        let matrix = Bytes::from_floats((n_out, n_in), &weights).unwrap();
        let bias = numbers(n_out, &mut seed);
        let mut row = vec![0.0; n_in];
        for n_rows in (1..=9).chain([14, 15, 225]) {
            let (x, before) = (numbers(n_rows * n_in, &mut seed), numbers(n_rows * n_out, &mut seed));
            for isa in Isa::all() {
                let plane = Plane::new(isa, &x, n_in);
                let plain = Layer { matrix: &matrix, bias: None, then: None };
                let biased = Layer { bias: Some(&bias), ..plain };
                let [a, b] = times(isa, [plain, biased], &plane);
                let mut c = before.clone();
                add_times(isa, biased, &plane, &mut c);
                for out in 0..n_out {
                    matrix.packed().row(out, &mut row);
                    for r in 0..n_rows {
                        let dot: f64 =
                            floats(&plane, r).iter().zip(&row).map(|(x, w)| x * f64::from(*w)).sum();
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

#[test]
fn a_row_gets_to_the_last_bit_what_it_gets_alone_and_odd_widths_are_refused() {
    let mut seed = 3;
    let (n_in, n_out, n_rows) = (320, 40, 230);
    let weights = Bytes::from_floats((n_out, n_in), &numbers(n_out * n_in, &mut seed)).unwrap();
    let x = numbers(n_rows * n_in, &mut seed);
    let layer = Layer { matrix: &weights, bias: None, then: None };
    for isa in Isa::all() {
        let [all] = times(isa, [layer], &Plane::new(isa, &x, n_in));
        for row in [0, 6, 7, 223, 229] {
            let [alone] = times(isa, [layer], &Plane::new(isa, &x[row * n_in..][..n_in], n_in));
            assert_eq!(alone[..], all[row * n_out..][..n_out], "{} row {row}", isa.name());
        }
    }
    assert!(Bytes::from_floats((2, 33), &[0.0; 66]).is_none());
}
