//! Predictions beside what `medley bench` measures, taken in turns, so that both meet the same machine.

use std::path::PathBuf;

use engine::tasks::evaluate::{Phase, SpeedOptions, speed};
use engine::tasks::outlook::{Talk, outlook};
use engine::{Cancel, measure};
use serde_json::json;

use super::super::failure::Outcome;
use super::super::output::Output;
use super::super::perplexity;
use super::super::progress::say;

/// How often the machine is measured and each model is run, in turns.
const ROUNDS: usize = 6;

/// How often a model runs in each round.
const RUNS: usize = 3;

/// For each model what is predicted and measured. The best of all rounds counts on both sides: other programs only take
/// time.
pub fn run(models: &[(String, PathBuf)], talk: Talk, out: &mut Output, cancel: &Cancel) -> Outcome {
    let options =
        SpeedOptions { prompt: talk.prompt, generate: talk.generate, depths: vec![talk.before], runs: RUNS };
    for (name, path) in models {
        let Ok(shown) = path.clone().into_os_string().into_string() else { continue };
        let model = perplexity::decoder(&shown)?;
        let mut best = measure()?;
        let mut found = [0.0f64; 2];
        for _ in 0..ROUNDS {
            for row in speed(&model, &options, cancel)? {
                let i = usize::from(row.phase == Phase::Decode);
                found[i] = row.rates.into_iter().fold(found[i], f64::max);
            }
            if cancel.is_cancelled() {
                return Ok(());
            }
            best.rates = best.rates.or_better(&measure()?.rates);
        }
        let Some(speed) = outlook(path, Some(&best), talk)?.speed else {
            say(&format!("note: {name}: how fast is not known of folders"));
            continue;
        };
        let predicted = [speed.prefill_tokens_per_s, speed.decode_tokens_per_s];
        for (phase, (predicted, measured)) in
            ["prefill", "decode"].into_iter().zip(predicted.into_iter().zip(found))
        {
            let (ratio, load) = (predicted / measured, load());
            match out.is_json() {
                true => out.object(&json!({
                    "model": name, "phase": phase, "before": talk.before, "predicted_tokens_per_s": predicted,
                    "measured_tokens_per_s": measured, "ratio": ratio, "rounds": ROUNDS, "rates": best.rates,
                    "load": load,
                }))?,
                false => out.line(&format!(
                    "{name} {phase}: {predicted:.0} tokens/s predicted, {measured:.0} measured, off by {:+.0} % (best of {ROUNDS} rounds{})",
                    100.0 * (ratio - 1.0),
                    load.map_or(String::new(), |load| format!(", load {load:.1}"))
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
