//! Adapters in the data folder: one folder for each, with what PEFT reads and, in `about.json`, how it was made.

use std::fs;
use std::path::{Path, PathBuf};

use crate::platform::files::write_whole;
use crate::state::AdapterInfo;

/// What is known of an adapter.
const ABOUT: &str = "about.json";

/// Where adapters are.
pub fn folder(data_folder: &Path) -> PathBuf {
    data_folder.join("adapters")
}

/// Every adapter, newest first. A folder that says nothing of itself is none.
pub fn list(data_folder: &Path) -> Vec<AdapterInfo> {
    let Ok(entries) = fs::read_dir(folder(data_folder)) else { return Vec::new() };
    let about = |folder: PathBuf| {
        let text = fs::read_to_string(folder.join(ABOUT)).ok()?;
        let about: AdapterInfo = serde_json::from_str(&text).ok()?;
        Some(AdapterInfo { folder, ..about })
    };
    let mut found: Vec<AdapterInfo> = entries.flatten().filter_map(|entry| about(entry.path())).collect();
    found.sort_by(|a, b| b.made_s.total_cmp(&a.made_s));
    found
}

/// Writes down what is known of an adapter; its folder is made if it is not there.
///
/// # Errors
/// One sentence that names the folder.
pub fn save(about: &AdapterInfo) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("{}: the adapter cannot be written down ({error}); is the disk full?", about.folder.display())
    };
    fs::create_dir_all(&about.folder).map_err(|error| failed(&error))?;
    let text = serde_json::to_vec_pretty(about).map_err(|error| failed(&error))?;
    write_whole(&about.folder.join(ABOUT), &text).map_err(|error| failed(&error))
}

/// Whether the run of an adapter was stopped, or killed, where it can go on.
pub fn has_checkpoint(about: &AdapterInfo) -> bool {
    about.folder.join("checkpoint.safetensors").is_file()
}

/// Deletes an adapter with all of its files.
///
/// # Errors
/// One sentence that names the folder.
pub fn delete(data_folder: &Path, adapter: &Path) -> Result<(), String> {
    // Nothing else is ever deleted, whatever a file says.
    if adapter.parent() != Some(&folder(data_folder)) {
        return Err(format!("{}: is no adapter of Medley", adapter.display()));
    }
    match fs::remove_dir_all(adapter) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: the adapter cannot be deleted: {error}", adapter.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{AdapterState, TeachForm};

    #[test]
    fn adapters_are_found_newest_first_and_nothing_else_is_deleted() {
        let data = tempfile::tempdir().unwrap();
        assert!(list(data.path()).is_empty());
        for (name, made_s) in [("old", 1.0), ("new", 2.0)] {
            let about = AdapterInfo {
                folder: folder(data.path()).join(name),
                name: name.into(),
                data: "sums.jsonl".into(),
                options: TeachForm::default().options(),
                state: AdapterState::Kept,
                made_s,
                checked: Some((1, 2, 3)),
                step: 60,
            };
            save(&about).unwrap();
        }
        fs::create_dir_all(folder(data.path()).join("strange")).unwrap();
        let found = list(data.path());
        let names: Vec<&str> = found.iter().map(|about| about.name.as_str()).collect();
        assert_eq!(names, ["new", "old"]);
        assert_eq!(found[0].checked, Some((1, 2, 3)));
        assert!(delete(data.path(), data.path()).is_err());
        delete(data.path(), &found[0].folder).unwrap();
        assert_eq!(list(data.path()).len(), 1);
    }
}
