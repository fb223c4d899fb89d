//! The methods with a model whose every chain can be counted.

use super::super::reasoner::Gradient;
use super::*;

const CHAINS: usize = 6;
const RIGHT: [usize; 3] = [0, 4, 5];

/// Three examples with a softmax over their chains; only chain `RIGHT[example]` and the one after it are right.
struct Table {
    logits: Vec<f32>,
}

impl Table {
    fn new() -> Self {
        Self { logits: (0..3 * CHAINS).map(|i| ((i * 7) % 5) as f32 * 0.3).collect() }
    }

    fn p(&self, example: usize) -> Vec<f64> {
        let shares: Vec<f64> =
            self.logits[example * CHAINS..][..CHAINS].iter().map(|x| f64::from(*x).exp()).collect();
        let sum: f64 = shares.iter().sum();
        shares.into_iter().map(|share| share / sum).collect()
    }

    fn likelihood(&self) -> f64 {
        let right = |e: usize| (0..CHAINS).filter(|c| self.is_right(e, c)).map(|c| self.p(e)[c]).sum::<f64>();
        (0..3).map(|e| right(e).ln()).sum::<f64>() / 3.0
    }
}

impl Reasoner for Table {
    type Chain = usize;

    fn parameters(&self) -> &[f32] {
        &self.logits
    }

    fn set_parameters(&mut self, parameters: Vec<f32>) -> Result<()> {
        self.logits = parameters;
        Ok(())
    }

    fn propose(&mut self, wanted: &[Wanted], _: &Cancel) -> Result<Option<Vec<usize>>> {
        let draw = |wanted: &Wanted| {
            let mut at = (mix(wanted.seed.unwrap_or(0), 1, 2) >> 11) as f64 / (1u64 << 53) as f64;
            self.p(wanted.example).iter().position(|p| {
                at -= p;
                at < 0.0
            })
        };
        Ok(Some(wanted.iter().map(|wanted| draw(wanted).unwrap_or(CHAINS - 1)).collect()))
    }

    fn is_right(&self, example: usize, chain: &usize) -> bool {
        *chain == RIGHT[example] || *chain == (RIGHT[example] + 1) % CHAINS
    }

    fn direct(&self, example: usize) -> Result<usize> {
        Ok(RIGHT[example])
    }

    fn gradient(&mut self, terms: &[Term<usize>], _: &Cancel) -> Result<Option<Gradient>> {
        let mut of = vec![0.0; self.logits.len()];
        let mut log_p = Vec::new();
        for term in terms {
            let p = self.p(term.example);
            log_p.push(p[*term.chain].ln());
            for (chain, p) in p.into_iter().enumerate() {
                let one = f64::from(u8::from(chain == *term.chain));
                of[term.example * CHAINS + chain] += (term.weight * (one - p)) as f32;
            }
        }
        Ok(Some(Gradient { log_p, of }))
    }
}

/// A posterior draw for each example, as a memory that has been mixed for long.
fn mixed(table: &mut Table, seed: u64) -> BTreeMap<usize, Kept<usize>> {
    let mut memory = BTreeMap::new();
    for example in 0..3 {
        let seeds = (0..).map(|i| mix(seed, example as u64 + 100, i));
        for seed in seeds {
            let wanted = Wanted { example, asked: Asked::Steps, seed: Some(seed) };
            let chain = table.propose(&[wanted], &Cancel::new()).unwrap().unwrap()[0];
            if table.is_right(example, &chain) {
                memory.insert(example, Kept { chain, right: true });
                break;
            }
        }
    }
    memory
}

