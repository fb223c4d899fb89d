//! What the program keeps in folders, and deleting it.

use std::path::{Path, PathBuf};

use engine::Cancel;

/// How many files a folder has, in all folders below it, and how many bytes they take. A file is a folder of one;
/// what cannot be read counts as nothing.
pub fn size_of(path: &Path, cancel: &Cancel) -> (u64, u64) {
    // Links to other places belong to those places, but the folder itself may be one.
    let Ok(meta) = std::fs::metadata(path) else { return (0, 0) };
    if meta.is_file() {
        return (1, meta.len());
    }
    let (mut files, mut bytes) = (0, 0);
    let mut waiting = vec![path.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        if cancel.is_cancelled() {
            break;
        }
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => waiting.push(entry.path()),
                Ok(meta) => {
                    files += 1;
                    bytes += meta.len();
                }
                Err(_) => {}
            }
        }
    }
    (files, bytes)
}

/// Deletes a file, or everything in a folder; the folder itself stays, so that who looks at it finds it.
///
/// # Errors
/// What could not be deleted first, as a sentence. The rest is deleted all the same.
pub fn clear(path: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| {
        format!("{}: deleting failed: {error}; close what uses it and try again", path.display())
    };
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(path, error)),
    };
    if meta.is_file() {
        return std::fs::remove_file(path).map_err(|error| failed(path, error));
    }
    let entries = std::fs::read_dir(path).map_err(|error| failed(path, error))?;
    let mut first = Ok(());
    for entry in entries.flatten() {
        let path = entry.path();
        // A link is deleted, not what it leads to.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        if let Err(error) = removed {
            first = first.and(Err(failed(&path, error)));
        }
    }
    first
}

/// The folder of the sample media: below the folder in which the program was started, or where packages put them.
pub fn samples() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent);
    let in_checkout = here.iter().flat_map(|here| here.ancestors().take(3)).map(|f| f.join("assets/samples"));
    let installed = beside.into_iter().flat_map(|folder| {
        [folder.join("samples"), folder.join("assets/samples"), folder.join("../share/medley/samples")]
    });
    in_checkout.chain(installed).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_measured_with_all_below_it_and_cleared_to_its_last_file() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("c"), [0; 300]).unwrap();
        std::fs::write(folder.path().join("d"), [0; 5]).unwrap();
        assert_eq!(size_of(folder.path(), &Cancel::new()), (2, 305));
        assert_eq!(size_of(&folder.path().join("d"), &Cancel::new()), (1, 5));
        clear(folder.path()).unwrap();
        assert_eq!(size_of(folder.path(), &Cancel::new()), (0, 0));
        assert!(folder.path().is_dir());
        assert_eq!(clear(&folder.path().join("missing")), Ok(()));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_not_deleted() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(other.path().join("precious"), "x").unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("link")).unwrap();
        clear(folder.path()).unwrap();
        assert!(other.path().join("precious").exists());
        assert!(!folder.path().join("link").exists());
    }
}
