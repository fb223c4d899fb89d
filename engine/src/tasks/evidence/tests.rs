use std::path::PathBuf;

use super::*;
use crate::sequence::{Piece, Rect, Span};

/// A read file of hand-made spans; its kind follows from the first.
pub(crate) fn file(path: &str, mut spans: Vec<Span>) -> ReadFile {
    let kind = match spans.first().map(|span| &span.place) {
        Some(Place::Picture { .. }) => Kind::Picture,
        Some(Place::Time { .. }) => Kind::Sound,
        Some(Place::Frame { .. }) => Kind::Video,
        _ => Kind::Document,
    };
    spans.iter_mut().for_each(|span| span.source = PathBuf::from(path));
    ReadFile { path: path.into(), kind, summary: String::new(), spans: Arc::new(spans), notices: Vec::new() }
}

fn span(place: Place, finding: Finding, text: &str) -> Span {
    Span { source: PathBuf::new(), place, finding, text: text.into(), pieces: Vec::new() }
}

/// A paragraph, each of its words with a box of its own.
pub(crate) fn document(page: u32, text: &str) -> Span {
    let mut span = span(Place::Page { page, boxes: vec![Rect::WHOLE] }, Finding::DocumentText, text);
    let mut at = 0;
    for word in text.split(' ') {
        let x0 = at as f32 / text.len().max(1) as f32;
        let x1 = (at + word.len()) as f32 / text.len().max(1) as f32;
        let boxes = vec![Rect { x0, y0: 0.0, x1, y1: 1.0 }];
        span.pieces.push(Piece { bytes: at..at + word.len(), place: Place::Page { page, boxes } });
        at += word.len() + 1;
    }
    span
}

/// Speech that says a word each second.
pub(crate) fn speech(start_s: f64, text: &str) -> Span {
    let n = text.split(' ').count() as f64;
    let place = Place::Time { start_s, end_s: start_s + n };
    let mut span = span(place, Finding::Speech { confidence: 0.9 }, text);
    let mut at = 0;
    for (i, word) in text.split(' ').enumerate() {
        let start_s = start_s + i as f64;
        let place = Place::Time { start_s, end_s: start_s + 1.0 };
        span.pieces.push(Piece { bytes: at..at + word.len(), place });
        at += word.len() + 1;
    }
    span
}

/// Something seen in the left half of a picture.
pub(crate) fn tag(probability: f32, label: &str) -> Span {
    let area = Rect { x1: 0.5, ..Rect::WHOLE };
    span(Place::Picture { area }, Finding::Tag { probability }, label)
}

/// Text in a picture.
pub(crate) fn writing(text: &str) -> Span {
    span(Place::Picture { area: Rect::WHOLE }, Finding::PictureText { confidence: 0.9 }, text)
}

pub(crate) fn search(files: Vec<ReadFile>, question: &str) -> Found {
    let mut search = Search::new(files, question, None, Arc::default(), None);
    let cancel = Cancel::new();
    assert_eq!(search.step(&cancel).unwrap(), None, "words need no steps");
    search.finish(&cancel).unwrap()
}

fn manual() -> ReadFile {
    file(
        "manual.pdf",
        vec![
            document(1, "Care"),
            document(1, "Wipe the lens with a soft cloth. Do not use solvents, they dull the coating."),
            document(2, "Power"),
            document(
                2,
                "The camera takes one battery of type LP-7. A full battery lasts about ten hours of use in \
                 warm weather. In the cold it may last half as long, so carry a second one on long trips in \
                 winter. Charge it in the supplied dock.",
            ),
            document(3, "Warranty"),
            document(3, "It covers two years from the date of purchase."),
        ],
    )
}

