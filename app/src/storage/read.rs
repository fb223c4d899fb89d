//! What the window reads back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::Inside;
use engine::tasks::ask::ReadFile;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::{BUSY, Storage};
use crate::state::{
    Answer, AnswerStatus, Attachment, AttachmentId, AttachmentState, Conversation, ConversationId, Draft,
    Exchange, ExchangeId, Reading, Settings, StoredTranscript,
};

impl Storage {
    /// All conversations, newest first, without their content.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn conversations(&self) -> rusqlite::Result<Vec<Conversation>> {
        let mut statement = self.reader.prepare_cached(
            "SELECT id, title, created_s, updated_s, pinned, folder, setup FROM conversations WHERE NOT deleted
             ORDER BY updated_s DESC, id DESC",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Conversation {
                id: ConversationId(row.get(0)?),
                title: row.get(1)?,
                created_s: row.get(2)?,
                updated_s: row.get(3)?,
                pinned: row.get(4)?,
                folder: row.get(5)?,
                setup: serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default(),
                temporary: false,
                exchanges: Vec::new(),
                aside: Vec::new(),
                attachments: Vec::new(),
                loaded: false,
            })
        })?;
        rows.collect()
    }

    /// Questions that were not asked yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn drafts(&self) -> rusqlite::Result<BTreeMap<ConversationId, Draft>> {
        let mut statement = self.reader.prepare_cached("SELECT conversation, json FROM drafts")?;
        let rows = statement.query_map([], |row| {
            Ok((ConversationId(row.get(0)?), serde_json::from_str(&row.get::<_, String>(1)?)))
        })?;
        let mut drafts = BTreeMap::new();
        for row in rows {
            // What another version wrote and this one does not understand is no reason not to start.
            if let (id, Ok(draft)) = row? {
                drafts.insert(id, draft);
            }
        }
        Ok(drafts)
    }

    /// Fills a conversation with its questions, answers and files; what was found in the files is not fetched, see
    /// [`Recall`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn load(&self, conversation: &mut Conversation) -> rusqlite::Result<()> {
        let id = conversation.id.0;
        let mut statement = self.reader.prepare_cached(
            "SELECT id, question, attachments, asked_s, answer, notices, usage, model, status, context, parts,
                 parent, active, shown_s, original, thoughts, adapter
             FROM messages WHERE conversation = ?1 ORDER BY id",
        )?;
        let exchanges = statement.query_map([id], exchange)?;
        let mut exchanges = exchanges.collect::<Result<Vec<_>, _>>()?;
        let mut statement = self.reader.prepare_cached(
            "SELECT message, json FROM evidence WHERE message IN (SELECT id FROM messages WHERE conversation = ?1)
             ORDER BY message, position",
        )?;
        let rows = statement.query_map([id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (message, json) = row?;
            if let Ok(at) = exchanges.binary_search_by_key(&message, |e| e.id.0) {
                exchanges[at].answer.evidence.extend(serde_json::from_str(&json).ok());
            }
        }
        (conversation.exchanges, conversation.aside) = (exchanges, Vec::new());
        conversation.arrange();
        let mut statement = self.reader.prepare_cached(
            "SELECT id, path, kind, sha256, failed, sent FROM attachments WHERE conversation = ?1 ORDER BY id",
        )?;
        let attachments = statement.query_map([id], attachment)?;
        conversation.attachments = attachments.collect::<Result<_, _>>()?;
        conversation.loaded = true;
        Ok(())
    }

    /// How the answer to a question came about, where that was kept; only when somebody looks, since it is larger than
    /// the answer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn inside(&self, exchange: ExchangeId) -> rusqlite::Result<Option<Inside>> {
        let json: Option<String> = self
            .reader
            .prepare_cached("SELECT inside FROM messages WHERE id = ?1")?
            .query_row([exchange.0], |row| row.get(0))
            .optional()?;
        let inside = json.and_then(|json| serde_json::from_str::<Inside>(&json).ok());
        Ok(inside.filter(|inside| *inside != Inside::default()))
    }

    /// What was found in a file of this content, as if it had been read at this path; what is said in it as its
    /// transcript has it, once it has one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn file_read(&self, sha256: &str, path: &Path) -> rusqlite::Result<Option<ReadFile>> {
        file_read(&self.reader, sha256, path)
    }

    /// Whether it is known what is in a file of this content.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn knows_file(&self, sha256: &str) -> rusqlite::Result<bool> {
        let mut statement = self.reader.prepare_cached("SELECT 1 FROM files_read WHERE sha256 = ?1")?;
        statement.exists([sha256])
    }

    /// The transcript of a recording of this content.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn transcript(&self, sha256: &str) -> rusqlite::Result<Option<StoredTranscript>> {
        transcript(&self.reader, sha256)
    }

    /// Where a document of this content was left, with highlights and notes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn reading(&self, sha256: &str) -> rusqlite::Result<Option<Reading>> {
        let json: Option<String> = self
            .reader
            .prepare_cached("SELECT json FROM readings WHERE sha256 = ?1")?
            .query_row([sha256], |row| row.get(0))
            .optional()?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// The settings; what is missing or not understood has its default.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn settings(&self) -> rusqlite::Result<Settings> {
        self.setting("window")
    }

    /// What is kept under a name; its default when it is missing or not understood.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn setting<T: Default + serde::de::DeserializeOwned>(&self, name: &str) -> rusqlite::Result<T> {
        let json: Option<String> = self
            .reader
            .query_row("SELECT json FROM settings WHERE name = ?1", params![name], |row| row.get(0))
            .optional()?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
    }

    /// What was kept under a name between runs, if it is there and understood.
    pub fn kept<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        let json: rusqlite::Result<String> =
            self.reader.query_row("SELECT json FROM settings WHERE name = ?1", [name], |row| row.get(0));
        serde_json::from_str(&json.ok()?).ok()
    }

    /// The largest id in use.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn largest_id(&self) -> rusqlite::Result<i64> {
        self.reader.query_row(
            "SELECT max(coalesce((SELECT max(id) FROM conversations), 0),
                        coalesce((SELECT max(id) FROM messages), 0),
                        coalesce((SELECT max(id) FROM attachments), 0))",
            [],
            |row| row.get(0),
        )
    }
}

