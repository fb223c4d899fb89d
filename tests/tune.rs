//! Tuning with a real, quantised decoder: gradients, runs that go on, adapters as PEFT writes them.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use engine::decoder::{CacheFormat, Input, Scored, log_probability};
use engine::models::Store;
use engine::tune::form::Asked;
use engine::tune::puzzles::Puzzle;
use engine::tune::reasoner::{Reasoner, Term, Wanted};
use engine::tune::{Adapter, DecoderReasoner, Form, Method, TuneEvent, TuneOptions, Tuned, Tuning};
use engine::{Cancel, LanguageModel};
use medley_tests::{for_each_case, run};

fn model() -> Arc<LanguageModel> {
    static MODEL: OnceLock<Arc<LanguageModel>> = OnceLock::new();
    let load = || {
        let path = Store::open_default().unwrap().file("smollm2-135m", "model").unwrap();
        Arc::new(LanguageModel::load(&path).unwrap())
    };
    MODEL.get_or_init(load).clone()
}

fn small() -> Tuned {
    Tuned::LowRank {
        rank: 4,
        alpha: 8.0,
        targets: vec!["q_proj".into(), "v_proj".into(), "down_proj".into()],
    }
}

fn reasoner(tuned: &Tuned) -> DecoderReasoner {
    let examples = Puzzle::Arithmetic.examples(8, 2, 1, 3);
    let form = Form::of(&examples, 2);
    DecoderReasoner::new(model(), form, examples, tuned, Asked::Steps, 5, 24).unwrap()
}

/// What the chains of two questions count, at parameters that are moved along a direction.
fn likelihood(reasoner: &mut DecoderReasoner, from: &[f32], along: &[f32], step: f32) -> (f64, Vec<f32>) {
    let moved = from.iter().zip(along).map(|(x, d)| x + step * d).collect();
    reasoner.set_parameters(moved).unwrap();
    let chains = [reasoner.direct(3).unwrap(), reasoner.direct(4).unwrap()];
    let terms: Vec<_> = chains
        .iter()
        .zip([0.7, -0.2])
        .enumerate()
        .map(|(i, (chain, weight))| Term { example: 3 + i, chain, weight })
        .collect();
    let gradient = reasoner.gradient(&terms, &Cancel::new()).unwrap().unwrap();
    (gradient.log_p[0] * 0.7 - gradient.log_p[1] * 0.2, gradient.of)
}

/// Through blocks of four bits: along the gradient the likelihood grows as much as the gradient says.
#[test]
fn gradients_of_a_quantised_decoder_are_those_of_finite_differences() {
    // Activations are rounded to 15 bits on the way there: along a prompt one difference alone is up to 6 % off.
    let lengths: [&[f64]; 2] = [&[0.02], &[0.01, 0.02, 0.04, 0.08]];
    for (tuned, lengths) in [small(), Tuned::Prompt { tokens: 4 }].into_iter().zip(lengths) {
        let mut reasoner = reasoner(&tuned);
        let mut from = reasoner.parameters().to_vec();
        // B begins as zero, where A has no gradient.
        from.iter_mut().enumerate().for_each(|(i, x)| *x += 0.01 * ((i * 7 % 13) as f32 - 6.0) / 6.0);
        let (_, gradient) = likelihood(&mut reasoner, &from, &from, 0.0);
        let squared: f64 = gradient.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
        assert!(squared > 0.0);
        let difference = |length: &f64| {
            let step = (length / squared.sqrt()) as f32;
            let (above, _) = likelihood(&mut reasoner, &from, &gradient, step);
            let (below, _) = likelihood(&mut reasoner, &from, &gradient, -step);
            (above - below) / (2.0 * f64::from(step))
        };
        let found: Vec<f64> = lengths.iter().map(difference).collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        assert!((mean - squared).abs() < 0.05 * squared, "{tuned:?}: {found:?}, the gradient says {squared}");
    }
}

#[test]
fn log_probabilities_are_the_decoders_own() {
    let model = model();
    let ids = |text: &str| model.encode(text).unwrap().into_iter().map(|token| token.0).collect::<Vec<u32>>();
    let (beginning, tokens) = (ids("The capital of France is Paris."), ids(" The capital of Italy is Rome."));
    let text = Scored { tokens: tokens.clone(), first: 1, weight: 1.0 };
    let found = model
        .decoder()
        .gradients(&Input::from(&beginning[..]), &[text], &Default::default(), &Cancel::new())
        .unwrap()
        .unwrap();
    let all: Vec<u32> = beginning.iter().chain(&tokens).copied().collect();
    let mut state = model.decoder().new_state(CacheFormat::F32).unwrap();
    let expected: f64 = model
        .decoder()
        .score(&all, beginning.len() + 1, &mut state, &Cancel::new(), |logits, token| {
            log_probability(logits, token)
        })
        .unwrap()
        .unwrap()
        .into_iter()
        .sum();
    assert!((found.log_p[0] - expected).abs() < 0.02, "{} {expected}", found.log_p[0]);
}

