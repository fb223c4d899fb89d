//! A whole run: exemplars, memory, steps, checks, files.

mod begin;

mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::adapter;
use super::checkpoint;
use super::data::Example;
use super::decoder_reasoner::{Chain, DecoderReasoner};
use super::form::{Asked, Form};
use super::method::{Kept, Method, PROPOSALS, Variance, example_at, mix};
use super::optimiser::{AdamW, cosine};
use super::parameters::Tuned;
use super::reasoner::{Reasoner, Wanted};
use super::vote;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::model::LanguageModel;

/// What a run is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneOptions {
    /// The model, as it was named: it stands in what is saved.
    pub model: String,
    /// How.
    pub method: Method,
    /// What.
    pub tuned: Tuned,
    /// Steps of the optimiser.
    pub steps: usize,
    /// Proposals of a step.
    pub batch: usize,
    /// Most chains whose gradients a step of TRICE computes; 0 for all that count.
    pub most_terms: usize,
    /// Learning rate at first; it falls to a tenth along a cosine.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
    /// The same seed, options and thread count give the same adapter.
    pub seed: u64,
    /// Most tokens of a chain.
    pub max_tokens: usize,
    /// Exemplars before each question.
    pub exemplars: usize,
    /// Questions that are kept for checking; of at most half of all.
    pub held_out: usize,
    /// Checks after so many steps, and at the end; 0 for the end alone.
    pub check_every: usize,
    /// Chains that vote on each held-out question at the end; 0 for none.
    pub votes: usize,
    /// Measures the variance of the gradient every so many steps; 0 for never.
    pub measure_every: usize,
    /// Writes a checkpoint after so many steps; 0 for never.
    pub save_every: usize,
    /// Rounds of STaR.
    pub rounds: usize,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self {
            model: String::new(),
            method: Method::Trice,
            tuned: Tuned::default(),
            steps: 60,
            batch: 16,
            most_terms: 0,
            rate: 1e-3,
            decay: 0.0,
            seed: 0,
            max_tokens: 128,
            exemplars: 3,
            held_out: 50,
            check_every: 20,
            votes: 0,
            measure_every: 0,
            save_every: 10,
            rounds: 2,
        }
    }
}

/// What is told while a model is tuned.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum TuneEvent {
    /// What the run works with.
    Begun { method: Method, train: usize, held_out: usize, exemplars: usize, parameters: usize, step: usize },
    /// Chains are sought: exemplars, or those that memory begins with.
    Seeking { what: String, done: usize, total: usize, right: usize },
    /// A step. `loss` is the mean of −log p of what counted; `in_memory` the share of examples whose chain is right.
    Step {
        step: usize,
        steps: usize,
        loss: Option<f64>,
        proposed: usize,
        right: usize,
        in_memory: Option<f64>,
        variance: Option<Variance>,
        seconds: f64,
    },
    /// A rationale that was found: one for each step at most.
    Chain { question: String, chain: String },
    /// Held-out questions that were answered rightly by the likeliest chain, and by vote where that was asked for.
    Checked { step: usize, right: usize, voted: Option<usize>, of: usize },
    /// Something that a person should know.
    Notice { text: String },
    /// The adapter is written. `samples` counts all chains that were drawn.
    Done { step: usize, samples: usize, seconds: f64, out: Option<PathBuf> },
}

/// All that changes in a run.
#[derive(Clone, Default)]
pub(super) struct State {
    /// Steps that are done.
    pub(super) step: usize,
    pub(super) memory: BTreeMap<usize, Kept<Chain>>,
    /// Chains drawn so far.
    pub(super) samples: usize,
    /// Proposals since the last right one.
    pub(super) in_vain: usize,
    /// Examples for which a proposal was right.
    pub(super) reached: BTreeSet<usize>,
}

