//! `medley models list|pull|verify|info|upcycle|cache|remove`.

use std::path::Path;

use engine::models::{FileState, ModelEntry, ModelInfo, PullStage, Store, VerifyEvent, inspect};
use engine::tasks::transcribe::JournalStore;
use engine::{CacheUsage, Cancel, MeasuredStore, PanelStore, PrefixStore, human_bytes};
use serde_json::json;

use super::args::{ModelsAction, ModelsArgs};
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{Bar, say};
use super::upcycle;

/// Does one thing with the models of this machine.
pub fn run(args: ModelsArgs, cancel: &Cancel) -> Outcome {
    let store = Store::open_default()?;
    match args.action {
        ModelsAction::List { json } => list(&store, &mut Output::new(json)),
        ModelsAction::Pull { ids, default, from, json } => {
            if let Some(folder) = from.iter().find(|folder| !folder.is_dir()) {
                return Err(Failure::Usage(format!("{}: there is no such folder", folder.display())));
            }
            let store = store.looking_in(from);
            let defaults = store.registry().models().iter().filter(|model| default && model.default);
            let mut all: Vec<String> = defaults.map(|model| model.id.clone()).collect();
            all.extend(
                ids.into_iter()
                    .filter(|id| !(default && store.registry().get(id).is_some_and(|m| m.default))),
            );
            pull(&store, &all, &mut Output::new(json), cancel)
        }
        ModelsAction::Verify { ids, json } => verify(&store, ids, &mut Output::new(json), cancel),
        ModelsAction::Info { model, context, json } => {
            info(&store, &model, context.map(u64::from), &mut Output::new(json))
        }
        ModelsAction::Upcycle(args) => upcycle::run(&store, &args, cancel),
        ModelsAction::Cache { clear, json } => cache(clear, &mut Output::new(json)),
        ModelsAction::Remove { id, json } => {
            let freed_bytes = store.remove(&id)?;
            let mut out = Output::new(json);
            match json {
                true => out.object(&json!({"id": id, "freed_bytes": freed_bytes})),
                false => out.line(&format!("{id}: {} freed", human_bytes(freed_bytes))),
            }
        }
    }
}

fn state(store: &Store, model: &ModelEntry) -> &'static str {
    let states: Vec<_> = model.files.iter().map(|file| store.state(file)).collect();
    match states.as_slice() {
        [] => "not for this platform",
        states if states.contains(&FileState::Damaged) => "damaged",
        states if states.iter().all(|state| *state == FileState::Present) => "present",
        states if states.contains(&FileState::Present) => "partial",
        _ => "missing",
    }
}

fn list(store: &Store, out: &mut Output) -> Outcome {
    for model in store.registry().models() {
        let state = state(store, model);
        if out.is_json() {
            out.object(&json!({
                "id": model.id, "what": model.what, "licence": model.licence, "default": model.default,
                "bytes": model.bytes(), "state": state,
            }))?;
        } else {
            let size = human_bytes(model.bytes());
            let default = if model.default { "*" } else { " " };
            out.line(&format!(
                "{default} {:<20} {:>9}  {:<9} {} ({})",
                model.id, size, state, model.what, model.licence
            ))?;
        }
    }
    if !out.is_json() {
        say(&format!("* needed by default · kept in {}", store.root().display()));
    }
    Ok(())
}

fn cache(clear: bool, out: &mut Output) -> Outcome {
    let prefixes = PrefixStore::open_default()?;
    let panels = PanelStore::open_default()?;
    let journals = JournalStore::open_default()?;
    let measured = MeasuredStore::open_default()?;
    let freed_bytes = match clear {
        true => prefixes.clear()? + panels.clear()? + journals.clear()? + measured.clear()?,
        false => 0,
    };
    let (usage, of_panels, of_journals) = (prefixes.usage(), panels.usage(), journals.usage());
    if out.is_json() {
        let kept = |folder: &Path, usage: &CacheUsage| {
            json!({
                "folder": folder, "files": usage.files, "bytes": usage.bytes, "most_bytes": usage.most_bytes,
            })
        };
        let mut all = kept(prefixes.folder(), &usage);
        all["freed_bytes"] = json!(freed_bytes);
        all["panels"] = kept(panels.folder(), &of_panels);
        all["transcripts"] = kept(journals.folder(), &of_journals);
        all["measured"] = kept(measured.folder(), &measured.usage());
        return out.object(&all);
    }
    if clear {
        return out.line(&format!("{} freed", human_bytes(freed_bytes)));
    }
    for (usage, one, several) in [
        (usage, "prompt", "prompts"),
        (of_panels, "model arranged for this program", "models arranged for this program"),
        (of_journals, "interrupted transcript", "interrupted transcripts"),
        (measured.usage(), "measurement of this machine", "measurements of this machine"),
    ] {
        let (bytes, most) = (human_bytes(usage.bytes), human_bytes(usage.most_bytes));
        let what = if usage.files == 1 { one } else { several };
        out.line(&format!("{} {what}, {bytes} of at most {most}", usage.files))?;
    }
    let (prefixes, panels) = (prefixes.folder().display(), panels.folder().display());
    let (journals, measured) = (journals.folder().display(), measured.folder().display());
    say(&format!(
        "kept in {prefixes}, {panels}, {journals} and {measured} · `medley models cache --clear` deletes all of it"
    ));
    Ok(())
}

