//! How far a machine stays behind the bound, from what was measured on it.

use serde::Deserialize;

use super::cost::{Cost, Phase};
use crate::error::{Error, Result};

/// For each phase.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Of reading.
    pub prefill: Efficiency,
    /// Of writing.
    pub decode: Efficiency,
}

/// Of one phase.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency {
    /// Share of arithmetic and bandwidth that is reached, above 0 and at most 1.
    pub roofline: f64,
    /// Share of the links.
    pub links: f64,
    /// Seconds that a layer takes besides, whatever it computes.
    pub layer_s: f64,
}

/// A time that was measured, beside the bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The bound.
    pub cost: Cost,
    /// What it took.
    pub seconds: f64,
}

impl Calibration {
    pub(super) fn of(&self, phase: Phase) -> &Efficiency {
        match phase {
            Phase::Prefill => &self.prefill,
            Phase::Decode => &self.decode,
        }
    }

    pub(super) fn check(&self, machine: &str) -> Result<()> {
        let share = |share: f64| share > 0.0 && share <= 1.0;
        let right = [self.prefill, self.decode]
            .iter()
            .all(|of| share(of.roofline) && share(of.links) && (0.0..=1.0).contains(&of.layer_s));
        match right {
            true => Ok(()),
            false => Err(Error::Request {
                reason: format!(
                    "the machine {machine}: calibration holds impossible numbers; roofline and links are shares above 0 \
                     and at most 1, layer_s are seconds from 0 to 1"
                ),
            }),
        }
    }
}

impl Efficiency {
    /// Seconds that these parts of a bound are expected to take.
    pub fn expected(&self, roofline_s: f64, communication_s: f64, layers: usize) -> f64 {
        roofline_s / self.roofline + communication_s / self.links + layers as f64 * self.layer_s
    }
}

/// The efficiencies with the least squares of relative errors, none of them better than the bound. `None` for fewer than
/// three observations, or such that do not determine them.
pub fn fit(observations: &[Observation]) -> Option<Efficiency> {
    let rows: Vec<[f64; 3]> = observations
        .iter()
        .map(|seen| {
            let cost = &seen.cost;
            [cost.roofline_s, cost.communication_s, cost.layers as f64].map(|part| part / seen.seconds)
        })
        .collect();
    if rows.len() < 3 {
        return None;
    }
    // Least values that the factors may have; those at theirs are fixed, in every combination.
    let least = [1.0, 1.0, 0.0];
    let squares = |factors: &[f64; 3]| -> f64 {
        rows.iter().map(|row| (row.iter().zip(factors).map(|(a, x)| a * x).sum::<f64>() - 1.0).powi(2)).sum()
    };
    let solutions = (0..8u8).filter_map(|free| {
        let free: Vec<usize> = (0..3).filter(|i| free >> i & 1 == 1).collect();
        let mut factors = least;
        let fixed =
            |row: &[f64; 3]| -> f64 { (0..3).filter(|i| !free.contains(i)).map(|i| row[i] * least[i]).sum() };
        let normal = free.iter().map(|i| {
            let sums = free.iter().map(|j| rows.iter().map(|row| row[*i] * row[*j]).sum());
            let right = rows.iter().map(|row| row[*i] * (1.0 - fixed(row))).sum();
            sums.chain([right]).collect()
        });
        for (i, value) in free.iter().zip(solve(normal.collect())?) {
            factors[*i] = value;
        }
        factors.iter().zip(least).all(|(x, least)| *x >= least).then_some(factors)
    });
    let best = solutions.min_by(|a, b| squares(a).total_cmp(&squares(b)))?;
    Some(Efficiency { roofline: 1.0 / best[0], links: 1.0 / best[1], layer_s: best[2] })
}

/// Solves equations given as rows with their right side last; `None` where they determine nothing.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = rows.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| rows[*a][i].abs().total_cmp(&rows[*b][i].abs()))?;
        rows.swap(i, pivot);
        let by = rows[i][i];
        if by.abs() < 1e-300 {
            return None;
        }
        rows[i].iter_mut().for_each(|value| *value /= by);
        let pivot = rows[i].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(j, _)| *j != i) {
            let by = row[i];
            row.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= by * pivot);
        }
    }
    Some(rows.into_iter().filter_map(|row| row.last().copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(roofline_s: f64, communication_s: f64, layers: usize, truth: Efficiency) -> Observation {
        let cost = Cost {
            seconds: roofline_s + communication_s,
            expected_s: None,
            arithmetic_s: roofline_s,
            weights_s: 0.0,
            gather_s: 0.0,
            attention_s: 0.0,
            communication_s,
            roofline_s,
            layers,
            utilisation: 0.5,
            tokens_per_s: 1.0,
        };
        Observation { cost, seconds: truth.expected(roofline_s, communication_s, layers) }
    }

    #[test]
    fn the_efficiencies_that_made_the_times_are_found() {
        let truth = Efficiency { roofline: 0.8, links: 0.25, layer_s: 1e-4 };
        let times = [(1.0, 0.1, 10), (0.2, 0.3, 10), (3.0, 0.0, 40), (0.01, 0.01, 20)];
        let all: Vec<Observation> = times.iter().map(|(a, b, n)| seen(*a, *b, *n, truth)).collect();
        let found = fit(&all).unwrap();
        for (found, truth) in
            [(found.roofline, truth.roofline), (found.links, truth.links), (found.layer_s, truth.layer_s)]
        {
            assert!((found / truth - 1.0).abs() < 1e-6, "{found} is not {truth}");
        }
        assert_eq!(fit(&all[..2]), None);
    }

    #[test]
    fn nothing_is_better_than_the_bound() {
        let quick = Efficiency { roofline: 2.0, links: 0.5, layer_s: 0.0 };
        let times = [(1.0, 0.1, 10), (0.2, 0.3, 10), (3.0, 0.0, 40)];
        let all: Vec<Observation> = times.iter().map(|(a, b, n)| seen(*a, *b, *n, quick)).collect();
        assert_eq!(fit(&all).unwrap().roofline, 1.0);
    }
}
