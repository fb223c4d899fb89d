//! The words of passages, from the leaves that they stand on.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::catalogue::Passage;
use super::{DocumentId, Library};
use crate::error::Result;

/// Texts of passages; the leaf of the last one is kept, because its neighbours come next.
#[derive(Default)]
pub(super) struct Texts {
    last: Option<(i64, String)>,
    paths: HashMap<DocumentId, PathBuf>,
    /// Documents with damaged leaves.
    pub(super) damaged: BTreeSet<DocumentId>,
}

impl Texts {
    /// The words of a passage; `None` when its leaf is damaged.
    pub(super) fn of(&mut self, library: &Library, passage: &Passage) -> Result<Option<String>> {
        if self.last.as_ref().is_none_or(|(leaf, _)| *leaf != passage.leaf) {
            let leaf = library.catalogue.leaf(passage.leaf, Path::new(""))?;
            self.last = leaf.map(|leaf| (passage.leaf, leaf.text()));
        }
        let text = self.last.as_ref().and_then(|(_, text)| text.get(passage.bytes.clone()));
        if text.is_none() {
            self.damaged.insert(passage.document);
        }
        Ok(text.map(str::to_owned))
    }

    /// The file of a document.
    pub(super) fn path(&mut self, library: &Library, id: DocumentId) -> Result<PathBuf> {
        if let Some(path) = self.paths.get(&id) {
            return Ok(path.clone());
        }
        let path = library.catalogue.document_path(id)?.unwrap_or_default();
        self.paths.insert(id, path.clone());
        Ok(path)
    }
}
