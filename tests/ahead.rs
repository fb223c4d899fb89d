//! Reading ahead and writing side by side, with real models: the same tokens as one by one, and fewer steps.

use std::sync::Arc;

use engine::decoder::{CacheFormat, Input};
use engine::generate::{Chains, ChainsEvent, GenerateOptions, Speculation};
use engine::models::Store;
use engine::{Cancel, Event, LanguageModel, Usage};
use medley_tests::{run, sample};

fn model(id: &str) -> Arc<LanguageModel> {
    let file = Store::open_default().and_then(|store| store.file(id, "model")).expect("run `make test` once");
    Arc::new(LanguageModel::load(&file).unwrap())
}

fn handbook() -> String {
    std::fs::read_to_string(sample("documents/weather-station.md")).unwrap()
}

/// A prompt after which a model quotes: a text, and the beginning of the same text again.
fn quoting(model: &LanguageModel, text: &str) -> Input {
    let begun: String = text.chars().take(text.chars().count() / 2).collect();
    Input::from(model.raw_prompt(&format!("{text}\n\nThe same text again:\n\n{begun}")).unwrap())
}

fn written(events: impl Iterator<Item = engine::Result<Event>>) -> (String, Usage) {
    let (mut text, mut usage) = (String::new(), None);
    for event in events {
        match event.unwrap() {
            Event::Text(piece) => text.push_str(&piece),
            Event::Done { usage: all, .. } => usage = Some(all),
            _ => {}
        }
    }
    (text, usage.expect("the last event is Done"))
}

fn options(max_tokens: usize, temperature: f32, seed: u64) -> GenerateOptions {
    GenerateOptions { max_tokens, temperature, seed, top_p: 0.95, ..GenerateOptions::plain() }
}

/// Writes the same with and without guesses; what is said of the answer with them.
fn same_answer(
    model: &Arc<LanguageModel>,
    prompt: &Input,
    options: &GenerateOptions,
    draft: Option<&Arc<LanguageModel>>,
) -> Usage {
    // The prompt is read before, so that both begin alike to the last bit and only one token of it is read again.
    let nothing = GenerateOptions { max_tokens: 1, ..options.clone() };
    let mut reader = model.generate(prompt.clone(), &nothing, None, &Cancel::new()).unwrap();
    written(&mut reader);
    let mut earlier = Some(reader.into_conversation());
    let mut write = |speculation, draft: Option<&Arc<LanguageModel>>| {
        let options = GenerateOptions { speculation, ..options.clone() };
        let mut answer = model.generate(prompt.clone(), &options, earlier.take(), &Cancel::new()).unwrap();
        if let Some(draft) = draft {
            answer = answer.with_draft(draft.clone()).unwrap();
        }
        let told = written(&mut answer);
        earlier = Some(answer.into_conversation());
        told
    };
    let (plain, plain_usage) = write(Speculation::Off, None);
    assert_eq!((plain_usage.drafted_tokens, plain_usage.accepted_tokens), (0, 0));
    let (text, usage) = write(Speculation::On, draft);
    assert_eq!(text, plain, "{options:?}");
    assert_eq!(usage.generated_tokens, plain_usage.generated_tokens);
    assert!(usage.accepted_tokens <= usage.drafted_tokens && usage.accepted_tokens < usage.generated_tokens);
    usage
}

#[test]
fn quotations_are_guessed_and_every_answer_is_the_same() {
    let handbook = handbook();
    let beginning: String = handbook.chars().take(1500).collect();
    // The second family forgets what lies before a window of 512 tokens, and here the prompt is longer.
    for (id, text) in [("smollm2-135m", &beginning), ("gemma-3-270m", &handbook)] {
        let model = model(id);
        let prompt = quoting(&model, text);
        let usage = same_answer(&model, &prompt, &options(48, 0.0, 0), None);
        assert!(usage.accepted_tokens >= 24, "{id}: {usage:?}");
        // Drawn tokens leave the text now and then: guesses are taken back.
        same_answer(&model, &prompt, &options(40, 1.2, 1), None);
        let small = GenerateOptions { cache: CacheFormat::Q8, ..options(24, 0.8, 2) };
        assert!(same_answer(&model, &prompt, &small, None).accepted_tokens > 0, "{id}");
    }
}

#[test]
fn a_draft_model_guesses_and_another_vocabulary_is_refused() {
    let model = model("smollm2-135m");
    let prompt = Input::from(model.raw_prompt("Once upon a time, in a small village by the sea,").unwrap());
    // Itself guesses best, which pays only as long as nobody knows that it takes as long.
    let greedy = GenerateOptions { repetition_penalty: 1.0, ..options(32, 0.0, 0) };
    let usage = same_answer(&model, &prompt, &greedy, Some(&model));
    assert!(usage.accepted_tokens > 0 && usage.accepted_tokens * 2 >= usage.drafted_tokens, "{usage:?}");
    same_answer(&model, &prompt, &options(32, 1.0, 5), Some(&model));
    let other = self::model("gemma-3-270m");
    let answer = model.generate(prompt, &options(4, 0.0, 0), None, &Cancel::new()).unwrap();
    let refused = answer.with_draft(other).err().expect("Gemma has other tokens").to_string();
    assert!(refused.contains("vocabulary") && refused.contains("same family"), "{refused}");
}

