//! The transcript pane, driven by name over a scripted engine and a scripted sound device.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::accesskit::{Role, Toggled};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable};
use engine::Cancel;
use engine::media::Opener;
use engine::tasks::transcribe::format::Format;
use medley_app::command::{Command, TranscriptCommand};
use medley_app::jobs::scripted::{Scripted, long_transcript};
use medley_app::platform::sound::Start;
use medley_app::state::{Hearing, Load, StoredTranscript, TranscriptPane};
use medley_app::storage::{Storage, Write};
use medley_tests::sample;
use medley_tests::tape::Tape;
use medley_tests::window::{CTRL, CTRL_SHIFT, Window};

const NONE: Modifiers = Modifiers::NONE;
const FILE: &str = "austen-0870.wav";

/// A window that shows the transcript of a recording.
fn open() -> (Window, Arc<Tape>) {
    open_sized([1180.0, 780.0])
}

fn open_sized(size: [f32; 2]) -> (Window, Arc<Tape>) {
    let mut window = Window::open_in(Scripted::default(), tempfile::tempdir().unwrap(), size);
    window.drop_file(sample(&format!("speech/{FILE}")));
    window.wait_until_read();
    let tape = show(&mut window);
    (window, tape)
}

fn show(window: &mut Window) -> Arc<Tape> {
    let tape = Arc::new(Tape::default());
    window.harness.state_mut().as_mut().unwrap().set_player(tape.clone());
    window.click(&format!("Transcript of {FILE}"));
    window.wait("the waveform", |app| {
        app.state().transcript.as_ref().is_some_and(|pane| matches!(pane.wave, Load::Ready(_)))
    });
    tape
}

fn pane(window: &Window) -> &TranscriptPane {
    window.app().state().transcript.as_ref().expect("the pane is open")
}

fn texts(window: &Window) -> Vec<String> {
    pane(window).editor.document().lines.iter().map(|line| line.text.clone()).collect()
}

fn send(window: &mut Window, command: TranscriptCommand) {
    let ctx = window.harness.ctx.clone();
    window.harness.state_mut().as_mut().unwrap().run(Command::Transcript(command), &ctx);
    window.settle();
}

fn type_text(window: &mut Window, field: &str, text: &str) {
    if !window.harness.get_by_label(field).is_focused() {
        window.harness.get_by_label(field).focus();
        window.settle();
    }
    window.harness.get_by_label(field).type_text(text);
    window.settle();
}

/// What is on the disk, as another program would read it.
fn kept(window: &Window) -> Option<StoredTranscript> {
    let sha256 = pane(window).sha256.clone().unwrap();
    Storage::open(window.folder.path()).unwrap().transcript(&sha256).unwrap()
}

fn wait_until_kept(window: &mut Window) {
    // Half a second after the first change, and what the storage thread takes.
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(50));
        window.settle();
        let now = pane(window).editor.document();
        if kept(window).is_some_and(|kept| *kept.edited == *now) {
            return;
        }
    }
    panic!("the change was not kept");
}

fn transcribe(window: &mut Window, speakers: bool) {
    window.click("Transcribe again");
    window.click("Transcribe again…");
    if speakers {
        window.click("Tell apart");
    }
    window.click("Transcribe");
    window.wait("the transcription", |app| {
        let pane = app.state().transcript.as_ref().unwrap();
        pane.hearing == Hearing::Idle && pane.editor.document().lines.len() == 3
    });
}

