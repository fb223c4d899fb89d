//! Matrices as the kernels want them, in a file of the cache folder: made when a model is loaded for the first time,
//! mapped from then on, so that a second start rearranges nothing and only what is used is in memory.
//!
//! The file is a header of one page, regions that begin with a page, and a table of their names and places as JSON.
//! Its name and its header have a hash of the model file's identity and of the layout. While it is being made it has
//! no such name; it gets it when all of it is on the disk, so that what a power cut left is never taken for whole.
//! Nothing here makes loading fail: without the file the matrices are made in memory, or used as the model file has
//! them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use memmap2::{Mmap, MmapOptions, UncheckedAdvice};
use sha2::{Digest, Sha256};

use crate::disk_cache::{DiskCache, hash_identity, remove, store, touch};
use crate::kernels::packed::{Bytes, LAYOUT};

/// Another arrangement of the file has another number.
const MAGIC: [u8; 16] = *b"medley panels 01";

/// What regions begin at multiples of; at least the system's pages.
const PAGE: u64 = 1 << 16;

/// Files of panels, one for each model; cheap to clone.
#[derive(Debug, Clone)]
pub struct PanelStore(DiskCache);

store!(PanelStore, "panels", "panels", 4);

impl PanelStore {
    /// What the files may take by default; never more than a quarter of the disk that is free.
    pub const MOST_BYTES: u64 = 32 << 30;

    /// What is kept of the model in this file, or a new file for it; none when neither can be.
    pub(crate) fn of_model(&self, model: &Path) -> Option<ModelPanels> {
        let told = |error: io::Error| log::info!("panels of {} are not kept: {error}", model.display());
        self.try_of_model(model).map_err(told).ok()
    }

