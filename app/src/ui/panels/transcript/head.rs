//! The line above a transcript: back, name, undo, find, export.

use egui::{Layout, Popup, Ui};
use engine::tasks::transcribe::format::Format;

use super::TranscriptView;
use crate::command::{Command, Commands, TranscriptCommand};
use crate::state::{AppState, Hearing, TranscriptPane};
use crate::ui::icons::Icon;
use crate::ui::theme::CONTROL;
use crate::ui::widgets::{command_button_ui, elided, icon_button_ui, title_ui};
use crate::words::say;

/// Draws it.
pub(super) fn head_ui(
    ui: &mut Ui,
    state: &AppState,
    pane: &TranscriptPane,
    view: &mut TranscriptView,
    commands: &Commands,
    wide: bool,
    beside: bool,
) {
    let send = |command| commands.send(Command::Transcript(command));
    ui.horizontal(|ui| {
        ui.set_height(CONTROL);
        ui.spacing_mut().item_spacing.x = 2.0;
        if !wide {
            command_button_ui(ui, Icon::Menu, Command::ToggleSidebar, state, commands);
        }
        let close = TranscriptCommand::Close;
        if icon_button_ui(ui, Icon::Left, close.label(), say("transcript-leave-tip"), None).clicked() {
            send(close);
        }
        let buttons = if beside { 5.0 } else { 6.0 };
        let room = ui.available_width() - buttons * (CONTROL + 2.0) - 16.0;
        ui.add_space(4.0);
        title_ui(ui, &elided(&pane.name(), (room.max(40.0) / 8.8) as usize))
            .on_hover_text(pane.path.display().to_string());
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let empty = pane.editor.document().lines.is_empty();
            let nothing = empty.then_some(say("transcript-no-text"));
            more_ui(ui, pane, commands);
            export_ui(ui, state, nothing, commands);
            if icon_button_ui(
                ui,
                Icon::Search,
                say("transcript-find-replace"),
                say("transcript-find-replace-tip"),
                nothing,
            )
            .clicked()
            {
                view.find.open = !view.find.open;
                view.find.focus = view.find.open;
            }
            let none = (!pane.editor.can_redo()).then_some(say("transcript-not-undone"));
            if icon_button_ui(ui, Icon::Redo, say("transcript-redo"), say("transcript-redo-tip"), none)
                .clicked()
            {
                send(TranscriptCommand::Redo);
            }
            let none = (!pane.editor.can_undo()).then_some(say("transcript-not-changed"));
            if icon_button_ui(ui, Icon::Undo, say("transcript-undo"), say("transcript-undo-tip"), none)
                .clicked()
            {
                send(TranscriptCommand::Undo);
            }
            if !beside {
                let (icon, label) = match view.questions {
                    true => (Icon::Document, say("transcript-show-text")),
                    false => (Icon::Help, say("transcript-questions")),
                };
                if icon_button_ui(ui, icon, label, label, None).clicked() {
                    view.questions = !view.questions;
                }
            }
        });
    });
}

fn export_ui(ui: &mut Ui, state: &AppState, nothing: Option<&str>, commands: &Commands) {
    let waiting = state.picking.then_some(say("transcript-dialog"));
    let response = icon_button_ui(
        ui,
        Icon::Download,
        say("transcript-export"),
        say("transcript-export-open"),
        nothing.or(waiting),
    );
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(210.0);
        for format in Format::ALL {
            if ui.button(format_name(format)).clicked() {
                commands.send(Command::Transcript(TranscriptCommand::Export(format)));
                ui.close();
            }
        }
    });
}

/// For people.
fn format_name(format: Format) -> &'static str {
    match format {
        Format::Txt => say("transcript-export-txt"),
        Format::Srt => say("transcript-export-srt"),
        Format::Vtt => say("transcript-export-vtt"),
        Format::Json => say("transcript-export-json"),
        Format::Tsv => say("transcript-export-tsv"),
        Format::Md => say("transcript-export-md"),
        Format::Docx => say("transcript-export-docx"),
    }
}

fn more_ui(ui: &mut Ui, pane: &TranscriptPane, commands: &Commands) {
    let running = matches!(pane.hearing, Hearing::Running { .. });
    let empty = pane.editor.document().lines.is_empty();
    let why_not = match (running, empty) {
        (true, _) => Some(say("transcript-is-running")),
        (false, true) => Some(say("transcript-no-text")),
        (false, false) => None,
    };
    let response =
        icon_button_ui(ui, Icon::Again, say("transcript-again"), say("transcript-again-tip"), why_not);
    Popup::menu(&response).show(|ui| {
        ui.set_min_width(210.0);
        let send = |command| commands.send(Command::Transcript(command));
        if ui.button(say("transcript-again-open")).clicked() {
            send(TranscriptCommand::ShowForm(true));
            ui.close();
        }
        let revert = TranscriptCommand::Revert;
        if ui.add_enabled(pane.is_edited(), egui::Button::new(revert.label())).clicked() {
            send(revert);
            ui.close();
        }
    });
}
