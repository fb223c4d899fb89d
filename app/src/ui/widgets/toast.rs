//! Messages.

use egui::{Align2, Area, Frame, Id, Margin, Order, RichText, Stroke, Ui, Vec2};

use super::{icon_button_ui, text_button_ui};
use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, RADIUS, space};

/// The message at the bottom, with its action.
pub fn toast_ui(ui: &Ui, state: &AppState, commands: &Commands) {
    let Some(toast) = &state.toast else { return };
    let palette = theme::palette(ui);
    Area::new(Id::unique("toast"))
        .order(Order::Foreground)
        .anchor(Align2::CENTER_BOTTOM, Vec2::new(0.0, -148.0))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(palette.raised)
                .stroke(Stroke::new(1.0, palette.line))
                .corner_radius(RADIUS)
                .shadow(ui.visuals().popup_shadow)
                .inner_margin(Margin::symmetric(space::M, space::XS))
                .show(ui, |ui| {
                    ui.horizontal(|ui| {
                        ui.set_max_width((ui.ctx().content_rect().width() - 80.0).min(560.0));
                        ui.label(RichText::new(&toast.text).color(palette.text));
                        if let Some((label, command)) = &toast.action
                            && text_button_ui(ui, None, label, true).clicked()
                        {
                            commands.send(command.clone());
                        }
                        let close = Command::CloseToast;
                        if icon_button_ui(ui, Icon::Close, close.label(), close.label(), None).clicked() {
                            commands.send(close);
                        }
                    });
                });
        });
}

/// A bar across the conversation for what must not be missed.
pub fn notice_bar_ui(ui: &mut Ui, text: &str, commands: &Commands) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.mark)
        .corner_radius(RADIUS)
        .inner_margin(Margin::symmetric(space::M, space::S))
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let width = ui.available_width() - 48.0;
                ui.vertical(|ui| {
                    ui.set_width(width);
                    ui.label(RichText::new(text).color(palette.text));
                });
                let close = Command::CloseStorageNotice;
                if icon_button_ui(ui, Icon::Close, close.label(), close.label(), None).clicked() {
                    commands.send(close);
                }
            });
        });
}
