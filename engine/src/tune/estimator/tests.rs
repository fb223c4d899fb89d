//! The estimator against a model whose every chain can be counted.

use super::*;

/// Chains that one example has; those below `RIGHT` are right.
const CHAINS: usize = 5;
const RIGHT: usize = 2;

/// `p(z)` of an example: a softmax of numbers of which some are shared between examples.
struct Countable {
    logits: [[f64; CHAINS]; 2],
}

impl Countable {
    fn new(bias: f64) -> Self {
        let logits = [[0.3 + bias, bias - 0.2, 0.9, 0.1, -1.0], [bias - 0.5, 0.8 + bias, 0.0, 1.2, 0.4]];
        Self { logits }
    }

    fn p(&self, example: usize) -> [f64; CHAINS] {
        let shares = self.logits[example].map(f64::exp);
        let sum: f64 = shares.iter().sum();
        shares.map(|share| share / sum)
    }

    fn right(&self, example: usize) -> f64 {
        self.p(example)[..RIGHT].iter().sum()
    }

    /// ∇ log p(z) with respect to all numbers, `[2 · CHAINS]`.
    fn gradient(&self, example: usize, chain: usize) -> [f64; 2 * CHAINS] {
        let mut gradient = [0.0; 2 * CHAINS];
        for (i, p) in self.p(example).into_iter().enumerate() {
            gradient[example * CHAINS + i] = f64::from(u8::from(i == chain)) - p;
        }
        gradient
    }

    /// The mean over both examples of the gradient of log Σ p(z) over right z.
    fn exact(&self) -> [f64; 2 * CHAINS] {
        let mut sum = [0.0; 2 * CHAINS];
        for example in 0..2 {
            for chain in 0..RIGHT {
                let posterior = self.p(example)[chain] / self.right(example);
                add(&mut sum, &self.gradient(example, chain), posterior / 2.0);
            }
        }
        sum
    }

    /// Calls `each` with all there is to draw for both examples, and how likely it is: memories from the posterior,
    /// proposals from the model.
    fn for_all(&self, mut each: impl FnMut(f64, [usize; 2], [usize; 2])) {
        for number in 0..RIGHT * RIGHT * CHAINS * CHAINS {
            let memory = [number % RIGHT, number / RIGHT % RIGHT];
            let number = number / RIGHT / RIGHT;
            let proposal = [number % CHAINS, number / CHAINS];
            let of = |e: usize| self.p(e)[memory[e]] / self.right(e) * self.p(e)[proposal[e]];
            each(of(0) * of(1), memory, proposal);
        }
    }

    /// The estimate from what was drawn; `most` and `offset` as in [`subsample`].
    fn estimate(
        &self,
        memory: [usize; 2],
        proposal: [usize; 2],
        with_control: bool,
        most: usize,
        offset: f64,
    ) -> [f64; 2 * CHAINS] {
        let drawn = proposal.map(|chain| Drawn { proposal: chain < RIGHT, memory: true });
        let each = weights(&drawn, with_control);
        let flat: Vec<f64> = each.iter().flat_map(|weights| [weights.memory, weights.proposal]).collect();
        let flat = subsample(&flat, most, offset);
        let mut sum = [0.0; 2 * CHAINS];
        for e in 0..2 {
            let kept = if drawn[e].proposal { proposal[e] } else { memory[e] };
            add(&mut sum, &self.gradient(e, kept), flat[2 * e]);
            add(&mut sum, &self.gradient(e, proposal[e]), flat[2 * e + 1]);
        }
        sum
    }

    /// The exact mean of an estimator and its variance, summed over coordinates.
    fn moments(&self, with_control: bool) -> ([f64; 2 * CHAINS], f64) {
        let (mut mean, mut squares) = ([0.0; 2 * CHAINS], 0.0);
        self.for_all(|p, memory, proposal| {
            let estimate = self.estimate(memory, proposal, with_control, 0, 0.0);
            add(&mut mean, &estimate, p);
            squares += p * estimate.iter().map(|x| x * x).sum::<f64>();
        });
        (mean, squares - mean.iter().map(|x| x * x).sum::<f64>())
    }
}

