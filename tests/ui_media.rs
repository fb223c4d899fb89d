//! Pictures, recordings, videos and the marks for evidence, driven by name like a screen reader would.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::accesskit::Role;
use egui::{Key, Modifiers, OutputCommand};
use egui_kittest::kittest::Queryable;
use engine::media::{Limits, Opener};
use engine::models::Store;
use medley_app::jobs::scripted::Scripted;
use medley_app::platform::sound::Start;
use medley_app::state::{AttachmentState, Load, Play, Viewer};
use medley_tests::sample;
use medley_tests::tape::Tape;
use medley_tests::window::Window;

/// A window with one file that was read.
fn open(backend: Scripted, file: &str) -> Window {
    let mut window = Window::open(backend);
    window.drop_file(sample(file));
    window.wait_until_read();
    window
}

fn with_player(window: &mut Window, player: Tape) -> Arc<Tape> {
    let player = Arc::new(player);
    window.harness.state_mut().as_mut().unwrap().set_player(player.clone());
    player
}

fn viewer(app: &medley_app::App) -> &Viewer {
    app.state().viewer.as_ref().expect("the pane is open")
}

fn has_picture(app: &medley_app::App) -> bool {
    app.state().viewer.as_ref().is_some_and(|viewer| matches!(viewer.picture, Load::Ready(_)))
}

/// Shows a file that belongs to the next question, and waits for its picture.
fn show(window: &mut Window, file: &str) {
    window.click(&format!("Show {file}"));
    window.wait("the picture", has_picture);
}

fn answers(text: &str) -> Scripted {
    Scripted { answer: text.into(), ..Scripted::default() }
}

#[test]
fn a_mark_after_the_sentence_leads_to_its_evidence_and_other_statements_are_told() {
    let text = "It is a **cat** on a sofa. The photographer lives in northern Norway.";
    let mut window = open(answers(text), "pictures/chelsea.png");
    window.ask("What is this?");
    window.harness.get_by_label("No source found for this sentence");
    // What stands there shows while the pointer rests on the mark, longer than a tooltip waits.
    let mark = "Source 1: chelsea.png, picture";
    let shown = ["chelsea.png  ·  picture", "Recognised: tabby cat"];
    assert!(shown.iter().all(|label| window.harness.query_by_label(label).is_none()));
    window.harness.get_by_label(mark).hover();
    window.harness.run_steps(8);
    for label in shown {
        window.harness.get_by_label(label);
    }
    window.click(mark);
    assert_eq!(viewer(window.app()).cited.as_ref().map(|cited| cited.index), Some(0));
    window.wait("the picture", has_picture);
    assert_eq!(
        window.app().state().current().unwrap().exchanges[0].answer.text,
        text,
        "what is copied is as written"
    );
    window.assert_idle();
}

#[test]
fn marks_are_alike_for_documents_recordings_and_videos() {
    let mut window = open(answers("The budget is too small."), "speech/austen-0870.wav");
    window.ask("What is said?");
    window.click("Source 1: austen-0870.wav, 0:02–0:04");
    assert_eq!(viewer(window.app()).time_s, 2.0);
    window.press(Modifiers::NONE, Key::Escape);

    let text = window.folder.path().join("notes.txt");
    std::fs::write(&text, "Notes.").unwrap();
    let mut window = Window::open(answers("The page says that work begins in May."));
    window.drop_file(text);
    window.wait_until_read();
    window.ask("When does it begin?");
    window.click("Source 1: notes.txt, page 2");
    window.wait("the document", |app| app.state().reader.evidence().is_some());

    let mut window = open(answers("The budget is too small."), "video/bigbuckbunny.mp4");
    window.ask("What is said?");
    window.click("Source 1: bigbuckbunny.mp4, 0:02–0:04");
    window.wait("the frame", has_picture);
}

#[test]
fn what_an_answer_repeats_of_a_file_is_shown_as_a_quotation() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "Notes.").unwrap();
    let answer = "It is said that work begins in May, and nobody knows more.\n\n\
                  The **page says** that work begins in May, which is late.";
    let mut window = Window::open(answers(answer));
    window.drop_file(text);
    window.wait_until_read();
    window.ask("When does it begin?");
    assert_eq!(window.harness.get_all_by_label("Source 1: notes.txt, page 2").count(), 2);
    // Five words that are not a whole sentence are nobody's.
    window.assert_shows("It is said that work begins in May, and nobody knows more.");
    // In the window and to screen readers.
    for words in ["The “", " that work begins in May”, which is late."] {
        assert_eq!(window.harness.get_all_by_label_contains(words).count(), 2, "{words}");
    }
    assert_eq!(window.app().state().current().unwrap().exchanges[0].answer.text, answer);
}

