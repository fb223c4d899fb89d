//! Find and replace.

use egui::{Frame, Key, Margin, Stroke, TextEdit, Ui};

use super::view::FindBar;
use super::weak;
use crate::command::{Command, Commands, TranscriptCommand};
use crate::say;
use crate::state::{Edit, TranscriptPane};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, space};
use crate::ui::widgets::{icon_button_ui, text_button_ui};
use crate::words::say;

/// Draws the bar; the line to go to, if there is one.
pub(super) fn find_bar_ui(
    ui: &mut Ui,
    pane: &TranscriptPane,
    bar: &mut FindBar,
    commands: &Commands,
) -> Option<usize> {
    if !bar.open {
        return None;
    }
    let palette = theme::palette(ui);
    let mut step = None;
    Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::symmetric(space::S, space::XS))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                let before = bar.query.clone();
                let response = field_ui(ui, &mut bar.query.text, say("transcript-find"));
                if std::mem::take(&mut bar.focus) {
                    response.request_focus();
                    select_all(ui, response.id, &bar.query.text);
                }
                if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                    step = Some(if ui.input(|input| input.modifiers.shift) { -1 } else { 1 });
                    response.request_focus();
                }
                ui.toggle_value(&mut bar.query.case, "Aa").on_hover_text(say("transcript-capitals"));
                ui.toggle_value(&mut bar.query.whole, say("transcript-words"))
                    .on_hover_text(say("transcript-words-tip"));
                if before != bar.query {
                    bar.search(pane.editor.document(), pane.editor.revision());
                    bar.at = 0;
                    step = Some(0);
                }
                let n = bar.found.len();
                let count = match n {
                    0 if bar.query.text.is_empty() => String::new(),
                    0 => say("transcript-nothing-found").to_owned(),
                    n => say!("transcript-found", at = bar.at + 1, count = n),
                };
                let none = (n == 0).then_some(say("transcript-none-found"));
                if icon_button_ui(
                    ui,
                    Icon::Left,
                    say("transcript-find-previous"),
                    say("transcript-find-previous-tip"),
                    none,
                )
                .clicked()
                {
                    step = Some(-1);
                }
                if icon_button_ui(
                    ui,
                    Icon::Right,
                    say("transcript-find-next"),
                    say("transcript-find-next-tip"),
                    none,
                )
                .clicked()
                {
                    step = Some(1);
                }
                ui.label(weak(ui, count));
                if !bar.replacing && text_button_ui(ui, None, say("transcript-replace-open"), false).clicked()
                {
                    bar.replacing = true;
                }
                if icon_button_ui(
                    ui,
                    Icon::Close,
                    say("transcript-find-close"),
                    say("transcript-find-close-tip"),
                    None,
                )
                .clicked()
                {
                    bar.open = false;
                }
            });
            if bar.replacing {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing.x = 4.0;
                    field_ui(ui, &mut bar.with, say("transcript-replace-with"));
                    ui.add_enabled_ui(!bar.found.is_empty(), |ui| {
                        if text_button_ui(ui, None, say("transcript-replace"), false).clicked()
                            && let Some(found) = bar.found.get(bar.at)
                        {
                            let edit = Edit::Replace(found.clone(), bar.with.clone());
                            commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
                            step = Some(0);
                        }
                        let all = say!("transcript-replace-all", count = bar.found.len());
                        if text_button_ui(ui, None, &all, false).clicked() {
                            let edit = Edit::ReplaceAll(bar.query.clone(), bar.with.clone());
                            commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
                        }
                    });
                });
            }
        });
    step.and_then(|by| bar.step(by)).map(|found| found.line)
}

pub(in super::super) fn field_ui(ui: &mut Ui, text: &mut String, name: &'static str) -> egui::Response {
    let field =
        TextEdit::singleline(text).hint_text(name).desired_width(180.0).margin(Margin::symmetric(8, 6));
    let response = ui.add(field);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
    response
}

/// What is there already is written over by the first letter.
pub(in super::super) fn select_all(ui: &Ui, id: egui::Id, text: &str) {
    let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    state.cursor.set_char_range(Some(egui::text::CCursorRange::select_all_str(text)));
    state.store(ui.ctx(), id);
}
