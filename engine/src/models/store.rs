//! The store on disk: `blobs/sha256-<hex>` under the platform's data folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::registry::{FileEntry, ModelEntry, Registry};
use crate::cancel::Cancel;
use crate::error::{Error, Result};

/// The models on this machine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
    registry: Arc<Registry>,
    folders: Arc<[PathBuf]>,
}

/// How a file of a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// There, with the right size.
    Present,
    /// Not there.
    Missing,
    /// There, with another size: damaged after it was stored.
    Damaged,
}

impl Store {
    /// The store in the platform's data folder, or in `MEDLEY_DATA` where that is set.
    ///
    /// # Errors
    /// [`Error::Request`] when the machine names no home folder.
    pub fn open_default() -> Result<Self> {
        Ok(Self::open(&data_folder()?.join("models")))
    }

    /// A store in this folder, which need not exist yet.
    pub fn open(root: &Path) -> Self {
        Self::with_registry(root, Registry::embedded())
    }

    pub(super) fn with_registry(root: &Path, registry: Registry) -> Self {
        Self { root: root.into(), registry: Arc::new(registry), folders: Arc::default() }
    }

    /// The same store, looking into these folders before it fetches anything.
    #[must_use]
    pub fn looking_in(self, folders: Vec<PathBuf>) -> Self {
        Self { folders: folders.into(), ..self }
    }

    /// Folders that may hold what is to be fetched.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What can be fetched.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn entry(&self, id: &str) -> Result<&ModelEntry> {
        self.registry.get(id).ok_or_else(|| Error::ModelUnknown { id: id.to_owned() })
    }

    /// Where a file of this hash lives.
    pub(super) fn blob(&self, sha256: &str) -> PathBuf {
        self.root.join("blobs").join(format!("sha256-{sha256}"))
    }

    /// The path of a model's file.
    ///
    /// # Errors
    /// [`Error::ModelUnknown`], [`Error::ModelMissing`] when it was not fetched,
    /// [`Error::ModelFile`] when its size is wrong.
    pub fn file(&self, id: &str, role: &str) -> Result<PathBuf> {
        let model = self.entry(id)?;
        let missing = || Error::ModelMissing { id: id.to_owned() };
        let file = model.files.iter().find(|file| file.role == role).ok_or_else(missing)?;
        let path = self.blob(&file.sha256);
        match self.state(file) {
            FileState::Present => Ok(path),
            FileState::Missing => Err(missing()),
            FileState::Damaged => Err(Error::ModelFile {
                path,
                reason: format!("{} of {id} must have {} bytes and has another size", file.name, file.bytes),
            }),
        }
    }

    /// How one file stands, by its size; [`Store::verify`] reads it all.
    pub fn state(&self, file: &FileEntry) -> FileState {
        match self.blob(&file.sha256).metadata() {
            Ok(found) if found.len() == file.bytes => FileState::Present,
            Ok(_) => FileState::Damaged,
            Err(_) => FileState::Missing,
        }
    }

    /// Whether every file of a model is there.
    pub fn is_present(&self, id: &str) -> bool {
        self.registry.get(id).is_some_and(|model| {
            !model.files.is_empty() && model.files.iter().all(|file| self.state(file) == FileState::Present)
        })
    }

    /// Where a file of the store lies, present or not; for listings.
    pub fn place(&self, file: &FileEntry) -> PathBuf {
        self.blob(&file.sha256)
    }

    /// Bytes of a model that an interrupted fetch left to go on from.
    pub fn started_bytes(&self, id: &str) -> u64 {
        folder_bytes(&self.staging(id))
    }

    /// Where what is being fetched of a model waits until it is whole.
    pub(super) fn staging(&self, id: &str) -> PathBuf {
        self.root.join("staging").join(id)
    }

    /// Bytes of everything in the store, also of what is half fetched.
    pub fn bytes(&self) -> u64 {
        folder_bytes(&self.root)
    }

    /// Bytes that are free on the store's disk; `None` where the system does not tell.
    pub fn free_bytes(&self) -> Option<u64> {
        let there = self.root.ancestors().find(|folder| folder.exists())?;
        fs4::available_space(there).ok()
    }

    /// Deletes a model's files and what was half fetched of it; returns the bytes that became free.
    ///
    /// # Errors
    /// [`Error::ModelUnknown`], [`Error::Io`].
    pub fn remove(&self, id: &str) -> Result<u64> {
        let mut freed = 0;
        for file in &self.entry(id)?.files {
            let path = self.blob(&file.sha256);
            for path in [set_aside(&path), path] {
                let Ok(found) = path.metadata() else { continue };
                std::fs::remove_file(&path).map_err(|e| Error::io("deleting", &path, e))?;
                freed += found.len();
            }
        }
        let staging = self.staging(id);
        if staging.is_dir() {
            freed += folder_bytes(&staging);
            std::fs::remove_dir_all(&staging).map_err(|e| Error::io("deleting", &staging, e))?;
        }
        Ok(freed)
    }

    /// Reads every file of a model again and compares its hash. A damaged file loses its name, so
    /// that it is not loaded and the next pull replaces it.
    ///
    /// # Errors
    /// [`Error::ModelUnknown`].
    pub fn verify(&self, id: &str, cancel: &Cancel) -> Result<Verify> {
        let model = self.entry(id)?;
        let files = model.files.iter().map(|file| (file.clone(), self.blob(&file.sha256))).collect();
        Ok(Verify { id: id.to_owned(), files, open: None, cancel: cancel.clone() })
    }
}

