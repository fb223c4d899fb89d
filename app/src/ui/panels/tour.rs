//! The tour: a card above the conversation that shows, with the sample media, what one can do.

use egui::{Frame, Margin, Panel, RichText, ScrollArea, Stroke, Ui};

use crate::command::{Command, Commands, ProgramCommand};
use crate::say;
use crate::state::{AppState, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, space};
use crate::ui::widgets::{caption_ui, text_button_ui, title_ui};
use crate::words::say;

/// Title and text of each step; what it does stands in `update/program.rs`.
const STEPS: [(&str, &str); 5] = [
    ("settings-tour-welcome", "settings-tour-welcome-text"),
    ("settings-tour-picture", "settings-tour-picture-text"),
    ("settings-tour-recording", "settings-tour-recording-text"),
    ("settings-tour-document", "settings-tour-document-text"),
    ("settings-tour-keys", "settings-tour-keys-text"),
];

/// Most of the window's height that it may take.
const MOST: f32 = 0.45;

/// Draws the card, when the tour is shown.
pub fn tour_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let Some(step) = state.program.tour.map(|step| step.min(STEPS.len() - 1)) else { return };
    let palette = theme::palette(ui);
    let outside = Frame::new().fill(palette.ground).inner_margin(Margin::same(space::S));
    Panel::top("tour").frame(outside).show_separator_line(false).show(ui, |ui| {
        let card = Frame::new()
            .fill(palette.raised)
            .stroke(Stroke::new(ui.visuals().window_stroke.width, palette.accent))
            .corner_radius(RADIUS)
            .inner_margin(Margin::same(space::M));
        card.show(ui, |ui| {
            ui.set_width(ui.available_width());
            let most = (MOST * ui.ctx().content_rect().height()).max(60.0);
            ScrollArea::vertical().id_salt("tour").max_height(most).min_scrolled_height(most).show(
                ui,
                |ui| {
                    card_ui(ui, step, state, commands);
                },
            );
        });
    });
}

fn card_ui(ui: &mut Ui, step: usize, state: &AppState, commands: &Commands) {
    let palette = theme::palette(ui);
    let (title, text) = STEPS[step];
    let send = |command| commands.send(Command::Program(command));
    ui.horizontal(|ui| {
        title_ui(ui, say(title));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            caption_ui(ui, &say!("settings-tour-step", step = step + 1, steps = STEPS.len()));
        });
    });
    ui.label(RichText::new(say(text)).color(palette.text));
    let shows = (1..STEPS.len() - 1).contains(&step);
    let missing = state.models.missing().next().is_some();
    let why_not = ProgramCommand::TourTry.enabled(state).err();
    if shows && missing && !state.models.is_downloading() {
        let size = megabytes(state.models.missing_bytes());
        caption_ui(ui, &say!("settings-tour-missing", size = size.as_str()));
    } else if shows && let Some(reason) = why_not {
        caption_ui(ui, reason);
    }
    ui.horizontal_wrapped(|ui| {
        if shows && missing && !state.models.is_downloading() {
            if text_button_ui(ui, Some(Icon::Download), say("settings-tour-download"), true).clicked() {
                commands.send(Command::DownloadModels);
            }
        } else if shows
            && why_not.is_none()
            && text_button_ui(ui, Some(Icon::Play), say("settings-tour-try"), true).clicked()
        {
            send(ProgramCommand::TourTry);
        }
        if step > 0 && text_button_ui(ui, None, say("settings-tour-back"), false).clicked() {
            send(ProgramCommand::TourStep(step - 1));
        }
        let last = step + 1 == STEPS.len();
        let next = if last { say("settings-tour-done") } else { say("settings-tour-next") };
        if text_button_ui(ui, None, next, !shows).clicked() {
            send(if last { ProgramCommand::EndTour } else { ProgramCommand::TourStep(step + 1) });
        }
        if !last && text_button_ui(ui, None, ProgramCommand::EndTour.label(), false).clicked() {
            send(ProgramCommand::EndTour);
        }
    });
}
