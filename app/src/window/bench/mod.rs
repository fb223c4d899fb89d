//! A real window that is measured alone: a script stands for the engine.

mod document;

mod meter;

mod pictures;

mod tour;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::media::Kind;
use engine::models::Store;

use self::document::Visit;
use self::meter::{Meter, MeterPlugin, Threads};
use super::native_options;
use crate::App;
use crate::app::AppOptions;
use crate::command::Command;
use crate::jobs::scripted::{Scripted, long_conversation, long_transcript};
use crate::state::{AttachmentId, Editor, Load, Play, TranscriptPane, Wave};
use crate::storage::Storage;

pub use self::pictures::{Memory, PICTURES, TALKS};

/// What [`bench_window`] measured. Frames are measured twice: whole, as the framework tells it (layout, triangles,
/// upload and drawing, without waiting for the screen), and the window's own part, see [`Frames::own_median_ms`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowBench {
    /// Seconds from the call to the end of the first frame.
    pub first_frame_s: f64,
    /// While 5,000 words stream in at 500 a second.
    pub fast: Streamed,
    /// While 5,000 words stream in as fast as the default decoder writes.
    pub at_decoder: Streamed,
    /// While a transcript of three hours is scrolled and played.
    pub transcript: Frames,
    /// Seconds from the drop of a document until its first page was on the screen; none when it was not there in time.
    pub first_page_s: Option<f64>,
    /// Seconds from the drop until all of its pages were searched for words.
    pub searched_s: Option<f64>,
    /// While a document is scrolled; none when it could not be shown.
    pub document: Frames,
    /// Pages that were scrolled through.
    pub pages: u32,
    /// The walk through all panes.
    pub tour: Frames,
    /// The step of the walk that had the longest frame.
    pub tour_longest_in: &'static str,
    /// Frames that were drawn in two idle seconds after the answer.
    pub idle_frames: usize,
    /// Share of one processor that all threads used in those seconds, where the system tells it.
    pub idle_cpu_percent: Option<f64>,
    /// With many pictures in several conversations, where the system tells it.
    pub memory: Option<Memory>,
}

/// Frames of one kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frames {
    /// How many.
    pub count: usize,
    /// Median milliseconds of a frame.
    pub median_ms: f64,
    /// 99 % of the frames took at most this many milliseconds.
    pub p99_ms: f64,
    /// The longest one.
    pub longest_ms: f64,
    /// Median milliseconds of the window's own part of a frame: from the input to the triangles, without the upload and
    /// the drawing, which are the renderer's; processor time of the window's thread.
    pub own_median_ms: f64,
    /// 99 % of the frames took at most this many milliseconds.
    pub own_p99_ms: f64,
    /// The longest one.
    pub own_longest_ms: f64,
}

/// An answer that streamed in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Streamed {
    /// Words a second that came.
    pub words_per_s: f64,
    /// Its frames.
    pub frames: Frames,
    /// Share of one processor for the window's own work: its part of the frames, and its workers.
    pub cpu_percent: Option<f64>,
    /// The same with the renderer and everything else of the process but the script.
    pub cpu_with_renderer_percent: Option<f64>,
}

/// Words of the answer that the bench streams.
const BENCH_WORDS: usize = 5_000;

/// The pause before a word at 500 words a second.
const FAST: Duration = Duration::from_millis(2);

/// Seconds in which nothing should be drawn.
const IDLE_S: f64 = 2.0;

/// Frames in which the transcript is scrolled.
const SCROLL_FRAMES: usize = 600;

/// How far in each of them, in points: through some 900 lines.
const SCROLL_POINTS: f32 = 45.0;

/// How far the document is scrolled in each frame, in points: as fast as somebody looks for a picture.
const PAGES_POINTS: f32 = 120.0;

/// How long a step of the walk may take to be done, in seconds.
const STEP_WITHIN_S: f64 = 15.0;

/// What is being measured.
enum Phase {
    First,
    /// An answer streams in.
    Stream {
        fast: bool,
        began: Option<(Instant, Option<Threads>, f64, f64)>,
    },
    /// Nothing may happen.
    Idle {
        began: Instant,
    },
    Transcript,
    Document(Visit),
    Tour {
        step: usize,
        frame: u32,
        began: Instant,
    },
    Pictures(pictures::Walk),
    Done,
}

/// Frames as they are taken, in seconds: whole and own.
#[derive(Default)]
struct Taken {
    whole_s: Vec<f64>,
    own_s: Vec<f64>,
}

