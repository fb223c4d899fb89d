//! A field for the path of a file, for where there is no file dialog.

use egui::{Id, Key, TextEdit, Ui};

use crate::command::{Command, Commands};
use crate::ui::theme::sheet;
use crate::ui::view::ViewState;
use crate::ui::widgets::{caption_ui, modal_ui, sheet_size, text_button_ui, title_ui};
use crate::words::say;

/// Draws the field.
pub fn path_entry_ui(ui: &Ui, view: &mut ViewState, commands: &Commands) {
    let most = sheet_size(ui, sheet::NARROW);
    let modal = modal_ui(ui, "path entry", say("common-path-title"), |ui| {
        ui.set_width(most.x);
        let title = title_ui(ui, say("common-path-title"));
        let id = Id::unique("path field");
        let first = !ui.memory(|memory| memory.has_focus(id)) && view.path.is_empty();
        let field = TextEdit::singleline(&mut view.path)
            .id(id)
            .desired_width(f32::INFINITY)
            .hint_text("~/Music/recording.wav");
        let response = ui.add(field).labelled_by(title.id);
        if first {
            response.request_focus();
        }
        let path = std::path::PathBuf::from(view.path.trim().trim_matches('"'));
        caption_ui(ui, say("common-path-tip"));
        let enter = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        ui.horizontal(|ui| {
            let add = ui.add_enabled_ui(!view.path.trim().is_empty(), |ui| {
                text_button_ui(ui, None, say("common-path-add"), true)
            });
            let cancel = text_button_ui(ui, None, say("common-cancel"), false);
            if (add.inner.clicked() || enter) && !view.path.trim().is_empty() {
                commands.send(Command::AttachFiles(vec![path]));
                view.path.clear();
            } else if cancel.clicked() {
                view.path.clear();
                commands.send(Command::Escape);
            }
        });
    });
    if modal.should_close() {
        commands.send(Command::Escape);
    }
}