    fn try_of_model(&self, model: &Path) -> io::Result<ModelPanels> {
        let model = std::fs::canonicalize(model)?;
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        hash.update(LAYOUT.to_le_bytes());
        hash_identity(&mut hash, &model)?;
        let identity = hash.finalize().into();
        let path = self.0.path(&identity);
        match File::open(&path) {
            Ok(file) => match Whole::read(&file, &identity) {
                Ok(whole) => {
                    touch(&file, &path);
                    let state = State::Whole { whole, path, misses: Mutex::new(0) };
                    return Ok(ModelPanels(Arc::new(state)));
                }
                Err(error) => {
                    log::warn!("{}: made anew, because it is damaged: {error}", path.display());
                    remove(&path)?;
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Panels have the size of what they are made of.
        self.0.make_room(model.metadata()?.len())?;
        let file = self.0.unfinished()?;
        let making = Making { file, path, identity, end: PAGE, table: Table::new() };
        let state = State::Making { making: Mutex::new(Some(making)), writer: Mutex::new(None) };
        Ok(ModelPanels(Arc::new(state)))
    }
}

/// Names, with where regions begin and how long they are.
type Table = BTreeMap<String, (u64, u64)>;

/// The panels of one model; cheap to clone.
#[derive(Clone)]
pub(crate) struct ModelPanels(Arc<State>);

enum State {
    Whole {
        whole: Whole,
        path: PathBuf,
        /// Regions that were asked for and are not there.
        misses: Mutex<usize>,
    },
    Making {
        /// None once it is being finished, or when it could not be made.
        making: Mutex<Option<Making>>,
        writer: Mutex<Option<JoinHandle<()>>>,
    },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ModelPanels {
    /// The region of this name and length, which `fill` gets as zeros where it is not kept yet; `None` when it cannot
    /// be kept. Names say what the bytes depend on.
    pub(crate) fn region(&self, name: &str, n_bytes: usize, fill: impl FnOnce(&mut [u8])) -> Option<Bytes> {
        match &*self.0 {
            State::Whole { whole, misses, .. } => {
                let found = whole.region(name, n_bytes);
                *lock(misses) += usize::from(found.is_none());
                found
            }
            State::Making { making, .. } => {
                let mut slot = lock(making);
                match slot.as_mut()?.region(name, n_bytes, fill) {
                    Ok(bytes) => Some(bytes),
                    Err(error) => {
                        log::info!("panels of the model are not kept: {error}");
                        *slot = None;
                        None
                    }
                }
            }
        }
    }

    /// Gives a file that was made its name, on another thread: all of it must be on the disk first.
    pub(crate) fn finish(&self) {
        match &*self.0 {
            State::Whole { path, misses, .. } => {
                // Made by a program that needed less. The next start makes it anew; what is mapped stays.
                if *lock(misses) > 0
                    && let Err(error) = remove(path)
                {
                    log::info!("{}: {error}", path.display());
                }
            }
            State::Making { making, writer } => {
                let Some(making) = lock(making).take().filter(|making| !making.table.is_empty()) else {
                    return;
                };
                let path = making.path.clone();
                let finish = move || {
                    if let Err(error) = making.finish() {
                        log::info!("{}: not kept: {error}", path.display());
                    }
                };
                // Without a thread the file is only not kept.
                *lock(writer) = std::thread::Builder::new().name("panels".into()).spawn(finish).ok();
            }
        }
    }
}

impl Drop for State {
    /// A program that ends waits until the file is whole.
    fn drop(&mut self) {
        if let Self::Making { writer, .. } = self
            && let Some(writer) = lock(writer).take()
            && writer.join().is_err()
        {
            log::warn!("keeping the panels of a model failed");
        }
    }
}

/// Bytes of a mapped file.
struct Region {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Region {
    fn as_ref(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}

/// A file that is whole.
struct Whole {
    map: Arc<Mmap>,
    table: Table,
}

/// The beginning of a file.
struct Header {
    magic: [u8; 16],
    identity: [u8; 32],
    table: Range<u64>,
    /// Of the table.
    sha256: [u8; 32],
}

impl Header {
    /// Bytes of the file.
    const BYTES: usize = 16 + 32 + 8 + 8 + 32;

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES);
        bytes.extend(self.magic);
        bytes.extend(self.identity);
        bytes.extend(self.table.start.to_le_bytes());
        bytes.extend(self.table.end.to_le_bytes());
        bytes.extend(self.sha256);
        bytes
    }
}

impl Whole {
    fn read(file: &File, identity: &[u8; 32]) -> io::Result<Self> {
        let bad = |why: &str| io::Error::other(why.to_owned());
        // SAFETY: files of this folder get their names when they are whole and are never written again; one that
        // somebody cuts short while it is mapped ends the process, as with model files.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(file)? };
        let header = map.get(..Header::BYTES).ok_or_else(|| bad("it is cut short"))?;
        let number = |at: usize| header[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
        if header[..16] != MAGIC || header[16..48] != *identity {
            return Err(bad("it is of another version or another model"));
        }
        let range = usize::try_from(number(48)).ok().zip(usize::try_from(number(56)).ok());
        let (start, end) = range.ok_or_else(|| bad("its table is nowhere"))?;
        let table = map.get(start..end).filter(|_| end == map.len()).ok_or_else(|| bad("it is cut short"))?;
        if Sha256::digest(table)[..] != header[64..96] {
            return Err(bad("its table is damaged"));
        }
        let table: Table = serde_json::from_slice(table).map_err(io::Error::other)?;
        let fits = |(at, n): &(u64, u64)| {
            at.is_multiple_of(PAGE) && at.checked_add(*n).is_some_and(|end| end <= start as u64)
        };
        if !table.values().all(fits) {
            return Err(bad("its table names places that it does not have"));
        }
        Ok(Self { map: Arc::new(map), table })
    }

    fn region(&self, name: &str, n_bytes: usize) -> Option<Bytes> {
        let (start, n) = *self.table.get(name)?;
        let start = usize::try_from(start).ok()?;
        let region = Region { map: self.map.clone(), range: start..start + n_bytes };
        (n == n_bytes as u64).then(|| Arc::new(region) as Bytes)
    }
}

/// A file that is being made.
struct Making {
    file: tempfile::NamedTempFile,
    path: PathBuf,
    identity: [u8; 32],
    /// Where the next region begins.
    end: u64,
    table: Table,
}

impl Making {
    fn region(&mut self, name: &str, n_bytes: usize, fill: impl FnOnce(&mut [u8])) -> io::Result<Bytes> {
        let (start, file) = (self.end, self.file.as_file());
        let end = start + n_bytes as u64;
        // With its blocks: writing to a mapped file on a full disk would end the process.
        fs4::FileExt::allocate(file, end)?;
        let mut options = MmapOptions::new();
        options.offset(start).len(n_bytes);
        // SAFETY: the file has no name yet that another process would look for, and no two regions overlap.
        #[allow(unsafe_code)]
        let mut map = unsafe { options.map_mut(file)? };
        fill(&mut map);
        let map = map.make_read_only()?;
        // SAFETY: a shared map of a file: the pages come back from it.
        #[allow(unsafe_code)]
        let released = unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) };
        released?;
        self.end = end.next_multiple_of(PAGE);
        self.table.insert(name.to_owned(), (start, n_bytes as u64));
        Ok(Arc::new(Region { range: 0..n_bytes, map: Arc::new(map) }))
    }

    fn finish(self) -> io::Result<()> {
        let table = serde_json::to_vec(&self.table)?;
        let sha256 = Sha256::digest(&table).into();
        let header = Header {
            magic: MAGIC,
            identity: self.identity,
            table: self.end..self.end + table.len() as u64,
            sha256,
        };
        let mut file = self.file.as_file();
        file.set_len(header.table.end)?;
        file.seek(SeekFrom::Start(header.table.start))?;
        file.write_all(&table)?;
        file.rewind()?;
        file.write_all(&header.to_bytes())?;
        file.sync_all()?;
        self.file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("model.gguf"), [7; 1000]).unwrap();
            Self { folder }
        }

        fn store(&self) -> PanelStore {
            PanelStore::open(&self.folder.path().join("panels"), 1 << 30)
        }

        fn panels(&self) -> ModelPanels {
            self.store().of_model(&self.folder.path().join("model.gguf")).unwrap()
        }

        /// Loads a model of two matrices; which of them had to be made.
        fn load(&self) -> Vec<&'static str> {
            let panels = self.panels();
            let mut made = Vec::new();
            for (name, n) in [("a", 100_000), ("b", 64)] {
                let bytes = panels.region(name, n, |bytes| {
                    assert!(bytes.iter().all(|byte| *byte == 0));
                    bytes.fill(name.as_bytes()[0]);
                    made.push(name);
                });
                let bytes = bytes.unwrap();
                assert!((*bytes).as_ref().iter().all(|byte| *byte == name.as_bytes()[0]));
                assert!((*bytes).as_ref().len() == n && (*bytes).as_ref().as_ptr().addr().is_multiple_of(64));
            }
            panels.finish();
            made
        }

        fn file(&self) -> PathBuf {
            let mut files =
                std::fs::read_dir(self.store().folder()).unwrap().map(|entry| entry.unwrap().path());
            let file = files.next().unwrap();
            assert!(files.next().is_none());
            file
        }
    }

