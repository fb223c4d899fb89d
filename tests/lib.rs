//! Test helpers.

pub mod asking;

pub mod diarisation;

pub mod media_files;

pub mod painter;

pub mod panes;

pub mod reading;

pub mod shelf;

pub mod tape;

pub mod window;

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::models::Store;
use engine::perception::speech::SpeechModels;
use serde_json::Value;

/// The default speech model, loaded once.
pub fn tiny_whisper() -> Arc<SpeechModels> {
    static MODELS: OnceLock<Arc<SpeechModels>> = OnceLock::new();
    let load = || {
        let store = Store::open_default().unwrap();
        Arc::new(SpeechModels::load(&store, "whisper-tiny.en").unwrap())
    };
    MODELS.get_or_init(load).clone()
}

/// Words of a transcript, for comparing: lower case, no punctuation, hyphens split.
pub fn normalised_words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace("mr.", "mister")
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How many words must be changed, added or removed to get from `heard` to `said`, and how many
/// words were said.
pub fn word_errors(said: &str, heard: &str) -> (usize, usize) {
    let (said, heard) = (normalised_words(said), normalised_words(heard));
    (edits(&said, &heard), said.len())
}

/// The share of characters that must be changed, added or removed to get from `read` to `printed`.
pub fn character_error_rate(printed: &str, read: &str) -> f64 {
    let (printed, read): (Vec<char>, Vec<char>) = (printed.chars().collect(), read.chars().collect());
    edits(&printed, &read) as f64 / printed.len().max(1) as f64
}

/// Levenshtein's distance.
fn edits<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, one) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let best = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(one != other));
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

/// The samples of a 16-bit mono WAV file, −1 to 1.
pub fn wav_samples(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let data = bytes.windows(4).position(|tag| tag == b"data").map(|at| &bytes[at + 8..]);
    let data = data.unwrap_or_else(|| panic!("{} is not a WAV file", path.display()));
    data.chunks_exact(2).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
}

/// A file of `assets/samples`.
pub fn sample(path: &str) -> PathBuf {
    root().join("assets/samples").join(path)
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Every value of `found` is within `tolerance` of `expected`; shapes are compared first.
///
/// # Panics
/// When it is not so, with the worst place.
pub fn assert_close(found: &[f32], found_shape: &[usize], expected: &[f32], shape: &[usize], tolerance: f32) {
    assert_eq!(found_shape, shape, "shapes differ");
    assert_eq!(found.len(), expected.len(), "lengths differ");
    let off = |i: usize| (found[i] - expected[i]).abs();
    // Not a number is the worst of all.
    let worst = (0..found.len()).max_by(|a, b| off(*a).total_cmp(&off(*b)));
    if let Some(i) = worst {
        assert!(off(i) <= tolerance, "at {i}: {} is not {} ± {tolerance}", found[i], expected[i]);
    }
}

/// Runs a check over every case and reports all that fail, not only the first.
///
/// # Panics
/// When any case fails.
pub fn for_each_case<C: std::fmt::Debug>(
    cases: impl IntoIterator<Item = C>,
    check: impl Fn(&C) -> Result<(), String>,
) {
    let failed: Vec<String> = cases
        .into_iter()
        .filter_map(|case| check(&case).err().map(|why| format!("{case:?}: {why}")))
        .collect();
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
}

/// How a run of the real program ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
}

impl Ran {
    /// Stdout as JSON, one object per line.
    ///
    /// # Panics
    /// When a line is not JSON.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The events of one kind.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.json().into_iter().filter(|event| event["event"] == kind).collect()
    }
}

/// The real program, built once for each test process when it is not up to date.
///
/// # Panics
/// When it cannot be built.
pub fn medley() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        // target/release/deps/this-test
        let test = std::env::current_exe().unwrap_or_default();
        let folder =
            test.ancestors().nth(2).unwrap_or_else(|| panic!("{}: unexpected place", test.display()));
        let program = folder.join(format!("medley{}", std::env::consts::EXE_SUFFIX));
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The whole workspace, as `make` builds it, so that features are the same and nothing is built twice.
        build.args(["build", "--quiet", "--workspace", "--target-dir"]);
        build.arg(folder.parent().unwrap_or(folder)).current_dir(root());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        // What cargo told this test of its own package is nothing to the build: build scripts that look at it would
        // run again, here and at the next build, and with them half of the workspace.
        let of_package = |(name, _): &(OsString, OsString)| {
            let name = name.to_string_lossy();
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"].iter().any(|prefix| name.starts_with(prefix))
        };
        for (name, _) in std::env::vars_os().filter(of_package) {
            build.env_remove(name);
        }
        let built = build.status();
        assert!(built.is_ok_and(|status| status.success()), "run `make build` first");
        // What an earlier test kept is no part of this one; most often there is no such folder.
        drop(std::fs::remove_dir_all(test_cache(&program)));
        program
    });
    let mut command = Command::new(program);
    command.current_dir(root()).env_remove("RUST_LOG");
    // What tests read is nothing to keep in the user's folder.
    command.env("MEDLEY_CACHE", test_cache(program));
    command
}

fn test_cache(program: &Path) -> PathBuf {
    program.with_file_name("test-cache")
}

/// Runs the program to its end, at most `limit` long.
///
/// # Panics
/// When it does not start or does not end in time.
pub fn run_within(limit: Duration, mut command: Command) -> Ran {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let since = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if since.elapsed() > limit => {
                drop(child.kill());
                panic!("{command:?} did not end within {limit:?}");
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => panic!("{command:?}: {error}"),
        }
    };
    let text = |reader: JoinHandle<Vec<u8>>| {
        String::from_utf8(reader.join().unwrap_or_default()).unwrap_or_else(|e| panic!("not UTF-8: {e}"))
    };
    Ran { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs the program with arguments, at most three minutes long.
///
/// # Panics
/// As [`run_within`].
pub fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Ran {
    let mut command = medley();
    command.args(arguments);
    run_within(Duration::from_secs(180), command)
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_errors_count_changes_insertions_and_losses() {
        assert_eq!(word_errors("He was not ill-disposed.", "he was not ill disposed"), (0, 5));
        assert_eq!(word_errors("a b c d", "a x c"), (2, 4));
        assert_eq!(word_errors("a", "a b c"), (2, 1));
        assert_eq!(word_errors("", ""), (0, 0));
    }

    #[test]
    fn character_errors_are_a_share_of_what_is_printed() {
        assert!((character_error_rate("abcd", "abxd") - 0.25).abs() < 1e-9);
        assert!((character_error_rate("ab", "") - 1.0).abs() < 1e-9);
    }

    #[test]
    #[should_panic(expected = "shapes differ")]
    fn a_truncated_result_is_not_close() {
        assert_close(&[1.0], &[1], &[1.0, 2.0], &[2], 0.1);
    }

    #[test]
    #[should_panic(expected = "at 1")]
    fn not_a_number_is_not_close() {
        assert_close(&[1.0, f32::NAN], &[2], &[1.0, 2.0], &[2], 0.1);
    }
}
