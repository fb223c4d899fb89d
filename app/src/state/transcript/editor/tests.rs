use std::sync::Arc;

use super::super::document::{Line, Word};
use super::*;

/// A small generator: the same numbers every time (Knuth's constants).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

fn segment(start_s: f64, text: &str, speaker: Option<&str>) -> Segment {
    let words = text.split_whitespace().enumerate().map(|(i, word)| engine::tasks::transcribe::Word {
        start_s: start_s + 0.5 * i as f64,
        end_s: start_s + 0.5 * i as f64 + 0.4,
        text: word.to_owned(),
        confidence: 0.25 + 0.1 * (i % 5) as f32,
    });
    let words: Vec<_> = words.collect();
    Segment {
        start_s,
        end_s: words.last().map_or(start_s + 1.0, |word| word.end_s),
        text: text.to_owned(),
        language: "en".to_owned(),
        speaker: speaker.map(str::to_owned),
        confidence: 0.5,
        words,
    }
}

fn document() -> Document {
    let mut document = Document::default();
    let lines = [
        ("The budget is too small, said the council.", Some("1")),
        ("Nobody had asked them before.", Some("2")),
        ("会議は明日です budget", Some("1")),
        ("Größe, naïve café — 25 % of it.", None),
    ];
    for (i, (text, speaker)) in lines.into_iter().enumerate() {
        document.push(&segment(5.0 * i as f64, text, speaker));
    }
    document
}

/// What holds for every transcript, whatever was done to it.
fn check(document: &Document, why: &str) {
    for line in &document.lines {
        assert!(line.end_s >= line.start_s, "{why}: {line:?}");
        let (mut start_s, mut end_s, mut byte) = (line.start_s, line.start_s, 0);
        for word in &line.words {
            assert!(word.start_s >= start_s && word.end_s >= end_s, "{why}: times decrease in {line:?}");
            assert!(
                word.end_s >= word.start_s && word.end_s <= line.end_s + 1e-9,
                "{why}: {word:?} {line:?}"
            );
            assert!(
                word.bytes.start >= byte && line.text.get(word.bytes.clone()).is_some(),
                "{why}: {line:?}"
            );
            (start_s, end_s, byte) = (word.start_s, word.end_s, word.bytes.end);
        }
        let covered: String = line.words.iter().map(|word| &line.text[word.bytes.clone()]).collect();
        let text: String = line.text.split_whitespace().collect();
        assert_eq!(covered, text, "{why}: every word has a time");
        assert!(line.speaker.is_none_or(|id| document.name(id).is_some()), "{why}: nobody says {line:?}");
    }
}

fn words(line: &Line) -> Vec<(&str, f64, f64)> {
    line.words.iter().map(|w| (&line.text[w.bytes.clone()], w.start_s, w.end_s)).collect()
}

#[test]
fn words_that_stay_keep_their_times_and_new_ones_share_those_of_the_old() {
    let line = document().lines[0].as_ref().clone();
    let edited = line.with_text("The new budget was small, said our council.");
    let times = words(&edited);
    let of = |text: &str| *times.iter().find(|(word, ..)| *word == text).unwrap();
    assert_eq!(of("The"), ("The", 0.0, 0.4));
    assert_eq!(of("budget"), ("budget", 0.5, 0.9));
    // "new" was put into the pause, "was" stands for "is too", "our" for "the".
    assert_eq!(of("new"), ("new", 0.4, 0.5));
    assert_eq!(of("was"), ("was", 1.0, 1.9));
    assert_eq!(of("our"), ("our", 3.0, 3.4));
    assert_eq!(of("council."), ("council.", 3.5, 3.9));
    assert_eq!(edited.words[0].confidence, line.words[0].confidence);
    assert_eq!(edited.words[1].confidence, 1.0, "a person wrote it");
    let back = edited.with_text(&line.text);
    assert_eq!(words(&back)[0], ("The", 0.0, 0.4));
}

#[test]
fn a_word_that_is_written_again_has_its_own_time() {
    let mut editor = Editor::new(document());
    let before = editor.document().clone();
    let text = before.lines[0].text.clone();
    // Letter by letter to nothing and back, as somebody types.
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let steps = ends.iter().rev().chain(ends.iter().skip(1)).map(|end| text[..*end].to_owned());
    for (i, text) in steps.chain([text.clone()]).enumerate() {
        editor.apply(&Edit::SetText { line: 0, text }, i as f64 * 0.1);
        check(editor.document(), "typing");
    }
    assert_eq!(*editor.document(), before);
    assert!(editor.undo() && !editor.can_undo(), "it was one change");
    assert_eq!(*editor.document(), before);
}

