//! Tokens per second at several depths, and the share of what the machine could do.

use std::path::{Path, PathBuf};

use engine::models::{Store, inspect};
use engine::tasks::evaluate::{Phase, Speed, SpeedOptions, speed};
use engine::{Cancel, human_bytes, instruction_set, probe};
use serde_json::json;

use super::super::args::BenchArgs;
use super::super::failure::Outcome;
use super::super::output::Output;
use super::super::perplexity;
use super::super::progress::peak_rss_bytes;
use super::median;

/// How often each number of a prompt is multiplied by a weight: activations have two planes of eight bits.
const PLANES: f64 = 2.0;

/// Measures each depth in turn, then memory, then the machine.
pub fn run(args: &BenchArgs, threads: usize, out: &mut Output, cancel: &Cancel) -> Outcome {
    let model = perplexity::decoder(&args.model)?;
    let mut measured = Vec::new();
    for depth in &args.depth {
        let options = SpeedOptions { prompt: args.prompt, generate: args.generate, depth: *depth };
        let mut runs = Vec::new();
        for _ in 0..args.runs {
            runs.push(speed(&model, options, cancel)?);
            if cancel.is_cancelled() {
                return Ok(());
            }
        }
        for (i, row) in runs.first().into_iter().flatten().enumerate() {
            let rates = runs.iter().filter_map(|run| run.get(i)).map(|row| row.tokens_per_s);
            measured.push(Speed { tokens_per_s: median(rates.collect()), ..*row });
        }
    }
    // Before the probes, which take memory of their own.
    let (memory, on_device) = (peak_rss_bytes(), model.decoder().device_bytes());
    let device = model.decoder().device_name();
    // What a GPU could do is not probed.
    let machine = (device == "cpu").then(|| (probe::read_bandwidth(), probe::byte_products()));
    let place = Place { threads, device: &device };
    for row in &measured {
        report(args, place, row, machine.and_then(|machine| share(&args.model, row, machine)), out)?;
    }
    if let Some((bandwidth, products)) = machine {
        let instructions = instruction_set()?;
        match out.is_json() {
            true => out.object(&json!({
                "phase": "machine", "threads": threads, "instructions": instructions,
                "read_bytes_per_s": bandwidth, "byte_products_per_s": products,
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
fn file(model: &str) -> Option<PathBuf> {
    let path = Path::new(model);
    match path.exists() {
        true => Some(path.to_owned()),
        false => Store::open_default().ok()?.file(model, "model").ok(),
    }
}

/// What share of the bytes per second, or of the products per second, a rate comes to; known of GGUF files.
fn share(model: &str, row: &Speed, (bandwidth, products): (f64, f64)) -> Option<f64> {
    // Keys and values of half of what is written count too, on average.
    let held = row.depth + row.tokens / 2;
    let info = inspect(&file(model)?, Some(held as u64)).ok()?;
    let step = info.step?;
    Some(match row.phase {
        Phase::Decode => {
            row.tokens_per_s * (step.bytes + info.memory.cache_bytes.unwrap_or(0)) as f64 / bandwidth
        }
        Phase::Prefill => row.tokens_per_s * PLANES * step.parameters as f64 / products,
    })
}

fn report(args: &BenchArgs, place: Place, row: &Speed, share: Option<f64>, out: &mut Output) -> Outcome {
    let Speed { phase, depth, tokens, tokens_per_s } = *row;
    let Place { threads, device } = place;
    if out.is_json() {
        return out.object(&json!({
            "model": args.model, "phase": phase, "depth": depth, "tokens": tokens,
            "tokens_per_s": tokens_per_s, "share": share, "threads": threads, "device": device,
        }));
    }
    let (name, of) = match phase {
        Phase::Prefill => ("prefill", "the products of bytes that the machine makes"),
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
