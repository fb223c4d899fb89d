//! A model with encoders of its own, on a tiny random checkpoint: what it is shown gets into its prompt, is read
//! once for a conversation, and what it has no encoder for is told. See tests/reference/native.py.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use engine::decoder::Modality;
use engine::media::Limits;
use engine::models::Store;
use engine::tasks::ask::{AskRequest, Attachment, Turn};
use engine::{Engine, EngineOptions};
use medley_tests::asking::{self, ask};
use medley_tests::{root, run, sample};

fn engine(folder: &str) -> Engine {
    let model = root().join("tests/golden").join(folder).to_string_lossy().into_owned();
    let (store, limits) = (Store::open_default().unwrap(), Limits::default());
    Engine::new(EngineOptions { store, model, limits, prefixes: None, panels: None })
}

fn request(media: Vec<Attachment>, question: &str) -> AskRequest {
    asking::request(media, question, 6)
}

fn file(path: &Path) -> Attachment {
    Attachment::File(path.to_path_buf())
}

#[test]
fn pictures_and_sound_interleave_and_a_follow_up_reads_only_what_is_new() {
    let engine = engine("native");
    let media = [sample("pictures/coffee.png"), sample("speech/austen-0870.wav")];
    let first = ask(&engine, request(media.iter().map(|path| file(path)).collect(), "What is this?"));
    let (seen, heard) = (first.routed(Modality::Picture), first.routed(Modality::Sound));
    // A picture of at most 280 soft tokens; 7.1 seconds at 25 a second.
    assert!((200..=280).contains(&seen) && (175..=180).contains(&heard), "{seen} {heard}");
    assert_eq!(first.routed(Modality::Video), 0);
    assert!(first.usage.prompt_tokens as u64 > seen + heard);
    let history =
        vec![Turn { question: "What is this?".into(), answer: first.text.clone(), notes: Vec::new() }];
    let kept = first.files.into_iter().map(Attachment::Read).collect();
    let second = ask(&engine, AskRequest { history, ..request(kept, "And then?") });
    assert_eq!(
        (second.routed(Modality::Picture), second.routed(Modality::Sound)),
        (0, 0),
        "read a second time"
    );
    assert!(second.first_read.unwrap() as u64 > seen + heard);
    assert!(second.usage.prompt_tokens > first.usage.prompt_tokens);
}

#[test]
fn frames_of_a_video_and_its_sound_are_seen_and_heard() {
    let asked =
        ask(&engine("native"), request(vec![file(&sample("video/bigbuckbunny.mp4"))], "Which animal?"));
    let (frames, sound) = (asked.routed(Modality::Video), asked.routed(Modality::Sound));
    assert!(frames > 5 * 50 && frames <= 32 * 70 && sound > 100, "{frames} {sound}");
    assert_eq!(asked.routed(Modality::Picture), 0);
}

#[test]
fn sound_for_a_model_that_cannot_hear_is_left_to_the_specialists_and_that_is_said() {
    let asked = ask(&engine("native-deaf"), request(vec![file(&sample("speech/austen-0870.wav"))], "What?"));
    assert!(
        asked.notices.iter().any(|n| n.contains("austen-0870.wav") && n.contains("no encoder for sound"))
    );
    assert_eq!(asked.routed(Modality::Sound), 0);
    assert!(
        asked.files[0].spans.iter().any(|span| span.text.contains("Dashwood")),
        "{:?}",
        asked.files[0].spans
    );
}

#[test]
fn more_media_than_the_context_holds_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let media: Vec<Attachment> = (0..13)
        .map(|i| {
            let path = folder.path().join(format!("{i}.png"));
            std::fs::copy(sample("pictures/coffee.png"), &path).unwrap();
            file(&path)
        })
        .collect();
    let asked = ask(&engine("native"), request(media, "What?"));
    let told: Vec<_> = asked.notices.iter().filter(|n| n.contains("more than the context")).collect();
    assert!(!told.is_empty() && told.iter().all(|n| n.contains(".png")), "{:?}", asked.notices);
    assert!(asked.routed(Modality::Picture) <= 2048 && !asked.text.is_empty());
}

/// Experts in one tensor, a list of windows, factors of rotary frequencies: as GGUF files hold a Gemma 4.
#[test]
fn the_same_checkpoint_as_gguf_computes_the_same() {
    let golden = root().join("tests/golden");
    let measure = |model: &str| {
        let (model, text) = (golden.join(model), golden.join("english.txt"));
        let ran = run(&[
            "perplexity".as_ref(),
            "--json".as_ref(),
            "--model".as_ref(),
            model.as_os_str(),
            text.as_os_str(),
        ]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran.json()[0]["perplexity"].as_f64().unwrap()
    };
    let (folder, gguf) = (measure("native"), measure("native.gguf"));
    assert!((folder / gguf - 1.0).abs() < 1e-6, "{folder} and {gguf}");
}

/// Twice the memory of this machine, most of it zeros that take no room on the disk.
#[cfg(target_os = "linux")]
#[test]
fn a_model_larger_than_the_memory_answers_and_whoever_asks_is_told() {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    let bytes = 2 * 1024 * total.unwrap().trim().parse::<u64>().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.gguf");
    std::fs::copy(root().join("tests/golden/native.gguf"), &path).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
    let asked = |model: &str| ask(&engine(model), request(Vec::new(), "Hello?"));
    let (large, small) = (asked(&path.to_string_lossy()), asked("native.gguf"));
    let told = |notices: &[String]| notices.iter().any(|n| n.contains("of memory are free"));
    assert!(told(&large.notices) && !told(&small.notices), "{:?} {:?}", large.notices, small.notices);
    let notice = large.notices.iter().find(|n| n.contains("large.gguf takes ")).unwrap();
    assert!(notice.contains("slow") && notice.contains("choose a smaller model"), "{notice}");
    assert_eq!((&large.text, large.usage.generated_tokens), (&small.text, small.usage.generated_tokens));
    assert!(large.usage.prompt_tokens > 0);
}
