//! Long and many recordings through the real program: interruptions, queues, watched folders, files, hard sound.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use medley_tests::media_files::{document, wav_header};
use medley_tests::{
    Ran, for_each_case, medley, normalised_words, run, run_within, sample, wav_samples, word_errors,
};
use serde_json::Value;
use tempfile::TempDir;

const SAMPLES: [&str; 3] = ["austen-0870", "austen-0880", "austen-0890"];

fn speech(name: &str) -> PathBuf {
    sample(&format!("speech/{name}.wav"))
}

fn said(name: &str) -> String {
    std::fs::read_to_string(sample(&format!("speech/{name}.txt"))).unwrap()
}

/// 24 sentences, four minutes, with pauses of all lengths: several windows.
fn long(folder: &Path) -> PathBuf {
    let mut samples = Vec::new();
    let pauses = [0.4, 0.8, 9.0, 0.3, 2.0, 1.2, 0.5, 12.0, 0.6, 1.0, 8.5, 0.2];
    for (i, pause_s) in pauses.into_iter().cycle().take(24).enumerate() {
        samples.extend(wav_samples(&speech(SAMPLES[i % 3])));
        samples.extend(vec![0.0; (pause_s * 16_000.0) as usize]);
    }
    let mut bytes = wav_header(u32::try_from(samples.len() * 2).unwrap());
    bytes.extend(samples.iter().flat_map(|x| ((x * 32_767.0) as i16).to_le_bytes()));
    let path = folder.join("long.wav");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All files of a folder and what is in them.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

fn names(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(name, _)| name).collect()
}

/// Waits for something that another process does.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(120), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// The shell's own `kill`: a bare system has no program of that name.
fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Windows in the journals of a cache folder.
fn n_kept(cache: &Path) -> usize {
    let journals = std::fs::read_dir(cache.join("transcripts")).into_iter().flatten().flatten();
    journals.map(|journal| std::fs::read_to_string(journal.path()).unwrap_or_default().lines().count()).sum()
}

