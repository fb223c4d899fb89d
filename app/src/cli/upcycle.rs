//! `medley models upcycle`.

use std::path::{Path, PathBuf};

use engine::Cancel;
use engine::models::Store;
use engine::tasks::upcycle::{UpcycleOptions, upcycle};
use serde_json::json;

use super::args::UpcycleArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::Bar;

/// Writes a mixture of experts into a new folder.
pub fn run(store: &Store, args: &UpcycleArgs, cancel: &Cancel) -> Outcome {
    let path = PathBuf::from(&args.model);
    let from = if path.exists() { path } else { store.file(&args.model, "model")? };
    let out = &args.out;
    if !is_free(out) {
        let reason = format!("{}: there is something already; choose a new folder", out.display());
        return Err(Failure::Usage(reason));
    }
    let options =
        UpcycleOptions { n_experts: args.experts, n_chosen: args.chosen, seed: args.seed, half: args.half };
    let bar = Bar::units();
    let done = upcycle(&from, out, options, cancel, |done, total| {
        bar.show("tensors", done as u64, total as u64);
    });
    bar.clear();
    // Cancelled: the status says so.
    if !done? {
        return Ok(());
    }
    let (experts, chosen) = (args.experts, args.chosen);
    let mut output = Output::new(args.json);
    match args.json {
        true => output.object(&json!({"folder": out, "experts": experts, "chosen": chosen})),
        false => output.line(&format!("{}: {chosen} of {experts} experts in each layer", out.display())),
    }
}

/// Whether nothing is there that could be written over.
fn is_free(folder: &Path) -> bool {
    match folder.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !folder.exists(),
    }
}