#[test]
fn links_of_an_answer_are_asked_about_and_its_pictures_are_not_fetched() {
    let answer = "See [the page](https://example.org/?about=you) and ![a map](https://example.org/map.png), \
                  ![another](file:///etc/hostname), or [run it](file:///bin/true).";
    let mut window = Window::open(answers(answer));
    window.ask("Where is it?");
    let links = [
        ("the page", "https://example.org/?about=you", true),
        ("a map", "https://example.org/map.png", true),
        ("run it", "file:///bin/true", false),
    ];
    for (name, address, can_be_opened) in links {
        window.harness.get_by_role_and_label(Role::Link, name).click();
        let mut opened = Vec::new();
        for _ in 0..6 {
            window.harness.step();
            let commands = &window.harness.output().platform_output.commands;
            opened.extend(commands.iter().filter(|c| matches!(c, OutputCommand::OpenUrl(_))).cloned());
        }
        assert_eq!(opened, [], "nothing is opened before the person says so");
        assert_eq!(window.app().state().reader.link.as_deref(), Some(address));
        window.harness.get_by_label(address);
        let open = window.harness.query_by_label("Open in the browser");
        assert_eq!(open.is_some(), can_be_opened, "{address}");
        window.press(Modifiers::NONE, Key::Escape);
        assert_eq!(window.app().state().reader.link, None);
    }
    // One that the person opens.
    window.harness.get_by_role_and_label(Role::Link, "the page").click();
    window.settle();
    window.harness.get_by_label("Open in the browser").click();
    let mut opened = None;
    for _ in 0..10 {
        window.harness.step();
        for command in &window.harness.output().platform_output.commands {
            if let OutputCommand::OpenUrl(url) = command {
                opened = Some(url.url.clone());
            }
        }
    }
    assert_eq!(opened.as_deref(), Some("https://example.org/?about=you"));
    // Whatever the renderer is asked for, it has nothing that reads files or the network.
    for address in ["https://example.org/map.png", "file:///etc/hostname"] {
        assert!(window.harness.ctx.try_load_bytes(address).is_err(), "{address}");
    }
    assert!(!window.harness.ctx.has_pending_images());
}

#[test]
fn an_answer_without_files_has_no_marks() {
    let mut window = Window::open(answers("The photographer lives in northern Norway."));
    window.ask("Where does she live?");
    assert!(window.harness.query_by_label("No source found for this sentence").is_none());
}

#[test]
fn a_picture_is_looked_at_closely_and_asked_about_in_part() {
    let asked = Arc::default();
    let backend = Scripted { asked: Arc::clone(&asked), ..Scripted::default() };
    let mut window = open(backend, "pictures/chelsea.png");
    show(&mut window, "chelsea.png");
    assert_eq!(viewer(window.app()).full_px, Some([451, 300]));
    window.click("100 %");
    window.harness.get_by_role_and_label(Role::Label, "100 %");
    window.click("Closer");
    window.harness.get_by_role_and_label(Role::Label, "125 %");
    window.press(Modifiers::NONE, Key::F6);
    window.press(Modifiers::NONE, Key::Minus);
    window.harness.get_by_role_and_label(Role::Label, "100 %");
    window.press(Modifiers::NONE, Key::Num0);
    assert!(window.harness.query_by_label("Ask about this view").is_none(), "all of it is shown");

    // A part, chosen with the pointer: the left half of the middle.
    window.click("Ask about a part");
    let stage = window.harness.get_by_role_and_label(Role::Image, "chelsea.png").rect();
    let [w, h] = [451.0, 300.0];
    let scale = (stage.width() / w).min(stage.height() / h).min(3.0);
    let drawn = egui::Rect::from_center_size(stage.center(), egui::Vec2::new(w, h) * scale);
    let from = drawn.lerp_inside(egui::Vec2::new(0.1, 0.25));
    let to = drawn.lerp_inside(egui::Vec2::new(0.5, 0.75));
    window.harness.drag_at(from);
    window.harness.hover_at(from + egui::Vec2::new(20.0, 20.0));
    window.harness.step();
    window.harness.drop_at(to);
    window.wait("the part", |app| app.state().current().unwrap().attachments.len() == 2);
    window.wait_until_read();
    let part = &window.app().state().current().unwrap().attachments[1];
    assert!(part.name().starts_with("part-of-chelsea"), "{}", part.name());
    let size = image::image_dimensions(&part.path).unwrap();
    assert!(size.0.abs_diff(180) <= 2 && size.1.abs_diff(150) <= 2, "{size:?}");
    assert_eq!(window.app().state().about, [part.id], "the next question is about the part");
    let path = part.path.clone();
    window.ask("What is in this part?");
    let asked = asked.lock().unwrap();
    let engine::tasks::ask::Attachment::Read(read) = &asked[0].media[0] else { panic!("not read") };
    assert_eq!((asked[0].media.len(), &read.path), (1, &path));
}