/// A run: an iterator of events that ends when the adapter is written, or when it was cancelled.
pub struct Tuning {
    options: TuneOptions,
    reasoner: DecoderReasoner,
    first: Vec<f32>,
    train: Vec<usize>,
    held: Vec<usize>,
    state: State,
    optimiser: AdamW,
    out: Option<PathBuf>,
    cancel: Cancel,
    started: Instant,
    events: VecDeque<TuneEvent>,
    phase: Phase,
    /// What the data are, so that a run goes on with the same.
    data: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Begin,
    Exemplars,
    Memory,
    Check,
    Step,
    Save,
    Done,
}

/// Chains that are sought at once.
const TOGETHER: usize = 32;

impl Tuning {
    /// Nothing is computed yet. The adapter and checkpoints go to the folder `out`; with `resume` the run goes on from
    /// the checkpoint there.
    ///
    /// # Errors
    /// [`Error::Request`] for options that make no run, for a model that cannot be tuned, and for a checkpoint of
    /// another run; [`Error::Io`].
    pub fn new(
        model: Arc<LanguageModel>,
        examples: Vec<Example>,
        options: TuneOptions,
        out: Option<&Path>,
        resume: bool,
        cancel: &Cancel,
    ) -> Result<Self> {
        check(&options, examples.len())?;
        let asked = if options.method == Method::Direct { Asked::Directly } else { Asked::Steps };
        let form = match asked {
            Asked::Directly => Form::of_answers(&examples, options.exemplars),
            _ => Form::of(&examples, options.exemplars),
        };
        let is_shown =
            |example: &Example| form.exemplars.iter().any(|shown| shown.question == example.question);
        let others: Vec<usize> = (0..examples.len()).filter(|i| !is_shown(&examples[*i])).collect();
        let n_held = options.held_out.min(others.len() / 2);
        let shuffled = (0..others.len()).map(|i| others[example_at(options.seed, others.len(), i)]);
        let (mut held, mut train): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        shuffled
            .enumerate()
            .for_each(|(i, example)| if i < n_held { held.push(example) } else { train.push(example) });
        if train.is_empty() {
            return Err(Error::Request {
                reason: "all questions are exemplars or held out; give more".into(),
            });
        }
        let data = checkpoint::digest(&examples);
        let reasoner = DecoderReasoner::new(
            model,
            form,
            examples,
            &options.tuned,
            asked,
            mix(options.seed, 0, 1),
            options.max_tokens,
        )?;
        let first = reasoner.parameters().to_vec();
        let mut run = Self {
            optimiser: AdamW::new(first.len()),
            options,
            reasoner,
            first,
            train,
            held,
            state: State::default(),
            out: out.map(Path::to_path_buf),
            cancel: cancel.clone(),
            started: Instant::now(),
            events: VecDeque::new(),
            phase: Phase::Begin,
            data,
        };
        if resume {
            run.resume()?;
        }
        Ok(run)
    }

    /// The model with what was tuned so far.
    pub fn model(&self) -> Arc<LanguageModel> {
        self.reasoner.model().clone()
    }

    fn resume(&mut self) -> Result<()> {
        let Some(out) = &self.out else {
            return Err(Error::Request {
                reason: "there is no folder to resume from; name it with --out".into(),
            });
        };
        let saved = checkpoint::load(out)?;
        if saved.options != self.options || saved.data != self.data {
            let reason = format!(
                "the checkpoint in {} is of a run with other options or other questions; give the same, or another folder",
                out.display()
            );
            return Err(Error::Request { reason });
        }
        self.reasoner.set_form(saved.form, &self.options.tuned)?;
        self.first = self.reasoner.parameters().to_vec();
        if saved.parameters.len() != self.first.len() {
            let reason = format!("the checkpoint in {} is of another model", out.display());
            return Err(Error::Request { reason });
        }
        self.reasoner.set_parameters(saved.parameters)?;
        (self.optimiser, self.state) = (saved.optimiser, saved.state);
        let train = std::mem::take(&mut self.train);
        self.train = train.into_iter().filter(|i| !self.is_exemplar(*i)).collect();
        Ok(())
    }

