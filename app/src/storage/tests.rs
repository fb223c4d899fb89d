use engine::media::Kind;
use engine::tasks::ask::ReadFile;
use engine::{Evidence, Finding, Part, Place, Rect, Span, StopReason, Usage};

use super::*;
use crate::state::{
    Answer, AnswerStatus, Attachment, AttachmentId, AttachmentState, Conversation, ConversationId, Exchange,
    ExchangeId,
};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("medley-storage-{name}-{}", std::process::id()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    folder
}

fn conversation(id: i64, title: &str) -> Write {
    Write::Conversation {
        id: ConversationId(id),
        title: title.into(),
        created_s: 1.0,
        updated_s: id as f64,
        pinned: id % 2 == 0,
        folder: format!("folder {id}"),
        setup: Box::new(crate::state::Setup { system: Some("Be brief.".into()), ..Default::default() }),
    }
}

fn exchange(id: i64, text: &str) -> Exchange {
    let place = Place::Picture { area: Rect::WHOLE };
    Exchange {
        id: ExchangeId(id),
        parent: None,
        active: true,
        shown_s: 5.0,
        question: "What is it?".into(),
        attachments: vec![AttachmentId(7)],
        context: crate::state::Context { whole: true, ..Default::default() },
        asked_s: 5.0,
        answer: Answer {
            text: text.into(),
            original: Some("As it was.".into()),
            evidence: vec![Evidence {
                source: "/a/ü.png".into(),
                place,
                quote: None,
                label: Some("cat".into()),
                score: 0.5,
            }],
            thoughts: vec![crate::state::Thought {
                chain: 1,
                text: "So it is.".into(),
                answer: Some("5".into()),
            }],
            parts: vec![Part {
                source: "/a/ü.png".into(),
                from: Place::Picture { area: Rect::WHOLE },
                to: Place::Picture { area: Rect::WHOLE },
                heading: "Cats".into(),
                text: "A cat is there.".into(),
                is_located: true,
            }],
            notices: vec!["one frame was skipped".into()],
            notes: Vec::new(),
            usage: Usage { prompt_tokens: 3, ..Usage::default() },
            model: "m".into(),
            adapter: Some("sums, trice".into()),
            status: AnswerStatus::Done(StopReason::Stop),
        },
    }
}

fn read_file(path: &str) -> ReadFile {
    let span = Span {
        source: path.into(),
        place: Place::Time { start_s: 0.0, end_s: 1.0 },
        finding: Finding::DocumentText,
        text: "hello".into(),
        pieces: Vec::new(),
    };
    ReadFile {
        path: path.into(),
        kind: Kind::Sound,
        summary: "0:01 minutes".into(),
        spans: Arc::new(vec![span]),
        notices: Vec::new(),
    }
}

use std::sync::Arc;

#[test]
fn the_sqlite_library_has_the_fixes_we_rely_on() {
    let version: Vec<u32> = Storage::sqlite_version().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version >= vec![3, 51, 3], "{version:?}");
}

#[test]
fn everything_written_is_read_back() {
    let folder = folder("round");
    let attachment = Attachment {
        id: AttachmentId(7),
        path: "/a/ü.png".into(),
        kind: Some(Kind::Picture),
        sha256: Some("ab".into()),
        state: AttachmentState::Read(Arc::new(read_file("/a/ü.png"))),
        sent: true,
    };
    {
        let storage = Storage::open(&folder).unwrap();
        storage.write(conversation(1, "One"));
        storage.write(conversation(2, "Two"));
        storage.write(Write::Exchange(ConversationId(2), Box::new(exchange(3, "A cat."))));
        storage.write(Write::Attachment(ConversationId(2), Box::new(attachment.clone())));
        storage.write(Write::FileRead { sha256: "ab".into(), read: Arc::new(read_file("/elsewhere")) });
    }
    let storage = Storage::open(&folder).unwrap();
    let mut list = storage.conversations().unwrap();
    assert_eq!(list.iter().map(|c| c.title.as_str()).collect::<Vec<_>>(), ["Two", "One"]);
    assert_eq!(list.iter().map(|c| c.pinned).collect::<Vec<_>>(), [true, false]);
    assert_eq!(list[0].folder, "folder 2");
    assert_eq!(list[0].setup.system.as_deref(), Some("Be brief."));
    storage.load(&mut list[0]).unwrap();
    assert_eq!(list[0].exchanges, [exchange(3, "A cat.")]);
    Recall::default().fill(storage.path(), &mut list[0]);
    assert_eq!(list[0].attachments, [attachment], "a file that moved keeps what was found, at its new path");
    assert_eq!(storage.largest_id().unwrap(), 7);
}