#[test]
fn what_was_read_is_shown_played_and_lit_and_a_word_is_heard_when_it_is_clicked() {
    let (mut window, tape) = open();
    assert_eq!(texts(&window)[1], "The budget is too small.");
    window.press(NONE, Key::Space);
    window.wait("playing", |app| app.state().transcript.as_ref().unwrap().is_playing());
    window.wait("the device", |_| tape.started.lock().unwrap().len() == 1);
    *tape.at_s.lock().unwrap() = Some(3.2);
    window.wait("the clock", |app| app.state().transcript.as_ref().unwrap().at_s() == 3.2);
    let line = pane(&window).editor.document().lines[1].clone();
    let word = &line.words[line.word_at(3.2).unwrap()];
    let lit = window.harness.get_by_label(&line.text[word.bytes.clone()]);
    assert_eq!(lit.accesskit_node().toggled(), Some(Toggled::True), "the spoken word is lit");
    let other = window.harness.get_by_label("budget");
    assert_eq!(other.accesskit_node().toggled(), Some(Toggled::False));
    window.click("small.");
    let start_s = line.words.last().unwrap().start_s;
    window.wait("the word", |_| tape.started.lock().unwrap().len() == 2);
    assert_eq!(tape.started.lock().unwrap()[1], Start { start_s, speed: 1.0 });
    send(&mut window, TranscriptCommand::SetSpeed(1.5));
    window.wait("another speed", |_| tape.started.lock().unwrap().len() == 3);
    assert_eq!(tape.started.lock().unwrap()[2], Start { start_s, speed: 1.5 });
    window.click("Pause");
    assert!(!pane(&window).is_playing());
    window.click("On 5 seconds");
    assert!(pane(&window).time_s > start_s);
    window.press(NONE, Key::Escape);
    assert!(window.app().state().transcript.is_none(), "Escape goes back");
}

#[test]
fn a_line_is_corrected_in_place_keeps_its_times_and_can_be_undone() {
    let (mut window, _) = open();
    let before = pane(&window).editor.document().clone();
    window.press(NONE, Key::ArrowDown);
    window.press(NONE, Key::F2);
    assert!(window.harness.get_by_label("Text of line 2").is_focused());
    type_text(&mut window, "Text of line 2", " indeed");
    assert_eq!(texts(&window)[1], "The budget is too small. indeed");
    wait_until_kept(&mut window);
    assert_eq!(kept(&window).unwrap().edited.lines[1].text, "The budget is too small. indeed");
    assert_eq!(*kept(&window).unwrap().heard, before, "what was heard stays");
    // A click somewhere else loses nothing.
    window.click("Play from 0:04");
    assert!(window.harness.query_by_label("Text of line 2").is_none());
    let line = pane(&window).editor.document().lines[1].clone();
    assert_eq!(line.text, "The budget is too small. indeed");
    assert_eq!(line.words[..5], before.lines[1].words[..]);
    assert!(line.words[5].start_s >= line.words[4].end_s && line.words[5].end_s <= line.end_s);
    window.press(CTRL, Key::Z);
    assert_eq!(*pane(&window).editor.document(), before);
    window.press(CTRL_SHIFT, Key::Z);
    assert_eq!(texts(&window)[1], "The budget is too small. indeed");
    window.click("Transcribe again");
    window.click("Back to what was heard");
    assert_eq!(*pane(&window).editor.document(), before);
}

#[test]
fn enter_cuts_a_line_and_backspace_joins_it_again() {
    let (mut window, _) = open();
    window.press(NONE, Key::F2);
    window.press(NONE, Key::Home);
    for _ in 0.."This is ".len() {
        window.press(NONE, Key::ArrowRight);
    }
    window.press(NONE, Key::Enter);
    assert_eq!(texts(&window)[..2], ["This is", "the first line."]);
    assert!(window.harness.get_by_label("Text of line 2").is_focused(), "writing goes on in the second part");
    window.press(NONE, Key::Backspace);
    assert_eq!(texts(&window)[0], "This is the first line.");
    type_text(&mut window, "Text of line 1", "really ");
    assert_eq!(texts(&window)[0], "This is really the first line.", "the cursor is where the lines met");
    window.press(NONE, Key::Escape);
    assert!(window.app().state().transcript.is_some(), "the first Escape only leaves the line");
    while pane(&window).editor.can_undo() {
        window.press(CTRL, Key::Z);
    }
    assert_eq!(texts(&window)[0], "This is the first line.");
}

#[test]
fn words_are_found_and_all_replaced_at_once() {
    let (mut window, _) = open();
    window.press(CTRL, Key::H);
    assert!(window.harness.get_by_label("Find").is_focused());
    type_text(&mut window, "Find", "IS");
    window.harness.get_by_label("1 of 3");
    window.click("Words");
    window.harness.get_by_label("1 of 2");
    window.press(NONE, Key::F3);
    window.harness.get_by_label("2 of 2");
    type_text(&mut window, "Replace with", "was");
    window.click("Replace all 2");
    assert_eq!(texts(&window)[..2], ["This was the first line.", "The budget was too small."]);
    window.harness.get_by_label("nothing found");
    window.press(NONE, Key::Escape);
    assert!(window.harness.query_by_label("Replace with").is_none());
    window.press(CTRL, Key::Z);
    assert_eq!(texts(&window)[..2], ["This is the first line.", "The budget is too small."]);
}

