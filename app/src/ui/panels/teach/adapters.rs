//! The adapters that were made: which one answers, which stay.

use egui::{Frame, Margin, Popup, RichText, Stroke, TextEdit, Ui};

use super::{TeachView, weak};
use crate::command::{Command, Commands, TeachCommand};
use crate::say;
use crate::state::{AdapterInfo, AdapterState, AppState};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, size, space};
use crate::ui::widgets::{elided, icon_button_ui, text_button_ui, title_ui};
use crate::words::say;

/// Draws the list.
pub(super) fn adapters_ui(ui: &mut Ui, state: &AppState, view: &mut TeachView, commands: &Commands) {
    let Some(adapters) = &state.teach.adapters else { return };
    // The one of the run has its buttons above.
    let run = state.teach.run.as_ref().map(|run| &run.about.folder);
    let listed: Vec<_> = adapters.iter().filter(|about| Some(&about.folder) != run).collect();
    if listed.is_empty() && state.settings.adapter.is_none() {
        return;
    }
    title_ui(ui, say("teach-adapters"));
    ui.label(weak(ui, say("teach-adapters-about")));
    if ui.radio(state.settings.adapter.is_none(), say("teach-without")).clicked() {
        commands.send(Command::Teach(TeachCommand::Use(None)));
    }
    for about in listed {
        ui.push_id(&about.folder, |ui| adapter_row_ui(ui, about, state, view, commands));
    }
}

fn adapter_row_ui(
    ui: &mut Ui,
    about: &AdapterInfo,
    state: &AppState,
    view: &mut TeachView,
    commands: &Commands,
) {
    let palette = theme::palette(ui);
    let send = |command| commands.send(Command::Teach(command));
    let used = state.settings.adapter.as_ref() == Some(&about.folder);
    let line = if used { palette.accent } else { palette.line };
    let margin = Margin::symmetric(space::M, space::S);
    let frame = Frame::new().fill(palette.raised).stroke(Stroke::new(1.0, line)).corner_radius(RADIUS);
    frame.inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            match &mut view.rename {
                Some((folder, name)) if *folder == about.folder => {
                    let id = egui::Id::unique("adapter name field");
                    let response = ui.add(TextEdit::singleline(name).id(id).desired_width(240.0));
                    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(say("teach-name")));
                    response.request_focus();
                    let (enter, escape) = ui.input(|input| {
                        (input.key_pressed(egui::Key::Enter), input.key_pressed(egui::Key::Escape))
                    });
                    if enter {
                        send(TeachCommand::Rename(about.folder.clone(), name.clone()));
                    }
                    if enter || escape || ui.input(|input| input.pointer.any_pressed()) && !response.hovered()
                    {
                        view.rename = None;
                    }
                }
                _ => match about.state {
                    AdapterState::Kept => {
                        if ui.radio(used, elided(&about.name, 44)).clicked() {
                            send(TeachCommand::Use(Some(about.folder.clone())));
                        }
                    }
                    _ => drop(ui.label(elided(&about.name, 44))),
                },
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if view.deletes.as_ref() == Some(&about.folder) {
                    if text_button_ui(ui, None, say("teach-drop-not"), false).clicked() {
                        view.deletes = None;
                    }
                    if text_button_ui(ui, Some(Icon::Trash), say("teach-drop-sure"), true).clicked() {
                        view.deletes = None;
                        send(TeachCommand::Drop(about.folder.clone()));
                    }
                    return;
                }
                let name = about.name.as_str();
                let delete = say!("teach-drop-one", name = name);
                let why_not = TeachCommand::Drop(about.folder.clone()).enabled(state).err();
                if icon_button_ui(ui, Icon::Trash, &delete, say("teach-drop"), why_not).clicked() {
                    view.deletes = Some(about.folder.clone());
                }
                match about.state {
                    AdapterState::Unfinished => {
                        let resume = TeachCommand::Resume(about.folder.clone());
                        let why_not = resume.enabled(state).err();
                        let label = say!("teach-resume-one", name = name);
                        if icon_button_ui(ui, Icon::Play, &label, resume.label(), why_not).clicked() {
                            send(resume);
                        }
                    }
                    AdapterState::Made => {
                        let label = say!("teach-keep-one", name = name);
                        if icon_button_ui(ui, Icon::Download, &label, say("teach-keep"), None).clicked() {
                            send(TeachCommand::Keep(about.folder.clone()));
                        }
                    }
                    AdapterState::Kept => {
                        let label = say!("teach-rename-one", name = name);
                        if icon_button_ui(ui, Icon::Pencil, &label, say("teach-rename"), None).clicked() {
                            view.rename = Some((about.folder.clone(), about.name.clone()));
                        }
                    }
                }
            });
        });
        ui.label(weak(ui, detail(about)));
    });
}

/// What is known of an adapter, in one line.
fn detail(about: &AdapterInfo) -> String {
    let mut parts = vec![about.options.model.clone()];
    let steps = about.options.steps;
    parts.push(match about.state {
        AdapterState::Unfinished => say!("teach-stopped", step = about.step, steps = steps),
        AdapterState::Made => say("teach-made").to_owned(),
        AdapterState::Kept => say!("teach-n-steps", steps = steps),
    });
    if let Some((first, last, of)) = about.checked {
        let percent = |right: usize| (100 * right + of / 2) / of.max(1);
        parts.push(say!("teach-accuracy", before = percent(first), after = percent(last)));
    }
    parts.join("  ·  ")
}

/// Below the question: which adapter answers, where there is a choice.
pub(in super::super) fn adapter_ui(ui: &mut Ui, state: &AppState, commands: &Commands) {
    let used = state.settings.adapter.as_ref();
    if used.is_none() && state.teach.kept().next().is_none() {
        return;
    }
    let palette = theme::palette(ui);
    let name = state.teach.kept().find(|about| Some(&about.folder) == used).map(|about| about.name.as_str());
    let label = match name {
        Some(name) => say!("teach-answers-with", name = name),
        None => say("teach-answers-without").to_owned(),
    };
    let button = icon_button_ui(ui, Icon::Teach, &label, &label, None);
    if used.is_some() {
        ui.painter().rect_filled(button.rect, RADIUS, palette.selected);
        Icon::Teach.paint(ui.painter(), button.rect.shrink(7.0), palette.accent);
    }
    Popup::menu(&button).show(|ui| {
        ui.set_min_width(240.0);
        ui.label(RichText::new(say("teach-answers-about")).size(size::SMALL).color(palette.weak));
        let choice = |ui: &mut Ui, is_on, text: &str, adapter| {
            if ui.radio(is_on, text).clicked() {
                commands.send(Command::Teach(TeachCommand::Use(adapter)));
                ui.close();
            }
        };
        choice(ui, used.is_none(), say("teach-without"), None);
        for about in state.teach.kept() {
            let is_on = used == Some(&about.folder);
            choice(ui, is_on, &elided(&about.name, 40), Some(about.folder.clone()));
        }
    });
}
