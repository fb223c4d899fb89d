//! `medley plan` as scripts see it, and what the window makes of it.

use std::path::Path;

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use medley_app::jobs::scripted::Scripted;
use medley_tests::window::{CTRL, Window};
use medley_tests::{for_each_case, medley, root, run, run_within};
use serde_json::Value;

fn planned(arguments: &[&str]) -> Value {
    let ran = run(&[&["plan", "--json"], arguments].concat());
    assert_eq!(ran.status, Some(0), "{ran:?}");
    ran.json().remove(0)
}

#[test]
fn a_cluster_gets_a_layout_its_costs_and_a_line_for_another_engine() {
    let found = planned(&[
        "--model",
        "llama-3.1-70b",
        "--machine",
        "h100",
        "--chips",
        "16",
        "--batch",
        "32",
        "--context",
        "1000",
        "--generate",
        "100",
    ]);
    let plan = &found["plan"];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} in {found}"));
    assert_eq!((number(&plan["chips"]), number(&plan["batch"])), (16.0, 32.0));
    let (prefill, decode) = (&plan["prefill"]["cost"], &plan["decode"]["cost"]);
    let all = number(&prefill["seconds"]) + 100.0 * number(&decode["seconds"]);
    assert!((number(&plan["seconds"]) / all - 1.0).abs() < 1e-9, "{plan}");
    assert!(number(&decode["tokens_per_s"]) > 0.0 && number(&plan["largest_context"]) > 1100.0, "{plan}");
    let vllm = &found["vllm"];
    let sizes = number(&vllm["tensor_parallel"]) * number(&vllm["pipeline_parallel"]);
    assert_eq!(sizes, 16.0, "{vllm}");
    let line = vllm["line"].as_str().unwrap();
    assert!(line.starts_with("vllm serve llama-3.1-70b --tensor-parallel-size"), "{line}");
}

#[test]
fn people_read_both_phases_memory_and_the_line() {
    let ran = run(&["plan", "--model", "palm-540b", "--machine", "tpu-v4", "--chips", "64", "--batch", "64"]);
    for part in [
        "reading: feed-forward WG",
        "writing: feed-forward WS 2D",
        "memory of a chip",
        "largest context",
        "vllm serve",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_latency_chooses_the_batch() {
    let batch = |seconds: &str| {
        let found =
            planned(&["--model", "palm-540b", "--machine", "tpu-v4", "--chips", "64", "--latency", seconds]);
        found["plan"]["batch"].as_u64().unwrap()
    };
    let (short, long) = (batch("3"), batch("20"));
    assert!(short >= 1 && long > short, "{short} {long}");
}

#[test]
fn folders_and_machine_files_of_ones_own_are_planned_for() {
    let folder = tempfile::tempdir().unwrap();
    let (toml, json) = (folder.path().join("mine.toml"), folder.path().join("mine.json"));
    let text = "name = \"mine\"\nchips = 2\nops_per_s = { bf16 = 1e12 }\nmemory_bytes = 16e9\n\
                memory_bytes_per_s = 50e9\nlink_bytes_per_s = 1e9\n";
    std::fs::write(&toml, text).unwrap();
    std::fs::write(
        &json,
        r#"{"name": "mine", "chips": 2, "ops_per_s": {"bf16": 1e12}, "memory_bytes": 16e9,
            "memory_bytes_per_s": 50e9, "link_bytes_per_s": 1e9}"#,
    )
    .unwrap();
    let model = root().join("tests/golden/parity/llama").to_string_lossy().into_owned();
    let of = |file: &Path| planned(&["--model", &model, "--machine", &file.to_string_lossy()]);
    assert_eq!(of(&toml), of(&json));
    assert_eq!(of(&toml)["plan"]["chips"], 2);
}

#[test]
fn what_cannot_be_planned_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let impossible = file(
        "impossible.toml",
        "name = \"odd\"\nops_per_s = { bf16 = 1e12 }\nmemory_bytes = 16e9\nmemory_bytes_per_s = -50e9\n",
    );
    let other = file("other.toml", "what = 1\n");
    let cases: [(&[&str], &str); 10] = [
        (&[], "give --model and --machine"),
        (&["--model", "no-such", "--machine", "h100"], "palm-540b"),
        (&["--model", "palm-8b", "--machine", "no-such"], "tpu-v4"),
        (&["--model", "palm-8b", "--machine", &impossible], "memory_bytes_per_s"),
        (&["--model", "palm-8b", "--machine", &other], "no machine file"),
        (&["--model", "palm-540b", "--machine", "tpu-v4", "--chips", "8"], "give at least"),
        (&["--model", "palm-8b", "--machine", "h100", "--chips", "0"], "0 chips"),
        (&["--model", "palm-8b", "--machine", "epyc-9654", "--chips", "2"], "has 1"),
        (&["--model", "palm-8b", "--machine", "h100", "--latency", "0.0001"], "a single sequence takes"),
        (&["--here", "--model", "palm-8b"], "cannot be used with"),
    ];
    for_each_case(cases, |(arguments, needle)| {
        let ran = run(&[&["plan"], *arguments].concat());
        match ran.status == Some(2) && ran.stderr.contains(needle) && ran.stdout.is_empty() {
            true => Ok(()),
            false => Err(format!("{needle}: {ran:?}")),
        }
    });
}

