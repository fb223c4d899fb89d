//! Hugging Face folders as models, against what transformers makes of the same folder.

use std::fs;
use std::path::{Path, PathBuf};

use engine::LanguageModel;
use engine::features::text::{ChatMessage, Role, TokenId};
use medley_tests::{Ran, root, run};
use serde_json::{Value, json};
use tempfile::TempDir;

fn golden() -> PathBuf {
    root().join("tests/golden/folder")
}

fn reference() -> Value {
    let text = fs::read_to_string(root().join("tests/golden/folder.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn conversation(case: &Value) -> Vec<ChatMessage> {
    let message = |message: &Value| {
        let role = match message["role"].as_str().unwrap() {
            "system" => Role::System,
            "user" => Role::User,
            _ => Role::Assistant,
        };
        ChatMessage::new(role, message["content"].as_str().unwrap())
    };
    case["messages"].as_array().unwrap().iter().map(message).collect()
}

#[test]
fn conversations_have_the_token_ids_of_transformers() {
    let (model, reference) = (LanguageModel::load(&golden()).unwrap(), reference());
    let cases = reference["conversations"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    let mut wrong = Vec::new();
    for case in cases {
        let ours = model.render_chat(&conversation(case)).unwrap();
        let ours: Vec<Value> = ours.into_iter().map(|TokenId(id)| id.into()).collect();
        if Some(&ours) != case["ids"].as_array() {
            wrong.push(format!("{}: {ours:?} and not {}", case["messages"], case["ids"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_folder_says_what_begins_a_text_and_what_ends_an_answer() {
    let (model, reference) = (LanguageModel::load(&golden()).unwrap(), reference());
    let tokenizer = model.tokenizer();
    assert_eq!(tokenizer.begin().map(|token| u64::from(token.0)), reference["begin"].as_u64());
    let ends: Vec<Value> = (0..tokenizer.n_vocab() as u32)
        .filter(|id| tokenizer.is_end(TokenId(*id)))
        .map(Value::from)
        .collect();
    assert_eq!(Some(&ends), reference["ends"].as_array());
}

#[test]
fn the_perplexity_of_a_folder_is_that_of_transformers() {
    let folder = golden();
    let text = root().join("tests/golden/english.txt");
    let ran = run(&[
        "perplexity".as_ref(),
        "--json".as_ref(),
        "--model".as_ref(),
        folder.as_os_str(),
        text.as_os_str(),
    ]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let lines = ran.json();
    let found = lines.iter().find(|line| line["perplexity"].is_number()).unwrap();
    let want = reference();
    assert_eq!(found["tokens"], want["tokens"]);
    let ratio = found["perplexity"].as_f64().unwrap() / want["perplexity"].as_f64().unwrap();
    assert!((ratio - 1.0).abs() < 1e-4, "{found} and not {}", want["perplexity"]);
}

fn ask(folder: &Path) -> Ran {
    let folder = folder.to_str().unwrap();
    run(&["ask", "--json", "--model", folder, "--max-tokens", "4", "Name a river."])
}

#[test]
fn questions_and_measurements_work_with_a_folder() {
    let ran = ask(&golden());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let done = &ran.events("done")[0];
    assert!(done["usage"]["prompt_tokens"].as_u64().is_some_and(|n| n > 10), "{done}");
    let folder = golden();
    let folder = folder.to_str().unwrap();
    let arguments = ["bench", "--json", "--decoder-only", "--runs", "1", "--prompt", "8", "--generate", "4"];
    let ran = run(&[&arguments[..], &["--model", folder]].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.json().iter().any(|line| line["phase"] == "decode"), "{ran:?}");
}

/// A copy of the folder with one change.
fn changed(change: impl Fn(&Path)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(golden()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    change(folder.path());
    folder
}

fn edit(path: &Path, change: impl Fn(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn a_folder_that_is_not_whole_says_what_is_missing_and_what_to_do() {
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    let cases: [(TempDir, &[&str]); 8] = [
        (changed(remove("tokenizer.json")), &["no tokenizer.json", "save_pretrained"]),
        (
            changed(|folder| {
                fs::rename(folder.join("tokenizer.json"), folder.join("tokenizer.model")).unwrap();
            }),
            &["no tokenizer.json", "tokenizer.model alone"],
        ),
        (changed(remove("config.json")), &["no config.json", "GGUF"]),
        (changed(remove("model-00002-of-00002.safetensors")), &["model-00002-of-00002.safetensors"]),
        (
            changed(|folder| fs::write(folder.join("tokenizer.json"), "{\"a\"").unwrap()),
            &["tokenizer.json", "not JSON"],
        ),
        (
            changed(|folder| {
                edit(&folder.join("tokenizer.json"), |file| file["model"]["type"] = json!("Unigram"));
            }),
            &["tokenizer.json", "Unigram"],
        ),
        (
            changed(|folder| {
                edit(&folder.join("tokenizer.json"), |file| file["model"]["vocab"]["zzz"] = json!(4000));
            }),
            &["tokenizer.json", "4001 tokens", "400", "do not belong together"],
        ),
        (
            changed(|folder| fs::write(folder.join("tokenizer_config.json"), "[").unwrap()),
            &["tokenizer_config.json", "fetch it again"],
        ),
    ];
    for (folder, words) in cases {
        let ran = ask(folder.path());
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(!ran.stderr.contains("panicked") && ran.stderr.lines().count() == 1, "{ran:?}");
        for word in words {
            assert!(ran.stderr.contains(word), "{word:?} is not in: {}", ran.stderr);
        }
    }
}

#[test]
fn a_template_that_fails_and_one_in_the_configuration() {
    let broken = changed(|folder| fs::write(folder.join("chat_template.jinja"), "{% for %}").unwrap());
    let ran = ask(broken.path());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("chat template"), "{ran:?}");
    let old = changed(|folder| {
        let template = fs::read_to_string(folder.join("chat_template.jinja")).unwrap();
        fs::remove_file(folder.join("chat_template.jinja")).unwrap();
        edit(&folder.join("tokenizer_config.json"), |file| {
            file["chat_template"] =
                json!([{"name": "tool_use", "template": "x"}, {"name": "default", "template": template}]);
            file["eos_token"] = json!({"content": "<|end|>", "lstrip": false});
        });
    });
    let messages = [ChatMessage::new(Role::User, "One?")];
    let prompt = |folder: &Path| LanguageModel::load(folder).unwrap().render_chat(&messages).unwrap();
    assert_eq!(prompt(old.path()), prompt(&golden()));
}

#[test]
fn a_folder_that_cannot_transcribe_says_why() {
    let recording = medley_tests::sample("speech/austen-0870.wav");
    let transcribe = |folder: &Path| {
        run(&["transcribe".as_ref(), recording.as_os_str(), "--model".as_ref(), folder.as_os_str()])
    };
    let whisper = root().join("tests/golden/parity/whisper");
    for (folder, words) in
        [(whisper, "neither tokenizer.json nor vocab.json"), (golden(), "not a tokenizer of Whisper")]
    {
        let ran = transcribe(&folder);
        assert!(matches!(ran.status, Some(1 | 2)) && ran.stderr.contains(words), "{ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    }
}
