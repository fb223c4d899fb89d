//! Checkpoints of every family against what transformers computed for them, through the program.

use std::fs;
use std::path::{Path, PathBuf};

use medley_tests::{Ran, root, run};
use serde_json::{Value, json};
use tempfile::TempDir;

const FAMILIES: [&str; 8] =
    ["llama", "gemma", "gemma2", "gemma3-text", "qwen3", "qwen3-moe", "qwen3-moe-mixed", "mixtral"];

/// Families with encoders of their own; the sharp attention of Gemma 4 makes more of the last bits.
const WITH_ENCODERS: [(&str, f64); 5] = [
    ("gemma3-vision", 1e-5),
    ("gemma4-e", 1e-4),
    ("gemma4-moe", 1e-4),
    ("gemma4-omni-moe", 1e-4),
    ("gemma4-unified", 1e-4),
];

fn golden(family: &str) -> PathBuf {
    root().join("tests/golden/parity").join(family)
}

fn parity(folder: &Path) -> Ran {
    run(&["parity".as_ref(), folder.as_os_str(), "--json".as_ref()])
}

#[test]
fn every_family_computes_what_transformers_computes() {
    for family in FAMILIES {
        let ran = parity(&golden(family));
        assert_eq!(ran.status, Some(0), "{family}: {ran:?}");
        let lines = ran.json();
        let error = lines.iter().find_map(|line| line["relative_error"].as_f64());
        assert!(error.is_some_and(|error| error < 1e-5), "{family}: {lines:?}");
        assert!(lines.iter().any(|line| line["greedy_equal"] == true), "{family}: {lines:?}");
        assert_eq!(lines.last(), Some(&json!({"pass": true})), "{family}");
    }
}

#[test]
fn whisper_and_bert_compute_what_transformers_computes() {
    let cases: [(&str, &[&str]); 2] = [
        ("whisper", &["input_features", "encoder_last_hidden_state", "logits"]),
        ("bert", &["last_hidden_state", "mean_pooled"]),
    ];
    for (model, tensors) in cases {
        let ran = parity(&golden(model));
        assert_eq!(ran.status, Some(0), "{model}: {ran:?}");
        let lines = ran.json();
        for tensor in tensors {
            let line = lines.iter().find(|line| line["tensor"] == *tensor);
            let error = line.and_then(|line| line["relative_error"].as_f64());
            assert!(error.is_some_and(|error| error < 1e-5), "{model} {tensor}: {lines:?}");
        }
        assert_eq!(lines.len(), tensors.len() + 1, "{lines:?}");
        assert_eq!(lines.last(), Some(&json!({"pass": true})), "{model}");
    }
}

#[test]
fn sizes_that_the_tensors_of_whisper_and_bert_do_not_have_are_refused() {
    refused(
        &with_config("whisper", json!({"encoder_attention_heads": 3})),
        &["encoder_attention_heads", "3"],
    );
    refused(&with_config("whisper", json!({"d_model": 32})), &["[32, 32]", "[16, 16]"]);
    refused(&with_config("whisper", json!({"decoder_layers": 2})), &["model.decoder.layers.1"]);
    refused(&with_config("whisper", json!({"vocab_size": 20})), &["[20, 16]", "[96, 16]"]);
    refused(&with_config("whisper", json!({"activation_function": "relu"})), &["relu"]);
    refused(&with_config("bert", json!({"num_attention_heads": 5})), &["num_attention_heads"]);
    refused(&with_config("bert", json!({"intermediate_size": 40})), &["intermediate", "[40]", "[48]"]);
    refused(&with_config("bert", json!({"hidden_act": "relu"})), &["relu"]);
}

#[test]
fn other_heads_of_whisper_are_no_match() {
    let ran = with_config("whisper", json!({"decoder_attention_heads": 2}));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.json().last(), Some(&json!({"pass": false})));
}

#[test]
fn encoders_what_they_read_and_the_decoder_after_them_are_those_of_transformers() {
    for (family, most) in WITH_ENCODERS {
        let ran = parity(&golden(family));
        assert_eq!(ran.status, Some(0), "{family}: {ran:?}");
        let lines = ran.json();
        let errors: Vec<(&str, f64)> = lines
            .iter()
            .filter_map(|line| Some((line["tensor"].as_str()?, line["relative_error"].as_f64()?)))
            .collect();
        for wanted in ["pixel_values", "image_embeddings", "places", "logits"] {
            assert!(errors.iter().any(|(name, _)| *name == wanted), "{family}: no {wanted} in {errors:?}");
        }
        assert!(errors.iter().all(|(_, error)| *error < most), "{family}: {errors:?}");
        assert!(lines.iter().any(|line| line["greedy_equal"] == true), "{family}: {lines:?}");
    }
}

