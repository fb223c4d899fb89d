//! The tables and how an older file becomes a newer one.

use rusqlite::{Connection, ErrorCode};

/// The format this program writes, kept in `user_version`.
pub(super) const VERSION: i64 = 7;

/// Each step takes the format one version further; never change one that was released.
const STEPS: [&str; VERSION as usize] = [
    "
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, created_s REAL NOT NULL, updated_s REAL NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE attachments (
        id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
        path BLOB NOT NULL, kind TEXT, sha256 TEXT, failed TEXT, sent INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX attachments_by_conversation ON attachments (conversation);
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
        question TEXT NOT NULL, attachments TEXT NOT NULL, asked_s REAL NOT NULL,
        answer TEXT NOT NULL, notices TEXT NOT NULL, usage TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_conversation ON messages (conversation);
    CREATE TABLE evidence (
        message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, position INTEGER NOT NULL,
        json TEXT NOT NULL, PRIMARY KEY (message, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE files_read (sha256 TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE settings (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
",
    "CREATE TABLE transcripts (sha256 TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;",
    "
    CREATE TABLE readings (sha256 TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE spans_read (
        sha256 TEXT NOT NULL REFERENCES files_read ON DELETE CASCADE, part INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (sha256, part)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE messages ADD COLUMN context TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE messages ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
",
    "
    ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE conversations ADD COLUMN folder TEXT NOT NULL DEFAULT '';
    ALTER TABLE conversations ADD COLUMN setup TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE messages ADD COLUMN parent INTEGER;
    ALTER TABLE messages ADD COLUMN active INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE messages ADD COLUMN shown_s REAL NOT NULL DEFAULT 0;
    ALTER TABLE messages ADD COLUMN original TEXT;
    ALTER TABLE messages ADD COLUMN inside TEXT NOT NULL DEFAULT '{}';
    UPDATE messages SET shown_s = asked_s, parent = (
        SELECT max(before.id) FROM messages before
        WHERE before.conversation = messages.conversation AND before.id < messages.id
    );
    CREATE VIRTUAL TABLE title_words USING fts5(
        title, content = 'conversations', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    );
    CREATE VIRTUAL TABLE message_words USING fts5(
        question, answer, content = 'messages', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    );
    INSERT INTO title_words (title_words) VALUES ('rebuild');
    INSERT INTO message_words (message_words) VALUES ('rebuild');
    CREATE TRIGGER title_added AFTER INSERT ON conversations BEGIN
        INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);
    END;
    CREATE TRIGGER title_changed AFTER UPDATE OF title ON conversations WHEN old.title <> new.title BEGIN
        INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);
        INSERT INTO title_words (rowid, title) VALUES (new.id, new.title);
    END;
    CREATE TRIGGER title_gone AFTER DELETE ON conversations BEGIN
        INSERT INTO title_words (title_words, rowid, title) VALUES ('delete', old.id, old.title);
    END;
    CREATE TRIGGER message_added AFTER INSERT ON messages BEGIN
        INSERT INTO message_words (rowid, question, answer) VALUES (new.id, new.question, new.answer);
    END;
    CREATE TRIGGER message_changed AFTER UPDATE OF question, answer ON messages
    WHEN old.question <> new.question OR old.answer <> new.answer BEGIN
        INSERT INTO message_words (message_words, rowid, question, answer)
            VALUES ('delete', old.id, old.question, old.answer);
        INSERT INTO message_words (rowid, question, answer) VALUES (new.id, new.question, new.answer);
    END;
    CREATE TRIGGER message_gone AFTER DELETE ON messages BEGIN
        INSERT INTO message_words (message_words, rowid, question, answer)
            VALUES ('delete', old.id, old.question, old.answer);
    END;
",
    "ALTER TABLE messages ADD COLUMN thoughts TEXT NOT NULL DEFAULT '[]';",
    "
    CREATE TABLE drafts (
        conversation INTEGER PRIMARY KEY REFERENCES conversations ON DELETE CASCADE, json TEXT NOT NULL
    ) STRICT;
",
    "ALTER TABLE messages ADD COLUMN adapter TEXT;",
];

/// Why a database was not opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// It is not a database, or a damaged one.
    Damaged(rusqlite::Error),
    /// A newer program wrote it.
    Newer {
        /// Its format.
        found: i64,
    },
    /// The disk or another program is in the way.
    Failed(rusqlite::Error),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(error) | Self::Failed(error) => error.fmt(f),
            Self::Newer { found } => write!(f, "format {found} is newer than this program"),
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged(error),
            _ => Self::Failed(error),
        }
    }
}

/// Checks the file, brings it to [`VERSION`] and switches on write-ahead logging.
pub(super) fn prepare(mut connection: Connection) -> Result<Connection, OpenError> {
    let health: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(OpenError::Damaged(rusqlite::Error::SqliteFailure(code, Some(health))));
    }
    // A newer program may have its own ways: nothing of its file is changed.
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer { found });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // With WAL a killed program loses nothing that was committed; only a power cut could.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    for step in found.max(0)..VERSION {
        let transaction = connection.transaction()?;
        transaction.execute_batch(STEPS[step as usize])?;
        transaction.pragma_update(None, "user_version", step + 1)?;
        transaction.commit()?;
    }
    // What was deleted in an earlier run can no longer be brought back.
    connection.execute("DELETE FROM conversations WHERE deleted", [])?;
    // They were kept for words that were taken back again.
    connection.execute(
        "DELETE FROM conversations WHERE title = ?1 AND NOT pinned AND folder = ''
             AND id NOT IN (SELECT conversation FROM messages) AND id NOT IN (SELECT conversation FROM attachments)
             AND id NOT IN (SELECT conversation FROM drafts)",
        [crate::state::UNTITLED],
    )?;
    Ok(connection)
}
