//! Teaching a model: what is chosen, the run that goes on with its curves, and the adapters that were made.

use std::path::PathBuf;

use engine::tune::{Method, TuneEvent, TuneOptions};
use serde::{Deserialize, Serialize};

use super::attachment::file_name;

/// Rationales that are shown, the newest first.
const MOST_RATIONALES: usize = 200;

/// Points of a curve: step and value.
pub type Curve = Vec<(f64, f64)>;

/// What is chosen for the next run.
#[derive(Debug, Clone, PartialEq)]
pub struct TeachForm {
    /// Questions and answers, one object per line.
    pub data: Option<PathBuf>,
    /// How.
    pub method: Method,
    /// The decoder: an id of the registry or a path.
    pub model: String,
    /// Steps of the optimiser.
    pub steps: usize,
    /// Chains that are proposed in a step.
    pub batch: usize,
    /// Questions that are kept for checking.
    pub held_out: usize,
    /// Most tokens of a chain.
    pub max_tokens: usize,
}

impl Default for TeachForm {
    fn default() -> Self {
        let options = TuneOptions::default();
        Self {
            data: None,
            method: options.method,
            model: String::new(),
            steps: options.steps,
            batch: options.batch,
            held_out: options.held_out,
            max_tokens: options.max_tokens,
        }
    }
}

impl TeachForm {
    /// As the engine takes it. The variance of the gradient is measured often enough for a curve.
    pub fn options(&self) -> TuneOptions {
        TuneOptions {
            model: self.model.clone(),
            method: self.method,
            steps: self.steps,
            batch: self.batch,
            held_out: self.held_out,
            max_tokens: self.max_tokens,
            check_every: (self.steps / 6).clamp(1, 20),
            measure_every: (self.steps / 10).max(1),
            save_every: 5,
            ..TuneOptions::default()
        }
    }
}

/// How an adapter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterState {
    /// Its run was stopped; it can go on.
    #[default]
    Unfinished,
    /// It was made, and nobody said yet whether it stays.
    Made,
    /// It stays.
    Kept,
}

/// An adapter in the data folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterInfo {
    /// Where it is; not stored, since the data folder may move.
    #[serde(skip)]
    pub folder: PathBuf,
    /// For people.
    pub name: String,
    /// The questions that it learnt from.
    pub data: PathBuf,
    /// How it was made.
    pub options: TuneOptions,
    /// How it stands.
    pub state: AdapterState,
    /// When its run began, in seconds since 1970.
    pub made_s: f64,
    /// Held-out questions that were answered rightly at first and at last, of so many.
    pub checked: Option<(usize, usize, usize)>,
    /// Steps that were done.
    pub step: usize,
}

impl AdapterInfo {
    /// The name of a run over these data.
    pub fn name_of(data: &std::path::Path, method: Method) -> String {
        let name = file_name(data);
        let stem = name.strip_suffix(".jsonl").unwrap_or(&name);
        format!("{stem}, {}", method.name())
    }
}

/// A right chain of thought that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rationale {
    /// What was asked.
    pub question: String,
    /// What was thought.
    pub chain: String,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RunState {
    /// The model is being loaded.
    #[default]
    Loading,
    /// It goes on.
    Running,
    /// It ends after what it is doing.
    Stopping,
    /// It was stopped and can go on.
    Stopped,
    /// The adapter is made.
    Done,
    /// It ended early, and why.
    Failed(String),
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it makes.
    pub about: AdapterInfo,
    /// How it stands.
    pub state: RunState,
    /// Questions to learn from, to check with, and to show before others, once they are counted.
    pub questions: Option<(usize, usize, usize)>,
    /// Numbers that are tuned.
    pub parameters: usize,
    /// What is sought before the first step: its name, how many are looked at, of how many, and how many were right.
    pub seeking: Option<(String, usize, usize, usize)>,
    /// Seconds that steps took since it went on last, and how many these were.
    pub seconds: f64,
    /// See there.
    pub timed: usize,
    /// Mean −log p of what counted.
    pub loss: Curve,
    /// Share of proposals that were right, in percent.
    pub accepted: Curve,
    /// Share of examples whose chain in memory is right, in percent.
    pub in_memory: Curve,
    /// Share of held-out questions that were answered rightly, in percent.
    pub checked: Curve,
    /// Variance of the gradient with the control variate.
    pub with_control: Curve,
    /// And without it.
    pub without: Curve,
    /// What was found, the newest first.
    pub rationales: Vec<Rationale>,
    /// What a person should know.
    pub notices: Vec<String>,
}

impl Run {
    /// Minutes that the other steps take at the pace of those so far, at least one; `None` before the first and after the
    /// last.
    pub fn minutes_left(&self) -> Option<usize> {
        let left = self.about.options.steps.saturating_sub(self.about.step);
        let minutes = self.seconds / self.timed.max(1) as f64 * left as f64 / 60.0;
        (self.timed > 0 && left > 0).then(|| (minutes.round() as usize).max(1))
    }