/// A mixture of experts that was made of a dense checkpoint computes what that computes.
#[test]
fn upcycled_equals_dense() {
    for family in ["llama", "qwen3"] {
        let folder = tempfile::tempdir().unwrap();
        let (dense, sparse) = (golden(family), folder.path().join("sparse"));
        let args = ["models", "upcycle", "--experts", "5", "--chosen", "3", "--seed", "4", "--out"];
        let mut args: Vec<&std::ffi::OsStr> = args.iter().map(|arg| arg.as_ref()).collect();
        args.extend([sparse.as_os_str(), dense.as_os_str()]);
        let ran = run(&args);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        refused(&run(&args), &["sparse", "choose a new folder"]);
        for file in ["inputs.safetensors", "outputs.safetensors"] {
            fs::copy(dense.join(file), sparse.join(file)).unwrap();
        }
        let ran = parity(&sparse);
        let error = ran.json().iter().find_map(|line| line["relative_error"].as_f64());
        assert!(error.is_some_and(|error| error < 1e-5), "{family}: {ran:?}");
        let info = run(&["models".as_ref(), "info".as_ref(), sparse.as_os_str(), "--json".as_ref()]).json();
        let all = |key: &str| info[0][key].as_u64().unwrap();
        assert!(all("active_parameters") < all("parameters"), "{info:?}");
    }
}

#[test]
fn what_cannot_be_upcycled_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let upcycle = |family: &str, experts: &str| {
        let (dense, out) = (golden(family), folder.path().join(format!("{family}-{experts}")));
        let args = ["models", "upcycle", "--experts", experts, "--out"];
        let mut args: Vec<&std::ffi::OsStr> = args.iter().map(|arg| arg.as_ref()).collect();
        args.extend([out.as_os_str(), dense.as_os_str()]);
        run(&args)
    };
    refused(&upcycle("gemma2", "4"), &["llama and qwen3"]);
    refused(&upcycle("qwen3-moe", "4"), &["dense"]);
    refused(&upcycle("llama", "1"), &["2 of 1", "choose"]);
}

/// A copy of a golden folder.
fn copy(family: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(golden(family)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn with_config(family: &str, changes: Value) -> Ran {
    let folder = copy(family);
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    fs::write(&path, config.to_string()).unwrap();
    parity(folder.path())
}

fn refused(ran: &Ran, words: &[&str]) {
    assert!(matches!(ran.status, Some(1 | 2)), "{ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{word:?} is not in: {}", ran.stderr);
    }
}

#[test]
fn what_does_not_fit_is_named_with_both_shapes() {
    refused(&with_config("llama", json!({"model_type": "mamba"})), &["mamba", "llama"]);
    refused(
        &with_config("llama", json!({"vocab_size": 97})),
        &["embed_tokens", "[97, 32]", "[96, 32]", "model.safetensors"],
    );
    refused(&with_config("llama", json!({"num_hidden_layers": 3})), &["model.layers.2", "model.safetensors"]);
    refused(&with_config("llama", json!({"num_hidden_layers": 1})), &["model.layers.1", "does not use"]);
    let fewer = json!({"num_local_experts": 3});
    refused(&with_config("qwen3-moe", fewer), &["model.layers.0.mlp.gate", "[3, 32]", "[6, 32]"]);
}

#[test]
fn other_arithmetic_is_no_match() {
    let ran = with_config("gemma2", json!({"attn_logit_softcapping": 1.0}));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert_eq!(ran.json().last(), Some(&json!({"pass": false})));
}

#[test]
fn a_weight_that_is_no_number_is_named() {
    let folder = copy("llama");
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    refused(&parity(folder.path()), &["not finite", "model.safetensors", "model."]);
}

#[test]
fn a_folder_without_its_files_says_which() {
    let empty = tempfile::tempdir().unwrap();
    refused(&parity(empty.path()), &["config.json"]);
    let folder = copy("llama");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    refused(&parity(folder.path()), &["model.safetensors"]);
    refused(&parity(&folder.path().join("nowhere")), &["nowhere"]);
}
