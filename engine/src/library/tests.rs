//! A library from files to hits, without models: words alone.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::engine::EngineOptions;
use crate::media::Limits;
use crate::models::Store;
use crate::sequence::Place;

/// An engine with no model on the machine.
fn engine(folder: &Path, limits: Limits) -> Engine {
    Engine::new(EngineOptions {
        store: Store::open(&folder.join("no-models")),
        model: "none".into(),
        limits,
        prefixes: None,
        panels: None,
    })
}

/// Files and a library beside them.
struct Shelf {
    folder: tempfile::TempDir,
    engine: Engine,
}

impl Shelf {
    fn new() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        let engine = engine(folder.path(), limits);
        Self { engine, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    fn at(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    fn open(&self) -> Library {
        let mut library = Library::open(&self.at()).unwrap();
        library.add(&self.folder.path().join("files")).unwrap();
        library
    }

    fn update(&self, library: &mut Library) -> Vec<IndexEvent> {
        library.update(&self.engine, &Cancel::new()).unwrap().map(Result::unwrap).collect()
    }

    fn hits(&self, library: &Library, words: &str) -> Vec<Hit> {
        let options = SearchOptions { most: 10, ..SearchOptions::default() };
        library.search(words, &self.engine, &options, &Cancel::new()).unwrap().hits
    }
}

fn read_files(events: &[IndexEvent]) -> Vec<String> {
    let name = |event: &IndexEvent| match event {
        IndexEvent::Readable { path, .. } => Some(path.file_name()?.to_string_lossy().into_owned()),
        _ => None,
    };
    events.iter().filter_map(name).collect()
}

/// Some pages of text with one word on one of them.
fn book(seed: usize, pages: usize, special: (usize, &str)) -> String {
    let mut text = String::new();
    for i in 0..pages * 12 {
        let (a, b) = (i * 7 + seed, i * 13 + seed * 3);
        text.push_str(&format!(
            "Paragraph {a} of this book tells how the brown box {b} was carried up the hill by the carrier, and what \
             he said to the miller about the weather, the price of flour and the road behind the church.\n\n"
        ));
        if i == special.0 * 12 {
            text.push_str(&format!("Only here stands the {}, and nowhere else.\n\n", special.1));
        }
    }
    text
}

#[test]
fn words_are_found_where_they_stand() {
    let shelf = Shelf::new();
    shelf.write("one.txt", &book(1, 6, (4, "zeppelin")));
    shelf.write("two.md", "# Care\n\nClean the lens with a soft cloth.\n\n# Storage\n\nKeep it dry.");
    let mut library = shelf.open();
    let events = shelf.update(&mut library);
    assert_eq!(read_files(&events), ["one.txt", "two.md"]);
    let hits = shelf.hits(&library, "Where is the zeppelin?");
    assert_eq!(hits[0].path.file_name().unwrap(), "one.txt");
    assert!(hits[0].text.contains("zeppelin"), "{:?}", hits[0]);
    let Place::Page { page, .. } = hits[0].place else { panic!("a page") };
    assert!((4..=6).contains(&page), "{page}");
    let lens = &shelf.hits(&library, "cleaning a lens")[0];
    assert_eq!((lens.path.file_name().unwrap().to_str(), lens.heading.as_str()), (Some("two.md"), ""));
    assert!(lens.text.contains("Clean the lens"), "{lens:?}");
    let found = Hits { hits: hits[..1].to_vec(), fits: true, ..Hits::default() };
    let (files, known) = library.excerpt("the zeppelin", &found).unwrap();
    assert_eq!(files.len(), 1);
    assert!(files[0].spans.iter().any(|span| span.text.contains("zeppelin")));
    assert!(files[0].spans.len() < 6, "only the neighbours");
    let parts: Vec<&str> =
        known.parts.iter().map(|part| &files[part.file].spans[part.span].text[part.bytes.clone()]).collect();
    assert!(
        parts.concat().contains("zeppelin") && parts.iter().all(|part| hits[0].text.contains(part)),
        "{parts:?}"
    );
    let status = library.status().unwrap();
    assert_eq!((status.documents, status.failed), (2, 0));
    assert_eq!(status.waiting, status.passages, "no model, no meaning");
}

#[test]
fn only_what_is_new_or_changed_is_read_again() {
    let shelf = Shelf::new();
    for i in 0..4 {
        shelf.write(&format!("{i}.txt"), &book(i, 2, (1, ["apricot", "walrus", "sextant", "quartz"][i])));
    }
    let mut library = shelf.open();
    assert_eq!(read_files(&shelf.update(&mut library)).len(), 4);
    assert!(read_files(&shelf.update(&mut library)).is_empty(), "nothing changed");
    shelf.write("1.txt", &book(1, 2, (1, "pelican")));
    fs::remove_file(shelf.file("2.txt")).unwrap();
    shelf.write("new.txt", &book(9, 1, (0, "trombone")));
    let events = shelf.update(&mut library);
    assert_eq!(read_files(&events), ["1.txt", "new.txt"]);
    assert!(
        events.iter().any(|event| matches!(event, IndexEvent::Removed { path } if path.ends_with("2.txt")))
    );
    for (word, there) in
        [("apricot", true), ("walrus", false), ("pelican", true), ("sextant", false), ("trombone", true)]
    {
        assert_eq!(!shelf.hits(&library, word).is_empty(), there, "{word}");
    }
    let removed = library.remove(&shelf.file("")).unwrap();
    assert_eq!(removed.len(), 4);
    assert_eq!(library.status().unwrap().passages, 0);
    assert!(shelf.hits(&library, "apricot").is_empty());
}

#[test]
fn a_document_that_changes_while_it_is_read_is_read_again_by_the_next_update() {
    // Before its text is opened, and after some of its pages were read.
    for moment in [0, 2] {
        let shelf = Shelf::new();
        shelf.write("diary.txt", &book(1, 4, (1, "apricot")));
        let mut library = shelf.open();
        let mut events = Vec::new();
        for event in library.update(&shelf.engine, &Cancel::new()).unwrap() {
            let event = event.unwrap();
            if matches!(event, IndexEvent::Reading { done, .. } if done == moment) {
                shelf.write("diary.txt", &book(2, 6, (2, "pelican")));
            }
            events.push(event);
        }
        let told = |event: &IndexEvent| {
            matches!(event, IndexEvent::Notice(text)
                if text.contains("diary.txt") && text.contains("changed while it was read"))
        };
        assert_eq!(events.iter().filter(|event| told(event)).count(), 1, "{events:?}");
        let again = shelf.update(&mut library);
        assert_eq!(read_files(&again), ["diary.txt"], "{again:?}");
        assert!(!again.iter().any(told), "{again:?}");
        assert!(shelf.hits(&library, "apricot").is_empty(), "what is gone is not found");
        assert_eq!(shelf.hits(&library, "pelican").len(), 1, "and what came is found once");
        assert!(read_files(&shelf.update(&mut library)).is_empty());
        assert_eq!(library.documents().unwrap().len(), 1);
    }
}

#[test]
fn of_a_very_large_log_the_first_pages_are_searched_and_the_rest_is_told() {
    let shelf = Shelf::within(Limits { pages: 8, file_bytes: 1 << 20, ..Limits::default() });
    shelf.write("pump.log", &format!("{}{}", book(1, 4, (3, "zeppelin")), book(5, 60, (50, "submarine"))));
    // Nearly all of it takes no room on the disk.
    fs::File::options().write(true).open(shelf.file("pump.log")).unwrap().set_len(64 << 20).unwrap();
    let mut library = shelf.open();
    let events = shelf.update(&mut library);
    assert_eq!(read_files(&events), ["pump.log"]);
    let told = |event: &IndexEvent| {
        matches!(event, IndexEvent::Notice(text)
            if text.contains("pump.log") && text.contains(" of 64 MiB can be read") && text.contains("8 pages"))
    };
    assert!(events.iter().any(told), "{events:?}");
    assert!(
        library.documents().unwrap()[0].notices[0].contains("only the first 2"),
        "kept with the document"
    );
    assert_eq!(library.status().unwrap().leaves, 8);
    assert_eq!(shelf.hits(&library, "zeppelin").len(), 1);
    assert!(shelf.hits(&library, "submarine").is_empty());
}

#[test]
fn subtitles_are_found_at_their_time() {
    let shelf = Shelf::new();
    shelf.write(
        "film.vtt",
        "WEBVTT\n\n00:10.000 --> 00:12.000\nThe zeppelin landed\n\n00:12.000 --> 00:14.500\nbeside the church.\n\n\
         00:40.000 --> 00:43.000\nNobody in the village came to see it, because the fair had \
         begun on the other side of the river, and they all were there to buy a cow or to hear the band.\n",
    );
    let mut library = shelf.open();
    assert_eq!(read_files(&shelf.update(&mut library)), ["film.vtt"]);
    let hits = shelf.hits(&library, "zeppelin");
    assert_eq!(hits[0].place, Place::Time { start_s: 10.0, end_s: 14.5 });
    assert_eq!(hits[0].text, "The zeppelin landed beside the church.");
    let document = &library.documents().unwrap()[0];
    assert_eq!(
        (document.kind, document.summary.as_str()),
        (Some(Kind::Document), "subtitles of 0:43 minutes")
    );
}

#[test]
fn writing_from_right_to_left_is_found_and_cited_as_it_stands() {
    let shelf = Shelf::new();
    let (hebrew, arabic) = ("מפתח הבית מתחת לעציץ האדום.", "المفتاح تحت الأصيص الأحمر.");
    let around = ["הרכבת יוצאת בכל בוקר בשעה שבע מהתחנה הישנה.", "يغادر القطار كل صباح من المحطة القديمة."];
    shelf.write("notes.txt", &format!("{}\n\n{hebrew}\n\n{arabic}\n\n{}", around[0], around[1]));
    shelf.write(
        "page.html",
        &format!("<html dir=rtl><p>{}<p>{hebrew}<p>{arabic}<p>{}</html>", around[0], around[1]),
    );
    let mut library = shelf.open();
    shelf.update(&mut library);
    for (question, phrase) in [("האדום לעציץ", hebrew), ("الأحمر الأصيص", arabic)] {
        let hits = shelf.hits(&library, question);
        for name in ["notes.txt", "page.html"] {
            let hit = hits
                .iter()
                .find(|hit| hit.path.ends_with(name))
                .unwrap_or_else(|| panic!("{name}: {hits:?}"));
            assert!(hit.text.contains(phrase), "{name}: {hit:?}");
            assert!(matches!(hit.place, Place::Page { page: 1, .. }), "{hit:?}");
        }
    }
}

#[test]
fn a_pause_goes_on_at_the_page_where_it_was() {
    let shelf = Shelf::new();
    shelf.write("long.txt", &book(3, 400, (390, "zeppelin")));
    let whole = {
        let mut library = Library::open(&shelf.folder.path().join("other")).unwrap();
        library.add(&shelf.file("long.txt")).unwrap();
        shelf.update(&mut library);
        library.status().unwrap()
    };
    let mut library = shelf.open();
    let mut rounds = 0;
    loop {
        rounds += 1;
        let cancel = Cancel::new();
        let (mut pages, mut finished) = (0, false);
        for event in library.update(&shelf.engine, &cancel).unwrap() {
            match event.unwrap() {
                IndexEvent::Reading { done, .. } if done > 0 => {
                    pages += 1;
                    // Stops after some pages of its own.
                    if pages == 90 {
                        cancel.cancel();
                    }
                }
                IndexEvent::Readable { .. } => finished = true,
                _ => {}
            }
        }
        if finished {
            assert!(pages < 400, "the last round read only what was left: {pages}");
            break;
        }
        assert!(rounds < 20, "it never ends");
    }
    assert!(rounds > 3, "{rounds}");
    let status = library.status().unwrap();
    assert_eq!((status.leaves, status.passages), (whole.leaves, whole.passages));
    assert_eq!(
        shelf.hits(&library, "zeppelin").iter().filter(|hit| hit.text.contains("zeppelin")).count(),
        1
    );
}

#[test]
fn a_damaged_index_of_words_is_made_anew() {
    let shelf = Shelf::new();
    shelf.write("one.txt", &book(1, 3, (1, "zeppelin")));
    let mut library = shelf.open();
    shelf.update(&mut library);
    drop(library);
    let words = shelf.at().join("words");
    let largest = fs::read_dir(&words).unwrap().flatten().max_by_key(|entry| entry.metadata().unwrap().len());
    let largest = largest.unwrap().path();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0xff;
    fs::write(&largest, bytes).unwrap();
    let mut library = shelf.open();
    let events = shelf.update(&mut library);
    let told = |event: &IndexEvent| matches!(event, IndexEvent::Notice(text) if text.contains("made anew"));
    assert!(events.iter().any(told), "{events:?}");
    assert!(read_files(&events).is_empty(), "no document is read for it");
    assert!(shelf.hits(&library, "zeppelin")[0].text.contains("zeppelin"));
    // Gone altogether.
    drop(library);
    fs::remove_dir_all(&words).unwrap();
    let mut library = shelf.open();
    assert!(shelf.update(&mut library).iter().any(told));
    assert_eq!(shelf.hits(&library, "zeppelin").len(), 1);
}

#[test]
fn a_damaged_leaf_is_never_shown_and_read_again() {
    let shelf = Shelf::new();
    shelf.write("one.txt", &book(1, 3, (1, "zeppelin")));
    let mut library = shelf.open();
    shelf.update(&mut library);
    drop(library);
    let db = rusqlite::Connection::open(shelf.at().join("catalogue.db")).unwrap();
    let changed = db.execute(
        "UPDATE leaves SET content = CAST(replace(CAST(content AS TEXT), 'zeppelin', 'submarin') AS BLOB)",
        [],
    );
    assert!(changed.unwrap() > 0);
    drop(db);
    let mut library = shelf.open();
    let options = SearchOptions { most: 10, ..SearchOptions::default() };
    let found = library.search("zeppelin", &shelf.engine, &options, &Cancel::new()).unwrap();
    assert!(found.hits.is_empty(), "{found:?}");
    assert!(found.notices.iter().any(|text| text.contains("damaged")), "{found:?}");
    assert_eq!(read_files(&shelf.update(&mut library)), ["one.txt"]);
    assert_eq!(shelf.hits(&library, "zeppelin").len(), 1);
}

#[test]
fn a_lost_catalogue_is_made_anew_from_what_was_added() {
    let shelf = Shelf::new();
    shelf.write("one.txt", &book(1, 3, (1, "zeppelin")));
    let mut library = shelf.open();
    shelf.update(&mut library);
    drop(library);
    let path = shelf.at().join("catalogue.db");
    fs::write(&path, b"this was a database").unwrap();
    let mut library = Library::open(&shelf.at()).unwrap();
    assert!(library.notices()[0].contains("read again"), "{:?}", library.notices());
    assert!(shelf.at().join("catalogue.damaged.db").is_file(), "kept");
    assert_eq!(read_files(&shelf.update(&mut library)), ["one.txt"]);
    assert_eq!(shelf.hits(&library, "zeppelin").len(), 1);
    // The whole from the beginning, when asked.
    let mut library = library.clear().unwrap();
    assert_eq!(library.status().unwrap().passages, 0);
    assert_eq!(read_files(&shelf.update(&mut library)), ["one.txt"]);
}

#[test]
fn what_cannot_be_read_is_told_once_and_the_rest_goes_on() {
    let shelf = Shelf::new();
    shelf.write("good.txt", "A good document about zeppelins.");
    shelf.write("broken.pdf", "%PDF-1.7\nnothing of a document follows");
    fs::write(shelf.file("noise.bin"), [0u8, 159, 3, 0, 255, 254, 1, 0].repeat(99)).unwrap();
    let mut library = shelf.open();
    let events = shelf.update(&mut library);
    assert_eq!(read_files(&events), ["good.txt"]);
    assert!(
        events.iter().any(|e| matches!(e, IndexEvent::Failed { path, .. } if path.ends_with("broken.pdf")))
    );
    assert!(events.iter().any(|e| matches!(e, IndexEvent::Notice(text) if text.contains("noise.bin"))));
    let again = shelf.update(&mut library);
    assert!(!again.iter().any(|e| matches!(e, IndexEvent::Failed { .. })), "not tried until it changes");
    let documents = library.documents().unwrap();
    assert_eq!(documents.iter().filter(|document| document.problem.is_some()).count(), 1);
    assert_eq!(shelf.hits(&library, "zeppelins").len(), 1);
}

#[test]
fn one_process_writes_and_others_search() {
    let shelf = Shelf::new();
    shelf.write("one.txt", &book(1, 2, (1, "zeppelin")));
    let mut library = shelf.open();
    shelf.update(&mut library);
    let mut other = Library::open(&shelf.at()).unwrap();
    let cancel = Cancel::new();
    let update = library.update(&shelf.engine, &cancel).unwrap();
    assert_eq!(shelf.hits(&other, "zeppelin").len(), 1);
    let refused = other.update(&shelf.engine, &cancel).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|text| text.contains("another Medley")));
    drop(update);
    assert!(other.update(&shelf.engine, &cancel).is_ok());
}