#[cfg(unix)]
#[test]
fn a_run_that_was_paused_killed_and_stopped_gives_the_same_files_as_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("in");
    std::fs::create_dir(&recordings).unwrap();
    long(&recordings);
    // Comes first, and is finished when the other one is interrupted.
    std::fs::copy(speech("austen-0880"), recordings.join("a.wav")).unwrap();
    // How many threads compute changes nothing.
    let transcribe = |output: &str, cache: &str| {
        let mut command = medley();
        let threads = if output == "whole" { "2" } else { "1" };
        command.arg("transcribe").arg(&recordings).args(["--threads", threads, "--format", "all", "-o"]);
        command.arg(folder.path().join(output)).env("MEDLEY_CACHE", folder.path().join(cache));
        command
    };
    let ran = run_within(Duration::from_secs(180), transcribe("whole", "cache-1"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let whole = files(&folder.path().join("whole"));
    assert_eq!(whole.len(), 14, "two recordings in seven formats");
    assert_eq!(n_kept(&folder.path().join("cache-1")), 0, "what is done is not kept");

    let (output, cache) = (folder.path().join("parts"), folder.path().join("cache-2"));
    let mut child = start(transcribe("parts", "cache-2"));
    // The first recording has a window and an end.
    wait("a window is heard", || n_kept(&cache) >= 3);
    signal(&child, "STOP");
    std::thread::sleep(Duration::from_millis(500));
    let before = n_kept(&cache);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(n_kept(&cache), before, "it is paused");
    signal(&child, "CONT");
    wait("it goes on", || n_kept(&cache) > before);
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(output.join("a.srt").exists() && !output.join("long.srt").exists());
    let part = text(&output.join("long.txt.part"));
    assert!(!part.is_empty() && text(&folder.path().join("whole/long.txt")).starts_with(&part), "{part}");

    let kept = n_kept(&cache);
    let child = start(transcribe("parts", "cache-2"));
    wait("it goes on after the kill", || n_kept(&cache) > kept);
    signal(&child, "INT");
    let ran = end(child);
    if ran.status == Some(130) {
        assert!(ran.stderr.contains("the same command goes on from there"), "{ran:?}");
        assert!(output.join("long.txt.part").exists() && !output.join("long.txt").exists());
    }
    assert!(ran.stderr.contains("by an earlier run: going on"), "{ran:?}");

    let ran = run_within(Duration::from_secs(180), transcribe("parts", "cache-2"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for ((name, one), (other_name, other)) in whole.iter().zip(files(&output)) {
        assert_eq!((name, one == &other), (&other_name, true), "the same to the last byte");
    }
    assert_eq!(n_kept(&cache), 0);
    check_formats(&folder.path().join("whole"));
}

fn seconds(clock: &str) -> f64 {
    let parts = clock.split([':', ',', '.']).map(|part| part.parse::<f64>().unwrap());
    parts.zip([3600.0, 60.0, 1.0, 0.001]).map(|(a, b)| a * b).sum()
}

/// Every format has the same words, and subtitles can be read.
fn check_formats(folder: &Path) {
    let plain = text(&folder.join("long.txt"));
    let words = normalised_words(&plain);
    assert!(words.len() > 150, "{plain}");
    let json: Value = serde_json::from_str(&text(&folder.join("long.json"))).unwrap();
    assert_eq!(normalised_words(json["text"].as_str().unwrap()), words);
    let segments = json["segments"].as_array().unwrap();
    assert!(
        segments.iter().all(|s| s["confidence"].is_f64() && s["words"][0]["confidence"].is_f64()),
        "{json}"
    );
    let tsv = text(&folder.join("long.tsv"));
    assert_eq!(tsv.lines().count(), segments.len() + 1);
    assert!(tsv.lines().skip(1).all(|row| row.split('\t').count() == 3));
    for name in ["long.srt", "long.vtt"] {
        let subtitles = text(&folder.join(name));
        let (mut shown, mut before_s) = (String::new(), 0.0);
        for block in subtitles.split("\n\n").filter(|block| block.contains("-->")) {
            let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
            let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
            let (start_s, end_s) = (seconds(start), seconds(end));
            let lines: Vec<&str> = lines.collect();
            let cue = lines.join(" ");
            assert!(start_s >= before_s && end_s > start_s, "{block}");
            assert!((1..=2).contains(&lines.len()) && lines.iter().all(|line| line.len() <= 42), "{block}");
            assert!(cue.chars().count() as f64 / (end_s - start_s) <= 17.0, "{block}");
            before_s = end_s;
            shown = format!("{shown} {cue}");
        }
        assert_eq!(normalised_words(&shown), words, "{name}");
    }
    // Times stand before paragraphs.
    let without_times = |text: &str| {
        let parts = text.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
        normalised_words(&parts.collect::<Vec<_>>().join(" "))
    };
    let markdown = text(&folder.join("long.md")).replacen("# long", "", 1).replace(['*', '\\'], "");
    assert_eq!(without_times(&markdown), words);
    let document = document(&folder.join("long.docx"));
    let pages = (1..=document.page_count()).map(|number| document.page(number).unwrap());
    let lines: Vec<String> = pages.flat_map(|page| page.lines).map(|line| line.text).collect();
    assert_eq!(without_times(&lines.join(" ").replacen("long", "", 1)), words);
}

#[test]
fn a_folder_is_a_queue_and_one_bad_file_does_not_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("in");
    std::fs::create_dir_all(recordings.join("more")).unwrap();
    std::fs::copy(speech("austen-0880"), recordings.join("talk.wav")).unwrap();
    std::fs::copy(speech("austen-0890"), recordings.join("more/talk.wav")).unwrap();
    std::fs::write(recordings.join("bad.wav"), b"").unwrap();
    std::fs::write(recordings.join("notes.txt"), "no recording").unwrap();
    let (input, output) = (recordings.to_string_lossy(), folder.path().join("out"));
    let ran = run(&["transcribe", &input, "--format", "srt,json", "-o", &output.to_string_lossy()]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("bad.wav: the file is empty"), "{ran:?}");
    assert!(ran.stderr.contains("1 file is left out"), "{ran:?}");
    assert_eq!(names(&output.join("more")), ["talk.json", "talk.srt"]);
    assert!(text(&output.join("talk.srt")).to_lowercase().contains("young man"));
    // Usage that cannot work is told before anything is heard.
    let cases: [(&[&str], &str); 4] = [
        (&["--format", "srt,vtt"], "-o FOLDER"),
        (&["--format", "docx"], "-o FOLDER"),
        (&["--watch", "x"], "cannot be used with"),
        (&["--format", "srt,all"], "all"),
    ];
    for_each_case(cases, |(more, needle)| {
        let ran = run(&[&["transcribe", &*input], *more].concat());
        match ran.status == Some(2) && ran.stderr.contains(needle) && ran.stdout.is_empty() {
            true => Ok(()),
            false => Err(format!("{ran:?}")),
        }
    });
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let ran = run(&["transcribe", &*empty.to_string_lossy()]);
    assert!(ran.status == Some(2) && ran.stderr.contains("no recording in this folder"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_watched_folder_hears_what_has_stopped_growing_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    let watch = || {
        let mut command = medley();
        command.args(["transcribe", "--format", "txt,json", "--watch"]).arg(&input);
        command.arg("-o").arg(&output).env("MEDLEY_CACHE", folder.path().join("cache"));
        command
    };
    let child = start(watch());
    let whole = std::fs::read(speech("austen-0870")).unwrap();
    let talk = input.join("talk.wav");
    // It grows for longer than the folder is looked at once.
    for share in [4, 3, 2, 1] {
        std::fs::write(&talk, &whole[..whole.len() / share]).unwrap();
        std::thread::sleep(Duration::from_millis(1200));
    }
    wait("the recording is heard", || output.join("talk.json").exists());
    let (errors, n) = word_errors(&said("austen-0870"), &text(&output.join("talk.txt")));
    assert!(errors * 5 < n, "all of it was heard: {}", text(&output.join("talk.txt")));
    // Another one with the same name but for its extension.
    std::fs::copy(speech("austen-0880"), input.join("talk.wave")).unwrap();
    std::fs::write(input.join("notes.txt"), "no recording").unwrap();
    wait("the second one is heard", || output.join("talk.wave.json").exists());
    // What is done is written down after the transcripts have their names.
    wait("both are done", || text(&output.join(".medley-done.jsonl")).lines().count() == 2);
    signal(&child, "INT");
    let ran = end(child);
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert!(ran.stderr.contains("watching") && !ran.stderr.contains("medley: "), "{ran:?}");

    let before = files(&output);
    std::fs::copy(speech("austen-0890"), input.join("third.wav")).unwrap();
    let child = start(watch());
    wait("the third one is heard", || output.join("third.json").exists());
    signal(&child, "INT");
    let ran = end(child);
    assert!(!ran.stderr.contains("talk.wav"), "nothing is heard again: {ran:?}");
    let after = files(&output);
    assert!(before.iter().filter(|(name, _)| name.starts_with("talk")).all(|file| after.contains(file)));
    assert!(text(&output.join("talk.txt")) != text(&output.join("talk.wave.txt")));
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_finished_stays_when_no_more_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let (long, output) = (long(folder.path()), folder.path().join("out"));
    // Files may have 512 or 1,024 bytes, as the shell counts: a disk that is full for this process only.
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let program = medley();
    let mut command = Command::new("sh");
    command.args(["-c", limited, "sh"]).arg(program.get_program()).arg("transcribe").arg(&long);
    command.arg(speech("austen-0880")).arg("-o").arg(&output);
    command.env("MEDLEY_CACHE", folder.path().join("cache")).env_remove("RUST_LOG");
    let ran = run_within(Duration::from_secs(180), command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let failed: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("medley: ")).collect();
    assert!(failed.len() == 1 && failed[0].contains("long.txt: writing failed"), "{ran:?}");
    assert!(ran.stderr.contains("long.txt.part"), "it says where the beginning is: {ran:?}");
    let part = text(&output.join("long.txt.part"));
    assert!(part.len() > 200 && part.ends_with('\n'), "whole sentences: {part:?}");
    assert!(ran.stderr.contains("cannot be kept"), "the journal could not grow either: {ran:?}");
    assert!(text(&output.join("austen-0880.txt")).to_lowercase().contains("young man"), "the rest goes on");
    assert!(!output.join("long.txt").exists());
}

/// Makes a sound file with FFmpeg.
fn made(folder: &TempDir, name: &str, input: &Path, arguments: &[&str]) -> PathBuf {
    let path = folder.path().join(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-y", "-i"]).arg(input).args(arguments).arg(&path);
    assert!(ffmpeg.status().is_ok_and(|s| s.success()), "ffmpeg is needed: scripts/setup.sh --tests");
    path
}

fn heard(path: &Path) -> (String, Vec<String>, Ran) {
    let ran = run(&["transcribe", "--json", "--no-resume", &path.to_string_lossy()]);
    let texts = |kind: &str| -> Vec<String> {
        ran.events(kind).iter().filter_map(|event| event["text"].as_str().map(str::to_owned)).collect()
    };
    (texts("segment").join(" "), texts("notice"), ran)
}

#[test]
fn hard_sound_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let source = speech("austen-0870");
    let cases = [
        ("clipped.wav", "-af volume=18dB -c:a pcm_s16le"),
        ("telephone.wav", "-ar 8000 -c:a pcm_mulaw"),
        ("narrow.mp3", "-ar 8000 -b:a 16k"),
        ("dead-right.wav", "-af pan=stereo|c0=c0|c1=0*c0"),
        ("dead-left.flac", "-af pan=stereo|c0=0*c0|c1=c0"),
        ("dead-right.m4a", "-af pan=stereo|c0=c0|c1=0*c0 -c:a aac"),
        ("wrong-way-round.wav", "-af pan=stereo|c0=c0|c1=-1*c0"),
        ("surround.flac", "-af pan=5.1|c2=c0"),
    ];
    let expected = said("austen-0870");
    for_each_case(cases, |(name, arguments)| {
        let path = made(&folder, name, &source, &arguments.split(' ').collect::<Vec<_>>());
        let (text, notices, ran) = heard(&path);
        let (errors, n) = word_errors(&expected, &text);
        let told = |words: &str| notices.iter().any(|notice| notice.contains(words));
        let is_told = match *name {
            "dead-right.wav" | "dead-right.m4a" => told("the right channel is silent"),
            "dead-left.flac" => told("the left channel is silent"),
            "wrong-way-round.wav" => told("cancel each other"),
            _ => notices.is_empty(),
        };
        match ran.status == Some(0) && errors * 5 <= n && is_told {
            true => Ok(()),
            false => Err(format!("{errors} of {n} words are wrong in {text:?}; {notices:?}")),
        }
    });
}

#[test]
fn a_dead_channel_does_not_halve_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let source = speech("austen-0870");
    let stereo = made(&folder, "dead.wav", &source, &["-af", "pan=stereo|c0=c0|c1=0*c0"]);
    let media = medley_tests::media_files::open(&stereo).unwrap();
    let engine::media::Media::Sound(sound) = media else { panic!("no sound") };
    let mixed: Vec<f32> = sound.flat_map(|block| block.unwrap()).collect();
    let whole = wav_samples(&source);
    assert_eq!(mixed.len(), whole.len());
    assert!(mixed.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn a_stream_that_goes_on_as_another_one_is_heard_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let cases =
        [("ogg", "libvorbis", "22050"), ("mp3", "libmp3lame", "22050"), ("mp3", "libmp3lame", "44100")];
    for (extension, codec, rate) in cases {
        let part = |name: &str, source: &str, rate: &str| {
            let file = format!("{name}.{extension}");
            made(&folder, &file, &speech(source), &["-ar", rate, "-c:a", codec, "-map_metadata", "-1"])
        };
        let parts = [part("one", "austen-0870", "44100"), part("two", "austen-0890", rate)];
        let bytes: Vec<u8> = parts.iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
        let path = folder.path().join(format!("both.{extension}"));
        std::fs::write(&path, bytes).unwrap();
        let (text, notices, ran) = heard(&path);
        let expected = format!("{} {}", said("austen-0870"), said("austen-0890"));
        let (errors, n) = word_errors(&expected, &text);
        assert!(
            ran.status == Some(0) && errors * 5 <= n,
            "{extension}: {errors} of {n}: {text:?} {notices:?}"
        );
    }
}

#[test]
fn of_a_stream_that_breaks_off_in_nonsense_what_came_before_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    // A decoder that was made for one rate cannot make sense of the other.
    let part = |name: &str, source: &str, rate: &str| {
        std::fs::read(made(&folder, name, &speech(source), &["-ar", rate, "-c:a", "aac"])).unwrap()
    };
    let bytes = [part("one.aac", "austen-0870", "44100"), part("two.aac", "austen-0890", "22050")].concat();
    let path = folder.path().join("both.aac");
    std::fs::write(&path, bytes).unwrap();
    let (text, notices, ran) = heard(&path);
    let (errors, n) = word_errors(&said("austen-0870"), &text);
    assert!(ran.status == Some(0) && errors * 5 <= n, "{errors} of {n}: {text:?} {ran:?}");
    assert!(notices.iter().any(|notice| notice.contains("could be read only up to")), "{notices:?}");
}

#[test]
fn of_a_recording_that_is_cut_short_the_beginning_is_heard_and_the_loss_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let long = long(folder.path());
    let beginning = said("austen-0870");
    let cases = [
        ("cut.wav", ""),
        ("cut.flac", "-c:a flac"),
        ("cut.mp3", "-b:a 48k"),
        ("cut.ogg", "-c:a libvorbis"),
        ("cut.mkv", "-c:a aac"),
    ];
    for_each_case(cases, |(name, arguments)| {
        let arguments: Vec<&str> = arguments.split(' ').filter(|argument| !argument.is_empty()).collect();
        let whole = std::fs::read(made(&folder, name, &long, &arguments)).unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &whole[..whole.len() / 3]).unwrap();
        let (text, notices, ran) = heard(&path);
        let n = normalised_words(&beginning).len();
        let first = normalised_words(&text).into_iter().take(n).collect::<Vec<_>>().join(" ");
        let (errors, n) = word_errors(&beginning, &first);
        // A stream without an index does not know that more was to come.
        let is_told = notices.iter().any(|notice| notice.contains("cut short") || notice.contains("missing"));
        match ran.status == Some(0) && errors * 4 <= n && is_told {
            true => Ok(()),
            false => Err(format!("{errors} of {n} words are wrong in {text:?}; {notices:?}; {}", ran.stderr)),
        }
    });
}
