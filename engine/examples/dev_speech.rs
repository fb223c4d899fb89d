#![allow(missing_docs, clippy::unwrap_used)]
use engine::perception::speech::SpeechModels;
use engine::tasks::transcribe::*;
use std::sync::Arc;
fn main() {
    let _ = env_logger_lite();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let dir = std::path::PathBuf::from("/root/.cache/medley/dev-models");
    let m = dir.join(std::env::var("M").unwrap_or("whisper-tiny.en".into()));
    let t0 = std::time::Instant::now();
    let models = Arc::new(
        SpeechModels::from_paths(
            &m.join("model.bin"),
            &m.join("tokenizer.json"),
            &m.join("config.json"),
            &dir.join("silero-vad/silero_vad_16k.safetensors"),
        )
        .unwrap(),
    );
    eprintln!("load {:?}", t0.elapsed());
    for path in &args {
        let bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(4).position(|w| w == b"data").unwrap() + 8;
        let samples: Vec<f32> =
            bytes[at..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]) as f32 / 32768.0).collect();
        let mut o = TranscribeOptions { name: path.clone(), ..Default::default() };
        if let Ok(b) = std::env::var("B") {
            o.beam = b.parse().unwrap();
        }
        if let Ok(b) = std::env::var("T") {
            o.threads = Some(b.parse().unwrap());
        }
        if let Ok(b) = std::env::var("L") {
            o.language = Some(b);
        }
        o.translate = std::env::var("TR").is_ok();
        o.word_timestamps = std::env::var("NW").is_err();
        let blocks: Vec<_> = samples.chunks(16000).map(|c| Ok(c.to_vec())).collect();
        let mut text = String::new();
        for event in transcribe(models.clone(), blocks.into_iter(), None, o, &engine::Cancel::new()) {
            match event.unwrap() {
                TranscribeEvent::Segment(s) => {
                    if std::env::var("W").is_ok() {
                        for w in &s.words {
                            eprint!("[{:.2}-{:.2} {} {:.2}] ", w.start_s, w.end_s, w.text, w.confidence);
                        }
                        eprintln!();
                    }
                    eprintln!("{:.2}-{:.2} ({:.2}) {}", s.start_s, s.end_s, s.confidence, s.text);
                    text += &s.text;
                    text += " ";
                }
                TranscribeEvent::Done { audio_s, wall_s, .. } => {
                    eprintln!("audio {audio_s:.1} wall {wall_s:.2} rtf {:.4}", wall_s / audio_s)
                }
                TranscribeEvent::Progress { .. } => {}
                e => eprintln!("{e:?}"),
            }
        }
        println!("{path}\t{text}");
    }
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    for l in s.lines().filter(|l| l.starts_with("VmHWM")) {
        eprintln!("{l}");
    }
}
fn env_logger_lite() -> Option<()> {
    struct L;
    impl log::Log for L {
        fn enabled(&self, _: &log::Metadata) -> bool {
            true
        }
        fn log(&self, r: &log::Record) {
            if r.target().starts_with("medley") || r.target().starts_with("engine") {
                eprintln!("{}", r.args());
            }
        }
        fn flush(&self) {}
    }
    static LOGGER: L = L;
    log::set_logger(&LOGGER).ok()?;
    log::set_max_level(log::LevelFilter::Debug);
    Some(())
}
