//! The keys of the pane. What a text field has a use for is left to it.

use egui::{Key, Modifiers, Ui};
use engine::media::Kind;

use crate::command::{Command, Commands, MediaCommand};
use crate::state::{AppState, Overlay, Viewer};

/// Seconds that an arrow key goes.
const SKIP_S: f64 = 5.0;

/// Handles the keys while nothing else has the keyboard: F6 takes it from what has it.
pub(super) fn keys(ui: &Ui, state: &AppState, viewer: &Viewer, commands: &Commands) {
    if state.overlay != Overlay::None {
        return;
    }
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    // A focused button is pressed by Space, a strip is moved by arrows, a field takes letters.
    let is_free = ui.memory(|memory| memory.focused()).is_none();
    if !is_free || !matches!(viewer.kind, Kind::Sound | Kind::Video) {
        return;
    }
    let send = |command| commands.send(Command::Media(command));
    if pressed(Key::Space) {
        commands.send(Command::PlayPause);
    }
    for (key, command) in [
        (Key::ArrowLeft, MediaCommand::Skip(-SKIP_S)),
        (Key::ArrowRight, MediaCommand::Skip(SKIP_S)),
        (Key::I, MediaCommand::MarkStart),
        (Key::O, MediaCommand::MarkEnd),
    ] {
        if pressed(key) {
            send(command);
        }
    }
    if viewer.kind == Kind::Video {
        for (key, command) in [
            (Key::Comma, MediaCommand::StepFrame(-1)),
            (Key::Period, MediaCommand::StepFrame(1)),
            (Key::S, MediaCommand::ToggleSubtitles),
        ] {
            if pressed(key) {
                send(command);
            }
        }
    }
}
