//! What can be seen of how an answer came about, and what becomes of one that the memory has no room for.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::path::Path;

use engine::Inside;
use engine::decoder::{LayerRouting, Modality};
use engine::generate::inside::{LeftOut, PartKind};
use medley_tests::{Ran, root, run, sample};

const QUESTION: &str = "When is the screen repainted?";

fn ask(arguments: &[&str]) -> Ran {
    let document = sample("documents/weather-station.pdf");
    let mut all = vec!["ask", document.to_str().unwrap(), QUESTION, "--json"];
    all.extend(arguments);
    let ran = run(&all);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    ran
}

fn text(ran: &Ran) -> String {
    ran.events("text").iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

fn seen(path: &Path) -> Inside {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn an_answer_shows_its_tokens_its_context_and_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inside.json");
    let watched = ask(&["--inside", file.to_str().unwrap()]);
    let answer = text(&watched);
    assert_eq!(answer, text(&ask(&[])), "looking on changes nothing");
    let usage = watched.events("done")[0]["usage"].clone();
    let inside = seen(&file);
    // Tokens.
    let said: String = inside.tokens.iter().map(|token| token.text.as_str()).collect();
    assert!(said.starts_with(answer.trim_end()), "{said:?} and {answer:?}");
    let written = inside.tokens.iter().filter(|token| !token.is_end).count();
    assert_eq!(written as u64, usage["generated_tokens"].as_u64().unwrap());
    assert!(inside.tokens.last().unwrap().is_end, "the model ended it");
    let likeliest = inside.tokens.iter().filter(|token| token.likeliest[0].id == token.id).count();
    assert!(likeliest * 10 >= inside.tokens.len() * 8, "{likeliest} of {}", inside.tokens.len());
    assert!(inside.tokens.iter().all(|token| token.likeliest.len() == 5));
    // A dense model has no experts.
    assert_eq!(inside.experts, None);
    // What it read.
    let context = &inside.context;
    let kinds: Vec<PartKind> = context.parts.iter().map(|part| part.kind).collect();
    assert_eq!(kinds, [PartKind::Instructions, PartKind::Notes, PartKind::Question, PartKind::Form]);
    let tokens: usize = context.parts.iter().map(|part| part.tokens).sum();
    assert_eq!(tokens, context.prompt_tokens);
    assert_eq!(tokens as u64, usage["prompt_tokens"].as_u64().unwrap());
    assert!(context.parts.iter().all(|part| part.tokens > 0), "{context:?}");
    let form = context.parts[3].tokens;
    assert!(form < 40, "{form} tokens of form: contents were not found in the prompt");
    assert_eq!(context.parts[2].text, QUESTION);
    assert!(context.parts[1].text.contains("every four years"));
    let LeftOut::Passages { name, given, of } = &context.left_out[0] else { panic!("{context:?}") };
    assert!(name == "weather-station.pdf" && given < of);
    // Where the time went.
    let stages: Vec<String> = inside
        .time
        .iter()
        .map(|spent| serde_json::to_value(spent.stage).unwrap().as_str().unwrap().into())
        .collect();
    assert_eq!(stages[0], "decode");
    for stage in ["search", "load", "prefill", "generate"] {
        assert!(stages.iter().any(|found| found == stage), "{stages:?}");
    }
    let sum: f64 = inside.time.iter().map(|spent| spent.seconds).sum();
    assert!(sum <= 1.02 * inside.seconds && sum >= 0.8 * inside.seconds, "{sum} of {}", inside.seconds);
}

/// A tiny random mixture with eyes and ears; see tests/reference/native.py.
#[test]
fn a_mixture_shows_which_experts_were_chosen_for_each_kind_of_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inside.json");
    let model = root().join("tests/golden/native");
    let (picture, sound) = (sample("pictures/coffee.png"), sample("speech/austen-0870.wav"));
    let mut arguments: Vec<&OsStr> =
        vec!["ask".as_ref(), picture.as_ref(), sound.as_ref(), "What is this?".as_ref()];
    let options = ["--json", "--max-tokens", "6", "--no-prefix-cache", "--model"];
    arguments.extend(options.iter().map(OsStr::new));
    arguments.extend([model.as_os_str(), OsStr::new("--inside"), file.as_os_str()]);
    let ran = run(&arguments);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let usage = ran.events("done")[0]["usage"].clone();
    let count = |name: &str| usage[name].as_u64().unwrap();
    let inside = seen(&file);
    let experts = inside.experts.unwrap();
    let (prompt, written) = (&experts.prompt.layers[0], &experts.written.layers[0]);
    let of = |layer: &LayerRouting| Modality::ALL.map(|modality| layer.positions(modality));
    let [text, pictures, video, sounds] = of(prompt);
    assert!((200..=280).contains(&pictures) && (175..=180).contains(&sounds) && video == 0);
    assert_eq!(text + pictures + sounds, count("prompt_tokens"));
    // The last token is not read any more.
    let [n, ..] = of(written);
    assert!((count("generated_tokens") - 1..=count("generated_tokens")).contains(&n), "{n}");
    assert_eq!(of(written)[1..], [0, 0, 0]);
    // What the whole answer routed is what both did.
    let all = ran.events("routing")[0]["layers"][0]["counts"][0][0].as_u64().unwrap();
    assert_eq!(all, prompt.counts[0][0] + written.counts[0][0]);
    // Soft tokens of each file, with the tokens around them, and notes of each file.
    let parts: Vec<(PartKind, &str)> =
        inside.context.parts.iter().map(|part| (part.kind, part.name.as_str())).collect();
    let [coffee, austen] = ["coffee.png", "austen-0870.wav"];
    assert_eq!(parts[1..3], [(PartKind::Medium, coffee), (PartKind::Medium, austen)]);
    assert_eq!(parts[3..5], [(PartKind::Notes, coffee), (PartKind::Notes, austen)]);
    assert_eq!(inside.context.parts[1].tokens as u64, pictures + 2);
    let tokens: usize = inside.context.parts.iter().map(|part| part.tokens).sum();
    assert_eq!(tokens as u64, count("prompt_tokens"));
}

#[test]
fn where_memory_is_short_a_smaller_context_answers_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inside.json");
    // 90 kB of keys and values for each token at f16, a third of that at q4: some 300 tokens.
    let ran = ask(&["--cache-memory", "4M", "--inside", file.to_str().unwrap()]);
    assert!(!text(&ran).trim().is_empty());
    let notices: Vec<String> =
        ran.events("notice").iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect();
    let told = notices.iter().find(|text| text.starts_with("memory is short")).unwrap();
    assert!(told.contains("4.0 MB are free") && told.contains("smaller model"), "{told}");
    let inside = seen(&file);
    let usage = ran.events("done")[0]["usage"].clone();
    let held = usage["prompt_tokens"].as_u64().unwrap() + usage["generated_tokens"].as_u64().unwrap();
    assert!(held <= inside.context.context_tokens as u64, "{held} in {}", inside.context.context_tokens);
    assert!(inside.context.context_tokens < 600, "{}", inside.context.context_tokens);
    // Not even a question fits: that is refused with both sizes, as before.
    let document = sample("documents/weather-station.pdf");
    let refused = run(&["ask", document.to_str().unwrap(), QUESTION, "--cache-memory", "10K"]);
    assert_ne!(refused.status, Some(0));
    assert!(refused.stderr.contains("10 kB are free"), "{}", refused.stderr);
}
