//! Somebody who clicks, types, drops and resizes at random: nothing panics, and what was asked is not lost.
//!
//! Each session is a seed. `make test` plays [`SESSIONS`] of them; `MEDLEY_MONKEY_SESSIONS=1000` plays more, and
//! `MEDLEY_MONKEY_SEED=17` one alone, to see what it does.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egui::accesskit::{Action, Role};
use egui::{Event, Key, Modifiers, PointerButton, Pos2, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use engine::Cancel;
use engine::media::Opener;
use medley_app::command::Command;
use medley_app::jobs::scripted::Scripted;
use medley_app::platform;
use medley_app::platform::sound::{Player, Start};
use medley_app::state::Overlay;
use medley_tests::sample;
use medley_tests::window::Window;

/// Sessions of one run of the tests.
const SESSIONS: u64 = 100;

/// What is done in a session.
const ACTS: usize = 60;

/// Panics on any thread: a worker that dies takes no test with it.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// What was done in this session, to be told when it ends badly.
static DONE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(done: String) {
    DONE.lock().unwrap().push(done);
}

/// Numbers from a seed (SplitMix64, Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn share(&mut self) -> f32 {
        (self.roll() >> 40) as f32 / (1 << 24) as f32
    }
}

/// A sound device that plays nothing.
#[derive(Debug)]
struct Silence;

