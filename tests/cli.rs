//! The command line as scripts see it: fields, exit statuses, streams.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use medley_tests::{for_each_case, medley, run, run_within, sample, word_errors};
use serde_json::Value;

const SUBCOMMANDS: [&str; 11] = [
    "ask",
    "read",
    "transcribe",
    "models",
    "bench",
    "plan",
    "perplexity",
    "parity",
    "completions",
    "tour",
    "tune",
];

fn path(name: &str) -> String {
    sample(name).to_string_lossy().into_owned()
}

fn is_number(value: &Value) -> bool {
    value.as_f64().is_some_and(f64::is_finite)
}

/// A box lies inside the picture, corners in order.
fn is_box(value: &Value) -> bool {
    let Some(corners) = value.as_array() else { return false };
    let at = |i: usize| corners.get(i).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (x0, y0, x1, y1) = (at(0), at(1), at(2), at(3));
    corners.len() == 4 && (0.0..=x1).contains(&x0) && (0.0..=y1).contains(&y0) && x1 <= 1.0 && y1 <= 1.0
}

fn check_evidence(event: &Value) -> Result<(), String> {
    let fails = |why: &str| Err(format!("{why}: {event}"));
    let words = event["quote"].is_string() || event["label"].is_string();
    if !event["source"].is_string() || !is_number(&event["score"]) || !words {
        return fails("source, score and quote or label are needed");
    }
    let times = || is_number(&event["start_s"]) && is_number(&event["end_s"]);
    match event["kind"].as_str() {
        Some("page") if event["page"].as_u64().is_some_and(|page| page > 0) => Ok(()),
        Some("time") if times() => Ok(()),
        Some("frame") if times() && is_box(&event["box"]) => Ok(()),
        Some("picture") if is_box(&event["box"]) => Ok(()),
        _ => fails("the place is incomplete"),
    }
}

