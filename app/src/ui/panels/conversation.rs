//! The middle of the window: header, questions and answers, composer.

use egui::{Align, Layout, Margin, RichText, Ui, Vec2};

use super::composer::composer_ui;
use super::exchange::exchange_ui;
use super::header::header_ui;
use super::missing_models::missing_models_ui;
use crate::command::Commands;
use crate::state::AppState;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, COLUMN, size, space};
use crate::ui::view::ViewState;
use crate::ui::widgets::{icon_button_ui, notice_bar_ui, within_ui};
use crate::words::say;

/// Draws the shown conversation with everything around it.
pub fn main_ui(ui: &mut Ui, state: &AppState, view: &mut ViewState, commands: &Commands, wide: bool) {
    let palette = theme::palette(ui);
    egui::Panel::top("header")
        .frame(egui::Frame::new().fill(palette.ground).inner_margin(Margin::symmetric(space::M, 6)))
        .show(ui, |ui| header_ui(ui, state, commands, wide));
    let side = margin(ui);
    egui::Panel::bottom("composer")
        .frame(egui::Frame::new().fill(palette.ground).inner_margin(Margin {
            left: 0,
            right: 0,
            top: 4,
            bottom: space::M,
        }))
        .show_separator_line(false)
        .show(ui, |ui| column(ui, side, |ui| composer_ui(ui, state, view, commands)));
    let ready = state.models.missing().next().is_none();
    let empty = state.current().is_none_or(|c| c.exchanges.is_empty());
    egui::CentralPanel::default().frame(egui::Frame::new().fill(palette.ground)).show(ui, |ui| {
        if let Some(notice) = &state.storage_notice {
            column(ui, side, |ui| notice_bar_ui(ui, notice, commands));
        }
        if let Some(unsaved) = &state.unsaved {
            column(ui, side, |ui| unsaved_ui(ui, unsaved));
        }
        if !ready || state.models.download.is_some() {
            ui.add_space(12.0);
            column(ui, side, |ui| missing_models_ui(ui, state, commands));
        }
        if empty {
            if ready {
                greeting_ui(ui, state);
            }
            return;
        }
        let Some(conversation) = state.current() else { return };
        if std::mem::take(&mut view.scroll_to_end) {
            view.talk.follow();
        }
        if let Some(id) = view.jump.take() {
            view.talk.jump_to(id);
        }
        let mut list = std::mem::take(&mut view.talk);
        let n = conversation.exchanges.len();
        let drawn = list.show(ui, conversation, |ui, at, exchange| {
            let found = view.found == Some(exchange.id);
            column(ui, side, |ui| {
                exchange_ui(ui, exchange, at + 1 == n, state, view, commands);
                if found {
                    found_ui(ui);
                }
            });
        });
        view.talk = list;
        if drawn.below > 80.0 {
            jump_ui(ui, drawn.rect, view);
        }
    });
}

/// What waits to be written; it goes by itself.
fn unsaved_ui(ui: &mut Ui, text: &str) {
    let palette = theme::palette(ui);
    let frame = egui::Frame::new().fill(palette.mark).corner_radius(theme::RADIUS);
    frame.inner_margin(Margin::symmetric(space::M, space::S)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(text).color(palette.text));
    });
}

/// A line beside the question that was looked for.
fn found_ui(ui: &Ui) {
    let palette = theme::palette(ui);
    let beside = ui.min_rect();
    let bar = egui::Rect::from_min_max(
        egui::pos2(beside.left() - 12.0, beside.top()),
        egui::pos2(beside.left() - 9.0, beside.bottom()),
    );
    ui.painter().rect_filled(bar, 1.5, palette.accent);
}

/// The button that goes to the end; scrolling up stays up until it is pressed.
fn jump_ui(ui: &mut Ui, view_rect: egui::Rect, view: &mut ViewState) {
    let palette = theme::palette(ui);
    let centre = egui::pos2(view_rect.center().x, view_rect.bottom() - 26.0);
    let rect = egui::Rect::from_center_size(centre, Vec2::splat(theme::CONTROL));
    within_ui(ui, rect, |ui| {
        let stroke = egui::Stroke::new(1.0, palette.line);
        ui.painter().circle(rect.center(), 17.0, palette.raised, stroke);
        let name = say("conversations-to-the-end");
        if icon_button_ui(ui, Icon::Down, name, name, None).clicked() {
            view.scroll_to_end = true;
            ui.ctx().request_repaint();
        }
    });
}

/// Room at both sides, so that lines stay short enough to read.
fn margin(ui: &Ui) -> f32 {
    let width = ui.available_width();
    ((width - COLUMN) / 2.0).max(if width < 560.0 { 12.0 } else { 24.0 })
}

fn column<R>(ui: &mut Ui, side: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(side);
        let width = (ui.available_width() - side).max(120.0);
        ui.allocate_ui_with_layout(Vec2::new(width, 0.0), Layout::top_down(Align::Min), |ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(8.0);
            ui.set_width(width);
            add(ui)
        })
        .inner
    })
    .inner
}

/// What an empty conversation says.
fn greeting_ui(ui: &mut Ui, state: &AppState) {
    let palette = theme::palette(ui);
    let room = ui.available_height();
    ui.add_space((room * 0.28).max(12.0));
    ui.vertical_centered(|ui| {
        ui.set_max_width((ui.available_width() - 24.0).clamp(120.0, 520.0));
        let any = state.current().is_some_and(|c| !c.attachments.is_empty());
        let title = match state.current() {
            Some(c) if c.temporary => say("conversations-temporary"),
            _ if any => say("conversations-greeting-with-files"),
            _ => say("conversations-greeting"),
        };
        ui.label(RichText::new(title).size(size::DISPLAY).color(palette.text));
        ui.add_space(2.0);
        let hint = match state.current() {
            Some(c) if c.temporary => say("conversations-temporary-hint"),
            _ => say("conversations-greeting-hint"),
        };
        ui.label(RichText::new(hint).color(palette.weak));
        if room > 300.0 {
            ui.add_space(14.0);
            let icons = [
                (Icon::Picture, say("conversations-pictures")),
                (Icon::Sound, say("conversations-recordings")),
                (Icon::Video, say("conversations-videos")),
                (Icon::Document, say("conversations-documents")),
            ];
            let width = (ui.available_width() / icons.len() as f32).min(96.0);
            let total = width * icons.len() as f32;
            let (rect, _) = ui.allocate_exact_size(Vec2::new(total, 64.0), egui::Sense::hover());
            for (i, (icon, name)) in icons.into_iter().enumerate() {
                let centre = rect.left() + width * (i as f32 + 0.5);
                let place =
                    egui::Rect::from_center_size(egui::pos2(centre, rect.top() + 18.0), Vec2::splat(26.0));
                icon.paint(ui.painter(), place, palette.accent);
                let font = egui::FontId::proportional(size::SMALL);
                let at = egui::pos2(centre, rect.top() + 48.0);
                ui.painter().text(at, egui::Align2::CENTER_CENTER, name, font, palette.weak);
            }
        }
        ui.add_space(6.0);
        let private = say("conversations-private");
        ui.label(RichText::new(private).size(size::SMALL).color(palette.weak));
    });
}