impl Taken {
    fn push(&mut self, frame: (f64, f64)) {
        self.whole_s.push(frame.0);
        self.own_s.push(frame.1);
    }

    fn frames(mut self) -> Frames {
        let [median_ms, p99_ms, longest_ms] =
            [0.5, 0.99, 1.0].map(|share| at_share(&mut self.whole_s, share));
        let [own_median_ms, own_p99_ms, own_longest_ms] =
            [0.5, 0.99, 1.0].map(|share| at_share(&mut self.own_s, share));
        let count = self.own_s.len();
        Frames { count, median_ms, p99_ms, longest_ms, own_median_ms, own_p99_ms, own_longest_ms }
    }
}

/// In milliseconds.
fn at_share(seconds: &mut [f64], share: f64) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let index = (seconds.len() as f64 * share) as usize;
    1e3 * seconds.get(index.min(seconds.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

struct Bench {
    app: App,
    started: Instant,
    meter: Arc<Mutex<Meter>>,
    phase: Phase,
    taken: Taken,
    /// What the next frame belongs to, as it is told only in the frame after it.
    before: bool,
    tour: Vec<tour::Step>,
    /// Where the sample media are.
    samples: PathBuf,
    /// The document that is scrolled.
    document: PathBuf,
    /// Where pictures are made.
    folder: PathBuf,
    result: Arc<Mutex<WindowBench>>,
}

impl Bench {
    fn result(&self) -> MutexGuard<'_, WindowBench> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_sums(&self) -> (f64, f64) {
        let meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        (meter.sum_s, meter.twice_s)
    }

    fn take(&mut self) -> Frames {
        std::mem::take(&mut self.taken).frames()
    }

    fn enter(&mut self, phase: Phase, ctx: &egui::Context) {
        self.phase = phase;
        self.taken = Taken::default();
        self.before = false;
        ctx.request_repaint();
    }

    /// One frame of what is being measured.
    fn go_on(&mut self, frame: (f64, f64), ctx: &egui::Context) {
        // The times are those of the frame before this one; the first of a phase belongs to the one before.
        if std::mem::replace(&mut self.before, true) {
            self.taken.push(frame);
        }
        match &mut self.phase {
            Phase::First => {
                let first_frame_s = self.started.elapsed().as_secs_f64();
                self.result().first_frame_s = first_frame_s;
                self.enter(Phase::Stream { fast: true, began: None }, ctx);
            }
            Phase::Stream { .. } => self.stream(ctx),
            Phase::Idle { began } => match began.elapsed().as_secs_f64() {
                // The first second belongs to the last layout of the answer.
                since_s if since_s < 1.0 => self.taken = Taken::default(),
                since_s if since_s < 1.0 + IDLE_S => {}
                _ => {
                    // The one that was just taken is that before the frame that ends this.
                    let idle_frames = self.taken.own_s.len().saturating_sub(1);
                    self.result().idle_frames = idle_frames;
                    self.enter(Phase::Transcript, ctx);
                }
            },
            Phase::Transcript => self.scroll_transcript(ctx),
            Phase::Document(visit) => {
                visit.go_on(&mut self.app, ctx);
                self.scroll_document(ctx);
            }
            Phase::Tour { .. } => self.walk(ctx),
            Phase::Pictures(walk) => {
                ctx.request_repaint_after(Duration::from_millis(10));
                if walk.go_on(&mut self.app, ctx, &self.folder) {
                    let memory = walk.memory();
                    self.result().memory = memory;
                    self.phase = Phase::Done;
                    ctx.send_viewport_cmd(egui::ViewportCommand::Close);
                }
            }
            Phase::Done => {}
        }
    }

    fn stream(&mut self, ctx: &egui::Context) {
        let sums = self.own_sums();
        let Phase::Stream { fast, began } = &mut self.phase else { return };
        let fast = *fast;
        let Some((at, threads, own_s, twice_s)) = *began else {
            *began = Some((Instant::now(), Threads::now(), sums.0, sums.1));
            let question = if fast { "fast" } else { "as the decoder" };
            return self.app.run(Command::Send(question.into()), ctx);
        };
        if self.app.state().running().is_some() {
            return;
        }
        let wall_s = at.elapsed().as_secs_f64();
        let used = threads.zip(Threads::now()).map(|(before, now)| now.since(before));
        let own_s = sums.0 - own_s;
        let twice_s = sums.1 - twice_s;
        let streamed = Streamed {
            words_per_s: BENCH_WORDS as f64 / wall_s,
            frames: self.take(),
            cpu_percent: used.map(|used| 100.0 * (own_s + used.workers_s) / wall_s),
            cpu_with_renderer_percent: used
                .map(|used| 100.0 * (used.all_s - used.script_s - twice_s) / wall_s),
        };
        if fast {
            self.result().fast = streamed;
            return self.enter(Phase::Stream { fast: false, began: None }, ctx);
        }
        self.result().at_decoder = streamed;
        let (wake, result) = (ctx.clone(), self.result.clone());
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            let before = Threads::now();
            std::thread::sleep(Duration::from_secs_f64(IDLE_S));
            let used_s = before.zip(Threads::now()).map(|(before, after)| after.since(before).all_s);
            let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
            result.idle_cpu_percent = used_s.map(|used_s| 100.0 * used_s / IDLE_S);
            drop(result);
            std::thread::sleep(Duration::from_millis(50));
            wake.request_repaint();
        });
        self.phase = Phase::Idle { began: Instant::now() };
        (self.taken, self.before) = (Taken::default(), false);
    }

    fn scroll_transcript(&mut self, ctx: &egui::Context) {
        ctx.request_repaint();
        match &mut self.app.state.transcript {
            Some(pane) if self.taken.own_s.len() < SCROLL_FRAMES => {
                pane.play = Play::Playing { at_s: 0.1 * self.taken.own_s.len() as f64 };
            }
            Some(_) => {
                let frames = self.take();
                self.result().transcript = frames;
                let visit = Visit::begin(&mut self.app, &self.document, ctx);
                self.enter(Phase::Document(visit), ctx);
            }
            None => {
                self.app.state.transcript = Some(long_pane());
                (self.taken, self.before) = (Taken::default(), false);
            }
        }
    }

    fn scroll_document(&mut self, ctx: &egui::Context) {
        let Phase::Document(visit) = &self.phase else { return };
        if !visit.is_scrolled() {
            // These frames belong to opening.
            (self.taken, self.before) = (Taken::default(), false);
        }
        if visit.is_over() || self.taken.own_s.len() >= SCROLL_FRAMES {
            let times = (visit.first_page_s, visit.searched_s);
            let (frames, pages) = (self.take(), self.app.reading_page().unwrap_or(0));
            let mut result = self.result();
            (result.first_page_s, result.searched_s) = times;
            (result.document, result.pages) = (frames, pages);
            drop(result);
            self.enter(Phase::Tour { step: 0, frame: 0, began: Instant::now() }, ctx);
        }
    }

    /// The walk through all panes.
    fn walk(&mut self, ctx: &egui::Context) {
        ctx.request_repaint();
        let Phase::Tour { step, frame, began } = &mut self.phase else { return };
        let Some(now) = self.tour.get(*step) else {
            let frames = self.take();
            self.result().tour = frames;
            let walk = pictures::Walk::new(&self.folder);
            return self.enter(Phase::Pictures(walk), ctx);
        };
        if let Some(last_s) = self.taken.own_s.last()
            && self.taken.own_s.iter().all(|other| other <= last_s)
        {
            // What was taken in the first frame of a step is the last one of the step before.
            let at = if *frame == 0 { step.saturating_sub(1) } else { *step };
            let name = self.tour[at].name;
            self.result.lock().unwrap_or_else(PoisonError::into_inner).tour_longest_in = name;
            log::info!("{:.1} ms in {name}, frame {frame}", 1e3 * last_s);
        }
        if *frame == 0 {
            *began = Instant::now();
            (now.begin)(&mut self.app, ctx, &self.samples);
        }
        *frame += 1;
        let is_late = began.elapsed().as_secs_f64() > STEP_WITHIN_S;
        if *frame >= now.frames && ((now.done)(&self.app) || is_late) {
            if is_late {
                log::warn!("{} was not done in time", now.name);
            }
            (*step, *frame) = (*step + 1, 0);
        }
    }

    fn input(&self, rect: egui::Rect) -> Vec<egui::Event> {
        let (points, across) = match &self.phase {
            Phase::Tour { step, frame, .. } if *frame > 0 => {
                return self.tour.get(*step).map(|step| (step.input)(*frame, rect)).unwrap_or_default();
            }
            Phase::Transcript => (SCROLL_POINTS, 0.5),
            // Documents stand at the right.
            Phase::Document(visit) if visit.is_scrolled() => (PAGES_POINTS, 0.8),
            _ => return Vec::new(),
        };
        vec![
            egui::Event::PointerMoved(rect.lerp_inside(egui::vec2(across, 0.5))),
            egui::Event::MouseWheel {
                unit: egui::MouseWheelUnit::Point,
                delta: egui::vec2(0.0, -points),
                phase: egui::TouchPhase::Move,
                source: egui::MouseWheelSource::Wheel,
                modifiers: egui::Modifiers::NONE,
            },
        ]
    }
}

