//! What can be typed after `eval reason`.

use std::path::PathBuf;

use clap::ValueEnum;
use engine::tune::puzzles::Puzzle;

use super::super::super::args::DeviceArgs;
use super::super::super::tune::args::RunArgs;

/// For `reason`.
#[derive(Debug, clap::Args)]
pub struct ReasonArgs {
    /// Which tasks, several with commas
    #[arg(long, value_delimiter = ',', default_value = "arithmetic,counting,boolean,dates,sorting,shuffled")]
    pub tasks: Vec<Task>,
    /// Which methods, several with commas; prompting and direct-prompting tune nothing
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "direct-prompting,prompting,direct,rejection,star,trice-plain,trice"
    )]
    pub methods: Vec<MethodOrNone>,
    /// So many seeds, from --seed on: each has its own questions and draws
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub seeds: u32,
    /// How many steps a question takes: 1, 2 or 3
    #[arg(long, default_value_t = 1, value_name = "LEVEL", value_parser = |text: &str| level(text))]
    pub level: usize,
    /// Questions to learn from
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub questions: usize,
    /// How much and how; --check-every and --save-every do not count here.
    #[command(flatten)]
    pub run: RunArgs,
    /// Keep each run's figures in this file, and do not repeat those that are there
    #[arg(long, value_name = "FILE.jsonl")]
    pub results: Option<PathBuf>,
    /// Only write the questions of the first seed to this folder, as files for `medley tune`
    #[arg(long, value_name = "FOLDER")]
    pub write: Option<PathBuf>,
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

fn level(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(level @ 1..=3) => Ok(level),
        _ => Err("1, 2 or 3 is needed".into()),
    }
}

/// A task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Sums and differences in several steps
    Arithmetic,
    /// How many things of a kind there are among others
    Counting,
    /// What an expression of and, or and not is
    Boolean,
    /// Which date lies some days from another
    Dates,
    /// Words in the order of the alphabet
    Sorting,
    /// Who holds what after some swaps
    Shuffled,
}

impl Task {
    /// As the engine makes it.
    pub fn puzzle(self) -> Puzzle {
        match self {
            Self::Arithmetic => Puzzle::Arithmetic,
            Self::Counting => Puzzle::Counting,
            Self::Boolean => Puzzle::Boolean,
            Self::Dates => Puzzle::Dates,
            Self::Sorting => Puzzle::Sorting,
            Self::Shuffled => Puzzle::Shuffled,
        }
    }
}

/// A method, or prompting alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodOrNone {
    /// Exemplars without chains, and no tuning
    DirectPrompting,
    /// Exemplars with chains, and no tuning
    Prompting,
    /// Answers without chains
    Direct,
    /// Right ones of four chains for each question
    Rejection,
    /// Rounds of likeliest chains, guided by the answer where they are wrong
    Star,
    /// TRICE without the control variate
    TricePlain,
    /// TRICE
    Trice,
}

impl MethodOrNone {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::DirectPrompting => "direct-prompting",
            Self::Prompting => "prompting",
            Self::Direct => "direct",
            Self::Rejection => "rejection",
            Self::Star => "star",
            Self::TricePlain => "trice-plain",
            Self::Trice => "trice",
        }
    }
}
