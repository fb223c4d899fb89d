//! What survives: conversations, answers, what was found in files, settings; one SQLite file.
//!
//! Write-ahead logging, one thread that writes, and one connection of the window that reads. A
//! running answer is written every half second, so that a killed program loses less than a second.
//! A database that cannot be read is moved aside and named in a message, never deleted.

pub mod adapters;

mod read;

mod schema;

mod voices;

mod write;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::Connection;

pub use voices::KnownVoices;
pub use write::Write;

/// The file's name in the data folder.
pub const FILE_NAME: &str = "conversations.db";

/// How long one process waits for another one that writes.
const BUSY: Duration = Duration::from_secs(3);

/// The open database.
pub struct Storage {
    reader: Connection,
    writes: Option<Sender<Write>>,
    problems: Receiver<String>,
    thread: Option<JoinHandle<()>>,
    notice: Option<String>,
    path: PathBuf,
}

impl Storage {
    /// Opens or makes the database in this folder.
    ///
    /// # Errors
    /// When the folder cannot be written, or the database is from a newer Medley.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| {
            format!("{}: the data folder cannot be made; set MEDLEY_DATA to another one", folder.display())
        })?;
        let path = folder.join(FILE_NAME);
        let mut notice = None;
        let writer = match connect(&path) {
            Ok(connection) => connection,
            Err(schema::OpenError::Newer { found }) => anyhow::bail!(
                "{}: written by a newer Medley (format {found}, this one knows {}); use the newer one or set MEDLEY_DATA to another folder",
                path.display(),
                schema::VERSION
            ),
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
        let (report, problems) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("storage".into())
            .spawn(move || write::run(writer, queue, report))
            .context("starting the storage thread")?;
        Ok(Self { reader, writes: Some(writes), problems, thread: Some(thread), notice, path })
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
        if let Some(writes) = &self.writes {
            // The thread ends only after this sender is dropped.
            drop(writes.send(write));
        }
    }

    /// Waits until everything queued so far is on the disk.
    pub fn flush(&self) {
        let (done, wait) = mpsc::channel();
        self.write(Write::Flush(done));
        wait.recv_timeout(Duration::from_secs(10)).ok();
    }

    /// A change that could not be written, and why.
    pub fn problem(&self) -> Option<String> {
        self.problems.try_iter().last()
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