#[test]
fn a_deleted_conversation_comes_back_only_until_the_next_start() {
    let folder = folder("undo");
    {
        let storage = Storage::open(&folder).unwrap();
        for id in [1, 2] {
            storage.write(conversation(id, "x"));
            storage.write(Write::Exchange(ConversationId(id), Box::new(exchange(id + 2, "y"))));
            storage.write(Write::Deleted(ConversationId(id), true));
        }
        storage.write(Write::Deleted(ConversationId(1), false));
        storage.flush();
        assert_eq!(storage.conversations().unwrap().len(), 1);
    }
    let storage = Storage::open(&folder).unwrap();
    let count: i64 = storage.reader.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1, "the messages of a deleted conversation go with it");
    let sql = "SELECT count(*) FROM message_words WHERE message_words MATCH 'what'";
    let count: i64 = storage.reader.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1, "and are found no more");
}

#[test]
fn a_damaged_database_is_kept_under_another_name() {
    let folder = folder("damaged");
    std::fs::create_dir_all(&folder).unwrap();
    let garbage = b"this is not a database ".repeat(100);
    std::fs::write(folder.join(FILE_NAME), &garbage).unwrap();
    let mut storage = Storage::open(&folder).unwrap();
    let notice = storage.take_notice().unwrap();
    assert!(notice.contains("damaged-"), "{notice}");
    let kept = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<_> =
        kept.filter(|path| path.file_name().unwrap().to_string_lossy().contains("damaged-")).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(&kept[0]).unwrap(), garbage, "nothing of it is lost");
    assert!(storage.conversations().unwrap().is_empty());
}

#[test]
fn a_database_of_a_newer_program_is_read_and_left_as_it_is() {
    let folder = folder("newer");
    {
        let storage = Storage::open(&folder).unwrap();
        storage.write(conversation(1, "From later"));
        storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "A cat."))));
    }
    let path = folder.join(FILE_NAME);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let mut storage = Storage::open(&folder).unwrap();
    let notice = storage.take_notice().unwrap();
    assert!(notice.contains("newer Medley") && notice.contains("99"), "{notice}");
    assert!(storage.is_read_only());
    let mut list = storage.conversations().unwrap();
    storage.load(&mut list[0]).unwrap();
    assert_eq!(list[0].exchanges[0].answer.text, "A cat.");
    assert_eq!(search(&path, "cat").unwrap().len(), 1);
    storage.write(conversation(2, "Lost"));
    storage.write(Write::ClearAll);
    storage.flush();
    drop(storage);
    let db = Connection::open(&path).unwrap();
    let count: i64 = db.query_row("SELECT count(*) FROM conversations", [], |row| row.get(0)).unwrap();
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!((count, version), (1, 99));
}

#[test]
fn what_a_full_disk_does_not_take_is_written_when_there_is_room() {
    let folder = folder("full");
    let storage = Storage::open(&folder).unwrap();
    storage.write(conversation(1, "x"));
    storage.flush();
    storage.write(Write::PretendFull(true));
    let long = "word ".repeat(20_000);
    for n in 1..4 {
        storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, &long[..30_000 * n]))));
        storage.flush();
    }
    let Some(Saving::Waits(n, reason)) = storage.saving() else { panic!("not told") };
    assert_eq!(n, 1, "later states of one answer take the place of earlier ones");
    assert!(reason.contains("full"), "{reason}");
    storage.write(Write::PretendFull(false));
    storage.flush();
    assert_eq!(storage.saving(), Some(Saving::Done));
    let mut list = storage.conversations().unwrap();
    storage.load(&mut list[0]).unwrap();
    assert_eq!(list[0].exchanges[0].answer.text, &long[..90_000]);
}

