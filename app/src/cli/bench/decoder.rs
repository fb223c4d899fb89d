//! Tokens per second at several depths, and the share of what the machine could do.

use std::path::{Path, PathBuf};

use engine::models::{Step, Store, inspect};
use engine::tasks::evaluate::{Phase, Speed, SpeedOptions, speed};
use engine::{Cancel, human_bytes, instruction_set, probe};
use serde_json::json;

use super::super::failure::Outcome;
use super::super::output::Output;
use super::super::perplexity;
use super::super::progress::peak_rss_bytes;
use super::args::BenchArgs;
use super::median;

/// How often each number of a prompt is multiplied by a weight: activations have two planes of eight bits.
const PLANES: f64 = 2.0;

/// Measures each depth in turn, then memory, then the machine.
pub fn run(args: &BenchArgs, threads: usize, out: &mut Output, cancel: &Cancel) -> Outcome {
    let model = perplexity::decoder(&args.model)?;
    let options = SpeedOptions {
        prompt: args.prompt,
        generate: args.generate,
        depths: args.depth.clone(),
        runs: args.runs as usize,
    };
    let measured = speed(&model, &options, cancel)?;
    if cancel.is_cancelled() {
        return Ok(());
    }
    // Before the probes, which take memory of their own.
    let (memory, on_device) = (peak_rss_bytes(), model.decoder().device_bytes());
    let device = model.decoder().device_name();
    // What a GPU could do is not probed.
    let machine = (device == "cpu").then(|| (probe::read_bandwidth(), probe::byte_products()));
    let place = Place { threads, device: &device };
    for row in &measured {
        report(args, place, row, machine, out)?;
    }
    if let Some((bandwidth, products)) = machine {
        let instructions = instruction_set()?;
        match out.is_json() {
            true => out.object(&json!({
                "phase": "machine", "threads": threads, "instructions": instructions,
                "read_bytes_per_s": bandwidth, "byte_products_per_s": products, "products_per_weight": PLANES,
            }))?,
            false => out.line(&format!(
                "this machine: {:.1} GB/s read, {:.0} G products of bytes per second ({instructions}, {threads} threads)",
                bandwidth / 1e9,
                products / 1e9
            ))?,
        }
    }
    let Some(bytes) = memory else { return Ok(()) };
    match out.is_json() {
        true => out.object(&json!({
            "model": args.model, "phase": "memory", "peak_rss_bytes": bytes,
            "device": device, "device_bytes": on_device,
        })),
        false => {
            let on_device = on_device.map(|bytes| format!(", in use on {device}: {}", human_bytes(bytes)));
            out.line(&format!("peak memory so far: {}{}", human_bytes(bytes), on_device.unwrap_or_default()))
        }
    }
}

/// What a rate was measured on.
#[derive(Clone, Copy)]
struct Place<'a> {
    threads: usize,
    device: &'a str,
}

/// The file of a model: a path, or what the store has under this name.
pub fn model_file(model: &str) -> Option<PathBuf> {
    let path = Path::new(model);
    match path.exists() {
        true => Some(path.to_owned()),
        false => Store::open_default().ok()?.file(model, "model").ok(),
    }
}

/// What a token goes through in the middle of what was measured; known of GGUF files.
fn step(model: &str, row: &Speed) -> Option<Step> {
    let middle = row.depth + row.tokens / 2;
    inspect(&model_file(model)?, Some(middle as u64)).ok()?.step
}

fn report(
    args: &BenchArgs,
    place: Place,
    row: &Speed,
    machine: Option<(f64, f64)>,
    out: &mut Output,
) -> Outcome {
    let Speed { phase, depth, tokens, ref rates } = *row;
    let Place { threads, device } = place;
    let tokens_per_s = median(rates.clone());
    let step = step(&args.model, row);
    let share = step.zip(machine).map(|(step, (bandwidth, products))| match phase {
        Phase::Decode => tokens_per_s * (step.bytes + step.cache_bytes) as f64 / bandwidth,
        Phase::Prefill => tokens_per_s * PLANES * step.parameters as f64 / products,
    });
    if out.is_json() {
        return out.object(&json!({
            "model": args.model, "phase": phase, "depth": depth, "tokens": tokens,
            "tokens_per_s": tokens_per_s, "share": share, "step": step, "threads": threads, "device": device,
        }));
    }
    let (name, of) = match phase {
        Phase::Prefill => ("prefill", "the products of bytes that the machine makes, at two for each weight"),
        Phase::Decode => ("decode", "the bandwidth that the machine reads with"),
    };
    let share = share.map_or(String::new(), |share| format!(" · {:.0} % of {of}", 100.0 * share));
    out.line(&format!(
        "{} {name}: {tokens_per_s:.1} tokens/s ({tokens} tokens at depth {depth}, {}){share}",
        args.model,
        match device {
            "cpu" => format!("{threads} threads"),
            device => format!("on {device}"),
        }
    ))
}
