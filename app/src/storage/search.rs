//! Looking for words in all titles, questions and answers.

use std::ops::Range;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::schema;
use super::write::{self, Write};
use crate::state::{Conversation, ConversationId, ExchangeId, Match};

/// Most places that are told.
const MOST: usize = 200;

/// What stands around a word that was found; control characters, which no text has.
const MARKS: [char; 2] = ['\u{2}', '\u{3}'];

/// Characters before and after a word in a text without spaces.
const AROUND: usize = 40;

/// Looks for words in the database at `path`: places that have all of them, the best first. The last word may go on.
///
/// # Errors
/// When the database cannot be read.
pub fn search(path: &Path, text: &str) -> rusqlite::Result<Vec<Match>> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(super::BUSY)?;
    search_in(&db, text)
}

/// Looks in conversations that are in no file: they are put into a database in memory, so that the same words are found
/// in them.
///
/// # Errors
/// When there is no memory for it.
pub fn search_temporary(conversations: &[Conversation], text: &str) -> anyhow::Result<Vec<Match>> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    let db = schema::prepare(Connection::open_in_memory()?).map_err(|error| anyhow::anyhow!("{error}"))?;
    for conversation in conversations {
        write::apply(&db, &Write::of(conversation))?;
        for exchange in conversation.all() {
            write::apply(&db, &Write::Exchange(conversation.id, Box::new(exchange.clone())))?;
        }
    }
    Ok(search_in(&db, text)?)
}

fn search_in(db: &Connection, text: &str) -> rusqlite::Result<Vec<Match>> {
    let Some(query) = query(text) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    // Words of writing without spaces are not told apart by the index.
    if text.chars().any(is_unspaced) {
        let mut statement = db.prepare(
            "SELECT m.conversation, m.id, c.title, m.asked_s, m.question, m.answer
             FROM messages m JOIN conversations c ON c.id = m.conversation
             WHERE NOT c.deleted AND (instr(m.question, ?1) OR instr(m.answer, ?1))
             ORDER BY m.asked_s DESC LIMIT ?2",
        )?;
        let needle = text.trim();
        let rows = statement.query_map(params![needle, MOST as i64], |row| {
            let (question, answer): (String, String) = (row.get(4)?, row.get(5)?);
            let (text, marks) = around(if question.contains(needle) { &question } else { &answer }, needle);
            Ok(Match { text, marks, ..place(row)? })
        })?;
        return rows.collect();
    }
    let mut titles = db.prepare(
        "SELECT c.id, NULL, c.title, c.updated_s, highlight(title_words, 0, ?2, ?3)
         FROM title_words JOIN conversations c ON c.id = title_words.rowid
         WHERE title_words MATCH ?1 AND NOT c.deleted ORDER BY rank LIMIT ?4",
    )?;
    let mut messages = db.prepare(
        "SELECT m.conversation, m.id, c.title, m.asked_s, snippet(message_words, -1, ?2, ?3, '…', 18)
         FROM message_words JOIN messages m ON m.id = message_words.rowid
         JOIN conversations c ON c.id = m.conversation
         WHERE message_words MATCH ?1 AND NOT c.deleted ORDER BY rank LIMIT ?4",
    )?;
    let [open, close] = MARKS.map(String::from);
    for statement in [&mut titles, &mut messages] {
        let rows = statement.query_map(params![query, open, close, MOST as i64], |row| {
            let (text, marks) = unmarked(&row.get::<_, String>(4)?);
            Ok(Match { text, marks, ..place(row)? })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    found.truncate(MOST);
    Ok(found)
}

fn place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Match> {
    Ok(Match {
        conversation: ConversationId(row.get(0)?),
        exchange: row.get::<_, Option<i64>>(1)?.map(ExchangeId),
        title: row.get(2)?,
        when_s: row.get(3)?,
        text: String::new(),
        marks: Vec::new(),
    })
}

/// In the language of FTS5: every word quoted, so that nothing in it is an operator; none when there is no word.
fn query(text: &str) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    // What stands in quotation marks is one phrase.
    for (i, part) in text.split(['"', '“', '”', '„']).enumerate() {
        let words: Vec<&str> =
            part.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => {}
            words if i % 2 == 1 => parts.push(format!("\"{}\"", words.join(" "))),
            words => parts.extend(words.iter().map(|word| format!("\"{word}\""))),
        }
    }
    let goes_on = text.chars().next_back().is_some_and(char::is_alphanumeric);
    let last = parts.last_mut()?;
    if goes_on {
        last.push('*');
    }
    Some(parts.join(" "))
}

/// Chinese, Japanese, Thai and the like.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Takes the marks out, and what only Markdown needs; what stood between them.
fn unmarked(marked: &str) -> (String, Vec<Range<usize>>) {
    let (mut text, mut marks, mut begin) = (String::new(), Vec::new(), None);
    for c in marked.chars() {
        match c {
            c if c == MARKS[0] => begin = Some(text.len()),
            c if c == MARKS[1] => marks.extend(begin.take().map(|begin| begin..text.len())),
            '*' | '`' | '#' => {}
            c if c.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            c => text.push(c),
        }
    }
    (text, marks)
}

/// The words around the first place where `needle` stands.
fn around(text: &str, needle: &str) -> (String, Vec<Range<usize>>) {
    let Some(at) = text.find(needle) else { return (String::new(), Vec::new()) };
    let before = text[..at].char_indices().rev().nth(AROUND - 1).map_or(0, |(i, _)| i);
    let end = at + needle.len();
    let after = text[end..].char_indices().nth(AROUND).map_or(text.len(), |(i, _)| end + i);
    let mut marked = String::from(if before > 0 { "…" } else { "" });
    marked.extend([&text[before..at], "\u{2}", needle, "\u{3}", &text[end..after]]);
    if after < text.len() {
        marked.push('…');
    }
    unmarked(&marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_is_words_and_never_an_operator() {
        assert_eq!(query("budget"), Some("\"budget\"*".into()));
        assert_eq!(query("the bud "), Some("\"the\" \"bud\"".into()));
        assert_eq!(query("a OR b*) NEAR(\""), Some("\"a\" \"OR\" \"b\" \"NEAR\"".into()));
        assert_eq!(query("\"north wing\" cost"), Some("\"north wing\" \"cost\"*".into()));
        assert_eq!(query(" -*()\" "), None);
    }

    #[test]
    fn marks_tell_where_the_words_stand_and_are_not_shown() {
        let (text, marks) = unmarked("the **\u{2}größte\u{3}**\nwing");
        assert_eq!(text, "the größte wing");
        assert_eq!(&text[marks[0].clone()], "größte");
        let long = format!("{}予算は{}", "あ".repeat(60), "い".repeat(60));
        let (text, marks) = around(&long, "予算");
        assert_eq!(&text[marks[0].clone()], "予算");
        assert!(text.starts_with('…') && text.ends_with('…') && text.chars().count() < 90, "{text}");
    }
}
