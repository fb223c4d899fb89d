//! `medley perplexity --model M FILE`.

use std::sync::Arc;

use engine::media::Limits;
use engine::models::Store;
use engine::tasks::evaluate::perplexity;
use engine::{Cancel, Engine, EngineOptions, LanguageModel, PanelStore};

use super::args::PerplexityArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{Bar, say};

/// A decoder: an id of the registry, or a path.
pub fn decoder(model: &str) -> Outcome<Arc<LanguageModel>> {
    let store = Store::open_default()?;
    let limits = Limits::default();
    let panels = PanelStore::open_default().ok();
    let options = EngineOptions { store, model: model.to_owned(), limits, prefixes: None, panels };
    let model = Engine::new(options).language_model()?;
    if let Some(notice) = model.notice() {
        say(&format!("note: {notice}"));
    }
    Ok(model)
}

/// Scores a text.
pub fn run(args: &PerplexityArgs, cancel: &Cancel) -> Outcome {
    engine::set_threads(args.threads);
    engine::set_device(args.device.chosen)?;
    let shown = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|e| Failure::Usage(format!("{shown}: reading as text failed: {e}")))?;
    let model = decoder(&args.model)?;
    let bar = Bar::units();
    let found = perplexity(&model, &text, args.cache, cancel, |done, total| {
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
