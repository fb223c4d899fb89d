//! Questions about the recording, beside its lines.

use egui::{Align, Key, Layout, RichText, ScrollArea, TextEdit, Ui};

use super::weak;
use crate::command::{Command, Commands, TranscriptCommand};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::panels::exchange::exchange_ui;
use crate::ui::theme::{self, CONTROL, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{icon_button_ui, text_button_ui, title_ui};
use crate::words::say;

/// Draws the questions of the conversation with their answers, and the field for the next one.
pub(super) fn questions_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let ask = |text: &str| Command::Transcript(TranscriptCommand::Ask(text.to_owned()));
    ui.horizontal(|ui| {
        title_ui(ui, say("transcript-questions"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let why_not = ask(say("transcript-summarise-this")).enabled(state).err();
            ui.add_enabled_ui(why_not.is_none(), |ui| {
                let button = text_button_ui(ui, Some(Icon::Document), say("transcript-summarise"), false);
                if button.on_disabled_hover_text(why_not.unwrap_or_default()).clicked() {
                    commands.send(ask(say("transcript-summarise-this")));
                }
            });
        });
    });
    ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
        let mut send = false;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let width = ui.available_width() - CONTROL - 6.0;
            let field = TextEdit::singleline(&mut view.transcript.question)
                .id(egui::Id::unique("transcript question field"))
                .hint_text(say("transcript-ask"))
                .desired_width(width - 18.0)
                .margin(egui::Margin::symmetric(8, 7));
            let response = ui.add(field);
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("transcript-ask")));
            if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                send = true;
                response.request_focus();
            }
            if state.running().is_some() {
                if icon_button_ui(ui, Icon::Stop, Command::Stop.label(), say("transcript-stop"), None)
                    .clicked()
                {
                    commands.send(Command::Stop);
                }
            } else {
                let why_not = ask(&view.transcript.question).enabled(state).err();
                send |= icon_button_ui(
                    ui,
                    Icon::Send,
                    say("transcript-ask-button"),
                    say("transcript-ask-tip"),
                    why_not,
                )
                .clicked();
            }
        });
        if send && ask(&view.transcript.question).enabled(state).is_ok() {
            commands.send(ask(&view.transcript.question));
            view.transcript.question.clear();
        }
        ui.add_space(f32::from(space::XS));
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            let exchanges = state.current().map(|c| c.exchanges.as_slice()).unwrap_or_default();
            if exchanges.is_empty() {
                ui.label(RichText::new(say("transcript-answers")).color(palette.weak));
                ui.label(weak(ui, say("transcript-answers-use")));
                return;
            }
            let end = std::mem::take(&mut view.scroll_to_end);
            ScrollArea::vertical()
                .id_salt("transcript answers")
                .auto_shrink([false, false])
                .stick_to_bottom(true)
                .show(ui, |ui| {
                    for (i, exchange) in exchanges.iter().enumerate() {
                        exchange_ui(ui, exchange, i + 1 == exchanges.len(), state, view, commands);
                        ui.add_space(f32::from(space::L));
                    }
                    if end {
                        ui.scroll_to_cursor(Some(Align::BOTTOM));
                    }
                });
        });
    });
}
