//! What a crash leaves behind: one file in the data folder, for the person alone. It holds the version, the system, the
//! place in the program and how it got there, and nothing that the person wrote or opened.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

use crate::state::CrashReport;

/// The folder in the data folder.
pub const FOLDER: &str = "crashes";

/// Most reports that are kept.
const MOST_REPORTS: usize = 5;

/// Longest part of a report that is shown.
const MOST_BYTES: usize = 64 * 1024;

/// Threads whose panic ends the program or its memory. The others catch what happens to them and tell it as the failure
/// of what they did: a damaged file is no crash.
const THREADS: [&str; 2] = ["main", "storage"];

/// Messages of the standard library that name numbers, never content.
const HARMLESS: [&str; 7] = [
    "index out of bounds",
    "attempt to",
    "called `Option::unwrap()`",
    "range start index",
    "range end index",
    "slice index starts at",
    "already borrowed",
];

/// Writes a report into the data folder when the program crashes.
pub fn install(data_folder: &Path) {
    let folder = data_folder.join(FOLDER);
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name().is_some_and(|name| THREADS.contains(&name)) {
            let path = folder.join(format!("crash-{}.txt", crate::platform::now_s() as u64));
            let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, report(info)));
            if let Err(error) = kept {
                log::error!("{}: the crash report could not be written: {error}", path.display());
            }
        }
        previous(info);
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let mut text = format!(
        "Medley {} crashed.\nsystem: {}, {}\nthread: {}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::thread::current().name().unwrap_or("without a name"),
    );
    if let Some(place) = info.location() {
        text.push_str(&format!("place: {place}\n"));
    }
    text.push_str(&format!("message: {}\n\n", message(info)));
    text.push_str(&Backtrace::force_capture().to_string());
    text
}

/// What was said, unless it may hold something of the person's.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    // A literal of the program.
    if let Some(literal) = payload.downcast_ref::<&'static str>() {
        return literal;
    }
    match payload.downcast_ref::<String>() {
        Some(text) if HARMLESS.iter().any(|beginning| text.starts_with(beginning)) => text,
        _ => "left out, because it may hold something of yours",
    }
}

/// The newest report that was not shown before; older ones than the last few are deleted.
pub fn newest(data_folder: &Path) -> Option<CrashReport> {
    let mut reports: Vec<PathBuf> = std::fs::read_dir(data_folder.join(FOLDER))
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    reports.sort();
    let surplus = reports.len().saturating_sub(MOST_REPORTS);
    for old in reports.drain(..surplus) {
        if let Err(error) = std::fs::remove_file(&old) {
            log::warn!("{}: {error}", old.display());
        }
    }
    let path = reports.pop().filter(|path| !seen(path).exists())?;
    let mut text = String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned();
    if text.len() > MOST_BYTES {
        text.truncate((0..=MOST_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    }
    Some(CrashReport { path, text })
}

/// Remembers that a report was shown, so that it is offered once.
pub fn mark_seen(report: &Path) {
    if let Err(error) = std::fs::write(seen(report), b"") {
        log::warn!("{}: {error}", report.display());
    }
}

fn seen(report: &Path) -> PathBuf {
    report.with_extension("seen")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread with the name of the window's thread panics, as the window would.
    fn crash(work: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().name("main".into()).spawn(work).unwrap();
        assert!(thread.join().is_err());
    }

    #[test]
    fn a_crash_is_kept_once_without_what_the_person_wrote() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path()), None);
        install(folder.path());
        let secret = String::from("my diary");
        crash(move || panic!("cannot cut {secret:?}"));
        let found = newest(folder.path()).unwrap();
        assert!(!found.text.contains("diary"), "{}", found.text);
        // The last one is the module, from the backtrace.
        for part in ["Medley 0", "thread: main", "crash.rs", "may hold something of yours", "platform::crash"]
        {
            assert!(found.text.contains(part), "{part} is missing in {}", found.text);
        }
        mark_seen(&found.path);
        assert_eq!(newest(folder.path()), None, "it is offered once");
        // What a worker catches is no crash.
        drop(std::thread::Builder::new().name("engine".into()).spawn(|| panic!("caught")).unwrap().join());
        assert_eq!(newest(folder.path()), None);
        let numbers: Vec<u32> = Vec::new();
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        crash(move || assert_eq!(numbers[std::hint::black_box(3)], 0));
        let found = newest(folder.path()).unwrap();
        assert!(
            found.text.contains("index out of bounds: the len is 0 but the index is 3"),
            "{}",
            found.text
        );
    }
}
