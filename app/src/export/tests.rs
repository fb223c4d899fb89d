use std::sync::Arc;

use engine::tasks::ask::ReadFile;
use engine::{Evidence, Finding, Place, Span, StopReason};

use super::*;
use crate::state::{
    Attachment, AttachmentId, AttachmentState, Context, ConversationId, ExchangeId, Sampling, Setup,
};

fn exchange(id: i64, parent: Option<i64>, question: &str, text: &str) -> Exchange {
    let evidence = Evidence {
        source: "/a/report <1>.pdf".into(),
        place: Place::Page { page: 3, boxes: Vec::new() },
        quote: Some("It says\nso & more.".into()),
        label: None,
        score: 0.5,
    };
    Exchange {
        id: ExchangeId(id),
        parent: parent.map(ExchangeId),
        active: true,
        shown_s: id as f64,
        question: question.into(),
        attachments: vec![AttachmentId(70)],
        context: Context { about: vec![AttachmentId(70)], ..Context::default() },
        asked_s: 1_795_776_000.0,
        answer: Answer {
            text: text.into(),
            evidence: vec![evidence],
            notices: vec!["one page was skipped".into()],
            model: "m".into(),
            status: AnswerStatus::Done(StopReason::Stop),
            ..Answer::default()
        },
    }
}

fn conversation() -> Conversation {
    let mut c = Conversation::new(ConversationId(5), 1_795_776_000.0);
    c.title = "A <b>title</b> & größer: 予算".into();
    c.folder = "Work".into();
    c.pinned = true;
    let sampling = Some(Sampling { temperature: 0.7, ..Sampling::default() });
    c.setup = Setup { model: Some("m".into()), system: Some("Be brief.".into()), sampling };
    let text = "hello".into();
    let span = Span {
        source: "/a/report <1>.pdf".into(),
        place: Place::Page { page: 1, boxes: Vec::new() },
        finding: Finding::DocumentText,
        text,
        pieces: Vec::new(),
    };
    let read = ReadFile {
        path: "/a/report <1>.pdf".into(),
        kind: Kind::Document,
        summary: "9 pages".into(),
        spans: Arc::new(vec![span]),
        notices: Vec::new(),
    };
    c.attachments.push(Attachment {
        id: AttachmentId(70),
        path: "/a/report <1>.pdf".into(),
        kind: Some(Kind::Document),
        sha256: Some("ab".into()),
        state: AttachmentState::Read(Arc::new(read)),
        sent: true,
    });
    c.add(exchange(10, None, "What\nis <it>?", "It is **so**.\n\n| a | b |\n|---|---|\n| 1 | 2 |"), 1.0);
    c.add(exchange(11, Some(10), "Old words", "Old."), 2.0);
    c.add(
        exchange(
            12,
            Some(10),
            "New words",
            "<script>alert(1)</script>\n\n![x](http://a/b.png) [l](javascript:x) [w](https://a)",
        ),
        3.0,
    );
    c.find(ExchangeId(12)).unwrap();
    c.all_mut().find(|e| e.id == ExchangeId(12)).unwrap().answer.original = Some("First.".into());
    c
}

#[test]
fn json_is_taken_in_again_without_loss() {
    let before = conversation();
    let file = bytes(&before, Format::Json).unwrap();
    let mut after = import(&file).unwrap();
    let mut next = 100;
    renumber(&mut after, &mut || {
        next += 1;
        next
    });
    assert_eq!(bytes(&after, Format::Json).unwrap(), file, "the same file again");
    assert_eq!(
        after.exchanges.iter().map(|e| e.question.as_str()).collect::<Vec<_>>(),
        ["What\nis <it>?", "New words"]
    );
    assert_eq!(after.aside.len(), 1);
    assert_eq!(after.exchanges[1].parent, Some(after.exchanges[0].id));
    assert_eq!(after.exchanges[0].attachments, [after.attachments[0].id]);
    assert_eq!(after.exchanges[0].context.about, [after.attachments[0].id]);
    assert_eq!(after.attachments[0].read(), before.attachments[0].read());
    assert_eq!(
        (after.setup.clone(), after.pinned, after.folder.clone()),
        (before.setup, true, "Work".into())
    );
    assert_eq!(after.exchanges[1].answer, before.exchanges[1].answer);
}

#[test]
fn what_is_no_conversation_is_refused_with_the_reason() {
    for (bytes, reason) in [
        (b"{}".as_slice(), "no conversation"),
        (b"[1]", "no conversation"),
        (b"\xff\xfe", "no conversation"),
        (br#"{"format":"other","version":1}"#, "no conversation"),
        (br#"{"format":"medley-conversation","version":9}"#, "newer Medley"),
        (br#"{"format":"medley-conversation","version":1,"title":3}"#, "damaged"),
    ] {
        let error = format!("{:#}", import(bytes).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn markdown_has_the_shown_branch_and_tells_of_the_others() {
    let text = markdown::page(&conversation());
    for part in [
        "# A \\<b\\>title",
        "What\nis <it>?",
        "It is **so**.",
        "New words",
        "m (edited)",
        "1 question",
        "page 3: “It says so & more.”",
        "2026-11-27 10:40 UTC",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("Old words"));
}

#[test]
fn html_runs_nothing_and_loads_nothing() {
    let text = String::from_utf8(bytes(&conversation(), Format::Html).unwrap()).unwrap();
    for part in [
        "&lt;b&gt;title",
        "<strong>so</strong>",
        "<td>1</td>",
        "&lt;script&gt;",
        "[http://a/b.png]",
        "href=\"https://a\"",
        "report &lt;1&gt;.pdf",
        "<li id=\"e-0-1\">",
        "[?]",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    for part in ["<script", "javascript:", "<img", "Old words"] {
        assert!(!text.contains(part), "{part} is in\n{text}");
    }
}

#[test]
fn names_of_files_are_made_from_titles() {
    assert_eq!(file_stem("What is it? <a/b>"), "What is it a b");
    assert_eq!(file_stem("..\u{0}/"), "conversation");
    assert_eq!(file_stem("größer: 予算"), "größer 予算");
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(date_text(0.0), "1970-01-01 00:00 UTC");
    assert_eq!(date_text(951_782_400.0), "2000-02-29 00:00 UTC");
    assert_eq!(date_text(-1.0), "1969-12-31 23:59 UTC");
}
