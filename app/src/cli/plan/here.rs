//! This machine: what the kernels reach, and what that means for the models that are here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use engine::models::{ModelEntry, Store};
use engine::tasks::outlook::{Outlook, Talk, outlook};
use engine::{Cancel, Measured, MeasuredStore, human_bytes, measure, set_threads};
use serde_json::json;

use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::progress::say;
use super::args::PlanArgs;
use super::compare;

/// Measures where that was not done yet, and tells of each model.
pub fn run(args: &PlanArgs, out: &mut Output, cancel: &Cancel) -> Outcome {
    if args.rates_only {
        set_threads(args.threads);
        return out.object(&measure()?);
    }
    let models = models(&args.models)?;
    let measured = of_this_machine(args)?;
    machine(&measured, out)?;
    if models.is_empty() {
        say("no decoder is on this machine; `medley models pull --default` fetches one, or name a GGUF file");
    }
    let talk = Talk {
        before: args.cached,
        prompt: args.context.unwrap_or(Talk::default().prompt),
        generate: args.generate,
    };
    if talk.prompt == 0 || talk.generate == 0 {
        return Err(Failure::Usage("--context and --generate must be at least 1".into()));
    }
    if args.compare {
        return compare::run(&models, talk, out, cancel);
    }
    for (name, path) in &models {
        let found =
            outlook(path, Some(&measured), talk).map_err(|error| Failure::Usage(error.to_string()))?;
        tell(name, &found, talk, out)?;
    }
    Ok(())
}

/// Names and files of those asked for, else of all decoders of the registry that are here.
fn models(asked: &[String]) -> Outcome<Vec<(String, PathBuf)>> {
    let store = Store::open_default()?;
    if asked.is_empty() {
        let is_decoder = |model: &&ModelEntry| model.files.iter().any(|file| file.name.ends_with(".gguf"));
        let all = store.registry().models().iter().filter(is_decoder);
        return Ok(all
            .filter_map(|model| Some((model.id.clone(), store.file(&model.id, "model").ok()?)))
            .collect());
    }
    let file = |model: &String| {
        let path = Path::new(model);
        let is_path = path.exists() && store.registry().get(model).is_none();
        Ok((model.clone(), if is_path { path.to_owned() } else { store.file(model, "model")? }))
    };
    asked.iter().map(file).collect()
}

/// What was measured before, or now.
fn of_this_machine(args: &PlanArgs) -> Outcome<Measured> {
    if args.threads.is_some() {
        set_threads(args.threads);
        return Ok(measure()?);
    }
    let store = MeasuredStore::open_default()?;
    if let Some(known) = store.get().filter(|_| !args.again && !args.compare) {
        return Ok(known);
    }
    say("measuring this machine …");
    let mut best = measure()?;
    // On processors with two threads for each core half of them may be quicker. The pool of a process keeps its size, so
    // another one tries.
    if best.threads > 1 {
        match with_threads(best.threads / 2) {
            Ok(half) if quicker(&half, &best) => best = half,
            Ok(_) => {}
            Err(error) => say(&format!("note: {} threads were not tried: {error}", best.threads / 2)),
        }
    }
    if let Err(error) = store.keep(&best) {
        say(&format!("note: the measurement is not kept: {error}"));
    }
    Ok(best)
}

/// Whether it reads and writes faster, both counted alike; fewer threads must be clearly better.
fn quicker(fewer: &Measured, more: &Measured) -> bool {
    const CLEARLY: f64 = 1.05;
    let both = |measured: &Measured| {
        (measured.rates.weight_bytes_per_s * measured.rates.weight_products_per_s).sqrt()
    };
    both(fewer) > CLEARLY * both(more)
}

fn with_threads(threads: usize) -> Outcome<Measured> {
    let failed = |why: String| Failure::Failed(why);
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["plan", "--here", "--rates-only", "--json", "--threads", &threads.to_string()]);
    let done = command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&done.stdout).map_err(|error| failed(error.to_string()))
}

pub fn machine(measured: &Measured, out: &mut Output) -> Outcome {
    let rates = &measured.rates;
    if out.is_json() {
        return out.object(&json!({
            "machine": measured.processor, "instructions": measured.instructions, "threads": measured.threads,
            "rates": rates,
        }));
    }
    out.line(&format!(
        "{}, {} threads, {}: reads {:.1} GB/s ({:.1} of 4-bit weights, {:.1} of 8-bit), multiplies {:.0} G weights a second of {:.0} G bytes",
        measured.processor,
        measured.threads,
        measured.instructions,
        rates.read_bytes_per_s / 1e9,
        rates.weight_bytes_per_s / 1e9,
        rates.byte_weight_bytes_per_s / 1e9,
        rates.weight_products_per_s / 1e9,
        rates.byte_products_per_s / 1e9
    ))
}

fn tell(name: &str, found: &Outlook, talk: Talk, out: &mut Output) -> Outcome {
    if out.is_json() {
        return out.object(&json!({
            "model": name, "fit": found.fit, "weights_bytes": found.weights_bytes,
            "largest_context": found.largest_context, "speed": found.speed, "before": talk.before,
            "prompt": talk.prompt, "generate": talk.generate, "cache": found.cache.name(), "batch": found.batch,
        }));
    }
    let fit = found.fit.map_or("the free memory is not known", |fit| fit.name());
    let context = found.largest_context.map_or(String::new(), |tokens| {
        format!(", at most {tokens} tokens of context with keys and values in {}", found.cache.name())
    });
    out.line(&format!("{name}: {fit}, {} of weights{context}", human_bytes(found.weights_bytes)))?;
    let Some(speed) = found.speed else {
        return out.line("  how fast is not known of folders; a GGUF file tells it");
    };
    let batch = found.batch.filter(|n| *n > 1);
    let batch = batch.map_or(String::new(), |n| format!("; up to {n} answers side by side cost little more"));
    out.line(&format!(
        "  reads {} tokens at {:.0}/s, the first token after {:.2} s, then writes {:.0}/s{batch}",
        talk.prompt, speed.prefill_tokens_per_s, speed.first_token_s, speed.decode_tokens_per_s
    ))
}
