//! Conversations as files, and questions that were not asked yet.

// A test that cannot go on should stop at once.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use engine::media::Kind;
use engine::{Evidence, Place};
use medley_app::command::{Command, TalkCommand};
use medley_app::export::{self, Format};
use medley_app::jobs::scripted::Scripted;
use medley_app::state::{
    Answer, AnswerStatus, Attachment, AttachmentId, AttachmentState, Context, Conversation, ConversationId,
    Exchange, ExchangeId, StopReason, Thought,
};
use medley_tests::media_files::document;
use medley_tests::sample;
use medley_tests::window::{CTRL, Window};

fn run(window: &mut Window, command: TalkCommand) {
    window.run(Command::Talk(command));
}

/// Closes the window and opens another one over the same data.
fn reopen(window: Window) -> Window {
    Window::open_in(Scripted::default(), window.close(), [1180.0, 780.0])
}

#[test]
fn a_conversation_goes_out_in_every_form_and_json_comes_in_again() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.ask("What is this?");
    let first = window.app().state().current().unwrap().exchanges[0].id;
    run(&mut window, TalkCommand::AskEdited(first, "What is that?".into()));
    window.wait("answering", |app| app.state().running().is_none());
    let id = window.app().state().selected.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = |format: Format| folder.path().join(format!("out.{}", format.extension()));
    for format in Format::ALL {
        run(&mut window, TalkCommand::ExportTo(id, format, place(format)));
        window.wait("writing", |_| place(format).exists());
        window.wait("telling", |app| {
            app.state().toast.as_ref().is_some_and(|toast| toast.text.starts_with("Written"))
        });
        run(&mut window, TalkCommand::CancelEdit);
    }
    let html = std::fs::read_to_string(place(Format::Html)).unwrap();
    assert!(html.contains("data:image/jpeg;base64,") && html.contains("tabby cat"), "{html}");
    let markdown = std::fs::read_to_string(place(Format::Markdown)).unwrap();
    assert!(markdown.contains("What is that?") && !markdown.contains("UTC\n\nWhat is this?"), "{markdown}");
    run(&mut window, TalkCommand::ImportFiles(vec![place(Format::Json)]));
    window.wait("taking in", |app| app.state().conversations.len() == 2);
    let conversation = window.app().state().current().unwrap();
    assert_ne!(conversation.id, id);
    assert_eq!(conversation.all().count(), 2);
    let window = reopen(window);
    let state = window.app().state();
    assert_eq!(state.conversations.len(), 2);
    assert_eq!(state.current().unwrap().exchanges[0].question, "What is that?");
    // What is no conversation is refused by name.
    let mut window = window;
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "{}").unwrap();
    run(&mut window, TalkCommand::ImportFiles(vec![bad]));
    window.wait("refusing", |app| {
        app.state().toast.as_ref().is_some_and(|toast| toast.text.contains("bad.json"))
    });
    assert_eq!(window.app().state().conversations.len(), 2);
}

/// The text of each page, as PDFium reads it back.
fn pages(path: &Path) -> Vec<String> {
    let document = document(path);
    (1..=document.page_count()).map(|page| document.page(page).unwrap().text()).collect()
}

fn evidence(quote: &str, page: u32) -> Evidence {
    Evidence {
        source: "/papers/lighthouse.pdf".into(),
        place: Place::Page { page, boxes: Vec::new() },
        quote: Some(quote.into()),
        label: None,
        score: 0.9,
    }
}

fn exchange(id: i64, parent: Option<i64>, question: &str, answer: Answer) -> Exchange {
    Exchange {
        id: ExchangeId(id),
        parent: parent.map(ExchangeId),
        active: true,
        shown_s: id as f64,
        question: question.into(),
        attachments: Vec::new(),
        context: Context::default(),
        asked_s: 1_795_776_000.0,
        answer,
    }
}

fn answer(text: &str) -> Answer {
    let status = AnswerStatus::Done(StopReason::Stop);
    Answer { text: text.into(), model: "smollm2-135m".into(), status, ..Answer::default() }
}

