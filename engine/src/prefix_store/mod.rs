//! Beginnings of prompts that were read before: states of decoders in the user's cache folder, so that another
//! run reads only what is new.
//!
//! A file has the name of its [`PrefixKey`]: a hash of the model, the format and all that was read. It gets that
//! name by a rename when it is whole, and what does not match its checksum is deleted and counts as absent. Nothing
//! here makes a request fail: without the store a prompt is read from its beginning.

mod file;

mod key;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::cancel::Cancel;
use crate::decoder::{CacheFormat, DecodeState, Decoder, Input, Mark};
use crate::disk_cache::{DiskCache, remove, store, touch};
use crate::error::Result;
use key::ModelKey;
pub(crate) use key::PrefixKey;

/// States in a folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct PrefixStore(DiskCache);

store!(PrefixStore, "prefixes", "state", 10);

impl PrefixStore {
    /// What the states may take by default; never more than a tenth of the disk that is free.
    pub const MOST_BYTES: u64 = 2 << 30;

    /// The states of the model at this path; none where it cannot be told from others.
    pub(crate) fn of_model(&self, model: &Path) -> Option<ModelPrefixes> {
        let model = ModelKey::of(model).map_err(|e| log::info!("{}: {e}", model.display())).ok()?;
        Some(ModelPrefixes { store: self.clone(), model })
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
        self.store.0.path(&key.0)
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
        device: &str,
    ) -> Result<Vec<PrefixKey>> {
        self.model.prefixes(prompt, steps, format, device)
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
        let since = Instant::now();
        let state = self.read(key, cancel, |from| {
            let state = decoder.load_state(format, from)?;
            if state.pos() == pos { Ok(state) } else { Err(io::Error::other("another position")) }
        })?;
        log::info!("{}: {pos} tokens loaded in {:?}", self.path(key).display(), since.elapsed());
        Some(state)
    }

    /// What was written after a prompt; `None` when it is not stored, or when its file is damaged, which is deleted
    /// then.
    pub(crate) fn load_note(&self, key: &PrefixKey) -> Option<String> {
        let mut text = String::new();
        self.read(key, &Cancel::new(), |from| from.read_to_string(&mut text))?;
        Some(text)
    }

    /// Stores what was written after a prompt.
    pub(crate) fn save_note(&self, key: &PrefixKey, text: &str) {
        if let Err(error) = self.write(key, &Cancel::new(), |out| out.write_all(text.as_bytes())) {
            log::info!("{}: not stored: {error}", self.path(key).display());
        }
    }

    /// What is in the file of a key; one that is damaged is deleted.
    fn read<T>(
        &self,
        key: &PrefixKey,
        cancel: &Cancel,
        load: impl FnOnce(&mut &mut dyn Read) -> io::Result<T>,
    ) -> Option<T> {
        let path = self.path(key);
        let file = File::open(&path).ok()?;
        match file::read(&file, key, cancel, |mut from| load(&mut (&mut from as &mut dyn Read))) {
            Ok(loaded) => {
                touch(&file, &path);
                Some(loaded)
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
        let most_bytes = self.store.0.most_bytes();
        if expected_bytes > most_bytes {
            return Err(io::Error::other(format!("{expected_bytes} bytes of {most_bytes}")));
        }
        self.write(key, cancel, |out| state.save(at, out))
    }

    fn write(
        &self,
        key: &PrefixKey,
        cancel: &Cancel,
        save: impl FnOnce(&mut &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let unfinished = self.store.0.unfinished()?;
        file::write(unfinished.as_file(), key, cancel, |mut out| save(&mut (&mut out as &mut dyn Write)))?;
        self.store.0.make_room(unfinished.as_file().metadata()?.len())?;
        unfinished.persist(self.path(key))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
