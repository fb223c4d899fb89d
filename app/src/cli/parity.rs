//! `medley parity DIR`.

use engine::Cancel;
use engine::tasks::parity::{ParityEvent, parity};

use super::args::ParityArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;

/// Compares a checkpoint with what a reference computed; the status says whether it is equal.
pub fn run(args: &ParityArgs, cancel: &Cancel) -> Outcome {
    if !args.folder.is_dir() {
        return Err(Failure::Usage(format!("{}: there is no such folder", args.folder.display())));
    }
    engine::set_device(args.device.chosen)?;
    let Some(events) = parity(&args.folder, cancel)? else { return Ok(()) };
    let mut out = Output::new(args.json);
    let mut passed = false;
    for event in &events {
        if let ParityEvent::Pass { pass } = event {
            passed = *pass;
        }
        match (args.json, event) {
            (true, event) => out.object(event)?,
            (false, ParityEvent::Tensor { tensor, relative_error }) => {
                out.line(&format!("{tensor}: relative error {relative_error:.2e}"))?;
            }
            (false, ParityEvent::Greedy { greedy_equal: true }) => {
                out.line("greedy continuation: the same")?
            }
            (false, ParityEvent::Greedy { greedy_equal: false }) => {
                out.line("greedy continuation: another")?
            }
            (false, ParityEvent::Pass { pass }) => out.line(if *pass { "equal" } else { "not equal" })?,
        }
    }
    if passed { Ok(()) } else { Err(Failure::Told(1)) }
}
