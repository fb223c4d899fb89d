//! Opens the window.

mod bench;

use std::path::PathBuf;

use engine::PrefixStore;
use engine::models::{Store, data_folder};

use crate::App;
use crate::app::AppOptions;
use crate::command::Command;
use crate::jobs::EngineBackend;
use crate::platform::instance::{self, Inbox, Instance, Listener};

pub use bench::{Frames, Memory, PICTURES, Streamed, TALKS, WindowBench, bench_window};

/// Made from `medley.svg` beside it, 256 pixels wide.
const ICON: &[u8] = include_bytes!("../../../packaging/icons/256.png");

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
