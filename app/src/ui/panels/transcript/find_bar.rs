//! Find and replace.

use egui::Ui;

use super::view::FindBar;
use crate::command::{Command, Commands, TranscriptCommand};
use crate::say;
use crate::state::{Edit, TranscriptPane};
use crate::ui::widgets::{FindBarView, field_ui, find_bar_ui as bar_ui, text_button_ui};
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
    let count = match bar.found.len() {
        0 if bar.query.text.is_empty() => String::new(),
        0 => say("transcript-nothing-found").to_owned(),
        n => say!("transcript-found", at = bar.at + 1, count = n),
    };
    let view = FindBarView {
        field: say("transcript-find"),
        query: &mut bar.query,
        focus: &mut bar.focus,
        count,
        has_hits: !bar.found.is_empty(),
    };
    let (replacing, with, found, at) = (&mut bar.replacing, &mut bar.with, &bar.found, bar.at);
    let was_replacing = *replacing;
    let (mut one, mut all) = (false, false);
    let done = bar_ui(
        ui,
        view,
        |ui| {
            *replacing |=
                !was_replacing && text_button_ui(ui, None, say("transcript-replace-open"), false).clicked()
        },
        |ui| {
            if was_replacing {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing.x = 4.0;
                    field_ui(ui, with, say("transcript-replace-with"));
                    ui.add_enabled_ui(!found.is_empty(), |ui| {
                        one = text_button_ui(ui, None, say("transcript-replace"), false).clicked();
                        let text = say!("transcript-replace-all", count = found.len());
                        all = text_button_ui(ui, None, &text, false).clicked();
                    });
                });
            }
        },
    );
    let send = |edit| commands.send(Command::Transcript(TranscriptCommand::Edit(edit)));
    let mut step = done.step.map(|forward| if forward { 1 } else { -1 });
    if let Some(found) = found.get(at).filter(|_| one) {
        send(Edit::Replace(found.clone(), with.clone()));
        step = Some(0);
    }
    if all {
        send(Edit::ReplaceAll(bar.query.clone(), bar.with.clone()));
    }
    if done.changed {
        bar.search(pane.editor.document(), pane.editor.revision());
        bar.at = 0;
        step = Some(0);
    }
    if done.closed {
        bar.open = false;
    }
    step.and_then(|by| bar.step(by)).map(|found| found.line)
}
