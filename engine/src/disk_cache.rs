//! Files in the user's cache folder that can be made again, the least recently used deleted first.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Begins the names of files that are being written.
const UNFINISHED: &str = "unfinished-";

/// An unfinished file of this age is one whose writer was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A folder of files of one kind; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct DiskCache {
    folder: Arc<Path>,
    /// Ends the names of whole files.
    extension: &'static str,
    most_bytes: u64,
    /// The files take at most one part in so many of the disk that is free.
    share: u64,
}

/// What every kind of files in the cache folder can do: `store!(Type, folder, extension, share)` for a type that is a
/// [`DiskCache`] and has `MOST_BYTES`.
macro_rules! store {
    ($store:ident, $folder:literal, $extension:literal, $share:literal) => {
        impl $store {
            /// The store in the user's cache folder.
            ///
            /// # Errors
            /// [`Error::Request`](crate::Error::Request) when the machine names no home folder.
            pub fn open_default() -> $crate::error::Result<Self> {
                Ok(Self::open(&$crate::models::cache_folder()?.join($folder), Self::MOST_BYTES))
            }

            /// A store in this folder, which need not exist yet.
            pub fn open(folder: &std::path::Path, most_bytes: u64) -> Self {
                Self($crate::disk_cache::DiskCache::new(folder, $extension, most_bytes, $share))
            }

            /// The folder.
            pub fn folder(&self) -> &std::path::Path {
                self.0.folder()
            }

            /// How much is kept.
            pub fn usage(&self) -> $crate::disk_cache::CacheUsage {
                self.0.usage()
            }

            /// Deletes all files, and returns the bytes that became free; a program that has one mapped keeps it until
            /// it ends.
            ///
            /// # Errors
            /// [`Error::Io`](crate::Error::Io).
            pub fn clear(&self) -> $crate::error::Result<u64> {
                self.0.clear()
            }
        }
    };
}

pub(crate) use store;

/// What files in the cache folder take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheUsage {
    /// How many there are.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// What they may take.
    pub most_bytes: u64,
}

struct Kept {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl DiskCache {
    /// A folder, which need not exist yet.
    pub(crate) fn new(folder: &Path, extension: &'static str, most_bytes: u64, share: u64) -> Self {
        Self { folder: folder.into(), extension, most_bytes, share }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file of this key is, or would be.
    pub(crate) fn path(&self, key: &[u8; 32]) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.{}", self.extension))
    }

    /// How much is kept.
    pub(crate) fn usage(&self) -> CacheUsage {
        let kept = self.kept();
        let bytes = kept.iter().map(|kept| kept.bytes).sum();
        CacheUsage { files: kept.len(), bytes, most_bytes: self.most_bytes() }
    }

    /// Deletes all files; returns the bytes that became free.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn clear(&self) -> Result<u64> {
        let mut freed = 0;
        for kept in self.kept() {
            remove(&kept.path).map_err(|e| Error::io("deleting", &kept.path, e))?;
            freed += kept.bytes;
        }
        Ok(freed)
    }

    /// What the files may take now, those that are there included.
    pub(crate) fn most_bytes(&self) -> u64 {
        let existing = self.folder.ancestors().find(|folder| folder.exists());
        let free = existing.and_then(|folder| fs4::available_space(folder).ok());
        self.most_bytes.min(free.unwrap_or(0) / self.share)
    }

    fn kept(&self) -> Vec<Kept> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let whole = entries
            .filter(|entry| Path::new(&entry.file_name()).extension().is_some_and(|e| e == self.extension));
        let kept = whole.filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some(Kept { path: entry.path(), bytes: about.len(), used: about.modified().ok()? })
        });
        kept.collect()
    }

    /// Where they are.
    #[cfg(test)]
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.kept().into_iter().map(|kept| kept.path).collect()
    }

    /// A new file in the folder, which only its owner may read: what was read can be guessed from it. Give it its name
    /// when it is whole.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn unfinished(&self) -> io::Result<tempfile::NamedTempFile> {
        make_folder(&self.folder)?;
        tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)
    }

    /// Deletes the least recently used until there is room for a file of this size, and what killed writers left.
    ///
    /// # Errors
    /// Those of the file system, and when the file is larger than all may be together.
    pub(crate) fn make_room(&self, bytes: u64) -> io::Result<()> {
        let most = self.most_bytes();
        let others = most.checked_sub(bytes).ok_or_else(|| {
            io::Error::other(format!("{bytes} bytes are more than the {most} that it may take"))
        })?;
        let mut kept = self.kept();
        kept.sort_by_key(|kept| kept.used);
        let mut taken: u64 = kept.iter().map(|kept| kept.bytes).sum();
        for old in kept {
            if taken <= others {
                break;
            }
            remove(&old.path)?;
            taken -= old.bytes;
        }
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
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

/// Marks a file as used now.
pub(crate) fn touch(file: &std::fs::File, path: &Path) {
    if let Err(error) = file.set_modified(SystemTime::now()) {
        log::info!("{}: {error}", path.display());
    }
}

/// Deletes a file, unless another process did so.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Hashes what tells a file from others and from its later versions: path, size and time of the last change. Files of
/// the store of models have their content's hash in their path.
///
/// # Errors
/// When the file system does not tell.
pub(crate) fn hash_identity(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    let about = path.metadata()?;
    let changed = about.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let name = path.to_string_lossy();
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(about.len().to_le_bytes());
    hash.update(changed.as_nanos().to_le_bytes());
    Ok(())
}

/// Makes a folder that only its owner sees into.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
