//! `medley bench --encoder`: how long an encoder takes, and how far it is from another program.

use std::path::Path;

use engine::Cancel;
use engine::tasks::evaluate::EncoderTrial;
use serde_json::json;

use super::super::failure::Outcome;
use super::super::output::Output;
use super::super::progress::peak_rss_bytes;
use super::args::BenchArgs;
use super::median;

/// Encodes once to warm up, then as often as was asked for.
pub fn run(folder: &Path, args: &BenchArgs, threads: usize, out: &mut Output, cancel: &Cancel) -> Outcome {
    let trial = EncoderTrial::load(folder, args.eight_bits)?;
    let Some((_, agreement)) = trial.run(cancel)? else { return Ok(()) };
    let mut times = Vec::new();
    for _ in 0..args.runs {
        let Some((took, _)) = trial.run(cancel)? else { return Ok(()) };
        times.push(1000.0 * took.as_secs_f64());
    }
    let (ms, name, bits) =
        (median(times), folder.display().to_string(), if args.eight_bits { 8 } else { 32 });
    if out.is_json() {
        return out.object(&json!({
            "model": name, "phase": "encoder", "ms": ms, "bits": bits, "threads": threads,
            "relative_error": agreement.map(|agreement| agreement.relative_error),
            "cosine": agreement.map(|agreement| agreement.cosine), "peak_rss_bytes": peak_rss_bytes(),
        }));
    }
    let near = agreement.map_or(String::new(), |agreement| {
        format!("; relative error {:.1e}, cosine {:.6}", agreement.relative_error, agreement.cosine)
    });
    out.line(&format!("{name}: {ms:.1} ms ({bits} bits, {threads} threads){near}"))
}
