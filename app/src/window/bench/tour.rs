//! A walk through the panes of the window, with everything in it that takes long: for the longest frame.

use std::path::{Path, PathBuf};

use egui::{Event, Rect};

use crate::App;
use crate::command::{
    Command, InsideCommand, LibraryCommand, MediaCommand, ModelsCommand, ProgramCommand, ReaderCommand,
    TalkCommand, TeachCommand,
};
use crate::state::{ConversationId, InsideTab, Settings};

/// A step of the walk.
pub(super) struct Step {
    /// For people.
    pub name: &'static str,
    /// What begins it.
    pub begin: fn(&mut App, &egui::Context, &Path),
    /// What the person does in each of its frames.
    pub input: fn(u32, Rect) -> Vec<Event>,
    /// Whether what was begun is done.
    pub done: fn(&App) -> bool,
    /// Frames that are drawn at least.
    pub frames: u32,
}

impl Step {
    const fn new(name: &'static str, begin: fn(&mut App, &egui::Context, &Path)) -> Self {
        Self { name, begin, input: |_, _| Vec::new(), done: |_| true, frames: 20 }
    }

    const fn until(self, done: fn(&App) -> bool) -> Self {
        Self { done, ..self }
    }

    const fn with(self, frames: u32, input: fn(u32, Rect) -> Vec<Event>) -> Self {
        Self { input, frames, ..self }
    }
}

/// The conversation of 1,000 questions.
pub(super) const LONG: ConversationId = ConversationId(1);

fn wheel(rect: Rect, at: egui::Vec2, points: f32, modifiers: egui::Modifiers) -> Vec<Event> {
    vec![
        Event::PointerMoved(rect.lerp_inside(at)),
        Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, points),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers,
        },
    ]
}

fn run(app: &mut App, ctx: &egui::Context, command: impl Into<Option<Command>>) {
    if let Some(command) = command.into() {
        app.run(command, ctx);
    }
}

/// The number of the first piece of evidence of the last answer whose file ends like this.
fn evidence(app: &App, end: &str) -> Option<Command> {
    let last = app.state().current()?.exchanges.last()?;
    let of_file = |file: &Path| file.to_string_lossy().ends_with(end);
    let index = last.answer.evidence.iter().position(|evidence| of_file(&evidence.source))?;
    Some(Command::OpenEvidence(last.id, index))
}

fn files(app: &App, end: &str) -> Option<crate::state::AttachmentId> {
    let files = &app.state().current()?.attachments;
    files.iter().find(|file| file.path.to_string_lossy().ends_with(end)).map(|file| file.id)
}

fn last(app: &App) -> Option<crate::state::ExchangeId> {
    app.state().current()?.exchanges.last().map(|exchange| exchange.id)
}

fn escape(app: &mut App, ctx: &egui::Context) {
    for _ in 0..4 {
        app.run(Command::Escape, ctx);
    }
}

