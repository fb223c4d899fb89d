//! Requests that are answered from every section: notes in order, with their words, and what was stopped goes on.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use engine::media::Limits;
use engine::models::Store;
use engine::tasks::ask::{AskRequest, Attachment};
use engine::{
    Cancel, Engine, EngineOptions, Event, Evidence, Part, Place, PrefixStore, Stage, StopReason, Usage,
};

/// Chapters and the sentence of each that says when it opens.
const FACTS: [(&str, &str); 4] = [
    ("The harbour", "The harbour opens at six in the morning and closes at nine in the evening."),
    ("The museum", "The museum opens at ten in the morning and closes at five in the afternoon."),
    ("The library", "The library opens at eight in the morning and closes at seven in the evening."),
    ("The market", "The market opens at seven in the morning and closes at noon."),
];

const REQUEST: &str = "When does each place open?";

fn engine(folder: &Path) -> Engine {
    Engine::new(EngineOptions {
        store: Store::open_default().unwrap(),
        model: "smollm2-135m".into(),
        limits: Limits::default(),
        prefixes: Some(PrefixStore::open(&folder.join("prefixes"), PrefixStore::MOST_BYTES)),
        panels: None,
    })
}

/// A guide with a chapter for each fact, each long enough to be a section.
fn guide(folder: &Path) -> PathBuf {
    let mut text = String::new();
    for (title, fact) in FACTS {
        let house = |i: usize| {
            let colour = ["grey", "yellow", "pale green", "white", "brick red"][i % 5];
            let tree = ["an apple tree", "two limes", "an old oak", "a row of poplars"][i % 4];
            format!("House number {i} has {colour} walls, a slate roof and {tree} in front of the door. ")
        };
        let street = |numbers: std::ops::Range<usize>| numbers.map(house).collect::<String>();
        text += &format!("# {title}\n\n{}\n\n{fact}\n\n{}\n\n", street(1..14), street(14..27));
    }
    let path = folder.join("guide.md");
    std::fs::write(&path, text).unwrap();
    path
}

#[derive(Default)]
struct Told {
    /// Each note with the evidence that followed it.
    parts: Vec<(Part, Vec<Evidence>)>,
    sections: Vec<(u64, u64)>,
    text: String,
    done: Option<(StopReason, Usage)>,
}

/// Asks, and cancels after so many notes.
fn ask(engine: &Engine, path: &Path, question: &str, most_parts: usize) -> Told {
    let cancel = Cancel::new();
    let mut request = AskRequest {
        media: vec![Attachment::File(path.to_path_buf())],
        question: question.into(),
        whole: true,
        ..AskRequest::default()
    };
    request.options.max_tokens = 60;
    let mut told = Told::default();
    for event in engine.ask(request, &cancel) {
        match event.unwrap() {
            Event::Progress { stage: Stage::Sections, done, total, .. } => told.sections.push((done, total)),
            Event::Part(part) => {
                told.parts.push((part, Vec::new()));
                if told.parts.len() == most_parts {
                    cancel.cancel();
                }
            }
            // A file that is read at once has no parts.
            Event::Evidence(evidence) => {
                if let Some((_, found)) = told.parts.last_mut() {
                    found.push(evidence);
                }
            }
            Event::Text(text) => told.text.push_str(&text),
            Event::Done { reason, usage } => told.done = Some((reason, usage)),
            _ => {}
        }
    }
    told
}

#[test]
fn every_section_is_noted_in_order_and_a_list_holds_what_is_located() {
    let folder = tempfile::tempdir().unwrap();
    let path = guide(folder.path());
    let whole = std::fs::read_to_string(&path).unwrap();
    let told = ask(&engine(folder.path()), &path, REQUEST, usize::MAX);
    let (reason, usage) = told.done.unwrap();
    assert!(reason == StopReason::Stop && usage.prompt_tokens > 2000, "{reason:?} {usage:?}");
    let total = told.sections[0].1;
    assert!(total >= FACTS.len() as u64, "{total} sections");
    assert_eq!(told.sections.last(), Some(&(total, total)));
    assert!(told.sections.is_sorted());
    assert!(!told.parts.is_empty());
    for (part, evidence) in &told.parts {
        assert_eq!(part.source, path);
        assert_eq!(part.is_located, !evidence.is_empty(), "{part:?}");
        assert!(FACTS.iter().any(|(title, _)| *title == part.heading), "{part:?}");
        for quote in evidence.iter().map(|evidence| evidence.quote.as_deref().unwrap()) {
            assert!(whole.contains(quote), "{quote}");
        }
        assert_eq!(told.text.contains(part.text.trim()), part.is_located, "{part:?}\n{}", told.text);
    }
    // The facts are short and plain: even the smallest model notes most of them, and their words are found.
    let quoted =
        |fact: &str| told.parts.iter().flat_map(|(_, e)| e).any(|e| e.quote.as_deref() == Some(fact));
    let n_quoted = FACTS.iter().filter(|(_, fact)| quoted(fact)).count();
    assert!(n_quoted >= 3, "{n_quoted} of {}: {:#?}", FACTS.len(), told.parts);
}

#[test]
fn what_was_stopped_goes_on_and_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = guide(folder.path());
    let question = "Summarise when things open.";
    let stopped = ask(&engine(folder.path()), &path, question, 2);
    assert_eq!(stopped.done.unwrap().0, StopReason::Cancelled);
    assert_eq!(stopped.parts.len(), 2, "what was noted is kept");
    let rest = ask(&engine(folder.path()), &path, question, usize::MAX);
    let fresh = tempfile::tempdir().unwrap();
    let uninterrupted = ask(&engine(fresh.path()), &path, question, usize::MAX);
    let texts = |told: &Told| told.parts.iter().map(|(part, _)| part.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&rest), texts(&uninterrupted));
    assert_eq!(texts(&rest)[..2], texts(&stopped)[..]);
    assert_eq!(rest.text, uninterrupted.text);
    assert!(!rest.text.trim().is_empty());
    let read = |told: &Told| told.done.unwrap().1.prompt_tokens;
    assert!(read(&rest) < read(&uninterrupted), "{} {}", read(&rest), read(&uninterrupted));
}

#[test]
fn a_short_file_is_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    std::fs::write(&path, FACTS[0].1).unwrap();
    let told = ask(&engine(folder.path()), &path, "When does the harbour open?", usize::MAX);
    assert!(told.parts.is_empty() && told.sections.is_empty());
    assert!(told.text.to_lowercase().contains("six"), "{}", told.text);
}

#[test]
fn pages_of_a_section_are_those_it_stands_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = guide(folder.path());
    let told = ask(&engine(folder.path()), &path, "List the opening times.", 1);
    let (part, _) = &told.parts[0];
    let pages = |place: &Place| match place {
        Place::Page { page, .. } => *page,
        other => panic!("{other:?}"),
    };
    assert!(pages(&part.from) >= 1 && pages(&part.from) <= pages(&part.to), "{part:?}");
}
