//! The thread that writes.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use engine::Inside;
use engine::tasks::ask::ReadFile;
use rusqlite::{Connection, params};

use crate::state::{
    Attachment, AttachmentId, AttachmentState, Conversation, ConversationId, Draft, Exchange, ExchangeId,
    Setup,
};

/// Spans of a file that are written as one text.
const SPANS_IN_PART: usize = 1_000;

/// A change of the database.
#[derive(Debug)]
pub enum Write {
    /// Adds or changes a conversation.
    Conversation {
        /// Which.
        id: ConversationId,
        /// For the list.
        title: String,
        /// Seconds since 1970.
        created_s: f64,
        /// Seconds since 1970.
        updated_s: f64,
        /// Whether it stays at the top of the list.
        pinned: bool,
        /// The folder that it lies in; empty for none.
        folder: String,
        /// What differs from the settings.
        setup: Box<Setup>,
    },
    /// Hides a conversation, or shows it again; hidden ones go at the next start.
    Deleted(ConversationId, bool),
    /// Adds or changes a question with its answer.
    Exchange(ConversationId, Box<Exchange>),
    /// Keeps how the answer to a question came about.
    Inside(ExchangeId, Arc<Inside>),
    /// Keeps a question that was not asked yet; none is left without one.
    Draft(ConversationId, Option<Box<Draft>>),
    /// Takes a question with its answer out.
    DeleteExchange(ExchangeId),
    /// Adds or changes a file of a conversation.
    Attachment(ConversationId, Box<Attachment>),
    /// Takes a file out.
    DeleteAttachment(AttachmentId),
    /// Keeps what was found in a file.
    FileRead {
        /// SHA-256 of its content.
        sha256: String,
        /// The findings.
        read: Arc<ReadFile>,
    },
    /// Keeps the transcript of a recording.
    Transcript {
        /// SHA-256 of the recording's content.
        sha256: String,
        /// What was heard and what it was made into.
        transcript: crate::state::StoredTranscript,
    },
    /// Keeps where a document was left, with highlights and notes.
    Reading {
        /// SHA-256 of the document's content.
        sha256: String,
        /// What is kept.
        reading: crate::state::Reading,
    },
    /// Keeps a setting as JSON.
    Setting(&'static str, String),
    /// Deletes all but the settings.
    ClearAll,
    /// Tells when everything before it was written or tried.
    Flush(Sender<()>),
    /// For tests: lets the database grow no more, as on a full disk, or again.
    PretendFull(bool),
}

impl Write {
    /// Adds or changes this conversation, without what was asked in it.
    pub fn of(c: &Conversation) -> Self {
        Self::Conversation {
            id: c.id,
            title: c.title.clone(),
            created_s: c.created_s,
            updated_s: c.updated_s,
            pinned: c.pinned,
            folder: c.folder.clone(),
            setup: Box::new(c.setup.clone()),
        }
    }
}

/// How saving goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// So many changes wait, and why they cannot be written; they are tried again.
    Waits(usize, String),
    /// Everything that waited is written.
    Done,
}

/// How long changes wait that could not be written, until they are tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Writes until the window is gone; what waits goes into one transaction. What cannot be written stays and is tried
/// again, with what came since.
pub(super) fn run(mut connection: Connection, queue: Receiver<Write>, report: Sender<Saving>) {
    let mut waiting: Vec<Write> = Vec::new();
    loop {
        let first = if waiting.is_empty() {
            match queue.recv() {
                Ok(first) => Some(first),
                Err(_) => return,
            }
        } else {
            match queue.recv_timeout(AGAIN) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    // The last chance: the program ends.
                    if let Err(error) = commit(&mut connection, &waiting) {
                        log::error!("{} changes could not be saved: {error}", waiting.len());
                    }
                    return;
                }
            }
        };
        let had = !waiting.is_empty();
        let mut flushes = Vec::new();
        for write in first.into_iter().chain(queue.try_iter()) {
            match write {
                Write::Flush(done) => flushes.push(done),
                Write::PretendFull(full) => pretend_full(&connection, full),
                write => wait_for(&mut waiting, write),
            }
        }
        if !waiting.is_empty() {
            match commit(&mut connection, &waiting) {
                Ok(()) => {
                    forget(&connection, &waiting);
                    waiting.clear();
                    if had {
                        report.send(Saving::Done).ok();
                    }
                }
                Err(error) => {
                    log::error!("{} changes could not be saved yet: {error}", waiting.len());
                    // Nobody listens while the program ends.
                    report.send(Saving::Waits(waiting.len(), error.to_string())).ok();
                }
            }
        }
        for done in flushes {
            done.send(()).ok();
        }
    }
}

