//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use engine::DeviceChoice;
use engine::decoder::CacheFormat;

use super::DEFAULT_MODEL;
pub use super::answer_args::AnswerArgs;
use super::bench::args::BenchArgs;
use super::eval::args::EvalAction;
use super::library::args::LibraryAction;
use super::plan::args::PlanArgs;
use super::speakers::SpeakersAction;
use super::transcribe::args::TranscribeArgs;
use super::tune::args::TuneArgs;

/// Ask about pictures, sound, video and documents, on this machine, with the evidence beside every
/// answer. Without a subcommand the window opens.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  medley                                     open the window
  medley photo.jpg talk.mp3                  open the window with these files
  medley ask photo.jpg \"What is in the picture?\"
  medley transcribe talk.mp3 --format srt -o talk.srt
  medley read manual.pdf \"How is the filter changed?\"
  medley models pull --default

Exit status: 0 done, 1 failed, 2 bad usage or bad input, 130 cancelled."
)]
pub struct Args {
    /// The window's own arguments.
    #[command(flatten)]
    pub window: WindowArgs,
    /// What to do instead of opening the window.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// For the window.
#[derive(Debug, clap::Args)]
pub struct WindowArgs {
    /// Files to attach in the window
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The decoder for this run: an id of `medley models list`, a GGUF file, or a Hugging Face folder
    #[arg(long)]
    pub model: Option<String>,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Use native Wayland, where files cannot be dropped on the window
    #[arg(long)]
    pub wayland: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask a question about pictures, sound, video and documents
    #[command(after_help = "\
Examples:
  medley ask photo.jpg \"What is in the picture?\"
  medley ask meeting.mp4 slides.pdf \"When is the next release?\"
  medley ask talk.wav \"What did she say about the budget?\" --json
  medley ask \"Name three rivers.\" --temperature 0.7 --seed 1
  medley ask \"What is 4 + 9 - 2?\" --think 8")]
    Ask(AskArgs),
    /// Answer a question from documents, citing document, page and quote
    #[command(after_help = "\
Examples:
  medley read manual.pdf \"How is the filter changed?\"
  medley read contract.docx notes.md \"Who pays for the delivery?\" --json
  medley read --library \"Who pays for the delivery?\"
  medley read --library contract.docx \"Who pays for the delivery?\"")]
    Read(ReadArgs),
    /// Keep many documents and recordings ready to be searched and asked
    #[command(after_help = "\
Examples:
  medley library add papers/ manual.pdf
  medley library search \"replacing the filter\"
  medley read --library \"How is the filter changed?\"
  medley library status")]
    Library {
        /// What to do with it.
        #[command(subcommand)]
        action: LibraryAction,
    },
    /// Measure how well long documents are searched and cited, and how well tuned models reason
    #[command(after_help = "\
Examples:
  medley eval needle --text books/ --lengths 1k,100k,1m
  medley eval cite questions.jsonl --documents manuals/
  medley eval reason --tasks arithmetic --seeds 1 --steps 20")]
    Eval {
        /// What to measure.
        #[command(subcommand)]
        action: EvalAction,
    },
    /// Teach a model to reason from questions and answers alone
    #[command(after_help = "\
Chains of thought are found, not given: those that reach the right answer are learnt from. The adapter is for
`medley ask --adapter`, and for PEFT.

Examples:
  medley tune sums.jsonl --out sums/
  medley tune sums.jsonl --out sums/ --method star --seed 1 --steps 100
  medley tune sums.jsonl --out sums/ --resume
  medley ask \"What is 4 + 9 - 2?\" --adapter sums/")]
    Tune(TuneArgs),
    /// Write down what is said in recordings and videos
    #[command(after_help = "\
Examples:
  medley transcribe talk.mp3
  medley transcribe talk.mp3 --format srt -o talk.srt
  medley transcribe *.wav --format vtt -o subtitles/
  medley transcribe meeting.mp3 --speakers --speaker-name 1=Anna --speaker-name 2=Ben
  medley transcribe recordings/ --format srt,json -o transcripts/
  medley transcribe --watch inbox/ --format docx -o transcripts/
  medley transcribe interview.m4a --model whisper-base --language de --json
  medley transcribe lecture.mp3 --vocabulary \"Huygens, Rømer\" --vocabulary-file names.txt
  medley transcribe --live --record talk.wav -o talk.txt
  medley transcribe --live --system-sound
  ffmpeg -v error -re -i talk.mp3 -f wav - | medley transcribe --live -

Ctrl-Z pauses and `fg` goes on. Ctrl-C stops at once; the same command goes on where it was, also after a kill or a
crash, and gives the same text; with --speakers it begins anew. With --live, Ctrl-C ends it: what was said is written
down to its end, and a second one stops at once.")]
    Transcribe(TranscribeArgs),
    /// The voices that are remembered from recordings
    #[command(after_help = "\
