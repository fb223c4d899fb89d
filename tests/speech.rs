//! Speech with the real default models: what is heard, when, and how quickly nothing is found.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine::Cancel;
use engine::models::Store;
use engine::perception::speech::vad::VadState;
use engine::perception::speech::{Segment, SpeechModels};
use engine::tasks::transcribe::{TranscribeEvent, TranscribeOptions, check, transcribe};
use medley_tests::{tiny_whisper, wav_samples, word_errors};

const RATE: usize = 16_000;
const SAMPLES: [&str; 3] = ["austen-0870", "austen-0880", "austen-0890"];

fn sample_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/samples/speech").join(name)
}

fn sample(name: &str) -> (Vec<f32>, String) {
    let text = std::fs::read_to_string(sample_path(&format!("{name}.txt"))).unwrap();
    (wav_samples(&sample_path(&format!("{name}.wav"))), text)
}

#[derive(Debug, Default)]
struct Heard {
    segments: Vec<Segment>,
    notices: Vec<String>,
    audio_s: f64,
    wall_s: f64,
    cancelled: bool,
}

impl Heard {
    fn text(&self) -> String {
        self.segments.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Transcribes in blocks of an odd size, so that nothing fits.
fn hear_with(samples: Vec<f32>, options: TranscribeOptions, cancel: &Cancel) -> Heard {
    let blocks: Vec<_> = samples.chunks(7_777).map(|block| Ok(block.to_vec())).collect();
    let mut heard = Heard::default();
    for event in transcribe(tiny_whisper(), blocks.into_iter(), None, options, cancel) {
        match event.unwrap() {
            TranscribeEvent::Segment(segment) => heard.segments.push(segment),
            TranscribeEvent::Notice(text) => heard.notices.push(text),
            TranscribeEvent::Done { audio_s, wall_s, cancelled } => {
                (heard.audio_s, heard.wall_s, heard.cancelled) = (audio_s, wall_s, cancelled);
            }
            _ => {}
        }
    }
    heard
}

fn hear(samples: Vec<f32>) -> Heard {
    let options = TranscribeOptions { name: "talk.wav".to_owned(), ..Default::default() };
    hear_with(samples, options, &Cancel::new())
}

fn silence(seconds: f64) -> Vec<f32> {
    vec![0.0; (seconds * RATE as f64) as usize]
}

#[test]
fn each_sample_is_heard_within_its_word_error_rate() {
    // The second sentence has a word that the smallest model does not know: "ill disposed".
    let (mut all_errors, mut all_words) = (0, 0);
    for (name, at_most) in SAMPLES.into_iter().zip([1, 4, 1]) {
        let (samples, said) = sample(name);
        let heard = hear(samples).text();
        let (errors, words) = word_errors(&said, &heard);
        assert!(errors <= at_most, "{name}: {errors} of {words} words are wrong in {heard:?}");
        (all_errors, all_words) = (all_errors + errors, all_words + words);
    }
    assert!(all_errors * 100 <= all_words * 12, "{all_errors} of {all_words}");
}

#[test]
fn words_have_the_times_at_which_they_are_said() {
    let heard = hear(sample("austen-0870").0);
    let words: Vec<_> = heard.segments.iter().flat_map(|s| &s.words).collect();
    // Middle of the word in seconds, from a forced alignment by another recogniser.
    for (text, middle_s) in [
        ("dashwood", 1.28),
        ("leisure", 2.48),
        ("much", 4.16),
        ("prudently", 5.20),
        ("power", 5.90),
        ("them", 6.70),
    ] {
        let word = words.iter().find(|w| w.text.to_lowercase().trim_matches('.') == text);
        let word = word.unwrap_or_else(|| panic!("{text} is not in {:?}", heard.text()));
        let ours_s = (word.start_s + word.end_s) / 2.0;
        assert!((ours_s - middle_s).abs() < 0.25, "{text}: {ours_s} is not near {middle_s}");
        assert!((0.0..=1.0).contains(&word.confidence));
    }
    for segment in &heard.segments {
        assert!(segment.words.is_sorted_by(|a, b| a.end_s <= b.start_s + 1e-9));
        assert!(segment.words.iter().all(|w| w.start_s >= segment.start_s && w.end_s <= segment.end_s));
    }
}

#[test]
fn silence_gives_no_text_and_says_so() {
    let heard = hear(silence(5.0));
    assert_eq!(heard.segments, []);
    assert_eq!(heard.notices, ["no speech was found in talk.wav (0:05 long)"]);
    assert!((heard.audio_s - 5.0).abs() < 1e-9);
    let nothing = hear(Vec::new());
    assert_eq!(nothing.notices, ["no speech was found in talk.wav (0:00 long)"]);
}

#[test]
fn noise_and_tones_are_no_speech() {
    let mut state = 1_u32;
    let noise = (0..20 * RATE).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.05
    });
    let tone = (0..5 * RATE).map(|i| (i as f32 * 440.0 * std::f32::consts::TAU / RATE as f32).sin() * 0.3);
    let heard = hear(noise.chain(tone).collect());
    assert_eq!(heard.text(), "");
    assert_eq!(heard.notices.len(), 1);
}