/// The folder for everything Medley keeps: `MEDLEY_DATA`, or the platform's data folder.
///
/// # Errors
/// [`Error::Request`] when the machine names no home folder.
pub fn data_folder() -> Result<PathBuf> {
    match from_environment("MEDLEY_DATA") {
        Some(folder) => Ok(folder),
        None => Ok(platform_folders()?.data_dir().to_path_buf()),
    }
}

/// The folder for what can be had again: `MEDLEY_CACHE`, or `cache` in `MEDLEY_DATA`, or the platform's cache
/// folder.
///
/// # Errors
/// [`Error::Request`] when the machine names no home folder.
pub fn cache_folder() -> Result<PathBuf> {
    let in_data = || from_environment("MEDLEY_DATA").map(|folder| folder.join("cache"));
    match from_environment("MEDLEY_CACHE").or_else(in_data) {
        Some(folder) => Ok(folder),
        None => Ok(platform_folders()?.cache_dir().to_path_buf()),
    }
}

fn from_environment(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

fn platform_folders() -> Result<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "medley").ok_or_else(|| Error::Request {
        reason: "no home folder is set; set MEDLEY_DATA to a folder for Medley's data".into(),
    })
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyEvent {
    /// Bytes read of a file.
    Progress {
        /// The file's role.
        role: String,
        /// Read so far.
        done_bytes: u64,
        /// Its size.
        total_bytes: u64,
    },
    /// A file was checked.
    Checked {
        /// The file's role.
        role: String,
        /// Where it is.
        path: PathBuf,
        /// `None` when it is right; else what is wrong, as a sentence.
        problem: Option<String>,
    },
}

/// A model that is being checked.
pub struct Verify {
    id: String,
    files: std::collections::VecDeque<(FileEntry, PathBuf)>,
    open: Option<(File, Sha256, u64)>,
    cancel: Cancel,
}

impl Verify {
    fn checked(&mut self, problem: Option<String>) -> Option<VerifyEvent> {
        self.open = None;
        let (file, path) = self.files.pop_front()?;
        Some(VerifyEvent::Checked { role: file.role, path, problem })
    }
}

impl Iterator for Verify {
    type Item = VerifyEvent;

    fn next(&mut self) -> Option<Self::Item> {
        const STEP: u64 = 16 << 20;
        if self.cancel.is_cancelled() {
            return None;
        }
        let (file, path) = self.files.front()?.clone();
        let (mut reader, mut hash, done) = match self.open.take() {
            Some(open) => open,
            None => match File::open(&path) {
                Ok(opened) => (opened, Sha256::new(), 0),
                Err(_) => {
                    return self.checked(Some(format!("missing; run `medley models pull {}`", self.id)));
                }
            },
        };
        let mut bytes = Vec::with_capacity(STEP as usize);
        match reader.by_ref().take(STEP).read_to_end(&mut bytes) {
            Err(error) => self.checked(Some(format!("cannot be read: {error}"))),
            Ok(0) => {
                let problem = if done != file.bytes {
                    Some(format!("{done} of {} bytes are there", file.bytes))
                } else if hex(&hash.finalize()) != file.sha256 {
                    Some("its hash is wrong".into())
                } else {
                    None
                };
                let Some(problem) = problem else { return self.checked(None) };
                // Without its name it is loaded no more, and the next pull replaces it.
                let aside = match std::fs::rename(&path, set_aside(&path)) {
                    Ok(()) => String::new(),
                    Err(error) => format!(" and it cannot be set aside ({error}): delete it"),
                };
                let id = &self.id;
                self.checked(Some(format!("damaged: {problem}{aside}; run `medley models pull {id}`")))
            }
            Ok(read) => {
                hash.update(&bytes);
                let done_bytes = done + read as u64;
                self.open = Some((reader, hash, done_bytes));
                Some(VerifyEvent::Progress { role: file.role, done_bytes, total_bytes: file.bytes })
            }
        }
    }
}

