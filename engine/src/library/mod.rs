//! A library: many long documents on disk, found by words and by meaning, shown where they stand.
//!
//! 1. `leaf`: a page, or some minutes of a recording, as positioned text.
//! 2. `passages`: leaves are cut into passages, the unit that is found.
//! 3. `catalogue`: documents, leaves and passages in one SQLite file. It is what counts.
//! 4. `words` and `vectors`: two indexes that are made from the catalogue, for BM25 and for meaning.
//! 5. `indexing`: an iterator of events that brings all of them up to date with the files, batch by batch: `documents`
//!    first, then `embedding`.
//! 6. `search`: both indexes asked, fused, ranked again; `excerpt`: what was found as files for [`tasks::ask`];
//!    `stored`: whole documents as such files.
//!
//! What is damaged is noticed by checksums: an index is made anew from the catalogue, a leaf from its document, the
//! catalogue from the list of what the person added.
//!
//! [`tasks::ask`]: crate::tasks::ask

mod leaf;

mod passages;

mod catalogue;

mod words;

mod vectors;

mod roots;

mod texts;

mod indexing;

mod documents;

mod embedding;

mod search;

mod rerank;

mod excerpt;

mod stored;

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use catalogue::Catalogue;
pub use indexing::{IndexEvent, Indexing};
pub use search::{Hit, Hits, Ranking, SearchOptions};
use serde::{Deserialize, Serialize};
use vectors::Vectors;
use words::Words;

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::media::Kind;
use crate::models::data_folder;

/// The file of meanings in a library's folder.
const MEANINGS: &str = "meanings.rows";

/// Numbers of a meaning: those of `minilm-l6`.
const WIDTH: usize = 384;

/// Names the model and what is given to it; meanings of another name are not comparable.
const MEANING: &str = "minilm-l6 rounded, headings read along";

/// A document of a library, as long as it is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocumentId(pub(crate) i64);

/// A document of a library.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Its number; never used again for another one.
    pub id: DocumentId,
    /// The file.
    pub path: PathBuf,
    /// What it is; `None` until it was opened.
    pub kind: Option<Kind>,
    /// For people: "12 pages", "2:13 minutes".
    pub summary: String,
    /// Whether it was read to the end.
    pub complete: bool,
    /// Why it cannot be used.
    pub problem: Option<String>,
    /// What was left out, and why.
    pub notices: Vec<String>,
    /// Pages, or parts of a recording, that can be searched.
    pub leaves: u64,
    /// Passages that can be searched by their words.
    pub passages: u64,
    /// Passages that can be searched by their meaning, too.
    pub compared: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// How much a library holds and takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LibraryStatus {
    /// Documents that can be searched.
    pub documents: u64,
    /// Files that cannot be used.
    pub failed: u64,
    /// Pages, and parts of recordings.
    pub leaves: u64,
    /// Passages that can be searched by their words.
    pub passages: u64,
    /// Of these, how many cannot be searched by their meaning yet.
    pub waiting: u64,
    /// Different texts whose meaning is kept.
    pub meanings: u64,
    /// Of these, how many belong to texts that are gone; they are kept in case these come back.
    pub unused: u64,
    /// Text with its positions, on disk.
    pub text_bytes: u64,
    /// The index of words, on disk.
    pub words_bytes: u64,
    /// The meanings, on disk.
    pub meanings_bytes: u64,
}

/// An open library. Several may be open at a time; one of them can write.
pub struct Library {
    folder: PathBuf,
    catalogue: Catalogue,
    /// `None` when the index is damaged, until the next update.
    words: Option<Words>,
    vectors: Vectors,
    notices: Vec<String>,
}

impl Library {
    /// The library in the user's data folder.
    ///
    /// # Errors
    /// As [`Library::open`]; [`Error::Request`] when the machine names no home folder.
    pub fn open_default() -> Result<Self> {
        Self::open(&data_folder()?.join("library"))
    }

    /// Opens the library in this folder, or makes an empty one. A damaged catalogue is moved aside and begun anew with
    /// what the person added; [`Library::notices`] tells it.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be written; [`Error::Library`] when it is of a newer Medley.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("making the folder", folder, e))?;
        let path = folder.join("catalogue.db");
        let mut notices = Vec::new();
        let catalogue = match Catalogue::open(&path) {
            Err(Error::Library { reason, .. }) if !reason.starts_with("written by a newer") => {
                let (catalogue, notice) = begin_anew(folder, &path, &reason)?;
                notices.push(notice);
                catalogue
            }
            other => other?,
        };
        let words = Words::open(&folder.join("words"));
        if let Err(error) = &words {
            notices.push(format!("{error}; until then passages are found by their meaning only"));
        }
        let vectors = Vectors::new(&folder.join(MEANINGS), WIDTH);
        Ok(Self { folder: folder.to_path_buf(), catalogue, words: words.ok(), vectors, notices })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was damaged when the library was opened.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Every document, by path.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn documents(&self) -> Result<Vec<Document>> {
        self.catalogue.documents()
    }

