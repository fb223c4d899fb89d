//! Opens the window.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::PrefixStore;
use engine::media::Kind;
use engine::models::{Store, data_folder};

use crate::App;
use crate::app::AppOptions;
use crate::command::Command;
use crate::jobs::EngineBackend;
use crate::jobs::scripted::{Scripted, long_transcript};
use crate::platform::instance::{self, Inbox, Instance, Listener};
use crate::state::{AttachmentId, Editor, Load, Play, TranscriptPane, Wave};

/// Made from `medley.svg` beside it, 256 pixels wide.
const ICON: &[u8] = include_bytes!("../../packaging/icons/256.png");

/// What the command line asks of the window.
#[derive(Debug, Clone, Default)]
pub struct WindowOptions {
    /// Files to add at once.
    pub attach: Vec<PathBuf>,
    /// The decoder for this run, if not the one in the settings.
    pub model: Option<String>,
    /// Use native Wayland, where files cannot be dropped on the window.
    pub wayland: bool,
}

/// Opens the window and returns when it is closed. Where one is open already, that one gets the files, and the result
/// is `false`; a window with a decoder of its own is always opened.
///
/// # Errors
/// When there is no display, or the data folder cannot be used.
pub fn run_window(options: WindowOptions) -> anyhow::Result<bool> {
    let data_folder = data_folder()?;
    let listener = match options.model.is_none().then(|| instance::join(&data_folder, &options.attach)) {
        Some(Instance::HandedOver) => return Ok(false),
        Some(Instance::First(listener)) => listener,
        None => None,
    };
    engine::set_threads(engine::best_threads());
    let store = Store::open_default()?;
    let model = options.model.clone().unwrap_or_default();
    let wayland = options.wayland;
    let prefixes = Some(PrefixStore::open_default()?);
    let options = AppOptions {
        backend: Box::new(EngineBackend::new(store.clone(), prefixes.clone(), model)),
        store: Some(store),
        prefixes,
        data_folder,
        model: options.model,
        attach: options.attach,
    };
    show(options, wayland, listener)?;
    Ok(true)
}

/// Opens the window over any backend and returns when it is closed.
///
/// # Errors
/// As [`run_window`].
pub fn open_window(options: AppOptions, wayland: bool) -> anyhow::Result<()> {
    show(options, wayland, None)
}

fn show(options: AppOptions, wayland: bool, listener: Option<Listener>) -> anyhow::Result<()> {
    let native = native_options(wayland)?;
    crate::platform::crash::install(&options.data_folder);
    let make = move |cc: &eframe::CreationContext<'_>| {
        let ctx = cc.egui_ctx.clone();
        let mut app = App::new(options, &ctx)?;
        app.greet();
        let inbox = listener.map(|listener| listener.listen(move || ctx.request_repaint())).transpose()?;
        Ok(Box::new(Shown { app, inbox }) as Box<dyn eframe::App>)
    };
    eframe::run_native("Medley", native, Box::new(make))
        .map_err(|error| anyhow::anyhow!("the window could not be opened: {error}"))
}

/// The application in a window of the desktop, where other programs may hand it files.
struct Shown {
    app: App,
    inbox: Option<Inbox>,
}

impl eframe::App for Shown {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        for files in self.inbox.as_ref().map(Inbox::take).unwrap_or_default() {
            if !files.is_empty() {
                self.app.run(Command::AttachFiles(files), ctx);
            }
            ctx.send_viewport_cmd(egui::ViewportCommand::Minimized(false));
            ctx.send_viewport_cmd(egui::ViewportCommand::Focus);
        }
        self.app.logic(ctx, frame);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        self.app.ui(ui, frame);
    }

    fn on_exit(&mut self, gl: Option<&eframe::glow::Context>) {
        self.app.on_exit(gl);
    }

    fn persist_egui_memory(&self) -> bool {
        self.app.persist_egui_memory()
    }
}

