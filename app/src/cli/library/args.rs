//! What can be typed after `library`.

use std::path::PathBuf;

use clap::Subcommand;
use engine::library::Ranking;

/// Where the library is, and how results are written.
#[derive(Debug, Clone, clap::Args)]
pub struct LibraryArgs {
    /// The library's own folder; `library` in the data folder unless given
    #[arg(long, value_name = "FOLDER")]
    pub library: Option<PathBuf>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// What can be done with the library.
#[derive(Debug, Subcommand)]
pub enum LibraryAction {
    /// Add files and folders, and read what is new or changed; without any only the latter
    #[command(after_help = "\
Ctrl-C pauses and the same command goes on. Text can be searched by its words at once; its meaning follows.

Examples:
  medley library add manual.pdf talks/
  medley library add
  medley library add papers/ --words-only")]
    Add {
        /// Files, and folders with documents and recordings
        #[arg(value_name = "FILE|FOLDER")]
        paths: Vec<PathBuf>,
        /// Leave the meaning of passages for another time
        #[arg(long)]
        words_only: bool,
        /// Threads to compute with; all processors unless given
        #[arg(long, value_name = "N")]
        threads: Option<usize>,
        /// Where.
        #[command(flatten)]
        library: LibraryArgs,
    },
    /// Every document, and what could not be read
    #[command(after_help = "Examples:\n  medley library list\n  medley library list --json")]
    List {
        /// Where.
        #[command(flatten)]
        library: LibraryArgs,
    },
    /// Find passages by words and by meaning
    #[command(after_help = "\
Examples:
  medley library search \"replacing the filter\"
  medley library search \"warranty\" --in manual.pdf --most 3 --json")]
    Search {
        /// What to look for: words, or a question
        query: String,
        /// Most passages
        #[arg(long, value_name = "N", default_value_t = 5)]
        most: usize,
        /// Only in this file or folder; repeat for more
        #[arg(long = "in", value_name = "FILE|FOLDER")]
        within: Vec<PathBuf>,
        /// fused, words (BM25), meaning, or read: fused, and a small decoder reads the best ones
        #[arg(long, value_name = "HOW", default_value = "fused", value_parser = ranking)]
        by: Ranking,
        /// Where.
        #[command(flatten)]
        library: LibraryArgs,
    },
    /// Take files and folders out; the files themselves stay where they are
    #[command(after_help = "Examples:\n  medley library remove manual.pdf\n  medley library remove talks/")]
    Remove {
        /// Files and folders
        #[arg(required = true, value_name = "FILE|FOLDER")]
        paths: Vec<PathBuf>,
        /// Where.
        #[command(flatten)]
        library: LibraryArgs,
    },
    /// How much it holds, what is not searchable yet, and what it takes on disk
    #[command(after_help = "Examples:\n  medley library status\n  medley library status --json")]
    Status {
        /// Where.
        #[command(flatten)]
        library: LibraryArgs,
    },
    /// Throw all indexes away and read every document again
    #[command(after_help = "Examples:\n  medley library rebuild")]
    Rebuild {
        /// Threads to compute with; all processors unless given
        #[arg(long, value_name = "N")]
        threads: Option<usize>,
        /// Where.
        #[command(flatten)]
        library: LibraryArgs,
    },
}

fn ranking(text: &str) -> Result<Ranking, String> {
    match text {
        "fused" => Ok(Ranking::Fused),
        "words" => Ok(Ranking::Words),
        "meaning" => Ok(Ranking::Meaning),
        "read" => Ok(Ranking::Read),
        _ => Err("there are fused, words, meaning and read".into()),
    }
}
