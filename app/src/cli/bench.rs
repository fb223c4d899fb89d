//! `medley bench`: medians of several runs on this machine.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use engine::media::{Media, Opener};
use engine::models::Store;
use engine::perception::speech::SpeechModels;
use engine::tasks::evaluate::{SpeedOptions, speed};
use engine::tasks::transcribe::{TranscribeEvent, TranscribeOptions, transcribe};
use engine::{Cancel, human_bytes};
use medley_app::bench_window;
use serde_json::{Value, json};

use super::DEFAULT_SPEECH_MODEL;
use super::args::BenchArgs;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::perplexity;
use super::progress::{peak_rss_bytes, say};

/// Measures what was asked for and prints a row for each figure.
pub fn run(args: &BenchArgs, cancel: &Cancel) -> Outcome {
    let mut out = Output::new(args.json);
    if args.window {
        return window(&mut out);
    }
    let threads = engine::set_threads(args.threads);
    decoder(args, threads, &mut out, cancel)?;
    if args.decoder_only || cancel.is_cancelled() {
        return Ok(());
    }
    transcription(args, threads, &mut out, cancel)?;
    if !cancel.is_cancelled() {
        cold_start(args, &mut out)?;
    }
    Ok(())
}

fn decoder(args: &BenchArgs, threads: usize, out: &mut Output, cancel: &Cancel) -> Outcome {
    let model = perplexity::decoder(&args.model)?;
    let options = SpeedOptions { prompt: args.prompt, generate: args.generate, depth: args.depth };
    let mut runs = Vec::new();
    for _ in 0..args.runs {
        runs.push(speed(&model, options, cancel)?);
        if cancel.is_cancelled() {
            return Ok(());
        }
    }
    let Some(first) = runs.first() else { return Ok(()) };
    for (i, row) in first.iter().enumerate() {
        let rate = median(runs.iter().filter_map(|run| run.get(i)).map(|row| row.tokens_per_s).collect());
        if out.is_json() {
            out.object(&json!({
                "model": args.model, "phase": row.phase, "depth": row.depth, "tokens": row.tokens,
                "tokens_per_s": rate, "threads": threads,
            }))?;
        } else {
            let phase = format!("{:?}", row.phase).to_lowercase();
            out.line(&format!(
                "{} {phase}: {rate:.1} tokens/s ({} tokens at depth {}, {threads} threads)",
                args.model, row.tokens, row.depth
            ))?;
        }
    }
    memory(&args.model, out)
}

fn memory(model: &str, out: &mut Output) -> Outcome {
    let Some(bytes) = peak_rss_bytes() else { return Ok(()) };
    match out.is_json() {
        true => out.object(&json!({"model": model, "phase": "memory", "peak_rss_bytes": bytes})),
        false => out.line(&format!("peak memory so far: {}", human_bytes(bytes))),
    }
}

fn transcription(args: &BenchArgs, threads: usize, out: &mut Output, cancel: &Cancel) -> Outcome {
    if !args.recording.is_file() {
        say(&format!(
            "note: {}: no such recording, so transcription is not measured; --recording FILE names one",
            args.recording.display()
        ));
        return Ok(());
    }
    let models = Arc::new(SpeechModels::load(&Store::open_default()?, DEFAULT_SPEECH_MODEL)?);
    let (mut rates, mut audio_s) = (Vec::new(), 0.0);
    for _ in 0..args.runs {
        let started = Instant::now();
        audio_s = hear(&models, &args.recording, cancel)?;
        if cancel.is_cancelled() {
            return Ok(());
        }
        rates.push(audio_s / started.elapsed().as_secs_f64());
    }
    let rate = median(rates);
    if out.is_json() {
        out.object(&json!({
            "model": DEFAULT_SPEECH_MODEL, "phase": "transcribe", "audio_s": audio_s,
            "audio_s_per_s": rate, "threads": threads,
        }))
    } else {
        out.line(&format!(
            "{DEFAULT_SPEECH_MODEL}: {rate:.1} seconds of speech per second ({audio_s:.1} s, {threads} threads)"
        ))
    }
}