/// A conversation with everything that can stand in one.
fn whole() -> Conversation {
    let mut whole = Conversation::new(ConversationId(5), 1_795_776_000.0);
    whole.title = "The lighthouse of Skjæret: 灯台の記録".into();
    whole.setup.system = Some("Answer briefly.".into());
    whole.attachments.push(Attachment {
        id: AttachmentId(70),
        path: sample("pictures/chelsea.png"),
        kind: Some(Kind::Picture),
        sha256: None,
        state: AttachmentState::Checking,
        sent: true,
    });
    let text = "## What the papers say\n\nThe lighthouse was built in **1871** on a *small* island. \
        Nothing is said about its colour at all.\n\n- first, the `lamp`\n  1. which burns oil\n  2. and turns\n- \
        then [the sea](https://example.org)\n\n> The harbour freezes.\n\n```rust\nfn main() { let a = 1; }\n```\n\n\
        | Year | What happened |\n|---|---|\n| 1871 | It was built |\n| 1903 | A ~~goat~~ keeper came |\n\n灯台は小さな島に建てられました。";
    let thought = |chain, answer: &str| Thought {
        chain,
        text: format!("I look at the papers, one by one, in chain {chain}."),
        answer: Some(answer.into()),
    };
    let mut first = exchange(
        10,
        None,
        "When was the lighthouse built,\nand by whom?",
        Answer {
            evidence: vec![
                evidence("The lighthouse was built in 1871 on a small island.", 1),
                evidence("Its keeper was called Astrid Holm.", 2),
            ],
            thoughts: vec![thought(0, "1871"), thought(1, "1871"), thought(2, "1903")],
            notices: vec!["28 passages were not given to the model".into()],
            ..answer(text)
        },
    );
    first.attachments = vec![AttachmentId(70)];
    whole.add(first, 1.0);
    let paragraph = "The keeper walked down to the harbour every morning, and came back at noon. ";
    whole.add(exchange(11, Some(10), "Tell me more.", answer(&paragraph.repeat(90))), 2.0);
    whole
}

#[test]
fn a_pdf_has_the_whole_conversation_with_its_evidence_and_page_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pdf");
    let bytes = export::bytes(&whole(), Format::Pdf).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let pages = pages(&path);
    assert!((3..=6).contains(&pages.len()), "{} pages", pages.len());
    let text = pages.join("\n").split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "The lighthouse of Skjæret",
        "2026-11-27 10:40 UTC",
        "Answer briefly.",
        "Files: chelsea.png",
        "When was the lighthouse built, and by whom?",
        "smollm2-135m",
        "What the papers say",
        "“The lighthouse was built in 1871 on a small island.”[1]",
        "which burns oil",
        "fn main() { let a = 1; }",
        "Year What happened",
        "A goat keeper came",
        "lighthouse.pdf, page 2",
        "“Its keeper was called Astrid Holm.”",
        "in chain 2.",
        "28 passages were not given to the model",
        "Tell me more.",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(text.matches("came back at noon").count(), 90, "nothing of a long answer is lost");
    for (i, page) in pages.iter().enumerate() {
        let number = format!("{} / {}", i + 1, pages.len());
        assert!(page.contains(&number), "{number} is not on its page:\n{page}");
    }
    // Questions are the contents.
    let outline = document(&path).outline(&engine::Cancel::new()).unwrap();
    let titles: Vec<&str> = outline.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["When was the lighthouse built,", "Tell me more."]);
    // Fonts are there in part, the picture small.
    assert!(bytes.len() < 400_000, "{} bytes", bytes.len());
    // Nothing reaches over the edge of the paper.
    let document = document(&path);
    for page in 1..=document.page_count() {
        for line in &document.page(page).unwrap().lines {
            let area = line.area.unwrap();
            assert!(area.x0 > 0.05 && area.x1 < 0.95 && area.y1 < 0.99, "{area:?}: {}", line.text);
        }
    }
}

#[test]
fn a_pdf_of_hostile_markdown_and_of_nothing_is_a_pdf() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pdf");
    let mut hostile = Conversation::new(ConversationId(1), 0.0);
    hostile.title = "\u{202e}a\u{0}b\n\n".into();
    let deep = format!("{}x\n\n{}", "> ".repeat(300), "- ".repeat(300));
    for (i, text) in [
        "",
        "\u{0}\u{7}\u{feff}",
        "<script>alert(1)</script> ![x](file:///etc/passwd) [l](javascript:alert(1))",
        "| a |\n|---|\n| |\n",
        "|a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|\n|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|\n|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|\n",
        &"x".repeat(20_000),
        &deep,
        "👩‍👩‍👧‍👦 🇩🇪 e\u{301}\u{302} مرحبا हिन्दी ไทย",
        "$a$ $$b$$ \\$",
    ]
    .into_iter()
    .enumerate()
    {
        let id = 10 + i as i64;
        hostile.add(exchange(id, (i > 0).then_some(id - 1), text, answer(text)), i as f64);
    }
    std::fs::write(&path, export::bytes(&hostile, Format::Pdf).unwrap()).unwrap();
    let text = pages(&path).join("\n");
    assert!(text.contains("<script>alert(1)</script>"), "{text}");
    assert!(text.matches('x').count() >= 20_000, "a word without an end is broken, not lost");
    let bytes = std::fs::read(&path).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("javascript:"));
    std::fs::write(&path, export::bytes(&Conversation::new(ConversationId(1), 0.0), Format::Pdf).unwrap())
        .unwrap();
    assert_eq!(pages(&path).len(), 1);
}

#[test]
fn a_pdf_speaks_the_language_of_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pdf");
    medley_app::words::set_language(medley_app::words::Language::German);
    let bytes = export::bytes(&whole(), Format::Pdf).unwrap();
    medley_app::words::set_language(medley_app::words::Language::English);
    std::fs::write(&path, bytes).unwrap();
    let text = pages(&path).join("\n");
    assert!(text.contains("Belege"), "{text}");
}