/// Fetches what was found in files, on a thread that may take its time: that of a long document are many megabytes.
#[derive(Default)]
pub struct Recall {
    connection: Option<(PathBuf, Connection)>,
}

impl Recall {
    /// What was found in a file of this content, as if it had been read at this path; none where nothing is known.
    pub fn file_read(&mut self, database: &Path, sha256: &str, path: &Path) -> Option<Arc<ReadFile>> {
        if self.connection.as_ref().is_none_or(|(of, _)| of != database) {
            let opened = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY);
            let opened = opened.and_then(|connection| connection.busy_timeout(BUSY).map(|()| connection));
            self.connection = opened.ok().map(|connection| (database.to_path_buf(), connection));
        }
        let (_, connection) = self.connection.as_ref()?;
        match file_read(connection, sha256, path) {
            Ok(read) => read.map(Arc::new),
            Err(error) => {
                log::warn!("what was found in {} is not known: {error}", path.display());
                None
            }
        }
    }

    /// Fetches it for all files of a conversation.
    pub fn fill(&mut self, database: &Path, conversation: &mut Conversation) {
        for attachment in &mut conversation.attachments {
            if let (AttachmentState::Checking, Some(sha256)) = (&attachment.state, &attachment.sha256)
                && let Some(read) = self.file_read(database, sha256, &attachment.path)
            {
                attachment.state = AttachmentState::Read(read);
            }
        }
    }
}

fn file_read(db: &Connection, sha256: &str, path: &Path) -> rusqlite::Result<Option<ReadFile>> {
    let json: Option<String> = db
        .prepare_cached("SELECT json FROM files_read WHERE sha256 = ?1")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    // What another version wrote and this one does not understand is read again from the file.
    let Some(mut read) = json.and_then(|json| serde_json::from_str::<ReadFile>(&json).ok()) else {
        return Ok(None);
    };
    let mut parts = db.prepare_cached("SELECT json FROM spans_read WHERE sha256 = ?1 ORDER BY part")?;
    for json in parts.query_map([sha256], |row| row.get::<_, String>(0))? {
        let Ok(spans) = serde_json::from_str::<Vec<engine::Span>>(&json?) else { return Ok(None) };
        Arc::make_mut(&mut read.spans).extend(spans);
    }
    if read.path != path {
        read.path = path.to_path_buf();
        for span in Arc::make_mut(&mut read.spans) {
            span.source = path.to_path_buf();
        }
    }
    if let Some(transcript) = transcript(db, sha256)?.filter(|t| t.heard_to_s.is_none()) {
        transcript.edited.replace_speech(&mut read);
    }
    Ok(Some(read))
}

fn transcript(db: &Connection, sha256: &str) -> rusqlite::Result<Option<StoredTranscript>> {
    let json: Option<String> = db
        .prepare_cached("SELECT json FROM transcripts WHERE sha256 = ?1")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}

fn exchange(row: &Row<'_>) -> rusqlite::Result<Exchange> {
    let json = |index| row.get::<_, String>(index);
    let attachments: Vec<i64> = serde_json::from_str(&json(2)?).unwrap_or_default();
    Ok(Exchange {
        id: ExchangeId(row.get(0)?),
        parent: row.get::<_, Option<i64>>(11)?.map(ExchangeId),
        active: row.get(12)?,
        shown_s: row.get(13)?,
        question: row.get(1)?,
        attachments: attachments.into_iter().map(AttachmentId).collect(),
        context: serde_json::from_str(&json(9)?).unwrap_or_default(),
        asked_s: row.get(3)?,
        answer: Answer {
            text: row.get(4)?,
            original: row.get(14)?,
            evidence: Vec::new(),
            parts: serde_json::from_str(&json(10)?).unwrap_or_default(),
            thoughts: serde_json::from_str(&json(15)?).unwrap_or_default(),
            notices: serde_json::from_str(&json(5)?).unwrap_or_default(),
            notes: Vec::new(),
            usage: serde_json::from_str(&json(6)?).unwrap_or_default(),
            model: row.get(7)?,
            adapter: row.get(16)?,
            status: AnswerStatus::from_json(&json(8)?),
        },
    })
}

fn attachment(row: &Row<'_>) -> rusqlite::Result<Attachment> {
    let failed: Option<String> = row.get(4)?;
    Ok(Attachment {
        id: AttachmentId(row.get(0)?),
        path: path(row.get(1)?),
        kind: row.get::<_, Option<String>>(2)?.and_then(|json| serde_json::from_str(&json).ok()),
        sha256: row.get(3)?,
        state: failed.map_or(AttachmentState::Checking, AttachmentState::Failed),
        sent: row.get(5)?,
    })
}

/// The path that these bytes were made from.
#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(bytes).into()
}

/// The path that these bytes were made from; names that are no text lose what cannot be shown.
#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