/// The sample media, where they are.
fn samples(folder: &Path) -> Vec<PathBuf> {
    let names = [
        "pictures/chelsea.png",
        "pictures/rocket.jpg",
        "pictures/page.jpg",
        "speech/austen-0870.wav",
        "video/bigbuckbunny.mp4",
        "documents/weather-station.pdf",
        "documents/weather-station.md",
    ];
    names.into_iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

const ANSWERED: fn(&App) -> bool = |app| app.state().running().is_none();

/// All steps in order.
pub(super) fn steps() -> Vec<Step> {
    let scroll_up: fn(u32, Rect) -> Vec<Event> =
        |_, rect| wheel(rect, egui::vec2(0.6, 0.5), 200.0, egui::Modifiers::NONE);
    let scroll_down: fn(u32, Rect) -> Vec<Event> =
        |_, rect| wheel(rect, egui::vec2(0.75, 0.5), -90.0, egui::Modifiers::NONE);
    let zoom: fn(u32, Rect) -> Vec<Event> = |frame, rect| {
        let points = if frame < 40 { 30.0 } else { -30.0 };
        wheel(rect, egui::vec2(0.8, 0.4), points, egui::Modifiers::COMMAND)
    };
    let typing: fn(u32, Rect) -> Vec<Event> = |frame, _| {
        let letters = b"budget of the north wing";
        let letter = letters[frame as usize % letters.len()];
        vec![Event::Text(char::from(letter).to_string())]
    };
    vec![
        Step::new("a conversation of 1,000 questions opens", |app, ctx, _| {
            run(app, ctx, Command::Select(LONG))
        }),
        Step::new("it is scrolled up", |_, _, _| {}).with(120, scroll_up),
        Step::new("a question is typed", |app, ctx, _| run(app, ctx, Command::FocusComposer))
            .with(60, typing),
        Step::new("words are looked for in all conversations", |app, ctx, _| {
            run(app, ctx, Command::Talk(TalkCommand::Search("simplest".into())));
        })
        .until(|app| {
            app.state().hunt.as_ref().is_none_or(|hunt| !matches!(hunt.matches, crate::state::Load::Loading))
        }),
        Step::new("a new conversation", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::NewConversation);
        }),
        Step::new("files are added and read", |app, ctx, folder| {
            run(app, ctx, Command::AttachFiles(samples(folder)));
        })
        .until(|app| app.state().current().is_some_and(|c| c.attachments.iter().all(|a| a.is_settled()))),
        Step::new("an answer is written", |app, ctx, _| run(app, ctx, Command::Send("fast".into())))
            .until(ANSWERED),
        Step::new("the evidence in a picture", |app, ctx, _| {
            let command = evidence(app, "chelsea.png");
            run(app, ctx, command);
        })
        .with(80, zoom),
        Step::new("the evidence in a recording", |app, ctx, _| {
            let command = evidence(app, ".wav");
            run(app, ctx, command);
        })
        .with(40, |_, _| Vec::new()),
        Step::new("a video plays", |app, ctx, _| {
            let command = files(app, ".mp4").map(|id| Command::Media(MediaCommand::Open(id)));
            run(app, ctx, command);
            run(app, ctx, Command::PlayPause);
        })
        .with(120, |_, _| Vec::new()),
        Step::new("a transcript", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::ShowTranscript);
        })
        .with(40, scroll_down),
        Step::new("a document is read", |app, ctx, _| {
            escape(app, ctx);
            let command = files(app, ".pdf").map(|id| Command::Reader(ReaderCommand::Open(id)));
            run(app, ctx, command);
        })
        .with(150, scroll_down),
        Step::new("inside the answer", |app, ctx, _| {
            escape(app, ctx);
            let command = last(app).map(|id| Command::Inside(InsideCommand::Show(id)));
            run(app, ctx, command);
        })
        .with(40, scroll_down),
        Step::new("what the model read", |app, ctx, _| {
            run(app, ctx, Command::Inside(InsideCommand::SetTab(InsideTab::Context)));
        })
        .with(40, scroll_down),
        Step::new("its experts", |app, ctx, _| {
            run(app, ctx, Command::Inside(InsideCommand::SetTab(InsideTab::Experts)));
        }),
        Step::new("the command palette", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::Program(ProgramCommand::OpenPalette));
        })
        .with(50, typing),
        Step::new("the shortcuts", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::OpenShortcuts);
        }),
        Step::new("the settings", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::OpenSettings);
        })
        .with(40, scroll_down),
        Step::new("privacy", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::Program(ProgramCommand::OpenPrivacy));
        }),
        Step::new("the models", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::Models(ModelsCommand::Toggle));
        }),
        Step::new("the library", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::Library(LibraryCommand::Toggle));
        }),
        Step::new("teaching", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::Teach(TeachCommand::Toggle));
        }),
        Step::new("light colours", |app, ctx, _| {
            escape(app, ctx);
            run(app, ctx, Command::Program(ProgramCommand::ToggleDark));
        }),
        Step::new("high contrast", |app, ctx, _| {
            run(app, ctx, Command::Program(ProgramCommand::ToggleContrast));
        }),
        Step::new("larger text", |app, ctx, _| {
            let settings = Settings { text_percent: 150, ..app.state().settings.clone() };
            run(app, ctx, Command::SetSettings(settings));
        }),
        Step::new("a small window", |_, ctx, _| {
            ctx.send_viewport_cmd(egui::ViewportCommand::InnerSize(egui::vec2(360.0, 300.0)));
        })
        .with(60, |_, _| Vec::new()),
        Step::new("a large window", |app, ctx, _| {
            let settings = Settings { text_percent: 100, ..app.state().settings.clone() };
            run(app, ctx, Command::SetSettings(settings));
            ctx.send_viewport_cmd(egui::ViewportCommand::InnerSize(egui::vec2(1180.0, 780.0)));
        })
        .with(60, |_, _| Vec::new()),
    ]
}
