//! Bad input through the real program: one clear sentence each, the rest of the request goes on.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use medley_tests::media_files::wav_header;
use medley_tests::{Ran, medley, run, run_within, sample};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"))
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap_or_else(|e| panic!("{e}"));
    path
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Asks about a bad file together with a good one: the bad one is told in one line that names it
/// and says `why`; the good one is still answered about, with evidence.
fn told_and_the_rest_goes_on(bad: &Path, why: &str) {
    let (bad, good) = (bad.to_string_lossy(), sample("pictures/coffee.png"));
    let good = good.to_string_lossy();
    let ran = run(&["ask", &bad, &good, "What is in the picture?", "--json", "--max-tokens", "4"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    one_sentence(&ran, &bad, why);
    let notices = ran.events("notice");
    let text = |event: &serde_json::Value| event["text"].as_str().unwrap_or_default().to_owned();
    assert!(notices.iter().any(|n| text(n).contains(&*bad) && text(n).contains(why)), "{notices:?}");
    let evidence = ran.events("evidence");
    assert!(evidence.iter().any(|e| e["source"] == *good), "{ran:?}");
    assert!(!ran.events("text").is_empty(), "{ran:?}");
    alone_it_is_bad_input(&bad, why);
}

fn alone_it_is_bad_input(bad: &str, why: &str) {
    let ran = run(&["ask", bad, "What is it?", "--json"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    one_sentence(&ran, bad, why);
    assert!(ran.events("text").is_empty(), "nothing is made up about it: {ran:?}");
}

fn one_sentence(ran: &Ran, file: &str, why: &str) {
    let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(file)).collect();
    assert_eq!(lines.len(), 1, "one line about {file}: {ran:?}");
    assert!(lines[0].starts_with("medley: ") && lines[0].contains(why), "{ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
}

#[test]
fn a_file_of_zero_bytes() {
    let folder = folder();
    told_and_the_rest_goes_on(&write(&folder, "nothing.png", b""), "empty");
}

#[test]
fn a_file_that_is_nothing_we_know() {
    let folder = folder();
    let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    told_and_the_rest_goes_on(
        &write(&folder, "holiday.jpg", &noise),
        "not a picture, sound, video or document",
    );
}

#[test]
fn a_renamed_file_is_known_by_its_content() {
    let folder = folder();
    let path = write(&folder, "song.mp3", &read(&sample("pictures/coffee.png")));
    let ran = run(&["ask", &path.to_string_lossy(), "What is it?", "--json", "--max-tokens", "4"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.events("evidence").iter().any(|e| e["kind"] == "picture"), "{ran:?}");
}

#[test]
fn a_video_that_was_cut_short() {
    let folder = folder();
    let whole = read(&sample("video/bigbuckbunny.mp4"));
    let path = write(&folder, "party.mp4", &whole[..whole.len() / 2]);
    let ran = run(&["ask", &path.to_string_lossy(), "What is in it?", "--json", "--max-tokens", "4"]);
    let told = ran.stderr.contains("party.mp4")
        || ran
            .events("notice")
            .iter()
            .any(|n| n["text"].as_str().is_some_and(|text| text.contains("party.mp4")));
    assert!(told && !ran.stderr.contains("panicked"), "{ran:?}");
    // Without its index nothing can be read at all.
    let none = write(&folder, "cut.mp4", &whole[..whole.len().min(2000)]);
    told_and_the_rest_goes_on(&none, "cut short");
}

/// The checksum of PNG, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    let length = u32::try_from(data.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
}

#[test]
fn a_picture_of_forty_thousand_by_forty_thousand() {
    let folder = folder();
    let side = 40_000u32.to_be_bytes();
    let header = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
    let bytes = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &[0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]),
        chunk(b"IEND", &[]),
    ];
    told_and_the_rest_goes_on(&write(&folder, "huge.png", &bytes.concat()), "too large");
}

#[test]
fn a_document_with_a_password() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/password.pdf");
    told_and_the_rest_goes_on(&path, "password");
}

#[test]
fn a_folder() {
    let folder = folder();
    told_and_the_rest_goes_on(folder.path(), "folder");
}

#[test]
fn a_file_that_is_not_there() {
    told_and_the_rest_goes_on(Path::new("no-such-file.pdf"), "no such file");
}

#[test]
fn a_video_without_sound_cannot_be_transcribed() {
    let folder = folder();
    let silent = folder.path().join("silent.mp4");
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-i"])
        .arg(sample("video/bigbuckbunny.mp4"))
        .args(["-an", "-c:v", "copy"])
        .arg(&silent)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "ffmpeg is needed: scripts/setup.sh --tests");
    let ran = run(&["transcribe", &silent.to_string_lossy(), "--json"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    one_sentence(&ran, &silent.to_string_lossy(), "no sound track");
    // In a question it is a video like any other.
    let ran = run(&["ask", &silent.to_string_lossy(), "What is in it?", "--json", "--max-tokens", "4"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn one_bad_recording_does_not_stop_the_others() {
    let folder = folder();
    let (bad, good) = (write(&folder, "bad.wav", b""), sample("speech/austen-0880.wav"));
    let ran = run(&["transcribe", &bad.to_string_lossy(), &good.to_string_lossy()]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    one_sentence(&ran, &bad.to_string_lossy(), "empty");
    assert!(ran.stdout.to_lowercase().contains("young man"), "{ran:?}");
}

/// Silence that takes no room on the disk: 16-bit mono at 16 kHz.
fn silence(folder: &TempDir, seconds: u32) -> PathBuf {
    let data = seconds * 32_000;
    let path = write(folder, "silence.wav", &wav_header(data));
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    assert!(file.and_then(|file| file.set_len(44 + u64::from(data))).is_ok());
    path
}

#[test]
fn three_hours_of_silence() {
    let folder = folder();
    let path = silence(&folder, 3 * 3600);
    let mut command = medley();
    command.args(["transcribe", "--json"]).arg(&path);
    let ran = run_within(Duration::from_secs(400), command);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.events("segment").is_empty(), "nothing is made up");
    let notices = ran.events("notice");
    assert!(
        notices.iter().any(|n| n["text"].as_str().is_some_and(|t| t.contains("no speech"))),
        "{notices:?}"
    );
    let done = &ran.events("done")[0];
    assert!(done["audio_s"].as_f64().is_some_and(|s| (s - 10_800.0).abs() < 1.0), "{done}");
    let peak = done["peak_rss_bytes"].as_u64().unwrap_or(u64::MAX);
    assert!(peak < 400 << 20, "memory does not grow with the length: {peak}");
}

/// Starts to transcribe an hour of silence with another recording after it, does something once
/// listening has begun, and returns how it ended.
fn meanwhile(folder: &TempDir, second: &Path, act: impl FnOnce(&Path)) -> Ran {
    let first = silence(folder, 3600);
    let mut command = medley();
    command.args(["transcribe", "--json"]).arg(&first).arg(second);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{e}"));
    let Some(stdout) = child.stdout.take() else { panic!("no stdout") };
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"progress\"")), "listening begins");
    act(&first);
    let stdout: Vec<String> = lines.collect();
    let output = child.wait_with_output().unwrap_or_else(|e| panic!("{e}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ran { status: output.status.code(), stdout: stdout.join("\n"), stderr }
}

#[test]
fn a_file_that_vanishes_before_its_turn() {
    let folder = folder();
    let second = write(&folder, "second.wav", &read(&sample("speech/austen-0880.wav")));
    let ran = meanwhile(&folder, &second, |_| assert!(std::fs::remove_file(&second).is_ok()));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    one_sentence(&ran, &second.to_string_lossy(), "no such file");
}

#[test]
fn a_file_that_vanishes_while_it_is_read() {
    let folder = folder();
    let second = sample("speech/austen-0880.wav");
    let ran = meanwhile(&folder, &second, |first| {
        let file = std::fs::OpenOptions::new().write(true).open(first);
        assert!(file.and_then(|file| file.set_len(0)).is_ok());
    });
    let told = ran.stderr.contains("silence.wav")
        || ran.stdout.contains("vanished")
        || ran.stdout.contains("cut short");
    assert!(told && !ran.stderr.contains("panicked"), "{ran:?}");
    assert!(ran.stdout.to_lowercase().contains("young man"), "the next recording goes on: {ran:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn no_room_for_the_result() {
    let recording = sample("speech/austen-0880.wav");
    let ran = run(&["transcribe", &recording.to_string_lossy(), "-o", "/dev/full"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    one_sentence(&ran, "/dev/full", "free some space");
    let mut command = medley();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap_or_else(|e| panic!("{e}"));
    command.args(["models", "list"]).stdout(full).stderr(Stdio::piped());
    let output = command.output().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("disk is full"), "{output:?}");
}

#[test]
fn no_network_for_a_model() {
    let folder = folder();
    let mut command = medley();
    let nowhere = "http://127.0.0.1:9";
    command
        .args(["models", "pull", "silero-vad"])
        .env("MEDLEY_DATA", folder.path())
        .env("HOME", folder.path());
    for name in ["XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "HF_HUB_CACHE", "PIP_CONFIG_FILE"] {
        command.env(name, folder.path().join("cache"));
    }
    for name in [
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "HF_ENDPOINT",
        "PIP_INDEX_URL",
    ] {
        command.env(name, nowhere);
    }
    command.env("PIP_RETRIES", "0").env("PIP_TIMEOUT", "2").env_remove("NO_PROXY").env_remove("no_proxy");
    command.env_remove("PIP_EXTRA_INDEX_URL").env_remove("PIP_FIND_LINKS");
    let ran = run_within(Duration::from_secs(120), command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("medley: ")).collect();
    assert!(lines.len() == 1 && lines[0].contains("silero-vad"), "{ran:?}");
    let store = engine::models::Store::open(&folder.path().join("models"));
    assert!(!store.is_present("silero-vad"), "nothing half-fetched counts as a model");
}

#[test]
fn a_model_that_is_not_here_says_how_to_get_it() {
    let folder = folder();
    let mut command = medley();
    command.args(["ask", "Hello?"]).env("MEDLEY_DATA", folder.path());
    let ran = run_within(Duration::from_secs(60), command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("medley models pull smollm2-135m"), "{ran:?}");
}

#[test]
fn a_model_that_was_cut_short_is_refused() {
    let folder = folder();
    let mut file = std::fs::File::create(folder.path().join("half.gguf")).unwrap_or_else(|e| panic!("{e}"));
    assert!(file.write_all(b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff").is_ok());
    let path = folder.path().join("half.gguf");
    let ran = run(&["ask", "Hello?", "--model", &path.to_string_lossy()]);
    assert!(matches!(ran.status, Some(1 | 2)), "{ran:?}");
    assert!(ran.stderr.contains("half.gguf") && !ran.stderr.contains("panicked"), "{ran:?}");
}