fn pull(store: &Store, ids: &[String], out: &mut Output, cancel: &Cancel) -> Outcome {
    let bar = Bar::bytes();
    let (mut fetched, mut failed) = (0, Vec::new());
    for id in ids {
        if store.is_present(id) {
            if out.is_json() {
                out.object(&json!({"event": "done", "id": id, "state": "present"}))?;
            }
            continue;
        }
        match pull_one(store, id, out, &bar, cancel) {
            Ok(()) if cancel.is_cancelled() => return Ok(()),
            Ok(()) => fetched += 1,
            Err(Failure::Closed) => return Err(Failure::Closed),
            Err(failure) => {
                bar.clear();
                failure.report();
                if out.is_json() {
                    out.object(&json!({"event": "error", "id": id, "text": failure.to_string()}))?;
                }
                failed.push(failure.status());
            }
        }
    }
    bar.clear();
    if !out.is_json() && failed.is_empty() {
        let models = if ids.len() == 1 { "model" } else { "models" };
        say(&format!("{} {models} ready ({fetched} fetched)", ids.len()));
    }
    failed.into_iter().max().map_or(Ok(()), |status| Err(Failure::Told(status)))
}

fn pull_one(store: &Store, id: &str, out: &mut Output, bar: &Bar, cancel: &Cancel) -> Outcome {
    for event in store.pull(id, cancel)? {
        let event = event?;
        if out.is_json() {
            let stage = match event.stage {
                PullStage::Fetch => "fetch",
                PullStage::Check => "check",
                PullStage::Done => "done",
            };
            out.object(&json!({
                "event": "progress", "id": event.id, "file": event.file, "stage": stage,
                "done": event.done_bytes, "total": event.total_bytes,
            }))?;
            if let Some(text) = event.notice {
                out.object(&json!({"event": "notice", "id": id, "text": text}))?;
            }
            continue;
        }
        if let Some(text) = event.notice {
            bar.clear();
            say(&format!("note: {text}"));
        }
        match event.stage {
            PullStage::Fetch => {
                bar.show(&format!("{id}: {}", event.file), event.done_bytes, event.total_bytes)
            }
            PullStage::Check => {
                bar.show(&format!("{id}: checking {}", event.file), event.done_bytes, event.total_bytes);
            }
            PullStage::Done => {
                bar.clear();
                say(&format!("{id}: {} ({})", event.file, human_bytes(event.total_bytes)));
            }
        }
    }
    if !cancel.is_cancelled() && out.is_json() {
        out.object(&json!({"event": "done", "id": id, "state": "fetched"}))?;
    }
    Ok(())
}

fn verify(store: &Store, ids: Vec<String>, out: &mut Output, cancel: &Cancel) -> Outcome {
    let ids = if ids.is_empty() {
        let here = |model: &&ModelEntry| model.files.iter().any(|f| store.state(f) != FileState::Missing);
        store.registry().models().iter().filter(here).map(|model| model.id.clone()).collect()
    } else {
        ids
    };
    let bar = Bar::bytes();
    let mut bad = 0;
    for id in &ids {
        for event in store.verify(id, cancel)? {
            match event {
                VerifyEvent::Progress { role, done_bytes, total_bytes } => {
                    bar.show(&format!("{id}: {role}"), done_bytes, total_bytes);
                }
                VerifyEvent::Checked { role, path, problem } => {
                    bar.clear();
                    bad += usize::from(problem.is_some());
                    if out.is_json() {
                        out.object(&json!({
                            "id": id, "role": role, "path": path, "ok": problem.is_none(), "problem": problem,
                        }))?;
                    } else if let Some(problem) = problem {
                        say(&format!("medley: {}: {id} {role}: {problem}", path.display()));
                    } else {
                        out.line(&format!("{id} {role}: right"))?;
                    }
                }
            }
        }
    }
    if ids.is_empty() && !out.is_json() {
        say("no model is on this machine; `medley models pull --default` fetches the usual ones");
    }
    if bad > 0 { Err(Failure::Told(1)) } else { Ok(()) }
}