#[test]
fn ten_minutes_of_silence_take_seconds() {
    let heard = hear(silence(600.0));
    assert_eq!(heard.notices, ["no speech was found in talk.wav (10:00 long)"]);
    assert!(heard.wall_s < 10.0, "{} s", heard.wall_s);
}

#[test]
fn a_long_recording_keeps_every_sentence_at_its_time() {
    // Ten sentences with pauses of all lengths, one long enough to close a window.
    let (mut samples, mut sentences) = (Vec::new(), Vec::new());
    for (i, pause_s) in [0.4, 0.8, 2.0, 0.3, 20.0, 1.2, 0.5, 3.0, 0.6, 1.0].into_iter().enumerate() {
        let (sound, text) = sample(SAMPLES[i % 3]);
        let start_s = samples.len() as f64 / RATE as f64;
        samples.extend(sound);
        sentences.push((start_s, samples.len() as f64 / RATE as f64, text));
        samples.extend(silence(pause_s));
    }
    let heard = hear(samples);
    let words: Vec<_> = heard.segments.iter().flat_map(|s| &s.words).collect();
    assert!(words.is_sorted_by(|a, b| a.start_s <= b.start_s));
    for (start_s, end_s, said) in sentences {
        let inside = |s: f64| s > start_s - 0.3 && s < end_s + 0.3;
        let heard: Vec<&str> =
            words.iter().filter(|w| inside((w.start_s + w.end_s) / 2.0)).map(|w| w.text.as_str()).collect();
        let heard = heard.join(" ");
        let (errors, n) = word_errors(&said, &heard);
        assert!(errors * 2 <= n, "{start_s:.1}: {said:?} was heard as {heard:?}");
    }
}

#[test]
fn what_came_before_a_failure_of_the_sound_is_kept() {
    let (samples, said) = sample("austen-0890");
    let failure = engine::Error::Request { reason: "the disk is gone".to_owned() };
    let blocks = vec![Ok(samples), Err(failure), Ok(silence(1.0))];
    let events: Vec<_> =
        transcribe(tiny_whisper(), blocks.into_iter(), None, TranscribeOptions::default(), &Cancel::new())
            .collect();
    let heard = events.iter().find_map(|event| match event {
        Ok(TranscribeEvent::Segment(segment)) => Some(segment.text.as_str()),
        _ => None,
    });
    assert!(word_errors(&said, heard.unwrap()).0 <= 1, "{heard:?}");
    assert_eq!(events.last().unwrap().as_ref().unwrap_err().to_string(), "the disk is gone");
}

#[test]
fn one_thread_and_one_hypothesis_hear_the_same_sentence() {
    let (samples, said) = sample("austen-0890");
    let one = TranscribeOptions { threads: Some(1), beam: 1, word_timestamps: false, ..Default::default() };
    let heard = hear_with(samples, one, &Cancel::new());
    assert!(word_errors(&said, &heard.text()).0 <= 2, "{:?}", heard.text());
    assert!(heard.segments.iter().all(|s| s.words.is_empty() && s.end_s > s.start_s));
}

#[test]
fn stop_answers_within_a_window() {
    let (sound, _) = sample("austen-0870");
    let long: Vec<f32> = sound.iter().copied().cycle().take(120 * RATE).collect();
    let cancel = Cancel::new();
    let raiser = {
        let cancel = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            cancel.cancel();
            Instant::now()
        })
    };
    tiny_whisper();
    let heard = hear_with(long, TranscribeOptions::default(), &cancel);
    let ended = Instant::now();
    let raised = raiser.join().unwrap();
    assert!(heard.cancelled);
    let waited = ended.saturating_duration_since(raised);
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}

