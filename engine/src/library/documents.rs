//! The first half of an update: which files are new, changed or gone, and their text.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;

use super::catalogue::{Identity, Known};
use super::indexing::{IndexEvent, Indexing, Step};
use super::leaf::Leaf;
use super::passages::Cutter;
use super::{DocumentId, roots};
use crate::error::{Error, MediaProblem, Result};
use crate::media::{self, Kind};
use crate::perception::{ReadEvent, Reading};
use crate::sequence::{Place, Span};

/// Text of a leaf of a format without pages.
const LEAF_BYTES: usize = 6_000;

/// Names of files that are told when files are left out.
const NAMED: usize = 3;

/// A file to read.
pub(super) struct Todo {
    path: PathBuf,
    /// The person named the file itself, not a folder above it.
    named: bool,
    known: Option<Known>,
}

/// A document that is being read.
pub(super) struct Open {
    id: DocumentId,
    path: PathBuf,
    identity: Identity,
    reading: Reading,
    cutter: Cutter,
    spans: Vec<Span>,
    bytes: usize,
    notices: Vec<String>,
    leaves: u64,
    passages: u64,
}

impl Indexing<'_> {
    pub(super) fn plan(&mut self) -> Result<()> {
        let catalogue = &self.library.catalogue;
        let mut known: HashMap<PathBuf, Known> =
            catalogue.known()?.into_iter().map(|known| (known.path.clone(), known)).collect();
        let mut todo: Vec<Todo> = Vec::new();
        for root in catalogue.roots()? {
            if !root.exists() {
                let kept: Vec<PathBuf> =
                    known.keys().filter(|path| path.starts_with(&root)).cloned().collect();
                let searchable = !kept.is_empty();
                kept.iter().for_each(|path| drop(known.remove(path)));
                let then = if searchable { "; what was read of it can still be searched" } else { "" };
                let text = format!(
                    "{}: is not there now{then}; `medley library remove` takes it out",
                    root.display()
                );
                self.events.push_back(IndexEvent::Notice(text));
                continue;
            }
            for path in roots::files_below(&root) {
                let named = path == root;
                let before = known.remove(&path);
                let stamp = roots::stamp(&path);
                let current = before.as_ref().is_some_and(|known| {
                    (known.complete || known.failed)
                        && stamp == Some((known.identity.size, known.identity.modified))
                });
                if !current {
                    todo.push(Todo { path, named, known: before });
                }
            }
        }
        // Nothing that was added holds these any more.
        let mut gone: Vec<Known> = known.into_values().collect();
        gone.sort_by(|a, b| a.path.cmp(&b.path));
        // Two roots may hold one file.
        let mut seen = HashSet::new();
        todo.retain(|todo| seen.insert(todo.path.clone()));
        gone.retain(|known| !seen.contains(&known.path));
        if !gone.is_empty() {
            self.write()?;
        }
        for known in gone {
            self.forget(known.id)?;
            self.events.push_back(IndexEvent::Removed { path: known.path });
        }
        if !self.library.catalogue.forgotten()?.is_empty() {
            self.write()?;
            self.flush()?;
        }
        self.events.push_back(IndexEvent::Planned { documents: todo.len() });
        self.step = Step::Read(todo.into(), None);
        Ok(())
    }

    pub(super) fn next_document(&mut self, mut todo: VecDeque<Todo>) -> Result<()> {
        let Some(next) = todo.pop_front() else {
            self.flush()?;
            self.tell_skipped();
            self.start_embedding()?;
            self.step = Step::Embed;
            return Ok(());
        };
        let open = match self.open(&next) {
            Ok(open) => open,
            Err(error @ (Error::Io { .. } | Error::Media { .. })) => {
                self.failed(&next, None, &error)?;
                None
            }
            Err(error) => return Err(error),
        };
        self.step = Step::Read(todo, open.map(Box::new));
        self.flush_when_due()
    }

    /// Starts to read a file; `None` when it is as it was, or of no kind that a library holds.
    fn open(&mut self, todo: &Todo) -> Result<Option<Open>> {
        let Todo { path, named, known } = todo;
        if !named {
            match media::kind(path) {
                Ok(Kind::Document | Kind::Sound | Kind::Video) => {}
                Ok(Kind::Picture) | Err(Error::Media { .. }) => {
                    self.skipped.push(path.clone());
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(identity) = roots::identity(path, &self.cancel)? else { return Ok(None) };
        self.write()?;
        let catalogue = &self.library.catalogue;
        let (mut first_page, mut cutter) = (1, Cutter::default());
        let same = known.as_ref().filter(|known| known.identity.hash == identity.hash && !known.failed);
        let id = match (same, known) {
            (Some(known), _) if known.complete => {
                // Only its time changed.
                catalogue.set_identity(known.id, &identity)?;
                return Ok(None);
            }
            (Some(known), _) if known.next_page > 1 => {
                first_page = known.next_page;
                cutter.heading.clone_from(&known.heading);
                catalogue.set_identity(known.id, &identity)?;
                known.id
            }
            (_, before) => {
                if let Some(before) = before {
                    catalogue.remove_document(before.id)?;
                }
                catalogue.add_document(path, &identity)?
            }
        };
        let reading = self.engine.read(path, &self.cancel).from_page(first_page).every_frame();
        self.events.push_back(IndexEvent::Reading { path: path.clone(), done: 0, total: 0 });
        Ok(Some(Open {
            id,
            path: path.clone(),
            identity,
            reading,
            cutter,
            spans: Vec::new(),
            bytes: 0,
            notices: Vec::new(),
            leaves: 0,
            passages: 0,
        }))
    }

    pub(super) fn read(&mut self, todo: VecDeque<Todo>, mut open: Box<Open>) -> Result<()> {
        match open.reading.next() {
            Some(Ok(ReadEvent::Opened { kind, summary })) => {
                self.write()?;
                let kind = serde_json::to_value(kind).ok();
                let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default();
                self.library.catalogue.set_about(open.id, kind, &summary)?;
            }
            Some(Ok(ReadEvent::Progress { done, total, .. })) => {
                self.events.push_back(IndexEvent::Reading { path: open.path.clone(), done, total });
            }
            Some(Ok(ReadEvent::Notice(text))) => open.notices.push(text),
            Some(Ok(ReadEvent::Span(span))) => {
                if open.ends_before(&span) {
                    self.close_leaf(&mut open)?;
                }
                open.bytes += span.text.len();
                open.spans.push(span);
            }
            Some(Err(error)) => {
                self.close_leaf(&mut open)?;
                if open.leaves == 0 || matches!(&error, Error::Media { problem: MediaProblem::Vanished, .. })
                {
                    let next = Todo { path: open.path.clone(), named: true, known: None };
                    self.failed(&next, Some(open.id), &error)?;
                } else {
                    // What was read before the damage can be searched.
                    open.notices.push(error.to_string());
                    self.complete(&open)?;
                }
                self.step = Step::Read(todo, None);
                return self.flush_when_due();
            }
            None => {
                if !self.cancel.is_cancelled() {
                    self.close_leaf(&mut open)?;
                    self.complete(&open)?;
                }
                self.step = Step::Read(todo, None);
                return self.flush_when_due();
            }
        }
        self.step = Step::Read(todo, Some(open));
        self.flush_when_due()
    }

    /// Adds what was gathered as one leaf.
    fn close_leaf(&mut self, open: &mut Open) -> Result<()> {
        let spans = std::mem::take(&mut open.spans);
        open.bytes = 0;
        let Some(last) = spans.last() else { return Ok(()) };
        let next_page = match last.place {
            Place::Page { page, .. } => page + 1,
            _ => 1,
        };
        self.write()?;
        let leaf = Leaf { spans };
        let passages = open.cutter.cut(&leaf);
        let catalogue = &self.library.catalogue;
        let numbers = catalogue.add_leaf(open.id, &leaf, &passages)?;
        catalogue.set_progress(open.id, next_page, &open.cutter.heading)?;
        let text = leaf.text();
        for (number, passage) in numbers.iter().zip(&passages) {
            let body = text.get(passage.bytes.clone()).unwrap_or_default();
            if let Some(writer) = &self.writer {
                writer.add(*number, open.id, &passage.heading, body)?;
            }
        }
        open.leaves += 1;
        open.passages += passages.len() as u64;
        if let Some(batch) = &mut self.batch {
            batch.leaves += 1;
        }
        Ok(())
    }

    /// A document was read to its end.
    fn complete(&mut self, open: &Open) -> Result<()> {
        self.write()?;
        let catalogue = &self.library.catalogue;
        catalogue.set_complete(open.id, &open.notices)?;
        let path = open.path.clone();
        for text in &open.notices {
            let name = path.display().to_string();
            let text = if text.contains(&name) { text.clone() } else { format!("{name}: {text}") };
            self.events.push_back(IndexEvent::Notice(text));
        }
        if roots::stamp(&path) != Some((open.identity.size, open.identity.modified)) {
            catalogue.set_stale(open.id)?;
            let text = "changed while it was read; the next update reads it again";
            self.events.push_back(IndexEvent::Notice(format!("{}: {text}", path.display())));
        }
        self.events.push_back(IndexEvent::Readable { path, leaves: open.leaves, passages: open.passages });
        Ok(())
    }

    /// A file cannot be used; it is not tried again until it changes.
    fn failed(&mut self, todo: &Todo, id: Option<DocumentId>, error: &Error) -> Result<()> {
        self.write()?;
        let catalogue = &self.library.catalogue;
        let id = match (id, &todo.known) {
            (Some(id), _) => id,
            (None, known) => {
                if let Some(known) = known {
                    catalogue.remove_document(known.id)?;
                }
                let (size, modified) = roots::stamp(&todo.path).unwrap_or_default();
                catalogue.add_document(&todo.path, &Identity { size, modified, hash: [0; 32] })?
            }
        };
        let reason = error.to_string();
        catalogue.set_problem(id, &reason)?;
        self.events.push_back(IndexEvent::Failed { path: todo.path.clone(), reason });
        Ok(())
    }

    fn tell_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped.is_empty() {
            return;
        }
        let named: Vec<String> =
            skipped.iter().take(NAMED).map(|path: &PathBuf| path.display().to_string()).collect();
        let more = skipped.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!(
            "left out, neither documents nor recordings: {}{more}; a picture is read when it is added by itself",
            named.join(", ")
        );
        self.notice(text);
    }
}

impl Open {
    /// Whether a span belongs to the next leaf.
    fn ends_before(&self, span: &Span) -> bool {
        match (self.spans.last().map(|last| &last.place), &span.place) {
            (None, _) => false,
            (Some(Place::Page { page: last, .. }), Place::Page { page, .. }) => last != page,
            _ => self.bytes >= LEAF_BYTES,
        }
    }
}
