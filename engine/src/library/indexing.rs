//! Bringing a library up to date: an iterator of events, a little work for each.
//!
//! Text comes first: all documents can be searched by their words before the meaning of the first passage is computed
//! (`embedding`), which takes many times as long. Work is committed in batches of about two seconds, first the index of
//! words, then the catalogue; a program that is killed loses the batch it was writing. A document of pages goes on at
//! the page after the last one that was committed, a recording begins anew.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::catalogue::{Identity, Known};
use super::leaf::Leaf;
use super::passages::Cutter;
use super::words::{Words, WordsWriter};
use super::{DocumentId, Library, MEANING, roots};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{Error, MediaProblem, Result};
use crate::media::{self, Kind};
use crate::perception::{ReadEvent, Reading};
use crate::sequence::{Place, Span};

/// A batch is committed after this time.
const BATCH_TIME: Duration = Duration::from_secs(2);

/// And after so many leaves, which bounds what the transaction keeps in memory.
const BATCH_LEAVES: usize = 1_000;

/// Text of a leaf of a format without pages.
const LEAF_BYTES: usize = 6_000;

/// Passages that are added in one step when the index of words is made anew.
const REWRITTEN_PER_STEP: usize = 2_000;

/// Names of files that are told when files are left out.
const NAMED: usize = 3;

