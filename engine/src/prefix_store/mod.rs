//! Beginnings of prompts that were read before: states of decoders in the user's cache folder, so that another
//! run reads only what is new.
//!
//! A file has the name of its [`PrefixKey`]: a hash of the model, the format and all that was read. It gets that
//! name by a rename when it is whole, and what does not match its checksum is deleted and counts as absent. Nothing
//! here makes a request fail: without the store a prompt is read from its beginning.

mod file;

mod key;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, DecodeState, Decoder, Input, Mark};
use crate::error::{Error, Result};
use crate::models::cache_folder;
use key::ModelKey;
pub(crate) use key::PrefixKey;

/// Ends the names of whole files.
const EXTENSION: &str = "state";

/// Begins the names of files that are being written.
const UNFINISHED: &str = "unfinished-";

/// An unfinished file of this age is one whose writer was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// States in a folder, the least recently used deleted first; cheap to clone.
#[derive(Debug, Clone)]
pub struct PrefixStore {
    folder: Arc<Path>,
    most_bytes: u64,
}

/// What a [`PrefixStore`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixUsage {
    /// States.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// What they may take.
    pub most_bytes: u64,
}

struct Stored {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl PrefixStore {
    /// What the states may take by default.
    pub const MOST_BYTES: u64 = 2 << 30;

    /// The store in the user's cache folder.
    ///
    /// # Errors
    /// [`Error::Request`] when the machine names no home folder.
    pub fn open_default() -> Result<Self> {
        Ok(Self::open(&cache_folder()?.join("prefixes"), Self::MOST_BYTES))
    }

    /// A store in this folder, which need not exist yet.
    pub fn open(folder: &Path, most_bytes: u64) -> Self {
        Self { folder: folder.into(), most_bytes }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How much is stored.
    pub fn usage(&self) -> PrefixUsage {
        let stored = self.stored();
        let bytes = stored.iter().map(|stored| stored.bytes).sum();
        PrefixUsage { files: stored.len(), bytes, most_bytes: self.most_bytes() }
    }

    /// Deletes all states; returns the bytes that became free.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn clear(&self) -> Result<u64> {
        let mut freed = 0;
        for stored in self.stored() {
            remove(&stored.path).map_err(|e| Error::io("deleting", &stored.path, e))?;
            freed += stored.bytes;
        }
        Ok(freed)
    }

    /// The states of the model at this path; none where it cannot be told from others.
    pub(crate) fn of_model(&self, model: &Path) -> Option<ModelPrefixes> {
        let model = ModelKey::of(model).map_err(|e| log::info!("{}: {e}", model.display())).ok()?;
        Some(ModelPrefixes { store: self.clone(), model })
    }

    /// What they may take now: never more than a tenth of what is free.
    fn most_bytes(&self) -> u64 {
        let existing = self.folder.ancestors().find(|folder| folder.exists());
        let free = existing.and_then(|folder| fs4::available_space(folder).ok());
        self.most_bytes.min(free.unwrap_or(0) / 10)
    }

