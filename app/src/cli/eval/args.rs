//! What can be typed after `eval`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::reason::args::ReasonArgs;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum EvalAction {
    /// Hide a sentence in a long text, at every depth, and look whether it is found
    #[command(after_help = "\
Text is taken in the order of its files and is not repeated; lengths count tokens of the default decoder.

Examples:
  medley eval needle --text books/ --lengths 1k,10k,100k
  medley eval needle --text books/ --lengths 10m --kinds topic --plot heat
  medley eval needle --text books/ --lengths 1m --kinds many --needles 100")]
    Needle(NeedleArgs),
    /// Ask questions whose answers, pages and quotes are known, and look what is found and cited
    #[command(after_help = "\
Each line of the file is an object: document (a file name), page, question, answer, quote, and where other pages answer
it by themselves, also (a list of page and quote); without document and page it is a question that the documents do not
answer.

Examples:
  medley eval cite questions.jsonl --documents manuals/
  medley eval cite questions.jsonl --documents manuals/ --json")]
    Cite(CiteArgs),
    /// Tune on made questions with several methods, the same samples and steps for each, and compare what they reach
    #[command(after_help = "\
Examples:
  medley eval reason --results reason.jsonl
  medley eval reason --tasks arithmetic,boolean --methods star,trice --seeds 1 --steps 20 --measure-every 5
  medley eval reason --tasks sorting --write questions/")]
    Reason(ReasonArgs),
}

/// For `needle`.
#[derive(Debug, clap::Args)]
pub struct NeedleArgs {
    /// Text files, and folders of them, that the haystack is made of
    #[arg(long, required = true, value_name = "FILE|FOLDER")]
    pub text: Vec<PathBuf>,
    /// Lengths in tokens, several with commas: 1k, 100k, 10m
    #[arg(long, default_value = "1k,10k,100k,1m", value_delimiter = ',', value_parser = length, value_name = "N")]
    pub lengths: Vec<Length>,
    /// Depths are multiples of so many percent, from 0 to 100
    #[arg(long, default_value_t = 10, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub step: u32,
    /// What is hidden, several with commas
    #[arg(long, default_value = "classic,topic", value_delimiter = ',')]
    pub kinds: Vec<NeedleKind>,
    /// How many needles are hidden at once, for the kind many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub needles: u32,
    /// Let the decoder answer, too
    #[arg(long)]
    pub answer: bool,
    /// Compute no meanings: what is found by words alone, right after reading
    #[arg(long)]
    pub words_only: bool,
    /// Where the haystack and its library are kept for another run; a temporary folder unless given
    #[arg(long, value_name = "FOLDER")]
    pub work: Option<PathBuf>,
    /// Draw the heat maps as NAME-KIND.svg and NAME-KIND.png
    #[arg(long, value_name = "NAME")]
    pub plot: Option<PathBuf>,
    /// The same seed hides the same needles
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Threads to compute with; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// For `cite`.
#[derive(Debug, clap::Args)]
pub struct CiteArgs {
    /// The questions
    #[arg(value_name = "FILE.jsonl")]
    pub questions: PathBuf,
    /// The folder of the documents
    #[arg(long, value_name = "FOLDER")]
    pub documents: PathBuf,
    /// Where the library is kept for another run; a temporary folder unless given
    #[arg(long, value_name = "FOLDER")]
    pub work: Option<PathBuf>,
    /// Let the decoder answer, too
    #[arg(long)]
    pub answer: bool,
    /// Threads to compute with; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// What is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NeedleKind {
    /// A number whose question repeats the sentence's words
    Classic,
    /// A fact whose question shares no word with it, only the topic
    Topic,
    /// Many numbers at once, each asked for
    Many,
}

impl NeedleKind {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Topic => "topic",
            Self::Many => "many",
        }
    }
}

/// A number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub usize);

impl std::fmt::Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            n if n >= 1_000_000 && n % 1_000_000 == 0 => write!(f, "{}M", n / 1_000_000),
            n if n >= 1_000 && n % 1_000 == 0 => write!(f, "{}k", n / 1_000),
            n => write!(f, "{n}"),
        }
    }
}

fn length(text: &str) -> Result<Length, String> {
    let lower = text.trim().to_lowercase();
    let (digits, times) = match lower.strip_suffix('k').map(|d| (d, 1_000)) {
        Some(found) => found,
        None => lower.strip_suffix('m').map_or((lower.as_str(), 1), |d| (d, 1_000_000)),
    };
    match digits.parse::<usize>() {
        Ok(n) if n > 0 && n <= 100_000_000 => Ok(Length(n * times)),
        _ => Err("a number of tokens is needed, as 1k, 100k or 10m".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_alike() {
        for (text, tokens, shown) in [("1k", 1_000, "1k"), ("10M", 10_000_000, "10M"), ("512", 512, "512")] {
            let read = length(text).unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (tokens, shown));
        }
        assert!(length("0").is_err() && length("many").is_err());
    }
}