#[test]
fn a_recording_is_heard_again_with_speakers_who_are_named_merged_and_given_lines() {
    let (mut window, _) = open();
    let before = pane(&window).editor.document().clone();
    transcribe(&mut window, true);
    window.harness.get_by_label("budget, 30 % sure");
    window.click("Speaker of line 1: Speaker 1");
    let field = window.harness.get_by_label("Name of the speaker");
    field.focus();
    window.settle();
    window.press(CTRL, Key::A);
    type_text(&mut window, "Name of the speaker", "Anna");
    window.press(NONE, Key::Enter);
    window.harness.get_by_label("Speaker of line 3: Anna");
    window.click("Speaker of line 2: Speaker 2");
    window.click("Said by Anna");
    window.harness.get_by_label("Speaker of line 2: Anna");
    window.press(CTRL, Key::Z);
    window.click("Speaker of line 2: Speaker 2");
    window.click("Merge with Anna");
    window.harness.get_by_label("Speaker of line 2: Anna");
    assert_eq!(pane(&window).editor.document().speakers.len(), 1);
    // Two lines at once.
    window.click("Play from 0:00");
    window.press(Modifiers::SHIFT, Key::ArrowDown);
    window.click("Speaker of line 2: Anna");
    window.click("Somebody new");
    window.harness.get_by_label("Speaker of line 1: Speaker 2");
    window.harness.get_by_label("Speaker of line 2: Speaker 2");
    wait_until_kept(&mut window);
    assert_eq!(kept(&window).unwrap().edited, Arc::new(pane(&window).editor.document().clone()));
    while pane(&window).editor.can_undo() {
        window.press(CTRL, Key::Z);
    }
    assert_eq!(*pane(&window).editor.document(), before, "also the new transcription can be undone");
}

#[test]
fn every_format_is_written_and_reads_back() {
    let (mut window, _) = open();
    transcribe(&mut window, true);
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let path = folder.path().join(format!("talk.{}", format.name()));
        send(&mut window, TranscriptCommand::ExportTo(format, path.clone()));
        let said = format!("Transcript written to talk.{}", format.name());
        window.wait("writing", |app| app.state().toast.as_ref().is_some_and(|toast| toast.text == said));
        check_export(format, &path);
    }
    let nowhere = PathBuf::from("/no/such/folder/talk.txt");
    send(&mut window, TranscriptCommand::ExportTo(Format::Txt, nowhere));
    window.wait("failing", |app| {
        app.state().toast.as_ref().is_some_and(|t| t.text.contains("could not be written"))
    });
}

fn check_export(format: Format, path: &Path) {
    const LINES: [&str; 3] = ["This is the first line.", "The budget is too small.", "Let us go on."];
    let text = || std::fs::read_to_string(path).unwrap();
    match format {
        Format::Txt => {
            assert_eq!(
                text(),
                "Speaker 1: This is the first line.\nSpeaker 2: The budget is too small.\nSpeaker 1: Let us go on.\n"
            );
        }
        Format::Json => {
            let value: serde_json::Value = serde_json::from_str(&text()).unwrap();
            for (segment, line) in value["segments"].as_array().unwrap().iter().zip(LINES) {
                assert_eq!(segment["text"], line);
            }
            assert_eq!(value["segments"][1]["speaker"], "Speaker 2");
            assert_eq!(value["segments"][1]["words"][1]["text"], "budget");
        }
        Format::Tsv => {
            let rows: Vec<String> = text().lines().map(str::to_owned).collect();
            assert_eq!(rows.len(), 4);
            assert_eq!(rows[2], "2000\t4000\tSpeaker 2: The budget is too small.");
        }
        Format::Srt | Format::Vtt => {
            let text = text();
            assert_eq!(text.matches(" --> ").count(), 3, "{text}");
            assert!(LINES.iter().all(|line| text.contains(line)), "{text}");
        }
        Format::Md => {
            assert!(text().contains("**\\[0:02\\] Speaker 2:** The budget is too small."), "{}", text())
        }
        Format::Docx => {
            let media = Opener::default().open(path, &Cancel::new()).unwrap();
            let engine::media::Media::Document(document) = media else { panic!("no document") };
            let page = document.page(1).unwrap();
            let lines: Vec<String> = page.lines.iter().map(|line| line.text.clone()).collect();
            assert!(LINES.iter().all(|line| lines.join(" ").contains(line)), "{lines:?}");
        }
    }
}