    fn stored(&self) -> Vec<Stored> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let states =
            entries.filter(|entry| Path::new(&entry.file_name()).extension().is_some_and(|e| e == EXTENSION));
        let stored = states.filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some(Stored { path: entry.path(), bytes: about.len(), used: about.modified().ok()? })
        });
        stored.collect()
    }

    /// Deletes the least recently used until the rest takes at most `bytes`, and what killed writers left.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut stored = self.stored();
        stored.sort_by_key(|stored| stored.used);
        let mut taken: u64 = stored.iter().map(|stored| stored.bytes).sum();
        for old in stored {
            if taken <= bytes {
                break;
            }
            remove(&old.path)?;
            taken -= old.bytes;
        }
        for entry in std::fs::read_dir(&self.folder)?.flatten() {
            let age =
                entry.metadata().and_then(|about| about.modified()).ok().and_then(|at| at.elapsed().ok());
            let is_unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            if is_unfinished && age.is_some_and(|age| age > ABANDONED) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Deletes a file, unless another process did so.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The states of one model.
#[derive(Clone)]
pub(crate) struct ModelPrefixes {
    store: PrefixStore,
    model: ModelKey,
}

impl ModelPrefixes {
    fn path(&self, key: &PrefixKey) -> PathBuf {
        self.store.folder.join(format!("{}.{EXTENSION}", key.name()))
    }

    /// Keys of the beginnings of a prompt, one for each of the ends of the steps in which it is read.
    ///
    /// # Errors
    /// When embeddings of media cannot be had.
    pub(crate) fn keys(
        &self,
        prompt: &Input,
        steps: &[usize],
        format: CacheFormat,
    ) -> Result<Vec<PrefixKey>> {
        self.model.prefixes(prompt, steps, format)
    }

    /// Whether this beginning is stored.
    pub(crate) fn has(&self, key: &PrefixKey) -> bool {
        self.path(key).exists()
    }

    /// The state after this beginning of `pos` positions; `None` when it is not stored, when its file is damaged,
    /// which is deleted then, or when cancelled.
    pub(crate) fn load(
        &self,
        key: &PrefixKey,
        pos: usize,
        decoder: &Decoder,
        format: CacheFormat,
        cancel: &Cancel,
    ) -> Option<DecodeState> {
        let (path, since) = (self.path(key), Instant::now());
        let file = File::open(&path).ok()?;
        let state = file::read(&file, key, cancel, |from| {
            let state = decoder.load_state(format, from)?;
            if state.pos() == pos { Ok(state) } else { Err(io::Error::other("another position")) }
        });
        match state {
            Ok(state) => {
                log::info!("{}: {pos} tokens loaded in {:?}", path.display(), since.elapsed());
                // The least recently used goes first.
                if let Err(error) = file.set_modified(SystemTime::now()) {
                    log::info!("{}: {error}", path.display());
                }
                Some(state)
            }
            Err(_) if cancel.is_cancelled() => None,
            Err(error) => {
                log::warn!("{}: deleted, because it is damaged: {error}", path.display());
                if let Err(error) = remove(&path) {
                    log::warn!("{}: {error}", path.display());
                }
                None
            }
        }
    }

    /// Stores the state as it was at a position. `expected_bytes` is about its size: what would not fit into the
    /// store is not written.
    pub(crate) fn save(
        &self,
        key: &PrefixKey,
        state: &DecodeState,
        at: &Mark,
        expected_bytes: u64,
        cancel: &Cancel,
    ) {
        let since = Instant::now();
        match self.try_save(key, state, at, expected_bytes, cancel) {
            Ok(()) => log::info!("{}: stored in {:?}", self.path(key).display(), since.elapsed()),
            Err(error) => log::info!("{}: not stored: {error}", self.path(key).display()),
        }
    }

    fn try_save(
        &self,
        key: &PrefixKey,
        state: &DecodeState,
        at: &Mark,
        expected_bytes: u64,
        cancel: &Cancel,
    ) -> io::Result<()> {
        let most_bytes = self.store.most_bytes();
        if expected_bytes > most_bytes {
            return Err(io::Error::other(format!("{expected_bytes} bytes of {most_bytes}")));
        }
        make_folder(&self.store.folder)?;
        // Only its owner may read it: what was read can be guessed from a state.
        let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.store.folder)?;
        file::write(unfinished.as_file(), key, cancel, |out| state.save(at, out))?;
        let bytes = unfinished.as_file().metadata()?.len();
        let others = most_bytes.checked_sub(bytes).ok_or_else(|| io::Error::other("too large"))?;
        self.store.make_room(others)?;
        unfinished.persist(self.path(key))?;
        Ok(())
    }
}

/// Makes a folder that only its owner sees into.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests;