    fn is_exemplar(&self, example: usize) -> bool {
        let question = &self.reasoner.examples()[example].question;
        self.reasoner.form().exemplars.iter().any(|shown| shown.question == *question)
    }

    fn advance(&mut self) -> Result<()> {
        if self.cancel.is_cancelled() {
            if self.options.save_every > 0 && self.state.step > 0 {
                self.checkpoint()?;
            }
            self.phase = Phase::Done;
            return Ok(());
        }
        match self.phase {
            Phase::Begin => {
                let resumed = self.state.step > 0;
                self.phase = if resumed { Phase::Step } else { Phase::Exemplars };
                if resumed {
                    self.tell_begun();
                }
            }
            Phase::Exemplars => self.seek_exemplars()?,
            Phase::Memory => self.fill_memory()?,
            Phase::Check => self.check_held_out()?,
            Phase::Step => self.step()?,
            Phase::Save => self.save()?,
            Phase::Done => {}
        }
        Ok(())
    }

    fn tell_begun(&mut self) {
        self.events.push_back(TuneEvent::Begun {
            method: self.options.method,
            train: self.train.len(),
            held_out: self.held.len(),
            exemplars: self.reasoner.form().exemplars.len(),
            parameters: self.first.len(),
            step: self.state.step,
        });
    }

    fn propose(&mut self, wanted: &[Wanted]) -> Result<Option<Vec<Chain>>> {
        let chains = self.reasoner.propose(wanted, &self.cancel)?;
        self.state.samples += chains.as_ref().map_or(0, Vec::len);
        Ok(chains)
    }

    fn asked(&self) -> Asked {
        if self.options.method == Method::Direct { Asked::Directly } else { Asked::Steps }
    }

    fn check_held_out(&mut self) -> Result<()> {
        let is_last = self.state.step >= self.options.steps;
        let asked = self.asked();
        let wanted: Vec<Wanted> =
            self.held.iter().map(|example| Wanted { example: *example, asked, seed: None }).collect();
        let Some(chains) = self.reasoner.propose(&wanted, &self.cancel)? else { return Ok(()) };
        let right =
            self.held.iter().zip(&chains).filter(|(i, chain)| self.reasoner.is_right(**i, chain)).count();
        let mut voted = None;
        if is_last && self.options.votes > 0 && asked == Asked::Steps {
            let n = self.options.votes;
            let seed = |i: usize| Some(mix(self.options.seed, 4, i as u64));
            let each = self.held.iter().flat_map(|example| std::iter::repeat_n(*example, n));
            let wanted: Vec<Wanted> =
                each.enumerate().map(|(i, example)| Wanted { example, asked, seed: seed(i) }).collect();
            let Some(chains) = self.reasoner.propose(&wanted, &self.cancel)? else { return Ok(()) };
            let is_right = |(example, chains): (&usize, &[Chain])| {
                let texts: Vec<&str> = chains.iter().map(|chain| chain.text.as_str()).collect();
                let answer = &self.reasoner.examples()[*example].answer;
                vote::majority(&texts).is_some_and(|most| super::form::is_same(&most.answer, answer))
            };
            voted = Some(
                self.held.iter().zip(chains.chunks(n)).filter(|pair| is_right((pair.0, pair.1))).count(),
            );
        }
        self.events.push_back(TuneEvent::Checked {
            step: self.state.step,
            right,
            voted,
            of: self.held.len(),
        });
        self.phase = if is_last { Phase::Save } else { Phase::Step };
        Ok(())
    }

