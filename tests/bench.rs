//! `medley bench`: rows with the fields of the contract.

use medley_tests::run;
use serde_json::Value;

#[test]
fn bench_rows_have_the_fields_of_the_contract() {
    let ran = run(&[
        "bench",
        "--json",
        "--decoder-only",
        "--runs",
        "1",
        "--prompt",
        "64",
        "--generate",
        "8",
        "--depth",
        "32,0,300",
    ]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for (phase, tokens) in [("prefill", 64), ("decode", 8)] {
        let rows: Vec<Value> = ran.json().into_iter().filter(|row| row["phase"] == phase).collect();
        // From the least depth to the greatest.
        let depths: Vec<_> = rows.iter().filter_map(|row| row["depth"].as_u64()).collect();
        assert_eq!(depths, [0, 32, 300], "{ran:?}");
        for row in &rows {
            assert!(row["model"] == "smollm2-135m" && row["tokens"] == tokens, "{row}");
            assert!(row["tokens_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{row}");
            assert!(row["threads"].as_u64().is_some_and(|n| n > 0) && row["device"].is_string(), "{row}");
            assert!(row["share"].as_f64().is_some_and(|share| share > 0.0), "{row}");
        }
        // A token looks back on all before it, and goes through the same weights.
        let of = |i: usize, what: &str| rows[i]["step"][what].as_u64().unwrap_or_default();
        assert!(of(0, "cache_bytes") < of(1, "cache_bytes") && of(1, "cache_bytes") < of(2, "cache_bytes"));
        assert!(of(0, "bytes") > 0 && of(0, "bytes") == of(1, "bytes") && of(1, "bytes") == of(2, "bytes"));
    }
    let machine = ran.json().into_iter().find(|row| row["phase"] == "machine").unwrap_or_default();
    for what in ["read_bytes_per_s", "byte_products_per_s"] {
        assert!(machine[what].as_f64().is_some_and(|rate| rate > 1e8), "{machine}");
    }
    assert!(machine["instructions"].is_string(), "{machine}");
}

/// Without a recording nothing is transcribed; the program is started with nothing kept, with what was kept, and where
/// the system can forget files also with weights that are no longer in memory.
#[test]
fn the_bench_measures_a_first_a_warm_and_a_cold_start() {
    let sizes = ["--runs", "1", "--prompt", "8", "--generate", "4", "--threads", "2"];
    let ran = run(&[&["bench", "--json", "--recording", "none.wav"][..], &sizes].concat());
    assert!(ran.status == Some(0) && ran.stderr.contains("none.wav: no such recording"), "{ran:?}");
    assert!(ran.json().iter().all(|row| row["phase"] != "transcribe"), "{ran:?}");
    let starts: Vec<Value> = ran.json().into_iter().filter(|row| row["phase"] == "cold_start").collect();
    let [start] = &starts[..] else { panic!("one start: {ran:?}") };
    assert_eq!(start["model"], "smollm2-135m");
    for what in ["first_start_s", "first_token_s"] {
        assert!(start[what].as_f64().is_some_and(|seconds| seconds > 0.0), "{what}: {start}");
    }
    let cold = &start["cold_first_token_s"];
    assert!(cold.is_null() || cold.as_f64().is_some_and(|seconds| seconds > 0.0), "{start}");
    let peak = &start["peak_rss_bytes"];
    assert!(peak.as_u64().is_some_and(|bytes| bytes > 1 << 20) || !cfg!(target_os = "linux"), "{start}");
}
