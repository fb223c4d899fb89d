//! The catalogue: documents, their leaves and passages, and which text has which row of meanings; one SQLite file.
//!
//! It is what counts: the index of words and the rows of meanings are made from it. A batch is one transaction, so a
//! program that is killed loses the batch that it was writing and nothing else.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::leaf::Leaf;
use super::passages::NewPassage;
use super::{Document, DocumentId};
use crate::error::{Error, Result};
use crate::media::Kind;

/// The layout that this program knows.
const VERSION: i64 = 1;

/// How long one process waits for another one that writes.
const BUSY: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS roots (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
    modified INTEGER NOT NULL, hash BLOB NOT NULL, kind TEXT, summary TEXT NOT NULL DEFAULT '',
    next_page INTEGER NOT NULL DEFAULT 1, heading TEXT NOT NULL DEFAULT '',
    complete INTEGER NOT NULL DEFAULT 0, problem TEXT, notices TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS leaves (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, content BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS leaves_of ON leaves (document);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL, leaf INTEGER NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, heading TEXT NOT NULL, vector INTEGER);
CREATE INDEX IF NOT EXISTS passages_of ON passages (document);
CREATE INDEX IF NOT EXISTS passages_meaning ON passages (vector) WHERE vector IS NOT NULL;
CREATE INDEX IF NOT EXISTS passages_waiting ON passages (id) WHERE vector IS NULL;
CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, row INTEGER NOT NULL UNIQUE) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (document INTEGER PRIMARY KEY);
";

/// The open catalogue.
pub(super) struct Catalogue {
    db: Connection,
    path: PathBuf,
}

/// A passage as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passage {
    pub(super) id: i64,
    pub(super) document: DocumentId,
    pub(super) leaf: i64,
    /// In the text of the leaf.
    pub(super) bytes: Range<usize>,
    pub(super) heading: String,
    /// Its row of meanings, when there is one.
    pub(super) vector: Option<u64>,
}

/// What a file was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i64,
    pub(super) hash: [u8; 32],
}

/// What is known of a document itself.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) kind: Option<Kind>,
    pub(super) summary: String,
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i64,
    pub(super) complete: bool,
    pub(super) problem: Option<String>,
    pub(super) notices: Vec<String>,
}

/// A document with what the next update needs to know.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: DocumentId,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) complete: bool,
    pub(super) failed: bool,
    pub(super) next_page: u32,
    pub(super) heading: String,
}

/// How much is in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) documents: u64,
    pub(super) leaves: u64,
    pub(super) passages: u64,
    /// Passages that are not compared by meaning yet.
    pub(super) waiting: u64,
    /// Rows of meanings.
    pub(super) rows: u64,
    pub(super) failed: u64,
}

