//! The command line: a thin front over the engine's tasks, one file for each subcommand.
//!
//! Results go to stdout, everything else (progress, notices, figures) to stderr. With `--json`
//! stdout carries one JSON object per line. Exit status: 0 done, 1 failed, 2 bad usage or bad
//! input, 130 cancelled.

mod args;

mod failure;

mod output;

mod progress;

mod answer;

mod answer_args;

mod ask;

mod read;

mod library;

mod eval;

mod transcribe;

mod speakers;

mod models;

mod bench;

mod plan;

mod parity;

mod perplexity;

mod tune;

mod completions;

mod tour;
mod upcycle;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use engine::Cancel;
use medley_app::{WindowOptions, run_window};

use self::args::{Args, Command};
use self::failure::{Failure, Outcome};

/// The decoder that answers when nobody names one.
const DEFAULT_MODEL: &str = "smollm2-135m";

/// The speech model that is used when nobody names one.
const DEFAULT_SPEECH_MODEL: &str = engine::perception::WHISPER;

/// Reads the arguments, does what they say, and returns the exit status of the contract.
pub fn main() -> ExitCode {
    engine::keep_few_heaps();
    env_logger::init();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let cancel = Cancel::new();
    // The window ends as any program does when its terminal says so; what it wrote is saved.
    if args.command.is_some() {
        listen_for_stop(&cancel);
    }
    match run(args, &cancel) {
        Ok(()) if cancel.is_cancelled() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.status())
        }
    }
}

fn run(args: Args, cancel: &Cancel) -> Outcome {
    engine::instruction_set()?;
    match args.command {
        None => window(args.window),
        Some(Command::Ask(args)) => ask::run(args, cancel),
        Some(Command::Read(args)) => read::run(args, cancel),
        Some(Command::Library { action }) => library::run(action, cancel),
        Some(Command::Eval { action }) => eval::run(action, cancel),
        Some(Command::Tune(args)) => tune::run(&args, cancel),
        Some(Command::Transcribe(args)) => transcribe::run(args, cancel),
        Some(Command::Speakers { action }) => speakers::run(&action),
        Some(Command::Models(args)) => models::run(args, cancel),
        Some(Command::Bench(args)) => bench::run(&args, cancel),
        Some(Command::Parity(args)) => parity::run(&args, cancel),
        Some(Command::Plan(args)) => plan::run(&args, cancel),
        Some(Command::Perplexity(args)) => perplexity::run(&args, cancel),
        Some(Command::Completions(args)) => completions::run(&args),
        Some(Command::Tour(args)) => tour::run(&args, cancel),
    }
}

/// Opens the window. A word that is neither a subcommand nor a file is most likely a typing error.
fn window(args: args::WindowArgs) -> Outcome {
    if let Some(missing) = args.files.iter().find(|file| !file.exists()) {
        let shown = missing.display();
        return Err(Failure::Usage(format!(
            "{shown}: there is no such file, and no subcommand of that name; `medley --help` lists them"
        )));
    }
    engine::set_device(args.device.chosen)?;
    let options = WindowOptions { attach: args.files, model: args.model, wayland: args.wayland };
    let here = run_window(options).map_err(|error| Failure::Failed(format!("{error:#}")))?;
    if !here {
        progress::say("the window that is already open has taken over");
    }
    Ok(())
}

/// Help and version are results; everything else is bad usage.
fn usage(error: &clap::Error) -> ExitCode {
    let status = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => 2,
    };
    // A closed pipe is nothing to complain about.
    drop(error.print());
    ExitCode::from(status)
}

/// The first Ctrl-C asks the work to stop, the second one ends the process.
fn listen_for_stop(cancel: &Cancel) {
    let cancel = cancel.clone();
    let heard = ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            std::process::exit(130);
        }
        cancel.cancel();
    });
    if let Err(error) = heard {
        log::warn!("Ctrl-C ends the process at once: {error}");
    }
}

/// Parts a question from the files before it, and says so when it was forgotten.
fn split_question(mut words: Vec<OsString>, example: &str) -> Outcome<(Vec<PathBuf>, String)> {
    let Some(last) = words.pop() else {
        return Err(Failure::Usage(format!("the question is missing; try: {example}")));
    };
    if Path::new(&last).exists() {
        let shown = last.display();
        return Err(Failure::Usage(format!(
            "the question is missing: the last argument, {shown}, is a file; try: {example}"
        )));
    }
    let question = last.to_string_lossy().trim().to_owned();
    if question.is_empty() {
        return Err(Failure::Usage(format!("the question is empty; try: {example}")));
    }
    let media: Vec<PathBuf> = words.into_iter().map(Into::into).collect();
    if let Some(first) = media.first()
        && media.iter().all(|file| file.symlink_metadata().is_err())
    {
        return Err(Failure::Usage(format!(
            "{}: there is no such file; if this belongs to the question, put the question in quotes",
            first.display()
        )));
    }
    Ok((media, question))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_last_word_is_the_question() {
        let (media, question) = split_question(words(&[&a_file(), "b.wav", "What is it?"]), "").unwrap();
        assert_eq!((media.len(), question.as_str()), (2, "What is it?"));
    }

    #[test]
    fn a_question_without_quotes_is_noticed() {
        let failure = split_question(words(&["what", "is", "this?"]), "").unwrap_err();
        assert!(failure.to_string().contains("put the question in quotes"), "{failure}");
    }

    #[test]
    fn a_forgotten_question_is_noticed() {
        let file = a_file();
        let failure = split_question(words(&[&file]), "medley ask a.png \"What?\"").unwrap_err();
        assert_eq!(failure.status(), 2);
        assert!(failure.to_string().contains("the question is missing"), "{failure}");
    }

    #[test]
    fn an_empty_question_is_bad_usage() {
        assert_eq!(split_question(words(&["a.png", " "]), "x").unwrap_err().status(), 2);
    }

    /// A file that surely exists.
    fn a_file() -> String {
        format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"))
    }
}
