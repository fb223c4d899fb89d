//! What can be typed after `medley transcribe` about many recordings, interruptions and subtitles.

use std::path::PathBuf;

use engine::tasks::transcribe::subtitles::SubtitleStyle;

/// Beside what is heard, and how.
#[derive(Debug, clap::Args)]
pub struct QueueArgs {
    /// Transcribe what appears in this folder, and write beside it or into the folder after -o, until Ctrl-C
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["files", "json"])]
    pub watch: Option<PathBuf>,
    /// Neither keep what is heard for going on after an interruption, nor go on from what was kept
    #[arg(long)]
    pub no_resume: bool,
    /// Most characters of a line of subtitles
    #[arg(long, value_name = "N", default_value_t = 42, value_parser = clap::value_parser!(u16).range(8..=200))]
    pub line_length: u16,
    /// Most lines of subtitles at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=4))]
    pub lines: u16,
    /// Most characters of subtitles to read in a second, unless people speak faster
    #[arg(long, value_name = "N", default_value_t = 17, value_parser = clap::value_parser!(u16).range(5..=60))]
    pub reading_speed: u16,
}

impl QueueArgs {
    /// How subtitles are cut.
    pub fn style(&self) -> SubtitleStyle {
        SubtitleStyle {
            line_chars: self.line_length.into(),
            n_lines: self.lines.into(),
            chars_per_s: self.reading_speed.into(),
        }
    }
}
