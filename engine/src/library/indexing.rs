//! Bringing a library up to date: an iterator of events, a little work for each.
//!
//! Text comes first: all documents can be searched by their words before the meaning of the first passage is computed
//! (`embedding`), which takes many times as long. Work is committed in batches of about two seconds, first the index of
//! words, then the catalogue; a program that is killed loses the batch it was writing. A document of pages goes on at
//! the page after the last one that was committed, a recording begins anew.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::documents::{Open, Todo};
use super::texts::Texts;
use super::words::{Words, WordsWriter};
use super::{DocumentId, Library, MEANING, roots};
use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// A batch is committed after this time.
const BATCH_TIME: Duration = Duration::from_secs(2);

/// And after so many leaves, which bounds what the transaction keeps in memory.
const BATCH_LEAVES: usize = 1_000;

/// Passages that are added in one step when the index of words is made anew.
const REWRITTEN_PER_STEP: usize = 2_000;

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

pub(super) enum Step {
    Check,
    /// The index of words is made anew from this passage on.
    Rewrite(i64),
    Plan,
    Read(VecDeque<Todo>, Option<Box<Open>>),
    Embed,
    Done,
}

/// What is written and not committed.
pub(super) struct Batch {
    since: Instant,
    pub(super) leaves: usize,
}

/// An update that is going on. Ends early, with everything committed, when cancelled.
pub struct Indexing<'a> {
    pub(super) library: &'a mut Library,
    pub(super) engine: Engine,
    pub(super) cancel: Cancel,
    pub(super) events: VecDeque<IndexEvent>,
    pub(super) writer: Option<WordsWriter>,
    pub(super) step: Step,
    pub(super) batch: Option<Batch>,
    pub(super) skipped: Vec<PathBuf>,
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

    pub(super) fn flush_when_due(&mut self) -> Result<()> {
        let due = |batch: &Batch| batch.since.elapsed() > BATCH_TIME || batch.leaves >= BATCH_LEAVES;
        if self.batch.as_ref().is_some_and(due) { self.flush() } else { Ok(()) }
    }

    fn reload(&self) -> Result<()> {
        self.library.words.as_ref().map_or(Ok(()), Words::reload)
    }

    /// Takes a document out of both, in this batch.
    pub(super) fn forget(&mut self, id: DocumentId) -> Result<()> {
        self.library.catalogue.remove_document(id)
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