fn native_options(wayland: bool) -> anyhow::Result<eframe::NativeOptions> {
    let mut native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Medley")
            .with_app_id("medley")
            .with_inner_size([1180.0, 780.0])
            .with_min_inner_size([320.0, 240.0])
            .with_drag_and_drop(true)
            .with_icon(eframe::icon_data::from_png_bytes(ICON)?),
        ..eframe::NativeOptions::default()
    };
    #[cfg(target_os = "linux")]
    {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let (x11, on_wayland) = (set("DISPLAY"), set("WAYLAND_DISPLAY"));
        anyhow::ensure!(
            x11 || on_wayland,
            "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set); \
             `medley ask FILE… QUESTION` works without one"
        );
        let wayland = wayland || std::env::var_os("MEDLEY_WAYLAND").is_some_and(|value| value == "1");
        if x11 && !wayland {
            if on_wayland {
                log::info!(
                    "using X11, because files cannot be dropped on native Wayland windows; \
                     --wayland or MEDLEY_WAYLAND=1 changes that"
                );
            }
            native.event_loop_builder = Some(Box::new(|builder| {
                winit::platform::x11::EventLoopBuilderExtX11::with_x11(builder);
            }));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (&mut native, wayland);
    Ok(native)
}

/// What [`bench_window`] measured.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowBench {
    /// Seconds from the call to the end of the first frame.
    pub first_frame_s: f64,
    /// Frames that were drawn while 5,000 words streamed in.
    pub frames: usize,
    /// Median milliseconds of processor time of these frames: layout, tessellation and drawing.
    pub frame_median_ms: f64,
    /// 99 % of the frames took at most this many milliseconds.
    pub frame_p99_ms: f64,
    /// Median milliseconds of processor time of a frame while a transcript of three hours is scrolled and played.
    pub scroll_median_ms: f64,
    /// 99 % of those frames took at most this many milliseconds.
    pub scroll_p99_ms: f64,
    /// Median milliseconds of a frame while a document is scrolled; 0 when it could not be shown.
    pub pages_median_ms: f64,
    /// 99 % of those frames took at most this many milliseconds.
    pub pages_p99_ms: f64,
    /// The longest of those frames.
    pub pages_longest_ms: f64,
    /// Pages that were scrolled through.
    pub pages: u32,
    /// Frames that were drawn in two idle seconds after the answer.
    pub idle_frames: usize,
    /// Share of one processor that all threads used in those seconds, where the system tells it.
    pub idle_cpu_percent: Option<f64>,
}

/// Words of the answer that the bench streams.
const BENCH_WORDS: usize = 5_000;

/// Seconds in which nothing should be drawn.
const IDLE_S: f64 = 2.0;

struct Bench {
    app: App,
    started: Instant,
    asked: bool,
    frames_s: Vec<f64>,
    answered: Option<Instant>,
    idle_frames: usize,
    /// Frames while a transcript was scrolled.
    scroll_s: Vec<f64>,
    /// What is scrolled after it.
    document: PathBuf,
    /// When it was opened.
    opened: Option<Instant>,
    /// Frames while it was scrolled.
    pages_s: Vec<f64>,
    result: std::sync::Arc<std::sync::Mutex<WindowBench>>,
}

/// Frames in which the transcript is scrolled.
const SCROLL_FRAMES: usize = 600;

/// How far in each of them, in points: through some 900 lines.
const SCROLL_POINTS: f32 = 45.0;

/// How far the document is scrolled in each frame, in points: as fast as somebody looks for a picture.
const PAGES_POINTS: f32 = 120.0;

/// How long a document may take to show its first page, in seconds.
const OPEN_WITHIN_S: f64 = 30.0;

