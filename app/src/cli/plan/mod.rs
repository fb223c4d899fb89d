//! `medley plan`: how fast a model is and what it takes, before it runs.

pub mod args;

mod cluster;

mod compare;

mod here;

mod plot;

use engine::Cancel;

use super::failure::{Failure, Outcome};
use super::output::Output;
use args::PlanArgs;

/// Plans for a cluster, or for this machine.
pub fn run(args: &PlanArgs, cancel: &Cancel) -> Outcome {
    let mut out = Output::new(args.json);
    if args.list {
        return cluster::list(&mut out);
    }
    if args.here {
        return here::run(args, &mut out, cancel);
    }
    match (&args.model, &args.machine) {
        (Some(model), Some(machine)) => cluster::run(args, model, machine, &mut out),
        _ => Err(Failure::Usage(
            "give --model and --machine, or --here for this machine; `medley plan --list` shows what is known by name"
                .into(),
        )),
    }
}