/// One step of an update.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexEvent {
    /// What there is to do: documents to read; comes before the first is read.
    Planned {
        /// New, changed, and unfinished ones.
        documents: usize,
    },
    /// How far a document is read; `total` is 0 while unknown.
    Reading {
        /// The document.
        path: PathBuf,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// A document can be searched by its words.
    Readable {
        /// The document.
        path: PathBuf,
        /// Its pages, or parts of a recording.
        leaves: u64,
        /// Its passages.
        passages: u64,
    },
    /// A file cannot be used.
    Failed {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A document is gone.
    Removed {
        /// Where it was.
        path: PathBuf,
    },
    /// How many passages can be searched by their meaning.
    Meaning {
        /// Passages done.
        done: u64,
        /// Passages in all.
        total: u64,
    },
    /// Something was damaged and is made anew.
    Repairing {
        /// Passages done.
        done: u64,
        /// Passages in all.
        total: u64,
    },
    /// Something was left out or failed, and why.
    Notice(String),
}

/// A file to read.
struct Todo {
    path: PathBuf,
    /// The person named the file itself, not a folder above it.
    named: bool,
    known: Option<Known>,
}

/// A document that is being read.
struct Open {
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

enum Step {
    Check,
    /// The index of words is made anew from this passage on.
    Rewrite(i64),
    Plan,
    Read(VecDeque<Todo>, Option<Box<Open>>),
    Embed,
    Done,
}

/// What is written and not committed.
struct Batch {
    since: Instant,
    leaves: usize,
}

/// An update that is going on. Ends early, with everything committed, when cancelled.
pub struct Indexing<'a> {
    pub(super) library: &'a mut Library,
    pub(super) engine: Engine,
    pub(super) cancel: Cancel,
    pub(super) events: VecDeque<IndexEvent>,
    writer: Option<WordsWriter>,
    step: Step,
    batch: Option<Batch>,
    skipped: Vec<PathBuf>,
    /// Passages rewritten, or embedded, and how many there are.
    pub(super) done: u64,
    pub(super) total: u64,
    _lock: roots::Lock,
}

impl<'a> Indexing<'a> {
    pub(super) fn new(library: &'a mut Library, engine: &Engine, cancel: &Cancel) -> Result<Self> {
        let lock = roots::Lock::take(&library.folder)?;
        let events = std::mem::take(&mut library.notices).into_iter().map(IndexEvent::Notice).collect();
        Ok(Self {
            library,
            engine: engine.clone(),
            cancel: cancel.clone(),
            events,
            writer: None,
            step: Step::Check,
            batch: None,
            skipped: Vec::new(),
            done: 0,
            total: 0,
            _lock: lock,
        })
    }

    fn advance(&mut self) -> Result<()> {
        if self.cancel.is_cancelled() {
            self.step = Step::Done;
            return self.flush();
        }
        match std::mem::replace(&mut self.step, Step::Done) {
            Step::Check => self.check(),
            Step::Rewrite(next) => self.rewrite(next),
            Step::Plan => self.plan(),
            Step::Read(todo, None) => self.next_document(todo),
            Step::Read(todo, Some(open)) => self.read(todo, open),
            Step::Embed => self.embed_some(),
            Step::Done => Ok(()),
        }
    }

    pub(super) fn notice(&mut self, text: String) {
        self.events.push_back(IndexEvent::Notice(text));
    }

    pub(super) fn go_on_embedding(&mut self) {
        self.step = Step::Embed;
    }

    // What is damaged is made anew.

    fn check(&mut self) -> Result<()> {
        let catalogue = &self.library.catalogue;
        if !catalogue.is_whole() {
            let path = self.library.folder.join("catalogue.db");
            return Err(Error::library(&path, "the catalogue is damaged".into()));
        }
        if catalogue.meta("meaning")?.as_deref() != Some(MEANING) {
            catalogue.forget_all_rows()?;
            catalogue.set_meta("meaning", MEANING)?;
        }
        self.check_rows()?;
        let folder = self.library.folder.join("words");
        let batch = self.library.catalogue.batch()?;
        let words = self.library.words.take().filter(Words::is_whole);
        let current = words.as_ref().is_some_and(|words| words.batch().unwrap_or(0) == batch);
        if let (true, Some(words)) = (current, words) {
            self.writer = Some(words.writer()?);
            self.library.words = Some(words);
            self.step = Step::Plan;
            return Ok(());
        }
        roots::delete_folder(&folder)?;
        let words = Words::open(&folder)?;
        self.writer = Some(words.writer()?);
        self.library.words = Some(words);
        self.total = self.library.catalogue.counts()?.passages;
        if self.total > 0 {
            let text = "the index of words was damaged or incomplete and is made anew";
            self.notice(format!("{}: {text}", self.library.folder.display()));
        }
        self.step = Step::Rewrite(0);
        Ok(())
    }

    fn rewrite(&mut self, next: i64) -> Result<()> {
        let passages = self.library.catalogue.passages_from(next, REWRITTEN_PER_STEP)?;
        let mut texts = Texts::default();
        for passage in &passages {
            let Some(text) = texts.of(self.library, passage)? else { continue };
            let Some(writer) = &self.writer else { continue };
            writer.add(passage.id, passage.document, &passage.heading, &text)?;
        }
        self.done += passages.len() as u64;
        match passages.last() {
            Some(last) => {
                self.step = Step::Rewrite(last.id + 1);
                self.events.push_back(IndexEvent::Repairing { done: self.done, total: self.total });
            }
            None => {
                let batch = self.library.catalogue.batch()?;
                if let Some(writer) = &mut self.writer {
                    writer.commit(batch)?;
                }
                self.reload()?;
                self.step = Step::Plan;
            }
        }
        self.forget_damaged(texts)
    }

    /// Takes out documents with damaged leaves; they are read again.
    pub(super) fn forget_damaged(&mut self, texts: Texts) -> Result<()> {
        for id in texts.damaged {
            let Some(path) = self.library.catalogue.document_path(id)? else { continue };
            self.notice(format!("{}: what was kept of it is damaged; it is read again", path.display()));
            self.write()?;
            self.forget(id)?;
            self.step = Step::Plan;
        }
        Ok(())
    }

    // Batches.

    /// What follows belongs to a batch.
    pub(super) fn write(&mut self) -> Result<()> {
        if self.batch.is_none() {
            self.library.catalogue.begin()?;
            self.batch = Some(Batch { since: Instant::now(), leaves: 0 });
        }
        Ok(())
    }

    /// Commits the batch.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.batch.take().is_none() {
            return Ok(());
        }
        let catalogue = &self.library.catalogue;
        let batch = catalogue.batch()? + 1;
        let forgotten = catalogue.forgotten()?;
        if let Some(writer) = &mut self.writer {
            forgotten.iter().for_each(|id| writer.remove(*id));
            writer.commit(batch)?;
        }
        catalogue.set_meta("batch", &batch.to_string())?;
        catalogue.clear_forgotten(&forgotten)?;
        catalogue.commit()?;
        self.reload()
    }

    fn flush_when_due(&mut self) -> Result<()> {
        let due = |batch: &Batch| batch.since.elapsed() > BATCH_TIME || batch.leaves >= BATCH_LEAVES;
        if self.batch.as_ref().is_some_and(due) { self.flush() } else { Ok(()) }
    }

    fn reload(&self) -> Result<()> {
        self.library.words.as_ref().map_or(Ok(()), Words::reload)
    }

    /// Takes a document out of both, in this batch.
    fn forget(&mut self, id: DocumentId) -> Result<()> {
        self.library.catalogue.remove_document(id)
    }

    // What is to be read.

    fn plan(&mut self) -> Result<()> {
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
        let mut seen = std::collections::HashSet::new();
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

    fn next_document(&mut self, mut todo: VecDeque<Todo>) -> Result<()> {
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
        let reading = self.engine.read(path, &self.cancel).from_page(first_page);
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

    fn read(&mut self, todo: VecDeque<Todo>, mut open: Box<Open>) -> Result<()> {
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

impl Iterator for Indexing<'_> {
    type Item = Result<IndexEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if matches!(self.step, Step::Done) {
                let finished = self.writer.take().map_or(Ok(()), WordsWriter::finish);
                self.library.catalogue.tidy();
                return finished.err().map(Err);
            }
            if let Err(error) = self.advance() {
                self.step = Step::Done;
                return Some(Err(error));
            }
        }
    }
}

impl Drop for Indexing<'_> {
    fn drop(&mut self) {
        // What was not committed is read again by the next update.
        self.library.catalogue.rollback();
    }
}

/// Texts of passages; the leaf of the last one is kept, because its neighbours come next.
#[derive(Default)]
pub(super) struct Texts {
    last: Option<(i64, String)>,
    paths: HashMap<DocumentId, PathBuf>,
    /// Documents with damaged leaves.
    pub(super) damaged: std::collections::BTreeSet<DocumentId>,
}

impl Texts {
    /// The words of a passage; `None` when its leaf is damaged.
    pub(super) fn of(
        &mut self,
        library: &Library,
        passage: &super::catalogue::Passage,
    ) -> Result<Option<String>> {
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
