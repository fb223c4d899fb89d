//! What can be typed after `tune`.

use std::path::PathBuf;

use clap::ValueEnum;
use engine::tune::{Method, TuneOptions, Tuned};

use super::super::DEFAULT_MODEL;
use super::super::args::DeviceArgs;

/// For `tune`.
#[derive(Debug, clap::Args)]
pub struct TuneArgs {
    /// Questions and answers, one object per line: {"question": "…", "answer": "…"}, and "rationale" where somebody wrote one
    #[arg(value_name = "DATA.jsonl")]
    pub data: PathBuf,
    /// How
    #[arg(long, value_enum, default_value_t = MethodName::Trice)]
    pub method: MethodName,
    /// The folder for the adapter, and for checkpoints until it is done
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Go on from the checkpoint in the folder
    #[arg(long)]
    pub resume: bool,
    /// How much and how.
    #[command(flatten)]
    pub run: RunArgs,
    /// Threads to compute with; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// How much and how: for `tune`.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// The decoder: an id of `medley models list`, a GGUF file, or a Hugging Face folder
    #[arg(long, default_value = DEFAULT_MODEL)]
    pub model: String,
    /// Steps
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub steps: usize,
    /// Chains that are proposed in a step
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub batch: usize,
    /// Most chains whose gradients are computed in a step of trice; 0 for all that count
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub gradients: usize,
    /// Learning rate at first; it falls to a tenth
    #[arg(long, default_value_t = 1e-3, value_name = "RATE")]
    pub rate: f64,
    /// Rank of the adapters
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub rank: usize,
    /// Adapters count so much divided by their rank
    #[arg(long, default_value_t = 16.0, value_name = "ALPHA")]
    pub alpha: f64,
    /// Which matrices get adapters, several with commas: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj;
    /// all unless given
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// Tune so many soft tokens before each prompt instead of adapters; 0 begins with the exemplars themselves
    #[arg(long, value_name = "N", conflicts_with_all = ["rank", "alpha", "targets"])]
    pub prompt_tuning: Option<usize>,
    /// Most tokens of a chain
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub max_tokens: usize,
    /// Questions with rationales that are shown before each question
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub exemplars: usize,
    /// Questions that are kept for checking
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub held_out: usize,
    /// Check after so many steps; 0 for the end alone
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub check_every: usize,
    /// Let so many chains vote on each held-out question at the end
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub votes: usize,
    /// Measure the variance of the gradient every so many steps, which then take up to three times as long; 0 for never
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub measure_every: usize,
    /// Write a checkpoint after so many steps
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub save_every: usize,
    /// The same seed, options and threads give the same adapter
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

impl RunArgs {
    /// As the engine takes them.
    pub fn options(&self, method: Method) -> TuneOptions {
        let tuned = match self.prompt_tuning {
            Some(tokens) => Tuned::Prompt { tokens },
            None => match Tuned::default() {
                Tuned::LowRank { targets, .. } => {
                    let targets = if self.targets.is_empty() { targets } else { self.targets.clone() };
                    Tuned::LowRank { rank: self.rank, alpha: self.alpha, targets }
                }
                other => other,
            },
        };
        TuneOptions {
            model: self.model.clone(),
            method,
            tuned,
            steps: self.steps,
            batch: self.batch,
            most_terms: self.gradients,
            rate: self.rate,
            decay: 0.0,
            seed: self.seed,
            max_tokens: self.max_tokens,
            exemplars: self.exemplars,
            held_out: self.held_out,
            check_every: self.check_every,
            votes: self.votes,
            measure_every: self.measure_every,
            save_every: self.save_every,
            ..TuneOptions::default()
        }
    }
}

/// How a model is tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// Chains that nobody wrote, with a memory and a control variate (TRICE)
    Trice,
    /// The same without the control variate
    TricePlain,
    /// Right ones of four chains for each question
    Rejection,
    /// Rounds of likeliest chains, guided by the answer where they are wrong (STaR)
    Star,
    /// Answers without chains
    Direct,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Trice => Self::Trice,
            MethodName::TricePlain => Self::TricePlain,
            MethodName::Rejection => Self::Rejection,
            MethodName::Star => Self::Star,
            MethodName::Direct => Self::Direct,
        }
    }
}