/// What was drawn has the tokens that its text has, and the probability that it was drawn with.
#[test]
fn chains_that_share_their_exemplars_are_those_that_are_written_alone() {
    let mut reasoner = reasoner(&small());
    let wanted: Vec<Wanted> =
        (2..6).map(|example| Wanted { example, asked: Asked::Steps, seed: None }).collect();
    let together = reasoner.propose(&wanted, &Cancel::new()).unwrap().unwrap();
    for (wanted, chain) in wanted.iter().zip(&together) {
        let alone = reasoner.propose(&[*wanted], &Cancel::new()).unwrap().unwrap();
        assert_eq!(alone[0].tokens, chain.tokens);
        assert!(!chain.tokens.is_empty());
    }
}

fn options(method: Method) -> TuneOptions {
    TuneOptions {
        model: "smollm2-135m".into(),
        method,
        tuned: small(),
        steps: 4,
        batch: 4,
        max_tokens: 24,
        exemplars: 2,
        held_out: 2,
        check_every: 0,
        save_every: 2,
        rate: 2e-3,
        ..TuneOptions::default()
    }
}

fn tune(options: &TuneOptions, out: &Path, resume: bool, stop_after: Option<usize>) -> Vec<TuneEvent> {
    let cancel = Cancel::new();
    let examples = Puzzle::Boolean.examples(12, 2, 1, 3);
    let run = Tuning::new(model(), examples, options.clone(), Some(out), resume, &cancel).unwrap();
    let mut events = Vec::new();
    for event in run {
        let event = event.unwrap();
        if matches!(&event, TuneEvent::Step { step, .. } if Some(*step) == stop_after) {
            cancel.cancel();
        }
        events.push(event);
    }
    events
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_adapter() {
    for method in [Method::Trice, Method::Direct] {
        let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let adapter = |folder: &Path| std::fs::read(folder.join("adapter_model.safetensors")).unwrap();
        let options = options(method);
        let events = tune(&options, whole.path(), false, None);
        assert!(matches!(events.last(), Some(TuneEvent::Done { step: 4, .. })), "{events:?}");
        tune(&options, parts.path(), false, Some(2));
        assert!(!parts.path().join("adapter_model.safetensors").exists());
        let other = TuneOptions { seed: 9, ..options.clone() };
        let examples = Puzzle::Boolean.examples(12, 2, 1, 3);
        let refused = Tuning::new(model(), examples, other, Some(parts.path()), true, &Cancel::new());
        assert!(refused.err().unwrap().to_string().contains("other options"));
        tune(&options, parts.path(), true, None);
        assert_eq!(adapter(whole.path()), adapter(parts.path()), "{method:?}");
        assert!(!parts.path().join("checkpoint.safetensors").exists());
    }
}

#[test]
fn direct_tuning_makes_answers_likelier_and_its_adapter_does_too_when_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let options = TuneOptions { steps: 8, ..options(Method::Direct) };
    let events = tune(&options, folder.path(), false, None);
    let losses: Vec<f64> = events
        .iter()
        .filter_map(|event| if let TuneEvent::Step { loss, .. } = event { *loss } else { None })
        .collect();
    assert!(losses[7] < losses[0], "{losses:?}");
    let config = std::fs::read_to_string(folder.path().join("adapter_config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        (&config["peft_type"], &config["r"], &config["lora_alpha"]),
        (&"LORA".into(), &4.into(), &8.0.into())
    );
    // By the rules of PEFT, for queries in the order of transformers.
    let bytes = std::fs::read(folder.path().join("adapter_model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let name = "base_model.model.model.layers.29.self_attn.q_proj.lora_B.weight";
    assert_eq!(file.tensor(name).unwrap().shape(), [576, 4]);
    assert_eq!(file.names().len(), 2 * 3 * 30);
    let base = model();
    let adapter = Adapter::load(folder.path(), &base).unwrap();
    let tuned = base.adapted(adapter.layers()).unwrap();
    let score = |model: &LanguageModel| {
        let example = &Puzzle::Arithmetic.examples(8, 2, 1, 3)[5];
        let prompt = adapter.prompt(&base, &example.question).unwrap();
        let mut state = model.decoder().new_state(CacheFormat::F32).unwrap();
        let logits = model.decoder().forward(&prompt, &mut state, &Cancel::new()).unwrap().unwrap();
        log_probability(&logits, base.encode(" The").unwrap()[0].0)
    };
    let (before, after) = (score(&base), score(&tuned));
    assert!(after > before - 0.5 && (after - before).abs() > 1e-4, "{before} {after}");
    let again = Adapter::load(Path::new("/"), &base).err().unwrap().to_string();
    assert!(again.contains("is no adapter"), "{again}");
}

#[test]
fn ask_uses_an_adapter_and_without_one_answers_as_before() {
    let folder = tempfile::tempdir().unwrap();
    tune(
        &TuneOptions { tuned: Tuned::Prompt { tokens: 0 }, ..options(Method::Direct) },
        folder.path(),
        false,
        None,
    );
    let path = folder.path().to_string_lossy().into_owned();
    let question = &Puzzle::Boolean.examples(12, 2, 1, 3)[11].question;
    let ask = |more: &[&str]| {
        let mut arguments = vec!["ask", question, "--json", "--max-tokens", "16"];
        arguments.extend(more);
        let ran = run(&arguments);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran.events("text")
            .iter()
            .filter_map(|event| event["text"].as_str().map(str::to_owned))
            .collect::<String>()
    };
    let (plain, tuned) = (ask(&[]), ask(&["--adapter", &path]));
    assert!(tuned.contains("The answer is"), "{tuned}");
    assert_ne!(plain, tuned);
    assert_eq!(plain, ask(&[]));
    let ran = run(&["ask", "What is 3 + 4?", "--adapter", "no-such-folder"]);
    assert!(ran.status == Some(2) && ran.stderr.contains("is no adapter"), "{ran:?}");
}

#[test]
fn several_chains_vote() {
    let ran = run(&["ask", "What is 2 + 3?", "--think", "3", "--max-tokens", "60", "--seed", "1", "--json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let thoughts = ran.events("thought");
    assert_eq!(thoughts.len(), 4, "{ran:?}");
    assert!(thoughts.iter().all(|thought| thought["text"].is_string()));
    assert_eq!(ran.events("done").len(), 1);
    assert!(!ran.events("text").is_empty());
}

#[test]
fn bad_questions_are_named_before_anything_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").to_string_lossy().into_owned();
    let good = "{\"question\": \"1 + 1?\", \"answer\": \"2\"}\n";
    for_each_case(
        [
            (format!("{good}\n{good}"), "line 2: the line is empty"),
            (format!("{good}{{\"question\": \"1?\"}}\n"), "line 2: the answer is missing"),
            (format!("{good}nonsense\n"), "line 2: this is no such object"),
            (String::new(), "has 0 questions"),
        ],
        |(text, expected)| {
            let data = folder.path().join("data.jsonl");
            std::fs::write(&data, text).unwrap();
            let ran = run(&["tune", &data.to_string_lossy(), "--out", &out]);
            match ran.status == Some(2)
                && ran.stderr.contains(expected)
                && ran.stderr.trim().lines().count() == 1
            {
                true => Ok(()),
                false => Err(format!("{ran:?}")),
            }
        },
    );
    let ran = run(&["tune", "no-such-file.jsonl", "--out", &out]);
    assert!(ran.status == Some(2) && ran.stderr.contains("no-such-file.jsonl"), "{ran:?}");
    assert!(!Path::new(&out).exists());
}

/// Nobody can find out that the answer is this; the run says so and ends.
#[test]
fn answers_that_nobody_reaches_end_the_run() {
    let mut examples = Puzzle::Arithmetic.examples(12, 2, 1, 3);
    examples[2..].iter_mut().for_each(|example| example.answer = "qfxzzt 77141 wvu".into());
    for method in [Method::Rejection, Method::Star] {
        let options = TuneOptions { steps: 50, batch: 8, max_tokens: 8, held_out: 0, ..options(method) };
        let run = Tuning::new(model(), examples.clone(), options, None, false, &Cancel::new()).unwrap();
        let error = run.filter_map(Result::err).next().unwrap().to_string();
        assert!(error.contains("reached a right answer"), "{error}");
    }
}

/// 135 million numbers in four bits, 512 tokens: within 3 GiB.
#[test]
fn tuning_at_512_tokens_stays_within_its_memory() {
    let folder = tempfile::tempdir().unwrap();
    let long = "The cat sat on the mat. ".repeat(62);
    let line =
        serde_json::json!({"question": format!("{long} How many sentences?"), "answer": "62"}).to_string();
    let other = serde_json::json!({"question": format!("{long} Who sat?"), "answer": "The cat"}).to_string();
    let data = folder.path().join("data.jsonl");
    std::fs::write(&data, format!("{line}\n{other}\n")).unwrap();
    let out = folder.path().join("out");
    let (data, out) = (data.to_string_lossy(), out.to_string_lossy());
    let ran = run(&[
        "tune",
        &data,
        "--out",
        &out,
        "--method",
        "direct",
        "--steps",
        "1",
        "--batch",
        "2",
        "--held-out",
        "0",
        "--exemplars",
        "0",
        "--json",
    ]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let peak = ran.events("memory")[0]["peak_rss_bytes"].as_u64().unwrap();
    assert!(peak < 3 << 30, "{peak} bytes");
}
