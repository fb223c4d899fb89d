//! The library as the window shows it: what the thread that keeps it told last.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::library::{Document, Hit, LibraryStatus};
use serde::{Deserialize, Serialize};

use super::attachment::file_name;
use super::viewer::Load;
use crate::library::READ_PASSAGES;
use crate::say;
use crate::words::say;

/// An answer can rest on more passages than these only when every section is read: on those that are found, each with
/// the one before and the one after it.
const LONG_PASSAGES: u64 = 3 * READ_PASSAGES as u64;

/// The documents of a library that a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LibraryScope {
    /// Their files; empty means all.
    pub documents: Vec<PathBuf>,
}

impl LibraryScope {
    /// For people: "The library", a name, "3 documents of the library".
    pub fn text(&self) -> String {
        match self.documents.as_slice() {
            [] => say("library-about-all").to_owned(),
            [one] => file_name(one),
            some => say!("library-about-some", count = some.len()),
        }
    }
}

/// What the thread of the library does.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Doing {
    /// Nothing: everything can be searched.
    #[default]
    Nothing,
    /// Looks what is new.
    Looking,
    /// Reads a document.
    Reading {
        /// Which.
        path: PathBuf,
        /// Pages, or seconds, that are read.
        done: u64,
        /// Of so many; 0 while unknown.
        total: u64,
    },
    /// Computes meanings of passages.
    Meaning {
        /// Passages done.
        done: u64,
        /// Passages in all.
        total: u64,
    },
    /// Makes something that was damaged anew.
    Repairing {
        /// Passages done.
        done: u64,
        /// Passages in all.
        total: u64,
    },
}

/// What the library holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Holdings {
    /// Files and folders that were added.
    pub roots: Vec<PathBuf>,
    /// Which of these are folders: they are looked after.
    pub folders: Vec<PathBuf>,
    /// Every document, by path.
    pub documents: Arc<[Document]>,
    /// How much it holds and takes.
    pub status: LibraryStatus,
}

impl Holdings {
    /// The document at this path.
    pub fn document(&self, path: &Path) -> Option<&Document> {
        self.documents.iter().find(|document| document.path == path)
    }
}

/// What is looked for in the library.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LibrarySearch {
    /// The words.
    pub text: String,
    /// Which search this is.
    pub serial: u64,
    /// What was found, best first.
    pub hits: Load<Arc<[Hit]>>,
    /// What was not looked at, and why.
    pub notices: Vec<String>,
}

/// The library.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LibraryPane {
    /// What it holds; none until it was opened.
    pub holdings: Option<Holdings>,
    /// What is done for it.
    pub doing: Doing,
    /// Documents that are still to be read.
    pub left: usize,
    /// Whether reading waits for the person.
    pub is_paused: bool,
    /// Why it cannot be used.
    pub problem: Option<String>,
    /// What was left out or damaged, and what was done about it.
    pub notices: Vec<String>,
    /// What is looked for.
    pub search: LibrarySearch,
}

impl LibraryPane {
    /// Documents that can be searched.
    pub fn n_documents(&self) -> u64 {
        self.holdings.as_ref().map_or(0, |holdings| holdings.status.documents)
    }

    /// The document at this path.
    pub fn document(&self, path: &Path) -> Option<&Document> {
        self.holdings.as_ref()?.document(path)
    }

    /// Whether these documents say more than an answer rests on; while that is not known they may.
    pub fn is_long(&self, scope: &LibraryScope) -> bool {
        let passages = |path: &PathBuf| self.document(path).map_or(0, |document| document.passages);
        self.holdings.is_none() || scope.documents.iter().map(passages).sum::<u64>() > LONG_PASSAGES
    }

    /// The folder that was added and holds this file, if one does.
    pub fn folder_of(&self, path: &Path) -> Option<&PathBuf> {
        self.holdings.as_ref()?.folders.iter().find(|folder| path.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_folder_that_was_added() {
        let folders = vec![PathBuf::from("/a/papers")];
        let library = LibraryPane {
            holdings: Some(Holdings { folders, ..Holdings::default() }),
            ..LibraryPane::default()
        };
        assert!(library.folder_of("/a/papers/deep/one.pdf".as_ref()).is_some());
        assert!(library.folder_of("/a/papers.pdf".as_ref()).is_none());
        assert_eq!(LibraryPane::default().folder_of("/a".as_ref()), None);
    }
}
