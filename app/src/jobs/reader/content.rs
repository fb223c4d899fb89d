//! What a document is that no conversation holds: the hash of its content, and the words in its pictures.

use std::path::Path;
use std::sync::Arc;

use engine::tasks::ask::ReadFile;
use engine::{Cancel, Finding};

use super::super::KnownReads;
use super::super::media_thread::check;
use super::{Post, ReaderNews};
use crate::library::read_before;
use crate::storage::Recall;

/// What is known of a document's content.
#[derive(Debug)]
pub struct Looked {
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// What was read in pictures of its pages, in a conversation or for the library.
    pub read: Option<Arc<ReadFile>>,
}

/// Hashes a document, and looks what was read in it before.
pub fn look(path: &Path, known: &KnownReads, cancel: &Cancel, post: &Post<'_>) {
    let looked = check(path, cancel).map(|(_, sha256)| {
        let read = Recall::default().file_read(&known.database, &sha256, path);
        let read = read.or_else(|| read_before(&known.library, &sha256, path, cancel));
        Looked { read: read.and_then(in_pictures), sha256 }
    });
    post.send(ReaderNews::Looked(looked));
}

/// The words in pictures alone: the document itself gives the rest.
fn in_pictures(mut read: Arc<ReadFile>) -> Option<Arc<ReadFile>> {
    let spans = &mut Arc::make_mut(&mut read).spans;
    Arc::make_mut(spans).retain(|span| matches!(span.finding, Finding::PictureText { .. }));
    (!read.spans.is_empty()).then_some(read)
}
