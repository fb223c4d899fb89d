//! Messages.

use egui::accesskit::{Live, Role};
use egui::{Align2, Area, Frame, Id, Margin, Order, RichText, Stroke, Ui, UiBuilder, Vec2};

use super::{icon_button_ui, text_button_ui};
use crate::command::{Command, Commands};
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, CONTROL, RADIUS, sheet, space};
use crate::words::say;

/// Above the question field.
const ABOVE_BOTTOM: f32 = 148.0;

/// The message at the bottom, with its action.
pub fn toast_ui(ui: &Ui, state: &AppState, commands: &Commands) {
    let Some(toast) = &state.toast else { return };
    let palette = theme::palette(ui);
    let window = ui.ctx().content_rect().size();
    let beside = 2.0 * f32::from(if window.x < sheet::SMALL_WINDOW { space::M } else { space::XL });
    Area::new(Id::unique("toast"))
        .order(Order::Foreground)
        .role(Role::Alert)
        .accessible_name(say("common-message"))
        .anchor(Align2::CENTER_BOTTOM, Vec2::new(0.0, -ABOVE_BOTTOM.min(0.4 * window.y)))
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(palette.raised)
                .stroke(Stroke::new(ui.visuals().window_stroke.width, palette.edge))
                .corner_radius(RADIUS)
                .shadow(ui.visuals().popup_shadow)
                .inner_margin(Margin::symmetric(space::M, space::XS))
                .show(ui, |ui| {
                    ui.set_max_width((window.x - beside).min(sheet::NARROW));
                    ui.horizontal(|ui| {
                        let action = toast.action.as_ref().map_or("", |(label, _)| label);
                        let button = if action.is_empty() { 0.0 } else { 5.0 * CONTROL };
                        let most = ui.max_rect().width() - CONTROL - f32::from(space::L);
                        // A long message has its button below it.
                        let beside = toast.text.chars().count() < 48 && most > 2.0 * button;
                        let layout = if beside {
                            egui::Layout::left_to_right(egui::Align::Center)
                        } else {
                            egui::Layout::top_down(egui::Align::Min)
                        };
                        ui.scope_builder(UiBuilder::new().layout(layout), |ui| {
                            ui.set_max_width(most);
                            ui.label(RichText::new(&toast.text).color(palette.text));
                            if let Some((label, command)) = &toast.action
                                && text_button_ui(ui, None, label, true).clicked()
                            {
                                commands.send(command.clone());
                            }
                        });
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
                let width = ui.available_width() - CONTROL - f32::from(space::L);
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

/// What a screen reader says when it changes, wherever the keyboard is. It takes no room.
pub fn live_region_ui(ui: &mut Ui, text: &str) {
    let id = Id::unique("live region");
    let response =
        ui.interact(egui::Rect::from_min_size(ui.max_rect().min, Vec2::ZERO), id, egui::Sense::HOVER);
    response.widget_info(|| egui::WidgetInfo::labeled(Role::Status, true, text));
    ui.ctx().accesskit_node_builder(id, |node| node.set_live(Live::Polite));
}