Voices are remembered only by `medley transcribe --speakers --remember-speakers`, and never leave this machine.

Examples:
  medley speakers list
  medley speakers forget Anna
  medley speakers forget --all")]
    Speakers {
        /// What to do with them.
        #[command(subcommand)]
        action: SpeakersAction,
    },
    /// List, fetch, check and describe models, and what is kept of the prompts that they read
    #[command(after_help = "\
Examples:
  medley models list
  medley models pull --default
  medley models pull whisper-base
  medley models verify
  medley models info smollm2-135m
  medley models cache --clear")]
    Models(ModelsArgs),
    /// Measure speed and memory on this machine
    #[command(after_help = "\
Examples:
  medley bench
  medley bench --json --depth 0,512,4096
  medley bench --model other.gguf --decoder-only
  medley bench --quote --chains 8
  medley bench --decoder-only --device cuda
  medley bench --encoder whisper-folder --eight-bits
  medley bench --window")]
    Bench(BenchArgs),
    /// How fast a model is and what it takes, on this machine or on a cluster, before it runs
    #[command(after_help = "\
Times are lower bounds of the analytic model of \"Efficiently Scaling Transformer Inference\" (Pope et al., 2022) and,
where a machine was measured, what is expected. A machine file has these fields, in TOML or JSON:

  name = \"mine\"
  chips = 8                            # left out: as many as --chips says
  ops_per_s = { bf16 = 312e12, int8 = 624e12 }   # of a chip; int8 and int4 may be left out
  memory_bytes = 80e9                  # of a chip
  memory_bytes_per_s = 2039e9
  link_bytes_per_s = 300e9             # between chips, one direction; left out for one chip
  node = { chips = 8, link_bytes_per_s = 25e9 }  # where links between nodes are slower; may be left out
  mesh = [4, 4, 4]                     # where chips form a torus; may be left out

Examples:
  medley plan --here
  medley plan --here smollm2-135m other.gguf
  medley plan --model palm-540b --machine tpu-v4 --chips 64 --batch 64 --weights int8
  medley plan --model llama-3.1-70b --machine h100 --chips 8 --latency 5 --generate 256
  medley plan --model mixtral-8x7b --machine mine.toml --batch 32 --plot front.svg
  medley plan --list")]
    Plan(PlanArgs),
    /// How well a decoder predicts a text (windows of 512 tokens, second half scored)
    #[command(after_help = "\
Examples:
  medley perplexity --model smollm2-135m book.txt
  medley perplexity --model other.gguf book.txt --json")]
    Perplexity(PerplexityArgs),
    /// Compare a checkpoint in a folder with what a reference computed from it
    #[command(after_help = "\
The folder holds config.json and model.safetensors as transformers writes them, and
inputs.safetensors (input_ids) and outputs.safetensors (logits, greedy); for Whisper
(waveform_16khz, input_features, decoder_input_ids) and (encoder_last_hidden_state, logits);
for BERT (input_ids) and (last_hidden_state, mean_pooled). The status is 0 when every
relative error is at most 1e-3 and the continuation is the same.

Examples:
  medley parity tests/golden/parity/llama
  medley parity checkpoint --json")]
    Parity(ParityArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  medley completions bash > ~/.local/share/bash-completion/completions/medley
  medley completions zsh > ~/.zfunc/_medley
  medley completions fish > ~/.config/fish/completions/medley.fish")]
    Completions(CompletionsArgs),
    /// Four questions over the sample media: a picture, a recording, a video, a document
    #[command(after_help = "\
Examples:
  medley tour
  medley tour --samples assets/samples --json")]
    Tour(TourArgs),
}

/// For `ask`.
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// Files, and last the question in quotes
    #[arg(required = true, value_name = "FILE… QUESTION")]
    pub words: Vec<OsString>,
    /// The options of the answer.
    #[command(flatten)]
    pub answer: AnswerArgs,
}

/// For `read`.
#[derive(Debug, clap::Args)]
pub struct ReadArgs {
    /// Files, and last the question in quotes
    #[arg(required = true, value_name = "FILE… QUESTION")]
    pub words: Vec<OsString>,
    /// Answer from the library, or from those of its documents that are named; with =FOLDER from the library there
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true)]
    pub library: Option<Option<PathBuf>>,
    /// The options of the answer.
    #[command(flatten)]
    pub answer: AnswerArgs,
}

/// Where decoders compute.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct DeviceArgs {
    /// Where the decoder computes: auto, cpu, cuda, cuda:N or metal; what MEDLEY_DEVICE names unless given
    #[arg(long = "device", value_name = "DEVICE", value_parser = |name: &str| name.parse::<DeviceChoice>())]
    pub chosen: Option<DeviceChoice>,
}

