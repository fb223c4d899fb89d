//! What can be typed after `bench`.

use std::path::PathBuf;

use super::super::DEFAULT_MODEL;
use super::super::args::DeviceArgs;

/// For `bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// The decoder: an id of `medley models list`, a GGUF file, or a Hugging Face folder
    #[arg(long, default_value = DEFAULT_MODEL)]
    pub model: String,
    /// Prompt tokens
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub prompt: usize,
    /// Tokens to write
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub generate: usize,
    /// Tokens that the conversation holds before; several with commas
    #[arg(long, default_value = "0", value_name = "N", value_delimiter = ',')]
    pub depth: Vec<usize>,
    /// Threads to compute with; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// How often each figure is measured; the median counts
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub runs: u32,
    /// Only the decoder: no transcription, no start-up
    #[arg(long, conflicts_with = "window")]
    pub decoder_only: bool,
    /// Only the window: start-up, frames while an answer streams, while a document is scrolled and in all panes, how
    /// soon a document shows and is searched, memory with many pictures, idle repaints (needs a display)
    #[arg(long)]
    pub window: bool,
    /// With --window: tokens that the decoder writes in a second, as `medley bench` tells it
    #[arg(long, default_value_t = 242.0, value_name = "N")]
    pub decoder_rate: f64,
    /// With --window: the folder of the sample media
    #[arg(long, default_value = "assets/samples", value_name = "FOLDER")]
    pub samples: PathBuf,
    /// Only quoting from a document, without and with guesses of what comes next
    #[arg(long, conflicts_with = "window")]
    pub quote: bool,
    /// Only one answer and N answers to the same prompt, written side by side
    #[arg(long, value_name = "N", conflicts_with = "window", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub chains: Option<u32>,
    /// Only an encoder: a folder with config.json, model.safetensors and inputs.safetensors
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["window", "quote", "chains"])]
    pub encoder: Option<PathBuf>,
    /// Round the encoder's matrices to eight bits
    #[arg(long, requires = "encoder")]
    pub eight_bits: bool,
    /// The text to quote from, or to go on after; with --window the document that is scrolled
    #[arg(long, default_value = "assets/samples/documents/weather-station.md", value_name = "FILE")]
    pub document: PathBuf,
    /// The recording to transcribe
    #[arg(long, default_value = "assets/samples/speech/austen-0870.wav", value_name = "FILE")]
    pub recording: PathBuf,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}
