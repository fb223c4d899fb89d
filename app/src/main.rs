//! Medley: the command line, which opens the window when it is given no subcommand.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
