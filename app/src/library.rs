//! Questions to a library, for both fronts.

use std::path::Path;
use std::sync::Arc;

use engine::library::{DocumentId, Library, Ranking, SearchOptions};
use engine::tasks::ask::{FoundInLibrary, ReadFile};
use engine::{Cancel, Engine, Error, Result};

/// Passages that the answer is looked for in; with their neighbours more than the decoder is shown.
pub const READ_PASSAGES: usize = 10;

/// What a library has to say to a question.
#[derive(Debug, Default)]
pub struct Excerpt {
    /// The passages that fit, as files that hold nothing else; or whole documents.
    pub files: Vec<ReadFile>,
    /// What the library knows about passages.
    pub known: Option<FoundInLibrary>,
    /// What was left out, and why.
    pub notices: Vec<String>,
}

/// Finds the passages of a library, or of some of its documents, that a question is answered from.
///
/// # Errors
/// As [`Library::search`].
pub fn excerpt(
    library: &Library,
    question: &str,
    scope: Option<Vec<DocumentId>>,
    engine: &Engine,
    cancel: &Cancel,
) -> Result<Excerpt> {
    let options = SearchOptions { most: READ_PASSAGES, scope, ranking: Ranking::Read };
    let found = library.search(question, engine, &options, cancel)?;
    let (files, known) = library.excerpt(question, &found)?;
    let mut notices: Vec<String> = library.notices().to_vec();
    notices.extend(found.notices);
    notices.extend(files.iter().flat_map(|file| file.notices.clone()));
    Ok(Excerpt { files, known: Some(known), notices })
}

/// Everything that a library read of some documents, for a question that is answered from every section of them.
///
/// # Errors
/// [`Error::Request`] when nothing was read of them; as [`Library::whole`].
pub fn whole(library: &Library, documents: &[DocumentId], cancel: &Cancel) -> Result<Excerpt> {
    let files = library.whole(documents, cancel)?;
    let mut notices: Vec<String> = library.notices().to_vec();
    notices.extend(files.iter().flat_map(|file| file.notices.clone()));
    if !cancel.is_cancelled() && files.iter().all(|file| file.spans.is_empty()) {
        let nothing = || "there are no words in these documents; choose others".to_owned();
        return Err(Error::Request { reason: notices.pop().unwrap_or_else(nothing) });
    }
    Ok(Excerpt { files, known: None, notices })
}

/// Whether there is a library in this folder.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join("catalogue.db").exists()
}

/// What the library in this folder read of a file of this content (SHA-256, in hexadecimal digits), as if it had been
/// read at this path; none where it does not hold that.
pub(crate) fn read_before(
    folder: &Path,
    sha256: &str,
    path: &Path,
    cancel: &Cancel,
) -> Option<Arc<ReadFile>> {
    // Opening one that is not there would make it.
    let library = is_in(folder).then(|| Library::open(folder));
    match library?.and_then(|library| library.read_before(sha256, path, cancel)) {
        Ok(read) => read.map(Arc::new),
        Err(error) => {
            log::warn!("what was read in {} is not known: {error}", path.display());
            None
        }
    }
}
