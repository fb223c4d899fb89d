//! Teaching: what is chosen for a run, the run with its curves, and the adapters that were made.

mod adapters;

mod form;

mod run;

use std::path::PathBuf;

use egui::{CentralPanel, Frame, Margin, Panel, RichText, ScrollArea, Ui};

pub(super) use adapters::adapter_ui;

use crate::command::{Command, Commands, TeachCommand};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{command_button_ui, icon_button_ui, title_ui};
use crate::words::say;

/// Widest column of this pane.
const COLUMN: f32 = 860.0;

/// The pane's memory.
#[derive(Default)]
pub struct TeachView {
    /// The adapter whose name is edited, and the name.
    pub rename: Option<(PathBuf, String)>,
    /// The adapter that is to be deleted, if that is confirmed.
    pub deletes: Option<PathBuf>,
}

/// Draws the pane.
pub fn teach_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands, wide: bool) {
    let palette = theme::palette(ui);
    Panel::top("teach head")
        .frame(Frame::new().fill(palette.ground).inner_margin(Margin::symmetric(space::M, 6)))
        .show_separator_line(false)
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.set_height(CONTROL);
                if !wide {
                    command_button_ui(ui, Icon::Menu, Command::ToggleSidebar, state, commands);
                }
                title_ui(ui, say("teach-title"));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let (label, tip) = (say("teach-close"), say("teach-close-tip"));
                    if icon_button_ui(ui, Icon::Close, label, tip, None).clicked() {
                        commands.send(Command::Teach(TeachCommand::Toggle));
                    }
                });
            });
        });
    let frame = Frame::new().fill(palette.ground).inner_margin(Margin::symmetric(space::M, 0));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ScrollArea::vertical().id_salt("teach").auto_shrink([false, false]).show(ui, |ui| {
            ui.set_width(ui.available_width().min(COLUMN));
            match &state.teach.run {
                Some(teaching) => run::run_ui(ui, teaching, state, commands),
                None => form::form_ui(ui, state, commands),
            }
            ui.add_space(f32::from(space::L));
            adapters::adapters_ui(ui, state, &mut view.teach, commands);
            ui.add_space(f32::from(space::L));
        });
    });
}

/// Less important text.
fn weak(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(size::SMALL).color(theme::palette(ui).weak)
}
