//! Dialogues assembled from recordings of single people, and how well it is told who speaks when.

/// Somebody speaks: start and end in seconds, and who.
pub type Said = (f64, f64, usize);

const RATE: f64 = 16_000.0;
/// Steps in which time is scored.
const STEP_S: f64 = 0.01;

/// How time is shared between right and wrong, as a share of all that is spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRate {
    /// Somebody speaks and nobody was found.
    pub missed: f64,
    /// Nobody speaks and somebody was found.
    pub false_alarm: f64,
    /// Somebody else was found.
    pub confused: f64,
}

impl ErrorRate {
    /// The diarisation error rate.
    pub fn total(&self) -> f64 {
        self.missed + self.false_alarm + self.confused
    }
}

/// The diarisation error rate (NIST, RT-09) with the best match between found people and real ones, without the time
/// nearer than `collar_s` to where somebody really begins or ends.
pub fn diarisation_error(real: &[Said], found: &[Said], collar_s: f64) -> ErrorRate {
    let step = |s: f64| (s / STEP_S).round().max(0.0) as usize;
    let n_steps = real.iter().chain(found).map(|said| step(said.1)).max().unwrap_or(0);
    let line = |all: &[Said]| {
        let mut line = vec![None; n_steps];
        all.iter().for_each(|&(start, end, who)| line[step(start)..step(end)].fill(Some(who)));
        line
    };
    let (mut real_line, mut found_line) = (line(real), line(found));
    for &(start, end, _) in real {
        for edge in [start, end] {
            for at in step(edge - collar_s)..step(edge + collar_s).min(n_steps) {
                (real_line[at], found_line[at]) = (None, None);
            }
        }
    }
    let n = |all: &[Said]| all.iter().map(|said| said.2 + 1).max().unwrap_or(0);
    let mut together = vec![vec![0_usize; n(found)]; n(real)];
    let (mut spoken, mut missed, mut false_alarm, mut both) = (0, 0, 0, 0);
    for pair in real_line.iter().zip(&found_line) {
        match pair {
            (Some(a), Some(b)) => {
                together[*a][*b] += 1;
                both += 1;
            }
            (Some(_), None) => missed += 1,
            (None, Some(_)) => false_alarm += 1,
            (None, None) => {}
        }
        spoken += usize::from(pair.0.is_some());
    }
    let confused = both - best_match(&together, &mut vec![false; n(found)], 0);
    let share = |steps: usize| steps as f64 / spoken.max(1) as f64;
    ErrorRate { missed: share(missed), false_alarm: share(false_alarm), confused: share(confused) }
}

/// The most that can be right when each real person is at most one found one.
fn best_match(together: &[Vec<usize>], taken: &mut Vec<bool>, real: usize) -> usize {
    let Some(row) = together.get(real) else { return 0 };
    let mut best = best_match(together, taken, real + 1);
    for found in 0..row.len() {
        if !taken[found] {
            taken[found] = true;
            best = best.max(row[found] + best_match(together, taken, real + 1));
            taken[found] = false;
        }
    }
    best
}

/// Numbers that are the same on every machine.
pub struct Random(u32);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// From `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        low + (high - low) * f64::from(self.0 >> 8) / f64::from(1 << 24)
    }

    /// From 0 to `n` − 1.
    pub fn below(&mut self, n: usize) -> usize {
        (self.between(0.0, n as f64) as usize).min(n - 1)
    }
}

/// Without what is quieter than −35 dB of the loudest 10 ms at both ends.
pub fn trimmed(samples: &[f32]) -> &[f32] {
    const RUN: usize = 160;
    let energy = |run: &[f32]| run.iter().map(|x| x * x).sum::<f32>();
    let energies: Vec<f32> = samples.chunks_exact(RUN).map(energy).collect();
    let least = energies.iter().copied().fold(0.0, f32::max) * 10.0_f32.powf(-3.5);
    let loud = |e: &f32| *e > least;
    match (energies.iter().position(loud), energies.iter().rposition(loud)) {
        (Some(first), Some(last)) => &samples[first * RUN..(last + 1) * RUN],
        _ => &samples[..0],
    }
}

/// A dialogue of `n_turns`: `people` have recordings each; everybody speaks, nobody twice in a row, parts of 1.5 to 8 s
/// with 0.1 to 0.7 s between them, as loud as each other within 3 dB, over a little noise. Sound at 16 kHz and who really
/// speaks when, people numbered as they stand in `people`.
pub fn dialogue(people: &[Vec<Vec<f32>>], n_turns: usize, seed: u32) -> (Vec<f32>, Vec<Said>) {
    let mut random = Random::new(seed);
    let (mut sound, mut said) = (vec![0.0; 8_000], Vec::new());
    let mut before = None;
    for turn in 0..n_turns {
        let who = loop {
            let who = if turn < people.len() { turn } else { random.below(people.len()) };
            if people.len() == 1 || Some(who) != before {
                break who;
            }
        };
        before = Some(who);
        let whole = &people[who][random.below(people[who].len())];
        let n = ((random.between(1.5, 8.0) * RATE) as usize).min(whole.len());
        let from = random.below(whole.len() - n + 1);
        let part = trimmed(&whole[from..from + n]);
        let rms = (part.iter().map(|x| x * x).sum::<f32>() / part.len().max(1) as f32).sqrt();
        let gain = 0.05 * 10.0_f32.powf(random.between(-0.15, 0.15) as f32) / rms.max(1e-6);
        let start_s = sound.len() as f64 / RATE;
        sound.extend(part.iter().map(|x| (x * gain).clamp(-1.0, 1.0)));
        said.push((start_s, sound.len() as f64 / RATE, who));
        let pause = (random.between(0.1, 0.7) * RATE) as usize;
        sound.extend(std::iter::repeat_n(0.0, pause));
    }
    sound.iter_mut().for_each(|x| *x += random.between(-0.001, 0.001) as f32);
    (sound, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_shares_of_what_is_spoken() {
        let real = [(0.0, 4.0, 0), (5.0, 9.0, 1)];
        let none = diarisation_error(&real, &[(0.0, 4.0, 7), (5.0, 9.0, 3)], 0.0);
        assert_eq!(none.total(), 0.0, "numbers mean nothing");
        let found = [(0.0, 3.0, 1), (5.0, 7.0, 0), (7.0, 9.0, 1), (9.0, 10.0, 0)];
        let error = diarisation_error(&real, &found, 0.0);
        assert!((error.missed - 1.0 / 8.0).abs() < 1e-9, "{error:?}");
        assert!((error.false_alarm - 1.0 / 8.0).abs() < 1e-9, "{error:?}");
        assert!((error.confused - 2.0 / 8.0).abs() < 1e-9, "{error:?}");
    }

    #[test]
    fn time_near_a_boundary_is_not_scored() {
        let error = diarisation_error(&[(1.0, 3.0, 0)], &[(1.2, 3.2, 0)], 0.25);
        assert_eq!(error.total(), 0.0);
        assert!(diarisation_error(&[(1.0, 3.0, 0)], &[(1.2, 3.2, 0)], 0.0).total() > 0.19);
    }
}
