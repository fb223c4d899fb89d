//! The files of a library and of what was added to it: the list of roots, what lies below them, the lock of the writer.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::catalogue::Identity;
use crate::cancel::Cancel;
use crate::error::{Error, Result};

/// Deepest folder below a root.
const DEEPEST: usize = 32;

/// The list of roots, beside the catalogue, so that a lost catalogue can be made anew.
const LIST: &str = "added.txt";

/// Writes the list; it is the old or the new one whenever the program is killed.
pub(super) fn save(folder: &Path, roots: &[PathBuf]) -> Result<()> {
    let path = folder.join(LIST);
    let unfinished = folder.join("added.unfinished");
    let lines: String = roots.iter().map(|root| format!("{}\n", root.display())).collect();
    let written = File::create(&unfinished)
        .and_then(|mut file| file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, &path));
    written.map_err(|e| Error::io("writing", &path, e))
}

/// The list; empty where there is none.
pub(super) fn load(folder: &Path) -> Result<Vec<PathBuf>> {
    let path = folder.join(LIST);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io("reading", &path, error)),
    }
}

/// All files below a root that is not hidden, by name; a root that is a file is that file.
pub(super) fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if root.is_file() {
        found.push(root.to_path_buf());
    } else {
        walk(root, 0, &mut found);
    }
    found
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        if entry.file_name().as_encoded_bytes().starts_with(b".") || entry.path().to_str().is_none() {
            continue;
        }
        // Links to folders may go in circles.
        if kind.is_dir() && depth < DEEPEST {
            walk(&entry.path(), depth + 1, found);
        } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
            found.push(entry.path());
        }
    }
}

/// Size and time of a file; `None` when it cannot be looked at.
pub(super) fn stamp(path: &Path) -> Option<(u64, i64)> {
    let about = fs::metadata(path).ok()?;
    let since = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((about.len(), i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}

/// What a file is now; `None` when cancelled.
pub(super) fn identity(path: &Path, cancel: &Cancel) -> Result<Option<Identity>> {
    let reading = |e| Error::io("reading", path, e);
    let (size, modified) = stamp(path).ok_or_else(|| reading(io::Error::from(io::ErrorKind::NotFound)))?;
    let mut file = File::open(path).map_err(reading)?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        match file.read(&mut block).map_err(reading)? {
            0 => break,
            n => hash.update(&block[..n]),
        }
    }
    Ok(Some(Identity { size, modified, hash: hash.finalize().into() }))
}

/// Bytes of a file, or of the files of a folder.
pub(super) fn size(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| size(&entry.path())).sum(),
        Err(_) => fs::metadata(path).map_or(0, |about| about.len()),
    }
}

/// Deletes a file, if there is one.
pub(super) fn delete_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("deleting", path, error)),
        _ => Ok(()),
    }
}

/// Deletes a folder with its files, if there is one.
pub(super) fn delete_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("deleting", path, error)),
        _ => Ok(()),
    }
}

/// Who holds it writes; the system frees it when the program ends, however it does.
pub(super) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    pub(super) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("writer.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| Error::io("opening", &path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(_) => Err(Error::Request {
                reason: format!(
                    "{}: another Medley is writing this library; wait until it is done",
                    folder.display()
                ),
            }),
        }
    }
}
