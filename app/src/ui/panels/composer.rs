//! Where questions are written.

use egui::{Frame, Key, KeyboardShortcut, Margin, Modifiers, RichText, ScrollArea, Stroke, TextEdit, Ui};

use super::live::{live_ui, microphone_ui};
use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{attachment_cards_ui, command_button_ui, icon_button_ui};

/// The name of the question field for screen readers and tests.
pub const QUESTION: &str = "Question";

/// Files that go with the next question, the field, and the buttons.
pub fn composer_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let id = egui::Id::unique("composer field");
    let focused = ui.memory(|memory| memory.has_focus(id));
    let line = if focused { palette.accent } else { palette.line };
    Frame::new()
        .fill(palette.field)
        .stroke(Stroke::new(1.0, line))
        .corner_radius(14)
        .inner_margin(Margin::same(space::S))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            live_ui(ui, state, commands);
            drafts_ui(ui, state, view, commands);
            field_ui(ui, id, view);
            buttons_ui(ui, state, view, commands);
        });
    let send = Command::Send(view.draft.clone());
    if focused && enter_pressed(ui) && send.enabled(state).is_ok() {
        commands.send(send);
    }
}

/// Enter alone: with Shift it begins a line.
fn enter_pressed(ui: &Ui) -> bool {
    ui.input(|input| {
        input.events.iter().any(|event| {
            matches!(event, egui::Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if modifiers.is_none())
        })
    })
}

/// Files that were added since the last question.
fn drafts_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let Some(conversation) = state.current() else { return };
    let drafts: Vec<_> = conversation.drafts().collect();
    if drafts.is_empty() {
        return;
    }
    ScrollArea::vertical().id_salt("drafts").max_height(128.0).min_scrolled_height(128.0).show(ui, |ui| {
        attachment_cards_ui(ui, &drafts, true, view, commands);
    });
    for attachment in drafts {
        if let crate::state::AttachmentState::Failed(reason) = &attachment.state {
            let text = format!("{}: {reason}", attachment.name());
            ui.label(RichText::new(text).size(size::SMALL).color(theme::palette(ui).error));
        }
    }
}

fn field_ui(ui: &mut Ui, id: egui::Id, view: &mut ViewState) {
    let rows = 8.0 * 1.35 * size::BODY;
    ScrollArea::vertical().id_salt("draft").max_height(rows).min_scrolled_height(rows).show(ui, |ui| {
        let field = TextEdit::multiline(&mut view.draft)
            .id(id)
            .frame(Frame::new())
            .margin(Margin::symmetric(6, 4))
            .desired_width(f32::INFINITY)
            .desired_rows(1)
            .hint_text("Ask about your files")
            // Enter asks; Shift+Enter begins a line.
            .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
        let response = ui.add(field);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(QUESTION));
        if std::mem::take(&mut view.focus_composer) {
            response.request_focus();
        }
    });
}

fn buttons_ui(ui: &mut Ui, state: &AppState, view: &ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let attach =
            ui.add_enabled_ui(true, |ui| command_button_ui(ui, Icon::Clip, Command::Attach, state, commands));
        attach.inner.context_menu(|ui| {
            for command in [Command::Attach, Command::AttachByPath, Command::PasteFiles] {
                let text = command.tooltip(ui.ctx());
                if ui.button(text).clicked() {
                    commands.send(command);
                    ui.close();
                }
            }
        });
        microphone_ui(ui, state, commands);
        if state.picking {
            ui.label(RichText::new("Waiting for the file dialog").size(size::SMALL).color(palette.weak));
            if ui.link(RichText::new("Type a path instead").size(size::SMALL)).clicked() {
                commands.send(Command::AttachByPath);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if state.running().is_some() {
                let tooltip = "Stop (Esc)";
                if round_button_ui(ui, Icon::Stop, Command::Stop.label(), tooltip, None).clicked() {
                    commands.send(Command::Stop);
                }
            } else {
                let send = Command::Send(view.draft.clone());
                let why_not = send.enabled(state).err();
                if round_button_ui(ui, Icon::Send, send.label(), "Send (Enter)", why_not).clicked() {
                    commands.send(send);
                }
            }
            if ui.available_width() > 220.0 && !state.picking {
                let hint = "Enter asks, Shift+Enter begins a line";
                ui.label(RichText::new(hint).size(size::SMALL).color(palette.weak));
            }
        });
    });
}

/// The one button that matters most: a filled circle.
fn round_button_ui(
    ui: &mut Ui,
    icon: Icon,
    label: &str,
    tooltip: &str,
    why_not: Option<&str>,
) -> egui::Response {
    let palette = theme::palette(ui);
    let response = icon_button_ui(ui, icon, label, tooltip, why_not);
    let rect = response.rect;
    let (fill, colour) = match why_not {
        Some(_) => (palette.hovered, palette.weak),
        None if response.hovered() => (palette.accent.gamma_multiply(0.85), palette.on_accent),
        None => (palette.accent, palette.on_accent),
    };
    ui.painter().circle_filled(rect.center(), rect.width() / 2.0, fill);
    icon.paint(ui.painter(), rect.shrink(7.0), colour);
    response
}