fn add(sum: &mut [f64], x: &[f64], weight: f64) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += weight * x);
}

fn assert_near(found: &[f64], expected: &[f64], most: f64, what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < most, "{what}: {found}, exactly {expected}");
    }
}

#[test]
fn the_mean_of_the_estimator_is_the_gradient() {
    for bias in [-2.0, 0.0, 3.0] {
        let model = Countable::new(bias);
        for with_control in [false, true] {
            let (mean, _) = model.moments(with_control);
            assert_near(&mean, &model.exact(), 1e-12, &format!("bias {bias}, control {with_control}"));
        }
    }
}

/// The gradient of the enumerated log-likelihood is what it says, by finite differences.
#[test]
fn the_exact_gradient_is_that_of_the_likelihood() {
    const STEP: f64 = 1e-6;
    let model = Countable::new(0.0);
    let likelihood = |model: &Countable| (0..2).map(|e| model.right(e).ln()).sum::<f64>() / 2.0;
    for (i, exact) in model.exact().into_iter().enumerate() {
        let at = |step: f64| {
            let mut moved = Countable::new(0.0);
            moved.logits[i / CHAINS][i % CHAINS] += step;
            likelihood(&moved)
        };
        let found = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        assert!((found - exact).abs() < 1e-8, "{i}: {found}, {exact}");
    }
}

/// A drawn memory keeps its distribution: an accepted proposal comes from the same posterior.
#[test]
fn the_memory_stays_a_draw_from_right_chains() {
    let model = Countable::new(0.4);
    let mut after = [0.0; CHAINS];
    model.for_all(|p, memory, proposal| {
        after[if proposal[0] < RIGHT { proposal[0] } else { memory[0] }] += p;
    });
    let posterior: Vec<f64> = model.p(0).iter().map(|p| p / model.right(0)).collect();
    assert_near(&after[..RIGHT], &posterior[..RIGHT], 1e-12, "memory");
    assert_near(&after[RIGHT..], &[0.0; CHAINS - RIGHT], 1e-12, "wrong chains");
}

#[test]
fn the_control_variate_takes_variance_away_as_the_model_gets_right() {
    let share = |bias: f64| {
        let model = Countable::new(bias);
        model.moments(true).1 / model.moments(false).1
    };
    let shares = [share(1.0), share(3.0), share(6.0), share(9.0)];
    assert!(shares[1] < 0.8, "{shares:?}");
    assert!(shares.windows(2).all(|pair| pair[1] < pair[0]), "{shares:?}");
    assert!(shares[3] < 0.01, "{shares:?}");
}

#[test]
fn fewer_terms_keep_the_mean() {
    const OFFSETS: usize = 2000;
    let model = Countable::new(0.0);
    for (with_control, most) in [(false, 1), (true, 1), (true, 2), (true, 3)] {
        let mut mean = [0.0; 2 * CHAINS];
        model.for_all(|p, memory, proposal| {
            for i in 0..OFFSETS {
                let offset = (i as f64 + 0.5) / OFFSETS as f64;
                let estimate = model.estimate(memory, proposal, with_control, most, offset);
                add(&mut mean, &estimate, p / OFFSETS as f64);
            }
        });
        assert_near(&mean, &model.exact(), 1e-3, &format!("control {with_control}, {most} terms"));
    }
}

/// In proportion to `exp(weight)`, as the published notebook draws them, the mean is another.
#[test]
fn weights_and_not_their_exponentials_are_resampled() {
    let weights = [0.7, -0.1, 0.2];
    let n = 10_000;
    let mean = |chosen_by: &dyn Fn(f64) -> f64| {
        let by: Vec<f64> = weights.iter().map(|w| chosen_by(*w)).collect();
        let all: f64 = weights.iter().map(|w: &f64| w.abs()).sum();
        let mut mean = [0.0; 3];
        for i in 0..n {
            let kept = subsample(&by, 1, (i as f64 + 0.5) / n as f64);
            for ((mean, kept), weight) in mean.iter_mut().zip(kept).zip(weights) {
                *mean += if kept != 0.0 { weight.signum() * all / n as f64 } else { 0.0 };
            }
        }
        mean
    };
    assert_near(&mean(&|w| w), &weights, 1e-3, "in proportion");
    let biased = mean(&f64::exp);
    assert!((biased[1] - weights[1]).abs() > 0.1, "{biased:?}");
}