#[test]
fn a_recording_plays_at_a_speed_and_obeys_the_keys() {
    let mut window = open(Scripted::default(), "speech/austen-0870.wav");
    let tape = with_player(&mut window, Tape::default());
    window.click("Show austen-0870.wav");
    window.wait("the waveform", |app| matches!(viewer(app).wave, Load::Ready(_)));
    window.press(Modifiers::NONE, Key::F6);
    window.press(Modifiers::NONE, Key::ArrowRight);
    assert_eq!(viewer(window.app()).time_s, 5.0);
    window.harness.key_press(Key::Space);
    window.harness.step();
    window.harness.step();
    let begin = Instant::now();
    while viewer(window.app()).at_s() != 6.5 {
        // A tape that begins is at its beginning.
        *tape.at_s.lock().unwrap() = Some(6.5);
        assert!(begin.elapsed() < Duration::from_secs(10), "the position is not told");
        window.harness.step();
    }
    window.harness.get_by_label("Stop playing").click();
    window.harness.step();
    window.settle();
    assert_eq!(
        (viewer(window.app()).time_s, viewer(window.app()).is_playing()),
        (6.5, false),
        "it stops where it is"
    );
    window.click("Speed");
    window.click("1.5×");
    window.click("Play from here");
    window.wait("playing", |app| viewer(app).is_playing());
    let begin = Instant::now();
    while tape.started.lock().unwrap().len() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(10), "it did not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(tape.started.lock().unwrap()[1], Start { start_s: 6.5, speed: 1.5 });
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.app().state().viewer.is_none());
}