impl eframe::App for Bench {
    fn raw_input_hook(&mut self, _: &egui::Context, input: &mut egui::RawInput) {
        let size = egui::vec2(1180.0, 780.0);
        let rect = input.screen_rect.unwrap_or(egui::Rect::from_min_size(egui::Pos2::ZERO, size));
        input.events.extend(self.input(rect));
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        self.app.poll(ui.ctx());
        self.app.show(ui);
        let whole_s = frame.info().cpu_usage.map_or(0.0, f64::from);
        let own_s = self.meter.lock().unwrap_or_else(PoisonError::into_inner).last_s;
        let ctx = ui.ctx().clone();
        self.go_on((whole_s, own_s), &ctx);
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

/// Opens a real window and measures it alone: long answers stream in from a script, a long transcript and a document are
/// scrolled, all panes are walked through with the media in `samples`, and many pictures are held.
///
/// `words_per_s` is how fast the default decoder writes.
///
/// # Errors
/// As [`super::run_window`].
pub fn bench_window(document: &Path, samples: &Path, words_per_s: f64) -> anyhow::Result<WindowBench> {
    let native = native_options(false)?;
    let folder = std::env::temp_dir().join(format!("medley-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let made = measured(native, &folder, document, samples, words_per_s);
    std::fs::remove_dir_all(&folder)?;
    made
}

fn measured(
    native: eframe::NativeOptions,
    folder: &Path,
    document: &Path,
    samples: &Path,
    words_per_s: f64,
) -> anyhow::Result<WindowBench> {
    // The script answers "What is …" with its short answer.
    let paragraph = "Some **bold** words, `code` and a [link](https://example.org), \
                     so that the text is not the simplest.";
    let words: Vec<&str> = paragraph.split(' ').cycle().take(BENCH_WORDS).collect();
    let answer = words.chunks(60).map(|chunk| chunk.join(" ")).collect::<Vec<_>>().join("\n\n");
    let backend = Scripted {
        answer,
        pause: FAST,
        other_pause: Some(("as the decoder", Duration::from_secs_f64(1.0 / words_per_s.clamp(1.0, 1e5)))),
        short_on: Some("What is"),
        prompt_tokens: 100,
        ..Scripted::default()
    };
    // Before the window opens, which shows an empty conversation all the same.
    let storage = Storage::open(folder)?;
    long_conversation(&storage, tour::LONG, 1_000);
    drop(storage);
    let started = Instant::now();
    let options = AppOptions {
        backend: Box::new(backend),
        // Only to show PDF; nothing is asked of the models.
        store: Store::open_default().ok(),
        prefixes: None,
        data_folder: folder.to_path_buf(),
        model: None,
        attach: Vec::new(),
    };
    let result = Arc::new(Mutex::new(WindowBench::default()));
    let shared = result.clone();
    let (document, samples) = (std::path::absolute(document)?, std::path::absolute(samples)?);
    let folder = folder.to_path_buf();
    let made = eframe::run_native(
        "Medley bench",
        native,
        Box::new(move |cc| {
            let meter = Arc::new(Mutex::new(Meter::default()));
            cc.egui_ctx.add_plugin(MeterPlugin(meter.clone()));
            let mut app = App::new(options, &cc.egui_ctx)?;
            // Missing models are no matter here.
            app.state.models.rows.clear();
            app.run(Command::NewConversation, &cc.egui_ctx);
            Ok(Box::new(Bench {
                app,
                started,
                meter,
                phase: Phase::First,
                taken: Taken::default(),
                before: false,
                tour: tour::steps(),
                samples,
                document,
                folder,
                result: shared,
            }))
        }),
    );
    made.map_err(|error| anyhow::anyhow!("the window could not be opened: {error}"))?;
    let result = result.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(result.clone())
}