#[test]
fn what_was_corrected_is_there_after_a_kill() {
    let (mut window, _) = open();
    window.press(NONE, Key::F2);
    type_text(&mut window, "Text of line 1", " And more.");
    wait_until_kept(&mut window);
    let Window { harness, folder } = window;
    // Nothing is closed or flushed: as if the process was killed.
    std::mem::forget(harness);
    let mut window = Window::open_in(Scripted::default(), folder, [1180.0, 780.0]);
    show(&mut window);
    assert_eq!(texts(&window)[0], "This is the first line. And more.");
    window.click("Transcribe again");
    window.click("Back to what was heard");
    assert_eq!(texts(&window)[0], "This is the first line.");
}

#[test]
fn questions_are_answered_from_the_corrected_text_and_evidence_leads_into_the_pane() {
    let (mut window, _) = open();
    window.press(NONE, Key::ArrowDown);
    window.press(NONE, Key::F2);
    window.press(CTRL, Key::A);
    type_text(&mut window, "Text of line 2", "The budget is far too large.");
    let field = window.harness.get_by_label("Ask about this recording");
    field.focus();
    window.settle();
    type_text(&mut window, "Ask about this recording", "How large is the budget?");
    window.press(NONE, Key::Enter);
    window.wait("answering", |app| {
        app.state().running().is_none() && app.state().current().unwrap().exchanges.len() == 1
    });
    let exchange = &window.app().state().current().unwrap().exchanges[0];
    assert_eq!(exchange.question, "How large is the budget?");
    assert_eq!(exchange.answer.evidence[0].quote.as_deref(), Some("The budget is far too large."));
    let evidence = window.evidence_label();
    window.click(&evidence);
    assert!(window.app().state().viewer.is_none(), "the pane is where the evidence is");
    assert_eq!(pane(&window).time_s, 2.0);
    window.click("Summarise");
    window.wait("a summary", |app| {
        app.state().running().is_none() && app.state().current().unwrap().exchanges.len() == 2
    });
    window.press(NONE, Key::Escape);
    window.press(NONE, Key::Escape);
    assert_eq!(window.app().state().current().unwrap().exchanges[1].question, "Summarise this recording.");
}

#[test]
fn a_failed_and_a_silent_transcription_say_so_and_lose_nothing() {
    let (mut window, _) = open();
    let before = texts(&window);
    let form = |language: &str, model: &str| medley_app::state::HearingForm {
        language: language.into(),
        model: model.into(),
        ..medley_app::state::HearingForm::default()
    };
    send(&mut window, TranscriptCommand::SetForm(form("xx", "whisper-tiny.en")));
    send(&mut window, TranscriptCommand::Transcribe);
    window.wait("failing", |app| {
        matches!(app.state().transcript.as_ref().unwrap().hearing, Hearing::Failed(_))
    });
    window.harness.get_by_label_contains("does not know the language");
    assert_eq!(texts(&window), before);
    send(&mut window, TranscriptCommand::SetForm(form("", "silence")));
    send(&mut window, TranscriptCommand::Transcribe);
    window.wait("the end", |app| app.state().transcript.as_ref().unwrap().is_silent);
    window.harness.get_by_label("No speech was found in this recording");
    window.press(CTRL, Key::Z);
    assert_eq!(texts(&window), before);
}