#[test]
fn a_video_plays_its_frames_when_the_sound_is_there() {
    let mut window = open(Scripted::default(), "video/bigbuckbunny.mp4");
    let tape = with_player(&mut window, Tape::default());
    show(&mut window, "bigbuckbunny.mp4");
    window.wait("small frames", |app| viewer(app).thumbnails.len() == 12);
    let times: Vec<f64> = viewer(window.app()).thumbnails.iter().map(|(at_s, _)| *at_s).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let still = viewer(window.app()).picture.clone();
    window.wait("the waveform", |app| !matches!(viewer(app).wave, Load::Loading));
    assert!(matches!(viewer(window.app()).wave, Load::Ready(_)), "this video has sound");
    window.press(Modifiers::NONE, Key::F6);
    window.harness.key_press(Key::Space);
    for at_s in [0.2, 0.5, 1.0] {
        let before = viewer(window.app()).picture.clone();
        let begin = Instant::now();
        while viewer(window.app()).at_s() != at_s || viewer(window.app()).picture == before {
            assert!(begin.elapsed() < Duration::from_secs(20), "no new frame at {at_s}");
            *tape.at_s.lock().unwrap() = Some(at_s);
            window.harness.step();
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert_ne!(viewer(window.app()).picture, still);
    window.harness.key_press(Key::Space);
    window.harness.step();
    window.settle();
    assert_eq!(viewer(window.app()).time_s, 1.0);
    // The frame comes once more with all its pixels.
    let film = viewer(window.app()).picture.clone();
    window.wait("the frame", |app| viewer(app).picture != film);
    window.assert_idle();
}

#[test]
fn a_video_plays_on_without_a_sound_device_and_says_so() {
    let mut window = open(Scripted::default(), "video/bigbuckbunny.mp4");
    with_player(&mut window, Tape { fails: true, ..Tape::default() });
    show(&mut window, "bigbuckbunny.mp4");
    window.wait("the waveform", |app| matches!(viewer(app).wave, Load::Ready(_)));
    window.harness.get_by_label("Play from here").click();
    let begin = Instant::now();
    while viewer(window.app()).at_s() < 0.3 {
        assert!(begin.elapsed() < Duration::from_secs(20), "it stands still");
        window.harness.step();
        std::thread::sleep(Duration::from_millis(2));
    }
    window.harness.get_by_label("It plays without sound: there is no sound device");
    window.harness.get_by_label("Stop playing").click();
    window.harness.step();
    window.settle();
    assert_eq!(viewer(window.app()).play, Play::Stopped);
}

#[test]
fn frames_are_stepped_one_by_one() {
    let mut window = open(Scripted::default(), "video/bigbuckbunny.mp4");
    show(&mut window, "bigbuckbunny.mp4");
    let step = |window: &mut Window, label: &str| {
        let before = viewer(window.app()).time_s;
        window.click(label);
        window.wait("the frame", |app| viewer(app).time_s != before);
        viewer(window.app()).time_s
    };
    let first = step(&mut window, "Next frame");
    let second = step(&mut window, "Next frame");
    assert!(0.0 < first && first < second && second - first < 0.1, "{first} {second}");
    assert_eq!(step(&mut window, "Previous frame"), first);
    assert_eq!(step(&mut window, "Previous frame"), 0.0);
    window.click("Previous frame");
    window.wait("being told", |app| app.state().toast.is_some());
    window.assert_shows("There is no more frame in this direction");
    assert!(has_picture(window.app()), "the frame stays");
}

#[test]
fn a_marked_part_is_what_the_question_is_about() {
    let asked = Arc::default();
    let backend = Scripted { asked: Arc::clone(&asked), ..Scripted::default() };
    let mut window = open(backend, "speech/austen-0870.wav");
    window.click("Show austen-0870.wav");
    window.wait("the waveform", |app| matches!(viewer(app).wave, Load::Ready(_)));
    window.press(Modifiers::NONE, Key::F6);
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.press(Modifiers::NONE, Key::O);
    assert!(window.harness.query_by_label("Ask about this part").is_none(), "it has no beginning");
    window.press(Modifiers::NONE, Key::ArrowLeft);
    window.press(Modifiers::NONE, Key::I);
    assert_eq!(viewer(window.app()).part_s(), Some((0.0, 5.0)));
    window.click("Ask about this part");
    window.harness.get_by_label("Part 0:00 – 0:05 of austen-0870.wav");
    window.ask("What is said here?");
    let state = window.app().state();
    let exchange = &state.current().unwrap().exchanges[0];
    let clip = exchange.context.clip.as_ref().expect("the question keeps its part");
    assert_eq!((clip.from_s, clip.to_s), (0.0, 5.0));
    assert!(state.clip.is_none(), "the next question is about everything again");
    let request = asked.lock().unwrap()[0].clone();
    let clip = request.clip.expect("the engine is told");
    assert_eq!((clip.from_s, clip.to_s), (0.0, 5.0));
    // Above the question it leads back.
    window.press(Modifiers::NONE, Key::Escape);
    window.click("Part 0:00 – 0:05 of austen-0870.wav");
    assert_eq!(viewer(window.app()).part_s(), Some((0.0, 5.0)));
}

#[test]
fn many_files_at_once_are_summed_up_and_the_window_goes_on() {
    let mut window = Window::open(Scripted::default());
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..500).map(|i| folder.path().join(format!("note-{i:03}.txt"))).collect();
    for (i, path) in paths.iter().enumerate() {
        std::fs::write(path, if i % 100 == 7 { String::new() } else { format!("Note {i}.") }).unwrap();
    }
    let begin = Instant::now();
    window.drop_files(paths);
    let mut slowest = Duration::ZERO;
    loop {
        let frame = Instant::now();
        window.harness.step();
        slowest = slowest.max(frame.elapsed());
        let files = &window.app().state().current().unwrap().attachments;
        if files.len() == 500 && files.iter().all(|file| file.is_settled()) {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "they are not read");
        std::thread::sleep(Duration::from_millis(2));
    }
    println!("500 files in {:?}, the slowest frame took {slowest:?}", begin.elapsed());
    assert!(slowest < Duration::from_secs(1), "a frame took {slowest:?}");
    window.settle();
    window.harness.get_by_label("500 files, 495 read  ·  5 cannot be used");
    window.harness.get_by_label("And 2 more; all of them are in the list");
    assert!(window.harness.query_by_label("Remove note-000.txt").is_none(), "cards are folded away");
    window.click("Show all");
    window.harness.get_by_label("Remove note-000.txt");
    assert!(window.harness.query_by_label("Remove note-300.txt").is_none(), "only what is in view is drawn");
    window.click("Remove all");
    assert!(window.app().state().current().unwrap().attachments.is_empty());
    window.assert_idle();
}

/// Every reason for which a file cannot be used names the file and says what to do, in one sentence.
#[test]
fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let video = std::fs::read(sample("video/bigbuckbunny.mp4")).unwrap();
    let picture = std::fs::read(sample("pictures/coffee.png")).unwrap();
    let large = folder.path().join("large.mp4");
    // The beginning of a video before a hole: it takes no room on the disk.
    std::fs::write(&large, &video[..2000]).unwrap();
    std::fs::File::options().write(true).open(&large).unwrap().set_len(9 << 30).unwrap();
    std::fs::write(folder.path().join("s.srt"), "1\n00:00:00,000 --> 00:00:02,000\nHi\n").unwrap();
    ffmpeg(folder.path(), "-i s.srt subtitles.mkv");
    ffmpeg(folder.path(), "-f lavfi -i sine=440:d=1 long.wav");
    let password = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/password.pdf");
    let inner = folder.path().join("holiday");
    std::fs::create_dir(&inner).unwrap();
    let pdfium = Store::open_default().unwrap().file("pdfium", "library").ok();
    let strict = Limits { sound_s: 0.5, pixels: 1000, ..Limits::default() };
    let none = Opener::default();
    let cases: Vec<(std::path::PathBuf, Opener, &str, &str)> = vec![
        (folder.path().join("gone.png"), none.clone(), "no such file", "look whether it was moved"),
        (inner, none.clone(), "this is a folder", "give the files in it"),
        (write("empty.png", b""), none.clone(), "is empty", "save or copy it again"),
        (write("noise.jpg", &noise), none.clone(), "not a picture, sound", "save it as PNG"),
        (large, none.clone(), "too large: the file is 9 GiB, the limit is 8 GiB", "add a smaller copy"),
        (write("cut.mp4", &video[..2000]), none.clone(), "damaged or cut short", "get it anew"),
        (write("cut.png", &picture[..3000]), none.clone(), "damaged or cut short", "get it anew"),
        (
            folder.path().join("subtitles.mkv"),
            none.clone(),
            "neither a picture nor a sound",
            "add one that has",
        ),
        (
            folder.path().join("long.wav"),
            Opener { limits: strict.clone(), pdfium: None },
            "too large: the recording",
            "add a smaller copy",
        ),
        (
            sample("pictures/text.png"),
            Opener { limits: strict, pdfium: None },
            "too large: the picture",
            "add a smaller copy",
        ),
        (
            password,
            Opener { limits: Limits::default(), pdfium },
            "a password protects",
            "save a copy without",
        ),
        (sample("documents/weather-station.pdf"), none, "PDFium is needed", "pdfium"),
    ];
    for (path, opener, why, what_to_do) in cases {
        let mut window = Window::open(Scripted { opener: Some(opener), ..Scripted::default() });
        window.drop_file(path.clone());
        window.wait_until_read();
        let file = &window.app().state().current().unwrap().attachments[0];
        let AttachmentState::Failed(reason) = &file.state else { panic!("{} was read", path.display()) };
        assert!(reason.contains(why), "{reason}");
        assert!(reason.contains(what_to_do), "{reason}");
        assert!(
            !reason.contains('\n') && !reason.contains(&*path.to_string_lossy()),
            "one sentence: {reason}"
        );
        let told = format!("{}: {reason}", file.name());
        window.harness.get_by_label(&told);
    }
}

fn ffmpeg(folder: &Path, arguments: &str) {
    let made = std::process::Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-loglevel", "error", "-y"])
        .args(arguments.split(' '))
        .status();
    assert!(made.is_ok_and(|status| status.success()), "ffmpeg is needed: scripts/setup.sh --tests");
}

#[test]
fn a_card_tells_how_much_of_the_context_a_file_takes() {
    let mut window = open(Scripted::default(), "speech/austen-0870.wav");
    // Three sentences of 23, 24 and 14 letters, and what stands around them.
    let file = &window.app().state().current().unwrap().attachments[0];
    let tokens = file.about_tokens().unwrap();
    assert!((3 * 12 + 14..3 * 12 + 20).contains(&tokens), "{tokens}");
    window.harness.get_by_label("austen-0870.wav, 0:06 minutes").hover();
    window.settle();
}