/// The mean of many steps from the same place is the gradient of the likelihood, however many terms are computed.
#[test]
fn steps_are_unbiased() {
    const TIMES: usize = 40_000;
    let expected: Vec<f64> = (0..3 * CHAINS)
        .map(|i| {
            let at = |step: f32| {
                let mut moved = Table::new();
                moved.logits[i] += step;
                moved.likelihood()
            };
            (at(1e-3) - at(-1e-3)) / 2e-3
        })
        .collect();
    for (with_control, most_terms) in [(false, 0), (true, 0), (true, 2)] {
        let mut table = Table::new();
        let mut mean = [0.0; 3 * CHAINS];
        for time in 0..TIMES {
            let mut memory = mixed(&mut table, time as u64);
            let steps = Steps { seed: time as u64, most_terms, with_control, measure: None };
            let estimate =
                steps.trice(&mut table, &mut memory, &[0, 1, 2], 5, &Cancel::new()).unwrap().unwrap();
            mean.iter_mut().zip(&estimate.gradient).for_each(|(m, g)| *m += f64::from(*g) / TIMES as f64);
        }
        for (i, (found, expected)) in mean.iter().zip(&expected).enumerate() {
            assert!(
                (found - expected).abs() < 5e-3,
                "control {with_control}, {most_terms} terms, {i}: {found}, exactly {expected}"
            );
        }
    }
}

#[test]
fn memory_takes_right_proposals_and_keeps_what_it_has() {
    let mut table = Table::new();
    let mut memory =
        BTreeMap::from([(0, Kept { chain: 3, right: false }), (1, Kept { chain: 4, right: true })]);
    let (mut before_right, steps) =
        (false, Steps { seed: 3, most_terms: 0, with_control: true, measure: None });
    for step in 0..60 {
        let was = memory.clone();
        let drawn = table.propose(&steps.draws(step, &[0, 1]), &Cancel::new()).unwrap().unwrap();
        let estimate = steps.trice(&mut table, &mut memory, &[0, 1], step, &Cancel::new()).unwrap().unwrap();
        for (example, proposal) in drawn.iter().enumerate() {
            let expected = if table.is_right(example, proposal) {
                Kept { chain: *proposal, right: true }
            } else {
                was[&example].clone()
            };
            assert_eq!(memory[&example], expected);
        }
        assert!(!before_right || memory[&0].right, "a right chain is never given up");
        before_right = memory[&0].right;
        assert_eq!(estimate.proposed, 2);
    }
    assert!(before_right);
}

#[test]
fn each_method_climbs_and_only_trice_reaches_hard_examples_surely() {
    let mut likelihoods = Vec::new();
    for method in [Method::Trice, Method::Rejection] {
        let mut table = Table::new();
        let mut memory = mixed(&mut table, 1);
        let before = table.likelihood();
        let steps = Steps { seed: 1, most_terms: 0, with_control: true, measure: None };
        for step in 0..300 {
            let estimate = match method {
                Method::Trice => steps.trice(&mut table, &mut memory, &[0, 1, 2], step, &Cancel::new()),
                _ => steps.rejection(&mut table, &[step % 3], step, &Cancel::new()),
            };
            let gradient = estimate.unwrap().unwrap().gradient;
            let next = table.logits.iter().zip(&gradient).map(|(x, g)| x + 0.5 * g).collect();
            table.set_parameters(next).unwrap();
        }
        assert!(table.likelihood() > before + 0.3, "{method:?}: {before} → {}", table.likelihood());
        likelihoods.push(table.likelihood());
    }
    assert!(likelihoods[0] > -0.05, "{likelihoods:?}");
}

#[test]
fn measured_variances_show_the_control_variate() {
    let mut table = Table::new();
    // Nearly always right.
    for (i, logit) in table.logits.iter_mut().enumerate() {
        let (example, chain) = (i / CHAINS, i % CHAINS);
        if chain == RIGHT[example] || chain == (RIGHT[example] + 1) % CHAINS {
            *logit += 6.0;
        }
    }
    let mut memory = mixed(&mut table, 2);
    let steps = Steps { seed: 2, most_terms: 0, with_control: true, measure: Some(4) };
    let batch: Vec<usize> = (0..24).map(|i| i % 3).collect();
    let estimate = steps.trice(&mut table, &mut memory, &batch, 0, &Cancel::new()).unwrap().unwrap();
    let Variance { with_control, without, .. } = estimate.variance.unwrap();
    assert!(with_control < 0.1 * without, "{with_control} {without}");
}

#[test]
fn every_pass_goes_through_all_examples() {
    let order = |pass: usize| (0..10).map(|i| example_at(4, 10, pass * 10 + i)).collect::<Vec<_>>();
    for pass in 0..3 {
        let mut sorted = order(pass);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
    }
    assert_ne!(order(0), order(1));
    assert_eq!(order(1), order(1));
}
