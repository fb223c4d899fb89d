//! From the start of a process to the first token.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use engine::human_bytes;
use serde_json::{Value, json};

use super::super::failure::{Failure, Outcome};
use super::super::output::Output;
use super::args::BenchArgs;
use super::decoder::model_file;
use super::median;

/// What is asked: with the template of a chat model some thirty tokens.
const QUESTION: &str = "Name a river.";

/// Starts ourselves as a person would and takes the time to the first token: the first start with nothing kept in the
/// cache folder, later ones, and later ones with the weights no longer in the system's memory.
pub fn run(args: &BenchArgs, out: &mut Output) -> Outcome {
    let folder = Folder::new()?;
    // Another folder first, so that the file is in the system's memory for the one that counts.
    started(args, &Folder::new()?.0)?;
    let (first_start_s, _) = started(args, &folder.0)?;
    let (mut warm, mut cold, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.runs {
        let (first_s, peak) = started(args, &folder.0)?;
        warm.push(first_s);
        peaks.extend(peak.map(|bytes| bytes as f64));
        if forget(args, &folder.0) {
            cold.push(started(args, &folder.0)?.0);
        }
    }
    let first_token_s = median(warm);
    let cold_first_token_s = (!cold.is_empty()).then(|| median(cold));
    let peak = (!peaks.is_empty()).then(|| median(peaks) as u64);
    if out.is_json() {
        return out.object(&json!({
            "model": args.model, "phase": "cold_start", "first_start_s": first_start_s,
            "first_token_s": first_token_s, "cold_first_token_s": cold_first_token_s, "peak_rss_bytes": peak,
        }));
    }
    let memory = peak.map(|bytes| format!(", peak memory {}", human_bytes(bytes))).unwrap_or_default();
    let cold = cold_first_token_s
        .map(|seconds| format!(", {seconds:.2} s with weights that are read from the disk"))
        .unwrap_or_default();
    out.line(&format!(
        "start of `medley ask` to the first token: {first_start_s:.2} s the first time, {first_token_s:.2} s later{cold}{memory}"
    ))
}

/// Drops the model's file and what is kept of it from the system's page cache, through GNU's `dd`; whether there is one.
fn forget(args: &BenchArgs, cache: &Path) -> bool {
    let Some(file) = model_file(&args.model).filter(|file| file.is_file()) else { return false };
    let entries = std::fs::read_dir(cache.join("panels")).into_iter().flatten().flatten();
    let mut files = std::iter::once(file).chain(entries.map(|entry| entry.path()));
    files.all(|file| {
        let mut of = std::ffi::OsString::from("if=");
        of.push(file);
        let status = Command::new("dd").arg(of).args(["iflag=nocache", "count=0", "status=none"]).status();
        status.is_ok_and(|status| status.success())
    })
}

/// Seconds to the first token with this cache folder, and the peak memory that it tells.
fn started(args: &BenchArgs, cache: &Path) -> Outcome<(f64, Option<u64>)> {
    let program = std::env::current_exe().map_err(|e| failed(&e.to_string()))?;
    let since = Instant::now();
    let mut command = Command::new(&program);
    command.args(["ask", "--json", "--max-tokens", "8", "--model", &args.model, QUESTION]);
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    if let Some(device) = args.device.chosen {
        command.args(["--device", &device.to_string()]);
    }
    let mut child = command
        .env("MEDLEY_CACHE", cache)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed(&e.to_string()))?;
    let stdout = child.stdout.take().ok_or_else(|| failed("no output"))?;
    let (mut first_s, mut peak) = (None, None);
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|e| failed(&e.to_string()))?;
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        if event["event"] == "text" {
            first_s.get_or_insert(since.elapsed().as_secs_f64());
        }
        peak = event["peak_rss_bytes"].as_u64().or(peak);
    }
    let status = child.wait().map_err(|e| failed(&e.to_string()))?;
    match first_s.filter(|_| status.success()) {
        Some(first_s) => Ok((first_s, peak)),
        None => Err(failed(&format!("`medley ask` ended with {status} and no answer"))),
    }
}

fn failed(why: &str) -> Failure {
    Failure::Failed(format!("measuring the start failed: {why}"))
}

/// A cache folder that is deleted afterwards.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("medley-bench-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| failed(&format!("{}: {e}", folder.display())))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left lies in the system's folder for such things.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
