//! What can be typed after `medley transcribe`.

use std::path::PathBuf;

use engine::tasks::transcribe::format::Formats;
use engine::tasks::transcribe::subtitles::SubtitleStyle;

use super::super::DEFAULT_SPEECH_MODEL;
use super::super::failure::{Failure, Outcome};
use super::super::speakers::WhoArgs;

/// For `transcribe`.
#[derive(Debug, clap::Args)]
pub struct TranscribeArgs {
    /// Recordings and videos, and folders of them
    #[arg(required_unless_present_any = ["watch", "live", "list_microphones"], value_name = "FILE|FOLDER")]
    pub files: Vec<PathBuf>,
    /// txt, srt, vtt, json, tsv, md or docx; several with commas, or all
    #[arg(long, default_value = "txt", value_parser = |names: &str| names.parse::<Formats>())]
    pub format: Formats,
    /// Write to this file; with several recordings or formats, into this folder
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// The speech model: an id of `medley models list`, or a folder with a Whisper
    #[arg(long, default_value = DEFAULT_SPEECH_MODEL)]
    pub model: String,
    /// Code of the language that is spoken, as in "en"; heard from the sound unless given
    #[arg(long, value_name = "CODE")]
    pub language: Option<String>,
    /// Give each word its time
    #[arg(long)]
    pub word_timestamps: bool,
    /// Who speaks when.
    #[command(flatten)]
    pub who: WhoArgs,
    /// Translate to English; needs a model that knows other languages
    #[arg(long)]
    pub translate: bool,
    /// Hypotheses that are followed at once: 1 is fastest, 5 makes the fewest mistakes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub beam: u8,
    /// What is known before listening.
    #[command(flatten)]
    pub known: KnownArgs,
    /// Many recordings, interruptions and subtitles.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// Sound that is made now.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Threads to compute with; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// What the model is told beforehand.
#[derive(Debug, clap::Args)]
pub struct KnownArgs {
    /// Text as it may have been said before, with names spelled as they are to be
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub prompt: String,
    /// Words and phrases that may be said, with commas between them; they are written like this when they are heard
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub vocabulary: Vec<String>,
    /// A file with such words and phrases, one a line
    #[arg(long, value_name = "FILE")]
    pub vocabulary_file: Option<PathBuf>,
}

impl KnownArgs {
    /// Takes up the words of the file.
    pub fn read(&mut self) -> Outcome {
        let Some(path) = self.vocabulary_file.take() else { return Ok(()) };
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Failure::Usage(format!("{}: reading a list of words failed: {e}", path.display()))
        })?;
        self.vocabulary.extend(text.lines().map(str::to_owned));
        Ok(())
    }
}

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

/// For sound that is made now.
#[derive(Debug, clap::Args)]
pub struct LiveArgs {
    /// Write down what is said now, until Ctrl-C: into a microphone, or with "-" what comes on the standard input (WAV,
    /// or raw samples of 16 bits, 16 kHz, mono)
    #[arg(long, conflicts_with_all = ["watch", "speakers", "remember_speakers", "no_resume"])]
    pub live: bool,
    /// The microphone: its name or a part of it; the one that the system prefers unless given
    #[arg(long, value_name = "NAME", requires = "live")]
    pub microphone: Option<String>,
    /// Listen to what the computer plays (Linux; needs parec of pulseaudio-utils)
    #[arg(long, requires = "live", conflicts_with = "microphone")]
    pub system_sound: bool,
    /// Keep the sound in this WAV file, which can be played at any time
    #[arg(long, value_name = "FILE", requires = "live")]
    pub record: Option<PathBuf>,
    /// Name the microphones
    #[arg(long, conflicts_with = "live")]
    pub list_microphones: bool,
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