impl Player for Silence {
    fn play(
        &self,
        _: &Opener,
        _: &Path,
        from: Start,
        cancel: &Cancel,
        at: &mut dyn FnMut(f64) -> bool,
    ) -> Result<(), String> {
        let mut at_s = from.start_s;
        while !cancel.is_cancelled() && at(at_s) {
            at_s += 0.05;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Files as people have them.
fn files(folder: &Path) -> Vec<PathBuf> {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    vec![
        sample("pictures/text.png"),
        sample("documents/weather-station.pdf"),
        sample("documents/weather-station.md"),
        write("notes.txt", b"The budget is too small.\n\nWork begins in May.\n"),
        write("long.txt", "A line of many.\n".repeat(5_000).as_bytes()),
        write("empty.txt", b""),
        write("broken.png", b"\x89PNG\r\n\x1a\nand no more"),
        write("noise.bin", &(0..4096_u32).map(|i| (i * i % 251) as u8).collect::<Vec<_>>()),
        write("ein Bild mit einem sehr langen Namen, der in keine Zeile passt, und 漢字 – 🦀.txt", b"x"),
        folder.join("gone.pdf"),
        folder.to_path_buf(),
    ]
}

const WORDS: [&str; 10] = [
    "What is in it?",
    "Summarise this.",
    "x",
    " ",
    "漢字とかな",
    "مرحبا",
    "🦀👩‍👩‍👧",
    "a very long word: Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "**bold** [link](https://example.org) `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "\u{0}\u{7f}\u{200b}",
];

const KEYS: [Key; 22] = [
    Key::Enter,
    Key::Escape,
    Key::Tab,
    Key::Tab,
    Key::Space,
    Key::ArrowDown,
    Key::ArrowUp,
    Key::ArrowLeft,
    Key::ArrowRight,
    Key::PageDown,
    Key::PageUp,
    Key::Home,
    Key::End,
    Key::Delete,
    Key::Backspace,
    Key::A,
    Key::F,
    Key::Z,
    Key::F1,
    Key::F2,
    Key::F6,
    Key::K,
];

/// Whether this deletes something, or begins what is not kept; a careful session leaves it alone.
fn deletes(label: &str) -> bool {
    ["elete", "emove", "lear", "ösch", "ntfern", "upprim", "ffacer", "etirer", "Reset", "emporary"]
        .iter()
        .any(|part| label.contains(part))
}

struct Monkey {
    dice: Dice,
    window: Window,
    files: Vec<PathBuf>,
    /// Does nothing that deletes.
    careful: bool,
    /// Deleted something all the same: what it meant to click had moved away. The window then offers Undo.
    deleted: bool,
}

impl Monkey {
    fn act(&mut self) {
        match self.dice.below(100) {
            0..40 => self.click(),
            40..52 => self.type_text(),
            52..64 => self.key(),
            64..74 => self.shortcut(),
            74..80 => self.drop_files(),
            80..84 => self.resize(),
            84..92 => self.pointer(),
            _ => self.ask(),
        }
        for _ in 0..=self.dice.below(2) {
            self.window.harness.step();
        }
        let toast = self.window.app().state().toast.as_ref();
        self.deleted |= toast.is_some_and(|toast| toast.action.is_some());
        if self.dice.below(4) == 0 {
            // The workers get a turn.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether something that deletes lies at this place, perhaps above what is meant.
    fn deletes_at(&self, pos: Pos2) -> bool {
        let root = self.window.harness.root();
        root.children_recursive().any(|node| {
            // The root has no place.
            node.accesskit_node().bounding_box().is_some()
                && node.rect().contains(pos)
                && deletes(&node.accesskit_node().label().unwrap_or_default())
        })
    }

    fn click(&mut self) {
        let careful = self.careful;
        let nodes: Vec<_> = self
            .window
            .harness
            .root()
            .children_recursive()
            .filter(|node| {
                let node = node.accesskit_node();
                let told = node.label().unwrap_or_default();
                node.data().supports_action(Action::Click) && !(careful && deletes(&told))
            })
            .collect();
        if nodes.is_empty() {
            return;
        }
        let node = self.dice.of(&nodes);
        let has_place = node.accesskit_node().bounding_box().is_some();
        if !has_place || (careful && self.deletes_at(node.rect().center())) {
            return;
        }
        note(format!("click {:?}", node.accesskit_node().label()));
        match self.dice.below(12) {
            0 => node.click_secondary(),
            1 => node.hover(),
            2 => node.focus(),
            3 => node.click_accesskit(),
            _ => node.click(),
        }
    }

    fn type_text(&mut self) {
        let text = (*self.dice.of(&WORDS)).to_owned();
        note(format!("text {text:?}"));
        self.window.harness.input_mut().events.push(Event::Text(text));
    }

    fn key(&mut self) {
        let key = *self.dice.of(&KEYS);
        let modifiers = match self.dice.below(8) {
            0 => Modifiers::COMMAND,
            1 => Modifiers::SHIFT,
            2 => Modifiers::ALT,
            _ => Modifiers::NONE,
        };
        let root = self.window.harness.root();
        let focused = root.children_recursive().find(|node| node.accesskit_node().is_focused());
        let told = focused.and_then(|node| node.accesskit_node().label()).unwrap_or_default();
        // Enter runs what the palette found, which may delete.
        let finds = self.window.app().state().overlay == Overlay::Palette;
        if !(self.careful && (key == Key::Delete || deletes(&told) || (finds && key == Key::Enter))) {
            note(format!("{modifiers:?} {key:?} on {told:?}"));
            self.window.harness.key_press_modifiers(modifiers, key);
        }
    }

    fn shortcut(&mut self) {
        let commands = Command::with_shortcuts();
        let command = self.dice.of(&commands);
        if self.careful && deletes(command.label()) {
            return;
        }
        if let Some(keys) = command.shortcut() {
            note(format!("{command:?}"));
            self.window.harness.key_press_modifiers(keys.modifiers, keys.logical_key);
        }
    }

    fn drop_files(&mut self) {
        let count = if self.dice.below(10) == 0 { 40 } else { 1 + self.dice.below(3) };
        let files: Vec<PathBuf> = (0..count).map(|_| self.dice.of(&self.files).clone()).collect();
        note(format!("{} files", files.len()));
        self.window.drop_files(files);
    }

    fn resize(&mut self) {
        let sizes = [[320.0, 240.0], [480.0, 800.0], [700.0, 500.0], [1180.0, 780.0], [1900.0, 1000.0]];
        let size = Vec2::from(*self.dice.of(&sizes));
        note(format!("size {size:?}"));
        self.window.harness.set_size(size);
    }

    fn pointer(&mut self) {
        let size = self.window.harness.ctx.content_rect().size();
        let mut at = || Pos2::new(size.x * self.dice.share(), size.y * self.dice.share());
        let (from, to) = (at(), at());
        let careful = self.careful && (self.deletes_at(from) || self.deletes_at(to));
        let press = |pos, pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        let wheel = Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: Vec2::new(0.0, 600.0 * (self.dice.share() - 0.5)),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: if self.dice.below(4) == 0 { Modifiers::COMMAND } else { Modifiers::NONE },
        };
        let events = match self.dice.below(3) {
            0 => vec![Event::PointerMoved(from), wheel],
            _ if careful => vec![Event::PointerMoved(from)],
            1 => vec![Event::PointerMoved(from), press(from, true), press(from, false)],
            // Something may be let go elsewhere than it was taken.
            _ => {
                vec![Event::PointerMoved(from), press(from, true), Event::PointerMoved(to), press(to, false)]
            }
        };
        note(format!("{events:?}"));
        self.window.harness.input_mut().events.extend(events);
    }

    fn ask(&mut self) {
        if self.window.app().state().overlay != Overlay::None {
            return;
        }
        let Some(field) = self.window.harness.query_by_role_and_label(Role::MultilineTextInput, "Question")
        else {
            return;
        };
        field.focus();
        self.window.harness.step();
        let text = format!("Question {}?", self.dice.below(1_000_000));
        note(text.clone());
        self.window.harness.input_mut().events.push(Event::Text(text));
        self.window.harness.step();
        self.window.harness.key_press(Key::Enter);
    }
}

fn open(backend: Scripted, data: tempfile::TempDir) -> Window {
    Window::open_with_any_text(backend, data, [1180.0, 780.0])
}

/// Plays a session, and looks afterwards at what is stored.
fn session(seed: u64) {
    let mut dice = Dice(seed);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let backend = Scripted {
        answer: "It is **there**, on the second page.".repeat(1 + dice.below(20)),
        pause: Duration::from_micros(200),
        has_microphone: dice.below(2) == 0,
        asked: asked.clone(),
        ..Scripted::default()
    };
    let careful = dice.below(2) == 0;
    let data = tempfile::tempdir().unwrap();
    let there = tempfile::tempdir().unwrap();
    let mut window = open(backend, data);
    window.harness.state_mut().as_mut().unwrap().set_player(Arc::new(Silence));
    let mut monkey = Monkey { dice, window, files: files(there.path()), careful, deleted: false };
    for _ in 0..ACTS {
        monkey.act();
    }
    let deleted = monkey.deleted;
    let mut window = monkey.window;
    window.wait("the last answer", |app| app.state().running().is_none());
    let notice = window.app().state().storage_notice.clone();
    assert_eq!(notice, None, "the conversations are saved");
    window.harness.state_mut().as_mut().unwrap().close();
    let Window { harness, folder } = window;
    drop(harness);
    if careful && !deleted {
        let database = rusqlite::Connection::open(folder.path().join("conversations.db")).unwrap();
        for request in asked.lock().unwrap().iter() {
            let kept: u32 = database
                .query_row(
                    "SELECT count(*) FROM messages WHERE instr(question, ?1)",
                    [&request.question],
                    |row| row.get(0),
                )
                .unwrap();
            assert!(kept > 0, "{:?} was asked and is lost", request.question);
        }
    }
    // What was saved can be shown again.
    let again = open(Scripted::default(), folder);
    assert_eq!(again.app().state().storage_notice, None);
}

#[test]
fn a_monkey_breaks_nothing_and_loses_nothing() {
    platform::leave_the_desktop_alone();
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        default(info);
    }));
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("MEDLEY_MONKEY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("MEDLEY_MONKEY_SESSIONS").unwrap_or(SESSIONS),
    };
    for seed in seeds {
        DONE.lock().unwrap().clear();
        let played = std::panic::catch_unwind(AssertUnwindSafe(|| session(seed)));
        let panics = PANICS.load(Ordering::SeqCst);
        let done = DONE.lock().unwrap().join("\n");
        assert!(played.is_ok() && panics == 0, "session {seed} ended badly ({panics} panics) after:\n{done}");
    }
}
