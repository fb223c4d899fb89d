//! Copies of a file that this machine already has: in folders that the user names, and in the caches
//! of other local tools.
//!
//! These are only places to look: what is found there is copied and counts when its hash matches.

use std::path::{Path, PathBuf};

use super::registry::{FileEntry, Source};

/// Folders of other tools are walked this deep and no further than so many entries.
const MAX_DEPTH: usize = 6;
const MAX_ENTRIES: usize = 20_000;

/// Places that may hold exactly this file, likeliest first: those in `folders` before all others.
pub(super) fn copies(file: &FileEntry, folders: &[PathBuf]) -> Vec<PathBuf> {
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
    let cache = hf_hub::Cache::from_env();
    let mut found = Vec::new();
    for folder in folders {
        of_size(folder, file.bytes, &mut found);
    }
    let of_hub = file.sources.iter().filter_map(|source| match source {
        Source::Hub { hub, file } => cache.model(hub.clone()).get(file),
        Source::Packages { .. } => None,
    });
    found.extend(of_hub);
    let ollama = std::env::var_os("OLLAMA_MODELS").map(PathBuf::from);
    let ollama = ollama.or_else(|| home.as_ref().map(|home| home.join(".ollama/models")));
    found.extend(ollama.map(|models| models.join("blobs").join(format!("sha256-{}", file.sha256))));
    if let Some(home) = home {
        // LM Studio (two generations), Jan, llama.cpp, PyTorch.
        for folder in [
            ".lmstudio/models",
            ".cache/lm-studio/models",
            ".local/share/Jan/data/models",
            ".cache/llama.cpp",
            ".cache/torch/hub/checkpoints",
        ] {
            of_size(&home.join(folder), file.bytes, &mut found);
        }
    }
    found.retain(|path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == file.bytes));
    found.dedup();
    found
}

/// Adds the files below `folder` that have this size.
fn of_size(folder: &Path, bytes: u64, found: &mut Vec<PathBuf>) {
    walk(folder, &mut |path| {
        if path.symlink_metadata().is_ok_and(|meta| meta.is_file() && meta.len() == bytes) {
            found.push(path.to_path_buf());
        }
    });
}

/// Calls `visit` with every file below a folder; links to folders are not followed.
pub(super) fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let mut folders = vec![(folder.to_path_buf(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MAX_ENTRIES {
                return;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => folders.push((entry.path(), depth + 1)),
                Ok(kind) if !kind.is_dir() => visit(&entry.path()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_right_size_are_found_in_folders_of_folders() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("publisher/repository");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("right"), b"hello").unwrap();
        std::fs::write(deep.join("wrong"), b"longer").unwrap();
        let mut found = Vec::new();
        of_size(root.path(), 5, &mut found);
        assert_eq!(found, [deep.join("right")]);
    }

    #[test]
    fn a_folder_that_is_not_there_gives_nothing() {
        let mut found = Vec::new();
        of_size(Path::new("/nowhere/at/all"), 5, &mut found);
        assert!(found.is_empty());
    }
}