#[test]
fn words_are_found_in_titles_questions_and_answers_and_marked() {
    let folder = folder("search");
    let storage = Storage::open(&folder).unwrap();
    storage.write(conversation(1, "The north wing"));
    storage.write(conversation(2, "Else"));
    storage
        .write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "It says **Größe** of the wing."))));
    storage.write(Write::Exchange(ConversationId(2), Box::new(exchange(4, "予算は少ない"))));
    storage.flush();
    let find = |text: &str| -> Vec<(i64, Option<i64>, String)> {
        let found = search(storage.path(), text).unwrap().into_iter();
        found
            .map(|m| {
                (
                    m.conversation.0,
                    m.exchange.map(|e| e.0),
                    m.marks.iter().map(|r| &m.text[r.clone()]).collect(),
                )
            })
            .collect()
    };
    assert_eq!(find("win"), [(1, None, "wing".into()), (1, Some(3), "wing".into())]);
    assert_eq!(find("grosse"), [], "ß is a letter of its own");
    assert_eq!(find("große "), [(1, Some(3), "Größe".into())], "marks of vowels do not matter");
    assert_eq!(find("groß "), [], "a whole word");
    assert_eq!(find("größe"), [(1, Some(3), "Größe".into())]);
    assert_eq!(find("grö"), find("größe"));
    assert_eq!(find("wing größe"), [(1, Some(3), "Größewing".into())]);
    assert_eq!(find("予算"), [(2, Some(4), "予算".into())]);
    assert_eq!(find("\"\" -("), []);
    // What changes is found as it is now, and what goes is not.
    storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "Nothing."))));
    storage.write(Write::Deleted(ConversationId(2), true));
    storage.flush();
    assert_eq!(find("größe"), []);
    assert_eq!(find("予算"), []);
    assert_eq!(find("nothing"), [(1, Some(3), "Nothing".into())]);
}

#[test]
fn nothing_of_a_temporary_conversation_is_written() {
    let folder = folder("temporary");
    let storage = Storage::open(&folder).unwrap();
    storage.leave_out(ConversationId(1));
    let file = |conversation| {
        let attachment = Attachment {
            id: AttachmentId(7),
            path: "/a/secret.png".into(),
            kind: Some(Kind::Picture),
            sha256: Some("ab".into()),
            state: AttachmentState::Checking,
            sent: true,
        };
        Write::Attachment(ConversationId(conversation), Box::new(attachment))
    };
    let read = || Write::FileRead { sha256: "ab".into(), read: Arc::new(read_file("/a/secret.png")) };
    storage.write(conversation(1, "Secret"));
    storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "Secret."))));
    storage.write(file(1));
    storage.write(read());
    storage.flush();
    assert!(storage.conversations().unwrap().is_empty());
    assert_eq!(storage.largest_id().unwrap(), 0);
    assert_eq!(storage.file_read("ab", Path::new("/a/secret.png")).unwrap(), None);
    // Where a document is read that has the same content, that is kept.
    for kept in [false, true] {
        storage.write(Write::Reading { sha256: "ab".into(), reading: Default::default() });
        storage.flush();
        assert_eq!(storage.reading("ab").unwrap().is_some(), kept);
        storage.keep_file("ab");
    }
    // Once it is kept, it is written as any other.
    storage.keep(ConversationId(1));
    storage.write(conversation(1, "Secret"));
    storage.write(file(1));
    storage.write(read());
    storage.flush();
    assert_eq!(storage.conversations().unwrap().len(), 1);
    assert!(storage.file_read("ab", Path::new("/a/secret.png")).unwrap().is_some());
}