/// Bytes of all files in a folder of folders.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of_entry = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
        Ok(meta) if meta.is_file() => meta.len(),
        _ => 0,
    };
    entries.flatten().map(of_entry).sum()
}

/// The name of a damaged blob until a pull replaces it.
pub(super) fn set_aside(blob: &Path) -> PathBuf {
    blob.with_extension("damaged")
}

/// The hash of everything that is left to read, in lower-case hexadecimal.
pub(super) fn sha256(reader: &mut impl Read) -> std::io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn store_with(content: Option<&[u8]>) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[[model]]\nid='m'\nwhat='w'\nlicence='l'\n[[model.file]]\nrole='model'\nname='n'\nbytes=5\nsha256='{HELLO}'\nsources=[]"
        );
        let store = Store::with_registry(folder.path(), Registry::parse(&text, "").unwrap());
        if let Some(content) = content {
            std::fs::create_dir_all(folder.path().join("blobs")).unwrap();
            std::fs::write(store.blob(HELLO), content).unwrap();
        }
        (folder, store)
    }

    fn problem(store: &Store) -> Option<String> {
        let last = store.verify("m", &Cancel::new()).unwrap().last();
        match last {
            Some(VerifyEvent::Checked { problem, .. }) => problem,
            other => panic!("the last event is the verdict, not {other:?}"),
        }
    }

    #[test]
    fn a_right_file_is_found_and_verifies() {
        let (_folder, store) = store_with(Some(b"hello"));
        assert!(store.file("m", "model").is_ok());
        assert_eq!(problem(&store), None);
    }

    #[test]
    fn a_changed_file_of_the_same_size_fails_verification() {
        let (_folder, store) = store_with(Some(b"jello"));
        assert!(problem(&store).unwrap().contains("damaged"));
        assert!(matches!(store.file("m", "model"), Err(Error::ModelMissing { .. })), "it is set aside");
        assert_eq!(store.remove("m").unwrap(), 5);
    }

    #[test]
    fn verification_says_how_much_of_a_truncated_file_is_there() {
        let (_folder, store) = store_with(Some(b"hell"));
        assert!(problem(&store).unwrap().contains("4 of 5 bytes"));
    }

    #[test]
    fn a_truncated_file_is_never_handed_out() {
        let (_folder, store) = store_with(Some(b"hell"));
        let error = store.file("m", "model").unwrap_err().to_string();
        assert!(error.contains("5 bytes") && error.contains("models pull"), "{error}");
    }

    #[test]
    fn a_missing_file_says_how_to_get_it() {
        let (_folder, store) = store_with(None);
        let error = store.file("m", "model").unwrap_err().to_string();
        assert!(error.contains("medley models pull m"), "{error}");
        assert!(problem(&store).unwrap().contains("missing"));
    }

    #[test]
    fn what_is_half_fetched_is_counted_and_deleted_with_the_model() {
        let (folder, store) = store_with(Some(b"hello"));
        let staging = folder.path().join("staging/m/a-1");
        std::fs::create_dir_all(&staging).unwrap();
        std::fs::write(staging.join("w.whl.partial"), b"123").unwrap();
        assert_eq!((store.started_bytes("m"), store.bytes()), (3, 8));
        assert!(store.free_bytes().is_some_and(|free| free > 0));
        assert_eq!(store.remove("m").unwrap(), 8);
        assert_eq!((store.started_bytes("m"), store.bytes()), (0, 0));
    }

    #[test]
    fn an_unknown_id_is_named() {
        let (_folder, store) = store_with(None);
        assert!(store.file("nope", "model").unwrap_err().to_string().contains("\"nope\""));
    }
}