/// Puts a change behind the others; a later state of the same thing takes the place of the earlier one.
fn wait_for(waiting: &mut Vec<Write>, write: Write) {
    let same = |other: &&mut Write| match (&write, other) {
        (Write::Exchange(_, a), Write::Exchange(_, b)) => a.id == b.id,
        (Write::Attachment(_, a), Write::Attachment(_, b)) => a.id == b.id,
        (Write::Conversation { id: a, .. }, Write::Conversation { id: b, .. }) => a == b,
        (Write::Draft(a, _), Write::Draft(b, _)) => a == b,
        _ => false,
    };
    // What was deleted since must not come back before it is deleted.
    let since = waiting.iter().rposition(|other| {
        matches!(other, Write::DeleteExchange(_) | Write::DeleteAttachment(_) | Write::ClearAll)
    });
    let since = since.map_or(0, |at| at + 1);
    match waiting[since..].iter_mut().find(same) {
        Some(other) => *other = write,
        None => waiting.push(write),
    }
}

fn pretend_full(db: &Connection, full: bool) {
    let pages = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let most = if full { pages("page_count").unwrap_or(1) } else { i64::from(u32::MAX) - 1 };
    if let Err(error) = db.pragma_update(None, "max_page_count", most) {
        log::error!("the size of the database: {error}");
    }
}

fn commit(connection: &mut Connection, changes: &[Write]) -> anyhow::Result<()> {
    let transaction = connection.transaction()?;
    for change in changes {
        apply(&transaction, change)?;
    }
    transaction.commit()?;
    Ok(())
}

pub(super) fn apply(db: &Connection, change: &Write) -> anyhow::Result<()> {
    match change {
        Write::Conversation { id, title, created_s, updated_s, pinned, folder, setup } => db
            .prepare_cached(
                "INSERT INTO conversations (id, title, created_s, updated_s, pinned, folder, setup)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET title = ?2, updated_s = ?4, pinned = ?5, folder = ?6, setup = ?7",
            )?
            .execute(params![
                id.0,
                title,
                created_s,
                updated_s,
                pinned,
                folder,
                serde_json::to_string(setup)?
            ])?,
        Write::Deleted(id, deleted) => db
            .prepare_cached("UPDATE conversations SET deleted = ?2 WHERE id = ?1")?
            .execute(params![id.0, deleted])?,
        Write::Exchange(conversation, exchange) => put_exchange(db, *conversation, exchange)?,
        // Not for a conversation that is gone.
        Write::Draft(id, Some(draft)) => db
            .prepare_cached(
                "INSERT OR REPLACE INTO drafts (conversation, json) SELECT id, ?2 FROM conversations WHERE id = ?1",
            )?
            .execute(params![id.0, serde_json::to_string(draft)?])?,
        Write::Draft(id, None) => {
            db.prepare_cached("DELETE FROM drafts WHERE conversation = ?1")?.execute([id.0])?
        }
        Write::DeleteExchange(id) => {
            db.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([id.0])?
        }
        Write::Attachment(conversation, attachment) => put_attachment(db, *conversation, attachment)?,
        Write::Inside(id, inside) => db
            .prepare_cached("UPDATE messages SET inside = ?2 WHERE id = ?1")?
            .execute(params![id.0, serde_json::to_string(inside)?])?,
        Write::DeleteAttachment(id) => {
            db.prepare_cached("DELETE FROM attachments WHERE id = ?1")?.execute([id.0])?
        }
        Write::FileRead { sha256, read } => put_file_read(db, sha256, read)?,
        Write::Transcript { sha256, transcript } => db
            .prepare_cached("INSERT OR REPLACE INTO transcripts (sha256, json) VALUES (?1, ?2)")?
            .execute(params![sha256, serde_json::to_string(transcript)?])?,
        Write::Reading { sha256, reading } => db
            .prepare_cached("INSERT OR REPLACE INTO readings (sha256, json) VALUES (?1, ?2)")?
            .execute(params![sha256, serde_json::to_string(reading)?])?,
        Write::Setting(name, json) => db
            .prepare_cached("INSERT OR REPLACE INTO settings (name, json) VALUES (?1, ?2)")?
            .execute(params![name, json])?,
        Write::ClearAll => {
            db.execute_batch(
                "DELETE FROM conversations; DELETE FROM files_read; DELETE FROM transcripts; DELETE FROM readings;",
            )?;
            0
        }
        Write::Flush(_) | Write::PretendFull(_) => 0,
    };
    Ok(())
}

