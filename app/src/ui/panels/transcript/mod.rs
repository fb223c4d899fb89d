//! The transcript of a recording: hear it, read it, correct it, ask about it.

mod find_bar;

mod form;

mod head;

mod questions;

mod row;

mod rows;

mod speaker_menu;

mod transport;

mod view;

use egui::{Frame, Key, Margin, Modifiers, Panel, RichText, Ui};

pub use view::TranscriptView;

use crate::command::{Command, Commands, TranscriptCommand};
use crate::state::{AppState, Hearing, Overlay, TranscriptPane};
use crate::ui::theme::{self, size, space};
use crate::ui::view::ViewState;

/// From this width on, questions stand beside the lines.
const WIDE_FOR_QUESTIONS: f32 = 800.0;

/// Draws the pane.
pub fn transcript_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands, wide: bool) {
    let Some(pane) = &state.transcript else { return };
    let palette = theme::palette(ui);
    let beside = ui.available_width() >= WIDE_FOR_QUESTIONS;
    if state.overlay == Overlay::None {
        keys(ui, pane, &mut view.transcript, commands);
    }
    view.transcript.find.search(pane.editor.document(), pane.editor.revision());
    let margin = Margin::symmetric(space::M, 6);
    Panel::top("transcript head").frame(Frame::new().fill(palette.ground).inner_margin(margin)).show(
        ui,
        |ui| {
            head::head_ui(ui, state, pane, &mut view.transcript, commands, wide, beside);
            form::status_ui(ui, state, pane, commands);
            let has_lines = !pane.editor.document().lines.is_empty();
            if has_lines || matches!(pane.hearing, Hearing::Running { .. }) {
                transport::transport_ui(ui, pane, &mut view.transcript, commands);
            }
            if has_lines {
                find_bar::find_bar_ui(ui, pane, &mut view.transcript.find, commands)
                    .into_iter()
                    .for_each(|line| view.transcript.reveal = Some(line));
            }
        },
    );
    if beside {
        let width = (0.36 * ui.available_width()).clamp(300.0, 420.0);
        Panel::right("transcript questions")
            .frame(Frame::new().fill(palette.raised).inner_margin(Margin::same(space::M)))
            .resizable(false)
            .exact_size(width)
            .show(ui, |ui| questions::questions_ui(ui, state, view, commands));
    }
    let inner = Margin { top: 4, ..Margin::ZERO };
    egui::CentralPanel::default().frame(Frame::new().fill(palette.ground).inner_margin(inner)).show(
        ui,
        |ui| {
            if view.transcript.questions && !beside {
                Frame::new()
                    .inner_margin(Margin::same(space::M))
                    .show(ui, |ui| questions::questions_ui(ui, state, view, commands));
            } else if pane.editor.document().lines.is_empty() || pane.form_open {
                form::empty_ui(ui, state, pane, commands);
            } else {
                rows::rows_ui(ui, pane, &mut view.transcript, commands);
            }
        },
    );
}

/// The keys of the pane. What a text field has a use for is left to it.
fn keys(ui: &Ui, pane: &TranscriptPane, view: &mut TranscriptView, commands: &Commands) {
    let send = |command| commands.send(Command::Transcript(command));
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    let shift = Modifiers::COMMAND | Modifiers::SHIFT;
    if pressed(Modifiers::COMMAND, Key::F) {
        view.find.open = true;
        view.find.focus = true;
    }
    if pressed(Modifiers::COMMAND, Key::H) {
        (view.find.open, view.find.replacing, view.find.focus) = (true, true, true);
    }
    if view.find.open {
        for (modifiers, by) in [(Modifiers::SHIFT, -1), (Modifiers::NONE, 1)] {
            if pressed(modifiers, Key::F3) {
                view.reveal = view.find.step(by).map(|found| found.line);
            }
        }
    }
    let focused = ui.memory(|memory| memory.focused());
    let at_lines = focused.is_none_or(|id| id == rows::list_id());
    let in_row = focused == Some(row::edit_id());
    if at_lines || in_row {
        if pressed(shift, Key::Z) || pressed(Modifiers::COMMAND, Key::Y) {
            send(TranscriptCommand::Redo);
        } else if pressed(Modifiers::COMMAND, Key::Z) {
            send(TranscriptCommand::Undo);
        }
    }
    if at_lines && view.editing.is_none() && !pane.editor.document().lines.is_empty() {
        if pressed(Modifiers::NONE, Key::Space) {
            send(TranscriptCommand::PlayPause);
        }
        for (key, by_s) in [(Key::ArrowLeft, -5.0), (Key::ArrowRight, 5.0)] {
            if pressed(Modifiers::NONE, key) {
                send(TranscriptCommand::Skip(by_s));
            }
        }
    }
}

/// Less important text.
fn weak(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak)
}