#[test]
fn chains_write_what_each_would_write_alone() {
    let handbook = handbook();
    for (id, chars) in [("smollm2-135m", 1200), ("gemma-3-270m", 2800)] {
        let model = model(id);
        let text: String = handbook.chars().take(chars).collect();
        let prompt = Input::from(model.raw_prompt(&text).unwrap());
        let (seeds, options) = ([3, 1, 1], options(24, 0.9, 0));
        let mut texts = vec![(String::new(), None); seeds.len()];
        for event in Chains::new(model.clone(), prompt.clone(), &options, &seeds, &Cancel::new()).unwrap() {
            match event.unwrap() {
                ChainsEvent::Chain { chain, event: Event::Text(text) } => texts[chain].0 += &text,
                ChainsEvent::Chain { chain, event: Event::Done { usage, .. } } => {
                    texts[chain].1 = Some(usage)
                }
                _ => {}
            }
        }
        for ((text, usage), seed) in texts.iter().zip(seeds).take(2) {
            let options = GenerateOptions { seed, ..options.clone() };
            let alone = written(model.generate(prompt.clone(), &options, None, &Cancel::new()).unwrap());
            assert_eq!((text, usage.unwrap().generated_tokens), (&alone.0, alone.1.generated_tokens), "{id}");
        }
        assert_eq!(texts[1].0, texts[2].0, "{id}: the same seed");
        assert_ne!(texts[0].0, texts[1].0, "{id}: another seed");
    }
}

#[test]
fn chains_need_a_seed_and_stop_when_they_are_told_to() {
    let model = model("smollm2-135m");
    let prompt = Input::from(model.raw_prompt("Once upon a time").unwrap());
    let (cancel, options) = (Cancel::new(), options(200, 0.8, 0));
    let refused = Chains::new(model.clone(), prompt.clone(), &options, &[], &cancel).err().unwrap();
    assert!(refused.to_string().contains("seed"), "{refused}");
    let (mut n_texts, mut reasons) = (0, Vec::new());
    for event in Chains::new(model, prompt, &options, &[1, 2], &cancel).unwrap() {
        match event.unwrap() {
            ChainsEvent::Chain { event: Event::Text(_), .. } => {
                n_texts += 1;
                if n_texts == 6 {
                    cancel.cancel();
                }
            }
            ChainsEvent::Chain { chain, event: Event::Done { reason, usage } } => {
                assert!(usage.generated_tokens < 20, "{usage:?}");
                reasons.push((chain, reason));
            }
            _ => {}
        }
    }
    assert_eq!(reasons, [0, 1].map(|chain| (chain, engine::StopReason::Cancelled)));
}

#[test]
fn the_command_line_guesses_as_it_is_told() {
    let ask = |more: &[&str]| {
        let asked =
            ["ask", "--json", "--no-prefix-cache", "--max-tokens", "24", "Say: one two three one two three"];
        let ran = run(&[&asked[..], more].concat());
        let text: String = ran.events("text").iter().filter_map(|event| event["text"].as_str()).collect();
        let usage = ran.events("done").first().map(|done| done["usage"].clone()).unwrap_or_default();
        (ran, text, usage)
    };
    let (_, plain, usage) = ask(&["--no-speculation"]);
    assert!(!plain.is_empty() && usage["drafted_tokens"] == 0 && usage["accepted_tokens"] == 0, "{usage}");
    let (_, text, usage) = ask(&[]);
    assert!(text == plain && usage["drafted_tokens"].is_u64(), "{text} {usage}");
    let (_, text, usage) = ask(&["--draft", "smollm2-135m"]);
    assert!(text == plain && usage["drafted_tokens"].as_u64().is_some_and(|n| n > 0), "{text} {usage}");
    let (ran, _, _) = ask(&["--draft", "gemma-3-270m"]);
    assert!(
        ran.status == Some(2) && ran.stdout.contains("vocabulary") | ran.stderr.contains("vocabulary"),
        "{ran:?}"
    );
    let (ran, _, _) = ask(&["--draft", "no-such-model"]);
    assert!(ran.status != Some(0) && format!("{ran:?}").contains("no-such-model"), "{ran:?}");
}

#[test]
fn the_bench_writes_quotations_and_chains() {
    let ran = run(&["bench", "--json", "--runs", "1", "--generate", "16", "--quote", "--chains", "2"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let row = |phase: &str| ran.json().into_iter().find(|row| row["phase"] == phase).unwrap_or_default();
    let quote = row("quote");
    assert!(quote["same"] == true && quote["tokens"].as_u64().is_some_and(|n| n > 0), "{quote}");
    assert!(quote["times"].as_f64().is_some_and(|times| times > 0.0), "{quote}");
    let chains = row("chains");
    assert!(chains["chains"] == 2 && chains["times"].as_f64().is_some_and(|times| times > 0.0), "{chains}");
    let ran = run(&["bench", "--quote", "--document", "no-such-text.txt"]);
    assert!(ran.status == Some(2) && ran.stderr.contains("no-such-text.txt"), "{ran:?}");
}