impl Bench {
    fn finish(&mut self, ctx: &egui::Context) {
        let [median, p99] = [0.5, 0.99].map(|share| 1e3 * at_share(&mut self.frames_s, share));
        let [scroll_median, scroll_p99] = [0.5, 0.99].map(|share| 1e3 * at_share(&mut self.scroll_s, share));
        if let Ok(mut result) = self.result.lock() {
            result.frames = self.frames_s.len();
            (result.frame_median_ms, result.frame_p99_ms) = (median, p99);
            (result.scroll_median_ms, result.scroll_p99_ms) = (scroll_median, scroll_p99);
            if !self.pages_s.is_empty() {
                let [median, p99] = [0.5, 0.99].map(|share| 1e3 * at_share(&mut self.pages_s, share));
                (result.pages_median_ms, result.pages_p99_ms) = (median, p99);
                result.pages_longest_ms = 1e3 * self.pages_s.last().copied().unwrap_or(0.0);
                result.pages = self.app.reading_page().unwrap_or(0);
            }
            result.idle_frames = self.idle_frames;
        }
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }
}

fn at_share(seconds: &mut [f64], share: f64) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let index = (seconds.len() as f64 * share) as usize;
    seconds.get(index.min(seconds.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

impl eframe::App for Bench {
    fn raw_input_hook(&mut self, _: &egui::Context, input: &mut egui::RawInput) {
        let pages = self.app.state.reader.is_shown && self.app.page_was_ready();
        let points = match (self.app.state.transcript.is_some(), pages) {
            (true, _) => SCROLL_POINTS,
            (false, true) => PAGES_POINTS,
            (false, false) => return,
        };
        {
            let at = |share: f32| {
                input
                    .screen_rect
                    .map_or(egui::pos2(500.0, 600.0), |rect| rect.lerp_inside(egui::vec2(share, 0.5)))
            };
            // Documents stand at the right.
            input.events.push(egui::Event::PointerMoved(at(if pages { 0.8 } else { 0.5 })));
            input.events.push(egui::Event::MouseWheel {
                unit: egui::MouseWheelUnit::Point,
                delta: egui::vec2(0.0, -points),
                phase: egui::TouchPhase::Move,
                source: egui::MouseWheelSource::Wheel,
                modifiers: egui::Modifiers::NONE,
            });
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        self.app.poll(ui.ctx());
        self.app.show(ui);
        // Of the frame before this one: layout, tessellation and drawing, without waiting for the screen.
        let frame_s = frame.info().cpu_usage.map_or(0.0, f64::from);
        let ctx = ui.ctx().clone();
        if !self.asked {
            self.asked = true;
            if let Ok(mut result) = self.result.lock() {
                result.first_frame_s = self.started.elapsed().as_secs_f64();
            }
            self.app.run(Command::Send("Tell me everything.".into()), &ctx);
            ctx.request_repaint();
            return;
        }
        if self.app.state().running().is_some() {
            self.frames_s.push(frame_s);
            return;
        }
        let answered = *self.answered.get_or_insert_with(|| {
            let (wake, result) = (ctx.clone(), self.result.clone());
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(1));
                let before_s = processor_s();
                std::thread::sleep(Duration::from_secs_f64(IDLE_S));
                let used_s = before_s.zip(processor_s()).map(|(before, after)| after - before);
                if let Ok(mut result) = result.lock() {
                    result.idle_cpu_percent = used_s.map(|used_s| 100.0 * used_s / IDLE_S);
                }
                wake.request_repaint();
            });
            Instant::now()
        });
        // The first second belongs to the last layout of the answer.
        match answered.elapsed().as_secs_f64() {
            since_s if since_s < 1.0 => {}
            since_s if since_s < 1.0 + IDLE_S => self.idle_frames += 1,
            _ if self.scroll_s.len() < SCROLL_FRAMES => {
                match &mut self.app.state.transcript {
                    Some(pane) => {
                        self.scroll_s.push(frame_s);
                        pane.play = Play::Playing { at_s: 0.1 * self.scroll_s.len() as f64 };
                    }
                    None => self.app.state.transcript = Some(long_pane()),
                }
                ctx.request_repaint();
            }
            _ => self.scroll_pages(frame_s, &ctx),
        }
    }
}

