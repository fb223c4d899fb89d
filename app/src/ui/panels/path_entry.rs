//! A field for the path of a file, for where there is no file dialog.

use egui::{Id, Key, Modal, RichText, TextEdit, Ui};

use crate::command::{Command, Commands};
use crate::ui::theme::{self, size};
use crate::ui::view::ViewState;
use crate::ui::widgets::{text_button_ui, title_ui};

/// Draws the field.
pub fn path_entry_ui(ui: &Ui, view: &mut ViewState, commands: &Commands) {
    let palette = theme::palette(ui);
    let modal = Modal::new(Id::unique("path entry")).show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 80.0).min(520.0));
        let title = title_ui(ui, "Add a file by its path");
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
        let note = "Tip: files can also be dropped on the window.";
        ui.label(RichText::new(note).size(size::SMALL).color(palette.weak));
        let enter = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        ui.horizontal(|ui| {
            let add =
                ui.add_enabled_ui(!view.path.trim().is_empty(), |ui| text_button_ui(ui, None, "Add", true));
            let cancel = text_button_ui(ui, None, "Cancel", false);
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
