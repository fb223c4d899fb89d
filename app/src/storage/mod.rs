//! What survives: conversations, answers, what was found in files, settings; one SQLite file.
//!
//! Write-ahead logging, one thread that writes, and one connection of the window that reads. A
//! running answer is written every half second, so that a killed program loses less than a second.
//! A database that cannot be read is moved aside and named in a message, never deleted.

pub mod adapters;

mod read;

mod schema;

mod search;

mod voices;

mod write;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

pub use read::Recall;
pub use search::{search, search_temporary};
pub use voices::{FILE_NAME as VOICES_FILE_NAME, KnownVoices};
pub use write::{Saving, Write};

use crate::state::ConversationId;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "conversations.db";

/// How long one process waits for another one that writes.
const BUSY: Duration = Duration::from_secs(3);

/// The open database.
pub struct Storage {
    reader: Connection,
    writes: Option<Sender<Write>>,
    news: Receiver<Saving>,
    thread: Option<JoinHandle<()>>,
    notice: Option<String>,
    path: PathBuf,
    read_only: bool,
    unkept: RefCell<Unkept>,
}

/// What is never written: temporary conversations, and what was found in their files.
#[derive(Default)]
struct Unkept {
    conversations: BTreeSet<ConversationId>,
    /// By their SHA-256.
    files: BTreeSet<String>,
}

impl Unkept {
    /// Whether a change goes to the disk.
    fn keeps(&mut self, write: &Write) -> bool {
        match write {
            Write::Conversation { id, .. }
            | Write::Deleted(id, _)
            | Write::Exchange(id, _)
            | Write::Draft(id, _) => !self.conversations.contains(id),
            Write::Attachment(id, attachment) => {
                let keeps = !self.conversations.contains(id);
                if let Some(sha256) = &attachment.sha256 {
                    // A file that is also somewhere else is no secret.
                    match keeps {
                        true => self.files.remove(sha256),
                        false => self.files.insert(sha256.clone()),
                    };
                }
                keeps
            }
            Write::FileRead { sha256, .. }
            | Write::Transcript { sha256, .. }
            | Write::Reading { sha256, .. } => !self.files.contains(sha256),
            _ => true,
        }
    }
}

impl Storage {
    /// Opens or makes the database in this folder; one from a newer Medley is only read.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| {
            format!("{}: the data folder cannot be made; set MEDLEY_DATA to another one", folder.display())
        })?;
        let path = folder.join(FILE_NAME);
        let mut notice = None;
        let writer = match connect(&path) {
            Ok(connection) => connection,
            Err(schema::OpenError::Newer { found }) => return Self::read_only(path, found),
            Err(schema::OpenError::Damaged(error)) => {
                let aside = move_aside(&path)?;
                notice = Some(format!(
                    "The conversations could not be read ({error}). The damaged file was kept as {}; Medley started with an empty list.",
                    aside.display()
                ));
                connect(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?
            }
            Err(schema::OpenError::Failed(error)) => {
                return Err(error).with_context(|| {
                    format!("{}: opening failed; is the disk full or the folder read-only?", path.display())
                });
            }
        };
        let reader = Connection::open(&path).with_context(|| path.display().to_string())?;
        reader.busy_timeout(BUSY)?;
        let (writes, queue) = mpsc::channel();
        let (report, news) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("storage".into())
            .spawn(move || write::run(writer, queue, report))
            .context("starting the storage thread")?;
        let (writes, thread) = (Some(writes), Some(thread));
        let (read_only, unkept) = (false, RefCell::default());
        Ok(Self { reader, writes, news, thread, notice, path, read_only, unkept })
    }

    /// Opens a database that a newer Medley wrote: nothing in it is changed.
    fn read_only(path: PathBuf, found: i64) -> anyhow::Result<Self> {
        let reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| path.display().to_string())?;
        reader.busy_timeout(BUSY)?;
        let notice = crate::say!(
            "conversations-newer",
            file = path.display().to_string(),
            found = found,
            known = schema::VERSION
        );
        let (_, news) = mpsc::channel();
        let unkept = RefCell::default();
        Ok(Self {
            reader,
            writes: None,
            news,
            thread: None,
            notice: Some(notice),
            path,
            read_only: true,
            unkept,
        })
    }

    /// Whether nothing can be written, because a newer Medley wrote the database.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Never writes anything of this conversation, until it is kept.
    pub fn leave_out(&self, id: ConversationId) {
        self.unkept.borrow_mut().conversations.insert(id);
    }

    /// Writes what comes of this conversation.
    pub fn keep(&self, id: ConversationId) {
        self.unkept.borrow_mut().conversations.remove(&id);
    }

    /// Writes what comes of a file of this content (SHA-256), wherever else it is.
    pub fn keep_file(&self, sha256: &str) {
        self.unkept.borrow_mut().files.remove(sha256);
    }

    /// Something the user must know about the data, once.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Queues a change.
    pub fn write(&self, write: Write) {
        if !self.unkept.borrow_mut().keeps(&write) {
            return;
        }
        if let Some(writes) = &self.writes {
            // The thread ends only after this sender is dropped.
            drop(writes.send(write));
        }
    }

    /// Waits until everything queued so far is on the disk.
    pub fn flush(&self) {
        if self.read_only {
            return;
        }
        let (done, wait) = mpsc::channel();
        self.write(Write::Flush(done));
        wait.recv_timeout(Duration::from_secs(10)).ok();
    }

    /// Whether changes wait or were written, since the last call.
    pub fn saving(&self) -> Option<Saving> {
        self.news.try_iter().last()
    }

    /// The version of the SQLite library.
    pub fn sqlite_version() -> &'static str {
        rusqlite::version()
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.writes = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the storage thread panicked");
        }
    }
}

fn connect(path: &Path) -> Result<Connection, schema::OpenError> {
    let connection = Connection::open(path).map_err(schema::OpenError::from)?;
    connection.busy_timeout(BUSY).map_err(schema::OpenError::from)?;
    schema::prepare(connection)
}

/// Renames the database and its companions; returns the new name.
fn move_aside(path: &Path) -> anyhow::Result<PathBuf> {
    let seconds = crate::platform::now_s() as u64;
    let aside = path.with_file_name(format!("{FILE_NAME}.damaged-{seconds}"));
    std::fs::rename(path, &aside)
        .with_context(|| format!("{}: moving the damaged file aside failed", path.display()))?;
    for companion in ["-wal", "-shm"] {
        let name = |base: &Path| PathBuf::from(format!("{}{companion}", base.display()));
        if name(path).exists() {
            std::fs::rename(name(path), name(&aside)).with_context(|| path.display().to_string())?;
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests;
