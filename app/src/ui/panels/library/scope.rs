//! The library among the things that a question can be about.

use egui::Ui;

use crate::command::{Command, Commands, LibraryCommand};
use crate::say;
use crate::state::{AppState, LibraryScope};
use crate::ui::widgets::elided;
use crate::words::say;

/// What of the library the next questions are about, if they are.
pub(in super::super) fn about_text(state: &AppState) -> Option<String> {
    let scope = state.about_library.as_ref()?;
    Some(match scope.documents.as_slice() {
        [_] => elided(&scope.text(), 22),
        _ => scope.text(),
    })
}

/// The choices in the menu below the question; whether one was taken.
pub(in super::super) fn choices_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let n = state.library.n_documents();
    let send = |command| commands.send(Command::Library(command));
    if n == 0 && state.about_library.is_none() {
        return;
    }
    let chosen = state.about_library.as_ref();
    let is_all = chosen.is_some_and(|scope| scope.documents.is_empty());
    if ui.radio(is_all, say!("library-all", count = n)).clicked() {
        send(LibraryCommand::Ask(Some(LibraryScope::default())));
        ui.close();
    }
    if let Some(scope) = chosen.filter(|scope| !scope.documents.is_empty()) {
        // What was chosen in the library stays among the choices.
        drop(ui.radio(true, scope.text()));
    }
    if ui.button(say("library-choose-documents")).clicked() {
        send(LibraryCommand::Toggle);
        ui.close();
    }
    ui.separator();
}
