//! `medley perplexity --model M FILE`.

use std::path::{Path, PathBuf};

use engine::models::Store;
use engine::tasks::evaluate::perplexity;
use engine::{Cancel, LanguageModel};

use super::args::PerplexityArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::Bar;

/// Where a decoder lies: an id of the registry, or a path.
pub fn decoder_path(model: &str) -> Outcome<PathBuf> {
    let store = Store::open_default()?;
    if store.registry().get(model).is_none() && Path::new(model).exists() {
        return Ok(model.into());
    }
    Ok(store.file(model, "model")?)
}

/// Scores a text.
pub fn run(args: &PerplexityArgs, cancel: &Cancel) -> Outcome {
    engine::set_threads(args.threads);
    let shown = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|e| Failure::Usage(format!("{shown}: reading as text failed: {e}")))?;
    let model = LanguageModel::load(&decoder_path(&args.model)?)?;
    let bar = Bar::units();
    let found = perplexity(&model, &text, cancel, |done, total| {
        bar.show("windows", done as u64, total as u64);
    });
    bar.clear();
    // Cancelled: the status says so.
    let Some(found) = found? else { return Ok(()) };
    let mut out = Output::new(args.json);
    match args.json {
        true => out.object(&found),
        false => out.line(&format!("perplexity {:.4} over {} tokens", found.perplexity, found.tokens)),
    }
}