#[test]
fn the_front_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("front.svg");
    let path = file.to_string_lossy().into_owned();
    let ran = run(&[
        "plan",
        "--model",
        "mixtral-8x7b",
        "--machine",
        "h100",
        "--chips",
        "8",
        "--plot",
        &path,
        "--json",
    ]);
    let points = ran.json().into_iter().filter(|row| row["front"]["best"] == true).count();
    let svg = std::fs::read_to_string(file).unwrap();
    assert!(points > 5 && svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{ran:?}");
    assert_eq!(svg.matches("<title>").count(), points);
}

/// With a cache folder of its own, so that the machine is measured once here.
#[test]
fn this_machine_is_measured_once_and_its_models_are_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let here = |more: &[&str]| {
        let mut command = medley();
        command
            .env("MEDLEY_CACHE", folder.path())
            .args(["plan", "--here", "--json", "smollm2-135m"])
            .args(more);
        run_within(std::time::Duration::from_secs(180), command)
    };
    let first = here(&[]);
    assert!(first.status == Some(0) && first.stderr.contains("measuring"), "{first:?}");
    let rows = first.json();
    let rate = |name: &str| rows[0]["rates"][name].as_f64().unwrap();
    assert!(rate("read_bytes_per_s") > 1e8 && rate("weight_products_per_s") > 1e8, "{first:?}");
    let speed = |row: &Value, name: &str| row["speed"][name].as_f64().unwrap();
    assert!(speed(&rows[1], "decode_tokens_per_s") > 1.0, "{first:?}");
    assert_eq!((&rows[1]["fit"], &rows[1]["largest_context"]), (&"fits".into(), &8192.into()));
    let again = here(&[]);
    assert_eq!((again.stderr.as_str(), &again.json()[0]), ("", &rows[0]), "it is kept");
    // Deep in a conversation it is slower.
    let deep = here(&["--cached", "7000"]).json();
    assert!(speed(&deep[1], "decode_tokens_per_s") < speed(&rows[1], "decode_tokens_per_s"));
    assert!(speed(&deep[1], "prefill_tokens_per_s") < speed(&rows[1], "prefill_tokens_per_s"));
}

#[test]
fn the_list_of_models_says_what_fits_and_how_fast_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let kept = engine::MeasuredStore::open(&folder.path().join("measured"), 1 << 20);
    let rates = engine::probe::KernelRates {
        read_bytes_per_s: 20e9,
        byte_products_per_s: 400e9,
        weight_bytes_per_s: 18e9,
        byte_weight_bytes_per_s: 17e9,
        weight_products_per_s: 150e9,
        few_products_per_s: 50e9,
        many_products_per_s: 80e9,
    };
    let measured =
        engine::Measured { processor: "of a test".into(), instructions: "any".into(), threads: 2, rates };
    kept.keep(&measured).unwrap();
    let mut window = Window::open_with_store(Scripted::default());
    // At the start it looks at what was measured of this machine before; the settings look again.
    window.wait("the first look", |app| app.state().models.rows.iter().any(|row| row.prospects.is_some()));
    window.harness.state_mut().as_mut().unwrap().set_measured(kept);
    window.press(CTRL, Key::Comma);
    let known = |app: &medley_app::App| {
        let row = app.state().models.rows.iter().find(|row| row.id == "smollm2-135m").cloned();
        row.and_then(|row| row.prospects).and_then(|prospects| prospects.tokens_per_s)
    };
    // 96.6 MB at 18 GB/s and a little more.
    window.wait("looking ahead", |app| known(app).is_some_and(|rate| (100.0..186.0).contains(&rate)));
    let rate = known(window.app()).unwrap();
    window.harness.get_by_label(&format!("On this computer: fits, about {rate:.0} tokens/s"));
    window.press(Modifiers::NONE, Key::Escape);
    assert!(!window.app().state().models.measuring);
}