#[test]
fn help_of_every_subcommand_has_examples() {
    for_each_case(SUBCOMMANDS, |name| {
        let ran = run(&[name, "--help"]);
        match ran.status == Some(0) && ran.stdout.contains("Examples:") && ran.stdout.contains("--json") {
            true => Ok(()),
            // `models` has its own subcommands, and those have the flag.
            false if *name == "models" && ran.stdout.contains("Examples:") => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    });
}

#[test]
fn bad_usage_ends_with_two_and_one_sentence() {
    let picture = path("pictures/coffee.png");
    let cases: [(&[&str], &str); 9] = [
        (&["ask"], "required"),
        (&["ask", &picture], "the question is missing"),
        (&["ask", &picture, ""], "the question is empty"),
        (&["ask", "x", "--temperature", "hot"], "0 to 5"),
        (&["ask", "hello", "--model", "no-such-model"], "no-such-model"),
        (&["read", "What is it?"], "the document is missing"),
        (&["transcribe", "a.wav", "--format", "doc"], "txt, srt, vtt, json, tsv"),
        (&["models", "pull", "no-such-model"], "no-such-model"),
        (&["no-such-subcommand"], "no subcommand of that name"),
    ];
    for_each_case(cases, |(arguments, needle)| {
        let ran = run(arguments);
        match ran.status == Some(2) && ran.stderr.contains(needle) && ran.stdout.is_empty() {
            true => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    });
}

#[test]
fn ask_streams_events_with_the_fields_of_the_contract() {
    let ran = run(&[
        "ask",
        &path("pictures/coffee.png"),
        "What is in the picture?",
        "--json",
        "--max-tokens",
        "24",
    ]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let events = ran.json();
    let known = ["progress", "text", "evidence", "notice", "done"];
    assert!(events.iter().all(|e| e["event"].as_str().is_some_and(|name| known.contains(&name))), "{ran:?}");
    for progress in ran.events("progress") {
        assert!(progress["stage"].is_string() && progress["done"].is_u64() && progress["total"].is_u64());
    }
    assert!(ran.events("text").len() > 1, "the answer comes in pieces: {ran:?}");
    let evidence = ran.events("evidence");
    assert!(!evidence.is_empty(), "{ran:?}");
    for_each_case(evidence, check_evidence);
    let last = &events[events.len() - 1];
    assert_eq!(last["event"], "done");
    assert!(["stop", "length"].contains(&last["reason"].as_str().unwrap_or_default()), "{last}");
    let usage = [
        "prompt_tokens",
        "cached_tokens",
        "generated_tokens",
        "first_token_s",
        "prefill_tokens_per_s",
        "decode_tokens_per_s",
    ];
    assert!(usage.iter().all(|field| is_number(&last["usage"][field])), "{last}");
    assert!(last["usage"]["generated_tokens"].as_u64() <= Some(24), "{last}");
}

#[test]
fn people_see_the_answer_on_stdout_and_the_figures_on_stderr() {
    let ran = run(&["ask", &path("pictures/coffee.png"), "What is in the picture?", "--max-tokens", "24"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("\nEvidence\n") && ran.stdout.contains("coffee.png, picture"), "{ran:?}");
    assert!(ran.stderr.contains("prompt tokens") && !ran.stdout.contains("prompt tokens"), "{ran:?}");
    assert!(!ran.stderr.contains('\x1b'), "no bars where nobody looks: {ran:?}");
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let ask = || {
        run(&["ask", "Name a river.", "--raw", "--seed", "7", "--temperature", "0.8", "--max-tokens", "12"])
    };
    let (one, two) = (ask(), ask());
    assert_eq!(one.status, Some(0), "{one:?}");
    assert!(!one.stdout.trim().is_empty());
    assert_eq!(one.stdout, two.stdout);
}

#[test]
fn read_cites_the_page_with_the_words_that_stand_there() {
    let question = "How often must the rain gauge be emptied?";
    let ran =
        run(&["read", &path("documents/weather-station.pdf"), question, "--json", "--max-tokens", "24"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let evidence = ran.events("evidence");
    for_each_case(evidence.clone(), check_evidence);
    let right = evidence
        .iter()
        .find(|e| e["quote"].as_str().is_some_and(|quote| quote.contains("must be emptied every morning")));
    let Some(right) = right else { panic!("the sentence is not cited: {evidence:?}") };
    assert_eq!((&right["kind"], right["page"].as_u64()), (&Value::from("page"), Some(3)), "{right}");
    assert!(is_box(&right["box"]), "{right}");
    assert!(right["boxes"].as_array().is_some_and(|boxes| boxes.iter().all(is_box)), "{right}");
}

#[test]
fn a_scanned_page_is_read_and_cited() {
    let question = "Where does the key of the screen hang?";
    let ran = run(&["read", &path("documents/scanned-notes.pdf"), question, "--json", "--max-tokens", "16"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let right = ran
        .events("evidence")
        .into_iter()
        .find(|e| e["quote"].as_str().is_some_and(|quote| quote.to_lowercase().contains("blue door")));
    assert!(right.is_some_and(|e| e["page"] == 1), "{ran:?}");
}

#[test]
fn transcribe_tells_segments_with_words() {
    let ran = run(&["transcribe", &path("speech/austen-0870.wav"), "--json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let segments = ran.events("segment");
    assert!(!segments.is_empty(), "{ran:?}");
    for segment in &segments {
        assert!(segment["file"].as_str().is_some_and(|file| file.ends_with("austen-0870.wav")), "{segment}");
        assert!(is_number(&segment["start_s"]) && is_number(&segment["end_s"]), "{segment}");
        assert_eq!(segment["language"], "en");
        let words = segment["words"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(!words.is_empty(), "{segment}");
        assert!(words.iter().all(|word| {
            word["text"].is_string()
                && ["start_s", "end_s", "confidence"].iter().all(|field| is_number(&word[field]))
        }));
    }
    let heard: Vec<&str> = segments.iter().filter_map(|segment| segment["text"].as_str()).collect();
    let said = std::fs::read_to_string(sample("speech/austen-0870.txt")).unwrap_or_default();
    let (errors, words) = word_errors(&said, &heard.join(" "));
    assert!(words > 15 && errors * 10 <= words, "{errors} of {words} words are wrong: {heard:?}");
    let done = &ran.events("done")[0];
    assert!(["audio_s", "wall_s", "peak_rss_bytes"].iter().all(|field| is_number(&done[field])), "{done}");
}

#[test]
fn transcripts_come_in_every_format() {
    let recording = path("speech/austen-0880.wav");
    let cases = [
        ("txt", "young man"),
        ("srt", "00:00:0"),
        ("vtt", "WEBVTT"),
        ("json", "\"start_s\""),
        ("tsv", "start\tend\ttext"),
        ("md", "# austen-0880\n\n**\\[0:00\\]** "),
    ];
    for_each_case(cases, |(format, needle)| {
        let ran = run(&["transcribe", &recording, "--format", format]);
        match ran.status == Some(0) && ran.stdout.contains(needle) {
            true => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    });
}

#[test]
fn a_transcript_goes_to_the_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let target = folder.path().join("out.srt");
    let recording = path("speech/austen-0880.wav");
    let ran = run(&["transcribe", &recording, "--format", "srt", "-o", &target.to_string_lossy()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    let written = std::fs::read_to_string(&target).unwrap_or_else(|e| panic!("{e}"));
    assert!(written.starts_with("1\n00:00:0"), "{written}");
}

#[test]
fn models_are_listed_checked_and_described() {
    let list = run(&["models", "list", "--json"]).json();
    let default = list.iter().find(|model| model["id"] == "smollm2-135m");
    assert!(default.is_some_and(|m| m["state"] == "present" && m["default"] == true), "{list:?}");
    let verified = run(&["models", "verify", "silero-vad", "--json"]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
    assert!(verified.json().iter().all(|file| file["ok"] == true), "{verified:?}");
    let info = run(&["models", "info", "smollm2-135m", "--json"]).json();
    assert_eq!(info[0]["decoder"]["architecture"], "llama", "{info:?}");
    assert_eq!(info[0]["decoder"]["context_tokens"], 8192, "{info:?}");
}

#[test]
fn a_model_file_or_folder_tells_its_sizes_and_the_memory_it_needs() {
    let describe = |model: &str, more: &[&str]| {
        let ran = run(&[&["models", "info", model, "--json"], more].concat());
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran.json().remove(0)
    };
    let decoder = &describe("smollm2-135m", &["--context", "1000"])["decoder"];
    // 30 layers with 3 heads of 64 numbers, keys and values.
    let numbers = 2 * 30 * 3 * 64 * 1000;
    assert_eq!(decoder["memory"]["context_tokens"], 1000, "{decoder}");
    let bytes = match decoder["memory"]["cache_format"].as_str() {
        Some("f32") => 4 * numbers,
        Some("f16") => 2 * numbers,
        other => panic!("{other:?}"),
    };
    assert_eq!(decoder["memory"]["cache_bytes"], bytes, "{decoder}");
    assert_eq!((&decoder["n_heads"], &decoder["n_kv_heads"]), (&9.into(), &3.into()));
    assert_eq!(decoder["file_bytes"], 98_362_432, "{decoder}");
    assert_eq!(decoder["parameters"], decoder["active_parameters"]);
    // The same file by its path.
    let listed = describe("smollm2-135m", &[]);
    let path = listed["files"][0]["path"].as_str().unwrap_or_default();
    assert_eq!(describe(path, &["--context", "1000"])["memory"], decoder["memory"]);

    let golden = |name: &str| format!("{}/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let experts = describe(&golden("parity/qwen3-moe"), &[]);
    assert_eq!(experts["architecture"], "qwen3_moe", "{experts}");
    // 2 layers in which 4 of 6 experts of 3 × 32 × 20 numbers wait.
    let idle = experts["parameters"].as_u64().zip(experts["active_parameters"].as_u64());
    assert!(idle.is_some_and(|(all, active)| all - active == 2 * 4 * 3 * 32 * 20), "{experts}");
    let windows = describe(&golden("parity/gemma3-text"), &["--context", "64"]);
    assert_eq!((&windows["n_window_layers"], &windows["window_tokens"]), (&5.into(), &8.into()));
    let shards = describe(&golden("folder"), &[]);
    assert_eq!((&shards["n_layers"], &shards["modalities"]), (&2.into(), &serde_json::json!(["text"])));
    assert_eq!(describe(&golden("parity/whisper"), &[])["modalities"], serde_json::json!(["sound"]));

    let human = run(&["models", "info", &golden("parity/gemma3-text"), "--context", "4096"]);
    for words in ["gemma3_text", "window of 8 tokens", "memory:", "4096 tokens of context", "takes in: text"]
    {
        assert!(human.stdout.contains(words), "{words}: {human:?}");
    }
    assert!(human.stderr.contains("trained for 64 tokens"), "{human:?}");
}

#[test]
fn what_is_no_model_is_told_so() {
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let file = folder.path().join("notes.gguf");
    std::fs::write(&file, "not a model").unwrap_or_else(|e| panic!("{e}"));
    let cases = [
        ("/no/such/model".to_owned(), "there is no model called"),
        (folder.path().to_string_lossy().into_owned(), "no config.json"),
        (file.to_string_lossy().into_owned(), "not a valid GGUF file"),
    ];
    for_each_case(cases, |(model, words)| {
        let ran = run(&["models", "info", model]);
        match ran.status == Some(2) && ran.stderr.contains(words) && ran.stdout.is_empty() {
            true => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    });
}

#[test]
fn a_long_prompt_is_read_once_unless_nothing_may_be_kept() {
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let run = |arguments: &[&str]| {
        let mut command = medley();
        command.args(arguments).env("MEDLEY_CACHE", folder.path());
        let ran = run_within(Duration::from_secs(60), command);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran
    };
    let text = std::fs::read_to_string(sample("documents/weather-station.md")).unwrap_or_default();
    let prompt: String = text.chars().take(2400).collect();
    let ask = |more: &[&str]| {
        let ran = run(&[&["ask", "--raw", &prompt, "--json", "--max-tokens", "8"], more].concat());
        let text: String = ran.events("text").iter().filter_map(|event| event["text"].as_str()).collect();
        let usage = &ran.events("done")[0]["usage"];
        (text, usage["cached_tokens"].as_u64().unwrap_or(u64::MAX))
    };
    let stored = |more: &[&str]| run(&[&["models", "cache", "--json"], more].concat()).json().remove(0);
    let (answer, cached) = ask(&["--no-prefix-cache"]);
    assert_eq!((cached, &stored(&[])["files"]), (0, &0.into()));
    assert_eq!(ask(&[]), (answer.clone(), 0));
    let kept = stored(&[]);
    let bytes = kept["bytes"].as_u64().unwrap_or_default();
    assert!(kept["files"] == 1 && bytes > 1_000_000 && kept["most_bytes"].as_u64() >= Some(bytes), "{kept}");
    let (again, cached) = ask(&[]);
    assert!(again == answer && cached >= 256, "{cached}: {again:?} and {answer:?}");
    assert_eq!(ask(&["--no-prefix-cache"]), (answer, 0));
    let human = run(&["models", "cache"]);
    assert!(human.stdout.contains("1 prompt") && human.stderr.contains("--clear"), "{human:?}");
    let cleared = stored(&["--clear"]);
    let panels = kept["panels"]["bytes"].as_u64().unwrap_or_default();
    assert!(kept["panels"]["files"] == 1 && panels > 50_000_000, "{kept}");
    assert_eq!(
        (&cleared["freed_bytes"], &cleared["files"]),
        (&(bytes + panels).into(), &0.into()),
        "{cleared}"
    );
    assert_eq!(
        (&cleared["panels"]["bytes"], &cleared["panels"]["files"]),
        (&0.into(), &0.into()),
        "{cleared}"
    );
}

#[test]
fn decoders_compute_where_they_are_told_and_devices_that_are_not_there_are_refused() {
    let ask = |args: &[&str], variable: &str| {
        let mut command = medley();
        command.args(["ask", "--raw", "Rivers are", "--max-tokens", "2", "--no-prefix-cache"]);
        command.args(args).env("MEDLEY_DEVICE", variable);
        run_within(Duration::from_secs(60), command)
    };
    let here: [(&[&str], &str); 2] = [(&["--device", "cpu"], "cuda:4000"), (&[], "cpu")];
    for (args, variable) in here {
        let ran = ask(args, variable);
        assert!(ran.status == Some(0) && !ran.stdout.is_empty(), "{args:?} {variable}: {ran:?}");
    }
    // No machine has so many GPUs.
    let refused: [(&[&str], &str, [&str; 2]); 4] = [
        (&["--device", "cuda:4000"], "cpu", ["the device cuda:4000", "choose cpu"]),
        (&[], "cuda:4000", ["the device cuda:4000", "choose cpu"]),
        (&["--device", "gpu"], "", ["--device", "cuda:N"]),
        (&[], "gpu", ["MEDLEY_DEVICE=gpu", "cuda:N"]),
    ];
    for (args, variable, words) in refused {
        let ran = ask(args, variable);
        assert!(ran.status == Some(2) && ran.stdout.is_empty(), "{args:?} {variable}: {ran:?}");
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{args:?} {variable}: {ran:?}");
    }
}

#[test]
fn every_instruction_set_gives_the_same_answer_and_others_are_refused_by_name() {
    let ask = |name: &str| {
        let mut command = medley();
        command.args([
            "ask",
            "--raw",
            "Three rivers of Europe are",
            "--max-tokens",
            "8",
            "--no-prefix-cache",
        ]);
        command.args(["--temperature", "0"]).env("MEDLEY_ISA", name);
        run_within(Duration::from_secs(60), command)
    };
    let refused = ask("mmx");
    assert!(
        refused.status == Some(2) && refused.stderr.contains("MEDLEY_ISA=mmx: this processor runs "),
        "{refused:?}"
    );
    let names =
        refused.stderr.split("runs ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
    let best = ask("");
    assert!(best.status == Some(0) && best.stdout.len() > 8 && names.starts_with("portable"), "{best:?}");
    for name in names.split(", ") {
        assert_eq!(ask(name).stdout, best.stdout, "{name}");
    }
}

#[test]
fn pulling_what_is_here_takes_no_time() {
    let since = Instant::now();
    let ran = run(&["models", "pull", "--default"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("0 fetched") && since.elapsed() < Duration::from_secs(20), "{ran:?}");
}

#[test]
fn a_damaged_model_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let store = engine::models::Store::open(&folder.path().join("models"));
    let entry = store.registry().get("silero-vad").map(|model| model.files[0].clone());
    let Some(entry) = entry else { panic!("silero-vad is a known model") };
    let place = store.place(&entry);
    let made = std::fs::create_dir_all(folder.path().join("models/blobs"))
        .and_then(|()| std::fs::write(&place, vec![0; entry.bytes as usize]));
    assert!(made.is_ok());
    let mut command = medley();
    command.args(["models", "verify", "silero-vad"]).env("MEDLEY_DATA", folder.path());
    let ran = run_within(Duration::from_secs(30), command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("damaged") && ran.stderr.contains("models pull silero-vad"), "{ran:?}");
}

#[test]
fn perplexity_is_one_object() {
    let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let text = folder.path().join("text.txt");
    let handbook = std::fs::read_to_string(sample("documents/weather-station.md")).unwrap_or_default();
    assert!(std::fs::write(&text, handbook).is_ok());
    let ran = run(&["perplexity", &text.to_string_lossy(), "--json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let found = &ran.json()[0];
    assert!(found["perplexity"].as_f64().is_some_and(|p| (1.0..60.0).contains(&p)), "{found}");
    assert!(found["tokens"].as_u64().is_some_and(|n| n >= 255), "{found}");
}

#[test]
fn completions_name_every_subcommand() {
    for_each_case(["bash", "zsh", "fish", "elvish", "powershell"], |shell| {
        let ran = run(&["completions", shell]);
        match ran.status == Some(0) && SUBCOMMANDS.iter().all(|name| ran.stdout.contains(name)) {
            true => Ok(()),
            false => Err(format!("{:?}", ran.status)),
        }
    });
}

/// A program that writes a story of this many tokens, and what it prints.
fn story(max_tokens: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = medley();
    command.args(["ask", "--raw", "Once upon a time", "--json", "--max-tokens", max_tokens]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{e}"));
    let Some(stdout) = child.stdout.take() else { panic!("no stdout") };
    (child, BufReader::new(stdout))
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let (child, mut stdout) = story("200");
    let mut first = String::new();
    let read = stdout.read_line(&mut first);
    assert!(read.is_ok_and(|n| n > 0));
    // The pipe is closed.
    drop(stdout);
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_an_answer_with_130() {
    let (mut child, stdout) = story("4000");
    let mut lines = stdout.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"text\"")), "the answer begins");
    let since = Instant::now();
    // The shell's own `kill`: a bare system has no program of that name.
    let kill = format!("kill -INT {}", child.id());
    let interrupted = std::process::Command::new("sh").args(["-c", &kill]).status();
    assert!(interrupted.is_ok_and(|status| status.success()));
    let rest: Vec<String> = lines.collect();
    let status = child.wait().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(status.code(), Some(130));
    assert!(since.elapsed() < Duration::from_secs(5), "Stop answers at once");
    assert!(rest.last().is_some_and(|line| line.contains("\"cancelled\"")), "{rest:?}");
}