#[test]
fn a_rare_word_alone_does_not_go_before_what_covers_the_question() {
    let shelf = Shelf::new();
    shelf.write("one.txt", &book(1, 6, (4, "zeppelin, zeppelin after zeppelin")));
    shelf.write("two.txt", &book(3, 6, (2, "wooden crate that fell from the zeppelin")));
    let mut library = shelf.open();
    shelf.update(&mut library);
    for ranking in [Ranking::Fused, Ranking::Read] {
        let search = |question: &str| {
            let options = SearchOptions { most: 10, ranking, ..SearchOptions::default() };
            library.search(question, &shelf.engine, &options, &Cancel::new()).unwrap()
        };
        // No decoder is there to read; that is no failure.
        let found = search("Which wooden crate fell from the zeppelin?");
        assert!(found.fits && found.hits[0].text.contains("wooden crate"), "{found:?}");
        assert!(found.hits[1].text.contains("zeppelin after"), "{found:?}");
        let found =
            search("Which vaccine and which syringe did the carrier prefer against measles and mumps?");
        assert!(!found.fits && !found.hits.is_empty(), "one word in common is no answer: {found:?}");
    }
}

#[test]
fn whole_documents_are_given_as_they_were_read() {
    let shelf = Shelf::new();
    shelf.write("long.txt", &book(1, 6, (4, "zeppelin")));
    shelf.write("short.txt", "Keep it dry.");
    let mut library = shelf.open();
    shelf.update(&mut library);
    let documents = library.documents().unwrap();
    let ids: Vec<DocumentId> = documents.iter().map(|document| document.id).collect();
    let whole = |library: &Library| library.whole(&ids, &Cancel::new()).unwrap();
    let files = whole(&library);
    let names: Vec<_> = files.iter().map(|file| file.path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["long.txt", "short.txt"]);
    assert!(files.iter().all(|file| file.notices.is_empty() && file.kind == Kind::Document));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let spans: Vec<&str> = files[0].spans.iter().map(|span| span.text.as_str()).collect();
    assert_eq!(words(&spans.join("\n")), words(&book(1, 6, (4, "zeppelin"))), "every word, in order");
    let pages =
        |place: &Place| if let Place::Page { page, .. } = place { *page } else { panic!("{place:?}") };
    assert!(files[0].spans.is_sorted_by_key(|span| pages(&span.place)));
    // The same content is known wherever it lies.
    let sha256 = |path: &Path| -> String {
        let identity = roots::identity(path, &Cancel::new()).unwrap().unwrap();
        identity.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let known = sha256(&shelf.file("short.txt"));
    let copy = Path::new("/elsewhere/copy.txt");
    let read_before =
        |library: &Library, sha256: &str| library.read_before(sha256, copy, &Cancel::new()).unwrap();
    let read = read_before(&library, &known).unwrap();
    assert_eq!((read.path.as_path(), read.spans[0].source.as_path()), (copy, copy));
    assert_eq!(read.spans[0].text, "Keep it dry.");
    assert!(read_before(&library, &"0".repeat(64)).is_none());
    // What is no longer so is said.
    shelf.write("long.txt", "Another text.");
    fs::remove_file(shelf.file("short.txt")).unwrap();
    let files = whole(&library);
    assert!(files[0].notices[0].contains("long.txt: changed since"), "{:?}", files[0].notices);
    assert!(files[1].notices[0].contains("short.txt: is not there any more"), "{:?}", files[1].notices);
    library.remove(&shelf.file("")).unwrap();
    assert!(whole(&library).is_empty() && read_before(&library, &known).is_none());
}