impl Bench {
    /// Opens the document, waits for its first page, and scrolls.
    fn scroll_pages(&mut self, frame_s: f64, ctx: &egui::Context) {
        let Some(opened) = self.opened else {
            self.opened = Some(Instant::now());
            crate::update::open_document(&mut self.app, &self.document);
            ctx.request_repaint();
            return;
        };
        if self.app.page_was_ready() {
            self.pages_s.push(frame_s);
        }
        let gave_up = self.pages_s.is_empty() && opened.elapsed().as_secs_f64() > OPEN_WITHIN_S;
        let failed =
            matches!(self.app.state.reader.tabs.first().map(|tab| &tab.document), Some(Load::Failed(_)));
        // The first frames belong to opening.
        if gave_up || failed || self.pages_s.len() >= SCROLL_FRAMES {
            return self.finish(ctx);
        }
        ctx.request_repaint();
    }
}

/// Three hours of speech with its waveform.
fn long_pane() -> TranscriptPane {
    let mut pane = TranscriptPane::new(AttachmentId(0), "talk.wav".into(), None, Kind::Sound);
    let document = long_transcript();
    let duration_s = document.lines.last().map_or(0.0, |line| line.end_s);
    let fine: Arc<[f32]> = (0..(50.0 * duration_s) as usize).map(|i| (i * i % 97) as f32 / 97.0).collect();
    let peaks = fine.chunks(450).map(|part| part[0]).collect();
    pane.editor = Editor::new(document);
    pane.wave = Load::Ready(Wave { peaks, fine, duration_s });
    pane
}

/// Seconds of processor time that all threads of this process have used, where the system tells it.
fn processor_s() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds: u64 = threads
        .flatten()
        .filter_map(|thread| {
            let used = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            used.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum();
    Some(nanoseconds as f64 / 1e9)
}

/// Opens a real window, streams a long answer from a script, scrolls a long transcript and a document, and measures the
/// window alone.
///
/// # Errors
/// As [`run_window`].
pub fn bench_window(document: &Path) -> anyhow::Result<WindowBench> {
    let started = Instant::now();
    let native = native_options(false)?;
    let folder = std::env::temp_dir().join(format!("medley-bench-{}", std::process::id()));
    let paragraph = "Some **bold** words, `code` and a [link](https://example.org), \
                     so that the text is not the simplest.";
    let words: Vec<&str> = paragraph.split(' ').cycle().take(BENCH_WORDS).collect();
    let answer = words.chunks(60).map(|chunk| chunk.join(" ")).collect::<Vec<_>>().join("\n\n");
    let backend =
        Scripted { answer, pause: Duration::from_millis(2), prompt_tokens: 100, ..Scripted::default() };
    let options = AppOptions {
        backend: Box::new(backend),
        // Only to show PDF; nothing is asked of the models.
        store: Store::open_default().ok(),
        prefixes: None,
        data_folder: folder.clone(),
        model: None,
        attach: Vec::new(),
    };
    let result = std::sync::Arc::new(std::sync::Mutex::new(WindowBench {
        first_frame_s: 0.0,
        frames: 0,
        frame_median_ms: 0.0,
        frame_p99_ms: 0.0,
        scroll_median_ms: 0.0,
        scroll_p99_ms: 0.0,
        pages_median_ms: 0.0,
        pages_p99_ms: 0.0,
        pages_longest_ms: 0.0,
        pages: 0,
        idle_frames: 0,
        idle_cpu_percent: None,
    }));
    let shared = result.clone();
    let document = std::path::absolute(document)?;
    let made = eframe::run_native(
        "Medley bench",
        native,
        Box::new(move |cc| {
            let mut app = App::new(options, &cc.egui_ctx)?;
            // Missing models are no matter here.
            app.state.models.rows.clear();
            Ok(Box::new(Bench {
                app,
                started,
                asked: false,
                frames_s: Vec::new(),
                answered: None,
                idle_frames: 0,
                scroll_s: Vec::new(),
                document,
                opened: None,
                pages_s: Vec::new(),
                result: shared,
            }))
        }),
    );
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    made.map_err(|error| anyhow::anyhow!("the window could not be opened: {error}"))?;
    let result = result.lock().map_err(|_| anyhow::anyhow!("the window's thread panicked"))?;
    Ok(result.clone())
}
