//! How many tokens to guess: from how often guesses were right, and what steps take.

/// Share of a new observation in what is believed.
pub(super) const NEW: f64 = 0.125;

/// What a step takes with one row more, as a share of one row, until it was seen.
const ROW: f64 = 0.15;

/// A guess must promise this much more tokens a second than none.
const LEAST_GAIN: f64 = 1.05;

/// How often guesses are right, by how many tokens before them are the same as where they were copied from.
#[derive(Debug, Clone)]
pub(super) struct Chances([f64; 6]);

impl Default for Chances {
    /// What quoting and free text have in common; both are soon told apart.
    fn default() -> Self {
        Self([0.3, 0.4, 0.5, 0.65, 0.8, 0.9])
    }
}

impl Chances {
    fn place(matched: usize) -> usize {
        match matched {
            0..=2 => 0,
            3 => 1,
            4 => 2,
            5..=7 => 3,
            8..=15 => 4,
            _ => 5,
        }
    }

    /// That the guess after a match of this length is right.
    pub(super) fn of(&self, matched: usize) -> f64 {
        self.0[Self::place(matched)]
    }

    /// Learns from a guess.
    pub(super) fn learn(&mut self, matched: usize, is_right: bool) {
        let chance = &mut self.0[Self::place(matched)];
        *chance += NEW * (f64::from(u8::from(is_right)) - *chance);
    }
}

/// What steps take, by the rows that they read.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    /// 0 where none was seen.
    seconds: Vec<f64>,
}

impl Costs {
    /// For steps of up to `most` rows.
    pub(super) fn new(most: usize) -> Self {
        Self { seconds: vec![0.0; most + 1] }
    }

    /// The most rows of a step.
    pub(super) fn most_rows(&self) -> usize {
        self.seconds.len() - 1
    }

    /// Seconds of a step of `rows`, at least one; in steps of one row while none was seen at all.
    pub(super) fn of(&self, rows: usize) -> f64 {
        let guess = |rows: usize| 1.0 + ROW * (rows as f64 - 1.0);
        let seen = (1..=rows).rev().find(|n| self.seconds[*n] > 0.0);
        let seen = seen.or_else(|| (rows..self.seconds.len()).find(|n| self.seconds[*n] > 0.0));
        seen.map_or(guess(rows), |n| self.seconds[n] * guess(rows) / guess(n))
    }

    /// Learns from a step. One that was held up counts as twice what was expected.
    pub(super) fn learn(&mut self, rows: usize, seconds: f64) {
        if self.seconds.iter().all(|seconds| *seconds == 0.0) {
            self.seconds[rows] = seconds;
            return;
        }
        let expected = self.of(rows);
        self.seconds[rows] =
            expected + 2.0 * NEW * (seconds.clamp(0.5 * expected, 2.0 * expected) - expected);
    }
}

/// How many of up to `most` tokens to guess, and the tokens a second that this promises; 0 where guessing does not pay.
/// `chance(i)` is that guess i is right when those before it were, `cost(n)` what guessing `n` and reading them takes.
pub(super) fn best(most: usize, chance: impl Fn(usize) -> f64, cost: impl Fn(usize) -> f64) -> (usize, f64) {
    let plain = 1.0 / cost(0);
    let (mut best, mut expected, mut all_right) = ((0, plain * LEAST_GAIN), 1.0, 1.0);
    for n in 1..=most {
        all_right *= chance(n - 1);
        expected += all_right;
        let rate = expected / cost(n);
        if rate > best.1 {
            best = (n, rate);
        }
    }
    if best.0 == 0 { (0, plain) } else { best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_guesses_are_long_and_bad_ones_are_not_made() {
        // A row costs a seventh more.
        let cost = |n: usize| 1.0 + n as f64 / 7.0;
        assert_eq!(best(7, |_| 1.0, cost), (7, 4.0));
        assert_eq!(best(7, |_| 0.1, cost).0, 0);
        let some = best(7, |_| 0.6, cost).0;
        assert!((1..7).contains(&some), "{some}");
        // Nothing pays where rows cost as much as steps.
        assert_eq!(best(7, |_| 1.0, |n| 1.0 + n as f64), (0, 1.0));
        assert_eq!(best(0, |_| 1.0, cost), (0, 1.0));
        // Guesses that get better are worth getting through to.
        assert_eq!(best(7, |i| if i == 0 { 0.5 } else { 1.0 }, cost).0, 7);
    }

    #[test]
    fn a_long_run_of_wrong_guesses_ends_them_and_right_ones_begin_them_again() {
        let mut chances = Chances::default();
        let length = |chances: &Chances| best(7, |i| chances.of(2 + i), |n| 1.0 + 0.2 * n as f64).0;
        (0..30).for_each(|_| chances.learn(2, false));
        assert_eq!(length(&chances), 0);
        assert!(chances.of(3) == 0.4 && chances.of(2) < 0.01);
        (0..30).for_each(|i| (2..20).for_each(|matched| chances.learn(matched, i % 10 != 0)));
        assert!(length(&chances) >= 4);
    }

    #[test]
    fn costs_are_guessed_from_what_was_seen_and_not_moved_far_by_one_slow_step() {
        let mut costs = Costs::new(8);
        assert!((costs.of(8) / costs.of(1) - (1.0 + 7.0 * ROW)).abs() < 1e-9);
        costs.learn(1, 0.004);
        assert_eq!(costs.of(1), 0.004);
        assert!((costs.of(3) - 0.004 * (1.0 + 2.0 * ROW)).abs() < 1e-9);
        (0..60).for_each(|_| costs.learn(8, 0.010));
        assert!((costs.of(8) - 0.010).abs() < 1e-4);
        costs.learn(8, 3.0);
        assert!(costs.of(8) < 0.0126);
        assert_eq!(costs.of(1), 0.004);
    }
}