#[test]
fn cleared_data_are_gone_and_settings_stay() {
    let folder = folder("clear");
    let storage = Storage::open(&folder).unwrap();
    storage.write(conversation(1, "x"));
    storage.write(Write::Setting("window", r#"{"theme":"dark"}"#.into()));
    storage.write(Write::ClearAll);
    storage.flush();
    assert!(storage.conversations().unwrap().is_empty());
    assert_eq!(storage.settings().unwrap().theme, crate::state::Theme::Dark);
}

fn stored(text: &str) -> crate::state::StoredTranscript {
    let read = |text: &str| {
        let mut read = read_file("/a/talk.wav");
        let span =
            Span { finding: Finding::Speech { confidence: 0.5 }, text: text.into(), ..read.spans[0].clone() };
        read.spans = Arc::new(vec![span]);
        Arc::new(crate::state::Document::from_read(&read))
    };
    let (heard, edited) = (read("hello"), read(text));
    crate::state::StoredTranscript { heard, edited, notices: vec!["cut short".into()], heard_to_s: None }
}

#[test]
fn a_transcript_is_kept_and_what_was_read_has_its_text() {
    let folder = folder("transcript");
    let transcript = stored("corrected words");
    {
        let storage = Storage::open(&folder).unwrap();
        let mut read = read_file("/a/talk.wav");
        let spans = Arc::make_mut(&mut read.spans);
        let heard = Span { finding: Finding::Speech { confidence: 0.5 }, ..spans[0].clone() };
        spans.push(heard);
        storage.write(Write::FileRead { sha256: "ab".into(), read: Arc::new(read) });
        storage.write(Write::Transcript { sha256: "ab".into(), transcript: stored("first") });
        storage.write(Write::Transcript { sha256: "ab".into(), transcript: transcript.clone() });
    }
    let storage = Storage::open(&folder).unwrap();
    assert_eq!(storage.transcript("ab").unwrap(), Some(transcript.clone()));
    assert_eq!(storage.transcript("cd").unwrap(), None);
    let read = storage.file_read("ab", Path::new("/b/moved.wav")).unwrap().unwrap();
    let texts: Vec<&str> = read.spans.iter().map(|span| span.text.as_str()).collect();
    assert_eq!(texts, ["hello", "corrected words"], "what is no speech stays");
    assert!(read.spans.iter().all(|span| span.source == Path::new("/b/moved.wav")));
    assert_eq!(read.spans[1].pieces.len(), 2, "each word has its time");
    // A part of a transcript is no replacement for what was read.
    let part = crate::state::StoredTranscript { heard_to_s: Some(0.5), ..transcript };
    storage.write(Write::Transcript { sha256: "ab".into(), transcript: part });
    storage.flush();
    let read = storage.file_read("ab", Path::new("/b/moved.wav")).unwrap().unwrap();
    assert_eq!(read.spans[1].text, "hello");
    storage.write(Write::ClearAll);
    storage.flush();
    assert_eq!(storage.transcript("ab").unwrap(), None);
}

#[test]
fn a_database_from_before_transcripts_and_readings_gets_tables_for_them() {
    let folder = folder("older");
    {
        let storage = Storage::open(&folder).unwrap();
        storage.write(conversation(1, "Old"));
        storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "A cat."))));
        storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(4, "A dog."))));
        // As it was written before there were parts.
        let json = serde_json::to_string(&read_file("/a.txt")).unwrap();
        storage.flush();
        let path = folder.join(FILE_NAME);
        let sql = "INSERT INTO files_read (sha256, json) VALUES ('ab', ?1)";
        Connection::open(&path).unwrap().execute(sql, [json]).unwrap();
    }
    let path = folder.join(FILE_NAME);
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "DROP TABLE transcripts; DROP TABLE readings; DROP TABLE spans_read;
             ALTER TABLE messages DROP COLUMN context; ALTER TABLE messages DROP COLUMN parts;
             DROP TRIGGER title_added; DROP TRIGGER title_changed; DROP TRIGGER title_gone;
             DROP TRIGGER message_added; DROP TRIGGER message_changed; DROP TRIGGER message_gone;
             DROP TABLE title_words; DROP TABLE message_words;
             ALTER TABLE conversations DROP COLUMN pinned; ALTER TABLE conversations DROP COLUMN folder;
             ALTER TABLE conversations DROP COLUMN setup;
             ALTER TABLE messages DROP COLUMN parent; ALTER TABLE messages DROP COLUMN active;
             ALTER TABLE messages DROP COLUMN shown_s; ALTER TABLE messages DROP COLUMN original;
             ALTER TABLE messages DROP COLUMN inside; ALTER TABLE messages DROP COLUMN thoughts;
             ALTER TABLE messages DROP COLUMN adapter; DROP TABLE drafts; PRAGMA user_version = 1;",
        )
        .unwrap();
    let storage = Storage::open(&folder).unwrap();
    let mut old = storage.conversations().unwrap();
    assert_eq!(old[0].title, "Old");
    storage.load(&mut old[0]).unwrap();
    let before = |id, text, parent| {
        let mut before = exchange(id, text);
        before.parent = parent;
        before.context = crate::state::Context::default();
        before.answer.parts.clear();
        before.answer.thoughts.clear();
        before.answer.original = None;
        before.answer.adapter = None;
        before
    };
    let expected = [before(3, "A cat.", None), before(4, "A dog.", Some(ExchangeId(3)))];
    assert_eq!(old[0].exchanges, expected, "a list becomes a branch");
    assert!(old[0].aside.is_empty() && old[0].setup.is_plain());
    let found: i64 = storage
        .reader
        .query_row("SELECT count(*) FROM message_words WHERE message_words MATCH 'dog'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, 1, "what was written before can be found");
    let read = storage.file_read("ab", Path::new("/a.txt")).unwrap();
    assert_eq!(read, Some(read_file("/a.txt")));
    storage.write(Write::Transcript { sha256: "ab".into(), transcript: stored("x") });
    storage.flush();
    assert!(storage.transcript("ab").unwrap().is_some());
}