impl Catalogue {
    /// Opens or makes the catalogue.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = failed(path);
        let db = Connection::open(path).map_err(&failed)?;
        db.busy_timeout(BUSY).map_err(&failed)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000;",
        )
        .map_err(&failed)?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
        if version > VERSION {
            let reason = format!("written by a newer Medley (layout {version}, this one knows {VERSION})");
            return Err(Error::library(path, reason));
        }
        db.execute_batch(SCHEMA).map_err(&failed)?;
        db.pragma_update(None, "user_version", VERSION).map_err(&failed)?;
        Ok(Self { db, path: path.to_path_buf() })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error + use<> {
        failed(&self.path)
    }

    /// Whether every page of the file makes sense.
    pub(super) fn is_whole(&self) -> bool {
        let said = self.db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        said.is_ok_and(|said| said == "ok")
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.db.execute_batch("BEGIN IMMEDIATE").map_err(self.failed())
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.db.execute_batch("COMMIT").map_err(self.failed())
    }

    /// Forgets what was not committed.
    pub(super) fn rollback(&self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            log::warn!("{}: {error}", self.path.display());
        }
    }

    /// Moves what was written from the journal into the file itself.
    pub(super) fn tidy(&self) {
        if let Err(error) = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            log::info!("{}: {error}", self.path.display());
        }
    }

    /// The number of the last batch.
    pub(super) fn batch(&self) -> Result<u64> {
        Ok(self.meta("batch")?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    pub(super) fn meta(&self, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM meta WHERE key = ?1";
        self.db.query_row(sql, [key], |row| row.get(0)).optional().map_err(self.failed())
    }

    pub(super) fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        self.run("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", params![key, value])
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        let mut statement = self.db.prepare_cached(sql).map_err(self.failed())?;
        statement.execute(values).map(drop).map_err(self.failed())
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.db.prepare_cached(sql).map_err(self.failed())?;
        let rows = statement.query_map(values, read).map_err(self.failed())?;
        rows.collect::<rusqlite::Result<_>>().map_err(self.failed())
    }

    fn number(&self, sql: &str) -> Result<u64> {
        self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64).map_err(self.failed())
    }

    pub(super) fn counts(&self) -> Result<Counts> {
        Ok(Counts {
            documents: self.number("SELECT count(*) FROM documents WHERE problem IS NULL")?,
            failed: self.number("SELECT count(*) FROM documents WHERE problem IS NOT NULL")?,
            leaves: self.number("SELECT count(*) FROM leaves")?,
            passages: self.number("SELECT count(*) FROM passages")?,
            waiting: self.waiting_count()?,
            rows: self.rows()?,
        })
    }

    pub(super) fn waiting_count(&self) -> Result<u64> {
        self.number("SELECT count(*) FROM passages WHERE vector IS NULL")
    }

    /// How many rows of meanings are in use; the next one has this number.
    pub(super) fn rows(&self) -> Result<u64> {
        self.number("SELECT coalesce(max(row) + 1, 0) FROM vectors")
    }

    // What the person added.

    pub(super) fn roots(&self) -> Result<Vec<PathBuf>> {
        self.all("SELECT path FROM roots ORDER BY path", [], |row| {
            Ok(PathBuf::from(row.get::<_, String>(0)?))
        })
    }

    pub(super) fn add_root(&self, path: &Path) -> Result<()> {
        self.run("INSERT OR IGNORE INTO roots VALUES (?1)", [path.to_string_lossy()])
    }

    pub(super) fn remove_root(&self, path: &Path) -> Result<()> {
        self.run("DELETE FROM roots WHERE path = ?1", [path.to_string_lossy()])
    }

    // Documents.

    pub(super) fn known(&self) -> Result<Vec<Known>> {
        let sql = "SELECT id, path, size, modified, hash, complete, problem IS NOT NULL, next_page, heading FROM documents";
        self.all(sql, [], |row| {
            Ok(Known {
                id: DocumentId(row.get(0)?),
                path: PathBuf::from(row.get::<_, String>(1)?),
                identity: Identity {
                    size: row.get::<_, i64>(2)? as u64,
                    modified: row.get(3)?,
                    hash: row.get(4)?,
                },
                complete: row.get(5)?,
                failed: row.get(6)?,
                next_page: row.get(7)?,
                heading: row.get(8)?,
            })
        })
    }

    pub(super) fn documents(&self) -> Result<Vec<Document>> {
        let sql = "SELECT d.id, d.path, d.kind, d.summary, d.complete, d.problem, d.notices,
            (SELECT count(*) FROM leaves WHERE document = d.id),
            (SELECT count(*) FROM passages WHERE document = d.id),
            (SELECT count(*) FROM passages WHERE document = d.id AND vector IS NOT NULL), d.size
            FROM documents d ORDER BY d.path";
        self.all(sql, [], |row| {
            let notices: String = row.get(6)?;
            Ok(Document {
                id: DocumentId(row.get(0)?),
                path: PathBuf::from(row.get::<_, String>(1)?),
                kind: kind(row.get(2)?),
                summary: row.get(3)?,
                complete: row.get(4)?,
                problem: row.get(5)?,
                notices: notices.lines().map(str::to_owned).collect(),
                leaves: row.get::<_, i64>(7)? as u64,
                passages: row.get::<_, i64>(8)? as u64,
                compared: row.get::<_, i64>(9)? as u64,
                bytes: row.get::<_, i64>(10)? as u64,
            })
        })
    }

    pub(super) fn document_path(&self, id: DocumentId) -> Result<Option<PathBuf>> {
        let sql = "SELECT path FROM documents WHERE id = ?1";
        let path = self.db.query_row(sql, [id.0], |row| row.get::<_, String>(0)).optional();
        Ok(path.map_err(self.failed())?.map(PathBuf::from))
    }

    /// What is known of a document itself.
    pub(super) fn about(&self, id: DocumentId) -> Result<About> {
        let sql =
            "SELECT kind, summary, size, modified, complete, problem, notices FROM documents WHERE id = ?1";
        let read = |row: &Row<'_>| {
            Ok(About {
                kind: kind(row.get(0)?),
                summary: row.get(1)?,
                size: row.get::<_, i64>(2)? as u64,
                modified: row.get(3)?,
                complete: row.get(4)?,
                problem: row.get(5)?,
                notices: row.get::<_, String>(6)?.lines().map(str::to_owned).collect(),
            })
        };
        self.db.query_row(sql, [id.0], read).map_err(self.failed())
    }

    /// A document of this content (SHA-256, in hexadecimal digits) that was read to its end.
    pub(super) fn document_of(&self, sha256: &str) -> Result<Option<DocumentId>> {
        let sql = "SELECT id FROM documents WHERE hex(hash) = upper(?1) AND complete AND problem IS NULL";
        let id = self.db.query_row(sql, [sha256], |row| row.get(0).map(DocumentId)).optional();
        id.map_err(self.failed())
    }

    pub(super) fn add_document(&self, path: &Path, identity: &Identity) -> Result<DocumentId> {
        self.run(
            "INSERT INTO documents (path, size, modified, hash) VALUES (?1, ?2, ?3, ?4)",
            params![path.to_string_lossy(), identity.size as i64, identity.modified, identity.hash],
        )?;
        Ok(DocumentId(self.db.last_insert_rowid()))
    }

    pub(super) fn set_identity(&self, id: DocumentId, identity: &Identity) -> Result<()> {
        self.run(
            "UPDATE documents SET size = ?2, modified = ?3, hash = ?4 WHERE id = ?1",
            params![id.0, identity.size as i64, identity.modified, identity.hash],
        )
    }

    pub(super) fn set_about(&self, id: DocumentId, kind: &str, summary: &str) -> Result<()> {
        self.run("UPDATE documents SET kind = ?2, summary = ?3 WHERE id = ?1", params![id.0, kind, summary])
    }

    /// How far a document was read.
    pub(super) fn set_progress(&self, id: DocumentId, next_page: u32, heading: &str) -> Result<()> {
        self.run(
            "UPDATE documents SET next_page = ?2, heading = ?3 WHERE id = ?1",
            params![id.0, next_page, heading],
        )
    }

    pub(super) fn set_complete(&self, id: DocumentId, notices: &[String]) -> Result<()> {
        let notices: Vec<String> = notices.iter().map(|notice| notice.replace('\n', " ")).collect();
        self.run(
            "UPDATE documents SET complete = 1, notices = ?2 WHERE id = ?1",
            params![id.0, notices.join("\n")],
        )
    }

    pub(super) fn set_problem(&self, id: DocumentId, problem: &str) -> Result<()> {
        self.run("UPDATE documents SET complete = 1, problem = ?2 WHERE id = ?1", params![id.0, problem])
    }

    /// The next update reads this document again.
    pub(super) fn set_stale(&self, id: DocumentId) -> Result<()> {
        self.run("UPDATE documents SET size = -1, complete = 0, hash = zeroblob(32) WHERE id = ?1", [id.0])
    }

    /// Takes a document out; its passages leave the index of words later, by the list of forgotten documents.
    pub(super) fn remove_document(&self, id: DocumentId) -> Result<()> {
        for sql in [
            "DELETE FROM passages WHERE document = ?1",
            "DELETE FROM leaves WHERE document = ?1",
            "DELETE FROM documents WHERE id = ?1",
            "INSERT OR IGNORE INTO forgotten VALUES (?1)",
        ] {
            self.run(sql, [id.0])?;
        }
        Ok(())
    }

    pub(super) fn forgotten(&self) -> Result<Vec<DocumentId>> {
        self.all("SELECT document FROM forgotten", [], |row| row.get(0).map(DocumentId))
    }

    pub(super) fn clear_forgotten(&self, ids: &[DocumentId]) -> Result<()> {
        ids.iter().try_for_each(|id| self.run("DELETE FROM forgotten WHERE document = ?1", [id.0]))
    }

    // Leaves and passages.

    /// Adds a leaf with its passages; the numbers of these.
    pub(super) fn add_leaf(&self, id: DocumentId, leaf: &Leaf, passages: &[NewPassage]) -> Result<Vec<i64>> {
        let content = leaf.encode().map_err(|reason| Error::library(&self.path, reason))?;
        self.run("INSERT INTO leaves (document, content) VALUES (?1, ?2)", params![id.0, content])?;
        let leaf = self.db.last_insert_rowid();
        let sql = "INSERT INTO passages (document, leaf, start, stop, heading) VALUES (?1, ?2, ?3, ?4, ?5)";
        let add = |passage: &NewPassage| {
            let bytes = &passage.bytes;
            self.run(sql, params![id.0, leaf, bytes.start as i64, bytes.end as i64, passage.heading])?;
            Ok(self.db.last_insert_rowid())
        };
        passages.iter().map(add).collect()
    }

    /// The numbers of a document's leaves, from its beginning.
    pub(super) fn leaves_of(&self, id: DocumentId) -> Result<Vec<i64>> {
        self.all("SELECT id FROM leaves WHERE document = ?1 ORDER BY id", [id.0], |row| row.get(0))
    }

    /// The leaf of this number; `None` when it is gone or damaged.
    pub(super) fn leaf(&self, leaf: i64, source: &Path) -> Result<Option<Leaf>> {
        let mut statement =
            self.db.prepare_cached("SELECT content FROM leaves WHERE id = ?1").map_err(self.failed())?;
        let content: Option<Vec<u8>> =
            statement.query_row([leaf], |row| row.get(0)).optional().map_err(self.failed())?;
        Ok(content.and_then(|content| Leaf::decode(&content, source)))
    }

    pub(super) fn passage(&self, id: i64) -> Result<Option<Passage>> {
        let sql = format!("SELECT {PASSAGE} FROM passages WHERE id = ?1");
        let mut statement = self.db.prepare_cached(&sql).map_err(self.failed())?;
        statement.query_row([id], read_passage).optional().map_err(self.failed())
    }

    /// Passages whose meaning has this row.
    pub(super) fn passages_of_row(&self, row: u64) -> Result<Vec<Passage>> {
        self.all(&format!("SELECT {PASSAGE} FROM passages WHERE vector = ?1"), [row as i64], read_passage)
    }

    /// Passages from this number on, in order.
    pub(super) fn passages_from(&self, id: i64, n: usize) -> Result<Vec<Passage>> {
        let sql = format!("SELECT {PASSAGE} FROM passages WHERE id >= ?1 ORDER BY id LIMIT ?2");
        self.all(&sql, [id, n as i64], read_passage)
    }

    /// The first passages that have no meaning yet.
    pub(super) fn waiting(&self, n: usize) -> Result<Vec<Passage>> {
        let sql = format!("SELECT {PASSAGE} FROM passages WHERE vector IS NULL ORDER BY id LIMIT ?1");
        self.all(&sql, [n as i64], read_passage)
    }

    // Meanings.

    /// The row of a text that was embedded before.
    pub(super) fn row_of(&self, hash: &[u8; 16]) -> Result<Option<u64>> {
        let mut statement =
            self.db.prepare_cached("SELECT row FROM vectors WHERE hash = ?1").map_err(self.failed())?;
        let row = statement.query_row([hash.as_slice()], |row| row.get::<_, i64>(0)).optional();
        Ok(row.map_err(self.failed())?.map(|row| row as u64))
    }

    pub(super) fn add_row(&self, hash: &[u8; 16], row: u64) -> Result<()> {
        self.run("INSERT OR REPLACE INTO vectors VALUES (?1, ?2)", params![hash.as_slice(), row as i64])
    }

    pub(super) fn set_row(&self, passage: i64, row: u64) -> Result<()> {
        self.run("UPDATE passages SET vector = ?2 WHERE id = ?1", [passage, row as i64])
    }

    /// Forgets damaged rows: their texts wait again.
    pub(super) fn forget_rows(&self, rows: &[u64]) -> Result<()> {
        for row in rows {
            self.run("UPDATE passages SET vector = NULL WHERE vector = ?1", [*row as i64])?;
            self.run("DELETE FROM vectors WHERE row = ?1", [*row as i64])?;
        }
        Ok(())
    }

    /// Forgets all rows, for another model.
    pub(super) fn forget_all_rows(&self) -> Result<()> {
        self.run("UPDATE passages SET vector = NULL WHERE vector IS NOT NULL", [])?;
        self.run("DELETE FROM vectors", [])
    }

    /// Rows that belong to no passage any more.
    pub(super) fn unused_rows(&self) -> Result<u64> {
        self.number("SELECT count(*) FROM vectors WHERE row NOT IN (SELECT vector FROM passages WHERE vector IS NOT NULL)")
    }
}

/// A kind as it is kept.
fn kind(name: Option<String>) -> Option<Kind> {
    name.and_then(|name| serde_json::from_value(name.into()).ok())
}

const PASSAGE: &str = "id, document, leaf, start, stop, heading, vector";

fn read_passage(row: &Row<'_>) -> rusqlite::Result<Passage> {
    Ok(Passage {
        id: row.get(0)?,
        document: DocumentId(row.get(1)?),
        leaf: row.get(2)?,
        bytes: row.get::<_, i64>(3)? as usize..row.get::<_, i64>(4)? as usize,
        heading: row.get(5)?,
        vector: row.get::<_, Option<i64>>(6)?.map(|row| row as u64),
    })
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Error::Request {
            reason: format!(
                "{}: another Medley is writing this library; wait until it is done",
                path.display()
            ),
        },
        Some(rusqlite::ErrorCode::DiskFull) => Error::Request {
            reason: format!("{}: the disk is full; free some space and go on", path.display()),
        },
        _ => Error::library(&path, format!("the catalogue cannot be used ({error})")),
    }
}