#[test]
fn stopping_brings_back_what_was_there() {
    let backend = Scripted { pause: Duration::from_millis(100), ..Scripted::default() };
    let mut window = Window::open(backend);
    window.drop_file(sample(&format!("speech/{FILE}")));
    window.wait_until_read();
    show(&mut window);
    let before = texts(&window);
    send(&mut window, TranscriptCommand::Transcribe);
    window.wait("the first line", |app| {
        app.state().transcript.as_ref().unwrap().editor.document().lines.len() == 1
    });
    window.click("Stop transcribing");
    window.wait("stopping", |app| app.state().transcript.as_ref().unwrap().hearing == Hearing::Idle);
    assert_eq!(texts(&window), before);
}

#[test]
fn every_control_of_the_pane_has_a_name_and_fits_a_small_window() {
    for size in [[1180.0, 780.0], [480.0, 360.0]] {
        let (mut window, _) = open_sized(size);
        let check = |window: &Window, what: &str| {
            let unnamed = window.harness.unnamed_widgets();
            assert!(unnamed.is_empty(), "{size:?}, {what}: {unnamed:?}");
            for node in window.harness.get_all_by(|node| node.role() == Role::Button) {
                let right = node.rect().right();
                assert!(
                    right <= size[0] + 1.0,
                    "{size:?}, {what}: {:?} ends at {right}",
                    node.accesskit_node().label()
                );
            }
        };
        check(&window, "lines");
        window.press(CTRL, Key::H);
        check(&window, "find");
        window.press(NONE, Key::Escape);
        window.press(NONE, Key::F2);
        check(&window, "writing");
        window.press(NONE, Key::Escape);
        if size[0] < 800.0 {
            window.click("Questions");
            check(&window, "questions");
            window.click("Show the text");
        }
        send(&mut window, TranscriptCommand::ShowForm(true));
        check(&window, "form");
    }
}

#[test]
fn only_lines_in_view_are_laid_out_in_a_transcript_of_three_hours() {
    let mut window = Window::open(Scripted::default());
    window.drop_file(sample(&format!("speech/{FILE}")));
    window.wait_until_read();
    let sha256 = window.app().state().current().unwrap().attachments[0].sha256.clone().unwrap();
    let document = Arc::new(long_transcript());
    let transcript =
        StoredTranscript { heard: document.clone(), edited: document, notices: Vec::new(), heard_to_s: None };
    {
        let storage = Storage::open(window.folder.path()).unwrap();
        storage.write(Write::Transcript { sha256, transcript });
    }
    show(&mut window);
    assert_eq!(pane(&window).editor.document().lines.len(), 2_500);
    let most = |window: &Window, what: &str| {
        let n = window.app().transcript_lines_laid_out();
        assert!((1..=60).contains(&n), "{what}: {n} lines in one frame");
    };
    let rows = |window: &Window| -> Vec<String> {
        let rows = window.harness.get_all_by(|node| node.role() == Role::ListItem);
        rows.into_iter().filter_map(|node| node.accesskit_node().label()).collect()
    };
    // Until every line is measured some out of view are laid out in each frame; then none is.
    for _ in 0..150 {
        window.harness.step();
        most(&window, "measuring");
    }
    window.settle();
    let in_view = rows(&window).len();
    assert!(window.app().transcript_lines_laid_out() == in_view && in_view < 40, "{in_view}");
    window.press(NONE, Key::End);
    most(&window, "the end");
    assert!(rows(&window).iter().any(|row| row.starts_with("2:59:05")), "{:?}", rows(&window));
    window.press(NONE, Key::Home);
    assert!(rows(&window)[0].starts_with("0:00"));
    // The wheel, through some hundred lines.
    let centre = window.harness.get_by_label("Play from 0:04").rect().center();
    window.harness.hover_at(centre);
    for _ in 0..200 {
        window.harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -120.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: NONE,
        });
        window.harness.step();
        most(&window, "the wheel");
    }
    let first = rows(&window)[0].clone();
    assert!(!first.starts_with("0:0"), "it scrolled: {first}");
    // A place that is far away.
    send(&mut window, TranscriptCommand::PlayFrom(9_000.0));
    window.settle();
    most(&window, "far away");
    assert!(rows(&window).iter().any(|row| row.starts_with("2:29:59")), "{:?}", rows(&window).first());
    let words = pane(&window).editor.document().lines.iter().map(|line| line.words.len()).sum::<usize>();
    assert_eq!(words, 27_500);
}