#[test]
fn what_each_case_counts() {
    let cases = [(true, true), (true, false), (false, true), (false, false)];
    let drawn = cases.map(|(proposal, memory)| Drawn { proposal, memory });
    // Two had a right memory: each sees the other's proposal. The one that became right counts whole.
    let betas = leave_one_out(&drawn);
    assert_eq!(betas, [0.0, 0.0, 1.0, 0.0]);
    let each = weights(&drawn, true);
    let third = 1.0 / 3.0;
    assert_eq!(each[0], Weights { memory: third, proposal: 0.0 });
    assert_eq!(each[1], each[0]);
    assert_eq!(each[2], Weights { memory: third, proposal: -third });
    assert_eq!(each[3], Weights::default());
    let plain = weights(&drawn, false);
    assert_eq!(plain[0], Weights { memory: third, proposal: 0.0 });
    assert_eq!(plain[2], Weights { memory: third, proposal: 0.0 });
    let none = weights(&[drawn[3]; 2], true);
    assert_eq!(none, [Weights::default(); 2]);
}

/// As published, β is the share of right proposals among the other examples whose memory is right afterwards.
#[test]
fn with_right_memories_the_scale_is_the_published_one() {
    for proposals in 0..32usize {
        let drawn: Vec<Drawn> =
            (0..5).map(|i| Drawn { proposal: proposals >> i & 1 == 1, memory: true }).collect();
        let all = drawn.iter().filter(|drawn| drawn.proposal).count() as f64;
        for (drawn, beta) in drawn.iter().zip(leave_one_out(&drawn)) {
            let published = (all - f64::from(u8::from(drawn.proposal))) / 4.0;
            assert!((beta - published).abs() < 1e-12, "{beta}, published {published}");
        }
    }
}

/// Where memories are wrong, each chain that an example may reach counts by the posterior, whatever the others draw.
#[test]
fn examples_that_are_reached_first_keep_their_weight() {
    let model = Countable::new(0.0);
    let (mut found, mut mean, mut count) = ([0.0; 2 * CHAINS], [0.0; 2 * CHAINS], 0.0);
    for first in 0..CHAINS {
        for second in 0..CHAINS {
            let p = model.p(0)[first] * model.p(1)[second];
            // The first example's memory is right, the second's is not.
            let drawn = [
                Drawn { proposal: first < RIGHT, memory: true },
                Drawn { proposal: second < RIGHT, memory: false },
            ];
            let each = weights(&drawn, true);
            let n = drawn.iter().filter(|drawn| drawn.counts()).count() as f64;
            if drawn[1].proposal {
                add(&mut found, &model.gradient(1, second), p * n * each[1].memory);
                count += p;
            }
            assert_eq!(each[1].proposal, 0.0);
        }
    }
    for chain in 0..RIGHT {
        add(&mut mean, &model.gradient(1, chain), model.p(1)[chain]);
    }
    assert!((count - model.right(1)).abs() < 1e-12);
    assert_near(&found, &mean, 1e-12, "an example that was wrong before");
}

#[test]
fn an_example_does_not_see_its_own_proposal() {
    let others = [Drawn { proposal: true, memory: true }, Drawn { proposal: false, memory: true }];
    for own in [true, false] {
        let drawn = [Drawn { proposal: own, memory: true }, others[0], others[1]];
        assert_eq!(leave_one_out(&drawn)[0], 0.5);
    }
}

#[test]
fn the_variance_of_a_mean_is_that_of_its_parts() {
    let (variance, length) = variance_of_mean(&[vec![1.0, 5.0], vec![3.0, 5.0]]);
    assert!((variance - 1.0).abs() < 1e-12 && (length - 29.0).abs() < 1e-12);
}