#[test]
fn text_without_spaces_keeps_the_words_that_did_not_change() {
    let word = |bytes, start_s: f64| Word { bytes, start_s, end_s: start_s + 1.0, confidence: 0.5 };
    let line = Line {
        start_s: 0.0,
        end_s: 3.0,
        text: "会議は明日です".into(),
        words: vec![word(0..9, 0.0), word(9..15, 1.0), word(15..21, 2.0)],
        speaker: None,
        language: "ja".into(),
    };
    let edited = line.with_text("会議は今日です");
    assert_eq!(edited.words[0], line.words[0]);
    assert_eq!(edited.words.last(), line.words.last());
    assert!(edited.words.iter().any(|w| &edited.text[w.bytes.clone()] == "今" && w.start_s == 1.0));
}

#[test]
fn lines_are_cut_at_a_word_and_joined_again() {
    let mut editor = Editor::new(document());
    let before = editor.document().clone();
    let at = before.lines[0].text.find("said").unwrap();
    assert_eq!(editor.apply(&Edit::Split { line: 0, at }, 0.0), 1);
    let lines = &editor.document().lines;
    assert_eq!(
        (lines[0].text.as_str(), lines[1].text.as_str()),
        ("The budget is too small,", "said the council.")
    );
    assert_eq!((lines[0].end_s, lines[1].start_s), (2.4, 2.5));
    check(editor.document(), "split");
    assert_eq!(editor.apply(&Edit::Join(1), 0.0), 1);
    assert_eq!(*editor.document(), before, "nothing is lost on the way");
    assert_eq!(editor.apply(&Edit::Split { line: 0, at: 0 }, 0.0), 0, "an empty line is none");
    assert_eq!(editor.apply(&Edit::Join(0), 0.0), 0, "there is none before the first");
}

#[test]
fn a_cut_inside_a_word_shares_its_time() {
    let line = document().lines[0].as_ref().clone();
    let (first, second) = line.split(line.text.find("dget").unwrap()).unwrap();
    assert_eq!(words(&first)[1].0, "bu");
    assert_eq!(words(&second)[0].0, "dget");
    assert!((words(&first)[1].2 - (0.5 + 0.4 / 3.0)).abs() < 6e-4 && words(&second)[0].2 == 0.9);
}

#[test]
fn speakers_are_named_merged_and_given_lines() {
    let mut editor = Editor::new(document());
    let (one, two) = (editor.document().speakers[0].id, editor.document().speakers[1].id);
    editor.apply(&Edit::Name(one, " Anna ".into()), 0.0);
    assert_eq!(editor.document().name(one), Some("Anna"));
    editor.apply(&Edit::AssignNew(3..4, "Ben".into()), 0.0);
    let ben = editor.document().lines[3].speaker.unwrap();
    editor.apply(&Edit::Merge(two, ben), 0.0);
    assert_eq!(editor.document().lines[1].speaker, Some(ben));
    assert_eq!(editor.document().name(two), None);
    editor.apply(&Edit::Name(ben, "Anna".into()), 0.0);
    assert_eq!(editor.document().speakers.len(), 1, "two with one name are one person");
    editor.apply(&Edit::Assign(0..2, None), 0.0);
    assert!(editor.document().segments().take(2).all(|segment| segment.speaker.is_none()));
    check(editor.document(), "speakers");
    while editor.undo() {}
    assert_eq!(*editor.document(), document());
}

#[test]
fn what_is_heard_later_stays_when_something_is_undone() {
    let mut editor = Editor::new(document());
    editor.apply(&Edit::SetText { line: 0, text: "Other words".into() }, 0.0);
    editor.append(&segment(30.0, "And this came later.", Some("2")));
    editor.undo();
    assert_eq!(editor.document().lines.len(), 5);
    assert_eq!(editor.document().lines[0], document().lines[0]);
    editor.redo();
    assert_eq!(editor.document().lines[4].text, "And this came later.");
}