    fn step(&mut self) -> Result<()> {
        let (since, options) = (Instant::now(), self.options.clone());
        let step = self.state.step;
        let Some(estimate) = self.estimate(step)? else { return Ok(()) };
        let per_round = options.steps.div_ceil(options.rounds.max(1));
        let (at, of) = match options.method {
            Method::Star => (step % per_round, per_round),
            _ => (step, options.steps),
        };
        let mut parameters = self.reasoner.parameters().to_vec();
        self.optimiser.climb(
            &mut parameters,
            &estimate.gradient,
            cosine(options.rate, at, of),
            options.decay,
        );
        if parameters.iter().any(|x| !x.is_finite()) {
            let reason =
                format!("step {} gave numbers that are not finite; choose a smaller --rate", step + 1);
            return Err(Error::Request { reason });
        }
        self.reasoner.set_parameters(parameters)?;
        self.state.step += 1;
        let right = self.state.memory.values().filter(|kept| kept.right).count();
        let in_memory = options.method.has_memory().then(|| right as f64 / self.train.len() as f64);
        self.events.push_back(TuneEvent::Step {
            step: step + 1,
            steps: options.steps,
            loss: estimate.loss,
            proposed: estimate.proposed,
            right: estimate.right,
            in_memory,
            variance: estimate.variance,
            seconds: since.elapsed().as_secs_f64(),
        });
        let done = self.state.step;
        let is_due = |every: usize| every > 0 && done.is_multiple_of(every);
        if is_due(options.save_every) {
            self.checkpoint()?;
        }
        if self.state.step >= options.steps || is_due(options.check_every) {
            self.phase = Phase::Check;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<()> {
        let Some(out) = &self.out else { return Ok(()) };
        checkpoint::save(
            out,
            &checkpoint::Saved {
                options: self.options.clone(),
                data: self.data.clone(),
                form: self.reasoner.form().clone(),
                parameters: self.reasoner.parameters().to_vec(),
                optimiser: self.optimiser.clone(),
                state: self.state.clone(),
            },
        )
    }

    fn save(&mut self) -> Result<()> {
        if self.options.method.has_memory() {
            if self.state.reached.is_empty() && self.state.step > 0 {
                let text = "the model found no right chain by itself, so it learned from those that were made with the answer told; give it more steps, easier questions, or choose a larger model";
                self.events.push_back(TuneEvent::Notice { text: text.into() });
            }
            let never: Vec<usize> = self
                .train
                .iter()
                .copied()
                .filter(|i| !self.state.memory.get(i).is_some_and(|kept| kept.right))
                .collect();
            if let Some(first) = never.first() {
                let question = &self.reasoner.examples()[*first].question;
                let text = format!(
                    "no chain reached the right answer of {} of {} questions, such as {question:?}; they taught nothing",
                    never.len(),
                    self.train.len()
                );
                self.events.push_back(TuneEvent::Notice { text });
            }
        }
        if let Some(out) = &self.out {
            adapter::save(out, &self.options, &self.reasoner)?;
            checkpoint::remove(out);
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let (step, samples, out) = (self.state.step, self.state.samples, self.out.clone());
        self.events.push_back(TuneEvent::Done { step, samples, seconds, out });
        self.phase = Phase::Done;
        Ok(())
    }
}

fn check(options: &TuneOptions, n_examples: usize) -> Result<()> {
    let reason = if options.steps == 0 || options.batch == 0 {
        "a run has at least one step with one proposal"
    } else if options.method == Method::Rejection && options.batch < PROPOSALS {
        "rejection sampling draws four chains for each question; use a batch of at least 4"
    } else if !(options.rate > 0.0 && options.rate.is_finite()) {
        "the learning rate is a number above 0"
    } else if options.max_tokens < 4 {
        "a chain needs room for at least 4 tokens"
    } else if n_examples < 2 {
        "at least two questions are needed"
    } else {
        return Ok(());
    };
    Err(Error::Request { reason: reason.into() })
}

impl Iterator for Tuning {
    type Item = Result<TuneEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if self.phase == Phase::Done {
                return None;
            }
            if let Err(error) = self.advance() {
                self.phase = Phase::Done;
                return Some(Err(error));
            }
        }
    }
}
