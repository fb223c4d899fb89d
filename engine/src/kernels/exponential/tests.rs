//! Against the library's functions, with every instruction set.

use super::super::Isa;
use super::*;

#[test]
fn exp_equals_the_library_over_its_range() {
    for i in -870..=880 {
        let x = i as f32 / 10.0;
        let want = f64::from(x).exp();
        for got in [exp::<true>(x), exp::<false>(x)] {
            let error = (f64::from(got) - want).abs() / want;
            assert!(error < 3e-7, "{x}: {error}");
        }
    }
    assert!(exp::<false>(f32::NEG_INFINITY) < 1e-37);
}

#[test]
fn rough_powers_of_two_are_near_the_library_s() {
    for i in -1250..=10 {
        let x = i as f32 / 10.0;
        let want = f64::from(x).exp2();
        for got in [exp2_roughly::<true>(x), exp2_roughly::<false>(x)] {
            let error = (f64::from(got) - want).abs() / want;
            assert!(error < 8e-5, "{x}: {error}");
        }
    }
    assert!(exp2_roughly::<false>(f32::NEG_INFINITY) < 3e-38);
}

#[test]
fn log10_equals_the_library_over_its_range() {
    let x: Vec<f32> = (-3700..=3800).map(|i| 10f32.powf(i as f32 / 100.0)).collect();
    Isa::for_each(|isa| {
        let mut got = x.clone();
        log10(&mut got);
        for (x, got) in x.iter().zip(got) {
            let want = f64::from(*x).log10();
            let error = (f64::from(got) - want).abs();
            assert!(error < 4e-7 * want.abs().max(0.3), "{} {x}: {error}", isa.name());
        }
    });
}

#[test]
fn softmax_sums_to_one_at_every_length_and_scale() {
    for n in [1, 2, 15, 16, 17, 1500] {
        for scale in [0.0, 1.0, 30.0, 1e4] {
            let x: Vec<f32> = (0..n).map(|i| scale * ((i * 7919) % 101) as f32 / 101.0).collect();
            let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let want: Vec<f64> = x.iter().map(|&v| f64::from(v - max).exp()).collect();
            let total: f64 = want.iter().sum();
            Isa::for_each(|isa| {
                let what = format!("{} {n} {scale}", isa.name());
                assert_eq!(largest(&x), max, "{what}");
                assert!((f64::from(sum_exp(&x, max)) / total - 1.0).abs() < 1e-5, "{what}");
                let mut weights = x.clone();
                let sum = exp_from(&mut weights, max);
                assert!((f64::from(sum) / total - 1.0).abs() < 1e-5, "{what}");
                near(&weights, &want, 1e-6, &what);
                let mut shares = x.clone();
                softmax(&mut shares);
                let sum: f64 = shares.iter().map(|&v| f64::from(v)).sum();
                assert!((sum - 1.0).abs() < 1e-5, "{what}: {sum}");
                let want: Vec<f64> = want.iter().map(|weight| weight / total).collect();
                near(&shares, &want, 1e-6, &what);
            });
        }
    }
}

#[test]
fn a_step_of_an_lstm_equals_its_definition() {
    for n in [1, 7, 16, 33] {
        let number = |i: usize| ((i * 7919) % 211) as f32 / 20.0 - 5.0;
        let x: Vec<f32> = (0..4 * n).map(number).collect();
        let h: Vec<f32> = (0..4 * n).map(|i| number(i + 50) / 10.0).collect();
        let before: Vec<f32> = (0..n).map(|i| number(i + 99) / 5.0).collect();
        let gate = |which: usize, j: usize| f64::from(x[which * n + j]) + f64::from(h[which * n + j]);
        let cell =
            |j: usize| sigmoid(gate(1, j)) * f64::from(before[j]) + sigmoid(gate(0, j)) * gate(2, j).tanh();
        let cells: Vec<f64> = (0..n).map(cell).collect();
        let hiddens: Vec<f64> = (0..n).map(|j| sigmoid(gate(3, j)) * cells[j].tanh()).collect();
        Isa::for_each(|isa| {
            let (mut cell, mut hidden) = (before.clone(), vec![0.0; n]);
            lstm_cell(&x, &h, &mut cell, &mut hidden);
            near(&cell, &cells, 1e-6, isa.name());
            near(&hidden, &hiddens, 1e-6, isa.name());
        });
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// x Φ(x) by tanh.
fn by_tanh(x: f64) -> f64 {
    let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + u.tanh())
}

/// Shapes first, then the worst of all; larger numbers may be as much farther.
fn near(got: &[f32], want: &[f64], most: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - want).abs() / want.abs().max(1.0);
        assert!(error < most, "{what} at {i}: {got} and {want}");
    }
}