/// Transcribes once; seconds of sound.
fn hear(models: &Arc<SpeechModels>, path: &Path, cancel: &Cancel) -> Outcome<f64> {
    let Media::Sound(sound) = Opener::default().open(path, cancel)? else {
        return Err(Failure::Usage(format!("{}: not a recording", path.display())));
    };
    let total_s = sound.duration_s();
    let mut audio_s = 0.0;
    for event in transcribe(models.clone(), sound, total_s, TranscribeOptions::default(), cancel) {
        if let TranscribeEvent::Done { audio_s: heard_s, .. } = event? {
            audio_s = heard_s;
        }
    }
    Ok(audio_s)
}

/// Starts ourselves as a person would and takes the time to the first token.
fn cold_start(args: &BenchArgs, out: &mut Output) -> Outcome {
    let failed = |why: String| Failure::Failed(format!("measuring the start failed: {why}"));
    let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
    let (mut firsts, mut peaks) = (Vec::new(), Vec::new());
    // The first one fills the disk cache and does not count.
    for run in 0..=args.runs {
        let started = Instant::now();
        let mut child = Command::new(&program)
            .args(["ask", "--json", "--max-tokens", "8", "--model", &args.model, "Name a river."])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        let Some(stdout) = child.stdout.take() else { return Err(failed("no output".into())) };
        let (mut first_s, mut peak) = (None, None);
        for line in std::io::BufRead::lines(std::io::BufReader::new(stdout)) {
            let line = line.map_err(|e| failed(e.to_string()))?;
            let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
            if event["event"] == "text" {
                first_s.get_or_insert(started.elapsed().as_secs_f64());
            }
            peak = event["peak_rss_bytes"].as_u64().or(peak);
        }
        let status = child.wait().map_err(|e| failed(e.to_string()))?;
        let Some(first_s) = first_s.filter(|_| status.success()) else {
            return Err(failed(format!("`medley ask` ended with {status} and no answer")));
        };
        if run > 0 {
            firsts.push(first_s);
            peaks.extend(peak.map(|bytes| bytes as f64));
        }
    }
    let (first_token_s, peak) = (median(firsts), (!peaks.is_empty()).then(|| median(peaks) as u64));
    if out.is_json() {
        return out.object(&json!({
            "model": args.model, "phase": "cold_start", "first_token_s": first_token_s, "peak_rss_bytes": peak,
        }));
    }
    let memory = peak.map(|bytes| format!(", peak memory {}", human_bytes(bytes))).unwrap_or_default();
    out.line(&format!("cold start of `medley ask` to the first token: {first_token_s:.2} s{memory}"))
}

fn window(out: &mut Output) -> Outcome {
    let found = bench_window().map_err(|error| Failure::Failed(format!("{error:#}")))?;
    if out.is_json() {
        return out.object(&json!({
            "phase": "window", "first_frame_s": found.first_frame_s, "frames": found.frames,
            "frame_median_ms": found.frame_median_ms, "frame_p99_ms": found.frame_p99_ms,
            "idle_frames": found.idle_frames, "idle_cpu_percent": found.idle_cpu_percent,
        }));
    }
    out.line(&format!("window: first frame after {:.2} s", found.first_frame_s))?;
    out.line(&format!(
        "frame while a 5,000-word answer streams: median {:.2} ms, 99 % under {:.2} ms ({} frames)",
        found.frame_median_ms, found.frame_p99_ms, found.frames
    ))?;
    let used =
        found.idle_cpu_percent.map_or(String::new(), |percent| format!(", {percent:.1} % of a processor"));
    out.line(&format!("repaints in two idle seconds: {}{used}", found.idle_frames))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_slow_run() {
        assert_eq!(median(vec![3.0, 100.0, 2.0]), 3.0);
        assert_eq!(median(vec![1.0, 2.0, 3.0, 10.0]), 2.5);
    }
}
