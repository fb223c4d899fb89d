//! `medley bench --quote` and `--chains`: what guesses of the next tokens and answers side by side gain.

use std::sync::Arc;

use engine::tasks::evaluate::{quote, side_by_side};
use engine::{Cancel, LanguageModel};
use serde_json::json;

use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::super::perplexity;
use super::args::BenchArgs;
use super::median;

/// Measures those that were asked for; each run is both ways, one after the other.
pub fn run(args: &BenchArgs, threads: usize, out: &mut Output, cancel: &Cancel) -> Outcome {
    let document = std::fs::read_to_string(&args.document).map_err(|e| {
        let shown = args.document.display();
        Failure::Usage(format!("{shown}: reading as text failed: {e}; --document FILE names a text"))
    })?;
    let model = perplexity::decoder(&args.model)?;
    if args.quote {
        quoting(args, &model, &document, threads, out, cancel)?;
    }
    match args.chains {
        Some(chains) => together(args, &model, &document, chains as usize, threads, out, cancel),
        None => Ok(()),
    }
}

fn quoting(
    args: &BenchArgs,
    model: &Arc<LanguageModel>,
    document: &str,
    threads: usize,
    out: &mut Output,
    cancel: &Cancel,
) -> Outcome {
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        let Some(run) = quote(model, document, args.generate, cancel)? else { return Ok(()) };
        runs.push(run);
    }
    let Some(usage) = runs.last().map(|run| run.usage) else { return Ok(()) };
    let plain = median(runs.iter().map(|run| run.plain_tokens_per_s).collect());
    let rate = median(runs.iter().map(|run| run.tokens_per_s).collect());
    let times = median(runs.iter().map(|run| run.tokens_per_s / run.plain_tokens_per_s).collect());
    let same = runs.iter().all(|run| run.same);
    if out.is_json() {
        return out.object(&json!({
            "model": args.model, "phase": "quote", "prompt_tokens": usage.prompt_tokens,
            "tokens": usage.generated_tokens, "drafted_tokens": usage.drafted_tokens,
            "accepted_tokens": usage.accepted_tokens, "plain_tokens_per_s": plain, "tokens_per_s": rate,
            "times": times, "same": same, "threads": threads, "device": model.decoder().device_name(),
        }));
    }
    out.line(&format!(
        "{} quoting: {rate:.1} tokens/s with guesses and {plain:.1} without, {times:.2} times ({} of {} guesses right, \
         {} tokens written at depth {}, {threads} threads){}",
        args.model,
        usage.accepted_tokens,
        usage.drafted_tokens,
        usage.generated_tokens,
        usage.prompt_tokens,
        if same { "" } else { "; the two answers differ" },
    ))
}

fn together(
    args: &BenchArgs,
    model: &Arc<LanguageModel>,
    document: &str,
    chains: usize,
    threads: usize,
    out: &mut Output,
    cancel: &Cancel,
) -> Outcome {
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        let run = side_by_side(model, document, chains, args.generate, cancel)?;
        let Some(run) = run else { return Ok(()) };
        runs.push(run);
    }
    let Some(prompt_tokens) = runs.last().map(|run| run.prompt_tokens) else { return Ok(()) };
    let one = median(runs.iter().map(|run| run.one_tokens_per_s).collect());
    let rate = median(runs.iter().map(|run| run.tokens_per_s).collect());
    let times = median(runs.iter().map(|run| run.tokens_per_s / run.one_tokens_per_s).collect());
    if out.is_json() {
        return out.object(&json!({
            "model": args.model, "phase": "chains", "chains": chains, "prompt_tokens": prompt_tokens,
            "tokens": args.generate, "one_tokens_per_s": one, "tokens_per_s": rate, "times": times,
            "threads": threads, "device": model.decoder().device_name(),
        }));
    }
    out.line(&format!(
        "{} {chains} answers side by side: {rate:.1} tokens/s and {one:.1} for one, {times:.2} times (up to {} tokens each at \
         depth {prompt_tokens}, {threads} threads)",
        args.model, args.generate,
    ))
}