/// Lengths around those that are computed side by side, and numbers on both sides of 0.
fn activated() -> impl Iterator<Item = (Vec<f32>, Vec<f32>, Vec<f32>)> {
    [1, 7, 8, 15, 16, 17, 33, 1201].into_iter().map(|n| {
        let number = |i: usize, seed: usize| ((i * 7919 + seed * 31) % 1201) as f32 / 100.0 - 6.0;
        let numbers = |seed: usize| (0..n).map(|i| number(i, seed)).collect::<Vec<f32>>();
        (numbers(0), numbers(1), numbers(2))
    })
}

#[test]
fn activations_equal_their_definitions() {
    let erf = |x: f64| candle_core::cpu::erf::erf_f64(x * std::f64::consts::FRAC_1_SQRT_2);
    for (x, up, _) in activated() {
        let of = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(f64::from(x))).collect::<Vec<f64>>();
        let gated = |f: &dyn Fn(f64) -> f64| {
            of(f).iter().zip(&up).map(|(y, &up)| y * f64::from(up)).collect::<Vec<f64>>()
        };
        let silus = |x: f64| x * sigmoid(x);
        let wants =
            [of(&|x| 0.5 * x * (1.0 + erf(x))), of(&by_tanh), of(&silus), gated(&silus), gated(&by_tanh)];
        Isa::for_each(|isa| {
            let mut got = [(); 5].map(|()| x.clone());
            gelu(&mut got[0]);
            gelu_tanh(&mut got[1]);
            silu(&mut got[2]);
            gated_silu(&mut got[3], &up);
            gated_gelu_tanh(&mut got[4], &up);
            for (which, (got, want)) in got.iter().zip(&wants).enumerate() {
                near(got, want, 1e-6, &format!("{} {which} of {}", isa.name(), x.len()));
            }
        });
    }
}

#[test]
fn the_ways_back_are_the_slopes_of_the_ways_there() {
    const STEP: f64 = 1e-5;
    let silus = |x: f64| x * sigmoid(x);
    let slope = |f: &dyn Fn(f64) -> f64, x: f64| (f(x + STEP) - f(x - STEP)) / (2.0 * STEP);
    for (gate, up, gradient) in activated() {
        let want = |f: &dyn Fn(f64) -> f64| {
            let (mut at_gate, mut at_up) = (Vec::new(), Vec::new());
            for ((&gate, &up), &gradient) in gate.iter().zip(&up).zip(&gradient) {
                at_gate.push(f64::from(gradient) * f64::from(up) * slope(f, f64::from(gate)));
                at_up.push(f64::from(gradient) * f(f64::from(gate)));
            }
            (at_gate, at_up)
        };
        let wants = [want(&silus), want(&by_tanh)];
        Isa::for_each(|isa| {
            let mut got = [(); 2].map(|()| (vec![0.0; gate.len()], vec![0.0; gate.len()]));
            let [silu, gelu] = &mut got;
            gated_silu_back(&gate, &up, &gradient, (&mut silu.0, &mut silu.1));
            gated_gelu_tanh_back(&gate, &up, &gradient, (&mut gelu.0, &mut gelu.1));
            for (which, (got, want)) in got.iter().zip(&wants).enumerate() {
                let what = format!("{} {which} of {}", isa.name(), gate.len());
                near(&got.0, &want.0, 1e-5, &what);
                near(&got.1, &want.1, 1e-5, &what);
            }
        });
    }
}

