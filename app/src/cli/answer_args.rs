//! How an answer is written, as it can be typed.

use std::path::PathBuf;

use engine::decoder::CacheFormat;

use super::DEFAULT_MODEL;
use super::args::{DeviceArgs, cache_format};

/// How an answer is written.
#[derive(Debug, Clone, clap::Args)]
pub struct AnswerArgs {
    /// The decoder: an id of `medley models list`, a GGUF file, or a Hugging Face folder
    #[arg(long, default_value = DEFAULT_MODEL)]
    pub model: String,
    /// Feed the question as it is: no chat template, no evidence
    #[arg(long)]
    pub raw: bool,
    /// Answer from every section instead of what fits the question best: for summaries and lists of long files; of a
    /// library, of those of its documents that are named
    #[arg(long, conflicts_with = "raw")]
    pub whole: bool,
    /// Read the text on every frame of a video, however short it shows; takes some minutes for each hour
    #[arg(long)]
    pub every_frame: bool,
    /// Most tokens to write
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// 0 takes the likeliest word every time
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub temperature: Option<f32>,
    /// How the conversation is kept: f32, f16, q8 or q4; smaller ones hold longer conversations; f16 unless given, or less
    /// where memory is short; on a GPU always f32
    #[arg(long, value_name = "FORMAT", value_parser = cache_format)]
    pub cache: Option<CacheFormat>,
    /// Neither keep on disk what was read of a long prompt, nor use what was kept
    #[arg(long)]
    pub no_prefix_cache: bool,
    /// Read no tokens before they are chosen; the answer is the same
    #[arg(long, conflicts_with = "draft")]
    pub no_speculation: bool,
    /// An adapter for the decoder: a folder that `medley tune` or PEFT wrote
    #[arg(long, value_name = "FOLDER")]
    pub adapter: Option<PathBuf>,
    /// Let so many chains of thought vote: their majority where it is clear, else the likeliest chain's answer
    #[arg(long, value_name = "N", conflicts_with_all = ["raw", "whole"], value_parser = clap::value_parser!(u32).range(1..=64))]
    pub think: Option<u32>,
    /// Write how the answer came about to this file, as JSON: each token with its probability and the likeliest others,
    /// the experts that were chosen, what the model read and what was left out, and where the time went
    #[arg(long, value_name = "FILE")]
    pub inside: Option<PathBuf>,
    /// Most memory for the conversation, as in 200M or 1G; what is free unless given. Where it is too little, earlier turns
    /// and the notes that fit least are left out, which is told
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub cache_memory: Option<u64>,
    /// A smaller model of the same family that guesses what comes next; the answer is the same
    #[arg(long, value_name = "MODEL")]
    pub draft: Option<String>,
    /// The same seed gives the same answer
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Instructions that replace the built-in ones
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Threads to compute with; unless given those that `medley plan --here` found best, else all processors
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// "200M", "1.5G", "4096": bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = match text.chars().last().map(|unit| unit.to_ascii_uppercase()) {
        Some('K') => (&text[..text.len() - 1], 1e3),
        Some('M') => (&text[..text.len() - 1], 1e6),
        Some('G') => (&text[..text.len() - 1], 1e9),
        _ => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok((number * unit) as u64),
        _ => Err("a size is a number with K, M or G behind it, as in 200M".into()),
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=5.0).contains(&value) => Ok(value),
        _ => Err("a number from 0 to 5 is needed".into()),
    }
}
