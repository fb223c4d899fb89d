//! Predictions beside what `medley bench` measures, taken in turns, so that both meet the same machine.

use std::path::PathBuf;

use engine::tasks::evaluate::{Phase, SpeedOptions, speed};
use engine::tasks::outlook::{Talk, outlook};
use engine::{Cancel, measure};
use serde_json::json;

use super::super::bench::median;
use super::super::failure::Outcome;
use super::super::output::Output;
use super::super::perplexity;
use super::super::progress::say;

/// How often each model is predicted and run.
const ROUNDS: usize = 5;

/// For each model: medians of what was predicted and measured, and of their ratio.
pub fn run(models: &[(String, PathBuf)], talk: Talk, out: &mut Output, cancel: &Cancel) -> Outcome {
    let options =
        SpeedOptions { prompt: talk.prompt, generate: talk.generate, depths: vec![talk.before], runs: 1 };
    for (name, path) in models {
        let Ok(shown) = path.clone().into_os_string().into_string() else { continue };
        let model = perplexity::decoder(&shown)?;
        let mut pairs = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            // Before and after, because the machine may change meanwhile.
            let mut predicted = [0.0; 2];
            let mut add = || -> Outcome {
                if let Some(speed) = outlook(path, Some(&measure()?), talk)?.speed {
                    predicted[0] += speed.prefill_tokens_per_s / 2.0;
                    predicted[1] += speed.decode_tokens_per_s / 2.0;
                }
                Ok(())
            };
            add()?;
            let found = speed(&model, &options, cancel)?;
            if cancel.is_cancelled() {
                return Ok(());
            }
            add()?;
            for row in found {
                let i = usize::from(row.phase == Phase::Decode);
                pairs[i].push((predicted[i], median(row.rates)));
            }
        }
        for (phase, pairs) in ["prefill", "decode"].into_iter().zip(&pairs) {
            let of = |f: fn(&(f64, f64)) -> f64| median(pairs.iter().map(f).collect());
            let (predicted, measured, ratio) = (of(|p| p.0), of(|p| p.1), of(|p| p.0 / p.1));
            if predicted == 0.0 {
                say(&format!("note: {name}: how fast is not known of folders"));
                break;
            }
            match out.is_json() {
                true => out.object(&json!({
                    "model": name, "phase": phase, "before": talk.before, "predicted_tokens_per_s": predicted,
                    "measured_tokens_per_s": measured, "ratio": ratio, "pairs": pairs, "load": load(),
                }))?,
                false => out.line(&format!(
                    "{name} {phase}: {predicted:.0} tokens/s predicted, {measured:.0} measured, off by {:+.0} % (median of {ROUNDS} pairs{})",
                    100.0 * (ratio - 1.0),
                    load().map_or(String::new(), |load| format!(", load {load:.1}"))
                ))?,
            }
        }
    }
    Ok(())
}

/// How many programs wanted to run in the last minute, where the system tells it.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
