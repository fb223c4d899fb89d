//! Prompts whose beginning another run has read: only the rest is read, and the answer is the same.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use engine::decoder::Modality;
use engine::media::Limits;
use engine::models::Store;
use engine::tasks::ask::{AskRequest, Attachment, Turn};
use engine::{Engine, EngineOptions, PrefixStore};
use medley_tests::asking::{self, ask};
use medley_tests::{root, sample};

/// An engine as another run of the program has it: nothing in memory.
fn engine(model: &str, folder: &Path) -> Engine {
    let prefixes = Some(PrefixStore::open(folder, PrefixStore::MOST_BYTES));
    let (store, limits) = (Store::open_default().unwrap(), Limits::default());
    Engine::new(EngineOptions { store, model: model.to_owned(), limits, prefixes, panels: None })
}

fn request(media: Vec<Attachment>, question: &str) -> AskRequest {
    asking::request(media, question, 16)
}

/// A text and a sentence to be continued: some 600 tokens.
fn document(question: &str) -> AskRequest {
    let text = std::fs::read_to_string(root().join("tests/golden/english.txt")).unwrap();
    AskRequest { raw: true, ..request(Vec::new(), &format!("{text}\n\n{question}")) }
}

fn n_files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Gemma 3 270M has windows of 512 positions in most layers, and the prompt is longer.
#[test]
fn the_same_document_is_not_read_twice_and_answers_stay_the_same() {
    for model in ["smollm2-135m", "gemma-3-270m"] {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["The most important word here is", "This text is about"];
        let mut off = document(other);
        off.options.prefix_cache = false;
        let alone = ask(&engine(model, folder.path()), off);
        assert_eq!((n_files(folder.path()), alone.usage.cached_tokens), (0, 0), "{model}: it is off");
        let first = ask(&engine(model, folder.path()), document(one));
        assert_eq!((n_files(folder.path()), first.usage.cached_tokens), (1, 0), "{model}");
        for (question, alone) in [(one, first), (other, alone)] {
            let again = ask(&engine(model, folder.path()), document(question));
            let (cached, prompt) = (again.usage.cached_tokens, again.usage.prompt_tokens);
            // One step of at most 256 positions was left.
            assert!(cached.is_multiple_of(256) && prompt - cached <= 256, "{model}: {cached} of {prompt}");
            assert_eq!((again.first_read, again.text), (Some(prompt), alone.text), "{model}");
        }
    }
}

#[test]
fn a_second_question_on_the_same_part_of_a_document_reads_nothing_of_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("boiler.txt");
    let text = "The boiler was last serviced on 3 May by Jonas Vik.\n\n\
                The cellar holds jars of pickled gherkins.";
    std::fs::write(&path, text).unwrap();
    let engine = engine("smollm2-135m", &folder.path().join("prefixes"));
    let [one, other] = ["Who serviced the boiler last?", "When was the boiler last serviced?"];
    let first = ask(&engine, request(vec![Attachment::File(path)], one));
    assert_eq!(first.notes.len(), 1);
    assert!(first.notes[0].notes.contains("Jonas Vik"), "{:?}", first.notes);
    let follow_up = |notes| {
        let media = first.files.iter().cloned().map(Attachment::Read).collect();
        let history = vec![Turn { question: one.into(), answer: first.text.clone(), notes }];
        ask(&engine, AskRequest { history, ..request(media, other) })
    };
    let second = follow_up(first.notes.clone());
    let (cached, prompt) = (second.usage.cached_tokens, second.usage.prompt_tokens);
    assert!(cached >= first.usage.prompt_tokens, "{cached} of {:?}", first.usage);
    // The question, and the answer before it where its words are other tokens than were written.
    assert!(prompt - cached < 48, "{cached} of {prompt}");
    assert_eq!(second.notes, [], "they stand where they stood");
    // Where it is not known what stood there, they are read again.
    let without = follow_up(Vec::new());
    assert!(without.usage.cached_tokens < first.usage.prompt_tokens, "{:?}", without.usage);
    assert_eq!(without.notes, first.notes);
}

#[test]
fn pictures_and_sound_are_not_read_twice_and_other_pictures_are() {
    let folder = tempfile::tempdir().unwrap();
    let model = root().join("tests/golden/native").to_string_lossy().into_owned();
    let engine = || engine(&model, folder.path());
    let file = |name: &str| Attachment::File(sample(name));
    let media = || vec![file("pictures/coffee.png"), file("speech/austen-0870.wav")];
    let first = ask(&engine(), request(media(), "What is this?"));
    assert!(first.routed(Modality::Picture) > 200 && first.routed(Modality::Sound) > 170);
    assert!(n_files(folder.path()) > 0);
    let again = ask(&engine(), request(media(), "What is this?"));
    assert_eq!((again.routed(Modality::Picture), again.routed(Modality::Sound)), (0, 0));
    assert_eq!(again.text, first.text);
    // A conversation that goes on in another run.
    let history =
        || vec![Turn { question: "What is this?".into(), answer: "Coffee.".into(), notes: Vec::new() }];
    let follow_up = || AskRequest { history: history(), ..request(media(), "And then?") };
    let mut alone = follow_up();
    alone.options.prefix_cache = false;
    let (alone, follow_up) = (ask(&engine(), alone), ask(&engine(), follow_up()));
    assert_eq!((follow_up.routed(Modality::Picture), follow_up.routed(Modality::Sound)), (0, 0));
    assert!(alone.routed(Modality::Picture) > 200 && alone.usage.cached_tokens == 0);
    assert_eq!(follow_up.text, alone.text);
    // The same words about another picture.
    let other = vec![file("pictures/rocket.jpg"), file("speech/austen-0870.wav")];
    let other = ask(&engine(), request(other, "What is this?"));
    assert!(other.routed(Modality::Picture) > 200, "{:?}", other.usage);
}

#[test]
fn what_another_model_or_format_read_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let golden = |name: &str| root().join("tests/golden").join(name).to_string_lossy().into_owned();
    let media = || vec![Attachment::File(sample("pictures/coffee.png"))];
    let cached = |model: &str, change: fn(&mut AskRequest)| {
        let mut request = request(media(), "What is this?");
        change(&mut request);
        ask(&engine(&golden(model), folder.path()), request).usage.cached_tokens
    };
    assert_eq!(cached("native", |_| ()), 0);
    assert!(cached("native", |_| ()) >= 256);
    assert_eq!(cached("native.gguf", |_| ()), 0);
    assert_eq!(cached("native", |request| request.options.cache = engine::decoder::CacheFormat::Q8), 0);
}
