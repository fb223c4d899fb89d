//! What is being said: a bar above the question with level, time, text and a button that stops.

use egui::accesskit::Role;
use egui::text::LayoutJob;
use egui::{FontId, Popup, Rect, RichText, ScrollArea, Sense, TextFormat, Ui, Vec2, WidgetInfo};

use crate::command::{Command, Commands};
use crate::platform::listen::Source;
use crate::say;
use crate::state::{AppState, LiveState};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size};
use crate::ui::widgets::{bar_ui, icon_button_ui, text_button_ui, time_text};
use crate::words::say;

/// The button that starts, and the one that chooses where the sound comes from.
pub fn microphone_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let toggle = Command::ToggleLive;
    let tooltip = format!("{}: {}", toggle.tooltip(ui.ctx()), state.live_source.name());
    let why_not = match &state.live {
        Some(_) => Some(say("live-already")),
        None => toggle.enabled(state).err(),
    };
    if icon_button_ui(ui, Icon::Microphone, say("live-start"), &tooltip, why_not).clicked() {
        commands.send(toggle);
    }
    let label = say("live-choose");
    let choose = icon_button_ui(ui, Icon::Down, label, label, why_not);
    if choose.clicked() {
        commands.send(Command::FindMicrophones);
    }
    Popup::menu(&choose).show(|ui| sources_ui(ui, state, commands));
}

fn sources_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let choice = |ui: &mut Ui, source: Source, text: &str| {
        if ui.radio(state.live_source == source, text).clicked() {
            commands.send(Command::ListenTo(source));
            ui.close();
        }
    };
    choice(ui, Source::DefaultMicrophone, say("live-default"));
    match &state.microphones {
        None => drop(ui.label(say("live-looking"))),
        Some(found) if found.is_empty() => {
            let text = say("live-no-microphone");
            ui.label(RichText::new(text).color(theme::palette(ui).weak));
        }
        Some(found) => {
            for microphone in found {
                choice(ui, Source::Microphone(microphone.name.clone()), &microphone.name);
            }
        }
    }
    if cfg!(target_os = "linux") {
        choice(ui, Source::SystemSound, say("live-system"));
    }
}

/// The bar, or why there is none.
pub fn live_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    if let Some(live) = &state.live {
        running_ui(ui, live, commands);
        ui.separator();
    } else if let Some(problem) = &state.live_problem {
        ui.horizontal(|ui| {
            let width = ui.available_width() - 40.0;
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.label(
                    RichText::new(say!("live-problem", problem = problem.as_str())).color(palette.error),
                );
            });
            let close = Command::CloseLiveProblem;
            if icon_button_ui(ui, Icon::Close, close.label(), close.label(), None).clicked() {
                commands.send(close);
            }
        });
        ui.separator();
    }
}

/// About as wide as the button that stops it.
const BUTTON: f32 = 140.0;

fn running_ui(ui: &mut Ui, live: &LiveState, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(96.0, 18.0), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, say("live-level")));
        bar_ui(ui, Rect::from_center_size(rect.center(), Vec2::new(96.0, 6.0)), live.level);
        ui.label(RichText::new(time_text(live.at_s)).size(size::SMALL).monospace());
        let doing = match (live.stopping, live.opened) {
            (true, _) => say("live-rest").to_owned(),
            (false, false) => say!("live-opening", source = live.source.name()),
            (false, true) => say!("live-listening", source = live.source.name()),
        };
        // In a small window the button is enough; it says so, too.
        if ui.available_width() > 2.0 * BUTTON {
            ui.label(RichText::new(doing).size(size::SMALL).color(palette.weak));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add_enabled_ui(!live.stopping, |ui| {
                if text_button_ui(ui, Some(Icon::Stop), say("live-stop"), true).clicked() {
                    commands.send(Command::ToggleLive);
                }
            });
        });
    });
    if live.stable.is_empty() && live.tentative.is_empty() {
        return;
    }
    let part = |colour| TextFormat::simple(FontId::proportional(size::BODY), colour);
    let mut job = LayoutJob::default();
    job.append(live.stable.trim_start(), 0.0, part(palette.text));
    job.append(&live.tentative, 0.0, part(palette.weak));
    ScrollArea::vertical().id_salt("live text").max_height(96.0).stick_to_bottom(true).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(job);
    });
}