/// Spans go in parts: those of a long document as one text would take several times its memory.
fn put_file_read(db: &Connection, sha256: &str, read: &ReadFile) -> anyhow::Result<usize> {
    let head = ReadFile { spans: Arc::default(), ..read.clone() };
    db.prepare_cached("INSERT OR REPLACE INTO files_read (sha256, json) VALUES (?1, ?2)")?
        .execute(params![sha256, serde_json::to_string(&head)?])?;
    db.prepare_cached("DELETE FROM spans_read WHERE sha256 = ?1")?.execute([sha256])?;
    let mut insert = db.prepare_cached("INSERT INTO spans_read (sha256, part, json) VALUES (?1, ?2, ?3)")?;
    for (part, spans) in read.spans.chunks(SPANS_IN_PART).enumerate() {
        insert.execute(params![sha256, part as i64, serde_json::to_string(spans)?])?;
    }
    Ok(1)
}

fn put_exchange(db: &Connection, conversation: ConversationId, e: &Exchange) -> anyhow::Result<usize> {
    let attachments: Vec<i64> = e.attachments.iter().map(|id| id.0).collect();
    db.prepare_cached(
        "INSERT INTO messages
             (id, conversation, question, attachments, asked_s, answer, notices, usage, model, status, context, parts,
              parent, active, shown_s, original, thoughts, adapter)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT (id) DO UPDATE SET question = ?3, attachments = ?4, asked_s = ?5, answer = ?6,
             notices = ?7, usage = ?8, model = ?9, status = ?10, context = ?11, parts = ?12,
             parent = ?13, active = ?14, shown_s = ?15, original = ?16, thoughts = ?17, adapter = ?18",
    )?
    .execute(params![
        e.id.0,
        conversation.0,
        e.question,
        serde_json::to_string(&attachments)?,
        e.asked_s,
        e.answer.text,
        serde_json::to_string(&e.answer.notices)?,
        serde_json::to_string(&e.answer.usage)?,
        e.answer.model,
        e.answer.status.to_json(),
        serde_json::to_string(&e.context)?,
        serde_json::to_string(&e.answer.parts)?,
        e.parent.map(|id| id.0),
        e.active,
        e.shown_s,
        e.answer.original,
        serde_json::to_string(&e.answer.thoughts)?,
        e.answer.adapter,
    ])?;
    db.prepare_cached("DELETE FROM evidence WHERE message = ?1")?.execute([e.id.0])?;
    let mut insert =
        db.prepare_cached("INSERT INTO evidence (message, position, json) VALUES (?1, ?2, ?3)")?;
    for (position, evidence) in e.answer.evidence.iter().enumerate() {
        insert.execute(params![e.id.0, position as i64, serde_json::to_string(evidence)?])?;
    }
    Ok(1)
}

fn put_attachment(db: &Connection, conversation: ConversationId, a: &Attachment) -> anyhow::Result<usize> {
    let failed = match &a.state {
        AttachmentState::Failed(reason) => Some(reason),
        _ => None,
    };
    let kind = a.kind.map(|kind| serde_json::to_string(&kind)).transpose()?;
    Ok(db
        .prepare_cached(
            "INSERT INTO attachments (id, conversation, path, kind, sha256, failed, sent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET path = ?3, kind = ?4, sha256 = ?5, failed = ?6, sent = ?7",
        )?
        .execute(params![a.id.0, conversation.0, bytes(&a.path), kind, a.sha256, failed, a.sent])?)
}

/// A path as bytes: not every file name is text.
fn bytes(path: &Path) -> &[u8] {
    OsStr::as_encoded_bytes(path.as_os_str())
}

/// What was deleted must be gone from the file, too, not only from its tables.
fn forget(connection: &Connection, written: &[Write]) {
    if written.iter().any(|change| matches!(change, Write::ClearAll))
        && let Err(error) = connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
    {
        log::warn!("the database could not be made smaller: {error}");
    }
}