/// Looked at by a person: `cargo test --release --workspace --test ui_export -- --ignored`.
#[test]
#[ignore = "writes pictures of pages to the folder for temporary files"]
fn pictures_of_the_pages() {
    let path = std::env::temp_dir().join("medley-export.pdf");
    std::fs::write(&path, export::bytes(&whole(), Format::Pdf).unwrap()).unwrap();
    let document = document(&path);
    for page in 1..=document.page_count() {
        let picture = document.page_picture(page, 1200).unwrap().unwrap();
        picture.save(std::env::temp_dir().join(format!("medley-export-{page}.png"))).unwrap();
    }
}

#[test]
fn each_conversation_keeps_the_question_that_was_not_asked_yet() {
    let mut window = Window::open(Scripted::default());
    window.ask("First");
    let first = window.app().state().selected.unwrap();
    window.drop_file(sample("pictures/chelsea.png"));
    window.wait_until_read();
    window.type_question("And what is behind it");
    window.press(CTRL, Key::N);
    assert_eq!(window.app().draft(), "");
    let second = window.app().state().selected.unwrap();
    assert_ne!(first, second);
    window
        .harness
        .get_by(|node| node.label().is_some_and(|label| label.ends_with("Draft: And what is behind it")));
    window.type_question("Another thought");
    // A blank conversation with words in it is not the new one.
    window.press(CTRL, Key::N);
    assert_ne!(window.app().state().selected, Some(second));
    window.run(Command::Select(first));
    assert_eq!(window.app().draft(), "And what is behind it");
    assert_eq!(window.app().state().current().unwrap().drafts().count(), 1);
    // All of it is there after a restart.
    let mut window = reopen(window);
    window.run(Command::Select(first));
    assert_eq!(window.app().draft(), "And what is behind it");
    assert_eq!(window.app().state().current().unwrap().drafts().count(), 1);
    window.run(Command::Select(second));
    assert_eq!(window.app().draft(), "Another thought");
    // What was asked is no draft any more.
    window.harness.get_by_role_and_label(Role::MultilineTextInput, "Question").focus();
    window.settle();
    window.harness.key_press(Key::Enter);
    window.settle();
    window.wait("answering", |app| app.state().running().is_none());
    assert_eq!(window.app().draft(), "");
    let mut window = reopen(window);
    window.run(Command::Select(second));
    assert_eq!(window.app().draft(), "");
    assert!(!window.app().state().drafts.contains_key(&second));
    window.assert_idle();
}

#[test]
fn words_that_were_typed_are_on_the_disk_a_second_later_without_a_write_for_each() {
    let mut window = Window::open(Scripted::default());
    window.ask("First");
    let id = window.app().state().selected.unwrap();
    window.type_question("Half a th");
    window.type_question("ought");
    let begin = std::time::Instant::now();
    let stored = |window: &Window| -> Option<String> {
        let database =
            rusqlite::Connection::open(window.folder.path().join(medley_app::storage::FILE_NAME)).unwrap();
        let row =
            database.query_row("SELECT json FROM drafts WHERE conversation = ?1", [id.0], |row| row.get(0));
        row.ok()
    };
    assert_eq!(stored(&window), None, "nothing is written while somebody types");
    window.wait("a second", |_| begin.elapsed().as_secs_f64() > 1.3);
    window.wait("writing", |app| app.state().drafts.contains_key(&id));
    window.app_mut().save();
    assert!(stored(&window).unwrap().contains("Half a thought"));
    window.assert_idle();
    // A program that is killed has it, too.
    let Window { harness, folder } = window;
    std::mem::forget(harness);
    let window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    assert_eq!(window.app().draft(), "Half a thought");
}

#[test]
fn a_draft_of_a_temporary_conversation_is_not_written_and_goes_with_what_is_deleted() {
    let mut window = Window::open(Scripted::default());
    window.ask("First");
    let first = window.app().state().selected.unwrap();
    run(&mut window, TalkCommand::NewTemporary);
    let temporary = window.app().state().selected.unwrap();
    window.type_question("A secret");
    window.run(Command::Select(first));
    window.type_question("No secret");
    window.run(Command::Select(temporary));
    assert_eq!(window.app().draft(), "A secret");
    window.run(Command::Select(first));
    window.app_mut().save();
    let texts = |window: &Window| {
        let database =
            rusqlite::Connection::open(window.folder.path().join(medley_app::storage::FILE_NAME)).unwrap();
        let mut statement = database.prepare("SELECT json FROM drafts").unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    };
    assert!(texts(&window).contains("No secret") && !texts(&window).contains("A secret"));
    // A deleted conversation comes back with its words.
    window.run(Command::Delete(Some(first)));
    assert_ne!(window.app().draft(), "No secret");
    window.run(Command::UndoDelete(first));
    assert_eq!(window.app().draft(), "No secret");
    window.run(Command::ClearData);
    assert_eq!(window.app().draft(), "");
    window.app_mut().save();
    assert_eq!(texts(&window), "");
}
