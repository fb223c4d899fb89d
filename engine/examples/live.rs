//! A recording as if it were spoken now: `cargo run --release --example live -- talk.wav [model]`.

use std::path::PathBuf;
use std::time::Instant;

use engine::media::{Limits, Media};
use engine::models::Store;
use engine::tasks::transcribe::{LiveEvent, TranscribeOptions};
use engine::{Cancel, Engine, EngineOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = PathBuf::from(args.next().ok_or("give a recording")?);
    let model = args.next().unwrap_or_else(|| "whisper-tiny.en".to_owned());
    let store = Store::open_default()?;
    let limits = Limits::default();
    let engine =
        Engine::new(EngineOptions { store, model: String::new(), limits, prefixes: None, panels: None });
    let cancel = Cancel::new();
    let Media::Sound(sound) = engine.opener().open(&path, &cancel)? else { return Err("no sound".into()) };
    let mut live = engine.live(&model, TranscribeOptions::default(), &cancel)?;
    let show = |at_s: f64, events: Vec<LiveEvent>| {
        for event in events {
            match event {
                LiveEvent::Stable { text, .. } => println!("{at_s:7.2} = {text}"),
                LiveEvent::Tentative(text) => println!("{at_s:7.2} ? {text}"),
                LiveEvent::Segment(segment) => println!("{at_s:7.2} # {}", segment.text),
                LiveEvent::Notice(text) => println!("{at_s:7.2} ! {text}"),
                _ => {}
            }
        }
    };
    let (mut slowest_s, started) = (0.0_f64, Instant::now());
    for block in sound {
        for piece in block?.chunks(1600) {
            let began = Instant::now();
            let events = live.push(piece, 0.0)?;
            slowest_s = slowest_s.max(began.elapsed().as_secs_f64());
            show(live.taken_s(), events);
        }
    }
    show(live.taken_s(), live.finish()?);
    let wall_s = started.elapsed().as_secs_f64();
    println!("{wall_s:.2} s for {:.2} s of sound, the slowest step {slowest_s:.2} s", live.taken_s());
    Ok(())
}