    /// How much it holds and takes.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn status(&self) -> Result<LibraryStatus> {
        let counts = self.catalogue.counts()?;
        let size = |name: &str| roots::size(&self.folder.join(name));
        Ok(LibraryStatus {
            documents: counts.documents,
            failed: counts.failed,
            leaves: counts.leaves,
            passages: counts.passages,
            waiting: counts.waiting,
            meanings: counts.rows,
            unused: self.catalogue.unused_rows()?,
            text_bytes: size("catalogue.db") + size("catalogue.db-wal"),
            words_bytes: size("words"),
            meanings_bytes: size(MEANINGS),
        })
    }

    /// Files and folders that the person added.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn roots(&self) -> Result<Vec<PathBuf>> {
        self.catalogue.roots()
    }

    /// A number that is another one when a file of what was added has come, gone or changed (by its size or time). Looks
    /// at each file and opens none, so it is a cheap way to learn whether an update has anything to do.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn look(&self) -> Result<u64> {
        let mut hash = std::hash::DefaultHasher::new();
        for root in self.catalogue.roots()? {
            root.exists().hash(&mut hash);
            for path in roots::files_below(&root) {
                roots::stamp(&path).hash(&mut hash);
                path.hash(&mut hash);
            }
            root.hash(&mut hash);
        }
        Ok(hash.finish())
    }

    /// Adds a file, or a folder whose documents and recordings all belong to it; the next [`Library::update`] reads
    /// them.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no such file; [`Error::Library`].
    pub fn add(&mut self, path: &Path) -> Result<()> {
        let path = std::fs::canonicalize(path).map_err(|e| Error::io("adding", path, e))?;
        if path.to_str().is_none() {
            let reason =
                format!("{}: the name is not valid Unicode; rename it and add it again", path.display());
            return Err(Error::Request { reason });
        }
        self.catalogue.add_root(&path)?;
        roots::save(&self.folder, &self.catalogue.roots()?)
    }

    /// Takes out a file, or a folder with everything in it; what was removed. A file inside a folder that stays is
    /// added again by the next update.
    ///
    /// # Errors
    /// [`Error::Library`], [`Error::Request`] when another process is writing.
    pub fn remove(&mut self, path: &Path) -> Result<Vec<PathBuf>> {
        let _lock = roots::Lock::take(&self.folder)?;
        // A file that is gone has no canonical name.
        let path = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        let path = path.map_err(|e| Error::io("removing", &self.folder, e))?;
        self.catalogue.begin()?;
        let removed = self.remove_below(&path);
        match &removed {
            Ok(_) => self.catalogue.commit()?,
            Err(_) => self.catalogue.rollback(),
        }
        roots::save(&self.folder, &self.catalogue.roots()?)?;
        removed
    }

    fn remove_below(&self, path: &Path) -> Result<Vec<PathBuf>> {
        for root in self.catalogue.roots()?.iter().filter(|root| root.starts_with(path)) {
            self.catalogue.remove_root(root)?;
        }
        let below = self.catalogue.known()?.into_iter().filter(|known| known.path.starts_with(path));
        let mut removed = Vec::new();
        for known in below {
            self.catalogue.remove_document(known.id)?;
            removed.push(known.path);
        }
        Ok(removed)
    }

    /// Brings the library up to date with its files: an iterator of events that does a little work for each. Dropping
    /// it, or raising `cancel`, pauses; the next update goes on.
    ///
    /// # Errors
    /// [`Error::Request`] when another process is writing.
    pub fn update<'a>(&'a mut self, engine: &Engine, cancel: &Cancel) -> Result<Indexing<'a>> {
        Indexing::new(self, engine, cancel)
    }

    /// Throws everything away but the list of what the person added; the next update reads all of it again.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Library`].
    pub fn clear(self) -> Result<Self> {
        let lock = roots::Lock::take(&self.folder)?;
        let folder = self.folder.clone();
        let roots = self.catalogue.roots().or_else(|_| roots::load(&folder))?;
        drop(self);
        for name in ["catalogue.db", "catalogue.db-wal", "catalogue.db-shm", MEANINGS] {
            roots::delete_file(&folder.join(name))?;
        }
        roots::delete_folder(&folder.join("words"))?;
        drop(lock);
        let library = Self::open(&folder)?;
        roots.iter().try_for_each(|root| library.catalogue.add_root(root))?;
        roots::save(&folder, &roots)?;
        Ok(library)
    }
}

/// A new catalogue in the place of a damaged one, and what is told.
fn begin_anew(folder: &Path, path: &Path, reason: &str) -> Result<(Catalogue, String)> {
    let roots = roots::load(folder)?;
    let aside = folder.join("catalogue.damaged.db");
    std::fs::rename(path, &aside).map_err(|e| Error::io("moving aside", path, e))?;
    for name in ["catalogue.db-wal", "catalogue.db-shm"] {
        roots::delete_file(&folder.join(name))?;
    }
    roots::delete_folder(&folder.join("words"))?;
    let catalogue = Catalogue::open(path)?;
    roots.iter().try_for_each(|root| catalogue.add_root(root))?;
    let notice = format!(
        "{}: {reason}; it was kept as {}, and the {} files and folders of the library are read again",
        path.display(),
        aside.display(),
        roots.len()
    );
    Ok((catalogue, notice))
}

#[cfg(test)]
mod tests;