    /// One that begins.
    pub fn new(about: AdapterInfo) -> Self {
        Self {
            about,
            state: RunState::Loading,
            questions: None,
            parameters: 0,
            seeking: None,
            seconds: 0.0,
            timed: 0,
            loss: Curve::new(),
            accepted: Curve::new(),
            in_memory: Curve::new(),
            checked: Curve::new(),
            with_control: Curve::new(),
            without: Curve::new(),
            rationales: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Whether its thread still works.
    pub fn is_going_on(&self) -> bool {
        matches!(self.state, RunState::Loading | RunState::Running | RunState::Stopping)
    }

    /// Takes in what the run tells.
    pub fn apply(&mut self, event: TuneEvent) {
        let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        if self.state == RunState::Loading {
            self.state = RunState::Running;
        }
        match event {
            TuneEvent::Begun { train, held_out, exemplars, parameters, step, .. } => {
                self.questions = Some((train, held_out, exemplars));
                (self.parameters, self.about.step, self.seeking) = (parameters, step, None);
                // A run that goes on from its checkpoint does the steps after it once more.
                for curve in [
                    &mut self.loss,
                    &mut self.accepted,
                    &mut self.in_memory,
                    &mut self.checked,
                    &mut self.with_control,
                    &mut self.without,
                ] {
                    curve.retain(|(at, _)| *at <= step as f64);
                }
            }
            TuneEvent::Seeking { what, done, total, right } => {
                self.seeking = Some((what, done, total, right));
            }
            TuneEvent::Step { step, loss, proposed, right, in_memory, variance, seconds, .. } => {
                let at = step as f64;
                (self.about.step, self.seeking) = (step, None);
                self.seconds += seconds;
                self.timed += 1;
                self.loss.extend(loss.map(|loss| (at, loss)));
                if proposed > 0 {
                    self.accepted.push((at, percent(right, proposed)));
                }
                self.in_memory.extend(in_memory.map(|share| (at, 100.0 * share)));
                if let Some(variance) = variance {
                    self.with_control.push((at, variance.with_control));
                    self.without.push((at, variance.without));
                }
            }
            TuneEvent::Chain { question, chain } => {
                self.rationales.insert(0, Rationale { question, chain });
                self.rationales.truncate(MOST_RATIONALES);
            }
            TuneEvent::Checked { step, right, of, .. } => {
                self.seeking = None;
                if of > 0 {
                    self.checked.push((step as f64, percent(right, of)));
                    let first = self.about.checked.map_or(right, |(first, _, _)| first);
                    self.about.checked = Some((first, right, of));
                }
            }
            TuneEvent::Notice { text } => self.notices.push(text),
            TuneEvent::Done { step, .. } => self.about.step = step,
        }
    }
}

/// Teaching.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TeachPane {
    /// What is chosen for the next run.
    pub form: TeachForm,
    /// The run that goes on or ended last.
    pub run: Option<Run>,
    /// The adapters in the data folder, newest first; none until they were looked for.
    pub adapters: Option<Vec<AdapterInfo>>,
    /// Why something about adapters could not be done.
    pub problem: Option<String>,
}

impl TeachPane {
    /// What the adapter in this folder is called.
    pub fn name_of(&self, folder: &std::path::Path) -> String {
        let listed = self.adapters.iter().flatten().find(|about| about.folder == folder);
        listed.map_or_else(|| file_name(folder), |about| about.name.clone())
    }

    /// Adapters that can be used in answers.
    pub fn kept(&self) -> impl Iterator<Item = &AdapterInfo> {
        self.adapters.iter().flatten().filter(|adapter| adapter.state == AdapterState::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let form = TeachForm::default();
        Run::new(AdapterInfo {
            folder: PathBuf::new(),
            name: AdapterInfo::name_of("sums.jsonl".as_ref(), form.method),
            data: "sums.jsonl".into(),
            options: form.options(),
            state: AdapterState::Unfinished,
            made_s: 0.0,
            checked: None,
            step: 0,
        })
    }

    #[test]
    fn a_run_keeps_its_curves_and_its_first_and_last_accuracy() {
        let mut run = run();
        assert_eq!(run.about.name, "sums, trice");
        run.apply(TuneEvent::Checked { step: 0, right: 1, voted: None, of: 4 });
        run.apply(TuneEvent::Step {
            step: 1,
            steps: 2,
            loss: Some(0.5),
            proposed: 4,
            right: 3,
            in_memory: Some(0.5),
            variance: None,
            seconds: 2.0,
        });
        run.apply(TuneEvent::Chain { question: "2 + 3?".into(), chain: "It is 5.".into() });
        run.apply(TuneEvent::Checked { step: 1, right: 3, voted: None, of: 4 });
        assert_eq!(run.about.checked, Some((1, 3, 4)));
        assert_eq!((run.loss.as_slice(), run.accepted.as_slice()), (&[(1.0, 0.5)][..], &[(1.0, 75.0)][..]));
        assert_eq!(run.checked, [(0.0, 25.0), (1.0, 75.0)]);
        assert_eq!(run.rationales.len(), 1);
        run.about.options.steps = 91;
        assert_eq!((run.minutes_left(), run.seconds), (Some(3), 2.0), "90 steps of two seconds");
        run.about.step = 91;
        assert_eq!(run.minutes_left(), None);
        assert!(run.is_going_on());
    }
}
