//! What is kept on this computer, where, and deleting it.

use egui::{Frame, Margin, RichText, Ui};

use crate::command::{Command, Commands, ProgramCommand};
use crate::say;
use crate::state::{AppState, Keep, KeptPlace, Load, megabytes};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, sheet, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{caption_ui, icon_button_ui, sheet_ui, text_button_ui};
use crate::words::say;

/// Draws the page.
pub fn privacy_ui(ui: &Ui, state: &AppState, view: &mut ViewState, commands: &Commands) {
    let title = say("settings-privacy");
    let confirm = &mut view.confirm_delete;
    let closes = sheet_ui(ui, say("settings-privacy-name"), title, sheet::WIDE, commands, |ui| {
        let palette = theme::palette(ui);
        ui.label(RichText::new(say("settings-privacy-promise")).color(palette.text));
        caption_ui(ui, say("settings-privacy-network"));
        match &state.program.kept {
            Load::Ready(places) => {
                for place in places {
                    place_ui(ui, place, state, confirm, commands);
                }
                ui.add_space(f32::from(space::S));
                all_ui(ui, places, state, confirm, commands);
            }
            Load::Failed(reason) => drop(ui.label(RichText::new(reason).color(palette.error))),
            Load::Loading | Load::None => drop(caption_ui(ui, say("settings-privacy-measuring"))),
        }
    });
    if closes {
        *confirm = None;
    }
}

fn place_ui(
    ui: &mut Ui,
    place: &KeptPlace,
    state: &AppState,
    confirm: &mut Option<Option<Keep>>,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let (name, what) = words(place.keep);
    let frame = Frame::new()
        .stroke(egui::Stroke::new(ui.visuals().window_stroke.width, palette.line))
        .corner_radius(RADIUS)
        .inner_margin(Margin::same(space::S));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(name).size(size::CONTROL).color(palette.strong));
            let amount = match place.files {
                0 => say("settings-privacy-nothing").to_owned(),
                files => say!("settings-privacy-amount", size = megabytes(place.bytes), files = files),
            };
            caption_ui(ui, &amount);
        });
        caption_ui(ui, what);
        // Paths have no spaces to break at.
        let path = place.path.display().to_string();
        ui.add(egui::Label::new(RichText::new(&path).size(size::SMALL).color(palette.weak)).wrap());
        if place.files == 0 {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            let folder = if place.path.extension().is_some() { place.path.parent() } else { None };
            let folder = folder.unwrap_or(&place.path);
            let open = say!("settings-privacy-open-named", name = name);
            if icon_button_ui(ui, Icon::Open, &open, &open, None).clicked() {
                commands.send(Command::OpenSource(folder.to_path_buf()));
            }
            let copy = say!("settings-privacy-copy-named", name = name);
            if icon_button_ui(ui, Icon::Copy, &copy, &copy, None).clicked() {
                commands.send(Command::CopyText(path.clone()));
            }
            delete_ui(
                ui,
                Some(place.keep),
                &say!("settings-privacy-delete-named", name = name),
                state,
                confirm,
                commands,
            );
        });
    });
}

fn all_ui(
    ui: &mut Ui,
    places: &[KeptPlace],
    state: &AppState,
    confirm: &mut Option<Option<Keep>>,
    commands: &Commands,
) {
    let bytes = places.iter().map(|place| place.bytes).sum();
    ui.label(
        RichText::new(say!("settings-privacy-sum", size = megabytes(bytes))).color(theme::palette(ui).text),
    );
    ui.horizontal_wrapped(|ui| {
        delete_ui(ui, None, say("settings-privacy-delete-all"), state, confirm, commands);
        let again = Command::Program(ProgramCommand::MeasureKept);
        if text_button_ui(ui, Some(Icon::Again), again.label(), false).clicked() {
            commands.send(again);
        }
    });
}

/// The button, and after it was pressed the question whether it was meant.
fn delete_ui(
    ui: &mut Ui,
    keep: Option<Keep>,
    name: &str,
    state: &AppState,
    confirm: &mut Option<Option<Keep>>,
    commands: &Commands,
) {
    let command = Command::Program(ProgramCommand::DeleteKept(keep));
    let why_not = command.enabled(state).err();
    if *confirm != Some(keep) {
        let pressed = match keep {
            Some(_) => icon_button_ui(ui, Icon::Trash, name, name, why_not),
            None => text_button_ui(ui, Some(Icon::Trash), name, false),
        };
        if pressed.clicked() && why_not.is_none() {
            *confirm = Some(keep);
        }
        return;
    }
    let palette = theme::palette(ui);
    ui.label(RichText::new(say("settings-privacy-final")).size(size::CONTROL).color(palette.error));
    if text_button_ui(ui, None, say("settings-privacy-delete"), true).clicked() {
        *confirm = None;
        commands.send(command);
    }
    if text_button_ui(ui, None, say("settings-privacy-keep"), false).clicked() {
        *confirm = None;
    }
}

/// What it is called, and what is in it.
fn words(keep: Keep) -> (&'static str, &'static str) {
    match keep {
        Keep::Conversations => (say("settings-keep-conversations"), say("settings-keep-conversations-what")),
        Keep::Pasted => (say("settings-keep-pasted"), say("settings-keep-pasted-what")),
        Keep::Recordings => (say("settings-keep-recordings"), say("settings-keep-recordings-what")),
        Keep::Library => (say("settings-keep-library"), say("settings-keep-library-what")),
        Keep::Voices => (say("settings-keep-voices"), say("settings-keep-voices-what")),
        Keep::Crashes => (say("settings-keep-crashes"), say("settings-keep-crashes-what")),
        Keep::Prompts => (say("settings-keep-prompts"), say("settings-keep-prompts-what")),
        Keep::Panels => (say("settings-keep-panels"), say("settings-keep-panels-what")),
        Keep::Journals => (say("settings-keep-journals"), say("settings-keep-journals-what")),
        Keep::Measured => (say("settings-keep-measured"), say("settings-keep-measured-what")),
        Keep::Models => (say("settings-keep-models"), say("settings-keep-models-what")),
    }
}
