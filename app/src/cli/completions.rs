//! `medley completions SHELL`.

use clap::CommandFactory;
use serde_json::json;

use super::args::{Args, CompletionsArgs};
use super::failure::{Failure, Outcome};
use super::output::Output;

/// Prints the script that makes a shell complete our arguments.
pub fn run(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "medley", &mut script);
    let script =
        String::from_utf8(script).map_err(|_| Failure::Failed("the completion script is not text".into()))?;
    let mut out = Output::new(args.json);
    match args.json {
        true => out.object(&json!({"shell": args.shell.to_string(), "script": script})),
        false => out.text(&script),
    }
}