#[test]
fn what_the_model_cannot_do_is_said_before_anything_is_heard() {
    let german = TranscribeOptions { language: Some("de".to_owned()), ..Default::default() };
    let error = check(&tiny_whisper(), &german).unwrap_err().to_string();
    assert!(error.contains("\"de\"") && error.contains("English only"), "{error}");
    let translated = TranscribeOptions { translate: true, ..Default::default() };
    let error = check(&tiny_whisper(), &translated).unwrap_err().to_string();
    assert!(error.contains("whisper-base"), "{error}");
    let english = TranscribeOptions { language: Some("en".to_owned()), ..Default::default() };
    check(&tiny_whisper(), &english).unwrap();
}

#[test]
fn voice_activity_equals_the_reference_across_digital_silence() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("golden/vad.json")).expect("golden/vad.json is JSON");
    let sound = sample("austen-0880").0;
    let signal = [sound.clone(), silence(golden["silence_s"].as_f64().unwrap()), sound].concat();
    let ours = tiny_whisper().vad().probabilities(&signal, &mut VadState::default()).unwrap();
    let theirs: Vec<f64> =
        golden["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(ours.len(), theirs.len());
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!((f64::from(*a) - b).abs() < 1e-3, "frame {i}: {a} is not {b}");
    }
}

#[test]
fn names_are_written_as_they_were_told() {
    let (ill, _) = sample("austen-0880");
    assert!(!hear(ill.clone()).text().contains("ill-disposed"), "it needs no help any more");
    let words = ["ill-disposed", "Kubernetes", " "].map(str::to_owned).to_vec();
    let told = TranscribeOptions { vocabulary: words, ..Default::default() };
    let heard = hear_with(ill, told, &Cancel::new());
    // What was expected and not said stays out of it.
    assert!(heard.text().contains("an ill-disposed young man"), "{:?}", heard.text());
    assert!(!heard.text().contains("Kubernetes") && heard.notices.is_empty(), "{heard:?}");

    let (dashwood, said) = sample("austen-0870");
    let prompt = "Then came Mister JOHN DASHWOOD and Mrs. JOHN DASHWOOD.".to_owned();
    let told = TranscribeOptions { prompt, ..Default::default() };
    let heard = hear_with(dashwood.clone(), told, &Cancel::new());
    assert!(heard.text().contains("Mr. John DASHWOOD"), "{:?}", heard.text());
    assert!(heard.segments.iter().all(|s| !s.words.is_empty()));

    let (prompt, vocabulary) = ("word ".repeat(300), vec!["name".to_owned(); 3]);
    let heard =
        hear_with(dashwood, TranscribeOptions { prompt, vocabulary, ..Default::default() }, &Cancel::new());
    assert!(word_errors(&said, &heard.text()).0 <= 2, "{:?}", heard.text());
    let [too_long, unlisted] = &heard.notices[..] else { panic!("{:?}", heard.notices) };
    assert!(too_long.contains("81 tokens too long") && unlisted.contains("3 phrases"), "{:?}", heard.notices);
}

#[test]
fn a_folder_with_two_lists_cuts_text_as_one_with_a_tokenizer() {
    let store = Store::open_default().unwrap();
    let file = |role| store.file("whisper-tiny.en", role).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink(file("model"), at("model.bin")).unwrap();
    std::fs::copy(file("config"), at("config.json")).unwrap();
    let whole: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file("tokenizer")).unwrap()).unwrap();
    let added = whole["added_tokens"].as_array().unwrap();
    let added: serde_json::Map<_, _> =
        added.iter().map(|t| (t["content"].as_str().unwrap().to_owned(), t["id"].clone())).collect();
    std::fs::write(at("vocab.json"), whole["model"]["vocab"].to_string()).unwrap();
    std::fs::write(at("added_tokens.json"), serde_json::Value::Object(added).to_string()).unwrap();
    let vad = store.file("silero-vad", "model").unwrap();
    let lists = SpeechModels::from_folder(folder.path(), &vad).unwrap();
    let error = lists.context("Anna", &[]).unwrap_err().to_string();
    assert!(error.contains("merges.txt"), "{error}");
    let merges = whole["model"]["merges"].as_array().unwrap().iter();
    let merges: Vec<String> = merges
        .map(|pair| match pair.as_array() {
            Some(pair) => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
            None => pair.as_str().unwrap().to_owned(),
        })
        .collect();
    std::fs::write(at("merges.txt"), format!("#version: 0.2\n{}\n", merges.join("\n"))).unwrap();
    let phrases = ["Kowalczyk", "Rømer 2's", "東京"].map(str::to_owned);
    let text = "Doctor Huygens wrote to Rømer, didn't he?";
    let context = lists.context(text, &phrases).unwrap();
    assert_eq!(context, tiny_whisper().context(text, &phrases).unwrap());
    assert_ne!(context, tiny_whisper().context(text, &phrases[..2]).unwrap());
}
