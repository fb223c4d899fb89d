use half::{bf16, f16};

use super::super::layers::{Layer, TiledRows, add_times, times};
use super::*;
use crate::random::next_bits;

fn numbers(n: usize, seed: &mut u64) -> Vec<f32> {
    (0..n).map(|_| (next_bits(seed) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// As a file holds them.
fn stored(kind: Kind, numbers: &[f32]) -> Vec<u8> {
    let bytes = |x: &f32| match kind {
        Kind::F32 => x.to_le_bytes().to_vec(),
        Kind::F16 => f16::from_f32(*x).to_le_bytes().to_vec(),
        Kind::BF16 => bf16::from_f32(*x).to_le_bytes().to_vec(),
    };
    numbers.iter().flat_map(bytes).collect()
}

/// Slow and obvious: the definition of correct, in f64.
fn reference(x: &[f32], weights: &[f32], n_in: usize, bias: &[f32], before: &[f32]) -> Vec<f64> {
    let n_out = weights.len() / n_in;
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>();
    let rows = x.chunks(n_in).zip(before.chunks(n_out));
    rows.flat_map(|(x, before)| {
        let outs = weights.chunks(n_in).zip(bias).zip(before);
        outs.map(|((w, bias), before)| dot(x, w) + f64::from(*bias) + f64::from(*before)).collect::<Vec<_>>()
    })
    .collect()
}

fn check(got: &[f32], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*got) - want).abs() < 2e-4, "{what} at {i}: {got} and {want}");
    }
}

#[test]
fn every_kernel_equals_the_reference_around_every_tile_edge() {
    let mut seed = 1;
    for kind in [Kind::F32, Kind::F16, Kind::BF16] {
        for (n_in, n_out) in [(1, 1), (3, 15), (4, 16), (5, 17), (8, 31), (33, 32), (64, 33), (7, 100)] {
            let bytes = stored(kind, &numbers(n_out * n_in, &mut seed));
            let mut weights = vec![0.0; n_out * n_in];
            panels::widen(kind, &bytes, &mut weights);
            let matrix = Dense::in_memory(kind, (n_out, n_in), |panels| {
                let (first, rest) = bytes.split_at(PANEL.min(n_out) * n_in * kind.bytes());
                interleave(kind, n_in, 0, first, panels);
                if !rest.is_empty() {
                    interleave(kind, n_in, PANEL, rest, panels);
                }
            });
            let mut row = vec![0.0; n_in];
            for r in [0, n_out / 2, n_out - 1] {
                matrix.row(r, &mut row);
                assert_eq!(row, weights[r * n_in..][..n_in]);
            }
            let bias = numbers(n_out, &mut seed);
            for n_rows in (1..=15).chain([27, 28, 29, 225]) {
                let (x, before) = (numbers(n_rows * n_in, &mut seed), numbers(n_rows * n_out, &mut seed));
                let (no_bias, nothing) = (vec![0.0; n_out], vec![0.0; n_rows * n_out]);
                for isa in Isa::all() {
                    let what = format!("{} {kind:?} {n_rows}×{n_in}×{n_out}", isa.name());
                    let rows = Rows::new(isa, &x, n_in);
                    let plain = Layer { matrix: &matrix, bias: None, then: None };
                    let biased = Layer { bias: Some(&bias), ..plain };
                    let [a, b] = times(isa, [plain, biased], &rows);
                    check(&a, &reference(&x, &weights, n_in, &no_bias, &nothing), &what);
                    check(&b, &reference(&x, &weights, n_in, &bias, &nothing), &what);
                    let mut c = before.clone();
                    add_times(isa, biased, &rows, &mut c);
                    check(&c, &reference(&x, &weights, n_in, &bias, &before), &what);
                    let negated = |x: &mut [f32]| x.iter_mut().for_each(|x| *x = -*x);
                    let [d] = times(isa, [Layer { then: Some(negated), ..biased }], &rows);
                    assert!(
                        d.iter().zip(&b[..]).all(|(d, b)| *d == -*b),
                        "{what}: a function of the results"
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_gets_to_the_last_bit_what_it_gets_alone() {
    let mut seed = 2;
    // More inputs than are taken at a time.
    let (n_in, n_out, n_rows) = (1500, 40, 230);
    let weights = Dense::from_floats((n_out, n_in), &numbers(n_out * n_in, &mut seed));
    let (x, bias) = (numbers(n_rows * n_in, &mut seed), numbers(n_out, &mut seed));
    let layer = Layer { matrix: &weights, bias: Some(&bias), then: None };
    for isa in Isa::all() {
        let [all] = times(isa, [layer], &Rows::new(isa, &x, n_in));
        for row in [0, 13, 14, 223, 224, 229] {
            let [alone] = times(isa, [layer], &Rows::new(isa, &x[row * n_in..][..n_in], n_in));
            assert_eq!(alone[..], all[row * n_out..][..n_out], "{} row {row}", isa.name());
        }
    }
}

#[test]
fn no_rows_give_nothing() {
    let matrix = Dense::from_floats((100, 6), &[1.0; 600]);
    let layer = Layer { matrix: &matrix, bias: None, then: None };
    let [nothing] = times(Isa::detect(), [layer], &Rows::new(Isa::detect(), &[], 6));
    assert!(nothing.is_empty());
}
