//! A folder in which recordings appear.
//!
//! It is looked through every second: this sees what other machines put on a shared disk, which notices of the file
//! system do not. A recording is heard once it has stopped growing. What is done stands in a file beside the transcripts,
//! so that a run that starts anew repeats nothing.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::tasks::transcribe::format::Format;
use serde::{Deserialize, Serialize};

use super::super::failure::{Failure, Outcome};
use super::super::progress::say;
use super::outputs::Place;
use super::queue::{self, Recording};
use super::{Run, Stop};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// A file that has not changed for so long is whole.
const SETTLED: Duration = Duration::from_secs(3);

/// What is done, in the folder of the transcripts: a line of JSON for each recording.
const DONE: &str = ".medley-done.jsonl";

/// A file as it was seen last.
struct Seen {
    size: u64,
    changed: Option<SystemTime>,
    since: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may still grow.
    New,
    /// It waits to be heard.
    Recording,
    /// It is heard, cannot be heard, or is no recording.
    Over,
}

/// What was made of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Done {
    /// The recording, from the watched folder on.
    recording: PathBuf,
    size: u64,
    /// Nanoseconds since 1970.
    changed: u64,
    /// The name of the transcripts without an extension.
    name: String,
    formats: Vec<String>,
}

/// What is done, by recording.
struct Ledger {
    path: PathBuf,
    done: BTreeMap<PathBuf, Done>,
}

impl Ledger {
    /// Lines that a kill cut off count for nothing: that recording is heard again.
    fn load(folder: &Path) -> Self {
        let path = folder.join(DONE);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Done>(line).ok());
        Self { path, done: lines.map(|done| (done.recording.clone(), done)).collect() }
    }

    /// The name that a recording's transcripts have, or one that no other recording's have.
    fn name(&self, recording: &Recording, key: &Path) -> String {
        if let Some(done) = self.done.get(key) {
            return done.name.clone();
        }
        let is_beside = |done: &&Done| done.recording.parent().unwrap_or(Path::new("")) == recording.folder;
        let others: Vec<&Done> = self.done.values().filter(is_beside).collect();
        queue::free_name(&recording.path, |name| {
            others.iter().any(|done| done.name.eq_ignore_ascii_case(name))
        })
    }

    /// Whether this recording was heard as it is now, and all that is wanted is there.
    fn has(&self, key: &Path, seen: &Seen, formats: &[Format], exists: impl Fn(Format) -> bool) -> bool {
        self.done.get(key).is_some_and(|done| {
            (done.size, done.changed) == (seen.size, nanos(seen.changed))
                && formats.iter().all(|format| done.formats.iter().any(|name| name == format.name()))
                && formats.iter().all(|format| exists(*format))
        })
    }

    fn add(&mut self, done: Done) -> Outcome {
        let failed = |e: std::io::Error| Failure::writing(&self.path, &e);
        let mut line = serde_json::to_vec(&done).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).map_err(failed)?;
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(failed)?;
        self.done.insert(done.recording.clone(), done);
        Ok(())
    }
}

