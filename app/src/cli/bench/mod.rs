//! `medley bench`: medians of several runs on this machine.

pub mod args;

mod decoder;

mod encoder;

mod start;

mod writing;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine::Cancel;
use engine::media::{Media, Opener};
use engine::models::Store;
use engine::perception::speech::SpeechModels;
use engine::tasks::transcribe::{TranscribeEvent, TranscribeOptions, transcribe};
use medley_app::{Frames, PICTURES, Streamed, TALKS, WindowBench, bench_window};
use serde_json::json;

use super::DEFAULT_SPEECH_MODEL;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::progress::{peak_rss_bytes, say};
use args::BenchArgs;

/// Measures what was asked for and prints a row for each figure.
pub fn run(args: &BenchArgs, cancel: &Cancel) -> Outcome {
    let mut out = Output::new(args.json);
    if args.window {
        return window(args, &mut out);
    }
    let threads = engine::set_threads(args.threads);
    engine::set_device(args.device.chosen)?;
    if let Some(folder) = &args.encoder {
        return encoder::run(folder, args, threads, &mut out, cancel);
    }
    if args.quote || args.chains.is_some() {
        return writing::run(args, threads, &mut out, cancel);
    }
    decoder::run(args, threads, &mut out, cancel)?;
    if args.decoder_only || cancel.is_cancelled() {
        return Ok(());
    }
    transcription(args, threads, &mut out, cancel)?;
    if !cancel.is_cancelled() {
        start::run(args, &mut out)?;
    }
    Ok(())
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

fn window(args: &BenchArgs, out: &mut Output) -> Outcome {
    let found = bench_window(&args.document, &args.samples, args.decoder_rate)
        .map_err(|error| Failure::Failed(format!("{error:#}")))?;
    if out.is_json() {
        return out.object(&window_json(&found));
    }
    out.line(&format!("window: first frame after {:.2} s", found.first_frame_s))?;
    for streamed in [&found.fast, &found.at_decoder] {
        let what = format!("while a 5,000-word answer streams, {:.0} words a second", streamed.words_per_s);
        frames(&what, &streamed.frames, out)?;
        if let (Some(own), Some(whole)) = (streamed.cpu_percent, streamed.cpu_with_renderer_percent) {
            out.line(&format!("  {own:.1} % of a processor; with the renderer {whole:.1} %"))?;
        }
    }
    frames("while a transcript of three hours is scrolled", &found.transcript, out)?;
    let after = |seconds: Option<f64>| match seconds {
        Some(seconds) => format!("after {seconds:.2} s"),
        None => "not in time".to_owned(),
    };
    out.line(&format!(
        "{} from the drop: first page on the screen {}, all pages searched for words {}",
        args.document.display(),
        after(found.first_page_s),
        after(found.searched_s)
    ))?;
    let what = format!("while {} is scrolled to page {}", args.document.display(), found.pages);
    frames(&what, &found.document, out)?;
    frames("in a walk through all panes", &found.tour, out)?;
    out.line(&format!("  the longest one: {}", found.tour_longest_in))?;
    if let Some(memory) = found.memory {
        out.line(&format!(
            "memory with {TALKS} conversations of {PICTURES} pictures: {} at most, {} of it in no file (before: {}, {})",
            engine::human_bytes(memory.most_bytes),
            engine::human_bytes(memory.most_own_bytes),
            engine::human_bytes(memory.before_bytes),
            engine::human_bytes(memory.before_own_bytes),
        ))?;
    }
    let used =
        found.idle_cpu_percent.map_or(String::new(), |percent| format!(", {percent:.1} % of a processor"));
    out.line(&format!("repaints in two idle seconds: {}{used}", found.idle_frames))
}

/// The window's own part first, which is what a computer with a graphics card has.
fn frames(what: &str, frames: &Frames, out: &mut Output) -> Outcome {
    out.line(&format!(
        "frame {what}: median {:.2} ms, 99 % under {:.2} ms, the longest {:.2} ms ({} frames); with the renderer {:.2}, {:.2}, {:.2} ms",
        frames.own_median_ms,
        frames.own_p99_ms,
        frames.own_longest_ms,
        frames.count,
        frames.median_ms,
        frames.p99_ms,
        frames.longest_ms
    ))
}

fn window_json(found: &WindowBench) -> serde_json::Value {
    let frames = |frames: &Frames| {
        json!({
            "count": frames.count, "median_ms": frames.median_ms, "p99_ms": frames.p99_ms,
            "longest_ms": frames.longest_ms, "own_median_ms": frames.own_median_ms,
            "own_p99_ms": frames.own_p99_ms, "own_longest_ms": frames.own_longest_ms,
        })
    };
    let streamed = |streamed: &Streamed| {
        json!({
            "words_per_s": streamed.words_per_s, "frames": frames(&streamed.frames),
            "cpu_percent": streamed.cpu_percent,
            "cpu_with_renderer_percent": streamed.cpu_with_renderer_percent,
        })
    };
    let memory = found.memory.map(|memory| {
        json!({
            "conversations": TALKS, "pictures_in_each": PICTURES,
            "before_bytes": memory.before_bytes, "before_own_bytes": memory.before_own_bytes,
            "most_bytes": memory.most_bytes, "most_own_bytes": memory.most_own_bytes,
        })
    });
    json!({
        "phase": "window", "first_frame_s": found.first_frame_s,
        "stream_fast": streamed(&found.fast), "stream_at_decoder": streamed(&found.at_decoder),
        "transcript": frames(&found.transcript), "first_page_s": found.first_page_s,
        "searched_s": found.searched_s, "document": frames(&found.document), "pages": found.pages,
        "tour": frames(&found.tour), "tour_longest_in": found.tour_longest_in, "memory": memory,
        "peak_rss_bytes": peak_rss_bytes(),
        "idle_frames": found.idle_frames, "idle_cpu_percent": found.idle_cpu_percent,
    })
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