#[test]
fn replacing_is_what_replacing_in_the_text_is() {
    let query = |text: &str| Query { text: text.into(), case: true, whole: false };
    for (find, with) in
        [("budget", "plan"), ("e", "ee"), (" ", "  "), ("明日", "今日"), ("the", ""), (".", "$1")]
    {
        let mut editor = Editor::new(document());
        let n = editor.apply(&Edit::ReplaceAll(query(find), with.into()), 0.0);
        let texts = document().lines.iter().map(|line| line.text.replace(find, with)).collect::<Vec<_>>();
        let found: Vec<String> = editor.document().lines.iter().map(|line| line.text.clone()).collect();
        assert_eq!(found, texts, "{find:?} -> {with:?}");
        assert_eq!(n, document().lines.iter().map(|line| line.text.matches(find).count()).sum::<usize>());
        check(editor.document(), find);
        assert!(!editor.can_undo() || editor.undo());
        assert_eq!(*editor.document(), document());
    }
}

#[test]
fn whole_words_and_capitals_are_told_apart() {
    let find = |text: &str, case, whole| Query { text: text.into(), case, whole }.find(&document()).len();
    assert_eq!((find("the", false, false), find("the", true, false), find("the", true, true)), (3, 2, 1));
    assert_eq!(
        (find("GRÖSSE", false, true), find("größe", false, true), find("größ", false, true)),
        (0, 1, 0)
    );
    assert_eq!((find("%", true, true), find("25 %", true, true), find("", true, true)), (1, 1, 0));
    let query = Query { text: "the".into(), case: false, whole: true };
    assert_eq!(query.replace("The others, the rest", "a"), ("a others, a rest".into(), 2));
}

#[test]
fn any_changes_leave_times_in_order_and_can_all_be_undone() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut editor = Editor::new(document());
        let mut versions = vec![editor.document().clone()];
        for step in 0..40 {
            let edit = some_edit(&mut random, editor.document());
            // Every change is far from the one before, so that each is undone alone.
            if editor.apply(&edit, 100.0 * f64::from(step)) > 0 {
                versions.push(editor.document().clone());
            }
            check(editor.document(), &format!("seed {seed}, step {step}, {edit:?}"));
        }
        for version in versions.iter().rev().skip(1) {
            assert!(editor.undo());
            assert_eq!(editor.document(), version, "seed {seed}");
        }
        assert!(!editor.undo());
        for version in &versions[1..] {
            assert!(editor.redo());
            assert_eq!(editor.document(), version, "seed {seed}");
        }
    }
}

fn some_edit(random: &mut Random, document: &Document) -> Edit {
    let line = random.below(document.lines.len() + 1);
    let text = document.lines.get(line).map_or("", |line| line.text.as_str());
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let (a, b) = (places[random.below(places.len())], places[random.below(places.len())]);
    let (from, to) = (a.min(b), a.max(b));
    let with = ["", " ", "x", "two words", "日本", "é ", "the"][random.below(7)];
    let speaker = |random: &mut Random| {
        let all = &document.speakers;
        all.get(random.below(all.len().max(1))).map(|speaker| speaker.id)
    };
    match random.below(9) {
        0 | 1 => Edit::SetText { line, text: format!("{}{with}{}", &text[..from], &text[to..]) },
        2 => Edit::Split { line, at: from },
        3 => Edit::Join(line),
        4 => Edit::Assign(line..line + 2, speaker(random)),
        5 => Edit::AssignNew(line..line + 1, document.free_name()),
        6 => match (speaker(random), speaker(random)) {
            (Some(a), Some(b)) => Edit::Merge(a, b),
            _ => Edit::Leave(line),
        },
        7 => Edit::Replace(Found { line, bytes: from..to }, with.to_owned()),
        _ => Edit::ReplaceAll(Query { text: "e".into(), case: false, whole: false }, with.to_owned()),
    }
}

#[test]
fn a_line_with_nothing_in_it_goes_when_it_is_left() {
    let mut editor = Editor::new(document());
    editor.apply(&Edit::SetText { line: 1, text: "  ".into() }, 0.0);
    editor.apply(&Edit::Leave(1), 5.0);
    assert_eq!(editor.document().lines.len(), 3);
    editor.undo();
    assert_eq!(*editor.document(), document(), "typing and leaving are one change");
    assert_eq!(editor.apply(&Edit::Leave(0), 6.0), 0, "a line that was only looked at does not change");
    assert!(Arc::ptr_eq(&editor.document().lines[0], &editor.document().lines[0].clone()));
}