fn nanos(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// Transcribes what is in a folder and what appears in it, until it is stopped.
pub fn run(run: &mut Run, folder: &Path) -> Outcome {
    let output = run.args.output.clone().unwrap_or_else(|| folder.to_path_buf());
    queue::files_below(folder)?;
    std::fs::create_dir_all(&output).map_err(|e| Failure::writing(&output, &e))?;
    let mut ledger = Ledger::load(&output);
    let place = Place::Folder(output);
    say(&format!("watching {}; Ctrl-C ends it", folder.display()));
    let (mut seen, mut is_lost) = (BTreeMap::new(), false);
    while !run.cancel.is_cancelled() {
        match queue::files_below(folder) {
            Ok(files) => {
                is_lost = false;
                look(&mut seen, files);
                hear(run, folder, &place, &mut seen, &mut ledger)?;
            }
            Err(failure) if !is_lost => {
                is_lost = true;
                say(&format!("note: {failure}; waiting for it"));
            }
            Err(_) => {}
        }
        let looked = Instant::now();
        while looked.elapsed() < EVERY && !run.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Takes note of what is new, what changed and what went.
fn look(seen: &mut BTreeMap<PathBuf, Seen>, files: Vec<PathBuf>) {
    seen.retain(|path, _| files.binary_search(path).is_ok());
    for path in files {
        let Ok(about) = path.metadata() else { continue };
        let (size, changed) = (about.len(), about.modified().ok());
        let now = seen.entry(path.clone()).or_insert_with(|| {
            // What has lain there for a while need not be waited for.
            let age = changed.and_then(|at| at.elapsed().ok()).unwrap_or_default();
            let since = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
            Seen { size, changed, since, state: State::New }
        });
        if (now.size, now.changed) != (size, changed) {
            *now = Seen { size, changed, since: Instant::now(), state: State::New };
        }
        if now.state == State::New && now.since.elapsed() >= SETTLED && size > 0 {
            now.state = if queue::is_recording(&path) { State::Recording } else { State::Over };
        }
    }
}

/// Hears what has settled and is not done. What cannot be heard is tried again when it changes.
fn hear(
    run: &mut Run,
    folder: &Path,
    place: &Place,
    seen: &mut BTreeMap<PathBuf, Seen>,
    ledger: &mut Ledger,
) -> Outcome {
    for (path, seen) in seen.iter_mut().filter(|(_, seen)| seen.state == State::Recording) {
        if run.cancel.is_cancelled() {
            break;
        }
        seen.state = State::Over;
        let key = path.strip_prefix(folder).unwrap_or(path).to_path_buf();
        let mut recording = queue::recording(path, folder);
        recording.name = ledger.name(&recording, &key);
        let formats = &run.args.format.0;
        let exists = |format| place.path(&recording, format).is_some_and(|path| path.is_file());
        if ledger.has(&key, seen, formats, exists) {
            continue;
        }
        let done = Done {
            recording: key,
            size: seen.size,
            changed: nanos(seen.changed),
            name: recording.name.clone(),
            formats: formats.iter().map(|format| format.name().to_owned()).collect(),
        };
        match run.recording(&recording, place, None) {
            Ok(_) if run.cancel.is_cancelled() => {}
            Ok(_) => {
                ledger.add(done)?;
                run.forget();
            }
            Err(Stop::All(failure)) => return Err(failure),
            Err(Stop::File(failure)) => run.told(path, &failure)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(size: u64) -> Seen {
        Seen { size, changed: Some(UNIX_EPOCH), since: Instant::now(), state: State::Recording }
    }

    #[test]
    fn what_is_done_is_known_after_a_restart_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::load(folder.path());
        let talk = queue::recording(Path::new("in/talk.mp3"), Path::new("in"));
        let key = Path::new("talk.mp3");
        let name = ledger.name(&talk, key);
        assert_eq!(name, "talk");
        let formats = vec!["srt".to_owned()];
        ledger.add(Done { recording: key.into(), size: 5, changed: 0, name, formats }).unwrap();
        // A kill in the middle of a line.
        let mut file = OpenOptions::new().append(true).open(folder.path().join(DONE)).unwrap();
        file.write_all(br#"{"recording":"x"#).unwrap();
        let ledger = Ledger::load(folder.path());
        assert!(ledger.has(key, &seen(5), &[Format::Srt], |_| true));
        assert!(!ledger.has(key, &seen(6), &[Format::Srt], |_| true), "it grew");
        assert!(!ledger.has(key, &seen(5), &[Format::Srt], |_| false), "its transcript is gone");
        assert!(!ledger.has(key, &seen(5), &[Format::Vtt], |_| true), "another format is wanted");
        let other = queue::recording(Path::new("in/talk.wav"), Path::new("in"));
        assert_eq!(ledger.name(&other, Path::new("talk.wav")), "talk.wav");
        assert_eq!(ledger.name(&talk, key), "talk");
    }
}