/// Two blocks of scores, of which the second has larger ones in some columns: what was mixed counts less then.
#[test]
fn columns_are_weighed_against_the_largest_of_all_blocks() {
    let score = |row: usize, c: usize| ((row * 31 + c * 17) % 97) as f32 / 12.0 - 4.0;
    for n_rows in [1, 2, 3, 14, 15] {
        let block = |first: usize| -> Vec<[f32; COLUMNS]> {
            (first..first + n_rows).map(|row| std::array::from_fn(|c| score(row, c))).collect()
        };
        let blocks = [block(0), block(40)];
        let most = |n: usize, c: usize| {
            blocks[..n].iter().flatten().map(|row| row[c]).fold(f32::NEG_INFINITY, f32::max)
        };
        let exps = |n: usize, c: usize, base: f64| -> Vec<f64> {
            let most = f64::from(most(2, c));
            blocks[n].iter().map(|row| base.powf(f64::from(row[c]) - most)).collect()
        };
        Isa::for_each(|isa| {
            let what = format!("{} {n_rows} rows", isa.name());
            let (mut largest, mut sums) = ([f32::NEG_INFINITY; COLUMNS], [0f32; COLUMNS]);
            // After the first block one in each column was mixed.
            let mut mixed = [[0f32; COLUMNS]; 2];
            let mut weighed = blocks.clone();
            weigh_columns(&mut weighed[0], &mut largest, &mut sums, &mut mixed);
            mixed = [[1.0; COLUMNS]; 2];
            weigh_columns(&mut weighed[1], &mut largest, &mut sums, &mut mixed);
            for c in 0..COLUMNS {
                assert_eq!(largest[c], most(2, c), "{what}");
                let (first, second) = (exps(0, c, std::f64::consts::E), exps(1, c, std::f64::consts::E));
                let sum: f64 = first.iter().chain(&second).sum();
                let shrunk = f64::from(most(1, c) - most(2, c)).exp();
                near(&[sums[c], mixed[0][c], mixed[1][c]], &[sum, shrunk, shrunk], 1e-6, &what);
                let got: Vec<f32> = weighed[1].iter().map(|row| row[c]).collect();
                near(&got, &second, 1e-6, &what);
            }
            let (mut largest, mut sums) = ([f32::NEG_INFINITY; COLUMNS], [0f32; COLUMNS]);
            let mut pairs = vec![[0u32; COLUMNS]; n_rows.div_ceil(2)];
            weigh_pairs(&blocks[0], &mut largest, &mut sums, &mut mixed, &mut pairs);
            mixed = [[1.0; COLUMNS]; 2];
            weigh_pairs(&blocks[1], &mut largest, &mut sums, &mut mixed, &mut pairs);
            for c in 0..COLUMNS {
                assert_eq!(largest[c], most(2, c), "{what}");
                // Whole numbers, each half a step away at most and rough by as much again.
                let full = f64::from(LARGEST_WEIGHT);
                for (row, want) in exps(1, c, 2.0).iter().enumerate() {
                    let weight = pairs[row / 2][c] >> (16 * (row % 2)) & 0xffff;
                    let error = (f64::from(weight) - full * want).abs();
                    assert!(error < 0.51 + 1e-4 * full * want, "{what}: {weight} for {want}");
                }
                if n_rows % 2 == 1 {
                    assert_eq!(pairs[n_rows / 2][c] >> 16, 0, "{what}: the last has no second");
                }
                let sum: f64 = exps(0, c, 2.0).iter().chain(&exps(1, c, 2.0)).sum();
                let error = (f64::from(sums[c]) - full * sum).abs();
                assert!(error < 0.51 * 2.0 * n_rows as f64 + 2e-4 * full * sum, "{what}: {}", sums[c]);
                let shrunk = f64::from(most(1, c) - most(2, c)).exp2();
                near(&[mixed[0][c], mixed[1][c]], &[shrunk; 2], 1e-4, &what);
            }
        });
    }
}