#[test]
fn the_quote_is_the_sentence_that_answers_and_its_place_is_exactly_there() {
    let found = search(vec![manual()], "How many hours does a full battery last?");
    let best = &found.evidence[0];
    let quote = best.quote.as_deref().unwrap();
    // What "it" is in the second one stands in the first.
    let both = "A full battery lasts about ten hours of use in warm weather. In the cold it may last half as long, so \
                carry a second one on long trips in winter.";
    assert_eq!(quote, both);
    let Place::Page { page: 2, boxes } = &best.place else { panic!("{:?}", best.place) };
    assert_eq!(boxes.len(), quote.split(' ').count());
    assert!(boxes[0].x0 > 0.1 && boxes.iter().all(|b| b.x1 < 0.9), "{boxes:?}");
}

#[test]
fn every_quote_stands_in_its_span_word_for_word() {
    let files = vec![
        manual(),
        file("talk.wav", vec![speech(0.0, "the battery was empty, said Ann"), speech(9.0, "we went home")]),
        file("sign.png", vec![tag(0.9, "street sign"), writing("NO ENTRY é 5 €")]),
    ];
    for question in ["battery?", "What is said?", "What does the sign say?", "Who went home?", "", "é"] {
        for evidence in search(files.clone(), question).evidence {
            let file = files.iter().find(|file| file.path == evidence.source).unwrap();
            match (&evidence.quote, &evidence.label) {
                (Some(quote), None) => {
                    assert!(!quote.trim().is_empty());
                    assert!(file.spans.iter().any(|span| span.text.contains(quote)), "{question}: {quote}");
                }
                (None, Some(label)) => assert!(file.spans.iter().any(|span| span.text == *label)),
                other => panic!("{other:?}"),
            }
            assert!((0.0..=1.0).contains(&evidence.score), "{evidence:?}");
        }
    }
}

#[test]
fn a_heading_leads_to_the_text_below_it() {
    let found = search(vec![manual()], "How long is the warranty?");
    assert_eq!(found.evidence[0].quote.as_deref(), Some("It covers two years from the date of purchase."));
}

#[test]
fn things_that_are_seen_answer_without_a_word_in_common() {
    let files = vec![file("cat.png", vec![tag(0.8, "tabby cat"), tag(0.05, "window screen")])];
    let found = search(files, "What animal is this?");
    assert_eq!(found.evidence.len(), 1, "{:?}", found.evidence);
    assert_eq!(found.evidence[0].label.as_deref(), Some("tabby cat"));
    assert_eq!(found.evidence[0].place, Place::Picture { area: Rect { x1: 0.5, ..Rect::WHOLE } });
}

#[test]
fn a_picture_is_no_evidence_for_a_question_about_a_document() {
    let files = vec![file("cat.png", vec![tag(0.9, "tabby cat")]), manual()];
    let found = search(files, "How long does a full battery last?");
    assert!(found.evidence.iter().all(|evidence| evidence.label.is_none()), "{:?}", found.evidence);
}

#[test]
fn questions_about_speech_find_speech_with_the_time_of_its_words() {
    let talk = file("talk.mp4", vec![speech(10.0, "good morning"), speech(60.0, "the ship left at noon")]);
    let found = search(vec![talk], "When did the ship leave?");
    assert_eq!(found.evidence[0].place, Place::Time { start_s: 60.0, end_s: 65.0 });
}

#[test]
fn what_fits_nothing_has_no_evidence() {
    let found = search(vec![manual()], "Which planets have rings?");
    assert_eq!(found.evidence, []);
}

#[test]
fn a_page_in_the_question_decides() {
    let pages = (1..=5).map(|page| document(page, "The same words stand on every page of it.")).collect();
    let found = search(vec![file("book.pdf", pages)], "What do the same words on page 4 mean?");
    assert!(matches!(found.evidence[0].place, Place::Page { page: 4, .. }));
}

#[test]
fn at_most_six_pieces_of_evidence() {
    let spans: Vec<Span> = (0..50).map(|i| speech(f64::from(i), "the train was late again")).collect();
    for question in ["Was the train late?", "What is said?"] {
        assert_eq!(search(vec![file("a.wav", spans.clone())], question).evidence.len(), 6);
    }
}