fn info(store: &Store, model: &str, context: Option<u64>, out: &mut Output) -> Outcome {
    let Some(entry) = store.registry().get(model) else {
        let path = Path::new(model);
        if !path.exists() {
            return Err(engine::Error::ModelUnknown { id: model.to_owned() }.into());
        }
        let found = inspect(path, context).map_err(|error| Failure::Usage(error.to_string()))?;
        return match out.is_json() {
            true => out.object(&found),
            false => describe(&found, out),
        };
    };
    // Only decoders are GGUF files and can tell more than the registry knows.
    let decoder = entry
        .files
        .iter()
        .find(|file| file.name.ends_with(".gguf") && store.state(file) == FileState::Present)
        .map(|file| inspect(&store.place(file), context))
        .transpose()?;
    if out.is_json() {
        let files: Vec<_> = entry
            .files
            .iter()
            .map(|file| {
                json!({"role": file.role, "name": file.name, "bytes": file.bytes, "sha256": file.sha256,
                    "path": store.place(file), "present": store.state(file) == FileState::Present})
            })
            .collect();
        return out.object(&json!({
            "id": entry.id, "what": entry.what, "licence": entry.licence, "default": entry.default,
            "bytes": entry.bytes(), "state": state(store, entry), "files": files, "decoder": decoder,
        }));
    }
    out.line(&format!("{}: {}", entry.id, entry.what))?;
    out.line(&format!("licence: {}", entry.licence))?;
    out.line(&format!("state: {}, {}", state(store, entry), human_bytes(entry.bytes())))?;
    for file in &entry.files {
        let place = store.place(file);
        out.line(&format!(
            "{}: {} ({})\n    {}",
            file.role,
            file.name,
            human_bytes(file.bytes),
            place.display()
        ))?;
    }
    decoder.map_or(Ok(()), |found| describe(&found, out))
}

fn describe(found: &ModelInfo, out: &mut Output) -> Outcome {
    let unknown = || "unknown".to_owned();
    out.line(&format!("name: {}", found.name.clone().unwrap_or_else(unknown)))?;
    out.line(&format!("architecture: {}", found.architecture.clone().unwrap_or_else(unknown)))?;
    let active = match found.active_parameters == found.parameters {
        true => String::new(),
        false => format!(", {} of them for each token", human_count(found.active_parameters)),
    };
    out.line(&format!("parameters: {}{active}", human_count(found.parameters)))?;
    let number = |n: Option<u64>| n.map_or_else(unknown, |n| n.to_string());
    out.line(&format!("context: {} tokens", number(found.context_tokens)))?;
    let windows = match (found.n_window_layers, found.window_tokens) {
        (Some(n), Some(window)) => format!(", {n} of them with a window of {window} tokens"),
        _ => String::new(),
    };
    out.line(&format!("layers: {}{windows}", number(found.n_layers)))?;
    out.line(&format!(
        "heads: {} ({} for keys and values)",
        number(found.n_heads),
        number(found.n_kv_heads)
    ))?;
    let kinds = found.quantisation.iter().map(|(kind, n)| format!("{kind} × {n}"));
    out.line(&format!("tensors: {}", kinds.collect::<Vec<_>>().join(", ")))?;
    out.line(&format!("file: {}", human_bytes(found.file_bytes)))?;
    out.line(&format!("takes in: {}", found.modalities.join(", ")))?;
    if let Some(projector) = &found.projector {
        out.line(&format!("encoders: {}", projector.display()))?;
    }
    let memory = found.memory;
    let cache = match (memory.cache_bytes, memory.context_tokens) {
        (Some(bytes), Some(tokens)) => format!(
            ", and {} for {tokens} tokens of context ({})",
            human_bytes(bytes),
            format!("{:?}", memory.cache_format).to_lowercase()
        ),
        _ => String::new(),
    };
    out.line(&format!(
        "memory: {} = {} for the weights{cache}",
        human_bytes(memory.total_bytes),
        human_bytes(memory.weights_bytes)
    ))?;
    if let (Some(asked), Some(trained)) = (memory.context_tokens, found.context_tokens)
        && asked > trained
    {
        say(&format!(
            "note: it was trained for {trained} tokens of context, fewer than the {asked} asked for"
        ));
    }
    match &found.problem {
        Some(problem) => out.line(&format!("cannot be run: {problem}")),
        None => Ok(()),
    }
}

/// "268.1 million".
fn human_count(n: u64) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.2} billion", n / 1e9),
        n if n >= 1e6 => format!("{:.1} million", n / 1e6),
        n => format!("{n}"),
    }
}
