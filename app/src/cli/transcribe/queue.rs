//! Which recordings are meant, and what their transcripts are called.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use engine::media::{Kind, kind};
use engine::{Error, MediaProblem};

use super::super::failure::{Failure, Outcome};

/// One recording that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// The folder of its transcript, below the one of all transcripts.
    pub folder: PathBuf,
    /// The name of its transcript, without an extension.
    pub name: String,
}

/// What the words on the command line mean.
#[derive(Debug, Default)]
pub struct Queue {
    /// In the order in which they are heard.
    pub recordings: Vec<Recording>,
    /// What was left out.
    pub notes: Vec<String>,
    /// Whether a folder was among the words.
    pub has_folder: bool,
}

impl Queue {
    /// Files as they are, and the recordings in folders.
    ///
    /// # Errors
    /// When a folder cannot be read or holds no recording.
    pub fn gather(inputs: &[PathBuf]) -> Outcome<Self> {
        let mut queue = Self::default();
        for input in inputs {
            if !input.is_dir() {
                queue.add(input, Path::new(""));
                continue;
            }
            queue.has_folder = true;
            let files = files_below(input)?;
            let (recordings, others): (Vec<_>, Vec<_>) =
                files.into_iter().partition(|file| is_recording(file));
            if recordings.is_empty() {
                let text = format!("{}: there is no recording in this folder", input.display());
                return Err(Failure::Usage(text));
            }
            if !others.is_empty() {
                let (n, are) = (others.len(), if others.len() == 1 { "file is" } else { "files are" });
                queue.notes.push(format!("{n} {are} left out of {}: no recordings", input.display()));
            }
            recordings.iter().for_each(|recording| queue.add(recording, input));
        }
        name(&mut queue.recordings);
        Ok(queue)
    }

    fn add(&mut self, path: &Path, below: &Path) {
        if !self.recordings.iter().any(|known| known.path == path) {
            self.recordings.push(recording(path, below));
        }
    }
}

/// A recording below a folder; its name is settled by [`name`].
pub fn recording(path: &Path, below: &Path) -> Recording {
    let folder = path.strip_prefix(below).ok().filter(|_| below != Path::new("")).and_then(Path::parent);
    let folder = folder.unwrap_or(Path::new("")).to_path_buf();
    Recording { path: path.to_path_buf(), folder, name: String::new() }
}

/// Names transcripts after their recordings, so that no two are the same.
pub fn name(recordings: &mut [Recording]) {
    let mut taken = BTreeSet::new();
    for recording in recordings {
        let key = |name: &str| (recording.folder.clone(), name.to_lowercase());
        let name = free_name(&recording.path, |name| taken.contains(&key(name)));
        taken.insert(key(&name));
        recording.name = name;
    }
}

/// The name of a recording without its extension; where that is taken, with it, and then with a number.
pub fn free_name(path: &Path, is_taken: impl Fn(&str) -> bool) -> String {
    let text = |part: Option<&OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, whole) = (text(path.file_stem()), text(path.file_name()));
    let numbered = (2..=u32::MAX).map(|n| format!("{whole}-{n}"));
    [stem, whole.clone()].into_iter().chain(numbered).find(|name| !is_taken(name)).unwrap_or(whole.clone())
}

/// Whether to transcribe a file that lies in a folder. What is damaged is tried, so that it is told.
pub fn is_recording(path: &Path) -> bool {
    match kind(path) {
        Ok(kind) => matches!(kind, Kind::Sound | Kind::Video),
        Err(Error::Media { problem: MediaProblem::UnknownKind { .. } | MediaProblem::NoTracks, .. }) => false,
        Err(_) => true,
    }
}

/// All files below a folder, in order, without hidden ones and those that are being written.
pub fn files_below(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed =
        |e: std::io::Error| Failure::Usage(format!("{}: reading the folder failed: {e}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let unfinished = [".part", ".tmp", ".crdownload"].iter().any(|end| name.ends_with(end));
        if name.starts_with('.') || unfinished {
            continue;
        }
        // A link to a folder may lead back to where it is.
        let is_folder = entry.file_type().is_ok_and(|about| about.is_dir());
        if is_folder {
            found.extend(files_below(&entry.path())?);
        } else if entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_transcripts_have_the_same_name() {
        let paths = ["a/talk.mp3", "b/talk.mp3", "a/talk.wav", "c/TALK.ogg", "b/talk.mp3.srt"];
        let mut all: Vec<Recording> =
            paths.iter().map(|path| recording(Path::new(path), Path::new(""))).collect();
        name(&mut all);
        let names: Vec<&str> = all.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["talk", "talk.mp3", "talk.wav", "TALK.ogg", "talk.mp3.srt"]);
        let mut below = [recording(Path::new("in/a/talk.mp3"), Path::new("in"))];
        name(&mut below);
        assert_eq!((below[0].folder.as_path(), below[0].name.as_str()), (Path::new("a"), "talk"));
    }
}
