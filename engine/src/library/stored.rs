//! Documents as the library read them, from the first page to the last.

use std::path::Path;
use std::sync::Arc;

use super::catalogue::About;
use super::{DocumentId, Library, roots};
use crate::cancel::Cancel;
use crate::error::Result;
use crate::media::Kind;
use crate::sequence::{ReadFile, Span};

impl Library {
    /// Everything that was read of these documents, one file for each; less when cancelled. What is damaged, was not read
    /// yet, changed since or is gone has a notice.
    ///
    /// # Errors
    /// [`Error::Library`](crate::Error::Library).
    pub fn whole(&self, documents: &[DocumentId], cancel: &Cancel) -> Result<Vec<ReadFile>> {
        let mut files = Vec::new();
        for id in documents {
            // Somebody else may have taken it out.
            let Some(path) = self.catalogue.document_path(*id)? else { continue };
            let about = self.catalogue.about(*id)?;
            let (spans, is_damaged) = self.spans(*id, &path, cancel)?;
            let name = path.display().to_string();
            let named =
                |text: &str| if text.contains(&name) { text.to_owned() } else { format!("{name}: {text}") };
            let mut notices: Vec<String> = about.notices.iter().map(|notice| named(notice)).collect();
            match &about.problem {
                Some(problem) => notices.push(named(problem)),
                None if !about.complete => {
                    notices
                        .push(named("was not read to its end yet; ask again once the library is up to date"));
                }
                None => {}
            }
            if is_damaged {
                notices.push(self.damaged(*id, &path));
            }
            notices.extend(about.changed(&path));
            files.push(about.file(&path, spans, notices));
        }
        Ok(files)
    }

    /// Everything that was read of a file of this content (SHA-256, in hexadecimal digits), as if it had been read at
    /// this path; `None` where the library holds no such file that was read to its end, and when cancelled.
    ///
    /// # Errors
    /// [`Error::Library`](crate::Error::Library).
    pub fn read_before(&self, sha256: &str, path: &Path, cancel: &Cancel) -> Result<Option<ReadFile>> {
        let Some(id) = self.catalogue.document_of(sha256)? else { return Ok(None) };
        let (spans, is_damaged) = self.spans(id, path, cancel)?;
        if is_damaged || cancel.is_cancelled() {
            return Ok(None);
        }
        let about = self.catalogue.about(id)?;
        let notices = about.notices.clone();
        Ok(Some(about.file(path, spans, notices)))
    }

    /// The spans of a document, and whether some of them are damaged and left out.
    fn spans(&self, id: DocumentId, source: &Path, cancel: &Cancel) -> Result<(Vec<Span>, bool)> {
        let (mut spans, mut is_damaged) = (Vec::new(), false);
        for number in self.catalogue.leaves_of(id)? {
            if cancel.is_cancelled() {
                break;
            }
            match self.catalogue.leaf(number, source)? {
                Some(leaf) => spans.extend(leaf.spans),
                None => is_damaged = true,
            }
        }
        Ok((spans, is_damaged))
    }

    /// Has a damaged document read again; what is told.
    pub(super) fn damaged(&self, id: DocumentId, path: &Path) -> String {
        // Another process may be writing; then the next one who sees it says it again.
        if let Err(error) = self.catalogue.set_stale(id) {
            log::info!("{error}");
        }
        format!("{}: what was kept of it is damaged; `medley library add` reads it again", path.display())
    }
}

impl About {
    /// What is told of a file that is no longer what was read.
    pub(super) fn changed(&self, path: &Path) -> Option<String> {
        let text = match roots::stamp(path) {
            Some(now) if now == (self.size, self.modified) => return None,
            Some(_) => "changed since the library read it; `medley library add` reads it again",
            None => "is not there any more; its text is shown as the library read it",
        };
        Some(format!("{}: {text}", path.display()))
    }

    /// A file that holds these spans.
    pub(super) fn file(self, path: &Path, spans: Vec<Span>, notices: Vec<String>) -> ReadFile {
        ReadFile {
            path: path.to_path_buf(),
            kind: self.kind.unwrap_or(Kind::Document),
            summary: self.summary,
            spans: Arc::new(spans),
            notices,
        }
    }
}
