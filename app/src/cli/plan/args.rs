//! What can be typed after `plan`.

use std::path::PathBuf;

use engine::plan::Format;

/// For `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Measure this machine and predict how fast models run on it: those named, else all decoders that are here
    #[arg(long)]
    pub here: bool,
    /// With --here: ids of `medley models list`, GGUF files, or Hugging Face folders
    #[arg(value_name = "MODEL", requires = "here")]
    pub models: Vec<String>,
    /// With --here: measure again, whatever was measured before
    #[arg(long, requires = "here")]
    pub again: bool,
    /// With --here: run each model besides, several times, and tell how far the prediction is off
    #[arg(long, requires = "here")]
    pub compare: bool,
    /// With --here: threads to compute with, measured now; the best of all and half of the processors unless given
    #[arg(long, value_name = "N", requires = "here")]
    pub threads: Option<usize>,
    /// Only print what was measured
    #[arg(long, requires = "here", hide = true)]
    pub rates_only: bool,
    /// The decoder: a name that is known, an id of `medley models list`, a GGUF file, or a folder with config.json
    #[arg(long, value_name = "MODEL", conflicts_with = "here")]
    pub model: Option<String>,
    /// The chip: a name that is known, or a machine file (TOML or JSON)
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "here")]
    pub machine: Option<String>,
    /// Show the machines and models that are known by name
    #[arg(long, conflicts_with_all = ["here", "model", "machine"])]
    pub list: bool,
    /// Chips; those that the machine file names, or one, unless given
    #[arg(long, value_name = "N")]
    pub chips: Option<usize>,
    /// Sequences at a time; with --latency the most that meet it, else 1
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Tokens of each sequence that are read; 2048 unless given, and 512 with --here
    #[arg(long, value_name = "N")]
    pub context: Option<usize>,
    /// Tokens of each sequence that were read before
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub cached: usize,
    /// Tokens of each sequence that are written
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub generate: usize,
    /// What weights are stored in: bf16, int8 or int4
    #[arg(long, value_name = "FORMAT", default_value = "bf16", value_parser = format)]
    pub weights: Format,
    /// What products are made in: bf16, int8 or int4
    #[arg(long, value_name = "FORMAT", default_value = "bf16", value_parser = format)]
    pub arithmetic: Format,
    /// What keys and values are stored in: bf16, int8 or int4
    #[arg(long, value_name = "FORMAT", default_value = "bf16", value_parser = format)]
    pub cache: Format,
    /// Seconds in which everything must be read and written
    #[arg(long, value_name = "SECONDS")]
    pub latency: Option<f64>,
    /// Draw what batches and clusters can reach, seconds against chip-seconds, as SVG
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

fn format(text: &str) -> Result<Format, String> {
    let found = Format::ALL.into_iter().find(|format| format.name() == text);
    found.ok_or_else(|| format!("there are {}", Format::ALL.map(Format::name).join(", ")))
}