#[test]
fn spans_of_a_long_document_come_back_in_their_order_and_are_replaced_as_a_whole() {
    let folder = folder("parts");
    let storage = Storage::open(&folder).unwrap();
    let long = |n: usize| {
        let mut read = read_file("/a.pdf");
        let span = read.spans[0].clone();
        read.spans = Arc::new((0..n).map(|i| engine::Span { text: i.to_string(), ..span.clone() }).collect());
        read
    };
    for n in [2_500, 1_000, 0] {
        storage.write(Write::FileRead { sha256: "ab".into(), read: Arc::new(long(n)) });
        storage.flush();
        let read = storage.file_read("ab", Path::new("/a.pdf")).unwrap();
        assert_eq!(read, Some(long(n)), "{n} spans");
    }
}

#[test]
fn where_a_document_was_left_comes_back_with_its_highlights() {
    use crate::state::{Colour, Mark, MarkId, Passage, Position, Reading, TextPos, Zoom};
    let folder = folder("reading");
    let storage = Storage::open(&folder).unwrap();
    let at = |byte| TextPos { page: 3, line: 1, byte };
    let passage =
        Passage { from: at(2), to: at(9), text: "größe".into(), places: Vec::new(), times_s: None };
    let mark = Mark { id: MarkId(4), passage, colour: Colour::Pink, note: "why?".into(), is_lost: true };
    let position = Position { page: 3, y: 0.25 };
    let reading = Reading { position, zoom: Zoom::Percent(130.0), marks: vec![mark] };
    storage.write(Write::Reading { sha256: "ab".into(), reading: reading.clone() });
    storage.flush();
    assert_eq!(storage.reading("ab").unwrap(), Some(reading));
    assert_eq!(storage.reading("cd").unwrap(), None);
    storage.write(Write::ClearAll);
    storage.flush();
    assert_eq!(storage.reading("ab").unwrap(), None);
}

#[test]
fn how_an_answer_came_about_is_kept_apart_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(folder.path()).unwrap();
    let id = ExchangeId(3);
    storage.write(conversation(1, "A"));
    storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "A cat."))));
    storage.flush();
    assert_eq!(storage.inside(id).unwrap(), None);
    let inside = engine::Inside { seconds: 1.5, ..Default::default() };
    storage.write(Write::Inside(id, Arc::new(inside.clone())));
    // A change of the answer leaves it.
    storage.write(Write::Exchange(ConversationId(1), Box::new(exchange(3, "A dog."))));
    storage.flush();
    assert_eq!(storage.inside(id).unwrap(), Some(inside));
    assert_eq!(storage.inside(ExchangeId(4)).unwrap(), None, "there is no such question");
}

#[test]
fn temporary_conversations_are_searched_with_the_same_words_and_are_in_no_file() {
    let mut temporary = Conversation::new(ConversationId(7), 1.0);
    temporary.title = "The north wing".into();
    temporary.temporary = true;
    temporary.add(exchange(9, "It says **Größe** of the wing."), 1.0);
    let find = |text: &str| search_temporary(std::slice::from_ref(&temporary), text).unwrap();
    assert_eq!(find("grosse wi").len() + find("größe wi").len(), 1, "ß is a letter of its own");
    assert_eq!(find("groß").first().map(|found| found.exchange), Some(Some(ExchangeId(9))));
    assert_eq!(
        find("north").first().map(|found| (found.conversation, found.exchange)),
        Some((ConversationId(7), None))
    );
    assert!(find("south").is_empty());
}