    #[test]
    fn a_second_start_makes_nothing() {
        let bench = Bench::new();
        assert_eq!(bench.load(), ["a", "b"]);
        assert_eq!(bench.store().usage().files, 1);
        assert_eq!(bench.load(), [""; 0]);
        std::fs::write(bench.folder.path().join("model.gguf"), [8; 1001]).unwrap();
        assert_eq!(bench.load(), ["a", "b"], "another model");
        bench.store().clear().unwrap();
        assert_eq!(bench.load(), ["a", "b"]);
    }

    #[test]
    fn a_file_that_is_not_whole_is_made_anew() {
        let bench = Bench::new();
        bench.load();
        let whole = std::fs::read(bench.file()).unwrap();
        let mut another_version = whole.clone();
        another_version[15] += 1;
        let mut damaged_table = whole.clone();
        *damaged_table.last_mut().unwrap() ^= 1;
        let mut longer = whole.clone();
        longer.push(0);
        let cut = |n: usize| whole[..n].to_vec();
        let bad = [
            another_version,
            damaged_table,
            longer,
            cut(whole.len() - 1),
            cut(Header::BYTES),
            cut(7),
            cut(0),
        ];
        for (i, bytes) in bad.into_iter().enumerate() {
            std::fs::write(bench.file(), bytes).unwrap();
            assert_eq!(bench.load(), ["a", "b"], "{i}");
            assert_eq!(std::fs::read(bench.file()).unwrap(), whole, "{i}");
        }
    }

    #[test]
    fn what_the_file_lacks_is_not_given_and_the_next_start_makes_it_anew() {
        let bench = Bench::new();
        bench.load();
        let panels = bench.panels();
        assert!(panels.region("c", 64, |_| {}).is_none());
        assert!(panels.region("b", 128, |_| {}).is_none(), "another length");
        let held = panels.region("a", 100_000, |_| {}).unwrap();
        panels.finish();
        assert_eq!(bench.store().usage().files, 0);
        assert!((*held).as_ref().iter().all(|byte| *byte == b'a'), "what is mapped stays");
        assert_eq!(bench.load(), ["a", "b"]);
    }

    #[test]
    fn a_model_that_does_not_fit_the_store_is_not_kept() {
        let bench = Bench::new();
        let store = PanelStore::open(&bench.folder.path().join("panels"), 999);
        assert!(store.of_model(&bench.folder.path().join("model.gguf")).is_none());
        assert!(store.of_model(&bench.folder.path().join("none.gguf")).is_none());
    }
}