/// For `models`.
#[derive(Debug, clap::Args)]
pub struct ModelsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub action: ModelsAction,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// Every model that can be fetched, and which are here
    #[command(after_help = "Examples:\n  medley models list\n  medley models list --json")]
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Fetch models; what is here already is not fetched again
    #[command(
        after_help = "Examples:\n  medley models pull --default\n  medley models pull whisper-base\n  medley models pull --default --from /media/stick"
    )]
    Pull {
        /// Ids of `medley models list`
        #[arg(value_name = "ID", required_unless_present = "default")]
        ids: Vec<String>,
        /// The models that the program needs to work
        #[arg(long)]
        default: bool,
        /// Look for the files in this folder first, by their hash; repeat for more
        #[arg(long, value_name = "FOLDER")]
        from: Vec<PathBuf>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Read every file again and compare its hash
    #[command(after_help = "Examples:\n  medley models verify\n  medley models verify smollm2-135m --json")]
    Verify {
        /// Ids; every model that is here unless given
        #[arg(value_name = "ID")]
        ids: Vec<String>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// What a model says about itself, and the memory that it needs
    #[command(
        after_help = "Examples:\n  medley models info smollm2-135m\n  medley models info other.gguf --json\n  medley models info folder --context 32768"
    )]
    Info {
        /// An id, a GGUF file, or a Hugging Face folder
        #[arg(value_name = "ID|FILE|FOLDER")]
        model: String,
        /// Tokens of context to reckon the memory for; all that the model was trained for unless given
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        context: Option<u32>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Make a mixture of experts from a dense model, which answers as that does until it is trained on
    #[command(
        after_help = "Examples:\n  medley models upcycle smollm2-135m --experts 8 --chosen 2 --out sparse\n  medley models upcycle dense-folder --out sparse && medley models info sparse"
    )]
    Upcycle(UpcycleArgs),
    /// What is kept of long prompts, models and interrupted transcripts, so that nothing is done again
    #[command(after_help = "Examples:\n  medley models cache\n  medley models cache --clear")]
    Cache {
        /// Delete it
        #[arg(long)]
        clear: bool,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Delete a model's files
    #[command(after_help = "Examples:\n  medley models remove whisper-base")]
    Remove {
        /// The id
        id: String,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
}

/// For `parity`.
#[derive(Debug, clap::Args)]
pub struct ParityArgs {
    /// The folder
    pub folder: PathBuf,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// For `perplexity`.
#[derive(Debug, clap::Args)]
pub struct PerplexityArgs {
    /// The decoder: an id of `medley models list`, a GGUF file, or a Hugging Face folder
    #[arg(long, default_value = DEFAULT_MODEL)]
    pub model: String,
    /// The text
    pub file: PathBuf,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// How keys and values are kept: f32, f16, q8 or q4; on a GPU always f32
    #[arg(long, value_name = "FORMAT", default_value = "f16", value_parser = cache_format)]
    pub cache: CacheFormat,
    /// Threads to compute with; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// For `models upcycle`.
#[derive(Debug, clap::Args)]
pub struct UpcycleArgs {
    /// The dense model: an id, a GGUF file or a Hugging Face folder
    #[arg(value_name = "ID|FILE|FOLDER")]
    pub model: String,
    /// Copies of each layer's network
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub experts: usize,
    /// Copies that each word goes through
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub chosen: usize,
    /// The folder to write; it must be new or empty
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Seed of the routers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Write 16-bit numbers even where quantised ones are rounded by it
    #[arg(long)]
    pub half: bool,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// For `completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
    /// One JSON object that holds the script
    #[arg(long)]
    pub json: bool,
}

/// For `tour`.
#[derive(Debug, clap::Args)]
pub struct TourArgs {
    /// The folder of the sample media
    #[arg(long, value_name = "FOLDER")]
    pub samples: Option<PathBuf>,
    /// The decoder: an id of `medley models list`, a GGUF file, or a Hugging Face folder
    #[arg(long, default_value = DEFAULT_MODEL)]
    pub model: String,
    /// Where the decoder computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

pub(super) fn cache_format(text: &str) -> Result<CacheFormat, String> {
    let found = CacheFormat::ALL.into_iter().find(|format| format.name() == text);
    found.ok_or_else(|| format!("there are {}", CacheFormat::ALL.map(CacheFormat::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has none", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Args::command());
    }

    #[test]
    fn files_without_a_subcommand_are_for_the_window() {
        let args = Args::try_parse_from(["medley", "a.png", "b c.wav"]).unwrap();
        assert!(args.command.is_none());
        assert_eq!(args.window.files.len(), 2);
    }
}
